"""What employees ask before they act, with the exact words and arguments: decided about what was seen, also by keyboard."""

import json
from typing import Any, Literal, cast
from uuid import UUID

from pydantic import Field, JsonValue
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Visit
from empla.effects import approvals
from empla.effects.approvals import Approval, Verdict, Wording
from empla.errors import InvalidError
from empla.mind import deciding

room = Room("approvals")
A_PAGE = 20  # requests
_DONE: dict[Verdict, str] = {"approve": "approved", "edit": "edited", "reject": "rejected"}
_WORDING = {"title": "words of the title", "body": "words", "recipients": "recipients", "arguments": "arguments"}
Which = Literal["waiting", "drafts", "decided"]


class Asked(Fields):
    """Which of them."""

    which: Which = "waiting"
    employee: UUID | None = None
    search: str | None = Field(default=None, max_length=100)
    page: int = Field(default=1, ge=1, le=10_000)
    told: str | None = Field(default=None, max_length=40)


@room.shows("/approvals")
async def desk(visit: Visit) -> Response:
    """All that is asked is one statement."""
    asked = visit.asked(Asked)
    async with visit.read() as tx:
        found = await approvals.desk(
            tx,
            which=asked.which,
            employee=asked.employee,
            search=asked.search,
            limit=A_PAGE + 1,
            skip=(asked.page - 1) * A_PAGE,
        )
    return visit.show(
        "approvals.html", asked=asked, requests=found[:A_PAGE], has_more=len(found) > A_PAGE, back="approvals"
    )


class Decision(Fields):
    """About which request, as it was seen, and what is said of it."""

    approval: UUID
    digest: str = Field(pattern="^[0-9a-f]{64}$")
    verdict: Verdict
    reason: str | None = Field(default=None, max_length=2000)
    title: str | None = Field(default=None, max_length=500)
    body: str | None = Field(default=None, max_length=100_000)
    recipients: str | None = Field(default=None, max_length=30_000, description="One in each line.")
    arguments: str | None = Field(default=None, max_length=100_000, description="As JSON.")
    back: Literal["approvals", "work"] = "approvals"
    which: Which | None = None
    employee: UUID | None = None
    search: str | None = Field(default=None, max_length=100)


@room.takes("/approvals")
async def decide(visit: Visit) -> Response:
    """Another digest than that of the request is refused: nobody decides about what he did not see."""
    sent = await visit.sent(Decision, emptied=frozenset(_WORDING))
    if sent.verdict == "reject" and sent.reason is None:
        raise InvalidError("say why: the employee remembers it")
    async with visit.write(roles=STAFF) as tx:
        asked = await approvals.get(tx, approval=sent.approval)
        wording = _changed(sent, asked) if sent.verdict == "edit" else Wording()
        verdict = "approve" if sent.verdict == "edit" and wording == Wording() else sent.verdict
        await deciding.decide(
            tx, approval=sent.approval, verdict=verdict, reason=sent.reason, wording=wording, digest=sent.digest
        )
    if sent.back == "work":
        return visit.go(f"/employees/{asked.employee_id}/work", told=_DONE[verdict])
    which = sent.which if sent.which != "waiting" else None
    return visit.go("/approvals", told=_DONE[verdict], which=which, employee=sent.employee, search=sent.search)


def _changed(sent: Decision, asked: Approval) -> Wording:
    """What was edited alone; a browser ends lines in its own way. Raises `InvalidError` for what was emptied."""
    for name, called in _WORDING.items():
        if getattr(sent, name) == "" and getattr(asked, name):
            raise InvalidError(f"the {called} were emptied: reject what shall not be sent")
    body = None if sent.body is None else sent.body.replace("\r\n", "\n")
    recipients = None if sent.recipients is None else [line.strip() for line in sent.recipients.splitlines()]
    recipients = None if recipients is None else [line for line in recipients if line]
    arguments = None if sent.arguments is None else _arguments(sent.arguments)
    return Wording(
        title=None if sent.title in {None, asked.title.strip()} else sent.title,
        body=None if body is None or body == asked.body.replace("\r\n", "\n").strip() else body,
        recipients=None if recipients in (None, asked.recipients) else recipients,
        arguments=None if arguments in (None, asked.arguments) else arguments,
    )


def _arguments(text: str) -> dict[str, JsonValue]:
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"the arguments are no JSON: {error}") from None
    except RecursionError:
        raise InvalidError("the arguments are nested too deeply") from None
    if not isinstance(found, dict):
        raise InvalidError("the arguments are a JSON object, with a name for each")
    return cast("dict[str, JsonValue]", found)
