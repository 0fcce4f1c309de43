"""Signing in and out over HTTP, who is signed in, and what everybody did."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, SecretStr, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from patrol.domain.accounts import LONGEST_PASSWORD, Permission
from patrol.domain.deeds import Action, Deed
from patrol.domain.errors import InputError, Refusal, SignInRefused, StoreError
from patrol.domain.signing_in import KNOWN_FOR, Visitor
from patrol.ports import DeedLog, SignInDesk
from patrol.web.entering import (
    BROWSER_COOKIE,
    OPEN,
    SIGN_IN_COOKIE,
    DeclaredRoute,
    Gate,
    NotLetIn,
    cookie_name,
    declared,
    secret_of,
    source_of,
    visitor_of,
)
from patrol.web.guarding import check_own_page, is_https
from patrol.web.paging import asked_in, page_of, refuse_cursor
from patrol.web.problems import error_response
from patrol.web.reading import in_time, read
from patrol.web.schemas import Body

SIGN_IN_PAGE = "/sign-in"
DEEDS = "deeds"
NUMBER = re.compile(r"[0-9]{1,15}")
BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 random bits
STATUS_OF_REFUSAL = {Refusal.WRONG: 401, Refusal.TOO_OFTEN: 429, Refusal.BUSY: 503}


class SignInBody(Body):
    """Who, and the password."""

    name: Annotated[str, Field(max_length=64)]
    password: Annotated[SecretStr, Field(max_length=LONGEST_PASSWORD)]


class SignOutBody(Body):
    """Nothing to say but the fact."""


class PasswordBody(Body):
    """The password as it is, and as it shall be."""

    old: Annotated[SecretStr, Field(max_length=LONGEST_PASSWORD)]
    new: Annotated[SecretStr, Field(max_length=LONGEST_PASSWORD)]


def sign_in_routes(gate: Gate) -> list[DeclaredRoute]:
    """In, out, and who is in."""
    door = _FrontDoor(gate)
    return [
        declared("/api/v1/sign-in", door.sign_in, OPEN, "POST"),
        declared("/api/v1/sign-out", door.sign_out, OPEN, "POST"),
        declared("/api/v1/me", _me, Permission.SEE),
        declared("/api/v1/password", door.change_password, Permission.SEE, "POST"),
    ]


def deed_routes(log: DeedLog) -> list[DeclaredRoute]:
    """What everybody did."""
    return [declared("/api/v1/deeds", _Deeds(log).latest, Permission.SEE_DEEDS)]


class _FrontDoor:
    """Where people sign in and out."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def sign_in(self, request: Request) -> Response:
        check_own_page(request.scope)
        desk = await self._desk()
        self._gate.check_private(request.scope)
        body = await read(request, SignInBody)
        password, source = body.password.get_secret_value(), source_of(request.scope)
        try:
            signed_in = await in_time(desk.sign_in(body.name, password, source, _browser_of(request)))
        except SignInRefused as refused:
            return _refusal(refused)
        response = JSONResponse(_described(signed_in.visitor))
        assert signed_in.visitor.sign_in is not None
        lasts = signed_in.visitor.sign_in.ends_at - signed_in.visitor.sign_in.began_at
        _set_cookie(request, response, SIGN_IN_COOKIE, signed_in.secret, lasts)
        _set_cookie(request, response, BROWSER_COOKIE, signed_in.browser, KNOWN_FOR)
        return response

    async def sign_out(self, request: Request) -> Response:
        check_own_page(request.scope)
        await read(request, SignOutBody)
        response = await self._end(request.scope)
        # In any case: whoever sits down here next is not to go on in somebody else's name.
        _set_cookie(request, response, SIGN_IN_COOKIE, "", timedelta(0))
        if is_https(request.scope):  # elsewhere browsers do not listen
            response.headers["Clear-Site-Data"] = '"cache"'  # the pictures that were looked at
        return response

    async def _end(self, scope: Scope) -> Response:
        secret = secret_of(scope)
        if secret is not None and self._gate.desk is not None:
            try:
                await in_time(self._gate.desk.sign_out(secret, source_of(scope)))
            except (StoreError, TimeoutError):
                return error_response(503, "store_away", "this browser has forgotten it; the store ends it by itself")
        return JSONResponse({"done": True})

    async def change_password(self, request: Request) -> Response:
        visitor, body = visitor_of(request), await read(request, PasswordBody)
        if visitor.sign_in is None:
            raise HTTPException(403, "only a person has a password")
        desk, old, new = await self._desk(), body.old.get_secret_value(), body.new.get_secret_value()
        try:
            await in_time(desk.change_password(visitor, old, new, source_of(request.scope)))
        except SignInRefused as refused:
            return _refusal(refused)
        except InputError as error:
            return error_response(422, "weak_password", str(error))
        return JSONResponse({"done": True})

    async def _desk(self) -> SignInDesk:
        desk = self._gate.desk
        if desk is None or not await in_time(desk.has_accounts()):
            raise NotLetIn(409, "no_accounts", "there are no accounts yet: whoever runs Patrol makes the first one")
        return desk


