"""`empla tenant …`: customers, by their slugs."""

from typing import Annotated, Literal

from cyclopts import Parameter

from empla.cli.options import Home, Json, settings_for
from empla.cli.output import console, print_json
from empla.clock import moment
from empla.storage import opening
from empla.storage.tx import Caller
from empla.tenancy import tenants

Slug = Annotated[str, Parameter(help="1 to 63 lower-case letters, digits and inner hyphens, unique over all tenants.")]


async def create(
    slug: Slug,
    /,
    *,
    name: Annotated[str, Parameter(help="What people call it.")],
    starts_at: Annotated[
        str | None, Parameter(help="Live in simulated time, from this moment on, e.g. 2025-03-03T09:00:00Z.")
    ] = None,
    home: Home = None,
) -> None:
    """A new tenant, in real time unless --starts-at is given."""
    start = None if starts_at is None else moment(starts_at)
    async with opening.opened(settings_for(home)) as database:
        await tenants.create(database, slug=slug, name=name, starts_at=start)
    lives = "in real time" if start is None else f"in simulated time, from {start:%Y-%m-%d %H:%M} UTC on"
    console.print(f"{slug} is there, {lives}", markup=False)


async def show(slug: Slug, /, *, json: Json = False, home: Home = None) -> None:
    """One tenant. Of a suspended one, only what can be said without entering it."""
    async with opening.opened(settings_for(home)) as database:
        found = await tenants.find(database, slug)
        record = {"id": str(found.id), "slug": slug, **found.model_dump(mode="json", exclude={"id"})}
        if found.status == "active":
            async with database.read(Caller(found.id)) as tx:
                record = (await tenants.get(tx)).model_dump(mode="json")
    if json:
        print_json(record)
        return
    for key, value in record.items():
        if value not in (None, {}):
            console.print(f"{key:<14}{value}", markup=False, soft_wrap=True)


async def suspend(slug: Slug, /, *, home: Home = None) -> None:
    """Refuse everybody of the tenant from now on; nothing is lost."""
    await _set(slug, "suspended", home)
    console.print(f"{slug} is suspended", markup=False)


async def resume(slug: Slug, /, *, home: Home = None) -> None:
    """Let a suspended tenant's people and employees in again."""
    await _set(slug, "active", home)
    console.print(f"{slug} is active", markup=False)


async def _set(slug: str, status: Literal["active", "suspended"], home: Home) -> None:
    async with opening.opened(settings_for(home)) as database:
        await tenants.set_status(database, tenant=(await tenants.find(database, slug)).id, status=status)
