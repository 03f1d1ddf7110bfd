"""What an employee tells or asks the people around it; the same matter is open once, and only people answer."""

from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla import ids
from empla.employees import schedule
from empla.employees.employees import Stage
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.storage.tx import ReadTx, Tx

NoticeKind = Literal["escalation", "question", "information", "playbook", "approval", "budget", "outbox", "promotion"]
Severity = Literal["info", "warning", "urgent"]
NoticeStatus = Literal["open", "answered", "lapsed"]
_OPERATOR = UUID(int=0)
SEEN = "seen"  # the answer to what asks nothing


class _Asker(BaseModel):
    employee_id: UUID


class Notice(BaseModel):
    """One notice."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    kind: NoticeKind
    severity: Severity
    text: str
    notice_key: str  # at most one open notice has it
    goal_id: UUID | None
    intention_id: UUID | None
    status: NoticeStatus
    answer: str | None
    answered_by: UUID | None  # the nil id for the operator
    answered_at: datetime | None
    created_at: datetime


TELL: LiteralString = """
    INSERT INTO notices (tenant_id, employee_id, kind, severity, text, notice_key, goal_id, intention_id)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(kind)s::text, %(severity)s::text, %(text)s::text, %(key)s::text, %(goal)s::uuid,
            %(intention)s::uuid)
    ON CONFLICT (tenant_id, employee_id, notice_key) WHERE status = 'open' DO NOTHING
