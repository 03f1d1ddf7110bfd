"""What goes out is approved by a human, once, in time, for these words, and within budget: whoever says otherwise in SQL is refused.

Every attempt is committed, so that the row that is unchanged afterwards has withstood it.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from test_seed_rows import wait_until_waiting
from world import (
    ROLES,
    Connection,
    Gate,
    Home,
    Role,
    Values,
    a_home,
    a_message,
    asked,
    insert,
    insertion,
    token,
    value_of,
)

if TYPE_CHECKING:
    from tests.conftest import Cluster

DENIED, NO_ROW, BROKEN, MEANINGLESS = "42501", "02000", "23514", "22023"
EVERYBODY: tuple[Role, ...] = ("operator", *ROLES)
TENANT_OF_ALL_TABLES = ("approvals", "effects", "budgets", "budget_days", "budget_reservations", "notices")
APPROVE: LiteralString = "SELECT decide_effect(%(approval)s, 'approve')"


@pytest.fixture
def home(gate: Gate) -> Home:
    """In it both employees are supervised, and each has asked for one message."""
    return a_home(gate, "Acme")


@pytest.fixture
def rival(gate: Gate) -> Home:
    return a_home(gate, "Rival")


def tried(connection: Connection, query: LiteralString | sql.Composed, values: Values | None = None) -> str | None:
    """The SQLSTATE that the statement ends with: "02000" where it finds no row to change, None when it goes through. Not undone."""
    try:
        with connection.transaction():
            cursor = connection.execute(query, values)
    except psycopg.Error as error:
        return error.sqlstate
    return NO_ROW if cursor.rowcount == 0 else None


def kept(gate: Gate, home: Home) -> dict[str, str]:
    """All that a tenant's employees asked for, were granted and spent, and how far they are trusted."""
    query = sql.SQL(
        "SELECT coalesce(string_agg(t::text, ';' ORDER BY t::text), '') FROM empla.{} t WHERE tenant_id = %(tenant)s"
    )
    tenant = {"tenant": home.house.tenant}
    trusted = """
        SELECT string_agg(id || lifecycle_stage || capabilities::text, ';' ORDER BY id) FROM empla.employees WHERE tenant_id = %(tenant)s
    """
    found = {name: value_of(gate.admin, query.format(sql.Identifier(name)), tenant) for name in TENANT_OF_ALL_TABLES}
    return {**found, "employees": value_of(gate.admin, trusted, tenant)}


@contextmanager
def unchanged(gate: Gate, home: Home) -> Generator[None]:
    """Nothing of it is different afterwards."""
    before = kept(gate, home)
    yield
    assert kept(gate, home) == before


def forced(gate: Gate, query: LiteralString, **values: object) -> None:
    """The administrator does it, without triggers: what no operation could bring about."""
    with gate.admin.transaction():
        gate.admin.execute("SET LOCAL session_replication_role = replica")
        assert gate.admin.execute(query, values).rowcount > 0


def outcome(connection: Connection, effect: UUID, turn: int = 1) -> str:
    return value_of(
        connection, "SELECT verdict FROM begin_effect(%(effect)s, %(turn)s)", {"effect": effect, "turn": turn}
    )


def status_of(gate: Gate, effect: UUID) -> str:
    return value_of(gate.admin, "SELECT status FROM empla.effects WHERE id = %(effect)s", {"effect": effect})


def opened(gate: Gate, home: Home) -> None:
    """The way out: mail is carried at every hour, and the step that asks for it is being taken."""
    with gate.enter(home.house, "operator", commit=True) as connection:
        connection.execute("UPDATE capabilities SET quiet_from = NULL, quiet_until = NULL WHERE name = 'email'")
        carrier = {
            "tenant_id": home.house.tenant,
            "name": token(),
            "capability": "email",
            "kind": "webhook",
            "settings": Jsonb({}),
        }
        insert(connection, "integrations", carrier)
        connection.execute("UPDATE intention_steps SET status = 'in_progress', started_at = now()")


def approved(gate: Gate, home: Home) -> None:
    with gate.enter(home.house, "manager", commit=True) as connection:
        connection.execute(APPROVE, {"approval": home.own.approval})


def trusted(gate: Gate, home: Home, stage: str) -> None:
    with gate.enter(home.house, "manager", commit=True) as connection:
        connection.execute("UPDATE employees SET lifecycle_stage = %s", (stage,))


# Approvals written by hand

