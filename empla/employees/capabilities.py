"""What employees can be able to do, and within which limits. A step whose capability an employee lacks is never carried out by it."""

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, LiteralString, cast
from uuid import UUID

import jsonschema
from pydantic import BaseModel, ConfigDict, JsonValue, WithJsonSchema
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from empla.employees.employees import EmployeeRole
from empla.errors import ForbiddenError, InvalidError, NotFoundError
from empla.storage.tx import ReadTx, Tx

KNOWN: dict[str, str] = {
    "email": "write and read e-mail",
    "calendar": "arrange meetings and look at calendars",
    "phone": "make calls",
    "chat": "write in the company's chat",
    "social": "write on social networks",
    "research": "look up companies, people and markets",
    "web": "read web pages",
    "crm": "look up and note deals, contacts and accounts in the CRM",
    "documents": "read and write documents",
    "analytics": "read dashboards and usage figures",
    "surveys": "send surveys and read their answers",
    "support": "read and answer support requests",
    "tickets": "read and write tickets of the engineers",
    "contracts": "prepare quotes and contracts",
    "invoices": "look up and remind of invoices",
    "ats": "look up and note candidates in the applicant tracking system",
    "job_boards": "publish positions",
}
"""Every capability that the platform knows, with what it means: "an employee can …"."""

OF_EVERYBODY: dict[str, str] = {"conversation": "answer those who write to it here"}
"""What nobody who is hired lacks, so that no playbook asks for it; its limits are a tenant's to change, as those of every other."""

OF_ROLE: dict[EmployeeRole, tuple[str, ...]] = {
    "sales_ae": ("email", "calendar", "research", "crm"),
    "sdr": ("email", "calendar", "research", "crm"),
    "csm": ("email", "calendar", "analytics", "support"),
    "pm": ("email", "calendar", "research", "documents", "tickets", "analytics"),
    "recruiter": ("email", "calendar", "ats"),
    "custom": (),
}
"""What an employee of the role can do when whoever hires it does not say."""


# JSON Schema's own word for it, "time", wants a zone; these are by the clock of whoever is written to.
TIME_OF_DAY: dict[str, Any] = {
    "type": "string",
    "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$",
    "examples": ["21:00"],
}
_Quiet = WithJsonSchema({"anyOf": [TIME_OF_DAY, {"type": "null"}]})
Quiet = tuple[time, time] | tuple[None, None]
# Whatever a tenant's schema says, nothing is fetched for it.
_NOTHING_ELSE: Registry[Any] = Registry()


class Offer(BaseModel):
    """One capability as a tenant has it."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    description: str
    parameters: dict[str, JsonValue]  # a JSON schema of its effects' arguments; {} takes any
    destructive: bool  # can't be undone: with a ground from outside, a human decides at every stage
    enabled: bool
    repeat_window: timedelta  # in which the same effect is not brought about twice
    quiet_from: Annotated[time | None, _Quiet]  # to quiet_until, by the recipient's clock, nothing is sent
    quiet_until: Annotated[time | None, _Quiet]
    recipient_per_day: int
    tenant_per_hour: int
    costs: dict[str, float]  # of one effect, by resource


OFFERED: LiteralString = """
    SELECT id, name, description, parameters, destructive, enabled, repeat_window, quiet_from, quiet_until, recipient_per_day,
           tenant_per_hour, costs
      FROM capabilities WHERE tenant_id = %(tenant)s::uuid AND (%(name)s::text IS NULL OR name = %(name)s::text) ORDER BY name
"""


async def offered(tx: ReadTx) -> list[Offer]:
    """What the tenant's employees can be able to do, by name."""
    return await tx.fetch_all(Offer, OFFERED, name=None)


async def offer(tx: ReadTx, *, name: str) -> Offer:
    """The capability of this name. Raises `NotFoundError`."""
    found = await tx.fetch_one(Offer, OFFERED, name=name)
    if found is None:
        raise NotFoundError(f"there is no capability {name!r}")
    return found


HELD: LiteralString = """
    SELECT id, name, description, parameters, destructive, enabled, repeat_window, quiet_from, quiet_until, recipient_per_day,
           tenant_per_hour, costs
      FROM capabilities WHERE tenant_id = %(tenant)s::uuid AND name = %(name)s::text FOR NO KEY UPDATE
"""


async def held(tx: Tx, *, name: str) -> Offer:
    """As `offer`, and nobody else changes it until the transaction ends. For admins: nobody else may hold it."""
    found = await tx.fetch_one(Offer, HELD, name=name)
    return found or await offer(tx, name=name)


