"""Cameras in focus: seen several times a second, between key frames too."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from patrol.adapters.rtsp import focused
from patrol.adapters.rtsp.depacketizing import KeyFrame, OtherPicture, key_frames_of
from patrol.adapters.rtsp.sdp import Codec, VideoTrack
from patrol.domain.camera import CameraId, StreamAddress
from patrol.domain.errors import CaptureFailure
from tests.acceptance.clips import number_in
from tests.adapters.rtsp.camera import FPS, GOP, RtspCamera, answer, packets_of, pictures, running
from tests.adapters.rtsp.looking import Looked, looked, rtsp, until
from tests.adapters.rtsp.packets import PAYLOAD_TYPE, interleaved

LONG = pictures(count=10 * GOP)
EVERY_S = 1 / FPS


def track(codec: Codec = Codec.H264) -> VideoTrack:
    return VideoTrack(codec, "rtsp://h/1", PAYLOAD_TYPE, 90_000, ())


@pytest.mark.parametrize("codec", list(Codec))
def test_every_picture_is_put_together_where_every_one_is_wanted(codec: Codec) -> None:
    frames = key_frames_of(track(codec))
    frames.wants_every = True
    units = pictures(codec, 2 * GOP)
    keys = [frames.take(packet, 0, len(packet)) for unit in packets_of(units, codec) for packet in unit]
    assert sum(key is not None for key in keys) == 2
    assert len(frames.gathered) == 2 * GOP
    assert [isinstance(picture, KeyFrame) for picture in frames.gathered] == [n % GOP == 0 for n in range(2 * GOP)]
    assert [picture.rtp_time for picture in frames.gathered] == sorted({p.rtp_time for p in frames.gathered})


def test_after_a_packet_that_was_lost_nothing_is_gathered_up_to_the_next_key_frame() -> None:
    frames = key_frames_of(track())
    frames.wants_every = True
    for number, unit in enumerate(packets_of(LONG[: 2 * GOP])):
        for packet in unit[: -1 if number == 5 else None]:
            frames.take(packet, 0, len(packet))
    times = [picture.rtp_time * FPS // 90_000 for picture in frames.gathered]
    assert times == [*range(5), *range(GOP, 2 * GOP)]
    assert isinstance(frames.gathered[5], KeyFrame)


def test_joined_between_two_key_frames_nothing_is_gathered_before_one() -> None:
    frames = key_frames_of(track())
    frames.wants_every = True
    for unit in packets_of(LONG[: 2 * GOP])[5:]:
        for packet in unit:
            frames.take(packet, 0, len(packet))
    assert isinstance(frames.gathered[0], KeyFrame)
    assert len(frames.gathered) == GOP


def test_what_nobody_takes_is_bounded_and_begins_with_a_key_frame_again() -> None:
    frames = key_frames_of(track())
    frames.wants_every = True
    packets = packets_of(LONG)
    for unit in [*packets, *packets]:
        for packet in unit:
            frames.take(packet, 0, len(packet))
    assert len(frames.gathered) <= 128
    assert not frames.gathered or isinstance(frames.gathered[0], KeyFrame)


def test_one_that_is_not_in_focus_gathers_nothing() -> None:
    frames = key_frames_of(track())
    for unit in packets_of(LONG[:GOP]):
        for packet in unit:
            frames.take(packet, 0, len(packet))
    assert frames.gathered == []


def test_a_camera_in_focus_is_seen_between_its_key_frames_over_one_session() -> None:
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def visits(it: Looked) -> list[int]:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        numbers = []
        for _ in range(8):
            numbers.append(number_in((await it.source.capture(there, 3.0)).pixels))
            await asyncio.sleep(0.25)
        assert it.source.kept_open == {there.id}
        return numbers

    with running(camera) as port:
        numbers = looked(visits)
    assert numbers == sorted(set(numbers)), "each is newer than the last"
    assert sum(number % GOP != 0 for number in numbers) >= 5
    assert camera.asked == ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]


def test_a_key_frame_that_comes_along_with_the_answer_to_play_is_not_missed() -> None:
    first, *others = packets_of(LONG)
    session = b"Session: 77;timeout=60\r\n"
    camera = RtspCamera(others, every_s=EVERY_S)
    camera.answers = {"PLAY": answer(b"200 OK", headers=session) + b"".join(interleaved(0, each) for each in first)}

    async def visits(it: Looked) -> int:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        return number_in((await it.source.capture(there, 3.0)).pixels)

    with running(camera) as port:
        assert looked(visits) < GOP / 2


def test_a_stream_whose_first_key_frame_is_late_is_kept_for_the_next_visit() -> None:
    camera = RtspCamera(packets_of(LONG)[GOP // 4 :], every_s=EVERY_S)  # joined between two key frames

    async def visits(it: Looked) -> int:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        assert (await it.failure(there, GOP / FPS / 2)).failure is CaptureFailure.NO_KEY_FRAME
        return number_in((await it.source.capture(there, 3.0)).pixels)

    with running(camera) as port:
        assert looked(visits) < 2 * GOP
    assert camera.connections == 1


def test_a_visit_decodes_only_from_the_newest_key_frame_on() -> None:
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def visits(it: Looked) -> tuple[int, int]:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        first = number_in((await it.source.capture(there, 3.0)).pixels)
        await asyncio.sleep(2.2)
        return first, number_in((await it.source.capture(there, 3.0)).pixels)

    with running(camera) as port:
        first, later = looked(visits)
    assert later - first >= 2.0 * FPS


def test_once_nobody_visits_it_any_more_the_session_is_torn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(focused, "UNVISITED_FOR_S", 0.1)
    monkeypatch.setattr(focused, "LOOKED_AFTER_EVERY_S", 0.05)
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def visits(it: Looked) -> None:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        await it.source.capture(there, 3.0)
        await until(lambda: not it.source.kept_open)
        await until(lambda: camera.asked[-1] == "TEARDOWN")
        assert it.unconfirmed == []

    with running(camera) as port:
        looked(visits)


def test_once_nobody_asks_for_it_any_more_the_session_is_torn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(focused, "LOOKED_AFTER_EVERY_S", 0.05)
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def visits(it: Looked) -> None:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        await it.source.capture(there, 3.0)
        await asyncio.sleep(0.2)
        assert it.source.kept_open == {there.id}
        it.source.hold(there.id, 0.0)
        async with asyncio.timeout(focused.UNVISITED_FOR_S / 2):
            await until(lambda: not it.source.kept_open)

    with running(camera) as port:
        looked(visits)


def test_a_focus_that_is_over_leaves_the_camera_to_ordinary_visits() -> None:
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def visits(it: Looked) -> int:
        there = rtsp(port)
        it.source.hold(there.id, 0.0)
        return number_in((await it.source.capture(there, 3.0)).pixels)

    with running(camera) as port:
        assert looked(visits) % GOP == 0


def test_a_stream_that_falls_silent_fails_its_visit_and_the_next_opens_another() -> None:
    camera = RtspCamera(packets_of(LONG[:3]), every_s=EVERY_S)

    async def visits(it: Looked) -> None:
        there = rtsp(port)
        it.source.hold(there.id, 30.0)
        await it.source.capture(there, 2.0)
        await asyncio.sleep(0.5)
        await it.source.capture(there, 2.0)  # what came meanwhile
        await it.failure(there, 0.5)
        assert it.source.kept_open == frozenset()
        await it.source.capture(there, 2.0)

    with running(camera) as port:
        looked(visits)
    assert camera.connections == 2


def test_there_are_so_many_streams_in_focus_at_most_and_the_others_are_opened_for_each_visit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def visits(it: Looked) -> None:
        first, second = rtsp(port), replace(rtsp(port), id=CameraId("c2"))
        second = replace(second, stream=StreamAddress(second.stream.reveal()))
        it.source._focused._most = 1
        for there in (first, second):
            it.source.hold(there.id, 30.0)
            await it.source.capture(there, 3.0)
        assert it.source.kept_open == {first.id}

    with running(camera) as port:
        looked(visits)


def test_pictures_that_nobody_decodes_are_dropped_and_begin_again_with_a_key_frame() -> None:
    class Silent:
        last_video_at = 0.0
        is_over = False

        def follow(self, on_picture: object) -> None:
            pass

    async def taken() -> None:
        stream = focused.FocusedStream(Silent(), None, lambda: True)  # type: ignore[arg-type]
        arrive = stream._take
        key = KeyFrame(Codec.H264, b"k" * 100, 0)
        other = OtherPicture(Codec.H264, b"o" * 100, 1)
        arrive(focused.Arrived(key, None, None))  # type: ignore[arg-type]
        for _ in range(focused.MOST_PENDING + 10):
            arrive(focused.Arrived(other, None, None))  # type: ignore[arg-type]
        assert stream._all_pending() == ()
        arrive(focused.Arrived(key, None, None))  # type: ignore[arg-type]
        arrive(focused.Arrived(other, None, None))  # type: ignore[arg-type]
        assert [each.picture for each in stream._all_pending()] == [key, other]

    asyncio.run(taken())