FORGED_APPROVALS: list[LiteralString] = [
    "UPDATE approvals SET status = 'approved', decided_at = now(), decided_by = gen_random_uuid(), decided_by_type = 'user'",
    "UPDATE approvals SET status = 'approved'",
    "UPDATE approvals SET digest = repeat('0', 64)",
    "UPDATE approvals SET effect_id = gen_random_uuid()",
    "UPDATE approvals SET expires_at = 'infinity'",
    "UPDATE approvals SET used_at = NULL",
    "UPDATE approvals SET decided_by = gen_random_uuid()",
    "UPDATE approvals SET employee_id = gen_random_uuid()",
    "UPDATE approvals SET tenant_id = gen_random_uuid()",
    "DELETE FROM approvals",
    "TRUNCATE approvals",
]


@pytest.mark.parametrize("role", EVERYBODY)
def test_nobody_writes_an_approval(gate: Gate, home: Home, role: Role):
    copied = {
        "tenant_id": home.house.tenant,
        "employee_id": home.house.own,
        "effect_id": home.own.effect,
        "digest": "0" * 64,
        "stage": "supervised",
        "status": "approved",
        "why": "I say so",
        "decided_by_type": "user",
        "decided_by": home.house.admin,
    }
    with unchanged(gate, home), gate.enter(home.house, role, commit=True) as connection:
        assert {tried(connection, forged) for forged in FORGED_APPROVALS} == {DENIED}
        assert tried(connection, insertion("approvals", copied), copied) == DENIED


@pytest.mark.parametrize("role", EVERYBODY)
def test_nobody_touches_the_approvals_of_another_tenant(gate: Gate, home: Home, rival: Home, role: Role):
    values = {"approval": home.own.approval, "effect": home.own.effect}
    with unchanged(gate, home), gate.enter(rival.house, role, commit=True) as connection:
        assert value_of(connection, "SELECT count(*) FROM approvals WHERE id = %(approval)s", values) == 0
        assert value_of(connection, "SELECT count(*) FROM effects WHERE id = %(effect)s", values) == 0
        assert tried(connection, APPROVE, values) == ("EM404" if role in {"operator", "admin", "manager"} else DENIED)
        assert tried(connection, "SELECT settle_effect(%(effect)s, 'happened', 'so')", values) == (
            "EM404" if role in {"operator", "admin", "manager"} else DENIED
        )


def test_an_approval_is_for_its_effect_and_its_words_for_good(gate: Gate, home: Home):
    """Not even who has every right moves one to another effect."""
    with unchanged(gate, home), gate.admin.transaction():
        for column, value in {"effect_id": home.colleague.effect, "digest": "0" * 64}.items():
            moving = sql.SQL("UPDATE empla.approvals SET {} = %(to)s WHERE id = %(id)s").format(sql.Identifier(column))
            assert tried(gate.admin, moving, {"to": value, "id": home.own.approval}) == BROKEN


# Effects written by hand

FORGED_EFFECTS: list[LiteralString] = [
    "UPDATE effects SET status = 'approved'",
    "UPDATE effects SET status = 'done', ended_at = now()",
    "UPDATE effects SET status = 'started', started_at = now()",
    "UPDATE effects SET title = 'Other words'",
    "UPDATE effects SET body = 'Other words'",
    "UPDATE effects SET recipients = '{me@example.com}'",
    "UPDATE effects SET arguments = '{\"amount\": 1}'",
    "UPDATE effects SET stage = 'autonomous'",
    "UPDATE effects SET tainted = false",
    "UPDATE effects SET expires_at = 'infinity'",
    "UPDATE effects SET attempts = 0",
    "UPDATE effects SET started_at = NULL",
    "UPDATE effects SET fence = 99",
    "UPDATE effects SET receipt = '{}'",
    "UPDATE effects SET kind = 'task'",
    "UPDATE effects SET idempotency_key = 'other'",
    "DELETE FROM effects",
    "TRUNCATE effects CASCADE",
]


@pytest.mark.parametrize("role", EVERYBODY)
def test_nobody_writes_the_state_of_an_effect(gate: Gate, home: Home, role: Role):
    with unchanged(gate, home), gate.enter(home.house, role, commit=True) as connection:
        assert {tried(connection, forged) for forged in FORGED_EFFECTS} == {DENIED}


