"""What a row may hold: the dependencies, states, numbers, JSON, columns and indexes that the specification's first schema left open."""

import threading
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import JsonValue
from world import ROWS, WHEN, Connection, Gate, House, World, insert, insertion, new_row, refusal, value_of

LOGS = ("audit_log", "belief_history", "fact_history", "goal_history")
# Written through a door or by a trigger, or without a value of its own.
WRITTEN_BY_NOBODY = {
    *{*LOGS, "tenants", "tenant_slugs", "intention_dependencies", "belief_conflicts", "belief_supports"},
    *{"approvals", "budget_days", "budget_reservations", "conversations", "events", "messages"},
    *{"sign_ins", "api_keys", "user_secrets", "sign_in_attempts"},
}
WRITTEN_BY_EMPLOYEES = {"effects"}


# Dependencies


def a_plan(
    house: House, *, employee: UUID | None = None, dependencies: list[UUID | None] | None = None
) -> dict[str, object]:
    plan = {"intention_type": "action", "description": "Call", "plan": Jsonb({}), "dependencies": dependencies}
    return {"tenant_id": house.tenant, "employee_id": employee or house.own, "id": uuid4(), **plan}


def depend(connection: Connection, plan: UUID, on: list[UUID]) -> None:
    connection.execute("UPDATE employee_intentions SET dependencies = %s WHERE id = %s", (on, plan))


def test_a_dependency_is_a_plan_of_the_same_employee(world: World):
    house, theirs = world.ours.house, world.theirs.own
    refused = {"of nobody": uuid4(), "of a colleague": world.ours.colleague.plan, "of another tenant": theirs.plan}
    with world.gate.enter(house, "admin") as connection:
        for whose, dependency in {"its own": world.ours.own.plan, **refused}.items():
            row = a_plan(house, dependencies=[dependency])
            assert refusal(connection, insertion("employee_intentions", row), row) == (
                "23503" if whose in refused else None
            )


def test_a_plan_depends_neither_on_itself_nor_on_nothing_nor_twice_on_the_same(world: World):
    house, plan = world.ours.house, world.ours.own.plan
    with world.gate.enter(house, "admin") as connection:
        itself = a_plan(house)
        for dependencies in ([itself["id"]], [None], [plan, None], [plan, plan]):
            row = {**itself, "dependencies": dependencies}
            assert refusal(connection, insertion("employee_intentions", row), row) == "23514"


def test_dependencies_close_no_circle(world: World):
    house = world.ours.house
    with world.gate.enter(house, "admin") as connection:
        first, second, third = (insert(connection, "employee_intentions", a_plan(house)) for _ in range(3))
        depend(connection, second, [first])
        depend(connection, third, [second])
        change = "UPDATE employee_intentions SET dependencies = ARRAY[%(on)s] WHERE id = %(plan)s"
        assert refusal(connection, change, {"plan": first, "on": third}) == "23514"
        assert refusal(connection, change, {"plan": first, "on": second}) == "23514"
        assert refusal(connection, change, {"plan": third, "on": first}) is None


def test_plans_inserted_by_one_statement_may_depend_on_each_other_but_not_in_a_circle(world: World):
    house = world.ours.house
    one, other = a_plan(house), a_plan(house)
    columns = sql.SQL(", ").join(map(sql.Identifier, one))
    rows = sql.SQL("INSERT INTO employee_intentions ({}) VALUES ({}), ({})").format(
        columns,
        sql.SQL(", ").join(sql.Placeholder(f"{name}_1") for name in one),
        sql.SQL(", ").join(sql.Placeholder(f"{name}_2") for name in other),
    )

    def both(first_on: list[object], second_on: list[object]) -> dict[str, object]:
        first, second = {**one, "dependencies": first_on}, {**other, "dependencies": second_on}
        return {f"{k}_1": v for k, v in first.items()} | {f"{k}_2": v for k, v in second.items()}

    with world.gate.enter(house, "admin") as connection:
        assert refusal(connection, rows, both([other["id"]], [])) is None
        assert refusal(connection, rows, both([], [one["id"]])) is None
        assert refusal(connection, rows, both([other["id"]], [one["id"]])) == "23514"


