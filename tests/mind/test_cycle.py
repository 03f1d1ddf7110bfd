"""One cycle: what happened is perceived once, the figures follow from it, and a quiet one costs six messages."""

from datetime import datetime, timedelta
from typing import LiteralString

import pytest
from believer import Believer
from deals import deal
from factories import MONDAY, an_employee
from pydantic import BaseModel, JsonValue

from empla.bdi import beliefs
from empla.errors import InvalidError
from empla.memory import episodic
from empla.mind import cycle, pipeline
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller

DAY = timedelta(days=1)

INBOX: LiteralString = """
    SELECT status, perceived_at, error FROM observations WHERE tenant_id = %(tenant)s::uuid ORDER BY occurred_at
"""


class Letter(BaseModel):
    status: str
    perceived_at: datetime | None
    error: str | None


async def delivered(jordan: Believer, *observations: NewObservation) -> None:
    async with jordan.database.write(jordan.caller) as tx:
        await inbox.deliver(tx, observations, recipients={"jordan": jordan.employee})


async def lives(jordan: Believer, *, if_due: bool = False) -> tuple[cycle.CycleOutcome, int]:
    """One cycle: its outcome, and the messages that it sent."""
    async with jordan.database.read(jordan.caller) as tx:
        tomorrow = tx.now + DAY
    before = jordan.database.statements
    caller = Caller(jordan.caller.tenant, employee=jordan.employee)
    outcome = await cycle.run(jordan.database, caller, next_cycle_at=tomorrow, if_due=if_due)
    return outcome, jordan.database.statements - before


async def figures(jordan: Believer) -> dict[str, JsonValue]:
    async with jordan.database.read(jordan.caller) as tx:
        return {b.predicate: b.object for b in await beliefs.held(tx, employee=jordan.employee, subject="pipeline")}


async def letters(jordan: Believer) -> list[Letter]:
    async with jordan.database.read(jordan.caller) as tx:
        return await tx.fetch_all(Letter, INBOX)


async def episodes(jordan: Believer) -> list[str]:
    async with jordan.database.read(jordan.caller) as tx:
        return [e.description for e in reversed(await episodic.latest(tx, employee=jordan.employee))]


async def test_a_quiet_cycle_sends_six_messages_and_writes_nothing(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY))
    await lives(jordan)
    before = await jordan.history()
    await jordan.waits(1)
    outcome, messages = await lives(jordan)
    assert (outcome.perceived, outcome.revised, messages) == (0, 0, 6)
    assert await jordan.history() == before


async def test_what_happened_is_perceived_once_and_in_the_order_of_the_world(jordan: Believer):
    later, sooner = deal("A", "open", MONDAY), deal("B", "open", MONDAY - DAY)
    await delivered(jordan, later, sooner)
    assert (await lives(jordan))[0].perceived == 2
    assert (await lives(jordan))[0].perceived == 0
    assert await episodes(jordan) == ["B is open", "A is open"]
    assert [letter.perceived_at for letter in await letters(jordan)] == [MONDAY, MONDAY]


async def test_a_cycle_that_another_process_ran_is_not_run_again(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY))
    await lives(jordan)
    outcome, messages = await lives(jordan, if_due=True)
    assert (outcome, messages) == (cycle.CycleOutcome(ran=False), 3)
    await jordan.waits(1)
    assert (await lives(jordan, if_due=True))[0].ran


async def test_something_new_makes_its_recipient_due_again(jordan: Believer):
    await lives(jordan)
    await delivered(jordan, deal("A", "open", MONDAY))
    assert (await lives(jordan, if_due=True))[0].perceived == 1
    await delivered(jordan, deal("A", "open", MONDAY))
    assert not (await lives(jordan, if_due=True))[0].ran


async def test_what_lies_in_the_future_waits(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY + DAY))
    assert (await lives(jordan))[0].perceived == 0
    assert [letter.status for letter in await letters(jordan)] == ["pending"]
    await jordan.waits(1)
    assert (await lives(jordan))[0].perceived == 1


async def test_a_belief_about_a_deal_rests_on_the_episode(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY - DAY))
    await lives(jordan)
    await jordan.waits(500)
    belief = await jordan.believes("deal:A", pipeline.RECORD)
    assert (belief.confidence, belief.last_updated_at, len(belief.evidence)) == (0.9, MONDAY - DAY, 1)


async def test_a_cycle_that_fails_halfway_leaves_nothing(jordan: Believer, monkeypatch: pytest.MonkeyPatch):
    async def stumbles(*_: object, **__: object) -> None:
        raise InvalidError("stumbled")

    await delivered(jordan, deal("A", "open", MONDAY), deal("B", "open", MONDAY))
    monkeypatch.setattr(cycle, "look", stumbles)
    with pytest.raises(InvalidError, match="stumbled"):
        await lives(jordan)
    assert [letter.status for letter in await letters(jordan)] == ["pending", "pending"]
    assert (await episodes(jordan), await jordan.history(), await jordan.audits()) == ([], [], 0)


