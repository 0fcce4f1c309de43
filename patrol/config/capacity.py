"""Whether the revisit bounds of a configuration can be kept on a machine, and if not, whose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patrol.domain.camera import Camera, Ring, RingName
from patrol.domain.tour import visits_per_s_needed

USABLE_SHARE = 5 / 6
"""A schedule is sure to exist while the bounds ask for no more than this of the capacity (pinwheel scheduling)."""


@dataclass(frozen=True, slots=True)
class RingDemand:
    """What one ring asks for. ``possible_bound_s``: what could be kept instead; None when nothing is left for it."""

    ring: RingName
    visits_per_s: float
    kept: bool
    possible_bound_s: float | None


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What the bounds ask for against what there is, both in visits per second.

    ``stretch``: by how much all bounds would have to be stretched together, 1.0 when they are kept.
    """

    needed_per_s: float
    usable_per_s: float
    stretch: float
    rings: tuple[RingDemand, ...]

    @property
    def kept(self) -> bool:
        """Whether every bound is kept."""
        return all(demand.kept for demand in self.rings)


def feasibility(cameras: Sequence[Camera], rings: Mapping[RingName, Ring], capacity_per_s: float) -> Feasibility:
    """Serves the rings from the inside out with ``capacity_per_s`` visits per second, less the scheduler's reserve."""
    usable = capacity_per_s * USABLE_SHARE
    needed = visits_per_s_needed(cameras)
    left, demands = usable, []
    for name in RingName:
        asked = visits_per_s_needed([camera for camera in cameras if camera.ring is name])
        kept = asked <= left
        possible = rings[name].revisit_bound_s * max(1.0, asked / left) if left > 0 else None
        demands.append(RingDemand(name, asked, kept, possible))
        left = max(0.0, left - asked)
    return Feasibility(needed, usable, max(1.0, needed / usable), tuple(demands))
