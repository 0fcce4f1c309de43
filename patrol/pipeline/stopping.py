"""Waiting that ends early when the service stops."""

from __future__ import annotations

import asyncio

from patrol.ports import Clock


async def pause(clock: Clock, stopping: asyncio.Event, seconds: float) -> bool:
    """Wait ``seconds`` by the clock, or until ``stopping`` is set. Returns whether the service stops."""
    return stopping.is_set() or await clock.wait(stopping, seconds)
