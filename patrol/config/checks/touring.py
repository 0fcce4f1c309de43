"""How often cameras are to be seen: rings in their order, bounds, backoff, schedules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from patrol.config.checks.findings import Finding, listed, must_be_known
from patrol.config.checks.names import are_all_read, site_names
from patrol.config.document import Location
from patrol.config.parts import CameraPart, Parts
from patrol.config.tour_models import ScheduleModel
from patrol.domain.camera import RingName

SHORTEST_BOUND_S = 1.0


def ring_order(parts: Parts) -> Iterator[Finding]:
    """Rings farther out have no smaller bounds, targets and reach; orders are accepted within the target."""
    readable = [(name, ring) for name, ring in parts.rings.items() if ring is not None]
    for (inner_name, inner), (name, ring) in pairwise(readable):
        yield from _not_below(name, "revisit_bound_s", ring.revisit_bound_s, inner_name, inner.revisit_bound_s)
        yield from _not_below(name, "response_target_s", ring.response_target_s, inner_name, inner.response_target_s)
        if ring.out_to_m is not None and inner.out_to_m is not None:
            yield from _not_below(name, "out_to_m", ring.out_to_m, inner_name, inner.out_to_m)
    for name, ring in readable:
        if ring.accept_within_s >= ring.response_target_s:
            message = f"expected less than response_target_s ({ring.response_target_s:g}), got {ring.accept_within_s:g}"
            yield ("rings", name.value, "accept_within_s"), message


def _not_below(name: RingName, key: str, value: float, inner_name: RingName, inner: float) -> Iterator[Finding]:
    if value < inner:
        yield ("rings", name.value, key), f"expected {inner:g} or more, as the {inner_name} ring has, got {value:g}"


def backoff_order(parts: Parts) -> Iterator[Finding]:
    """The longest wait for a failing camera is no shorter than the first."""
    tour = parts.tour
    if tour is not None and tour.backoff_cap_s < tour.backoff_base_s:
        message = f"expected backoff_base_s ({tour.backoff_base_s:g}) or more, got {tour.backoff_cap_s:g}"
        yield ("tour", "backoff_cap_s"), message


def schedules(parts: Parts) -> Iterator[Finding]:
    """Schedules that concern nobody, or name a site or camera that is not there."""
    for name, schedule in parts.schedules.items():
        if schedule is None:
            continue
        unknown = list(_unknown_names(parts, ("schedules", name), schedule))
        yield from unknown
        if not (schedule.rings or schedule.sites or schedule.site_kinds or schedule.cameras):
            yield ("schedules", name), "concerns nobody; expected one or more of rings, sites, site_kinds and cameras"
        elif not unknown and are_all_read(parts) and not _concerned(parts, schedule):
            kinds = sorted({site.head.kind.value for site in parts.sites if site.head is not None})
            hint = f" (sites are of the kind {', '.join(kinds)})" if schedule.site_kinds and kinds else ""
            yield ("schedules", name), f"concerns no camera: there is none in what it names{hint}"


def _unknown_names(parts: Parts, location: Location, schedule: ScheduleModel) -> Iterator[Finding]:
    if not are_all_read(parts):
        return  # what it names may be what cannot be used
    sites = site_names(parts)
    cameras = dict.fromkeys(part.camera.id for part in parts.cameras if part.camera is not None)
    for index, site in enumerate(schedule.sites):
        yield from must_be_known((*location, "sites", index), "site", site, sites)
    for index, camera in enumerate(schedule.cameras):
        yield from must_be_known((*location, "cameras", index), "camera", camera, cameras)


def _concerned(parts: Parts, schedule: ScheduleModel) -> list[CameraPart]:
    return [part for part in parts.cameras if parts.is_concerned(part, schedule)]


def short_bounds(parts: Parts) -> Iterator[Finding]:
    """Bounds that a visit alone would take."""
    written_down = [
        *((("rings", name.value), ring) for name, ring in parts.rings.items()),
        *((("templates", name), template) for name, template in parts.templates.items()),
        *((("schedules", name), schedule) for name, schedule in parts.schedules.items()),
        *((part.location, part.camera) for part in parts.cameras),
    ]
    for location, one in written_down:
        bound_s = one.revisit_bound_s if one is not None else None
        if bound_s is not None and bound_s < SHORTEST_BOUND_S:
            message = f"is {bound_s:g} s: a visit takes about as long, so it can hardly be kept; expected 1 s or more"
            yield (*location, "revisit_bound_s"), message


def loose_schedules(parts: Parts) -> Iterator[Finding]:
    """Schedules under which cameras of the core are seen less often than usual."""
    for name, schedule in parts.schedules.items():
        if schedule is None:
            continue
        core = [part for part in _concerned(parts, schedule) if parts.ring_of(part) is RingName.CORE]
        looser = [part for part in core if (parts.usual_bound_of(part) or 0.0) < schedule.revisit_bound_s]
        if looser:
            message = f"is {schedule.revisit_bound_s:g} s, which is longer than usual for {listed(looser)} of the core"
            yield ("schedules", name, "revisit_bound_s"), message
