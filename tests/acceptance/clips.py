"""Real H.264 and H.265 clips for the tests, made with PyAV out of pictures or of another clip."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

ENCODERS = {
    "h264": (
        "libx264",
        {"preset": "ultrafast", "crf": "26", "x264-params": "bframes=0:scenecut=0:log-level=0:sliced-threads=0"},
    ),
    "h265": ("libx265", {"preset": "ultrafast", "x265-params": "bframes=0:scenecut=0:log-level=none"}),
}


def counting_pictures(count: int, width: int = 320, height: int = 180) -> Iterator[Pixels]:
    """``count`` BGR pictures that say which one they are, in eight stripes, dark or bright: see ``number_in``."""
    for index in range(count):
        bits = [(index >> bit) & 1 for bit in range(8)]
        stripes = np.repeat(np.array(bits, np.uint8) * 200 + 20, width // 8)
        yield np.broadcast_to(stripes[None, :, None], (height, width, 3)).copy()


def number_in(pixels: Pixels) -> int:
    """Which of ``counting_pictures`` this is, also after compression and scaling."""
    width = pixels.shape[1]
    middles = [(2 * bit + 1) * width // 16 for bit in range(8)]
    return sum(1 << bit for bit, x in enumerate(middles) if pixels[:, x].mean() > 120)


def write_clip(
    path: Path, pictures: Iterable[Pixels], codec: str = "h264", fps: int = 12, key_frame_every_s: float = 2.0
) -> Path:
    """Encode BGR pictures into ``path`` (.mp4, .mkv, or a raw .h264 / .h265); returns ``path``.

    No B-frames, so that decoding order is showing order, as with a camera.
    """
    encoder, options = ENCODERS[codec]
    kind = {".h264": "h264", ".h265": "hevc"}.get(path.suffix)
    with av.open(str(path), "w", format=kind) as container:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream(encoder, rate=fps, options=options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.gop_size = round(fps * key_frame_every_s)
                stream.codec_context.time_base = Fraction(1, fps)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        if stream is None:
            raise ValueError("expected at least one picture")
        container.mux(stream.encode(None))
    return path


def pictures_of(clip: Path) -> Iterator[Pixels]:
    """The BGR pictures of another clip or of a picture file, to encode them anew."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24")


def jpeg(pixels: Pixels) -> bytes:
    """One BGR picture as a JPEG."""
    height, width = pixels.shape[:2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1, options={"qmin": "2", "qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()