async def check(tx: ReadTx, *, capability: str, arguments: JsonValue) -> None:
    """The arguments are what the capability takes, in one statement. Raises `InvalidError` with the first fault, `NotFoundError`."""
    if not isinstance(arguments, dict):
        raise InvalidError("arguments are an object")
    found = await offer(tx, name=capability)
    validator: Any = jsonschema.Draft202012Validator(found.parameters, registry=_NOTHING_ELSE)
    try:
        fault = next(iter(validator.iter_errors(arguments)), None)
    except (Unresolvable, RecursionError):
        # One that was written before such schemas were refused.
        raise InvalidError(f"{capability}: its parameters can't be read: a $ref in them leads nowhere") from None
    if fault is not None:
        where = "/".join(str(part) for part in fault.absolute_path) or "arguments"
        raise InvalidError(f"{capability}: {where}: {fault.message}"[:2000])


def _check_schema(parameters: dict[str, JsonValue]) -> None:
    """Raises `InvalidError` for what is no JSON schema, and for one that is not whole by itself."""
    try:
        jsonschema.Draft202012Validator.check_schema(parameters)
        root: Any = _NOTHING_ELSE.with_resource("", DRAFT202012.create_resource(parameters)).resolver()
        _follow(parameters, root)
    except jsonschema.SchemaError as error:
        raise InvalidError(f"the parameters are no JSON schema: {error.message}"[:2000]) from error
    except (Unresolvable, ValueError):
        raise InvalidError("the parameters are no JSON schema: a $ref in them leads nowhere") from None
    except RecursionError:
        raise InvalidError("the parameters are no JSON schema that can be read: they lie too deep") from None


def _follow(part: JsonValue, resolver: Any) -> None:
    """Every $ref is within the schema, and leads somewhere; a chain of them that comes back to itself leads nowhere."""
    if isinstance(part, list):
        for each in part:
            _follow(each, resolver)
    if not isinstance(part, dict):
        return
    if isinstance(part.get("$id"), str):
        resolver = resolver.in_subresource(DRAFT202012.create_resource(part))
    seen: list[object] = []
    here: Any = part
    where = resolver
    while isinstance(here, Mapping):
        followed = cast("Mapping[str, JsonValue]", here)
        target = next((followed[name] for name in ("$ref", "$dynamicRef") if isinstance(followed.get(name), str)), None)
        if not isinstance(target, str):
            break
        if not target.startswith("#"):
            raise InvalidError('a $ref of the parameters begins with "#": nothing is fetched from elsewhere')
        if any(followed is before for before in seen):
            raise InvalidError("the parameters are no JSON schema: a $ref in them leads back to itself")
        seen.append(followed)
        resolved = where.lookup(target)
        here, where = resolved.contents, resolved.resolver
    for each in part.values():
        _follow(each, resolver)


CHANGE: LiteralString = """
    UPDATE capabilities
       SET parameters = coalesce(%(parameters)s::jsonb, parameters), destructive = coalesce(%(destructive)s::boolean, destructive),
           enabled = coalesce(%(enabled)s::boolean, enabled), repeat_window = coalesce(%(repeat_window)s::interval, repeat_window),
           quiet_from = CASE WHEN %(has_quiet_hours)s::boolean THEN %(quiet_from)s::time ELSE quiet_from END,
           quiet_until = CASE WHEN %(has_quiet_hours)s::boolean THEN %(quiet_until)s::time ELSE quiet_until END,
           recipient_per_day = coalesce(%(recipient_per_day)s::int, recipient_per_day),
           tenant_per_hour = coalesce(%(tenant_per_hour)s::int, tenant_per_hour), costs = coalesce(%(costs)s::jsonb, costs)
     WHERE tenant_id = %(tenant)s::uuid AND name = %(name)s::text
"""


async def change(
    tx: Tx,
    *,
    name: str,
    parameters: dict[str, JsonValue] | None = None,
    destructive: bool | None = None,
    enabled: bool | None = None,
    repeat_window: timedelta | None = None,
    quiet_hours: Quiet | None = None,
    recipient_per_day: int | None = None,
    tenant_per_hour: int | None = None,
    costs: dict[str, float] | None = None,
) -> Offer:
    """The capability's limits are these from now on; what is None stays, and `(None, None)` are no quiet hours. Admins alone.

    Raises `NotFoundError`, `ForbiddenError`, `InvalidError` for limits out of bounds and for parameters that are no JSON schema.
    """
    await offer(tx, name=name)
    if parameters is not None:
        _check_schema(parameters)
    quiet_from, quiet_until = quiet_hours or (None, None)
    changed = await tx.execute(
        CHANGE,
        name=name,
        parameters=parameters,
        destructive=destructive,
        enabled=enabled,
        repeat_window=repeat_window,
        has_quiet_hours=quiet_hours is not None,
        quiet_from=quiet_from,
        quiet_until=quiet_until,
        recipient_per_day=recipient_per_day,
        tenant_per_hour=tenant_per_hour,
        costs=costs,
    )
    if not changed:
        raise ForbiddenError("the caller's role does not allow this")
    return await offer(tx, name=name)
