"""What is remembered of each camera: its latest visits, and how long it was unseen, span by span of a day.

A visit is remembered by closed words alone. Only of the latest failures the source's own words are kept, redacted, so
that no address can be among them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from patrol.domain.camera import Camera, CameraId, Strategy
from patrol.domain.errors import CaptureFailure
from patrol.domain.redacting import redacted
from patrol.domain.visits import Turn, Visit

SPAN = timedelta(minutes=10)
KEPT_FOR = timedelta(days=7)
LATEST = 40  # visits of each camera
LATEST_ERRORS = 10
STILL_PICTURES = frozenset({"http", "https"})


class How(StrEnum):
    """How a camera was looked at."""

    OPENED = "opened"  # its stream, for this look
    KEPT_OPEN = "kept_open"
    STILL = "still"  # a picture over HTTP


class VisitEnd(StrEnum):
    """What became of a visit."""

    DETECTING = "detecting"  # its picture has not gone through the detector yet
    SEEN = "seen"
    DROPPED = "dropped"  # a newer picture took its place before the detector had time
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PastVisit:
    """One visit. ``number`` counts up with each of its camera.

    ``at``: when its picture was taken, or when it failed; aware UTC. ``seconds``: how long it took.
    ``people``: boxes of people; None where none was looked for.
    """

    number: int
    at: datetime
    turn: Turn
    how: How
    seconds: float
    end: VisitEnd
    failure: CaptureFailure | None = None
    people: int | None = None


@dataclass(frozen=True, slots=True)
class CameraSpan:
    """Ten minutes of one camera, or as much of them as is over. ``began_at``: aware UTC, a whole span of the day.

    ``blind_age_s``: the largest; ``stretch``: likewise. ``bound_s``: its revisit bound at the end. ``visits``: how many
    brought a picture; ``failures``: how many did not, by what they failed by.
    """

    camera_id: CameraId
    began_at: datetime
    blind_age_s: float
    bound_s: float
    stretch: float
    visits: int
    failures: Mapping[CaptureFailure, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PastError:
    """Failures that were alike, one after another: ``count`` of them, the first at ``since``, the last at ``at``.

    ``detail``: what the source said, redacted; empty where it said no more than ``failure`` does. Times are aware UTC.
    """

    at: datetime
    failure: CaptureFailure
    detail: str
    since: datetime
    count: int = 1


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """What the tour remembers of one camera at ``at``: its latest visits, newest first, and the span so far.

    ``errors``: its latest failures, newest first.
    """

    camera_id: CameraId
    at: datetime
    visits: tuple[PastVisit, ...]
    span: CameraSpan
    errors: tuple[PastError, ...] = ()


@dataclass(frozen=True, slots=True)
class Unseen:
    """For how long a camera is unseen at a moment, and its bound; seconds."""

    camera_id: CameraId
    blind_age_s: float
    bound_s: float


def span_at(at: datetime) -> datetime:
    """When the span began that a moment is in."""
    return datetime.fromtimestamp(at.timestamp() // SPAN.total_seconds() * SPAN.total_seconds(), UTC)


def together(one: CameraSpan, other: CameraSpan) -> CameraSpan:
    """The same span of the same camera, told in two parts: a process ended in it, and another began."""
    failures = Counter(one.failures)
    failures.update(other.failures)
    return replace(
        other,
        blind_age_s=max(one.blind_age_s, other.blind_age_s),
        stretch=max(one.stretch, other.stretch),
        visits=one.visits + other.visits,
        failures=dict(failures),
    )


@dataclass(slots=True)
class _Remembered:
    """``longest_gap_s``: of the gaps that ended in this span."""

    latest: deque[PastVisit] = field(default_factory=lambda: deque(maxlen=LATEST))
    errors: deque[PastError] = field(default_factory=lambda: deque(maxlen=LATEST_ERRORS))
    made: int = 0
    longest_gap_s: float = 0.0
    visits: int = 0
    failures: Counter[CaptureFailure] = field(default_factory=Counter)


class VisitMemory:
    """Takes what happens in the tour, some microseconds a visit. Bounded by the cameras that exist.

    Not thread-safe: one event loop owns it.
    """

    def __init__(self) -> None:
        self._cameras: dict[CameraId, _Remembered] = {}
        self._stretch = 1.0

    def captured(self, visit: Visit, at: datetime, seconds: float) -> None:
        """A visit brought a picture that was taken then."""
        one = self._of(visit.camera.id)
        one.visits += 1
        one.made += 1
        one.latest.append(PastVisit(one.made, at, visit.turn, how(visit), seconds, VisitEnd.DETECTING))

    def failed(self, visit: Visit, failure: CaptureFailure, at: datetime, seconds: float, detail: str = "") -> None:
        """A visit brought none. ``detail``: what its source said."""
        one = self._of(visit.camera.id)
        _note(one.errors, failure, at, redacted(detail, visit.camera))
        one.failures[failure] += 1
        one.made += 1
        one.latest.append(PastVisit(one.made, at, visit.turn, how(visit), seconds, VisitEnd.FAILED, failure))

    def seen(self, camera_id: CameraId, at: datetime, people: int, gap_s: float) -> None:
        """The picture that was taken then went through the detector, and ended a gap."""
        self._ended(camera_id, at, VisitEnd.SEEN, None, people)
        one = self._of(camera_id)
        one.longest_gap_s = max(one.longest_gap_s, gap_s)

    def refused(self, camera_id: CameraId, at: datetime, failure: CaptureFailure) -> None:
        """The picture that was taken then is not the camera's, and counts for nothing."""
        one = self._of(camera_id)
        one.failures[failure] += 1
        _note(one.errors, failure, at, "")
        self._ended(camera_id, at, VisitEnd.FAILED, failure, None)

    def dropped(self, camera_id: CameraId, at: datetime) -> None:
        """The picture that was taken then never went through the detector."""
        self._ended(camera_id, at, VisitEnd.DROPPED, None, None)

    def stretched(self, stretch: float) -> None:
        """By how much all bounds are stretched now."""
        self._stretch = max(self._stretch, stretch)

    def record(self, unseen: Unseen, at: datetime) -> VisitRecord:
        """One camera's, as it stands."""
        one = self._of(unseen.camera_id)
        span = self._span(one, unseen, span_at(at))
        return VisitRecord(unseen.camera_id, at, tuple(reversed(one.latest)), span, tuple(reversed(one.errors)))

    def end_span(self, began_at: datetime, unseen: Iterable[Unseen]) -> tuple[CameraSpan, ...]:
        """The span of all of these is over; the next one begins."""
        spans: list[CameraSpan] = []
        for each in unseen:
            one = self._of(each.camera_id)
            spans.append(self._span(one, each, began_at))
            one.longest_gap_s, one.visits, one.failures = 0.0, 0, Counter()
        self._stretch = 1.0
        return tuple(spans)

    def _span(self, one: _Remembered, unseen: Unseen, began_at: datetime) -> CameraSpan:
        return CameraSpan(
            unseen.camera_id,
            began_at,
            max(one.longest_gap_s, unseen.blind_age_s),
            unseen.bound_s,
            self._stretch,
            one.visits,
            dict(one.failures),
        )

    def _of(self, camera_id: CameraId) -> _Remembered:
        one = self._cameras.get(camera_id)
        if one is None:
            one = self._cameras[camera_id] = _Remembered()
        return one

    def _ended(
        self, camera_id: CameraId, at: datetime, end: VisitEnd, failure: CaptureFailure | None, people: int | None
    ) -> None:
        latest = self._of(camera_id).latest
        for place in range(len(latest) - 1, -1, -1):  # it is one of the last: what is under way of a camera is little
            visit = latest[place]
            if visit.at == at and visit.end is VisitEnd.DETECTING:
                latest[place] = replace(visit, end=end, failure=failure, people=people)
                return


def _note(errors: deque[PastError], failure: CaptureFailure, at: datetime, detail: str) -> None:
    """One more failure. One that goes on for an hour in the same way pushes out none that was otherwise."""
    last = errors[-1] if errors else None
    if last is not None and (last.failure, last.detail) == (failure, detail):
        errors[-1] = replace(last, at=at, count=last.count + 1)
    else:
        errors.append(PastError(at, failure, detail, at))


def how(visit: Visit) -> How:
    """How a visit looks at its camera, as far as the tour knows."""
    if _gives_stills(visit.camera):
        return How.STILL
    return How.OPENED if visit.in_new_session else How.KEPT_OPEN


def _gives_stills(camera: Camera) -> bool:
    return camera.stream.scheme in STILL_PICTURES or (
        camera.strategy is Strategy.SNAPSHOT and camera.snapshot is not None
    )
