"""`jordan.memory.facts`: what one employee knows, for Python programs."""

from datetime import date
from uuid import uuid4

import pytest
from factories import MONDAY

import empla
from empla.errors import InvalidError, NotFoundError
from empla.memory.semantic import NewFact
from empla.settings import Settings


async def test_facts_are_learned_asked_about_and_settled(settings: Settings):
    slug = f"t-{uuid4().hex[:12]}"
    async with empla.open(settings) as app:
        await app.create_tenant(slug, name="Acme", starts_at=MONDAY)
        async with app.tenant(slug) as acme:
            jordan = await acme.employees.hire(name="Jordan", role="custom", email="jordan@acme.example")
            facts = jordan.memory.facts
            call = await jordan.memory.record("Jane called")
            ceo = await facts.learn(
                "Acme",
                "has ceo",
                "Jane",
                fact_type="entity",
                confidence=0.7,
                source="crm",
                decay_rate=0.1,
                functional=True,
                episodes=[call.id],
            )
            assert (ceo.outcome, ceo.confidence, ceo.fact_type, ceo.source) == ("learned", 0.7, "entity", "crm")
            assert [each.description for each in await facts.evidence(ceo.id)] == ["Jane called"]
            learned = await facts.learn_many(
                [
                    NewFact(subject="Bob", predicate="knows", object="Jane"),
                    NewFact(subject="Bob", predicate="is", object="tal"),
                ]
            )
            tall = await facts.revise(learned[1].id, "tall", source="Dana")
            assert (await facts.get(learned[1].id)).ended == "revised"
            assert await facts.list("bob", predicate="IS") == [tall]
            assert await facts.list(fact_type="entity", verified=False, min_confidence=0.5, limit=1) == [
                await facts.get(ceo.id)
            ]
            verified = await facts.verify(ceo.id, source="Dana")
            paris = await facts.learn("Acme", "has ceo", "Ann")
            [contradiction] = await facts.contradictions()
            assert contradiction.facts == [verified, await facts.get(paris.id)]
            assert (await facts.forget(paris.id)).ended == "forgotten"
            near = await facts.neighbourhood("acme", depth=2, fan_out=10, limit=10, min_confidence=0.1)
            assert [near.walk(fact) for fact in near.facts] == [
                "acme –has ceo→ Jane",
                "acme –has ceo→ Jane ←knows– Bob",
            ]
            assert len(await facts.as_of(MONDAY)) == len(await facts.as_of(date(2025, 3, 3))) == 3
            assert await facts.as_of(date(2025, 3, 2)) == []
            assert await facts.as_of(MONDAY, "acme", predicate="has ceo", limit=1) == [verified]
            assert [change.change for change in await facts.changes("acme", "has ceo", limit=2)] == [
                "forgotten",
                "learned",
            ]
            with pytest.raises(InvalidError):
                await facts.learn("", "is", "nothing")
            with pytest.raises(NotFoundError):
                await facts.verify(call.id)
