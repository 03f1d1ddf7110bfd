"""Managers hear of an employee's notices by mail, where their tenant's settings say so; at most once, for they stand in the product."""

from datetime import timedelta

from empla.effects import integrations, notices
from empla.effects.notices import ToMail
from empla.effects.senders.sender import Outcome, Outgoing
from empla.employees import schedule
from empla.employees.schedule import Turn
from empla.errors import EmplaError
from empla.storage.database import Database
from empla.storage.tx import Caller, Tx


async def mail_notices(database: Database, caller: Caller, turn: Turn, *, lease: timedelta) -> int:
    """What was not mailed yet has left in one mail; how many notices it told of. Raises `TurnLostError`."""
    async with database.work(caller) as tx:
        await schedule.keep_turn(tx, employee=turn.employee_id, fence=turn.fence, lease=lease)
        claimed = await notices.claim_to_mail(tx, employee=turn.employee_id)
        if not claimed:
            return 0
        outgoing = _mail(tx, turn, claimed)
        first, failure = claimed[0], ""
        try:
            sender = integrations.carrier(
                tx,
                integration=first.integration_id,
                kind=first.integration_kind,
                settings=first.integration_settings,
                sealed=first.sealed,
            )
        except EmplaError as error:  # a key that is gone, settings that don't fit: nothing was sent
            failure, sender = str(error), None
    outcome = Outcome(verdict="later", reason=failure) if sender is None else await sender.send(outgoing)
    if outcome.verdict == "later":
        async with database.work(caller) as tx:
            again_at = tx.now + timedelta(seconds=tx.settings.send_backoff)
            told = [notice.id for notice in claimed]
            await notices.mail_later(tx, employee=turn.employee_id, notices=told, at=again_at)
        return 0
    return len(claimed)


def _mail(tx: Tx, turn: Turn, told: list[ToMail]) -> Outgoing:
    """One mail about all of them, the most severe in its subject."""
    first = max(told, key=lambda notice: ("info", "warning", "urgent").index(notice.severity))
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    parts = [f"{notice.severity}, notice {notice.id}\n\n{notice.text}" for notice in told]
    return Outgoing(
        key=f"notices/{turn.employee_id}/{told[0].id}/{turn.fence}",
        effect=told[0].id,
        sender_name=turn.name,
        sender_address=turn.email,
        recipients=tuple(told[0].mail_to),
        title=f"{turn.name}: {first.text.partition(chr(10))[0][:150]}{more}",
        body="\n\n---\n\n".join(parts) + "\n\nTo answer: empla notices answer, or empla approvals.",
        arguments={},
        at=tx.now,
    )
