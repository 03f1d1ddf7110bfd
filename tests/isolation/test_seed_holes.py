"""The holes of the specification's first schema stay closed: context, keys, names, doors and roles."""

from collections.abc import Callable
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import BaseModel
from world import (
    Connection,
    Gate,
    House,
    Role,
    World,
    a_home,
    a_user,
    an_employee,
    insert,
    insertion,
    new_row,
    refusal,
    token,
    value_of,
)

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.errors import EmplaError, NotFoundError
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller

CONTEXT: LiteralString = """
    SELECT concat(current_setting('app.current_tenant_id', true), current_setting('app.current_user_id', true),
                  current_setting('app.current_employee_id', true), current_setting('app.current_role', true),
                  current_setting('app.assigned_employee_ids', true), current_setting('app.now', true)) AS said
"""


# The owner, and a context that is not there


def test_the_owner_of_a_table_sees_no_row(gate: Gate, ours: House):
    with gate.admin.transaction(force_rollback=True):
        gate.admin.execute("SET LOCAL ROLE empla_owner")
        gate.admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(ours.tenant),))
        assert value_of(gate.admin, "SELECT count(*) FROM empla.employees") == 0


def test_a_view_of_the_owners_shows_no_row_either(gate: Gate, ours: House):
    with gate.admin.transaction(force_rollback=True):
        gate.admin.execute("SET LOCAL ROLE empla_owner; CREATE VIEW empla.everybody AS SELECT * FROM empla.employees")
        gate.admin.execute("GRANT SELECT ON empla.everybody TO empla_app; SET LOCAL ROLE empla_app")
        gate.admin.execute("SELECT ctx.enter(%s)", (ours.tenant,))
        assert value_of(gate.admin, "SELECT count(*) FROM empla.everybody") == 0
        assert value_of(gate.admin, "SELECT count(*) FROM empla.employees") == 2


def test_a_connection_that_never_entered_sees_no_row_and_no_error(gate: Gate, ours: House):
    assert ours.tenant
    for connection in (gate.app, gate.worker):
        assert value_of(connection, "SELECT count(*) FROM empla.employees") == 0


def test_a_connection_whose_transaction_has_ended_sees_no_row_and_no_error(gate: Gate, ours: House):
    with gate.enter(ours, "admin", commit=True) as connection:
        assert value_of(connection, "SELECT count(*) FROM employees") == 2
    assert value_of(gate.app, "SELECT current_setting('app.current_tenant_id')") == ""
    assert value_of(gate.app, "SELECT count(*) FROM empla.employees") == 0


class Said(BaseModel):
    said: str


async def context_of(database: Database) -> str:
    """What the next borrower of a pooled connection finds in its context."""
    rows = await database.across(Said, CONTEXT)
    return rows[0].said


async def fail(database: Database, caller: Caller, statement: LiteralString | None) -> None:
    async with database.write(caller) as tx:
        if statement is None:
            raise ZeroDivisionError
        await tx.execute(statement)


FAILURES: tuple[LiteralString | None, ...] = (
    "SELECT 1/0",
    "SELECT * FROM no_such_table",
    "INSERT INTO tenant_slugs VALUES ('x', gen_random_uuid())",
    None,
)


@pytest.mark.parametrize("failing", FAILURES)
async def test_a_transaction_that_fails_in_the_middle_leaves_no_context_on_the_pooled_connection(
    settings: Settings, acme: Caller, failing: LiteralString | None
):
    async with opening.opened(settings.model_copy(update={"pool_size": 1})) as database:
        with pytest.raises((ZeroDivisionError, psycopg.Error, EmplaError)):
            await fail(database, acme, failing)
        assert await context_of(database) == ""


async def test_a_transaction_that_ends_well_leaves_no_context_on_the_pooled_connection(
    settings: Settings, acme: Caller
):
    async with opening.opened(settings.model_copy(update={"pool_size": 1})) as database:
        async with database.write(acme) as tx:
            await tx.execute("UPDATE tenants SET name = 'Acme' WHERE id = %(tenant)s::uuid")
        assert await context_of(database) == ""


def test_a_context_that_somebody_left_on_the_connection_is_gone_when_the_next_one_enters(
    gate: Gate, ours: House, theirs: House
):
    gate.app.execute("SELECT set_config('app.current_tenant_id', %s, false)", (str(theirs.tenant),))
    gate.app.execute("SELECT set_config('app.current_role', 'operator', false)")
    gate.app.execute(
        "SELECT set_config('app.assigned_employee_ids', %s, false)", (f"{{{theirs.own},{ours.colleague}}}",)
    )
    gate.app.execute("SELECT set_config('app.now', '1999-01-01', false)")
    gate.app.commit()
    with gate.enter(ours, "user") as connection:
        assert connection.execute("SELECT id FROM employees").fetchall() == [(ours.own,)]
        assert value_of(connection, "SELECT ctx.now() = now()")


