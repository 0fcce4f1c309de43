"""What is in a message's ``data``, type by type: the one source of what is written, read, and told to vendors.

Schemas, samples and the AsyncAPI document are made of these classes (patrol.contract), and so are their words. A set
of values that may grow inside the major version is its enum *or any text*: a reader takes what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, MinLen

from patrol.domain.events import IncidentClass, Kind, Level
from patrol.domain.incidents import Cause, Disposition, EscalationStep, FalseAlarmReason, IncidentState, LoopStage
from patrol.domain.orders import ReceiptKind
from patrol.domain.shortfalls import ShortfallReason
from patrol.domain.troubles import Trouble
from patrol.domain.vocabulary import CoordinateSystem, OrderState, RingName

Text = Annotated[str, MinLen(1)]


def wire_name(name: str) -> str:
    """A field's name in JSON. Those that are Python's own words have a line after them here."""
    return name.rstrip("_")


class Data:
    """What all have in common: how pydantic, where there is one, reads them."""

    __slots__: ClassVar[tuple[str, ...]] = ()
    __pydantic_config__: ClassVar[Mapping[str, Any]] = {
        "alias_generator": wire_name,
        "use_attribute_docstrings": True,
    }


@dataclass(frozen=True, slots=True)
class WordsData(Data):
    """The same in two languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class PlaceData(Data):
    """A point on the earth, WGS-84."""

    latitude: Annotated[float, Ge(-90), Le(90)]
    """Degrees."""
    longitude: Annotated[float, Ge(-180), Le(180)]
    """Degrees."""


@dataclass(frozen=True, slots=True)
class AlertData(Data):
    """An event was accepted: it is stored, rated, and on its way to people."""

    alert_id: Text
    """What a receipt for it names as its ``subject_id``."""
    incident_id: Text
    camera_id: Text
    ring: RingName
    kind: Kind | str
    """What happened."""
    level: Level
    """How urgent; also the stream it comes on."""
    rule_id: Text
    """The configured rule that held."""
    zone_id: Text
    """The part of the camera's picture in which it held."""
    began_at: datetime
    """The first frame in which the rule held."""
    detected_at: datetime
    """When the detector had finished with the frame that confirmed it."""
    score: Annotated[float, Ge(0), Le(1)]
    """Mean confidence of the boxes counted."""
    count: Annotated[int, Ge(0)]
    """Boxes of the rule's label in the zone."""
    words: WordsData
    """What was seen, for people."""
    evidence_id: Text
    """The picture: the feed serves /evidence/<evidence_id>.jpg."""
    clip_id: str | None
    """The clip, once it is made: /evidence/<clip_id>.webm."""
    simulated: bool
    """Not of the real world: no real unit may be sent."""
    drill: bool = False
    """An exercise: people act as if it were real, and no real unit moves. Always simulated, too."""
    why: WordsData | None = None
    """Why it has its level: what follows on "red, because"."""


@dataclass(frozen=True, slots=True)
class StampData(Data):
    """When something happened, and who says so."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class TroubledCameraData(Data):
    """One camera of a maintenance incident."""

    id: Text
    trouble: Trouble | str
    detail: str
    """A word that may say why."""
    since: datetime
    returned_at: datetime | None
    """When it was back; null while the trouble lasts."""
    unsteady: bool
    """It comes and goes, and is called back only once it has stayed."""


@dataclass(frozen=True, slots=True)
class MaintenanceData(Data):
    """What is to be mended."""

    cause: Cause | str
    """What the cameras have in common."""
    where: str
    """The host, network or site; empty where the cause has no name."""
    trouble: Trouble | str | None
    """What is wrong with all of them; null where they differ."""
    troubled: Annotated[int, Ge(0)]
    """How many cameras still are in trouble."""
    returned: Annotated[int, Ge(0)]
    """How many are back."""
    cameras: Sequence[TroubledCameraData]
    """Those in trouble first."""


@dataclass(frozen=True, slots=True)
class WitnessData(Data):
    """One camera's share of an incident: what one of its rules saw in one zone."""

    camera_id: Text
    kind: Kind | str
    level: Level
    began_at: datetime
    alerts: Annotated[int, Ge(1)]
    """How many it told of."""
    alert_id: Text
    """The first of them."""
    distance_m: Annotated[float, Ge(0)]
    """From the incident's first camera, metres."""
    why: WordsData
    """Why it belongs to this incident; empty of the one that opened it."""
    evidence_id: str | None
    clip_id: str | None
    operator: str | None
    """Who put it there, where a person did."""


