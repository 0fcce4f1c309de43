"""What no single value can tell: references, duplicates, orders, addresses. Pure; each check yields findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise

from patrol.config import addresses
from patrol.config.document import Location, written
from patrol.config.parts import CameraPart, Parts
from patrol.config.wording import did_you_mean, shown
from patrol.domain.camera import Place, RingName

Finding = tuple[Location, str]


KnownModels = Mapping[str, Collection[str]]
"""The classes that each model can tell, by the model's name."""


def problems(parts: Parts, environ: Mapping[str, str], known_models: KnownModels | None) -> Iterator[Finding]:
    """What makes a file unusable beyond the shape of its values; missing variables are `missing_variables`."""
    yield from _duplicate_ids(parts)
    yield from _ring_order(parts)
    yield from _backoff_order(parts)
    yield from _references(parts)
    yield from _incomplete_cameras(parts)
    yield from _addresses(parts, environ)
    if known_models is not None and parts.detector is not None:
        yield from _model_and_labels(parts, parts.detector.model, known_models)
    if not parts.cameras:
        yield ("cameras",), "there is no camera; expected at least one, here or in sites"


def warnings(parts: Parts) -> Iterator[Finding]:
    """What is allowed and still looks like a mistake, in a file without problems."""
    yield from _misplaced_cameras(parts)
    yield from _cameras_without_zones(parts)
    yield from _shared_addresses(parts)
    yield from _unused_rules(parts)
    yield from _deaf_rules(parts)
    yield from _rings_without_units(parts)


