"""The audit log and belief history can't be written, changed, emptied, back-dated or forged."""

from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from world import ROLES, Connection, Gate, House, Role, World, a_home, insert, new_row, refusal, token, value_of

LOGS = ("audit_log", "belief_history")
LONG_AGO = "1999-01-01"
FORGERIES: tuple[LiteralString, ...] = (
    "INSERT INTO {} SELECT * FROM {} LIMIT 1",
    "UPDATE {} SET recorded_at = recorded_at",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "TRUNCATE {} CASCADE",
)


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("role", ["operator", *ROLES])
def test_nobody_writes_changes_deletes_or_empties_a_log(world: World, role: Role, log: str):
    with world.gate.enter(world.ours.house, role) as connection:
        for forgery in FORGERIES:
            statement = sql.SQL(forgery.replace("{}", "{0}")).format(sql.Identifier(log))
            assert refusal(connection, statement) == "42501"
        row = new_row(log, world.ours, world.ours.house.own)
        columns = sql.SQL(", ").join(map(sql.Identifier, row))
        values = sql.SQL(", ").join(map(sql.Placeholder, row))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(log), columns, values)
        assert refusal(connection, statement, row) == "42501"


@pytest.mark.parametrize("log", LOGS)
def test_not_even_the_owner_or_the_keeper_changes_or_empties_a_log(world: World, log: str):
    for role in ("empla_owner", "empla_keeper"):
        admin = world.gate.admin
        with admin.transaction(force_rollback=True):
            admin.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(world.ours.house.tenant),))
            for forgery in FORGERIES[1:]:
                statement = sql.SQL(forgery).format(sql.Identifier("empla", log))
                try:
                    with admin.transaction(force_rollback=True):
                        assert admin.execute(statement).rowcount == 0
                except psycopg.errors.InsufficientPrivilege:
                    continue


def test_nobody_empties_a_partition_of_a_log(world: World):
    logs = "('empla.audit_log', 'empla.belief_history')"
    query = f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent::regclass::text IN {logs}"
    for (partition,) in world.gate.admin.execute(query).fetchall():
        statement = sql.SQL("TRUNCATE {}").format(sql.Identifier("empla", partition.removeprefix("empla.")))
        with world.gate.admin.transaction(force_rollback=True):
            world.gate.admin.execute("SET LOCAL ROLE empla_owner")
            assert refusal(world.gate.admin, statement) == "42501"


def test_the_log_triggers_can_be_hung_on_no_other_table(world: World):
    """Else a temporary table of the forger's own would write what it likes."""
    of_rows = ("touch_truly()", "gate_effect()", "ask_for_effect()", "withdraw_effects()", "set_stage_since()")
    for trigger in ("audit_rows('goal', 'priority')", "log_beliefs()", "keep_dependencies()", *of_rows):
        with world.gate.enter(world.ours.house, "admin") as connection:
            connection.execute("CREATE TEMPORARY TABLE goals (LIKE employee_goals)")
            statement = "CREATE TRIGGER forge AFTER INSERT ON goals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION "
            assert refusal(connection, sql.SQL(statement + trigger)) == "42501"  # pyright: ignore[reportArgumentType]


# What the logs say


def last(connection: Connection, action: str) -> tuple[str, UUID, datetime, datetime]:
    row = connection.execute(
        "SELECT actor_type, actor_id, occurred_at, recorded_at FROM empla.audit_log WHERE action_type = %s ORDER BY id DESC LIMIT 1",
        (action,),
    ).fetchone()
    assert row is not None
    return row


def test_the_actor_of_an_entry_is_whoever_entered(gate: Gate, ours: House):
    expected: dict[Role, tuple[str, UUID]] = {
        "admin": ("user", ours.admin),
        "user": ("user", ours.user),
        "employee": ("employee", ours.own),
        "operator": ("system", UUID(int=0)),
    }
    for role, (kind, who) in expected.items():
        action = f"memory.read_{role}"
        with gate.enter(ours, role, commit=True) as connection:
            connection.execute("SELECT note_action(%s, 'memory')", (action,))
        assert last(gate.admin, action)[:2] == (kind, who)


@pytest.mark.parametrize(
    "action", ["goal.created", "belief.updated", "employee.deleted", "user.changed", "belief.decayed"]
)
def test_nobody_notes_a_change_that_no_row_went_through(world: World, action: str):
    for role in ROLES:
        with world.gate.enter(world.ours.house, role) as connection:
            assert refusal(connection, "SELECT note_action(%(action)s, 'goal')", {"action": action}) == "42501"


def test_nothing_is_noted_by_nobody(world: World):
    for connection in (world.gate.app, world.gate.worker):
        assert refusal(connection, "SELECT empla.note_action('memory.read', 'memory')") == "42501"


