"""All that no single value of a file can tell, in the order it is looked for. Pure; each check yields findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patrol.config.checks import addresses, cameras, incidents, names, strategies, touring, units, watching
from patrol.config.checks.findings import Finding
from patrol.config.checks.names import KnownModels
from patrol.config.parts import Parts
from patrol.config.times import timezone_problem


def problems(parts: Parts, environ: Mapping[str, str], known_models: KnownModels | None) -> Iterator[Finding]:
    """What makes a file unusable beyond the shape of its values; unset variables: `checks.addresses`."""
    yield from names.duplicate_ids(parts)
    yield from touring.ring_order(parts)
    yield from touring.backoff_order(parts)
    yield from names.references(parts)
    yield from cameras.incomplete_cameras(parts)
    yield from addresses.unusable_addresses(parts, environ)
    yield from strategies.unfit_strategies(parts)
    yield from strategies.warm_cameras(parts)
    yield from touring.schedules(parts)
    yield from incidents.escalation_order(parts)
    yield from addresses.routing_service(parts, environ)
    yield from addresses.map_tiles(parts, environ)
    yield from names.raised_sites(parts)
    yield from incidents.never_held(parts)
    yield from incidents.taken_from_above(parts)
    yield from units.needs_nobody_has(parts)
    if parts.station is not None and (zone := timezone_problem(parts.station.timezone)) is not None:
        yield ("station", "timezone"), zone
    if known_models is not None and parts.detector is not None:
        yield from names.model_and_labels(parts, parts.detector.model, known_models)
    if not parts.cameras:
        yield ("cameras",), "there is no camera; expected at least one, here or in sites"


def warnings(parts: Parts) -> Iterator[Finding]:
    """What is allowed and still looks like a mistake, in a file without problems."""
    yield from cameras.misplaced_cameras(parts)
    yield from watching.cameras_without_zones(parts)
    yield from addresses.shared_addresses(parts)
    yield from watching.unused_rules(parts)
    yield from watching.deaf_rules(parts)
    yield from watching.densities_without_ground(parts)
    yield from units.rings_without_units(parts)
    yield from units.rings_without_able_crews(parts)
    yield from units.walkers_at_speed(parts)
    yield from units.hours_without_units(parts)
    yield from watching.hidden_zones(parts)
    yield from touring.short_bounds(parts)
    yield from touring.loose_schedules(parts)
    yield from strategies.unknown_hosts(parts)
    yield from incidents.hasty_merging(parts)
    yield from incidents.room_never_told(parts)
    yield from incidents.late_confirmations(parts)
    yield from incidents.never_held_in_the_core(parts)
