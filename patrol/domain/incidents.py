"""Incidents: the life of one thing that happened, from its first frame to its feedback.

One table says which state may follow which; the loop's five stages (汇聚→流转→指令→盯办→反馈) are read off the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from patrol.domain.errors import IllegalTransition
from patrol.domain.events import IncidentClass, Kind, Level, class_of
from patrol.domain.notes import Note
from patrol.domain.shortfalls import Shortfall
from patrol.domain.troubles import Trouble
from patrol.domain.vocabulary import CameraId, OrderState, Place, RingName

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
    IncidentState.CLOSED: frozenset(),  # and NEW, by a person who reopens it: see Incident.reopened
}


# Nobody is on scene yet.
UNREACHED = frozenset({IncidentState.NEW, IncidentState.ORDERED, IncidentState.ACCEPTED, IncidentState.EN_ROUTE})

_NOBODY_WANTED = frozenset({IncidentState.HANDLED, IncidentState.CLOSED})


class LoopStage(StrEnum):
    """The command room's loop (汇聚→流转→指令→盯办→反馈)."""

    COLLECT = "collect"
    ROUTE = "route"
    ORDER = "order"
    FOLLOW_UP = "follow_up"
    FEED_BACK = "feed_back"


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long an incident was in each loop stage of its present life, in all: it may come back to one.

    ``now``: the stage it is in, ``since`` when, aware UTC; both None once it is closed. ``before_s``: seconds in the
    stages that it has left; one that it was never in is not there.
    """

    now: LoopStage | None = None
    since: datetime | None = None
    before_s: Mapping[LoopStage, float] = field(default_factory=dict)

    def then(self, stage: LoopStage | None, at: datetime) -> StageTimes:
        """As it is once the incident is in ``stage``, from ``at`` on. A clock that was put back takes nothing away."""
        if stage is self.now:
            return self
        before_s = dict(self.before_s)
        if self.now is not None and self.since is not None:
            at = max(at, self.since)
            before_s[self.now] = before_s.get(self.now, 0.0) + (at - self.since).total_seconds()
        return StageTimes(stage, None if stage is None else at, before_s)


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


class FalseAlarmReason(StrEnum):
    """Why a rule told of what was not there (误报原因)."""

    REFLECTION = "reflection"
    SHADOW = "shadow"
    POSTER = "poster"  # or any other picture of people
    ANIMAL = "animal"
    WEATHER = "weather"
    WORKS = "works"  # people who mend or build something
    ORDINARY = "ordinary"  # it was there, and is nothing out of the ordinary at that place
    PICTURE = "picture"  # the camera's picture was out of order
    OTHER = "other"  # in words, then


@dataclass(frozen=True, slots=True)
class ClosingRequest:
    """The feedback of the first of two people (双人结案): it closes nothing before the second agrees."""

    disposition: Disposition
    reason_code: FalseAlarmReason | None
    reason: str
    operator: str
    at: datetime
    duplicate_of: IncidentId | None = None


@dataclass(frozen=True, slots=True)
class LevelChange:
    """An operator's change of level, with the level that it had before."""

    at: datetime
    operator: str
    before: Level
    level: Level
    reason: str


# More changes of one incident's level than that are a program's that errs; the first is what the rules had said.
LEVEL_CHANGES_KEPT = 50


def kept_changes(changes: Sequence[LevelChange]) -> tuple[LevelChange, ...]:
    """Those that an incident keeps of its level's changes, oldest first: the first one, and the last."""
    oldest_first = sorted(changes, key=lambda change: change.at)
    return (*oldest_first[:1], *oldest_first[1:][-LEVEL_CHANGES_KEPT + 1 :])


@dataclass(frozen=True, slots=True)
class EarlierLife:
    """How an incident ended before a person opened it again, and who did so, when and why.

    ``clocks``: those that the next life stamps anew; with t9, when somebody was there in this one.
    """

    life: int
    disposition: Disposition | None
    reason_code: FalseAlarmReason | None
    reason: str | None
    closed_by: str | None
    closing: ClosingRequest | None
    clocks: Mapping[ClockName, Stamp]
    reopened_at: datetime
    reopened_by: str
    reopened_why: str
    duplicate_of: IncidentId | None = None


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
    person did. ``level_why_zh``, ``level_why_en``: why it has its level.
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
    level_why_zh: str = ""
    level_why_en: str = ""


_ARRIVED = frozenset({ClockName.ON_SCENE, ClockName.HANDLED})  # somebody was there, button or not
# What another life of the same incident stamps anew.
_STAMPED_ANEW = frozenset(
    {
        ClockName.ORDER_SENT,
        ClockName.UNIT_ACCEPTED,
        ClockName.MOVING,
        ClockName.ON_SCENE,
        ClockName.HANDLED,
        ClockName.FEEDBACK,
        ClockName.CLOSED,
    }
)


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
class OrderLine:
    """One order of an incident, as its messages list it."""

    id: OrderId
    unit_id: str
    state: OrderState


