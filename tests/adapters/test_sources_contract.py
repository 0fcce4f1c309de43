"""What holds for every frame source, checked against each; and the router that picks one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from patrol.adapters.http_snapshot import HttpSnapshotSource
from patrol.adapters.sources import ClosableSource, Deadline, SourceRouter, Workers, fitted, is_whole_jpeg
from patrol.adapters.stream import StreamSource, VideoFileSource
from patrol.adapters.synthetic import SyntheticSource
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from tests.acceptance import bad_servers
from tests.acceptance.clips import counting_pictures, jpeg, write_clip
from tests.adapters.looking import NOON, StandingClock, camera_at, rtsp_server
from tests.adapters.test_http_snapshot import Reply, web_camera
from tests.adapters.test_stream import told_by
from tests.stopwatch import stopwatch

Make = Callable[[tuple[int, int] | None], ClosableSource]
SIZE = (320, 180)


@dataclass(frozen=True)
class Case:
    """A source, an address where it finds a picture of ``SIZE``, one where it finds none, and what that is called."""

    make: Make
    good: str
    bad: str
    failure: CaptureFailure


def stream(box: tuple[int, int] | None) -> ClosableSource:
    return StreamSource(box, StandingClock(), workers=4)


def video_file(box: tuple[int, int] | None) -> ClosableSource:
    return VideoFileSource(box, StandingClock(), workers=4)


def snapshot(box: tuple[int, int] | None) -> ClosableSource:
    return HttpSnapshotSource(box, StandingClock(), workers=4)


KINDS = ["rtsp h264", "rtsp h265", "small rtsp camera", "file h264", "file h265", "http"]


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    folder = tmp_path_factory.mktemp("case")
    kind, _, codec = str(request.param).rpartition(" ")
    with ExitStack() as stack:
        match kind:
            case "rtsp":
                write_clip(folder / "clip.mp4", counting_pictures(36, *SIZE), codec)
                mounts = {"/cam": {"file": "clip.mp4", "codec": codec}}
                port = stack.enter_context(rtsp_server(mounts, folder)).port
                here = f"rtsp://127.0.0.1:{port}"
                yield Case(stream, f"{here}/cam", f"{here}/none", CaptureFailure.NOT_FOUND)
            case "small rtsp":
                raw = write_clip(folder / "clip.h264", counting_pictures(12, *SIZE))
                script = bad_servers.Script(bad_servers.nals_of(raw))
                port = stack.enter_context(bad_servers.rtsp_camera(script))
                nobody = f"rtsp://127.0.0.1:{bad_servers.refusing()}/"
                yield Case(stream, f"rtsp://127.0.0.1:{port}/", nobody, CaptureFailure.REFUSED)
            case "file":
                clip = write_clip(folder / "clip.mp4", counting_pictures(36, *SIZE), codec)
                yield Case(video_file, clip.as_uri(), "file:///no/clip.mp4", CaptureFailure.NOT_FOUND)
            case _:
                picture = Reply(body=jpeg(next(counting_pictures(1, *SIZE))))
                answer = {"/snap": picture}
                web = stack.enter_context(web_camera(lambda path, _: answer.get(path, Reply(404, b""))))
                here = f"http://127.0.0.1:{web.port}"
                yield Case(snapshot, f"{here}/snap", f"{here}/none", CaptureFailure.NOT_FOUND)


@pytest.fixture(scope="module")
def synthetic_case() -> Case:
    return Case(lambda box: SyntheticSource(box, StandingClock()), "synthetic:7", "", CaptureFailure.TIMED_OUT)


LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def captured(make: Make, address: str, box: tuple[int, int] | None, visits: int = 1) -> list[Frame]:
    async def visit() -> list[Frame]:
        source = make(box)
        try:
            cameras = [camera_at(address, f"camera-{n}") for n in range(visits)]
            return await asyncio.gather(*(source.capture(camera, 10.0) for camera in cameras))
        finally:
            await source.aclose()

    return asyncio.run(visit())


def test_a_frame_names_its_camera_and_its_time(case: Case) -> None:
    [frame] = captured(case.make, case.good, None)
    assert frame.camera_id == "camera-0"
    assert frame.captured_at == NOON
    assert (frame.width, frame.height) == SIZE
    assert frame.pixels.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    ("box", "expected"), [((160, 160), (160, 90)), ((640, 90), (160, 90)), ((640, 640), SIZE), ((100, 100), (100, 56))]
)
def test_scaled_into_the_box_with_its_aspect_and_never_up(
    case: Case, box: tuple[int, int], expected: tuple[int, int]
) -> None:
    [frame] = captured(case.make, case.good, box)
    assert (frame.width, frame.height) == expected


def test_more_visits_than_threads_each_get_their_own_frame(case: Case) -> None:
    frames = captured(case.make, case.good, None, visits=9)
    assert [frame.camera_id for frame in frames] == [f"camera-{n}" for n in range(9)]
    assert len({id(frame.pixels) for frame in frames}) == 9


def test_a_failed_visit_says_why_and_hurts_no_other(case: Case) -> None:
    async def both() -> list[Frame | BaseException]:
        source = case.make(None)
        try:
            visits = (source.capture(camera_at(address), 10.0) for address in (case.bad, case.good))
            return await asyncio.gather(*visits, return_exceptions=True)
        finally:
            await source.aclose()

    failed, seen = asyncio.run(both())
    assert isinstance(failed, CaptureError)
    assert failed.failure is case.failure
    assert isinstance(seen, Frame)


def test_what_a_mask_covers_is_black_before_anything_sees_it(case: Case) -> None:
    async def visits() -> list[Frame]:
        router = SourceRouter({urlsplit(case.good).scheme: case.make((160, 160))})
        bare = camera_at(case.good)
        try:
            return [await router.capture(each, 10.0) for each in (bare, replace(bare, masks=(LEFT_HALF,)))]
        finally:
            await router.aclose()

    bare, masked = asyncio.run(visits())
    middle = masked.width // 2
    assert bare.pixels[:, :middle].any()
    assert not masked.pixels[:, :middle].any()
    assert masked.pixels[:, middle + 2 :].any()


def test_closing_leaves_no_thread(case: Case) -> None:
    before = set(threading.enumerate())
    captured(case.make, case.good, None, visits=4)
    ours = ("stream", "video-file", "http-snapshot")
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith(ours):
            thread.join(2.0)  # nobody waits for it at the end, but it does end
            assert not thread.is_alive()


def test_no_time_is_no_time(case: Case) -> None:
    async def visit() -> float:
        source = case.make(None)
        with stopwatch() as watch, pytest.raises(CaptureError) as caught:
            await source.capture(camera_at(case.good), 0.0)
        took_s = watch.took_s
        await source.aclose()
        assert caught.value.failure is CaptureFailure.TIMED_OUT
        return took_s

    assert asyncio.run(visit()) < 0.5


def test_the_drawn_camera_keeps_the_contract_too(synthetic_case: Case) -> None:
    [frame] = captured(synthetic_case.make, synthetic_case.good, (320, 320))
    assert (frame.camera_id, frame.captured_at, frame.width, frame.height) == ("camera-0", NOON, 320, 180)
    assert len(captured(synthetic_case.make, synthetic_case.good, None, visits=5)) == 5
    test_no_time_is_no_time(synthetic_case)
    test_what_a_mask_covers_is_black_before_anything_sees_it(synthetic_case)


# --- the router and what sources share ----------------------------------------------------------------------------


class Recording:
    """A source that notes what was asked of it."""

    def __init__(self) -> None:
        self.visited: list[str] = []
        self.closed = 0

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        self.visited.append(str(camera))
        raise CaptureError(CaptureFailure.REFUSED)

    async def aclose(self) -> None:
        self.closed += 1


def test_the_router_picks_by_scheme_and_closes_each_source_once() -> None:
    streams, files = Recording(), Recording()
    router = SourceRouter({"rtsp": streams, "rtsps": streams, "file": files})

    async def go() -> None:
        for address in ("rtsp://a/1", "RTSPS://a/2", "file:///3"):
            with pytest.raises(CaptureError):
                await router.capture(camera_at(address), 1.0)
        await router.aclose()

    asyncio.run(go())
    assert (len(streams.visited), len(files.visited)) == (2, 1)
    assert (streams.closed, files.closed) == (1, 1)


def test_an_unknown_scheme_is_named_with_those_there_are() -> None:
    router = SourceRouter({"rtsp": Recording(), "file": Recording()})
    with pytest.raises(ValueError, match=r"camera c1: no source .* 'gopher'; expected one of file, rtsp"):
        router.source_of(camera_at("gopher://user:secret@host/"))
    with pytest.raises(ValueError, match="at least one"):
        SourceRouter({})


CANARY = "Canary-Pa55word"


class Faulty(Recording):
    """A source with a bug that one camera's answers find; the others are seen."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        if camera.id != "odd":
            return Frame(camera.id, NOON, np.full((8, 8, 3), 200, np.uint8))
        try:
            raise KeyError(f"rtsp://admin:{CANARY}@host/")
        except KeyError:
            raise self.error from None


