"""What all frame sources share, and the router that picks one by the scheme of a camera's address.

Blocking work goes through one door per source, ``Workers``: a named pool of threads that never outlast the visit
they work for, because each is handed the visit's ``Deadline`` and starts no wait that could end after it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol, TypeVar

from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.domain.masks import blackened
from patrol.ports import FrameSource

LARGEST_PIXELS = 64_000_000  # of one picture: 192 MB once decoded; the largest cameras send 32 million

DEEPEST_STACK = 30  # of a fault, as it is logged

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class ClosableSource(FrameSource, Protocol):
    """A frame source that owns something (threads, connections) which must be given back."""

    async def aclose(self) -> None:
        """Give everything back. No capture may run or follow."""


class Deadline:
    """How long one visit may still take, for a thread that cannot be cancelled from outside.

    It counts real time, not the injected clock's: what it bounds is a wait in the operating system.
    """

    __slots__ = ("_ends_at", "_given_up")

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._given_up = threading.Event()

    def left_s(self) -> float:
        """Seconds left; 0 when the time is up or nobody waits for the result any more."""
        return 0.0 if self._given_up.is_set() else max(0.0, self._ends_at - time.monotonic())

    def allows(self, wait_s: float) -> bool:
        """Whether a wait of up to ``wait_s`` would end in time."""
        return self.left_s() >= wait_s

    def give_up(self) -> None:
        """Nobody waits any more: the thread ends at its next look at the deadline."""
        self._given_up.set()


class Workers:
    """The one door to blocking work: ``count`` threads of their own.

    The queue before them holds no more than the visits under way, whose number the tour bounds.
    """

    def __init__(self, name: str, count: int) -> None:
        if count < 1:
            raise ValueError(f"workers: expected at least 1, got {count}")
        self._executor = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    async def run(self, work: Callable[[Deadline], Result], deadline_s: float) -> Result:
        """``work`` in a thread. Raises CaptureError TIMED_OUT after ``deadline_s``, the wait for a thread included.

        When this is cancelled or times out, the thread is told to stop and ends by its own deadline.
        """
        deadline = Deadline(deadline_s)
        future = self._executor.submit(work, deadline)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise CaptureError(CaptureFailure.TIMED_OUT, f"no picture within {deadline_s:g} s") from None
        finally:
            deadline.give_up()
            # A failure's trace leads to this frame, and from here back to the failure: with all that the thread held,
            # a decoder and its pictures among it, that would wait for the garbage collector.
            del future

    async def aclose(self) -> None:
        """Take no more work. Threads on a silent camera are not waited for: each ends by its own deadline."""
        self._executor.shutdown(wait=False, cancel_futures=True)


Box = tuple[int, int]
ScaleTo = Box | None | Callable[[Camera], Box | None]
"""The box (width, height) that pictures are scaled down into, of all cameras or of each; None: as they come."""


def box_of(scale_to: ScaleTo, camera: Camera) -> Box | None:
    """The box for the pictures of one camera."""
    return scale_to(camera) if callable(scale_to) else scale_to


def fitted(width: int, height: int, box: tuple[int, int] | None) -> tuple[int, int]:
    """The size (width, height) of a picture scaled down into ``box`` (width, height), aspect kept; never larger."""
    if box is None:
        return width, height
    scale = min(1.0, box[0] / width, box[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def is_whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG has its end: decoders fill up a picture that breaks off with grey and say nothing.

    Inside the picture's data 0xFF is always followed by a zero, so an end marker after its start is the real one.
    """
    return data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") > 0


def _nobody(_: Camera) -> None:
    """Nobody counts."""


class SourceRouter:
    """A frame source made of others, one per scheme (``rtsp``, ``http``, ``file`` ...), and the one door to them.

    Sources raise CaptureErrors for all that they expect of cameras. What they did not expect came from one camera all
    the same: it fails that camera's visit, loudly, and touches no other.
    """

    def __init__(self, sources: Mapping[str, ClosableSource], on_fault: Callable[[Camera], None] = _nobody) -> None:
        """``on_fault``: told of every visit that failed in a way which its source did not expect."""
        if not sources:
            raise ValueError("sources: expected at least one scheme")
        self._sources = {scheme.lower(): source for scheme, source in sources.items()}
        self._on_fault = on_fault
        self._faults: dict[CameraId, str] = {}  # each camera's last one, so that its retries do not fill the log

    @property
    def schemes(self) -> tuple[str, ...]:
        """What it can open, sorted."""
        return tuple(sorted(self._sources))

    def source_of(self, camera: Camera) -> ClosableSource:
        """The source for the camera's scheme. Raises ValueError naming the camera and the schemes there are."""
        source = self._sources.get(camera.stream.scheme)
        if source is None:
            raise ValueError(
                f"camera {camera.id}: no source for addresses of the scheme {camera.stream.scheme!r};"
                f" expected one of {', '.join(self.schemes)}"
            )
        return source

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """A frame from the source that fits the camera's address, its privacy masks blackened.

        Raises CaptureError, and nothing else whatever the camera sent; see ``source_of`` for one that nobody can open.
        """
        source = self.source_of(camera)
        try:
            frame = await _masked(source, camera, deadline_s)
        except CaptureError:
            raise
        except Exception as error:  # noqa: BLE001  (one camera's oddity must not end the visits of all)
            self._tell(camera, error)
            failure = CaptureError(CaptureFailure.BROKEN, f"a fault in its source ({type(error).__name__})")
        else:
            self._faults.pop(camera.id, None)
            return frame
        try:
            raise failure  # outside the handler, or its context would hold what was caught
        finally:
            del failure  # its trace leads here

    def _tell(self, camera: Camera, error: Exception) -> None:
        """Log where it happened. Not in its own words, nor with those before it: they may hold the address."""
        self._on_fault(camera)
        stack = traceback.extract_tb(error.__traceback__, limit=-DEEPEST_STACK)
        fault = f"{type(error).__name__} at {stack[-1].filename}:{stack[-1].lineno}"
        if self._faults.get(camera.id) != fault:
            self._faults[camera.id] = fault
            _log.error("camera %s: a fault in its source: %s\n%s", camera.id, fault, "".join(stack.format()))

    async def aclose(self) -> None:
        """Close every source once, also where it serves several schemes."""
        for source in {id(source): source for source in self._sources.values()}.values():
            await source.aclose()


async def _masked(source: FrameSource, camera: Camera, deadline_s: float) -> Frame:
    frame = await source.capture(camera, deadline_s)
    if not camera.masks:
        return frame
    return replace(frame, pixels=blackened(frame.pixels, camera.masks))
