"""The parts of a file that can be used, although others cannot: so that one mistake does not hide the next.

A camera, site, template, rule, ring or unit in which a value is wrong is not used as a whole: what can only be told of
a sound one (such as an id that is taken) is told once it is sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from patrol.config.camera_models import CameraModel, GroundModel, MaskModel, SiteHead, TemplateModel, ZoneModel
from patrol.config.dispatch_models import DispatchModel, TravelModel, UnitModel
from patrol.config.document import Location
from patrol.config.incident_models import LevelsModel, MergingModel
from patrol.config.map_models import MapModel
from patrol.config.models import RingModel, StationModel
from patrol.config.rule_models import RULE_MODELS, RuleModel
from patrol.config.tour_models import DetectorModel, ScheduleModel, TourModel
from patrol.domain.camera import RingName, Strategy

Part = TypeVar("Part", bound=BaseModel)

ADDRESS_KEYS = ("stream", "snapshot")


@dataclass(frozen=True, slots=True)
class SitePart:
    """A site at its place in the file; ``head`` is None where it cannot be used."""

    location: Location
    head: SiteHead | None


@dataclass(frozen=True, slots=True)
class CameraPart:
    """A camera at its place in the file, with the site around it."""

    location: Location
    camera: CameraModel | None
    site: SitePart | None


@dataclass(frozen=True, slots=True)
class Parts:
    """What could be read. None stands for something that is there and cannot be used: its problem is told already."""

    station: StationModel | None
    rings: dict[RingName, RingModel | None]
    rules: dict[str, RuleModel | None]
    templates: dict[str, TemplateModel | None]
    sites: tuple[SitePart, ...]
    cameras: tuple[CameraPart, ...]
    units: tuple[UnitModel | None, ...]
    schedules: dict[str, ScheduleModel | None]
    tour: TourModel | None
    detector: DetectorModel | None
    merging: MergingModel | None
    levels: LevelsModel | None
    dispatch: DispatchModel | None
    travel: TravelModel | None
    map: MapModel | None

    def template_of(self, part: CameraPart) -> str | None:
        """The name of the template a camera uses, known or not."""
        if part.camera is not None and part.camera.use is not None:
            return part.camera.use
        return part.site.head.use if part.site is not None and part.site.head is not None else None

    def ring_of(self, part: CameraPart) -> RingName | None:
        """The ring a camera is in."""
        if part.camera is not None and part.camera.ring is not None:
            return part.camera.ring
        return part.site.head.ring if part.site is not None and part.site.head is not None else None

    def stream_of(self, part: CameraPart) -> tuple[Location, str] | None:
        """A camera's address as it is written, and where it is written."""
        return self.address_of(part, "stream")

    def snapshot_of(self, part: CameraPart) -> tuple[Location, str] | None:
        """The address of its still pictures, likewise."""
        return self.address_of(part, "snapshot")

    def address_of(self, part: CameraPart, key: str) -> tuple[Location, str] | None:
        """One of ``ADDRESS_KEYS`` of a camera as it is written, and where it is written."""
        own: str | None = getattr(part.camera, key, None)
        if own is not None:
            return (*part.location, key), own
        name = self.template_of(part)
        lent: str | None = getattr(self.templates.get(name), key, None) if name is not None else None
        return (("templates", name, key), lent) if name is not None and lent is not None else None

    def addresses(self) -> Iterator[tuple[CameraPart, Location, str]]:
        """Every camera with each of its addresses, and where that is written."""
        for part in self.cameras:
            for key in ADDRESS_KEYS:
                found = self.address_of(part, key)
                if found is not None:
                    yield part, *found

    def values_of(self, part: CameraPart) -> dict[str, str]:
        """What a camera has to put into the places held by ``{...}`` in an address."""
        if part.camera is None:
            return {}
        values = {"id": part.camera.id, "host": part.camera.host, "channel": part.camera.channel}
        return {name: str(value) for name, value in values.items() if value is not None}

    def zones_of(self, part: CameraPart) -> list[ZoneModel]:
        """The zones in a camera's picture: its own, else its template's."""
        if part.camera is not None and part.camera.zones is not None:
            return part.camera.zones
        template = self.templates.get(self.template_of(part) or "")
        return (template.zones or []) if template is not None else []

    def ground_of(self, part: CameraPart) -> GroundModel | None:
        """The ground plane a camera sees, where it is calibrated. Its own alone: no two cameras see it alike."""
        return part.camera.ground if part.camera is not None else None

    def masks_of(self, part: CameraPart) -> list[MaskModel]:
        """What is blackened in a camera's picture: its own masks, else its template's."""
        if part.camera is not None and part.camera.masks is not None:
            return part.camera.masks
        template = self.templates.get(self.template_of(part) or "")
        return (template.masks or []) if template is not None else []

    def shares_its_view(self, part: CameraPart) -> bool:
        """Whether other cameras show the same as this one."""
        if part.camera is not None and part.camera.shared_view is not None:
            return part.camera.shared_view
        template = self.templates.get(self.template_of(part) or "")
        return template is not None and template.shared_view is True

    def looks_finely(self, part: CameraPart) -> bool:
        """Whether every visit of a camera looks twice as finely."""
        if part.camera is not None and part.camera.fine is not None:
            return part.camera.fine
        template = self.templates.get(self.template_of(part) or "")
        return template is not None and template.fine is True

    def strategy_of(self, part: CameraPart) -> Strategy:
        """How a camera is looked at."""
        template = self.templates.get(self.template_of(part) or "")
        own = part.camera.strategy if part.camera is not None else None
        return own or (template.strategy if template is not None else None) or Strategy.AUTO

    def usual_bound_of(self, part: CameraPart) -> float | None:
        """A camera's revisit bound at times that no schedule names, seconds; None where it cannot be told."""
        template = self.templates.get(self.template_of(part) or "")
        own = part.camera.revisit_bound_s if part.camera is not None else None
        name = self.ring_of(part)
        ring = self.rings[name] if name is not None else None
        lent = template.revisit_bound_s if template is not None else None
        return own or lent or (ring.revisit_bound_s if ring is not None else None)

    def is_concerned(self, part: CameraPart, schedule: ScheduleModel) -> bool:
        """Whether a schedule is meant for a camera."""
        if part.camera is None:
            return False
        site = part.site.head if part.site is not None else None
        of_site = site is not None and (
            site.kind in schedule.site_kinds or not {site.name, site.name_en}.isdisjoint(schedule.sites)
        )
        return of_site or self.ring_of(part) in schedule.rings or part.camera.id in schedule.cameras

    def zone_lists(self) -> Iterator[tuple[Location, list[ZoneModel]]]:
        """Every list of zones as it stands in the file."""
        for name, template in self.templates.items():
            if template is not None and template.zones is not None:
                yield ("templates", name, "zones"), template.zones
        for part in self.cameras:
            if part.camera is not None and part.camera.zones is not None:
                yield (*part.location, "zones"), part.camera.zones


