"""`empla chat …`: write to an employee, read what it answers."""

from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Limit, Tenant, settings_for
from empla.cli.output import console, print_json, print_page
from empla.employees import employees
from empla.errors import UsageError
from empla.ids import short
from empla.observability import events
from empla.senses import conversations
from empla.senses.conversations import Message
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller


async def chat(
    employee: Employee,
    words: Annotated[
        str | None, Parameter(help="What to write; without, its conversations or one of them are shown.")
    ] = None,
    /,
    *,
    tenant: Tenant,
    conversation: Annotated[
        str | None, Parameter(help="The beginning or the end of its id; without, a new one begins.")
    ] = None,
    visitor: Annotated[
        str | None, Parameter(help="Pass on what somebody from outside wrote, by name or address.")
    ] = None,
    follow: Annotated[bool, Parameter(negative="", help="Go on showing what is written, until Ctrl-C.")] = False,
    limit: Limit = 100,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Write to an employee, which reads it in its next cycle; or show its conversations, or what was written in one."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = (
                None if conversation is None else await conversations.find(tx, named=conversation, employee=person.id)
            )
            after = await events.now(tx)
            talks = await conversations.listed(tx, employee=person.id, limit=limit)
        talk = None if found is None else found.id
        if words is not None:
            async with database.write(caller) as tx:
                said = await conversations.say(tx, employee=person.id, words=words, conversation=talk, visitor=visitor)
            talk = said.conversation_id
        if talk is None:
            if follow:
                raise UsageError("say which conversation to follow: --conversation")
            if json:
                print_json(talks)
            for each in [] if json else talks:
                console.print(
                    f"{short(each.id)}  {each.status}  {each.messages} messages  {each.title}", soft_wrap=True
                )
            if not talks and not json:
                console.print(f"nobody has written to {person.name} yet")
            return
        async with database.read(caller) as tx:
            written = await conversations.messages(tx, employee=person.id, conversation=talk)
        if json and not follow:
            print_json(written)
            return
        console.print(f"conversation {short(talk)} with {person.name}", style="bold")
        _show(written, person.name)
        if follow:
            seen = written[-1].position if written else 0
            async for event in events.follow(
                database, caller, after=after, employee=person.id, kinds=["message.posted"]
            ):
                if event.subject_id == talk:
                    seen = await _show_new(database, caller, person.id, talk, seen, person.name)


async def _show_new(database: Database, caller: Caller, employee: UUID, talk: UUID, seen: int, name: str) -> int:
    async with database.read(caller) as tx:
        written = await conversations.messages(tx, employee=employee, conversation=talk, after=seen)
    _show(written, name)
    return written[-1].position if written else seen


def _show(written: list[Message], name: str) -> None:
    for message in written:
        author = name if message.author == "employee" else message.visitor or f"the {message.author}"
        console.print(f"{message.created_at:%Y-%m-%d %H:%M}  {author}:", style="bold", soft_wrap=True)
        print_page("\n".join(f"  {line}" for line in message.body.splitlines()))
