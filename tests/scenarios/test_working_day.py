"""A working day: an urgent request, a pricing question, overlapping meetings; who is served first, and who is served at all."""

from datetime import datetime, timedelta

import pytest
from factories import MONDAY
from living import Living, hired
from pydantic import JsonValue

from empla.employees import schedule
from empla.mind import cycle
from empla.storage.database import Database
from empla.storage.tx import Caller

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

URGENT = [
    {"action": "believe", "subject": "{customer}", "predicate": "open_requests", "object": 1},
    {
        "action": "adopt_goal",
        "key": "urgent:{customer}",
        "metric": "{customer}.open_requests",
        "goal_type": "maintenance",
        "threshold": 0,
        "comparator": "<=",
        "importance": 1,
        "description": "Nothing urgent of {customer} is open",
    },
]
ANSWER = [
    {"action": "task", "title": "Answer {subject} now"},
    {"action": "note", "text": "Told {subject}'s manager"},
]
PRICING = [
    {"action": "note", "text": "Price of {product}"},
    {"action": "note", "text": "Discount for {customer}"},
    {"action": "note", "text": "Offer for {customer}"},
    {"action": "follow_up", "kind": "offer_sent", "in": "1 day", "key": "offer:{customer}"},
]
# Looking and taking stand in one step, so that two meetings can't both find the slot free.
MEETING = [
    {
        "action": "believe",
        "subject": "{slot}",
        "predicate": "taken_by",
        "object": "{title}",
        "if": "not known slot.taken_by",
    },
    {"action": "note", "text": "Accepted: {title}", "if": "slot.taken_by = title"},
    {"action": "task", "title": "Propose another time for {title}", "if": "not (slot.taken_by = title)"},
]


async def a_day(database: Database, *, at_once: int) -> Living:
    hours: JsonValue = {
        "timezone": "Europe/Berlin",
        "start": "09:00",
        "end": "17:00",
        "days": ["mon", "tue", "wed", "thu", "fri"],
    }
    living = await hired(database, config={"working_hours": hours, "max_concurrent_tasks": at_once})
    await living.learns("take an urgent request", *URGENT, triggers=["urgent_request"])
    await living.learns("answer at once", *ANSWER, goals=["*.open_requests"])
    await living.learns("answer a pricing question", *PRICING, triggers=["pricing_question"])
    await living.learns("plan a meeting", *MEETING, triggers=["meeting_invitation"])
    await living.learns("ask about the offer", {"action": "task", "title": "Call {customer}"}, triggers=["offer_sent"])
    return living


@pytest.fixture
async def day(database: Database) -> Living:
    """Monday, ten o'clock in Berlin; two things at a time."""
    return await a_day(database, at_once=2)


async def works(living: Living) -> int:
    """One cycle, as the clock has it; how many steps it took."""
    employee = Caller(living.caller.tenant, employee=living.employee)
    return (await cycle.run(living.database, employee)).steps


async def works_until_quiet(living: Living) -> list[int]:
    steps: list[int] = []
    while not steps or steps[-1]:
        steps.append(await works(living))
    return steps


async def test_the_urgent_request_is_served_first_although_it_came_last(database: Database):
    day = await a_day(database, at_once=3)
    parts = [{"action": "note", "text": f"Part {number} of {{title}}"} for number in range(1, 8)]
    await day.learns("write a report", *parts, triggers=["report"])
    for title in ("sales", "costs"):
        await day.meets("report", title=title)
    await works(day)
    await day.waits(0.01)
    await day.meets("urgent_request", customer="Initech")
    await works_until_quiet(day)
    titles = await day.titles()
    # It takes two steps to see that it is urgent; from then on it comes first in each cycle.
    assert titles[6:12] == [
        "Answer Initech now",
        "Part 4 of sales",
        "Part 4 of costs",
        "Told Initech's manager",
        "Part 5 of sales",
        "Part 5 of costs",
    ]
    assert (await day.plan("answer at once")).priority == 10
    assert (await day.plan("write a report")).priority == 5
    [asked] = await day.notices()  # the request is open still, and nothing else is known to do about it
    assert (asked.kind, asked.severity) == ("escalation", "urgent")


async def test_the_urgent_request_is_the_next_to_be_begun_when_there_is_room(day: Living):
    """Two are worked on: what is more pressing does not interrupt them, but comes before all others that wait."""
    for customer in ("Acme", "Globex", "Hooli"):
        await day.meets("pricing_question", product=f"what {customer} asks", customer=customer)
    await day.hears(0, "Initech", "open_requests")
    await day.wants("Initech.open_requests", threshold=0, comparator="<=", importance=1)
    await works(day)
    await day.waits(0.01)
    await day.hears(1, "Initech", "open_requests")
    await works_until_quiet(day)
    titles = await day.titles()
    assert titles.index("Answer Initech now") < titles.index("Price of what Hooli asks")


