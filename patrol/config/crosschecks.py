"""What no single value can tell: references, duplicates, orders, addresses. Pure; each check yields findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import shapely

from patrol.config import addresses
from patrol.config.document import Location, written
from patrol.config.models import ScheduleModel, TimedStepModel, UnitModel, ZoneModel
from patrol.config.parts import ADDRESS_KEYS, CameraPart, Parts
from patrol.config.rule_models import CrowdModel, RuleModel
from patrol.config.showing import did_you_mean, shown
from patrol.config.times import timezone_problem
from patrol.domain.camera import Place, RingName, Strategy
from patrol.domain.confirmation import Then
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import EscalationStep
from patrol.domain.units import TravelMode

Finding = tuple[Location, str]

SHORTEST_BOUND_S = 1.0
OVER_HTTP = STILL_PICTURES = ("http://", "https://")
NO_STILL_PICTURES = ("rtsp://", "rtsps://", "file:///", "synthetic:")  # a scheme nobody knows is told elsewhere
SERVICE_URL = ("travel", "service", "url")
FASTEST_ON_FOOT_M_S = 5.0
MONDAY = date(2001, 1, 1)  # of a week in which no certain day of a file lies
ROUNDING = 1e-9  # of a polygon whose edge lies on another's

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
    yield from _strategies(parts)
    yield from _warm_cameras(parts)
    yield from _schedules(parts)
    yield from _escalation_order(parts)
    yield from _routing_service(parts, environ)
    yield from _raised_sites(parts)
    yield from _never_held(parts)
    if parts.station is not None and (zone := timezone_problem(parts.station.timezone)) is not None:
        yield ("station", "timezone"), zone
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
    yield from _densities_without_ground(parts)
    yield from _rings_without_units(parts)
    yield from _walkers_at_speed(parts)
    yield from _hours_without_units(parts)
    yield from _hidden_zones(parts)
    yield from _short_bounds(parts)
    yield from _loose_schedules(parts)
    yield from _unknown_hosts(parts)
    yield from _hasty_merging(parts)
    yield from _room_never_told(parts)
    yield from _late_confirmations(parts)
    yield from _never_held_in_the_core(parts)


def missing_variables(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """One finding per variable that is not set, with the cameras that need it."""
    needed: dict[str, tuple[Location, list[CameraPart]]] = {}
    for part, location, address in parts.addresses():
        for name in addresses.variables(address):
            if not addresses.is_set(name, environ):
                cameras = needed.setdefault(name, (location, []))[1]
                if part not in cameras[-1:]:
                    cameras.append(part)
    for name, (location, cameras) in needed.items():
        yield location, f"needs the environment variable {name}, which is not set; {_listed(cameras)} cannot be opened"
    service = parts.travel.service if parts.travel is not None else None
    for name in addresses.variables(service.url) if service is not None else ():
        if not addresses.is_set(name, environ):
            yield SERVICE_URL, f"needs the environment variable {name}, which is not set; the service cannot be asked"


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


def _escalation_order(parts: Parts) -> Iterator[Finding]:
    """Steps go up, and a higher one does not come before a lower one."""
    rank = {step: place for place, step in enumerate(EscalationStep)}
    for level, steps in _asked_steps(parts):
        for place, (lower, upper) in enumerate(pairwise(steps), start=1):
            location: Location = ("dispatch", "escalation", level.value, place)
            if rank[upper.step] <= rank[lower.step]:
                higher = [step.value for step in EscalationStep if rank[step] > rank[lower.step]]
                expected = f"expected {' or '.join(higher)}" if higher else "expected no step after it"
                yield (*location, "step"), f"comes after {lower.step}; {expected}, got {upper.step}"
            if upper.after_s < lower.after_s:
                message = f"expected {lower.after_s:g} or more, as the step before it has, got {upper.after_s:g}"
                yield (*location, "after_s"), message


def _asked_steps(parts: Parts) -> Iterator[tuple[Level, list[TimedStepModel]]]:
    if parts.dispatch is None:
        return
    for level in Level:
        steps: list[TimedStepModel] | None = getattr(parts.dispatch.escalation, level.value)
        if steps is not None:
            yield level, steps


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
                model = parts.rules.get(rule)
                problem = _misfit(zone, model) if model is not None else None
                if problem is not None:
                    yield (*location, i, "rules", j), f"'{rule}' {problem}"


def _misfit(zone: ZoneModel, rule: RuleModel) -> str | None:
    """Why a rule cannot watch a zone, or None."""
    if rule.watches_lines and zone.line is None:
        return f"watches lines ({rule.kind}); expected a zone with line: [[x, y], [x, y]] instead of polygon"
    if zone.line is not None and not rule.watches_lines:
        return f"watches areas ({rule.kind}); expected a zone with polygon instead of line"
    if rule.needs_direction and zone.direction is None:
        return f"needs to know which way traffic goes ({rule.kind}); expected direction: right, left, up or down, here"
    return None


def _known(location: Location, what: str, name: str, known: Mapping[str, object]) -> Iterator[Finding]:
    if name not in known:
        yield location, f"there is no {what} '{name}'{did_you_mean(name, known)}"


def _model_and_labels(parts: Parts, model: str, known_models: KnownModels) -> Iterator[Finding]:
    if model not in known_models:
        yield ("detector", "model"), f"there is no model {shown(model)}{did_you_mean(model, list(known_models))}"
        return
    classes = known_models[model]
    for name, rule in parts.rules.items():
        for key in ("forbid", "allow", "vehicles", "who") if rule is not None else ():
            for index, label in enumerate(getattr(rule, key, None) or ()):
                if label not in classes:
                    message = f"{model} cannot tell {shown(label)}{did_you_mean(label, list(classes))}"
                    yield ("rules", name, key, index), message


def _incomplete_cameras(parts: Parts) -> Iterator[Finding]:
    for part in parts.cameras:
        site_unread = part.site is not None and part.site.head is None
        if part.camera is None:
            continue
        if parts.ring_of(part) is None and not site_unread:
            yield part.location, "has no ring; expected ring: core, periphery or far, here or at its site"
        if parts.stream_of(part) is None and not _is_template_unread(parts, part):
            yield part.location, "has no address; expected stream, here or in its template"
        for key in ADDRESS_KEYS:
            yield from _unfilled_places(parts, part, key)


def _is_template_unread(parts: Parts, part: CameraPart) -> bool:
    """Whether what a camera's template would say cannot be told, because it or the site cannot be used."""
    name = parts.template_of(part)
    if name is None:
        return part.site is not None and part.site.head is None
    return parts.templates.get(name) is None


