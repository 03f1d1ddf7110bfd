"""Whoever infers while another retracts, and whoever infers both ways at once: nothing is left on nothing, or on itself."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest
from believer import Believer
from inferring import edges, held, infers, sees

from empla.bdi import beliefs
from empla.bdi.beliefs import Evidence
from empla.errors import InvalidError, NotFoundError
from empla.settings import Settings
from empla.storage import opening


@pytest.fixture
async def crowd(settings: Settings, jordan: Believer) -> AsyncGenerator[Believer]:
    async with opening.opened(settings.model_copy(update={"pool_size": 20})) as many:
        yield Believer(many, jordan.caller, jordan.employee)


async def hears_in(jordan: Believer, about: str, on: UUID, *, done: asyncio.Event, go: asyncio.Event) -> None:
    """Infers it in a transaction that stays open until it may go."""
    piece = Evidence(subject=about, predicate="is", object="yes", source="inference", rests_on=(on,))
    async with jordan.database.write(jordan.caller) as tx:
        await beliefs.observe(tx, employee=jordan.employee, piece=piece)
        done.set()
        await go.wait()


async def test_a_support_that_is_retracted_while_something_is_formed_on_it_takes_it_along(crowd: Believer):
    usage = await sees(crowd, "usage")
    done, go = asyncio.Event(), asyncio.Event()
    forming = asyncio.create_task(hears_in(crowd, "risk", usage.id, done=done, go=go))
    await done.wait()
    retracting = asyncio.create_task(crowd.retracts("usage", "is"))
    await asyncio.sleep(0.2)
    assert not retracting.done()
    go.set()
    await asyncio.gather(forming, retracting)
    assert await held(crowd) == []


async def test_nothing_is_formed_on_what_another_transaction_is_retracting(crowd: Believer):
    usage = await sees(crowd, "usage")
    async with crowd.database.write(crowd.caller) as tx:
        await beliefs.retract(tx, employee=crowd.employee, subject="usage", predicates=["is"], reason="no")
        forming = asyncio.create_task(infers(crowd, "risk", usage))
        await asyncio.sleep(0.2)
        assert not forming.done()
    with pytest.raises(NotFoundError, match=r"^what an inference rests on is not believed$"):
        await forming
    assert await held(crowd) == []


@pytest.mark.parametrize("through", [False, True])
async def test_two_transactions_do_not_close_a_circle_between_them(crowd: Believer, through: bool):  # noqa: FBT001
    one, other = await sees(crowd, "one"), await sees(crowd, "other")
    # With a belief in between, the two transactions touch nothing in common.
    on_one, on_other = (
        (await infers(crowd, "on one", one), await infers(crowd, "on other", other)) if through else (one, other)
    )
    done, go = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(hears_in(crowd, "one", on_other.id, done=done, go=go))
    await done.wait()
    second = asyncio.create_task(infers(crowd, "other", on_one))
    await asyncio.sleep(0.2)
    go.set()
    await first
    with pytest.raises(InvalidError, match=r"^a belief can't rest on itself: other\.is would"):
        await second
    assert ("one", on_other.subject) in await edges(crowd)


async def test_whoever_vouches_for_it_while_its_support_falls_keeps_it(crowd: Believer):
    usage = await sees(crowd, "usage")
    await infers(crowd, "risk", usage)
    async with crowd.database.write(crowd.caller) as tx:
        piece = Evidence(subject="risk", predicate="is", object=True)
        await beliefs.observe(tx, employee=crowd.employee, piece=piece)
        retracting = asyncio.create_task(crowd.retracts("usage", "is"))
        await asyncio.sleep(0.2)
        assert not retracting.done()
    await retracting
    assert await held(crowd) == ["risk"]
    assert await edges(crowd) == []


async def test_of_many_that_form_and_retract_at_once_nothing_rests_on_nothing(crowd: Believer):
    for round_ in range(5):
        usage = await sees(crowd, "usage", round_)
        forming = [infers(crowd, f"risk {number}", usage, value=round_) for number in range(10)]
        await asyncio.gather(*forming, crowd.retracts("usage", "is"), return_exceptions=True)
        assert await held(crowd) == []
