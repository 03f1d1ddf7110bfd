"""Rows of the decision table: the memories, what comes in, conversations and events."""

from uuid import UUID

from calling import Home
from decision_table import GONE, READ, STAFF, Area, Row

from empla.memory import episodic, semantic
from empla.memory.semantic import NewFact
from empla.senses import conversations
from empla.storage.database import Database

# A list of nobody's is empty: it tells nothing of whether there is such an employee.
LISTED = ((200, 200, 200), (200, 200, 200))
SAID = ((201, 201, 201), (404, 404, 403))
_CLAIM = {"subject": "Jane", "predicate": "likes", "object": "tea"}
_TOLD = {"source": "crm", "external_id": "deal-77", "kind": "deal_won", "description": "Acme signed"}

_ROWS: dict[str, Row] = {
    "episodes.list": Row(*LISTED),
    "episodes.record": Row((201, 201, 403), (404, 404, 403), sends={"description": "Jane called"}),
    "episodes.record_many": Row(*STAFF, sends={"episodes": [{"description": "Jane called"}]}),
    "episodes.get": Row(*READ),
    "episodes.importance": Row(*READ),
    "episodes.forget": Row(*GONE),
    "facts.list": Row(*LISTED),
    "facts.learn": Row(*STAFF, sends=_CLAIM),
    "facts.contradictions": Row(*LISTED),
    "facts.as_of": Row(*LISTED, params={"at": "2026-03-01"}),
    "facts.history": Row(*LISTED, params={"subject": "Jane"}),
    "facts.near": Row(*LISTED, params={"of": "Jane"}),
    "facts.get": Row(*READ),
    "facts.verify": Row(*STAFF, sends={}, messages=4),
    "facts.forget": Row(*GONE, messages=4),
    "working.list": Row(*LISTED),
    "working.text": Row(*LISTED),
    # A message for each statement, which is a transaction of its own.
    "recall.ask": Row(*LISTED, sends={"query": "What does Jane like?", "reinforce": False}),
    "memory.stats": Row(*READ, messages=4),
    "memory.consolidate": Row(*STAFF, sends={}, messages=6),
    "observations.list": Row(*LISTED),
    "observations.deliver": Row(*STAFF, sends=_TOLD),
    "observations.deliver_many": Row(*STAFF, sends={"observations": [{**_TOLD, "employee": "{employee}"}]}),
    "hooks.receive": Row((403, 403, 403), (403, 403, 403)),
    "conversations.list": Row(*LISTED),
    "conversations.start": Row(*SAID, sends={"words": "How is it going?"}),
    "conversations.get": Row(*READ),
    "conversations.messages": Row(*LISTED),
    "conversations.say": Row(*SAID, sends={"words": "And now?"}),
    "events.follow": Row((200, 200, 200), messages=4),
    "events.recent": Row((200, 200, 200)),
}


async def _things(database: Database, home: Home) -> dict[str, UUID | str]:
    async with database.write(home.operator) as tx:
        episode = await episodic.record(tx, employee=home.own, description="Jane of Acme asked for a discount")
        claim = NewFact.parse(subject="Jane", predicate="works at", object="Acme")
        fact = await semantic.learn(tx, employee=home.own, claim=claim)
        said = await conversations.say(tx, employee=home.own, words="Hello", title="A talk")
    return {
        "episode": episode.id,
        "fact": fact.id,
        "conversation": said.conversation_id,
        "tenant": home.operator.tenant,
    }


AREA = Area(_ROWS, _things)