@pytest.mark.parametrize("role", ["operator", "admin", "manager", "user"])
def test_people_bring_nothing_about_in_an_employees_name(gate: Gate, home: Home, role: Role):
    row = {"tenant_id": home.house.tenant, "employee_id": home.house.own, "intention_id": home.own.plan, **a_message()}
    with unchanged(gate, home), gate.enter(home.house, role, commit=True) as connection:
        assert tried(connection, insertion("effects", row), row) == DENIED


def test_how_an_effect_comes_in_is_not_its_employees_to_say(gate: Gate, home: Home):
    house, plan = home.house, home.own.plan
    forged = {
        "attempts": -1,
        "stage": "autonomous",
        "started_at": "2000-01-01",
        "receipt": Jsonb({"sent": True}),
        "fence": 1,
    }
    forged |= {
        "created_at": "2000-01-01",
        "ended_at": "2000-01-01",
        "not_before": "2000-01-01",
        "id": uuid4(),
        "reason": "so",
    }
    with unchanged(gate, home), gate.enter(house, "employee", commit=True) as connection:
        for column, value in forged.items():
            row = {
                "tenant_id": house.tenant,
                "employee_id": house.own,
                "intention_id": plan,
                **a_message(),
                column: value,
            }
            assert tried(connection, insertion("effects", row), row) == DENIED, column
    for stage, status in {"supervised": "awaiting_approval", "shadow": "drafted"}.items():
        trusted(gate, home, stage)
        with gate.enter(house, "employee") as connection:
            for said in ("approved", "started", "done", "drafted"):
                effect = asked(connection, house, plan, status=said)
                found = value_of(connection, "SELECT status FROM effects WHERE id = %(effect)s", {"effect": effect})
                assert found == ("drafted" if said == "drafted" else status)


@pytest.mark.parametrize("missing", ["intention_id", "step_position", "capability"])
def test_nothing_leaves_but_by_a_step_and_a_capability(gate: Gate, home: Home, missing: str):
    row = {"tenant_id": home.house.tenant, "employee_id": home.house.own, "intention_id": home.own.plan, **a_message()}
    with unchanged(gate, home), gate.enter(home.house, "employee", commit=True) as connection:
        assert tried(connection, insertion("effects", row | {missing: None}), row | {missing: None}) == BROKEN
        row["capability"] = "crm"
        assert tried(connection, insertion("effects", row), row) == BROKEN


# Who decides


def test_users_employees_and_strangers_decide_nothing(gate: Gate, home: Home, rival: Home):
    values = {"approval": home.own.approval, "effect": home.own.effect}
    settle: LiteralString = "SELECT settle_effect(%(effect)s, 'happened', 'so')"
    with unchanged(gate, home):
        for role in ("user", "employee"):
            with gate.enter(home.house, role, commit=True) as connection:
                assert [tried(connection, query, values) for query in (APPROVE, settle)] == [DENIED, DENIED]
        claims: list[dict[str, Any]] = [
            {"worker": True, "role": "admin", "user_id": home.house.admin},
            {"worker": True, "role": "operator"},
            {"role": "employee", "employee_id": home.house.own},
            {"role": "superuser"},
            {},
        ]
        for claim in claims:
            with gate.raw(tenant_id=home.house.tenant, **claim) as connection:
                assert [tried(connection, query, values) for query in (APPROVE, settle)] == [DENIED, DENIED], claim
                connection.commit()
        with gate.enter(rival.house, "admin", commit=True) as connection:
            assert [tried(connection, query, values) for query in (APPROVE, settle)] == ["EM404", "EM404"]


def test_what_the_functions_are_made_of_is_called_by_nobody(gate: Gate, home: Home):
    values = {"tenant": home.house.tenant, "employee": home.house.own, "effect": home.own.effect}
    calls: list[LiteralString] = [
        "SELECT cancel_effect(%(tenant)s, %(employee)s, %(effect)s, 'withdrawn', 'so')",
        "SELECT ask_approval(e, 'so') FROM effects e LIMIT 1",
        "SELECT demote_failing(%(tenant)s, %(employee)s)",
        "SELECT set_aside('k', '{}', 1)",
        "SELECT settle('k', true)",
    ]
    people: list[LiteralString] = [
        "SELECT begin_effect(%(effect)s, 1)",
        "SELECT finish_effect(%(effect)s, 1, 'done')",
        "SELECT expire_effects()",
        "SELECT reserve_budget('k', '{}', 1)",
        "SELECT settle_budget('k', false)",
        "SELECT release_left_budgets(9)",
    ]
    with unchanged(gate, home):
        for role in EVERYBODY:
            with gate.enter(home.house, role, commit=True) as connection:
                refused = calls if role == "employee" else calls + people
                assert {tried(connection, call, values) for call in refused} == {DENIED}


