"""What became of a procedure is counted, and it is trusted as far as that goes; the arithmetic is one, in SQL and in Python."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from driving import law
from factories import an_id
from hypothesis import given
from hypothesis import strategies as st
from teaching import add, held, playbook, record

from empla.employees.employees import Employee
from empla.errors import InvalidError, NotFoundError
from empla.memory import procedural
from empla.memory.procedural import Procedure
from empla.memory.standing import Standing, next_standing, wilson_lower, wilson_upper
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

if TYPE_CHECKING:
    from tests.conftest import Cluster

STANDINGS: tuple[Standing, ...] = ("trial", "established", "demoted")


async def test_outcomes_are_counted_and_the_rate_follows(database: Database, acme: Caller, taught: Procedure):
    counted = await record(database, taught, True, False, True, tenant=acme.tenant)
    assert [
        (c.procedure.execution_count, c.procedure.success_count, c.procedure.consecutive_failures) for c in counted
    ] == [
        (1, 1, 0),
        (2, 1, 1),
        (3, 2, 0),
    ]
    assert [c.procedure.success_rate for c in counted] == [1, 0.5, 2 / 3]
    assert not any(c.moved for c in counted)
    assert counted[-1].procedure.success_bound == wilson_lower(2, 3)
    assert counted[-1].procedure.last_executed_at is not None


async def test_the_same_intention_counts_once(database: Database, acme: Caller, taught: Procedure):
    async with database.work(Caller(acme.tenant, employee=taught.employee_id)) as tx:
        for succeeded in (True, True, False):
            counted = await procedural.record_outcome(
                tx, employee=taught.employee_id, procedure=taught.id, succeeded=succeeded, intention=an_id(7)
            )
    assert (counted.procedure.execution_count, counted.procedure.success_count, counted.moved) == (1, 1, False)
    with pytest.raises(NotFoundError, match=r"^there is no such procedure$"):
        async with database.work(Caller(acme.tenant, employee=taught.employee_id)) as tx:
            await procedural.record_outcome(
                tx, employee=taught.employee_id, procedure=an_id(1), succeeded=True, intention=an_id(7)
            )


async def test_two_that_count_at_once_both_count(database: Database, acme: Caller, taught: Procedure):
    await asyncio.gather(*(record(database, taught, True, True, tenant=acme.tenant) for _ in range(4)))
    (now,) = await held(database, acme, taught.employee_id)
    assert (now.execution_count, now.success_count, now.success_rate) == (8, 8, 1)


async def test_three_of_three_establish_what_was_on_trial_with_the_evidence(
    database: Database, acme: Caller, jordan: Employee
):
    (learned,) = await add(database, acme, jordan.id, playbook(), learned_from="trial_and_error")
    counted = await record(database, learned, True, True, True, True, tenant=acme.tenant)
    assert [(c.procedure.standing, c.moved) for c in counted] == [
        ("trial", False),
        ("trial", False),
        ("established", True),
        ("established", False),
    ]
    (move,) = counted[-1].procedure.evidence
    assert isinstance(move, dict)
    assert (move["was"], move["standing"], move["successes"], move["executions"]) == ("trial", "established", 3, 3)
    assert isinstance(move["intentions"], list)
    assert len(move["intentions"]) == 3
    assert move["intentions"][-1] == move["intention"]


@pytest.mark.parametrize(
    ("outcomes", "standings"),
    [
        ([False, False, False], ["established", "established", "demoted"]),
        ([True] * 5 + [False] * 3, ["established"] * 7 + ["demoted"]),
        ([False, False, True, False, False], ["established"] * 5),
        ([False] * 3 + [True] * 3, ["established"] * 2 + ["demoted"] * 4),
    ],
    ids=str,
)
async def test_failures_demote_what_was_trusted(
    database: Database, acme: Caller, taught: Procedure, outcomes: list[bool], standings: list[Standing]
):
    counted = await record(database, taught, *outcomes, tenant=acme.tenant)
    assert [c.procedure.standing for c in counted] == standings
    assert [c.moved for c in counted] == [
        now != before for before, now in zip(["established", *standings], standings, strict=False)
    ]


async def test_the_moves_and_intentions_that_are_kept_are_bounded(database: Database, acme: Caller, taught: Procedure):
    await record(database, taught, *[True, False] * 15, tenant=acme.tenant)
    for _ in range(12):
        for standing in ("trial", "established"):
            async with database.write(acme) as tx:
                await procedural.set_standing(
                    tx, employee=taught.employee_id, procedure=taught.id, standing=standing, reason="as I say"
                )
    counted = await record(database, taught, False, False, False, tenant=acme.tenant)
    evidence = counted[-1].procedure.evidence
    assert (len(evidence), counted[-1].procedure.standing) == (20, "demoted")
    last = evidence[-1]
    assert isinstance(last, dict)
    assert isinstance(last["intentions"], list)
    assert len(last["intentions"]) == 20 + 1  # those that are kept, and the one that came


async def test_a_humans_decision_stands_until_it_fails_again(database: Database, acme: Caller, taught: Procedure):
    employee = taught.employee_id
    async with database.write(acme) as tx:
        dana = await users.invite(tx, email="dana@acme.example", name="Dana", role="manager")
    await record(database, taught, *[False] * 6, tenant=acme.tenant)
    as_dana = Caller(acme.tenant, user=dana.id)
    async with database.write(as_dana) as tx:
        await procedural.set_standing(
            tx, employee=employee, procedure=taught.id, standing="established", reason="The mailbox was broken"
        )
    (decided,) = await held(database, acme, employee)
    assert (decided.standing, decided.consecutive_failures, decided.execution_count) == ("established", 0, 6)
    move = decided.evidence[-1]
    assert isinstance(move, dict)
    assert (move["by"], move["reason"], move["was"]) == (str(dana.id), "The mailbox was broken", "demoted")
    assert [c.procedure.standing for c in await record(database, taught, True, False, tenant=acme.tenant)] == [
        "established",
        "demoted",
    ]


@pytest.mark.parametrize("reason", ["", " ", "x" * 2001, "a\0b"])
async def test_a_decision_needs_a_reason(database: Database, acme: Caller, taught: Procedure, reason: str):
    with pytest.raises(InvalidError):
        async with database.write(acme) as tx:
            await procedural.set_standing(
                tx, employee=taught.employee_id, procedure=taught.id, standing="demoted", reason=reason
            )


# The arithmetic is one, in SQL and in Python


@pytest.fixture(scope="module")
def sql(cluster: "Cluster") -> Iterator["psycopg.Connection[Any]"]:
    with cluster.admin() as connection:
        yield connection


counts = st.tuples(st.integers(-1, 40), st.integers(-1, 40)) | st.tuples(
    st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1)
)


@law(300)
@given(counted=counts, standing=st.sampled_from(STANDINGS), failures=st.integers(0, 6))
def test_the_bounds_and_the_standing_are_equal_in_sql_and_python(
    sql: "psycopg.Connection[Any]", counted: tuple[int, int], standing: Standing, failures: int
):
    successes, n = counted
    row = sql.execute(
        "SELECT empla.wilson_lower(%(s)s, %(n)s), empla.wilson_upper(%(s)s, %(n)s), empla.next_standing(%(t)s, %(s)s, %(n)s, %(f)s)",
        {"s": successes, "n": n, "t": standing, "f": failures},
    ).fetchone()
    lower, upper = wilson_lower(successes, n), wilson_upper(successes, n)
    assert row is not None
    assert row[:2] == (pytest.approx(lower, abs=1e-15), pytest.approx(upper, abs=1e-15))
    assert row[2] == next_standing(standing, successes=successes, n=n, failures=failures)
    assert 0 <= lower <= upper <= 1
    if 0 <= successes <= n and n > 0:
        assert lower <= successes / n + 1e-12
        assert upper >= successes / n - 1e-12


def test_the_bounds_by_example():
    assert (wilson_lower(0, 0), wilson_upper(0, 0)) == (0, 1)
    assert round(wilson_lower(3, 3), 3) == 0.438
    assert round(wilson_lower(10, 10), 3) == 0.722
    assert round(wilson_upper(0, 5), 3) == 0.434
    assert next(n for n in range(1, 12) if wilson_lower(n, n) >= 0.4) == 3
    assert (wilson_lower(0, 9), wilson_upper(9, 9)) == (0, 1)
