"""Pixels into H.264 for browsers, by x264 through PyAV. Blocking: for threads."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from patrol.domain.live import TICKS_PER_S, LivePicture

TIME_BASE = Fraction(1, TICKS_PER_S)
BITS_PER_S = 1_500_000
KEY_FRAME_EVERY_S = 2
# What every browser decodes, made without any picture held back.
OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline"}

Pixels = npt.NDArray[np.uint8]


class LiveEncoder:
    """One stream's; a picture of another size begins it anew. Not thread-safe: one call at a time."""

    def __init__(self, per_s: int) -> None:
        """``per_s``: how many pictures come in a second, about."""
        self._per_s = per_s
        self._context: av.VideoCodecContext | None = None

    def encode(self, pixels: Pixels, at_s: float) -> LivePicture | None:
        """(height, width, 3) uint8 BGR, shown at ``at_s`` on any line that never goes back. None where the encoder
        holds it back."""
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        even = np.ascontiguousarray(pixels[:height, :width])
        frame = av.VideoFrame.from_ndarray(even, format="bgr24").reformat(format="yuv420p", threads=1)
        frame.pts, frame.time_base = round(at_s * TICKS_PER_S), TIME_BASE
        packets = self._context_for(width, height).encode(frame)
        if not packets:
            return None
        data = b"".join(bytes(packet) for packet in packets)
        return LivePicture(data, int(packets[0].pts or 0), any(packet.is_keyframe for packet in packets))

    def _context_for(self, width: int, height: int) -> av.VideoCodecContext:
        if self._context is None or (self._context.width, self._context.height) != (width, height):
            context = av.CodecContext.create("libx264", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base, context.framerate = TIME_BASE, Fraction(self._per_s, 1)
            context.bit_rate, context.gop_size = BITS_PER_S, KEY_FRAME_EVERY_S * self._per_s
            context.thread_count = 1
            context.options = dict(OPTIONS)
            self._context = context
        return self._context
