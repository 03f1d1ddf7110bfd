"""The durable inbox: an observation is delivered once per employee, source and external id, however often its source is read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.errors import InvalidError, NotFoundError
from empla.senses.observation import NewObservation
from empla.shapes import check_json
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx, Tx

_BATCH = 2000  # observations per statement, where EMPLA_MAX_BATCH allows so many


class _Outcome(BaseModel):
    outcome: Literal["new", "known", "changed"]
    external_id: str


@dataclass(slots=True)
class Delivery:
    """What became of a batch: `changed` names those that are known with another content, which are left as they were."""

    new: int = 0
    known: int = 0
    changed: list[str] = field(default_factory=list[str])

    def add(self, other: "Delivery") -> None:
        self.new += other.new
        self.known += other.known
        self.changed += other.changed


# The second half sees the table as it was before the insert: what it finds there was known. Who has something new is woken as
# `schedule.wake` does it: locked in one order, and locked before it is compared.
DELIVER: LiteralString = """
    WITH news AS (
        SELECT *
          FROM jsonb_to_recordset(%(news)s::jsonb) AS n (employee uuid, source text, external_id text, kind text, description text,
               participants text[], content jsonb, occurred_at timestamptz, tainted boolean)
    ), delivered AS (
        INSERT INTO observations (tenant_id, employee_id, source, external_id, kind, description, participants, content, occurred_at,
                                  tainted)
        SELECT %(tenant)s::uuid, employee, source, external_id, kind, description, participants, content, occurred_at, tainted
          FROM news ORDER BY occurred_at, external_id
        ON CONFLICT (tenant_id, employee_id, source, external_id) DO NOTHING
        RETURNING employee_id, source, external_id, occurred_at
    ), called AS (
        SELECT employee_id, greatest(min(occurred_at), %(now)s::timestamptz) AS at FROM delivered GROUP BY employee_id
    ), asleep AS (
        SELECT s.employee_id, s.next_cycle_at, called.at
          FROM employee_schedule s JOIN called ON called.employee_id = s.employee_id
         WHERE s.tenant_id = %(tenant)s::uuid ORDER BY s.employee_id FOR UPDATE OF s
    ), woken AS (
        UPDATE employee_schedule s SET next_cycle_at = a.at
          FROM asleep a
         WHERE s.tenant_id = %(tenant)s::uuid AND s.employee_id = a.employee_id AND a.next_cycle_at > a.at
        RETURNING s.employee_id
    )
    SELECT n.external_id,
           CASE WHEN d.external_id IS NOT NULL THEN 'new'
                WHEN o.content IS DISTINCT FROM n.content OR o.occurred_at IS DISTINCT FROM n.occurred_at THEN 'changed'
                ELSE 'known' END AS outcome
      FROM news n
      LEFT JOIN delivered d ON d.employee_id = n.employee AND d.source = n.source AND d.external_id = n.external_id
      LEFT JOIN observations o ON o.tenant_id = %(tenant)s::uuid AND o.employee_id = n.employee AND o.source = n.source
                              AND o.external_id = n.external_id
