"""What employees do, as one stream per tenant, in the order of transactions: whoever resumes misses nothing and repeats nothing.

The order is (transaction, id), and it is read no further than the oldest transaction that is still open: one that commits late is met in
its place, not passed by. The database writes events, with what they tell of (0022); row security says who sees which.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Literal, LiteralString, NamedTuple, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.errors import ConflictError, InvalidError, UnavailableError
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx, Tx

EventKind = Literal[
    "employee.status",
    "cycle.finished",
    "belief.changed",
    "goal.adopted",
    "goal.violated",
    "goal.restored",
    "goal.status",
    "intention.proposed",
    "intention.status",
    "step.done",
    "step.failed",
    "approval.requested",
    "approval.decided",
    "effect.sent",
    "effect.failed",
    "effect.uncertain",
    "effect.cancelled",
    "notice.raised",
    "message.posted",
]
KINDS: tuple[EventKind, ...] = get_args(EventKind)
MAX_EVENTS = 1000  # in one look
LOOK_AGAIN = 15.0  # seconds after which a follower looks though nobody woke it
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 2.0  # seconds until it looks again while older transactions are open
_AFTER_A_LOSS = 0.5  # seconds
_CURSOR = re.compile(r"([0-9]{1,19})-([0-9a-f]{32})")
_LAST = UUID(int=2**128 - 1)
BEGINNING = f"0-{0:032}"  # the id before the oldest event


class Event(BaseModel):
    """Something an employee did, or that happened to it."""

    model_config = ConfigDict(frozen=True)

    id: str  # by which a reader resumes
    kind: EventKind
    employee_id: UUID
    employee: str | None  # its name; None when it is gone
    subject_id: UUID | None  # the goal, plan, effect, approval, notice, conversation or belief that it is about
    sentence: str
    details: dict[str, JsonValue]
    occurred_at: datetime  # the tenant's time
    recorded_at: datetime  # the wall clock's


class Page(BaseModel):
    """What one look found."""

    model_config = ConfigDict(frozen=True)

    events: list[Event]
    after: str  # from where to go on, also when nothing was found
    is_full: bool  # there may be more at once
    is_held: bool  # something waits for an older transaction to end: look again soon


class _Seen(BaseModel):
    """One event, or one row without any that says how far it was looked."""

    settled: int
    newest: int
    is_held: bool
    tx: int | None
    id: UUID | None
    kind: EventKind | None
    employee_id: UUID | None
    employee: str | None
    subject_id: UUID | None
    sentence: str | None
    details: dict[str, JsonValue] | None
    occurred_at: datetime | None
    recorded_at: datetime | None


class _Place(NamedTuple):
    tx: int
    id: UUID


SINCE: LiteralString = """
    WITH horizon AS (
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS settled,
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS newest
    )
    SELECT h.settled, h.newest,
           EXISTS (SELECT FROM events l WHERE l.tenant_id = %(tenant)s::uuid AND l.tx >= h.settled) AS is_held,
           e.tx, e.id, e.kind, e.employee_id, p.name AS employee, e.subject_id, e.sentence, e.details, e.occurred_at, e.recorded_at
      FROM horizon h
      LEFT JOIN LATERAL (
          SELECT * FROM events n
           WHERE n.tenant_id = %(tenant)s::uuid AND (n.tx, n.id) > (%(after_tx)s::bigint, %(after_id)s::uuid) AND n.tx < h.settled
             AND (%(employee)s::uuid IS NULL OR n.employee_id = %(employee)s::uuid)
             AND (%(kinds)s::text[] IS NULL OR n.kind = ANY (%(kinds)s::text[]))
           ORDER BY n.tx, n.id LIMIT %(limit)s::int) e ON true
      LEFT JOIN employees p ON p.tenant_id = %(tenant)s::uuid AND p.id = e.employee_id AND p.deleted_at IS NULL
     ORDER BY e.tx, e.id
