"""Options that many commands share, and the settings they make."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import ValidationError

from empla.errors import UsageError
from empla.settings import Settings

Home = Annotated[
    Path | None, Parameter(help="Folder of the embedded server (or EMPLA_HOME); unused with EMPLA_DATABASE_URL.")
]
Tenant = Annotated[str, Parameter(help="The tenant's slug.")]
Employee = Annotated[str, Parameter(help="The employee's e-mail.")]
AsUser = Annotated[str | None, Parameter(help="Ask as this user (e-mail) instead of as the operator.")]
OnlyEmployee = Annotated[str | None, Parameter(help="Only those of this employee (e-mail).")]
Limit = Annotated[int, Parameter(validator=Number(gte=1, lte=1000), help="At most so many.")]
AsOf = Annotated[str | None, Parameter(help="A date (the end of that UTC day) or a time like 2017-04-01T12:00:00Z.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


def settings_for(home: Path | None, **overrides: object) -> Settings:
    """The environment's settings, with what the command line says on top. Raises `UsageError`, which never tells a value."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = [f"EMPLA_{str(part['loc'][0]).upper()} ({part['msg'].lower()})" for part in error.errors()]
        raise UsageError(f"these settings are wrong: {', '.join(wrong)}; see docs/settings.md") from None
    if home is not None:
        overrides["home"] = home.expanduser()
    return settings.model_copy(update=overrides) if overrides else settings
