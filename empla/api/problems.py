"""Every error of ours becomes a problem (RFC 9457) of one sentence, in this one place: no stack, no SQL, no secret leaves."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, Field
from starlette.responses import Response

from empla.access.idempotency import OtherRequestError
from empla.access.passwords import LockedOutError
from empla.errors import (
    ConflictError,
    EmplaError,
    FaultyError,
    InvalidError,
    Kind,
    NotFoundError,
    UnavailableError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 20  # of a body, that are told at once
_LONGEST_FAULT = 1000  # characters


class MalformedError(UsageError):
    """The request can't be read."""


class NowhereError(NotFoundError):
    """There is nothing at this address."""


class MethodError(UsageError):
    """The address takes other methods."""


class ChangedError(ConflictError):
    """It is not what the caller saw any more."""


class UnmatchedError(UsageError):
    """A change does not say what the caller saw."""


class TooLargeError(UsageError):
    """The body is larger than what is taken."""


class HeadTooLargeError(UsageError):
    """The headers are larger than what is taken."""


class MediaTypeError(UsageError):
    """The body is of a kind that is not taken."""


class SlowBodyError(UsageError):
    """The body did not come in time."""


class TooManyError(UnavailableError):
    """The caller asks more often than it may."""


class BusyError(UnavailableError):
    """As many requests as can be are answered already."""


class TookTooLongError(UnavailableError):
    """Answering took longer than it may."""


class Fault(BaseModel):
    """What is wrong with one part of a request."""

    pointer: str = Field(description="A JSON pointer into the body (#/email), or the name of a parameter.")
    detail: str = Field(description="One sentence.")


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field(description="urn:empla:problem: and a word that programs can rely on.")
    title: str = Field(description="What kind of problem it is, for people.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What is wrong, in one sentence.")
    instance: str = Field(description="The id of the request: name it when you ask for help.")
    errors: list[Fault] | None = Field(default=None, description="Each fault of what was sent.")
    faults: list[str] | None = Field(default=None, description="What is wrong with a playbook, a sentence each.")


@dataclass(frozen=True, slots=True)
class Sort:
    """A kind of problem."""

    status: int
    name: str
    title: str
    headers: Mapping[str, str] | None = None


# The most special first; what stands in neither is told by its kind.
_BY_CLASS: dict[type[EmplaError], Sort] = {
    MalformedError: Sort(400, "malformed", "The request can't be read"),
    NowhereError: Sort(404, "nowhere", "There is nothing at this address"),
    MethodError: Sort(405, "method", "The method is not taken here"),
    SlowBodyError: Sort(408, "slow", "The request came too slowly", {"Connection": "close"}),
    ChangedError: Sort(412, "changed", "It has changed since you saw it"),
    TooLargeError: Sort(413, "too-large", "The body is too large", {"Connection": "close"}),
    MediaTypeError: Sort(415, "media-type", "The body is of another kind than what is taken"),
    OtherRequestError: Sort(422, "idempotency", "The Idempotency-Key was used for another request"),
    UnmatchedError: Sort(428, "unmatched", "Say what you saw"),
    LockedOutError: Sort(429, "locked", "Too many attempts"),
    TooManyError: Sort(429, "rate", "Too many requests"),
    HeadTooLargeError: Sort(431, "head-too-large", "The headers are too large", {"Connection": "close"}),
    BusyError: Sort(503, "busy", "The service is busy", {"Retry-After": "1"}),
    TookTooLongError: Sort(503, "timeout", "It took too long", {"Retry-After": "1"}),
}
_BY_KIND: dict[Kind, Sort] = {
    "usage": Sort(400, "usage", "The request can't be taken so"),
    "unauthorized": Sort(401, "unauthorized", "Nobody knows who you are", {"WWW-Authenticate": 'Bearer realm="empla"'}),
    "forbidden": Sort(403, "forbidden", "You may not do this"),
    "not_found": Sort(404, "not-found", "There is no such thing"),
    "conflict": Sort(409, "conflict", "It can't be done as things stand"),
    "invalid": Sort(422, "invalid", "What was sent is not valid"),
    "unavailable": Sort(503, "unavailable", "The service can't be used now", {"Retry-After": "5"}),
}
DEFECT = Sort(500, "defect", "Something went wrong here")
_OURS_TO_TELL = (TooManyError, BusyError, TookTooLongError)
_BY_STATUS: dict[int, type[EmplaError]] = {404: NowhereError, 405: MethodError, 413: TooLargeError, 400: MalformedError}


