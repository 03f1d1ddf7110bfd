"""What each action of a step does, inside the transaction of the step: one function per action, each leaves a visible result."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import JsonValue

from empla.bdi import beliefs, goals, intentions
from empla.bdi.beliefs import Evidence
from empla.bdi.intentions import Step, StepChange
from empla.bdi.shapes import GoalConditions, PlanContext, Target
from empla.conditions import Condition, Key, View, render
from empla.durations import duration
from empla.effects import effects, notices, recipients
from empla.effects.effects import EffectKind, NewEffect
from empla.employees import capabilities as offers
from empla.employees.schedule import Turn
from empla.errors import InvalidError
from empla.memory import episodic, procedural
from empla.mind import attempts, knowledge
from empla.mind.circumstance import LiveIntention
from empla.mind.plans import Definition, Library, intention_of
from empla.senses import inbox
from empla.senses.observation import NewObservation
from empla.storage.tx import Tx

_TITLE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Doing:
    """One step, and all that its action may look at."""

    tx: Tx
    turn: Turn
    intention: LiveIntention
    step: Step
    view: View
    tainted: bool = False  # what came from outside called for it, or is what it looks at

    @property
    def definition(self) -> Definition:
        return self.step.definition

    def text(self, name: str, *, otherwise: str = "") -> str:
        """This parameter, its names filled in; several names as one text."""
        written = filled(self.definition.get(name), self.view)
        if isinstance(written, list):
            return ", ".join(str(each) for each in written)
        return otherwise if written is None else str(written)

    def names(self, name: str) -> list[str]:
        """This parameter as a list, whether one or several stand there."""
        written = filled(self.definition.get(name), self.view)
        return (
            [str(each) for each in written] if isinstance(written, list) else [] if written is None else [str(written)]
        )

    def span(self, name: str) -> timedelta | None:
        written = self.definition.get(name)
        return duration(written) if isinstance(written, str) else None


def filled(value: JsonValue, view: View) -> JsonValue:
    """The same JSON, with the names in all its texts filled in."""
    match value:
        case str():
            return render(value, view)
        case list():
            return [filled(item, view) for item in value]
        case dict():
            return {name: filled(item, view) for name, item in value.items()}
        case _:
            return value


async def task(doing: Doing) -> StepChange:
    """A task, for whom it names or for the employee's people."""
    due = doing.span("due")
    arguments: dict[str, JsonValue] = {}
    if due is not None:
        arguments["due_at"] = (doing.tx.now + due).isoformat()
    if "assignee" in doing.definition:
        arguments["assignee"] = doing.text("assignee")
    return await _effect(doing, "task", title=doing.text("title"), body=doing.text("text"), arguments=arguments)


async def note(doing: Doing) -> StepChange:
    """A note."""
    body = doing.text("text")
    return await _effect(doing, "note", title=doing.text("title", otherwise=body.partition("\n")[0]), body=body)


async def draft(doing: Doing) -> StepChange:
    """A message, drafted and not sent."""
    subject, body = doing.text("subject"), doing.text("text")
    title = subject or f"To {doing.text('to')}"
    return await _effect(
        doing, "draft", title=title, body=body, arguments={"to": list(doing.names("to")), "subject": subject}
    )


async def _effect(
    doing: Doing, kind: EffectKind, *, title: str, body: str, arguments: dict[str, JsonValue] | None = None
) -> StepChange:
    made = await effects.make(doing.tx, _wanted(doing, kind, title=title, body=body, arguments=arguments))
    result: dict[str, JsonValue] = {} if made is None else {"effect": str(made.id), kind: made.title}
    return attempts.done(doing.step, {**doing.step.result, **result})


def _wanted(doing: Doing, kind: EffectKind, *, title: str, **more: Any) -> NewEffect:
    """What the step brings about, once."""
    return NewEffect(
        employee_id=doing.turn.employee_id,
        intention_id=doing.intention.id,
        step_position=doing.step.position,
        idempotency_key=doing.step.idempotency_key,
        kind=kind,
        title=title[:_TITLE_CHARACTERS].strip() or kind,
        capability=doing.step.capability,
        tainted=doing.tainted,
        **{name: value for name, value in more.items() if value is not None},
    )


async def send(doing: Doing) -> StepChange:
    """A message to others, as the stage of the employee allows; whom nobody has an address of gets a draft."""
    addresses = await recipients.of(doing.tx, employee=doing.turn.employee_id, named=doing.names("to"))
    subject = doing.text("subject") or f"From {doing.turn.name}"
    arguments: dict[str, JsonValue] = {
        name: doing.text(name) for name in ("reply_to", "in_reply_to") if name in doing.definition
    }
    hours = doing.turn.config.working_hours
    new = _wanted(
        doing,
        "message",
        title=subject,
        body=doing.text("text"),
        arguments=arguments,
        recipients=addresses.found or tuple(doing.names("to")),
        recipient_zone=doing.text("timezone") or (hours.timezone if hours else None),
        is_draft=bool(addresses.missing),
    )
    return await _leave(doing, new.model_copy(update={"tainted": new.tainted or addresses.tainted}))


