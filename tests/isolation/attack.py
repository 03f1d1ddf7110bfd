"""Every way we know to reach what is not one's own: each attempt says whether it leaked.

An attempt leaks when it touches a row that its role may not touch, or when it can tell an id that exists elsewhere from one that
exists nowhere: the two must end alike, in SQLSTATE, message and count.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from world import ROLES, Connection, Home, Role, World, insertion, new_row

Verb = Literal["SELECT", "INSERT", "UPDATE", "DELETE"]
Side = Literal["own", "other"]
VERBS: tuple[Verb, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")
Values = Mapping[str, object]
# What belongs to no employee, and each of them reads: the tenant itself, and what it needs on the way out.
OF_THE_TENANT = {"tenants", "capabilities", "integrations"}
# What a delegate writes of its employees.
_FED = ("beliefs", "employee_goals", "employee_intentions", "intention_steps", "notices", "observations")
_REMEMBERED = ("memory_episodes", "memory_semantic", "memory_procedural", "memory_working", "fact_predicates")
_INDEXED = ("memory_index", "memory_vectors", "memory_words", "memory_spaces")
DELEGATED: dict[str, set[Verb]] = {
    **{name: {"INSERT", "UPDATE"} for name in (*_FED, *_REMEMBERED)},
    **{name: {"INSERT", "UPDATE", "DELETE"} for name in _INDEXED},
    "fact_evidence": {"INSERT"},
    "metrics": {"INSERT"},
    "conversations": {"UPDATE"},
    "employee_schedule": {"UPDATE"},
}


@dataclass(frozen=True)
class Reference:
    """A foreign key: the column that chooses the parent, and whose the parent is."""

    column: str
    parent: str
    parent_column: str
    by_employee: bool  # the key holds the employee beside the parent's own id


@dataclass(frozen=True)
class Table:
    """What an attacker reads in the catalogue."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    references: tuple[Reference, ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier("empla", self.name)

    @property
    def tenant(self) -> str:
        return "id" if self.name == "tenants" else "tenant_id"

    @cached_property
    def owner(self) -> str | None:
        """The column that says whose row it is within its tenant."""
        for column in ("employee_id", "scope", "user_id"):
            if column in self.columns:
                return column
        if self.name == "idempotency_keys":
            return "actor_id"
        return "id" if self.name in {"employees", "users"} else None


@dataclass(frozen=True)
class Attempt:
    """One try; `leak` says what came of it when it should not have."""

    table: str
    verb: Verb
    role: Role
    side: Side
    what: str
    leak: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How a statement ended. Two that differ in nothing but the ids they name are equal."""

    rows: int = 0
    sqlstate: str | None = None
    said: str = ""


_COLUMNS: LiteralString = """
    SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
_UNIQUE: LiteralString = """
    SELECT i.indisprimary, array_agg(a.attname ORDER BY k.n)
      FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
     WHERE i.indrelid = %s::regclass AND i.indisunique GROUP BY i.indexrelid, i.indisprimary ORDER BY i.indexrelid
"""
_REFERENCES: LiteralString = """
    SELECT a.attname, f.relname, b.attname, array_length(c.conkey, 1)
      FROM pg_constraint c JOIN pg_class f ON f.oid = c.confrelid
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[array_length(c.conkey, 1)]
      JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[array_length(c.confkey, 1)]
     WHERE c.conrelid = %s::regclass AND c.contype = 'f' AND f.relname <> 'tenants' ORDER BY c.oid
"""


def describe(admin: Connection, name: str) -> Table:
    """The table as the catalogue has it."""
    place = (f"empla.{name}",)
    unique = admin.execute(_UNIQUE, place).fetchall()
    return Table(
        name=name,
        columns=tuple(row[0] for row in admin.execute(_COLUMNS, place)),
        key=tuple(next(columns for primary, columns in unique if primary)),
        unique=tuple(tuple(columns) for primary, columns in unique if not primary),
        references=tuple(
            Reference(column, parent, parent_column, by_employee=parts == 3)
            for column, parent, parent_column, parts in admin.execute(_REFERENCES, place)
        ),
    )