def test_the_edges_are_what_the_array_says(world: World):
    house = world.ours.house
    edges = "SELECT array_agg(depends_on ORDER BY depends_on) FROM intention_dependencies WHERE intention_id = %(plan)s"
    with world.gate.enter(house, "admin") as connection:
        plan, *others = (insert(connection, "employee_intentions", a_plan(house)) for _ in range(4))
        for wanted in (others[:2], others[1:], [], others):
            depend(connection, plan, wanted)
            assert (value_of(connection, edges, {"plan": plan}) or []) == sorted(wanted)
        connection.execute("UPDATE employee_intentions SET dependencies = NULL WHERE id = %s", (plan,))
        assert value_of(connection, edges, {"plan": plan}) is None


def test_two_transactions_close_no_circle_between_them(world: World):
    """The second waits for the first, then sees what it wrote."""
    gate, house = world.gate, world.ours.house
    with gate.enter(house, "admin", commit=True) as connection:
        first, second = (insert(connection, "employee_intentions", a_plan(house)) for _ in range(2))
    outcome: list[str | None] = []

    def close_the_circle(other: Connection) -> None:
        change = "UPDATE employee_intentions SET dependencies = ARRAY[%(on)s] WHERE id = %(plan)s"
        outcome.append(refusal(other, change, {"plan": second, "on": first}))

    with psycopg.connect(gate.app.info.dsn, user=gate.app.info.user) as other:
        other.execute("SELECT ctx.enter(%s)", (house.tenant,))
        with gate.enter(house, "admin", commit=True) as connection:
            depend(connection, first, [second])
            closing = threading.Thread(target=close_the_circle, args=(other,))
            closing.start()
            wait_until_waiting(gate, other.info.backend_pid)
        closing.join(timeout=30)
    assert outcome == ["23514"]


def wait_until_waiting(gate: Gate, pid: int) -> None:
    """The other connection has come to its lock."""
    for _ in range(3000):
        row = gate.admin.execute(
            "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s", (pid,)
        ).fetchone()
        if row == (True,):
            return
        gate.admin.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("the other transaction does not wait")


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_dependencies_do_not_change_on_an_old_snapshot(world: World, isolation: LiteralString):
    """It would not show what another transaction has just written."""
    house = world.ours.house
    with psycopg.connect(world.gate.app.info.dsn, user=world.gate.app.info.user) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL " + isolation)
        connection.execute("SELECT ctx.enter(%s)", (house.tenant,))
        row = a_plan(house, dependencies=[world.ours.own.plan])
        assert refusal(connection, insertion("employee_intentions", row), row) == "0A000"
        row = a_plan(house)
        assert refusal(connection, insertion("employee_intentions", row), row) is None
        connection.rollback()


# States and their times


