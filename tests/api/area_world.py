"""Rows of the decision table: what employees bring about, what people decide, and what it may cost."""

from uuid import UUID

from calling import Home
from decision_table import READ, Area, Row
from living import Living

from empla.effects import approvals, effects, notices
from empla.effects.effects import NewEffect
from empla.employees import employees
from empla.storage.database import Database
from empla.storage.tx import Caller

# Of the words below, in every home: kind, capability, recipients, title, body and arguments make it.
DIGEST = "86a3656b62107ab5d1e68941b84f20a0cada0a342ce1e2f08887620876b8d87a"
_DECIDES = ((200, 200, 403), (404, 404, 403))
_ROWS: dict[str, Row] = {
    "approvals.list": Row((200, 200, 200)),
    "approvals.get": Row(*READ),
    "approvals.approve": Row(*_DECIDES, sends={"digest": DIGEST}, messages=6),
    "approvals.reject": Row(*_DECIDES, sends={"digest": DIGEST, "reason": "No."}, messages=6),
    "outbox.list": Row((200, 200, 200)),
    "outbox.get": Row(*READ),
    "outbox.settle": Row(*_DECIDES, sends={"finding": "happened", "reason": "Sent by hand."}, messages=6),
    "notices.list": Row((200, 200, 200)),
    "notices.get": Row(*READ),
    "notices.answer": Row(*_DECIDES, sends={"text": "Ten percent."}, messages=5),
    "notices.acknowledge": Row(*_DECIDES, messages=6),
    "budgets.list": Row((200, 200, 200)),
    "budgets.of_employee": Row(*READ, messages=4),
    "budgets.set": Row((200, 200, 403), sends={"daily": 50}, messages=6),
    "budgets.set_of_employee": Row(*_DECIDES, sends={"daily": 50}, messages=6),
}


async def _things(database: Database, home: Home) -> dict[str, UUID | str]:
    async with database.write(home.operator) as tx:
        await employees.change(tx, employee=home.own, capabilities=["email"])
    living = Living(database, home.operator, home.own)
    plan = await living.intends("plan", {"action": "note", "text": "x"})
    async with database.work(Caller(home.operator.tenant, employee=home.own)) as tx:
        effect = await effects.make(
            tx,
            NewEffect(
                employee_id=home.own,
                intention_id=plan,
                step_position=1,
                idempotency_key="k",
                kind="message",
                capability="email",
                title="Your offer",
                body="Dear Jane, here is the offer.",
                recipients=("jane@prospect.example",),
            ),
        )
        await notices.tell(tx, employee=home.own, key="k", kind="information", text="The territory is empty.")
    assert effect is not None
    assert effect.digest == DIGEST
    async with database.read(home.operator) as tx:
        [approval] = await approvals.listed(tx, which="drafts")
        [notice] = await notices.listed(tx, status=None)
    return {"approval": approval.id, "effect": effect.id, "notice": notice.id, "resource": "effects"}


AREA = Area(_ROWS, _things)