"""


async def deliver(tx: Tx, observations: Sequence[NewObservation], *, recipients: Mapping[str, UUID]) -> Delivery:
    """Each observation is in its recipient's inbox, in one statement; what was there already stays as it is.

    Whoever has something new has its next turn when that happened, or now if that is later; or sooner, if it had a sooner one.

    `recipients` maps e-mail (lower case) to employee. Raises `NotFoundError` for an unknown recipient, `InvalidError` for content
    that can't be kept: then nothing was delivered.
    """
    if not observations:
        return Delivery()
    if len(observations) > tx.settings.max_batch:
        raise InvalidError(f"{len(observations)} observations at once; at most {tx.settings.max_batch} in one call")
    first: dict[tuple[str, ...], dict[str, JsonValue]] = {}
    changed: list[str] = []
    for observation in observations:
        row = _row(observation, recipients, tx)
        known = first.setdefault((str(row["employee"]), observation.source, observation.external_id), row)
        if known is not row and _said(known) != _said(row):
            changed.append(observation.external_id)
    news = json.dumps(list(first.values()), ensure_ascii=False)
    outcomes = await tx.fetch_all(_Outcome, DELIVER, news=news, now=tx.now)
    changed += [outcome.external_id for outcome in outcomes if outcome.outcome == "changed"]
    new = sum(outcome.outcome == "new" for outcome in outcomes)
    return Delivery(new=new, known=len(observations) - new - len(changed), changed=sorted(changed))


def _said(row: dict[str, JsonValue]) -> str:
    return json.dumps([row["content"], row["occurred_at"]], sort_keys=True)


def _row(observation: NewObservation, recipients: Mapping[str, UUID], tx: Tx) -> dict[str, JsonValue]:
    employee = recipients.get(observation.recipient.lower())
    if employee is None:
        raise NotFoundError(f"there is no employee {observation.recipient!r} to perceive {observation.external_id}")
    check_json(
        observation.content, what=f"the content of {observation.external_id}", max_bytes=tx.settings.max_content_bytes
    )
    if "\0" in observation.description:
        raise InvalidError(f"the description of {observation.external_id} has a NUL byte")
    return {
        "employee": str(employee),
        "source": observation.source,
        "external_id": observation.external_id,
        "kind": observation.kind,
        "description": observation.description,
        "participants": list(observation.participants),
        "content": observation.content,
        "occurred_at": observation.occurred_at.isoformat(),
        "tainted": observation.tainted,
    }


async def deliver_all(
    database: Database, caller: Caller, observations: Sequence[NewObservation], *, recipients: Mapping[str, UUID]
) -> Delivery:
    """Deliver what is addressed to the recipients, a batch per transaction; what is for nobody here is left. Raises as `deliver`."""
    mine = [observation for observation in observations if observation.recipient.lower() in recipients]
    size = min(_BATCH, database.settings.max_batch)
    delivery = Delivery()
    for start in range(0, len(mine), size):
        async with database.write(caller) as tx:
            delivery.add(await deliver(tx, mine[start : start + size], recipients=recipients))
    return delivery


async def deliver_whole(tx: Tx, observations: Sequence[NewObservation], *, recipients: Mapping[str, UUID]) -> Delivery:
    """All of them in this transaction, a statement for each batch: what can't be kept undoes the rest. Raises as `deliver`."""
    size = min(_BATCH, tx.settings.max_batch)
    delivery = Delivery()
    for start in range(0, len(observations), size):
        delivery.add(await deliver(tx, observations[start : start + size], recipients=recipients))
    return delivery


ObservationStatus = Literal["pending", "perceived", "failed"]


class Observation(BaseModel):
    """What stands in an inbox, and what became of it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    source: str
    external_id: str
    kind: str
    description: str
    participants: list[str]
    content: dict[str, JsonValue]
    tainted: bool
    status: ObservationStatus
    perceived_at: datetime | None
    error: str | None  # why it could not be perceived
    occurred_at: datetime
    created_at: datetime


LATEST: LiteralString = """
    SELECT id, employee_id, source, external_id, kind, description, participants, content, tainted, status, perceived_at, error,
           occurred_at, created_at
      FROM observations
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
       AND (%(status)s::text IS NULL OR status = %(status)s::text) AND (%(source)s::text IS NULL OR source = %(source)s::text)
       AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
     ORDER BY id DESC LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    employee: UUID,
    limit: int = 100,
    before: UUID | None = None,
    status: ObservationStatus | None = None,
    source: str | None = None,
) -> list[Observation]:
    """What was delivered last stands first; behind `before`."""
    return await tx.fetch_all(
        Observation, LATEST, employee=employee, limit=limit, before=before, status=status, source=source
    )
