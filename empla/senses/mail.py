"""Mailboxes are read, mail by mail, into one reading: each mail once, what is odd with its place."""

import hashlib
from dataclasses import dataclass, field

from empla.senses import mail_message
from empla.senses.mail_message import Receipt
from empla.senses.observation import Findings, NewObservation, Oddity, Reading
from empla.settings import Settings

SOURCE = mail_message.SOURCE


@dataclass(slots=True)
class Pile:
    """The mails of one mailbox so far. The place of a mail is its line in the file, or the name of its own file."""

    recipient: str  # e-mail of the employee whose mailbox it is
    box: str  # what the mailbox is called in oddities
    settings: Settings
    observations: dict[str, NewObservation] = field(default_factory=dict[str, NewObservation])  # by external id
    oddities: list[Oddity] = field(default_factory=list[Oddity])
    count: int = 0
    left_out: int = 0
    digests: list[bytes] = field(default_factory=list[bytes])

    def add(self, raw: bytes, *, receipt: Receipt, line: int | None = None, item: str | None = None) -> None:
        """This mail is read, or an oddity says why not."""
        self.digests.append(hashlib.sha256(raw).digest())
        parsed = mail_message.parse(raw, recipient=self.recipient, receipt=receipt, settings=self.settings)
        findings, observation = parsed.findings, parsed.observation
        if observation is not None:
            first = self.observations.setdefault(observation.external_id, observation)
            if first is not observation:
                same = first.content == observation.content
                findings.faults.append("a copy of one before it" if same else "the Message-ID of another one before it")
        self._note(findings, line, item)

    def leave_out(self, reason: str, *, line: int | None = None, item: str | None = None) -> None:
        """There is a mail that was not even fetched."""
        self.digests.append(hashlib.sha256(f"{line} {item} {reason}".encode(errors="replace")).digest())
        self._note(Findings(faults=[reason]), line, item)

    def _note(self, findings: Findings, line: int | None, item: str | None) -> None:
        self.count += 1
        self.left_out += bool(findings.faults)
        self.oddities.extend(findings.oddities(self.box, line, item))

    def reading(self) -> Reading:
        """All of it, the oldest mail first."""
        return Reading(
            observations=sorted(self.observations.values(), key=lambda each: (each.occurred_at, each.external_id)),
            oddities=self.oddities,
            rows_read=self.count,
            rows_left_out=self.left_out,
            digest=hashlib.sha256(b"".join(sorted(self.digests))).hexdigest(),
        )