def parts_of(data: object) -> Parts:
    """Reads every part of a file by itself."""
    sites = [
        (SitePart(("sites", index), _part(SiteHead, {k: v for k, v in _mapping(raw).items() if k != "cameras"})), raw)
        for index, raw in enumerate(_list(data, "sites"))
    ]
    in_sites = [
        CameraPart((*site.location, "cameras", index), _part(CameraModel, raw_camera), site)
        for site, raw in sites
        for index, raw_camera in enumerate(_list(raw, "cameras"))
    ]
    alone = [
        CameraPart(("cameras", index), _part(CameraModel, raw), None)
        for index, raw in enumerate(_list(data, "cameras"))
    ]
    return Parts(
        station=_part(StationModel, _mapping(data).get("station")),
        rings={name: _part(RingModel, _at(data, "rings").get(name)) for name in RingName},
        rules={name: _rule(raw) for name, raw in _at(data, "rules").items()},
        templates={name: _part(TemplateModel, raw) for name, raw in _at(data, "templates").items()},
        sites=tuple(site for site, _ in sites),
        cameras=tuple(in_sites + alone),
        units=tuple(_part(UnitModel, raw) for raw in _list(data, "units")),
        schedules={name: _part(ScheduleModel, raw) for name, raw in _at(data, "schedules").items()},
        tour=_part(TourModel, _at(data, "tour")),
        detector=_part(DetectorModel, _at(data, "detector")),
        merging=_part(MergingModel, _at(data, "merging")),
        levels=_part(LevelsModel, _at(data, "levels")),
        dispatch=_part(DispatchModel, _at(data, "dispatch")),
        travel=_part(TravelModel, _at(data, "travel")),
        map=_part(MapModel, _at(data, "map")),
    )


def _part(model: type[Part], raw: object) -> Part | None:
    try:
        return model.model_validate(raw)
    except ValidationError:  # its problems come from reading the file as a whole
        return None


def _rule(raw: object) -> RuleModel | None:
    model = RULE_MODELS.get(str(_mapping(raw).get("kind")))
    return _part(model, raw) if model is not None else None


def _mapping(raw: object) -> dict[str, object]:
    return raw if isinstance(raw, dict) else {}


def _at(raw: object, key: str) -> dict[str, object]:
    return _mapping(_mapping(raw).get(key))


def _list(raw: object, key: str) -> list[object]:
    found = _mapping(raw).get(key)
    return found if isinstance(found, list) else []
