"""Reads the package's SQL off its source: every constant, every call that runs one, and under which login it runs.

A room's statement is a module-level `NAME: LiteralString = "…"`, run by `tx.fetch_all(Record, NAME, …)` and its like. What does
not read that way (SQL elsewhere, a statement chosen at run time, a constant that nobody runs) is a fault of its own.
"""

import ast
import builtins
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parents[2] / "empla"
# Where a cycle begins: what it reaches runs under the worker role too.
CYCLE: tuple[str, str] = ("empla.mind.cycle", "run")
# How many arguments stand before the statement in a call.
RUNNERS = {"fetch_one": 1, "fetch_all": 1, "fetch_value": 1, "across": 1, "execute": 0}
# They hand on a statement that is a parameter of theirs.
_SEAM = frozenset({"empla.storage.tx", "empla.storage.database"})
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
_LOOKS_LIKE_SQL = re.compile(
    r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CALL|MERGE|CREATE|ALTER|DROP|GRANT|SET)\s"
)


@dataclass(frozen=True)
class Constant:
    """One SQL constant."""

    module: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Run:
    """One call that runs a constant: into which record or kind, with which parameters (None when they can't be told)."""

    constant: Constant
    runner: str
    record: type[Any] | None
    parameters: frozenset[str] | None
    login: str = "app"  # of an `across`


@dataclass
class Source:
    """The SQL of some modules, as their source has it."""

    constants: list[Constant] = field(default_factory=list[Constant])
    runs: list[Run] = field(default_factory=list[Run])
    in_cycle: set[Constant] = field(default_factory=set[Constant])
    faults: list[str] = field(default_factory=list[str])


@dataclass
class _Room:
    """One module: its syntax tree beside the module itself, which knows what the names mean."""

    module: ModuleType
    tree: ast.Module
    constants: dict[str, Constant]

    @property
    def name(self) -> str:
        return self.module.__name__

    def means(self, node: ast.expr) -> Any:
        """What a name or a dotted name stands for in this module; None when it is local to a function."""
        if isinstance(node, ast.Name):
            return getattr(self.module, node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            return getattr(self.means(node.value), node.attr, None)
        return None


@cache
def read_package() -> Source:
    """All of empla but the migrations, which are no modules of the running program."""
    modules: list[ModuleType] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "migrations" not in parts and parts[-1] != "__main__":
            modules.append(importlib.import_module(".".join(part for part in parts if part != "__init__")))
    return read(modules)


def read(modules: list[ModuleType]) -> Source:
    """The SQL of these modules."""
    source = Source()
    rooms = [_room(module, source) for module in modules]
    owners = {(room.name, name): constant for room in rooms for name, constant in room.constants.items()}
    used: set[Constant] = set()
    for room in rooms:
        used |= _used(room, owners)
        if room.name not in _SEAM:
            source.runs += _runs(room, owners, source.faults)
    source.constants = list(owners.values())
    source.faults += [f"{constant}: nobody runs it" for constant in source.constants if constant not in used]
    source.in_cycle = _reached(rooms, owners)
    return source


def _room(module: ModuleType, source: Source) -> _Room:
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    room = _Room(module, tree, {})
    in_constants: set[ast.AST] = set()
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            name = node.target.id
            if ast.unparse(node.annotation) == "LiteralString" and _CONSTANT.fullmatch(name):
                room.constants[name] = Constant(room.name, name, getattr(module, name))
                in_constants |= set(ast.walk(node))
    if not room.name.startswith("empla.storage"):
        allowed = in_constants | _docstrings(tree)
        source.faults += [
            f"{room.name}:{node.lineno}: SQL that is not a constant annotated LiteralString"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node not in allowed
            if isinstance(node.value, str) and _LOOKS_LIKE_SQL.match(node.value)
        ]
    return room


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _used(room: _Room, owners: dict[tuple[str, str], Constant]) -> set[Constant]:
    """The constants that some expression of the room reads."""
    return {
        constant
        for node in ast.walk(room.tree)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
        if (constant := _constant(room, node, owners)) is not None
    }


def _constant(room: _Room, node: ast.expr, owners: dict[tuple[str, str], Constant]) -> Constant | None:
    if isinstance(node, ast.Name):
        if node.id in room.constants:
            return room.constants[node.id]
        for statement in room.tree.body:  # from elsewhere import NAME
            if isinstance(statement, ast.ImportFrom) and statement.module:
                for alias in statement.names:
                    if (alias.asname or alias.name) == node.id:
                        return owners.get((statement.module, alias.name))
    if isinstance(node, ast.Attribute):
        holder = room.means(node.value)
        if isinstance(holder, ModuleType):
            return owners.get((holder.__name__, node.attr))
    return None


def _runs(room: _Room, owners: dict[tuple[str, str], Constant], faults: list[str]) -> Iterator[Run]:
    for node in ast.walk(room.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        runner = node.func.attr
        if runner not in RUNNERS or len(node.args) <= RUNNERS[runner]:
            continue
        before = RUNNERS[runner]
        constant = _constant(room, node.args[before], owners)
        if constant is None:
            if not room.name.startswith("empla.storage"):  # which also speaks to servers without a schema
                faults.append(f"{room.name}:{node.lineno}: {runner} names no SQL constant")
            continue
        record = room.means(node.args[0]) if before else None
        if before and not isinstance(record, type):
            faults.append(f"{room.name}:{node.lineno}: {runner} names no record")
            continue
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        login = named.pop("login", None) if runner == "across" else None
        parameters = None if None in named else frozenset(name for name in named if name)
        yield Run(constant, runner, record, parameters, ast.literal_eval(login) if login else "app")


def _reached(rooms: list[_Room], owners: dict[tuple[str, str], Constant]) -> set[Constant]:
    """The constants that a cycle reads, through the functions it calls."""
    by_name = {room.name: room for room in rooms}
    functions = {
        (room.name, node.name): node
        for room in rooms
        for node in room.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    reached: set[Constant] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [CYCLE] if CYCLE in functions else []
    while waiting:
        place = waiting.pop()
        if place in seen or place not in functions:
            continue
        seen.add(place)
        room = by_name[place[0]]
        for node in ast.walk(functions[place]):
            if not isinstance(node, ast.Name | ast.Attribute):
                continue
            if constant := _constant(room, node, owners):
                reached.add(constant)
            meant = room.means(node)
            if callable(meant) and hasattr(meant, "__module__"):
                waiting.append((meant.__module__, getattr(meant, "__name__", "")))
    return reached