def test_an_employee_begins_and_finishes_its_own_alone(gate: Gate, home: Home):
    opened(gate, home)
    approved(gate, home)
    with unchanged(gate, home), gate.enter(home.house.as_colleague(), "employee", commit=True) as connection:
        assert outcome(connection, home.own.effect) == "gone"
        values = {"effect": home.own.effect}
        assert tried(connection, "SELECT finish_effect(%(effect)s, 1, 'done')", values) == "EM409"
        assert value_of(connection, "SELECT count(*) FROM effects WHERE id = %(effect)s", values) == 0
        assert value_of(connection, "SELECT count(*) FROM approvals WHERE effect_id = %(effect)s", values) == 0
    with gate.raw(worker=True, tenant_id=home.house.tenant, employee_id=home.house.own) as connection:
        assert tried(connection, "SELECT begin_effect(%(effect)s, 1)", {"effect": home.own.effect}) == DENIED


# Once, in time, for these words


def test_what_was_decided_is_decided(gate: Gate, home: Home):
    approved(gate, home)
    with unchanged(gate, home), gate.enter(home.house, "admin", commit=True) as connection:
        for verdict in ("approve", "reject", "edit"):
            query: LiteralString = "SELECT decide_effect(%(approval)s, %(verdict)s, 'so', 'Other words')"
            assert tried(connection, query, {"approval": home.own.approval, "verdict": verdict}) == "EM409"


def test_of_two_who_decide_at_once_one_does(gate: Gate, home: Home):
    values = {"approval": home.own.approval}
    found: list[str | None] = []

    def reject(other: Connection) -> None:
        found.append(tried(other, "SELECT decide_effect(%(approval)s, 'reject', 'no')", values))

    with psycopg.connect(gate.app.info.dsn, user=gate.app.info.user) as other:
        other.execute("SELECT ctx.enter(%s, %s)", (home.house.tenant, home.house.admin))
        with gate.enter(home.house, "manager", commit=True) as connection:
            assert tried(connection, APPROVE, values) is None
            second = threading.Thread(target=reject, args=(other,))
            second.start()
            wait_until_waiting(gate, other.info.backend_pid)
        second.join(timeout=30)
    assert found == ["EM409"]
    assert status_of(gate, home.own.effect) == "approved"
    decided = "SELECT decided_by FROM empla.approvals WHERE id = %(approval)s"
    assert value_of(gate.admin, decided, values) == home.house.manager


def test_nothing_is_approved_for_other_words(gate: Gate, home: Home):
    forced(gate, "UPDATE empla.effects SET arguments = '{\"amount\": 9}' WHERE id = %(effect)s", effect=home.own.effect)
    with unchanged(gate, home), gate.enter(home.house, "admin", commit=True) as connection:
        assert tried(connection, APPROVE, {"approval": home.own.approval}) == "EM409"


def test_an_approval_for_other_words_lets_nothing_out(gate: Gate, home: Home):
    """As it would be were the words changed, or the approval copied from another effect, after the decision."""
    opened(gate, home)
    approved(gate, home)
    forced(gate, "UPDATE empla.effects SET body = 'Other words' WHERE id = %(effect)s", effect=home.own.effect)
    with gate.enter(home.house, "employee") as connection, pytest.raises(psycopg.errors.UniqueViolation):
        outcome(connection, home.own.effect)
    forced(gate, "DELETE FROM empla.approvals WHERE id = %(approval)s", approval=home.own.approval)
    with gate.enter(home.house, "employee", commit=True) as connection:
        assert outcome(connection, home.own.effect) == "asks"
    assert status_of(gate, home.own.effect) == "awaiting_approval"


