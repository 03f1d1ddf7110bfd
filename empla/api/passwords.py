"""A person's own password."""

from pydantic import Field

from empla.access import passwords
from empla.api.doors import Desk
from empla.api.operations import Body, Noun

noun = Noun("password", about="A person's own password.")


class ChangePassword(Body):
    """The one that was, and the one that shall be."""

    old: str = Field(max_length=2000, repr=False)
    new: str = Field(max_length=2000, repr=False, description="8 to 1,024 characters.")


@noun.acts(
    "/password",
    "change",
    summary="Another password",
    scope="admin",
    status=204,
    secret=True,
    sends={"old": "correct horse battery", "new": "staple of the trade"},
)
async def change(*, desk: Desk, body: ChangePassword) -> None:
    """All other sign-ins are over. Guesses at the old one count like failed sign-ins. A key may not."""
    await passwords.change(desk.database, desk.caller, old=body.old, new=body.new)