def attempt(connection: Connection, query: sql.Composable, values: Values | None = None) -> Outcome:
    """Run it, deferred constraints included, and undo it."""
    try:
        with connection.transaction(force_rollback=True):
            cursor = connection.execute(sql.Composed([query]), values)
            rows = cursor.rowcount
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return Outcome(rows)
    except psycopg.Error as error:
        said = f"{error.diag.message_primary} {error.diag.message_detail} {error.diag.constraint_name}"
        return Outcome(0, error.sqlstate, re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[tsue]-[0-9a-f]{12}", "…", said))


def touched(connection: Connection, table: Table, query: sql.Composable) -> dict[tuple[UUID, UUID | None], int]:
    """How many rows of which tenant and owner the statement gives back; none when it is refused."""
    owner = sql.Identifier(table.owner) if table.owner else sql.SQL("NULL::uuid")
    counting = sql.SQL("WITH touched AS ({} {}) SELECT {}, {}, count(*) FROM touched GROUP BY 1, 2")
    returning = sql.SQL("") if "SELECT" in query.as_string(None).split()[0] else sql.SQL("RETURNING *")
    try:
        with connection.transaction(force_rollback=True):
            rows = connection.execute(counting.format(query, returning, sql.Identifier(table.tenant), owner)).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return {}
    return {(tenant, whose): count for tenant, whose, count in rows}


def updatable(connection: Connection, table: Table) -> list[str]:
    """The columns that the connected login may change, the key aside."""
    return [
        column
        for column in table.columns
        if column not in table.key
        and connection.execute(
            "SELECT has_column_privilege(%s, %s, 'UPDATE')", (f"empla.{table.name}", column)
        ).fetchone()
        == (True,)
    ]


def every(connection: Connection, table: Table, verb: Verb) -> sql.Composable:
    """The statement that takes all rows it can get."""
    if verb == "SELECT":
        return sql.SQL("SELECT * FROM {}").format(table.identifier)
    if verb == "DELETE":
        return sql.SQL("DELETE FROM {}").format(table.identifier)
    columns = updatable(connection, table) or [column for column in table.columns if column not in table.key]
    column = sql.Identifier((columns or list(table.columns))[0])
    return sql.SQL("UPDATE {} SET {} = {}").format(table.identifier, column, column)


@dataclass(frozen=True)
class Attacker:
    """One role of our house at work on one table."""

    connection: Connection
    world: World
    table: Table
    role: Role

    def attempts(self) -> Iterator[Attempt]:
        """All of them, each undone."""
        for verb in ("SELECT", "UPDATE", "DELETE"):
            yield from self._takes_all(verb)
            yield from self._reaches_for(verb, self.world.theirs, "other")
        if self.role in {"delegate", "user", "employee"}:
            for verb in ("SELECT", "UPDATE", "DELETE"):
                yield from self._reaches_for(verb, self.world.ours, "own")
        yield from self._moves()
        yield from self._inserts()
        yield from self._attaches()
        yield from self._collides()

    def _noted(self, verb: Verb, side: Side, what: str, leak: str | None) -> Attempt:
        return Attempt(self.table.name, verb, self.role, side, what, leak)

    def _compared(self, verb: Verb, side: Side, what: str, real: Outcome, invented: Outcome) -> Attempt:
        """What is real elsewhere must end like what is nowhere."""
        return self._noted(verb, side, what, None if real == invented else f"{real} differs from {invented}")

    def _refused(self, verb: Verb, side: Side, what: str, real: Outcome, invented: Outcome) -> Attempt:
        """It must touch nothing, and end like what is nowhere."""
        found = self._compared(verb, side, what, real, invented)
        return replace(found, leak=f"{real.rows} rows") if real.rows else found

    # What the role reaches when it asks for everything

    def may_touch(self, verb: Verb, tenant: UUID, owner: UUID | None) -> bool:
        """The law, for rows of one owner: users only read, and what is assigned to them; a delegate also writes, of the employees that
        its key names; an employee has its own rows alone.
        """
        house = self.world.ours.house
        if tenant != house.tenant:
            return False
        if self.role in {"delegate", "user"}:
            person = house.user if self.role == "user" else house.manager
            if self.table.name == "idempotency_keys":
                return owner == person and verb != "UPDATE"
            if verb == "SELECT":
                return owner in {house.own, person} or self.table.name == "tenants"
            return self.role == "delegate" and owner == house.own and verb in DELEGATED.get(self.table.name, set())
        if self.role == "employee":
            return owner == house.own or (verb == "SELECT" and self.table.name in OF_THE_TENANT)
        return True

    def _takes_all(self, verb: Verb) -> Iterator[Attempt]:
        found = touched(self.connection, self.table, every(self.connection, self.table, verb))
        ours = self.world.ours.house.tenant
        wrong = {whose: count for whose, count in found.items() if not self.may_touch(verb, *whose)}
        for side in ("own", "other"):
            leaks = {whose: count for whose, count in wrong.items() if (whose[0] == ours) == (side == "own")}
            yield self._noted(verb, side, "everything there is", f"rows of {leaks}" if leaks else None)

    # Rows of others, by tenant, owner and key

    def _reaches_for(self, verb: Verb, home: Home, side: Side) -> Iterator[Attempt]:
        taking = every(self.connection, self.table, verb)
        column, whose = (self.table.tenant, home.house.tenant)
        if side == "own":
            if self.table.owner is None or self.table.name in {"users", "idempotency_keys"}:
                return
            other = home.house.other_user if self.table.owner == "user_id" else home.house.colleague
            column, whose = self.table.owner, other
        where = taking + sql.SQL(" WHERE {} = %(whose)s").format(sql.Identifier(column))
        yield self._refused(
            verb,
            side,
            f"{column} of another",
            attempt(self.connection, where, {"whose": whose}),
            attempt(self.connection, where, {"whose": uuid4()}),
        )
        for key in self._keys(column, whose):
            where = taking + sql.SQL(" WHERE ") + _conditions(self.table.key)
            yield self._refused(
                verb,
                side,
                "a key of another",
                attempt(self.connection, where, key),
                attempt(self.connection, where, {name: _invented(value) for name, value in key.items()}),
            )

    def _keys(self, column: str, whose: UUID) -> list[dict[str, Any]]:
        """Keys of rows that are there, seen with the administrator's eyes."""
        query = sql.SQL("SELECT {} FROM {} WHERE {} = %s LIMIT 2").format(
            sql.SQL(", ").join(map(sql.Identifier, self.table.key)), self.table.identifier, sql.Identifier(column)
        )
        rows = self.world.gate.admin.execute(query, (whose,)).fetchall()
        assert rows, f"{self.table.name} has no row of {column} {whose}: seed one in world.py"
        return [dict(zip(self.table.key, row, strict=True)) for row in rows]

    # Own rows, moved away

    def _moves(self) -> Iterator[Attempt]:
        move = sql.SQL("UPDATE {} SET {} = %(to)s").format(self.table.identifier, sql.Identifier(self.table.tenant))
        to = self.world.theirs.house.tenant
        yield self._refused(
            "UPDATE",
            "other",
            "own rows moved into another tenant",
            attempt(self.connection, move, {"to": to}),
            attempt(self.connection, move, {"to": uuid4()}),
        )

    # New rows

    def _inserts(self) -> Iterator[Attempt]:
        house = self.world.ours.house
        for employee in (house.own, house.colleague):
            outcome = attempt(self.connection, *self._insertion(new_row(self.table.name, self.world.ours, employee)))
            assert outcome.sqlstate in {None, "42501"}, f"the row of {self.table.name} in world.py is wrong: {outcome}"
            mine = (
                employee == house.own and self.table.owner == "employee_id" and self.table.name != "employee_schedule"
            )
            allowed = self.may_touch("INSERT", house.tenant, house.own if mine else house.colleague)
            leak = outcome.rows and not allowed
            yield self._noted("INSERT", "own", "a new row", f"{outcome.rows} rows inserted" if leak else None)
        theirs = self.world.theirs
        row = new_row(self.table.name, theirs, theirs.house.own)
        nowhere = {**row, self.table.tenant: uuid4()}
        yield self._refused(
            "INSERT",
            "other",
            "a new row in another tenant",
            attempt(self.connection, *self._insertion(row)),
            attempt(self.connection, *self._insertion(nowhere)),
        )

    def _insertion(self, row: Values) -> tuple[sql.Composable, Values]:
        return insertion(self.table.name, row), row

    def _attaches(self) -> Iterator[Attempt]:
        """Own rows on parents of another tenant, or of another employee."""
        ours, theirs = self.world.ours, self.world.theirs
        for reference in self.table.references:
            victims: list[tuple[Side, Home, UUID]] = [("other", theirs, theirs.house.own)]
            if reference.by_employee:
                victims.append(("own", ours, ours.house.colleague))
            for side, home, employee in victims:
                parent = self._parent(reference, home, employee)
                what = f"own rows on another's {reference.parent}"
                row = new_row(self.table.name, ours, ours.house.own)
                yield self._refused(
                    "INSERT",
                    side,
                    what,
                    attempt(self.connection, *self._insertion({**row, reference.column: parent})),
                    attempt(self.connection, *self._insertion({**row, reference.column: uuid4()})),
                )
                update = sql.SQL("UPDATE {} SET {} = %(to)s WHERE {} = %(own)s").format(
                    self.table.identifier,
                    sql.Identifier(reference.column),
                    sql.Identifier(self.table.owner or self.table.tenant),
                )
                own = ours.house.own if self.table.owner else ours.house.tenant
                yield self._refused(
                    "UPDATE",
                    side,
                    what,
                    attempt(self.connection, update, {"to": parent, "own": own}),
                    attempt(self.connection, update, {"to": uuid4(), "own": own}),
                )

    def _parent(self, reference: Reference, home: Home, employee: UUID) -> UUID:
        """A row of the parent table that belongs to another."""
        narrowed = sql.SQL(" AND employee_id = %(employee)s") if reference.by_employee else sql.SQL("")
        # A name may be the same in our tenant, and then it is ours.
        query = sql.SQL(
            "SELECT {0} FROM {1} WHERE tenant_id = %(tenant)s AND (tenant_id = %(ours)s OR {0} NOT IN "
            "(SELECT {0} FROM {1} WHERE tenant_id = %(ours)s))"
        ).format(sql.Identifier(reference.parent_column), sql.Identifier("empla", reference.parent))
        whose = {"tenant": home.house.tenant, "ours": self.world.ours.house.tenant, "employee": employee}
        found = self.world.gate.admin.execute(query + narrowed + sql.SQL(" LIMIT 1"), whose).fetchone()
        assert found is not None
        return found[0]

    def _collides(self) -> Iterator[Attempt]:
        """Own new rows with the keys and the unique values of another's row."""
        ours = self.world.ours
        mine = {self.table.tenant, "employee_id", "actor_id"}
        whose = self.world.theirs.house.tenant
        for columns in (self.table.key, *self.table.unique):
            taken = [column for column in columns if column not in mine and column not in _parents(self.table)]
            if not taken:
                continue
            # What every tenant has a row of is no secret of another's.
            query = sql.SQL(
                "SELECT {0} FROM {1} WHERE {2} = %s ORDER BY ({0}) IN (SELECT {0} FROM {1} WHERE {2} = %s) LIMIT 1"
            ).format(
                sql.SQL(", ").join(map(sql.Identifier, taken)), self.table.identifier, sql.Identifier(self.table.tenant)
            )
            values = self.world.gate.admin.execute(query, (whose, ours.house.tenant)).fetchone()
            assert values is not None
            stolen = {_plain(column): value for column, value in zip(taken, values, strict=True)}
            for suffix in ("", " ON CONFLICT DO NOTHING"):
                fresh = new_row(self.table.name, ours, ours.house.own)
                row = {**fresh, **stolen}
                invented = {**row, **{column: fresh.get(column, uuid4()) for column in stolen}}
                ending = sql.SQL(suffix)
                yield self._compared(
                    "INSERT",
                    "other",
                    f"the {', '.join(taken)} of another's row",
                    attempt(self.connection, insertion(self.table.name, row) + ending, row),
                    attempt(self.connection, insertion(self.table.name, invented) + ending, invented),
                )


def attacked(world: World, table: str) -> list[Attempt]:
    """Every attempt of every role on the table."""
    found: list[Attempt] = []
    described = describe(world.gate.admin, table)
    for role in ROLES:
        with world.gate.enter(world.ours.house, role) as connection:
            found += Attacker(connection, world, described, role).attempts()
    return found


def _plain(column: str) -> str:
    """email_key is made from email."""
    return "email" if column == "email_key" else column


def _parents(table: Table) -> set[str]:
    return {reference.column for reference in table.references}


def _conditions(columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in columns
    )


def _invented(value: object) -> object:
    if isinstance(value, int):
        return value + 900  # beyond what any row has
    if isinstance(value, date):
        return value + timedelta(days=900)
    return uuid4() if isinstance(value, UUID) else f"s-{uuid4().hex[:12]}"
