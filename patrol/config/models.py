"""The shape of the file, as pydantic sees it. Nothing outside this package touches these models.

Every field's description is the editor's help, and the "expected ..." of an error about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema, model_validator

from patrol.config.map_models import MapModel
from patrol.config.rule_models import RuleModel
from patrol.config.settings import USUAL_SPOOL_BYTES, USUAL_TIMEZONE, DetectorSettings, Precision, SiteKind, WebSettings
from patrol.config.showing import shown
from patrol.config.values import (
    NAME,
    NAME_EN,
    At,
    Direction,
    Edge,
    Host,
    Id,
    Line,
    Name,
    Number,
    PerSecond,
    Point,
    Polygon,
    Seconds,
    SecondsFromZero,
    Share,
    WholeNumber,
    WindowModel,
)
from patrol.domain.board import Sending
from patrol.domain.calibrating import PickedPoint, from_points
from patrol.domain.camera import RingName, Strategy
from patrol.domain.closeness import USUAL as CLOSE
from patrol.domain.closeness import KindFamily
from patrol.domain.confirmation import Then
from patrol.domain.errors import InputError
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Kind, Level
from patrol.domain.fixes import USUAL as POSITIONS
from patrol.domain.ground import GroundPlane
from patrol.domain.incidents import EscalationStep
from patrol.domain.live import LiveSettings
from patrol.domain.retention import EvidenceClass, Retention
from patrol.domain.storage import FreeFloor
from patrol.domain.travel_settings import ON_STREETS, ServiceKind, TravelSettings
from patrol.domain.units import USUAL_CREW, TravelMode, UnitKind
from patrol.domain.visits import TourSettings
from patrol.domain.wants import Needs, Policy

TOUR, DETECTOR, WEB, RETENTION = TourSettings(), DetectorSettings(), WebSettings(), Retention()
FLOOR, TRAVEL, LIVE = FreeFloor(), TravelSettings(), LiveSettings()
FOLLOW_UP = FollowUpPolicy()
CREWS = {Level.RED: 2}
GB = 10**9


_AT = "[latitude, longitude] in degrees, WGS-84"
_RING = "the ring: core, periphery or far"
_USE = "the name of a template"
_GROUP = "with which others it is looked at on the tour wall, in words of your own"
_BOUND = "the longest a camera may go unseen, seconds"
_VIEW = "the horizontal angle of view, degrees"
_STREAM = (
    "an address: rtsp, rtsps, http, https, file or synthetic; ${NAME} is taken from the environment, "
    "{host}, {channel} and {id} from the camera"
)
_POLYGON = "[[x, y], ...] as shares of the picture, 0..1, origin top left"


class StationModel(Edge):
    """The police station whose command room this is."""

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    at: At = Field(description=_AT + ", the centre of the rings")
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default=USUAL_TIMEZONE, description="the time zone in which schedules are meant, as in Asia/Shanghai"
    )


class RingModel(Edge):
    """A ring's promises."""

    revisit_bound_s: Seconds = Field(description=_BOUND)
    response_target_s: Seconds = Field(description="how soon the first unit is on scene, seconds")
    accept_within_s: Seconds = Field(
        description="after how long an order nobody accepted goes to the next unit, seconds"
    )
    out_to_m: Annotated[Number, Field(gt=0)] | None = Field(
        default=None,
        description="how far from the station the ring reaches, metres; cameras beyond it are warned about",
    )


class RingsModel(Edge):
    """The three rings, from the inside out."""

    core: RingModel = Field(description="the inner ring")
    periphery: RingModel = Field(description="the ring around it")
    far: RingModel = Field(description="the outer ring, to the edge of the area")


# What tells whether its number grows.
_KNOWS_WHETHER_IT_RISES = frozenset({Kind.CROWD, Kind.GATHERING})
_LEVEL = "red, yellow, blue or green"


