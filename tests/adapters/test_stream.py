"""RTSP cameras, clips played as cameras, and recordings read from beginning to end."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from patrol.adapters import stream
from patrol.adapters.stream import StreamSource, VideoFileSource, duration_of, frames_of
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure, InputError
from patrol.domain.frame import Frame
from tests.acceptance import bad_servers
from tests.acceptance.bad_servers import Script
from tests.acceptance.clips import counting_pictures, number_in, write_clip
from tests.adapters.looking import NOON, StandingClock, camera_at, rtsp_server
from tests.stopwatch import stopwatch

CANARY = "Canary-Pa55word"
RTSP_OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"
GOP = 12


@pytest.fixture(scope="module")
def nals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Two seconds of H.264, a key frame each second."""
    clip = tmp_path_factory.mktemp("nals") / "clip.h264"
    return bad_servers.nals_of(write_clip(clip, counting_pictures(2 * GOP), key_frame_every_s=1.0))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds whose pictures say their number, a key frame each second."""
    return write_clip(tmp_path_factory.mktemp("clip") / "a clip.mp4", counting_pictures(48), key_frame_every_s=1.0)


def rtsp(port: int, mount: str = "cam") -> Camera:
    return camera_at(f"rtsp://admin:{CANARY}@127.0.0.1:{port}/{mount}")


def look(camera: Camera, deadline_s: float = 2.0) -> Frame:
    """One visit, with a source of its own that is closed again."""

    async def visit() -> Frame:
        source = StreamSource((640, 384), StandingClock(), workers=2)
        try:
            return await source.capture(camera, deadline_s)
        finally:
            await source.aclose()

    return asyncio.run(visit())


def failure_of(camera: Camera, deadline_s: float = 2.0) -> CaptureError:
    with pytest.raises(CaptureError) as caught:
        look(camera, deadline_s)
    return caught.value


# --- RTSP ---------------------------------------------------------------------------------------------------------


def test_takes_the_first_key_frame_and_tears_the_session_down(nals: list[bytes]) -> None:
    script = Script(nals)
    with bad_servers.rtsp_camera(script) as port:
        frame = look(rtsp(port))
    assert number_in(frame.pixels) == 0
    assert frame.captured_at == NOON
    assert script.asked[-2:] == ["PLAY", "TEARDOWN"]


def test_joining_in_the_middle_waits_for_the_next_key_frame(nals: list[bytes]) -> None:
    second_key = [index for index, nal in enumerate(nals) if nal[0] & 0x1F == 5][1]
    with bad_servers.rtsp_camera(Script(nals[second_key - 6 :])) as port:
        frame = look(rtsp(port))
    assert number_in(frame.pixels) == GOP


def test_a_camera_whose_name_is_not_utf8_is_seen_all_the_same(nals: list[bytes]) -> None:
    with bad_servers.rtsp_camera(Script(nals, session_name="东门摄像机".encode("gbk"))) as port:
        assert look(rtsp(port)).width == 320


def test_a_damaged_key_frame_is_passed_over(nals: list[bytes]) -> None:
    first_key, second_key = (index for index, nal in enumerate(nals) if nal[0] & 0x1F == 5)
    damaged = [nal[:3] if index == first_key else nal for index, nal in enumerate(nals)]
    with bad_servers.rtsp_camera(Script(damaged)) as port:
        frame = look(rtsp(port))
    assert second_key > first_key
    assert number_in(frame.pixels) == GOP


def only_slices(nals: list[bytes]) -> list[bytes]:
    return [nal for nal in nals if nal[0] & 0x1F == 1]


def bad_cameras(nals: list[bytes]) -> dict[str, tuple[AbstractContextManager[int], CaptureFailure]]:
    """Every way a camera can fail, and what it must be called."""
    broken, timed_out, no_key = CaptureFailure.BROKEN, CaptureFailure.TIMED_OUT, CaptureFailure.NO_KEY_FRAME
    slices = only_slices(nals)
    answering, dripping, camera = bad_servers.answering, bad_servers.dripping, bad_servers.rtsp_camera
    return {
        "refused": (nullcontext(bad_servers.refusing()), CaptureFailure.REFUSED),
        "black hole": (bad_servers.black_hole(), timed_out),
        "wrong password": (answering(b"RTSP/1.0 401 No\r\nCSeq: 1\r\n\r\n"), CaptureFailure.UNAUTHORIZED),
        "forbidden": (answering(b"RTSP/1.0 403 No\r\nCSeq: 1\r\n\r\n"), CaptureFailure.UNAUTHORIZED),
        "no such mount": (answering(b"RTSP/1.0 404 No\r\nCSeq: 1\r\n\r\n"), CaptureFailure.NOT_FOUND),
        "busy": (answering(b"RTSP/1.0 453 No\r\nCSeq: 1\r\n\r\n"), broken),
        "garbage": (answering(b"\x00\xff garbage\r\n\r\n" * 50), broken),
        "hangs up": (answering(b""), broken),
        "slow drip": (dripping(RTSP_OK * 20), timed_out),
        "silent once it plays": (camera(Script([])), timed_out),
        "gone once it plays": (camera(Script([], hang_up=True)), broken),
        "sound only": (camera(Script(nals, media=b"audio")), broken),
        "no key frame ever": (camera(Script(slices, every_s=0.05)), no_key),
        "no key frame before its end": (camera(Script(slices, hang_up=True)), no_key),
    }


BAD = tuple(bad_cameras([b"\x41"]))


@pytest.mark.parametrize("name", BAD)
def test_every_failure_has_its_name_comes_in_time_and_keeps_the_password(
    name: str, nals: list[bytes], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    server, expected = bad_cameras(nals)[name]
    threads_before = threading.active_count()
    with server as port, stopwatch() as watch:
        error = failure_of(rtsp(port))
        took_s = watch.took_s
    assert error.failure is expected
    assert took_s < 2.5, "a visit of 2 s, and its thread with it, was over at most a moment later"
    for thread in threading.enumerate():
        if thread.name.startswith("stream"):
            thread.join(1.0)
    assert threading.active_count() <= threads_before
    assert not any(CANARY in text for text in told_by(error))
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())


def told_by(error: BaseException) -> list[str]:
    """Everything that a log or a crash report could print of an error, whatever is chained to it included."""
    texts = ["".join(traceback.format_exception(error))]
    chained: BaseException | None = error
    while chained is not None:
        texts += [str(chained), repr(chained), repr(chained.args), repr(vars(chained))]
        chained = chained.__cause__ or chained.__context__
    return texts


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("255.255.255.255", CaptureFailure.UNREACHABLE),
        ("no-such-camera.invalid", CaptureFailure.UNREACHABLE),
        ("[fe80::1]", CaptureFailure.BROKEN),
    ],
)
def test_no_way_to_the_camera(host: str, expected: CaptureFailure) -> None:
    error = failure_of(camera_at(f"rtsp://admin:{CANARY}@{host}:554/x"), deadline_s=5.0)
    assert error.failure is expected
    assert not any(CANARY in text for text in told_by(error))


def test_a_cancelled_visit_leaves_no_session_and_no_thread_behind(nals: list[bytes]) -> None:
    script = Script(only_slices(nals) * 100, every_s=0.05)

    async def cancel(port: int) -> None:
        source = StreamSource(None, StandingClock(), workers=1)
        visit = asyncio.create_task(source.capture(rtsp(port), 20.0))
        await asyncio.to_thread(script.playing.wait, 5)
        await asyncio.sleep(0.3)
        visit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit
        await source.aclose()

    with bad_servers.rtsp_camera(script) as port:
        asyncio.run(cancel(port))
        for thread in threading.enumerate():
            if thread.name.startswith("stream"):
                thread.join(2.0)
                assert not thread.is_alive(), "its thread went on to the deadline of 20 s"


def test_waiting_for_a_free_thread_counts_against_the_deadline() -> None:
    async def crowd(port: int) -> tuple[list[BaseException | Frame], float]:
        source = StreamSource(None, StandingClock(), workers=1)
        with stopwatch() as watch:
            visits = (source.capture(rtsp(port), 1.0) for _ in range(5))
            results = await asyncio.gather(*visits, return_exceptions=True)
            took_s = watch.took_s
        await source.aclose()
        return results, took_s

    with bad_servers.black_hole() as port:
        results, took_s = asyncio.run(crowd(port))
    assert [getattr(result, "failure", None) for result in results] == [CaptureFailure.TIMED_OUT] * 5
    assert took_s < 1.5


def test_many_real_cameras_of_both_codecs_at_once(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", counting_pictures(48))
    write_clip(tmp_path / "b.mp4", counting_pictures(48), codec="h265")
    mounts = {f"/cam{n}": {"file": "ab"[n % 2] + ".mp4", "codec": ("h264", "h265")[n % 2]} for n in range(12)}

    async def visit_all(port: int) -> list[Frame]:
        source = StreamSource((160, 160), StandingClock(), workers=4)
        try:
            return await asyncio.gather(*(source.capture(rtsp(port, f"cam{n}"), 10.0) for n in range(12)))
        finally:
            await source.aclose()

    with rtsp_server(mounts, tmp_path) as server:
        frames = asyncio.run(visit_all(server.port))
        # The server notices the ends of its sessions a little after the visitors have left.
        expected, give_up_at = dict.fromkeys(("connected", "closed", "played", "torn_down"), 12), time.monotonic() + 5
        while (counts := server.counts()) != expected and time.monotonic() < give_up_at:
            time.sleep(0.05)
    assert [(frame.width, frame.height) for frame in frames] == [(160, 90)] * 12
    assert {number_in(frame.pixels) for frame in frames} <= {0, 24}
    assert counts == expected


def test_a_real_server_that_asks_for_a_password(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", counting_pictures(24))
    with rtsp_server({"/cam": {"file": "a.mp4"}}, tmp_path, password=CANARY) as server:
        assert look(rtsp(server.port), 5.0).width == 320
        wrong = failure_of(camera_at(f"rtsp://admin:wrong@127.0.0.1:{server.port}/cam"), 5.0)
        missing = failure_of(rtsp(server.port, "nothing"), 5.0)
    assert wrong.failure is CaptureFailure.UNAUTHORIZED
    assert missing.failure is CaptureFailure.NOT_FOUND


def test_the_test_server_loops_and_ends_as_told(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", counting_pictures(12))
    mounts = {
        "/loop": {"file": "a.mp4"},
        "/once": {"file": "a.mp4", "loop": False},
        "/stops": {"file": "a.mp4", "stop_after_s": 1.5},
    }

    def pictures_from(port: int, mount: str, at_most: int) -> int:
        seen = 0
        options = {"rtsp_transport": "tcp"}
        with av.open(f"rtsp://127.0.0.1:{port}/{mount}", options=options, timeout=(10, 10)) as container:
            for _ in container.decode(video=0):
                seen += 1
                if seen == at_most:
                    break
        return seen

    with rtsp_server(mounts, tmp_path) as server:
        assert pictures_from(server.port, "loop", at_most=30) == 30
        assert pictures_from(server.port, "once", at_most=30) <= 12
        assert 14 <= pictures_from(server.port, "stops", at_most=60) <= 22


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_picture_larger_than_any_cameras_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", counting_pictures(24), codec)
    monkeypatch.setattr(stream, "LARGEST_PIXELS", 320 * 180 - 1)
    with pytest.raises(CaptureError) as caught:
        watch(camera_at(clip.as_uri()), StandingClock())
    assert caught.value.failure is CaptureFailure.BROKEN
    with rtsp_server({"/cam": {"file": "clip.mp4", "codec": codec}}, tmp_path) as server:
        assert failure_of(rtsp(server.port)).failure in (CaptureFailure.BROKEN, CaptureFailure.NO_KEY_FRAME)


# --- clips as cameras ---------------------------------------------------------------------------------------------


def watch(camera: Camera, clock: StandingClock, deadline_s: float = 5.0) -> Frame:
    async def visit() -> Frame:
        source = VideoFileSource((640, 384), clock, workers=1)
        try:
            return await source.capture(camera, deadline_s)
        finally:
            await source.aclose()

    return asyncio.run(visit())


@pytest.mark.parametrize("picture", [0, 1, 11, 12, 13, 30, 47])
def test_a_clip_is_joined_where_it_stands_by_the_clock(clip: Path, picture: int) -> None:
    start = NOON - timedelta(seconds=NOON.timestamp() % 4.0)
    frame = watch(camera_at(clip.as_uri()), StandingClock(start + timedelta(seconds=(picture + 0.5) / 12)))
    assert number_in(frame.pixels) == picture
    assert frame.captured_at == start + timedelta(seconds=(picture + 0.5) / 12)


def test_a_clip_runs_in_a_loop_and_an_offset_shifts_it(clip: Path) -> None:
    start = NOON - timedelta(seconds=NOON.timestamp() % 4.0)
    a_round_later = watch(camera_at(clip.as_uri()), StandingClock(start + timedelta(seconds=401.04)))
    shifted = watch(camera_at(f"{clip.as_uri()}?offset=1.04"), StandingClock(start + timedelta(seconds=400)))
    assert number_in(a_round_later.pixels) == number_in(shifted.pixels) == 12


def test_a_clip_with_few_key_frames_costs_no_more_than_its_key_frame(tmp_path: Path) -> None:
    long = write_clip(tmp_path / "long.mp4", counting_pictures(96), key_frame_every_s=8.0)
    start = NOON - timedelta(seconds=NOON.timestamp() % 8.0)
    near = watch(camera_at(long.as_uri()), StandingClock(start + timedelta(seconds=2.04)))
    distant = watch(camera_at(long.as_uri()), StandingClock(start + timedelta(seconds=7.04)))
    assert (number_in(near.pixels), number_in(distant.pixels)) == (24, 0)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("file:///no/such/clip.mp4", CaptureFailure.NOT_FOUND),
        ("file:///", CaptureFailure.NOT_FOUND),
        ("file://elsewhere/clip.mp4", CaptureFailure.NOT_FOUND),
        (Path(__file__).as_uri(), CaptureFailure.BROKEN),
        ("CLIP?offset=later", CaptureFailure.BROKEN),
        ("CLIP?offset=nan", CaptureFailure.BROKEN),
        ("CLIP?offset=-inf", CaptureFailure.BROKEN),
        ("CLIP?offset=1e999", CaptureFailure.BROKEN),
    ],
)
def test_clips_that_cannot_be_played(clip: Path, address: str, expected: CaptureFailure) -> None:
    with pytest.raises(CaptureError) as caught:
        watch(camera_at(address.replace("CLIP", clip.as_uri())), StandingClock())
    assert caught.value.failure is expected


@pytest.mark.parametrize("error", [ValueError, TypeError, OverflowError])
def test_what_nobody_thought_of_fails_one_visit_and_tells_no_secret(
    clip: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise error("rtsp://user:canary-3f9a@10.0.0.1/live")

    monkeypatch.setattr(av, "open", fails)
    with pytest.raises(CaptureError) as caught:
        watch(camera_at(clip.as_uri()), StandingClock())
    assert caught.value.failure is CaptureFailure.BROKEN
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_raw_stream_has_no_length_to_loop_over(tmp_path: Path) -> None:
    raw = write_clip(tmp_path / "raw.h264", counting_pictures(12))
    with pytest.raises(CaptureError, match="length is unknown"):
        watch(camera_at(raw.as_uri()), StandingClock())


# --- recordings ---------------------------------------------------------------------------------------------------


def test_every_frame_of_a_recording_with_its_time(clip: Path) -> None:
    frames = list(frames_of(clip, None, (160, 160)))
    assert [number_in(pixels) for _, _, pixels in frames] == list(range(48))
    assert [index for _, index, _ in frames] == list(range(48))
    assert [t_s for t_s, _, _ in frames] == pytest.approx([n / 12 for n in range(48)], abs=1e-3)
    assert {pixels.shape for _, _, pixels in frames} == {(90, 160, 3)}


def test_a_recording_says_how_long_it_is_where_it_can(clip: Path, tmp_path: Path) -> None:
    raw = write_clip(tmp_path / "raw.h264", counting_pictures(12))
    assert duration_of(clip) == pytest.approx(4.0, abs=0.1)
    assert [duration_of(path) for path in (raw, Path(__file__).parent, tmp_path / "missing.mp4")] == [None] * 3


@pytest.mark.parametrize(("fps", "expected"), [(1.0, [0, 12, 24, 36]), (4.0, list(range(0, 48, 3))), (50.0, range(48))])
def test_sampling_keeps_to_the_rate_and_to_the_files_numbers(clip: Path, fps: float, expected: list[int]) -> None:
    assert [index for _, index, _ in frames_of(clip, fps, None)] == list(expected)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.avi", "a.h264", "a.h265"])
def test_reads_what_ffmpeg_reads(tmp_path: Path, name: str) -> None:
    codec = "h265" if name.endswith("5") else "h264"
    frames = list(frames_of(write_clip(tmp_path / name, counting_pictures(24), codec), None, None))
    assert [number_in(pixels) for _, _, pixels in frames] == list(range(24))
    assert frames[-1][0] == pytest.approx(23 / 12, abs=0.05)


@pytest.mark.parametrize("name", ["100%05d *.jpg", "photo.png"])
def test_a_picture_is_one_frame(tmp_path: Path, name: str) -> None:
    picture = np.full((90, 160, 3), (200, 100, 50), np.uint8)
    cv2.imwrite(str(tmp_path / name), picture)
    [(t_s, index, pixels)] = frames_of(tmp_path / name, 2.0, (640, 640))
    assert (t_s, index, pixels.shape) == (0.0, 0, (90, 160, 3))
    assert np.abs(pixels.astype(int) - picture).max() <= 6


def damaged(folder: Path, name: str) -> Path:
    """A file that is of no use, by what is wrong with it."""
    file = folder / name
    noise = np.random.default_rng(0)
    match name:
        case "folder":
            file.mkdir()
        case "empty.mp4":
            file.touch()
        case "letter.txt":
            file.write_text("Nothing to see here.\n" * 50)
        case "noise.mp4":
            file.write_bytes(noise.bytes(50_000))
        case "cut.jpg" | "cut.png":
            encoded = cv2.imencode(file.suffix, noise.integers(0, 255, (90, 160, 3), dtype=np.uint8))[1].tobytes()
            file.write_bytes(encoded[: len(encoded) // 2])
        case "cut.mp4":
            whole = write_clip(folder / "whole.mp4", counting_pictures(24)).read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
        case "cut.mkv":
            whole = write_clip(
                folder / "whole.mkv", noise.integers(0, 255, (60, 64, 64, 3), dtype=np.uint8)
            ).read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
    return file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.mp4", "No such file"),
        ("folder", "directory"),
        ("empty.mp4", "empty"),
        ("letter.txt", "no video or picture"),
        ("noise.mp4", "not a video or picture"),
        ("cut.jpg", "breaks off"),
        ("cut.png", "no frame"),
        ("cut.mp4", "not a video or picture, or damaged"),
        ("cut.mkv", "breaks off after"),
    ],
)
def test_a_useless_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, words: str) -> None:
    file = damaged(tmp_path, name)
    with pytest.raises(InputError) as caught:
        list(frames_of(file, None, None))
    assert str(file) in str(caught.value)
    assert words in str(caught.value)


def test_a_recording_that_breaks_off_still_gives_what_there_is(tmp_path: Path) -> None:
    frames = frames_of(damaged(tmp_path, "cut.mkv"), None, None)
    seen = [next(frames) for _ in range(20)]
    assert [index for _, index, _ in seen] == list(range(20))
    with pytest.raises(InputError, match="breaks off"):
        list(frames)


def test_a_rate_of_zero_is_refused(clip: Path) -> None:
    with pytest.raises(InputError, match="above 0"):
        list(frames_of(clip, 0.0, None))
