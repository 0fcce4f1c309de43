"""Visits of RTSP cameras, cold: what they bring, how they fail, and that they leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from patrol.adapters.rtsp.connection import Connection
from patrol.adapters.rtsp.sdp import Codec
from patrol.adapters.rtsp.session import Session
from patrol.adapters.rtsp.source import ALONE_FOR_S, FALL_BACK_FOR_S, MOST_FALL_BACKS_IN_VAIN, RtspSource
from patrol.adapters.sources import ClosableSource
from patrol.adapters.stream import StreamSource
from patrol.domain.camera import Strategy
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import CaptureClock, Frame
from patrol.domain.strategies import USUAL_DISTANCE_S
from tests.acceptance import bad_servers
from tests.acceptance.clips import counting_pictures, number_in, write_clip
from tests.adapters import test_sources_contract as contract
from tests.adapters.looking import NOON, StandingClock, camera_at, rtsp_server
from tests.adapters.rtsp.camera import GOP, RtspCamera, answer, described, packets_of, pictures, running
from tests.adapters.rtsp.looking import CANARY, Looked, looked, rtsp, told_by, until
from tests.adapters.rtsp.packets import CLOCK_RATE, sender_report
from tests.adapters.test_sources_contract import Case
from tests.stopwatch import stopwatch

DIALOGUE = ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
FIRST_GOP = packets_of(pictures()[:GOP])


def light(box: tuple[int, int] | None) -> ClosableSource:
    return RtspSource(box, StandingClock(), 4, StreamSource(box, StandingClock(), 1))


def seen(camera: RtspCamera, deadline_s: float = 3.0, **options: object) -> Frame:
    """One visit."""
    with running(camera) as port:
        return looked(lambda it: it.source.capture(rtsp(port), deadline_s), **options)


def failure(camera: RtspCamera, deadline_s: float = 1.5) -> CaptureError:
    with running(camera) as port:
        return looked(lambda it: it.failure(rtsp(port), deadline_s))


# --- what holds for every source ----------------------------------------------------------------------------------


@pytest.fixture(params=["h264", "h265"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    write_clip(tmp_path / "clip.mp4", counting_pictures(36, *contract.SIZE), request.param)
    server = rtsp_server({"/cam": {"file": "clip.mp4", "codec": request.param}}, tmp_path)
    here = f"rtsp://127.0.0.1:{request.getfixturevalue('stack').enter_context(server).port}"
    return Case(light, f"{here}/cam", f"{here}/none", CaptureFailure.NOT_FOUND)


def test_keeps_the_contract_of_sources_with_a_real_server(case: Case) -> None:
    contract.test_a_frame_names_its_camera_and_its_time(case)
    contract.test_scaled_into_the_box_with_its_aspect_and_never_up(case, (160, 160), (160, 90))
    contract.test_scaled_into_the_box_with_its_aspect_and_never_up(case, (640, 640), contract.SIZE)
    contract.test_more_visits_than_threads_each_get_their_own_frame(case)
    contract.test_a_failed_visit_says_why_and_hurts_no_other(case)
    contract.test_what_a_mask_covers_is_black_before_anything_sees_it(case)
    contract.test_no_time_is_no_time(case)


def test_closing_leaves_no_thread() -> None:
    camera = RtspCamera(FIRST_GOP)
    seen(camera)
    for thread in threading.enumerate():
        if thread.name.startswith("rtsp"):
            thread.join(2.0)
            assert not thread.is_alive()


def test_a_real_server_counts_every_session_as_torn_down(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", counting_pictures(48))
    write_clip(tmp_path / "b.mp4", counting_pictures(48), codec="h265")
    mounts = {f"/cam{n}": {"file": "ab"[n % 2] + ".mp4", "codec": ("h264", "h265")[n % 2]} for n in range(12)}

    async def visit_all(it: Looked) -> tuple[list[Frame], list[str]]:
        cameras = [rtsp(server.port, mount=f"cam{n}") for n in range(12)]
        return await asyncio.gather(*(it.source.capture(camera, 10.0) for camera in cameras)), it.unconfirmed

    with rtsp_server(mounts, tmp_path) as server:
        frames, unconfirmed = looked(visit_all, scale_to=(160, 160))
        expected, give_up_at = dict.fromkeys(("connected", "closed", "played", "torn_down"), 12), time.monotonic() + 5
        while (counts := server.counts()) != expected and time.monotonic() < give_up_at:
            time.sleep(0.05)
    assert [(frame.width, frame.height) for frame in frames] == [(160, 90)] * 12
    assert {number_in(frame.pixels) for frame in frames} <= {0, 24}
    assert (counts, unconfirmed) == (expected, [])


def test_a_real_server_that_asks_for_a_password(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", counting_pictures(24))
    with rtsp_server({"/cam": {"file": "a.mp4"}}, tmp_path, password=CANARY) as server:
        assert looked(lambda it: it.source.capture(rtsp(server.port), 5.0)).width == 320
        wrong = looked(lambda it: it.failure(camera_at(f"rtsp://admin:wrong@127.0.0.1:{server.port}/cam"), 5.0))
        missing = looked(lambda it: it.failure(rtsp(server.port, mount="nothing"), 5.0))
    assert wrong.failure is CaptureFailure.UNAUTHORIZED
    assert missing.failure is CaptureFailure.NOT_FOUND


# --- what a visit brings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", Codec)
def test_takes_a_key_frame_and_tears_the_session_down(codec: Codec) -> None:
    camera = RtspCamera(packets_of(pictures(codec)[:GOP], codec), codec)
    frame = seen(camera, scale_to=(160, 160))
    assert number_in(frame.pixels) == 0
    assert (frame.width, frame.height) == (160, 90)
    assert (frame.captured_at, frame.clock) == (NOON, CaptureClock.ARRIVAL)
    assert camera.asked == DIALOGUE
    assert not any("sound" in request for request in camera.requests), "only the video is set up"


def test_read_in_the_smallest_pieces() -> None:
    assert number_in(seen(RtspCamera(FIRST_GOP[:2], piece=1), deadline_s=5.0).pixels) == 0


def test_joining_in_the_middle_waits_for_the_next_key_frame() -> None:
    camera = RtspCamera(packets_of(pictures()[GOP - 4 :]), every_s=0.02)
    assert number_in(seen(camera).pixels) == GOP


def test_a_key_frame_that_misses_a_packet_is_passed_over() -> None:
    packets = packets_of(pictures(), most=100)
    assert len(packets[0]) > 6
    del packets[0][5]
    assert number_in(seen(RtspCamera(packets)).pixels) == GOP


def test_a_key_frame_that_cannot_be_decoded_is_passed_over() -> None:
    damaged = [nal[:3] if nal[0] & 0x1F == 5 else nal for nal in pictures()[0]]
    camera = RtspCamera(packets_of([damaged, *pictures()[1:]]), every_s=0.02)
    assert number_in(seen(camera).pixels) == GOP
    assert camera.asked == DIALOGUE * 2


def test_a_server_may_choose_its_own_channels_and_send_before_it_answers() -> None:
    camera = RtspCamera(FIRST_GOP, channels=b"4-5", answers={"PLAY": b"$\0\0\4junk" + answer(b"200 OK")})
    assert number_in(seen(camera).pixels) == 0


def test_pictures_are_timed_by_the_cameras_clock_where_it_can_be_true() -> None:
    taken_at = NOON - timedelta(seconds=1.25)
    plausible = RtspCamera(FIRST_GOP, reports={0: sender_report(taken_at - timedelta(seconds=3), -3 * CLOCK_RATE)})
    frame = seen(plausible)
    assert frame.clock is CaptureClock.STREAM
    assert abs(frame.captured_at - taken_at) < timedelta(milliseconds=1)
    wrong = RtspCamera(FIRST_GOP, reports={0: sender_report(NOON - timedelta(hours=8), 0)})
    assert (seen(wrong).captured_at, seen(wrong).clock) == (NOON, CaptureClock.ARRIVAL)


def test_what_is_measured_of_a_camera_can_be_asked_for() -> None:
    async def visit(it: Looked) -> None:
        camera = rtsp(port)
        assert it.source.facts_of(camera.id).cold_visit_s is None
        await it.source.capture(camera, 3.0)
        facts = it.source.facts_of(camera.id)
        assert facts.set_up_s is not None
        assert facts.first_key_frame_s is not None
        assert facts.first_key_frame_s >= 0.2, "three pictures of 0.1 s came before it"

    with running(RtspCamera(packets_of(pictures()[GOP - 3 :]), every_s=0.1)) as port:
        looked(visit)


def test_a_camera_that_lets_a_client_join_anywhere_is_known_to_need_time_until_it_is_kept_open() -> None:
    async def visit(it: Looked) -> None:
        camera = replace(rtsp(port), strategy=Strategy.COLD)
        assert it.source.longest_wait_s(camera.id) == 0.0
        await it.source.capture(camera, 3.0)
        assert it.source.longest_wait_s(camera.id) == USUAL_DISTANCE_S
        await it.source.capture(replace(camera, strategy=Strategy.WARM), 3.0)
        assert it.source.longest_wait_s(camera.id) == 0.0

    with running(RtspCamera(packets_of(pictures()[GOP - 6 :] * 2), every_s=0.1)) as port:
        looked(visit)


# --- passwords ----------------------------------------------------------------------------------------------------


def digest_check(method: str, authorization: str) -> bool:
    """Whether the password is right, as RFC 2617 has a camera check it."""
    fields = dict(re.findall(r'(\w+)="?([^",]*)"?', authorization))
    if not authorization.startswith("Digest") or fields["nonce"] != "n0nce":
        return False
    first = hashlib.md5(f"admin:cam:{CANARY}".encode()).hexdigest()
    second = hashlib.md5(f"{method}:{fields['uri']}".encode()).hexdigest()
    whole = f"{first}:n0nce:{fields['nc']}:{fields['cnonce']}:auth:{second}"
    return fields["response"] == hashlib.md5(whole.encode()).hexdigest()


def test_digest_authentication_with_a_counted_nonce() -> None:
    challenge = b'WWW-Authenticate: Digest realm="cam", nonce="n0nce", qop="auth"\r\n'
    camera = RtspCamera(FIRST_GOP, challenge=challenge, check=digest_check)
    assert number_in(seen(camera).pixels) == 0
    assert camera.asked == ["DESCRIBE", *DIALOGUE], "asked once, then known"
    assert not any(CANARY in request for request in camera.requests)


def test_a_wrong_password_is_tried_once() -> None:
    challenge = b'WWW-Authenticate: Digest realm="cam", nonce="n0nce", qop="auth"\r\n'
    camera = RtspCamera(challenge=challenge, check=lambda method, authorization: False)
    assert failure(camera).failure is CaptureFailure.UNAUTHORIZED
    assert camera.asked == ["DESCRIBE"] * 2, "cameras lock out who tries more"


# --- how it fails -------------------------------------------------------------------------------------------------


def failing() -> dict[str, tuple[AbstractContextManager[int], CaptureFailure]]:
    """Every way a camera can fail, and what it must be called."""
    following = packets_of(pictures()[1:GOP]) * 20
    broken, timed_out, busy = CaptureFailure.BROKEN, CaptureFailure.TIMED_OUT, CaptureFailure.BUSY
    ok = answer(b"200 OK", "1")

    def status(words: bytes, method: str = "DESCRIBE") -> AbstractContextManager[int]:
        return running(RtspCamera(answers={method: answer(words)}))

    def said(data: bytes) -> AbstractContextManager[int]:
        return bad_servers.answering(data)

    return {
        "refused": (nullcontext(bad_servers.refusing()), CaptureFailure.REFUSED),
        "black hole": (bad_servers.black_hole(), timed_out),
        "slow drip": (bad_servers.dripping(ok * 20), timed_out),
        "slow drip of a head": (bad_servers.dripping(b"RTSP/1.0 200 OK\r\nX: " + b"y" * 999), timed_out),
        "unauthorized": (status(b"401 Unauthorized"), CaptureFailure.UNAUTHORIZED),
        "forbidden": (status(b"403 Forbidden"), CaptureFailure.UNAUTHORIZED),
        "no such mount": (status(b"404 Not Found"), CaptureFailure.NOT_FOUND),
        "no bandwidth": (status(b"453 Not Enough Bandwidth"), busy),
        "busy": (status(b"486 Busy Here", "SETUP"), busy),
        "overloaded": (status(b"503 Service Unavailable", "PLAY"), busy),
        "no TCP": (status(b"461 Unsupported Transport", "SETUP"), broken),
        "redirects round and round": (status(b"302 Moved"), broken),
        "garbage": (said(b"\x00\xff garbage\r\n\r\n" * 50), broken),
        "huge head": (said(b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 99_999), broken),
        "huge body": (said(b"RTSP/1.0 200 OK\r\nContent-Length: 999999\r\n\r\n"), broken),
        "answers nobody asked for": (said(ok + answer(b"200 OK", "2")), broken),
        "hangs up": (said(b""), broken),
        "an empty description": (said(ok), broken),
        "silent at SETUP": (running(RtspCamera(answers={"SETUP": None})), timed_out),
        "silent once it plays": (running(RtspCamera()), timed_out),
        "gone once it plays": (running(RtspCamera(hang_up=True)), broken),
        "no key frame ever": (running(RtspCamera(following, every_s=0.02)), CaptureFailure.NO_KEY_FRAME),
        "ends without one": (running(RtspCamera(following, hang_up=True)), CaptureFailure.NO_KEY_FRAME),
    }


@pytest.mark.parametrize("name", list(failing()))
def test_every_failure_has_its_name_comes_in_time_and_keeps_the_password(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    camera, expected = failing()[name]
    with camera as port, stopwatch() as watch:
        error = looked(lambda it: it.failure(rtsp(port), 1.0))
        took_s = watch.took_s
    assert error.failure is expected
    assert took_s < 1.4, "a visit of 1 s was over at most a moment later"
    assert CANARY not in told_by(error)
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://admin:{}@255.255.255.255:554/x", CaptureFailure.UNREACHABLE),
        ("rtsp://admin:{}@no-such-camera.invalid/x", CaptureFailure.UNREACHABLE),
        ("rtsp://admin:{}@[fe80::1]:554/x", CaptureFailure.BROKEN),
        ("rtsp://admin:{}@127.0.0.1:port/x", CaptureFailure.BROKEN),
        ("rtsp://admin:{}@/x", CaptureFailure.BROKEN),
        ("rtsp://admin:{}@" + "a" * 64 + ".invalid/x", CaptureFailure.UNREACHABLE),
    ],
)
def test_no_way_to_the_camera(address: str, expected: CaptureFailure) -> None:
    error = looked(lambda it: it.failure(camera_at(address.format(CANARY)), 5.0))
    assert error.failure is expected
    assert CANARY not in told_by(error)


def test_a_key_frame_that_does_not_come_is_told_with_how_long_was_waited() -> None:
    async def visit(it: Looked) -> None:
        error = await it.failure(rtsp(port), 1.0)
        assert re.search(r"\d+ packets and no new key frame in 0\.[5-9] s", str(error))
        assert 0.5 < it.source.facts_of(rtsp(port).id).key_frames_at_least_every_s < 1.0

    with running(RtspCamera(packets_of(pictures()[1:GOP]) * 20, every_s=0.02)) as port:
        looked(visit)


# --- that nothing is left behind ----------------------------------------------------------------------------------


@pytest.mark.parametrize("packets", [FIRST_GOP, packets_of(pictures()[1:GOP])])
def test_an_unanswered_goodbye_is_counted_and_costs_a_second_at_most(packets: list[list[bytes]]) -> None:
    camera = RtspCamera(packets, answers={"TEARDOWN": None})

    async def visit(it: Looked) -> tuple[list[str], float]:
        with stopwatch() as watch:
            await asyncio.gather(it.source.capture(rtsp(port), 3.0), return_exceptions=True)
            return it.unconfirmed, watch.took_s

    with running(camera) as port:
        unconfirmed, took_s = looked(visit)
    assert unconfirmed == ["c1"]
    assert took_s < 3.2
    assert camera.asked == DIALOGUE


def left(camera: RtspCamera) -> tuple[list[str], list[float]]:
    """Of one visit that brought a picture: whether its end was unconfirmed, and for how long it may be held."""

    async def visit(it: Looked) -> tuple[list[str], list[float]]:
        await it.source.capture(rtsp(port), 3.0)
        return it.unconfirmed, it.held_s

    with running(camera) as port:
        return looked(visit)


@pytest.mark.parametrize(
    "status", [b"401 Unauthorized", b"405 Method Not Allowed", b"500 Internal Error", b"302 Moved"]
)
def test_only_a_goodbye_that_was_granted_is_confirmed(status: bytes) -> None:
    refusing = RtspCamera(FIRST_GOP, session=b"77;timeout=40", answers={"TEARDOWN": answer(status)})
    assert left(refusing) == (["c1"], [40.0])
    assert refusing.asked == DIALOGUE


def test_a_session_that_the_server_knows_no_more_is_not_held() -> None:
    assert left(RtspCamera(FIRST_GOP, answers={"TEARDOWN": answer(b"454 Session Not Found")})) == ([], [])


@pytest.mark.parametrize("stale", [b", stale=true", b""])
def test_a_goodbye_is_said_again_where_the_nonce_had_grown_old(stale: bytes) -> None:
    def check(method: str, authorization: str) -> bool:
        return f'nonce="{"new" if method == "TEARDOWN" else "old"}"' in authorization

    old = b'WWW-Authenticate: Digest realm="cam", nonce="old"\r\n'
    camera = RtspCamera(FIRST_GOP, challenge=old, check=check)
    new = b'WWW-Authenticate: Digest realm="cam", nonce="new"' + stale + b"\r\n"
    camera.challenges["TEARDOWN"] = new
    assert left(camera) == ([], [])
    assert camera.asked == ["DESCRIBE", *DIALOGUE, "TEARDOWN"]


def test_a_goodbye_is_not_said_for_ever() -> None:
    asks = b'WWW-Authenticate: Digest realm="cam", nonce="n", stale=true\r\n'
    camera = RtspCamera(FIRST_GOP, challenge=asks, check=lambda method, authorization: method != "TEARDOWN")
    assert left(camera) == (["c1"], [60.0])
    assert camera.asked == [*DIALOGUE, "TEARDOWN"]


def test_a_server_that_hangs_up_for_an_answer_has_let_go() -> None:
    camera = RtspCamera(FIRST_GOP, hang_up=True)

    async def visit(it: Looked) -> list[str]:
        await it.source.capture(rtsp(port), 3.0)
        return it.unconfirmed

    with running(camera) as port:
        assert looked(visit) == []


def test_a_visit_that_found_nothing_says_goodbye_all_the_same() -> None:
    camera = RtspCamera(packets_of(pictures()[1:GOP]))

    async def visit(it: Looked) -> list[str]:
        assert (await it.failure(rtsp(port), 1.0)).failure is CaptureFailure.NO_KEY_FRAME
        return it.unconfirmed

    with running(camera) as port:
        assert looked(visit) == []
    assert camera.asked == DIALOGUE


def test_a_cancelled_visit_closes_its_connection_at_once() -> None:
    camera = RtspCamera(packets_of(pictures()[1:GOP]) * 99, every_s=0.05)

    async def cancel(it: Looked) -> None:
        visit = asyncio.create_task(it.source.capture(rtsp(port), 20.0))
        await until(camera.playing.is_set)
        visit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit
        await until(lambda: camera.open_now == 0, 10.0)
        assert it.unconfirmed == ["c1"], "nobody waited for the answer"

    with running(camera) as port:
        looked(cancel)
    assert camera.asked == DIALOGUE


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_hundreds_of_failed_visits_leave_no_file_open() -> None:
    async def visit(it: Looked) -> tuple[int, int]:
        async def some(count: int) -> int:
            for _ in range(count):
                await asyncio.gather(*(it.failure(rtsp(port), 2.0) for port in (gone, refused, hung_up)))
            await asyncio.sleep(0.05)
            return open_files()

        return await some(5), await some(60)

    gone_camera, refused = running(RtspCamera(hang_up=True)), bad_servers.refusing()
    with gone_camera as gone, bad_servers.answering(b"") as hung_up:
        before, after = looked(visit)
    assert after <= before + 4, "the test's own servers may be about to close theirs"


@contextmanager
def nothing_collected() -> Iterator[None]:
    """What is still there inside is held by somebody, or waits for the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_a_visit_leaves_nothing_to_the_garbage_collector() -> None:
    async def visits(it: Looked) -> int:
        with nothing_collected():
            await it.source.capture(rtsp(seen_at), 3.0)
            await it.failure(rtsp(locked), 3.0)
            await it.failure(rtsp(refused), 3.0)
            await asyncio.sleep(0.05)  # asyncio lets go of its transports
            return sum(type(each) in (Session, Connection) for each in gc.get_objects())  # asks nothing of the others

    wants_password = RtspCamera(FIRST_GOP, answers={"DESCRIBE": answer(b"401 Unauthorized")})
    refused = bad_servers.refusing()
    with running(RtspCamera(FIRST_GOP)) as seen_at, running(wants_password) as locked:
        assert looked(visits) == 0


