"""Streams for people to look at: every picture of a camera, as it was sent or decoded, for as long as anybody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from patrol.adapters.rtsp.connection import Dialler
from patrol.adapters.rtsp.decoding import Pixels
from patrol.adapters.rtsp.depacketizing import KeyFrame
from patrol.adapters.rtsp.focused import FocusedStream
from patrol.adapters.rtsp.sdp import Codec
from patrol.adapters.rtsp.session import Arrived, Session
from patrol.adapters.sources import Box, Workers
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure, LiveRefusal, LiveRefused
from patrol.domain.live import LivePicture, TimeLine
from patrol.ports import Clock, OnUnconfirmed

OPEN_WITHIN_S = 5.0
LOOKED_AFTER_EVERY_S = 0.25
SILENT_AFTER_S = 10.0
KEEP_ALIVE_SHARE = 0.4  # of the server's time-out
ANSWER_WITHIN_S = 5.0
GOODBYE_S = 1.0
DECODED_WITHIN_S = 5.0

OnPixels = Callable[[Pixels], Awaitable[None]]


class RtspStreams:
    """Opens one session for each call, and gives it back at its end, with the camera's word where it comes in time."""

    def __init__(self, clock: Clock, on_unconfirmed: OnUnconfirmed, decoders: int = 2) -> None:
        """``on_unconfirmed``: told of each session that its camera may still hold; ``decoders``: threads."""
        self._clock = clock
        self._on_unconfirmed = on_unconfirmed
        self._dialler = Dialler(verify=True)
        self._workers = Workers("live-decode", decoders)

    async def pass_on(
        self, camera: Camera, on_codec: Callable[[Codec], bool], on_picture: Callable[[LivePicture], None]
    ) -> bool:
        """Every picture of a camera as it is sent, until cancelled.

        ``on_codec``: told once it plays; whether its pictures can be passed on: if not, this ends and returns False.
        Raises CaptureError; LiveRefused for pictures that come in another order than they are shown in.
        """
        session, passing = self._session(camera), _Passing(on_picture)
        session.follow(passing.take)
        try:
            await _open(session, camera)
            if not on_codec(session.video.codec):
                return False
            passing.begin(TimeLine(session.video.clock_rate))
            await _keep(session, passing)
        finally:
            await _leave(session)
        raise AssertionError("a stream ends by an error, or is cancelled")

    async def decode(self, camera: Camera, box: Box, on_open: Callable[[], None], on_pixels: OnPixels) -> None:
        """The newest picture whenever ``on_pixels`` has done with the one before, scaled down into ``box`` (width,
        height), until cancelled. Raises CaptureError."""
        session = self._session(camera)
        stream = FocusedStream(session, box, is_held=lambda: True)
        keeping: asyncio.Task[None] | None = None
        try:
            await _open(session, camera)
            on_open()
            keeping = asyncio.create_task(stream.keep(), name=f"live {camera.id}, kept")
            while True:
                _, pixels = await stream.newest(lambda work: self._workers.run(lambda _: work(), DECODED_WITHIN_S))
                await on_pixels(pixels)
        finally:
            await _leave(session)
            if keeping is not None:
                keeping.cancel()
                await asyncio.wait([keeping])

    async def aclose(self) -> None:
        """Take no more."""
        await self._dialler.aclose()
        await self._workers.aclose()

    def _session(self, camera: Camera) -> Session:
        return Session(self._dialler, self._clock, lambda held_s: self._on_unconfirmed(camera, held_s))


class _Passing:
    """What comes while the session is still being opened is kept until it is known what it is."""

    def __init__(self, on_picture: Callable[[LivePicture], None]) -> None:
        self._on_picture = on_picture
        self._early: list[Arrived] = []
        self._line: TimeLine | None = None

    @property
    def is_reordered(self) -> bool:
        """See TimeLine."""
        return self._line is not None and self._line.is_reordered

    def take(self, arrived: Arrived) -> None:
        """One more, in order."""
        picture = arrived.picture
        if self._line is None:
            self._early.append(arrived)  # of some milliseconds: those that came along with PLAY's answer
            return
        is_key = isinstance(picture, KeyFrame)
        self._on_picture(LivePicture(picture.data, self._line.take(picture.rtp_time, is_key), is_key))

    def begin(self, line: TimeLine) -> None:
        """They can be passed on."""
        self._line = line
        early, self._early = self._early, []
        for arrived in early:
            self.take(arrived)


async def _open(session: Session, camera: Camera) -> None:
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            await session.open(camera.stream, OPEN_WITHIN_S)
    except TimeoutError:
        raise CaptureError(CaptureFailure.TIMED_OUT, f"not open within {OPEN_WITHIN_S:g} s") from None


async def _keep(session: Session, passing: _Passing) -> None:
    loop = asyncio.get_running_loop()
    alive_at = loop.time()
    while True:
        await asyncio.sleep(LOOKED_AFTER_EVERY_S)
        if passing.is_reordered:
            raise LiveRefused(LiveRefusal.REORDERED)
        if session.is_over:
            await session.wait_for_news()  # says why
        if loop.time() - session.last_video_at > SILENT_AFTER_S:
            raise CaptureError(CaptureFailure.BROKEN, "no pictures any more")
        if loop.time() - alive_at >= KEEP_ALIVE_SHARE * session.timeout_s:
            alive_at = loop.time()
            await _answered(session.keep_alive())


async def _answered(answer: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await answer
    except TimeoutError:
        raise CaptureError(CaptureFailure.TIMED_OUT, "it answers no more") from None


async def _leave(session: Session) -> None:
    try:
        await session.leave(GOODBYE_S)
    finally:
        session.abandon()