CONTRADICTIONS: list[tuple[str, dict[str, object]]] = [
    ("employee_goals", {"status": "completed"}),
    ("employee_goals", {"status": "active", "completed_at": WHEN}),
    ("employee_goals", {"status": "abandoned"}),
    ("employee_goals", {"status": "completed", "completed_at": WHEN, "abandoned_at": WHEN}),
    ("employee_goals", {"status": "done"}),
    ("employee_goals", {"description": " "}),
    ("employee_goals", {"priority": 11}),
    ("employee_intentions", {"status": "in_progress"}),
    ("employee_intentions", {"status": "completed", "started_at": WHEN}),
    ("employee_intentions", {"status": "planned", "completed_at": WHEN}),
    ("employee_intentions", {"status": "failed", "started_at": WHEN}),
    ("employee_intentions", {"status": "planned", "failed_at": WHEN}),
    ("employees", {"status": "onboarding", "lifecycle_stage": "autonomous"}),
    ("employees", {"status": "active", "activated_at": None}),
    ("employees", {"onboarded_at": None}),
    ("employees", {"activated_at": "1999-01-01"}),
    ("employees", {"name": ""}),
    ("employees", {"capabilities": [None]}),
    ("users", {"role": "operator"}),
    ("memory_procedural", {"execution_count": 1}),
    ("memory_procedural", {"last_executed_at": WHEN}),
    ("memory_procedural", {"learned_from": "hearsay"}),
    ("memory_procedural", {"standing": "famous"}),
    ("memory_procedural", {"version": 0}),
    ("memory_procedural", {"success_count": 1}),
    ("memory_procedural", {"success_rate": 0.5}),
    ("memory_procedural", {"execution_count": 2, "last_executed_at": WHEN, "success_count": 1, "success_rate": 0.6}),
    (
        "memory_procedural",
        {
            "execution_count": 2,
            "last_executed_at": WHEN,
            "success_count": 1,
            "success_rate": 0.5,
            "consecutive_failures": 2,
        },
    ),
    ("memory_procedural", {"consecutive_failures": -1}),
    ("memory_procedural", {"shelf_digest": "abc"}),
    ("memory_procedural", {"recent": [None]}),
    ("observations", {"status": "perceived"}),
    ("observations", {"status": "pending", "perceived_at": WHEN}),
    ("observations", {"status": "failed"}),
    ("observations", {"error": "broken"}),
    ("beliefs", {"subject": " pipeline"}),
    ("beliefs", {"subject": ""}),
    ("beliefs", {"subject": "s" * 501}),
    ("beliefs", {"decay_model": "sudden"}),
    ("memory_semantic", {"predicate": "is "}),
    ("memory_semantic", {"verified": True, "confidence": 0.9}),
    ("memory_semantic", {"verified": True, "decay_rate": 0.1}),
    ("memory_semantic", {"verified": True, "disputed": True}),
    ("memory_semantic", {"ended": "lost"}),
]


@pytest.mark.parametrize(("table", "wrong"), CONTRADICTIONS)
def test_a_state_and_its_times_do_not_contradict_each_other(world: World, table: str, wrong: dict[str, object]):
    with world.gate.enter(world.ours.house, "admin") as connection:
        row = new_row(table, world.ours, world.ours.house.own)
        assert refusal(connection, insertion(table, row), row) is None
        row |= wrong
        assert refusal(connection, insertion(table, row), row) == "23514"


# Numbers


def columns_of(world: World, kind: str) -> list[tuple[str, str]]:
    """Every column of that type, with its table, logs included."""
    query = """
        SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace = 'empla'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0
           AND a.atttypid = %s::regtype ORDER BY 1, 2
    """
    return [(table, column) for table, column in world.gate.admin.execute(query, (kind,))]


def checked(world: World, table: str, column: str) -> str:
    """What the table's checks say about the column."""
    query = """
        SELECT coalesce(string_agg(pg_get_constraintdef(k.oid), ' '), '') FROM pg_constraint k
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
         WHERE k.conrelid = %(table)s::regclass AND k.contype = 'c' AND a.attname = %(column)s
    """
    return value_of(world.gate.admin, query, {"table": f"empla.{table}", "column": column})


def test_no_number_is_nan_or_infinite(world: World):
    floats = columns_of(world, "float8")
    assert len(floats) >= 10
    with world.gate.enter(world.ours.house, "admin") as connection:
        for table, column in floats:
            if table in LOGS:
                assert checked(world, table, column), f"{table}.{column} is unbounded"
                continue
            for value in ("NaN", "Infinity", "-Infinity"):
                row = {**new_row(table, world.ours, world.ours.house.own), column: value}
                assert refusal(connection, insertion(table, row), row) == "23514", f"{table}.{column} takes {value}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "0"])
