"""Learning from demonstration: what people were seen to do becomes a playbook on trial, with a record of who showed it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, LiteralString, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.memory import generalising, procedural
from empla.memory.actions import ACTIONS
from empla.memory.generalising import General
from empla.memory.playbook import Playbook
from empla.memory.playbook_rules import MAX_PLAYBOOK_BYTES, parsed
from empla.memory.procedural import Procedure
from empla.memory.shapes import MAX_STEPS
from empla.shapes import Stated, check_json
from empla.storage.tx import ReadTx, Tx

MAX_DEMONSTRATIONS = 20
_KEPT_LEFT_OUT = 50
_KEPT_CHARACTERS = 300


class Answered(BaseModel):
    """The event that a demonstration answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[str, Field(min_length=1, max_length=100)]
    content: dict[str, JsonValue] = {}


class Demonstration(BaseModel):
    """What one person was seen to do, once: the steps themselves, or the episodes that record them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Annotated[str, Field(min_length=1, max_length=200)]  # who did it
    event: Answered | None = None  # what it answered
    steps: tuple[dict[str, JsonValue], ...] | None = None
    episodes: tuple[UUID, ...] | None = (
        None  # each of which holds a `step`; they are taken in the order in which they happened
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.steps is None) == (self.episodes is None):
            raise ValueError("must have steps or episodes, and not both")
        return self


class Lesson(BaseModel):
    """What is to be learned from which demonstrations, and when it is to be done."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    demonstrations: tuple[Demonstration, ...]
    description: str | None = None  # "Learned from …" unless said
    triggers: tuple[str, ...] | None = None  # the kinds of events that were answered, unless said
    goals: tuple[str, ...] | None = None
    context: Stated | None = None
    success: Stated | None = None
    timeframe: str | None = None

    @classmethod
    def parse(cls, written: Mapping[str, Any]) -> Self:
        """Raises `InvalidError`, one sentence that names the place."""
        check_json(dict(written), what="the lesson")
        try:
            return cls.model_validate(dict(written))
        except ValidationError as error:
            fault = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"])
            said = " is missing" if fault["type"] == "missing" else f": {fault['msg'].removeprefix('Value error, ')}"
            raise InvalidError(f"the lesson: {where}{said}") from error


class Learned(BaseModel):
    """A playbook that was learned, and what of the demonstrations is not in it."""

    model_config = ConfigDict(frozen=True)

    procedure: Procedure
    names: list[str]  # of the event's content, that it fills in; it applies only where they are known
    left_out: list[str]


async def learn_from_demonstrations(tx: Tx, *, employee: UUID, lesson: Lesson, replace: bool = False) -> Learned:
    """The employee knows how to do what it was shown, on trial; with `replace`, in the place of one of the same name.

    What all demonstrations have in common, in their order. Raises `InvalidError` for what can't be learned or carried out,
    `ConflictError` for a name that is taken, `NotFoundError` for an episode that is not there, `ForbiddenError` for an employee.
    """
    if tx.caller.employee is not None:
        raise ForbiddenError("people say what was shown to an employee, not the employee")
    if not 1 <= len(lesson.demonstrations) <= MAX_DEMONSTRATIONS:
        raise InvalidError(f"a playbook is learned from 1 to {MAX_DEMONSTRATIONS} demonstrations")
    library = await procedural.library(tx, employee=employee)
    skills = {each.procedure_name: each.playbook for each in library if each.procedure_type == "skill"}
    shown = [
        generalising.Demonstration(
            by=one.by,
            steps=_checked(await _steps_of(tx, employee, one), f"demonstration {number} ({one.by})", skills),
            content={} if one.event is None else one.event.content,
        )
        for number, one in enumerate(lesson.demonstrations, start=1)
    ]
    general = generalising.generalised(shown, skills=skills)
    if not general.steps:
        raise InvalidError(f"the demonstrations share no step: {general.left_out[0]}"[:1000])
    (procedure,) = await procedural.add(
        tx,
        employee=employee,
        playbooks=[_playbook(lesson, general)],
        learned_from="human_demonstration",
        metadata=_origin(tx, lesson, shown, general),
        replace=replace,
    )
    return Learned(procedure=procedure, names=general.names, left_out=general.left_out)


