"""What a goal, an intention, a step, an effect and an approval may become: Python, SQL and the database's own refusals say the same."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from factories import an_employee

from empla.bdi.states import GRAPHS, LIVE_GOALS, LIVE_INTENTIONS, OPEN_STEPS
from empla.errors import ForbiddenError, InvalidError
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

if TYPE_CHECKING:
    from tests.conftest import Cluster

WHEN = datetime(2025, 1, 1, tzinfo=UTC)
LOGINS = ("app", "worker")
# Rows that logins move; what goes out, and what humans decided, is moved by the database's functions alone.
MOVED = ("goal", "intention", "step")
KEPT: dict[str, LiteralString] = {"effect": "effects", "approval": "approvals"}

# Everything but the status is as the row's own rules want it, so that only the graph can refuse.
PLANT: dict[str, LiteralString] = {
    "goal": """
        INSERT INTO empla.employee_goals (tenant_id, employee_id, id, goal_type, description, target, status, completed_at, abandoned_at,
                                          created_at, updated_at)
        SELECT %(tenant)s, %(employee)s, %(id)s, 'achievement', 'A goal', '{}', %(status)s,
               CASE WHEN %(status)s = 'completed' THEN now() END,
               CASE WHEN %(status)s = 'abandoned' THEN now() END, now(), now()
    """,
    "intention": """
        INSERT INTO empla.employee_intentions (tenant_id, employee_id, id, intention_type, description, plan, status, started_at,
                                               completed_at, failed_at, abandoned_at, created_at, updated_at)
        SELECT %(tenant)s, %(employee)s, %(id)s, 'action', 'A plan', '{}', %(status)s, now(),
               CASE WHEN %(status)s = 'completed' THEN now() END,
               CASE WHEN %(status)s = 'failed' THEN now() END, CASE WHEN %(status)s = 'abandoned' THEN now() END, now(), now()
    """,
    "step": """
        INSERT INTO empla.intention_steps (tenant_id, employee_id, intention_id, position, action, definition, status, started_at, ended_at,
                                           error, created_at, updated_at)
        SELECT %(tenant)s, %(employee)s, %(id)s, 1, 'note', '{}', %(status)s, now(),
               CASE WHEN %(status)s IN ('completed', 'failed', 'skipped', 'abandoned') THEN now() END, 'odd', now(), now()
    """,
    "effect": """
        INSERT INTO empla.effects (tenant_id, employee_id, id, kind, title, status, idempotency_key, started_at, created_at, updated_at)
        SELECT %(tenant)s, %(employee)s, %(id)s, 'task', 'A task', %(status)s, %(id)s::text, now(), now(), now()
    """,
    "approval": """
        WITH asked AS (
            INSERT INTO empla.effects (tenant_id, employee_id, id, kind, title, status, idempotency_key)
            SELECT %(tenant)s, %(employee)s, %(id)s, 'task', 'A task', 'drafted', %(id)s::text
        )
        INSERT INTO empla.approvals (tenant_id, employee_id, id, effect_id, digest, stage, status, why, decided_by_type, decided_by,
                                     decided_at, created_at, updated_at)
        SELECT %(tenant)s, %(employee)s, %(id)s, %(id)s, repeat('0', 64), 'supervised', %(status)s, 'odd',
               CASE WHEN d.is_decided THEN 'system' END, CASE WHEN d.is_decided THEN %(id)s::uuid END,
               CASE WHEN d.is_decided THEN now() END,
               now(), now()
          FROM (SELECT %(status)s IN ('approved', 'edited', 'rejected') AS is_decided) d
    """,
}
# As whoever passes every right, with its trigger at work.
FORCE: dict[str, LiteralString] = {
    "effect": "UPDATE empla.effects SET status = %(status)s WHERE tenant_id = %(tenant)s AND id = %(id)s",
    "approval": """
        UPDATE empla.approvals
           SET status = %(status)s,
               decided_at = CASE WHEN %(status)s IN ('approved', 'edited', 'rejected') THEN now() END,
               decided_by = CASE WHEN %(status)s IN ('approved', 'edited', 'rejected') THEN %(id)s::uuid END,
               decided_by_type = CASE WHEN %(status)s IN ('approved', 'edited', 'rejected') THEN 'system' END
         WHERE tenant_id = %(tenant)s AND id = %(id)s
    """,
}
INSERT: dict[str, LiteralString] = {
    "goal": """
        INSERT INTO employee_goals (tenant_id, employee_id, goal_type, description, target, status, completed_at, abandoned_at)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, 'achievement', 'A goal', '{}', %(status)s::text,
               CASE WHEN %(status)s::text = 'completed' THEN %(now)s::timestamptz END,
               CASE WHEN %(status)s::text = 'abandoned' THEN %(now)s::timestamptz END
    """,
    "intention": """
        INSERT INTO employee_intentions (tenant_id, employee_id, intention_type, description, plan, status, started_at, completed_at,
                                         failed_at, abandoned_at)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, 'action', 'A plan', '{}', %(status)s::text, %(now)s::timestamptz,
               CASE WHEN %(status)s::text = 'completed' THEN %(now)s::timestamptz END,
               CASE WHEN %(status)s::text = 'failed' THEN %(now)s::timestamptz END,
               CASE WHEN %(status)s::text = 'abandoned' THEN %(now)s::timestamptz END
    """,
    "step": """
        INSERT INTO intention_steps (tenant_id, employee_id, intention_id, position, action, definition, status, started_at, ended_at,
                                     error)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, %(plan)s::uuid, 7, 'note', '{}', %(status)s::text, %(now)s::timestamptz,
               CASE WHEN %(status)s::text IN ('completed', 'failed', 'skipped', 'abandoned') THEN %(now)s::timestamptz END, 'odd'
    """,
}
MOVE: dict[str, LiteralString] = {
    "goal": """
        UPDATE employee_goals SET status = %(status)s::text,
               completed_at = CASE WHEN %(status)s::text = 'completed' THEN %(now)s::timestamptz END,
               abandoned_at = CASE WHEN %(status)s::text = 'abandoned' THEN %(now)s::timestamptz END
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid
    """,
    "intention": """
        UPDATE employee_intentions SET status = %(status)s::text,
               completed_at = CASE WHEN %(status)s::text = 'completed' THEN %(now)s::timestamptz END,
               failed_at = CASE WHEN %(status)s::text = 'failed' THEN %(now)s::timestamptz END,
               abandoned_at = CASE WHEN %(status)s::text = 'abandoned' THEN %(now)s::timestamptz END
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = %(id)s::uuid
    """,
    "step": """
        UPDATE intention_steps SET status = %(status)s::text,
               ended_at = CASE WHEN %(status)s::text IN ('completed', 'failed', 'skipped', 'abandoned') THEN %(now)s::timestamptz END
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND intention_id = %(id)s::uuid
    """,
}


def states(kind: str) -> list[str]:
    return [state for state in GRAPHS[kind] if state]


def entering(database: Database, login: str, caller: Caller, employee: UUID) -> AbstractAsyncContextManager[Tx]:
    """A transaction of the app's login as the operator, or of the worker's as the employee."""
    return database.write(caller) if login == "app" else database.work(Caller(caller.tenant, employee=employee))


def planted(cluster: "Cluster", kind: str, caller: Caller, employee: UUID) -> Callable[[str], UUID]:
    """Rows of any state, as no operation could make them: without triggers."""

    def plant(status: str) -> UUID:
        row = uuid4()
        with cluster.admin() as admin:
            admin.execute("SET session_replication_role = replica")
            admin.execute(PLANT[kind], {"tenant": caller.tenant, "employee": employee, "id": row, "status": status})
        return row

    return plant


def test_every_state_is_either_over_or_live():
    for graph in GRAPHS.values():
        reached = frozenset[str]().union(*graph.values())
        assert reached == {state for state in graph if state}
    assert {"active", "in_progress", "blocked"} == LIVE_GOALS
    assert {"planned", "in_progress"} == LIVE_INTENTIONS
    assert {"pending", "in_progress"} == OPEN_STEPS


def test_the_database_and_python_know_one_graph(cluster: "Cluster"):
    every = sorted({"", "nonsense", *(state for graph in GRAPHS.values() for state in graph)})
    pairs = [(kind, old, new) for kind in (*GRAPHS, "nonsense") for old in every for new in every]
    with cluster.admin() as admin:
        found = admin.execute(
            "SELECT array_agg(empla.may_become(k, o, n) ORDER BY i) FROM unnest(%s::text[], %s::text[], %s::text[]) "
            "WITH ORDINALITY AS t (k, o, n, i)",
            [list(column) for column in zip(*pairs, strict=True)],
        ).fetchone()
    assert found is not None
    allowed = [pair for pair, may in zip(pairs, found[0], strict=True) if may]
    assert allowed == [pair for pair in pairs if pair[2] in GRAPHS.get(pair[0], {}).get(pair[1], ())]


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("kind", MOVED)
async def test_a_row_only_becomes_what_follows_its_state(
    cluster: "Cluster", database: Database, acme: Caller, kind: str, login: str
):
    employee = (await an_employee(database, acme)).id
    plant = planted(cluster, kind, acme, employee)
    for old in states(kind):
        for new in states(kind):
            row = plant(old)
            moves = {"employee": employee, "id": row, "status": new, "now": WHEN}
            if new == old or new in GRAPHS[kind][old]:
                async with entering(database, login, acme, employee) as tx:
                    assert await tx.execute(MOVE[kind], **moves) == 1
            else:
                with pytest.raises(InvalidError, match=f"a {kind} that is {old} cannot become {new}"):
                    async with entering(database, login, acme, employee) as tx:
                        await tx.execute(MOVE[kind], **moves)


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("kind", MOVED)
async def test_a_row_begins_as_what_follows_nothing(
    cluster: "Cluster", database: Database, acme: Caller, kind: str, login: str
):
    employee = (await an_employee(database, acme)).id
    for state in states(kind):
        row = {"employee": employee, "status": state, "now": WHEN, "plan": None}
        if kind == "step":
            row["plan"] = planted(cluster, "intention", acme, employee)("in_progress")
        if state in GRAPHS[kind][""]:
            async with entering(database, login, acme, employee) as tx:
                assert await tx.execute(INSERT[kind], **row) == 1
        else:
            with pytest.raises(InvalidError, match=f"a new {kind} cannot be {state}"):
                async with entering(database, login, acme, employee) as tx:
                    await tx.execute(INSERT[kind], **row)


@pytest.mark.parametrize("kind", KEPT)
async def test_what_is_kept_only_becomes_what_follows_its_state_whoever_writes(
    cluster: "Cluster", database: Database, acme: Caller, kind: str
):
    employee = (await an_employee(database, acme)).id
    plant = planted(cluster, kind, acme, employee)
    with cluster.admin() as admin:
        admin.execute(
            "SELECT set_config('app.current_tenant_id', %s, false)", (str(acme.tenant),)
        )  # the audit log asks
        for old in states(kind):
            for new in states(kind):
                moves = {"tenant": acme.tenant, "id": plant(old), "status": new}
                if new == old or new in GRAPHS[kind][old]:
                    assert admin.execute(FORCE[kind], moves).rowcount == 1
                else:
                    with pytest.raises(
                        psycopg.errors.CheckViolation, match=f"{kind} that is {old} cannot become {new}"
                    ):
                        admin.execute(FORCE[kind], moves)


@pytest.mark.parametrize("state", [state for state in GRAPHS["approval"] if state not in {"", *GRAPHS["approval"][""]}])
async def test_an_approval_begins_as_what_follows_nothing(
    cluster: "Cluster", database: Database, acme: Caller, state: str
):
    """An effect's beginning is its gate's to say, whatever the statement says."""
    employee = (await an_employee(database, acme)).id
    row = {"tenant": acme.tenant, "employee": employee, "id": uuid4(), "status": state}
    with (
        cluster.admin() as admin,
        pytest.raises(psycopg.errors.CheckViolation, match=f"a new approval cannot be {state}"),
    ):
        admin.execute(PLANT["approval"], row)


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("kind", KEPT)
async def test_no_login_moves_what_is_kept(cluster: "Cluster", database: Database, acme: Caller, kind: str, login: str):
    """Not even to where the graph leads."""
    employee = (await an_employee(database, acme)).id
    plant = planted(cluster, kind, acme, employee)
    for old in states(kind):
        row = plant(old)
        for new in states(kind):
            with pytest.raises(ForbiddenError):
                async with entering(database, login, acme, employee) as tx:
                    await tx.execute(f"UPDATE {KEPT[kind]} SET status = %(new)s WHERE id = %(id)s", new=new, id=row)
