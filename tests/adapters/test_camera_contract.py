"""Cameras' histories and visit records: in memory, in the database, on a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock
from patrol.adapters.memory_cameras import MemoryCameraHistory, MemoryVisitRecords
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_visits import RECORD_KEY, RECORD_STALE_AFTER_S, RedisVisitRecords
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_cameras import SqlCameraHistory
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.domain.camera import CameraId
from patrol.domain.camera_history import SPAN, CameraSpan, How, PastError, PastVisit, VisitEnd, VisitRecord
from patrol.domain.camera_overview import Worst
from patrol.domain.errors import CaptureFailure, QueueError
from patrol.domain.visits import Turn
from patrol.ports import CameraHistory, VisitRecords
from tests.builders import NOON, at

ONE, OTHER = CameraId("C-1"), CameraId("F-2")
LONG_AGO = NOON - timedelta(days=30)
SPAN_OF_ONE = CameraSpan(ONE, NOON, 4.5, 5.0, 1.25, 133, {CaptureFailure.BUSY: 2, CaptureFailure.TIMED_OUT: 1})
RECORD = VisitRecord(
    ONE,
    at(3),
    (
        PastVisit(2, at(2), Turn.RETRY, How.OPENED, 1.5, VisitEnd.FAILED, CaptureFailure.TIMED_OUT),
        PastVisit(1, at(1), Turn.DUE, How.KEPT_OPEN, 0.12, VisitEnd.SEEN, people=3),
    ),
    SPAN_OF_ONE,
    (PastError(at(2), CaptureFailure.TIMED_OUT, "no picture within 1.5 s", at(2)),),
)

History = Callable[[], AbstractAsyncContextManager[CameraHistory]]
Records = Callable[[], AbstractAsyncContextManager[VisitRecords]]


@asynccontextmanager
async def history_in(folder: Path) -> AsyncIterator[CameraHistory]:
    store = SqlStore(f"sqlite:///{folder / 'patrol.db'}", (), FakeClock(NOON))
    history = SqlCameraHistory(store)
    await store.open()
    yield history
    await store.aclose()


@pytest.fixture(params=["memory", "sql"])
def histories(request: pytest.FixtureRequest, tmp_path: Path) -> History:
    @asynccontextmanager
    async def in_memory() -> AsyncIterator[CameraHistory]:
        yield MemoryCameraHistory()

    return in_memory if request.param == "memory" else lambda: history_in(tmp_path)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@asynccontextmanager
async def records_on(address: str) -> AsyncIterator[VisitRecords]:
    async with connect(address) as redis:
        await redis.flushall()
        yield RedisVisitRecords(redis)


@pytest.fixture(params=["memory", "valkey"])
def records(request: pytest.FixtureRequest) -> Records:
    @asynccontextmanager
    async def in_memory() -> AsyncIterator[VisitRecords]:
        yield MemoryVisitRecords()

    return in_memory if request.param == "memory" else lambda: records_on(request.getfixturevalue("valkey"))


def spans(camera_id: CameraId, *ages: float) -> list[CameraSpan]:
    """One after another, the last of them at noon."""
    begins = NOON - (len(ages) - 1) * SPAN
    return [CameraSpan(camera_id, begins + place * SPAN, age, 5.0, 1.0, 10) for place, age in enumerate(ages)]


def test_what_is_kept_is_read_as_it_was_oldest_first_and_only_of_its_camera(histories: History) -> None:
    async def check() -> None:
        async with histories() as history:
            await history.keep([SPAN_OF_ONE, replace(SPAN_OF_ONE, camera_id=OTHER)], LONG_AGO)
            await history.keep(spans(ONE, 1.0, 2.0)[:1], LONG_AGO)
            assert await history.spans(ONE, LONG_AGO) == [spans(ONE, 1.0, 2.0)[0], SPAN_OF_ONE]
            assert await history.spans(ONE, NOON) == [SPAN_OF_ONE]
            assert await history.spans(ONE, NOON + timedelta(microseconds=1)) == []
            assert await history.spans(CameraId("none"), LONG_AGO) == []

    asyncio.run(check())


def test_two_parts_of_a_span_add_up(histories: History) -> None:
    async def check() -> None:
        async with histories() as history:
            await history.keep([SPAN_OF_ONE], LONG_AGO)
            await history.keep([replace(SPAN_OF_ONE, blind_age_s=3.0, failures={CaptureFailure.BUSY: 1})], LONG_AGO)
            (found,) = await history.spans(ONE, LONG_AGO)
            assert (found.blind_age_s, found.visits) == (4.5, 266)
            assert found.failures == {CaptureFailure.BUSY: 3, CaptureFailure.TIMED_OUT: 1}

    asyncio.run(check())


def test_what_is_too_old_is_forgotten(histories: History) -> None:
    async def check() -> None:
        async with histories() as history:
            await history.keep(spans(ONE, 1.0, 2.0, 3.0), LONG_AGO)
            await history.keep(spans(OTHER, 1.0, 2.0, 3.0), LONG_AGO)
            await history.keep([replace(SPAN_OF_ONE, began_at=NOON + SPAN)], NOON)
            assert [span.began_at for span in await history.spans(ONE, LONG_AGO)] == [NOON, NOON + SPAN]
            assert len(await history.spans(OTHER, LONG_AGO)) == 3

    asyncio.run(check())


def test_the_worst_is_so_by_its_bound(histories: History) -> None:
    async def check() -> None:
        async with histories() as history:
            await history.keep(spans(ONE, 4.0, 9.0, 5.0), LONG_AGO)
            await history.keep([replace(SPAN_OF_ONE, blind_age_s=11.0, bound_s=30.0, began_at=NOON + SPAN)], LONG_AGO)
            await history.keep(spans(OTHER, 8.0), LONG_AGO)
            found = await history.worst([ONE, OTHER, CameraId("none")], LONG_AGO)
            assert found == {ONE: Worst(9.0, 5.0), OTHER: Worst(8.0, 5.0)}
            assert await history.worst([ONE], NOON) == {ONE: Worst(5.0, 5.0)}

    asyncio.run(check())


def test_after_a_start_the_database_also_forgets_cameras_that_are_no_more(tmp_path: Path) -> None:
    async def check() -> None:
        async with history_in(tmp_path) as history:
            await history.keep(spans(OTHER, 1.0, 2.0), LONG_AGO)
        async with history_in(tmp_path) as history:
            await history.keep([SPAN_OF_ONE], NOON)
            assert [span.began_at for span in await history.spans(OTHER, LONG_AGO)] == [NOON]

    asyncio.run(check())


def test_what_is_wanted_is_told_once_and_a_record_comes_as_it_was_shown(records: Records) -> None:
    async def check() -> None:
        async with records() as visits:
            assert await visits.wanted() == ()
            assert await visits.latest(ONE) is None
            for camera_id in (ONE, OTHER, ONE):
                await visits.want(camera_id)
            assert sorted(await visits.wanted()) == [ONE, OTHER]
            assert await visits.wanted() == ()
            await visits.show(RECORD)
            assert await visits.latest(ONE) == RECORD
            assert await visits.latest(OTHER) is None

    asyncio.run(check())


def test_of_many_wishes_the_newest_stay(records: Records) -> None:
    async def check() -> None:
        async with records() as visits:
            for number in range(100):
                await visits.want(CameraId(f"C-{number}"))
            found = await visits.wanted()
            assert set(found) == {f"C-{number}" for number in range(36, 100)}

    asyncio.run(check())


def test_redis_lets_records_go_and_leaves_out_what_it_cannot_read(valkey: str) -> None:
    async def check() -> None:
        async with connect(valkey) as redis:
            await redis.flushall()
            visits = RedisVisitRecords(redis)
            await visits.show(RECORD)
            await visits.want(ONE)
            keys: list[bytes] = await redis.keys("*")
            assert all([0 < await redis.ttl(key) <= 10 for key in keys])
            assert await redis.ttl(RECORD_KEY + ONE) <= RECORD_STALE_AFTER_S
            await redis.set(RECORD_KEY + OTHER, b'{"of": "another version"}')
            assert await visits.latest(OTHER) is None

    asyncio.run(check())


def test_a_queue_that_is_away_is_said() -> None:
    async def check() -> None:
        async with connect("redis://127.0.0.1:1") as redis:
            visits = RedisVisitRecords(redis)
            for asked in (visits.want(ONE), visits.wanted(), visits.show(RECORD), visits.latest(ONE)):
                with pytest.raises(QueueError):
                    await asked

    asyncio.run(check())
