"""A list is read in pages: a cursor says after which row the next one begins, so that what comes or goes meanwhile shifts nothing."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from empla.errors import InvalidError

Item = TypeVar("Item")
Place = TypeVar("Place", bound=BaseModel)
USUAL, MOST = 50, 200
_MAX_CURSOR = 2000  # characters

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=_MAX_CURSOR, description="The `next_cursor` of the page before, with the same filters."),
]


class Page(BaseModel, Generic[Item]):
    """Some of a list, and where it goes on."""

    model_config = ConfigDict(frozen=True)

    items: list[Item]
    next_cursor: str | None = Field(description="Ask with it for what follows; null at the end.")


class AfterEmail(BaseModel):
    """The place in a list by e-mail."""

    model_config = ConfigDict(extra="forbid")

    email: str


class BeforeId(BaseModel):
    """The place in a list of what came last."""

    model_config = ConfigDict(extra="forbid")

    id: UUID


class BeforeMoment(BaseModel):
    """The place in a list by the tenant's time, the latest first."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime
    id: UUID


class Cut:
    """Which part of a list is asked for."""

    def __init__(self, *, limit: int, cursor: str | None, question: str) -> None:
        """The question is the list with its filters; a cursor belongs to one."""
        self._limit = limit
        self._cursor = cursor
        self._question = hashlib.blake2b(question.encode(errors="replace"), digest_size=6).hexdigest()

    @property
    def reach(self) -> int:
        """How many to fetch: one more than are shown tells whether there are more."""
        return self._limit + 1

    def place(self, kind: type[Place]) -> Place | None:
        """After which row the page begins; None for the first. Raises `InvalidError` for a cursor of another list, or nobody's."""
        if self._cursor is None:
            return None
        try:
            text = base64.urlsafe_b64decode(self._cursor + "=" * (-len(self._cursor) % 4)).decode()
            question, _, place = text.partition(":")
            if question != self._question:
                raise InvalidError("the cursor belongs to another list, or to other filters: begin without one")
            return kind.model_validate_json(place)
        except (binascii.Error, UnicodeError, ValueError, ValidationError):
            raise InvalidError("the cursor is none of ours: begin without one") from None

    def page(self, found: Sequence[Item], place: Callable[[Item], BaseModel]) -> Page[Item]:
        """The page of what was found, with the place of its last row."""
        items = list(found[: self._limit])
        more = len(found) > len(items)
        return Page[Any].model_construct(items=items, next_cursor=self._written(place(items[-1])) if more else None)

    def _written(self, place: BaseModel) -> str:
        text = f"{self._question}:{place.model_dump_json()}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _cut(request: Request, limit: Limit = USUAL, cursor: Cursor = None) -> Cut:
    filters = sorted(
        (name, value) for name, value in request.query_params.multi_items() if name not in {"limit", "cursor"}
    )
    return Cut(limit=limit, cursor=cursor, question=json.dumps([request.url.path, filters]))


Paging = Annotated[Cut, Depends(_cut)]
"""What a list takes: `limit` and `cursor`."""