class RaiseModel(Edge):
    """What makes an event more urgent than its kind and ring do: all that it names must hold."""

    name: Name = Field(description=NAME + "; it is told as the reason")
    name_en: Name | None = Field(default=None, description=NAME_EN)
    by: Annotated[WholeNumber, Field(ge=1, le=3)] | None = Field(default=None, description="so many levels up")
    to: Level | None = Field(default=None, description="instead of by: to this level at least, " + _LEVEL)
    kinds: Annotated[list[Kind], Field(max_length=16)] = Field(
        default=[], description="events of these kinds; of all where left out"
    )
    rings: Annotated[list[RingName], Field(max_length=3)] = Field(
        default=[], description="in these rings; in all where left out"
    )
    sites: Annotated[list[Name], Field(max_length=1_000)] = Field(
        default=[], description="at these sites, by name or name_en; everywhere where left out"
    )
    count: Annotated[WholeNumber, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="of so many people, or things, at least"
    )
    rising: Annotated[bool, Strict()] = Field(
        default=False, description="true: only while they become more; crowd and gathering know that"
    )
    hours: Annotated[list[WindowModel], Field(max_length=16)] = Field(
        default=[], description="when, a list of days, dates, begins and ends; always where left out"
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> RaiseModel:
        if (self.by is None) == (self.to is None):
            has = "has neither by nor to" if self.by is None else "has both by and to"
            raise ValueError(f"{has}; expected one of them, as in by: 1 or to: red")
        if self.to is Level.GREEN:
            raise ValueError("raises nothing: green is the least urgent level; expected to: red, yellow or blue")
        if not (self.kinds or self.rings or self.sites or self.count or self.rising or self.hours):
            raise ValueError("raises everything; expected one or more of kinds, rings, sites, count, rising and hours")
        if Kind.CAMERA_HEALTH in self.kinds:
            raise ValueError("names camera_health, which is rated by what is blind; expected other kinds")
        if self.rising and self.kinds and not _KNOWS_WHETHER_IT_RISES.intersection(self.kinds):
            raise ValueError("rising is known of crowd and gathering only; expected one of them among its kinds")
        return self


class LevelsModel(Edge):
    """How urgent an event is, by what it is and where, and what makes it more urgent than that."""

    by_kind: dict[Kind, dict[RingName, Level]] = Field(description="kind: {ring: level}")
    otherwise: Level = Field(description="the level of everything not listed: " + _LEVEL)
    raises: Annotated[list[RaiseModel], Field(max_length=64)] = Field(
        default=[],
        alias="raise",
        description="what makes events more urgent, one after the other; the incident says why",
    )


class ZoneModel(Edge):
    """A polygon, or a line, in the picture that rules watch."""

    id: Id = Field(description="an id")
    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    rules: Annotated[list[Id], Field(min_length=1, max_length=16)] = Field(description="the rules that watch it")
    polygon: Polygon | None = Field(default=None, description=_POLYGON)
    line: Line | None = Field(
        default=None,
        description="[[x, y], [x, y]], instead of a polygon, for rules that watch a line; left and right are those of "
        "somebody who walks from the first point to the second",
    )
    direction: Direction | None = Field(
        default=None,
        description="which way traffic goes in it, in the picture: right, left, up, down, or degrees from 0 (up) over "
        "90 (right); for rules of the kind wrong_way",
    )

    @model_validator(mode="after")
    def _has_one_shape(self) -> ZoneModel:
        if self.polygon is None and self.line is None:
            raise ValueError(f"has no polygon; expected {_POLYGON} (or line: [[x, y], [x, y]])")
        if self.polygon is not None and self.line is not None:
            raise ValueError("has both polygon and line; expected one of them")
        return self


class MaskModel(Edge):
    """A part of the picture that is blackened before anything sees it."""

    name: Name | None = Field(default=None, description="what is hidden, as operators say it")
    name_en: Name | None = Field(default=None, description=NAME_EN)
    polygon: Polygon = Field(description=_POLYGON)


class GroundPointModel(Edge):
    """A point of the ground: where it is in the picture, and where on the ground."""

    at: Point = Field(description="[x, y] as shares of the picture, 0..1, origin top left")
    metres: Point = Field(description="[east, north] in metres, from any place that is the same for all points")


class GroundModel(Edge):
    """The ground plane, by points that were picked in the picture and measured on the ground."""

    points: Annotated[list[GroundPointModel], Field(min_length=4, max_length=64)] = Field(
        description="four points or more, no three of four on one line"
    )
    error: Annotated[Number, Field(ge=0, le=0.5)] = Field(
        default=0.0,
        description="how far off lengths may be all together, as a share of themselves (one standard deviation), "
        "where the points were not measured by hand; patrol calibrate says it",
    )

    @model_validator(mode="after")
    def _is_a_plane(self) -> GroundModel:
        self.plane()
        return self

    def plane(self) -> GroundPlane:
        """As a decision. Raises ValueError where no camera can see the points so."""
        picked = [PickedPoint((p.at[0], p.at[1]), (p.metres[0], p.metres[1])) for p in self.points]
        try:
            plane = from_points(picked).plane
        except InputError as error:
            raise ValueError(str(error)) from None
        return plane.with_more_error(self.error) if self.error else plane


Zones = Annotated[list[ZoneModel], Field(max_length=32)]
Masks = Annotated[list[MaskModel], Field(max_length=32)]


class TemplateModel(Edge):
    """What cameras of one sort have in common. What a camera says itself comes first."""

    stream: str | None = Field(default=None, repr=False, description=_STREAM)
    view_deg: Annotated[Number, Field(gt=0, le=360)] | None = Field(default=None, description=_VIEW)
    revisit_bound_s: Seconds | None = Field(default=None, description=_BOUND)
    zones: Zones | None = Field(default=None, description="the zones in its picture")
    masks: Masks | None = Field(default=None, description="what is blackened in its picture before anything sees it")
    strategy: Strategy | None = Field(
        default=None, description="how it is looked at: auto, cold, warm or snapshot; auto where left out"
    )
    snapshot: str | None = Field(
        default=None, repr=False, description="an http or https address of still pictures (JPEG), written as stream is"
    )
    shared_view: Annotated[bool, Strict()] | None = Field(
        default=None, description="true: other cameras show the same view, so that theirs is not taken for a mix-up"
    )
    fine: Annotated[bool, Strict()] | None = Field(
        default=None,
        description="true: every visit looks twice as finely, for small people far away; costs as much as four others",
    )


class CameraModel(TemplateModel):
    """One camera."""

    ground: GroundModel | None = Field(
        default=None, description="points of the ground and where they are, so that distances and speeds are in metres"
    )
    id: Id = Field(description="an id")
    name: Name = Field(description=NAME + "; in a site, what comes after the site's name")
    name_en: Name | None = Field(default=None, description=NAME_EN)
    at: At = Field(description=_AT)
    heading_deg: Annotated[Number, Field(ge=0, le=360)] = Field(
        description="where it looks, degrees from north, 0..360"
    )
    ring: RingName | None = Field(default=None, description=_RING + "; the site's where left out")
    use: Id | None = Field(default=None, description=_USE + "; the site's where left out")
    group: Name | None = Field(default=None, description=_GROUP + "; the site's where left out")
    host: Host | None = Field(default=None, description="a host name or IP address, which takes the place of {host}")
    channel: Annotated[WholeNumber, Field(ge=0, le=65_535)] | None = Field(
        default=None, description="a number, which takes the place of {channel}"
    )


class SiteHead(Edge):
    """A place, without its cameras."""

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    kind: SiteKind = Field(description="one of " + ", ".join(SiteKind))
    ring: RingName | None = Field(default=None, description=_RING)
    use: Id | None = Field(default=None, description=_USE)
    group: Name | None = Field(default=None, description=_GROUP)


class SiteModel(SiteHead):
    """A place and its cameras, which share its name, ring and template."""

    cameras: Annotated[list[CameraModel], Field(min_length=1, max_length=10_000)] = Field(description="its cameras")


class UnitModel(Edge):
    """Who can be sent."""

    id: Id = Field(description="an id")
    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    kind: UnitKind = Field(description="one of " + ", ".join(UnitKind))
    rings: Annotated[list[RingName], Field(min_length=1, max_length=3)] = Field(description="where it may be sent")
    home: At = Field(description=_AT + ", where it stands when nothing is known of it")
    speed_m_s: Annotated[Number, Field(gt=0, le=100)] = Field(description="metres per second, along the way")
    mobilise_s: SecondsFromZero = Field(description="from accepting to moving, seconds")
    simulated: Annotated[bool, Strict()] = Field(default=False, description="true: it is not a real crew")
    crew: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(default=USUAL_CREW, description="how many officers")
    shift: Annotated[list[WindowModel], Field(max_length=16)] = Field(
        default=[], description="when it is on duty, in the station's own time; always where left out"
    )
    capabilities: Annotated[list[Id], Field(max_length=32)] = Field(
        default=[], description="what it can do, in words of your own, as in [first_aid, armed]"
    )
    mode: TravelMode | None = Field(
        default=None,
        description="how it travels: foot, scooter, car or drone; foot where left out, drone for a drone_group",
    )


class ScheduleModel(Edge):
    """Hours in which cameras must be seen sooner, or may be seen later, than at other times."""

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    revisit_bound_s: Seconds = Field(description=_BOUND + ", in these hours")
    windows: Annotated[list[WindowModel], Field(min_length=1, max_length=16)] = Field(description="when")
    rings: Annotated[list[RingName], Field(max_length=3)] = Field(default=[], description="the cameras of these rings")
    sites: Annotated[list[Name], Field(max_length=1_000)] = Field(
        default=[], description="the cameras of these sites, by name or name_en"
    )
    site_kinds: Annotated[list[SiteKind], Field(max_length=16)] = Field(
        default=[], description="the cameras of all sites of these kinds"
    )
    cameras: Annotated[list[Id], Field(max_length=10_000)] = Field(default=[], description="these cameras, by id")


class HostModel(Edge):
    """What one host bears."""

    sessions: Annotated[WholeNumber, Field(ge=1, le=512)] = Field(description="sessions at once on this host")


class TourModel(Edge):
    """How the tour works."""

    workers: Annotated[WholeNumber, Field(ge=1, le=4096)] = Field(
        default=TOUR.workers, description="visits of cameras that are due, at the same time"
    )
    visit_deadline_s: Seconds = Field(
        default=TOUR.visit_deadline_s,
        description="what every visit is given; a camera that answers within it is seen within its bound; seconds",
    )
    longest_visit_s: Seconds = Field(
        default=TOUR.longest_visit_s, description="what a visit of a camera that was slow lately is given, seconds"
    )
    lead_s: SecondsFromZero = Field(
        default=TOUR.lead_s,
        description="added to the time before its bound at which a camera becomes due, for a busy machine, seconds",
    )
    sessions_per_host: Annotated[WholeNumber, Field(ge=1, le=512)] = Field(
        default=TOUR.sessions_per_host, description="sessions at once on one host, such as a recorder"
    )
    hosts: Annotated[dict[Host, HostModel], Field(max_length=10_000)] = Field(
        default={}, description="hosts that bear another number of sessions: host: {sessions: 8}"
    )
    warm_sessions: Annotated[WholeNumber, Field(ge=0, le=4096)] = Field(
        default=TOUR.warm_sessions, description="streams kept open at most"
    )
    focus_at_once: Annotated[WholeNumber, Field(ge=1, le=512)] = Field(
        default=TOUR.focus_at_once,
        description="looks for focus under way at the same time, until the detector is through with them",
    )
    opens_per_s: PerSecond = Field(
        default=TOUR.opens_per_s, description="sessions begun a second while the tour is behind"
    )
    retries_per_s: PerSecond = Field(
        default=TOUR.retries_per_s, description="tries a second of cameras that failed last time"
    )
    retries_per_host_per_s: PerSecond = Field(default=TOUR.retries_per_host_per_s, description="of them on one host")
    backoff_base_s: Seconds = Field(default=TOUR.backoff_base_s, description="a failing camera's first wait, seconds")
    backoff_cap_s: Seconds = Field(default=TOUR.backoff_cap_s, description="a failing camera's longest wait, seconds")


class DetectorModel(Edge):
    """How people are found in pictures."""

    model: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        default=DETECTOR.model, description="the model's name"
    )
    input_px: Annotated[
        list[Annotated[WholeNumber, Field(ge=32, le=4096, multiple_of=32)]], Field(min_length=2, max_length=2)
    ] = Field(default=list(DETECTOR.input_px), description="[width, height] that the model sees, multiples of 32")
    min_confidence: Share = Field(default=DETECTOR.min_confidence, description="what the model must be sure of, 0..1")
    precision: Precision = Field(default=DETECTOR.precision, description="auto, f32, bf16 or int8")
    batch: Annotated[WholeNumber, Field(ge=1, le=256)] = Field(
        default=DETECTOR.batch, description="frames per call at most"
    )
    close_after_s: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=DETECTOR.close_after_s, description="how long a batch waits for more frames, seconds"
    )
    look_every: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(
        default=DETECTOR.look_every,
        description="of so many visits to an idle scene at least one goes through the model; 1: all do",
    )
    density_model: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        default=DETECTOR.density_model or "none",
        description="the model that counts people who hide each other, where it is installed; none: nothing does",
    )


