"""Why an employee believes something: the evidence, the arithmetic, the episodes behind it, and how it came about."""

import json
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.bdi import beliefs, conflicts
from empla.bdi.beliefs import Belief, ChangeType
from empla.bdi.confidence import Source, effective, probability
from empla.bdi.conflicts import Conflict
from empla.clock import as_utc
from empla.errors import NotFoundError
from empla.memory import episodic
from empla.memory.episodic import Episode
from empla.mind import supports
from empla.mind.supports import Support
from empla.storage.tx import ReadTx

# The page that `why` fills; the database has all of it.
SHOWN_CHANGES = 20
SHOWN_SILENCED = 20


class Ground(BaseModel):
    """One piece of evidence about the present state, or what was left of the belief before it (`is_carried`)."""

    model_config = ConfigDict(frozen=True)

    object: JsonValue
    source: Source
    id: str | None
    reliability: float | None
    occurred_at: datetime | None
    is_carried: bool
    weight: float  # log-odds: ln(r / (1 - r)), or what was carried
    supports: bool  # the object that is believed; its weight is taken off otherwise


class HistoryEntry(BaseModel):
    """One change of the belief, as the database wrote it."""

    model_config = ConfigDict(frozen=True)

    change_type: ChangeType
    old_value: JsonValue
    new_value: JsonValue
    old_confidence: float | None
    new_confidence: float | None
    source: Source
    evidence: list[str]
    reason: str | None
    actor_type: str
    actor_id: UUID
    evidence_at: datetime
    changed_at: datetime


class Why(BaseModel):
    """The whole answer; `str(why)` is a page for a person."""

    model_config = ConfigDict(frozen=True)

    asked_at: datetime
    belief: Belief
    grounds: list[Ground]  # of the present state, that count
    silenced: list[
        Ground
    ]  # guesses that say something else and do not count, for a human says otherwise; the latest first
    conflicts: list[Conflict]  # that were open: a person has to settle them
    rests_on: list[Support]  # the beliefs that it was inferred from, and what those rest on, the nearest first
    supports: list[Support]  # the beliefs that were inferred from it
    log_odds: float  # what the grounds add up to, before the clamp to .01 … .99
    episodes: list[Episode]  # that the evidence names, oldest first
    history: list[HistoryEntry]  # latest first
    changes: int  # how many entries there are in all

    @property
    def speaks_for(self) -> list[Ground]:
        return [ground for ground in self.grounds if ground.supports]

    @property
    def speaks_against(self) -> list[Ground]:
        """Evidence of something else: what is taken off, then what does not count."""
        return [ground for ground in self.grounds if not ground.supports] + self.silenced

    def __str__(self) -> str:
        parts = (_claim, _arithmetic, _voices, _beliefs, _episodes, _history)
        return "\n".join(line for part in parts for line in part(self))


HISTORY: LiteralString = """
    SELECT change_type, old_value, new_value, old_confidence, new_confidence, source, evidence, reason, actor_type, actor_id, evidence_at,
           changed_at
      FROM belief_history
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND belief_id = %(belief)s::uuid
       AND changed_at <= %(at)s::timestamptz
     ORDER BY changed_at DESC, id DESC
"""

# What the present belief rests on; at an earlier moment, what history says that it rested on.
GROUNDS: LiteralString = """
    SELECT c.object, c.ground ->> 'source' AS source, c.ground ->> 'id' AS id, (c.ground ->> 'reliability')::float8 AS reliability,
           (c.ground ->> 'occurred_at')::timestamptz AS occurred_at, c.ground ? 'carried' AS is_carried, c.weight,
           c.object = held.object AS supports
      FROM beliefs held CROSS JOIN LATERAL counted(held.grounds) c
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND held.id = %(belief)s::uuid
     ORDER BY is_carried DESC, occurred_at, supports DESC, c.weight DESC, c.ground::text
"""
GROUNDS_AT: LiteralString = """
    SELECT c.object, c.ground ->> 'source' AS source, c.ground ->> 'id' AS id, (c.ground ->> 'reliability')::float8 AS reliability,
           (c.ground ->> 'occurred_at')::timestamptz AS occurred_at, c.ground ? 'carried' AS is_carried, c.weight,
           c.object = held.new_value AS supports
      FROM (SELECT new_value, grounds
              FROM belief_history
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND belief_id = %(belief)s::uuid
               AND changed_at <= %(at)s::timestamptz AND change_type NOT IN ('late', 'contradicted')
             ORDER BY changed_at DESC, id DESC LIMIT 1) held
     CROSS JOIN LATERAL counted(held.grounds) c
     ORDER BY is_carried DESC, occurred_at, supports DESC, c.weight DESC, c.ground::text
"""