"""


async def tell(
    tx: Tx,
    *,
    employee: UUID,
    key: str,
    kind: NoticeKind,
    text: str,
    severity: Severity = "info",
    goal: UUID | None = None,
    intention: UUID | None = None,
) -> bool:
    """The notice is open; False when one of this key was already."""
    return bool(
        await tx.execute(
            TELL, employee=employee, key=key, kind=kind, severity=severity, text=text, goal=goal, intention=intention
        )
    )


LISTED: LiteralString = """
    SELECT id, employee_id, kind, severity, text, notice_key, goal_id, intention_id, status, answer, answered_by, answered_at, created_at
      FROM notices
     WHERE tenant_id = %(tenant)s::uuid AND (%(employee)s::uuid IS NULL OR employee_id = %(employee)s::uuid)
       AND (%(id)s::uuid IS NULL OR id = %(id)s::uuid) AND (%(status)s::text IS NULL OR status = %(status)s::text)
       AND (%(intention)s::uuid IS NULL OR intention_id = %(intention)s::uuid)
       AND (%(part)s::text IS NULL OR starts_with(id::text, %(part)s::text) OR right(id::text, length(%(part)s::text)) = %(part)s::text)
       AND (%(before)s::timestamptz IS NULL OR (created_at, id) < (%(before)s::timestamptz, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s::int
"""


async def listed(
    tx: ReadTx,
    *,
    employee: UUID | None = None,
    intention: UUID | None = None,
    status: NoticeStatus | None = "open",
    before: datetime | None = None,
    before_id: UUID | None = None,
    limit: int = 100,
) -> list[Notice]:
    """Notices of one employee or of all whom the caller may see, the latest first; or of one intention.

    With a moment and an id: those after that one in the list.
    """
    return await tx.fetch_all(
        Notice,
        LISTED,
        employee=employee,
        id=None,
        intention=intention,
        status=status,
        part=None,
        before=before,
        before_id=before_id,
        limit=limit,
    )


async def find(tx: ReadTx, *, named: str) -> Notice:
    """The notice whose id begins or ends so. Raises `NotFoundError`, `UsageError` for several."""
    part = ids.part(named)
    found = await tx.fetch_all(
        Notice,
        LISTED,
        employee=None,
        id=None,
        intention=None,
        status=None,
        part=part,
        before=None,
        before_id=None,
        limit=ids.MOST_NAMED,
    )
    return ids.only(found, what="notice", named=named)


async def get(tx: ReadTx, *, notice: UUID) -> Notice:
    """The notice of this id, which the caller may see. Raises `NotFoundError`."""
    found = await tx.fetch_one(
        Notice,
        LISTED,
        employee=None,
        id=notice,
        intention=None,
        status=None,
        part=None,
        before=None,
        before_id=None,
        limit=1,
    )
    if found is None:
        raise NotFoundError("there is no such notice")
    return found


class Posted(Notice):
    """A notice as people find it on their desk: with who tells, and who answered."""

    employee_name: str
    employee_stage: Stage
    answered_by_name: str | None  # where the caller may see it
    effect_id: UUID | None  # that it is about

    @property
    def answerer(self) -> str:
        """Who answered, in words."""
        return self.answered_by_name or ("the operator" if self.answered_by == _OPERATOR else "somebody")


# What is open: what only people can say before what is decided elsewhere, the urgent before the rest.
DESK: LiteralString = """
    SELECT n.id, n.employee_id, n.kind, n.severity, n.text, n.notice_key, n.goal_id, n.intention_id, n.status, n.answer, n.answered_by,
           n.answered_at, n.created_at, p.name AS employee_name, p.lifecycle_stage AS employee_stage, u.name AS answered_by_name,
           n.effect_id
      FROM notices n
      JOIN employees p ON p.tenant_id = n.tenant_id AND p.id = n.employee_id
      LEFT JOIN users u ON u.tenant_id = n.tenant_id AND u.id = n.answered_by
     WHERE n.tenant_id = %(tenant)s::uuid AND (n.status = 'open') = %(is_open)s::boolean
       AND (%(employee)s::uuid IS NULL OR n.employee_id = %(employee)s::uuid)
       AND (%(approvals)s::boolean OR n.kind <> 'approval')
       AND (%(search)s::text IS NULL OR strpos(lower(p.name || ' ' || n.text), lower(%(search)s::text)) > 0)
     ORDER BY CASE WHEN %(is_open)s::boolean THEN n.kind = 'approval' END,
              CASE WHEN %(is_open)s::boolean THEN array_position(ARRAY['urgent', 'warning', 'info'], n.severity) END,
              n.created_at DESC, n.id DESC
     LIMIT %(limit)s::int OFFSET %(skip)s::int
"""


async def desk(
    tx: ReadTx,
    *,
    is_open: bool = True,
    employee: UUID | None = None,
    search: str | None = None,
    approvals: bool = True,
    limit: int = 20,
    skip: int = 0,
) -> list[Posted]:
    """What is open, the urgent first; or what was answered or has lapsed, the latest first. Without `approvals`: not what asks for one."""
    return await tx.fetch_all(
        Posted,
        DESK,
        is_open=is_open,
        employee=employee,
        search=search,
        approvals=approvals,
        limit=limit,
        skip=skip,
    )


ANSWER: LiteralString = """
    WITH answered AS (
        UPDATE notices SET status = 'answered', answer = %(answer)s::text, answered_by = %(by)s::uuid, answered_at = %(now)s::timestamptz
         WHERE tenant_id = %(tenant)s::uuid AND id = %(notice)s::uuid AND status = 'open'
        RETURNING employee_id, goal_id
    ), reconsidered AS (
        UPDATE employee_goals g SET retry_at = %(now)s::timestamptz
          FROM answered a
         WHERE g.tenant_id = %(tenant)s::uuid AND g.employee_id = a.employee_id AND g.id = a.goal_id AND g.retry_at IS NOT NULL
        RETURNING g.id
    )
    SELECT employee_id FROM answered
"""


async def answer(tx: Tx, *, notice: UUID, text: str) -> None:
    """A human answered: a step that asked goes on with it, and a goal that had no plan left is planned anew.

    Raises `ConflictError` for one that is answered or has lapsed, `NotFoundError`, `ForbiddenError`, `InvalidError` for no words.
    """
    if not text.strip():
        raise InvalidError("an answer needs words")
    by = tx.caller.user or _OPERATOR
    asker = await tx.fetch_one(_Asker, ANSWER, notice=notice, answer=text.strip(), by=by, now=tx.now)
    if asker is not None:
        await schedule.wake(tx, employees=[asker.employee_id], at=tx.now)
        return
    found = await get(tx, notice=notice)
    if found.status == "open":
        raise ForbiddenError("the caller's role does not allow this")
    raise ConflictError(f"this notice is {found.status} already")


async def acknowledge(tx: Tx, *, notice: UUID) -> None:
    """A human has read what asks nothing; it is open no more. Raises `ConflictError` for a question, and as `answer`."""
    found = await get(tx, notice=notice)
    if found.kind == "question":
        raise ConflictError("this asks something: answer it")
    await answer(tx, notice=notice, text=SEEN)


LAPSE: LiteralString = """
    UPDATE notices SET status = 'lapsed'
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND status = 'open'
       AND (goal_id = ANY (%(goals)s::uuid[]) OR intention_id = ANY (%(intentions)s::uuid[])) AND kind IN ('escalation', 'question')
"""


async def lapse(tx: Tx, *, employee: UUID, goals: list[UUID], intentions: list[UUID]) -> int:
    """What was asked about these has settled itself; how many notices that were."""
    if not goals and not intentions:
        return 0
    return await tx.execute(LAPSE, employee=employee, goals=goals, intentions=intentions)


class ToMail(BaseModel):
    """A notice that the managers are to have by mail, and to whom."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    severity: Severity
    text: str
    mail_to: list[str]
    integration_id: UUID
    integration_kind: str
    integration_settings: dict[str, JsonValue]
    sealed: bytes | None


# Marked before they are sent, so that nobody hears the same twice; where the mail server can't be reached, the mark is taken back.
CLAIM_TO_MAIL: LiteralString = """
    WITH claimed AS (
        UPDATE notices n SET mailed_at = %(now)s::timestamptz
          FROM tenants t
         WHERE n.tenant_id = %(tenant)s::uuid AND n.employee_id = %(employee)s::uuid AND n.status = 'open' AND n.mailed_at IS NULL
           AND (n.mail_after IS NULL OR n.mail_after <= %(now)s::timestamptz) AND t.id = n.tenant_id AND t.settings -> 'notices' ? 'mail_to'
           AND array_position(ARRAY['info', 'warning', 'urgent'], n.severity)
               >= array_position(ARRAY['info', 'warning', 'urgent'], coalesce(t.settings -> 'notices' ->> 'least', 'warning'))
           AND EXISTS (SELECT FROM integrations i WHERE i.tenant_id = n.tenant_id AND i.capability = 'email' AND i.enabled
                          AND i.kind NOT IN ('imap', 'webhook_in'))
        RETURNING n.id, n.severity, n.text, n.created_at,
                  ARRAY(SELECT jsonb_array_elements_text(t.settings -> 'notices' -> 'mail_to')) AS mail_to
    )
    SELECT c.id, c.severity, c.text, c.mail_to, i.id AS integration_id, i.kind AS integration_kind,
           i.settings AS integration_settings, i.sealed
      FROM claimed c
      JOIN integrations i ON i.tenant_id = %(tenant)s::uuid AND i.capability = 'email' AND i.enabled
       AND i.kind NOT IN ('imap', 'webhook_in')
     ORDER BY c.created_at, c.id
"""


async def claim_to_mail(tx: Tx, *, employee: UUID) -> list[ToMail]:
    """The employee's notices that its tenant's settings want mailed and nobody has mailed, in one statement; they count as mailed now."""
    return await tx.fetch_all(ToMail, CLAIM_TO_MAIL, employee=employee, now=tx.now)


MAIL_LATER: LiteralString = """
    UPDATE notices SET mailed_at = NULL, mail_after = %(at)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND id = ANY (%(notices)s::uuid[])
"""


async def mail_later(tx: Tx, *, employee: UUID, notices: list[UUID], at: datetime) -> None:
    """The mail did not leave for certain, and is tried again then."""
    await tx.execute(MAIL_LATER, employee=employee, notices=notices, at=at)