KeepDays = Annotated[Number, Field(gt=0, le=36_500)]


def _keep(what: str, name: EvidenceClass) -> Any:
    return Field(default=RETENTION.keep[name] / timedelta(days=1), description=f"days for {what}")


class KeepDaysModel(Edge):
    """How long evidence is kept, by class."""

    red: KeepDays = _keep("that of red alerts", EvidenceClass.RED)
    yellow: KeepDays = _keep("that of yellow alerts", EvidenceClass.YELLOW)
    blue: KeepDays = _keep("that of blue alerts", EvidenceClass.BLUE)
    green: KeepDays = _keep("that of green alerts", EvidenceClass.GREEN)
    maintenance: KeepDays = _keep("that of maintenance", EvidenceClass.MAINTENANCE)
    simulated: KeepDays = _keep("that of drills and simulated cameras", EvidenceClass.SIMULATED)


class StorageModel(Edge):
    """What is kept on disk."""

    evidence_quota_gb: Annotated[Number, Field(gt=0, le=1_000_000)] = Field(
        default=RETENTION.quota_bytes / GB, description="pictures and clips of alerts at most, 10^9 bytes"
    )
    keep_days: KeepDaysModel = Field(
        default=KeepDaysModel(), description="how long pictures and clips are kept, by class"
    )
    free_floor_percent: Annotated[Number, Field(ge=0, le=90)] = Field(
        default=FLOOR.share * 100, description="of each disk so much is to stay free, percent; below it people are told"
    )
    free_floor_gb: Annotated[Number, Field(ge=0, le=1_000_000)] = Field(
        default=FLOOR.size / GB, description="and so much, 10^9 bytes"
    )
    spool_gb: Annotated[Number, Field(gt=0, le=1_000)] = Field(
        default=USUAL_SPOOL_BYTES / GB,
        description="alerts that wait on the local disk while the database takes none at most, 10^9 bytes",
    )


