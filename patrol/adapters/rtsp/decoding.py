"""One key frame into pixels, with FFmpeg's decoders through PyAV. Blocking: for threads."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt

from patrol.adapters.rtsp.depacketizing import KeyFrame
from patrol.adapters.sources import LARGEST_PIXELS, fitted

Pixels = npt.NDArray[np.uint8]


def decoded(key_frame: KeyFrame, box: tuple[int, int] | None) -> Pixels | None:
    """(height, width, 3) uint8 BGR, scaled down into ``box`` (width, height) in the step that converts it.

    None if it is damaged, or larger than any camera's. Every picture gets a decoder of its own, which costs 0.03 ms, so
    that nothing of one camera can show in the picture of another.
    """
    frame = _frame_of(key_frame)
    return None if frame is None else _scaled(frame, box)


def _frame_of(key_frame: KeyFrame) -> av.VideoFrame | None:
    context = av.CodecContext.create(key_frame.codec.value, "r")
    context.thread_count = 1  # threads of its own would hold frames back, and the cores are all in use
    context.options = {"max_pixels": str(LARGEST_PIXELS)}  # a few bytes can promise a picture that fills the memory
    try:
        frames = context.decode(av.Packet(key_frame.data)) or context.decode(None)
    except av.FFmpegError:  # invalid data for the most part; H.265 says that it has no memory for what is too large
        return None
    return frames[0] if frames and not frames[0].is_corrupt else None


def _scaled(frame: av.VideoFrame, box: tuple[int, int] | None) -> Pixels | None:
    width, height = fitted(frame.width, frame.height, box)
    try:
        picture = frame.reformat(width=width, height=height, format="bgr24", interpolation="BILINEAR")
    except av.FFmpegError:
        return None
    return np.ascontiguousarray(picture.to_ndarray(), dtype=np.uint8)
