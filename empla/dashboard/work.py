"""What an employee did and awaits: its requests, its notices, what it has brought about, and what only people can find out about that."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.effects import approvals, effects, notices, outbox
from empla.effects.effects import EffectKind, EffectStatus
from empla.effects.outbox import Finding
from empla.employees import employees
from empla.errors import InvalidError
from empla.senses import conversations

room = Room("work")
A_PAGE = 25  # effects
_ASKS, _TELLS, _TALKS = 10, 10, 8
_LEAVES: list[EffectKind] = ["message", "call"]
_STAYS: list[EffectKind] = ["task", "note", "draft"]


class Asked(Fields):
    """Which effects."""

    what: Literal["leaves", "stays"] | None = None
    status: EffectStatus | None = None
    before: AwareDatetime | None = None
    before_id: UUID | None = None
    told: str | None = Field(default=None, max_length=40)


@room.shows("/employees/{employee:uuid}/work")
async def work(visit: Visit, employee: UUID) -> Response:
    """Who it is is one statement, each part one more."""
    asked = visit.asked(Asked)
    if (asked.before is None) != (asked.before_id is None):
        raise InvalidError("a place in the list is a moment and an id")
    kinds = {"leaves": _LEAVES, "stays": _STAYS, None: None}[asked.what]
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        requests = await approvals.desk(tx, employee=employee, limit=_ASKS) if visit.wants("asked") else []
        posted = (
            await notices.desk(tx, employee=employee, approvals=False, limit=_TELLS) if visit.wants("posted") else []
        )
        done = (
            await effects.latest(
                tx,
                employee=employee,
                kinds=kinds,
                statuses=None if asked.status is None else [asked.status],
                before=asked.before,
                before_id=asked.before_id,
                limit=A_PAGE + 1,
            )
            if visit.wants("outbox")
            else []
        )
        talks = await conversations.listed(tx, employee=employee, limit=_TALKS) if visit.wants("talks") else []
    return visit.show(
        "work.html",
        person=person,
        asked=asked,
        requests=requests,
        posted=posted,
        effects=done[:A_PAGE],
        older=_place(done),
        talks=talks,
        back="work",
    )


def _place(done: list[effects.Effect]) -> tuple[datetime, UUID] | None:
    """Where the next page goes on."""
    return (done[A_PAGE - 1].created_at, done[A_PAGE - 1].id) if len(done) > A_PAGE else None


class Settle(Fields):
    """What was found out about which effect, and how."""

    effect: UUID
    finding: Finding
    reason: str = Field(max_length=2000)


@room.takes("/employees/{employee:uuid}/work")
async def settle(visit: Visit, employee: UUID) -> Response:
    """Nobody else can know whether an uncertain effect happened; it is not sent twice on a guess."""
    sent = await visit.sent(Settle)
    async with visit.write(roles=STAFF) as tx:
        await outbox.settle(tx, employee=employee, effect=sent.effect, finding=sent.finding, reason=sent.reason)
    return visit.go(f"/employees/{employee}/work", told="settled")
