"""Questions from outside: no transaction waits for a model, and a model that is down silences nobody."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from recalling import EMBEDDER, Backwards, remembered

from empla.embedding.embedder import Vectors
from empla.employees.employees import Employee
from empla.memory import answering, episodic, indexing
from empla.storage.database import Database
from empla.storage.tx import Caller

if TYPE_CHECKING:
    from tests.conftest import Cluster

STORIES = ("A giraffe in the garden", "The contract was signed", "Nobody came to lunch")
HELD = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'
"""


async def test_no_transaction_waits_for_a_model(
    database: Database, acme: Caller, jordan: Employee, cluster: "Cluster", monkeypatch: pytest.MonkeyPatch
):
    held: list[int] = []

    class Watching(Backwards):
        async def embed(self, texts: Sequence[str]) -> Vectors:
            with cluster.admin() as admin:
                held.extend(row[0] for row in admin.execute(HELD))
            return await super().embed(texts)

    monkeypatch.setitem(vars(database), "embedder", Watching())
    await remembered(database, acme, jordan.id, *STORIES, caught_up=False)
    await indexing.catch_up(database, acme, employee=jordan.id, embedder=database.embedder)
    [hit, *_] = await answering.answer(database, acme, employee=jordan.id, query="giraffe")
    assert hit.text == STORIES[0]
    assert hit.cosine is not None
    assert held == [0, 0]  # for the stories and for the question


async def test_a_model_that_is_down_leaves_the_words(
    database: Database, acme: Caller, jordan: Employee, monkeypatch: pytest.MonkeyPatch
):
    model = Backwards()
    monkeypatch.setitem(vars(database), "embedder", model)
    await remembered(database, acme, jordan.id, *STORIES, caught_up=False)
    await indexing.catch_up(database, acme, employee=jordan.id, embedder=model)
    model.is_down = True
    [hit, *_] = await answering.answer(database, acme, employee=jordan.id, query="giraffe")
    assert (hit.text, hit.cosine) == (STORIES[0], None)


async def test_until_an_employee_has_moved_its_old_vectors_answer(
    database: Database, acme: Caller, jordan: Employee, monkeypatch: pytest.MonkeyPatch
):
    await remembered(database, acme, jordan.id, *STORIES)
    model = Backwards()
    monkeypatch.setitem(vars(database), "embedder", model)
    [hit, *_] = await answering.answer(database, acme, employee=jordan.id, query="giraffe")
    assert hit.cosine is not None
    assert model.asked == []
    assert EMBEDDER.name != model.name


async def test_what_is_recalled_is_reinforced_behind_the_answer(database: Database, acme: Caller, jordan: Employee):
    [story, *_] = await remembered(database, acme, jordan.id, *STORIES)
    for reinforce, times in ((True, 1), (False, 1), (True, 2)):
        await answering.answer(database, acme, employee=jordan.id, query="giraffe", limit=1, reinforce=reinforce)
        await database.settled()
        async with database.read(acme) as tx:
            [episode] = await episodic.by_ids(tx, employee=jordan.id, ids=[story])
        assert episode.recall_count == times
