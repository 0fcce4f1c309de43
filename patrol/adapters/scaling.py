"""A decoded picture into pixels, scaled down in the step that converts it. Blocking: for threads."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt

from patrol.adapters.sources import Box, fitted


def bgr(frame: av.VideoFrame, box: Box | None) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8 BGR, scaled down into ``box`` (width, height). Raises av.FFmpegError."""
    width, height = fitted(frame.width, frame.height, box)
    # One thread: FFmpeg would begin as many as there are cores for each picture, and end them. That took half of the
    # time (0.33 ms instead of 0.19 for 640x360, 0.94 instead of 0.52 where it is scaled), and the cores are all in use.
    picture = frame.reformat(width=width, height=height, format="bgr24", interpolation="BILINEAR", threads=1)
    return np.ascontiguousarray(picture.to_ndarray(), dtype=np.uint8)
