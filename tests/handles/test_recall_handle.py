"""A program that remembers and asks in the next line finds by meaning what it has just said."""

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from own_database import own_database

import empla
from empla.errors import InvalidError
from empla.memory.episodic import NewEpisode

if TYPE_CHECKING:
    from tests.conftest import Cluster


async def test_what_was_just_said_is_found_by_its_meaning_and_reinforced(cluster: "Cluster"):
    with own_database(cluster) as settings:
        async with empla.open(settings) as app:
            slug = f"t-{uuid4().hex[:12]}"
            await app.create_tenant(slug, name="Acme")
            async with app.tenant(slug) as acme:
                jordan = await acme.employees.hire(name="Jordan", role="sales_ae", email="jordan@acme.example")
                await jordan.memory.record("Jane asked for a discount", participants=["jane@prospect.example"])
                await jordan.memory.record_many([NewEpisode(description=f"Note {n} on the weather") for n in range(40)])
                [hit, *_] = await jordan.recall("a cheaper offer for Jane", kinds=["episode"])
                assert hit.text == "Jane asked for a discount"
                assert hit.cosine is not None
                assert hit.sum.startswith(f"{hit.score:.2f} = vector")
                with pytest.raises(InvalidError, match=r"^the filter colour can't be used"):
                    await jordan.recall("a cheaper offer", colour="red")
        # Closing waited for what was to be done behind the answers.
        async with empla.open(settings) as app, app.tenant(slug) as acme:
            jordan = await acme.employees.get("jordan@acme.example")
            times = {each.description: each.recall_count for each in await jordan.memory.latest(limit=50)}
            assert times["Jane asked for a discount"] == 1
