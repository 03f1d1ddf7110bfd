"""What people decide about an employee's effects, and what it keeps of that: a lesson, or a proposal to promote it."""

from typing import Any
from uuid import UUID

from empla.effects import approvals, notices
from empla.effects.approvals import Decided, Verdict, Wording
from empla.employees import lifecycle, schedule
from empla.employees.lifecycle import Record
from empla.errors import ConflictError
from empla.memory import episodic
from empla.memory.shapes import EpisodeContent
from empla.storage.tx import Tx


async def decide(
    tx: Tx,
    *,
    approval: UUID,
    verdict: Verdict,
    reason: str | None = None,
    wording: Wording | None = None,
    digest: str | None = None,
) -> Decided:
    """The effect goes out, goes out as edited, or does not; its employee's next cycle is due. Raises as `approvals.decide`.

    With the digest that somebody saw it also raises `ConflictError` for a request of anything else.
    """
    # The turn is locked first, as a cycle locks it: so this waits for the cycle's transaction, and never the one for the other.
    asked = await approvals.get(tx, approval=approval)
    # A request keeps its digest, and the database holds the effect to it: so what is compared here is what goes out.
    if digest is not None and digest != asked.digest:
        raise ConflictError("this is not what you saw: look at the request again, and decide anew")
    await schedule.wake(tx, employees=[asked.employee_id], at=tx.now)
    decided = await approvals.decide(tx, approval=approval, verdict=verdict, reason=reason, wording=wording)
    if verdict == "approve":
        await _propose(tx, decided.employee_id)
    else:
        await _learn(tx, decided, verdict, reason)
    return decided


async def _learn(tx: Tx, decided: Decided, verdict: Verdict, reason: str | None) -> None:
    """What a human would rather have is worth remembering, word for word."""
    how = "rejected" if verdict == "reject" else "edited"
    content: Any = {"verdict": how, "effect": str(decided.effect_id), "reason": reason, "before": decided.before}
    if verdict == "edit":
        content["after"] = decided.after
    await episodic.record(
        tx,
        employee=decided.employee_id,
        description=f"A human {how} what I wanted to send: {decided.before['title']}"
        + (f" ({reason})" if reason else ""),
        episode_type="feedback",
        content=EpisodeContent.parse({name: value for name, value in content.items() if value is not None}),
        importance=0.9,
    )


async def _propose(tx: Tx, employee: UUID) -> None:
    """Once its record has earned the next stage, the managers are told, once."""
    [record] = await lifecycle.records(tx, employee=employee)
    if record.is_promising:
        await notices.tell(
            tx,
            employee=employee,
            key=f"promotion:{record.stage}:{record.since.isoformat()}",
            kind="promotion",
            text=proposal(record),
        )


def proposal(record: Record) -> str:
    """What a manager reads."""
    return (
        f"{record.name} has earned the next stage: people agreed with {record.approved} of {record.decided} of its effects in "
        f"stage {record.stage} (at least {record.agreement:.0%}, by Wilson's bound). It may be promoted to "
        f"{record.next_stage}: empla employee promote."
    )