"""


async def since(
    tx: ReadTx,
    *,
    after: str | None = None,
    limit: int = 100,
    employee: UUID | None = None,
    kinds: Sequence[EventKind] | None = None,
) -> Page:
    """What the caller may see of what came after that id, the oldest first; one statement. Without an id, from the oldest that is kept.

    Raises `InvalidError` for what is no id, `ConflictError` for the id of another database (a copy that was restored).
    """
    if not 1 <= limit <= MAX_EVENTS:
        raise InvalidError(f"at most {MAX_EVENTS} events in one look, and at least one")
    place = _place(after)
    seen = await tx.fetch_all(
        _Seen,
        SINCE,
        after_tx=place.tx,
        after_id=place.id,
        employee=employee,
        kinds=None if kinds is None else list(kinds),
        limit=limit,
    )
    if place.tx >= seen[0].newest:
        raise ConflictError("this id is of another database, or of a copy of this one: follow from the beginning")
    events = [event for row in seen if (event := _event(row)) is not None]
    is_full = len(events) == limit
    # What lies before the horizon and was not found is not for this reader, and never will be.
    reached = events[-1].id if is_full else _cursor(max(seen[0].settled - 1, place.tx), _LAST)
    return Page(events=events, after=reached, is_full=is_full, is_held=seen[0].is_held)


LATEST: LiteralString = """
    SELECT 0::bigint AS settled, 0::bigint AS newest, false AS is_held,
           e.tx, e.id, e.kind, e.employee_id, p.name AS employee, e.subject_id, e.sentence, e.details, e.occurred_at, e.recorded_at
      FROM events e
      LEFT JOIN employees p ON p.tenant_id = %(tenant)s::uuid AND p.id = e.employee_id AND p.deleted_at IS NULL
     WHERE e.tenant_id = %(tenant)s::uuid AND e.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       AND (%(before_id)s::uuid IS NULL OR (e.tx, e.id) < (%(before_tx)s::bigint, %(before_id)s::uuid))
       AND (%(employee)s::uuid IS NULL OR e.employee_id = %(employee)s::uuid)
       AND (%(kinds)s::text[] IS NULL OR e.kind = ANY (%(kinds)s::text[]))
     ORDER BY e.tx DESC, e.id DESC LIMIT %(limit)s::int
"""


async def latest(
    tx: ReadTx,
    *,
    before: str | None = None,
    limit: int = 100,
    employee: UUID | None = None,
    kinds: Sequence[EventKind] | None = None,
) -> list[Event]:
    """What the caller may see of what came before that id, or last: the latest first; as far as `since` reads. Raises `InvalidError`."""
    place = None if before is None else _place(before)
    seen = await tx.fetch_all(
        _Seen,
        LATEST,
        before_tx=place and place.tx,
        before_id=place and place.id,
        employee=employee,
        kinds=None if kinds is None else list(kinds),
        limit=limit,
    )
    return [event for row in seen if (event := _event(row)) is not None]


NOW: LiteralString = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1 WHERE %(tenant)s::uuid IS NOT NULL
"""


async def now(tx: ReadTx) -> str:
    """The id to follow from when only what happens from now on counts; what is under way counts."""
    return _cursor(await tx.fetch_value(int, NOW) or 0, _LAST)


async def follow(
    database: Database,
    caller: Caller,
    *,
    after: str | None = None,
    employee: UUID | None = None,
    kinds: Sequence[EventKind] | None = None,
    limit: int = 100,
) -> AsyncGenerator[Event]:
    """Events as they happen, until whoever iterates stops: after that id, or from now on.

    Each look is a transaction of the caller's own, so a right that is taken away ends it (`NotFoundError`, `ForbiddenError`) or narrows it;
    between looks nothing is held. It outlasts a server that starts anew. Raises as `since`.
    """
    async with database.listening.subscribed(caller.tenant) as news:
        pause = _FIRST_LOOK
        while True:
            news.clear()
            try:
                async with database.listening.looking, database.read(caller) as tx:
                    after = after or await now(tx)
                    page = await since(tx, after=after, limit=limit, employee=employee, kinds=kinds)
            except UnavailableError:
                await asyncio.sleep(_AFTER_A_LOSS)
                news.set()
                continue
            for event in page.events:
                yield event
            after = page.after
            if page.is_full:
                continue
            pause = min(2 * pause, _LONGEST_LOOK) if page.is_held and not page.events else _FIRST_LOOK
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause if page.is_held else LOOK_AGAIN):
                    await news.wait()


FORGET: LiteralString = "SELECT forget_events(%(keep)s::interval) WHERE %(tenant)s::uuid IS NOT NULL"


async def forget(tx: Tx) -> int:
    """What is older than EMPLA_EVENT_DAYS is gone, and what another server wrote; how many they were. The operator's."""
    return await tx.fetch_value(int, FORGET, keep=f"{tx.settings.event_days * 24} hours") or 0


def _place(after: str | None) -> _Place:
    if after is None:
        return _Place(0, UUID(int=0))
    found = _CURSOR.fullmatch(after)
    if found is None or int(found[1]) >= 2**63:
        raise InvalidError("this is no id of an event")
    return _Place(int(found[1]), UUID(hex=found[2]))


def _cursor(tx: int, id_: UUID) -> str:
    return f"{tx}-{id_.hex}"


def _event(row: _Seen) -> Event | None:
    if row.tx is None or row.id is None:
        return None
    return Event.model_validate(
        {**row.model_dump(exclude={"settled", "newest", "is_held", "tx"}), "id": _cursor(row.tx, row.id)}
    )
