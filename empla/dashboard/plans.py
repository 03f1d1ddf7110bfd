"""What an employee is committed to: its plans, one of them as a tree of what waits for what, and why it was chosen."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.bdi import intention_listing
from empla.bdi.states import LIVE_INTENTIONS, IntentionStatus
from empla.dashboard.pages import Room
from empla.dashboard.plan_drawings import HEIGHT, WIDTH, Tree, tree
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import employees
from empla.mind import explain, mandate
from empla.mind.explanation import Explanation, as_sum, in_short, shown, written

room = Room("plans")
_A_PAGE = 50  # plans
_STATUSES: dict[str, tuple[IntentionStatus, ...] | None] = {
    "live": ("planned", "in_progress"),
    "completed": ("completed",),
    "failed": ("failed", "abandoned"),
    "all": None,
}


class Asked(Fields):
    """Which plans."""

    which: Literal["live", "completed", "failed", "all"] = "live"
    before: UUID | None = None  # the last one of the page before
    told: str | None = Field(default=None, max_length=40)


@room.shows("/employees/{employee:uuid}/plans")
async def listed(visit: Visit, employee: UUID) -> Response:
    """What was adopted last first; one statement."""
    asked = visit.asked(Asked)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        found = await intention_listing.lines(
            tx, employee=employee, statuses=_STATUSES[asked.which], before=asked.before, limit=_A_PAGE + 1
        )
    plans, has_more = found[:_A_PAGE], len(found) > _A_PAGE
    return visit.show("plans.html", person=person, asked=asked, plans=plans, has_more=has_more)


@room.shows("/employees/{employee:uuid}/plans/{intention:uuid}")
async def one(visit: Visit, employee: UUID, intention: UUID) -> Response:
    """The tree is one statement; the explanation is the one that `empla explain` gives."""
    visit.asked(Told)
    drawn: Tree | None = None
    answer: Explanation | None = None
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        if visit.wants("tree"):
            drawn = tree(await intention_listing.family(tx, employee=employee, intention=intention))
        if visit.block != "tree":
            answer = await explain.explain(tx, intention=intention, employee=employee)
    return visit.show(
        "plan.html",
        person=person,
        intention=intention,
        tree=drawn,
        box={"width": WIDTH, "height": HEIGHT},
        answer=answer,
        is_live=answer is not None and answer.intention.status in LIVE_INTENTIONS,
        as_sum=as_sum,
        in_short=in_short,
        said=shown,
        written=written,
    )


class CalledOff(Fields):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@room.takes("/employees/{employee:uuid}/plans/{intention:uuid}/call-off")
async def call_off(visit: Visit, employee: UUID, intention: UUID) -> Response:
    """Staff: it is not carried on, nor what it pursues."""
    reason = (await visit.sent(CalledOff)).reason
    async with visit.write(roles=STAFF) as tx:
        await mandate.call_off(tx, employee=employee, intention=intention, reason=reason)
    return visit.go(f"/employees/{employee}/plans/{intention}", told="called_off")
