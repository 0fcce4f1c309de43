"""Incidents: the life of one thing that happened, from its first frame to its feedback.

One table says which state may follow which; the loop's five stages (汇聚→流转→指令→盯办→反馈) are read off the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from patrol.domain.errors import IllegalTransition
from patrol.domain.events import IncidentClass, Kind, Level, class_of
from patrol.domain.troubles import Trouble
from patrol.domain.vocabulary import CameraId, Place, RingName

IncidentId = NewType("IncidentId", str)
AlertId = NewType("AlertId", str)
OrderId = NewType("OrderId", str)
EvidenceId = NewType("EvidenceId", str)


class IncidentState(StrEnum):
    """Where an incident stands."""

    NEW = "new"
    ORDERED = "ordered"
    ACCEPTED = "accepted"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    HANDLED = "handled"
    CLOSED = "closed"


# A receipt may overtake another on its way, so a later state may be reached without the ones between.
# It is as far as the crew that is farthest, and goes back when that one falls out: to another's state, or to NEW.
TRANSITIONS: Mapping[IncidentState, frozenset[IncidentState]] = {
    IncidentState.NEW: frozenset({IncidentState.ORDERED, IncidentState.CLOSED}),
    IncidentState.ORDERED: frozenset(
        {
            IncidentState.NEW,
            IncidentState.ACCEPTED,
            IncidentState.EN_ROUTE,
            IncidentState.ON_SCENE,
            IncidentState.HANDLED,
            IncidentState.CLOSED,
        }
    ),
    IncidentState.ACCEPTED: frozenset(
        {
            IncidentState.NEW,
            IncidentState.ORDERED,
            IncidentState.EN_ROUTE,
            IncidentState.ON_SCENE,
            IncidentState.HANDLED,
            IncidentState.CLOSED,
        }
    ),
    IncidentState.EN_ROUTE: frozenset(
        {
            IncidentState.NEW,
            IncidentState.ORDERED,
            IncidentState.ACCEPTED,
            IncidentState.ON_SCENE,
            IncidentState.HANDLED,
            IncidentState.CLOSED,
        }
    ),
    IncidentState.ON_SCENE: frozenset({IncidentState.HANDLED, IncidentState.CLOSED}),
    IncidentState.HANDLED: frozenset({IncidentState.CLOSED}),
    IncidentState.CLOSED: frozenset(),
}


class LoopStage(StrEnum):
    """The command room's loop (汇聚→流转→指令→盯办→反馈)."""

    COLLECT = "collect"
    ROUTE = "route"
    ORDER = "order"
    FOLLOW_UP = "follow_up"
    FEED_BACK = "feed_back"


class ClockName(StrEnum):
    """The timestamps every incident collects, each with its source."""

    BEGAN = "t0"
    FIRST_FRAME = "t1"
    DETECTED = "t2"
    ACCEPTED = "t3"
    DISPLAYED = "t4"
    CONFIRMED = "t5"
    ORDER_SENT = "t6"
    UNIT_ACCEPTED = "t7"
    MOVING = "t8"
    ON_SCENE = "t9"
    HANDLED = "t10"
    FEEDBACK = "t11"
    CLOSED = "t12"


@dataclass(frozen=True, slots=True)
class Stamp:
    """One timestamp, aware UTC, and who says so."""

    at: datetime
    source: str


class Disposition(StrEnum):
    """The feedback with which an incident is closed."""

    HANDLED = "handled"
    FALSE_ALARM = "false_alarm"
    UNFOUNDED = "unfounded"
    DUPLICATE = "duplicate"
    REFERRED = "referred"
    DRILL = "drill"


class Cause(StrEnum):
    """What the cameras of a maintenance incident have in common: where to look first."""

    CAMERA = "camera"  # one camera alone
    HOST = "host"  # one recorder
    SEGMENT = "segment"  # one network segment
    SITE = "site"
    STATION = "station"  # a large share of all cameras at once
    DIGEST = "digest"  # nothing: more came at once than can be told one by one


