"""What employees ask people for: may this effect happen, just as it stands? Staff decide, once and in time; the database sees to it."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla import ids
from empla.effects.effects import EffectKind, EffectStatus
from empla.employees.employees import Stage
from empla.errors import InvalidError, NotFoundError
from empla.storage.tx import ReadTx, Tx

ApprovalStatus = Literal["pending", "approved", "edited", "rejected", "expired", "withdrawn"]
Verdict = Literal["approve", "edit", "reject"]
_OPERATOR = UUID(int=0)


class Approval(BaseModel):
    """One request for approval, with the effect as it stands."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    effect_id: UUID
    digest: str  # of the effect that was asked for: what is decided is decided for that one alone
    stage: Stage
    status: ApprovalStatus
    why: str  # a human is asked
    edited_from: UUID | None  # the request that was answered by editing
    decided_by: UUID | None  # the user; the nil id for the operator
    decided_by_name: str | None  # where the caller may see it
    decided_at: datetime | None
    reason: str | None
    expires_at: datetime | None
    used_at: datetime | None
    created_at: datetime
    kind: EffectKind
    capability: str
    title: str
    body: str
    recipients: list[str]
    arguments: dict[str, JsonValue]
    tainted: bool
    effect_status: EffectStatus

    @property
    def decider(self) -> str:
        """Who decided, in words."""
        if self.decided_by is None:
            return "nobody"
        return self.decided_by_name or ("the operator" if self.decided_by == _OPERATOR else "somebody")


class Wording(BaseModel):
    """What a human may change of an effect: what is None stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str | None = None
    body: str | None = None
    recipients: list[str] | None = None
    arguments: dict[str, JsonValue] | None = None


class Decided(BaseModel):
    """What became of a request."""

    model_config = ConfigDict(frozen=True)

    effect_id: UUID
    employee_id: UUID
    status: EffectStatus  # of the effect
    approval_id: UUID  # under which it may go out: another one when it was edited
    demoted_to: Stage | None  # the employee was, for its last effects went wrong
    before: dict[str, JsonValue]  # title, body, recipients, arguments
    after: dict[str, JsonValue]


LISTED: LiteralString = """
    SELECT a.id, a.employee_id, a.effect_id, a.digest, a.stage, a.status, a.why, a.edited_from, a.decided_by,
           u.name AS decided_by_name, a.decided_at, a.reason,
           a.expires_at, a.used_at, a.created_at, e.kind, e.capability, e.title, e.body, e.recipients, e.arguments,
           e.tainted, e.status AS effect_status
      FROM approvals a
      JOIN effects e ON e.tenant_id = a.tenant_id AND e.employee_id = a.employee_id AND e.id = a.effect_id
      LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.decided_by
     WHERE a.tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR a.employee_id = %(employee)s::uuid)
       AND (%(intention)s::uuid IS NULL OR e.intention_id = %(intention)s::uuid)
       AND (NOT %(waiting)s::boolean OR (a.status = 'pending' AND e.status = 'awaiting_approval' AND a.expires_at > %(now)s::timestamptz))
       AND (NOT %(drafts)s::boolean OR (a.status = 'pending' AND e.status = 'drafted'))
       AND (%(part)s::text IS NULL OR starts_with(a.id::text, %(part)s::text)
            OR right(a.id::text, length(%(part)s::text)) = %(part)s::text)
       AND (%(id)s::uuid IS NULL OR a.id = %(id)s::uuid)
       AND (%(before)s::timestamptz IS NULL OR (a.created_at, a.id) < (%(before)s::timestamptz, %(before_id)s::uuid))
     ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s::int