def test_an_approval_serves_once(gate: Gate, home: Home):
    opened(gate, home)
    approved(gate, home)
    values = {"effect": home.own.effect}
    with gate.enter(home.house, "employee", commit=True) as connection:
        assert outcome(connection, home.own.effect) == "started"
        assert outcome(connection, home.own.effect) == "gone"
        assert tried(connection, "SELECT finish_effect(%(effect)s, 2, 'done')", values) == "EM409"
        assert tried(connection, "SELECT finish_effect(%(effect)s, 1, 'done')", values) is None
    with unchanged(gate, home):
        with gate.enter(home.house, "employee", commit=True) as connection:
            assert outcome(connection, home.own.effect) == "gone"
            for verdict in ("done", "failed", "later", "uncertain"):
                query: LiteralString = "SELECT finish_effect(%(effect)s, 1, %(verdict)s)"
                assert tried(connection, query, {**values, "verdict": verdict}) == "EM409"
        with gate.enter(home.house, "admin", commit=True) as connection:
            assert tried(connection, "SELECT settle_effect(%(effect)s, 'again', 'so')", values) == "EM409"


def test_the_same_goes_out_once_though_two_begin_at_once(gate: Gate, home: Home):
    opened(gate, home)
    trusted(gate, home, "autonomous")
    house, other_house = home.house, home.house.as_colleague()
    found: list[str] = []
    with psycopg.connect(gate.worker.info.dsn, user=gate.worker.info.user) as other:
        other.execute("SELECT ctx.enter(%s, NULL, %s)", (house.tenant, other_house.own))
        theirs = asked(other, other_house, home.colleague.plan, title="Hello")
        with gate.enter(house, "employee", commit=True) as connection:
            mine = asked(connection, house, home.own.plan, title="Hello")
            assert outcome(connection, mine) == "started"
            second = threading.Thread(target=lambda: found.append(outcome(other, theirs)))
            second.start()
            wait_until_waiting(gate, other.info.backend_pid)
        second.join(timeout=30)
        other.commit()
    assert (found, status_of(gate, mine), status_of(gate, theirs)) == (["cancelled"], "started", "cancelled")


LONG_AGO = "2000-01-01 12:00+00"


def test_what_has_expired_is_not_decided(gate: Gate, home: Home):
    forced(
        gate,
        "UPDATE empla.approvals SET expires_at = now() - interval '1 hour' WHERE id = %(id)s",
        id=home.own.approval,
    )
    with unchanged(gate, home), gate.enter(home.house, "admin", commit=True) as connection:
        assert tried(connection, APPROVE, {"approval": home.own.approval}) == "EM409"


def test_a_time_set_by_hand_revives_no_request(gate: Gate, home: Home):
    forced(
        gate,
        "UPDATE empla.approvals SET expires_at = now() - interval '1 hour' WHERE id = %(id)s",
        id=home.own.approval,
    )
    with unchanged(gate, home), gate.enter(home.house, "admin", commit=True) as connection:
        connection.execute("SELECT set_config('app.now', %s, true)", (LONG_AGO,))
        assert tried(connection, APPROVE, {"approval": home.own.approval}) == "EM409"


def test_a_time_set_by_hand_revives_no_approval(gate: Gate, home: Home):
    opened(gate, home)
    approved(gate, home)
    forced(
        gate,
        "UPDATE empla.approvals SET expires_at = now() - interval '1 hour' WHERE id = %(id)s",
        id=home.own.approval,
    )
    with gate.enter(home.house, "employee", commit=True) as connection:
        connection.execute("SELECT set_config('app.now', %s, true)", (LONG_AGO,))
        assert outcome(connection, home.own.effect) == "cancelled"
    assert status_of(gate, home.own.effect) == "cancelled"


def test_a_time_set_by_hand_opens_no_quiet_hours_and_no_other_days_budget(gate: Gate, home: Home):
    opened(gate, home)
    approved(gate, home)
    quiet: LiteralString = """
        UPDATE empla.capabilities SET quiet_from = (now() AT TIME ZONE 'UTC' - interval '2 hours')::time,
               quiet_until = (now() AT TIME ZONE 'UTC' + interval '2 hours')::time WHERE tenant_id = %(tenant)s AND name = 'email'
    """
    forced(gate, quiet, tenant=home.house.tenant)
    half_a_day = "SELECT set_config('app.now', (now() + interval '12 hours')::text, true)"
    for mended in (False, True):
        if mended:
            forced(
                gate,
                "UPDATE empla.capabilities SET quiet_from = NULL, quiet_until = NULL WHERE tenant_id = %(t)s",
                t=home.house.tenant,
            )
            forced(gate, "UPDATE empla.effects SET not_before = NULL WHERE id = %(effect)s", effect=home.own.effect)
            forced(gate, "UPDATE empla.budgets SET daily = 0 WHERE tenant_id = %(tenant)s", tenant=home.house.tenant)
        with gate.enter(home.house, "employee", commit=True) as connection:
            connection.execute(half_a_day)
            assert outcome(connection, home.own.effect) == "waits"
        assert status_of(gate, home.own.effect) == "approved"
    days = "SELECT count(*) FROM empla.budget_days WHERE tenant_id = %(tenant)s AND day <> (now() AT TIME ZONE 'UTC')::date"
    assert value_of(gate.admin, days, {"tenant": home.house.tenant}) == 0