@pytest.mark.parametrize(
    "error", [KeyError(CANARY), NotImplementedError(), RecursionError(), MemoryError(), OSError(9, CANARY)]
)
def test_what_a_source_did_not_expect_fails_that_cameras_visit_only(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[str] = []
    router = SourceRouter({"rtsp": Faulty(error)}, on_fault=lambda camera: counted.append(camera.id))

    async def go() -> list[Frame | BaseException]:
        cameras = [camera_at("rtsp://h/1", "odd"), camera_at("rtsp://h/2", "even"), camera_at("rtsp://h/1", "odd")]
        return await asyncio.gather(*(router.capture(each, 1.0) for each in cameras), return_exceptions=True)

    failed, seen, again = asyncio.run(go())
    assert isinstance(failed, CaptureError)
    assert isinstance(again, CaptureError)
    assert isinstance(seen, Frame)
    assert failed.failure is CaptureFailure.BROKEN
    assert type(error).__name__ in str(failed)
    assert counted == ["odd", "odd"]
    [record] = caplog.records
    assert type(error).__name__ in record.getMessage()
    assert "raise self.error from None" in record.getMessage(), "where it happened"
    assert CANARY not in caplog.text
    assert not any(CANARY in text for text in told_by(failed))


def test_a_visit_that_is_cancelled_stays_cancelled() -> None:
    async def go() -> None:
        await SourceRouter({"rtsp": Faulty(asyncio.CancelledError())}).capture(camera_at("rtsp://h/1", "odd"), 1.0)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())