def test_no_embedding_has_a_number_or_a_length_that_poisons_its_distances(world: World, number: str):
    numbers = {"NaN": "NaN", "Infinity": "Infinity", "0": "0"}[number]
    with world.gate.enter(world.ours.house, "admin") as connection:
        for table, column in columns_of(world, "halfvec"):
            filling = "0" if number == "0" else "1"
            vector = f"[{numbers},{','.join([filling] * 1023)}]"
            row = {**new_row(table, world.ours, world.ours.house.own), column: vector}
            assert refusal(connection, insertion(table, row), row) in {"23514", "22000", "22P02"}
            row[column] = f"[{','.join(['0.5'] * 1024)}]"
            assert refusal(connection, insertion(table, row), row) is None


def test_an_embedding_lies_in_the_row_itself(world: World):
    query = "SELECT attstorage::text FROM pg_attribute WHERE attrelid = %(t)s::regclass AND attname = %(c)s"
    vectors = columns_of(world, "halfvec")
    assert vectors == [("memory_vectors", "embedding")]
    for table, column in vectors:
        assert value_of(world.gate.admin, query, {"t": f"empla.{table}", "c": column}) == "p"


# JSON

# The seed lets these be any JSON, or lists; every other is an object.
ANY_JSON = {("beliefs", "object")}
LISTS = {
    *{("beliefs", "evidence"), ("beliefs", "grounds"), ("beliefs", "revision"), ("beliefs", "silenced")},
    *{("employee_goals", "watches"), ("employee_intentions", "watches"), ("memory_procedural", "evidence")},
}


def test_json_has_its_type(world: World):
    for table, column in columns_of(world, "jsonb"):
        if table in WRITTEN_BY_NOBODY or (table, column) in ANY_JSON:
            continue
        container: JsonValue = {} if (table, column) in LISTS else []
        with world.gate.enter(world.ours.house, "employee" if table in WRITTEN_BY_EMPLOYEES else "admin") as connection:
            for value in (container, 3, None, "x", True):
                row = {**new_row(table, world.ours, world.ours.house.own), column: Jsonb(value)}
                expected = "42501" if (table, column) == ("effects", "receipt") else "23514"
                assert refusal(connection, insertion(table, row), row) == expected, f"{table}.{column} takes {value!r}"


