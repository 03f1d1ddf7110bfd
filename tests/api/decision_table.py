"""Who may do what over HTTP: for each operation, what each role is answered about what is its own, and about another tenant's.

An operation without a row fails. `admin`, `manager` and `user` ask about the employee that is assigned to the user
(`own`), and about one of another tenant (`other`), which is there for none of them. Where an operation names nothing, there is no other.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """The statuses of admin, manager and user; what another tenant's ids are answered, by role; and what it costs."""

    own: tuple[int, int, int]
    other: tuple[int, int, int] | None = None
    sends: Any = None
    messages: int = 3  # to the database, of the admin's request: begin, what it does, commit


READ = ((200, 200, 200), (404, 404, 404))
STAFF = ((200, 200, 403), (404, 404, 403))
GONE = ((204, 204, 403), (404, 404, 403))
ADMIN = ((200, 403, 403), (404, 403, 403))

TABLE: dict[str, Row] = {
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
    "goals.history": Row(*READ, messages=4),
}
