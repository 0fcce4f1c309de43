"""How the tour stands: what is told of each camera and each ring."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from patrol.domain.camera import CameraId, Ring
from patrol.domain.room import CameraStatus, RingStatus
from patrol.domain.troubles import Trouble
from patrol.domain.visits import Standing, in_detection_s


def is_past(standing: Standing, stretch: float, now: float) -> bool:
    """Whether the camera has been unseen for longer than its bound, times the stretch."""
    return now - standing.since > standing.bound_s * stretch + in_detection_s(standing)


def camera_statuses(standings: Iterable[Standing], now: float) -> tuple[CameraStatus, ...]:
    """Every camera's standing, in the order given."""
    return tuple(
        CameraStatus(
            id=standing.camera.id,
            blind_age_s=now - standing.seen_at if standing.ever_seen else None,
            failing=standing.failing,
            people=standing.people,
            bound_s=standing.bound_s,
        )
        for standing in standings
    )


def with_blinded(statuses: Iterable[CameraStatus], blinded: Mapping[CameraId, Trouble]) -> tuple[CameraStatus, ...]:
    """The same, with what the pictures of some show."""
    return tuple(replace(each, blinded=blinded[each.id]) if each.id in blinded else each for each in statuses)


def ring_status(ring: Ring, standings: Collection[Standing], visits: int, stretch: float, now: float) -> RingStatus:
    """One ring's blind ages. ``standings``: of its cameras; ``visits``: how many were made in it."""
    ages = sorted(now - standing.seen_at for standing in standings)
    return RingStatus(
        name=ring.name,
        revisit_bound_s=ring.revisit_bound_s,
        response_target_s=ring.response_target_s,
        cameras=len(standings),
        past_bound=sum(is_past(standing, stretch, now) for standing in standings),
        bound_in_force_s=quantile(sorted(standing.bound_s for standing in standings), 0.5) or None,
        failing=sum(standing.failures > 0 for standing in standings),
        visits=visits,
        blind_age_p50_s=quantile(ages, 0.5),
        blind_age_p99_s=quantile(ages, 0.99),
        blind_age_max_s=ages[-1] if ages else 0.0,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank quantile of numbers in ascending order; 0 for none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
