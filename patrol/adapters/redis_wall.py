"""The tour wall on Redis' pub/sub: nothing of it is in a file or in Redis' memory, and nobody waits for who is slow."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from patrol.adapters.redis_connecting import COMMAND_TIMEOUT_S
from patrol.adapters.redis_streams import ask, queue_error
from patrol.domain.camera import CameraId
from patrol.domain.wall import WallStill
from patrol.ports import Arriving

WISHES_CHANNEL = "patrol:wall:wishes"
STILLS_CHANNEL = "patrol:wall:stills"

_Told = TypeVar("_Told")
_CAMERAS = TypeAdapter(tuple[CameraId, ...])
_STILL = TypeAdapter(WallStill)
_END_OF_TEXT = b"\n"  # JSON on one line, then the JPEG as it is


class RedisWall:
    """Wall by two channels."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def wish(self, cameras: Collection[CameraId]) -> None:
        """See Wall."""
        await ask(self._redis.publish(WISHES_CHANNEL, _CAMERAS.dump_json(tuple(cameras))))

    async def show(self, still: WallStill) -> None:
        """See Wall."""
        await ask(self._redis.publish(STILLS_CHANNEL, _written(still)))

    def wishes(self) -> AbstractAsyncContextManager[Arriving[Sequence[CameraId]]]:
        """See Wall."""
        return self._listen(WISHES_CHANNEL, _CAMERAS.validate_json)

    def stills(self) -> AbstractAsyncContextManager[Arriving[WallStill]]:
        """See Wall."""
        return self._listen(STILLS_CHANNEL, _read)

    @contextlib.asynccontextmanager
    async def _listen(self, channel: str, read: Callable[[bytes], _Told]) -> AsyncIterator[Arriving[_Told]]:
        subscription = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            await ask(subscription.subscribe(channel))
            await ask(subscription.get_message(timeout=COMMAND_TIMEOUT_S))  # that it is heard, or may not be
            yield _Subscribed(subscription, read)
        finally:
            await subscription.aclose()  # type: ignore[no-untyped-call]


class _Subscribed(Generic[_Told]):
    """Arriving, of one channel."""

    def __init__(self, subscription: PubSub, read: Callable[[bytes], _Told]) -> None:
        self._subscription = subscription
        self._read = read

    async def next(self, within_s: float) -> _Told | None:
        """See Arriving."""
        try:
            told: Any = await self._subscription.get_message(timeout=within_s)
        except (RedisError, OSError) as error:
            raise queue_error(error) from None
        if told is None:
            return None
        try:
            return self._read(told["data"])
        except ValidationError:
            return None  # of another version, in the middle of an upgrade


def _written(still: WallStill) -> bytes:
    return _STILL.dump_json(replace(still, jpeg=b"")) + _END_OF_TEXT + still.jpeg


def _read(told: bytes) -> WallStill:
    text, _, jpeg = told.partition(_END_OF_TEXT)
    return replace(_STILL.validate_json(text), jpeg=jpeg)
