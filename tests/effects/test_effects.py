"""What a step brings about is there once, whoever does the step again, and nobody else sees it."""

from uuid import UUID, uuid4

import pytest
from factories import a_simulated_tenant
from living import Living, hired

from empla.effects import effects
from empla.effects.effects import Effect, EffectKind, NewEffect
from empla.errors import InvalidError, NotFoundError
from empla.storage.database import Database
from empla.storage.tx import Caller

NOTE = {"action": "note", "text": "done"}


@pytest.fixture
async def living(database: Database) -> Living:
    return await hired(database)


async def makes(
    living: Living, plan: UUID, *, key: str = "k", title: str = "A title", kind: EffectKind = "note", body: str = ""
) -> Effect | None:
    async with living.database.work(Caller(living.caller.tenant, employee=living.employee)) as tx:
        return await effects.make(
            tx,
            NewEffect(
                employee_id=living.employee,
                intention_id=plan,
                step_position=1,
                idempotency_key=key,
                kind=kind,
                title=title,
                body=body,
            ),
        )


async def test_the_same_key_makes_one_effect_and_the_first_one_stays(living: Living):
    plan = await living.intends("plan", NOTE)
    made = await makes(living, plan, title="First")
    assert made is not None
    assert await makes(living, plan, title="Second") is None
    assert await living.effects() == [made]


async def test_a_task_and_a_note_are_done_by_standing_there_and_a_draft_waits(living: Living):
    plan = await living.intends("plan", NOTE)
    kinds: tuple[EffectKind, ...] = ("task", "note", "draft")
    for kind in kinds:
        made = await makes(living, plan, key=kind, kind=kind)
        assert made is not None
        assert made.status == ("drafted" if kind == "draft" else "done")


@pytest.mark.parametrize(
    ("title", "body", "reason"),
    [
        (" ", "", "a title has 1 to 1,000 characters"),
        ("x" * 1001, "", "a title has 1 to 1,000 characters"),
        ("x", "💥" * 20_000, "a text has at most 65,536 bytes"),
    ],
)
async def test_what_does_not_fit_is_refused(living: Living, title: str, body: str, reason: str):
    plan = await living.intends("plan", NOTE)
    with pytest.raises(InvalidError, match=reason):
        await makes(living, plan, title=title, body=body)
    assert await living.effects() == []


async def test_an_effect_belongs_to_a_plan_of_its_own_employee(living: Living, database: Database):
    with pytest.raises(NotFoundError):
        await makes(living, uuid4())
    stranger = Living(database, await a_simulated_tenant(database), living.employee)
    plan = await living.intends("plan", NOTE)
    with pytest.raises(NotFoundError):
        await makes(stranger, plan)
    await makes(living, plan)
    assert await stranger.effects() == []


async def test_what_a_plan_brought_about_is_listed_with_it(living: Living):
    one, two = await living.intends("one", NOTE), await living.intends("two", NOTE)
    await makes(living, one, key="1", title="of one")
    await makes(living, two, key="2", title="of two")
    async with living.database.read(living.caller) as tx:
        found = await effects.latest(tx, employee=living.employee, intention=one)
    assert [effect.title for effect in found] == ["of one"]


async def test_a_step_of_each_kind_leaves_its_result_in_view(database: Database):
    living = await hired(database, able=["telephone"])
    await living.learns(
        "all",
        {"action": "task", "title": "Call {who}", "due": "2 days", "assignee": "{who}", "text": "Now"},
        {"action": "note", "text": "First line\nsecond"},
        {"action": "draft", "to": "{who}", "subject": "Hello {who}", "text": "Dear {who}", "capability": "telephone"},
        triggers=["chance"],
    )
    await living.meets("chance", who="Jane")
    await living.goes_on()
    found = [(made.kind, made.title, made.body, made.status) for made in await living.effects()]
    assert found == [
        ("task", "Call Jane", "Now", "done"),
        ("note", "First line", "First line\nsecond", "done"),
        ("draft", "Hello Jane", "Dear Jane", "drafted"),
    ]
    arguments = [made.arguments for made in await living.effects()]
    assert arguments == [
        {"due_at": "2025-03-05T09:00:00+00:00", "assignee": "Jane"},
        {},
        {"to": ["Jane"], "subject": "Hello Jane"},
    ]
    steps = await living.steps("all")
    assert [step.result["effect"] for step in steps] == [str(made.id) for made in await living.effects()]


async def test_a_step_that_needs_what_the_employee_can_not_do_fails_at_once(living: Living):
    await living.learns("post", NOTE, {**NOTE, "if": "now", "capability": "fax"}, triggers=["chance"])
    await living.meets("chance", now=True)
    await living.goes_on()
    assert await living.titles() == ["done"]
    [_, step] = await living.steps("post")
    assert (step.status, step.attempts, step.error) == ("failed", 1, "the employee lacks the capability fax")
    await living.learns("fax", {**NOTE, "capability": "fax"}, triggers=["other"])
    await living.meets("other")
    await living.goes_on()
    assert [plan.plan_key for plan in await living.plans()] == ["post"]
