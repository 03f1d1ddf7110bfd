"""An e-mail from an effect: the same effect is the same bytes, and nobody's text can become a header."""

import re
import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from pydantic import JsonValue

from empla.effects.senders.sender import Outgoing, digest
from empla.errors import InvalidError

MOST_RECIPIENTS = 100  # which every server has to take (RFC 5321, 4.5.3.1.8)
MOST_BYTES = 1_048_576
_LONGEST_ID = 250
# A name is never broken into two lines, and a line of a mail has at most 998 bytes.
_LONGEST_NAME = 200
_LONGEST_TITLE = 1000
# Without quoted local parts and address literals nothing in an address needs to be escaped anywhere.
_LOCAL = re.compile(r"[^\x00-\x20\x7f-\xa0()<>@,;:\\\"\[\].]+(\.[^\x00-\x20\x7f-\xa0()<>@,;:\\\"\[\].]+)*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]+>")
# Never 8 bits in the body, so that no server has to be able to carry them.
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Mail:
    """A finished message and its envelope."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]  # To and Cc, each once
    content: bytes  # lines end with CRLF, and so does the last
    international: bool  # an address is not ASCII, so that the server has to offer SMTPUTF8


def build(outgoing: Outgoing, *, envelope_sender: str | None = None, max_bytes: int = MOST_BYTES) -> Mail:
    """The e-mail of an effect. Raises `InvalidError` for what can't be put into one."""
    sender = address(outgoing.sender_address, what="the sender's address")
    to = _addresses(list(outgoing.recipients), what="a recipient")
    cc = _addresses(outgoing.arguments.get("cc"), what="cc")
    everyone = tuple(dict.fromkeys([*to, *cc]))
    if not to:
        raise InvalidError("an e-mail needs a recipient")
    if len(everyone) > MOST_RECIPIENTS:
        raise InvalidError(f"an e-mail has at most {MOST_RECIPIENTS} recipients, this one has {len(everyone)}")
    reply_to = _addresses(outgoing.arguments.get("reply_to"), what="reply_to")
    envelope = address(envelope_sender, what="the envelope's sender") if envelope_sender else sender
    international = not all(each.isascii() for each in [sender, envelope, *everyone, *reply_to])
    message = EmailMessage(policy=_POLICY.clone(utf8=True) if international else _POLICY)
    message_id = f"<{digest(outgoing.key)[:32]}@{sender.rpartition('@')[2]}>"
    message["Message-ID"] = message_id
    message["Date"] = outgoing.at
    message["From"] = _mailbox(sender, _name(outgoing.sender_name))
    message["To"] = [_mailbox(each) for each in to]
    if cc:
        message["Cc"] = [_mailbox(each) for each in cc]
    if reply_to:
        message["Reply-To"] = [_mailbox(each) for each in reply_to]
    message["Subject"] = _subject(outgoing.title)
    for header in ("In-Reply-To", "References"):
        named = _message_ids(outgoing.arguments.get(header.lower().replace("-", "_")), what=header)
        if named:
            message[header] = " ".join(named)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Empla-Effect"] = str(outgoing.effect)
    _write(message, outgoing.body)
    content = message.as_bytes()
    if len(content) > max_bytes:
        raise InvalidError(f"the e-mail has {len(content)} bytes, and at most {max_bytes} may be sent")
    return Mail(message_id, envelope, everyone, content, international)


def address(text: str, *, what: str) -> str:
    """An address as `local@domain`, the domain in ASCII. Raises `InvalidError` for anything more elaborate."""
    local, _, domain = text.rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    printable = all(unicodedata.category(letter)[0] not in "CZ" for letter in local)
    # 64 and 254 bytes: RFC 5321, 4.5.3.1
    fits = printable and len(local.encode()) <= 64 and len(local.encode()) + len(domain) < 254  # noqa: PLR2004
    if not (fits and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
        raise InvalidError(f"{what} is not an e-mail address: {text[:100]!a}")
    return f"{local}@{domain}"


def _addresses(value: JsonValue, *, what: str) -> list[str]:
    """Addresses of a list, of one text, or none; each once."""
    listed = value if isinstance(value, list) else [] if value is None else [value]
    found: list[str] = []
    for each in listed:
        if not isinstance(each, str):
            raise InvalidError(f"{what} is not an e-mail address")
        found.append(address(each, what=what))
    return list(dict.fromkeys(found))


def _mailbox(plain: str, name: str = "") -> Address:
    local, _, domain = plain.rpartition("@")
    return Address(name, local, domain)


def _name(text: str) -> str:
    """A display name, which has no reason to have a control character."""
    if not all(_writable(letter) for letter in text):
        raise InvalidError("the sender's name has a character that no e-mail may have in it")
    return _no_longer(_literal(" ".join(text.split())), _LONGEST_NAME, what="the sender's name")


def _subject(text: str) -> str:
    """One line: each line break, and whatever else is not a letter, is a space."""
    line = " ".join("".join(letter if _writable(letter) else " " for letter in text).split())
    return _no_longer(_literal(line), _LONGEST_TITLE, what="the title")


def _literal(text: str) -> str:
    """Whoever reads "=?utf-8?q?=0A?=" in a header, and the library that writes it, makes a line break of it."""
    return text.replace("=?", "= ?")


def _no_longer(text: str, most: int, *, what: str) -> str:
    if len(text) > most:
        raise InvalidError(f"{what} has more than {most} characters")
    return text


def _writable(letter: str) -> bool:
    # Control characters, halves of surrogate pairs, line and paragraph separators.
    return unicodedata.category(letter) not in {"Cc", "Cs", "Zl", "Zp"}


def _message_ids(value: JsonValue, *, what: str) -> list[str]:
    """Message ids of a list or of one text with spaces between them; one without its brackets, as observations have it, gets them."""
    listed = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(listed, list):
        raise InvalidError(f"{what} names no message")
    found: list[str] = []
    for each in listed:
        whole = f"<{each}>" if isinstance(each, str) and "<" not in each else each
        if not isinstance(whole, str) or len(whole) > _LONGEST_ID or not _MESSAGE_ID.fullmatch(whole):
            raise InvalidError(f"{what} names no message: {ascii(each)[:100]}")
        found.append(whole)
    return found


def _write(message: EmailMessage, body: str) -> None:
    if any(unicodedata.category(letter) == "Cs" for letter in body):
        raise InvalidError("the text has half of a surrogate pair in it, which is no letter")
    # A control character is carried, but not bare.
    bare = any(unicodedata.category(letter) == "Cc" and letter not in "\t\r\n" for letter in body)
    message.set_content(body, charset="utf-8", cte="base64" if bare else None)
