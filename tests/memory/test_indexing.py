"""Behind the writes: words are counted, memories embedded, a change of model moves an employee over, and what is forgotten is gone."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest
from factories import an_employee
from own_database import own_database
from recalling import EMBEDDER, Backwards, recall, remembered, texts

from empla.embedding.embedder import Vectors, model_id
from empla.employees.employees import Employee
from empla.errors import InvalidError, UnavailableError
from empla.memory import indexing
from empla.memory.ranking import BY_MEANING
from empla.storage import opening
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import tenants

if TYPE_CHECKING:
    from tests.conftest import Cluster


async def vectors(database: Database, caller: Caller, employee: UUID, model: str) -> int:
    async with database.read(caller) as tx:
        return (
            await tx.fetch_value(
                int,
                """SELECT count(*)::int FROM memory_vectors
                    WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND model = %(model)s::int""",
                employee=employee,
                model=model_id(model),
            )
            or 0
        )


async def counted(database: Database, caller: Caller, employee: UUID, word: str) -> int:
    async with database.read(caller) as tx:
        return (
            await tx.fetch_value(
                int,
                """SELECT coalesce(max(memories), 0)::int FROM memory_words
                    WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
                      AND word = ANY (ARRAY(SELECT word FROM empla.words(%(word)s::text)))""",
                employee=employee,
                word=word,
            )
            or 0
        )


async def test_words_are_counted_once_however_many_catch_up(database: Database, acme: Caller, jordan: Employee):
    await remembered(database, acme, jordan.id, *(f"giraffe {n}" for n in range(20)), caught_up=False)
    assert await counted(database, acme, jordan.id, "giraffe") == 0
    done = await asyncio.gather(
        *(indexing.catch_up(database, acme, employee=jordan.id, embedder=EMBEDDER) for _ in range(3))
    )
    assert sum(each.counted for each in done) == 20
    assert await counted(database, acme, jordan.id, "giraffes") == 20
    assert await vectors(database, acme, jordan.id, EMBEDDER.name) == 20
    again = await indexing.catch_up(database, acme, employee=jordan.id, embedder=EMBEDDER)
    assert (again.counted, again.embedded, again.moved) == (0, 0, False)


async def test_a_change_of_model_moves_an_employee_over_in_one_step(database: Database, acme: Caller, jordan: Employee):
    other, model = await an_employee(database, acme), Backwards()
    for employee in (jordan, other):
        await remembered(database, acme, employee.id, *(f"Story {n} of the sea" for n in range(20)))
    model.is_down = True
    with pytest.raises(UnavailableError):
        await indexing.catch_up(database, acme, employee=jordan.id, embedder=model)
    # Half the way there, everything is still compared by the old one, and nothing by both.
    assert len(await recall(database, acme, jordan.id, "sea", ranking=BY_MEANING)) == 10
    model.is_down = False
    done = await indexing.catch_up(database, acme, employee=jordan.id, embedder=model)
    assert (done.embedded, done.moved, max(model.asked)) == (20, True, 7)
    assert await vectors(database, acme, jordan.id, model.name) == 20
    assert await vectors(database, acme, jordan.id, EMBEDDER.name) == 0
    assert await vectors(database, acme, other.id, EMBEDDER.name) == 20
    async with database.read(acme) as tx:
        current = await indexing.current(tx, employee=jordan.id)
    assert current is not None
    assert current.model_name == model.name
    hits = await recall(database, acme, jordan.id, "Story 7 of the sea", embedder=model, ranking=BY_MEANING)
    assert hits[0].text == "Story 7 of the sea"
    assert hits[0].cosine == pytest.approx(1, abs=0.01)


async def test_until_it_has_moved_the_old_model_answers(database: Database, acme: Caller, jordan: Employee):
    await remembered(database, acme, jordan.id, *(f"Story {n} of the sea" for n in range(20)))
    model = Backwards()
    async with database.read(acme) as tx:
        waiting = await indexing.others(tx, employee=jordan.id, model=model_id(model.name), after=None)
    half = waiting[:10]
    async with database.write(acme) as tx:
        vectors_of_half = await model.embed([each.said for each in half])
        ids = [each.memory_id for each in half]
        assert await indexing.keep(tx, employee=jordan.id, ids=ids, vectors=vectors_of_half, name=model.name) == 0
    hits = await recall(database, acme, jordan.id, "Story 3 of the sea", ranking=BY_MEANING)
    assert hits[0].cosine == pytest.approx(1, abs=0.01)
    assert len(hits) == 10
    assert None not in {hit.cosine for hit in hits}


async def test_what_is_forgotten_leaves_index_words_and_vectors(database: Database, acme: Caller, jordan: Employee):
    ids = await remembered(database, acme, jordan.id, "A giraffe", "A zebra")
    async with database.write(acme) as tx:
        await tx.execute(
            "UPDATE memory_episodes SET deleted_at = ctx.now() WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid",
            id=ids[0],
        )
    assert texts(await recall(database, acme, jordan.id, "giraffe")) == ["A zebra"]
    assert await vectors(database, acme, jordan.id, EMBEDDER.name) == 1
    # One that is embedded while it is forgotten gets no vector.
    async with database.write(acme) as tx:
        kept = await indexing.keep(
            tx, employee=jordan.id, ids=[ids[0]], vectors=EMBEDDER.embed_now(["A giraffe"]), name=EMBEDDER.name
        )
    assert (kept, await vectors(database, acme, jordan.id, EMBEDDER.name)) == (0, 1)


async def test_what_is_rewritten_is_indexed_anew(database: Database, acme: Caller, jordan: Employee):
    [story] = await remembered(database, acme, jordan.id, "A giraffe")
    async with database.write(acme) as tx:
        await tx.execute(
            "UPDATE memory_episodes SET description = 'A zebra' WHERE tenant_id = %(tenant)s::uuid AND id = %(id)s::uuid",
            id=story,
        )
    [hit] = await recall(database, acme, jordan.id, "zebra")
    assert (hit.cosine, hit.matched > 0) == (None, True)


async def test_a_text_without_direction_waits_for_nothing(database: Database, acme: Caller, jordan: Employee):
    class Blank(Backwards):
        async def embed(self, texts: Sequence[str]) -> Vectors:
            return np.zeros((len(texts), 4), np.float32)

    await remembered(database, acme, jordan.id, "A giraffe", caught_up=False)
    blank = Blank()
    assert (await indexing.catch_up(database, acme, employee=jordan.id, embedder=blank)).embedded == 1
    assert (await indexing.catch_up(database, acme, employee=jordan.id, embedder=blank)).embedded == 0
    assert texts(await recall(database, acme, jordan.id, "giraffe", embedder=blank)) == ["A giraffe"]


async def test_a_defect_behind_an_answer_is_heard_of(database: Database, caplog: pytest.LogCaptureFixture):
    async def broken() -> None:
        raise ZeroDivisionError

    database.afterwards("a task", broken)
    await database.settled("a task")
    assert "failed: a task" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_vector_that_ends_in_zeros_can_be_compared_with_the_others(
    database: Database, acme: Caller, jordan: Employee
):
    class Axes(Backwards):
        async def embed(self, texts: Sequence[str]) -> Vectors:
            return np.array([[1, 0, 0, 1e-8] if "giraffe" in text else [0, 0, 0, 1] for text in texts], np.float32)

    await remembered(database, acme, jordan.id, "A giraffe", "A zebra", caught_up=False)
    axes = Axes()
    await indexing.catch_up(database, acme, employee=jordan.id, embedder=axes)
    for question, best in (("giraffe", "A giraffe"), ("any", "A zebra")):
        hits = await recall(database, acme, jordan.id, question, embedder=axes, ranking=BY_MEANING)
        assert texts(hits)[0] == best


async def test_a_vector_of_another_width_is_refused_and_nothing_is_kept(
    database: Database, acme: Caller, jordan: Employee
):
    class Wider(Backwards):
        width = 4

        async def embed(self, texts: Sequence[str]) -> Vectors:
            return np.ones((len(texts), self.width), np.float32) / np.float32(self.width**0.5)

    wider = Wider()
    await remembered(database, acme, jordan.id, "A giraffe", caught_up=False)
    await indexing.catch_up(database, acme, employee=jordan.id, embedder=wider)
    wider.width = 5
    await remembered(database, acme, jordan.id, "A zebra", caught_up=False)
    with pytest.raises(InvalidError, match=r"^vectors of backwards@1 have 4 numbers here, not 5$"):
        await indexing.catch_up(database, acme, employee=jordan.id, embedder=wider)
    async with database.read(acme) as tx:
        assert [text.said for text in await indexing.fresh(tx, employee=jordan.id)] == ["A zebra"]
    wider.width = 4
    hits = await recall(database, acme, jordan.id, "giraffe", embedder=wider)
    assert texts(hits)[0] == "A giraffe"


async def test_whose_memories_wait_is_known_over_all_tenants(cluster: "Cluster"):
    with own_database(cluster) as settings:
        async with opening.opened(settings) as database:
            people: list[tuple[Caller, Employee]] = []
            for slug in ("acme", "rival"):
                caller = Caller(await tenants.create(database, slug=slug, name=slug))
                people.append((caller, await an_employee(database, caller)))
                await remembered(database, caller, people[-1][1].id, f"A giraffe at {slug}", caught_up=False)
            mine = {person.id for _, person in people}
            assert {each.employee_id for each in await indexing.waiting(database, embedder=EMBEDDER)} == mine
            # A model that is down keeps nobody's words from being counted.
            down = Backwards()
            down.is_down = True
            with pytest.raises(UnavailableError):
                await indexing.catch_up_all(database, embedder=down)
            assert [await counted(database, caller, person.id, "giraffe") for caller, person in people] == [1, 1]
            assert await indexing.catch_up_all(database, embedder=EMBEDDER) == 2
            assert await indexing.waiting(database, embedder=EMBEDDER) == []
            # Who is compared by another model waits for this one, and counts alone need none.
            assert len(await indexing.waiting(database, embedder=Backwards())) == 2
            assert await indexing.waiting(database, embedder=None) == []
            [(caller, jordan), _] = people
            assert texts(await recall(database, caller, jordan.id, "giraffe")) == ["A giraffe at acme"]
