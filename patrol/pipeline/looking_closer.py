"""Looking closer: between detector and rules, what the rules ask for of a frame. Live and replay use this one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from patrol.domain.camera import Camera, CameraId
from patrol.domain.closer import NOTHING_CLOSER, Closer, Look
from patrol.domain.detections import Detections
from patrol.domain.frame import Frame
from patrol.domain.pacing import TokenBucket
from patrol.domain.watching import Findings, Watcher
from patrol.ports import Clock, DensityEstimator, Detector

OnLook = Callable[[Look, bool], None]
"""Told of each look that was asked for and could be had, and whether it was made."""


def _always() -> bool:
    return True


def _nobody(look: Look, is_made: bool) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Networks:
    """What can look closer, as far as it can be had here. Owned by whoever made them."""

    finer: Detector | None = None
    density: DensityEstimator | None = None

    @property
    def looks(self) -> frozenset[Look]:
        """The looks that can be had."""
        there = {Look.FINER: self.finer, Look.DENSITY: self.density}
        return frozenset(look for look, network in there.items() if network is not None)


# A finer look costs what some four visits do, a density two to five times that: so often they cost what one or two
# visits a second do, whatever the rules of hundreds of cameras ask for at the same time.
LOOKS_PER_S, LOOKS_AT_ONCE = 0.2, 3.0


class SpareLooks:
    """Whether there is time for one more closer look: few in a second, and none while frames wait for the detector."""

    def __init__(self, keeps_up: Callable[[], bool], clock: Clock) -> None:
        """``keeps_up``: whether the detector does."""
        self._keeps_up = keeps_up
        self._clock = clock
        self._pace = TokenBucket(LOOKS_PER_S, LOOKS_AT_ONCE, clock.monotonic())

    def __call__(self) -> bool:
        """If so, it counts as made."""
        now = self._clock.monotonic()
        if not self._keeps_up() or self._pace.wait_s(now) > 0:
            return False
        self._pace.take(now)
        return True


@dataclass(slots=True)
class LookingCloser:
    """Shows frames to the rules, after the closer looks that they ask for.

    ``has_room``: whether there is time for them; a recording always has. Live they are made in spare capacity only, and
    one frame's at a time: no camera is seen later because another's crowd is counted more exactly.
    """

    watcher: Watcher
    networks: Networks = field(default_factory=Networks)
    has_room: Callable[[], bool] = _always
    on_look: OnLook = _nobody
    _is_looking: bool = field(default=False, init=False)
    _turns: defaultdict[CameraId, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock), init=False)

    async def observe(self, camera: Camera, frame: Frame, detections: Detections) -> Findings:
        """Let the rules see a frame. Frames of one camera keep the order in which they come here."""
        async with self._turns[camera.id]:
            wanted = self.watcher.asked_for(camera, frame.captured_at, detections) & self.networks.looks
            closer = await self._look(frame, wanted) if wanted else NOTHING_CLOSER
            return self.watcher.observe(camera, frame.captured_at, detections, frame.pixels, closer)

    async def _look(self, frame: Frame, wanted: frozenset[Look]) -> Closer:
        has_room = not self._is_looking and self.has_room()
        for look in wanted:
            self.on_look(look, has_room)
        if not has_room:
            return NOTHING_CLOSER
        finer, density = self.networks.finer, self.networks.density
        self._is_looking = True
        try:
            return Closer(
                finer=(await finer.detect([frame]))[0] if finer is not None and Look.FINER in wanted else None,
                density=(await density.estimate([frame]))[0]
                if density is not None and Look.DENSITY in wanted
                else None,
            )
        finally:
            self._is_looking = False
