"""Evidence pictures: kept whole or not at all, found by their own ids only; on disk and in memory alike."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.memory import MemoryEvidence
from patrol.domain.errors import StoreError
from patrol.domain.ids import make_id
from patrol.domain.incidents import EvidenceId
from patrol.domain.retention import Medium
from patrol.ports import EvidenceStore

ID = EvidenceId("V-20260101-120000-0123456789ab")
OTHER = EvidenceId("V-20260102-120000-0123456789ab")


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> EvidenceStore:
    return DiskEvidence(tmp_path / "evidence") if request.param == "disk" else MemoryEvidence()


def test_a_picture_comes_back_as_it_was_put_and_the_newest_wins(store: EvidenceStore) -> None:
    async def check() -> None:
        assert await store.get(ID) is None
        await store.put(ID, b"first")
        await store.put(OTHER, b"other")
        await store.put(ID, b"second")  # a try repeated after a lost answer
        assert await store.get(ID) == b"second"
        assert await store.get(OTHER) == b"other"

    asyncio.run(check())


def test_a_removed_picture_is_gone_and_removing_it_again_is_fine(store: EvidenceStore) -> None:
    async def check() -> None:
        await store.put(ID, b"picture")
        for _ in range(2):
            await store.remove(ID)
            assert await store.get(ID) is None

    asyncio.run(check())


@pytest.mark.parametrize(
    "evil",
    [
        "../../etc/passwd",
        "V-20260101-120000-0123456789ab/../../x",
        "V-20260101-120000-0123456789AB",
        "V-20260101-120000-0123456789ab\n",
        "V-２０２６０１０１-120000-0123456789ab",
        "V-20260101-120000-0123456789ab.jpg",
        "",
    ],
)
def test_only_ids_that_patrol_made_reach_the_disk(tmp_path: Path, evil: str) -> None:
    async def check() -> None:
        folder = tmp_path / "evidence"
        store = DiskEvidence(folder)
        with pytest.raises(StoreError, match="expected V-<date>-<time>-<12 hex digits>"):
            await store.put(EvidenceId(evil), b"x")
        assert await store.get(EvidenceId(evil)) is None
        await store.remove(EvidenceId(evil))
        assert not folder.exists()

    asyncio.run(check())


def test_pictures_lie_in_a_folder_a_day_with_nothing_unfinished_beside_them(tmp_path: Path) -> None:
    async def check() -> None:
        store = DiskEvidence(tmp_path)
        await store.put(ID, b"one")
        await store.put(OTHER, b"two")

    asyncio.run(check())
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == [f"20260101/{ID}.jpg", f"20260102/{OTHER}.jpg"]


def test_a_restart_finds_the_pictures(tmp_path: Path) -> None:
    asyncio.run(DiskEvidence(tmp_path).put(ID, b"kept"))
    assert asyncio.run(DiskEvidence(tmp_path).get(ID)) == b"kept"


def test_a_disk_that_refuses_is_a_store_error_in_words(tmp_path: Path) -> None:
    async def check() -> None:
        (tmp_path / "20260101").write_text("a file where the folder should be")
        store = DiskEvidence(tmp_path)
        for call in (store.put(ID, b"x"), store.get(ID), store.remove(ID)):
            with pytest.raises(StoreError, match=f"evidence {tmp_path}/20260101: "):
                await call

    asyncio.run(check())


def test_a_picture_that_could_not_be_finished_is_not_there(tmp_path: Path) -> None:
    async def check() -> None:
        store = DiskEvidence(tmp_path)
        # The name for the unfinished file is taken by a folder: writing fails as it does on a full disk.
        (tmp_path / "20260101" / f"{ID}.part").mkdir(parents=True)
        with pytest.raises(StoreError):
            await store.put(ID, b"x")
        assert await store.get(ID) is None

    asyncio.run(check())


def test_a_clip_is_kept_beside_the_pictures_and_apart_from_them(store: EvidenceStore) -> None:
    async def check() -> None:
        await store.put(ID, b"picture")
        assert await store.get_clip(ID) is None
        await store.put_clip(ID, b"clip")
        assert await store.get_clip(ID) == b"clip"
        assert await store.get(ID) == b"picture"
        await store.remove(ID)
        assert await store.get_clip(ID) == b"clip"

    asyncio.run(check())


def test_a_clip_is_a_file_of_its_own_whole_or_not_at_all(tmp_path: Path) -> None:
    async def check() -> None:
        store = DiskEvidence(tmp_path)
        with pytest.raises(StoreError, match="expected V-<date>-<time>-<12 hex digits>"):
            await store.put_clip(EvidenceId("../x"), b"x")
        assert await store.get_clip(EvidenceId("../x")) is None
        await store.put_clip(ID, b"whole")

    asyncio.run(check())
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")] == [f"20260101/{ID}.webm"]


def test_the_files_are_listed_in_pieces_and_only_evidence_counts(tmp_path: Path) -> None:
    async def check() -> None:
        store = DiskEvidence(tmp_path)
        ids = [EvidenceId(f"V-2026010{day}-12000{second}-{second:012x}") for day in (1, 2, 3) for second in range(4)]
        for number, each in enumerate(ids):
            await store.put(each, b"x" * number)
        await store.put_clip(ids[0], b"clip")
        (tmp_path / "20260101" / f"{ids[0]}.part").write_bytes(b"half")
        (tmp_path / "20260102" / f"{ids[1]}.jpg").write_bytes(b"in a wrong folder")
        (tmp_path / "notes").mkdir()
        (tmp_path / "notes" / f"{ids[1]}.jpg").write_bytes(b"not ours")
        (tmp_path / "20260101" / "thumbs.db").write_bytes(b"not ours")
        listed, after = [], None
        while piece := await store.stored(after, 5):
            listed += piece
            after = piece[-1].id
        pictures = [file for file in listed if file.medium is Medium.PICTURE]
        assert [(file.id, file.size) for file in pictures] == [(each, size) for size, each in enumerate(ids)]
        assert [file.medium for file in listed[:3]] == [Medium.PICTURE, None, Medium.CLIP]
        assert len(listed) == len(ids) + 2
        assert await store.sizes([(ids[3], Medium.PICTURE), (ids[3], Medium.CLIP)]) == {ids[3]: 3}

    asyncio.run(check())


def test_only_evidence_is_deleted_and_an_empty_folder_of_long_ago_goes_with_it(tmp_path: Path) -> None:
    async def check() -> None:
        store = DiskEvidence(tmp_path / "evidence")
        (tmp_path / "x.jpg").write_bytes(b"not ours")
        old, today = EvidenceId("V-20200101-120000-0123456789ab"), make_id("V", datetime.now(UTC), 1)
        for each in (old, EvidenceId(today)):
            await store.put(each, b"x")
        await store.delete([(old, Medium.PICTURE), (old, Medium.CLIP), (EvidenceId(today), Medium.PICTURE)])
        await store.delete([(old, Medium.PICTURE), (EvidenceId("../../x"), Medium.PICTURE)])
        assert [path.name for path in (tmp_path / "evidence").iterdir()] == [today[2:10]]
        assert (tmp_path / "x.jpg").exists()

    asyncio.run(check())