@dataclass(frozen=True, slots=True)
class EscalationData(Data):
    """Something was late for too long, or no unit can be in time: it is told farther up."""

    step: EscalationStep | str
    """Who is to act: one more unit is to go, who is in charge of the shift, or everybody in the room."""
    at: datetime
    """When this step was taken; each is taken once."""
    why: WordsData
    """What was late then."""
    acknowledged_by: str | None
    """Who has taken it on; null while nobody has."""
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShortfallData(Data):
    """What an incident wants and nobody can give it, or nobody in time."""

    reason: ShortfallReason | str
    missing: Annotated[int, Ge(0)]
    """How many crews it does not get; 0 where it gets all, and nobody in time."""
    words: WordsData
    """All of it, for people."""
    since: datetime
    """It is short without a break since then."""
    unit_id: str | None = None
    """Who is there first of those that go, or would be of those that are kept for red."""
    eta_s: Annotated[float, Ge(0)] | None = None
    """In so many seconds, when that was found."""
    late_s: Annotated[float, Ge(0)] | None = None
    """So many seconds after the response target; null where it is not late."""


@dataclass(frozen=True, slots=True)
class ClosingData(Data):
    """The feedback of the first of two people: of an open incident, the second is awaited."""

    disposition: Disposition | str
    reason_code: FalseAlarmReason | str | None
    """Of a false alarm: why."""
    reason: str
    operator: Text
    at: datetime
    duplicate_of: str | None = None
    """Of a duplicate: the incident that is the same thing."""


@dataclass(frozen=True, slots=True)
class StagesData(Data):
    """How long an incident was in each loop stage of its present life: it may come back to one."""

    now: LoopStage | str | None
    """The stage it is in; null once it is closed."""
    since: datetime | None
    before_s: Mapping[str, float]
    """Seconds, by stage, in those that it has left, in all; one that it was never in is not there."""


@dataclass(frozen=True, slots=True)
class OrderLineData(Data):
    """One order of an incident, as it is now."""

    order_id: Text
    unit_id: Text
    state: OrderState | str


@dataclass(frozen=True, slots=True)
class IncidentData(Data):
    """What an incident's state is now. A message with a lower ``sequence`` than one read before is old news."""

    incident_id: Text
    class_: IncidentClass
    """Security: units are sent. Maintenance: technicians are told."""
    kind: Kind | str
    level: Level
    ring: RingName
    camera_id: Text
    place: PlaceData
    state: IncidentState | str
    overdue: bool
    """Its response target passed with no unit on scene; reopening neither mends nor spoils that."""
    target_s: Annotated[float, Gt(0)] | None
    """The response target, seconds: from t3 to the first t9; null where no unit is awaited."""
    disposition: Disposition | str | None
    """The feedback with which it was closed."""
    clocks: Mapping[str, StampData]
    """What has happened so far, t0 to t12; of t6 and what follows, in its present life."""
    simulated: bool
    words: WordsData
    maintenance: MaintenanceData | None
    """Of the class maintenance only."""
    drill: bool = False
    cameras: Sequence[WitnessData] = ()
    """Who saw it, of the class security: the first one, then those that came last; 20 at most."""
    cameras_in_all: Annotated[int, Ge(0)] = 0
    """How many that would be without that limit."""
    merged_into: str | None = None
    """Of a closed one: the incident that goes on with what this one was about."""
    split_from: str | None = None
    """The incident that this one was a part of, until an operator split it off."""
    escalation: EscalationData | None = None
    """The last step that was taken because something about it was late."""
    crews_missing: Annotated[int, Ge(0)] = 0
    """How many crews are wanted beside those that are on it."""
    orders: Sequence[OrderLineData] = ()
    """Since it was opened, or opened again: the first one sent first, the last 12 at most."""
    reminders: Annotated[int, Ge(0)] = 0
    """How often feedback was asked for; it is, again, whenever this has grown."""
    why: WordsData | None = None
    """Why it has its level: what follows on "red, because"."""
    level_by: str | None = None
    """The operator who gave it its level, if one did: alerts that join it do not change that."""
    held_until: datetime | None = None
    """Until when no unit is sent, as it waits for an operator to confirm it; null where it does not wait."""
    reason_code: FalseAlarmReason | str | None = None
    """Of a false alarm: why."""
    closing: ClosingData | None = None
    """Closed by two people: the feedback of the first. While it is open, the second is awaited."""
    life: Annotated[int, Ge(1)] = 1
    """1, and one more each time a person opened it again: closed is not always the end."""
    reopened_at: datetime | None = None
    """When that was last; what was sent before has nothing to do with it any more."""
    shortfall: ShortfallData | None = None
    """What it does not get; null where it gets what it wants."""
    duplicate_of: str | None = None
    """Of one that was closed as a duplicate: the incident that is the same thing. Of a merged one: ``merged_into``."""
    stages: StagesData | None = None
    """In which of the loop's five stages it is, and how long it was in each."""


