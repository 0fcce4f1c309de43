"""Entering: every route says what it needs, and nobody gets to one without that."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from patrol.domain.accounts import LEAST_ROLE, Permission
from patrol.domain.deeds import Asking
from patrol.domain.errors import StoreError
from patrol.domain.signing_in import ANYBODY, Visitor, is_loopback
from patrol.ports import SignInDesk
from patrol.web.guarding import (
    OPERATOR_HEADER,
    check_own_page,
    check_same_origin,
    is_https,
    is_own_host,
    typed_operator,
)
from patrol.web.problems import error_response
from patrol.web.repeating import Repeats, key_in, key_of

OPEN = None
"""What a route needs that anybody may have, before any sign-in."""

SAFE = frozenset({"GET", "HEAD"})
SECURE_PREFIX = "__Host-"
SIGN_IN_COOKIE = "patrol"
BROWSER_COOKIE = "patrol-browser"
"""By which a browser is known again in which somebody was signed in before. It lets nobody in."""
FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via")


class NotLetIn(Exception):  # noqa: N818  (it names what happened)
    """The answer to whoever is not let in. ``is_unknown``: a sign-in would help."""

    def __init__(self, status: int, code: str, message: str, *, is_unknown: bool = False) -> None:
        self.status = status
        self.code = code
        self.is_unknown = is_unknown
        super().__init__(message)


async def _not_let_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotLetIn)
    response = error_response(error.status, error.code, str(error))
    if error.is_unknown:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


REFUSALS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {NotLetIn: _not_let_in}


class Gate:
    """Who asks, and whether they may.

    Without an account the room is open to this machine alone, and only if it ``is_open_here``: where it listens on
    loopback. ``plain_http``: secrets may come over plain HTTP from elsewhere, because the way is private.
    """

    def __init__(self, desk: SignInDesk | None = None, *, is_open_here: bool = True, plain_http: bool = False) -> None:
        self.desk = desk
        self._is_open_here = is_open_here
        self._plain_http = plain_http

    async def admit(self, scope: Scope, needs: Permission) -> Visitor:
        """Who asks. Raises NotLetIn, HTTPException for another site's request, StoreError."""
        visitor = await self.visitor(scope)
        if not visitor.may(needs):
            raise NotLetIn(403, "not_allowed", f"{needs.value}: {_who_may(needs)}")
        if scope["method"] in SAFE:
            return visitor
        if visitor.sign_in is not None:
            check_own_page(scope)
        else:
            check_same_origin(scope)
        return visitor

    async def visitor(self, scope: Scope) -> Visitor:
        """Whoever asks, whatever for. Raises NotLetIn, StoreError."""
        if self.desk is None or not await self.desk.has_accounts():
            # Not by any name, whatever the path: a page elsewhere may point its own at us.
            if self._is_open_here and is_local(scope) and is_own_host(Headers(scope=scope).get("host", ""), ()):
                return ANYBODY
            raise NotLetIn(403, "no_accounts", "there are no accounts yet: whoever runs Patrol makes the first one")
        self.check_private(scope)
        token, secret = _bearer(scope), secret_of(scope)
        visitor = None
        if token is not None:
            visitor = await self.desk.machine(token)
        elif secret is not None:
            visitor = await self.desk.visitor(secret)
        if visitor is None:
            raise NotLetIn(401, "not_signed_in", "sign in first", is_unknown=True)
        return visitor

    def check_private(self, scope: Scope) -> None:
        """Raises NotLetIn where others could read the secrets that come along."""
        if not self._plain_http and not is_https(scope) and not is_local(scope):
            raise NotLetIn(403, "not_private", "over plain HTTP nobody is let in from elsewhere: open it by https")

    async def while_let_in(self, scope: Scope, messages: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """A stream's messages, until whoever watches is signed out."""
        async with aclosing(messages):
            async for message in messages:
                if not await self.is_still_let_in(scope):
                    yield b"event: signed_out\ndata: {}\n\n"
                    return
                yield message

    async def is_still_let_in(self, scope: Scope) -> bool:
        """Whether whoever asked so once may still look on."""
        try:
            return (await self.visitor(scope)).may(Permission.SEE)
        except StoreError:
            return True  # what they see says so
        except NotLetIn:
            return False


class DeclaredRoute(Route):
    """A route with what it needs. ``otherwise``: where a browser is sent that is not signed in.

    What changes something is done once for each request that names itself, whatever the route; see ``Repeats``. What is
    open is not: a sign-in that comes again is another one, and its answer is nobody's to be given again.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], needs: Permission | None, method: str, otherwise: str | None
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        self.needs = needs
        self._otherwise = otherwise

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, and answer."""
        if self.needs is not OPEN and self.methods is not None and scope["method"] in self.methods:
            try:
                scope["visitor"] = await scope["app"].state.gate.admit(scope, self.needs)
            except NotLetIn as refused:
                if self._otherwise is None or not refused.is_unknown:
                    raise
                await RedirectResponse(self._otherwise, 303)(scope, receive, send)
                return
            if scope["method"] not in SAFE and (key := key_in(Headers(scope=scope))):
                await self._handle_once(key, scope, receive, send)
                return
        await super().handle(scope, receive, send)

    async def _handle_once(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        repeats: Repeats = scope["app"].state.repeats
        who = named_by(Request(scope))
        is_deed = self.needs not in (Permission.SEE, Permission.REPORT_POSITIONS)
        await repeats.answer(who, key, scope, receive, send, super().handle, leaves_deed=is_deed)


def declared(
    path: str,
    endpoint: Callable[..., Any],
    needs: Permission | None,
    method: str = "GET",
    *,
    otherwise: str | None = None,
) -> DeclaredRoute:
    """A route that says what it needs: the only way to make one."""
    return DeclaredRoute(path, endpoint, needs, method, otherwise)


def _who_may(needs: Permission) -> str:
    least = LEAST_ROLE.get(needs)
    return "a machine's token may" if least is None else f"the role {least.value} may, or one above it"


def visitor_of(request: Request) -> Visitor:
    """Who was let in."""
    visitor: Visitor = request.scope["visitor"]
    return visitor


def operator_of(request: Request) -> str:
    """Who acts: whoever is signed in; in an open room, who somebody says to be. Raises HTTPException 400."""
    return visitor_of(request).name or typed_operator(request.headers)


def named_by(request: Request) -> str:
    """The same where it need not be said: empty where nobody says so. Raises HTTPException 400 for what is no name."""
    name = visitor_of(request).name
    return name or (typed_operator(request.headers) if OPERATOR_HEADER in request.headers else "")


def is_local(scope: Scope) -> bool:
    """Whether it comes from this machine, and through no proxy that says so."""
    headers = Headers(scope=scope)
    return _comes_from_loopback(scope) and not any(name in headers for name in FORWARDING)


def source_of(scope: Scope) -> str:
    """The address it comes from, as it is told by a proxy on this machine, if by anybody; of IPv6 the network."""
    told = Headers(scope=scope).get("x-forwarded-for", "").rpartition(",")[2].strip()
    if not (_comes_from_loopback(scope) and told):
        told = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(told)
    except ValueError:
        return ""
    is_many = address.version == 6 and not address.is_loopback
    return str(ipaddress.ip_network(f"{told.partition('%')[0]}/64", strict=False)) if is_many else str(address)


def asking_of(request: Request) -> Asking:
    """By which key a request names itself, and from where it comes."""
    return Asking(key_of(request), source_of(request.scope))


def _comes_from_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    return client is not None and is_loopback(client[0])


def cookie_name(scope: Scope, plain: str) -> str:
    """Over HTTPS browsers see to it that nobody else on the host, nor a part of it, sets one of that name."""
    return SECURE_PREFIX + plain if is_https(scope) else plain


def secret_of(scope: Scope, cookie: str = SIGN_IN_COOKIE) -> str | None:
    """What is in the cookie."""
    return HTTPConnection(scope).cookies.get(cookie_name(scope, cookie))


def _bearer(scope: Scope) -> str | None:
    kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token else None
