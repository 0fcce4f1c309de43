"""The spool: whole records in order, over a kill, on a full disk; and never a password. On disk and in memory alike."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patrol.adapters import disk_spool
from patrol.adapters.disk_spool import DiskSpool, decoded, encoded, kept_in
from patrol.adapters.memory import MemorySpool
from patrol.domain.alerts import Candidate
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import StoreError, StoreFailure
from patrol.domain.incidents import AlertId, EvidenceId
from patrol.domain.storage import KeptAlerts
from patrol.ports import Spool
from tests.adapters.small_disk import fill, small_disk
from tests.builders import at, camera, candidate
from tests.pipeline.parts import told_by

CANARY = "canary-password"
NO_ADDRESS = StreamAddress("withheld:")


def seen(number: int) -> Candidate:
    address = StreamAddress(f"rtsp://admin:{CANARY}@10.0.0.1/stream")
    return candidate(
        number,
        camera=camera(f"C-{number}", stream=address, snapshot=address, simulated=number % 2 == 0),
        detected_at=at(number),
        clip_id=EvidenceId(f"V-20260101-120000-{number:012x}") if number % 3 == 0 else None,
    )


def without_address(kept: Candidate) -> Candidate:
    return replace(kept, camera=replace(kept.camera, stream=NO_ADDRESS, snapshot=None, zones=()))


@asynccontextmanager
async def opened(folder: Path, most_bytes: int = 10**6, reserve_bytes: int = 0) -> AsyncIterator[DiskSpool]:
    spool = DiskSpool(folder / "spool", most_bytes, reserve_bytes)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.aclose()


@asynccontextmanager
async def either(kind: str, folder: Path) -> AsyncIterator[Spool]:
    if kind == "memory":
        yield MemorySpool()
    else:
        async with opened(folder) as spool:
            yield spool


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_what_is_kept_comes_back_in_order_whole_and_once(tmp_path: Path, kind: str) -> None:
    async def check() -> None:
        async with either(kind, tmp_path) as spool:
            assert await spool.oldest() is None
            for number in (3, 1, 2):
                await spool.keep(seen(number), b"picture %d" % number)
            assert spool.waiting == 3
            assert spool.size > 0
            for number in (3, 1, 2):
                oldest = await spool.oldest()
                assert oldest is not None
                assert without_address(oldest.candidate) == without_address(seen(number))
                assert oldest.jpeg == b"picture %d" % number
                assert await spool.oldest() == oldest
                await (spool.set_aside(oldest) if number == 1 else spool.done(oldest))
            assert (spool.waiting, spool.size) == (0, 0)
            assert await spool.oldest() is None

    asyncio.run(check())


def test_another_process_finds_what_was_kept_and_goes_on_behind_it(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as spool:
            await spool.keep(seen(1), b"one")
            await spool.keep(seen(2), b"two")
            oldest = await spool.oldest()
            assert oldest is not None
            await spool.set_aside(oldest)
            assert kept_in(tmp_path / "spool").aside == 1
        async with opened(tmp_path) as spool:
            await spool.keep(seen(3), b"three")
            # What was set aside is tried again, at its place.
            found = []
            while (oldest := await spool.oldest()) is not None:
                found.append(oldest.candidate.alert_id)
                await spool.done(oldest)
            assert found == ["A-1", "A-2", "A-3"]
        assert kept_in(tmp_path / "spool") == KeptAlerts()

    asyncio.run(check())


def test_no_password_is_ever_written(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as spool:
            await spool.keep(seen(1), b"one")
        (record,) = (tmp_path / "spool").glob("*.alert")
        assert CANARY.encode() not in record.read_bytes()
        assert b"admin" not in record.read_bytes()

    asyncio.run(check())


def test_a_torn_record_is_skipped_with_a_word_and_the_others_are_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        async with opened(tmp_path) as spool:
            for number in (1, 2, 3):
                await spool.keep(seen(number), b"x" * 1000)
        first, second, _ = sorted((tmp_path / "spool").glob("*.alert"))
        os.truncate(first, first.stat().st_size - 10)
        second.write_bytes(b"")
        (tmp_path / "spool" / "000000000009-A-9.part").write_bytes(b"patrol-spool 1 0000")
        async with opened(tmp_path) as spool:
            oldest = await spool.oldest()
            assert oldest is not None
            assert oldest.candidate.alert_id == "A-3"
            assert spool.waiting == 1
        assert len(list((tmp_path / "spool").glob("*.broken"))) == 2

    asyncio.run(check())
    told = told_by(caplog)
    assert len([line for line in told if "cannot be read and is skipped" in line]) == 2
    assert len([line for line in told if "was never finished, as after a kill" in line]) == 1


def test_a_record_that_somebody_took_away_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path) as spool:
            for number in (1, 2):
                await spool.keep(seen(number), b"x")
            next((tmp_path / "spool").glob("*A-1.alert")).unlink()
            oldest = await spool.oldest()
            assert oldest is not None
            assert oldest.candidate.alert_id == "A-2"

    asyncio.run(check())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.data())
def test_a_record_that_is_not_whole_is_never_taken_for_one(jpeg: bytes, data: st.DataObject) -> None:
    record = encoded(seen(1), jpeg)
    kept, picture = decoded(record)
    assert (kept.alert_id, picture) == (AlertId("A-1"), jpeg)
    place = data.draw(st.integers(0, len(record) - 1))
    changed = data.draw(st.integers(1, 255))
    for torn in (record[:place], record[:place] + bytes([record[place] ^ changed]) + record[place + 1 :]):
        with pytest.raises(ValueError, match=r"it is|codec|Invalid|Expecting"):
            decoded(torn)


def test_what_a_newer_version_adds_is_ignored_and_what_an_older_one_lacks_keeps_its_default() -> None:
    record = encoded(seen(2), b"")
    assert decoded(record)[0].clip_id is None
    plain = {**disk_spool._plain(seen(2)), "unheard_of": 1}
    del plain["clip_id"]
    assert disk_spool._candidate(plain).alert_id == "A-2"


def test_the_spool_is_bounded(tmp_path: Path) -> None:
    async def check() -> None:
        async with opened(tmp_path, most_bytes=5000) as spool:
            await spool.keep(seen(1), b"x" * 3000)
            with pytest.raises(StoreError, match="1 alerts wait already") as refused:
                await spool.keep(seen(2), b"x" * 3000)
            assert refused.value.failure is StoreFailure.DISK_FULL
            oldest = await spool.oldest()
            assert oldest is not None
            await spool.done(oldest)
            await spool.keep(seen(2), b"x" * 3000)

    asyncio.run(check())


def test_on_a_disk_that_is_full_the_reserve_takes_records_and_is_taken_back_when_there_is_room(tmp_path: Path) -> None:
    reserve = 2**20

    async def check(disk: Path) -> None:
        async with opened(disk, reserve_bytes=reserve) as spool:
            filler = fill(disk)
            kept, failure = 0, None
            while failure is None:
                try:
                    await spool.keep(seen(kept), b"x" * 20_000)
                    kept += 1
                except StoreError as error:
                    failure = error.failure
            assert failure is StoreFailure.DISK_FULL
            assert kept >= 10
            assert (disk / "spool" / "reserve").stat().st_size == 0
            assert not list((disk / "spool").glob("*.part"))
            assert spool.waiting == kept
            filler.unlink()
            await spool.keep(seen(kept), b"x" * 20_000)
        async with opened(disk, reserve_bytes=reserve) as spool:
            for number in range(kept + 1):
                oldest = await spool.oldest()
                assert oldest is not None
                assert oldest.candidate.alert_id == f"A-{number}"
                await spool.done(oldest)
        assert (disk / "spool" / "reserve").stat().st_size == reserve

    with small_disk(tmp_path / "disk", 4) as disk:
        asyncio.run(check(disk))


def test_a_folder_that_cannot_be_written_is_a_store_error_in_words(tmp_path: Path) -> None:
    async def check() -> None:
        (tmp_path / "spool").write_text("a file where the folder should be")
        spool = DiskSpool(tmp_path / "spool", 1000, 0)
        with pytest.raises(StoreError, match=f"spool {tmp_path}/spool: "):
            await spool.open()
        await spool.aclose()

    asyncio.run(check())


def test_whoever_only_looks_sees_how_many_wait_since_when(tmp_path: Path) -> None:
    async def check() -> None:
        assert kept_in(tmp_path / "spool") == KeptAlerts()
        async with opened(tmp_path) as spool:
            for number in (1, 2):
                await spool.keep(seen(number), b"x")
        for number, path in enumerate(sorted((tmp_path / "spool").glob("*.alert"))):
            os.utime(path, (at(number).timestamp(),) * 2)
        assert kept_in(tmp_path / "spool") == KeptAlerts(2, at(0), 0)

    asyncio.run(check())
