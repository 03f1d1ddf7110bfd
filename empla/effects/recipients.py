"""Whom a message goes to: an address stands for itself, a name for what the employee believes to be its `email`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, JsonValue

from empla.storage.tx import ReadTx


@dataclass(frozen=True, slots=True)
class Recipients:
    """The addresses that were found, and the names that nobody has one of."""

    found: tuple[str, ...]  # in the order of the names, each once
    missing: tuple[str, ...]
    tainted: bool  # one of them was learnt from outside alone


class _Address(BaseModel):
    name: str
    address: JsonValue
    tainted: bool
    is_address: bool


ADDRESSES: LiteralString = """
    SELECT n.name, b.object AS address, coalesce(b.tainted, false) AS tainted, coalesce(is_email(n.name), false) AS is_address
      FROM unnest(%(names)s::text[]) WITH ORDINALITY n (name, position)
      LEFT JOIN beliefs b ON b.tenant_id = %(tenant)s::uuid AND b.employee_id = %(employee)s::uuid AND b.subject = n.name
       AND b.predicate = 'email' AND b.deleted_at IS NULL AND is_email(b.object #>> '{}')
     ORDER BY n.position
"""


async def of(tx: ReadTx, *, employee: UUID, named: Sequence[str]) -> Recipients:
    """The addresses of these names, in one statement."""
    rows = await tx.fetch_all(_Address, ADDRESSES, employee=employee, names=[name.strip() for name in named])
    found = [row.name if row.is_address else row.address for row in rows if row.is_address or row.address is not None]
    return Recipients(
        found=tuple(dict.fromkeys(str(address) for address in found)),
        missing=tuple(row.name for row in rows if not row.is_address and row.address is None),
        tainted=any(row.tainted and not row.is_address for row in rows),
    )
