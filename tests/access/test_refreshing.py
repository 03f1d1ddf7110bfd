"""A refresh token is good for one exchange; an old one ends the sign-in, for somebody else may have it."""

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from insider import Person, audited, later, messages

from empla.access import credentials, doors, sign_ins
from empla.access.credentials import Credential
from empla.access.sign_ins import Tokens
from empla.errors import UnauthorizedError
from empla.storage.database import Database

if TYPE_CHECKING:
    from tests.conftest import Cluster


async def lives(database: Database, got: Tokens) -> bool:
    try:
        async with database.read((await doors.by_token(database, got.access_token)).caller):
            return True
    except UnauthorizedError:
        return False


async def refused(database: Database, got: Tokens) -> None:
    with pytest.raises(UnauthorizedError) as error:
        await sign_ins.refresh(database, got.refresh_token)
    assert str(error.value) == credentials.REFUSED


async def test_it_is_exchanged_in_one_message(dana: Person, database: Database, monkeypatch: pytest.MonkeyPatch):
    first = await dana.sign_in()
    with messages(database, monkeypatch) as sent:
        second = await sign_ins.refresh(database, first.refresh_token)
    assert sent == ["exchange_refresh"]
    assert second.sign_in == first.sign_in
    assert second.expires_at == first.expires_at
    assert second.refresh_token != first.refresh_token
    assert await lives(database, second)
    third = await sign_ins.refresh(database, second.refresh_token)
    assert await lives(database, third)


async def test_an_old_one_ends_the_sign_in_and_is_told_to_the_log(dana: Person, database: Database, cluster: "Cluster"):
    first = await dana.sign_in()
    other = await dana.sign_in()
    second = await sign_ins.refresh(database, first.refresh_token)
    later(cluster, "user_secrets", dana.tenant, changed_at="changed_at - interval '11 seconds'")
    await refused(database, first)
    assert not await lives(database, second)
    await refused(database, second)
    assert await lives(database, other)
    [reused] = [entry for entry in audited(cluster, dana.tenant, "sign_in") if entry["action"] == "sign_in.reused"]
    assert reused["resource"] == first.sign_in
    async with database.read(dana.caller) as tx:
        assert {found.id: found.ended_because for found in await sign_ins.listed(tx, ended=True)} == {
            first.sign_in: "reused",
            other.sign_in: None,
        }


async def test_one_older_than_the_last_ends_it_also_within_the_grace(dana: Person, database: Database):
    first = await dana.sign_in()
    third = await sign_ins.refresh(database, (await sign_ins.refresh(database, first.refresh_token)).refresh_token)
    await refused(database, first)
    assert not await lives(database, third)


async def test_a_double_click_is_refused_and_no_more(dana: Person, database: Database):
    first = await dana.sign_in()
    second = await sign_ins.refresh(database, first.refresh_token)
    await refused(database, first)
    assert await lives(database, second)
    assert await lives(database, await sign_ins.refresh(database, second.refresh_token))


async def test_without_a_grace_a_double_click_ends_it(dana: Person, database: Database):
    database.settings = database.settings.model_copy(update={"refresh_grace": 0})
    first = await dana.sign_in()
    second = await sign_ins.refresh(database, first.refresh_token)
    await refused(database, first)
    assert not await lives(database, second)


async def test_of_many_at_once_one_wins(dana: Person, database: Database):
    first = await dana.sign_in()
    outcomes = await asyncio.gather(
        *(sign_ins.refresh(database, first.refresh_token) for _ in range(12)), return_exceptions=True
    )
    won = [outcome for outcome in outcomes if isinstance(outcome, Tokens)]
    assert len(won) == 1
    assert all(isinstance(outcome, Tokens | UnauthorizedError) for outcome in outcomes)
    assert await lives(database, await sign_ins.refresh(database, won[0].refresh_token))


async def test_two_that_have_both_begun_are_one_after_the_other(dana: Person, database: Database, cluster: "Cluster"):
    """Neither reads what the other is about to change."""
    first = await dana.sign_in()
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with cluster.admin() as watcher, cluster.admin() as admin:
        with admin.transaction():
            admin.execute("SELECT FROM empla.user_secrets WHERE id = %s FOR UPDATE", (first.sign_in,))
            both = [asyncio.create_task(sign_ins.refresh(database, first.refresh_token)) for _ in range(2)]
            for _ in range(1000):
                if watcher.execute(waiting).fetchone() == (2,):
                    break
                await asyncio.sleep(0.01)
            else:
                pytest.fail("they do not wait")
        outcomes = await asyncio.gather(*both, return_exceptions=True)
    [won] = [outcome for outcome in outcomes if isinstance(outcome, Tokens)]
    assert await lives(database, await sign_ins.refresh(database, won.refresh_token))


async def test_what_was_never_given_out_ends_nothing(dana: Person, rita: Person, database: Database):
    """Who knows the id of a sign-in (an admin who reads the list) can't end it by a token made up."""
    got, theirs = await dana.sign_in(), await rita.sign_in()
    brought, other = (credentials.read("refresh", found.refresh_token) for found in (got, theirs))
    family, own = brought.secrets
    for forged in (
        Credential("refresh", got.sign_in, dana.tenant, dana.id, (credentials.secret(), own)),
        Credential("refresh", got.sign_in, dana.tenant, dana.id, (credentials.secret(), credentials.secret())),
        Credential("refresh", got.sign_in, rita.tenant, dana.id, (family, own)),
        Credential("refresh", got.sign_in, dana.tenant, rita.id, (family, own)),
        Credential("refresh", got.sign_in, dana.tenant, dana.id, other.secrets),
        Credential("refresh", uuid4(), dana.tenant, dana.id, (family, own)),
    ):
        with pytest.raises(UnauthorizedError):
            await sign_ins.refresh(database, forged.text)
    assert await lives(database, got)
    assert await lives(database, await sign_ins.refresh(database, got.refresh_token))


async def test_idleness_is_put_off_by_each_exchange_and_the_end_is_not(
    dana: Person, database: Database, cluster: "Cluster"
):
    first = await dana.sign_in()
    later(
        cluster,
        "sign_ins",
        dana.tenant,
        idle_until="clock_timestamp() + interval '1 minute'",
        expires_at="clock_timestamp() + interval '3 days'",
    )
    second = await sign_ins.refresh(database, first.refresh_token)
    async with database.read(dana.caller) as tx:
        [found] = await sign_ins.listed(tx)
    assert found.idle_until == found.expires_at == second.expires_at < first.expires_at


async def test_no_other_kind_of_credential_is_taken(dana: Person, database: Database):
    got = await dana.sign_in()
    for text in (got.access_token, "", "empla_", got.refresh_token.replace("emplar_", "empla_")):
        with pytest.raises(UnauthorizedError):
            await sign_ins.refresh(database, text)
