"""What happens behind a write: new memories are embedded and their words counted, and a change of model re-embeds the old ones."""

from collections.abc import Sequence
from contextlib import suppress
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel

from empla.embedding.codes import codes, literals
from empla.embedding.embedder import Embedder, Vectors, model_id
from empla.errors import ForbiddenError, NotFoundError, UnavailableError
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx, Tx

BATCH = 1000  # memories in one transaction


class Waiting(BaseModel):
    """An employee whose memories wait to be counted or embedded."""

    tenant_id: UUID
    employee_id: UUID


class _Text(BaseModel):
    memory_id: UUID
    said: str


WAITING: LiteralString = "SELECT tenant_id, employee_id FROM empla.waiting_memories(%(model)s::int, %(most)s::int)"


async def waiting(database: Database, *, embedder: Embedder | None, most: int = 1000) -> list[Waiting]:
    """Whose memories wait, over all active tenants."""
    model = None if embedder is None else model_id(embedder.name)
    return await database.across(Waiting, WAITING, model=model, most=most)


FRESH: LiteralString = """
    SELECT i.memory_id, t.said
      FROM (SELECT memory_id FROM memory_index
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND model IS NULL
             ORDER BY memory_id LIMIT %(most)s::int) AS i
     CROSS JOIN LATERAL (
           SELECT said FROM memory_texts
            WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = i.memory_id OFFSET 0) AS t
     ORDER BY i.memory_id
"""


async def fresh(tx: ReadTx, *, employee: UUID, most: int = BATCH) -> list[_Text]:
    """What was never embedded, the oldest first."""
    return await tx.fetch_all(_Text, FRESH, employee=employee, most=most)


OTHERS: LiteralString = """
    SELECT i.memory_id, t.said
      FROM (SELECT memory_id FROM memory_index
             WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND model <> %(model)s::int
               AND (%(after)s::uuid IS NULL OR memory_id > %(after)s::uuid)
             ORDER BY memory_id LIMIT %(most)s::int) AS i
     CROSS JOIN LATERAL (
           SELECT said FROM memory_texts
            WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = i.memory_id OFFSET 0) AS t
     ORDER BY i.memory_id
"""


async def others(tx: ReadTx, *, employee: UUID, model: int, after: UUID | None, most: int = BATCH) -> list[_Text]:
    """What is compared by another model, after one of them, the oldest first."""
    return await tx.fetch_all(_Text, OTHERS, employee=employee, model=model, after=after, most=most)


# What was forgotten meanwhile gets no vector. What has another model's code keeps it until its employee moves over. A text without a
# direction is done with, and has no vector. Rows are found and written by their key, whatever the planner thinks of their number.
KEEP: LiteralString = """
    WITH told AS MATERIALIZED (
        SELECT i.memory_id, i.kind, i.occurred_at, i.words, i.model, n.code::bit(512) AS code, n.vector::halfvec AS vector
          FROM unnest(%(ids)s::uuid[], %(codes)s::text[], %(vectors)s::text[]) AS n (memory_id, code, vector)
         CROSS JOIN LATERAL (
               SELECT * FROM memory_index
                WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = n.memory_id
                LIMIT 1 FOR UPDATE) AS i
    ), kept AS (
        INSERT INTO memory_vectors (tenant_id, employee_id, model, memory_id, code, embedding)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, %(model)s::int, memory_id, code, vector FROM told WHERE vector IS NOT NULL
        ON CONFLICT DO NOTHING
    ), space AS (
        INSERT INTO memory_spaces (tenant_id, employee_id, model, model_name, dimensions, is_current)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, %(model)s::int, %(name)s::text, %(dimensions)s::int, NOT EXISTS (
               SELECT FROM memory_spaces WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND is_current)
        ON CONFLICT DO NOTHING
    )
    INSERT INTO memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, words, model, code)
    SELECT %(tenant)s::uuid, %(employee)s::uuid, memory_id, kind, occurred_at, words, %(model)s::int, code FROM told WHERE model IS NULL
    ON CONFLICT (tenant_id, employee_id, memory_id) DO UPDATE SET model = EXCLUDED.model, code = EXCLUDED.code
"""