async def test_a_record_that_can_not_be_used_is_set_aside_with_its_error_and_keeps_nobody_from_the_rest(
    jordan: Believer,
):
    broken = deal("B", "open", MONDAY)
    broken.content["list_price"] = "a fortune"
    await delivered(jordan, deal("A", "open", MONDAY - DAY), broken)
    assert (await lives(jordan))[0].perceived == 2
    assert [(letter.status, letter.error) for letter in await letters(jordan)] == [
        ("perceived", None),
        ("failed", "no record of a deal: list_price: Input should be a valid number"),
    ]
    assert (await figures(jordan))["open_count"] == 1
    assert (await lives(jordan))[0].perceived == 0


async def test_an_employee_without_deals_has_a_pipeline_of_nothing(jordan: Believer):
    await lives(jordan)
    assert await figures(jordan) == {
        "open_count": 0,
        "open_value": 0,
        "won_count": 0,
        "won_value": 0,
        "lost_count": 0,
        "stale_count": 0,
    }


async def test_the_figures_of_one_won_one_lost_and_one_open_deal(jordan: Believer):
    await delivered(
        jordan,
        deal("A", "open", MONDAY, price=3000.5),
        deal("B", "won", MONDAY, value=1000.25),
        deal("C", "lost", MONDAY, value=0),
    )
    await lives(jordan)
    found = await figures(jordan)
    assert found == {
        "open_count": 1,
        "open_value": 3000.5,
        "won_count": 1,
        "won_value": 1000.25,
        "lost_count": 1,
        "stale_count": 0,
        "win_rate": 0.5,
        "coverage": pytest.approx(3000.5 / 1000.25),
    }
    assert isinstance(found["open_count"], int)


async def test_the_win_rate_is_absent_before_the_first_close_and_the_coverage_before_the_first_win(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY))
    await lives(jordan)
    assert {"win_rate", "coverage"}.isdisjoint(await figures(jordan))
    await jordan.waits(1)
    await delivered(jordan, deal("B", "lost", MONDAY + DAY, value=0))
    await lives(jordan)
    found = await figures(jordan)
    assert (found["win_rate"], "coverage" in found) == (0, False)


async def test_coverage_goes_when_nothing_was_won_for_ninety_days_and_comes_back(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY), deal("B", "won", MONDAY, value=500))
    await lives(jordan)
    assert (await figures(jordan))["coverage"] == 2
    await jordan.waits(89)
    await lives(jordan)
    assert (await figures(jordan))["coverage"] == 2
    gone = await jordan.waits(1)
    await lives(jordan)
    found = await figures(jordan)
    assert ("coverage" in found, found["won_value"], found["win_rate"]) == (False, 500, 1)
    back = await jordan.waits(1)
    await delivered(jordan, deal("C", "won", back, value=250))
    await lives(jordan)
    assert (await figures(jordan))["coverage"] == 4
    assert [
        [b.object for b in await jordan.believed(at) if b.predicate == "coverage"] for at in (MONDAY, gone, back)
    ] == [
        [2],
        [],
        [4],
    ]


async def test_a_deal_is_stale_once_it_is_open_for_more_than_ninety_days(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY), deal("B", "open", MONDAY))
    await lives(jordan)
    await jordan.waits(90)
    await lives(jordan)
    assert (await figures(jordan))["stale_count"] == 0
    late = await jordan.waits(1)
    await lives(jordan)
    assert (await figures(jordan))["stale_count"] == 2
    await jordan.waits(1)
    await delivered(jordan, deal("B", "won", late + DAY, engaged=MONDAY, value=10))
    await lives(jordan)
    assert (await figures(jordan))["stale_count"] == 1


async def test_a_second_cycle_of_the_same_moment_is_as_right_as_the_first(jordan: Believer):
    await lives(jordan)
    for number in range(1, 4):
        await delivered(jordan, deal(f"deal {number}", "open", MONDAY))
        await lives(jordan)
        assert (await figures(jordan))["open_count"] == number
        assert (await jordan.believes("pipeline", "open_count")).confidence == 0.9
        (told,) = [b for b in await jordan.believed(MONDAY) if b.predicate == "open_count"]
        assert told.object == number


async def test_only_the_figures_that_changed_are_written_with_the_reason(jordan: Believer):
    await delivered(jordan, deal("A", "open", MONDAY))
    await lives(jordan)
    written = len(await jordan.history())
    await jordan.waits(1)
    await delivered(jordan, deal("B", "open", MONDAY + DAY))
    await lives(jordan)
    added = (await jordan.history())[written:]
    assert [change.new_value for change in added if change.change_type == "updated"] == [2, 2000]
    assert added[-1].reason == "computed from its deals after: B is open"


async def test_whoever_sells_nothing_perceives_but_has_no_pipeline(database: Database, jordan: Believer):
    riley = Believer(database, jordan.caller, (await an_employee(database, jordan.caller, name="Riley", role="csm")).id)
    await delivered(riley, deal("A", "open", MONDAY))
    assert (await lives(riley))[0] == cycle.CycleOutcome(perceived=1, revised=0, next_cycle_at=MONDAY + DAY)
    assert (await episodes(riley), await riley.history()) == (["A is open"], [])
    assert await episodes(jordan) == []