Metres = Annotated[Number, Field(ge=0, le=5_000)]


class ClosenessModel(Edge):
    """When alerts of one family of kinds, of several cameras, are one incident; the usual where left out."""

    within_m: Metres | None = Field(
        default=None, description="metres between a camera and the incident's first one, at most"
    )
    same_site_m: Metres | None = Field(default=None, description="the same where both cameras are of one site, metres")
    within_s: SecondsFromZero | None = Field(
        default=None, description="between the times at which the cameras saw it, at most; seconds"
    )

    @model_validator(mode="after")
    def _sites_reach_farther(self) -> ClosenessModel:
        if self.within_m is not None and self.same_site_m is not None and self.same_site_m < self.within_m:
            raise ValueError(f"same_site_m is {self.same_site_m:g}; expected within_m ({self.within_m:g}) or more")
        return self


def _closeness(family: KindFamily) -> str:
    usual = CLOSE[family]
    return (
        f"{family}: usually within_m {usual.within_m:g}, same_site_m {usual.same_site_m:g}, within_s {usual.within_s:g}"
    )


class MergingModel(Edge):
    """When what several cameras see becomes one incident by itself."""

    enabled: Annotated[bool, Strict()] = Field(default=True, description="false: each camera has incidents of its own")
    never: Annotated[list[KindFamily], Field(max_length=16)] = Field(
        default=[], description="families of kinds that never join: " + ", ".join(KindFamily)
    )
    families: dict[KindFamily, ClosenessModel] = Field(
        default={},
        description="other distances and times than usual, by family of kinds; "
        + "; ".join(map(_closeness, KindFamily)),
    )


