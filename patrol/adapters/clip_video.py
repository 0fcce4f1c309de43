"""Clips as files: stills of a focus as JPEG, and all of one as WebM with VP8.

VP8, as every browser plays it and nobody asks a fee for it; libvpx (BSD) comes with PyAV. H.264 in MP4 would be made by
x264, and Debian's Chromium plays it, but other builds of Chromium do not. An animated WebP cannot be paused.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt

from patrol.domain.clips import Still
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame

WIDEST_PX = 640
JPEG_QUALITY = 75
MILLISECONDS = Fraction(1, 1000)
# Quality first, and no more than 120 kB a second. A key frame every two seconds of a focus, to jump to.
BITS_PER_S, KEY_FRAME_EVERY = 960_000, 8
OPTIONS = {"deadline": "realtime", "cpu-used": "6", "crf": "18", "lag-in-frames": "0", "auto-alt-ref": "0"}
USUAL_PER_S = 4

Pixels = npt.NDArray[np.uint8]


def compressed(frame: Frame) -> bytes:
    """A JPEG of the frame, 640 pixels wide at most. Raises StoreError if it cannot be encoded."""
    pixels = frame.pixels
    if frame.width > WIDEST_PX:
        size = (WIDEST_PX, max(1, round(frame.height * WIDEST_PX / frame.width)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    encoded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise StoreError("clip: the picture could not be encoded")
    return jpeg.tobytes()


def as_webm(stills: Sequence[Still]) -> bytes:
    """One WebM of all stills, each shown at its own time. Raises StoreError if it cannot be made.

    All are brought to the first one's size, less a row or column where VP8 needs an even number.
    """
    file = io.BytesIO()
    try:
        _write(file, stills)
    except av.error.FFmpegError as error:
        raise StoreError(f"clip: cannot be encoded: {error.strerror}") from None
    return file.getvalue()


def _write(file: io.BytesIO, stills: Sequence[Still]) -> None:
    height, width = _decoded(stills[0]).shape[:2]
    even = (max(2, width // 2 * 2), max(2, height // 2 * 2))
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=USUAL_PER_S, options=dict(OPTIONS))
        stream.width, stream.height = even
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.bit_rate, context.gop_size = BITS_PER_S, KEY_FRAME_EVERY
        context.time_base, context.thread_count = MILLISECONDS, 1
        shown_ms = -1
        for still in stills:
            # Never two at one moment: the format has no room for less than a millisecond.
            shown_ms = max(shown_ms + 1, round(1000 * (still.at - stills[0].at).total_seconds()))
            picture = av.VideoFrame.from_ndarray(_sized(_decoded(still), even), format="bgr24")
            picture.pts, picture.time_base = shown_ms, MILLISECONDS
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _decoded(still: Still) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(still.jpeg, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise StoreError("clip: one of its pictures cannot be read")
    return np.asarray(pixels, np.uint8)


def _sized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    width, height = size
    if pixels.shape[0] - height in (0, 1) and pixels.shape[1] - width in (0, 1):
        return np.ascontiguousarray(pixels[:height, :width])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