def test_a_time_set_by_hand_dates_nothing_that_is_asked_for(gate: Gate, home: Home):
    """Else a request would last for as long as its employee likes, and its failures count for nothing."""
    with gate.enter(home.house, "employee") as connection:
        connection.execute("SELECT set_config('app.now', %s, true)", (LONG_AGO,))
        effect = asked(connection, home.house, home.own.plan, expires_at="2200-01-01")
        dated: LiteralString = """
            SELECT e.created_at = now() AND a.created_at = now()
                   AND e.expires_at = now() + interval '90 days' AND a.expires_at = e.expires_at
              FROM effects e JOIN approvals a ON a.effect_id = e.id WHERE e.id = %(effect)s
        """
        assert value_of(connection, dated, {"effect": effect}) is True


# Budgets

FORGED_SPENDING: list[LiteralString] = [
    "UPDATE budget_days SET spent = 0",
    "UPDATE budget_days SET reserved = 0",
    "DELETE FROM budget_days",
    "INSERT INTO budget_days (tenant_id, scope, day, resource) SELECT ctx.tenant_id(), gen_random_uuid(), '2030-01-01', 'calls'",
    "UPDATE budget_reservations SET status = 'released'",
    "UPDATE budget_reservations SET amount = 0",
    "DELETE FROM budget_reservations",
    "TRUNCATE budgets, budget_days, budget_reservations",
    "DELETE FROM budgets",
]
RAISE: LiteralString = "UPDATE budgets SET daily = 1000000"


@pytest.mark.parametrize("role", EVERYBODY)
def test_what_was_spent_is_written_by_nobody(gate: Gate, home: Home, role: Role):
    with unchanged(gate, home), gate.enter(home.house, role, commit=True) as connection:
        assert {tried(connection, forged) for forged in FORGED_SPENDING} == {DENIED}


def test_nobody_but_staff_raises_a_budget(gate: Gate, home: Home, rival: Home):
    theirs = {"tenant": home.house.tenant, "scope": home.house.own}
    new = {"tenant_id": home.house.tenant, "scope": home.house.own, "resource": "money", "daily": 1000}
    with unchanged(gate, home):
        for role, raised in {"user": NO_ROW, "employee": DENIED}.items():
            with gate.enter(home.house, "user" if role == "user" else "employee", commit=True) as connection:
                assert tried(connection, RAISE) == raised
                assert tried(connection, insertion("budgets", new), new) == DENIED
        with gate.enter(rival.house, "admin", commit=True) as connection:
            assert tried(connection, RAISE + " WHERE tenant_id = %(tenant)s", theirs) == NO_ROW
            assert tried(connection, RAISE + " WHERE scope = %(scope)s", theirs) == NO_ROW
            assert tried(connection, insertion("budgets", new), new) == DENIED


def test_an_employee_talks_no_budget_up(gate: Gate, home: Home):
    key = value_of(
        gate.admin, "SELECT key FROM empla.budget_reservations WHERE employee_id = %(own)s", {"own": home.house.own}
    )
    with unchanged(gate, home), gate.enter(home.house, "employee", commit=True) as connection:
        for costs in ({"calls": -1}, {"calls": "NaN"}, {"calls": "Infinity"}):
            values = {"key": key, "new": token(), "costs": Jsonb(costs)}
            assert tried(connection, "SELECT reserve_budget(%(new)s, %(costs)s, 1)", values) == MEANINGLESS
            assert tried(connection, "SELECT settle_budget(%(key)s, true, %(costs)s)", values) == MEANINGLESS
        values = {"new": token(), "costs": Jsonb({"favours": 1})}
        assert tried(connection, "SELECT reserve_budget(%(new)s, %(costs)s, 1)", values) == BROKEN


