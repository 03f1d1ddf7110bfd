"""An ETag is of the very bytes that were answered; a change says with it what the caller saw."""

import hashlib
import re
from collections.abc import Sequence

from pydantic import BaseModel

from empla.api.problems import ChangedError, MalformedError, UnmatchedError

_TAG = re.compile(r'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"\s*,*\s*(?:{_TAG.pattern.replace('?P<weak>', '').replace('?P<opaque>', '')}\s*(?:,\s*|$))+")


def etag(body: bytes) -> str:
    """A strong one: two answers that have it are the same, byte for byte."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def _tags(sent: Sequence[str], header: str) -> list[str]:
    """As they were sent, `W/` included. Raises `MalformedError`."""
    text = ", ".join(sent)
    if not _LIST.fullmatch(text):
        raise MalformedError(f'{header} is * or a list of ETags such as "4f2a…", quotes included')
    return [found[0] for found in _TAG.finditer(text)]


def is_known(body_tag: str, if_none_match: Sequence[str]) -> bool:
    """Whether the caller has it already: compared weakly, as RFC 9110 says for If-None-Match."""
    if not if_none_match:
        return False
    if [text.strip() for text in if_none_match] == ["*"]:
        return True
    return body_tag in {tag.removeprefix("W/") for tag in _tags(if_none_match, "If-None-Match")}


class Seen:
    """What the caller saw of the thing it wants to change."""

    def __init__(self, if_match: Sequence[str]) -> None:
        """Raises `UnmatchedError` when nothing is said, `MalformedError`."""
        if not if_match:
            raise UnmatchedError("send If-Match with the ETag that you saw, or * to change it whatever it is by now")
        self._any = [text.strip() for text in if_match] == ["*"]
        self._tags = [] if self._any else _tags(if_match, "If-Match")

    def check(self, record: BaseModel) -> None:
        """Raises `ChangedError` when the record, held by this transaction, is another than what was seen; a weak ETag says too little."""
        if not self._any and etag(record.__pydantic_serializer__.to_json(record)) not in self._tags:
            raise ChangedError("it is not what you saw any more: get it again, and decide anew")
