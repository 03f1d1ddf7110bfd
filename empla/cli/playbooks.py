"""`empla playbook …`: what employees know how to do, in plain sentences; from files, the shelf, or an employee's own library."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import JsonValue

from empla.access import doors
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, print_page, table
from empla.employees import employees
from empla.errors import InvalidError
from empla.memory import procedural, shelf
from empla.memory.demonstration import learn_from_demonstrations
from empla.memory.lesson_file import read_lesson
from empla.memory.playbook import Playbook
from empla.memory.playbook_file import checked, read_path
from empla.memory.playbook_words import told
from empla.memory.procedural import Procedure
from empla.memory.standing import Standing
from empla.mind import applicable as applying
from empla.mind.applicable import Situation
from empla.shapes import read_json
from empla.storage import opening

Name = Annotated[str, Parameter(help="The playbook's name, e.g. rebuild_pipeline.")]
Reason = Annotated[str, Parameter(help="Why; it is kept with the decision.")]
_FAULTS_IN_A_LIST = 1
_MARKS = re.compile(r"`|\*\*|\*(\w+)\*(?= –)")  # of the page that the words are written for


async def everyone(
    *, tenant: Tenant, employee: Employee, user: AsUser = None, json: Json = False, home: Home = None
) -> None:
    """What an employee knows how to do, how often it worked, and what can't be carried out."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await procedural.library(tx, employee=person.id)
    faults = procedural.faults_by_name(found)
    if json:
        print_json({"playbooks": [_record(each, faults) for each in found]})
        return
    shown = table(
        "name", "type", "standing", "worked", "version", "starts with", "remarks", right=("worked", "version")
    )
    for each in found:
        stated = each.conditions
        starts = [*(stated.goals or ()), *(f"{name}?" for name in stated.finds_out or ()), *(stated.triggers or ())]
        shown.add_row(
            each.procedure_name,
            each.procedure_type,
            each.standing,
            f"{each.success_count}/{each.execution_count}",
            str(each.version),
            ", ".join(starts),
            "; ".join(_remarks(each, faults)),
        )
    console.print(f"{person.name} knows {len(found)} playbooks\n", style="bold")
    console.print(shown)


def _remarks(procedure: Procedure, faults: Mapping[str, list[str]]) -> list[str]:
    wrong = faults.get(procedure.procedure_name, [])
    more = f" (and {len(wrong) - _FAULTS_IN_A_LIST} more)" if len(wrong) > _FAULTS_IN_A_LIST else ""
    return [
        *([] if procedure.enabled else ["disabled"]),
        *(["edited"] if procedure.is_edited else []),
        *(f"can't be carried out: {fault}{more}" for fault in wrong[:_FAULTS_IN_A_LIST]),
    ]


def _record(procedure: Procedure, faults: Mapping[str, list[str]]) -> dict[str, object]:
    return {
        **procedure.model_dump(mode="json", exclude={"employee_id"}),
        "is_edited": procedure.is_edited,
        "faults": faults.get(procedure.procedure_name, []),
    }


