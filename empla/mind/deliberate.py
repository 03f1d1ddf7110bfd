"""Deliberation: what the goals and events call for, which plans are adopted for it, and what is told to people when there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from empla.bdi import goals, intentions
from empla.bdi.goals import Change
from empla.bdi.intentions import Ended, NewIntention, StepChange, Tried
from empla.bdi.shapes import Progress
from empla.conditions import View
from empla.durations import duration
from empla.effects import notices
from empla.employees.schedule import Turn
from empla.errors import InvalidError
from empla.memory import procedural
from empla.mind import options as choosing
from empla.mind.called_for import afresh, as_assessed, begins_anew, beliefs_of, goal_event, percept_event
from empla.mind.circumstance import Circumstance, Held, LiveGoal, known
from empla.mind.commitment import Verdicts, reconsider
from empla.mind.options import Event, Option
from empla.mind.perceive import Fault, Percept, set_aside
from empla.mind.plans import Library, intention_of
from empla.mind.reasons import question, why
from empla.mind.standing import assess_all
from empla.storage.tx import Tx

# All plans of a goal are tried afresh after this time, unless its conditions say another.
RECUR_AFTER = timedelta(days=7)


@dataclass(slots=True)
class Deliberation:
    """What one deliberation did."""

    changes: list[Change] = field(default_factory=list[Change])  # two of one goal, when it was assessed and got a plan
    steps: list[StepChange] = field(default_factory=list[StepChange])  # that need not wait any longer
    ended: list[Ended] = field(default_factory=list[Ended])
    adopted: list[UUID] = field(default_factory=list[UUID])
    told: int = 0  # notices

    @property
    def goals_moved(self) -> list[Change]:
        """Each goal that is different now, as it is now."""
        return list({change.id: change for change in self.changes}.values())

    @property
    def is_quiet(self) -> bool:
        return not (self.changes or self.steps or self.ended or self.adopted or self.told)

    def wakes_at(self, now: datetime) -> datetime | None:
        """When something comes due that it has put off; None when it put nothing off."""
        moments = [change.retry_at for change in self.changes] + [change.not_before for change in self.steps]
        return min((moment for moment in moments if moment is not None and moment > now), default=None)


async def deliberate(tx: Tx, *, turn: Turn, circumstance: Circumstance, percepts: Sequence[Percept]) -> Deliberation:
    """Goals stand as the beliefs have them, what can't succeed has ended, and what is wanted has a plan, or a human was asked.

    When nothing happened, nothing is sent to the database.
    """
    outcome = Deliberation(changes=assess_all(circumstance))
    changes = {change.id: change for change in outcome.changes}
    await goals.move(tx, employee=turn.employee_id, changes=outcome.changes)
    verdicts = reconsider(circumstance, changes)
    outcome.steps = verdicts.steps
    outcome.ended = await apply(tx, employee=turn.employee_id, verdicts=verdicts)
    await _lapse(tx, turn.employee_id, circumstance, changes)
    standing = [as_assessed(goal, changes.get(goal.id)) for goal in circumstance.goals]
    wanting = [goal for goal in standing if _wants_a_plan(goal, circumstance, outcome, percepts)]
    if not wanting and not circumstance.is_called_for:
        return outcome
    library = Library(await procedural.library(tx, employee=turn.employee_id))
    await _plan(tx, turn, library, circumstance, wanting, percepts, outcome)
    return outcome


async def apply(tx: Tx, *, employee: UUID, verdicts: Verdicts) -> list[Ended]:
    """The steps and endings are written, open questions of what has ended lapse, and the playbooks know how it went."""
    await intentions.move_steps(tx, employee=employee, changes=verdicts.steps)
    ended = await intentions.end(tx, employee=employee, endings=verdicts.endings)
    # Nobody would hear an answer to what they had asked.
    await notices.lapse(tx, employee=employee, goals=[], intentions=[over.id for over in ended])
    for over in ended:
        if over.procedure_id is not None and over.status != "abandoned":
            await _learn(tx, employee, over)
    return ended


async def _learn(tx: Tx, employee: UUID, over: Ended) -> None:
    """The outcome is counted; when the playbook's standing moves with it, people are told, with the evidence."""
    if over.procedure_id is None:
        return
    recorded = await procedural.record_outcome(
        tx, employee=employee, procedure=over.procedure_id, succeeded=over.status == "completed", intention=over.id
    )
    if recorded.moved:
        procedure = recorded.procedure
        await notices.tell(
            tx,
            employee=employee,
            key=f"standing:{procedure.id}:{procedure.standing}:{procedure.execution_count}",
            kind="playbook",
            severity="warning" if procedure.standing == "demoted" else "info",
            text=f"The playbook {procedure.procedure_name} is {procedure.standing} now: it succeeded "
            f"{procedure.success_count} of {procedure.execution_count} times; last: {over.reason}"[:10_000],
        )