class TimedStepModel(Edge):
    """One step of an escalation."""

    after_s: SecondsFromZero = Field(description="after the first thing about the incident got late, seconds")
    step: EscalationStep = Field(description="who is told: " + ", ".join(EscalationStep))


def _usual_steps(level: Level) -> Any:
    usual = ", ".join(f"{timed.step} after {timed.after_s:g} s" for timed in FOLLOW_UP.steps[level])
    return Field(default=None, description=f"the steps of a {level} incident, from below; usually {usual}")


Steps = Annotated[list[TimedStepModel], Field(max_length=len(EscalationStep))]


class EscalationModel(Edge):
    """Who is told, and when, while something about an incident is late; by level."""

    red: Steps | None = _usual_steps(Level.RED)
    yellow: Steps | None = _usual_steps(Level.YELLOW)
    blue: Steps | None = _usual_steps(Level.BLUE)
    green: Steps | None = _usual_steps(Level.GREEN)


def _by_level(usual: Mapping[Level, object]) -> str:
    return "; by level, usually " + ", ".join(f"{level} {_plain(value)}" for level, value in usual.items())


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class WaitingModel(Edge):
    """How long an incident waits for an operator to confirm it, before any unit is sent."""

    within_s: Seconds = Field(description="from the acceptance of its first alert, seconds")
    then: Then = Field(description="what the rule does when nobody said a word: send, or close (as unfounded)")