# Guesses of the moment that a human's word silenced afterwards, and those that came against it: history has them.
SILENCED: LiteralString = """
    WITH held AS (
        SELECT b.grounds, b.object, b.formed_at FROM beliefs b
         WHERE b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.id = %(belief)s::uuid
           AND %(at)s::timestamptz IS NULL
         UNION ALL
        SELECT h.grounds, h.new_value, h.formed_at FROM told(%(tenant)s::uuid, %(employee)s::uuid, %(belief)s::uuid, %(at)s::timestamptz) h
    ), guess AS (
        SELECT g -> 'object' AS object, g ->> 'source' AS source, g ->> 'id' AS id, (g ->> 'reliability')::float8 AS reliability,
               (g ->> 'occurred_at')::timestamptz AS occurred_at
          FROM held CROSS JOIN LATERAL jsonb_array_elements(held.grounds) g
         WHERE NOT g ? 'carried' AND g -> 'object' <> held.object AND source_rank(g ->> 'source') <= 2
           AND EXISTS (SELECT FROM jsonb_array_elements(held.grounds) w
                        WHERE w ->> 'source' = 'told_by_human' AND w -> 'object' <> g -> 'object')
         UNION ALL
        SELECT h.new_value, h.source, h.evidence ->> 0, h.new_confidence, h.evidence_at
          FROM held JOIN belief_history h ON h.evidence_at >= held.formed_at AND h.new_value <> held.object
         WHERE h.tenant_id = %(tenant)s::uuid AND h.employee_id = %(employee)s::uuid AND h.belief_id = %(belief)s::uuid
           AND h.change_type = 'contradicted' AND (%(at)s::timestamptz IS NULL OR h.changed_at <= %(at)s::timestamptz)
    )
    SELECT object, source, id, reliability, occurred_at, false AS is_carried, log_odds(reliability) AS weight, false AS supports
      FROM guess ORDER BY occurred_at DESC, object::text, id LIMIT %(most)s::int
"""


async def why(tx: ReadTx, *, employee: UUID, subject: str, predicate: str, at: datetime | None = None) -> Why:
    """Why the employee believes it now, or believed it at a moment of its tenant's time. Raises `NotFoundError`."""
    asked_at = tx.now if at is None else as_utc(at, what="as_of")
    if at is None:
        belief = await beliefs.current(tx, employee=employee, subject=subject, predicate=predicate)
        grounds = await tx.fetch_all(Ground, GROUNDS, employee=employee, belief=belief.id)
    else:
        found = await beliefs.as_of(tx, employee=employee, at=asked_at, subject=subject, predicate=predicate)
        if not found:
            raise NotFoundError(f"nothing was believed about {subject}.{predicate} at {asked_at:%Y-%m-%d %H:%M} UTC")
        belief = found[0]
        grounds = await tx.fetch_all(Ground, GROUNDS_AT, employee=employee, belief=belief.id, at=asked_at)
    then = None if at is None else asked_at
    silenced = await tx.fetch_all(Ground, SILENCED, employee=employee, belief=belief.id, at=then, most=SHOWN_SILENCED)
    history = await tx.fetch_all(HistoryEntry, HISTORY, employee=employee, belief=belief.id, at=asked_at)
    episodes = await episodic.by_ids(tx, employee=employee, ids=_ids(belief, grounds + silenced))
    return Why(
        asked_at=asked_at,
        belief=belief,
        grounds=grounds,
        silenced=silenced,
        conflicts=await conflicts.about(tx, employee=employee, belief=belief.id, at=asked_at),
        rests_on=await supports.below(tx, employee=employee, belief=belief.id, at=then),
        supports=await supports.above(tx, employee=employee, belief=belief.id, at=then),
        log_odds=sum(ground.weight if ground.supports else -ground.weight for ground in grounds),
        episodes=episodes,
        history=history[:SHOWN_CHANGES],
        changes=len(history),
    )


def _ids(belief: Belief, grounds: list[Ground]) -> list[UUID]:
    named = {*belief.evidence, *(ground.id for ground in grounds if ground.id)}
    return [UUID(name) for name in sorted(named)]


def _claim(answer: Why) -> list[str]:
    belief = answer.belief
    since = f"since {belief.formed_at:%Y-%m-%d %H:%M} UTC"
    return [
        f"{belief.subject}.{belief.predicate} = {_shown(belief.object)}, confidence {belief.confidence:.2f}, {since}"
    ]


