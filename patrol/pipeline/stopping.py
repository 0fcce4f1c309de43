"""Waiting that ends early when the service stops."""

from __future__ import annotations

import asyncio

from patrol.ports import Clock


async def pause(clock: Clock, stopping: asyncio.Event, seconds: float) -> bool:
    """Wait ``seconds`` by the clock, or until ``stopping`` is set. Returns whether the service stops."""
    if stopping.is_set():
        return True
    async with asyncio.TaskGroup() as waits:
        passing = waits.create_task(clock.sleep(seconds))
        told = waits.create_task(stopping.wait())
        await asyncio.wait((passing, told), return_when=asyncio.FIRST_COMPLETED)
        passing.cancel()
        told.cancel()
    return stopping.is_set()