AT_ONCE = "at_once"
_AT_ONCE_OR = "expected at_once, or {within_s: seconds, then: send or close}"


def _none_at_once(given: object) -> object:
    if given == AT_ONCE:
        return None
    if not isinstance(given, dict):
        raise ValueError(f"{_AT_ONCE_OR}, got {shown(given)}")
    return given


def _at_once_or_waiting() -> dict[str, Any]:
    """The JSON Schema of what ``_none_at_once`` reads."""
    waiting = WaitingModel.model_json_schema()
    then = waiting.pop("$defs")["Then"]
    waiting["properties"]["then"] = {"enum": then["enum"], "description": waiting["properties"]["then"]["description"]}
    return {"anyOf": [{"const": AT_ONCE}, waiting]}


MaybeWaiting = Annotated[
    WaitingModel | None, BeforeValidator(_none_at_once), WithJsonSchema(_at_once_or_waiting(), mode="validation")
]


class NeedsModel(Edge):
    """What each crew must have that is sent to something of a kind."""

    capabilities: Annotated[list[Id], Field(max_length=32)] = Field(
        default=[], description="what the crew can do, all of these, in the words of the units"
    )
    crew_at_least: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(
        default=Needs().crew_at_least, description="how many officers it has at least"
    )


class DispatchModel(Edge):
    """Who is sent; what waits for people's word; when units and people are late, and who is told."""

    crews: dict[Level, Annotated[WholeNumber, Field(ge=1, le=10)]] = Field(
        default=dict(CREWS), description="how many crews an incident gets" + _by_level(CREWS) + "; else one"
    )
    needs: dict[Kind, NeedsModel] = Field(
        default={}, description="what a crew must have, by kind: kind: {capabilities: [...], crew_at_least: 2}"
    )
    preempts: dict[Level, list[Level]] = Field(
        default={level: sorted(levels) for level, levels in Policy().preempts.items()},
        description="from which lower levels each level may take a unit that is not on scene yet: level: [levels]",
    )
    reserve: dict[RingName, Annotated[WholeNumber, Field(ge=0, le=100)]] = Field(
        default={}, description="how many free crews of a ring are kept for red; usually none"
    )
    drone_gain_s: SecondsFromZero = Field(
        default=Policy().drone_gain_s,
        description="a drone goes, too, where it is there so many seconds sooner than the first crew",
    )
    answer_s: SecondsFromZero = Field(
        default=Policy().answer_s,
        description="how long a unit takes to accept an order, as a rule, seconds: it counts for who will be late",
    )
    unanswered_after_s: Seconds = Field(
        default=Sending().unanswered_after_s,
        description="how long an order that was not accepted in time stays a back-up, seconds; then its unit is free",
    )
    escalation: EscalationModel = Field(
        default=EscalationModel(), description="who is told, and when, while something is late: level: [steps]"
    )
    on_shortfall: dict[Level, EscalationStep] = Field(
        default=dict(FOLLOW_UP.on_shortfall),
        description="the step that is taken at once where no unit can be on scene in time; a level left out has its "
        "usual steps" + _by_level(FOLLOW_UP.on_shortfall),
    )
    handled_within_s: dict[Level, Seconds] = Field(
        default={},
        description="from on scene to handled, seconds" + _by_level(FOLLOW_UP.late_after.handled_s),
    )
    feedback_within_s: dict[Level, Seconds] = Field(
        default={},
        description="from handled to closed, seconds" + _by_level(FOLLOW_UP.late_after.feedback_s),
    )
    remind_every_s: dict[Level, Seconds] = Field(
        default={},
        description="how often feedback is asked for after that, seconds" + _by_level(FOLLOW_UP.remind_every_s),
    )
    reminders: Annotated[WholeNumber, Field(ge=0, le=1000)] = Field(
        default=FOLLOW_UP.reminders, description="how many times at that pace; after that once an hour. 0: never"
    )
    second_person_within_s: Seconds = Field(
        default=FOLLOW_UP.late_after.second_person_s,
        description="how long a closing may wait for its second person, seconds",
    )
    confirm: dict[Kind, dict[Level, MaybeWaiting]] = Field(
        default={},
        description="kind: {level: at_once} or kind: {level: {within_s: 60, then: send}}: what waits for an operator "
        "before a unit is sent; at once where left out, and always in the core and for red",
    )
    second_person: Annotated[list[Level], Field(max_length=4)] = Field(
        default=[Level.RED], description="incidents of these levels are closed by two people, one after the other"
    )