# --- elsewhere ----------------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_once_and_the_password_stays_on_its_host() -> None:
    there = RtspCamera(FIRST_GOP)

    def moved(port: int, host: str) -> RtspCamera:
        return RtspCamera(
            answers={
                "DESCRIBE": answer(b"302 Moved", headers=b"Location: rtsp://%s:%d/new\r\n" % (host.encode(), port))
            }
        )

    def ask_first(method: str, authorization: str) -> bool:
        return bool(authorization)

    with running(there) as port, running(moved(port, "127.0.0.1")) as first:
        assert number_in(looked(lambda it: it.source.capture(rtsp(first), 3.0)).pixels) == 0
    assert there.requests[0].startswith(f"DESCRIBE rtsp://127.0.0.1:{port}/new")

    guarded = RtspCamera(FIRST_GOP, challenge=b'WWW-Authenticate: Basic realm="r"\r\n', check=ask_first)
    with running(guarded) as port, running(moved(port, "127.0.0.2")) as first:
        error = looked(lambda it: it.failure(rtsp(first), 2.0))
    assert error.failure in (CaptureFailure.UNAUTHORIZED, CaptureFailure.REFUSED)
    assert not any("Authorization" in request for request in guarded.requests)


def unreadable_camera() -> RtspCamera:
    """It sends motion JPEG, which the light client does not read."""
    jpeg = answer(b"200 OK", body=b"v=0\r\nm=video 0 RTP/AVP 26\r\na=control:track\r\n")
    return RtspCamera(FIRST_GOP, answers={"DESCRIBE": jpeg})