def test_the_costs_of_an_effect_are_no_turns_to_set_or_to_give_back(gate: Gate, home: Home):
    """Else what is set aside for nothing beforehand, or given back meanwhile, would never count."""
    opened(gate, home)
    approved(gate, home)
    values = {"key": f"effect:{home.own.effect}#1"}
    with gate.enter(home.house, "employee", commit=True) as connection:
        assert tried(connection, "SELECT reserve_budget(%(key)s, '{}', 1)", values) == DENIED
        assert tried(connection, "SELECT reserve_budget(%(key)s, '{\"effects\": 0}', 1)", values) == DENIED
        assert outcome(connection, home.own.effect) == "started"
        assert tried(connection, "SELECT settle_budget(%(key)s, false)", values) == DENIED
        connection.execute("SELECT release_left_budgets(1000)")
    held = "SELECT status FROM empla.budget_reservations WHERE key = %(key)s"
    assert value_of(gate.admin, held, values) == "reserved"


# Trust and taint


def test_no_employee_and_no_user_promotes(gate: Gate, home: Home, rival: Home):
    promote: LiteralString = "UPDATE employees SET lifecycle_stage = 'autonomous'"
    with unchanged(gate, home):
        with gate.enter(home.house, "employee", commit=True) as connection:
            assert tried(connection, promote) == DENIED
            assert tried(connection, "UPDATE employees SET capabilities = '{email,crm}'") == DENIED
            assert tried(connection, "UPDATE employees SET stage_since = now()") == DENIED
            assert tried(connection, "UPDATE capabilities SET repeat_window = '0'") == DENIED
            assert tried(connection, "UPDATE integrations SET enabled = false") == DENIED
        with gate.enter(home.house, "user", commit=True) as connection:
            assert tried(connection, promote) == NO_ROW
            assert tried(connection, "UPDATE capabilities SET repeat_window = '0'") == NO_ROW
        with gate.enter(home.house, "manager", commit=True) as connection:
            assert tried(connection, "UPDATE capabilities SET destructive = false") == NO_ROW
        with gate.enter(rival.house, "manager", commit=True) as connection:
            assert tried(connection, promote + " WHERE id = %(own)s", {"own": home.house.own}) == NO_ROW


def test_what_came_from_outside_stays_marked(gate: Gate, home: Home):
    house = home.house
    tables: list[LiteralString] = ["employee_goals", "employee_intentions", "memory_episodes"]
    for table in tables:
        forced(gate, "UPDATE empla." + table + " SET tainted = true WHERE tenant_id = %(tenant)s", tenant=house.tenant)
    for role in ("employee", "admin"):
        with unchanged(gate, home), gate.enter(house, role, commit=True) as connection:
            for table in tables:
                assert tried(connection, "UPDATE " + table + " SET tainted = false") == BROKEN
            assert tried(connection, "UPDATE observations SET tainted = false") == DENIED
    trusted(gate, home, "autonomous")
    forced(gate, "UPDATE empla.capabilities SET destructive = true WHERE tenant_id = %(tenant)s", tenant=house.tenant)
    with gate.enter(house, "employee") as connection:
        effect = asked(connection, house, home.own.plan, tainted=False)
        found = connection.execute("SELECT tainted, status FROM effects WHERE id = %s", (effect,)).fetchone()
        assert found == (True, "awaiting_approval")
        plan = {"intention_type": "action", "description": "Call", "plan": Jsonb({}), "tainted": False}
        whose = {"tenant_id": house.tenant, "employee_id": house.own}
        episode = value_of(connection, "SELECT id FROM memory_episodes LIMIT 1")
        for cause in (
            {"goal_id": home.own.goal},
            {"cause_id": episode},
            {"parent_id": home.own.plan, "parent_position": 1},
        ):
            new = insert(connection, "employee_intentions", {**whose, **plan, **cause})
            assert (
                value_of(connection, "SELECT tainted FROM employee_intentions WHERE id = %(new)s", {"new": new}) is True
            )


# Each of these is able to fail

