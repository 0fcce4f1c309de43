"""From a file without problems to domain values."""

from __future__ import annotations

from collections.abc import Mapping

from patrol.config import addresses
from patrol.config.models import DetectorModel, FileModel, RingModel, RuleModel, SiteModel, UnitModel, ZoneModel
from patrol.config.parts import CameraPart, Parts
from patrol.config.settings import Configuration, DetectorSettings, Site, WebSettings
from patrol.domain.alerts import LevelPolicy
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName, StreamAddress
from patrol.domain.errors import ConfigProblem
from patrol.domain.events import Kind
from patrol.domain.rules import Rule
from patrol.domain.tour import TourSettings
from patrol.domain.units import Unit, UnitId
from patrol.domain.zones import RuleId, Zone, ZoneId

USUAL_VIEW_DEG = 90.0


def build(
    file: FileModel, parts: Parts, environ: Mapping[str, str], warnings: tuple[ConfigProblem, ...]
) -> Configuration:
    """The domain values of a file in which no check found a problem; ``parts`` are those of the same file."""
    rings = {name: _ring(name, getattr(file.rings, name.value)) for name in RingName}
    templates = {part.camera.id: parts.template_of(part) for part in parts.cameras if part.camera is not None}
    return Configuration(
        station=file.station.name,
        station_en=file.station.name_en or file.station.name,
        centre=Place(*file.station.at),
        rings=rings,
        rules={RuleId(name): _rule(name, rule) for name, rule in file.rules.items()},
        levels=LevelPolicy(file.levels.by_kind, file.levels.otherwise),
        cameras=tuple(_camera(part, parts, rings, environ) for part in parts.cameras),
        sites=tuple(_site(site) for site in file.sites),
        template_of={CameraId(camera): name for camera, name in templates.items() if name is not None},
        units=tuple(_unit(unit) for unit in file.units),
        tour=TourSettings(**file.tour.model_dump()),
        detector=_detector(file.detector),
        web=WebSettings(host=file.web.host, port=file.web.port),
        warnings=warnings,
    )


def _ring(name: RingName, ring: RingModel) -> Ring:
    return Ring(name, ring.revisit_bound_s, ring.response_target_s, ring.accept_within_s)


def _rule(name: str, rule: RuleModel) -> Rule:
    return Rule(
        id=RuleId(name),
        kind=Kind(rule.kind),
        name=rule.name,
        name_en=rule.name_en or rule.name,
        label=rule.label,
        at_least=rule.at_least,
        min_confidence=rule.min_confidence,
        for_s=rule.for_s,
        clear_after_s=rule.clear_after_s,
        cool_down_s=rule.cool_down_s,
    )


def _camera(part: CameraPart, parts: Parts, rings: Mapping[RingName, Ring], environ: Mapping[str, str]) -> Camera:
    camera, ring, stream = part.camera, parts.ring_of(part), parts.stream_of(part)
    if camera is None or ring is None or stream is None:
        raise AssertionError(f"{part.location}: the checks let a camera pass that is not whole")
    template = parts.templates.get(parts.template_of(part) or "")
    site = part.site.head if part.site is not None else None
    bound = camera.revisit_bound_s or (template.revisit_bound_s if template is not None else None)
    view = camera.view_deg or (template.view_deg if template is not None else None)
    address = StreamAddress(addresses.expanded(addresses.filled(stream[1], parts.values_of(part)), environ))
    return Camera(
        id=CameraId(camera.id),
        name=site.name + camera.name if site is not None else camera.name,
        name_en=" ".join(
            [*([site.name_en or site.name] if site is not None else []), camera.name_en or camera.name],
        ),
        site=site.name if site is not None else camera.name,
        ring=ring,
        revisit_bound_s=bound or rings[ring].revisit_bound_s,
        place=Place(*camera.at),
        heading_deg=camera.heading_deg % 360,
        view_deg=view or USUAL_VIEW_DEG,
        stream=address,
        zones=tuple(_zone(zone) for zone in parts.zones_of(part)),
        simulated=address.scheme == "synthetic",
    )


def _zone(zone: ZoneModel) -> Zone:
    return Zone(
        id=ZoneId(zone.id),
        name=zone.name,
        name_en=zone.name_en or zone.name,
        polygon=tuple((x, y) for x, y in zone.polygon),
        rules=tuple(RuleId(rule) for rule in zone.rules),
    )


def _site(site: SiteModel) -> Site:
    cameras = tuple(CameraId(camera.id) for camera in site.cameras)
    return Site(site.name, site.name_en or site.name, site.kind, cameras)


def _unit(unit: UnitModel) -> Unit:
    return Unit(
        id=UnitId(unit.id),
        name=unit.name,
        name_en=unit.name_en or unit.name,
        kind=unit.kind,
        rings=frozenset(unit.rings),
        home=Place(*unit.home),
        speed_m_s=unit.speed_m_s,
        mobilise_s=unit.mobilise_s,
        simulated=unit.simulated,
    )


def _detector(detector: DetectorModel) -> DetectorSettings:
    width, height = detector.input_px
    return DetectorSettings(
        model=detector.model,
        input_px=(width, height),
        min_confidence=detector.min_confidence,
        precision=detector.precision,
        batch=detector.batch,
        close_after_s=detector.close_after_s,
    )
