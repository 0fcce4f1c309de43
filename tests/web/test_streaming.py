"""Server-sent events end where nobody takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from patrol.web.streaming import send_events


def test_who_takes_nothing_is_dropped_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[bytes] = []
    ended = []

    async def messages() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b": still here\n\n"
        finally:
            ended.append(True)

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if len(sent) > 3:
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def check() -> None:
        stream = messages()
        scope = {"type": "http", "method": "GET", "path": "/api/v1/events"}
        async with asyncio.timeout(30):
            await send_events(scope, receive, send, stream, stalled_after_s=0.05)
        await stream.aclose()  # type: ignore[attr-defined]

    with caplog.at_level(logging.WARNING):
        asyncio.run(check())
    assert (len(sent), ended) == (4, [True])
    assert "took nothing for 0.05 s" in caplog.text
