"""Following objects from frame to frame, as long as frames come often enough."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from patrol.domain.detections import Detections
from patrol.domain.scene import NO_TRACK, Track, TrackId, TrackPoint
from patrol.domain.zones import foot_points

# Between frames farther apart than this, boxes of walking people no longer overlap, and nobody can be followed.
LONGEST_GAP_S = 1.0
# A track nobody has seen for so long is over.
LOST_AFTER_S = 2.0
# What is remembered of a track: enough for the slowest rule of a focus, at the rate of a focus.
MOST_SECONDS = 20.0
MOST_POINTS = 128

TrackIds = npt.NDArray[np.int64]


class Tracker(Protocol):
    """Tells which boxes of successive frames are the same object."""

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        """(n,) int64: the track of each of the n boxes in their order, NO_TRACK for none (yet).

        ``at_s``: seconds since any fixed moment, rising from call to call.
        """


NewTracker = Callable[[], Tracker]


class NoTracker:
    """Follows nothing."""

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        """See Tracker."""
        return np.full(len(detections), NO_TRACK, np.int64)


@dataclass(frozen=True, slots=True)
class Followed:
    """What is followed in one frame; see Scene."""

    track_id: TrackIds
    tracks: Mapping[TrackId, Track]
    in_focus: bool


@dataclass(slots=True)
class _Trail:
    label: str
    points: deque[TrackPoint] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))


class Following:
    """The tracks of one camera. Begins anew after a gap in which nobody can be followed.

    Most visits of a tour are such gaps: they cost nothing here. A tracker is made only where a second frame comes soon.
    """

    def __init__(self, new_tracker: NewTracker = NoTracker) -> None:
        self._new_tracker = new_tracker
        self._tracker: Tracker | None = None
        self._began_at: datetime | None = None
        self._last: tuple[datetime, Detections] | None = None
        self._trails: dict[TrackId, _Trail] = {}

    def see(self, at: datetime, detections: Detections) -> Followed:
        """Take the boxes of the frame captured at ``at``."""
        last, self._last = self._last, (at, detections)
        if last is None or not 0 < (at - last[0]).total_seconds() <= LONGEST_GAP_S:
            self._tracker = None
            self._trails.clear()
            return Followed(np.full(len(detections), NO_TRACK, np.int64), MappingProxyType({}), in_focus=False)
        if self._tracker is None:
            self._tracker, self._began_at = self._new_tracker(), last[0]
            self._follow(*last)
        track_id = self._follow(at, detections)
        tracks = {each: Track(each, trail.label, tuple(trail.points)) for each, trail in self._trails.items()}
        return Followed(track_id, MappingProxyType(tracks), in_focus=True)

    def _follow(self, at: datetime, detections: Detections) -> TrackIds:
        assert self._tracker is not None
        assert self._began_at is not None
        track_id = self._tracker.update((at - self._began_at).total_seconds(), detections)
        self._remember(at, detections, track_id)
        return track_id

    def _remember(self, at: datetime, detections: Detections, track_id: TrackIds) -> None:
        feet = foot_points(detections)
        for index, (x1, y1, x2, y2) in enumerate(detections.xyxy):
            name = TrackId(int(track_id[index]))
            if name == NO_TRACK:
                continue
            label = detections.class_names[int(detections.class_id[index])]
            trail = self._trails.setdefault(name, _Trail(label))
            trail.label = label
            foot = (float(feet[index, 0]), float(feet[index, 1]))
            size = float(x2 - x1) / detections.width, float(y2 - y1) / detections.height
            trail.points.append(TrackPoint(at, foot, *size))
        self._drop_old(at)

    def _drop_old(self, at: datetime) -> None:
        for name, trail in list(self._trails.items()):
            while trail.points and (at - trail.points[0].at).total_seconds() > MOST_SECONDS:
                trail.points.popleft()
            if not trail.points or (at - trail.points[-1].at).total_seconds() > LOST_AFTER_S:
                del self._trails[name]
