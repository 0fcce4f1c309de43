"""The page's own files, read from the package once: no path from a request ever reaches the file system."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

# Package data holds no pictures; the mark is small enough to stand here.
ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#151b21"/>'
    b'<path d="M16 16 L27 9 A13 13 0 0 1 27 23 Z" fill="#6ee7d8"/>'
    b'<circle cx="16" cy="16" r="12" fill="none" stroke="#6ee7d8" stroke-width="2.5"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file and the tag that changes with its content."""

    body: bytes = field(repr=False)
    media_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, media_type: str) -> Asset:
        """Tagged by its content."""
        return cls(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:16]}"')

    async def response(self, request: Request) -> Response:
        """The file, or 304 if the browser has this very content."""
        headers = {"ETag": self.etag, "Cache-Control": "no-cache"}
        # A proxy or our own compression may have weakened the tag; the content is the same.
        known = request.headers.get("if-none-match", "").removeprefix("W/")
        if known == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def load_assets() -> Mapping[str, Asset]:
    """The page's files by name. Read when the app is made, before anything is served."""
    folder = files("patrol.web") / "static"
    found = {"icon.svg": Asset.of(ICON, "image/svg+xml")}
    for file in folder.iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if suffix in MEDIA_TYPES:
            found[file.name] = Asset.of(file.read_bytes(), MEDIA_TYPES[suffix])
    return found