def test_what_is_not_read_here_is_left_to_the_fallback_for_an_hour() -> None:
    camera = unreadable_camera()

    async def visit(it: Looked) -> None:
        for _ in range(3):
            assert (await it.source.capture(rtsp(port), 2.0)).width == 7
        assert (len(it.fallback.visited), camera.connections) == (3, 1)
        camera.answers = {"DESCRIBE": described("1", Codec.H264, b"track")}  # the camera was mended
        it.clock.shown += timedelta(seconds=FALL_BACK_FOR_S + 1)
        assert (await it.source.capture(rtsp(port), 2.0)).width == 320
        assert len(it.fallback.visited) == 3

    with running(camera) as port:
        looked(visit)


def test_a_camera_whose_key_frames_never_decode_is_left_to_the_fallback() -> None:
    damaged = [nal[:3] if nal[0] & 0x1F == 5 else nal for nal in pictures()[0]]

    async def visit(it: Looked) -> list[str]:
        assert (await it.source.capture(rtsp(port), 3.0)).width == 7
        return it.fallback.visited

    with running(RtspCamera(packets_of([damaged, *pictures()[1:3]] * 4), every_s=0.03)) as port:
        assert len(looked(visit)) == 1


def test_a_fallback_that_sees_nothing_either_is_asked_again_only_later() -> None:
    camera = unreadable_camera()

    async def visit(it: Looked) -> None:
        it.fallback.failure = CaptureError(CaptureFailure.NO_KEY_FRAME, "30 packets")
        seen = [(await it.failure(rtsp(port))).failure for _ in range(MOST_FALL_BACKS_IN_VAIN + 2)]
        assert seen == [CaptureFailure.NO_KEY_FRAME] * MOST_FALL_BACKS_IN_VAIN + [CaptureFailure.UNSUPPORTED] * 2
        assert len(it.fallback.visited) == MOST_FALL_BACKS_IN_VAIN
        it.fallback.failure = None
        it.clock.shown += timedelta(seconds=ALONE_FOR_S + 1)
        assert (await it.source.capture(rtsp(port), 2.0)).width == 7

    with running(camera) as port:
        looked(visit)


