"""One mail (RFC 5322) becomes one observation of the employee whose mailbox it lies in.

It comes from outside. Nothing in it raises, and nothing in it takes more than the limits: what is odd is noted, and what can't be
read is a fault. Attachments are noted, never kept.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from empla.senses import mail_headers, mail_parts, mail_text
from empla.senses.mail_headers import Address, Head
from empla.senses.mail_parts import Part, Tree
from empla.senses.observation import Findings, NewObservation
from empla.settings import Settings

SOURCE = "mail"
RECEIVED, SENT = "mail_received", "mail_sent"

LONGEST_SUBJECT = 1000  # characters
LONGEST_DESCRIPTION = 500
MOST_REFERENCES = 50

_KNOWN = ("from", "to", "cc", "subject", "date", "message-id", "received")
# Whose clock is a little fast has not written in the future.
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Receipt:
    """When the mailbox got it, and by how much that may be wrong: an mbox says it without a time zone."""

    at: datetime
    give_or_take: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Parsed:
    observation: NewObservation | None  # None: the findings have a fault
    findings: Findings


def parse(raw: bytes, *, recipient: str, receipt: Receipt, settings: Settings) -> Parsed:
    """The mail as an observation. Never raises, whatever the bytes are."""
    findings = Findings()
    if len(raw) > settings.mail_max_bytes:
        findings.faults.append(too_large(settings))
        return Parsed(None, findings)
    try:
        observation = _observation(raw, recipient, receipt, settings, findings)
    except Exception as problem:  # noqa: BLE001 — the last fence: one mail must not keep the others from being read
        findings.faults.append(f"can't be read ({type(problem).__name__})")
        return Parsed(None, findings)
    return Parsed(observation, findings)


def too_large(settings: Settings) -> str:
    return f"larger than {settings.mail_max_bytes:,} bytes (EMPLA_MAIL_MAX_BYTES)"


def _observation(
    raw: bytes, recipient: str, receipt: Receipt, settings: Settings, findings: Findings
) -> NewObservation | None:
    # An IMAP server and a file end the lines of one mail differently; it is the same mail.
    raw = raw.replace(b"\r\n", b"\n").rstrip(b"\n")
    written, body = mail_headers.split(raw)
    head = Head(written)
    if not any(name in head for name in _KNOWN):
        findings.faults.append("no mail: it has no header that mails have")
        return None
    if head.cut:
        findings.notes.append(f"more than {mail_headers.LONGEST_HEAD:,} bytes of headers")
    message_id, external_id = _names(head, raw, findings)
    sender = _sender(head, findings)
    others = {name: head.addresses(name) for name in ("to", "cc", "reply-to")}
    tree = mail_parts.read(head, body)
    findings.notes.extend(tree.notes)
    text, truncated = _text(tree, settings.mail_max_text, findings)
    subject = head.words("subject", LONGEST_SUBJECT)
    content: dict[str, JsonValue] = {
        "from": sender.email if sender else None,
        "from_name": sender.name if sender else None,
        "to": [address.email for address in others["to"]],
        "cc": [address.email for address in others["cc"]],
        "reply_to": others["reply-to"][0].email if others["reply-to"] else None,
        "subject": subject,
        "text": text,
        **_thread(head, message_id or external_id),
        "attachments": [_attachment(part) for part in tree.parts if part.attached],
        "message_id": message_id,
        "truncated": truncated,
    }
    if not _fit(content, settings.max_content_bytes):
        findings.faults.append(f"more than {settings.max_content_bytes:,} bytes of headers and attachments' names")
        return None
    people = [*([sender] if sender else []), *others["to"], *others["cc"]]
    return NewObservation(
        source=SOURCE,
        external_id=external_id,
        recipient=recipient,
        kind=SENT if sender and sender.email == recipient.lower() else RECEIVED,
        occurred_at=_occurred_at(head, receipt, findings),
        description=_description(sender, subject),
        participants=tuple(dict.fromkeys(address.email for address in people)),
        content=content,
    )


def _names(head: Head, raw: bytes, findings: Findings) -> tuple[str | None, str]:
    """The Message-ID, and what the observation is called."""
    ids = head.ids("message-id")
    if not ids:
        findings.notes.append("no Message-ID, so its digest names it")
    elif len(ids[0]) > mail_headers.LONGEST_ID:
        findings.notes.append("too long a Message-ID, so its digest names it")
    else:
        return ids[0], ids[0]
    return (mail_headers.named(ids[0]) if ids else None), mail_headers.digest(raw)


def _sender(head: Head, findings: Findings) -> Address | None:
    senders = head.addresses("from")
    if not senders:
        findings.notes.append("no From that can be read")
        return None
    if len(senders) > 1 or head.count("from") > 1:
        findings.notes.append("more than one From; the first counts")
    return senders[0]


def _thread(head: Head, own: str) -> dict[str, JsonValue]:
    """The root of its References, or what it answers, or itself."""
    references = [mail_headers.named(each) for each in head.ids("references")]
    answered = [mail_headers.named(each) for each in head.ids("in-reply-to")]
    if len(references) > MOST_REFERENCES:
        references = [references[0], *references[1 - MOST_REFERENCES :]]
    return {
        "thread": [*references, *answered, own][0],
        "in_reply_to": answered[0] if answered else None,
        "references": list(references),
    }


def _text(tree: Tree, most: int, findings: Findings) -> tuple[str, bool]:
    """What a person reads of it, and whether that is not all: its plain text, or else its HTML as text."""
    bodies = [part for part in tree.parts if not part.attached]
    for kind, most_read in (("text/plain", most), ("text/html", mail_text.LONGEST_HTML)):
        texts: list[str] = []
        cut = False
        for part in bodies:
            if part.kind == kind:
                # Some charsets have four bytes for a character, and a BOM.
                content = part.content()
                cut = cut or len(content) > 4 * most_read + 4
                charset = part.charset or (mail_text.charset_of_html(content) if kind == "text/html" else None)
                decoded, unknown = mail_text.decode(content[: 4 * most_read + 4], charset)
                if unknown is not None:
                    findings.notes.append(f'a charset "{mail_text.line(unknown, 40)}", which is none that is known')
                cut = cut or (kind == "text/html" and len(decoded) > most_read)
                texts.append(mail_text.of_html(decoded) if kind == "text/html" else mail_text.clean(decoded))
        text = "\n\n".join(filter(None, texts))
        if text:
            return text[:most].rstrip(), cut or len(text) > most
    return "", False


def _attachment(part: Part) -> JsonValue:
    return {"name": part.name, "type": part.kind, "bytes": len(part.content())}


def _fit(content: dict[str, JsonValue], most: int) -> bool:
    """Shortens the text until the content may be kept; False when even without any it may not."""
    text = str(content["text"])
    written = json.dumps(text, ensure_ascii=False).encode()
    room = most - (len(json.dumps(content, ensure_ascii=False).encode()) - len(written)) - len('""')
    if room < 0:
        return False
    if len(written) - len('""') > room:
        # A character is written in at most its own bytes and one more, a backslash.
        content["text"] = text.encode()[: room // 2].decode(errors="ignore")
        content["truncated"] = True
    return True


def _occurred_at(head: Head, receipt: Receipt, findings: Findings) -> datetime:
    """When it says that it was sent. A sender may say anything, but nothing is sent after it was received."""
    stated = head.moment("date")
    if stated is None:
        findings.notes.append("no Date that can be read; the time of receipt counts")
        return receipt.at
    if stated <= receipt.at + receipt.give_or_take:
        return stated
    if stated > receipt.at + receipt.give_or_take + _CLOCKS_DIFFER:
        findings.notes.append("a Date after its receipt; the time of receipt counts")
    return receipt.at


def _description(sender: Address | None, subject: str) -> str:
    who = "Somebody" if sender is None else f"{sender.name} <{sender.email}>" if sender.name else sender.email
    said = f"{who} wrote: {subject}" if subject else f"{who} wrote without a subject"
    return mail_text.line(said, LONGEST_DESCRIPTION)
