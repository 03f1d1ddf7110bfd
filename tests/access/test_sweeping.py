"""What is over is kept for a while, for whoever looks back, and then gone: in one's own tenant, and by nobody but the operator."""

from typing import TYPE_CHECKING

import pytest
from insider import PASSWORD, Person, a_person, audited, later

from empla.access import doors, links, sign_ins
from empla.errors import ForbiddenError, InvalidError, UnauthorizedError
from empla.storage.database import Database

if TYPE_CHECKING:
    from uuid import UUID

    from tests.conftest import Cluster

AGO = "clock_timestamp() - interval '91 days'"
SHORTER = "clock_timestamp() - interval '89 days'"


def kept(cluster: "Cluster", tenant: "UUID") -> dict[str, int]:
    with cluster.admin() as admin:
        rows = admin.execute(
            "SELECT kind, count(*) FROM empla.user_secrets WHERE tenant_id = %(tenant)s GROUP BY 1"
            " UNION ALL SELECT 'sign_in', count(*) FROM empla.sign_ins WHERE tenant_id = %(tenant)s",
            {"tenant": tenant},
        ).fetchall()
    return dict(rows)


async def swept(person: Person) -> int:
    async with person.database.write(person.operator) as tx:
        return await sign_ins.sweep(tx)


async def test_what_was_over_long_ago_is_gone_in_one_tenant(
    dana: Person, rita: Person, database: Database, cluster: "Cluster"
):
    for person in (dana, rita):
        invited = await a_person(database, person.operator, password=None)
        async with database.write(person.operator) as tx:
            await links.invite(tx, user=invited.id)
        await person.sign_in()
    before = kept(cluster, dana.tenant)
    assert before == {"password": 1, "refresh": 1, "invitation": 1, "sign_in": 1}
    assert await swept(dana) == 0
    for person in (dana, rita):
        later(cluster, "sign_ins", person.tenant, idle_until=SHORTER)
    assert await swept(dana) == 0
    for person in (dana, rita):
        later(cluster, "sign_ins", person.tenant, idle_until=AGO)
        with cluster.admin() as admin:
            admin.execute(
                "UPDATE empla.user_secrets SET expires_at = clock_timestamp() - interval '91 days'"
                " WHERE tenant_id = %s AND kind = 'invitation'",
                (person.tenant,),
            )
    got = await dana.sign_in()
    assert await swept(dana) == 2
    assert kept(cluster, dana.tenant) == {"password": 1, "refresh": 1, "sign_in": 1}
    assert kept(cluster, rita.tenant) == {**before, "password": 1}
    async with database.read((await doors.by_token(database, got.access_token)).caller):
        pass  # the newer one is good
    assert [entry["actor_type"] for entry in audited(cluster, dana.tenant, "sign_in")][-1] == "system"


async def test_the_token_of_one_that_is_gone_is_refused_as_before(dana: Person, database: Database, cluster: "Cluster"):
    got = await dana.sign_in()
    later(cluster, "sign_ins", dana.tenant, ended_at=AGO, ended_because="'signed_out'")
    assert await swept(dana) == 1
    with pytest.raises(UnauthorizedError):
        await sign_ins.refresh(database, got.refresh_token)
    with pytest.raises(UnauthorizedError):
        async with database.read((await doors.by_token(database, got.access_token)).caller):
            pass
    await dana.sign_in(PASSWORD)


async def test_nobody_else_sweeps_and_nothing_that_has_just_ended(ada: Person, database: Database):
    with pytest.raises(ForbiddenError):
        async with database.write(ada.caller) as tx:
            await sign_ins.sweep(tx)
    database.settings = database.settings.model_copy(update={"sign_in_kept_days": 0.5})
    with pytest.raises(InvalidError):
        await swept(ada)
