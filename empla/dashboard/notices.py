"""What employees tell and ask the people around them, answered or taken note of."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.effects import notices
from empla.errors import InvalidError

room = Room("notices")
A_PAGE = 20  # notices


class Asked(Fields):
    """Which of them."""

    which: Literal["open", "past"] = "open"
    employee: UUID | None = None
    search: str | None = Field(default=None, max_length=100)
    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/notices")
async def desk(visit: Visit) -> Response:
    """All that is told is one statement."""
    asked = visit.asked(Asked)
    async with visit.read() as tx:
        found = await notices.desk(
            tx,
            is_open=asked.which == "open",
            employee=asked.employee,
            search=asked.search,
            limit=A_PAGE + 1,
            skip=(asked.page - 1) * A_PAGE,
        )
    return visit.show("notices.html", asked=asked, posted=found[:A_PAGE], has_more=len(found) > A_PAGE, back="notices")


class Answer(Fields):
    """To which notice: words, or that somebody has seen it."""

    notice: UUID
    act: Literal["answer", "seen"]
    text: str | None = Field(default=None, max_length=4000)
    back: Literal["notices", "work"] = "notices"


@room.takes("/notices")
async def answer(visit: Visit) -> Response:
    """Staff answers; what asks something wants words."""
    sent = await visit.sent(Answer)
    if sent.act == "answer" and sent.text is None:
        raise InvalidError("an answer needs words")
    async with visit.write(roles=STAFF) as tx:
        about = await notices.get(tx, notice=sent.notice)
        if sent.text is not None and sent.act == "answer":
            await notices.answer(tx, notice=sent.notice, text=sent.text)
        else:
            await notices.acknowledge(tx, notice=sent.notice)
    back = "/notices" if sent.back == "notices" else f"/employees/{about.employee_id}/work"
    return visit.go(back, told="answered" if sent.act == "answer" else "seen")