def sort_of(error: EmplaError) -> Sort:
    """What kind of problem it is."""
    for kind in type(error).__mro__:
        if kind in _BY_CLASS:
            return _BY_CLASS[kind]
    return _BY_KIND[error.kind]


def sorts() -> list[Sort]:
    """All there are, by status; the page of the API tells them."""
    return sorted([*_BY_CLASS.values(), *_BY_KIND.values(), DEFECT], key=lambda sort: (sort.status, sort.name))


def detail_of(error: EmplaError) -> str:
    """Its sentence; what an unavailable database said is for its operator."""
    if isinstance(error, UnavailableError) and not isinstance(error, _OURS_TO_TELL):
        return "this can't be done now; try again in a moment"
    if isinstance(error, FaultyError):
        return _first(sentences(error.faults))
    return _sentence(str(error))


def sentences(faults: Sequence[str]) -> list[str]:
    """Each on one line, however it was written."""
    return [_sentence(fault)[:_LONGEST_FAULT] for fault in faults]


def _sentence(text: str) -> str:
    return " ".join(text.split()) if "\n" in text or "\r" in text else text


def _first(faults: Sequence[str]) -> str:
    more = len(faults) - 1
    return faults[0] + (f", and {more} more" if more > 0 else "")


def problem(
    error: EmplaError, *, request_id: str, headers: Mapping[str, str] | None = None, faults: Sequence[Fault] = ()
) -> Response:
    """The answer to whoever asked."""
    sort = sort_of(error)
    told = dict(headers or {})
    if isinstance(error, LockedOutError):
        told["Retry-After"] = str(math.ceil(error.retry_after))
    wrong = sentences(error.faults)[:MOST_FAULTS] if isinstance(error, FaultyError) else ()
    return written(sort, detail_of(error), request_id=request_id, headers=told, faults=faults, wrong=wrong)


def defect(*, request_id: str) -> Response:
    """The answer when it is our fault: the log has the rest under this id."""
    return written(
        DEFECT, "something went wrong here; it was noted under the id of this request", request_id=request_id
    )


def written(
    sort: Sort,
    detail: str,
    *,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
    wrong: Sequence[str] = (),
) -> Response:
    """A problem as JSON."""
    document: dict[str, Any] = {
        "type": f"urn:empla:problem:{sort.name}",
        "title": sort.title,
        "status": sort.status,
        "detail": detail,
        "instance": request_id,
    }
    if faults:
        document["errors"] = [fault.model_dump() for fault in faults]
    if wrong:
        document["faults"] = list(wrong)
    return Response(
        json.dumps(document, ensure_ascii=False).encode(errors="replace"),
        sort.status,
        {**(sort.headers or {}), **(headers or {})},
        MEDIA_TYPE,
    )


def of_status(status: int, detail: str) -> EmplaError:
    """What the frameworks refuse, as an error of ours."""
    if status == 404:  # noqa: PLR2004 — a status is its own name
        return NowhereError("there is nothing at this address")
    if status == 405:  # noqa: PLR2004
        return MethodError("this address does not take that method; the Allow header says which it takes")
    return _BY_STATUS.get(status, MalformedError)(detail)


_KINDS = {  # pydantic speaks Python; whoever wrote the JSON should not have to
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "uuid_parsing": "must be an id (a UUID)",
    "uuid_type": "must be an id (a UUID)",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_short": "must not be empty",
    "json_invalid": "is not JSON",
}


def faults_of(errors: Sequence[Any]) -> list[Fault]:
    """What pydantic found wrong with a request; values that were sent are never repeated, for they may be secrets."""
    found: dict[str, Fault] = {}
    for error in errors[:MOST_FAULTS]:
        told = cast("dict[str, Any]", error)
        where, *path = told["loc"]
        pointer = "#" + "".join(f"/{_escaped(step)}" for step in path) if where == "body" else ".".join(map(str, path))
        name = ".".join(map(str, path)) or "the body"
        must = _KINDS.get(told["type"]) or re.sub(r"^(Value error, |[Ii]nput should |\w+ should )", "", told["msg"])
        if not re.match(r"(must|is|has|can't) ", must):
            must = f"must {must}"
        found.setdefault(pointer, Fault(pointer=pointer, detail=f"{name} {must}"))
    return list(found.values())


def _escaped(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")[:100]


def invalid(faults: Sequence[Fault]) -> InvalidError:
    """The first fault as the sentence; how many more there are."""
    return InvalidError(_first([fault.detail for fault in faults]))
