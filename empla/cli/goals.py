"""`empla goals …`: what an employee wants, how it stands, and why it presses."""

from collections.abc import Sequence
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from cyclopts.validators import Number

from empla.access import doors
from empla.bdi import goals
from empla.bdi.goals import Goal, GoalEvent
from empla.bdi.shapes import Comparator, GoalType, Measure
from empla.bdi.states import LIVE_GOALS
from empla.cli.options import AsUser, Employee, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, print_page, table
from empla.employees import employees
from empla.errors import NotFoundError
from empla.ids import short
from empla.mind import mandate, outcome
from empla.mind.explanation import shown
from empla.mind.mandate import Wanted
from empla.mind.outcome import BeforeSuccess
from empla.mind.why_priority import why_priority
from empla.storage import opening

app = cyclopts.App(name="goals")

GoalName = Annotated[str, Parameter(help="The goal: the beginning or the end of its id, or its key.")]


@app.default
async def listed(
    *,
    tenant: Tenant,
    employee: Employee,
    every: Annotated[bool, Parameter(name="--all", negative="", help="Also those that are over.")] = False,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """What an employee wants, the most pressing first."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            person = await employees.find(tx, email=employee)
            found = await goals.listed(tx, employee=person.id, statuses=None if every else sorted(LIVE_GOALS))
    if json:
        print_json(found)
        return
    lines = table("id", "priority", "goal", "how it stands", right=("priority",))
    lines.columns[0].no_wrap = True
    for goal in found:
        lines.add_row(short(goal.id), str(goal.priority), goal.description, _stands(goal))
    console.print(lines if found else f"{person.name} wants nothing; see empla goals adopt --help")


@app.command
async def adopt(
    metric: Annotated[str, Parameter(help="The belief that is measured, e.g. pipeline.coverage.")],
    /,
    *,
    tenant: Tenant,
    employee: Employee,
    at_least: Annotated[float | None, Parameter(help="The number that it shall have, or more.")] = None,
    at_most: Annotated[float | None, Parameter(help="The number that it shall have, or less.")] = None,
    value: Annotated[float | None, Parameter(help="The number, with another --comparator.")] = None,
    comparator: Annotated[Comparator | None, Parameter(help="How the metric compares with --value.")] = None,
    type: Annotated[  # noqa: A002 — the option's name
        GoalType, Parameter(help="Done when true, kept and restored, or never to happen.")
    ] = "achievement",
    restore: Annotated[float | None, Parameter(help="What a violated state must reach again: stricter.")] = None,
    deadline: Annotated[str | None, Parameter(help='A date, a time, or how long from now: "2 weeks".')] = None,
    window: Annotated[str | None, Parameter(help='Measured over "30 days", or the running "quarter".')] = None,
    measure: Annotated[Measure | None, Parameter(help="What of the window counts; change when absent.")] = None,
    importance: Annotated[float, Parameter(validator=Number(gte=0, lte=1), help="From 0 to 1.")] = 0.5,
    key: Annotated[str | None, Parameter(help="A name; at most one live goal has it.")] = None,
    description: Annotated[str | None, Parameter(help="In a person's words.")] = None,
    creation: Annotated[str | None, Parameter(help='It begins once this holds, e.g. "quota.year > 0".')] = None,
    context: Annotated[str | None, Parameter(help="It rests while this does not hold.")] = None,
    drop: Annotated[str | None, Parameter(help="It is given up once this holds.")] = None,
    recur_after: Annotated[
        str | None, Parameter(help="When all plans have failed, they are tried anew after this.")
    ] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """An employee wants something from now on, and looks at it in a cycle that is due at once."""
    wanted = Wanted(
        metric=metric,
        goal_type=type,
        at_least=at_least,
        at_most=at_most,
        value=value,
        comparator=comparator,
        restore=restore,
        deadline=deadline,
        window=window,
        measure=measure,
        importance=importance,
        key=key,
        description=description,
        creation=creation,
        context=context,
        drop=drop,
        recur_after=recur_after,
    )
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            person = await employees.find(tx, email=employee)
            goal = await mandate.want(tx, employee=person.id, wanted=wanted)
    if json:
        print_json(goal)
    else:
        console.print(
            f"{person.name} wants {goal.description} (goal {short(goal.id)}, priority {goal.priority})", soft_wrap=True
        )


@app.command(name="drop")
async def give_up(
    goal: GoalName,
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str, Parameter(help="Why it is wanted no more.")],
    employee: Annotated[str | None, Parameter(help="Whose goal, where several have its key.")] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """A goal is wanted no more; its plans end in the next cycle, which is due at once."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            owner = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await goals.find(tx, named=goal, employee=owner)
            await mandate.give_up(tx, goal=found.id, reason=reason)
    console.print(f"given up: {found.description} (goal {short(found.id)})", soft_wrap=True)


@app.command
async def show(
    goal: GoalName,
    /,
    *,
    tenant: Tenant,
    employee: Annotated[str | None, Parameter(help="Whose goal, where several have its key.")] = None,
    user: AsUser = None,
    json: Json = False,
    home: Home = None,
) -> None:
    """One goal: how it stands, why it presses, its history, and what changed before it was last met."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            owner = None if employee is None else (await employees.find(tx, email=employee)).id
            found = await goals.find(tx, named=goal, employee=owner)
            person = await employees.get(tx, employee=found.employee_id)
            history = await goals.history(tx, employee=found.employee_id, goal=found.id)
            try:
                before = await outcome.before_success(tx, goal=found.id)
            except NotFoundError:
                before = None  # it was not met so far
    if json:
        print_json(
            {
                "employee": person.email,
                "goal": found.model_dump(mode="json"),
                "priority": why_priority(found).model_dump(mode="json"),
                "history": [event.model_dump(mode="json") for event in history],
                "before_success": None if before is None else before.model_dump(mode="json", exclude={"goal"}),
            }
        )
    else:
        print_page("\n".join(_page(found, person.name, history, before)))


def _page(goal: Goal, whose: str, history: Sequence[GoalEvent], before: BeforeSuccess | None) -> list[str]:
    progress, stated = goal.current_progress, goal.conditions.to_json()
    since = f" since {progress.since[:16].replace('T', ' ')} UTC" if progress.since else ""
    lines = [
        f"{whose}: {goal.description}",
        f"  {goal.goal_type} of {goal.target.metric}, wanted {_wanted(goal)}",
        f"  {goal.status.replace('_', ' ')}, {progress.state or 'not evaluated yet'}{since}: {goal.reason or 'adopted'}",
        *([f"  key {goal.goal_key}"] if goal.goal_key else []),
        *(f"  {name.replace('_', ' ')}: {shown(value)}" for name, value in stated.items()),
        f"  id {goal.id}",
        "",
        *str(why_priority(goal)).splitlines(),
        "",
        f"How it came about ({len(history)} changes, the latest first):",
    ]
    for event in history:
        state = "" if event.new_state is None else f", {event.new_state}"
        why = event.reason or ("adopted" if event.old_status is None else "")
        who = (
            ""
            if event.actor_type == "employee"
            else f"  (by {'a user' if event.actor_type == 'user' else 'the operator'})"
        )
        lines.append(
            f"  {event.changed_at:%Y-%m-%d %H:%M}  {event.new_status.replace('_', ' ')}{state}  {why}{who}".rstrip()
        )
    if before is not None:
        lines += ["", "What changed before it was last met:", *str(before).splitlines()]
    return lines


def _stands(goal: Goal) -> str:
    progress = goal.current_progress
    since = f" since {progress.since[:10]}" if progress.since else ""
    value = "" if progress.value is None else f"{progress.value:g}, "
    line = f"{goal.status.replace('_', ' ')}, {progress.state or 'not evaluated yet'}{since}: {value}wanted {_wanted(goal)}"
    # What was said of a state that is known is said above, with its numbers of today.
    is_told = goal.status in {"active", "in_progress"} and progress.state != "unknown"
    return line if is_told or goal.reason is None else f"{line}; {goal.reason}"


def _wanted(goal: Goal) -> str:
    target = goal.target
    window = f" in {target.window}" if target.window else ""
    restore = "" if target.restore is None else f" (again {target.restore:g})"
    due = "" if target.deadline_at is None else f" by {target.deadline_at:%Y-%m-%d}"
    return f"{target.comparator_for(goal.goal_type)} {target.number:g}{window}{restore}{due}"
