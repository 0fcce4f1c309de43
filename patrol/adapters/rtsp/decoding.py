"""Pictures into pixels, with FFmpeg's decoders through PyAV. Blocking: for threads."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np
import numpy.typing as npt

from patrol.adapters.rtsp.depacketizing import KeyFrame, Picture
from patrol.adapters.scaling import bgr
from patrol.adapters.sources import LARGEST_PIXELS

Pixels = npt.NDArray[np.uint8]


def decoded(key_frame: KeyFrame, box: tuple[int, int] | None) -> Pixels | None:
    """(height, width, 3) uint8 BGR, scaled down into ``box`` (width, height) in the step that converts it.

    None if it is damaged, or larger than any camera's. Every picture gets a decoder of its own, which costs 0.03 ms, so
    that nothing of one camera can show in the picture of another.
    """
    frame = _frame_of(key_frame)
    return None if frame is None else _scaled(frame, box)


class RunningDecoder:
    """Decodes the pictures of one stream, one after the other; begins anew with every key frame.

    Not thread-safe: one call at a time.
    """

    def __init__(self, box: tuple[int, int] | None) -> None:
        self._box = box
        self._context: av.VideoCodecContext | None = None

    def last_of(self, pictures: Sequence[Picture]) -> Pixels | None:
        """As ``decoded``, of the last of these that gives a picture; None if none does."""
        last = None
        for picture in pictures:
            last = self._frame_of(picture) or last
        return None if last is None else _scaled(last, self._box)

    def _frame_of(self, picture: Picture) -> av.VideoFrame | None:
        if isinstance(picture, KeyFrame):
            self._context = _decoder_of(picture)
            # A camera that sends pictures out of their order would be held back until the next key frame.
            self._context.flags |= av.codec.context.Flags.low_delay
        if self._context is None:
            return None
        try:
            frames = self._context.decode(av.Packet(picture.data))
        except av.FFmpegError:
            self._context = None  # nothing behind a damaged picture is worth looking at
            return None
        return frames[-1] if frames and not frames[-1].is_corrupt else None


def _decoder_of(picture: Picture) -> av.VideoCodecContext:
    context = av.CodecContext.create(picture.codec.value, "r")
    context.thread_count = 1  # threads of its own would hold frames back, and the cores are all in use
    context.options = {"max_pixels": str(LARGEST_PIXELS)}  # a few bytes can promise a picture that fills the memory
    return context


def _frame_of(key_frame: KeyFrame) -> av.VideoFrame | None:
    context = _decoder_of(key_frame)
    try:
        frames = context.decode(av.Packet(key_frame.data)) or context.decode(None)
    except av.FFmpegError:  # invalid data for the most part; H.265 says that it has no memory for what is too large
        return None
    return frames[0] if frames and not frames[0].is_corrupt else None


def _scaled(frame: av.VideoFrame, box: tuple[int, int] | None) -> Pixels | None:
    try:
        return bgr(frame, box)
    except av.FFmpegError:
        return None