Check = Callable[[Gate, Home, Home], object]
PULLED: dict[str, tuple[LiteralString, Check]] = {
    "the app writes approvals": (
        "GRANT UPDATE ON empla.approvals TO empla_app",
        lambda gate, home, _: test_nobody_writes_an_approval(gate, home, "admin"),
    ),
    "an employee writes its effects": (
        "GRANT UPDATE ON empla.effects TO empla_worker",
        lambda gate, home, _: test_nobody_writes_the_state_of_an_effect(gate, home, "employee"),
    ),
    "people write effects": (
        "GRANT INSERT ON empla.effects TO empla_app",
        lambda gate, home, _: test_people_bring_nothing_about_in_an_employees_name(gate, home, "admin"),
    ),
    "the gate is open": (
        "DROP TRIGGER gate ON empla.effects; ALTER TABLE empla.effects DROP CONSTRAINT effects_leave_with_a_capability",
        lambda gate, home, _: test_how_an_effect_comes_in_is_not_its_employees_to_say(gate, home),
    ),
    "a message without a step": (
        "ALTER TABLE empla.effects DROP CONSTRAINT effects_leave_by_a_step",
        lambda gate, home, _: test_nothing_leaves_but_by_a_step_and_a_capability(gate, home, "intention_id"),
    ),
    "employees decide": (
        "GRANT EXECUTE ON FUNCTION empla.decide_effect(uuid, text, text, text, text, text[], jsonb) TO empla_worker",
        test_users_employees_and_strangers_decide_nothing,
    ),
    "an approval that moves": (
        "DROP TRIGGER keep_key ON empla.approvals",
        lambda gate, home, _: test_an_approval_is_for_its_effect_and_its_words_for_good(gate, home),
    ),
    "a tenant sees the approvals of another": (
        "CREATE POLICY wide ON empla.approvals FOR SELECT TO empla_app USING (true)",
        lambda gate, home, rival: test_nobody_touches_the_approvals_of_another_tenant(gate, home, rival, "admin"),
    ),
    "the time is as one says": (
        "CREATE OR REPLACE FUNCTION ctx.true_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT ctx.now()'",
        lambda gate, home, _: test_a_time_set_by_hand_revives_no_request(gate, home),
    ),
    "an approval is revived": (
        "CREATE OR REPLACE FUNCTION ctx.true_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT ctx.now()'",
        lambda gate, home, _: test_a_time_set_by_hand_revives_no_approval(gate, home),
    ),
    "days are counted as one says": (
        "CREATE OR REPLACE FUNCTION ctx.true_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT ctx.now()'",
        lambda gate, home, _: test_a_time_set_by_hand_opens_no_quiet_hours_and_no_other_days_budget(gate, home),
    ),
    "spending is written": (
        "GRANT UPDATE ON empla.budget_days TO empla_worker",
        lambda gate, home, _: test_what_was_spent_is_written_by_nobody(gate, home, "employee"),
    ),
    "a user raises a budget": (
        "CREATE POLICY wide ON empla.budgets TO empla_app USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id())",
        test_nobody_but_staff_raises_a_budget,
    ),
    "a user promotes": (
        "CREATE POLICY wide ON empla.employees TO empla_app USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id())",
        test_no_employee_and_no_user_promotes,
    ),
    "an employee promotes itself": (
        "GRANT UPDATE (lifecycle_stage) ON empla.employees TO empla_worker",
        test_no_employee_and_no_user_promotes,
    ),
    "taint is washed off": (
        "DROP TRIGGER keep_taint ON empla.employee_intentions",
        lambda gate, home, _: test_what_came_from_outside_stays_marked(gate, home),
    ),
    "the costs of an effect are a turn's": (
        """CREATE OR REPLACE FUNCTION empla.effect_key(effect uuid, attempt integer) RETURNS text LANGUAGE sql IMMUTABLE AS
           $$ SELECT 'x' || effect || '#' || attempt $$""",
        lambda gate, home, _: test_the_costs_of_an_effect_are_no_turns_to_set_or_to_give_back(gate, home),
    ),
    "the inside of the functions is open": (
        "GRANT EXECUTE ON FUNCTION empla.cancel_effect(uuid, uuid, uuid, text, text) TO empla_app",
        lambda gate, home, _: test_what_the_functions_are_made_of_is_called_by_nobody(gate, home),
    ),
}


@pytest.fixture
def scratch(cluster: "Cluster") -> Iterator[Gate]:
    """A database of its own, where what protects is pulled."""
    name = cluster.clone(f"{cluster.database}_forged")
    with Gate(cluster.url("app", name), cluster.url("worker", name), cluster.url("admin", name)) as gate:
        yield gate
    cluster.drop(name)


@pytest.mark.parametrize("pull", PULLED)
def test_what_protects_is_missed_when_it_is_pulled(scratch: Gate, pull: str):
    statement, check = PULLED[pull]
    home, rival = a_home(scratch, "Acme"), a_home(scratch, "Rival")
    scratch.admin.execute(statement)
    with pytest.raises(AssertionError):
        check(scratch, home, rival)