async def keep(tx: Tx, *, employee: UUID, ids: Sequence[UUID], vectors: Vectors, name: str) -> int:
    """These memories have these vectors of the model `name`; how many can be recalled by them that could not before.

    Raises `InvalidError` when the employee has vectors of that model with another number of dimensions.
    """
    order = sorted(range(len(ids)), key=lambda place: ids[place])  # rows are locked in one order
    rows = vectors[order]
    return await tx.execute(
        KEEP,
        employee=employee,
        model=model_id(name),
        name=name,
        dimensions=rows.shape[1],
        ids=[ids[place] for place in order],
        codes=codes(rows),
        vectors=[literal if row.any() else None for row, literal in zip(rows, literals(rows), strict=True)],
    )


# OFFSET 0: each text is looked up by its key; a join would make the texts of all that the employee remembers.
# Words are locked in one order, so that two who count do not wait for each other.
COUNT: LiteralString = """
    WITH counted AS (
        UPDATE memory_index SET is_counted = true
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid
           AND memory_id = ANY (ARRAY(
               SELECT memory_id FROM memory_index
                WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND NOT is_counted
                ORDER BY memory_id LIMIT %(most)s::int
                  FOR UPDATE SKIP LOCKED))
        RETURNING memory_id, people
    ), words AS (
        INSERT INTO memory_words (tenant_id, employee_id, word, memories, named)
        SELECT %(tenant)s::uuid, %(employee)s::uuid, word, memories, named
          FROM (SELECT w.word, count(*) AS memories, count(*) FILTER (WHERE w.word = ANY (c.people)) AS named
                  FROM counted c
                 CROSS JOIN LATERAL (
                       SELECT words FROM memory_texts
                        WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND memory_id = c.memory_id OFFSET 0) AS t
                 CROSS JOIN LATERAL empla.words(t.words) AS w
                 GROUP BY w.word
                UNION ALL
                SELECT 0, count(*), 0 FROM counted HAVING count(*) > 0) AS told
         ORDER BY word
        ON CONFLICT (tenant_id, employee_id, word) DO UPDATE
           SET memories = memory_words.memories + EXCLUDED.memories, named = memory_words.named + EXCLUDED.named
    )
    SELECT count(*) FROM counted
"""


async def count(tx: Tx, *, employee: UUID, most: int = BATCH) -> int:
    """The words of memories that were not counted yet are, at most of so many; of how many it was."""
    return await tx.fetch_value(int, COUNT, employee=employee, most=most) or 0


# What came while the others were embedded waits again, now for the new model.
LEAVE: LiteralString = """
    WITH moved AS (
        UPDATE memory_index i SET model = CASE WHEN v.memory_id IS NULL THEN NULL ELSE %(model)s::int END, code = v.code
          FROM memory_index o
          LEFT JOIN memory_vectors v ON v.tenant_id = %(tenant)s::uuid AND v.employee_id = %(employee)s::uuid
                                    AND v.model = %(model)s::int AND v.memory_id = o.memory_id
         WHERE o.tenant_id = %(tenant)s::uuid AND o.employee_id = %(employee)s::uuid
           AND i.tenant_id = o.tenant_id AND i.employee_id = o.employee_id AND i.memory_id = o.memory_id
           AND i.model IS DISTINCT FROM %(model)s::int
        RETURNING i.memory_id
    ), gone AS (
        DELETE FROM memory_vectors
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND model <> %(model)s::int
        RETURNING memory_id
    ), left_behind AS (
        DELETE FROM memory_spaces
         WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND model <> %(model)s::int
        RETURNING model
    )
    SELECT count(*) FROM moved
"""

# Whoever has no vector of it arrives with its first one.
ARRIVE: LiteralString = """
    UPDATE memory_spaces SET is_current = true
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND model = %(model)s::int
"""


