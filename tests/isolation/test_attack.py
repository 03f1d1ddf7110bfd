"""Every table, every verb, each of the five roles, in its own tenant and against another: nobody reaches what is not theirs."""

from collections.abc import Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from attack import OF_THE_TENANT, VERBS, attacked, describe, every
from catalogue import tables
from psycopg import sql
from world import ROLES, ROWS, Connection, Role, World

EVERYTHING = sorted(ROWS)


def counted(connection: Connection, table: str) -> int | None:
    """How many rows the connection sees; None where it may not look."""
    try:
        with connection.transaction(force_rollback=True):
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("empla", table))
            ).fetchone()
            return row[0] if row else None
    except psycopg.errors.InsufficientPrivilege:
        return None


def seen(connection: Connection) -> dict[str, int]:
    """The tables in which the connection sees a row."""
    return {table: count for table in EVERYTHING if (count := counted(connection, table))}


def test_the_attack_plan_has_a_row_for_every_table(world: World):
    assert tables(world.gate.admin) == EVERYTHING


@pytest.mark.parametrize("table", EVERYTHING)
def test_nobody_reaches_what_is_not_theirs(world: World, table: str, record_property: Callable[[str, object], None]):
    attempts = attacked(world, table)
    record_property("attack", [[a.table, a.verb, a.role, a.side, a.leak is not None] for a in attempts])
    assert not [attempt for attempt in attempts if attempt.leak]
    assert len({(a.verb, a.role, a.side) for a in attempts}) == len(VERBS) * len(ROLES) * 2


def digest(world: World, tenant: UUID) -> dict[str, str]:
    """What every table holds of a tenant, in one word each."""
    found: dict[str, str] = {}
    for name in EVERYTHING:
        table = describe(world.gate.admin, name)
        query = sql.SQL("SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t WHERE {} = %s").format(
            table.identifier, sql.Identifier(table.tenant)
        )
        row = world.gate.admin.execute(query, (tenant,)).fetchone()
        assert row is not None
        assert row[0], f"{name} holds nothing of the tenant"
        found[name] = row[0]
    return found


def test_the_other_tenant_is_as_it_was_after_all_that_was_committed(world: World):
    theirs = world.theirs.house.tenant
    before = digest(world, theirs)
    for role in ROLES:
        for name in EVERYTHING:
            table = describe(world.gate.admin, name)
            for verb in ("UPDATE", "DELETE"):
                with world.gate.enter(world.ours.house, role, commit=True) as connection:
                    query = every(connection, table, verb) + sql.SQL(" WHERE {} = %s").format(
                        sql.Identifier(table.tenant)
                    )
                    try:
                        with connection.transaction():
                            assert connection.execute(sql.Composed([query]), (theirs,)).rowcount == 0
                    except psycopg.errors.InsufficientPrivilege:
                        continue
    assert digest(world, theirs) == before


# Contexts that no door set


def test_without_any_context_nobody_sees_a_row(world: World):
    for worker in (False, True):
        with world.gate.raw(worker=worker) as connection:
            assert seen(connection) == {}


def test_an_empty_context_is_no_context(world: World):
    for worker in (False, True):
        names = dict.fromkeys(("tenant_id", "user_id", "role", "employee_id", "assigned"), "")
        with world.gate.raw(worker=worker, **names) as connection:
            assert seen(connection) == {}


def test_a_role_without_a_tenant_sees_nothing(world: World):
    for role in ("operator", *ROLES):
        for worker in (False, True):
            house = world.ours.house
            with world.gate.raw(worker=worker, role=role, user_id=house.admin, employee_id=house.own) as connection:
                assert seen(connection) == {}


def test_a_tenant_without_a_role_sees_its_own_tenant_row_alone(world: World):
    for worker in (False, True):
        with world.gate.raw(worker=worker, tenant_id=world.ours.house.tenant) as connection:
            assert seen(connection) == {"tenants": 1}


def test_a_role_that_does_not_exist_sees_no_more_than_none(world: World):
    for role in ("superuser", "OPERATOR", "admin ", "employee"):
        with world.gate.raw(tenant_id=world.ours.house.tenant, role=role) as connection:
            assert seen(connection) == {"tenants": 1}


def test_a_tenant_that_does_not_exist_has_no_rows(world: World):
    with world.gate.raw(tenant_id=uuid4(), role="admin") as connection:
        assert seen(connection) == {}


@pytest.mark.parametrize("garbage", ["nobody", "'; RESET ROLE; --", "00000000", "{}", "*"])
def test_a_garbage_tenant_is_an_error_and_shows_nothing(world: World, garbage: str):
    for worker in (False, True):
        with world.gate.raw(
            worker=worker, tenant_id=garbage, role="admin", employee_id=world.ours.house.own
        ) as connection:
            for table in EVERYTHING:
                with pytest.raises((psycopg.errors.InvalidTextRepresentation, psycopg.errors.InsufficientPrivilege)):
                    counted_or_raised(connection, table)


def counted_or_raised(connection: Connection, table: str) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("empla", table)))


def test_a_garbage_list_of_assigned_employees_is_an_error(world: World):
    with (
        world.gate.raw(tenant_id=world.ours.house.tenant, role="user", assigned="{all}") as connection,
        pytest.raises(psycopg.errors.InvalidTextRepresentation),
    ):
        counted_or_raised(connection, "beliefs")


def test_employees_of_another_tenant_assigned_by_hand_show_nothing(world: World):
    ours, theirs = world.ours.house, world.theirs.house
    assigned = f"{{{theirs.own},{theirs.colleague}}}"
    for role in ("delegate", "user"):
        with world.gate.raw(tenant_id=ours.tenant, role=role, assigned=assigned) as connection:
            assert seen(connection) == {"tenants": 1}