def test_a_time_set_by_hand_does_not_back_date_the_logs_of_a_real_tenant(world: World):
    with world.gate.enter(world.ours.house, "admin") as connection:
        connection.execute("SELECT set_config('app.now', %s, true)", (LONG_AGO,))
        insert(connection, "employee_goals", new_row("employee_goals", world.ours, world.ours.house.own))
        insert(connection, "beliefs", new_row("beliefs", world.ours, world.ours.house.own))
        connection.execute("SELECT note_action('memory.read', 'memory')")
        for action in ("goal.created", "belief.created", "memory.read"):
            *_, occurred_at, recorded_at = last(connection, action)
            assert datetime.now(UTC) - occurred_at < timedelta(minutes=5)
            assert datetime.now(UTC) - recorded_at < timedelta(minutes=5)
        changed_at = value_of(connection, "SELECT changed_at FROM belief_history ORDER BY id DESC LIMIT 1")
        assert datetime.now(UTC) - changed_at < timedelta(minutes=5)


def test_a_simulated_tenant_logs_its_own_time_and_the_wall_clock(gate: Gate):
    slug = f"t-{token()}"
    tenant = value_of(gate.app, "SELECT empla.provision_tenant(%(slug)s, 'Then', '2017-01-01Z')", {"slug": slug})
    gate.app.commit()
    assert value_of(gate.app, "SELECT empla.set_tenant_status(%(tenant)s, 'suspended')", {"tenant": tenant})
    gate.app.commit()
    for action in ("tenant.created", "tenant.changed"):
        *_, occurred_at, recorded_at = gate.admin.execute(
            "SELECT occurred_at, recorded_at FROM empla.audit_log WHERE tenant_id = %s AND action_type = %s",
            (tenant, action),
        ).fetchall()[0]
        assert occurred_at == datetime(2017, 1, 1, tzinfo=UTC)
        assert datetime.now(UTC) - recorded_at < timedelta(minutes=5)


def test_a_real_tenant_is_given_no_simulated_time(gate: Gate, ours: House):
    advance = "SELECT advance_clock('2000-01-01')"
    with gate.enter(ours, "admin") as connection:
        assert refusal(connection, advance) == "EM409"
    with gate.enter(ours, "user") as connection:
        assert refusal(connection, advance) == "42501"
    with gate.enter(ours, "employee") as connection:
        assert refusal(connection, advance) == "42501"
    with gate.admin.transaction(force_rollback=True):
        gate.admin.execute("SET LOCAL ROLE empla_migrator")
        values = {"tenant": ours.tenant}
        statement = "UPDATE empla.tenants SET simulated_now = '2000-01-01' WHERE id = %(tenant)s"
        assert refusal(gate.admin, statement, values) == "23514"


def test_the_time_of_a_simulated_tenant_never_goes_back(gate: Gate):
    slug = f"t-{token()}"
    tenant = value_of(gate.app, "SELECT empla.provision_tenant(%(slug)s, 'Then', '2017-01-02Z')", {"slug": slug})
    gate.app.commit()
    with gate.enter(House(tenant, slug, *(tenant,) * 6), "operator") as connection:
        for moment, reached in (("2017-01-01Z", 2), ("2017-01-03Z", 3), ("2017-01-02Z", 3)):
            said = value_of(connection, "SELECT advance_clock(%(moment)s)", {"moment": moment})
            assert said == datetime(2017, 1, reached, tzinfo=UTC)


# Nothing slips past


def test_every_change_of_a_belief_leaves_its_history(world: World):
    with world.gate.enter(world.ours.house, "employee") as connection:
        belief = insert(connection, "beliefs", new_row("beliefs", world.ours, world.ours.house.own))
        for change in (
            "object = '\"won\"'",
            "confidence = 0.1",
            "source = 'prior'",
            "deleted_at = now()",
            "deleted_at = NULL",
        ):
            connection.execute(sql.SQL("UPDATE beliefs SET {} WHERE id = %s").format(sql.SQL(change)), (belief,))  # pyright: ignore[reportArgumentType]
        query = "SELECT change_type FROM belief_history WHERE belief_id = %s ORDER BY id"
        kinds = [row[0] for row in connection.execute(query, (belief,))]
        assert kinds == ["created", "updated", "revised", "revised", "deleted", "created"]