async def _lapse(tx: Tx, employee: UUID, circumstance: Circumstance, changes: Mapping[UUID, Change]) -> None:
    """What a goal had asked people about has settled itself when it is met, or over."""
    settled = [
        change.id
        for goal in circumstance.goals
        if (change := changes.get(goal.id)) is not None
        and change.status != goal.status
        and change.status in {"active", "completed", "abandoned"}
    ]
    await notices.lapse(tx, employee=employee, goals=settled, intentions=[])


def _wants_a_plan(
    goal: LiveGoal, circumstance: Circumstance, outcome: Deliberation, percepts: Sequence[Percept]
) -> bool:
    """It is not as it should be, nothing is under way for it, and it is time to look, or something new was heard."""
    progress = goal.current_progress
    if goal.status not in {"active", "in_progress", "blocked"} or progress.state not in {"violated", "unknown"}:
        return False
    if goal.status == "blocked" and progress.blocked_by != "no_plan":
        return False
    if (
        goal.retry_at is not None
        and goal.retry_at > circumstance.seen_at
        and not percepts
        and not _is_news(goal, circumstance)
    ):
        return False
    over = {ended.id for ended in outcome.ended}
    return not any(
        intention.goal_id == goal.id and intention.parent_id is None and intention.id not in over
        for intention in circumstance.intentions
    )


def _is_news(goal: LiveGoal, circumstance: Circumstance) -> bool:
    """Its state is another than before this cycle: what could not be planned for, perhaps can now."""
    before = circumstance.goal(goal.id)
    return before is not None and before.current_progress.state != goal.current_progress.state


async def _plan(
    tx: Tx,
    turn: Turn,
    library: Library,
    circumstance: Circumstance,
    wanting: Sequence[LiveGoal],
    percepts: Sequence[Percept],
    outcome: Deliberation,
) -> None:
    """Each event gets the best plan that applies; a goal that gets none asks a human, and rests."""
    wanting = [afresh(goal, circumstance) for goal in wanting]
    tried = await intentions.tried(
        tx, employee=turn.employee_id, goals=[goal.id for goal in wanting if not begins_anew(goal, circumstance)]
    )
    triggered = {kind for procedure in library.procedures for kind in procedure.conditions.triggers or ()}
    events = [goal_event(goal, tried) for goal in wanting]
    events += [percept_event(percept) for percept in percepts if percept.kind in triggered]
    if not events:
        return
    beliefs = await beliefs_of(tx, turn.employee_id, choosing.keys_of(library.procedures, events))
    by_key = known(beliefs)
    moved: list[Change] = []
    faults: list[Fault] = []
    for event in events:
        view = View(bindings=event.bindings, beliefs=by_key, now=circumstance.seen_at)
        found = choosing.options(library, event, view=view, held=turn.capabilities)
        adopted = await _adopt_best(tx, turn, library, event, found, beliefs, faults)
        if adopted is not None:
            outcome.adopted.append(adopted)
        goal = next((goal for goal in wanting if goal.id == event.goal), None)
        if goal is not None:
            outcome.told += await _settle(tx, turn, goal, tried, found, adopted, moved)
    await set_aside(tx, employee=turn.employee_id, faults=faults)
    await goals.move(tx, employee=turn.employee_id, changes=moved)
    outcome.changes += moved


