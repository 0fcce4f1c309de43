"""What the tour remembers of a camera, to the console: on Redis, one key for each camera that somebody looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from patrol.adapters.redis_streams import ask, text_of
from patrol.domain.camera import CameraId
from patrol.domain.camera_history import VisitRecord

WANTED_KEY = "patrol:visits:wanted"
WANTED_STALE_AFTER_S = 10
MOST_WANTED = 64
RECORD_KEY = "patrol:visits:of:"
RECORD_STALE_AFTER_S = 6

_RECORD = TypeAdapter(VisitRecord)


class RedisVisitRecords:
    """VisitRecords in keys that expire. A list of its own for what is wanted: no crowd of lookers pushes out a pin."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def want(self, camera_id: CameraId) -> None:
        """See VisitRecords."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.rpush(WANTED_KEY, camera_id)
            pipeline.ltrim(WANTED_KEY, -MOST_WANTED, -1)
            pipeline.expire(WANTED_KEY, WANTED_STALE_AFTER_S)
            await ask(pipeline.execute())

    async def wanted(self) -> Sequence[CameraId]:
        """See VisitRecords."""
        names: Any = await ask(self._redis.lpop(WANTED_KEY, MOST_WANTED))
        return tuple(dict.fromkeys(CameraId(text_of(name)) for name in names or ()))

    async def show(self, record: VisitRecord) -> None:
        """See VisitRecords."""
        body = _RECORD.dump_json(record)
        await ask(self._redis.set(RECORD_KEY + record.camera_id, body, ex=RECORD_STALE_AFTER_S))

    async def latest(self, camera_id: CameraId) -> VisitRecord | None:
        """See VisitRecords."""
        body = await ask(self._redis.get(RECORD_KEY + camera_id))
        try:
            return _RECORD.validate_json(body) if body else None
        except ValidationError:
            return None  # a tour of another version tells, in the middle of an upgrade