ORDERS_LISTED = 12


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happened. ``sequence`` grows by one with every message told about it.

    ``target_s``: the ring's response target; what is reported is t9 - t3 of the first arrival (``first_on_scene``).
    None: no unit is awaited.
    ``evidence_id``: the picture of the first alert; ``clip_id``: the clip of the first that has one, kept some seconds
    after it. ``simulated``: made of simulated cameras. ``drill``: an exercise for people, simulated, too.
    ``words_zh``, ``words_en``: what was seen, in words, of the first alert.
    ``maintenance``: the cameras to be mended, of the class maintenance; ``camera_id`` is the first of them then.
    ``witnesses``: who saw it, the first one first. ``urged_at``: when a red alert of another camera joined it while no
    unit was sent, or a person made it red or opened it again: who had refused before is asked again. ``merged_into``:
    of a closed one that another goes on with. ``split_from``: the incident it was a part of, ``split_by`` an operator.
    ``crews_missing``: how many crews are wanted beside those on it. ``shortfall``: what of that nobody can give it, or
    that nobody is there in time. ``escalation``: the last step that was taken as
    something was late. ``reminders``: how often feedback was asked for, last at ``reminded_at``. ``life``: 1, and one
    more each time a person opens it again; ``reopened_at``: when last; ``history``: earlier lives. ``level_why_zh``,
    ``level_why_en``: why it has its level; ``level_by``: the operator who said so, if one did: no alert changes it
    then; ``level_changes``: all that operators did to it, and to what was merged into it, oldest first;
    ``highest_level``: the most urgent one of its present life. ``held_until``: until when it gets no unit, as it waits
    for a person to confirm it. ``reason_code``: of a false alarm; ``duplicate_of``: of a duplicate, the incident
    that is the same thing. ``stages``: how long it was in each loop stage. ``notes``: what people wrote down about it,
    oldest first. ``closing``: the feedback of the first of
    two people; while the incident is open the second is awaited.
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
    crews_missing: int = 0
    orders: tuple[OrderLine, ...] = ()
    escalation: Escalation | None = None
    reminders: int = 0
    reminded_at: datetime | None = None
    life: int = 1
    reopened_at: datetime | None = None
    history: tuple[EarlierLife, ...] = ()
    level_why_zh: str = ""
    level_why_en: str = ""
    level_by: str | None = None
    level_changes: tuple[LevelChange, ...] = ()
    held_until: datetime | None = None
    reason_code: FalseAlarmReason | None = None
    closing: ClosingRequest | None = None
    shortfall: Shortfall | None = None
    highest_level: Level = Level.GREEN
    duplicate_of: IncidentId | None = None
    stages: StageTimes = StageTimes()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        # Here, so that nobody who changes the level can forget it.
        if self.level.rank < self.highest_level.rank:
            object.__setattr__(self, "highest_level", self.level)

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
        """By when a unit is sought and awaited in its present life; None where none is. See ``response_due_at``."""
        return None if self.target_s is None else self.life_began_at + timedelta(seconds=self.target_s)

    @property
    def response_due_at(self) -> datetime | None:
        """When the response target is over, in which the first unit must be on scene: nothing restarts it."""
        return None if self.target_s is None else self.accepted_at + timedelta(seconds=self.target_s)

    @property
    def life_began_at(self) -> datetime:
        """When its present life began: no clock of an earlier one counts."""
        return self.reopened_at or self.accepted_at

    @property
    def first_on_scene(self) -> Stamp | None:
        """t9 of the first of its lives in which somebody came: by that the response target is reported, from t3."""
        return next(
            (clocks[ClockName.ON_SCENE] for clocks in self._clocks_of_lives if ClockName.ON_SCENE in clocks), None
        )

    @property
    def reached_at(self) -> datetime | None:
        """When somebody was there first, in any of its lives: on scene, or done with it, button or not."""
        stamps = (clocks.get(name) for clocks in self._clocks_of_lives for name in _ARRIVED)
        return min((stamp.at for stamp in stamps if stamp is not None), default=None)

    @property
    def was_reached_before(self) -> bool:
        """Whether somebody was there in an earlier life: by that its response target is reported."""
        return any(not _ARRIVED.isdisjoint(life.clocks) for life in self.history)

    @property
    def _clocks_of_lives(self) -> tuple[Mapping[ClockName, Stamp], ...]:
        return (*(life.clocks for life in self.history), self.clocks)

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
            raise IllegalTransition(f"incident {self.id}: {self.state} -> {state}", self.closed_by)
        return replace(self, state=state)

    def reopened(self, operator: str, why: str, at: datetime) -> Incident:
        """This incident in its next life: what ended the last one is history. All clocks begin anew, but the response
        target's, which runs from t3 to the first arrival in any life.

        The one way out of CLOSED, and a person's alone. Raises IllegalTransition if it is open.
        """
        if self.is_open:
            raise IllegalTransition(f"incident {self.id}: {self.state} -> {IncidentState.NEW} again; it is open")
        before = EarlierLife(
            life=self.life,
            disposition=self.disposition,
            reason_code=self.reason_code,
            reason=self.reason,
            closed_by=self.closed_by,
            closing=self.closing,
            clocks={name: stamp for name, stamp in self.clocks.items() if name in _STAMPED_ANEW},
            reopened_at=at,
            reopened_by=operator,
            reopened_why=why,
            duplicate_of=self.duplicate_of,
        )
        again = replace(
            self,
            state=IncidentState.NEW,
            life=self.life + 1,
            orders=(),
            reopened_at=at,
            history=(*self.history, before),
            clocks={name: stamp for name, stamp in self.clocks.items() if name not in _STAMPED_ANEW},
            disposition=None,
            reason_code=None,
            reason=None,
            closed_by=None,
            closing=None,
            held_until=None,
            urged_at=at,
            shortfall=None,
            highest_level=self.level,
            duplicate_of=None,
            stages=StageTimes(),
        )
        return replace(again, overdue=is_overdue(again, at))

    def has_been(self, levels: Iterable[Level]) -> bool:
        """Whether it is of one of these levels, or in its present life may have been."""
        return any(self.highest_level.rank <= level.rank <= self.level.rank for level in levels)

    def not_closing(self) -> Incident:
        """This incident without the feedback of the first of two people."""
        if not self.is_open or self.closing is None:
            return self
        clocks: dict[ClockName, Stamp] = dict(self.clocks)
        clocks.pop(ClockName.FEEDBACK, None)
        return replace(self, closing=None, clocks=clocks)

    def settled(self) -> Incident:
        """This incident as it wants no more than it does: nobody once it is handled, and no shortfall that is over."""
        incident = replace(self, crews_missing=0) if self.crews_missing and self.state in _NOBODY_WANTED else self
        if incident.shortfall is None:
            return incident
        is_missing = incident.crews_missing > 0
        holds = is_missing if incident.shortfall.missing else not is_missing and incident.state in UNREACHED
        return incident if holds and incident.state not in _NOBODY_WANTED else replace(incident, shortfall=None)

    def is_of_this_life(self, at: datetime) -> bool:
        """Whether what was sent, or began, then has to do with it as it is now."""
        return self.reopened_at is None or at >= self.reopened_at

    def listing(self, lines: Iterable[OrderLine]) -> Incident:
        """This incident with these orders as they are now; new ones come last."""
        by_id = {line.id: line for line in (*self.orders, *lines)}
        return replace(self, orders=tuple(by_id.values())[-ORDERS_LISTED:])

    def stamped(self, name: ClockName, at: datetime, source: str) -> Incident:
        """This incident with one more timestamp; the first one of a name stays."""
        if name in self.clocks:
            return self
        return replace(self, clocks={**self.clocks, name: Stamp(at, source)})

    def restamped(self, name: ClockName, at: datetime, source: str) -> Incident:
        """This incident with a timestamp that is known better now."""
        return replace(self, clocks={**self.clocks, name: Stamp(at, source)})

    def seconds(self, start: ClockName, end: ClockName) -> float | None:
        """Seconds between two of its timestamps, or None where one is not there yet."""
        if start not in self.clocks or end not in self.clocks:
            return None
        return (self.clocks[end].at - self.clocks[start].at).total_seconds()


