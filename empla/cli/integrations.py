"""`empla integrations …`: a tenant's accounts with others, which carry its employees' effects out."""

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import cyclopts
from cyclopts import Parameter
from pydantic import SecretStr

from empla import sealing
from empla.access import doors
from empla.cli.options import AsUser, Home, Json, Tenant, settings_for
from empla.cli.output import console, print_json, table
from empla.effects import integrations
from empla.effects.integrations import IntegrationKind
from empla.errors import NotFoundError, UsageError
from empla.shapes import read_json
from empla.storage import opening

app = cyclopts.App(name="integrations")


@app.default
async def listed(*, tenant: Tenant, user: AsUser = None, json: Json = False, home: Home = None) -> None:
    """The tenant's accounts; their secrets are never shown."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.read(caller) as tx:
            found = await integrations.listed(tx)
    if json:
        print_json(found)
        return
    shown = table("name", "carries", "kind", "settings", "secret", "in use")
    for account in found:
        settings = ", ".join(f"{name} {value}" for name, value in account.settings.items())
        shown.add_row(
            account.name,
            account.capability,
            account.kind,
            settings,
            "sealed" if account.has_secret else "none",
            "yes" if account.enabled else "no",
        )
    console.print(shown if found else "no account is connected: what employees send waits")


@app.command
async def connect(
    name: Annotated[str, Parameter(help="A name for it, such as mail.")],
    /,
    *,
    tenant: Tenant,
    kind: Annotated[
        IntegrationKind,
        Parameter(help="A mail server, a folder of mails, a webhook, a mailbox to read, or who tells by signed calls."),
    ],
    settings: Annotated[
        str, Parameter(help='A JSON object, e.g. {"host": "smtp.acme.example", "port": 465, "tls": "implicit"}.')
    ],
    capability: Annotated[str, Parameter(help="What it carries.")] = "email",
    secret_file: Annotated[
        str | None, Parameter(help="The file whose first line is the password or signing key; - for stdin.")
    ] = None,
    user: AsUser = None,
    home: Home = None,
) -> None:
    """Connect an account: it carries the capability from now on, in place of the one that did. docs/effects.md says what settings take."""
    shaped = read_json(settings, what="--settings")
    if not isinstance(shaped, dict):
        raise UsageError("--settings is a JSON object")
    secret = _secret(secret_file)
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            made = await integrations.connect(
                tx, name=name, capability=capability, kind=kind, settings=cast("dict[str, Any]", shaped), secret=secret
            )
    if made.kind == "webhook_in":
        console.print(f"{made.name} tells {made.settings['employee']} from now on", soft_wrap=True)
    else:
        console.print(f"{made.name} carries {made.capability} from now on ({made.kind})", soft_wrap=True)


@app.command
async def disconnect(
    name: Annotated[str, Parameter(help="Its name.")], /, *, tenant: Tenant, user: AsUser = None, home: Home = None
) -> None:
    """It carries nothing any more, and its secret is forgotten."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            await integrations.disconnect(tx, name=name)
    console.print(f"{name} is disconnected", soft_wrap=True)


@app.command
async def rotate(*, tenant: Tenant, user: AsUser = None, home: Home = None) -> None:
    """Seal every secret of the tenant anew, by the first of EMPLA_SECRET_KEYS; then older keys may go."""
    async with opening.opened(settings_for(home)) as database:
        caller = await doors.caller_for(database, tenant=tenant, user=user)
        async with database.write(caller) as tx:
            resealed = await integrations.rotate(tx)
    console.print(f"{resealed} secrets were sealed by an older key and are not any more")


@app.command(name="new-key")
def new_key() -> None:
    """Print a fresh key for EMPLA_SECRET_KEYS."""
    console.print(sealing.new_key())


def _secret(file: str | None) -> SecretStr | None:
    if file is None:
        return None
    try:
        text = sys.stdin.readline() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFoundError(f"--secret-file: {file} can't be read") from None
    line = text.partition("\n")[0].strip()
    if not line:
        raise UsageError("--secret-file: its first line is empty")
    return SecretStr(line)