"""


async def listed(
    tx: ReadTx,
    *,
    employee: UUID | None = None,
    intention: UUID | None = None,
    which: Literal["waiting", "drafts", "all"] = "waiting",
    before: datetime | None = None,
    before_id: UUID | None = None,
    limit: int = 100,
) -> list[Approval]:
    """Requests of one employee or of all whom the caller may see, the latest first; of one intention, when it is named.

    waiting: effects that go out once somebody approves; drafts: what was drafted and can be judged for the record; all: also what
    was decided. With a moment and an id: those after that one in the list.
    """
    return await tx.fetch_all(
        Approval,
        LISTED,
        employee=employee,
        intention=intention,
        waiting=which == "waiting",
        drafts=which == "drafts",
        id=None,
        part=None,
        before=before,
        before_id=before_id,
        limit=limit,
        now=tx.now,
    )


async def find(tx: ReadTx, *, named: str) -> Approval:
    """The request whose id begins or ends so. Raises `NotFoundError`, `UsageError` for several."""
    part = ids.part(named)
    found = await tx.fetch_all(
        Approval,
        LISTED,
        employee=None,
        intention=None,
        waiting=False,
        drafts=False,
        id=None,
        part=part,
        before=None,
        before_id=None,
        limit=ids.MOST_NAMED,
        now=tx.now,
    )
    return ids.only(found, what="request for approval", named=named)


async def get(tx: ReadTx, *, approval: UUID) -> Approval:
    """The request of this id, which the caller may see. Raises `NotFoundError`."""
    found = await tx.fetch_one(
        Approval,
        LISTED,
        employee=None,
        intention=None,
        waiting=False,
        drafts=False,
        id=approval,
        part=None,
        before=None,
        before_id=None,
        limit=1,
        now=tx.now,
    )
    if found is None:
        raise NotFoundError("there is no such approval")
    return found


class Asked(Approval):
    """A request as people find it on their desk: with who asks."""

    employee_name: str
    employee_is_active: bool  # else nothing leaves before it is


_ASKED: LiteralString = """
    SELECT a.id, a.employee_id, a.effect_id, a.digest, a.stage, a.status, a.why, a.edited_from, a.decided_by,
           u.name AS decided_by_name, a.decided_at, a.reason,
           a.expires_at, a.used_at, a.created_at, e.kind, e.capability, e.title, e.body, e.recipients, e.arguments,
           e.tainted, e.status AS effect_status, p.name AS employee_name, p.status = 'active' AS employee_is_active
      FROM approvals a
      JOIN effects e ON e.tenant_id = a.tenant_id AND e.employee_id = a.employee_id AND e.id = a.effect_id
      JOIN employees p ON p.tenant_id = a.tenant_id AND p.id = a.employee_id
      LEFT JOIN users u ON u.tenant_id = a.tenant_id AND u.id = a.decided_by
     WHERE a.tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR a.employee_id = %(employee)s::uuid)
       AND (%(search)s::text IS NULL
            OR strpos(lower(p.name || ' ' || p.email || ' ' || e.title || ' ' || array_to_string(e.recipients, ' ')), lower(%(search)s::text)) > 0)
"""
# What waits stands in the order in which it was asked, so that what is new comes below what somebody reads.
TO_DECIDE: LiteralString = (
    _ASKED
    + """
       AND a.status = 'pending' AND e.status = %(effect_status)s::text AND (e.status = 'drafted' OR a.expires_at > %(now)s::timestamptz)
     ORDER BY a.created_at, a.id LIMIT %(limit)s::int OFFSET %(skip)s::int
"""
)
DECIDED: LiteralString = (
    _ASKED
    + """
       AND a.status <> 'pending'
     ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s::int OFFSET %(skip)s::int
"""
)


async def desk(
    tx: ReadTx,
    *,
    which: Literal["waiting", "drafts", "decided"] = "waiting",
    employee: UUID | None = None,
    search: str | None = None,
    limit: int = 20,
    skip: int = 0,
) -> list[Asked]:
    """What waits or was drafted, who has waited longest first; or what was decided, the latest first. A search is in who asks, what and whom."""
    if which == "decided":
        return await tx.fetch_all(Asked, DECIDED, employee=employee, search=search, limit=limit, skip=skip)
    status = "awaiting_approval" if which == "waiting" else "drafted"
    return await tx.fetch_all(
        Asked, TO_DECIDE, employee=employee, search=search, effect_status=status, limit=limit, skip=skip, now=tx.now
    )


DECIDE: LiteralString = """
    SELECT effect_id, employee_id, status, approval_id, demoted_to, before, after
      FROM decide_effect(%(approval)s::uuid, %(verdict)s::text, %(reason)s::text, %(title)s::text, %(body)s::text, %(recipients)s::text[],
                         %(arguments)s::jsonb)
     WHERE %(tenant)s::uuid IS NOT NULL
"""


async def decide(
    tx: Tx, *, approval: UUID, verdict: Verdict, reason: str | None = None, wording: Wording | None = None
) -> Decided:
    """A human decides, in one statement.

    Raises `ConflictError` for what was decided, has expired or was asked for other arguments; `ForbiddenError` for who is no staff;
    `InvalidError` for a rejection without a reason or an edit that changes nothing; `NotFoundError`.
    """
    changed = wording or Wording()
    decided = await tx.fetch_all(
        Decided,
        DECIDE,
        approval=approval,
        verdict=verdict,
        reason=reason,
        **changed.model_dump(),
    )
    if not decided:
        raise InvalidError("nothing was decided")
    return decided[0]
