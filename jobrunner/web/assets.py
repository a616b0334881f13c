"""The package's own style sheets and scripts, served under an address that changes with what they hold."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import rcssmin
import rjsmin
from fastapi import APIRouter, Request
from starlette.responses import Response

from jobrunner.web.faults import NoSuchPage

PREFIX = "/static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
# without what only those who write them need
_LEAN: dict[str, Callable[[str], str]] = {".css": rcssmin.cssmin, ".js": rjsmin.jsmin}
FOREVER, CHECKED = "public, max-age=31536000, immutable", "no-cache"


class Assets:
    """The files of one directory, read once.

    One digest over all of them stands in the address before the name, so that a script finds its sisters
    beside it (``./live.js``) and nothing old is ever mixed with something new.
    """

    def __init__(self, directory: Path = Path(__file__).parent / "static") -> None:
        found = sorted(file for file in directory.iterdir() if file.suffix in KINDS and file.is_file())
        self.files = {
            file.name: _LEAN.get(file.suffix, str)(file.read_text("utf-8")).encode() for file in found
        }
        self.packed = {name: gzip.compress(content, mtime=0) for name, content in self.files.items()}
        digest = hashlib.sha256()
        for name, content in self.files.items():
            digest.update(f"{name}\n{len(content)}\n".encode() + content)
        self.version = digest.hexdigest()[:12]

    def path(self, name: str) -> str:
        """Returns the address of a file below the application's root; raises KeyError for a name that is not there."""
        if name not in self.files:
            raise KeyError(name)
        return f"{PREFIX}/{self.version}/{name}"


router = APIRouter(prefix=PREFIX, include_in_schema=False)


@router.get("/{version}/{name}")
async def file(request: Request, version: str, name: str) -> Response:
    """Serves one file; another version's address gives this one's content, but nobody keeps it."""
    assets: Assets = request.app.state.web.assets
    content = assets.files.get(name)
    if content is None:
        raise NoSuchPage
    tag = f'"{assets.version}"'
    headers = {"Cache-Control": FOREVER if version == assets.version else CHECKED, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = assets.packed[name], "gzip"
    return Response(content, headers=headers, media_type=KINDS[Path(name).suffix])