async def reply(doing: Doing) -> StepChange:
    """An answer in the conversation that called for the plan, as the stage of the employee allows."""
    conversation = doing.view.bindings.get("conversation")
    if not isinstance(conversation, str):
        raise InvalidError("a reply answers a conversation, and no message called for this plan")
    body, tainted = doing.text("text"), doing.tainted
    about = doing.text("about").strip()
    # What an employee knows is not for whoever asks from outside.
    if about and not doing.tainted:
        lines = await knowledge.about(doing.tx, employee=doing.turn.employee_id, words=about)
        body = "\n".join([body, *(line.text for line in lines)] if lines else [body, doing.text("otherwise")]).strip()
        tainted = any(line.tainted for line in lines)
    person = doing.view.bindings.get("person")
    new = _wanted(
        doing,
        "message",
        title=f"To {person}" if isinstance(person, str) else "An answer",
        body=body,
        arguments={"conversation": conversation, "message": doing.view.bindings.get("message")},
    )
    return await _leave(doing, new.model_copy(update={"capability": "conversation", "tainted": tainted}))


async def invoke(doing: Doing) -> StepChange:
    """A call of another system, through whatever the tenant has connected for the capability."""
    if doing.step.capability is None:
        raise InvalidError("a call needs to say which capability it is made with")
    arguments: Any = filled(doing.definition.get("arguments", {}), doing.view)
    await offers.check(doing.tx, capability=doing.step.capability, arguments=arguments)
    return await _leave(
        doing, _wanted(doing, "call", title=doing.text("title"), body=doing.text("text"), arguments=arguments)
    )


async def _leave(doing: Doing, new: NewEffect) -> StepChange:
    """Each attempt of the step is an effect of its own; the step waits for what becomes of it, unless it stays a draft."""
    until = _timeout(doing)
    key = f"{doing.step.idempotency_key}#{doing.step.attempts + 1}"
    lasts = timedelta(days=doing.tx.settings.approval_days)
    made = await effects.make(
        doing.tx,
        new.model_copy(update={"idempotency_key": key, "expires_at": until or doing.tx.now + lasts}),
    )
    if made is None:
        raise InvalidError("this attempt has brought it about already")
    result: dict[str, JsonValue] = {"effect": str(made.id), made.kind: made.title}
    if made.status == "drafted":
        return attempts.done(doing.step, {**result, "outcome": "drafted"})
    return attempts.waiting(doing.step, until=until, result=result)


async def believe(doing: Doing) -> StepChange:
    """An inference that rests on what its condition looked at, and falls with it."""
    about = (doing.text("subject").strip(), doing.text("predicate").strip())
    piece = Evidence.parse(
        subject=about[0],
        predicate=about[1],
        object=filled(doing.definition.get("object"), doing.view),
        source="inference",
        rests_on=_grounds(doing, about),
        reason=f"{doing.intention.plan_key or 'a plan'}, step {doing.step.position}",
        tainted=doing.tainted,
    )
    belief = await beliefs.observe(doing.tx, employee=doing.turn.employee_id, piece=piece)
    return attempts.done(doing.step, {"belief": str(belief.id), "outcome": belief.object})


def _grounds(doing: Doing, about: Key) -> tuple[UUID, ...]:
    """The beliefs that the step's condition counted on; one about the very thing is no ground of it."""
    condition = doing.definition.get("if")
    if condition is None:
        return ()
    used = Condition.parse(condition, what="if").judge(doing.view).used
    found = (doing.view.beliefs[key].id for key in used if key != about and key in doing.view.beliefs)
    return tuple(dict.fromkeys(ground for ground in found if ground is not None))


async def remember(doing: Doing) -> StepChange:
    """An episode."""
    episode = await episodic.record(
        doing.tx,
        employee=doing.turn.employee_id,
        description=doing.text("text"),
        episode_type="event",
        participants=doing.names("participants"),
        tainted=doing.tainted,
    )
    return attempts.done(doing.step, {"episode": str(episode.id)})


async def adopt_goal(doing: Doing) -> StepChange:
    """A goal, unless one of its key is live."""
    wanted = doing.definition
    deadline = doing.span("deadline")
    fields: dict[str, JsonValue] = {
        "metric": doing.text("metric"),
        "deadline": None if deadline is None else (doing.tx.now + deadline).isoformat(),
        **{name: wanted.get(name) for name in ("value", "threshold", "comparator", "restore")},
    }
    importance = wanted.get("importance", 0.5)
    kind: Any = wanted.get("goal_type", "achievement")
    goal = await goals.adopt_once(
        doing.tx,
        employee=doing.turn.employee_id,
        goal_type=kind,
        description=doing.text("description", otherwise=f"{fields['metric']}, for {doing.intention.description}"),
        target=Target.parse({name: value for name, value in fields.items() if value is not None}),
        importance=importance if isinstance(importance, int | float) else 0.5,
        key=doing.text("key"),
        parent=doing.intention.goal_id,
        conditions=GoalConditions(),
        tainted=doing.tainted,
    )
    return attempts.done(doing.step, {"outcome": goal is not None, "goal": None if goal is None else str(goal.id)})