@pytest.mark.parametrize("column", ["id", "employee_id", "subject", "predicate"])
def test_a_belief_does_not_slip_past_its_history_as_another(world: World, column: str):
    house = world.ours.house
    other = {"id": uuid4(), "employee_id": house.colleague}.get(column, "another")
    change = sql.SQL("UPDATE beliefs SET {} = %(to)s, object = '1' WHERE employee_id = %(own)s").format(
        sql.Identifier(column)
    )
    same = sql.SQL("UPDATE beliefs SET {0} = {0}, object = '1' WHERE employee_id = %(own)s").format(
        sql.Identifier(column)
    )
    with world.gate.enter(house, "admin") as connection:
        assert refusal(connection, change, {"to": other, "own": house.own}) == "23514"
        assert refusal(connection, same, {"own": house.own}) is None


def test_nobody_slips_past_the_audit_with_another_id(world: World):
    with world.gate.enter(world.ours.house, "admin") as connection:
        for table in (
            "users",
            "employees",
            "employee_goals",
            "employee_intentions",
            "memory_semantic",
            "memory_procedural",
        ):
            change = sql.SQL("UPDATE {} SET id = gen_random_uuid()").format(sql.Identifier(table))
            assert refusal(connection, change) == "23514"


def test_logs_outlive_what_they_tell_of(gate: Gate):
    home = a_home(gate, "Doomed")
    tenant = home.house.tenant
    counting = """
        SELECT (SELECT count(*) FROM empla.audit_log WHERE tenant_id = %(t)s),
               (SELECT count(*) FROM empla.belief_history WHERE tenant_id = %(t)s)
    """
    before = gate.admin.execute(counting, {"t": tenant}).fetchone()
    with gate.admin.transaction():
        gate.admin.execute("SET LOCAL ROLE empla_migrator")
        gate.admin.execute("SELECT set_config('app.current_tenant_id', %s, true)", (str(tenant),))
        gate.admin.execute("DELETE FROM empla.tenants WHERE id = %s", (tenant,))
    after = gate.admin.execute(counting, {"t": tenant}).fetchone()
    assert before is not None
    assert after is not None
    assert after[0] > before[0] > 0
    assert after[1] == before[1] == 6


def test_retention_erases_what_an_entry_says_and_keeps_its_place(gate: Gate):
    tenant = a_home(gate, "Acme").house.tenant
    placing = "SELECT array_agg(id ORDER BY id) FROM empla.audit_log WHERE tenant_id = %(tenant)s"
    before = value_of(gate.admin, placing, {"tenant": tenant})
    with gate.admin.transaction():
        gate.admin.execute("SET LOCAL ROLE empla_retention")
        assert value_of(
            gate.admin, "SELECT empla.erase_log_payloads(%(tenant)s, now() + interval '1 hour')", {"tenant": tenant}
        )
    assert value_of(gate.admin, placing, {"tenant": tenant}) == before
    left = "SELECT count(*) FROM empla.audit_log WHERE tenant_id = %(tenant)s AND (details <> '{}' OR erased_digest IS NULL)"
    assert value_of(gate.admin, left, {"tenant": tenant}) == 0


@pytest.mark.parametrize("table", ["users", "employees", "employee_goals", "beliefs", "memory_working", "tenants"])
def test_created_at_never_moves_and_updated_at_always_does(world: World, table: str):
    forged = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
    now = "SELECT now()"
    with world.gate.enter(world.ours.house, "admin") as connection:
        if table != "tenants":
            row = {**new_row(table, world.ours, world.ours.house.own), **forged}
            new = insert(connection, table, row)
            reading = sql.SQL("SELECT created_at, updated_at FROM {} WHERE id = %s").format(sql.Identifier(table))
            moment = value_of(connection, now)
            assert connection.execute(reading, (new,)).fetchone() == (moment, moment)
            forging = sql.SQL("UPDATE {} SET created_at = %s, updated_at = %s, metadata = %s WHERE id = %s").format(
                sql.Identifier(table)
            )
            connection.execute(forging, (LONG_AGO, LONG_AGO, Jsonb({"changed": True}), new))
            assert connection.execute(reading, (new,)).fetchone() == (moment, moment)
        connection.execute(sql.SQL("UPDATE {} SET metadata = '{{}}'").format(sql.Identifier(table)))
        lagging = sql.SQL("SELECT count(*) FROM {} WHERE updated_at <> now()").format(sql.Identifier(table))
        assert value_of(connection, lagging) == 0


def test_when_an_assignment_was_made_is_not_for_its_maker_to_say(world: World):
    pair = {**new_row("employee_assignments", world.ours, world.ours.house.own), "created_at": LONG_AGO}
    columns = sql.SQL(", ").join(map(sql.Identifier, pair))
    values = sql.SQL(", ").join(map(sql.Placeholder, pair))
    with world.gate.enter(world.ours.house, "admin") as connection:
        statement = sql.SQL("INSERT INTO employee_assignments ({}) VALUES ({})").format(columns, values)
        assert refusal(connection, statement, pair) == "42501"