class _Recorded(BaseModel):
    id: UUID
    content: dict[str, JsonValue]
    tainted: bool


SHOWN: LiteralString = """
    SELECT id, content, tainted
      FROM memory_episodes
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = ANY (%(ids)s::uuid[]) AND deleted_at IS NULL
     ORDER BY occurred_at, id
"""


async def _steps_of(tx: ReadTx, employee: UUID, one: Demonstration) -> Sequence[JsonValue]:
    if one.steps is not None:
        return one.steps
    wanted = one.episodes or ()
    found = await tx.fetch_all(_Recorded, SHOWN, employee=employee, ids=list(wanted))
    missing = set(wanted) - {episode.id for episode in found}
    if missing:
        raise NotFoundError(f"there is no episode {min(missing)}")
    for episode in found:
        if episode.tainted:
            raise InvalidError(f"the episode {episode.id} came from outside: nobody was seen to do what it says")
        if "step" not in episode.content:
            raise InvalidError(f"the episode {episode.id} records no step: its content has no step")
    return [episode.content["step"] for episode in found]


def _checked(steps: Sequence[JsonValue], what: str, skills: Mapping[str, Playbook]) -> list[dict[str, JsonValue]]:
    """Each an action or a skill that there is. Raises `InvalidError`."""
    if not steps:
        raise InvalidError(f"{what} shows no step")
    if len(steps) > MAX_STEPS:
        raise InvalidError(f"{what} has {len(steps):,} steps, but at most {MAX_STEPS} are allowed")
    check_json(list(steps), what=what, max_bytes=MAX_PLAYBOOK_BYTES)
    found: list[dict[str, JsonValue]] = []
    for number, step in enumerate(steps, start=1):
        action = step.get("action") if isinstance(step, dict) else None
        if not isinstance(step, dict) or not isinstance(action, str):
            raise InvalidError(f"{what}, step {number}: a step is an object with an action")
        if action not in ACTIONS and action not in skills:
            raise InvalidError(f"{what}, step {number}: {action} is neither an action nor a skill")
        if "after" in step:
            raise InvalidError(f"{what}, step {number}: what was seen has its order, and takes no after")
        found.append(step)
    return found


def _playbook(lesson: Lesson, general: General) -> Playbook:
    events = dict.fromkeys(one.event.kind for one in lesson.demonstrations if one.event is not None)
    triggers = events if lesson.triggers is None and lesson.goals is None else lesson.triggers or ()
    # What is filled in must be there: a text with a hole is not what was shown.
    known = " and ".join(f"known {name}" for name in general.names)
    context: list[JsonValue] = [part for part in (lesson.context, known) if part]
    written: dict[str, JsonValue] = {
        "name": lesson.name,
        "description": lesson.description or f"Learned from {_who(lesson.demonstrations)}.",
        "triggers": [*triggers] or None,
        "goals": None if lesson.goals is None else [*lesson.goals],
        "context": context[0] if len(context) == 1 else context or None,
        "steps": [*general.steps],
        "success": lesson.success,
        "timeframe": lesson.timeframe,
    }
    return parsed({key: value for key, value in written.items() if value is not None})


def _who(demonstrations: Iterable[Demonstration]) -> str:
    people = list(dict.fromkeys(one.by for one in demonstrations))
    return people[0] if len(people) == 1 else f"{', '.join(people[:-1])} and {people[-1]}"


def _origin(
    tx: Tx, lesson: Lesson, shown: Sequence[generalising.Demonstration], general: General
) -> dict[str, JsonValue]:
    """Who showed it and who said so, as it is kept with the playbook."""
    by: JsonValue = None if tx.caller.user is None else str(tx.caller.user)
    at: datetime = tx.now
    demonstrations: list[JsonValue] = [
        {
            "by": one.by,
            "event": None if one.event is None else one.event.kind,
            "steps": len(seen.steps),
            "episodes": [str(episode) for episode in one.episodes or ()],
        }
        for one, seen in zip(lesson.demonstrations, shown, strict=True)
    ]
    return {
        "demonstrations": demonstrations,
        "told_by": by,  # a user; nobody for the operator
        "told_at": at.isoformat(),
        "names": [*general.names],
        "left_out": [reason[:_KEPT_CHARACTERS] for reason in general.left_out[:_KEPT_LEFT_OUT]],
    }
