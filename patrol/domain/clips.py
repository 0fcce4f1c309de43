"""Clips: the last seconds of a focus, kept small, so that they can go with an alert.

A frame belongs to a focus where another of its camera came shortly before, or where a rule wants a closer look at it.
What single visits show is pictures: they make no clip.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from patrol.domain.camera import CameraId
from patrol.domain.incidents import EvidenceId

# A clip is so long at most, and ends so long after the frame that confirmed its event.
LONGEST_S, AFTER_S = 10.0, 3.0
# An operator's focus looks once a second, and not to the millisecond.
LONGEST_GAP_S = 1.5
# The store may take an alert late; after so long without a new frame its film is not waited for any more.
FORGOTTEN_AFTER_S = 60.0
# A focus brings 4 frames a second, a small JPEG of each has some 40 kB.
MOST_FRAMES, FEWEST_FRAMES = 64, 2
MOST_BYTES = 64 * 2**20
# Batches of the detector may overtake each other. Older than this, and the clock was set back.
OVERTAKEN_S = 2.0


@dataclass(frozen=True, slots=True)
class Still:
    """One frame of a focus, as a small JPEG. ``at``: when it was taken, aware UTC."""

    at: datetime
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """An alert that was accepted, and is to have its clip. ``confirmed_at``: the frame that confirmed it."""

    clip_id: EvidenceId
    camera_id: CameraId
    confirmed_at: datetime


@dataclass(slots=True)
class _Film:
    stills: deque[Still] = field(default_factory=deque)
    size: int = 0

    def append(self, still: Still) -> None:
        self.stills.append(still)
        self.size += len(still.jpeg)

    def drop_oldest(self) -> None:
        self.size -= len(self.stills.popleft().jpeg)


class Films:
    """What is kept of the focus on each camera: bounded in time, in frames, and in bytes over all cameras."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._seen_last: dict[CameraId, datetime] = {}  # bounded by the cameras that exist
        self._films: dict[CameraId, _Film] = {}  # whose last frame came longest ago, first
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that are kept, of all cameras."""
        return self._size

    def follows(self, camera_id: CameraId, at: datetime) -> bool:
        """Take note of a frame; whether it came so shortly after the camera's last one that both are of one focus."""
        before = self._seen_last.get(camera_id)
        self._seen_last[camera_id] = at
        return before is not None and 0.0 < (at - before).total_seconds() <= LONGEST_GAP_S

    def add(self, camera_id: CameraId, still: Still) -> int:
        """Keep a still. Returns how many other cameras' films were given up for it, as there is no more room."""
        film = self._films.pop(camera_id, _Film())
        self._size -= film.size
        if film.stills and (film.stills[-1].at - still.at).total_seconds() > OVERTAKEN_S:
            film = _Film()
        if not film.stills or still.at > film.stills[-1].at:
            film.append(still)
        while len(film.stills) > MOST_FRAMES or (still.at - film.stills[0].at).total_seconds() > LONGEST_S:
            film.drop_oldest()
        self._films[camera_id] = film
        self._size += film.size
        self._forget_old(still.at)
        return self._make_room()

    def forget(self, camera_id: CameraId) -> None:
        """Nothing that was kept of a camera is to be shown any more."""
        film = self._films.pop(camera_id, None)
        self._size -= film.size if film is not None else 0

    def cut(self, order: ClipOrder) -> tuple[Still, ...]:
        """The stills of a clip, oldest first; none where they are too few to show anything move."""
        film = self._films.get(order.camera_id)
        ends_at = order.confirmed_at + timedelta(seconds=AFTER_S)
        begins_at = ends_at - timedelta(seconds=LONGEST_S)
        stills = tuple(still for still in film.stills if begins_at <= still.at <= ends_at) if film else ()
        return stills if len(stills) >= FEWEST_FRAMES else ()

    def _forget_old(self, now: datetime) -> None:
        # Either way: after the clock was set back, what lies in the future is no use to anybody.
        for camera_id, film in list(self._films.items()):
            if abs((now - film.stills[-1].at).total_seconds()) > FORGOTTEN_AFTER_S:
                self._give_up(camera_id)

    def _make_room(self) -> int:
        given_up = 0
        while self._size > self._most_bytes and len(self._films) > 1:
            self._give_up(next(iter(self._films)))
            given_up += 1
        return given_up

    def _give_up(self, camera_id: CameraId) -> None:
        self._size -= self._films.pop(camera_id).size
