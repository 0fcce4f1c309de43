"""What is watched: rules and zones that never raise an alert, or cannot decide as they are meant to."""

from __future__ import annotations

from collections.abc import Iterator

import shapely

from patrol.config.checks.findings import Finding, listed
from patrol.config.document import Location
from patrol.config.parts import CameraPart, Parts
from patrol.config.rule_models import CrowdModel

ROUNDING = 1e-9  # of a polygon whose edge lies on another's


def cameras_without_zones(parts: Parts) -> Iterator[Finding]:
    """Cameras that are looked at for nothing."""
    found = [part for part in parts.cameras if not parts.zones_of(part)]
    if found:
        yield found[0].location, f"{listed(found)} have no zone: they are toured and never raise an alert"


def unused_rules(parts: Parts) -> Iterator[Finding]:
    """Rules that no zone of a camera names."""
    watched = {rule for part in parts.cameras for zone in parts.zones_of(part) for rule in zone.rules}
    for name in parts.rules:
        if name not in watched:
            yield ("rules", name), "watches no zone of any camera: it never raises an alert"


def deaf_rules(parts: Parts) -> Iterator[Finding]:
    """Rules that would take what the detector drops."""
    for name, rule in parts.rules.items():
        if rule is not None and parts.detector is not None and rule.min_confidence < parts.detector.min_confidence:
            floor = parts.detector.min_confidence
            message = f"is {rule.min_confidence:g}, but the detector drops everything below {floor:g}"
            yield ("rules", name, "min_confidence"), message


def densities_without_ground(parts: Parts) -> Iterator[Finding]:
    """Crowds per square metre where the ground is not known."""
    for name, rule in parts.rules.items():
        if not isinstance(rule, CrowdModel) or rule.per_m2 is None:
            continue
        watching = [part for part in parts.cameras if any(name in zone.rules for zone in parts.zones_of(part))]
        uncalibrated = [part for part in watching if parts.ground_of(part) is None]
        if uncalibrated:
            message = f"{listed(uncalibrated)} have no ground, so how dense a crowd is cannot be told there"
            yield ("rules", name), f"{message}: its number alone decides (patrol calibrate helps)"


def hidden_zones(parts: Parts) -> Iterator[Finding]:
    """Zones that lie wholly under masks."""
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
        yield location, f"cover the whole zone '{zone_id}' of {listed(cameras)}: it never raises an alert"


def _masks_location(part: CameraPart) -> Location:
    own = part.camera is not None and part.camera.masks is not None
    return (*part.location, "masks") if own else part.location
