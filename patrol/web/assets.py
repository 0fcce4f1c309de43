"""The page's own files, read from the package once: no path from a request ever reaches the file system."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
BUILT = files("patrol.web") / "static"
PAGES = ("index.html", "sign-in.html")
BUILD_COMMAND = "make page"

# Whatever a page refers to has its content's hash in its name (console/vite.config.ts).
NAMED_BY_CONTENT = "public, max-age=31536000, immutable"

NOT_BUILT = (
    '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>巡 · Patrol</title>'
    f"<p>页面还没有构建：请在代码目录执行 <code>{BUILD_COMMAND}</code>，然后重启。预警和派警照常运行。</p>"
    f'<p lang="en">The page is not built: run <code>{BUILD_COMMAND}</code> in the checkout, then restart. '
    "Alerts and dispatch go on as ever.</p></html>"
)

log = logging.getLogger(__name__)


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
        headers = {"ETag": self.etag, "Cache-Control": NAMED_BY_CONTENT}
        # A proxy or our own compression may have weakened the tag; the content is the same.
        known = request.headers.get("if-none-match", "").removeprefix("W/")
        if known == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page itself. Never kept: it names the files that fit this very server."""

    body: bytes = field(repr=False)
    status: int = 200

    async def response(self, request: Request) -> Response:
        """The page."""
        return HTMLResponse(self.body, self.status, headers={"Cache-Control": "no-store"})


def load_assets(folder: Traversable = BUILT) -> Mapping[str, Asset | WebPage]:
    """The page's files by name. Read when the app is made, before anything is served.

    What is not built is said in the log, and on the page in its place; nothing else waits for a page.
    """
    found: dict[str, Asset | WebPage] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        suffix = f".{file.name.rpartition('.')[2]}"
        if file.name in PAGES:
            found[file.name] = WebPage(file.read_bytes())
        elif suffix in MEDIA_TYPES:
            found[file.name] = Asset.of(file.read_bytes(), MEDIA_TYPES[suffix])
    for missing in [page for page in PAGES if page not in found]:
        log.error("the page %s is not built: run `%s`, then start again", missing, BUILD_COMMAND)
        found[missing] = WebPage(NOT_BUILT.encode(), 503)
    return found
