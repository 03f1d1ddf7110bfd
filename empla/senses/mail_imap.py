"""A mailbox on an IMAP server. It is only read: opened with EXAMINE and fetched with PEEK, so nothing is moved or marked as seen."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from empla.errors import InvalidError
from empla.senses.imap_client import ImapAccount, ImapClient, Sized
from empla.senses.mail import Pile
from empla.senses.mail_message import Receipt, too_large
from empla.senses.observation import Reading
from empla.settings import Settings

MOST_MAILS = 1000  # that one call reads, unless it is told otherwise

_SIZES_AT_ONCE = 200  # mails per question
_MAILS_AT_ONCE = 50  # mails per question,
_BYTES_AT_ONCE = 20_000_000  # unless these have more bytes together
_GONE = "gone before it could be read, or not to be had from the server"
_CURSOR = re.compile(r"([0-9]{1,10}):([0-9]{1,10})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ImapCursor:
    """How far a folder was read: written `1709458800:42`, its UIDVALIDITY and the UID of the last mail."""

    validity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.validity}:{self.uid}"

    @classmethod
    def parse(cls, text: str) -> "ImapCursor":
        """Raises `InvalidError` when it is none."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise InvalidError(f"{text[:40]!r} does not say how far a folder was read; that looks like 1709458800:42")
        return cls(int(found[1]), int(found[2]))


@dataclass(frozen=True, kw_only=True)
class ImapReading(Reading):
    cursor: ImapCursor  # the next call begins after it
    waiting: int  # mails that the limit kept for the next call


async def read_imap(
    account: ImapAccount,
    *,
    recipient: str,
    settings: Settings,
    since: ImapCursor | None = None,
    limit: int | None = None,
) -> ImapReading:
    """The mails of the folder that came after `since`, at most `limit` (1,000), those that came first.

    It is the mailbox of `recipient`, the e-mail of an employee.

    When the folder's numbers were given anew (another UIDVALIDITY), it begins with the first mail; the inbox knows what it had.
    A mail that is too large is not downloaded. Raises `UnavailableError` when the server fails, `InvalidError` when it refuses the
    login or the folder, or the account can't be used safely.
    """
    client = ImapClient(account, timeout=settings.mail_timeout)
    pile = Pile(recipient, account.folder, settings)
    try:
        return await asyncio.to_thread(_read, client, pile, account.folder, since, limit or MOST_MAILS)
    except asyncio.CancelledError:
        client.abort()  # or the thread would wait for the server
        raise


def _read(client: ImapClient, pile: Pile, folder: str, since: ImapCursor | None, limit: int) -> ImapReading:
    with client:
        validity = client.open(folder)
        last = since.uid if since is not None and since.validity == validity else 0
        numbers = client.numbers_after(last)
        chosen = numbers[:limit]
        for start in range(0, len(chosen), _SIZES_AT_ONCE):
            _read_some(client, pile, chosen[start : start + _SIZES_AT_ONCE])
    reading = pile.reading()
    return ImapReading(
        observations=reading.observations,
        oddities=reading.oddities,
        rows_read=reading.rows_read,
        rows_left_out=reading.rows_left_out,
        digest=reading.digest,
        cursor=ImapCursor(validity, chosen[-1] if chosen else last),
        waiting=len(numbers) - len(chosen),
    )


def _read_some(client: ImapClient, pile: Pile, uids: Sequence[int]) -> None:
    most = pile.settings.mail_max_bytes
    sizes = client.sizes(uids)
    small = [uid for uid in uids if uid in sizes and sizes[uid].size <= most]
    for uid in uids:
        if uid in sizes and sizes[uid].size > most:
            pile.leave_out(too_large(pile.settings), line=uid)
        elif uid not in sizes:
            pile.leave_out(_GONE, line=uid)
    for batch in _batches(small, sizes):
        # Some servers count a little less than they send.
        mails = client.mails(batch, most=most, budget=2 * sum(sizes[uid].size for uid in batch) + 1_000_000)
        for uid in batch:
            if uid in mails:
                pile.add(mails[uid], receipt=Receipt(sizes[uid].arrived_at), line=uid)
            else:
                pile.leave_out(_GONE, line=uid)


def _batches(uids: Sequence[int], sizes: dict[int, Sized]) -> Iterator[list[int]]:
    batch: list[int] = []
    total = 0
    for uid in uids:
        if batch and (len(batch) == _MAILS_AT_ONCE or total + sizes[uid].size > _BYTES_AT_ONCE):
            yield batch
            batch, total = [], 0
        batch.append(uid)
        total += sizes[uid].size
    if batch:
        yield batch