def stage_of(incident: Incident) -> LoopStage | None:
    """The loop stage an incident is in; None once it is closed.

    Collect: nobody has been told yet. Route: told, no unit ordered. Order: sent, not accepted. No unit is ever
    ordered for maintenance: it is followed up once a person has taken it on (t5). Feed back: handled, or the first of
    two people has given the feedback.
    """
    if incident.is_open and incident.closing is not None:
        return LoopStage.FEED_BACK
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


def staged(incident: Incident, at: datetime) -> Incident:
    """The incident as it is from ``at`` on, with how long it was in each stage until then."""
    times = incident.stages.then(stage_of(incident), at)
    return incident if times is incident.stages else replace(incident, stages=times)


def _is_maintenance(incident: Incident) -> bool:
    return incident.incident_class is IncidentClass.MAINTENANCE


def is_overdue(incident: Incident, now: datetime) -> bool:
    """Whether the response target has passed with no unit on scene. No later life mends that, nor spoils it."""
    due_at, reached_at = incident.response_due_at, incident.reached_at
    if due_at is None:
        return False
    if reached_at is None:
        return incident.is_open and now > due_at
    return reached_at > due_at


def most_urgent_first(incidents: Sequence[Incident]) -> list[Incident]:
    """By level, then the oldest first: the order in which they should be worked on."""
    return sorted(incidents, key=lambda incident: (incident.level.rank, incident.accepted_at))
