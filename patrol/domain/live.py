"""Live view: who may look, what each viewer is sent, and where a viewer begins. See docs/adr/024-live-view.md."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from patrol.domain.camera import Camera
from patrol.domain.errors import LiveRefusal
from patrol.domain.zones import Zone

TICKS_PER_S = 90_000
# A picture that comes with an earlier time than the one before it, but not much: it is shown before it, too.
REORDERED_WITHIN_S, REORDERED_TIMES = 1.0, 3
# The camera's clock was set: what comes next stands one picture behind.
JUMP_S = 10.0
USUAL_STEP_TICKS = TICKS_PER_S // 25
SQUEEZED_TICKS = TICKS_PER_S // 1000
RTSP, MADE_UP = frozenset({"rtsp", "rtsps"}), frozenset({"file", "synthetic"})


class LiveEnd(StrEnum):
    """Why a view ended. Closed set: also the metric's label."""

    LEFT = "left"  # the page said so
    GONE = "gone"  # the connection failed, or nothing was heard of it
    NEVER_CAME = "never_came"
    SIGNED_OUT = "signed_out"
    REORDERED = "reordered"  # B-frames
    BROKEN = "broken"  # the camera's stream ended
    REDRAWN = "redrawn"  # its masks were changed: who looks on opens it again
    STOPPING = "stopping"


class LiveWay(StrEnum):
    """How pictures get to the browser. Closed set: also the metric's label."""

    PASSED = "passed"  # as the camera sends them
    ENCODED = "encoded"  # decoded, masked, and encoded here


def way_of(camera: Camera) -> LiveWay | None:
    """How a camera's pictures get to browsers, as far as that is known before it is open; None: it has no stream.

    H.265, which is encoded anew, is found out only when a camera is opened.
    """
    scheme = camera.stream.scheme
    if scheme in RTSP:
        return LiveWay.ENCODED if camera.masks else LiveWay.PASSED
    return LiveWay.ENCODED if scheme in MADE_UP else None


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """``peers``: who may look at once, in all; ``peers_of_one``: with one sign-in; ``encodings``: streams that are
    encoded here."""

    peers: int = 16
    peers_of_one: int = 8
    encodings: int = 2


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """What there is when somebody asks. ``own``: views of the same sign-in. ``has_stream``: others look at that camera.

    ``host_streams``: that are open on the camera's host; ``host_sessions``: how many it bears, None: no host.
    ``encodings``: that are made; ``needs_encoding``: whether the camera's stream would be one more.
    """

    viewers: int
    own: int
    has_stream: bool
    host_streams: int
    host_sessions: int | None
    encodings: int
    needs_encoding: bool


def refusal_of(load: LiveLoad, settings: LiveSettings) -> LiveRefusal | None:
    """Why one more may not look; None if they may."""
    if load.viewers >= settings.peers:
        return LiveRefusal.VIEWERS
    if load.own >= settings.peers_of_one:
        return LiveRefusal.OWN_VIEWERS
    if load.has_stream:
        return None
    if load.host_sessions is not None and load.host_streams >= live_sessions_of(load.host_sessions):
        return LiveRefusal.HOST
    if load.needs_encoding and load.encodings >= settings.encodings:
        return LiveRefusal.ENCODINGS
    return None


