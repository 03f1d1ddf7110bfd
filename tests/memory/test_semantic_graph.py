"""What is near a name is found in waves, each fact once, whatever circles there are."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from knower import Knower, a_knower

from empla.errors import InvalidError
from empla.memory import fact_graph
from empla.settings import Settings
from empla.storage import opening
from empla.storage.database import Database

Edge = tuple[str, str, str]


@pytest.fixture
async def knower(database: Database) -> Knower:
    return await a_knower(database)


async def found(knower: Knower, of: str, depth: int = 2, **bounds: float) -> dict[str, int]:
    near = await knower.near(of, depth=depth, **bounds)
    return {str(fact): fact.distance for fact in near.facts}


async def test_the_neighbourhood_goes_both_ways_to_its_depth_and_no_further(knower: Knower):
    await knower.learns_all(
        ("Acme", "has ceo", "Jane"),
        ("Bob", "knows", "jane"),
        ("BOB", "lives in", "Rome"),
        ("Rome", "is in", "Italy"),
        ("Mars", "is", "red"),
    )
    one = {"Acme has ceo Jane": 1}
    two = one | {"Bob knows jane": 2}
    three = two | {"BOB lives in Rome": 3}
    assert await found(knower, "acme", 1) == one
    assert await found(knower, " ACME ", 2) == two
    assert await found(knower, "Acme", 3) == three
    assert await found(knower, "nobody", 3) == {}
    near = await knower.near("acme", depth=3)
    last = near.facts[-1]
    assert near.walk(last) == "acme –has ceo→ Jane ←knows– Bob –lives in→ Rome"
    assert last.path == [fact.id for fact in near.facts]


async def test_a_circle_is_walked_once(knower: Knower):
    await knower.learns_all(("a", "to", "b"), ("b", "to", "c"), ("c", "to", "a"), ("a", "to", "a"), ("b", "back", "a"))
    assert await found(knower, "a", 3) == {"a to b": 1, "c to a": 1, "a to a": 1, "b back a": 1, "b to c": 2}


async def test_what_ended_faded_or_is_disputed_leads_nowhere(knower: Knower):
    gone = await knower.learns("a", "to", "b")
    await knower.learns("a", "fades to", "c", confidence=0.5, decay_rate=0.1)
    await knower.learns_all(("b", "to", "x"), ("c", "to", "y"), ("d", "to", "z"))
    await knower.verifies((await knower.learns("a", "is", "e", functional=True)).id)
    await knower.learns("a", "is", "d")
    await knower.forgets(gone.id)
    await knower.waits(3)
    assert await found(knower, "a", min_confidence=0.1) == {"a fades to c": 1, "a is e": 1, "c to y": 2}
    assert await found(knower, "a", min_confidence=0.3) == {"a is e": 1}


async def test_a_hub_sends_out_its_freshest_facts_alone(knower: Knower):
    for number in range(6):
        await knower.learns("hub", "to", f"spoke {number}")
        await knower.waits(0.01)
    await knower.learns("hub", "to", "spoke 0")
    await knower.learns("spoke 3", "to", "far")
    assert await found(knower, "hub", fan_out=2) == {"hub to spoke 0": 1, "hub to spoke 5": 1}
    assert await found(knower, "far", 3, fan_out=2) == {
        "spoke 3 to far": 1,
        "hub to spoke 3": 2,
        "hub to spoke 0": 3,
        "hub to spoke 5": 3,
    }
    assert await found(knower, "hub", limit=3) == {"hub to spoke 0": 1, "hub to spoke 5": 1, "hub to spoke 4": 1}
    assert await found(knower, "far", 3, limit=2) == {"spoke 3 to far": 1, "hub to spoke 3": 2}


async def test_it_is_one_statement(knower: Knower):
    await knower.learns("a", "to", "b")
    async with knower.database.read(knower.caller) as tx:
        await fact_graph.neighbourhood(tx, employee=knower.employee, of="a", depth=3)
        assert tx.statements == 2


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [
        ({"depth": 0}, "a depth is 1 to 3, not 0"),
        ({"depth": 4}, "a depth is 1 to 3, not 4"),
        ({"fan_out": 0}, "a fan-out is 1 to 100, not 0"),
        ({"fan_out": 101}, "a fan-out is 1 to 100, not 101"),
        ({"limit": 0}, "a limit is 1 to 1000, not 0"),
        ({"limit": 10**9}, "a limit is 1 to 1000, not 1000000000"),
        ({"min_confidence": float("nan")}, "a confidence lies between 0 and 1, not at nan"),
    ],
)
async def test_a_bound_that_is_none_is_refused(knower: Knower, bounds: dict[str, int], sentence: str):
    with pytest.raises(InvalidError) as raised:
        await knower.near("a", **bounds)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(("name", "sentence"), [(" ", "the node is empty"), ("a\0", "the node contains a NUL")])
async def test_a_name_of_nothing_is_refused(knower: Knower, name: str, sentence: str):
    with pytest.raises(InvalidError, match=f"^{sentence}"):
        await knower.near(name)


nodes = st.sampled_from(["a", "A", "b", "B", "c", "d", "e", "f", "G", "g", "h"])
edges = st.tuples(nodes, st.sampled_from(["to", "by"]), nodes)


def walked(facts: list[Edge], of: str, depth: int) -> dict[Edge, int]:
    """Breadth first, in Python: the distance of every fact that is near enough."""
    touching: defaultdict[str, list[Edge]] = defaultdict(list)
    for fact in facts:
        touching[fact[0].lower()].append(fact)
        touching[fact[2].lower()].append(fact)
    reached: dict[Edge, int] = {}
    seen, frontier = {of.lower()}, {of.lower()}
    for distance in range(1, depth + 1):
        wave = [fact for node in frontier for fact in touching[node] if fact not in reached]
        reached |= dict.fromkeys(wave, distance)
        frontier = {end.lower() for fact in wave for end in (fact[0], fact[2])} - seen
        seen |= frontier
    return reached


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=st.lists(edges, min_size=1, max_size=25), of=nodes, depth=st.integers(min_value=1, max_value=3))
@example(graph=[(one, "to", other) for one in "abcdefgh" for other in "abcdefgh"], of="a", depth=3)
def test_it_is_what_a_walk_breadth_first_finds(settings: Settings, graph: list[Edge], of: str, depth: int):
    async def lives() -> None:
        async with opening.opened(settings) as database:
            knower, colleague = await a_knower(database), await a_knower(database)
            await knower.learns_all(*graph)
            await colleague.learns_all(*[(one, "never", other) for one, _, other in graph])
            near = await knower.near(of, depth=depth, fan_out=100, limit=1000)
        facts = {(fact.subject, fact.predicate, fact.object): fact for fact in near.facts}
        assert len(facts) == len(near.facts)
        once: dict[Edge, Edge] = {}
        for fact in graph:
            once.setdefault((fact[0].lower(), fact[1], fact[2].lower()), fact)
        assert {key: fact.distance for key, fact in facts.items()} == walked(list(once.values()), of, depth)
        by_id = {fact.id: fact for fact in near.facts}
        for fact in near.facts:
            steps = [by_id[step] for step in fact.path]
            assert [step.distance for step in steps] == list(range(1, fact.distance + 1))
            assert steps[-1] == fact
            here = of.lower()
            for step in steps:
                ends = [step.subject.lower(), step.object.lower()]
                assert here in ends
                ends.remove(here)
                here = ends[0]
            assert near.walk(fact).count(" ") >= 2 * fact.distance

    asyncio.run(lives())
