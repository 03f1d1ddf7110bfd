"""An employee whose effects leave: what carries them, how far it is trusted, and what its people decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from living import Living, hired
from pydantic import JsonValue

from empla.effects import approvals, effects, integrations
from empla.effects.approvals import Approval, Decided, Verdict, Wording
from empla.effects.effects import Effect
from empla.employees import capabilities, lifecycle
from empla.employees.employees import Stage
from empla.mind import deciding
from empla.storage.database import Database

SEND: dict[str, Any] = {"action": "send", "to": "jane@prospect.example", "subject": "Hello {who}", "text": "Dear {who}"}


@dataclass
class Leaver(Living):
    """Every call is a transaction of its own, as whoever would do it."""

    async def is_trusted(self, stage: Stage) -> None:
        """A manager promotes it, stage by stage."""
        for to in lifecycle.STAGES[1 : lifecycle.STAGES.index(stage) + 1]:
            async with self.database.write(self.caller) as tx:
                await lifecycle.promote(tx, employee=self.employee, to=to)

    async def has_mail(self, folder: Path, name: str = "mail") -> None:
        """Its mails go into a folder, from now on."""
        async with self.database.write(self.caller) as tx:
            await integrations.connect(
                tx, name=name, capability="email", kind="maildir", settings={"folder": str(folder)}
            )

    async def may(self, capability: str = "email", **limits: Any) -> None:
        """The capability has these limits."""
        async with self.database.write(self.caller) as tx:
            await capabilities.change(tx, name=capability, **limits)

    async def is_to_write(self, *steps: dict[str, Any], who: str = "Jane", tainted: bool = True) -> None:
        """Something happens that it writes for, in the world outside unless said."""
        await self.learns("write", *(steps or (SEND,)), triggers=["occasion"])
        await self.meets("occasion", who=who, tainted=tainted)

    async def outgoing(self) -> list[Effect]:
        """The messages and calls, the oldest first."""
        return [effect for effect in await self.effects() if effect.kind in {"message", "call"}]

    async def asked(self, which: Literal["waiting", "drafts", "all"] = "waiting") -> list[Approval]:
        """What its people are asked, the oldest first."""
        async with self.database.read(self.caller) as tx:
            return list(reversed(await approvals.listed(tx, employee=self.employee, which=which)))

    async def decides(
        self, approval: UUID, verdict: Verdict = "approve", reason: str | None = None, **wording: JsonValue
    ) -> Decided:
        """The operator decides."""
        async with self.database.write(self.caller) as tx:
            return await deciding.decide(
                tx, approval=approval, verdict=verdict, reason=reason, wording=Wording.model_validate(wording)
            )

    async def effect(self, effect: UUID) -> Effect:
        async with self.database.read(self.caller) as tx:
            return await effects.find(tx, named=str(effect))


async def a_leaver(
    database: Database,
    folder: Path,
    *,
    stage: Stage = "supervised",
    able: Sequence[str] = ("email",),
    config: dict[str, JsonValue] | None = None,
) -> Leaver:
    """A fresh employee whose mails go into the folder, at any hour of the day."""
    living = await hired(database, able=able, config=config)
    leaver = Leaver(database, living.caller, living.employee)
    await leaver.is_trusted(stage)
    await leaver.has_mail(folder)
    await leaver.may(quiet_hours=(None, None))
    return leaver


def mails(folder: Path) -> list[EmailMessage]:
    """What lies in the folder, by subject."""
    found = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in (folder / "new").glob("*")]
    return sorted(found, key=lambda mail: str(mail["Subject"]))
