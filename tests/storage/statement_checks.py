"""Asks a migrated database about SQL constants: does each prepare, may its login run it, do its columns fit the record?"""

import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sql_constants import Constant, Run, Source

_PLACEHOLDER = re.compile(r"%\((\w+)\)s(::\w+)?")
_OUTER_JOIN = re.compile(r"\b(LEFT|RIGHT|FULL)\b", re.IGNORECASE)
# PostgreSQL's types and the annotations that hold them as the driver sends them, nothing coerced.
_FITS: dict[str, tuple[type, ...]] = {
    "uuid": (UUID,),
    "text": (str,),
    "varchar": (str,),
    "name": (str,),
    "int2": (int,),
    "int4": (int,),
    "int8": (int,),
    "float4": (float,),
    "float8": (float,),
    "numeric": (Decimal,),
    "bool": (bool,),
    "timestamptz": (datetime,),
    "date": (date,),
    "time": (time,),
    "interval": (timedelta,),
    "bytea": (bytes,),
}
# What only an employee's turn may run, and people may not.
WORKER_ALONE = frozenset(
    f"empla.effects.{name}"
    for name in ("effects.MAKE", "outbox.BEGIN", "outbox.FINISH", "outbox.EXPIRE", "budgets.RESERVE", "budgets.SETTLE")
)
_JSON = frozenset({"json", "jsonb"})
# Columns that may be null in their table and never are in the statement's rows, with the reason.
NEVER_NULL = {
    **{
        f"empla.memory.recall.{record}.{name}": "a view's columns are described as nullable, whatever its tables say"
        for record in ("DETAILS: _Detail", "NEAREST: _Near")
        for name in ("id", "importance", "kind", "occurred_at", "participants", "recall_count", "tainted", "text")
    },
    **{
        f"empla.memory.indexing.{name}: _Text.said": "a view's column, made of one that is never null"
        for name in ("FRESH", "OTHERS")
    },
    "empla.effects.approvals.LISTED: Approval.capability": "people are asked about messages and calls, which have one",
    **{
        f"empla.effects.approvals.{name}: Asked.capability": "people are asked about messages and calls, which have one"
        for name in ("TO_DECIDE", "DECIDED")
    },
    "empla.effects.integrations.SEALED: _Sealed.sealed": "those without are left out",
    "empla.bdi.beliefs.AS_OF: Belief.stored_confidence": "entries that end a belief, the only ones without it, are left out",
}


@dataclass(frozen=True)
class Column:
    """One result column, as the server describes it."""

    name: str
    type: str  # of pg_type; an array's begins with _
    nullable: bool | None  # None for an expression, which could be either
    words: frozenset[str] | None  # that the table's CHECK allows


class Catalogue:
    """What a migrated database knows of types, nullability and vocabularies."""

    def __init__(self, admin: psycopg.Connection) -> None:
        self._types = dict(admin.execute("SELECT oid, typname FROM pg_type").fetchall())
        self._columns = {
            (table, number): (bool(is_nullable), words)
            for table, number, is_nullable, words in admin.execute("""
                SELECT a.attrelid, a.attnum, NOT a.attnotnull,
                       (SELECT max(pg_get_constraintdef(c.oid)) FROM pg_constraint c
                         WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum]
                           AND pg_get_constraintdef(c.oid) ~ '= ANY \\(ARRAY\\[')
                  FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
                 WHERE r.relnamespace = 'empla'::regnamespace AND a.attnum > 0""")
        }

    def column(self, result: PGresult, number: int) -> Column:
        name = result.fname(number)
        origin = self._columns.get((result.ftable(number), result.ftablecol(number)))
        nullable, definition = origin or (None, None)
        words = frozenset(re.findall(r"'([^']*)'::text", definition)) if definition else None
        return Column(name.decode() if name else "?", self._types[result.ftype(number)], nullable, words)


