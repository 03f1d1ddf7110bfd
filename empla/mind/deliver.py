"""Delivering: what may leave is sent, one effect at a time and outside of every transaction.

Before: `started` is committed, with its key. Then the carrier is called with the key. After: what came of it is committed. Whoever finds
an effect that an earlier turn has started asks the carrier whether it happened, and where nobody can say, it is uncertain, for a human.
Never silently twice.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from empla.effects import integrations, outbox
from empla.effects.outbox import Begun
from empla.effects.senders.conversation import ConversationSender
from empla.effects.senders.sender import Outcome, Outgoing, Sender
from empla.employees import schedule
from empla.employees.schedule import Turn
from empla.errors import ConflictError, EmplaError, UnavailableError
from empla.mind.circumstance import Circumstance, Leaving
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx

LONGEST_PAUSE = timedelta(hours=6)
_MOST_LOOKS = 5
_LOOK_PAUSE = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one effect."""

    effect: UUID
    status: str  # of the effect; or what held it back: waits, asks; told: by another process


@dataclass(frozen=True, slots=True)
class _Ready:
    """An effect that is started and now to be sent, or to be asked about."""

    begun: Begun
    sender: Sender | None  # None where what carried it can't be used any more
    reason: str  # why not
    outgoing: Outgoing


async def deliver(
    database: Database, caller: Caller, turn: Turn, circumstance: Circumstance, *, lease: timedelta
) -> list[Delivered]:
    """Each effect that is due has been seen to, the oldest first, so many as one cycle may send. Raises `TurnLostError`."""
    due = circumstance.due_effects
    if circumstance.has_left_budget or any(leaving.status == "awaiting_approval" for leaving in due):
        async with database.work(caller) as tx:
            await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
            await outbox.tidy(tx, fence=turn.fence)
    found = [Delivered(leaving.id, "cancelled") for leaving in due if leaving.status == "awaiting_approval"]
    for leaving in [leaving for leaving in due if leaving.status == "started"]:
        found += await _find_out(database, caller, turn, leaving, lease)
    approved = [leaving for leaving in due if leaving.status == "approved"]
    for leaving in approved[: database.settings.sends_per_cycle]:
        found += await _send(database, caller, turn, leaving, lease)
    return found


async def _send(database: Database, caller: Caller, turn: Turn, leaving: Leaving, lease: timedelta) -> list[Delivered]:
    async with database.work(caller) as tx:
        await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
        begun = await outbox.begin(tx, employee=turn.employee_id, effect=leaving.id, fence=turn.fence)
        if begun is None or begun.verdict == "gone":
            return []
        if begun.verdict != "started":
            return [Delivered(leaving.id, begun.verdict)]
        ready = _ready(tx, turn, leaving.id, begun)
    if ready.sender is None:
        outcome = Outcome(verdict="later", reason=ready.reason)
    else:
        outcome = await ready.sender.send(ready.outgoing)
    return [await _finish(database, caller, leaving.id, turn.fence, begun.attempts, outcome)]


async def _find_out(
    database: Database, caller: Caller, turn: Turn, leaving: Leaving, lease: timedelta
) -> list[Delivered]:
    """A dead turn has started it: did it happen?"""
    async with database.work(caller) as tx:
        await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
        begun = await outbox.started(tx, employee=turn.employee_id, effect=leaving.id)
        if begun is None or leaving.fence is None or leaving.fence >= turn.fence:
            return []
        ready = _ready(tx, turn, leaving.id, begun)
    happened = None if ready.sender is None else await ready.sender.happened(ready.outgoing)
    outcome = found_out(happened, deduplicates=ready.sender is not None and ready.sender.deduplicates)
    return [await _finish(database, caller, leaving.id, leaving.fence, leaving.attempts, outcome)]


def found_out(happened: bool | None, *, deduplicates: bool) -> Outcome:  # noqa: FBT001  an answer
    """What an answer means for an effect that a dead turn had started; that turn may yet wake up and send.

    So even a no is good enough for another attempt only where the same key twice happens once.
    """
    if happened:
        return Outcome(verdict="done", receipt={"found": "the carrier says that it happened"})
    if deduplicates:
        return Outcome(
            verdict="later", reason="whoever was sending it is gone; the carrier heeds its key, so it is sent again"
        )
    if happened is None:
        return Outcome(
            verdict="uncertain", reason="whoever was sending it is gone, and the carrier can't say whether it happened"
        )
    return Outcome(
        verdict="uncertain", reason="whoever was sending it is gone; it has not happened so far, but still may"
    )


def _ready(tx: Tx, turn: Turn, effect: UUID, begun: Begun) -> _Ready:
    outgoing = Outgoing(
        key=begun.idempotency_key,
        effect=effect,
        sender_name=turn.name,
        sender_address=turn.email,
        recipients=tuple(begun.recipients),
        title=begun.title,
        body=begun.body,
        arguments=begun.arguments,
        at=tx.now,
    )
    try:
        return _Ready(begun, _sender(tx, begun), "", outgoing)
    except EmplaError as error:  # a key that is gone, settings that don't fit: nothing was sent
        return _Ready(begun, None, str(error), outgoing)


def _sender(tx: Tx, begun: Begun) -> Sender:
    if begun.integration_kind == "conversation":
        return ConversationSender()
    if begun.integration_id is None or begun.integration_kind is None:
        raise ConflictError("what carried it is not connected any more")
    return integrations.carrier(
        tx,
        integration=begun.integration_id,
        kind=begun.integration_kind,
        settings=begun.integration_settings or {},
        sealed=begun.sealed,
    )


async def _finish(
    database: Database, caller: Caller, effect: UUID, fence: int, attempts: int, outcome: Outcome
) -> Delivered:
    """Committed in a transaction that asks for no turn: what happened has happened, whoever's turn it is by now."""
    verdict, reason = outcome.verdict, outcome.reason
    if verdict == "later" and attempts >= database.settings.send_attempts:
        verdict, reason = "failed", f"after {attempts} attempts: {reason}"
    status: str | None = None
    for looks_left in reversed(range(_MOST_LOOKS)):
        try:
            async with database.work(caller) as tx:
                again_at = tx.now + pause(outcome.receipt, attempts, first=database.settings.send_backoff)
                status = await outbox.finish(
                    tx,
                    effect=effect,
                    fence=fence,
                    verdict=verdict,
                    receipt=outcome.receipt,
                    reason=reason,
                    again_at=again_at,
                )
            break
        except ConflictError:  # whoever had started it woke up and told, or was told about, meanwhile
            return Delivered(effect, "told")
        except UnavailableError:  # what is known must not be lost with a connection: the next turn could only guess
            if not looks_left:
                raise
            await asyncio.sleep(_LOOK_PAUSE)
    return Delivered(effect, status or verdict)


def pause(receipt: dict[str, Any], attempts: int, *, first: float) -> timedelta:
    """Until the next attempt: what the receiver asked for, else the first pause (seconds), doubled each time, at most six hours."""
    asked = receipt.get("retry_after_seconds")
    if isinstance(asked, int | float):
        return timedelta(seconds=asked)
    return min(timedelta(seconds=first) * 2 ** min(max(attempts - 1, 0), 20), LONGEST_PAUSE)