async def test_two_things_at_a_time_each_a_step_in_turn_and_nobody_is_forgotten(day: Living):
    for customer in ("A", "B", "C", "D"):
        await day.meets("pricing_question", product=f"x{customer}", customer=customer)
    steps = await works_until_quiet(day)
    assert max(steps) == 2
    assert sum(steps) == 16
    titles = await day.titles()
    # Two are worked on, in turns; the next ones begin when these are done.
    assert titles[:6] == [
        "Price of xA",
        "Price of xB",
        "Discount for A",
        "Discount for B",
        "Offer for A",
        "Offer for B",
    ]
    assert titles[6:] == [
        "Price of xC",
        "Price of xD",
        "Discount for C",
        "Discount for D",
        "Offer for C",
        "Offer for D",
    ]
    assert {plan.status for plan in await day.plans()} == {"completed"}


@pytest.mark.parametrize("at_once", [1, 3, 5])
async def test_never_more_than_so_many_are_begun(database: Database, at_once: int):
    day = await a_day(database, at_once=at_once)
    for customer in ("A", "B", "C", "D"):
        await day.meets("pricing_question", product="x", customer=customer)
    while await works(day):
        begun = [plan for plan in await day.plans() if plan.status == "in_progress"]
        assert len(begun) <= at_once
    assert [plan.status for plan in await day.plans()] == ["completed"] * 4


async def test_what_waits_does_not_take_the_place_of_what_could_be_done(day: Living):
    wait = {"action": "await", "criteria": "self.never"}
    await day.learns("wait", wait, triggers=["wait"])
    for _ in range(4):
        await day.meets("wait")
    await works_until_quiet(day)
    assert {plan.status for plan in await day.plans()} == {"in_progress"}
    await day.meets("pricing_question", product="boots", customer="Acme")
    await works_until_quiet(day)
    assert "Offer for Acme" in await day.titles()


async def test_of_two_meetings_at_one_time_the_first_is_accepted_and_the_other_moved(day: Living):
    await day.meets("meeting_invitation", slot="Monday 14:00", title="Review")
    await day.meets("meeting_invitation", slot="Monday 14:00", title="Lunch")
    await day.meets("meeting_invitation", slot="Monday 15:00", title="Coffee")
    await works_until_quiet(day)
    assert sorted(await day.titles()) == [
        "Accepted: Coffee",
        "Accepted: Review",
        "Propose another time for Lunch",
    ]
    assert (await day.believes("Monday 14:00", "taken_by")).object == "Review"


async def test_the_pricing_question_is_followed_up_the_next_day_in_working_hours(day: Living):
    await day.waits(7 / 24)  # five in the afternoon in Berlin: the shift is over
    await day.meets("pricing_question", product="boots", customer="Acme")
    assert await works(day) == 0
    assert await day.titles() == []
    async with day.database.read(day.caller) as tx:
        [turn] = await schedule.turns(tx)
    tuesday = datetime(2025, 3, 4, 8, tzinfo=MONDAY.tzinfo)  # nine o'clock in Berlin
    assert turn.next_cycle_at == tuesday
    await day.waits((tuesday - await day.now()) / DAY)
    await works_until_quiet(day)
    assert "Offer for Acme" in await day.titles()
    await day.waits(1)
    await works_until_quiet(day)
    assert (await day.titles())[-1] == "Call Acme"
    assert (await day.effects())[-1].created_at == tuesday + DAY


async def test_who_waits_long_enough_comes_before_who_is_more_pressing(day: Living):
    """Priority 5 that has waited for sixteen days counts as much as a fresh 10."""
    await day.learns("slow", *PRICING[:2], triggers=["slow"])
    async with day.database.write(day.caller) as tx:
        await tx.execute(
            "UPDATE employees SET config = config || '{\"max_concurrent_tasks\": 1}' WHERE tenant_id = %(tenant)s::uuid"
        )
    await day.meets("slow", product="boots", customer="Acme")
    await works(day)
    assert await day.titles() == ["Price of boots"]
    await day.waits(16)
    for customer in ("Initech", "Hooli"):
        await day.meets("urgent_request", customer=customer)
    for _ in range(3):
        await works(day)
    assert "Discount for Acme" in await day.titles()
