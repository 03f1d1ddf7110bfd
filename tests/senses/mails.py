"""One good mail that each test spoils in its own way."""

from datetime import UTC, datetime
from typing import Any

from empla.senses import mail_message
from empla.senses.mail_message import Parsed, Receipt
from empla.senses.observation import NewObservation
from empla.settings import Settings

ME = "jordan@acme.example"
RECEIVED = datetime(2025, 3, 3, 9, 30, tzinfo=UTC)
HEAD = (
    b"From: Jane Doe <Jane@Prospect.example>\nTo: jordan@acme.example\nSubject: The budget\n"
    b"Date: Mon, 3 Mar 2025 10:00:00 +0100\nMessage-ID: <1@prospect.example>\n"
)


def parse(raw: bytes, **settings: Any) -> Parsed:
    return mail_message.parse(raw, recipient=ME, receipt=Receipt(RECEIVED), settings=Settings(**settings))


def observed(raw: bytes, **settings: Any) -> NewObservation:
    """What it becomes, when there is nothing to remark."""
    parsed = parse(raw, **settings)
    assert (parsed.findings.faults, parsed.findings.notes) == ([], [])
    assert parsed.observation is not None
    return parsed.observation


def noted(raw: bytes, **settings: Any) -> tuple[NewObservation, list[str]]:
    parsed = parse(raw, **settings)
    assert parsed.findings.faults == []
    assert parsed.observation is not None
    return parsed.observation, parsed.findings.notes
