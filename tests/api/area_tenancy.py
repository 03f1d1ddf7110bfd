"""Rows of the decision table: tenant, users, assignments, employees and their goals."""

from uuid import UUID

from calling import Home
from decision_table import ADMIN, GONE, READ, STAFF, Area, Row

from empla.bdi import goals
from empla.bdi.shapes import Target
from empla.storage.database import Database

_ROWS: dict[str, Row] = {
    "tenant.get": Row((200, 200, 200)),
    "tenant.change": Row((200, 403, 403), sends={"name": "New"}, messages=4),
    "users.list": Row((200, 200, 200)),
    "users.invite": Row((201, 403, 403), sends={"email": "{email}", "name": "Uma", "role": "user"}),
    "users.get": Row(*READ),
    "users.change": Row(*ADMIN, sends={"name": "New"}, messages=4),
    "users.delete": Row((204, 403, 403), (404, 403, 403)),
    "assignments.list": Row((200, 200, 200)),
    "assignments.assign": Row(*GONE),
    "assignments.withdraw": Row(*GONE),
    "employees.list": Row((200, 200, 200)),
    "employees.hire": Row((201, 201, 403), sends={"email": "{email}", "name": "Riley", "role": "custom"}),
    "employees.get": Row(*READ),
    "employees.change": Row(*STAFF, sends={"name": "New"}, messages=4),
    "employees.pause": Row(*STAFF),
    "employees.resume": Row(*STAFF, messages=4),
    "employees.promote": Row(*STAFF, sends={"to": "supervised"}, messages=5),
    # One in shadow can't be trusted less: that is told to who may ask at all.
    "employees.demote": Row((409, 409, 403), (404, 404, 403), sends={"to": "shadow"}),
    "employees.terminate": Row(*GONE),
    # A list of nobody's is empty: it tells nothing of whether there is such an employee.
    "goals.list": Row((200, 200, 200), (200, 200, 200)),
    "goals.adopt": Row(
        (201, 201, 403), (404, 404, 403), sends={"metric": "pipeline.coverage", "at_least": 3}, messages=4
    ),
    "goals.get": Row(*READ),
    "goals.drop": Row(*STAFF, sends={"reason": "No more."}, messages=7),
    "goals.change": Row(*STAFF, sends={"importance": 0.9}, messages=5),
    "goals.history": Row(*READ, messages=4),
    "goals.why": Row(*READ),
    # It was not met so far.
    "goals.before_success": Row((404, 404, 404), (404, 404, 404), messages=6),
}


async def _things(database: Database, home: Home) -> dict[str, UUID | str]:
    async with database.write(home.operator) as tx:
        target = Target.parse({"metric": "pipeline.coverage", "value": 3})
        goal = await goals.adopt(tx, employee=home.own, goal_type="achievement", description="Cover", target=target)
    return {"user": home.people["user"], "employee": home.own, "goal": goal.id}


AREA = Area(_ROWS, _things)
