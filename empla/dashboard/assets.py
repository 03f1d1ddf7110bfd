"""What a page loads beside itself: files of this package, compressed once, at an address that changes when they do."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from empla.errors import NotFoundError

PATH = "/assets"
_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_WORTH_IT = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    zipped: bytes | None
    kind: str
    digest: str


@cache
def _all() -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    folders = [("", resources.files("empla.dashboard") / "static")]
    while folders:
        before, folder = folders.pop()
        for entry in folder.iterdir():
            name = before + entry.name
            if entry.is_dir():
                folders.append((f"{name}/", entry))
            elif (kind := _KINDS.get(name.rpartition(".")[2])) is not None:
                body = entry.read_bytes()
                zipped = gzip.compress(body, 9, mtime=0) if len(body) >= _WORTH_IT else None
                found[name] = Asset(body, zipped, kind, hashlib.sha256(body).hexdigest()[:12])
    return found


def address(name: str) -> str:
    """Where a page finds this file; another address as soon as it is another file. Raises `KeyError`: a template has a slip of the pen."""
    return f"{PATH}/{_all()[name].digest}/{name}"


async def asset(request: Request) -> Response:
    """The file, to be kept for ever: whoever wants another version asks elsewhere."""
    found = _all().get(request.path_params["name"])
    if found is None or found.digest != request.path_params["digest"]:
        raise NotFoundError("there is no such file")
    headers = {**_FOR_EVER, "Vary": "Accept-Encoding"}
    if found.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.kind)
    return Response(found.body, headers=headers, media_type=found.kind)