def live_sessions_of(sessions: int) -> int:
    """How many of a host's sessions live views may take; the rest is the tour's."""
    return max(1, sessions // 4)


@dataclass(frozen=True, slots=True)
class LiveView:
    """What was opened. ``answer``: the SDP for the browser; ``zones``: what is watched in the picture."""

    viewer_id: str
    answer: str
    way: LiveWay
    zones: tuple[Zone, ...]


@dataclass(frozen=True, slots=True)
class LiveStatus:
    """How a view stands. ``end``: why it is over, or None. ``sent``, ``dropped``: pictures."""

    end: LiveEnd | None
    sent: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Glance:
    """A picture of a camera as JPEG. ``captured_at``: aware UTC."""

    jpeg: bytes
    captured_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class LivePicture:
    """One H.264 access unit, each NAL unit behind a start code; a key picture has its parameter sets in front.

    ``ticks``: when it is to be shown, in 1/90,000 s on the stream's own line; never less than the one before it.
    """

    data: bytes
    ticks: int
    is_key: bool


class TimeLine:
    """A stream's RTP times (32 bits, of any clock rate) as ticks that never go back.

    ``is_reordered``: pictures come in another order than they are shown in (B-frames).
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._previous: int | None = None
        self._ticks = 0
        self._behind = 0
        self._backward = 0

    @property
    def is_reordered(self) -> bool:
        """Known after some pictures."""
        return self._backward >= REORDERED_TIMES

    def take(self, rtp_time: int, is_key: bool) -> int:
        """The next picture's ticks, in the order in which they come."""
        if self._previous is None:
            self._previous = rtp_time
            return self._ticks
        step_s = _signed(rtp_time - self._previous) / self._clock_rate
        self._previous = rtp_time
        self._backward += not is_key and -REORDERED_WITHIN_S < step_s < 0
        self._ticks += round(step_s * TICKS_PER_S) if 0 <= step_s < JUMP_S else USUAL_STEP_TICKS
        return self._ticks


class LastPictures:
    """The pictures from the last key picture on: where a later viewer begins. None where they would be too many."""

    def __init__(self, most: int = 300, most_bytes: int = 4 * 2**20) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._pictures: list[LivePicture] = []
        self._bytes = 0

    def take(self, picture: LivePicture) -> None:
        """One more, in order."""
        if picture.is_key:
            self._pictures, self._bytes = [], 0
        elif not self._pictures:
            return
        self._pictures.append(picture)
        self._bytes += len(picture.data)
        if len(self._pictures) > self._most or self._bytes > self._most_bytes:
            self._pictures, self._bytes = [], 0

    def squeezed(self) -> tuple[LivePicture, ...]:
        """All of them, shown within some milliseconds up to the newest: or the viewer would stay that far behind."""
        if not self._pictures:
            return ()
        newest, last = self._pictures[-1].ticks, len(self._pictures) - 1
        return tuple(
            LivePicture(picture.data, newest - (last - place) * SQUEEZED_TICKS, picture.is_key)
            for place, picture in enumerate(self._pictures)
        )


class ViewerQueue:
    """What waits for one viewer. Never waits itself: who is slow loses pictures, up to the next key picture.

    ``dropped``: how many were lost so.
    """

    def __init__(self, most: int = 64, most_bytes: int = 4 * 2**20, far_behind: int = 12) -> None:
        """``far_behind``: when so many wait, a new key picture passes them all."""
        self._most, self._most_bytes, self._far_behind = most, most_bytes, far_behind
        self._waiting: deque[LivePicture] = deque()
        self._bytes = 0
        self._needs_key = True
        self._has_begun = False
        self.dropped = 0

    def begin(self, pictures: Iterable[LivePicture]) -> None:
        """From these on, a key picture first: bounded by whoever keeps them."""
        for picture in pictures:
            self._append(picture)
            self._needs_key = False

    def offer(self, picture: LivePicture) -> None:
        """One more, in order."""
        if picture.is_key:
            if len(self._waiting) >= self._far_behind:
                self._drop_all()
            self._needs_key = False
        elif self._needs_key:
            self.dropped += self._has_begun
            return
        self._append(picture)
        if len(self._waiting) > self._most or (self._bytes > self._most_bytes and len(self._waiting) > 1):
            self._drop_all()
            self._needs_key = True

    def clear(self) -> None:
        """What waits is shown to nobody any more."""
        self._drop_all()
        self._needs_key = True

    def take(self) -> LivePicture | None:
        """The oldest that waits."""
        if not self._waiting:
            return None
        picture = self._waiting.popleft()
        self._bytes -= len(picture.data)
        return picture

    def _append(self, picture: LivePicture) -> None:
        self._has_begun = True
        self._waiting.append(picture)
        self._bytes += len(picture.data)

    def _drop_all(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0


def _signed(difference: int) -> int:
    """Of two 32-bit times, the short way round."""
    return (difference + 2**31) % 2**32 - 2**31
