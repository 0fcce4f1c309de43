"""Requests that come again: each that names itself is done once, and answered alike.

A page that hears nothing asks again, and cannot know whether the first one arrived. So every action may carry an
``Idempotency-Key``: within a process the answer that was given is given again, and waited for while it is still made;
after a restart, or at another console, the deed that was kept with the key says what came of it. What failed is not
kept: it changed nothing, and may go well the next time.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from patrol.domain.deeds import ASKED, CLOSED, Action, Deed
from patrol.ports import DeedLog
from patrol.web.problems import Refused

KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = r"[A-Za-z0-9_.:-]{8,64}"
MOST_KEPT = 1000
MOST_KEPT_BYTES = 64 * 1024
MOST_READ_BYTES = 256 * 1024  # the longest body that any route takes

# What was asked of the queue may not have reached it: it is asked again, and noted once.
_ASKED_AGAIN = frozenset({Action.PIN, Action.SKIP, Action.ACCEPT_VIEW, Action.REPLAY})
_ENDS = {Action.CHANGE_LEVEL: "level", Action.ORDER_UNIT: "orders", Action.SET_UNIT: "state"}

Handle = Callable[[Scope, Receive, Send], Awaitable[None]]


def key_of(request: Request) -> str:
    """By which a request names itself; empty where it does not."""
    return str(request.scope.get("request_key", ""))


def key_in(headers: Headers) -> str:
    """The same, as it came. Raises Refused for what is none."""
    key = headers.get(KEY_HEADER, "")
    if key and not re.fullmatch(KEY_PATTERN, key):
        said = f"expected 8 to 64 letters, digits, or one of _.:-, got {len(key)} characters"
        raise Refused(400, "bad_request", f"{KEY_HEADER}: {said}", errors=[{"path": KEY_HEADER, "detail": said}])
    return key


@dataclass(slots=True)
class _Given:
    """``print``: of the request that it answers; ``messages``: None while it is made."""

    print: bytes
    messages: Sequence[Message] | None = None
    made: asyncio.Event = field(default_factory=asyncio.Event)


class Repeats:
    """The newest ``MOST_KEPT`` answers, by who asked and the key. ``deeds``: what was done by others, and before."""

    def __init__(self, deeds: DeedLog | None = None) -> None:
        self.deeds = deeds
        self._given: dict[tuple[str, str], _Given] = {}  # the oldest first
        self._pepper = secrets.token_bytes(16)  # a body may hold a password: nothing is to be told by its print

    async def answer(
        self, who: str, key: str, scope: Scope, receive: Receive, send: Send, handle: Handle, *, leaves_deed: bool
    ) -> None:
        """Answer a request that names itself. Raises Refused where the key was another's; what ``handle`` raises."""
        body = await _whole(receive)
        print = self._print(scope, body)
        while (given := self._given.get((who, key))) is not None:
            if given.print != print:
                raise _reused(key)
            if given.messages is not None:
                for message in given.messages:
                    await send(_copy(message))
                return
            await given.made.wait()
        given = self._given[who, key] = _Given(print)
        try:
            given.messages = await self._made(who, key, scope, body, send, handle, leaves_deed)
        finally:
            if given.messages is None:
                del self._given[who, key]
            given.made.set()
            self._forget_the_oldest()

    async def _made(
        self, who: str, key: str, scope: Scope, body: bytes, send: Send, handle: Handle, leaves_deed: bool
    ) -> Sequence[Message] | None:
        """Make it and send it. Returns what is to be kept of it, if it is."""
        messages: list[Message] = []

        async def send_and_keep(message: Message) -> None:
            messages.append(_copy(message))
            await send(message)

        deed = await self.deeds.done(who, key) if self.deeds is not None and leaves_deed else None
        if deed is not None:
            _check_is_of(deed, scope, key)
        if deed is not None and (deed.action not in _ASKED_AGAIN or deed.led_to == ASKED):
            await answer_of(deed)(scope, _saying(b""), send_and_keep)
        else:
            await handle({**scope, "request_key": key}, _saying(body), send_and_keep)
        is_done = bool(messages) and 200 <= messages[0]["status"] < 300
        is_small = sum(len(message.get("body", b"")) for message in messages) <= MOST_KEPT_BYTES
        return messages if is_done and is_small else None

    def _print(self, scope: Scope, body: bytes) -> bytes:
        asked = f"{scope['method']} {scope['path']} ".encode()
        return blake2b(asked + body, key=self._pepper, digest_size=16).digest()

    def _forget_the_oldest(self) -> None:
        made = [asking for asking, given in self._given.items() if given.messages is not None]
        for asking in made[: max(0, len(made) - MOST_KEPT)]:
            del self._given[asking]


def answer_of(deed: Deed) -> Response:
    """What the action was answered with when it was done."""
    more: dict[str, Any] = {}
    if deed.action in (Action.MERGE, Action.SPLIT):
        more = {"incident_id": deed.led_to}
    elif deed.action is Action.CLOSE:
        more = {"closed": deed.led_to == CLOSED}
    elif deed.action is Action.SET_UNIT:
        more = {"state": deed.led_to}
    return JSONResponse({"done": True, **more})


def _check_is_of(deed: Deed, scope: Scope, key: str) -> None:
    end = _ENDS.get(deed.action, deed.action.value.replace("_", "-"))
    path = str(scope["path"])
    if not path.endswith(f"/{end}") or f"/{deed.subject}/" not in path:
        raise _reused(key)


def _reused(key: str) -> Refused:
    return Refused(422, "request_reused", f"{KEY_HEADER}: {key} was another request's; expected one of its own")


async def _whole(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            return bytes(body)
        if len(body) > MOST_READ_BYTES:
            raise Refused(413, "too_large", f"expected at most {MOST_READ_BYTES} bytes")


def _copy(message: Message) -> Message:
    """What stands before the routes writes into what it passes on: headers, and what it compresses."""
    return {**message, "headers": list(message["headers"])} if "headers" in message else dict(message)


def _saying(body: bytes) -> Receive:
    """A request's body once more. Then nothing: whoever asked is not waited for, or the answer would not be kept."""
    said = False

    async def receive() -> Message:
        nonlocal said
        if said:
            await asyncio.Event().wait()
        said = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