def _arithmetic(answer: Why) -> list[str]:
    belief = answer.belief
    lines = ["", "The arithmetic (log-odds; each piece of evidence counts ln(r / (1 - r)), r by its source):"]
    for ground in answer.grounds:
        sign = "+" if ground.supports else "-"
        what = (
            "what was left of the belief before"
            if ground.is_carried
            else f"{ground.source}, r = {ground.reliability:.2f}, {ground.occurred_at:%Y-%m-%d %H:%M}"
        )
        lines.append(f"  {sign} {ground.weight:6.3f}  {what}")
    lines.append(f"  = {answer.log_odds:6.3f}  which is {probability(answer.log_odds):.2f}, kept within .01 and .99")
    now = belief.stored_confidence
    if belief.decay_rate:
        days = max(0.0, (answer.asked_at - belief.last_updated_at).total_seconds() / 86_400)
        now = effective(
            belief.stored_confidence,
            decay_rate=belief.decay_rate,
            decay_model=belief.decay_model,
            anchor=belief.last_updated_at,
            at=answer.asked_at,
        )
        lines.append(
            f"  decays {belief.decay_rate:g} a day ({belief.decay_model}): {days:.2f} days after the last evidence {now:.2f}"
        )
    else:
        lines.append("  does not decay")
    if belief.confidence < now:
        lines.append(f"  at most {belief.confidence:.2f}, the confidence of the weakest belief that it rests on")
    return lines


def _voices(answer: Why) -> list[str]:
    """What speaks for it and what against, where there is anything against it."""
    if not answer.speaks_against and not answer.conflicts:
        return []
    lines = [
        "",
        "What speaks for it:",
        *(_voice(answer, ground) for ground in answer.speaks_for),
        "What speaks against it:",
    ]
    for ground in answer.speaks_against:
        silent = "" if ground in answer.grounds else ", silent against a human's word"
        lines.append(f"{_voice(answer, ground)}{silent}")
    for conflict in answer.conflicts:
        times = "once" if conflict.times == 1 else f"{conflict.times} times"
        lines.append(f"  {_shown(conflict.claimed)} was claimed {times}: an open conflict (empla conflicts)")
    return lines


def _voice(answer: Why, ground: Ground) -> str:
    if ground.is_carried:
        return f"  {ground.weight:6.3f}  {_shown(ground.object)}  what was left of the belief before"
    told = f"  {ground.weight:6.3f}  {_shown(ground.object)}  {ground.source}, {ground.occurred_at:%Y-%m-%d %H:%M}"
    for episode in answer.episodes:
        if str(episode.id) == ground.id:
            return f"{told}: {episode if episode.ended else episode.description}"
    return told


def _beliefs(answer: Why) -> list[str]:
    """The beliefs under it, as a tree, and those above it."""
    lines: list[str] = []
    if answer.rests_on:
        lines += ["", "It was inferred from:", *_tree(answer.rests_on, answer.belief.id, 1, set())]
    if answer.supports:
        lines += ["", "From it was inferred:", *(f"  {_believed(support)}" for support in answer.supports)]
    return lines


def _tree(found: list[Support], of: UUID, depth: int, told: set[UUID]) -> list[str]:
    lines: list[str] = []
    for support in found:
        if support.depth == depth and support.of == of:
            again = support.id in told
            lines.append(f"{'  ' * depth}{_believed(support)}{'  (as above)' if again else ''}")
            told.add(support.id)
            lines += [] if again else _tree(found, support.id, depth + 1, told)
    return lines


def _believed(support: Support) -> str:
    claim = f"{support.subject}.{support.predicate} = {_shown(support.object)}"
    return f"{claim}, confidence {support.confidence:.2f}, {support.source}"


def _episodes(answer: Why) -> list[str]:
    if not answer.episodes:
        return []
    return ["", "It rests on:"] + [f"  {episode.occurred_at:%Y-%m-%d %H:%M}  {episode}" for episode in answer.episodes]


def _history(answer: Why) -> list[str]:
    lines = [
        "",
        f"How it came about ({answer.changes} {'change' if answer.changes == 1 else 'changes, the latest first'}):",
    ]
    for entry in answer.history:
        new = _shown(entry.new_value)
        step = new if entry.old_value is None else f"{_shown(entry.old_value)} → {new}"
        lines.append(
            f"  {entry.changed_at:%Y-%m-%d %H:%M}  {entry.change_type:12} {step}  {entry.reason or ''}".rstrip()
        )
    return lines


def _shown(value: JsonValue) -> str:
    # Six digits are enough for a person; the belief itself has all of them.
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.0f}"  # noqa: PLR2004
    return json.dumps(value, ensure_ascii=False)