@dataclass(frozen=True, slots=True)
class TroubledCamera:
    """One camera of a maintenance incident.

    ``detail``: a closed word that says more, or nothing. ``since``, ``returned_at``: aware UTC; the latter is None
    while the trouble lasts. ``unsteady``: it comes and goes, so it is not called returned before it has stayed.
    """

    id: CameraId
    trouble: Trouble
    detail: str
    since: datetime
    returned_at: datetime | None = None
    unsteady: bool = False


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What is to be mended. ``where`` names the cause: a host, a network, a site; empty where it has no name.

    ``trouble``: what is wrong with all of them, None in a digest. ``cameras``: by id.
    """

    cause: Cause
    where: str
    trouble: Trouble | None
    cameras: tuple[TroubledCamera, ...]

    @property
    def returned(self) -> int:
        """How many cameras are back."""
        return sum(camera.returned_at is not None for camera in self.cameras)

    @property
    def troubled(self) -> int:
        """How many cameras are not."""
        return len(self.cameras) - self.returned


@dataclass(frozen=True, slots=True)
class Witness:
    """One camera's share of an incident (见证点位): what one of its rules saw in one zone.

    ``began_at``, ``detected_at``, ``accepted_at``, ``words_*``, ``evidence_id``: of its first alert; ``last_at``: the
    frame of its last. ``target_s``: its ring's. ``distance_m``: from the incident's first camera. ``why_zh``,
    ``why_en``: why it belongs to the incident, empty of the one that opened it; ``operator``: who put it there, where a
    person did.
    """

    fingerprint: str
    camera_id: CameraId
    camera_name: str
    camera_name_en: str
    site: str
    place: Place
    ring: RingName
    target_s: float | None
    kind: Kind
    level: Level
    words_zh: str
    words_en: str
    evidence_id: EvidenceId | None
    clip_id: EvidenceId | None
    alert_ids: tuple[AlertId, ...]
    began_at: datetime
    detected_at: datetime
    accepted_at: datetime
    last_at: datetime
    distance_m: float = 0.0
    why_zh: str = ""
    why_en: str = ""
    operator: str | None = None


class EscalationStep(StrEnum):
    """How far up something that is late has been told, from below."""

    NEXT_UNIT = "next_unit"  # one more unit is to go
    SUPERVISOR = "supervisor"  # who is in charge of the shift is told
    ROOM = "room"  # everybody in the room is


@dataclass(frozen=True, slots=True)
class Escalation:
    """Something about an incident was late for too long, and was told farther up (升级). Times are aware UTC.

    ``at``: when this step was taken; ``why_zh``, ``why_en``: what was late then. ``acknowledged_by``: who has taken it
    on (知悉); until something else gets late, nothing goes farther up. ``causes``: what it was taken for, by key (see
    lateness). ``taken_on``: what was acknowledged before, by key, the last time at ``taken_on_at``. ``life``: in which
    of the incident's lives it was taken.
    """

    step: EscalationStep
    at: datetime
    why_zh: str
    why_en: str
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    causes: tuple[str, ...] = ()
    taken_on: tuple[str, ...] = ()
    taken_on_at: datetime | None = None
    life: int = 1

    @property
    def is_acknowledged(self) -> bool:
        """Somebody has taken it on."""
        return self.acknowledged_at is not None


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened. ``sequence`` grows by one with every message told about it.

    ``target_s``: the ring's response target; its clock is t9 - t3 and never restarts. None: no unit is awaited.
    ``evidence_id``: the picture of the first alert; ``clip_id``: the clip of the first that has one, kept some seconds
    after it. ``simulated``: made of simulated cameras. ``drill``: an exercise for people, simulated, too.
    ``words_zh``, ``words_en``: what was seen, in words, of the first alert.
    ``maintenance``: the cameras to be mended, of the class maintenance; ``camera_id`` is the first of them then.
    ``witnesses``: who saw it, the first one first. ``urged_at``: when a red alert of another camera joined it while no
    unit was sent: who had refused before is asked again. ``merged_into``: of a closed one that another goes on with.
    ``split_from``: the incident it was a part of, ``split_by`` an operator. ``crews_missing``: how many crews are
    wanted beside those on it. ``escalation``: the last step that was taken because something was late. ``reminders``:
    how often feedback was asked for, last at ``reminded_at``. ``life``: grows by one each time it is reopened, last at
    ``reopened_at``.
    """

    id: IncidentId
    kind: Kind
    level: Level
    ring: RingName
    camera_id: CameraId
    camera_name: str
    camera_name_en: str
    place: Place
    target_s: float | None
    fingerprint: str
    words_zh: str
    words_en: str
    evidence_id: EvidenceId | None
    simulated: bool
    alert_ids: tuple[AlertId, ...]
    state: IncidentState = IncidentState.NEW
    sequence: int = 0
    clocks: Mapping[ClockName, Stamp] = field(default_factory=dict)
    overdue: bool = False
    disposition: Disposition | None = None
    closed_by: str | None = None
    reason: str | None = None
    maintenance: Maintenance | None = None
    clip_id: EvidenceId | None = None
    drill: bool = False
    witnesses: tuple[Witness, ...] = ()
    urged_at: datetime | None = None
    merged_into: IncidentId | None = None
    split_from: IncidentId | None = None
    split_by: str | None = None
    crews_missing: int = 1
    escalation: Escalation | None = None
    reminders: int = 0
    reminded_at: datetime | None = None
    life: int = 1
    reopened_at: datetime | None = None

    @property
    def incident_class(self) -> IncidentClass:
        """Who is told of it."""
        return class_of(self.kind)

    @property
    def accepted_at(self) -> datetime:
        """t3 of the first alert: when the ring's clock started."""
        return self.clocks[ClockName.ACCEPTED].at

    @property
    def is_open(self) -> bool:
        """Not closed yet."""
        return self.state is not IncidentState.CLOSED

    @property
    def due_at(self) -> datetime | None:
        """When the first unit must be on scene; None where none is awaited."""
        return None if self.target_s is None else self.accepted_at + timedelta(seconds=self.target_s)

    @property
    def life_began_at(self) -> datetime:
        """When its present life began: no clock of an earlier one counts. The response target's (t3) is another."""
        return self.reopened_at or self.accepted_at

    def stamp_in_life(self, name: ClockName) -> Stamp | None:
        """One of its timestamps, unless it is of an earlier life."""
        stamp = self.clocks.get(name)
        return None if stamp is None or (self.reopened_at is not None and stamp.at < self.reopened_at) else stamp

    @property
    def standing_escalation(self) -> Escalation | None:
        """The last step that was taken in its present life."""
        return self.escalation if self.escalation is not None and self.escalation.life == self.life else None

    @property
    def reminders_in_life(self) -> int:
        """How often feedback was asked for in its present life."""
        return self.reminders if self.reminded_at is not None and self.reminded_at >= self.life_began_at else 0

    def to(self, state: IncidentState) -> Incident:
        """This incident in ``state``. Raises IllegalTransition if the table does not hold that step."""
        if state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"incident {self.id}: {self.state} -> {state}")
        return replace(self, state=state)

    def stamped(self, name: ClockName, at: datetime, source: str) -> Incident:
        """This incident with one more timestamp; the first one of a name stays."""
        if name in self.clocks:
            return self
        return replace(self, clocks={**self.clocks, name: Stamp(at, source)})

    def seconds(self, start: ClockName, end: ClockName) -> float | None:
        """Seconds between two of its timestamps, or None where one is not there yet."""
        if start not in self.clocks or end not in self.clocks:
            return None
        return (self.clocks[end].at - self.clocks[start].at).total_seconds()