async def follow_up(doing: Doing) -> StepChange:
    """An observation that comes due; the same key and moment once."""
    after = doing.span("in")
    if after is None:
        raise InvalidError("a follow-up needs to know in how long")
    due = doing.tx.now + after
    key = doing.text("key", otherwise=doing.step.idempotency_key)
    kind = doing.text("kind").strip()
    if not kind:
        raise InvalidError("a follow-up needs a kind")
    content = {name: value for name, value in doing.view.bindings.items() if name not in {"event", "source"}}
    observation = NewObservation(
        source="followup",
        external_id=f"{key}@{due.isoformat()}"[-500:],
        recipient="self",
        kind=kind,
        occurred_at=due,
        description=doing.text("text").strip() or f"{kind}, as planned by {doing.intention.plan_key}",
        participants=(),
        content=content,
        tainted=doing.tainted,
    )
    await inbox.deliver(doing.tx, [observation], recipients={"self": doing.turn.employee_id})
    return attempts.done(doing.step, {"due_at": due.isoformat()})


async def notify(doing: Doing) -> StepChange:
    """A notice for managers."""
    severity: Any = doing.definition.get("severity", "info")
    await notices.tell(
        doing.tx,
        employee=doing.turn.employee_id,
        key=doing.step.idempotency_key,
        kind="information",
        severity=severity,
        text=doing.text("text"),
        goal=doing.intention.goal_id,
        intention=doing.intention.id,
    )
    return attempts.done(doing.step, {"notice": doing.step.idempotency_key})


async def ask(doing: Doing) -> StepChange:
    """A question to a human; the step waits for the answer, each attempt for its own."""
    await notices.tell(
        doing.tx,
        employee=doing.turn.employee_id,
        key=attempts.question_key(doing.step, attempt=doing.step.attempts + 1),
        kind="question",
        severity="warning",
        text=doing.text("text"),
        goal=doing.intention.goal_id,
        intention=doing.intention.id,
    )
    return attempts.waiting(doing.step, until=_timeout(doing))


async def decide(doing: Doing) -> StepChange:
    """Whether its criteria hold now."""
    judgement = Condition.parse(doing.definition.get("criteria"), what="criteria").judge(doing.view)
    return attempts.done(doing.step, {"outcome": judgement.holds, "notes": list(judgement.notes)})


async def wait_for(doing: Doing) -> StepChange:
    """Until its criteria hold."""
    if Condition.parse(doing.definition.get("criteria"), what="criteria").judge(doing.view).holds:
        return attempts.done(doing.step, {"outcome": True})
    return attempts.waiting(doing.step, until=_timeout(doing))


async def pursue(doing: Doing) -> StepChange:
    """A plan of its own for a part of this one; the step waits for how it ends."""
    library = Library(await procedural.library(doing.tx, employee=doing.turn.employee_id))
    name = str(doing.definition.get("playbook"))
    procedure = library.by_name.get(name)
    if procedure is None or not procedure.enabled:
        raise InvalidError(f"there is no playbook {name} to pursue")
    new = intention_of(
        procedure,
        library,
        bindings=doing.view.bindings,
        context=PlanContext.parse(
            {"rationale": f"step {doing.step.position} of {doing.intention.plan_key} pursues it"}
        ),
        tainted=doing.tainted,
        goal_id=doing.intention.goal_id,
        cause_id=doing.intention.cause_id,
        parent_id=doing.intention.id,
        parent_position=doing.step.position,
        priority=doing.intention.priority,
    )
    if await intentions.adopt(doing.tx, employee=doing.turn.employee_id, intention=new) is None:
        raise InvalidError(f"{name} is under way already for the same matter")
    return attempts.waiting(doing.step, until=_timeout(doing))


def _timeout(doing: Doing) -> Any:
    span = doing.span("timeout")
    return None if span is None else doing.tx.now + span


PERFORM: Mapping[str, Callable[[Doing], Awaitable[StepChange]]] = {
    "task": task,
    "note": note,
    "draft": draft,
    "send": send,
    "reply": reply,
    "invoke": invoke,
    "believe": believe,
    "remember": remember,
    "adopt_goal": adopt_goal,
    "follow_up": follow_up,
    "notify": notify,
    "ask": ask,
    "decide": decide,
    "await": wait_for,
    "pursue": pursue,
}
