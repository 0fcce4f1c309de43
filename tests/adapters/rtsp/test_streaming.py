"""Streams for people to look at: as the camera sends them, for as long as anybody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from patrol.adapters.clock import SystemClock
from patrol.adapters.rtsp import streaming
from patrol.adapters.rtsp.decoding import Pixels
from patrol.adapters.rtsp.sdp import Codec
from patrol.adapters.rtsp.streaming import RtspStreams
from patrol.domain.errors import CaptureError, CaptureFailure, LiveRefusal, LiveRefused
from patrol.domain.live import LivePicture
from tests.acceptance.clips import number_in
from tests.adapters.rtsp.camera import FPS, GOP, RtspCamera, answer, packets_of, pictures, running
from tests.adapters.rtsp.looking import rtsp, told_by, until
from tests.adapters.rtsp.packets import CLOCK_RATE, Packetizer

LONG = pictures(count=10 * GOP)
EVERY_S = 1 / FPS
BOX = (1280, 720)


@dataclass
class Seen:
    """What came of a stream. ``plays``: what it is told of the codec."""

    plays: Callable[[Codec], bool] = lambda codec: codec is Codec.H264
    codecs: list[Codec] = field(default_factory=list)
    pictures: list[LivePicture] = field(default_factory=list)
    pixels: list[Pixels] = field(default_factory=list)
    unconfirmed: list[str] = field(default_factory=list)

    def on_codec(self, codec: Codec) -> bool:
        self.codecs.append(codec)
        return self.plays(codec)

    async def on_pixels(self, pixels: Pixels) -> None:
        self.pixels.append(pixels)


def watched(
    camera: RtspCamera, use: Callable[[RtspStreams, Seen, int], Awaitable[None]], seen: Seen | None = None
) -> Seen:
    """Whatever ``use`` does with a camera."""
    found = seen or Seen()

    async def go(port: int) -> None:
        streams = RtspStreams(SystemClock(), lambda camera, _: found.unconfirmed.append(camera.id))
        try:
            await use(streams, found, port)
        finally:
            await streams.aclose()

    with running(camera) as port:
        asyncio.run(go(port))
    return found


async def passing(streams: RtspStreams, seen: Seen, port: int) -> bool:
    return await streams.pass_on(rtsp(port), seen.on_codec, seen.pictures.append)


async def for_a_while(reading: Awaitable[object], enough: Callable[[], bool]) -> None:
    """Until there is enough; then nobody looks any more."""
    task = asyncio.ensure_future(reading)
    waiting = asyncio.ensure_future(until(enough))
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        await task  # says why
    task.cancel()
    await asyncio.wait([task, waiting])
    waiting.result()


def test_every_picture_is_passed_on_as_it_was_sent() -> None:
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S / 4)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        await for_a_while(passing(streams, seen, port), lambda: len(seen.pictures) > 2 * GOP)

    seen = watched(camera, use)
    assert seen.codecs == [Codec.H264]
    assert [picture.is_key for picture in seen.pictures[: GOP + 1]] == [True, *[False] * (GOP - 1), True]
    assert [picture.ticks for picture in seen.pictures[:4]] == [number * CLOCK_RATE // FPS for number in range(4)]
    for picture, unit in zip(seen.pictures, LONG, strict=False):
        assert picture.data.endswith(b"".join(b"\0\0\0\1" + nal for nal in unit if nal[0] & 0x1F not in (7, 8)))


def test_the_session_is_given_back_when_nobody_looks_any_more() -> None:
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        await for_a_while(passing(streams, seen, port), lambda: bool(seen.pictures))

    seen = watched(camera, use)
    assert camera.asked == ["DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    assert seen.unconfirmed == []


def test_a_session_that_its_camera_does_not_give_up_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "GOODBYE_S", 0.05)
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S, answers={"TEARDOWN": None})

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        await for_a_while(passing(streams, seen, port), lambda: bool(seen.pictures))

    assert watched(camera, use).unconfirmed == ["c1"]


def test_what_cannot_be_passed_on_is_left_at_once() -> None:
    camera = RtspCamera(packets_of(pictures(Codec.H265), Codec.H265), Codec.H265, every_s=EVERY_S)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        assert not await passing(streams, seen, port)

    seen = watched(camera, use)
    assert seen.codecs == [Codec.H265]
    assert seen.pictures == []
    assert camera.asked[-1] == "TEARDOWN"


def test_pictures_out_of_order_are_refused() -> None:
    packetizer = Packetizer(Codec.H264, 600)
    order = [0, *(number + shift for number in range(1, 4 * GOP, 3) for shift in (2, 0, 1))]
    sent = [packetizer.packets(unit, order[at] * CLOCK_RATE // FPS) for at, unit in enumerate(LONG[: len(order)])]
    camera = RtspCamera(sent, every_s=EVERY_S / 8)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        with pytest.raises(LiveRefused) as refused:
            await asyncio.wait_for(passing(streams, seen, port), 5)
        assert refused.value.reason is LiveRefusal.REORDERED

    watched(camera, use)
    assert camera.asked[-1] == "TEARDOWN"


@pytest.mark.parametrize(
    ("camera", "failure"),
    [
        (RtspCamera(challenge=b'WWW-Authenticate: Basic realm="x"\r\n', check=lambda *_: False), "unauthorized"),
        (RtspCamera(answers={"DESCRIBE": answer(b"404 Not Found")}), "not_found"),
        (RtspCamera(answers={"SETUP": answer(b"453 Not Enough Bandwidth")}), "busy"),
        (RtspCamera(packets_of(LONG[:GOP]), hang_up=True), "no_key_frame"),
    ],
)
def test_a_camera_that_does_not_play_says_why_and_keeps_its_password(camera: RtspCamera, failure: str) -> None:
    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        with pytest.raises(CaptureError) as failed:
            await asyncio.wait_for(passing(streams, seen, port), 5)
        assert failed.value.failure is CaptureFailure(failure)
        assert "Pa55word" not in told_by(failed.value)

    watched(camera, use)


def test_a_stream_without_pictures_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SILENT_AFTER_S", 0.3)
    camera = RtspCamera(packets_of(LONG[:3]), every_s=EVERY_S / 8)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        with pytest.raises(CaptureError, match="no pictures"):
            await asyncio.wait_for(passing(streams, seen, port), 5)

    watched(camera, use)


def test_the_camera_is_told_that_somebody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "KEEP_ALIVE_SHARE", 0.001)
    camera = RtspCamera(packets_of(LONG), every_s=EVERY_S)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        await for_a_while(passing(streams, seen, port), lambda: "GET_PARAMETER" in camera.asked)

    watched(camera, use)


@pytest.mark.parametrize("codec", list(Codec))
def test_decoded_it_is_the_newest_picture_that_counts(codec: Codec) -> None:
    camera = RtspCamera(packets_of(pictures(codec, 4 * GOP), codec), codec, every_s=EVERY_S)

    async def use(streams: RtspStreams, seen: Seen, port: int) -> None:
        reading = streams.decode(rtsp(port), BOX, lambda: seen.codecs.append(codec), seen.on_pixels)
        await for_a_while(reading, lambda: len(seen.pixels) >= GOP + 2)

    seen = watched(camera, use)
    shown = [number_in(pixels) for pixels in seen.pixels]
    assert seen.codecs == [codec]
    assert shown == sorted(set(shown))
    assert camera.asked.count("TEARDOWN") == 1
    assert camera.connections == 1