def _browser_of(request: Request) -> str | None:
    kept = secret_of(request.scope, BROWSER_COOKIE)
    return kept if kept is not None and BROWSER.fullmatch(kept) else None


def _set_cookie(request: Request, response: Response, cookie: str, secret: str, lasts: timedelta) -> None:
    response.set_cookie(
        cookie_name(request.scope, cookie),
        secret,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=is_https(request.scope),
        httponly=True,
        samesite="strict",
    )


def _refusal(refused: SignInRefused) -> Response:
    retry_after_s = math.ceil(refused.retry_after_s)
    status = STATUS_OF_REFUSAL[refused.why]
    answer = error_response(status, f"sign_in_{refused.why.value}", str(refused), retry_after_s=retry_after_s)
    if retry_after_s:
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer


async def _me(request: Request) -> Response:
    return JSONResponse(_described(visitor_of(request)))


def _described(visitor: Visitor) -> dict[str, object]:
    ends_at = visitor.sign_in.ends_at.isoformat() if visitor.sign_in is not None else None
    return {
        "name": visitor.name,
        "role": visitor.role.value if visitor.role is not None else None,
        "may": sorted(visitor.permissions),
        "ends_at": ends_at,
    }


@dataclass(frozen=True, slots=True)
class DeedShown:
    """What somebody did. ``number``: its place among all. ``led_to``: what came of it; see ``Deed``."""

    number: int
    at: datetime
    who: str
    action: Action
    subject: str
    detail: str
    source: str
    led_to: str

    @classmethod
    def of(cls, number: int, deed: Deed) -> DeedShown:
        return cls(number, deed.at, deed.who, deed.action, deed.subject, deed.detail, deed.source, deed.led_to)


@dataclass(frozen=True, slots=True)
class DeedsPage:
    """Some of them, newest first. ``next``: the cursor of what is older; None: nothing is."""

    items: tuple[DeedShown, ...]
    next: str | None


_DEEDS = TypeAdapter(DeedsPage)


class _Deeds:
    """What people did, the newest first."""

    def __init__(self, log: DeedLog) -> None:
        self._log = log

    async def latest(self, request: Request) -> Response:
        asked = asked_in(request, DEEDS)
        if asked.after is not None and not NUMBER.fullmatch(asked.after):
            refuse_cursor()
        found = await in_time(self._log.latest(asked.with_one_more, int(asked.after) if asked.after else None))
        shown, following = page_of(found, asked, DEEDS, lambda each: str(each[0]))
        page = DeedsPage(tuple(DeedShown.of(number, deed) for number, deed in shown), following)
        return Response(_DEEDS.dump_json(page), media_type="application/json")
