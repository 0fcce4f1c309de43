"""Focus: cameras that somebody wants to see more of are looked at in between, with what there is to spare.

Where there is too little for all, those go first of which a rule holds that is not confirmed yet (see Asker), and among
equals the one that has waited longest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

from patrol.domain.camera import CameraId
from patrol.domain.pacing import TokenBucket
from patrol.domain.visits import RANK, Asker, Focus, Place, Standing, asked_for

EXTRA_LOOKS_PER_S = 10.0  # until it is known how many there is capacity for
ASK_AGAIN_S = 0.05  # whether a camera may be looked at that could not be just now


class Focuses:
    """Who wants to see more of which cameras, and when they are looked at next. All times are monotonic seconds."""

    def __init__(self, standings: Mapping[CameraId, Standing], now: float) -> None:
        self._standings = standings
        self._upcoming: list[Place] = []  # by the time of the next extra look
        self._due: list[tuple[int, Place]] = []  # by who asks, then by that time
        self._looks = TokenBucket(EXTRA_LOOKS_PER_S, EXTRA_LOOKS_PER_S, now)

    def set_spare(self, visits_per_s: float, now: float) -> None:
        """So many visits a second are left; none below 0."""
        self._looks.set_pace(max(visits_per_s, 0.0), max(visits_per_s, 1.0), now)

    def pin(self, camera_id: CameraId, now: float, seconds: float, every_s: float, asker: Asker) -> None:
        """Look again every ``every_s`` for ``seconds``; 0 seconds ends the asker's focus."""
        standing = self._standings[camera_id]
        wishes = asked_for(standing, now)
        if not seconds:
            standing.focus.pop(asker, None)
            return
        before = standing.focus.get(asker, Focus(now, every_s))
        still = before.until > now
        # One who asks for less does not take away what was asked for before.
        quickest_s = min(every_s, before.every_s) if still else every_s
        standing.focus[asker] = Focus(max(now + seconds, before.until), quickest_s)
        next_at = standing.focus_at if wishes else now + every_s
        self._look_at(standing, min(next_at, now + every_s))
        if wishes and next_at <= now and RANK[asker] < _rank_of(wishes):  # it waits already, as one of lower rank
            heapq.heappush(self._due, (RANK[asker], _place(standing)))

    def next(self, now: float, may_look: Callable[[Standing], bool]) -> Standing | None:
        """The camera to look at now, which is counted, or None. Who may not be looked at now is asked again later."""
        self._release(now)
        while self._due and self._looks.wait_s(now) == 0.0:
            rank, entry = heapq.heappop(self._due)
            standing = self._standings[entry.camera_id]
            wishes = asked_for(standing, now)
            if not wishes or entry.at != standing.focus_at:
                continue  # it was pinned anew since
            if rank < (rank_now := _rank_of(wishes)):
                heapq.heappush(self._due, (rank_now, entry))
            elif not may_look(standing):
                self._look_at(standing, now + ASK_AGAIN_S)
            else:
                self._look_at(standing, now + min(focus.every_s for focus in wishes.values()))
                self._looks.take(now)
                return standing
        return None

    def _release(self, now: float) -> None:
        while self._upcoming and self._upcoming[0].at <= now:
            entry = heapq.heappop(self._upcoming)
            standing = self._standings[entry.camera_id]
            wishes = asked_for(standing, now)
            if wishes and entry.at == standing.focus_at:
                heapq.heappush(self._due, (_rank_of(wishes), entry))

    def wait_s(self, now: float) -> float | None:
        """Seconds until somebody is to be looked at, 0 or below if one should have been; None: nobody is."""
        if self._due:
            return self._looks.wait_s(now)
        return self._upcoming[0].at - now if self._upcoming else None

    def is_on(self, camera_id: CameraId, now: float) -> bool:
        """Whether somebody asked to see more of the camera."""
        return bool(asked_for(self._standings[camera_id], now))

    def on_for_s(self, camera_id: CameraId, now: float, below_s: float) -> float:
        """For how long yet somebody asks for looks that are less than ``below_s`` apart."""
        wishes = asked_for(self._standings[camera_id], now).values()
        return max((focus.until - now for focus in wishes if focus.every_s < below_s), default=0.0)

    def _look_at(self, standing: Standing, at: float) -> None:
        if standing.focus_at == at:
            return
        standing.focus_at = at
        heapq.heappush(self._upcoming, _place(standing))


def _place(standing: Standing) -> Place:
    return Place(standing.focus_at, 0, standing.camera.id, standing.focus_at)


def _rank_of(wishes: Mapping[Asker, Focus]) -> int:
    return min(RANK[asker] for asker in wishes)
