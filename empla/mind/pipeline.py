"""What a salesperson believes about its own pipeline: computed from its records, so always right and never decaying."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, Strict, ValidationError

from empla.bdi import beliefs
from empla.bdi.beliefs import Belief, Evidence
from empla.mind.perceive import Fault, Percept
from empla.storage.tx import Tx

SUBJECT = "pipeline"
RECORD = "crm_record"  # the predicate of what the CRM says about one deal
FIGURES = ("open_count", "open_value", "won_count", "won_value", "lost_count", "stale_count", "win_rate", "coverage")
STALE_DAYS = 90
COVERAGE_DAYS = 90
_CLOSED = frozenset({"deal_won", "deal_lost"})
# The events that move a figure; any other is moved by every event.
_MOVED_BY = {
    "won_count": frozenset({"deal_won"}),
    "won_value": frozenset({"deal_won"}),
    "lost_count": frozenset({"deal_lost"}),
    "win_rate": _CLOSED,
    "stale_count": _CLOSED,
}
# How many events a reason names before it says "and n more".
_NAMED = 3


class Figure(BaseModel):
    """One figure that is not what is believed: its new value, or None when there is nothing to say any more."""

    model_config = ConfigDict(frozen=True)

    predicate: str
    value: JsonValue
    held_from: datetime | None  # the last evidence of what is believed now; None when nothing is


class DealRecord(BaseModel):
    """What the CRM says about one deal, as far as the figures need it."""

    model_config = ConfigDict(extra="allow", strict=True)

    opportunity: str = Field(min_length=1, max_length=400)
    stage: Literal["open", "won", "lost"]
    list_price: float | None = None
    close_value: float | None = None
    engaged_on: Annotated[date | None, Strict(strict=False)] = None
    closed_on: Annotated[date | None, Strict(strict=False)] = None


@dataclass(frozen=True, slots=True)
class Records:
    """What percepts of the CRM say, and those that say nothing usable."""

    news: list[Evidence]
    faults: list[Fault]


def records(percepts: Sequence[Percept]) -> Records:
    """What the CRM's events say about their deals. A record holds until the CRM says otherwise, so it does not decay."""
    found = Records([], [])
    for percept in percepts:
        if percept.source != "crm":
            continue
        try:
            record = DealRecord.model_validate(percept.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            found.faults.append(Fault(episode=percept.episode, error=f"no record of a deal: {where}: {first['msg']}"))
            continue
        found.news.append(
            Evidence(
                subject=f"deal:{record.opportunity}",
                predicate=RECORD,
                object=percept.content,
                occurred_at=percept.occurred_at,
                evidence=percept.episode,
                decay_rate=0,
                reason=percept.description[:2000],
            )
        )
    return found


# The CRM knows days, not hours, so ages here are whole days of the tenant's calendar (UTC).
EVALUATE: LiteralString = """
    WITH deal AS (
        SELECT object ->> 'stage' AS stage, (object ->> 'list_price')::numeric AS list_price,
               (object ->> 'close_value')::numeric AS close_value,
               %(today)s::date - (object ->> 'engaged_on')::date AS age,
               %(today)s::date - (object ->> 'closed_on')::date AS closed_for
          FROM beliefs
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND predicate = %(record)s::text AND deleted_at IS NULL
    ), total AS (
        SELECT count(*) FILTER (WHERE stage = 'open') AS open_count,
               coalesce(sum(list_price) FILTER (WHERE stage = 'open'), 0) AS open_value,
               count(*) FILTER (WHERE stage = 'won') AS won_count,
               coalesce(sum(close_value) FILTER (WHERE stage = 'won'), 0) AS won_value,
               count(*) FILTER (WHERE stage = 'lost') AS lost_count,
               count(*) FILTER (WHERE stage = 'open' AND age > %(stale_days)s::int) AS stale_count,
               nullif(sum(close_value) FILTER (WHERE stage = 'won' AND closed_for < %(coverage_days)s::int), 0) AS won_lately
          FROM deal
    ), figure AS (
        SELECT f.predicate, f.value
          FROM total CROSS JOIN LATERAL (VALUES
               ('open_count', to_jsonb(open_count)), ('open_value', to_jsonb(trim_scale(open_value))),
               ('won_count', to_jsonb(won_count)), ('won_value', to_jsonb(trim_scale(won_value))),
               ('lost_count', to_jsonb(lost_count)), ('stale_count', to_jsonb(stale_count)),
               ('win_rate', to_jsonb(won_count::float8 / nullif(won_count + lost_count, 0))),
               ('coverage', to_jsonb((open_value / won_lately)::float8))) f (predicate, value)
    )
    SELECT f.predicate, f.value, b.last_updated_at AS held_from
      FROM figure f
      LEFT JOIN beliefs b ON b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.subject = %(subject)s::text
                         AND b.predicate = f.predicate AND b.deleted_at IS NULL
     WHERE f.value IS DISTINCT FROM b.object
     ORDER BY f.predicate
"""


async def evaluate(tx: Tx, *, employee: UUID, percepts: Sequence[Percept]) -> list[Belief]:
    """Every figure is believed as the records have it, and only what differs is written; returns the beliefs that changed."""
    today: date = tx.now.date()
    figures = await tx.fetch_all(
        Figure,
        EVALUATE,
        employee=employee,
        today=today,
        subject=SUBJECT,
        record=RECORD,
        stale_days=STALE_DAYS,
        coverage_days=COVERAGE_DAYS,
    )
    gone = [figure.predicate for figure in figures if figure.value is None and figure.held_from]
    if gone:
        await beliefs.retract(
            tx, employee=employee, subject=SUBJECT, predicates=gone, reason="the records no longer give a value"
        )
    return await beliefs.observe_many(
        tx,
        employee=employee,
        news=[_news(figure, percepts, now=tx.now) for figure in figures if figure.value is not None],
    )


def _news(figure: Figure, percepts: Sequence[Percept], *, now: datetime) -> Evidence:
    """The figure's new value, because of the events that moved it, or because time did."""
    kinds = _MOVED_BY.get(figure.predicate)
    events = [percept for percept in percepts if percept.source == "crm" and (kinds is None or percept.kind in kinds)]
    named = "; ".join(event.description for event in events[:_NAMED])
    more = f"; and {len(events) - _NAMED} more" if len(events) > _NAMED else ""
    because = f" after: {named}{more}" if events else ": time has passed" if figure.held_from else ""
    # A second cycle of the same moment computes anew: its figure is the newer one, not another opinion to be weighed.
    moment = now if figure.held_from is None else max(now, figure.held_from + timedelta(microseconds=1))
    return Evidence(
        subject=SUBJECT,
        predicate=figure.predicate,
        object=figure.value,
        occurred_at=moment,
        decay_rate=0,
        evidence=events[-1].episode if events else None,
        reason=f"computed from its deals{because}"[:2000],
    )
