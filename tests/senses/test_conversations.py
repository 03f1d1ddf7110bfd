"""Conversations: what somebody writes is a message and an observation in one; what an employee answers goes the way of every effect."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from factories import an_employee, wait
from leaving import Leaver
from living import hired

from empla.effects import outbox
from empla.employees import assignments, employees, schedule
from empla.errors import ConflictError, EmplaError, ForbiddenError, InvalidError, NotFoundError
from empla.memory import episodic, procedural, shelf
from empla.memory.playbook import Playbook
from empla.mind import cycle
from empla.senses import conversations
from empla.senses.conversations import Message, Said
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

ANSWER: dict[str, Any] = {"action": "reply", "text": "Dear {person}, about {words}:"}


async def say(database: Database, caller: Caller, employee: UUID, words: str = "How is Acme?", **more: Any) -> Said:
    async with database.write(caller) as tx:
        return await conversations.say(tx, employee=employee, words=words, **more)


async def written(database: Database, caller: Caller, employee: UUID, talk: UUID, after: int = 0) -> list[Message]:
    async with database.read(caller) as tx:
        return await conversations.messages(tx, employee=employee, conversation=talk, after=after)


async def a_user(database: Database, acme: Caller, role: Any = "user", employee: UUID | None = None) -> Caller:
    async with database.write(acme) as tx:
        made = await users.invite(tx, email=f"u-{uuid4().hex[:8]}@acme.example", name="Dana", role=role)
        if employee is not None:
            await assignments.assign(tx, user=made.id, employee=employee)
    return Caller(acme.tenant, user=made.id)


async def a_listener(database: Database, stage: Any = "autonomous", *steps: dict[str, Any]) -> Leaver:
    """An employee who answers messages."""
    living = await hired(database)
    leaver = Leaver(database, living.caller, living.employee)
    await leaver.is_trusted(stage)
    await leaver.learns("answer", *(steps or (ANSWER,)), triggers=["message_received", "visitor_wrote"])
    return leaver


async def test_a_message_is_an_observation_that_is_due_now(database: Database, acme: Caller, rival: Caller):
    jordan = await an_employee(database, acme)
    dana = await a_user(database, acme, employee=jordan.id)
    before = database.statements
    said = await say(database, dana, jordan.id, "How is Acme?\nAnd Globex?")
    assert database.statements - before == 3  # begin, say, commit
    [message] = await written(database, dana, jordan.id, said.conversation_id)
    assert (message.author, message.user_id, message.position) == ("user", dana.user, 1)
    async with database.read(dana) as tx:
        talk = await conversations.get(tx, conversation=said.conversation_id)
        assert (talk.title, talk.messages, talk.status, talk.started_by) == ("How is Acme?", 1, "open", dana.user)
    worker = Caller(acme.tenant, employee=jordan.id)
    assert (await cycle.run(database, worker)).perceived == 1
    async with database.read(acme) as tx:
        [episode] = await episodic.latest(tx, employee=jordan.id)
    assert episode.description == "Dana wrote: How is Acme?\nAnd Globex?"
    async with database.read(rival) as tx:
        assert await conversations.listed(tx) == []
        with pytest.raises(NotFoundError):
            await conversations.get(tx, conversation=said.conversation_id)


async def test_one_writes_to_whom_one_is_assigned_to(database: Database, acme: Caller, rival: Caller):
    jordan, robin = await an_employee(database, acme), await an_employee(database, acme, name="Robin")
    said = await say(database, acme, robin.id)
    dana = await a_user(database, acme, employee=jordan.id)
    refused: list[tuple[Caller, UUID, dict[str, Any], type[EmplaError]]] = [
        (dana, robin.id, {}, ForbiddenError),
        (dana, robin.id, {"conversation": said.conversation_id}, ForbiddenError),
        (dana, jordan.id, {"conversation": said.conversation_id}, NotFoundError),
        (dana, jordan.id, {"visitor": "Jane"}, ForbiddenError),
        (rival, robin.id, {}, NotFoundError),
        (rival, robin.id, {"conversation": said.conversation_id}, NotFoundError),
        (acme, robin.id, {"conversation": said.conversation_id, "in_reply_to": uuid4()}, NotFoundError),
    ]
    for caller, employee, more, error in refused:
        with pytest.raises(error):
            await say(database, caller, employee, **more)
    for words, more in (
        ("", {}),
        (" ", {}),
        ("a\0b", {}),
        ("hi", {"title": ""}),
        ("hi", {"key": "k"}),
        ("x" * 70_000, {}),
    ):
        with pytest.raises(InvalidError):
            await say(database, acme, robin.id, words, **more)
    assert len(await written(database, acme, robin.id, said.conversation_id)) == 1
    assert await written(database, dana, robin.id, said.conversation_id) == []


async def test_the_same_key_is_written_once_and_all_have_a_place_without_a_gap(database: Database, acme: Caller):
    jordan = await an_employee(database, acme)
    talk = (await say(database, acme, jordan.id)).conversation_id
    said = await asyncio.gather(
        *(say(database, acme, jordan.id, f"{number}", conversation=talk, key=f"k{number % 5}") for number in range(20))
    )
    assert len({each.message_id for each in said}) == 5
    assert sum(each.is_new for each in said) == 5
    places = [message.position for message in await written(database, acme, jordan.id, talk)]
    assert places == [1, 2, 3, 4, 5, 6]


async def test_a_closed_conversation_takes_no_more_until_it_is_open_again(database: Database, acme: Caller):
    jordan = await an_employee(database, acme)
    talk = (await say(database, acme, jordan.id)).conversation_id
    reader = await a_user(database, acme, employee=jordan.id)
    with pytest.raises(NotFoundError):
        async with database.write(reader) as tx:
            await conversations.change(tx, conversation=talk, status="closed")
    async with database.write(acme) as tx:
        await conversations.change(tx, conversation=talk, status="closed", title="Prices")
    with pytest.raises(ConflictError):
        await say(database, acme, jordan.id, conversation=talk)
    async with database.write(acme) as tx:
        assert (await conversations.change(tx, conversation=talk, status="open")).title == "Prices"
    assert (await say(database, acme, jordan.id, conversation=talk)).is_new


async def test_nobody_writes_to_an_employee_that_is_gone(database: Database, acme: Caller):
    jordan = await an_employee(database, acme)
    async with database.write(acme) as tx:
        await employees.dismiss(tx, employee=jordan.id)
    with pytest.raises(NotFoundError):
        await say(database, acme, jordan.id)


async def test_an_autonomous_employee_answers_once_in_its_place(database: Database):
    jordan = await a_listener(database)
    said = await say(database, jordan.caller, jordan.employee)
    await jordan.goes_on()
    [asked, answer] = await written(database, jordan.caller, jordan.employee, said.conversation_id)
    assert (answer.author, answer.position, answer.in_reply_to) == ("employee", 2, asked.id)
    assert answer.body == "Dear the operator, about How is Acme?:"
    [effect] = await jordan.outgoing()
    assert (effect.status, effect.capability, answer.effect_id) == ("done", "conversation", effect.id)
    await say(database, jordan.caller, jordan.employee, conversation=said.conversation_id)
    await jordan.goes_on()
    answers = await written(database, jordan.caller, jordan.employee, said.conversation_id)
    assert [message.author for message in answers] == ["operator", "employee"] * 2, "the same answer may be given again"


async def test_a_supervised_employee_waits_for_a_human_who_may_edit_its_words_alone(database: Database):
    jordan = await a_listener(database, "supervised")
    talk = (await say(database, jordan.caller, jordan.employee)).conversation_id
    await jordan.goes_on()
    assert len(await written(database, jordan.caller, jordan.employee, talk)) == 1
    [request] = await jordan.asked()
    with pytest.raises(InvalidError, match="stays in its conversation"):
        await jordan.decides(request.id, "edit", arguments={"conversation": str(uuid4())})
    with pytest.raises(InvalidError, match="stays in its conversation"):
        await jordan.decides(request.id, "edit", recipients=["jane@prospect.example"])
    await jordan.decides(request.id, "edit", body="All is well.")
    await jordan.goes_on()
    [_, answer] = await written(database, jordan.caller, jordan.employee, talk)
    assert answer.body == "All is well."


async def test_in_shadow_an_answer_is_a_draft_that_a_human_may_let_stand(database: Database):
    jordan = await a_listener(database, "shadow")
    talk = (await say(database, jordan.caller, jordan.employee)).conversation_id
    await jordan.goes_on()
    assert len(await written(database, jordan.caller, jordan.employee, talk)) == 1
    [effect] = await jordan.outgoing()
    assert effect.status == "drafted"
    async with database.write(jordan.caller) as tx:
        await outbox.settle(tx, employee=jordan.employee, effect=effect.id, finding="happened", reason="It is right")
    assert len(await written(database, jordan.caller, jordan.employee, talk)) == 2


async def test_what_a_dead_turn_had_started_is_said_once(database: Database):
    jordan = await a_listener(database)
    talk = (await say(database, jordan.caller, jordan.employee)).conversation_id
    worker = Caller(jordan.caller.tenant, employee=jordan.employee)
    async with database.read(jordan.caller) as tx:
        started_at = tx.now
    await jordan.lives()
    [effect] = await jordan.outgoing()
    assert effect.status == "approved"
    async with database.work(worker) as tx:
        turn = await schedule.take_turn(tx, employee=jordan.employee, next_cycle_at=started_at)
        assert turn is not None
        begun = await outbox.begin(tx, employee=jordan.employee, effect=effect.id, fence=turn.fence)
        assert begun is not None
        assert begun.verdict == "started"
        await schedule.end_turn(tx, employee=jordan.employee, fence=turn.fence, next_cycle_at=started_at)
    await jordan.goes_on()
    await wait(database, jordan.caller, 1)
    await jordan.goes_on()
    assert len(await written(database, jordan.caller, jordan.employee, talk)) == 2


async def test_the_shelfs_answer_is_what_is_believed_and_remembered_and_not_for_visitors(database: Database):
    living = await hired(database)
    jordan = Leaver(database, living.caller, living.employee)
    await jordan.is_trusted("autonomous")
    everyone = {playbook.name: playbook for playbook in shelf.of_role("sales_ae")}
    for name in ("answer_message", "answer_visitor"):
        await teach(jordan, everyone[name])
    await jordan.hears("in talks", "Globex", "stage", source="told_by_human")
    async with database.write(jordan.caller) as tx:
        await episodic.record(tx, employee=jordan.employee, description="Jane of Globex asked for a discount")
    asked = await say(database, jordan.caller, jordan.employee, "What about Globex?")
    other = await say(database, jordan.caller, jordan.employee, "And Initech?")
    outside = await say(database, jordan.caller, jordan.employee, "What about Globex?", visitor="Eve")
    await jordan.goes_on()
    answers = {
        talk.conversation_id: (await written(database, jordan.caller, jordan.employee, talk.conversation_id))[1].body
        for talk in (asked, other, outside)
    }
    known = answers[asked.conversation_id].splitlines()
    assert known[0] == "Thank you, the operator. This is what I know about it:"
    assert known[1].startswith("- Globex stage: in talks (confidence 0.9")
    assert known[2:] == ["- Jane of Globex asked for a discount"]
    assert answers[other.conversation_id].endswith("Nothing so far. I remember that you asked.")
    assert "Globex" not in answers[outside.conversation_id]
    assert [notice.text for notice in await jordan.notices()] == ["Eve wrote from outside: What about Globex?"]


async def teach(jordan: Leaver, playbook: Playbook) -> None:
    async with jordan.database.write(jordan.caller) as tx:
        await procedural.add(tx, employee=jordan.employee, playbooks=[playbook])


async def test_what_a_visitor_wrote_is_tainted(database: Database):
    jordan = await a_listener(database)
    await say(database, jordan.caller, jordan.employee, visitor="jane@prospect.example")
    await jordan.goes_on()
    [effect] = await jordan.outgoing()
    assert effect.tainted
