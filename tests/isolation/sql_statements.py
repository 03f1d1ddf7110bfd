"""The day-one rules of a cluster, read off the text of a statement: enough of SQL's grammar to see blocks, clauses and calls."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

TOKEN = re.compile(
    r"""
    (?P<skipped> --[^\n]* | /\*.*?\*/ | \s+ | '(?:[^']|'')*' (?:::\w+)? )
    | (?P<token> %\(\w+\)s | "[^"]+" | [A-Za-z_][\w$]*(?:\.[A-Za-z_*][\w$]*)* | [(),;=] | . )
    """,
    re.VERBOSE | re.DOTALL,
)
VERBS = {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES"}
AFTER_A_TABLE = frozenset(
    [
        "WHERE",
        "ON",
        "SET",
        "JOIN",
        "LEFT",
        "RIGHT",
        "INNER",
        "CROSS",
        "FULL",
        "GROUP",
        "ORDER",
        "LIMIT",
        "FOR",
        "USING",
        "VALUES",
        "SELECT",
        "RETURNING",
        "UNION",
        "HAVING",
        "DEFAULT",
        "NATURAL",
        "OFFSET",
        "WINDOW",
        "DO",
    ]
)
# Volatile, or the same only within one transaction: on a cluster each node would have its own.
CHANGING_WORDS = {"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP", "LOCALTIME"}
CHANGING_CALLS = {"NOW", "TRANSACTION_TIMESTAMP", "STATEMENT_TIMESTAMP", "CTX.NOW"}


@dataclass
class Block:
    """What stands between two parentheses: words, and blocks in their places."""

    parts: list["str | Block"] = field(default_factory=list["str | Block"])

    @property
    def words(self) -> list[str]:
        """The words at this level, in capitals; a block is "()"."""
        return [part.upper() if isinstance(part, str) else "()" for part in self.parts]

    def is_query(self) -> bool:
        return bool(self.parts) and self.words[0] in VERBS

    def blocks(self) -> Iterator["Block"]:
        """This block and all within it."""
        yield self
        for part in self.parts:
            if isinstance(part, Block):
                yield from part.blocks()

    def flat(self) -> list[str]:
        """The words of this block and of those within it that are no queries of their own."""
        found: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                found.append(part)
            elif not part.is_query():
                found += ["(", *part.flat(), ")"]
        return found


def parsed(text: str) -> list[Block]:
    """The statements of a text, apart."""
    stack = [Block()]
    statements: list[Block] = []
    for found in TOKEN.finditer(text):
        token = found["token"]
        if token is None:
            continue
        if token == "(":
            inner = Block()
            stack[-1].parts.append(inner)
            stack.append(inner)
        elif token == ")":
            stack.pop()
        elif token == ";":
            statements.append(stack[0])
            stack = [Block()]
        else:
            stack[-1].parts.append(token)
    return [statement for statement in [*statements, stack[0]] if statement.parts]


def clause(words: Sequence[str], start: int, ends: set[str]) -> range:
    """The places from `start` to the first of the words that end it."""
    stop = next((i for i in range(start, len(words)) if words[i] in ends), len(words))
    return range(start, stop)


def changes(block: Block, verb: str) -> list[int]:
    """Where the verb stands in this block as a statement, not as FOR UPDATE, DO UPDATE or UPDATE OF."""
    words = block.words
    return [
        place
        for place, word in enumerate(words)
        if word == verb and (place == 0 or words[place - 1] not in {"FOR", "KEY", "DO", "OR", "BEFORE", "AFTER"})
    ]


def faults(text: str, *, tables: set[str], volatile: set[str], tenant_named: bool = True) -> list[str]:
    """Each rule that a statement breaks, in one sentence."""
    found: list[str] = []
    for statement in parsed(text):
        for block in statement.blocks():
            found += _merges(block) + _unstable_inserts(block, outer=block is statement) + _settings(block, volatile)
            if tenant_named:
                found += _nameless(block, tables)
    return found


def _merges(block: Block) -> list[str]:
    return (
        ["MERGE can't be distributed"]
        if block.words[:1] == ["MERGE"] or ("MERGE", "INTO") in pairwise(block.words)
        else []
    )


def _unstable_inserts(block: Block, *, outer: bool) -> list[str]:
    """INSERT … SELECT, and whatever changes rows in a CTE."""
    words = block.words
    safe = "RETURNING" in words or ("ON", "CONFLICT") in pairwise(words)
    inserts = changes(block, "INSERT")
    if inserts and "SELECT" in words[inserts[0] :] and not safe:
        return ["INSERT … SELECT has neither RETURNING nor ON CONFLICT"]
    changing = inserts or changes(block, "UPDATE") or changes(block, "DELETE")
    if changing and not outer and not safe:
        return ["a CTE that changes rows has neither RETURNING nor ON CONFLICT"]
    return []


def _settings(block: Block, volatile: set[str]) -> list[str]:
    """What UPDATE SET and DO UPDATE SET may not hold."""
    words = block.words
    if "UPDATE" not in words:
        return []
    found: list[str] = []
    for place in (i for i, word in enumerate(words) if word == "SET" and "UPDATE" in words[:i]):
        span = clause(words, place + 1, {"WHERE", "FROM", "RETURNING"})
        inside = Block([block.parts[i] for i in span])
        for inner in inside.blocks():
            calls = [word for word, after in pairwise(inner.words) if after == "()"]
            bad = {w for w in calls if w in CHANGING_CALLS or w.rpartition(".")[2].lower() in volatile}
            bad |= CHANGING_WORDS.intersection(inner.words)
            found += [f"{name.lower()} stands in SET: use a parameter, EXCLUDED or a trigger" for name in sorted(bad)]
        first = inside.parts[0] if inside.parts else ""
        targets = first.words if isinstance(first, Block) else []
        if "TENANT_ID" in targets or ("TENANT_ID", "=") in pairwise(inside.words):
            found.append("tenant_id is set, and it never changes")
    return found


@dataclass(frozen=True)
class Named:
    """A table in a statement, as it is called there."""

    table: str
    name: str
    inserted: bool


def _named(block: Block, tables: set[str]) -> list[Named]:
    words = block.words
    found: list[Named] = []
    for place, word in enumerate(words):
        table = word.lower().removeprefix("empla.")
        before = words[place - 1] if place else ""
        if table not in tables or before not in {"FROM", "JOIN", "UPDATE", "INTO", "USING", ",", "ONLY"}:
            continue
        if before == "," and not _lists_tables(words[:place]):
            continue  # a column of that name
        after = [w for w in words[place + 1 : place + 3] if w != "AS"]
        is_alias = bool(after) and re.fullmatch(r"[A-Z_]\w*", after[0]) and after[0] not in AFTER_A_TABLE
        found.append(Named(table, after[0].lower() if is_alias else table, inserted=before == "INTO"))
    return found


def _lists_tables(words: Sequence[str]) -> bool:
    """A comma after these parts two tables, not two columns."""
    clauses = [word for word in words if word in {"SELECT", "FROM", "WHERE", "SET", "RETURNING", "BY", "VALUES", "ON"}]
    return clauses[-1:] in (["FROM"], ["ON"])


def _nameless(block: Block, tables: set[str]) -> list[str]:
    """The tables of a block that are not held to the caller's tenant there."""
    named = _named(block, tables)
    text = " ".join(block.flat()).lower()
    found: list[str] = []
    for one in named:
        column = "id" if one.table == "tenants" else "tenant_id"
        if one.inserted:
            held = column in text and ("%(tenant)s" in text or _takes_the_tenant_over(block))
        else:
            mine = re.escape(f"{one.name}.{column}")
            held = re.search(rf"(?<![\w.]){mine} = (%\(tenant\)s|\w+\.tenant_id)", text) is not None
            held = held or re.search(rf"\w+\.tenant_id = {mine}(?!\w)", text) is not None
            alone = sum(not other.inserted for other in named) == 1
            held = held or (alone and re.search(rf"(?<![\w.]){column} = %\(tenant\)s", text) is not None)
        if not held:
            found.append(f"{one.table} is not held to {column} = %(tenant)s")
    return found


def _takes_the_tenant_over(block: Block) -> bool:
    """INSERT … SELECT tenant_id … FROM what this statement has just returned."""
    words = block.words
    return "SELECT" in words and "TENANT_ID" in words[words.index("SELECT") :]


@dataclass(frozen=True)
class Constant:
    """A module-level constant that holds SQL."""

    place: str
    text: str


def constants(folder: Path) -> list[Constant]:
    """Every upper-case string constant of the package that begins like a statement."""
    found: list[Constant] = []
    for path in sorted(folder.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                targets, value = [node.target], node.value
            elif isinstance(node, ast.Assign):
                targets, value = node.targets, node.value
            else:
                continue
            for target in targets:
                text = value.value if isinstance(value, ast.Constant) else None
                if isinstance(target, ast.Name) and target.id.isupper() and isinstance(text, str) and _is_sql(text):
                    found.append(Constant(f"{path.relative_to(folder.parent)}:{target.id}", text))
    return found


def _is_sql(text: str) -> bool:
    return re.match(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES)\b", text, re.IGNORECASE) is not None
