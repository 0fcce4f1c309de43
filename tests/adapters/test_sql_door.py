"""The door to the database: what waits together is committed together, and nobody notices."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_opening import BUSY_S
from patrol.domain.camera import CameraId
from patrol.domain.errors import IllegalTransition, StoreError
from patrol.domain.incidents import IncidentId
from tests.adapters.test_sql import by_camera, direct, opened, pragma
from tests.builders import at, candidate
from tests.stopwatch import stopwatch


@contextmanager
def commits(store: SqlStore) -> Iterator[list[None]]:
    """One item for each."""
    seen: list[None] = []
    engine = store._door._engine

    def note(_connection: object) -> None:
        seen.append(None)

    event.listen(engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(engine, "commit", note)


def test_what_comes_while_another_commits_shares_the_next_commit(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            with commits(store) as seen:
                accepted = await asyncio.gather(
                    *(store.accept(by_camera(number, f"C-{number}"), at(number)) for number in range(100))
                )
            assert len(seen) < 50
            assert [acceptance.alert.id for acceptance in accepted if acceptance.alert] == [
                f"A-{number}" for number in range(100)
            ]
            assert (await store.totals()).alerts_accepted == 100
            assert len({row.message.id for row in await store.unpublished(1000)}) == 200

    asyncio.run(check())


def test_who_is_answered_is_on_the_disk(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:

                async def accept(number: int) -> bool:
                    await store.accept(by_camera(number, f"C-{number}"), at(0))
                    found = other.execute("SELECT count(*) FROM alerts WHERE id = ?", (f"A-{number}",)).fetchone()
                    return found == (1,)

                assert all(await asyncio.gather(*(accept(number) for number in range(60))))

    asyncio.run(check())


def test_only_what_would_be_found_out_again_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    def synchronous(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    full, normal = 2, 1

    async def check() -> None:
        async with opened(tmp_path) as store:
            door = store._door
            assert await door.transaction(synchronous, is_lasting=False) == normal
            assert await door.transaction(synchronous) == full
            held = asyncio.create_task(door.transaction(lambda connection: time.sleep(0.1)))
            await asyncio.sleep(0.05)
            together = [door.transaction(synchronous, is_lasting=number != 1) for number in (0, 1, 2)]
            assert await asyncio.gather(held, *together) == [None, full, full, full]

    asyncio.run(check())


def test_one_that_fails_among_many_fails_alone_and_the_others_are_done_once(tmp_path: Path) -> None:
    def refuse(_situation: object) -> None:
        raise IllegalTransition("no way")

    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            calls = [store.accept(by_camera(number, f"C-{number}"), at(1)) for number in range(2, 42)]
            calls.insert(20, store.decide(IncidentId("I-1"), refuse))
            calls.insert(30, store.decide(IncidentId("I-nowhere"), refuse))
            results = await asyncio.gather(*calls, return_exceptions=True)
            failed = [result for result in results if isinstance(result, BaseException)]
            assert [type(error) for error in failed] == [IllegalTransition, KeyError]
            assert (await store.totals()).alerts_accepted == 41
            ledger = await store.open_ledger()
            assert {incident.sequence for incident in ledger.incidents} == {2}
            assert len(await store.unpublished(1000)) == 82

    asyncio.run(check())


def test_of_a_full_disk_everybody_hears_who_was_not_stored_and_nobody_else(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            await store.accept(candidate(), at(0))
            pages = await pragma(store, "page_count")
            assert isinstance(pages, int)
            await pragma(store, f"max_page_count={pages + 20}")
            results = await asyncio.gather(
                *(store.accept(by_camera(number, f"C-{number}"), at(1)) for number in range(2, 200)),
                return_exceptions=True,
            )
            refused = [result for result in results if isinstance(result, BaseException)]
            assert {type(error) for error in refused} == {StoreError}
            assert 0 < len(refused) < 198
            await pragma(store, "max_page_count=1000000")
            assert (await store.totals()).alerts_accepted == 1 + 198 - len(refused)

    asyncio.run(check())


def test_while_another_process_holds_the_database_all_that_wait_are_refused_together(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.execute("BEGIN IMMEDIATE")
                with stopwatch() as watch:
                    first = asyncio.create_task(store.accept(by_camera(0, "C-0"), at(0)))
                    await asyncio.sleep(0.2)  # it waits for the lock, and they for it
                    others = (store.accept(by_camera(n, f"C-{n}"), at(0)) for n in range(1, 30))
                    refused = await asyncio.gather(first, *others, return_exceptions=True)
                    assert watch.took_s < 4 * BUSY_S
                assert {(type(error), str(error)) for error in refused} == {
                    (StoreError, "database: database is locked")
                }
                other.execute("COMMIT")
            assert (await store.totals()).alerts_accepted == 0
            await store.accept(by_camera(0, "C-0"), at(0))

    asyncio.run(check())


def test_a_caller_that_is_cancelled_in_a_group_leaves_the_others_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            tasks = [asyncio.create_task(store.accept(by_camera(n, f"C-{n}"), at(0))) for n in range(20)]
            await asyncio.sleep(0)
            tasks[7].cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert [index for index, result in enumerate(results) if isinstance(result, BaseException)] == [7]
            assert (await store.totals()).alerts_accepted == 20

    asyncio.run(check())


def test_what_waits_at_the_end_is_done_however_much_it_is(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            tasks = [asyncio.create_task(store.accept(by_camera(n, f"C-{n}"), at(0))) for n in range(200)]
            await asyncio.sleep(0)
        assert all(acceptance.alert is not None for acceptance in await asyncio.gather(*tasks))
        with direct(tmp_path) as other:
            assert other.execute("SELECT count(*) FROM alerts").fetchone() == (200,)

    asyncio.run(check())


def test_who_only_reads_has_a_turn_while_more_and_more_is_written(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            numbers = itertools.count(1)

            async def write() -> None:
                while True:
                    number = next(numbers)
                    await store.accept(by_camera(number, f"C-{number}"), at(0))

            writing = [asyncio.create_task(write()) for _ in range(100)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(10):
                for _ in range(3):
                    await store.waiting()
            for task in writing:
                task.cancel()
            await asyncio.gather(*writing, return_exceptions=True)

    asyncio.run(check())


def test_cameras_that_join_one_incident_together_count_on(tmp_path: Path) -> None:
    """What is committed together is still done one after the other: each sees what those before it have done."""

    async def check() -> None:
        async with opened(tmp_path) as store:
            same = [candidate(number, cool_down_s=0.0) for number in range(1, 21)]
            await asyncio.gather(*(store.accept(each, at(number)) for number, each in enumerate(same)))
            (incident,) = (await store.open_ledger()).incidents
            assert len(incident.alert_ids) == 20
            assert incident.sequence == 40
            assert incident.camera_id == CameraId("C-1")

    asyncio.run(check())


def test_an_error_says_nothing_of_the_statement(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as store:
            with direct(tmp_path) as other:
                other.execute("DROP TABLE evidence")
            with pytest.raises(StoreError) as caught:
                await store.accept(candidate(), at(0))
            assert str(caught.value) == "database: no such table: evidence"
            assert (await store.totals()).alerts_accepted == 0

    asyncio.run(check())