async def _adopt_best(
    tx: Tx,
    turn: Turn,
    library: Library,
    event: Event,
    found: list[Option],
    beliefs: Sequence[Held],
    faults: list[Fault],
) -> UUID | None:
    """The best plan that applies and can be made is adopted; None when there is none, or it is pursued already.

    What can't be made (for what came from outside is too large, say) does not apply, and when no other does, that is the event's fault.
    """
    error: InvalidError | None = None
    for place, option in enumerate(found):
        if option.refused is not None:
            break
        try:
            new = _planned(library, event, option, found, beliefs)
        except InvalidError as fault:
            error, found[place] = fault, replace(option, refused=str(fault))
            continue
        return await intentions.adopt(tx, employee=turn.employee_id, intention=new)
    if error is not None and event.cause is not None:
        faults.append(Fault(episode=event.cause, error=f"no plan could be made for it: {error}"[:2000]))
    return None


def _planned(
    library: Library, event: Event, chosen: Option, found: Sequence[Option], beliefs: Sequence[Held]
) -> NewIntention:
    used = {*chosen.judgement.used, event.metric}
    return intention_of(
        chosen.procedure,
        library,
        tainted=event.tainted or any(held.tainted for held in beliefs if (held.subject, held.predicate) in used),
        bindings=event.bindings,
        context=why(event, chosen, found, beliefs),
        goal_id=event.goal,
        cause_id=event.cause,
        priority=event.priority,
    )


async def _settle(
    tx: Tx,
    turn: Turn,
    goal: LiveGoal,
    tried: Sequence[Tried],
    found: Sequence[Option],
    adopted: UUID | None,
    moved: list[Change],
) -> bool:
    """A goal with a plan is pursued; one without asks a human, once, and rests until its plans are tried afresh."""
    if adopted is not None:
        # Finding out whether a state is kept is not yet restoring it.
        is_restoring = goal.goal_type == "achievement" or goal.current_progress.known_state == "violated"
        status = "in_progress" if is_restoring else "active"
        moved.append(_change(goal, status=status, blocked_by=None, reason=goal.reason))
        return False
    recur = goal.conditions.recur_after
    retry_at = tx.now + (duration(recur) if recur else RECUR_AFTER)
    text = question(goal, [attempt for attempt in tried if attempt.goal_id == goal.id], found)
    reason = "no plan is left for it: a human was asked"
    if goal.status != "blocked" or goal.retry_at is None:
        moved.append(_change(goal, status="blocked", blocked_by="no_plan", reason=reason, retry_at=retry_at))
    return await notices.tell(
        tx,
        employee=turn.employee_id,
        key=f"goal:{goal.id}",
        kind="escalation",
        severity="urgent" if goal.priority >= 8 else "warning",  # noqa: PLR2004  of ten
        text=text,
        goal=goal.id,
    )


def _change(
    goal: LiveGoal, *, status: str, blocked_by: str | None, reason: str | None, retry_at: object = None
) -> Change:
    progress = goal.current_progress.to_json()
    progress.pop("blocked_by", None)
    if blocked_by is not None:
        progress["blocked_by"] = blocked_by
    return Change.model_validate(
        {
            "id": goal.id,
            "status": status,
            "current_progress": Progress.parse(progress),
            "priority": goal.priority,
            "priority_inputs": goal.priority_inputs,
            "reason": reason,
            "trying_since": goal.trying_since,
            "retry_at": retry_at,
        }
    )
