"""All that an employee looks at when it deliberates, read in one statement: goals, intentions, and the beliefs that they watch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi.goals import Goal
from empla.bdi.intentions import Intention, Step
from empla.bdi.states import IntentionStatus
from empla.conditions import Key, Known, View
from empla.effects.effects import EffectStatus
from empla.storage.tx import ReadTx

_A_MOMENT = timedelta(microseconds=1)


class LiveGoal(Goal):
    """A goal, with the windowed value of its metric where it has a window."""

    measure: dict[str, JsonValue]
    watches: list[list[str]]
    measured: float | None = None
    tainted: bool = False  # what came from outside called for it

    @property
    def key(self) -> Key:
        return str(self.measure["subject"]), str(self.measure["predicate"])


class LiveIntention(Intention):
    """An intention that is planned or in progress."""

    has_to_wait: bool  # for another intention that it depends on
    is_lost: bool  # another that it can't do without has failed, or was given up


class Held(BaseModel):
    """A belief, as goals and plans see it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    subject: str
    predicate: str
    object: JsonValue
    confidence: float  # effective
    last_updated_at: datetime
    tainted: bool = False  # all that supports it came from outside


class Child(BaseModel):
    """How the intention that a step pursues has ended."""

    model_config = ConfigDict(frozen=True)

    parent_id: UUID
    parent_position: int
    status: IntentionStatus
    reason: str | None


class Answer(BaseModel):
    """What a human answered to a step that asked."""

    model_config = ConfigDict(frozen=True)

    notice_key: str
    answer: str