def test_json_has_its_size(world: World):
    """Of the logs, which the database writes from what was checked before, nothing is asked."""
    for table, column in columns_of(world, "jsonb"):
        if table not in LOGS:
            said = checked(world, table, column)
            assert f"is_object({column}, " in said or f"pg_column_size({column}) <= " in said, (
                f"{table}.{column} is unbounded"
            )
    with world.gate.enter(world.ours.house, "admin") as connection:
        for table, column, most in (("memory_working", "content", 262_144), ("observations", "content", 1_048_576)):
            for size, expected in ((most // 2, None), (most + 1, "23514")):
                row = new_row(table, world.ours, world.ours.house.own)
                row[column] = Jsonb({"text": "x" * size})
                assert refusal(connection, insertion(table, row), row) == expected


def test_no_nul_and_no_bottomless_json_gets_in(world: World):
    with world.gate.enter(world.ours.house, "admin") as connection:
        for text, sqlstate in (
            ('{"a": "\\u0000"}', "22P05"),
            ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "54001"),
        ):
            row = {**new_row("memory_working", world.ours, world.ours.house.own), "content": text}
            assert refusal(connection, insertion("memory_working", row), row) == sqlstate


# Columns, indexes, types


def rows_of(world: World, query: LiteralString) -> list[str]:
    return [row[0] for row in world.gate.admin.execute(query)]


def test_what_has_expired_in_working_memory_is_found_by_an_index_and_hidden_by_its_reader(world: World):
    definition = rows_of(world, "SELECT pg_get_indexdef('empla.idx_working_employee'::regclass)")[0]
    assert "(tenant_id, employee_id, priority DESC, expires_at) WHERE (deleted_at IS NULL)" in definition
    with world.gate.enter(world.ours.house, "employee") as connection:
        insert(
            connection,
            "memory_working",
            {**new_row("memory_working", world.ours, world.ours.house.own), "expires_at": WHEN},
        )
        living = "SELECT count(*) FROM memory_working WHERE expires_at IS NULL OR expires_at > ctx.now()"
        assert (value_of(connection, "SELECT count(*) FROM memory_working"), value_of(connection, living)) == (2, 1)


def test_every_index_is_one_that_row_security_can_use(world: World):
    """An operator that is not leakproof is evaluated after the fence, so an index for it is never used."""
    leaky = """
        SELECT DISTINCT i.indexrelid::regclass::text
          FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
         CROSS JOIN LATERAL unnest(i.indclass::oid[]) o (opclass)
          JOIN pg_opclass k ON k.oid = o.opclass
          LEFT JOIN pg_amop a ON a.amopfamily = k.opcfamily AND a.amoplefttype = k.opcintype AND a.amoprighttype = k.opcintype
                              AND a.amopstrategy = 3 AND m.amname = 'btree'
          LEFT JOIN pg_operator p ON p.oid = a.amopopr LEFT JOIN pg_proc f ON f.oid = p.oprcode
         WHERE c.relnamespace = 'empla'::regnamespace AND NOT coalesce(f.proleakproof, false)
    """
    assert rows_of(world, leaky) == []


def test_every_entity_has_metadata_and_can_be_deleted_softly(world: World):
    logs = {*LOGS, "metrics", "events", "messages"}
    links = {"tenant_slugs", "employee_assignments", "employee_schedule", "intention_dependencies", "belief_supports"}
    # They live by the wall clock, and their rows end: revoked, expired, used up.
    links |= {"sign_ins", "api_keys", "user_secrets", "sign_in_attempts"}
    links |= {"budget_days", "fact_evidence", "memory_index", "memory_vectors", "memory_words", "memory_spaces"}
    links |= {"idempotency_keys"}
    bare = """
        SELECT c.relname FROM pg_class c
         WHERE c.relnamespace = 'empla'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = %s)
    """
    without = {
        name: {row[0] for row in world.gate.admin.execute(bare, (name,))}
        for name in ("metadata", "deleted_at", "updated_at")
    }
    assert without["metadata"] & set(ROWS) <= (logs | links | {"budget_reservations"})
    # What was seen, done, said or spent stands; a step ends with its intention; a capability is switched off.
    standing = {"observations", "intention_steps", "effects", "notices", "belief_conflicts"}
    standing |= {"approvals", "budgets", "budget_reservations", "capabilities", "conversations", "fact_predicates"}
    assert without["deleted_at"] & set(ROWS) == logs | links | standing
    assert without["updated_at"] & set(ROWS) == logs | links


def test_there_is_no_enum_type(world: World):
    assert (
        rows_of(world, "SELECT typname FROM pg_type WHERE typtype = 'e' AND typnamespace = 'empla'::regnamespace") == []
    )


def test_ids_are_in_the_order_of_time(world: World):
    other = """
        SELECT c.relname FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
          JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
         WHERE c.relnamespace = 'empla'::regnamespace AND a.attname = 'id'
           AND pg_get_expr(d.adbin, d.adrelid) !~ '^(empla\\.)?uuidv7\\(\\)$'
    """
    assert rows_of(world, other) == []
    with world.gate.enter(world.ours.house, "admin") as connection:
        goal = new_row("employee_goals", world.ours, world.ours.house.own)
        goal.pop("id")
        first = insert(connection, "employee_goals", goal)
        connection.execute("SELECT pg_sleep(0.002)")
        assert first < insert(connection, "employee_goals", goal)
        assert first.version == 7
