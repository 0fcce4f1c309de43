"""Pictures out of streams and video files, with FFmpeg through PyAV.

Three doors: ``StreamSource`` looks at an RTSP camera once, ``VideoFileSource`` plays clips as if they were cameras,
``frames_of`` reads a recording from beginning to end.

FFmpeg's errors hold the address, and with it the camera's password, in their text, their arguments and their log.
They never leave this module: a CaptureError is made of their number and of FFmpeg's own words for it, and raised
where not even its context remembers them.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import av
import av.error
import numpy as np
import numpy.typing as npt

from patrol.adapters.scaling import bgr
from patrol.adapters.sources import LARGEST_PIXELS, Box, Deadline, ScaleTo, Workers, box_of, is_whole_jpeg
from patrol.domain.camera import Camera, StreamAddress
from patrol.domain.errors import CaptureError, CaptureFailure, InputError
from patrol.domain.frame import Frame
from patrol.ports import Clock

Pixels = npt.NDArray[np.uint8]

# FFmpeg applies its open time-out twice (connecting, then finding the first packet) and its read time-out to every
# packet. With these shares of the deadline, and no read begun that could end after it, every path ends in time.
OPEN_SHARE = 0.5
READ_SHARE = 0.3

# A clip's picture is decoded from the key frame before it. Further than this from one, the key frame itself will do.
LONGEST_WAY_FROM_KEY_FRAME_S = 2.5

# ``nobuffer`` is left out on purpose: with it FFmpeg throws away the key frame that it found while probing and waits
# for the next one. Only video is set up, so that cameras with sound or metadata send no more than is looked at.
RTSP_OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "probesize": "32",
    "analyzeduration": "0",
}

# FFmpeg's names for a JPEG on its own; those of other pictures are found out by their decoders when they break off.
JPEG_FILES = ("image2", "jpeg_pipe")

FAILURE_OF_ERROR: tuple[tuple[type[Exception], CaptureFailure], ...] = (
    (av.error.ConnectionRefusedError, CaptureFailure.REFUSED),
    (av.error.HTTPUnauthorizedError, CaptureFailure.UNAUTHORIZED),
    (av.error.HTTPForbiddenError, CaptureFailure.UNAUTHORIZED),
    (av.error.HTTPNotFoundError, CaptureFailure.NOT_FOUND),
    (av.error.FileNotFoundError, CaptureFailure.NOT_FOUND),
    (av.error.ExitError, CaptureFailure.TIMED_OUT),
    (av.error.TimeoutError, CaptureFailure.TIMED_OUT),
    (av.error.PermissionError, CaptureFailure.UNREACHABLE),  # a firewall on this machine
)
# EIO is what FFmpeg makes of a host name that nobody knows.
UNREACHABLE_ERRNOS = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EIO})


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What a thread brings back: ``captured_at`` is aware UTC, ``pixels`` (height, width, 3) uint8 BGR."""

    captured_at: datetime
    pixels: Pixels