# Keys


def goal_of(house: House, employee: UUID) -> dict[str, object]:
    goal = {"goal_type": "achievement", "description": "x", "target": "{}"}
    return {"tenant_id": house.tenant, "employee_id": employee, **goal}


def test_nobodys_goal_hangs_on_another_tenants_employee(gate: Gate, ours: House, theirs: House):
    with gate.enter(ours, "admin") as connection:
        assert (
            refusal(connection, insertion("employee_goals", goal_of(ours, ours.own)), goal_of(ours, ours.own)) is None
        )
        for employee in (theirs.own, uuid4()):
            goal = goal_of(ours, employee)
            assert refusal(connection, insertion("employee_goals", goal), goal) == "23503"


def test_an_employee_is_not_created_by_another_tenants_user(gate: Gate, ours: House, theirs: House):
    with gate.enter(ours, "admin") as connection:
        for user, expected in ((ours.admin, None), (theirs.admin, "23503"), (uuid4(), "23503")):
            employee = an_employee(ours.tenant, user)
            assert refusal(connection, insertion("employees", employee), employee) == expected


def test_an_id_of_another_tenant_is_free_here(gate: Gate, ours: House, theirs: House):
    with gate.enter(ours, "admin") as connection:
        employee = {**an_employee(ours.tenant), "id": theirs.own}
        assert insert(connection, "employees", employee) == theirs.own


def test_a_plan_serves_a_goal_of_its_own_employee_alone(gate: Gate, ours: House):
    with gate.enter(ours, "admin") as connection:
        goal = insert(connection, "employee_goals", goal_of(ours, ours.colleague))
        plan = {"intention_type": "action", "description": "x", "plan": "{}", "goal_id": goal}
        for employee, expected in ((ours.colleague, None), (ours.own, "23503")):
            owned = {"tenant_id": ours.tenant, "employee_id": employee, **plan}
            assert refusal(connection, insertion("employee_intentions", owned), owned) == expected


def test_a_row_does_not_move_into_another_tenant_nor_to_another_employee(gate: Gate, ours: House, theirs: House):
    with gate.enter(ours, "admin") as connection:
        goal = insert(connection, "employee_goals", goal_of(ours, ours.own))
        for column, value in (("tenant_id", theirs.tenant), ("employee_id", ours.colleague), ("id", uuid4())):
            move = sql.SQL("UPDATE employee_goals SET {} = %(to)s WHERE id = %(goal)s").format(sql.Identifier(column))
            assert refusal(connection, move, {"to": value, "goal": goal}) == "23514"


def test_a_deleted_tenant_takes_nothing_of_another_with_it(world: World):
    gate, doomed = world.gate, a_home(world.gate, "Doomed").house
    counting = "SELECT count(*) FROM empla.memory_episodes WHERE tenant_id = %(tenant)s"
    with gate.admin.transaction(force_rollback=True):
        as_migrator(gate.admin, doomed)
        gate.admin.execute("DELETE FROM empla.tenants WHERE id = %s", (doomed.tenant,))
        assert value_of(gate.admin, counting, {"tenant": doomed.tenant}) == 0
        assert value_of(gate.admin, counting, {"tenant": world.theirs.house.tenant}) == 2


def as_migrator(admin: Connection, house: House) -> None:
    admin.execute("SET LOCAL ROLE empla_migrator")
    for name, value in (("current_tenant_id", str(house.tenant)), ("current_role", "operator")):
        admin.execute("SELECT set_config(%s, %s, true)", (f"app.{name}", value))


# Unique, among the living


@pytest.mark.parametrize("table", ["users", "employees", "beliefs", "memory_semantic", "memory_procedural"])
def test_what_was_deleted_can_come_back_and_the_living_are_unique(world: World, table: str):
    with world.gate.enter(world.ours.house, "admin") as connection:
        row = new_row(table, world.ours, world.ours.house.own)
        twin = {**row, "id": uuid4()}
        insert(connection, table, row)
        assert refusal(connection, insertion(table, twin), twin) == "23505"
        for _ in range(2):  # any number of deleted ones
            delete = sql.SQL("UPDATE {} SET deleted_at = now() WHERE id = %s").format(sql.Identifier(table))
            connection.execute(delete, (row["id"],))
            row = {**row, "id": uuid4()}
            insert(connection, table, row)


