"""What holds of every recall: it is of one employee, complete, exact where it says so, and its words' score is BM25."""

import math

import numpy as np
import pytest
from factories import an_employee
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from recalling import EMBEDDER, recall, remembered

from empla.employees.employees import Employee
from empla.memory.ranking import BY_MEANING, BY_WORDS, DEFAULT
from empla.storage.database import Database
from empla.storage.tx import Caller

WORDS = (
    "price",
    "giraffe",
    "contract",
    "invoice",
    "Vienna",
    "late",
    "discount",
    "kitchen",
    "価格",
    "🙂",
    "2025",
    "Jane",
)
SAID = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(st.lists(SAID, max_size=12), min_size=3, max_size=3),
    question=SAID,
    limit=st.integers(1, 30),
    ranking=st.sampled_from([DEFAULT, BY_MEANING, BY_WORDS]),
)
async def test_recall_is_of_one_employee_and_complete(
    database: Database,
    acme: Caller,
    rival: Caller,
    said: list[list[str]],
    question: str,
    limit: int,
    ranking: object,
):
    desks = [(caller, await an_employee(database, caller)) for caller in (acme, acme, rival)]
    own = [
        await remembered(database, caller, employee.id, *texts)
        for (caller, employee), texts in zip(desks, said, strict=True)
    ]
    for (caller, employee), ids in zip(desks, own, strict=True):
        hits = await recall(database, caller, employee.id, question, limit=limit, ranking=ranking)  # pyright: ignore[reportArgumentType]
        assert {hit.id for hit in hits} <= set(ids)
        assert len({hit.id for hit in hits}) == len(hits) == min(limit, len(ids))
        stranger = acme if caller == rival else rival
        assert await recall(database, stranger, employee.id, question, limit=limit) == []


async def test_by_meaning_the_nearest_come_first(database: Database, acme: Caller, jordan: Employee):
    said = [f"{first} {second} {number}" for number, first in enumerate(WORDS) for second in WORDS]
    ids = await remembered(database, acme, jordan.id, *said)
    matrix = EMBEDDER.embed_now(said)
    for question in ("a late invoice", "kitchen in Vienna", "giraffe 2025"):
        cosines = matrix @ EMBEDDER.embed_now([question])[0]
        hits = await recall(database, acme, jordan.id, question, ranking=BY_MEANING)
        tenth = float(np.sort(cosines)[-10])
        assert all(cosines[ids.index(hit.id)] >= tenth - 1e-3 for hit in hits)
        assert [hit.cosine for hit in hits] == pytest.approx([cosines[ids.index(hit.id)] for hit in hits], abs=2e-3)
        assert [hit.cosine for hit in hits] == sorted((hit.cosine for hit in hits), reverse=True, key=lambda c: c or 0)


class _Counted(BaseModel):
    lexeme: str
    times: int


async def test_the_score_of_the_words_is_bm25(database: Database, acme: Caller, jordan: Employee):
    said = ["late late late invoice", "the invoice of Vienna", "a giraffe in Vienna", "kitchen"]
    ids = await remembered(database, acme, jordan.id, *said)
    async with database.read(acme) as tx:
        bags = [
            {
                each.lexeme: each.times
                for each in await tx.fetch_all(
                    _Counted,
                    """SELECT lexeme, cardinality(positions) AS times
                         FROM memory_texts t, unnest(to_tsvector('pg_catalog.english', t.words))
                        WHERE t.tenant_id = %(tenant)s::uuid AND t.employee_id = %(employee)s::uuid AND t.memory_id = %(id)s::uuid""",
                    employee=jordan.id,
                    id=memory,
                )
            }
            for memory in ids
        ]
        # The employee's playbooks are memories too, and are counted with the others.
        counts = {
            each.lexeme: each.times
            for each in await tx.fetch_all(
                _Counted,
                """SELECT lexeme, count(*)::int AS times
                     FROM memory_texts t, unnest(to_tsvector('pg_catalog.english', t.words))
                    WHERE t.tenant_id = %(tenant)s::uuid AND t.employee_id = %(employee)s::uuid GROUP BY lexeme""",
                employee=jordan.id,
            )
        }
        everything = await tx.fetch_value(
            int,
            "SELECT count(*)::int FROM memory_index WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid",
            employee=jordan.id,
        )
    assert everything is not None
    hits = {
        hit.id: hit.matched
        for hit in await recall(database, acme, jordan.id, "late invoices from Vienna", ranking=BY_WORDS)
    }
    for memory, bag in zip(ids, bags, strict=True):
        length = sum(bag.values())
        expected = sum(
            math.log(1 + (everything - counts[word] + 0.5) / (counts[word] + 0.5))
            * bag[word]
            / (bag[word] + 0.9 * (0.6 + 0.4 * length / 12))
            for word in ("late", "invoic", "vienna")
            if word in bag
        )
        assert hits[memory] == pytest.approx(expected, abs=1e-3)