class StreamSource:
    """RTSP over TCP (``rtsp``, ``rtsps``): open, decode the first key frame, tear down."""

    def __init__(self, scale_to: ScaleTo, clock: Clock, workers: int) -> None:
        """``scale_to``: what pictures are scaled down into; ``workers``: threads."""
        self._scale_to = scale_to
        self._clock = clock
        self._workers = Workers("stream", workers)

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """The first key frame that the camera sends, captured when it arrived. Raises CaptureError."""

        def look(deadline: Deadline) -> _Look:
            open_s = min(OPEN_SHARE * deadline_s, deadline.left_s() / 2)
            read_s = READ_SHARE * deadline_s
            return _without_secrets(lambda: self._look(camera, open_s, read_s, deadline), open_s)

        seen = await self._workers.run(look, deadline_s)
        return Frame(camera.id, seen.captured_at, seen.pixels)

    async def aclose(self) -> None:
        """Wait for the sessions still open; each ends by its deadline."""
        await self._workers.aclose()

    def _look(self, camera: Camera, open_s: float, read_s: float, deadline: Deadline) -> _Look:
        if open_s <= 0:
            raise CaptureError(CaptureFailure.TIMED_OUT, "no thread was free in time")
        # FFmpeg's own time-out is only for what PyAV's do not cover: writing TEARDOWN to a camera that reads nothing.
        options = RTSP_OPTIONS | _limits() | {"timeout": str(int(open_s * 1e6))}
        with av.open(
            camera.stream.reveal(), options=options, timeout=(open_s, read_s), metadata_errors="ignore"
        ) as container:
            captured_at, frame = self._first_key_frame(container, read_s, deadline)
            return _Look(captured_at, bgr(frame, box_of(self._scale_to, camera)))

    def _first_key_frame(
        self, container: av.container.InputContainer, read_s: float, deadline: Deadline
    ) -> tuple[datetime, av.VideoFrame]:
        stream = _video_of(container)
        packets = 0
        demuxed = container.demux(stream)
        while deadline.allows(read_s):
            packet = next(demuxed, None)
            if packet is None or packet.size == 0:  # FFmpeg ends a stream that broke off without an exception
                raise CaptureError(
                    CaptureFailure.NO_KEY_FRAME if packets else CaptureFailure.BROKEN,
                    f"the stream ended after {packets} packets",
                )
            captured_at = self._clock.now()
            packets += 1
            frame = _decoded_alone(packet, stream) if packet.is_keyframe else None
            if frame is not None:
                return captured_at, frame
        raise CaptureError(
            CaptureFailure.NO_KEY_FRAME if packets else CaptureFailure.TIMED_OUT, f"{packets} packets within the time"
        )


class VideoFileSource:
    """Clips played as if they were cameras: ``file:///path/clip.mp4?offset=12.5``.

    A clip runs in an endless loop by the wall clock, so that every visit joins it where it is by now; ``offset``
    (seconds) shifts cameras that share a clip against each other. Nothing is kept between visits.
    """

    def __init__(self, scale_to: ScaleTo, clock: Clock, workers: int) -> None:
        """``scale_to``: what pictures are scaled down into; ``workers``: threads."""
        self._scale_to = scale_to
        self._clock = clock
        self._workers = Workers("video-file", workers)

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """The picture at the clip's present position. Raises CaptureError."""

        def look(deadline: Deadline) -> _Look:
            return _without_secrets(lambda: self._look(camera, deadline), deadline_s)

        seen = await self._workers.run(look, deadline_s)
        return Frame(camera.id, seen.captured_at, seen.pixels)

    async def aclose(self) -> None:
        """Wait for the files still open."""
        await self._workers.aclose()

    def _look(self, camera: Camera, deadline: Deadline) -> _Look:
        path, offset_s = _path_and_offset(camera.stream)
        captured_at = self._clock.now()
        with av.open(path, options=_limits(), metadata_errors="ignore") as container:
            frame = _frame_at(container, captured_at.timestamp() + offset_s, deadline)
            return _Look(captured_at, bgr(frame, box_of(self._scale_to, camera)))


def duration_of(path: Path) -> float | None:
    """How many seconds a recording says it takes; None where it does not say, or cannot be read."""
    try:
        with path.open("rb") as file, av.open(file, "r", metadata_errors="ignore") as container:
            return container.duration / av.time_base if container.duration else None
    except (av.FFmpegError, OSError, ValueError):
        return None


