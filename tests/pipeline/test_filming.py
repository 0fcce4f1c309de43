"""Filming: a focus becomes a clip, in its own time, and in nobody's way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime

import pytest

from patrol.adapters.memory import FakeClock, MemoryEvidence
from patrol.domain.camera import CameraId
from patrol.domain.clips import AFTER_S, ClipOrder, Still
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame
from patrol.domain.incidents import EvidenceId
from patrol.pipeline import filming as module
from patrol.pipeline.filming import ARRIVES_WITHIN_S, Filming
from tests.builders import NOON, at
from tests.pipeline.parts import counted, frame_of, fresh_metrics, told_by

CLIP = EvidenceId("V-20260101-120000-0123456789ab")


def compressed(frame: Frame) -> bytes:
    return f"{(frame.captured_at - NOON).total_seconds():g}".encode()


def joined(stills: Sequence[Still]) -> bytes:
    return b" ".join(still.jpeg for still in stills)


class Set:
    """A filming stage of its own. Its threads are real: the fake clock must stand still while one works."""

    def __init__(self, evidence: MemoryEvidence | None = None) -> None:
        self.clock, self.metrics = FakeClock(NOON), fresh_metrics()
        self.evidence = evidence or MemoryEvidence()
        self.encoding = joined
        self.filming = Filming(
            compressed, lambda stills: self.encoding(stills), self.evidence, self.clock, self.metrics
        )

    def see(self, *seconds: float, is_wanted: bool = False, camera_id: str = "C-1") -> list[bool]:
        return [self.filming.see(frame_of(camera_id, at(each)), is_wanted=is_wanted) for each in seconds]

    def order(self, confirmed_at: datetime, clip_id: EvidenceId = CLIP) -> None:
        self.filming.order(ClipOrder(clip_id, CameraId("C-1"), confirmed_at))

    async def develop(self, frames: int) -> None:
        """Let so many frames be compressed."""
        async with asyncio.timeout(30):
            while sum(len(film.stills) for film in self.filming._films._films.values()) < frames:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def end(self, running: asyncio.Task[None]) -> None:
        await self.filming.close()
        async with asyncio.timeout(30):
            await running

    def made(self, outcome: str) -> float:
        return counted(self.metrics, "patrol_clips_total", outcome=outcome)


def test_a_focus_becomes_the_clip_of_its_alert() -> None:
    async def check() -> None:
        stage = Set()
        running = asyncio.create_task(stage.filming.run())
        assert stage.see(0.0, is_wanted=True) == [False], "one visit is no focus yet"
        assert stage.see(0.25, 0.5, 0.75) == [True] * 3
        stage.order(at(0.5))
        await stage.end(running)
        assert stage.evidence.clips == {CLIP: b"0 0.25 0.5 0.75"}
        assert (stage.made("stored"), stage.made("lost")) == (1, 0)
        assert counted(stage.metrics, "patrol_film_bytes") > 0

    asyncio.run(check())


def test_visits_far_apart_are_not_filmed() -> None:
    async def check() -> None:
        stage = Set()
        assert stage.see(0.0, 5.0, 10.0) == [False] * 3
        assert stage.filming._frames.qsize() == 0

    asyncio.run(check())


def test_a_clip_waits_for_what_comes_after_the_alert() -> None:
    class Timed(MemoryEvidence):
        async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
            await super().put_clip(clip_id, webm)
            stored_at.append(stage.clock.monotonic())

    stored_at: list[float] = []
    stage = Set(Timed())

    async def check() -> None:
        running = asyncio.create_task(stage.filming.run())
        stage.see(0.0, 0.25, 0.5, is_wanted=True)
        await stage.develop(3)
        stage.order(at(0.5))
        while not stored_at:  # noqa: ASYNC110  (nothing but the clip's own wait lets the clock run on)
            await asyncio.sleep(0.001)
        await stage.end(running)

    asyncio.run(check())
    assert stored_at == [AFTER_S + ARRIVES_WITHIN_S]


def test_it_never_waits_and_what_is_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_CLIPS", 1)

    async def check() -> None:
        stage = Set()
        filming = Filming(compressed, joined, stage.evidence, stage.clock, stage.metrics)
        for n in range(module.WAITING_FRAMES + 4):
            filming.see(frame_of("C-1", at(0.25 * n)), is_wanted=True)
        for n in range(3):
            filming.order(ClipOrder(EvidenceId(f"V-{n}"), CameraId("C-1"), at(0)))
        assert counted(stage.metrics, "patrol_clip_frames_dropped_total", reason="waiting") == 4
        assert stage.made("lost") == 2

    asyncio.run(check())


def test_the_event_loop_goes_on_while_a_clip_is_made() -> None:
    async def check() -> None:
        stage = Set()
        may, begun = threading.Event(), threading.Event()

        def slowly(stills: Sequence[Still]) -> bytes:
            begun.set()
            assert may.wait(5)
            return joined(stills)

        stage.encoding = slowly
        running = asyncio.create_task(stage.filming.run())
        stage.see(0.0, 0.25, 0.5)
        stage.order(at(0.5))
        ending = asyncio.create_task(stage.end(running))
        while not begun.is_set():  # noqa: ASYNC110  (a thread sets it)
            await asyncio.sleep(0.001)
        assert stage.see(0.75) == [True]
        may.set()
        await ending
        assert stage.made("stored") == 1

    asyncio.run(check())


def test_what_waits_or_is_compressed_when_masks_change_is_in_no_clip() -> None:
    may, begun = threading.Event(), threading.Event()

    def slowly(frame: Frame) -> bytes:
        begun.set()
        assert may.wait(5)
        return compressed(frame)

    async def check() -> None:
        stage = Set()
        stage.filming = Filming(slowly, joined, stage.evidence, stage.clock, stage.metrics)
        running = asyncio.create_task(stage.filming.run())
        stage.see(0.0, 0.25, 0.5)
        while not begun.is_set():  # noqa: ASYNC110  (a thread sets it)
            await asyncio.sleep(0.001)
        stage.filming.forget(CameraId("C-1"))
        stage.see(0.75, 1.0, 1.25)
        may.set()
        await stage.end(running)
        (film,) = stage.filming._films._films.values()
        assert [still.at for still in film.stills] == [at(0.75), at(1.0), at(1.25)]

    asyncio.run(check())


def test_a_clip_that_cannot_be_kept_or_made_is_lost_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    class FullDisk(MemoryEvidence):
        async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
            raise StoreError("evidence: no space left")

    def unmade(stills: Sequence[Still]) -> bytes:
        raise StoreError("clip: cannot be encoded")

    async def check() -> None:
        for stage, encode in ((Set(FullDisk()), joined), (Set(), unmade)):
            stage.encoding = encode
            running = asyncio.create_task(stage.filming.run())
            stage.see(0.0, 0.25, is_wanted=True)
            stage.order(at(0.25))
            await stage.end(running)
            assert (stage.made("stored"), stage.made("lost")) == (0, 1)

    asyncio.run(check())
    assert [message.partition("alert stands: ")[2] for message in told_by(caplog)] == [
        "evidence: no space left",
        "clip: cannot be encoded",
    ]


def test_a_focus_that_broke_off_leaves_no_clip(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        stage = Set()
        running = asyncio.create_task(stage.filming.run())
        stage.see(0.0, is_wanted=True)
        stage.order(at(0.0))
        await stage.end(running)
        assert stage.made("lost") == 1

    asyncio.run(check())
    assert "the focus brought too few frames" in told_by(caplog)[0]


def test_where_no_time_is_left_what_waits_is_given_up_and_counted() -> None:
    async def check() -> None:
        stage = Set()
        running = asyncio.create_task(stage.filming.run())
        stage.see(0.0, 0.25)
        stage.filming.abandon()
        for n in range(3):
            stage.order(at(0.25), EvidenceId(f"V-{n}"))
        await stage.end(running)
        assert (stage.made("stored"), stage.made("lost")) == (0, 3)

    asyncio.run(check())


def test_a_frame_that_cannot_be_compressed_is_left_out_and_counted() -> None:
    def compress(frame: Frame) -> bytes:
        if frame.captured_at == at(0.25):
            raise StoreError("clip: the picture could not be encoded")
        return compressed(frame)

    async def check() -> None:
        stage = Set()
        filming = Filming(compress, joined, stage.evidence, stage.clock, stage.metrics)
        running = asyncio.create_task(filming.run())
        for each in (0.0, 0.25, 0.5):
            filming.see(frame_of("C-1", at(each)), is_wanted=True)
        filming.order(ClipOrder(CLIP, CameraId("C-1"), at(0.5)))
        await filming.close()
        await running
        assert stage.evidence.clips == {CLIP: b"0 0.5"}
        assert counted(stage.metrics, "patrol_clip_frames_dropped_total", reason="unreadable") == 1

    asyncio.run(check())
