"""Gaps, rounds and rates, worked out from what was seen when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

Seen = tuple[str, float, float]
"""(camera id, captured, processed), seconds since the epoch."""


def gaps_by_ring(
    seen: Iterable[Seen], ring_of: Mapping[str, str], begin: float, end: float, open_too: bool = True
) -> dict[str, list[float]]:
    """Every gap of every camera that was still open after ``begin`` and began before ``end``, by ring.

    A gap lies between the capture times of two successive frames that were processed. One that is open at ``end`` is
    counted as it stands, so that a camera that is never seen again cannot go unnoticed; so is one that began before the
    first frame, from ``begin`` on. ``ring_of``: all cameras that count, by id. Without ``open_too`` neither is counted.
    """
    captured: dict[str, list[float]] = defaultdict(list)
    for camera_id, at, _ in seen:
        captured[camera_id].append(at)
    gaps: dict[str, list[float]] = {ring: [] for ring in ring_of.values()}
    for camera_id, ring in ring_of.items():
        gaps[ring] += _gaps(sorted(captured.get(camera_id, ())), begin, end, open_too)
    return gaps


def _gaps(captured: Sequence[float], begin: float, end: float, open_too: bool) -> list[float]:
    before = [at for at in captured if at <= begin]
    within = [at for at in captured if begin < at <= end]
    ends = [*before[-1:], *within] if before or not open_too else [begin, *within]
    if open_too:
        ends.append(end)
    return [later - earlier for earlier, later in pairwise(ends)]


def rounds(seen: Iterable[Seen], cameras: Iterable[str], begin: float) -> list[float]:
    """How long whole rounds took, one after the other, from ``begin`` on.

    A round ends when the last of the cameras has been processed whose frame was captured after the round began; the
    next begins there.
    """
    everyone = frozenset(cameras)
    result: list[float] = []
    began, missing = begin, set(everyone)
    for camera_id, captured, processed in sorted(seen, key=lambda each: each[2]):
        if captured >= began:
            missing.discard(camera_id)
        if not missing:
            result.append(processed - began)
            began, missing = processed, set(everyone)
    return result


def most_within(times: Iterable[float], window_s: float) -> int:
    """The most of what happened at ``times`` that lies in any ``window_s``, wherever it begins."""
    ordered = sorted(times)
    first, most = 0, 0
    for number, at in enumerate(ordered):
        while ordered[first] <= at - window_s:
            first += 1
        most = max(most, number - first + 1)
    return most


def most_counted_within(counts: Sequence[tuple[float, int]], window_s: float) -> int:
    """The most by which a counter rose within ``window_s``, by readings of it: (when, the count), in order.

    Between two readings that are at least so far apart, as near to it as there are: rather too many than too few.
    """
    most, first = 0, 0
    for number, (at, count) in enumerate(counts):
        while first + 1 < number and counts[first + 1][0] <= at - window_s:
            first += 1
        most = max(most, count - counts[first][1])
    return most