def test_a_picture_whose_masks_cannot_be_blackened_is_not_given_out(caplog: pytest.LogCaptureFixture) -> None:
    masked = replace(camera_at("rtsp://h/1", "even"), masks=(((0.0, 0.0), (math.nan, 0.0), (1.0, 1.0)),))

    async def go() -> None:
        await SourceRouter({"rtsp": Faulty(KeyError())}).capture(masked, 1.0)

    with pytest.raises(CaptureError):
        asyncio.run(go())
    assert "a fault in its source" in caplog.text


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((1920, 1080), (640, 384), (640, 360)),
        ((1080, 1920), (640, 384), (216, 384)),
        ((100, 50), (640, 384), (100, 50)),
        ((4000, 1), (40, 40), (40, 1)),
        ((1920, 1080), None, (1920, 1080)),
    ],
)
def test_fitted(size: tuple[int, int], box: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    assert fitted(*size, box) == expected


def test_a_jpeg_is_whole_only_with_its_end() -> None:
    whole = jpeg(next(counting_pictures(1)))
    assert is_whole_jpeg(whole)
    assert is_whole_jpeg(whole + b"\0\0trailer")
    assert not is_whole_jpeg(whole[:-2])
    assert not is_whole_jpeg(whole[:20] + b"\xff\xd9")
    assert not is_whole_jpeg(b"<html>")


def test_a_failed_visit_leaves_what_its_thread_held_to_nobody() -> None:
    class Decoder:
        """Large, in truth."""

    held: list[weakref.ref[Decoder]] = []

    def work(_: Deadline) -> None:
        decoder = Decoder()
        held.append(weakref.ref(decoder))
        raise CaptureError(CaptureFailure.BROKEN, "broken")

    async def go() -> None:
        workers = Workers("test", 1)
        with contextlib.suppress(CaptureError):
            await workers.run(work, 1.0)
        await asyncio.sleep(0.05)
        assert held[0]() is None, "without the garbage collector"
        await workers.aclose()

    gc.disable()
    try:
        asyncio.run(go())
    finally:
        gc.enable()


def test_a_thread_that_nobody_waits_for_any_more_is_told() -> None:
    ended = threading.Event()

    def work(deadline: Deadline) -> None:
        while deadline.left_s() > 0:
            time.sleep(0.01)
        ended.set()

    async def go() -> None:
        workers = Workers("test", 1)
        task = asyncio.create_task(workers.run(work, 30.0))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await workers.aclose()

    asyncio.run(go())
    assert ended.wait(2.0)


def test_closing_waits_for_no_thread_that_a_silent_camera_holds_and_begins_nothing_that_waits() -> None:
    hangs_up = threading.Event()
    begun: list[str] = []

    def silent(_: Deadline) -> None:
        begun.append("silent")
        hangs_up.wait(10.0)
        ended.set()

    ended = threading.Event()

    async def go() -> float:
        workers = Workers("test", 1)
        visits = [
            asyncio.create_task(workers.run(silent, 30.0)),
            asyncio.create_task(workers.run(lambda _: begun.append("next"), 30.0)),
        ]
        await asyncio.sleep(0.05)
        with stopwatch() as watch:
            await workers.aclose()
            took_s = watch.took_s
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
        return took_s

    try:
        assert asyncio.run(go()) < 1.0
    finally:
        hangs_up.set()
    assert ended.wait(2.0)
    assert begun == ["silent"]


def test_a_deadline_allows_only_what_ends_before_it() -> None:
    deadline = Deadline(10.0)
    assert deadline.allows(9.0)
    assert not deadline.allows(11.0)
    deadline.give_up()
    assert deadline.left_s() == 0.0
    assert not deadline.allows(0.1)


def test_a_pool_without_threads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        StreamSource(None, StandingClock(), workers=0)