def test_a_fallback_that_helps_now_and_then_is_kept_and_so_is_one_that_does_not_get_through() -> None:
    in_vain, away = CaptureError(CaptureFailure.NO_KEY_FRAME), CaptureError(CaptureFailure.TIMED_OUT)
    failures = [*[in_vain] * (MOST_FALL_BACKS_IN_VAIN - 1), None, *[away] * MOST_FALL_BACKS_IN_VAIN, in_vain]

    async def visit(it: Looked) -> int:
        for it.fallback.failure in failures:
            with contextlib.suppress(CaptureError):
                await it.source.capture(rtsp(port), 2.0)
        return len(it.fallback.visited)

    with running(camera := unreadable_camera()) as port:
        assert looked(visit) == len(failures)
    assert camera.connections == 1, "the light client did not try again in between"


def test_closing_closes_the_fallback_too() -> None:
    async def nothing(it: Looked) -> Looked:
        return it

    assert looked(nothing).fallback.closed == 1


# --- TLS ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that a camera would sign itself, for 127.0.0.1, with its key."""
    file = tmp_path_factory.mktemp("tls") / "camera.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=camera", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = file.with_suffix(".key")
    try:
        subprocess.run([*command, "-keyout", str(key), "-out", str(file)], check=True, capture_output=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    file.write_text(file.read_text() + key.read_text())
    return file


def served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_rtsps_with_a_certificate_that_is_trusted_or_need_not_be(certificate: Path) -> None:
    for verify in (ssl.create_default_context(cafile=str(certificate)), False):
        camera = RtspCamera(FIRST_GOP, tls=served_with(certificate))
        with running(camera) as port:
            there = camera_at(f"rtsps://admin:{CANARY}@127.0.0.1:{port}/cam")
            frame = looked(lambda it, there=there: it.source.capture(there, 5.0), verify=verify)
        assert number_in(frame.pixels) == 0
        assert camera.asked == DIALOGUE


def test_rtsps_with_a_certificate_of_nobodys_or_without_tls_is_not_believed(certificate: Path) -> None:
    for tls in (served_with(certificate), None):
        camera = RtspCamera(FIRST_GOP, tls=tls)
        with running(camera) as port:
            there = camera_at(f"rtsps://admin:{CANARY}@127.0.0.1:{port}/cam")
            error = looked(lambda it, there=there: it.failure(there, 2.0))
        assert error.failure in (CaptureFailure.BROKEN, CaptureFailure.TIMED_OUT)
        assert CANARY not in told_by(error)
        assert camera.asked == []
