"""From a file without problems to domain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from patrol.config import addresses
from patrol.config.camera_models import SiteModel, ZoneModel
from patrol.config.dispatch_models import DispatchModel, TimedStepModel, TravelModel, UnitModel
from patrol.config.document import Location
from patrol.config.incident_models import MergingModel, RaiseModel
from patrol.config.map_models import MapModel
from patrol.config.models import GB, FileModel, RingModel, StorageModel, WebModel
from patrol.config.parts import CameraPart, Parts
from patrol.config.rule_models import RuleModel
from patrol.config.settings import Configuration, DetectorSettings, Site, WebSettings
from patrol.config.tour_models import DetectorModel, ScheduleModel
from patrol.domain.board import Crews, Sending
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName, StreamAddress
from patrol.domain.closeness import NEVER, USUAL, Closeness, KindFamily, MergePolicy
from patrol.domain.confirmation import ConfirmPolicy, Waiting
from patrol.domain.errors import ConfigProblem
from patrol.domain.escalating import FollowUpPolicy, TimedStep
from patrol.domain.events import Level
from patrol.domain.fixes import FixSettings
from patrol.domain.lateness import LateAfter
from patrol.domain.levels import LevelPolicy, Raise
from patrol.domain.live import LiveSettings
from patrol.domain.map_settings import BaseFile, MapSettings, TileFile, TileService
from patrol.domain.retention import EvidenceClass, Retention
from patrol.domain.rules import Rule
from patrol.domain.schedules import ScheduledBound
from patrol.domain.storage import FreeFloor
from patrol.domain.travel_settings import ServiceSettings, TravelSettings
from patrol.domain.units import Shift, Unit, UnitId, usual_mode
from patrol.domain.visits import TourSettings
from patrol.domain.wants import Needs, Policy
from patrol.domain.zones import Line, Polygon, RuleId, Zone, ZoneId

USUAL_VIEW_DEG = 90.0


def build(
    file: FileModel, parts: Parts, environ: Mapping[str, str], warnings: tuple[ConfigProblem, ...], folder: Path
) -> Configuration:
    """The domain values of a file in which no check found a problem; ``parts`` are those of the same file.

    ``folder``: where the file lies; other files that it names are looked for from there.
    """
    rings = {name: _ring(name, getattr(file.rings, name.value)) for name in RingName}
    timezone = ZoneInfo(file.station.timezone)
    templates = {part.camera.id: parts.template_of(part) for part in parts.cameras if part.camera is not None}
    return Configuration(
        station=file.station.name,
        station_en=file.station.name_en or file.station.name,
        centre=Place(*file.station.at),
        rings=rings,
        rules={RuleId(name): rule_of(name, rule) for name, rule in file.rules.items()},
        levels=_levels(file),
        cameras=tuple(_camera(part, parts, rings, environ) for part in parts.cameras),
        sites=tuple(_site(site) for site in file.sites),
        template_of={CameraId(camera): name for camera, name in templates.items() if name is not None},
        units=tuple(_unit(unit, timezone) for unit in file.units),
        tour=TourSettings(**file.tour.model_dump(exclude={"hosts"})),
        detector=_detector(file.detector),
        web=_web(file.web, folder),
        live=LiveSettings(**file.live.model_dump()),
        map=_map(file.map, environ, folder),
        retention=_retention(file.storage),
        spool_bytes=round(file.storage.spool_gb * GB),
        free_floor=FreeFloor(file.storage.free_floor_percent / 100, round(file.storage.free_floor_gb * GB)),
        merging=merging_of(file.merging),
        sending=_sending(file),
        follow_up=follow_up_of(file.dispatch).for_rings(rings),
        travel=_travel(file.travel, environ, folder),
        second_person=frozenset(file.dispatch.second_person),
        positions=_positions(file),
        timezone=timezone,
        sessions_of_host={name.lower(): host.sessions for name, host in file.tour.hosts.items()},
        warnings=warnings,
    )


def _ring(name: RingName, ring: RingModel) -> Ring:
    return Ring(name, ring.revisit_bound_s, ring.response_target_s, ring.accept_within_s)


def rule_of(name: str, rule: RuleModel) -> Rule:
    """A rule as it stands in a file, as a decision."""
    return Rule(
        id=RuleId(name),
        name=rule.name,
        name_en=rule.name_en or rule.name,
        condition=rule.condition(),
        for_s=rule.for_s,
        clear_after_s=rule.clear_after_s,
        cool_down_s=rule.cool_down_s,
        hours=tuple(window.window() for window in rule.hours),
    )


def _levels(file: FileModel) -> LevelPolicy:
    names = {name: site.name for site in file.sites for name in (site.name, site.name_en) if name is not None}
    return LevelPolicy(
        file.levels.by_kind, file.levels.otherwise, tuple(_raise(each, names) for each in file.levels.raises)
    )


def _raise(each: RaiseModel, sites: Mapping[str, str]) -> Raise:
    return Raise(
        name=each.name,
        name_en=each.name_en or each.name,
        by=each.by or 0,
        to=each.to,
        kinds=frozenset(each.kinds),
        rings=frozenset(each.rings),
        sites=frozenset(sites[name] for name in each.sites),
        count=each.count or 0,
        rising=each.rising,
        hours=tuple(window.window() for window in each.hours),
    )


def _confirm(dispatch: DispatchModel) -> ConfirmPolicy:
    by_kind = {
        kind: {level: Waiting(one.within_s, one.then) for level, one in by_level.items() if one is not None}
        for kind, by_level in dispatch.confirm.items()
    }
    return ConfirmPolicy(by_kind, two_people=frozenset(dispatch.second_person))


def _camera(part: CameraPart, parts: Parts, rings: Mapping[RingName, Ring], environ: Mapping[str, str]) -> Camera:
    camera, ring = part.camera, parts.ring_of(part)
    stream = _address(parts.stream_of(part), part, parts, environ)
    if camera is None or ring is None or stream is None:
        raise AssertionError(f"{part.location}: the checks let a camera pass that is not whole")
    template = parts.templates.get(parts.template_of(part) or "")
    site = part.site.head if part.site is not None else None
    view = camera.view_deg or (template.view_deg if template is not None else None)
    return Camera(
        id=CameraId(camera.id),
        name=site.name + camera.name if site is not None else camera.name,
        name_en=" ".join(
            [*([site.name_en or site.name] if site is not None else []), camera.name_en or camera.name],
        ),
        site=site.name if site is not None else camera.name,
        ring=ring,
        revisit_bound_s=parts.usual_bound_of(part) or rings[ring].revisit_bound_s,
        place=Place(*camera.at),
        heading_deg=camera.heading_deg % 360,
        view_deg=view or USUAL_VIEW_DEG,
        stream=stream,
        zones=tuple(zone_of(zone) for zone in parts.zones_of(part)),
        simulated=stream.scheme == "synthetic",
        strategy=parts.strategy_of(part),
        snapshot=_address(parts.snapshot_of(part), part, parts, environ),
        ground=ground.plane() if (ground := parts.ground_of(part)) is not None else None,
        masks=tuple(_polygon(mask.polygon) for mask in parts.masks_of(part)),
        bounds=tuple(_bounds(part, parts)),
        shared_view=parts.shares_its_view(part),
        fine=parts.looks_finely(part),
        site_en=(site.name_en or "") if site is not None else camera.name_en or "",
        group=camera.group or (site.group if site is not None else None) or "",
    )


def _address(
    written: tuple[Location, str] | None, part: CameraPart, parts: Parts, environ: Mapping[str, str]
) -> StreamAddress | None:
    if written is None:
        return None
    return StreamAddress(addresses.expanded(addresses.filled(written[1], parts.values_of(part)), environ))


def _bounds(part: CameraPart, parts: Parts) -> Iterable[ScheduledBound]:
    for schedule in parts.schedules.values():
        if schedule is not None and parts.is_concerned(part, schedule):
            yield _scheduled_bound(schedule)


def _scheduled_bound(schedule: ScheduleModel) -> ScheduledBound:
    return ScheduledBound(
        name=schedule.name,
        name_en=schedule.name_en or schedule.name,
        windows=tuple(window.window() for window in schedule.windows),
        revisit_bound_s=schedule.revisit_bound_s,
    )


def zone_of(zone: ZoneModel) -> Zone:
    """A zone as it stands in a file."""
    return Zone(
        id=ZoneId(zone.id),
        name=zone.name,
        name_en=zone.name_en or zone.name,
        polygon=_polygon(zone.polygon or []),
        rules=tuple(RuleId(rule) for rule in zone.rules),
        line=_line(zone.line) if zone.line is not None else None,
        direction_deg=zone.direction,
    )


def _polygon(points: list[list[float]]) -> Polygon:
    return tuple((x, y) for x, y in points)


def _line(points: list[list[float]]) -> Line:
    (x1, y1), (x2, y2) = points
    return (x1, y1), (x2, y2)


def _site(site: SiteModel) -> Site:
    cameras = tuple(CameraId(camera.id) for camera in site.cameras)
    return Site(site.name, site.name_en or site.name, site.kind, cameras)


def _unit(unit: UnitModel, timezone: ZoneInfo) -> Unit:
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
        crew=unit.crew,
        shift=Shift(tuple(window.window() for window in unit.shift), timezone) if unit.shift else None,
        capabilities=frozenset(unit.capabilities),
        mode=unit.mode or usual_mode(unit.kind),
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
        look_every=detector.look_every,
        density_model=None if detector.density_model == "none" else detector.density_model,
    )


def _retention(storage: StorageModel) -> Retention:
    return Retention(
        quota_bytes=round(storage.evidence_quota_gb * GB),
        keep={each: timedelta(days=getattr(storage.keep_days, each.value)) for each in EvidenceClass},
    )


def merging_of(merging: MergingModel) -> MergePolicy:
    """When what several cameras see is one incident."""
    if not merging.enabled:
        return NEVER
    return MergePolicy({family: _close(family, merging) for family in KindFamily if family not in merging.never})


def _close(family: KindFamily, merging: MergingModel) -> Closeness:
    asked = merging.families.get(family)
    if asked is None:
        return USUAL[family]
    usual = USUAL[family]
    within_m = usual.within_m if asked.within_m is None else asked.within_m
    same_site_m = usual.same_site_m if asked.same_site_m is None else asked.same_site_m
    within_s = usual.within_s if asked.within_s is None else asked.within_s
    return Closeness(within_m, max(within_m, same_site_m), within_s)


def _sending(file: FileModel) -> Sending:
    dispatch = file.dispatch
    preempts = {level: frozenset(levels) for level, levels in dispatch.preempts.items()}
    return Sending(
        crews=Crews(dispatch.crews),
        policy=Policy(preempts, dispatch.reserve, dispatch.drone_gain_s, dispatch.answer_s),
        confirm=_confirm(dispatch),
        positions=_positions(file),
        unanswered_after_s=dispatch.unanswered_after_s,
        needs={kind: Needs(frozenset(one.capabilities), one.crew_at_least) for kind, one in dispatch.needs.items()},
    )


def _positions(file: FileModel) -> FixSettings:
    return FixSettings(**file.positions.model_dump())


def follow_up_of(dispatch: DispatchModel) -> FollowUpPolicy:
    """When what is late, and who is told; what is left out is as usual. Rings say how soon an order is accepted."""
    usual, late = FollowUpPolicy(), LateAfter()
    return FollowUpPolicy(
        late_after=LateAfter(
            handled_s={**late.handled_s, **dispatch.handled_within_s},
            feedback_s={**late.feedback_s, **dispatch.feedback_within_s},
            second_person_s=dispatch.second_person_within_s,
        ),
        steps={level: _steps(level, dispatch, usual) for level in Level},
        on_shortfall=dispatch.on_shortfall,
        remind_every_s={**usual.remind_every_s, **dispatch.remind_every_s},
        reminders=dispatch.reminders,
    )


def _steps(level: Level, dispatch: DispatchModel, usual: FollowUpPolicy) -> tuple[TimedStep, ...]:
    asked: list[TimedStepModel] | None = getattr(dispatch.escalation, level.value)
    if asked is None:
        return usual.steps[level]
    return tuple(TimedStep(timed.after_s, timed.step) for timed in asked)


def _web(web: WebModel, folder: Path) -> WebSettings:
    return WebSettings(
        host=web.host,
        port=web.port,
        hosts=tuple(name.lower() for name in web.hosts),
        certificate=folder / web.certificate if web.certificate is not None else None,
        key=folder / web.key if web.key is not None else None,
        plain_http=web.plain_http,
    )


def _travel(travel: TravelModel, environ: Mapping[str, str], folder: Path) -> TravelSettings:
    service = travel.service
    return TravelSettings(
        graph=folder / travel.graph if travel.graph is not None else None,
        service=ServiceSettings(
            kind=service.kind,
            address=StreamAddress(addresses.expanded(service.url, environ)),
            within_s=service.within_s,
            modes=frozenset(service.modes),
        )
        if service is not None
        else None,
        detour=travel.detour,
    )


def _map(asked: MapModel, environ: Mapping[str, str], folder: Path) -> MapSettings:
    tiles, pmtiles = asked.tiles, asked.pmtiles
    return MapSettings(
        base=tuple(
            BaseFile(folder / each.file, each.kind, each.datum, f"map.base[{index}].file")
            for index, each in enumerate(asked.base)
        ),
        tiles=TileService(
            address=StreamAddress(addresses.expanded(tiles.url, environ)),
            attribution=tiles.attribution,
            max_zoom=tiles.max_zoom,
            datum=tiles.datum,
        )
        if tiles is not None
        else None,
        pmtiles=TileFile(folder / pmtiles.file, pmtiles.attribution, pmtiles.datum) if pmtiles is not None else None,
    )
