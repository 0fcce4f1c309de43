"""Waiting that ends early when the service stops."""

from __future__ import annotations

import asyncio


async def pause(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait ``seconds``, or until ``stopping`` is set. Returns whether the service stops."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return False
    return True