class Leaving(BaseModel):
    """An effect on the world, as far as it has come."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    kind: str
    title: str
    status: EffectStatus
    reason: str | None
    receipt: dict[str, JsonValue]
    not_before: datetime | None
    expires_at: datetime | None
    fence: int | None  # the turn that started it
    attempts: int

    @property
    def moves_at(self) -> datetime | None:
        """When something is to be done about it, if nobody does anything before; None for never by itself."""
        if self.status == "awaiting_approval":
            return self.expires_at
        return self.not_before if self.status == "approved" else None

    def is_due(self, now: datetime) -> bool:
        """Whether its employee has to see to it now: send it, find out what came of it, or give it up."""
        if self.status == "started":
            return True
        if self.status == "approved":
            return self.not_before is None or self.not_before <= now
        return self.status == "awaiting_approval" and self.expires_at is not None and self.expires_at <= now


class Circumstance(BaseModel):
    """What an employee looks at, at one moment."""

    model_config = ConfigDict(frozen=True)

    goals: list[LiveGoal]
    intentions: list[LiveIntention]
    steps: list[Step]
    beliefs: list[Held]
    children: list[Child]
    answers: list[Answer]
    outbox: list[Leaving]  # what has not left yet, and what the live intentions sent
    has_notices_to_mail: bool
    has_left_budget: bool  # an earlier turn set some aside and never settled it
    items_in_hand: int  # of working memory, that are not pinned
    next_observation_at: (
        datetime | None
    )  # the first that waits: such as a follow-up, or what one cycle could not perceive
    is_called_for: bool  # some playbook is triggered by what was just perceived
    seen_at: datetime

    @cached_property
    def known(self) -> Mapping[Key, Known]:
        """The beliefs by subject and predicate."""
        return known(self.beliefs)

    @cached_property
    def steps_by_intention(self) -> Mapping[UUID, list[Step]]:
        found: dict[UUID, list[Step]] = {intention.id: [] for intention in self.intentions}
        for step in self.steps:
            found[step.intention_id].append(step)
        return found

    def wakes_at(self) -> datetime | None:
        """When something comes due by itself: an observation, a retry, a time-out, a deadline; None when nothing lies ahead.

        Now, when more had happened than one cycle perceives.
        """
        if self.next_observation_at is not None and self.next_observation_at <= self.seen_at:
            return self.seen_at
        moments = [self.next_observation_at]
        moments += [goal.retry_at for goal in self.goals]
        deadlines = [goal.target.deadline_at for goal in self.goals] + [plan.deadline_at for plan in self.intentions]
        # What is reached at its deadline is reached in time: it has passed a moment later.
        moments += [deadline + _A_MOMENT for deadline in deadlines if deadline is not None]
        moments += [leaving.moves_at for leaving in self.outbox]
        moments += [
            moment for step in self.steps if step.ended_at is None for moment in (step.not_before, step.timeout_at)
        ]
        return min((moment for moment in moments if moment is not None and moment > self.seen_at), default=None)

    @property
    def due_effects(self) -> list[Leaving]:
        """The effects that the employee has to see to now, the oldest first."""
        return [leaving for leaving in self.outbox if leaving.is_due(self.seen_at)]

    def goal(self, goal: UUID | None) -> LiveGoal | None:
        """The live goal of this id."""
        return next((found for found in self.goals if found.id == goal), None)

    def view_of(self, intention: Intention, steps: Sequence[Step] | None = None) -> View:
        """What its conditions and templates may look at: what it was called with, the outcomes of its steps, the beliefs."""
        bindings: dict[str, JsonValue] = dict(intention.plan.params or {})
        for step in self.steps_by_intention[intention.id] if steps is None else steps:
            name = step.definition.get("as")
            if isinstance(name, str) and "outcome" in step.result:
                bindings[name] = step.result["outcome"]
        return View(bindings=bindings, beliefs=self.known, now=self.seen_at)


def known(beliefs: list[Held]) -> dict[Key, Known]:
    """Beliefs by subject and predicate, as conditions read them."""
    return {
        (belief.subject, belief.predicate): Known(
            belief.object, belief.confidence, belief.last_updated_at, belief.id, belief.tainted
        )
        for belief in beliefs
    }


LOOK: LiteralString = """
    WITH goal AS MATERIALIZED (
        SELECT g.*, CASE WHEN g.measure ? 'period'
                         THEN measured(%(tenant)s::uuid, %(employee)s::uuid, g.measure ->> 'subject', g.measure ->> 'predicate',
                                       g.measure -> 'period', g.measure ->> 'measure', %(now)s::timestamptz) END AS measured
          FROM employee_goals g
         WHERE g.tenant_id = %(tenant)s::uuid AND g.employee_id = %(employee)s::uuid AND g.deleted_at IS NULL
           AND g.status IN ('active', 'in_progress', 'blocked')
    ), intention AS MATERIALIZED (
        SELECT i.*, coalesce(o.has_to_wait, false) AS has_to_wait,
               coalesce(o.has_failed AND i.on_failed_dependency <> 'proceed', false) AS is_lost
          FROM employee_intentions i
          LEFT JOIN LATERAL (
               SELECT bool_or(o.status IN ('planned', 'in_progress') AND o.deleted_at IS NULL) AS has_to_wait,
                      bool_or(o.status IN ('failed', 'abandoned') OR (o.status <> 'completed' AND o.deleted_at IS NOT NULL)) AS has_failed
                 FROM intention_dependencies d JOIN employee_intentions o
                   ON o.tenant_id = d.tenant_id AND o.employee_id = d.employee_id AND o.id = d.depends_on
                WHERE d.tenant_id = %(tenant)s::uuid AND d.employee_id = %(employee)s::uuid AND d.intention_id = i.id
               ) o ON true
         WHERE i.tenant_id = %(tenant)s::uuid AND i.employee_id = %(employee)s::uuid AND i.deleted_at IS NULL
           AND i.status IN ('planned', 'in_progress')
    ), watched AS (
        SELECT w ->> 0 AS subject, w ->> 1 AS predicate FROM goal CROSS JOIN LATERAL jsonb_array_elements(goal.watches) w
         UNION
        SELECT w ->> 0, w ->> 1 FROM intention CROSS JOIN LATERAL jsonb_array_elements(intention.watches) w
    )
    SELECT coalesce((SELECT jsonb_agg(to_jsonb(g) ORDER BY g.priority DESC, g.created_at, g.id) FROM goal g), '[]') AS goals,
           coalesce((SELECT jsonb_agg(to_jsonb(i) ORDER BY i.priority DESC, i.created_at, i.id) FROM intention i), '[]') AS intentions,
           coalesce((SELECT jsonb_agg(to_jsonb(s) ORDER BY s.intention_id, s.position) FROM intention_steps s
                      WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = %(employee)s::uuid
                        AND s.intention_id = ANY (ARRAY(SELECT id FROM intention))), '[]') AS steps,
           coalesce((SELECT jsonb_agg(jsonb_build_object('id', b.id, 'subject', b.subject, 'predicate', b.predicate, 'object', b.object,
                                          'confidence', at_most_its_supports(
                                              effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at,
                                                                   %(now)s::timestamptz),
                                              %(tenant)s::uuid, %(employee)s::uuid, b.source, b.grounds, b.object, %(now)s::timestamptz),
                                          'last_updated_at', b.last_updated_at, 'tainted', b.tainted))
                       FROM watched w JOIN beliefs b ON b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid
                        AND b.subject = w.subject AND b.predicate = w.predicate AND b.deleted_at IS NULL), '[]') AS beliefs,
           coalesce((SELECT jsonb_agg(jsonb_build_object('parent_id', c.parent_id, 'parent_position', c.parent_position, 'status', c.status,
                                                         'reason', c.reason) ORDER BY c.created_at, c.id)
                       FROM employee_intentions c
                      WHERE c.tenant_id = %(tenant)s::uuid AND c.employee_id = %(employee)s::uuid
                        AND c.parent_id = ANY (ARRAY(SELECT id FROM intention))
                        AND c.status NOT IN ('planned', 'in_progress')), '[]') AS children,
           coalesce((SELECT jsonb_agg(jsonb_build_object('notice_key', n.notice_key, 'answer', n.answer) ORDER BY n.answered_at, n.id)
                       FROM notices n
                      WHERE n.tenant_id = %(tenant)s::uuid AND n.employee_id = %(employee)s::uuid AND n.status = 'answered'
                        AND n.intention_id = ANY (ARRAY(SELECT id FROM intention))), '[]') AS answers,
           coalesce((SELECT jsonb_agg(to_jsonb(e) ORDER BY e.created_at, e.id)
                       FROM (SELECT e.id, e.kind, e.title, e.status, e.reason, e.receipt, e.not_before, e.expires_at, e.fence, e.attempts,
                                    e.created_at
                               FROM effects e
                              WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid
                                AND e.status IN ('awaiting_approval', 'approved', 'started', 'uncertain')
                              UNION
                             SELECT e.id, e.kind, e.title, e.status, e.reason, e.receipt, e.not_before, e.expires_at, e.fence, e.attempts,
                                    e.created_at
                               FROM effects e
                              WHERE e.tenant_id = %(tenant)s::uuid AND e.employee_id = %(employee)s::uuid
                                AND e.kind IN ('message', 'call')
                                AND e.intention_id = ANY (ARRAY(SELECT id FROM intention))) e), '[]') AS outbox,
           EXISTS (SELECT FROM budget_reservations r
                    WHERE r.tenant_id = %(tenant)s::uuid AND r.employee_id = %(employee)s::uuid
                      AND r.status = 'reserved') AS has_left_budget,
           EXISTS (SELECT FROM notices n JOIN tenants t ON t.id = n.tenant_id
                    WHERE n.tenant_id = %(tenant)s::uuid AND n.employee_id = %(employee)s::uuid AND n.status = 'open'
                      AND n.mailed_at IS NULL
                      AND (n.mail_after IS NULL OR n.mail_after <= %(now)s::timestamptz) AND t.settings -> 'notices' ? 'mail_to'
                      AND array_position(ARRAY['info', 'warning', 'urgent'], n.severity)
                          >= array_position(ARRAY['info', 'warning', 'urgent'], coalesce(t.settings -> 'notices' ->> 'least', 'warning'))
                      AND EXISTS (SELECT FROM integrations i WHERE i.tenant_id = n.tenant_id AND i.capability = 'email' AND i.enabled
                                     AND i.kind NOT IN ('imap', 'webhook_in'))) AS has_notices_to_mail,
           (SELECT count(*)::int FROM memory_working m
             WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.deleted_at IS NULL
               AND NOT m.pinned) AS items_in_hand,
           (SELECT min(o.occurred_at) FROM observations o
             WHERE o.tenant_id = %(tenant)s::uuid AND o.employee_id = %(employee)s::uuid AND o.status = 'pending') AS next_observation_at,
           EXISTS (SELECT FROM memory_procedural m
                    WHERE m.tenant_id = %(tenant)s::uuid AND m.employee_id = %(employee)s::uuid AND m.deleted_at IS NULL AND m.enabled
                      AND m.standing <> 'demoted' AND m.conditions -> 'triggers' ?| %(kinds)s::text[]) AS is_called_for,
           %(now)s::timestamptz AS seen_at
"""


async def look(tx: ReadTx, *, employee: UUID, kinds: Iterable[str] = ()) -> Circumstance:
    """The employee's circumstance now, in one statement; `kinds` are those of what it has just perceived."""
    found = await tx.fetch_one(Circumstance, LOOK, employee=employee, kinds=sorted(set(kinds)), now=tx.now)
    if found is None:
        raise TypeError("a SELECT without FROM gave no row")
    return found
