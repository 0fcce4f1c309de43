"""Cameras that are kept open, and how a camera's way of being looked at is chosen."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from patrol.adapters.rtsp import warm
from patrol.adapters.rtsp.warm import GATHERED_BYTES, LONGEST_REST_S, SHORTEST_REST_S, rest_after
from patrol.domain.camera import Camera, CameraId, Strategy, StreamAddress
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import CaptureClock
from patrol.domain.strategies import Reason
from tests.acceptance.clips import counting_pictures, number_in, write_clip
from tests.adapters.looking import NOON, rtsp_server
from tests.adapters.rtsp.camera import FPS, GOP, RtspCamera, answer, packets_of, pictures, running
from tests.adapters.rtsp.looking import CANARY, Looked, looked, rtsp, told_by, until
from tests.adapters.rtsp.packets import sender_report
from tests.stopwatch import stopwatch

LONG = packets_of(pictures(count=10 * GOP))
PACE_S = 0.02  # four times as fast as by their stamps


def warm_camera(port: int, name: str = "c1", host: str = "127.0.0.1") -> Camera:
    there = rtsp(port, Strategy.WARM)
    return replace(there, id=CameraId(name), stream=StreamAddress(there.stream.reveal().replace("127.0.0.1", host)))


def test_each_visit_gets_the_newest_key_frame_not_yet_given_out_over_one_session() -> None:
    camera = RtspCamera(LONG, every_s=PACE_S)

    async def visits(it: Looked) -> list[int]:
        there = warm_camera(port)
        first = await it.source.capture(there, 3.0)
        second = await it.source.capture(there, 3.0)  # waits for the next
        await asyncio.sleep(2.5 * GOP * PACE_S + LONGEST_REST_S)  # two go by
        with stopwatch() as watch:
            later = await it.source.capture(there, 3.0)
            assert watch.took_s < 0.1, "it was there"
        assert it.source.warm_count == 1
        assert it.source.facts_of(there.id).key_frame_distance_s == pytest.approx(GOP / FPS)
        return [number_in(frame.pixels) for frame in (first, second, later)]

    with running(camera) as port:
        numbers = looked(visits)
    assert numbers[:2] == [0, GOP]
    assert numbers[2] >= 3 * GOP
    assert camera.asked == ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]


def test_the_distance_of_key_frames_is_that_of_neighbours_where_one_look_takes_several() -> None:
    camera = RtspCamera(LONG, every_s=PACE_S)

    async def distance_s(it: Looked) -> float | None:
        there = warm_camera(port)
        await it.source.capture(there, 3.0)
        time.sleep(2.5 * GOP * PACE_S)  # noqa: ASYNC251 - nothing is read, as on a machine that has no time for it
        await it.source.capture(there, 3.0)
        return it.source.facts_of(there.id).key_frame_distance_s

    with running(camera) as port:
        assert looked(distance_s) == pytest.approx(GOP / FPS)


def test_two_visits_at_once_share_the_session_and_get_a_key_frame_each() -> None:
    camera = RtspCamera(LONG, every_s=PACE_S)

    async def visits(it: Looked) -> set[int]:
        frames = await asyncio.gather(*(it.source.capture(warm_camera(port), 3.0) for _ in range(2)))
        return {number_in(frame.pixels) for frame in frames}

    with running(camera) as port:
        assert looked(visits) == {0, GOP}
    assert camera.connections == 1


def test_between_visits_it_is_read_now_and_then_and_pictures_keep_their_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "LONGEST_REST_S", 0.6)
    monkeypatch.setattr(warm, "SHORTEST_REST_S", 0.6)
    camera = RtspCamera(packets_of(pictures()), every_s=1 / FPS)

    async def visits(it: Looked) -> float:
        await it.source.capture(warm_camera(port), 3.0)
        await asyncio.sleep(GOP / FPS + 0.9)
        frame = await it.source.capture(warm_camera(port), 3.0)
        assert (number_in(frame.pixels), frame.clock) == (GOP, CaptureClock.ARRIVAL)
        return (NOON - frame.captured_at).total_seconds()

    with running(camera) as port:
        assert 0.0 <= looked(visits) <= 0.6, "by a clock that stands still, as old as it lay in the system's buffers"


def test_pictures_carry_the_cameras_time_once_it_told() -> None:
    told = sender_report(NOON - timedelta(seconds=2), 0)
    camera = RtspCamera(LONG, every_s=PACE_S, reports={3: told})

    async def visits(it: Looked) -> None:
        first, second = [await it.source.capture(warm_camera(port), 3.0) for _ in range(2)]
        assert first.clock is CaptureClock.ARRIVAL
        assert (second.clock, second.captured_at) == (CaptureClock.STREAM, NOON - timedelta(seconds=2 - GOP / FPS))

    with running(camera) as port:
        looked(visits)


def test_a_session_that_broke_is_opened_again_by_the_next_visit() -> None:
    camera = RtspCamera(LONG[: GOP + 1], hang_up=True, every_s=PACE_S)

    async def visits(it: Looked) -> None:
        there = warm_camera(port)
        await it.source.capture(there, 3.0)
        await until(lambda: camera.open_now == 0)
        frame = await it.source.capture(there, 3.0)  # may be what came before it broke
        await asyncio.sleep(LONGEST_REST_S)
        again = await it.source.capture(there, 3.0)
        assert {number_in(frame.pixels), number_in(again.pixels)} <= {0, GOP}
        await until(lambda: it.source.facts_of(there.id).warm_breaks.count > 0)

    with running(camera) as port:
        looked(visits)
    assert camera.connections >= 2


def test_a_session_nobody_visits_is_closed_and_one_that_is_silent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def visit(it: Looked) -> None:
        await it.source.capture(warm_camera(port), 3.0)
        await until(lambda: it.source.warm_count == 0, 9.0)
        assert it.unconfirmed == []

    idle = RtspCamera(LONG, every_s=PACE_S)
    with running(idle) as port:
        looked(visit, warm_idle_s=0.3)
    monkeypatch.setattr(warm, "SILENT_AFTER_S", 0.3)
    silent = RtspCamera(LONG[:1])
    with running(silent) as port:
        looked(visit)
    assert idle.asked[-1] == silent.asked[-1] == "TEARDOWN"


def test_a_session_whose_pictures_stopped_is_silent_however_well_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "SILENT_AFTER_S", 0.8)
    monkeypatch.setattr(warm, "KEEP_ALIVE_SHARE", 0.06)  # of 5 s
    camera = RtspCamera(LONG[:GOP], session=b"9;timeout=5")

    async def visit(it: Looked) -> None:
        await it.source.capture(warm_camera(port), 3.0)
        await until(lambda: it.source.warm_count == 0, 9.0)
        assert it.source.facts_of(CameraId("c1")).warm_breaks.count == 1

    with running(camera) as port:
        looked(visit)
    assert camera.asked.count("GET_PARAMETER") >= 1
    assert camera.asked[-1] == "TEARDOWN"


def test_a_visit_that_saw_no_new_picture_drops_the_session_and_the_next_opens_another() -> None:
    camera = RtspCamera(LONG[:GOP])

    async def visits(it: Looked) -> None:
        there = warm_camera(port)
        assert number_in((await it.source.capture(there, 3.0)).pixels) == 0
        await asyncio.sleep(1.5 * LONGEST_REST_S)  # what had come with it is read
        error = await it.failure(there, 1.0)
        assert error.failure is CaptureFailure.TIMED_OUT
        assert it.source.facts_of(there.id).key_frames_at_least_every_s == 0.0, "nothing came to learn from"
        assert it.source.warm_count == 0
        assert number_in((await it.source.capture(there, 3.0)).pixels) == 0

    with running(camera) as port:
        looked(visits)
    assert camera.asked == 2 * ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]


def test_a_session_whose_camera_takes_no_goodbye_is_dropped_in_the_time_of_the_visit() -> None:
    async def visits(it: Looked) -> float:
        there = warm_camera(port)
        await it.source.capture(there, 3.0)
        await asyncio.sleep(1.5 * LONGEST_REST_S)
        with stopwatch() as watch:
            await it.failure(there, 1.0)
            assert it.source.warm_count == 0
            return watch.took_s

    with running(RtspCamera(LONG[:GOP], answers={"TEARDOWN": None})) as port:
        assert looked(visits) < 1.2


def test_it_is_kept_alive_by_what_the_camera_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "KEEP_ALIVE_SHARE", 0.06)  # of 5 s, the shortest that a camera may ask for
    camera = RtspCamera(
        LONG, every_s=0.1, session=b"9; timeout=1", answers={"GET_PARAMETER": answer(b"501 Not Implemented")}
    )

    async def visit(it: Looked) -> None:
        await it.source.capture(warm_camera(port), 3.0)
        await until(lambda: camera.asked.count("OPTIONS") >= 2)
        assert it.source.warm_count == 1

    with running(camera) as port:
        looked(visit)
    assert camera.asked.count("GET_PARAMETER") == 1
    assert "\r\nSession: 9" in next(request for request in camera.requests if request.startswith("OPTIONS"))


@pytest.mark.parametrize("answered", [None, answer(b"454 Session Not Found")])
def test_a_server_that_knows_the_session_no_more_ends_it(
    monkeypatch: pytest.MonkeyPatch, answered: bytes | None
) -> None:
    monkeypatch.setattr(warm, "KEEP_ALIVE_SHARE", 0.06)
    monkeypatch.setattr(warm, "ANSWER_WITHIN_S", 0.2)
    camera = RtspCamera(LONG, every_s=0.1, session=b"9;timeout=5", answers={"GET_PARAMETER": answered})

    async def visit(it: Looked) -> None:
        await it.source.capture(warm_camera(port), 3.0)
        await until(lambda: it.source.warm_count == 0, 9.0)
        assert it.source.facts_of(CameraId("c1")).warm_breaks.count == 1

    with running(camera) as port:
        looked(visit)


def test_the_budget_and_each_host_have_their_limit_and_the_rest_are_opened_for_each_visit() -> None:
    camera = RtspCamera(LONG, every_s=PACE_S)

    async def visits(it: Looked) -> list[int]:
        counts = []
        for port, name, host in ((one, "a", A), (one, "b", A), (other, "c", B), (other, "d", B), (one, "b", A)):
            await it.source.capture(warm_camera(port, name, host), 3.0)
            counts.append(it.source.warm_count)
        choice = it.source.choice_of(CameraId("b"))
        assert choice is not None
        assert (choice.strategy, choice.reason) == (Strategy.COLD, Reason.NO_ROOM)
        return counts

    A, B = "127.0.0.1", "localhost"  # noqa: N806  (two hosts, as far as names go)
    with running(camera) as one, running(RtspCamera(LONG, every_s=PACE_S)) as other:
        assert looked(visits, warm_sessions=2, warm_on_host=lambda _: 1) == [1, 1, 2, 2, 2]


def test_visits_that_open_at_the_same_time_keep_to_the_limit_too() -> None:
    async def visits(it: Looked) -> int:
        names = [f"camera-{number}" for number in range(5)]
        await asyncio.gather(*(it.source.capture(warm_camera(port, name), 3.0) for name in names))
        return it.source.warm_count

    with running(RtspCamera(LONG, every_s=PACE_S)) as port:
        assert looked(visits, warm_sessions=2) <= 2


def test_a_visit_without_a_new_key_frame_says_so_and_keeps_the_session() -> None:
    camera = RtspCamera([*LONG[:GOP], *LONG[1:GOP] * 50], every_s=PACE_S)

    async def visits(it: Looked) -> None:
        there = warm_camera(port)
        await it.source.capture(there, 3.0)
        error = await it.failure(there, 0.5)
        assert error.failure is CaptureFailure.NO_KEY_FRAME
        assert CANARY not in told_by(error)
        assert it.source.warm_count == 1

    with running(camera) as port:
        looked(visits)


@pytest.mark.parametrize("name", ["cancelled", "refused", "no mount"])
def test_a_session_that_was_never_open_takes_no_place(name: str) -> None:
    answers = {
        "cancelled": {"PLAY": None},
        "refused": {"SETUP": answer(b"453 No")},
        "no mount": {"DESCRIBE": answer(b"404 No")},
    }
    camera = RtspCamera(answers=answers[name])

    async def visit(it: Looked) -> None:
        visit = asyncio.create_task(it.source.capture(warm_camera(port), 3.0))
        await until(lambda: "DESCRIBE" in camera.asked)
        await asyncio.sleep(0.1)
        visit.cancel()
        await asyncio.gather(visit, return_exceptions=True)
        await until(lambda: camera.open_now == 0)
        assert it.source.warm_count == 0
        camera.answers, camera.packets = {}, LONG[:GOP]
        await it.source.capture(warm_camera(port), 3.0)
        assert it.source.warm_count == 1

    with running(camera) as port:
        looked(visit, warm_sessions=1)


def test_what_cannot_be_read_is_not_kept_open() -> None:
    damaged = [nal[:3] if nal[0] & 0x1F == 5 else nal for nal in pictures()[0]]

    async def visit(it: Looked) -> None:
        assert (await it.source.capture(warm_camera(port), 3.0)).width == 7
        assert (await it.source.capture(warm_camera(port), 3.0)).width == 7
        assert it.source.warm_count == 0

    with running(RtspCamera(packets_of([damaged, *pictures()[1:3]] * 4), every_s=PACE_S)) as port:
        looked(visit)


def test_real_cameras_are_kept_open_and_torn_down_at_the_end(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", counting_pictures(48))

    async def visits(it: Looked) -> None:
        cameras = [replace(rtsp(server.port, Strategy.WARM, mount=f"cam{n}"), id=CameraId(f"{n}")) for n in range(6)]
        for _ in range(2):
            await asyncio.gather(*(it.source.capture(camera, 10.0) for camera in cameras))
        assert it.source.warm_count == 6

    with rtsp_server({f"/cam{n}": {"file": "a.mp4"} for n in range(6)}, tmp_path) as server:
        looked(visits)
        expected, give_up_at = dict.fromkeys(("connected", "closed", "played", "torn_down"), 6), time.monotonic() + 5
        while (counts := server.counts()) != expected and time.monotonic() < give_up_at:
            time.sleep(0.05)
    assert counts == expected


def test_looks_become_more_frequent_the_more_gathers_between_them() -> None:
    assert rest_after(LONGEST_REST_S, 0) == LONGEST_REST_S
    assert rest_after(0.5, 10 * GATHERED_BYTES) == pytest.approx(0.05)
    assert rest_after(0.1, GATHERED_BYTES // 10) == pytest.approx(0.15)
    assert rest_after(0.02, 10**9) == SHORTEST_REST_S


# --- auto ---------------------------------------------------------------------------------------------------------


def test_auto_opens_a_quick_camera_for_each_visit() -> None:
    camera = RtspCamera(LONG[:GOP])

    async def visits(it: Looked) -> tuple[Strategy, Reason]:
        for _ in range(3):
            await it.source.capture(rtsp(port, Strategy.AUTO), 3.0)
        choice = it.source.choice_of(rtsp(port).id)
        assert choice is not None
        return choice.strategy, choice.reason

    with running(camera) as port:
        assert looked(visits) == (Strategy.COLD, Reason.QUICK)
    assert camera.connections == 3


def test_auto_keeps_a_camera_open_whose_key_frames_are_slow_to_come() -> None:
    camera = RtspCamera(packets_of(pictures(count=10 * GOP)[1:]), every_s=0.1)

    async def visits(it: Looked) -> list[int]:
        there = replace(rtsp(port, Strategy.AUTO), revisit_bound_s=2.0)
        counts = []
        for _ in range(3):
            await it.source.capture(there, 3.0)
            counts.append(it.source.warm_count)
        return counts

    with running(camera) as port:
        assert looked(visits) == [1, 1, 1], "the first visit has it waited for already"


def test_auto_keeps_a_camera_it_joined_between_key_frames_until_their_distance_is_known() -> None:
    camera = RtspCamera(LONG[GOP - 7 :], every_s=0.1)  # the first key frame comes after 0.7 s

    async def visits(it: Looked) -> list[tuple[Strategy, Reason, int]]:
        there = replace(rtsp(port, Strategy.AUTO), revisit_bound_s=30.0)
        stands = []
        for _ in range(3):
            await it.source.capture(there, 3.0)
            choice = it.source.choice_of(there.id)
            assert choice is not None
            stands.append((choice.strategy, choice.reason, it.source.warm_count))
        return stands

    with running(camera) as port:
        stands = looked(visits)
    assert stands == [
        (Strategy.WARM, Reason.LEARNING, 1),
        (Strategy.WARM, Reason.LEARNING, 1),
        (Strategy.COLD, Reason.QUICK, 0),
    ]
    assert camera.asked == 2 * ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"], "two sessions for three visits"


def test_a_camera_that_is_configured_to_be_opened_each_time_is_not_kept_to_learn() -> None:
    async def visit(it: Looked) -> int:
        await it.source.capture(replace(rtsp(port), revisit_bound_s=30.0), 3.0)
        return it.source.warm_count

    with running(RtspCamera(LONG[GOP - 7 :], every_s=0.1)) as port:
        assert looked(visit) == 0


def test_a_snapshot_is_asked_for_by_its_own_address_and_a_failing_one_is_left_alone_by_auto() -> None:
    camera = RtspCamera(packets_of(pictures()[1:GOP]) * 20, every_s=PACE_S)
    snapshot = "http://127.0.0.1/snapshot.jpg"

    async def visits(it: Looked) -> None:
        there = replace(rtsp(port, Strategy.AUTO, snapshot), revisit_bound_s=0.4)
        assert (await it.failure(there, 0.6)).failure is CaptureFailure.NO_KEY_FRAME
        assert (await it.source.capture(there, 1.0)).width == 7
        assert it.snapshots.visited == [snapshot]
        it.snapshots.failure = CaptureError(CaptureFailure.REFUSED)
        for _ in range(3):
            assert (await it.failure(there, 1.0)).failure is CaptureFailure.REFUSED
        assert (await it.failure(there, 0.6)).failure is CaptureFailure.NO_KEY_FRAME
        assert len(it.snapshots.visited) == 4

    with running(camera) as port:
        looked(visits)


def test_a_camera_configured_for_snapshots_is_never_opened() -> None:
    async def visit(it: Looked) -> list[str]:
        await it.source.capture(rtsp(9, Strategy.SNAPSHOT, "http://camera/snap"), 1.0)
        return it.snapshots.visited

    assert looked(visit) == ["http://camera/snap"]