async def test_evidence_after_a_retraction_makes_a_living_belief(database: Database, acme: Caller, gate: Gate):
    with gate.enter(House(acme.tenant, "", *(acme.tenant,) * 6), "operator", commit=True) as connection:
        employee = insert(connection, "employees", an_employee(acme.tenant))
    async with database.write(acme) as tx:
        piece = Evidence(subject="pipeline", predicate="coverage", object=2.1)
        first = await beliefs.observe(tx, employee=employee, piece=piece)
        await beliefs.retract(tx, employee=employee, subject="pipeline", predicates=["coverage"], reason="wrong")
        with pytest.raises(NotFoundError):
            await beliefs.current(tx, employee=employee, subject="pipeline", predicate="coverage")
        second = await beliefs.observe(tx, employee=employee, piece=piece)
        assert await beliefs.held(tx, employee=employee) == [second]
        assert first.id != second.id


BAD_ADDRESSES = [
    *("p@acme.c|m", "..@-..com", "p@acme", "a b@acme.com", "p@acme.com\n", "evil\np@acme.com", "@acme.com", "p@", ""),
    *("p@-acme.com", "p@acme-.com", "p@acme..com", ".p@acme.com", "p.@acme.com", "p..q@acme.com", "p@acme.1om"),
    *("Pat <p@acme.com>", "p@q@acme.com", "p@acme.com ", "é@acme.com", f"{'p' * 260}@acme.com"),
]


@pytest.mark.parametrize("make", [a_user, an_employee], ids=["users", "employees"])
@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_what_is_no_address_is_refused(world: World, make: Callable[[UUID], dict[str, object]], address: str):
    table = "users" if make is a_user else "employees"
    with world.gate.enter(world.ours.house, "admin") as connection:
        row = {**make(world.ours.house.tenant), "email": address}
        assert refusal(connection, insertion(table, row), row) == "23514"


@pytest.mark.parametrize("make", [a_user, an_employee], ids=["users", "employees"])
def test_addresses_that_differ_in_case_alone_are_one(world: World, make: Callable[[UUID], dict[str, object]]):
    table = "users" if make is a_user else "employees"
    with world.gate.enter(world.ours.house, "admin") as connection:
        for address, expected in (("Bob.O'Neil+x@Sub.Acme.example", None), ("bob.o'neil+X@sub.acme.EXAMPLE", "23505")):
            row = {**make(world.ours.house.tenant), "email": address}
            assert refusal(connection, insertion(table, row), row) == expected
            if expected is None:
                insert(connection, table, row)


@pytest.mark.parametrize("slug", ["---", "-a", "a-", "A", "a_b", "", "ü", "a" * 64, "a\n"])
def test_what_is_no_slug_is_refused(gate: Gate, slug: str):
    assert refusal(gate.app, "SELECT empla.provision_tenant(%(slug)s, 'Acme')", {"slug": slug}) == "23514"


# Doors


def test_a_tenant_is_found_by_its_slug_before_any_context(gate: Gate, ours: House):
    found = gate.app.execute("SELECT id, status FROM empla.find_tenant(%s)", (ours.slug,)).fetchall()
    assert found == [(ours.tenant, "active")]


def test_inside_a_tenant_no_door_tells_of_another_or_changes_it(gate: Gate, ours: House, theirs: House):
    roles: tuple[Role, ...] = ("admin", "manager", "user", "operator")
    for role in roles:
        with gate.enter(ours, role) as connection:
            assert connection.execute("SELECT * FROM find_tenant(%s)", (theirs.slug,)).fetchall() == []
            assert connection.execute("SELECT * FROM active_tenants()").fetchall() == []
            for status in ("suspended", "active"):
                values = {"tenant": theirs.tenant, "status": status}
                assert refusal(connection, "SELECT set_tenant_status(%(tenant)s, %(status)s)", values) == "42501"
            assert refusal(connection, "SELECT provision_tenant(%(slug)s, 'New')", {"slug": f"t-{token()}"}) == "42501"


def test_the_doors_leave_no_context_behind(gate: Gate, ours: House):
    gate.app.execute("SELECT empla.provision_tenant(%s, 'New', '2017-01-01')", (f"t-{token()}",))
    gate.app.execute("SELECT empla.set_tenant_status(%s, 'suspended')", (ours.tenant,))
    assert value_of(gate.app, "SELECT concat(ctx.tenant_id(), ctx.role(), current_setting('app.now', true))") == ""
    gate.app.rollback()


def test_a_slug_is_taken_once_and_for_all(gate: Gate, ours: House):
    assert refusal(gate.app, "SELECT empla.provision_tenant(%(slug)s, 'Again')", {"slug": ours.slug}) == "23505"


