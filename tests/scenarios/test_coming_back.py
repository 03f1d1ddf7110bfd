"""Follow-ups: once for each key and moment, never lost behind other work, never twice, and on time."""

from datetime import timedelta

from factories import MONDAY
from living import Living, hired
from pydantic import JsonValue

from empla.employees import schedule
from empla.mind import cycle
from empla.mind.perceive import MAX_PERCEIVED
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.database import Database
from empla.storage.tx import Caller

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CALL = {"action": "task", "title": "Call {account} back"}


async def calls_back(living: Living, *, within: str = "2 days", key: str = "call:{account}") -> None:
    follow = {"action": "follow_up", "kind": "call_due", "in": within, "key": key}
    await living.learns("plan a call", follow, triggers=["call"])
    await living.learns("call back", CALL, triggers=["call_due"])


async def next_turn(living: Living) -> timedelta:
    async with living.database.read(living.caller) as tx:
        [turn] = await schedule.turns(tx)
    return turn.next_cycle_at - MONDAY


async def lives_as_scheduled(living: Living, until: timedelta) -> None:
    """As a worker does it: a cycle whenever the employee is due."""
    while await next_turn(living) <= until:
        due = MONDAY + await next_turn(living)
        if due > await living.now():
            await living.waits((due - await living.now()) / DAY)
        await cycle.run(living.database, Caller(living.caller.tenant, employee=living.employee), if_due=True)
    await living.waits((MONDAY + until - await living.now()) / DAY)


async def test_a_follow_up_comes_due_on_time_with_what_it_was_about_and_once(living: Living):
    await calls_back(living)
    await living.meets("call", account="Acme", source="mail")
    await living.goes_on()
    await living.waits(1.999)
    await living.goes_on()
    assert await living.titles() == []
    await living.waits(0.001)
    await living.goes_on()
    assert await living.titles() == ["Call Acme back"]
    for _ in range(3):
        await living.waits(1)
        await living.goes_on()
    assert await living.titles() == ["Call Acme back"]
    [step] = await living.steps("plan a call")
    assert step.result == {"due_at": (MONDAY + 2 * DAY).isoformat()}


async def test_a_follow_up_is_on_time_although_the_loop_interval_is_longer(database: Database):
    living = await hired(database, config={"loop_interval_seconds": 7 * 86_400})
    await calls_back(living, within="5 hours")
    await living.meets("call", account="Acme")
    await lives_as_scheduled(living, 4.9 * HOUR)
    assert await living.titles() == []
    assert await next_turn(living) == 5 * HOUR
    await lives_as_scheduled(living, 5 * HOUR)
    assert await living.titles() == ["Call Acme back"]
    [made] = await living.effects()
    assert made.created_at == MONDAY + 5 * HOUR


async def test_the_same_key_and_moment_is_followed_up_once_and_another_again(living: Living):
    await calls_back(living)
    for account in ("Acme", "Acme", "Globex"):
        await living.meets("call", account=account)
    await living.goes_on()
    await living.waits(0.5)
    await living.meets("call", account="Acme")
    await living.goes_on()
    await living.waits(1.5)
    await living.goes_on()
    assert sorted(await living.titles()) == ["Call Acme back", "Call Globex back"]
    await living.waits(0.5)
    await living.goes_on()
    assert sorted(await living.titles()) == ["Call Acme back", "Call Acme back", "Call Globex back"]


async def test_a_follow_up_is_not_lost_behind_a_thousand_other_observations(living: Living):
    await calls_back(living, within="1 hour")
    await living.meets("call", account="Acme")
    await living.goes_on()
    await living.waits(1 / 24)
    now = await living.now()
    crowd = [
        NewObservation(
            source="world",
            external_id=f"noise-{number}",
            recipient="me",
            kind="noise",
            occurred_at=now - timedelta(seconds=MAX_PERCEIVED + 200 - number),
            description="Noise",
            participants=(),
            content={},
        )
        for number in range(MAX_PERCEIVED + 200)
    ]
    async with living.database.write(living.caller) as tx:
        await inbox.deliver(tx, crowd, recipients={"me": living.employee})
    assert (await living.lives()).perceived == MAX_PERCEIVED
    assert await living.titles() == []
    assert MONDAY + await next_turn(living) == now  # what is left is not left for long
    assert (await living.lives()).perceived == 201
    assert await living.titles() == ["Call Acme back"]


async def test_a_follow_up_waits_for_working_hours_and_is_not_lost(database: Database):
    hours: dict[str, JsonValue] = {
        "timezone": "UTC",
        "start": "09:00",
        "end": "17:00",
        "days": ["mon", "tue", "wed", "thu", "fri"],
    }
    living = await hired(database, config={"working_hours": hours})
    await calls_back(living, within="10 hours")
    await living.meets("call", account="Acme")
    await lives_as_scheduled(living, 23 * HOUR)
    assert await living.titles() == []
    await lives_as_scheduled(living, 24 * HOUR)
    [made] = await living.effects()
    assert (made.title, made.created_at) == ("Call Acme back", MONDAY + DAY)


async def test_two_cycles_of_the_same_moment_follow_up_once(living: Living):
    await calls_back(living, within="1 hour")
    await living.meets("call", account="Acme")
    await living.goes_on()
    await living.waits(1 / 24)
    for _ in range(4):
        await living.lives()
    assert await living.titles() == ["Call Acme back"]
    assert sum(plan.plan_key == "call back" for plan in await living.plans()) == 1
