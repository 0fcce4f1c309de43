"""Who may ask, and what a browser may do with the answer."""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from patrol.domain.signing_in import is_loopback
from patrol.web.problems import error_response

OPERATOR_HEADER = "X-Patrol-Operator"
MAX_OPERATOR = 64

# Trusted Types make the browser itself refuse any script that would turn text into markup.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # stills of the wall come by its stream; only our own scripts make such addresses
        "media-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

STRICT_TRANSPORT = "max-age=31536000"

# Probes and Prometheus come by whatever name their network gives us; there is nothing in these for a page.
OPEN_TO_ANY_HOST = frozenset({"/healthz", "/readyz", "/metrics"})


class SecurityHeaders:
    """Puts the security headers on every answer; ``no-store`` where an answer says nothing about caching."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
                if is_https(scope):
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT
            await send(message)

        await self._app(scope, receive, send_with_headers)


class OwnHostOnly:
    """Refuses names that are not ours: a page elsewhere may point its own name at us and then read the room."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host", "")
        if scope["path"] in OPEN_TO_ANY_HOST or is_own_host(host, self._names):
            await self._app(scope, receive, send)
            return
        refusal = error_response(421, "unknown_host", "Patrol is not known by this name; open it by its address")
        await refusal(scope, receive, send)


def is_own_host(host: str, names: Collection[str]) -> bool:
    """Whether a Host header can only mean us: an address, a name without a dot, or one of ``names``.

    Nobody outside can own an address or a dotless name in the public DNS, so neither can be rebound to us.
    """
    name = _hostname(host)
    if not name:
        return False
    return name in names or "." not in name.rstrip(".") or _is_address(name)


def check_same_origin(scope: Scope) -> None:
    """Raises HTTPException 403 unless the request can only come from our own page (or from no browser at all)."""
    headers = Headers(scope=scope)
    fetch_site = headers.get("sec-fetch-site", "same-origin")
    if _is_foreign(headers.get("origin"), scope) or fetch_site not in {"same-origin", "none"}:
        raise HTTPException(403, "only Patrol's own page may do this")


def _is_foreign(origin: str | None, scope: Scope) -> bool:
    if origin is None:
        return False
    try:
        told = urlsplit(origin)
    except ValueError:  # "http://[" and the like
        return True
    if is_https(scope) and told.scheme != "https":  # a page that anybody on the way could have written
        return True
    return told.netloc.lower() != Headers(scope=scope).get("host", "").lower()


def check_own_page(scope: Scope) -> None:
    """Raises HTTPException 403 unless a browser says that it comes from our own page: for what acts by a cookie."""
    headers = Headers(scope=scope)
    if "origin" not in headers and "sec-fetch-site" not in headers:
        raise HTTPException(403, "expected Origin or Sec-Fetch-Site, as every browser sends them")
    check_same_origin(scope)


def typed_operator(headers: Headers) -> str:
    """Who somebody says to be: the percent-encoded UTF-8 header. Raises HTTPException 400 if it is no name."""
    try:
        operator = unquote(headers.get(OPERATOR_HEADER, ""), errors="strict").strip()
    except UnicodeDecodeError:
        raise HTTPException(400, f"{OPERATOR_HEADER}: expected percent-encoded UTF-8") from None
    if not operator:
        raise HTTPException(400, f"{OPERATOR_HEADER}: expected the operator's name")
    if len(operator) > MAX_OPERATOR or any(unicodedata.category(letter).startswith("C") for letter in operator):
        raise HTTPException(400, f"{OPERATOR_HEADER}: expected at most {MAX_OPERATOR} printable characters")
    return operator


def is_https(scope: Scope) -> bool:
    """Whether the browser speaks HTTPS: with us, or with a proxy on this machine that says so."""
    if scope["scheme"] == "https":
        return True
    client = scope.get("client")
    told = Headers(scope=scope).get("x-forwarded-proto", "")
    return client is not None and is_loopback(client[0]) and told.strip().lower() == "https"


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:  # "[::1" and the like
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