def numbered(text: str) -> str:
    """The statement with `$1` for its first named parameter, as the driver sends it."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}{found[2] or ''}"

    return _PLACEHOLDER.sub(number, text).replace("%%", "%")


def named(text: str) -> frozenset[str]:
    return frozenset(found[1] for found in _PLACEHOLDER.finditer(text))


def described(connection: psycopg.Connection, catalogue: Catalogue, text: str) -> list[Column]:
    """The result columns. The server parses, prepares and plans, and checks the login's rights; it runs nothing.

    Raises `psycopg.Error` with what the server said.
    """
    query = numbered(text)
    with connection.transaction():
        prepared = connection.pgconn.prepare(b"", query.encode())
        if prepared.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.ProgrammingError(prepared.error_message.decode().partition("\n")[0])
        description = connection.pgconn.describe_prepared(b"")
        columns = [catalogue.column(description, number) for number in range(description.nfields)]
    with connection.transaction():
        # Preparing asks for no rights; a plan is only made for whoever may run it.
        explain = f"EXPLAIN (GENERIC_PLAN) {query}" if query.strip() else query
        planned = connection.pgconn.exec_(explain.encode())
        if planned.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.ProgrammingError(planned.error_message.decode().partition("\n")[0])
    return columns


def faults_of_calls(source: Source) -> Iterator[str]:
    """Parameters that are missing, that no statement names, or whose type the server would have to guess."""
    for run in source.runs:
        if run.constant.module.startswith("empla.storage."):
            continue  # the driver's own execute, which takes its parameters in a dict
        wanted = named(run.constant.text)
        if run.parameters is not None:
            given = run.parameters | ({"tenant"} if run.runner != "across" else frozenset[str]())
            if missing := wanted - given:
                yield f"{run.constant}: {run.runner} does not pass {', '.join(sorted(missing))}"
            if superfluous := run.parameters - wanted:
                yield f"{run.constant}: {run.runner} passes {', '.join(sorted(superfluous))}, which it does not name"
    for constant in source.constants:
        for found in _PLACEHOLDER.finditer(constant.text):
            if not found[2] and not constant.module.startswith("empla.storage."):
                yield f"{constant}: the parameter {found[1]} has no cast"


def faults_of_record(run: Run, columns: list[Column]) -> Iterator[str]:
    """Where the columns and the record (or the kind of a single value) do not fit."""
    if run.record is None:
        return
    if run.runner == "fetch_value":
        if len(columns) != 1:
            yield f"{run.constant}: {len(columns)} columns where one value is fetched"
        elif not _fits(run.record, columns[0].type):
            yield f"{run.constant}: {columns[0].name} is {columns[0].type}, fetched as {run.record.__name__}"
        return
    if not issubclass(run.record, BaseModel):
        yield f"{run.constant}: {run.record.__name__} is no record"
        return
    names = [column.name for column in columns]
    fields = run.record.model_fields
    record = run.record.__name__
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{run.constant}: the column {name} comes twice"
    for name in fields:
        if fields[name].is_required() and name not in names:
            yield f"{run.constant}: {record}.{name} has no column"
    is_outer = bool(_OUTER_JOIN.search(run.constant.text))
    for column in columns:
        if column.name not in fields:
            yield f"{run.constant}: the column {column.name} is no field of {record}"
        else:
            place = f"{run.constant}: {record}.{column.name}"
            for fault in _misfit(place, column, fields[column.name], is_outer=is_outer):
                yield f"{place} {fault}"


def _misfit(place: str, column: Column, field: FieldInfo, *, is_outer: bool) -> Iterator[str]:
    kinds = _alternatives(field.annotation)
    takes_none = type(None) in kinds or any(_is_any_json(kind) for kind in kinds)
    if column.nullable and not takes_none and place not in NEVER_NULL:
        yield "may be null, its annotation is not optional"
    if column.nullable is False and type(None) in kinds and not is_outer and not _is_json(field.annotation):
        yield "is never null, its annotation is optional"
    values = [kind for kind in kinds if kind is not type(None)]
    if not any(_fits(kind, column.type) for kind in values):
        yield f"is annotated {field.annotation}, the database sends {column.type}"
    vocabulary = frozenset[str](word for kind in values if get_origin(kind) is Literal for word in get_args(kind))
    if column.words and vocabulary and column.words != vocabulary:
        yield f"knows {sorted(vocabulary)}, its CHECK {sorted(column.words)}"


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) in {Union, types.UnionType}:
        return [kind for part in get_args(annotation) for kind in _alternatives(part)]
    return [annotation]


def _is_json(annotation: Any) -> bool:
    return any(_is_any_json(kind) for kind in _alternatives(annotation))


def _is_any_json(kind: Any) -> bool:
    """pydantic's JsonValue, a named recursive type."""
    return getattr(kind, "__name__", "") == "JsonValue"


def _fits(kind: Any, pg_type: str) -> bool:
    if pg_type in _JSON:
        if _is_any_json(kind) or get_origin(kind) in {dict, list}:
            return True
        return isinstance(kind, type) and issubclass(kind, BaseModel)
    if pg_type.startswith("_"):
        return get_origin(kind) is list and any(
            _fits(item, pg_type[1:]) for part in get_args(kind) for item in _alternatives(part)
        )
    if get_origin(kind) is Literal:
        return "text" in pg_type and all(isinstance(word, str) for word in get_args(kind))
    return kind in _FITS.get(pg_type, ())


def faults(source: Source, connections: "Connections", catalogue: Catalogue) -> list[str]:
    """Everything that is wrong with this SQL, one sentence each."""
    found = [*source.faults, *faults_of_calls(source)]
    for constant in source.constants:
        runs = [run for run in source.runs if run.constant == constant]
        for login, connection in connections.of(constant, source, runs):
            try:
                columns = described(connection, catalogue, constant.text)
            except psycopg.Error as error:
                found.append(f"{constant}: as {login}: {error}")
                continue
            found += [fault for run in runs for fault in faults_of_record(run, columns)]
    return sorted(set(found))


class Connections:
    """One connection for each way in which statements are run."""

    def __init__(
        self,
        *,
        app: psycopg.Connection,
        worker: psycopg.Connection,
        outside: psycopg.Connection,
        worker_outside: psycopg.Connection,
        admin: psycopg.Connection,
    ) -> None:
        """`app` and `worker` have entered a tenant; `outside` and `worker_outside`, of the same logins, have not."""
        self._app = app
        self._worker = worker
        self._outside = {"app": outside, "worker": worker_outside}
        self._admin = admin

    def of(self, constant: Constant, source: Source, runs: list[Run]) -> Iterator[tuple[str, psycopg.Connection]]:
        """Those that the constant must prepare on."""
        if constant.module.startswith("empla.storage."):
            yield (
                ("app", self._outside["app"]) if constant.module == "empla.storage.database" else ("admin", self._admin)
            )
            return
        runners = {run.runner for run in runs}
        for login in sorted({run.login for run in runs if run.runner == "across"}):
            yield f"{login}, in no tenant", self._outside[login]
        if runners != {"across"} and str(constant) not in WORKER_ALONE:
            yield "app", self._app
        if constant in source.in_cycle or str(constant) in WORKER_ALONE:
            yield "worker", self._worker
