"""Visits: what the tour remembers of each camera, and the values it hands out."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from patrol.domain.camera import Camera, CameraId
from patrol.domain.hosts import Host

SHARE_TOGETHER = 16  # of no bound more than this part
DETECTING_S = 2.0  # a picture that was taken in time has so long to go through the detector


@dataclass(frozen=True, slots=True)
class TourSettings:
    """How the tour works; times in seconds.

    ``workers``: visits of due cameras at the same time; a quarter as many again may be retries and focus.
    ``visit_deadline_s``: what every visit is given; a camera that answers within it is seen within its bound. One that
    is kept open is given less; see leads.
    ``longest_visit_s``: what one is given of a camera that was slow lately. Neither is more than half a bound.
    ``lead_s``: what is added to the time before its bound at which a camera becomes due, for whatever the analysis
    cannot know, such as a busy machine.
    ``together_s``: who comes due within so long is looked at along with one that is due. Visits one by one each find
    the processor's caches full of something else.
    ``sessions_per_host``: sessions at once on one host. ``opens_per_s``: sessions begun a second while the tour is
    behind. ``retries_per_s``, ``retries_per_host_per_s``: tries of cameras that failed last time.
    ``warm_sessions``: streams kept open at most. ``focus_at_once``: looks for focus under way at the same time, until
    the detector is through with them: so many pictures more may stand in its line, whatever was reckoned to be spare.
    ``backoff_base_s``, ``backoff_cap_s``: a failing camera is tried again after a random wait of up to
    base x 2^failures, at most the cap (full jitter).
    """

    workers: int = 512
    visit_deadline_s: float = 1.5
    longest_visit_s: float = 10.0
    lead_s: float = 0.25
    together_s: float = 0.2
    sessions_per_host: int = 4
    opens_per_s: float = 100.0
    retries_per_s: float = 10.0
    retries_per_host_per_s: float = 2.0
    warm_sessions: int = 64
    focus_at_once: int = 12
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 60.0

    def along_s(self, bound_s: float) -> float:
        """By how much sooner than it is due a camera may be looked at, along with others."""
        return self.together_s if bound_s >= SHARE_TOGETHER * self.together_s else 0.0

    @property
    def lower_rank_workers(self) -> int:
        """Visits at once that are retries or focus."""
        return max(1, self.workers // 4)


class Turn(StrEnum):
    """Why a camera is visited now."""

    DUE = "due"
    RETRY = "retry"
    FOCUS = "focus"


class Asker(StrEnum):
    """Who asks for a focus; who stands first goes first. What one asks for, no other takes away.

    SUSPICION: a rule holds, and not for long enough yet. CURIOSITY: a rule does not hold, and a closer look could tell
    more. CLIP: an event was confirmed, and what follows belongs to its clip.
    """

    SUSPICION = "suspicion"
    OPERATOR = "operator"
    CURIOSITY = "curiosity"
    CLIP = "clip"


RANK = {asker: rank for rank, asker in enumerate(Asker)}


@dataclass(frozen=True, slots=True)
class Focus:
    """A camera is to be looked at every ``every_s`` until ``until``, in spare capacity."""

    until: float
    every_s: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at one camera that is to be made now, and that must have brought its picture in ``deadline_s``.

    ``in_new_session``: it takes one of its host's sessions; else the camera's own has been kept open.
    """

    camera: Camera
    turn: Turn
    deadline_s: float
    in_new_session: bool = True


@dataclass(slots=True)
class Standing:
    """What the tour knows of one camera.

    ``since``: its last look, or when its bound was last made stricter. ``excused_until``: when its last picture was
    taken, if that was so old by then that nobody could have looked again in time. ``usual_s``: how long visits lately
    took, at worst, beyond ``waits_s``: how long one may have to wait for a key frame. ``picture_age_s``: how old the
    last picture was when it was taken. ``looks``: the visits whose pictures are on their way or in the detector, oldest
    first: several only in a focus, where the next is taken while the last is looked at. ``visits``: those of them that
    have not ended. ``began_at``: when the newest began; ``taken_at``: when the first of them had its picture.
    ``skipped_until``: a person has the tour leave it out until then; until that moment the tour answers for nothing.
    ``is_passing``: its session is kept open for a focus only, and may be gone by the next look. ``deadline_s``: what
    the visit is given. ``given_s``: what visits are given while the camera is due. ``assumed_s``: what the analysis of
    waits reckons with, and what they are given from ``assumed_from`` on.
    """

    camera: Camera
    host: Host[Place]
    bound_s: float
    given_s: float
    assumed_s: float
    seen_at: float
    since: float
    assumed_from: float = 0.0
    excused_until: float = 0.0
    skipped_until: float = -math.inf
    kept_open: bool = False
    is_passing: bool = False
    ever_seen: bool = False
    usual_s: float = 0.0
    waits_s: float = 0.0
    picture_age_s: float = 0.0
    deadline_s: float = 0.0
    began_at: float = 0.0
    taken_at: float = 0.0
    failures: int = 0
    failing: str | None = None
    looks: deque[Turn] = field(default_factory=deque)
    visits: int = 0
    taken: bool = False
    people: int | None = None
    ticket: int = 0
    focus_at: float = -1.0
    focus: dict[Asker, Focus] = field(default_factory=dict)

    @property
    def under_way(self) -> bool:
        """Whether a picture of it is on its way, or in the detector."""
        return bool(self.looks)


@dataclass(order=True, slots=True)
class Place:
    """A place in a heap, ordered by ``at``; stale once the camera's ticket has moved on."""

    at: float
    ticket: int
    camera_id: CameraId = field(compare=False)
    due_at: float = field(compare=False)


def asked_for(standing: Standing, now: float) -> dict[Asker, Focus]:
    """What is still asked for."""
    return {asker: focus for asker, focus in standing.focus.items() if focus.until > now}


def held_since(standing: Standing) -> float:
    """From when the tour is held to the bound, as far as the stretch goes."""
    return max(standing.since, standing.excused_until, standing.skipped_until)


def in_detection_s(standing: Standing) -> float:
    """What is granted beyond the bound to a picture that was taken and has not been looked at yet."""
    return DETECTING_S if standing.taken else 0.0


def share_by_now(standing: Standing, now: float) -> float:
    """The share of its bound that has passed. A picture that was taken ends the gap, once it was looked at."""
    return (now - held_since(standing) - in_detection_s(standing)) / standing.bound_s


def was_taken_in_time(standing: Standing) -> bool:
    """Whether its picture was taken within the bound: what comes too late of it now is the detector's doing."""
    return standing.taken and not standing.failures and standing.taken_at - held_since(standing) <= standing.bound_s