STREET_FILES = (".graphml", ".geojson", ".json")


def _street_file(path: str) -> str:
    if not path.lower().endswith(STREET_FILES):
        raise ValueError(f"expected a file that ends in {', '.join(STREET_FILES)}, got {shown(path)}")
    return path


class RoutingServiceModel(Edge):
    """A service that knows the streets, on the network."""

    kind: ServiceKind = Field(description="what it is: osrm or valhalla")
    url: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(
        repr=False,
        description="its address, http or https, as in http://10.0.0.9:5000; ${NAME} is taken from the environment",
    )
    within_s: Annotated[Number, Field(gt=0, le=5)] = Field(
        default=0.5, description="how long its answer is waited for, seconds; straight lines count after that"
    )
    modes: Annotated[list[TravelMode], Field(min_length=1, max_length=3)] = Field(
        default=[mode for mode in TravelMode if mode in ON_STREETS],
        description="whose ways it knows: foot, scooter, car; of an OSRM server the one that its data were made for",
    )

    @model_validator(mode="after")
    def _stays_on_the_ground(self) -> RoutingServiceModel:
        if TravelMode.DRONE in self.modes:
            raise ValueError("has drone among its modes; expected foot, scooter or car: drones fly straight")
        return self


class TravelModel(Edge):
    """How long units take from place to place. Nothing said: along straight lines."""

    graph: Annotated[str, Field(min_length=1, max_length=4_096), AfterValidator(_street_file)] | None = Field(
        default=None,
        description="a file of streets: GraphML as osmnx writes it, or GeoJSON; from this file's folder, or absolute",
    )
    service: RoutingServiceModel | None = Field(default=None, description="a routing service: kind, url")
    detour: Annotated[Number, Field(ge=1, le=3)] = Field(
        default=TRAVEL.detour,
        description="how many times longer than the straight line a way is, where no streets help",
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> TravelModel:
        if self.graph is not None and self.service is not None:
            raise ValueError("has both graph and service; expected one of them")
        return self


class PositionsModel(Edge):
    """How old a unit's position may be, and when it says that the unit is on scene."""

    stale_after_s: Seconds = Field(
        default=POSITIONS.stale_after_s,
        description="from then on the time that it could have moved away is added to its way, seconds",
    )
    missing_after_s: Seconds = Field(
        default=POSITIONS.missing_after_s,
        description="from then on a unit that had sent positions is not sent, unless it was at its home; seconds",
    )
    arrived_m: Annotated[Number, Field(ge=5, le=500)] = Field(
        default=POSITIONS.arrived_m, description="so near the place it was sent to, and a unit is on scene, metres"
    )
    moved_m: Annotated[Number, Field(ge=5, le=500)] = Field(
        default=POSITIONS.moved_m, description="so far from where it accepted, and a unit is on its way, metres"
    )
    elsewhere_m: Annotated[Number, Field(ge=50, le=5000)] = Field(
        default=POSITIONS.elsewhere_m,
        description="so far from the place it was sent to, and its crew's button does not count, metres",
    )

    @model_validator(mode="after")
    def _goes_stale_first(self) -> PositionsModel:
        if self.missing_after_s <= self.stale_after_s:
            stale = f"stale_after_s ({self.stale_after_s:g})"
            raise ValueError(f"missing_after_s is {self.missing_after_s:g}; expected more than {stale}")
        return self


WebFile = Annotated[str, Field(min_length=1, max_length=4_096)]


class WebModel(Edge):
    """Where the console listens."""

    host: Name = Field(default=WEB.host, description="an address of this machine")
    port: Annotated[WholeNumber, Field(ge=1, le=65_535)] = Field(default=WEB.port, description="a port, 1..65535")
    hosts: Annotated[list[Host], Field(max_length=64)] = Field(
        default=[], description="names with a dot under which the console may be opened; addresses always may"
    )
    certificate: WebFile | None = Field(default=None, description="for HTTPS: a PEM file with the certificate's chain")
    key: WebFile | None = Field(default=None, description="for HTTPS: a PEM file with the certificate's key")
    plain_http: bool = Field(
        default=WEB.plain_http,
        description="true: people sign in over plain HTTP from elsewhere, too; only where nobody else is on the way",
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> WebModel:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("has one of certificate and key; expected both or none")
        return self


class LiveModel(Edge):
    """Who may look at cameras live, all at once."""

    peers: Annotated[WholeNumber, Field(ge=0, le=256)] = Field(
        default=LIVE.peers, description="live views at once, in all; 0: none, stills only"
    )
    peers_of_one: Annotated[WholeNumber, Field(ge=1, le=256)] = Field(
        default=LIVE.peers_of_one, description="live views at once with one sign-in"
    )
    encodings: Annotated[WholeNumber, Field(ge=0, le=64)] = Field(
        default=LIVE.encodings, description="streams at once that have to be encoded here; each takes much of a core"
    )


class FileModel(Edge):
    """A Patrol configuration."""

    station: StationModel = Field(description="the police station: name, name_en, at")
    rings: RingsModel = Field(description="the rings core, periphery and far")
    rules: Annotated[
        dict[Id, Annotated[RuleModel, Field(discriminator="kind")]], Field(min_length=1, max_length=64)
    ] = Field(description="the rules, by id")
    levels: LevelsModel = Field(description="how urgent what is where: by_kind, otherwise")
    templates: Annotated[dict[Id, TemplateModel], Field(max_length=64)] = Field(
        default={}, description="templates, by name"
    )
    sites: Annotated[list[SiteModel], Field(max_length=10_000)] = Field(
        default=[], description="places with their cameras"
    )
    cameras: Annotated[list[CameraModel], Field(max_length=10_000)] = Field(
        default=[], description="cameras outside of sites"
    )
    units: Annotated[list[UnitModel], Field(min_length=1, max_length=1_000)] = Field(description="who can be sent")
    schedules: Annotated[dict[Id, ScheduleModel], Field(max_length=32)] = Field(
        default={}, description="hours with other revisit bounds, by id"
    )
    tour: TourModel = Field(default=TourModel(), description="how the tour works")
    detector: DetectorModel = Field(default=DetectorModel(), description="how people are found in pictures")
    storage: StorageModel = Field(default=StorageModel(), description="what is kept on disk")
    merging: MergingModel = Field(default=MergingModel(), description="when what several cameras see is one incident")
    dispatch: DispatchModel = Field(
        default=DispatchModel(), description="who is sent, what waits for people's word, what is late, who is told"
    )
    travel: TravelModel = Field(default=TravelModel(), description="how long units take from place to place")
    positions: PositionsModel = Field(
        default=PositionsModel(), description="how old units' positions may be, and how near is on scene"
    )
    map: MapModel = Field(default=MapModel(), description="what lies under the map's marks: base, tiles or pmtiles")
    web: WebModel = Field(default=WebModel(), description="where the console listens")
    live: LiveModel = Field(default=LiveModel(), description="who may look at cameras live, all at once")


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a configuration file, for editors."""
    schema = FileModel.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_without_titles(schema)}


def schema_text() -> str:
    """`json_schema` as the text of ``configs/cameras.schema.json``."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"


def _without_titles(node: Any) -> Any:
    """Drops the titles that pydantic makes of field names: editors show the name already, beside the help."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _without_titles(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