def stage_of(incident: Incident) -> LoopStage | None:
    """The loop stage an incident is in; None once it is closed.

    Collect: nobody has been told yet. Route: told, no unit ordered. Order: sent, not accepted. No unit is ever
    ordered for maintenance: it is followed up once a person has taken it on (t5).
    """
    match incident.state:
        case IncidentState.NEW if ClockName.DISPLAYED not in incident.clocks:
            return LoopStage.COLLECT
        case IncidentState.NEW if _is_maintenance(incident) and ClockName.CONFIRMED in incident.clocks:
            return LoopStage.FOLLOW_UP
        case IncidentState.NEW:
            return LoopStage.ROUTE
        case IncidentState.ORDERED:
            return LoopStage.ORDER
        case IncidentState.ACCEPTED | IncidentState.EN_ROUTE | IncidentState.ON_SCENE:
            return LoopStage.FOLLOW_UP
        case IncidentState.HANDLED:
            return LoopStage.FEED_BACK
        case IncidentState.CLOSED:
            return None


def _is_maintenance(incident: Incident) -> bool:
    return incident.incident_class is IncidentClass.MAINTENANCE


def is_overdue(incident: Incident, now: datetime) -> bool:
    """Whether the response target has passed with no unit on scene."""
    if incident.due_at is None:
        return False
    on_scene = incident.clocks.get(ClockName.ON_SCENE)
    reached = on_scene.at if on_scene else now
    if not incident.is_open and on_scene is None:
        return False
    return reached > incident.due_at
