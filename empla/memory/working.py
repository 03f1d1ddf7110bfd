"""Working memory is what an employee has in hand: little, for a while; what matters least goes when there is too much."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.conditions_values import in_a_text
from empla.errors import InvalidError
from empla.memory import rendering
from empla.memory.rendering import Count, Line, Rendered
from empla.memory.shapes import WorkingContent
from empla.storage.tx import ReadTx, Tx

ContextType = Literal["current_task", "conversation", "scratchpad", "recent_observation"]


class WorkingItem(BaseModel):
    """One thing in hand."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    employee_id: UUID
    context_type: ContextType
    content: WorkingContent
    priority: int  # 1..10
    pinned: bool  # outlives its cycle, and is never put out for another
    expires_at: datetime | None
    created_at: datetime


# A new item is counted before it is there. The current task is one: a new one takes the place of the old one.
HOLD: LiteralString = """
    WITH there AS (
        SELECT id, context_type, pinned,
               row_number() OVER (ORDER BY pinned DESC, priority DESC, created_at DESC, id DESC) AS place
          FROM memory_working
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
           AND (expires_at IS NULL OR expires_at > %(now)s::timestamptz)
           AND NOT (context_type = 'current_task' AND %(context_type)s::text = 'current_task' AND NOT pinned)
    ), put_out AS (
        UPDATE memory_working w SET deleted_at = %(now)s::timestamptz
         WHERE w.tenant_id = %(tenant)s::uuid AND w.employee_id = %(employee)s::uuid AND w.deleted_at IS NULL AND NOT w.pinned
           AND NOT EXISTS (SELECT FROM there t WHERE t.id = w.id AND t.place < %(capacity)s::int)
        RETURNING w.id
    )
    INSERT INTO memory_working (tenant_id, employee_id, context_type, content, priority, pinned, expires_at)
    VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(context_type)s::text, %(content)s::jsonb, %(priority)s::int, %(pinned)s::boolean,
            %(expires_at)s::timestamptz)
    RETURNING id, employee_id, context_type, content, priority, pinned, expires_at, created_at
"""


async def hold(
    tx: Tx,
    *,
    employee: UUID,
    context_type: ContextType,
    content: WorkingContent,
    priority: int = 5,
    pinned: bool = False,
    expires_at: datetime | None = None,
) -> WorkingItem:
    """It is in hand; in the same statement, what has expired is gone, and so is what matters least when there is too much.

    EMPLA_WORKING_CAPACITY says how much fits. Pinned items stay whatever comes. Raises `InvalidError` for a priority beyond 1..10 or
    an expiry that has passed.
    """
    if expires_at is not None and expires_at <= tx.now:
        raise InvalidError("what is in hand must expire later than now")
    item = await tx.fetch_one(
        WorkingItem,
        HOLD,
        employee=employee,
        context_type=context_type,
        content=content.to_json(),
        priority=priority,
        pinned=pinned,
        expires_at=expires_at,
        capacity=tx.settings.working_capacity,
        now=tx.now,
    )
    if item is None:
        raise InvalidError("nothing was taken in hand")
    return item


IN_HAND: LiteralString = """
    SELECT id, employee_id, context_type, content, priority, pinned, expires_at, created_at
      FROM memory_working
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (expires_at IS NULL OR expires_at > %(now)s::timestamptz)
     ORDER BY priority DESC, created_at DESC, id DESC
"""


async def in_hand(tx: ReadTx, *, employee: UUID) -> list[WorkingItem]:
    """What the employee has in hand, what matters most first."""
    return await tx.fetch_all(WorkingItem, IN_HAND, employee=employee, now=tx.now)


DEFAULT_BUDGET = 500  # tokens
_SHARE = 4  # one value may take so much of a budget: a quarter
_LEAST_OF_A_VALUE = 16  # tokens


def render(items: Sequence[WorkingItem], budget: int, *, count: Count = rendering.tokens) -> Rendered:
    """What is in hand as text for a prompt, a line each, within so many tokens: pinned ones first, then what matters most.

    Long values are cut, with a mark. Raises `InvalidError` for a budget under 1. How tokens are counted: `rendering`.
    """
    rendering.check_budget(budget)
    longest = max(_LEAST_OF_A_VALUE, budget // _SHARE)
    lines = [Line(_told(item, longest, count), item.priority, item.pinned) for item in items]
    return rendering.render(lines, budget, count=count)


def _told(item: WorkingItem, longest: int, count: Count) -> str:
    """The task first, then what is known for it, and how far it is."""
    parts = (rendering.shortened(part, longest, count=count) or rendering.MARK for part in _parts(item.content))
    said = "; ".join(parts)
    kind = item.context_type.replace("_", " ")
    return f"{kind}: {said}" if said else kind


def _parts(content: WorkingContent) -> Iterator[str]:
    written: dict[str, JsonValue] = content.to_json()
    task = written.pop("task", None)
    if task is not None:
        yield in_a_text(task)
    for key, value in written.items():
        if key in {"context", "progress"} and isinstance(value, dict):
            yield from (f"{name}: {in_a_text(member)}" for name, member in value.items())
        elif value is not None:
            yield f"{key}: {in_a_text(value)}"


CLEAR: LiteralString = """
    UPDATE memory_working SET deleted_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND deleted_at IS NULL
       AND (NOT pinned OR expires_at <= %(now)s::timestamptz)
"""


async def clear(tx: Tx, *, employee: UUID) -> int:
    """Nothing is in hand any more but what is pinned and has not expired; how many items went."""
    return await tx.execute(CLEAR, employee=employee, now=tx.now)


EXPIRE: LiteralString = """
    UPDATE memory_working SET deleted_at = %(now)s::timestamptz
     WHERE tenant_id = %(tenant)s::uuid AND deleted_at IS NULL AND expires_at <= %(now)s::timestamptz
"""


async def expire(tx: Tx) -> int:
    """No employee of the tenant has anything in hand that has expired, pinned or not; how many items went."""
    return await tx.execute(EXPIRE, now=tx.now)
