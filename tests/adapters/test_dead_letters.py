"""Dead letters on a real Valkey: shown, put back under the same id, counted, dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from redis import Redis

from patrol.adapters.dead_letters import RedisDeadLetters
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisSubscription
from patrol.contract.samples import samples
from patrol.domain.errors import MessageError, QueueError
from patrol.domain.messages import DEAD_STREAM
from patrol.ports import Delivery

RED = "patrol:alert:red"
ALERT = samples()["alert"].body

Result = TypeVar("Result")


def bury(valkey: Redis, body: str | bytes = ALERT, stream: str = RED, **changes: str) -> str:
    fields = {"ce": body, "stream": stream, "entry_id": "1-1", "group": "dispatch", "attempts": 5, "reason": "why"}
    return str(valkey.xadd(DEAD_STREAM, {**fields, "at": "2026-05-01T02:30:04.231+00:00", **changes}))


def letters(url: str, work: Callable[[RedisDeadLetters], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        async with connect(url) as redis:
            return await work(RedisDeadLetters(redis))

    return asyncio.run(run())


def test_the_newest_come_first_with_what_they_say(valkey: Redis, url: str) -> None:
    first, second = bury(valkey), bury(valkey, "not json")
    newest, oldest = letters(url, lambda dead: dead.latest(10))
    assert (newest.id, oldest.id) == (second, first)
    assert (oldest.stream, oldest.group, oldest.attempts, oldest.reason) == (RED, "dispatch", 5, "why")
    assert oldest.at == datetime(2026, 5, 1, 2, 30, 4, 231_000, UTC)
    assert (oldest.type, oldest.message_id) == ("cn.patrol.alert.v1", "A-20260501-023004-5e1c0d9a7b34")
    assert oldest.incident_id == "I-20260501-023004-91b7f2c40e6d"
    assert (newest.type, newest.message_id, newest.incident_id) == (None, None, None)
    assert [letter.id for letter in letters(url, lambda dead: dead.latest(1))] == [second]
    assert [letter.id for letter in letters(url, lambda dead: dead.latest(5, second))] == [first]


def test_one_that_somebody_else_wrote_carelessly_is_shown_all_the_same(valkey: Redis, url: str) -> None:
    valkey.xadd(DEAD_STREAM, {"ce": b"\xff", "attempts": "many", "at": "yesterday", "reason": b"\xfe!"})
    (letter,) = letters(url, lambda dead: dead.latest(10))
    assert (letter.body, letter.attempts, letter.at, letter.reason) == (b"\xff", 0, None, "\ufffd!")


def test_what_has_changed_is_seen_the_next_time(valkey: Redis, url: str) -> None:
    async def look_three_times(dead: RedisDeadLetters) -> list[list[str]]:
        looks = [[letter.id for letter in await dead.latest(10)]]
        first = bury(valkey)
        looks.append([letter.id for letter in await dead.latest(10)])
        await dead.drop(first)
        looks.append([letter.id for letter in await dead.latest(10)])
        return looks

    none, one, none_again = letters(url, look_three_times)
    assert (none, len(one), none_again) == ([], 1, [])


def test_put_back_it_comes_to_its_stream_unchanged_and_is_no_dead_letter_any_more(valkey: Redis, url: str) -> None:
    letter_id = bury(valkey)
    assert letters(url, lambda dead: dead.replay(letter_id, "li")).stream == RED
    assert [fields for _, fields in valkey.xrange(RED)] == [{"ce": ALERT}]
    assert valkey.xlen(DEAD_STREAM) == 0


@pytest.mark.parametrize("body", [ALERT.encode(), b"not json", b"\xff"])
def test_poison_put_back_fails_again_and_the_new_letter_says_how_often(valkey: Redis, url: str, body: bytes) -> None:
    async def again_and_again(dead: RedisDeadLetters) -> list[tuple[int, str | None]]:
        async with connect(url) as redis:
            subscription = RedisSubscription(redis, "dispatch", "one", (RED,))
            await redis.xadd(RED, {"ce": body})
            seen = []
            for _ in range(3):
                found: list[Delivery] = []
                while not found:
                    found += await subscription.receive(10, 0.05)
                await subscription.bury(found[0], "cannot be read")
                (letter,) = await dead.latest(10)
                seen.append((letter.replays, letter.replayed_by))
                await dead.replay(letter.id, "li")
            return seen

    assert letters(url, again_and_again) == [(0, None), (1, "li"), (2, "li")]


@pytest.mark.parametrize("stream", ["", "patrol:dead", "patrol:status:tour", "somebody:elses", "x:patrol:alert:red"])
def test_one_that_belongs_nowhere_stays_and_nothing_is_written(valkey: Redis, url: str, stream: str) -> None:
    letter_id = bury(valkey, stream=stream)
    with pytest.raises(MessageError, match="none that a message can be put back on"):
        letters(url, lambda dead: dead.replay(letter_id, "li"))
    assert valkey.keys("*") == [DEAD_STREAM]
    assert valkey.xlen(DEAD_STREAM) == 1


def test_while_its_stream_refuses_it_stays_a_dead_letter(valkey: Redis, url: str) -> None:
    valkey.set(RED, "in the way")
    letter_id = bury(valkey)
    with pytest.raises(QueueError, match="WRONGTYPE"):
        letters(url, lambda dead: dead.replay(letter_id, "li"))
    assert valkey.xlen(DEAD_STREAM) == 1


@pytest.mark.parametrize("letter_id", ["1-1", "", "-", "+", "no id", "1-1 2-2"])
def test_one_that_is_not_there_is_a_key_error(valkey: Redis, url: str, letter_id: str) -> None:
    bury(valkey)
    for work in (lambda dead: dead.replay(letter_id, "li"), lambda dead: dead.drop(letter_id)):
        with pytest.raises(KeyError):
            letters(url, work)
    assert valkey.xlen(DEAD_STREAM) == 1


def test_with_a_prefix_all_of_it_happens_under_that(valkey: Redis, url: str) -> None:
    async def check(_: RedisDeadLetters) -> None:
        async with connect(url) as redis:
            await redis.xadd(f"x:{DEAD_STREAM}", {"ce": ALERT, "stream": f"x:{RED}"})
            dead = RedisDeadLetters(redis, prefix="x:")
            (letter,) = await dead.latest(10)
            await dead.replay(letter.id, "li")

    letters(url, check)
    assert sorted(valkey.keys("*")) == ["x:patrol:alert:red", "x:patrol:dead", "x:patrol:dead:replays"]
    assert valkey.xlen(f"x:{DEAD_STREAM}") == 0