def frames_of(path: Path, fps: float | None, scale_to: Box | None) -> Iterator[tuple[float, int, Pixels]]:
    """The frames of a video or a picture, in order, as (t_s, index, pixels).

    ``t_s``: seconds since the first frame, by the file's own time stamps (0 for a picture). ``index``: the frame's
    number in the file, from 0. ``pixels``: (height, width, 3) uint8 BGR, scaled down into ``scale_to`` (width,
    height). ``fps``: at most so many frames a second, None for all.
    Raises InputError, naming the file and what is wrong with it; for a file that breaks off, after its last frame.
    """
    if fps is not None and not fps > 0:
        raise InputError(f"expected a number of frames per second above 0, got {fps:g}")
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise _UnusableError("the file is empty")
        # An open file, not its name: FFmpeg would read a protocol or a pattern into some names.
        with path.open("rb") as file, av.open(file, "r", metadata_errors="ignore") as container:
            yield from _frames_in(container, fps, scale_to)
    except av.FFmpegError as error:
        unreadable = isinstance(error, av.error.InvalidDataError)
        problem = "not a video or picture, or damaged from its beginning" if unreadable else error.strerror
        raise InputError(f"{path}: {problem}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except _UnusableError as error:
        raise InputError(f"{path}: {error}") from None


class _UnusableError(Exception):
    """A file that could be opened and is of no use all the same; the text says why."""


def _frames_in(
    container: av.container.InputContainer, fps: float | None, scale_to: Box | None
) -> Iterator[tuple[float, int, Pixels]]:
    if not container.streams.video or container.format.name == "tty":  # "tty" reads any text as a film of letters
        raise _UnusableError("no video or picture in it")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise _UnusableError("its video format is not supported")
    index, packets, t_s, due_s = 0, 0, 0.0, 0.0
    first_time: float | None = None
    is_jpeg = container.format.name in JPEG_FILES and stream.codec_context.name == "mjpeg"
    for packet in container.demux(stream):
        packets += packet.size > 0
        if is_jpeg and packet.size > 0 and not is_whole_jpeg(bytes(packet)):
            raise _UnusableError("the picture breaks off")
        for frame in _decoded(packet, before_first=index == 0, t_s=t_s):
            time_s = frame.time if frame.time is not None else index / _rate_of(stream)
            first_time = time_s if first_time is None else first_time
            t_s = max(t_s, time_s - first_time)
            if t_s >= due_s - 1e-6:
                due_s = due_s if fps is None else max(due_s + 1 / fps, t_s - 1 / fps)
                yield t_s, index, bgr(frame, scale_to)
            index += 1
    if index == 0:
        raise _UnusableError("no frame in it can be decoded")
    if _breaks_off(container, stream, packets, t_s):
        raise _UnusableError(f"the file breaks off after {t_s:.1f} s")


def _decoded(packet: av.Packet, before_first: bool, t_s: float) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        if before_first:  # a recording that begins in mid-stream: nothing can be decoded before its first key frame
            return []
        raise _UnusableError(f"damaged, or it breaks off, after {t_s:.1f} s") from None


def _breaks_off(container: av.container.InputContainer, stream: av.VideoStream, packets: int, last_t_s: float) -> bool:
    """Whether there is less than the file's own header says; a file that ends early ends without an exception."""
    if stream.frames:
        return bool(packets < stream.frames)
    if container.duration is None or len(container.streams) > 1:
        return False
    promised_s = float(container.duration / av.time_base)
    return bool(last_t_s < 0.9 * promised_s - 1.0)


def _rate_of(stream: av.VideoStream) -> float:
    # A raw stream has no time stamps; what the stream itself says goes before what the demuxer assumes.
    return float(stream.codec_context.framerate or stream.average_rate or 25)


def _without_secrets(look: Callable[[], _Look], open_s: float) -> _Look:
    """``look``, with all that can go wrong in it as CaptureErrors. ``open_s``: how long FFmpeg was given to open."""
    began = time.monotonic()
    try:
        return look()
    except av.FFmpegError as error:
        failure = _failure_of(error, time.monotonic() - began >= open_s)
    except (ValueError, TypeError, OverflowError) as error:  # an address or a file that nobody thought of
        failure = CaptureError(CaptureFailure.BROKEN, f"cannot be read ({type(error).__name__})")
    try:
        raise failure  # outside the handlers, or its context would hold what was caught
    finally:
        del failure  # its trace leads here


def _failure_of(error: av.FFmpegError, waited_out: bool) -> CaptureError:
    words = str(error.strerror)
    for kind, failure in FAILURE_OF_ERROR:
        if isinstance(error, kind):
            return CaptureError(failure, words)
    if error.errno in UNREACHABLE_ERRNOS:
        return CaptureError(CaptureFailure.UNREACHABLE, words)
    if waited_out:  # a host that never answers the connection comes out as invalid data
        return CaptureError(CaptureFailure.TIMED_OUT, "no answer")
    return CaptureError(CaptureFailure.BROKEN, words)


def _limits() -> dict[str, str]:
    """For FFmpeg, which decodes while it opens (to find out what it opens) and then again with a decoder of its own.

    A few bytes can promise a picture that fills the memory.
    """
    return {"max_pixels": str(LARGEST_PIXELS)}


def _video_of(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise CaptureError(CaptureFailure.BROKEN, "no video in it")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise CaptureError(CaptureFailure.BROKEN, "its video format is not supported")
    stream.codec_context.options = _limits()
    stream.codec_context.thread_count = 1  # threads of its own would hold frames back, and the cores are all in use
    return stream


def _decoded_alone(packet: av.Packet, stream: av.VideoStream) -> av.VideoFrame | None:
    """The picture in one key packet, drained out of the decoder, which would wait for more; None if damaged."""
    try:
        frames = packet.decode() or stream.codec_context.decode(None)
    except (av.error.InvalidDataError, av.error.EOFError):
        frames = []
    if frames and not frames[0].is_corrupt:
        return frames[0]
    stream.codec_context.flush_buffers()  # a drained decoder takes nothing more until then
    return None


def _path_and_offset(address: StreamAddress) -> tuple[str, float]:
    parts = urlsplit(address.reveal())
    if parts.netloc not in ("", "localhost"):
        raise CaptureError(CaptureFailure.NOT_FOUND, "a file on another host; expected file:///path")
    try:
        offset_s = float(parse_qs(parts.query).get("offset", ["0"])[0])
    except ValueError:
        offset_s = math.nan
    if not math.isfinite(offset_s):
        raise CaptureError(CaptureFailure.BROKEN, "offset: expected a number of seconds")
    path = Path(unquote(parts.path)).absolute()  # absolute, so that FFmpeg reads no protocol into it
    if path.is_dir():
        raise CaptureError(CaptureFailure.NOT_FOUND, "a folder, not a video file")
    return str(path), offset_s


def _frame_at(container: av.container.InputContainer, clock_s: float, deadline: Deadline) -> av.VideoFrame:
    """The frame that stands at ``clock_s`` in an endless loop of the clip."""
    stream = _video_of(container)
    length = stream.duration * stream.time_base if stream.duration else Fraction(container.duration or 0, av.time_base)
    if length <= 0 or stream.time_base is None:
        raise CaptureError(CaptureFailure.BROKEN, "its length is unknown, so it cannot run in a loop")
    wanted = (stream.start_time or 0) + int(clock_s % float(length) / stream.time_base)
    container.seek(wanted, stream=stream)
    best: av.VideoFrame | None = None
    for packet in container.demux(stream):
        if deadline.left_s() <= 0:
            raise CaptureError(CaptureFailure.TIMED_OUT, "the clip was too slow to decode")
        for frame in packet.decode():
            if frame.pts is None:
                continue
            if best is None and (wanted - frame.pts) * stream.time_base > LONGEST_WAY_FROM_KEY_FRAME_S:
                return frame
            if best is not None and frame.pts > wanted:
                return best
            best = frame
            if frame.pts + frame.duration > wanted:
                return frame
    if best is None:
        raise CaptureError(CaptureFailure.NO_KEY_FRAME, "nothing to decode at this place of the clip")
    return best
