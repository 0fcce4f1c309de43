"""Settling: a receipt and its acknowledgement in one step, and those of several tasks in one round trip."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

MOST_TOGETHER = 100
# It ends at the first command that is refused: without a receipt nothing is acknowledged. Nobody comes in between. The
# text and not its hash: a server that was started again has forgotten what a hash stands for.
_ANSWER_AND_ACKNOWLEDGE = """
redis.call('XADD', KEYS[1], '*', ARGV[1], ARGV[2])
redis.call('SET', KEYS[2], '1', 'EX', ARGV[3])
redis.call('XACK', KEYS[3], ARGV[4], ARGV[5])
"""

Command = Sequence[str | bytes | int]


def answer_and_acknowledge(
    receipts: str, field: str, receipt: str, remember_as: str, remember_s: int, stream: str, group: str, entry_id: str
) -> Command:
    """Add a receipt, remember a key for a while, and acknowledge an entry, in this order. Redis 5 or newer."""
    keys, arguments = (receipts, remember_as, stream), (field, receipt, remember_s, group, entry_id)
    return ("EVAL", _ANSWER_AND_ACKNOWLEDGE, len(keys), *keys, *arguments)


class Together:
    """Sends what several tasks have for the server at the same time in one round trip; each gets its own answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[Command, asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def send(self, command: Command) -> None:
        """Until the server has done it. Raises RedisError, OSError: of its own command, or of the connection."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, done))
        if self._sending is None or self._sending.done():
            # Begun in the loop's next turn: whoever is ready in this one comes along.
            self._sending = asyncio.create_task(self._send_all(), name="settling")
        await done

    async def aclose(self) -> None:
        """End what is under way; whoever still waits for it gets an error."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
        _fail(self._waiting, RedisConnectionError("closed"))
        self._waiting = []

    async def _send_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            pipeline = self._redis.pipeline(transaction=False)
            for command, _ in batch:
                pipeline.execute_command(*command)
            try:
                answers = await pipeline.execute(raise_on_error=False)
            except (RedisError, OSError) as error:
                _fail(batch, error)
                continue
            except asyncio.CancelledError:
                _fail(batch, RedisConnectionError("closed"))
                raise
            for (_, done), answer in zip(batch, answers, strict=True):
                if isinstance(answer, RedisError):
                    _fail([(_, done)], answer)
                elif not done.done():
                    done.set_result(None)


def _fail(batch: Sequence[tuple[Command, asyncio.Future[None]]], error: Exception) -> None:
    for _, done in batch:
        if not done.done():  # its task may have been cancelled
            done.set_exception(error)
