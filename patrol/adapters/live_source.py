"""Cameras' streams for people to look at: passed on where that can be, encoded here where not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from patrol.adapters.live_encoder import LiveEncoder, Pixels
from patrol.adapters.rtsp.sdp import Codec
from patrol.adapters.rtsp.streaming import RtspStreams
from patrol.adapters.sources import Workers
from patrol.domain.camera import Camera
from patrol.domain.live import RTSP, LivePicture, LiveWay
from patrol.domain.masks import blackened
from patrol.ports import FrameSource

# Of a file, each look finds its place anew.
PICTURES_PER_S, MADE_UP_PER_S = 12, 8
ENCODED_BOX = (1280, 720)
PICTURE_WITHIN_S = 2.0
ENCODED_WITHIN_S = 5.0

OnPicture = Callable[[LivePicture], None]


class CameraStreams:
    """See LiveSource."""

    def __init__(self, rtsp: RtspStreams, pictures: FrameSource, encoders: int = 2) -> None:
        """``pictures``: masked already; for cameras without a stream of their own. ``encoders``: threads."""
        self._rtsp = rtsp
        self._pictures = pictures
        self._workers = Workers("live-encode", encoders)

    async def read(self, camera: Camera, on_open: Callable[[LiveWay], None], on_picture: OnPicture) -> None:
        """See LiveSource."""
        if camera.stream.scheme not in RTSP:
            await self._made_up(camera, on_open, on_picture)
            return

        def is_passed(codec: Codec) -> bool:
            if codec is Codec.H264:
                on_open(LiveWay.PASSED)
            return codec is Codec.H264

        if camera.masks or not await self._rtsp.pass_on(camera, is_passed, on_picture):
            encode = self._encoding(PICTURES_PER_S, on_picture)
            await self._rtsp.decode(
                camera,
                ENCODED_BOX,
                lambda: on_open(LiveWay.ENCODED),
                lambda pixels: encode(blackened(pixels, camera.masks)),
            )

    async def aclose(self) -> None:
        """Take no more."""
        await self._rtsp.aclose()
        await self._workers.aclose()

    async def _made_up(self, camera: Camera, on_open: Callable[[LiveWay], None], on_picture: OnPicture) -> None:
        encode = self._encoding(MADE_UP_PER_S, on_picture)
        frame = await self._pictures.capture(camera, PICTURE_WITHIN_S)
        on_open(LiveWay.ENCODED)
        while True:
            await encode(frame.pixels)
            frame = await self._pictures.capture(camera, PICTURE_WITHIN_S)

    def _encoding(self, per_s: int, on_picture: OnPicture) -> Callable[[Pixels], Awaitable[None]]:
        """What encodes one picture after another, and takes its time so that there are ``per_s`` at most."""
        encoder, loop = LiveEncoder(per_s), asyncio.get_running_loop()
        due_s = loop.time()

        async def encode(pixels: Pixels) -> None:
            nonlocal due_s
            began_s = loop.time()
            picture = await self._workers.run(lambda _: encoder.encode(pixels, began_s), ENCODED_WITHIN_S)
            if picture is not None:
                on_picture(picture)
            due_s = max(due_s + 1 / per_s, loop.time())
            await asyncio.sleep(due_s - loop.time())

        return encode