async def show(
    name: Name, /, *, tenant: Tenant, employee: Employee, user: AsUser = None, json: Json = False, home: Home = None
) -> None:
    """One playbook in plain sentences, with its record."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await procedural.find(tx, employee=person.id, name=name)
            known = await procedural.library(tx, employee=person.id)
    faults = procedural.faults_by_name(known)
    if json:
        print_json(_record(found, faults))
        return
    lines = [
        *_in_words(found.playbook, {each.procedure_name: each.playbook for each in known}),
        "",
        f"Version {found.version}, {found.standing}; {_experience(found)}.",
        *_shown_by(found),
        *(f"It is {remark}." for remark in _remarks(found, {})),
        *(f"It can't be carried out: {fault}." for fault in faults.get(name, [])),
        *(_move(move) for move in found.evidence if isinstance(move, dict)),
    ]
    print_page("\n".join(lines))


def _shown_by(procedure: Procedure) -> list[str]:
    """Who showed it, when it was learned from what people did."""
    shown = procedure.metadata.get("demonstrations")
    if not isinstance(shown, list):
        return []
    people = list(dict.fromkeys(str(one.get("by")) for one in shown if isinstance(one, dict)))
    times = "once" if len(shown) == 1 else f"{len(shown)} times"
    return [f"It was shown {times}, by {', '.join(people)}; told on {str(procedure.metadata.get('told_at'))[:10]}."]


def _experience(procedure: Procedure) -> str:
    if procedure.execution_count == 0:
        return "it was not carried out yet"
    times = f"it worked {procedure.success_count} of {procedure.execution_count} times"
    return f"{times}, so that {procedure.success_bound:.0%} may be counted on"


def _in_words(playbook: Playbook, library: Mapping[str, Playbook]) -> list[str]:
    """Without the marks of a page."""
    words = told(playbook, library)
    plain = [
        playbook.name,
        " ".join(playbook.description.split()),
        "",
        f"It starts when {'; or when '.join(words.starts)}.",
        *([f"Only if {' and '.join(words.only_if)}."] if words.only_if else []),
        *(f"{number:>3}. {step}" for number, step in enumerate(words.steps, start=1)),
        *words.ends,
    ]
    return [_MARKS.sub(r"\1", line) for line in plain]


def _move(move: Mapping[str, object]) -> str:
    why = f"decided: {move['reason']}" if "reason" in move else f"by the intention {move.get('intention')}"
    return (
        f"{str(move.get('at'))[:10]}: {move.get('was')} → {move.get('standing')}, at {move.get('successes')} of "
        f"{move.get('executions')}; {why}"
    )


async def applicable(
    *,
    tenant: Tenant,
    employee: Employee,
    event: Annotated[str | None, Parameter(help="The kind of an event, e.g. deal_won.")] = None,
    content: Annotated[str, Parameter(help="What it holds, as JSON.")] = "{}",
    metric: Annotated[str | None, Parameter(help="A metric that falls short, e.g. pipeline.coverage.")] = None,
    unknown: Annotated[bool, Parameter(negative="", help="The metric is not known, instead.")] = False,
    suppose: Annotated[str, Parameter(help='Beliefs as if they were held, as JSON: {"account.health": 40}.')] = "{}",
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """Which playbooks an employee would weigh, and how; changes nothing."""
    situation = Situation(
        event=event,
        content=_object(content, "--content"),
        metric=metric,
        is_unknown=unknown,
        supposing=_object(suppose, "--suppose"),
    )
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            answer = await applying.applicable(tx, employee=person.id, situation=situation)
    if json:
        print_json(answer)
    else:
        print_page(str(answer))


def _object(written: str, what: str) -> dict[str, JsonValue]:
    found = read_json(written, what=what)
    if not isinstance(found, dict):
        raise InvalidError(f"{what} must be an object, such as {{}}")
    return found


async def add(
    file: Annotated[Path, Parameter(help="A playbook file; docs/playbooks.md says what it holds.")],
    /,
    *,
    tenant: Tenant,
    employee: Employee,
    replace: Annotated[bool, Parameter(negative="", help="Put it in the place of one of the same name.")] = False,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Teach an employee the playbooks of a file; all of them, or none."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            known = [each.playbook for each in await procedural.library(tx, employee=person.id)]
            taught = checked(read_path(file.expanduser(), shelf=known)).playbooks
            if not taught:
                raise InvalidError(f"{file} holds no playbooks")
            await procedural.add(tx, employee=person.id, playbooks=taught, replace=replace)
    names = ", ".join(playbook.name for playbook in taught)
    console.print(f"{person.name} knows {names} from now on", markup=False, soft_wrap=True)


async def learn(
    name: Name,
    /,
    *,
    shown: Annotated[
        Path, Parameter(name="--from", help="A file of demonstrations; docs/playbooks.md says what it holds.")
    ],
    tenant: Tenant,
    employee: Employee,
    replace: Annotated[bool, Parameter(negative="", help="Put it in the place of one of the same name.")] = False,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """An employee learns from what people were seen to do."""
    lesson = read_lesson(shown.expanduser(), name=name)
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            learned = await learn_from_demonstrations(tx, employee=person.id, lesson=lesson, replace=replace)
            known = {each.procedure_name: each.playbook for each in await procedural.library(tx, employee=person.id)}
    if json:
        print_json(learned)
        return
    lines = [
        f"{person.name} has learned this, and has it on trial:",
        "",
        *_in_words(learned.procedure.playbook, known),
        *(["", "Not in it:", *(f"  {reason}" for reason in learned.left_out)] if learned.left_out else []),
    ]
    print_page("\n".join(lines))


def validate(
    files: Annotated[list[Path] | None, Parameter(help="Playbook files; the shelf when there is none.")] = None, /
) -> None:
    """Say what is wrong with playbook files, line by line; without any, look at the shelf.

    A file's steps may name what the shelf has for its role.
    """
    faults: list[str] = []
    count = 0
    for path in files or []:
        found = read_path(path.expanduser())
        if found.role is not None and found.role != shelf.SHARED:
            found = read_path(path.expanduser(), shelf=shelf.of_role(found.role))
        faults += found.faults
        count += len(found.playbooks)
    if not files:
        for found in shelf.all_files():
            faults += found.faults
            count += len(found.playbooks)
    for fault in faults:
        console.print(fault, markup=False, soft_wrap=True)
    if faults:
        raise InvalidError(f"{len(faults)} fault{'s' if len(faults) > 1 else ''} in playbooks")
    console.print(
        "1 playbook, and nothing wrong with it" if count == 1 else f"{count} playbooks, and nothing wrong with them"
    )


async def enable(name: Name, /, *, tenant: Tenant, employee: Employee, user: AsUser = None, home: Home = None) -> None:
    """Let an employee use a playbook again."""
    await _set_enabled(name, tenant=tenant, employee=employee, user=user, home=home, enabled=True)


async def disable(name: Name, /, *, tenant: Tenant, employee: Employee, user: AsUser = None, home: Home = None) -> None:
    """Let an employee use a playbook no more; what is under way goes on."""
    await _set_enabled(name, tenant=tenant, employee=employee, user=user, home=home, enabled=False)


async def _set_enabled(
    name: str, *, tenant: str, employee: str, user: str | None, home: Path | None, enabled: bool
) -> None:
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await procedural.find(tx, employee=person.id, name=name)
            await procedural.set_enabled(tx, employee=person.id, procedure=found.id, enabled=enabled)
    console.print(f"{person.name} {'uses' if enabled else 'does not use'} {name} from now on", markup=False)


async def promote(
    name: Name, /, *, tenant: Tenant, employee: Employee, reason: Reason, user: AsUser = None, home: Home = None
) -> None:
    """Decide that a playbook is established, whatever its record says."""
    await _set_standing(name, "established", reason, tenant=tenant, employee=employee, user=user, home=home)


async def demote(
    name: Name, /, *, tenant: Tenant, employee: Employee, reason: Reason, user: AsUser = None, home: Home = None
) -> None:
    """Decide that a playbook is not chosen any more, whatever its record says."""
    await _set_standing(name, "demoted", reason, tenant=tenant, employee=employee, user=user, home=home)


async def _set_standing(
    name: str, standing: Standing, reason: str, *, tenant: str, employee: str, user: str | None, home: Path | None
) -> None:
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await procedural.find(tx, employee=person.id, name=name)
            await procedural.set_standing(tx, employee=person.id, procedure=found.id, standing=standing, reason=reason)
    console.print(f"{name} is {standing} with {person.name}", markup=False)


async def upgrade(
    *,
    tenant: Tenant,
    employee: Annotated[str | None, Parameter(help="The employee's e-mail; everybody when it is not given.")] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Take over the shelf's newer versions of what nobody has edited; records and standing stay."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            people = await employees.everyone(tx) if employee is None else [await employees.find(tx, email=employee)]
            for person in people:
                done = await procedural.upgrade(tx, employee=person.id, role=person.role)
                changed = [*(f"new: {name}" for name in done.added), *(f"newer: {name}" for name in done.replaced)]
                left = [f"edited, and left as it is: {name}" for name in done.left]
                console.print(
                    f"{person.name}: {'; '.join([*changed, *left]) or 'nothing new'}", markup=False, soft_wrap=True
                )
