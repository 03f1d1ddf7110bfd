"""Rows of the decision table: beliefs and their conflicts, intentions."""

from uuid import UUID

from calling import Home
from decision_table import GONE, READ, STAFF, Area, Row

from empla.bdi import beliefs, conflicts, intentions
from empla.bdi.beliefs import Evidence
from empla.bdi.intentions import NewIntention, NewStep
from empla.bdi.shapes import Plan, PlanContext
from empla.storage.database import Database

_NEWS = {"subject": "pipeline", "predicate": "value", "object": 7}
# A list of nobody's is empty: it tells nothing of whether there is such an employee.
_LIST = ((200, 200, 200), (200, 200, 200))

_ROWS: dict[str, Row] = {
    "beliefs.list": Row(*_LIST),
    "beliefs.observe": Row(*STAFF, sends=_NEWS),
    "beliefs.observe_many": Row(*STAFF, sends={"news": [_NEWS]}),
    "beliefs.tell": Row(*STAFF, sends=_NEWS),
    "beliefs.history": Row(*_LIST),
    "beliefs.get": Row(*READ),
    "beliefs.why": Row(*READ, messages=10),
    "beliefs.retract": Row(*GONE, sends={"reason": "No more."}),
    "beliefs.conflicts": Row(*_LIST),
    "beliefs.conflict": Row(*READ),
    "beliefs.settle": Row(*STAFF, sends={"decision": "keep", "reason": "So it is."}, messages=4),
    "intentions.list": Row(*_LIST),
    "intentions.get": Row(*READ, messages=4),
    "intentions.explain": Row(*READ, messages=9),
    "intentions.call_off": Row(*STAFF, sends={"reason": "No more."}, messages=6),
}

A_PLAN = NewIntention(
    description="Fill the pipeline",
    intention_type="tactic",
    plan=Plan(type="workflow"),
    context=PlanContext(rationale="Coverage is low."),
    steps=[NewStep(action="note", definition={"action": "note", "text": "Begin."}, depends_on=[])],
)


async def _things(database: Database, home: Home) -> dict[str, UUID | str]:
    word = Evidence.parse(subject="pipeline", predicate="coverage", object=3, source="told_by_human")
    guess = Evidence.parse(subject="pipeline", predicate="coverage", object=1, source="inference")
    async with database.write(home.operator) as tx:
        belief = await beliefs.observe(tx, employee=home.own, piece=word)
    async with database.write(home.operator) as tx:
        await beliefs.observe(tx, employee=home.own, piece=guess)
        intention = await intentions.adopt(tx, employee=home.own, intention=A_PLAN)
    assert intention is not None
    async with database.read(home.operator) as tx:
        (conflict,) = await conflicts.listed(tx, employee=home.own)
    return {"belief": belief.id, "conflict": conflict.id, "intention": intention}


AREA = Area(_ROWS, _things)