def test_a_suspended_tenant_lets_nobody_in_until_it_is_active_again(gate: Gate, ours: House):
    entering = "SELECT ctx.enter(%(tenant)s, %(user)s, %(employee)s)"
    nobody = {"tenant": ours.tenant, "user": None, "employee": None}
    callers = [
        (gate.app, nobody),
        (gate.app, {**nobody, "user": ours.admin}),
        (gate.worker, {**nobody, "employee": ours.own}),
    ]
    for status, expected in (("suspended", "EM403"), ("active", None)):
        assert value_of(gate.app, "SELECT empla.set_tenant_status(%(id)s, %(to)s)", {"id": ours.tenant, "to": status})
        gate.app.commit()
        assert [refusal(connection, entering, caller) for connection, caller in callers] == [expected] * 3
    for status in ("deleted", "nonsense", None):
        assert not value_of(
            gate.app, "SELECT empla.set_tenant_status(%(id)s, %(to)s)", {"id": ours.tenant, "to": status}
        )


def test_a_deleted_user_is_let_in_no_more(gate: Gate, ours: House):
    with gate.enter(ours, "admin", commit=True) as connection:
        connection.execute("UPDATE users SET deleted_at = now() WHERE id = %s", (ours.manager,))
    values = {"tenant": ours.tenant, "user": ours.manager}
    assert refusal(gate.app, "SELECT ctx.enter(%(tenant)s, %(user)s)", values) == "EM404"


@pytest.mark.parametrize("role", ["operator", "admin", "manager", "user"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants SET status = 'active'",
        "UPDATE tenants SET slug = 'acme'",
        "UPDATE tenants SET clock = 'simulated', simulated_now = '2000-01-01'",
        "UPDATE tenants SET simulated_now = '2000-01-01'",
        "UPDATE tenants SET deleted_at = now()",
        "UPDATE tenants SET id = uuidv7()",
        "DELETE FROM tenants",
        "INSERT INTO tenants (name, slug) VALUES ('New', 'new')",
        "INSERT INTO tenant_slugs (slug, tenant_id) VALUES ('new', ctx.tenant_id())",
        "UPDATE tenant_slugs SET slug = 'new'",
        "DELETE FROM tenant_slugs",
    ],
)
def test_no_tenant_is_made_suspended_renamed_or_deleted_past_the_doors(
    world: World, role: Role, statement: LiteralString
):
    with world.gate.enter(world.ours.house, role) as connection:
        connection.execute("SET LOCAL search_path = empla, public")
        assert refusal(connection, statement) == "42501"


# Roles, in the database


def test_nobody_but_an_admin_changes_a_role(gate: Gate, ours: House):
    expected: dict[Role, int] = {"user": 0, "manager": 0, "admin": 4}
    for role, rows in expected.items():
        with gate.enter(ours, role) as connection:
            assert connection.execute("UPDATE users SET role = 'admin'").rowcount == rows
            allowed = refusal(
                connection, insertion("users", a_user(ours.tenant, "admin")), a_user(ours.tenant, "admin")
            )
            assert allowed == (None if role == "admin" else "42501")


def test_nobody_assigns_an_employee_to_himself(gate: Gate, ours: House):
    pair = {"tenant_id": ours.tenant, "user_id": ours.user, "employee_id": ours.colleague}
    with gate.enter(ours, "user") as connection:
        assert refusal(connection, insertion("employee_assignments", pair), pair) == "42501"
        assert refusal(connection, "UPDATE employee_assignments SET employee_id = employee_id") == "42501"
    with gate.enter(ours, "manager", commit=True) as connection:
        connection.execute(insertion("employee_assignments", pair), pair)
    with gate.enter(ours, "user") as connection:
        assert connection.execute("SELECT id FROM employees ORDER BY id").fetchall() == [
            (i,) for i in sorted((ours.own, ours.colleague))
        ]


def test_a_role_is_read_in_the_database_whatever_the_caller_says(gate: Gate, ours: House):
    gate.app.execute("SELECT set_config('app.current_role', 'admin', false)")
    with gate.enter(ours, "user") as connection:
        assert value_of(connection, "SELECT ctx.role()") == "user"
        assert connection.execute("UPDATE users SET role = 'admin'").rowcount == 0


def test_an_employee_is_entered_by_the_worker_alone(gate: Gate, ours: House):
    entering = "SELECT ctx.enter(%(tenant)s, NULL, %(employee)s)"
    values = {"tenant": ours.tenant, "employee": ours.own}
    assert refusal(gate.worker, entering, values) is None
    assert refusal(gate.app, entering, values) == "EM404"
    assert refusal(gate.worker, "SELECT ctx.enter(%(tenant)s, %(employee)s)", values) == "42501"


def test_nobody_enters_as_a_user_and_an_employee_at_once(gate: Gate, ours: House):
    values = {"tenant": ours.tenant, "user": ours.admin, "employee": ours.own}
    assert refusal(gate.app, "SELECT ctx.enter(%(tenant)s, %(user)s, %(employee)s)", values) == "22023"