def missing_variables(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """One finding per variable that is not set, with the cameras that need it."""
    needed: dict[str, tuple[Location, list[CameraPart]]] = {}
    for part in parts.cameras:
        stream = parts.stream_of(part)
        for name in addresses.variables(stream[1]) if stream is not None else ():
            if stream is not None and not addresses.is_set(name, environ):
                needed.setdefault(name, (stream[0], []))[1].append(part)
    for name, (location, cameras) in needed.items():
        yield location, f"needs the environment variable {name}, which is not set; {_listed(cameras)} cannot be opened"


def _duplicate_ids(parts: Parts) -> Iterator[Finding]:
    yield from _repeated(
        [((*part.location, "id"), part.camera.id) for part in parts.cameras if part.camera is not None]
    )
    yield from _repeated([(("units", i, "id"), unit.id) for i, unit in enumerate(parts.units) if unit is not None])
    for location, zones in parts.zone_lists():
        yield from _repeated([((*location, i, "id"), zone.id) for i, zone in enumerate(zones)])


def _repeated(ids: list[tuple[Location, str]]) -> Iterator[Finding]:
    first: dict[str, Location] = {}
    for location, name in ids:
        if name in first:
            yield location, f"the id '{name}' is taken by {written(first[name][:-1])}; expected an id of its own"
        first.setdefault(name, location)


def _ring_order(parts: Parts) -> Iterator[Finding]:
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


def _backoff_order(parts: Parts) -> Iterator[Finding]:
    tour = parts.tour
    if tour is not None and tour.backoff_cap_s < tour.backoff_base_s:
        message = f"expected backoff_base_s ({tour.backoff_base_s:g}) or more, got {tour.backoff_cap_s:g}"
        yield ("tour", "backoff_cap_s"), message


def _references(parts: Parts) -> Iterator[Finding]:
    for site in parts.sites:
        if site.head is not None and site.head.use is not None:
            yield from _known((*site.location, "use"), "template", site.head.use, parts.templates)
    for part in parts.cameras:
        if part.camera is not None and part.camera.use is not None:
            yield from _known((*part.location, "use"), "template", part.camera.use, parts.templates)
    for location, zones in parts.zone_lists() if parts.rules else ():  # that there is no rule at all is told already
        for i, zone in enumerate(zones):
            for j, rule in enumerate(zone.rules):
                yield from _known((*location, i, "rules", j), "rule", rule, parts.rules)


def _known(location: Location, what: str, name: str, known: Mapping[str, object]) -> Iterator[Finding]:
    if name not in known:
        yield location, f"there is no {what} '{name}'{did_you_mean(name, known)}"


def _model_and_labels(parts: Parts, model: str, known_models: KnownModels) -> Iterator[Finding]:
    if model not in known_models:
        yield ("detector", "model"), f"there is no model {shown(model)}{did_you_mean(model, list(known_models))}"
        return
    classes = known_models[model]
    for name, rule in parts.rules.items():
        if rule is not None and rule.label not in classes:
            message = f"{model} cannot tell {shown(rule.label)}{did_you_mean(rule.label, list(classes))}"
            yield ("rules", name, "label"), message


def _incomplete_cameras(parts: Parts) -> Iterator[Finding]:
    for part in parts.cameras:
        site_unread = part.site is not None and part.site.head is None
        if part.camera is None:
            continue
        if parts.ring_of(part) is None and not site_unread:
            yield part.location, "has no ring; expected ring: core, periphery or far, here or at its site"
        yield from _incomplete_stream(parts, part, site_unread)


def _incomplete_stream(parts: Parts, part: CameraPart, site_unread: bool) -> Iterator[Finding]:
    stream = parts.stream_of(part)
    if stream is None:
        name = parts.template_of(part)
        unread = name is not None and parts.templates.get(name) is None
        if not unread and not (name is None and site_unread):
            yield part.location, "has no address; expected stream, here or in its template"
        return
    given = parts.values_of(part)
    for name in addresses.placeholders(stream[1]):
        if name in addresses.PLACEHOLDERS and name not in given:
            yield part.location, f"has no {name}; {written(stream[0])} needs it for {{{name}}}"


def _addresses(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Each address where it is written, filled in for the first camera that uses it: one mistake, one finding."""
    used: dict[Location, tuple[str, CameraPart]] = {}
    for part in parts.cameras:
        stream = parts.stream_of(part)
        if stream is not None:
            used.setdefault(stream[0], (stream[1], part))
    for location, (address, part) in used.items():
        message = _address_problem(address, parts.values_of(part), environ)
        if message is not None:
            yield location, message if part.camera is None else f"{message} (camera {part.camera.id})"


def _address_problem(address: str, values: Mapping[str, str], environ: Mapping[str, str]) -> str | None:
    wording = addresses.wording_problem(address)
    if wording is not None:
        return wording
    full = addresses.expanded(addresses.filled(address, values), environ)
    if addresses.variables(full) or addresses.placeholders(full):
        return None  # told as a missing variable or value
    return addresses.address_problem(full)


def _misplaced_cameras(parts: Parts) -> Iterator[Finding]:
    periphery = parts.rings[RingName.PERIPHERY]
    for name, ring in parts.rings.items():
        cameras = [(part, metres) for part, metres in _distances(parts) if parts.ring_of(part) is name]
        reach = ring.out_to_m if ring is not None else None
        if reach is not None:
            yield from _misplaced([part for part, metres in cameras if metres > reach], f"more than {reach:g} m")
        edge = periphery.out_to_m if periphery is not None and name is RingName.FAR else None
        if edge is not None:
            yield from _misplaced([part for part, metres in cameras if metres < edge], f"less than {edge:g} m")


def _distances(parts: Parts) -> list[tuple[CameraPart, float]]:
    if parts.station is None:
        return []
    centre = Place(*parts.station.at)
    return [(part, centre.distance_m(Place(*part.camera.at))) for part in parts.cameras if part.camera is not None]


def _misplaced(cameras: list[CameraPart], where: str) -> Iterator[Finding]:
    if cameras:
        message = f"{_listed(cameras)} stand {where} from the station: is the place or the ring wrong?"
        yield (*cameras[0].location, "at"), message


def _cameras_without_zones(parts: Parts) -> Iterator[Finding]:
    found = [part for part in parts.cameras if not parts.zones_of(part)]
    if found:
        yield found[0].location, f"{_listed(found)} have no zone: they are toured and never raise an alert"


def _shared_addresses(parts: Parts) -> Iterator[Finding]:
    """Two cameras with one address would put one place's alerts on the other's name."""
    by_address: dict[str, list[CameraPart]] = {}
    for part in parts.cameras:
        stream = parts.stream_of(part)
        if stream is not None and stream[1].partition(":")[0] not in ("file", "synthetic"):
            by_address.setdefault(addresses.filled(stream[1], parts.values_of(part)), []).append(part)
    for cameras in by_address.values():
        if len(cameras) > 1:
            yield cameras[1].location, f"{_listed(cameras)} have the same address: they would show the same picture"


def _unused_rules(parts: Parts) -> Iterator[Finding]:
    watched = {rule for part in parts.cameras for zone in parts.zones_of(part) for rule in zone.rules}
    for name in parts.rules:
        if name not in watched:
            yield ("rules", name), "watches no zone of any camera: it never raises an alert"


def _deaf_rules(parts: Parts) -> Iterator[Finding]:
    for name, rule in parts.rules.items():
        if rule is not None and parts.detector is not None and rule.min_confidence < parts.detector.min_confidence:
            floor = parts.detector.min_confidence
            message = f"is {rule.min_confidence:g}, but the detector drops everything below {floor:g}"
            yield ("rules", name, "min_confidence"), message


def _rings_without_units(parts: Parts) -> Iterator[Finding]:
    for name in RingName:
        if not any(unit is None or name in unit.rings for unit in parts.units):
            yield ("units",), f"no unit may be sent to the {name} ring"


def _listed(cameras: list[CameraPart]) -> str:
    """``C-001, C-002 and 474 more``."""
    names = [part.camera.id for part in cameras if part.camera is not None]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
