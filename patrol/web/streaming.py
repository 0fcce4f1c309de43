"""Server-sent events to one viewer, for as long as they come and he takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
# A page takes what comes within milliseconds; by then it is dead, or asleep. When it wakes it goes on where it was.
STALLED_AFTER_S = 30.0

log = logging.getLogger(__name__)


async def answer_head(scope: Scope, receive: Receive, send: Send) -> None:
    """What the stream would begin with."""
    await Response(headers=HEADERS, media_type=MEDIA_TYPE)(scope, receive, send)


async def send_events(
    scope: Scope,
    receive: Receive,
    send: Send,
    messages: AsyncIterator[bytes],
    stalled_after_s: float = STALLED_AFTER_S,
) -> None:
    """Send until they end, the viewer goes, or takes nothing for so long: then he is dropped, and his place free."""

    async def send_in_time(message: MutableMapping[str, Any]) -> None:
        async with asyncio.timeout(stalled_after_s):
            await send(message)

    try:
        await StreamingResponse(messages, headers=HEADERS, media_type=MEDIA_TYPE)(scope, receive, send_in_time)
    except* TimeoutError:
        log.warning("%s: a viewer took nothing for %g s, and was dropped", scope["path"], stalled_after_s)