@dataclass(frozen=True, slots=True)
class CameraNameData(Data):
    """A camera, by name."""

    id: Text
    name: WordsData


@dataclass(frozen=True, slots=True)
class OrderData(Data):
    """A unit is sent: everything its crew needs on the way."""

    order_id: Text
    """What a receipt for it names as its ``subject_id``."""
    incident_id: Text
    unit_id: Text
    kind: Kind | str
    level: Level
    ring: RingName
    destination: PlaceData
    camera: CameraNameData
    words: WordsData
    due_at: datetime | None
    """When the first unit must be on scene: the ring's seconds after t3, or after it was opened again."""
    eta_s: Annotated[float, Ge(0)]
    """Expected from sending to arrival, seconds."""
    evidence_id: str | None
    clip_id: str | None
    simulated: bool
    """For simulated units only."""
    drill: bool = False
    is_drone: bool = False
    """The unit sees and handles nothing: crews go as well."""
    ordered_by: str | None = None
    """The dispatcher who chose the unit; null where the rules did."""


@dataclass(frozen=True, slots=True)
class RecallData(Data):
    """An order no longer stands."""

    order_id: Text
    incident_id: Text
    unit_id: Text
    reason: Text
    """``expired``: not accepted in time, and another unit has, or it never was; ``not_needed``: others have accepted,
    or handled it; ``pre_empted``: the unit is wanted elsewhere; ``overridden``: a dispatcher took it back;
    ``merged``: another unit goes, as the incident became part of another. Else the disposition with which the
    incident was closed."""


@dataclass(frozen=True, slots=True)
class ReceiptData(Data):
    """What became of an alert or an order at the receiver's end."""

    subject_id: Text
    """The alert's or the order's id."""
    sequence: Annotated[int, Ge(1)]
    """Grows per consumer and subject."""
    consumer: Text
    """Who answers: the consumer group's name."""
    seat: Text
    """Which seat, or which unit."""
    kind: ReceiptKind
    at: datetime
    """By the sender's clock, with an offset."""
    operator: str | None = None
    """Who acted, where a person did."""
    reason_code: str | None = None
    """Why not, of ``rejected`` and ``error``."""
    place: PlaceData | None = None
    """Where the unit was, if it says so."""


@dataclass(frozen=True, slots=True)
class HeartbeatData(Data):
    """Messages get through. About no incident."""

    heartbeat_id: Text
    status: Text
    """As in the Common Alerting Protocol: nothing that anybody shall act on."""
    sent_at: datetime
    """When it was written to the outbox."""
    every_s: Annotated[float, Gt(0)]
    """How many seconds lie between two; three missing are no hiccup."""


@dataclass(frozen=True, slots=True)
class PositionData(Data):
    """Where a unit is. About no incident; the newest one counts, and none is kept for long."""

    unit_id: Text
    place: PlaceData
    """In the coordinates that ``coordinate_system`` names."""
    at: datetime
    """When it was there, by the sender's clock, with an offset."""
    accuracy_m: Annotated[float, Ge(0)] | None = None
    """How far off it may be, metres."""
    heading_deg: Annotated[float, Ge(0), Le(360)] | None = None
    """Where it is going, degrees clockwise from north."""
    speed_m_s: Annotated[float, Ge(0)] | None = None
    """How fast, metres per second."""
    coordinate_system: CoordinateSystem = CoordinateSystem.WGS84
    """Anything but WGS-84 is converted as it comes in."""


MessageData = AlertData | IncidentData | OrderData | RecallData | ReceiptData | HeartbeatData | PositionData


def plain(value: Any) -> Any:
    """The value as JSON knows it: names as on the wire, times in milliseconds with their offset."""
    type_ = type(value)
    if (write := _WRITERS.get(type_)) is None:
        write = _WRITERS[type_] = _writer_of(type_)
    return write(value)


# Of as many types as there are: asked anew for each value, what it is takes longer than writing it.
_WRITERS: dict[type, Callable[[Any], Any]] = {}


def _writer_of(type_: type) -> Callable[[Any], Any]:
    if issubclass(type_, (str, int, float, NoneType)):
        return _as_it_is
    if issubclass(type_, datetime):
        return time_text
    if issubclass(type_, Mapping):
        return lambda value: {key: plain(inner) for key, inner in value.items()}
    if issubclass(type_, Data):
        names = [(name, wire_name(name)) for name in type_.__slots__]
        return lambda value: {wire: plain(getattr(value, name)) for name, wire in names}
    return lambda value: [plain(inner) for inner in value]


def _as_it_is(value: Any) -> Any:
    return value


def time_text(at: datetime) -> str:
    """A time as all messages write it."""
    return at.isoformat(timespec="milliseconds")