def _unfilled_places(parts: Parts, part: CameraPart, key: str) -> Iterator[Finding]:
    address, given = parts.address_of(part, key), parts.values_of(part)
    for name in addresses.placeholders(address[1]) if address is not None else ():
        if address is not None and name in addresses.PLACEHOLDERS and name not in given:
            yield part.location, f"has no {name}; {written(address[0])} needs it for {{{name}}}"


def _addresses(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Each address where it is written, filled in for the first camera that uses it: one mistake, one finding."""
    used: dict[Location, tuple[str, CameraPart]] = {}
    for part, location, address in parts.addresses():
        used.setdefault(location, (address, part))
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


def _strategies(parts: Parts) -> Iterator[Finding]:
    """One finding for each place where a strategy is written that its cameras' addresses do not bear."""
    blamed: dict[Location, list[CameraPart]] = {}
    for part in parts.cameras:
        if part.camera is not None and parts.stream_of(part) is not None and not _has_fitting_address(parts, part):
            blamed.setdefault(_strategy_location(parts, part), []).append(part)
    for location, cameras in blamed.items():
        strategy = parts.strategy_of(cameras[0])
        yield location, f"is {strategy.value}, but {_listed(cameras)} {_NEEDS[strategy]}"
    for part, location, address in parts.addresses():
        if location[-1] == "snapshot" and address.lower().startswith(NO_STILL_PICTURES) and location not in blamed:
            blamed[location] = [part]
            yield location, f"expected an address that begins with {' or '.join(STILL_PICTURES)} (JPEG pictures)"


_NEEDS = {
    Strategy.SNAPSHOT: "have no http or https address; expected snapshot, or stream with such an address",
    Strategy.WARM: "have an http or https stream, which is asked for single pictures; expected rtsp or rtsps",
}


def _strategy_location(parts: Parts, part: CameraPart) -> Location:
    if part.camera is not None and part.camera.strategy is not None:
        return (*part.location, "strategy")
    return ("templates", parts.template_of(part) or "", "strategy")


def _has_fitting_address(parts: Parts, part: CameraPart) -> bool:
    strategy = parts.strategy_of(part)
    stream, snapshot = parts.stream_of(part), parts.snapshot_of(part)
    if strategy is Strategy.SNAPSHOT:
        return snapshot is not None or (stream is not None and not stream[1].lower().startswith(NO_STILL_PICTURES))
    return strategy is not Strategy.WARM or stream is None or not stream[1].lower().startswith(STILL_PICTURES)


def _warm_cameras(parts: Parts) -> Iterator[Finding]:
    warm = [part for part in parts.cameras if parts.strategy_of(part) is Strategy.WARM and part.camera is not None]
    tour = parts.tour
    if tour is None:
        return
    if len(warm) > tour.warm_sessions:
        yield (
            ("tour", "warm_sessions"),
            f"{len(warm)} cameras are to be kept open (strategy warm); "
            f"expected {len(warm)} or more, or fewer such cameras, got {tour.warm_sessions}",
        )
    sessions_of = {name.lower(): host.sessions for name, host in tour.hosts.items()}
    others = _by_host(parts, [part for part in parts.cameras if part.camera is not None and part not in warm])
    for host, cameras in _by_host(parts, warm).items():
        sessions = sessions_of.get(host, tour.sessions_per_host)
        needed = len(cameras) + (host in others)
        if host and needed > sessions:
            message = (
                f"{_listed(cameras)} are to be kept open (strategy warm) on {host}, which bears {sessions} sessions"
            )
            if host in others:
                message += f", and {_listed(others[host])} need one, too"
            message += f"; expected {needed} or more under tour.hosts, or fewer such cameras"
            yield _strategy_location(parts, cameras[sessions - needed]), message


def _by_host(parts: Parts, cameras: list[CameraPart]) -> dict[str, list[CameraPart]]:
    by_host: dict[str, list[CameraPart]] = {}
    for part in cameras:
        by_host.setdefault(_visited_host(parts, part), []).append(part)
    return by_host


def _visited_host(parts: Parts, part: CameraPart) -> str:
    """The host whose sessions its visits use, as domain/hosts.py has it."""
    snapshot = parts.snapshot_of(part) if parts.strategy_of(part) is Strategy.SNAPSHOT else None
    if snapshot is None:
        return _host_name(parts, part)
    return addresses.host_name(addresses.filled(snapshot[1], parts.values_of(part)))


def _host_name(parts: Parts, part: CameraPart) -> str:
    """The host of a camera's stream, without its port; empty where there is none that can be told."""
    stream = parts.stream_of(part)
    filled = addresses.filled(stream[1], parts.values_of(part)) if stream is not None else ""
    return addresses.host_name(filled)


def _schedules(parts: Parts) -> Iterator[Finding]:
    for name, schedule in parts.schedules.items():
        if schedule is None:
            continue
        unknown = list(_unknown_names(parts, ("schedules", name), schedule))
        yield from unknown
        if not (schedule.rings or schedule.sites or schedule.site_kinds or schedule.cameras):
            yield ("schedules", name), "concerns nobody; expected one or more of rings, sites, site_kinds and cameras"
        elif not unknown and _are_all_read(parts) and not _concerned(parts, schedule):
            kinds = sorted({site.head.kind.value for site in parts.sites if site.head is not None})
            hint = f" (sites are of the kind {', '.join(kinds)})" if schedule.site_kinds and kinds else ""
            yield ("schedules", name), f"concerns no camera: there is none in what it names{hint}"


def _routing_service(parts: Parts, environ: Mapping[str, str]) -> Iterator[Finding]:
    service = parts.travel.service if parts.travel is not None else None
    message = _service_problem(service.url, environ) if service is not None else None
    if message is not None:
        yield SERVICE_URL, message


def _service_problem(address: str, environ: Mapping[str, str]) -> str | None:
    if addresses.placeholders(address):
        return "has a {...}; expected the address as it is"
    wording = addresses.wording_problem(address)
    if wording is not None:
        return wording
    full = addresses.expanded(address, environ)
    if addresses.variables(full):
        return None  # told as a missing variable
    if not full.lower().startswith(OVER_HTTP):
        return f"expected an address that begins with {' or '.join(OVER_HTTP)}"
    return addresses.address_problem(full)


def _raised_sites(parts: Parts) -> Iterator[Finding]:
    if parts.levels is None or not _are_all_read(parts):
        return
    sites = _site_names(parts)
    for i, each in enumerate(parts.levels.raises):
        for j, site in enumerate(each.sites):
            yield from _known(("levels", "raise", i, "sites", j), "site", site, sites)


def _never_held(parts: Parts) -> Iterator[Finding]:
    if parts.dispatch is None:
        return
    for kind, by_level in parts.dispatch.confirm.items():
        location: Location = ("dispatch", "confirm", kind.value)
        if kind is Kind.CAMERA_HEALTH:
            yield location, "is maintenance, for which no unit is sent, so nothing waits; expected another kind"
        elif by_level.get(Level.RED) is not None:
            yield (*location, Level.RED.value), "makes red wait, which goes to a unit at once; expected at_once"
        for level, waiting in by_level.items():
            if waiting is not None and waiting.then is Then.CLOSE and level in parts.dispatch.second_person:
                message = f"closes what takes two people (dispatch.second_person has {level}); expected send"
                yield (*location, level.value, "then"), message


def _site_names(parts: Parts) -> dict[str, None]:
    heads = [site.head for site in parts.sites if site.head is not None]
    return dict.fromkeys(name for head in heads for name in (head.name, head.name_en) if name is not None)


def _unknown_names(parts: Parts, location: Location, schedule: ScheduleModel) -> Iterator[Finding]:
    if not _are_all_read(parts):
        return  # what it names may be what cannot be used
    sites = _site_names(parts)
    cameras = dict.fromkeys(part.camera.id for part in parts.cameras if part.camera is not None)
    for index, site in enumerate(schedule.sites):
        yield from _known((*location, "sites", index), "site", site, sites)
    for index, camera in enumerate(schedule.cameras):
        yield from _known((*location, "cameras", index), "camera", camera, cameras)


def _are_all_read(parts: Parts) -> bool:
    return all(site.head is not None for site in parts.sites) and all(part.camera is not None for part in parts.cameras)


def _concerned(parts: Parts, schedule: ScheduleModel) -> list[CameraPart]:
    return [part for part in parts.cameras if parts.is_concerned(part, schedule)]


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
    for part, _, address in parts.addresses():
        if address.partition(":")[0] not in ("file", "synthetic"):
            cameras = by_address.setdefault(addresses.filled(address, parts.values_of(part)), [])
            if part not in cameras[-1:]:  # one address for both its stream and its still pictures
                cameras.append(part)
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


def _densities_without_ground(parts: Parts) -> Iterator[Finding]:
    for name, rule in parts.rules.items():
        if not isinstance(rule, CrowdModel) or rule.per_m2 is None:
            continue
        watching = [part for part in parts.cameras if any(name in zone.rules for zone in parts.zones_of(part))]
        uncalibrated = [part for part in watching if parts.ground_of(part) is None]
        if uncalibrated:
            message = f"{_listed(uncalibrated)} have no ground, so how dense a crowd is cannot be told there"
            yield ("rules", name), f"{message}: its number alone decides (patrol calibrate helps)"


def _rings_without_units(parts: Parts) -> Iterator[Finding]:
    for name in RingName:
        if not any(unit is None or name in unit.rings for unit in parts.units):
            yield ("units",), f"no unit may be sent to the {name} ring"


def _walkers_at_speed(parts: Parts) -> Iterator[Finding]:
    for index, unit in enumerate(parts.units):
        if unit is not None and unit.mode is TravelMode.FOOT and unit.speed_m_s > FASTEST_ON_FOOT_M_S:
            message = f"is foot, at {unit.speed_m_s:g} m/s: is it a scooter, or a car?"
            yield ("units", index, "mode"), message


def _hours_without_units(parts: Parts) -> Iterator[Finding]:
    """The first hour of the week at which nobody of a ring is on duty; where a unit has no shift there is none."""
    if any(unit is None for unit in parts.units):
        return
    for name in RingName:
        crews = [unit for unit in parts.units if unit is not None and name in unit.rings]
        begins = _first_without(crews)
        if begins is not None:
            when = f"on {begins:%A} at {begins:%H:%M}"
            yield ("units",), f"nobody who may be sent to the {name} ring is on duty {when}, by their shifts"


def _first_without(crews: list[UnitModel]) -> datetime | None:
    if not crews or any(not crew.shift for crew in crews):
        return None
    windows = [window.window() for crew in crews for window in crew.shift]
    # Who is on duty changes at no other times; on certain days there may be more than in every week.
    times = sorted({time(0)} | {edge for window in windows for edge in (window.begins, window.ends)})
    moments = (datetime.combine(MONDAY + timedelta(days=day), at) for day in range(7) for at in times)
    return next((at for at in moments if not any(window.holds(at) for window in windows)), None)


def _hidden_zones(parts: Parts) -> Iterator[Finding]:
    hidden: dict[str, tuple[Location, list[CameraPart]]] = {}
    for part in parts.cameras:
        masks = parts.masks_of(part)
        if not masks:
            continue
        black = shapely.union_all([shapely.Polygon(mask.polygon) for mask in masks]).buffer(ROUNDING)
        for zone in parts.zones_of(part):
            shape = shapely.Polygon(zone.polygon) if zone.polygon is not None else shapely.LineString(zone.line)
            if black.covers(shape):
                hidden.setdefault(zone.id, (_masks_location(part), []))[1].append(part)
    for zone_id, (location, cameras) in hidden.items():
        yield location, f"cover the whole zone '{zone_id}' of {_listed(cameras)}: it never raises an alert"


def _masks_location(part: CameraPart) -> Location:
    own = part.camera is not None and part.camera.masks is not None
    return (*part.location, "masks") if own else part.location


def _short_bounds(parts: Parts) -> Iterator[Finding]:
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


def _loose_schedules(parts: Parts) -> Iterator[Finding]:
    for name, schedule in parts.schedules.items():
        if schedule is None:
            continue
        core = [part for part in _concerned(parts, schedule) if parts.ring_of(part) is RingName.CORE]
        looser = [part for part in core if (parts.usual_bound_of(part) or 0.0) < schedule.revisit_bound_s]
        if looser:
            message = f"is {schedule.revisit_bound_s:g} s, which is longer than usual for {_listed(looser)} of the core"
            yield ("schedules", name, "revisit_bound_s"), message


def _unknown_hosts(parts: Parts) -> Iterator[Finding]:
    """A host that no camera is on; not told where a host comes from the environment."""
    names = {_host_name(parts, part) for part in parts.cameras}
    from_environment = any("$" in name for name in names) or any(a.startswith("${") for _, _, a in parts.addresses())
    if parts.tour is None or from_environment:
        return
    for host in parts.tour.hosts:
        if host.lower() not in names:
            near = did_you_mean(host.lower(), sorted(names - {""}))
            hint = near if "did you mean" in near else ""
            yield ("tour", "hosts", host), f"no camera is on this host{hint}"


def _hasty_merging(parts: Parts) -> Iterator[Finding]:
    bounds = {name: ring.revisit_bound_s for name, ring in parts.rings.items() if ring is not None}
    if parts.merging is None or not parts.merging.enabled or not bounds:
        return
    slowest = max(bounds, key=bounds.__getitem__)
    for family, close in parts.merging.families.items():
        if close.within_s is not None and close.within_s < bounds[slowest] and family not in parts.merging.never:
            message = (
                f"is {close.within_s:g} s, and cameras of the {slowest} ring are seen every {bounds[slowest]:g} s: two"
                " of them may tell of one thing farther apart"
            )
            yield ("merging", "families", family.value, "within_s"), message


def _room_never_told(parts: Parts) -> Iterator[Finding]:
    for level, steps in _asked_steps(parts):
        if level is Level.RED and all(timed.step is not EscalationStep.ROOM for timed in steps):
            message = f"never reaches the whole room; expected a step {EscalationStep.ROOM}, red being what it is"
            yield ("dispatch", "escalation", level.value), message


def _late_confirmations(parts: Parts) -> Iterator[Finding]:
    targets = {
        name: ring.response_target_s
        for name, ring in parts.rings.items()
        if ring is not None and name is not RingName.CORE  # nothing is held there
    }
    if parts.dispatch is None or not targets:
        return
    soonest = min(targets, key=targets.__getitem__)
    for kind, by_level in parts.dispatch.confirm.items():
        for level, waiting in by_level.items():
            if waiting is not None and waiting.then is Then.SEND and waiting.within_s >= targets[soonest]:
                message = (
                    f"is {waiting.within_s:g} s, and in the {soonest} ring a unit is to be on scene within"
                    f" {targets[soonest]:g} s: where nobody confirms, it is late before it is sent"
                )
                yield ("dispatch", "confirm", kind.value, level.value, "within_s"), message


def _never_held_in_the_core(parts: Parts) -> Iterator[Finding]:
    """What would wait, if it could be seen anywhere but in the core."""
    for kind, by_level in parts.dispatch.confirm.items() if parts.dispatch is not None else ():
        rules = {name for name, rule in parts.rules.items() if rule is not None and rule.kind == kind.value}
        rings = {
            parts.ring_of(part)
            for part in parts.cameras
            if any(not rules.isdisjoint(zone.rules) for zone in parts.zones_of(part))
        }
        if rings == {RingName.CORE} and any(waiting is not None for waiting in by_level.values()):
            message = "only cameras in the core look for it, and there a unit goes at once: nothing waits"
            yield ("dispatch", "confirm", kind.value), message


def _listed(cameras: list[CameraPart]) -> str:
    """``C-001, C-002 and 474 more``."""
    names = [part.camera.id for part in cameras if part.camera is not None]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