async def move(tx: Tx, *, employee: UUID, name: str) -> int:
    """From now on the employee's memories are compared by this model; the vectors of any other are gone. How many codes changed."""
    moved = await tx.fetch_value(int, LEAVE, employee=employee, model=model_id(name))
    await tx.execute(ARRIVE, employee=employee, model=model_id(name))
    return moved or 0


CURRENT: LiteralString = """
    SELECT model, model_name FROM memory_spaces
     WHERE tenant_id = %(tenant)s::uuid AND employee_id = %(employee)s::uuid AND is_current
"""


class Space(BaseModel):
    """A model by which memories are compared."""

    model: int
    model_name: str


async def current(tx: ReadTx, *, employee: UUID) -> Space | None:
    """By which model the employee's memories are compared; None before any was embedded."""
    return await tx.fetch_one(Space, CURRENT, employee=employee)


async def catch_up_all(database: Database, *, embedder: Embedder | None) -> int:
    """Nobody's memories wait any more, in any active tenant; of how many employees some did.

    Raises `UnavailableError` when the model can't be reached: everybody's words are counted all the same, and it is asked once.
    """
    found = await waiting(database, embedder=embedder)
    down: UnavailableError | None = None
    for each in found:
        caller, model = Caller(each.tenant_id), embedder if down is None else None
        with suppress(NotFoundError, ForbiddenError):  # dismissed or suspended since it was listed
            try:
                await catch_up(database, caller, employee=each.employee_id, embedder=model)
            except UnavailableError as error:
                down = error
    if down is not None:
        raise down
    return len(found)


class Caught(BaseModel):
    """What was done behind the writes of one employee."""

    counted: int = 0
    embedded: int = 0
    moved: bool = False  # to another model


async def catch_up(database: Database, caller: Caller, *, employee: UUID, embedder: Embedder | None) -> Caught:
    """Nothing of the employee's waits any more, and its memories are compared by this model; each batch is a transaction of its own.

    The model is asked between transactions. Raises `UnavailableError` when it can't be reached: words are counted then, the rest waits.
    """
    counted = 0
    while True:
        async with database.write(caller) as tx:
            batch = await count(tx, employee=employee)
        counted += batch
        if batch < BATCH:
            break
    if embedder is None:
        return Caught(counted=counted)
    async with database.ask(caller) as tx:
        there = await current(tx, employee=employee)
    embedded, moved = 0, False
    if there is not None and there.model != model_id(embedder.name):
        embedded += await _embed_others(database, caller, employee=employee, embedder=embedder)
        async with database.write(caller) as tx:
            await move(tx, employee=employee, name=embedder.name)
        moved = True
    embedded += await _embed_fresh(database, caller, employee=employee, embedder=embedder)
    return Caught(counted=counted, embedded=embedded, moved=moved)


async def _embed_fresh(database: Database, caller: Caller, *, employee: UUID, embedder: Embedder) -> int:
    done, most = 0, min(BATCH, embedder.max_batch)
    while True:
        async with database.ask(caller) as tx:
            texts = await fresh(tx, employee=employee, most=most)
        done += await _embed(database, caller, employee=employee, embedder=embedder, texts=texts)
        if len(texts) < most:
            return done


async def _embed_others(database: Database, caller: Caller, *, employee: UUID, embedder: Embedder) -> int:
    done, most, after = 0, min(BATCH, embedder.max_batch), None
    while True:
        async with database.ask(caller) as tx:
            texts = await others(tx, employee=employee, model=model_id(embedder.name), after=after, most=most)
        done += await _embed(database, caller, employee=employee, embedder=embedder, texts=texts)
        if len(texts) < most:
            return done
        after = texts[-1].memory_id


async def _embed(
    database: Database, caller: Caller, *, employee: UUID, embedder: Embedder, texts: Sequence[_Text]
) -> int:
    if not texts:
        return 0
    vectors = await embedder.embed([text.said for text in texts])
    async with database.write(caller) as tx:
        await keep(tx, employee=employee, ids=[text.memory_id for text in texts], vectors=vectors, name=embedder.name)
    return len(texts)
