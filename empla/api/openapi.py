"""What the OpenAPI tells of an operation: made from its declaration, so that it can't say anything else."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue
from starlette.responses import Response

from empla.api import problems
from empla.api.doors import ANY
from empla.api.paging import Page

if TYPE_CHECKING:
    from empla.api.operations import Operation

NO_CONTENT = 204
MAX_KEY = 200  # characters of an Idempotency-Key


def is_documented(answer: Any) -> bool:
    """It has a shape of its own."""
    return answer is not None and not (isinstance(answer, type) and issubclass(answer, Response))


def description(operation: "Operation") -> str:
    """What its handler says, and who may."""
    told = [inspect.getdoc(operation.handler) or ""]
    if operation.scope is not None:
        scope = "Any credential" if operation.scope == ANY else f"Scope `{operation.scope}`"
        told.append(f"{scope}; for {', '.join(sorted(operation.roles))}.")
    return "\n\n".join(part for part in told if part)


def answers(operation: "Operation") -> dict[int | str, dict[str, Any]]:
    """Each status that it can be answered with."""
    refused = {400, 408, 413, 422, 429, 431, 500, 503, *operation.refusals}
    if operation.scope is not None:
        refused |= {401, 403}
    if "{" in operation.path:
        refused.add(404)
    if operation.writes:
        refused.add(409)
    if operation.method in {"POST", "PATCH", "PUT"}:
        refused.add(415)
    if operation.matched:
        refused |= {412, 428}
    by_status: dict[int, list[str]] = {}
    for sort in problems.sorts():
        by_status.setdefault(sort.status, []).append(sort.title)
    found: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "; or ".join(by_status[status]),
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(refused)
    }
    done: dict[str, Any] = {"description": operation.summary}
    if operation.status != NO_CONTENT and is_documented(operation.answer):
        done["headers"] = _answer_headers(operation)
    if operation.method == "GET" and not operation.streams:
        found[304] = {"description": "You have it already"}
    return {operation.status: done, **found}


def _answer_headers(operation: "Operation") -> dict[str, Any]:
    text: dict[str, Any] = {"schema": {"type": "string"}}
    headers: dict[str, Any] = {} if operation.secret else {"ETag": {"description": "Of these very bytes.", **text}}
    if operation.location is not None:
        headers["Location"] = {"description": "Where it is.", **text}
    if isinstance(operation.answer, type) and issubclass(operation.answer, Page):
        headers["Link"] = {"description": 'rel="next": the next page.', **text}
    return headers


def additions(operation: "Operation") -> dict[str, Any]:
    """What the frameworks have no word for: who may, and which headers it takes."""
    extra: dict[str, Any] = {"security": [] if operation.scope is None else [{"credential": []}]}
    if operation.scope is not None:
        extra["x-scope"] = operation.scope
        extra["x-roles"] = sorted(operation.roles)
    headers: dict[str, tuple[str, Mapping[str, JsonValue]]] = {}
    if operation.keyed:
        headers["Idempotency-Key"] = (
            "A word of yours for this request: sent again with it, it is done once.",
            {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
        )
    if operation.matched:
        headers["If-Match"] = ("The ETag of what you saw, or *.", {"type": "string"})
    if headers:
        extra["parameters"] = [
            {"name": name, "in": "header", "required": name == "If-Match", "description": about, "schema": schema}
            for name, (about, schema) in headers.items()
        ]
    return extra
