"""Covering (覆盖): how much of each ring a free crew still reaches in time, and whom to move; for those who look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from patrol.domain.board import Sending
from patrol.domain.camera import Camera, Ring, RingName
from patrol.domain.covering import Point, as_counted, cover, is_as_before, move_up, straight_line, vacant_posts
from patrol.domain.dispatch import Duty
from patrol.domain.room import CoverStatus
from patrol.domain.ways import DETOUR_FACTOR
from patrol.ports import Clock

EVERY_S = 3.0


class Covering:
    """Of one world: simulated units cover nothing of a live room, and real ones nothing of the demo.

    ``sending``: by which dispatch knows where a unit is and whether it is in time. ``detour``: how much longer than the
    straight line a way is. Streets are not asked: that is every unit to every camera, and a routing service would be at
    rest when dispatch needs it.
    """

    def __init__(
        self,
        cameras: Iterable[Camera],
        rings: Mapping[RingName, Ring],
        clock: Clock,
        *,
        simulated: bool,
        sending: Sending | None = None,
        detour: float = DETOUR_FACTOR,
    ) -> None:
        self._points = tuple(Point(camera.place, camera.ring) for camera in cameras)
        self._sending = sending or Sending()
        answer_s = self._sending.policy.answer_s
        self._targets = {name: ring.response_target_s - answer_s for name, ring in rings.items()}
        self._travel_s = partial(straight_line, detour=detour)
        self._clock = clock
        self._simulated = simulated
        self._of: Sequence[Duty] = ()
        self._known: CoverStatus | None = None
        self._known_at = 0.0

    def look(self, duties: Sequence[Duty]) -> CoverStatus:
        """The cover that these leave: worked out when they changed, in some milliseconds, at most every ``EVERY_S``."""
        now = self._clock.monotonic()
        if self._known is not None and now - self._known_at < EVERY_S:
            return self._known
        ours = [duty for duty in duties if duty.unit.simulated is self._simulated]
        counted = as_counted(ours, self._clock.now(), self._sending.positions)
        if self._known is None or not is_as_before(self._of, counted):
            self._known = self._worked_out(counted, self._known)
            self._of, self._known_at = counted, now
        return self._known

    def _worked_out(self, duties: Sequence[Duty], before: CoverStatus | None) -> CoverStatus:
        standing = before.move_up if before else None
        about = self._points, duties
        shares = {ring: of.share for ring, of in cover(*about, self._travel_s, self._targets).items()}
        posts = vacant_posts(duties)
        return CoverStatus(shares, move_up(*about, posts, self._travel_s, self._targets, standing=standing))
