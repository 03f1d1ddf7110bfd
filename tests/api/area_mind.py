"""Rows of the decision table: beliefs and their conflicts, intentions, playbooks."""

from uuid import UUID

from calling import Home
from decision_table import GONE, READ, STAFF, Area, Row
from pydantic import JsonValue

from empla.bdi import beliefs, conflicts, intentions
from empla.bdi.beliefs import Evidence
from empla.bdi.intentions import NewIntention, NewStep
from empla.bdi.shapes import Plan, PlanContext
from empla.memory import playbook_rules, procedural
from empla.storage.database import Database

_NEWS = {"subject": "pipeline", "predicate": "value", "object": 7}
# A list of nobody's is empty: it tells nothing of whether there is such an employee.
_LIST = ((200, 200, 200), (200, 200, 200))

STEP: dict[str, JsonValue] = {"action": "task", "title": "Thank them"}
A_PLAYBOOK: dict[str, JsonValue] = {
    "name": "thank_for_the_deal",
    "description": "Thank for a deal that was won.",
    "triggers": ["deal_won"],
    "steps": [STEP],
}

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
    "playbooks.list": Row(*_LIST),
    "playbooks.add": Row((201, 201, 403), (404, 404, 403), sends={"playbook": A_PLAYBOOK}, messages=4),
    "playbooks.applicable": Row(*READ, sends={"event": "deal_won"}, messages=4),
    "playbooks.learn": Row(
        (201, 201, 403),
        (404, 404, 403),
        sends={"name": "thank", "demonstrations": [{"by": "Ann", "event": {"kind": "deal_won"}, "steps": [STEP]}]},
        messages=5,
    ),
    "playbooks.faults": Row(*_LIST),
    "playbooks.check": Row(*READ, sends={"playbook": A_PLAYBOOK}, messages=4),
    "playbooks.upgrade": Row(*STAFF, messages=5),
    "playbooks.get": Row(*READ),
    "playbooks.enable": Row(*STAFF, messages=4),
    "playbooks.disable": Row(*STAFF, messages=4),
    "playbooks.judge": Row(*STAFF, sends={"standing": "demoted", "reason": "It annoys."}, messages=4),
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
        known = playbook_rules.parsed({**A_PLAYBOOK, "name": "celebrate"})
        (taught,) = await procedural.add(tx, employee=home.own, playbooks=[known])
    assert intention is not None
    async with database.read(home.operator) as tx:
        (conflict,) = await conflicts.listed(tx, employee=home.own)
    return {"belief": belief.id, "conflict": conflict.id, "intention": intention, "playbook": taught.id}


AREA = Area(_ROWS, _things)