def test_an_employee_of_another_tenant_sees_nothing_in_ours_that_is_an_employees(world: World):
    """A fence reads no table, so it can't tell whose employee it is: what belongs to none is there, secrets sealed."""
    with world.gate.raw(
        worker=True, tenant_id=world.ours.house.tenant, employee_id=world.theirs.house.own
    ) as connection:
        assert seen(connection).keys() == OF_THE_TENANT


def test_the_worker_gains_nothing_by_calling_itself_an_admin(world: World):
    with world.gate.raw(worker=True, tenant_id=world.ours.house.tenant, role="admin") as connection:
        assert seen(connection) == {"tenants": 1}


def test_the_app_gains_nothing_by_calling_itself_an_employee(world: World):
    house = world.ours.house
    with world.gate.raw(tenant_id=house.tenant, role="employee", employee_id=house.own) as connection:
        assert seen(connection) == {"tenants": 1}


def test_nobody_is_entered_who_is_not_of_the_tenant(world: World):
    """And the answer does not tell whether he is somewhere else."""
    ours, theirs = world.ours.house, world.theirs.house
    for real, invented in (
        ((ours.tenant, theirs.admin, None), (ours.tenant, uuid4(), None)),
        ((ours.tenant, None, theirs.own), (ours.tenant, None, uuid4())),
    ):
        said = [refusal(world.gate.worker if who[2] else world.gate.app, who) for who in (real, invented)]
        assert said[0] == said[1]
        assert said[0][0] == "EM404"


def refusal(connection: Connection, who: tuple[UUID, UUID | None, UUID | None]) -> tuple[str | None, str | None]:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("SELECT ctx.enter(%s, %s, %s)", who)
    connection.rollback()
    return caught.value.sqlstate, caught.value.diag.message_primary


# Ways around


def test_the_owner_of_the_tables_sees_and_changes_nothing(world: World):
    admin, house = world.gate.admin, world.ours.house
    with admin.transaction(force_rollback=True):
        admin.execute("SET LOCAL ROLE empla_owner")
        for setting, value in (("current_tenant_id", str(house.tenant)), ("current_role", "operator")):
            admin.execute("SELECT set_config(%s, %s, true)", (f"app.{setting}", value))
        assert seen(admin) == {}
        for name in EVERYTHING:
            with admin.transaction(force_rollback=True):
                assert admin.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("empla", name))).rowcount == 0


@pytest.mark.parametrize(
    "stronger", ["empla_owner", "empla_auth", "empla_keeper", "empla_retention", "empla_migrator", "postgres"]
)
def test_no_login_becomes_a_stronger_role(world: World, stronger: str):
    for connection in (world.gate.app, world.gate.worker):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(stronger)))


def test_row_security_can_be_switched_off_by_nobody(world: World):
    for role in ROLES:
        with world.gate.enter(world.ours.house, role) as connection:
            connection.execute("SET LOCAL row_security = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM beliefs")


def test_no_login_alters_what_is_not_its_own(world: World):
    for statement in (
        "ALTER TABLE empla.beliefs DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE empla.beliefs DISABLE TRIGGER ALL",
        "CREATE POLICY mine ON empla.beliefs USING (true)",
        "CREATE TABLE empla.mine (id int)",
        "CREATE TABLE ctx.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE OR REPLACE FUNCTION ctx.tenant_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
        "SET session_replication_role = replica",
        "CALL ctx.let_migrator_in('empla.users')",
        "CALL ctx.fence('empla.users', 'mine')",
        "SELECT empla.erase_log_payloads(uuidv7(), now())",
        "SELECT empla.drop_partitions_before('2100-01-01')",
    ):
        for connection in (world.gate.app, world.gate.worker):
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL search_path = empla, public")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


def test_a_function_that_tells_what_it_is_asked_is_asked_about_own_rows_alone(world: World):
    """The planner may not call it before the fence, however cheap it says it is."""
    told: list[str] = []
    app = world.gate.app
    app.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    spy = """
        CREATE FUNCTION pg_temp.spy(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS
        $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$
    """
    with world.gate.enter(world.ours.house, "user") as connection:
        connection.execute(spy)
        rows = connection.execute("SELECT subject FROM beliefs WHERE pg_temp.spy(subject)").fetchall()
    assert sorted(told) == sorted(row[0] for row in rows)
    assert len(told) == 2


def test_the_planners_statistics_tell_nothing(world: World):
    world.gate.admin.execute("ANALYZE empla.users, empla.beliefs, empla.audit_log")
    for role in ROLES:
        with world.gate.enter(world.ours.house, role) as connection:
            assert connection.execute("SELECT count(*) FROM pg_stats WHERE schemaname = 'empla'").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM pg_stats_ext WHERE schemaname = 'empla'").fetchone() == (0,)


@pytest.mark.parametrize("role", ROLES)
def test_a_copy_holds_what_a_select_shows(world: World, role: Role):
    with world.gate.enter(world.ours.house, role) as connection:
        shown = counted(connection, "beliefs")
        with connection.cursor().copy("COPY beliefs TO STDOUT") as copy:
            assert len(list(copy.rows())) == shown
        with (
            pytest.raises((psycopg.errors.FeatureNotSupported, psycopg.errors.InsufficientPrivilege)),
            connection.cursor().copy("COPY beliefs FROM STDIN") as copy,
        ):
            copy.write(b"")


def test_partitions_are_reached_through_their_parent_alone(world: World):
    query = (
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhparent WHERE c.relkind = 'p'"
    )
    partitions: list[str] = [row[0] for row in world.gate.admin.execute(query)]
    assert len(partitions) >= 15
    for role in ROLES:
        with world.gate.enter(world.ours.house, role) as connection:
            for partition in partitions:
                assert counted(connection, partition.removeprefix("empla.")) is None
