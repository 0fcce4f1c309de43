"""A command room in memory: 476 toured cameras, units, incidents, pictures; it follows Patrol's own state table.

``python -m tests.web.fake_room`` serves the page on it, to look at while working on the page.
"""

from __future__ import annotations

import asyncio
import math
import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from prometheus_client import CollectorRegistry

from patrol.adapters.clock import SystemClock
from patrol.adapters.memory_wall import MemoryWall
from patrol.domain import escalating, feedback, merging
from patrol.domain.alerts import fingerprint_of
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName, StreamAddress
from patrol.domain.conditions import Intrusion
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.covering import Point, cover, move_up, straight_line, vacant_posts
from patrol.domain.dead_letters import DeadLetter
from patrol.domain.deeds import NOT_KNOWN, Asking
from patrol.domain.digest import digest
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.errors import (
    Apart,
    IllegalTransition,
    MessageError,
    NotAsAsked,
    NotTogether,
    Objection,
    QueueError,
    StoreError,
    UnitBusy,
)
from patrol.domain.events import IncidentClass, Kind, Level
from patrol.domain.heat import Heat, HeatCell, Span
from patrol.domain.incident_record import IncidentRecord, RecordEntry
from patrol.domain.incidents import (
    AlertId,
    Cause,
    ClockName,
    Disposition,
    Escalation,
    EscalationStep,
    EvidenceId,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
    LoopStage,
    Maintenance,
    OrderId,
    StageTimes,
    TroubledCamera,
    stage_of,
    staged,
)
from patrol.domain.levels import LevelPolicy, Raise
from patrol.domain.message_data import PositionData
from patrol.domain.orders import Candidate, Order, OrderState
from patrol.domain.pins import Pin
from patrol.domain.precision import (
    LOOKED_BACK,
    Precision,
    PrecisionReport,
    Proposal,
    WrittenChange,
    proposals,
    together,
)
from patrol.domain.requests import ViewAcceptance
from patrol.domain.retention import Gone
from patrol.domain.room import (
    CameraStatus,
    ClosedPlace,
    CoverStatus,
    ListedIncidents,
    MaintenanceStatus,
    OpenPlace,
    PinnedCamera,
    QueueStatus,
    RingStatus,
    RoomSnapshot,
    SkippedCamera,
    StageStatus,
    TourStatus,
    UnitStatus,
    WatchStatus,
)
from patrol.domain.rulebook import Rulebook, rulebook
from patrol.domain.schedules import TimeWindow
from patrol.domain.shortfalls import clock_text
from patrol.domain.skips import Skip
from patrol.domain.storage import StorageStatus
from patrol.domain.troubles import WORDS, Trouble
from patrol.domain.units import Shift, Unit, UnitId, UnitKind, UnitState
from patrol.domain.vocabulary import CoordinateSystem
from patrol.domain.zones import RuleId, Zone, ZoneId
from patrol.web.app import RoomLayout, make_web_app, serve
from patrol.web.map_routes import MapParts
from tests.builders import rule

CANARY = "canary-password"
RULES = {RuleId("crowd"): rule()}
CLOSED = rule(id=RuleId("intrusion"), name="闯入禁区", name_en="Intrusion", condition=Intrusion(), for_s=1.0)
LEVELS = LevelPolicy(
    {
        Kind.CROWD: {RingName.CORE: Level.RED, RingName.PERIPHERY: Level.YELLOW, RingName.FAR: Level.BLUE},
        Kind.INTRUSION: dict.fromkeys(RingName, Level.YELLOW),
    },
    Level.GREEN,
    (Raise("大规模聚集", "Large crowd", to=Level.RED, kinds=frozenset({Kind.CROWD}), count=40),),
)
CONFIRM = ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(60.0, Then.SEND)}})
SQUARE = ((0.1, 0.4), (0.9, 0.4), (0.9, 0.95), (0.1, 0.95))
DAY, NIGHT = TimeWindow(time(8), time(20)), TimeWindow(time(20), time(8))
SHIFTS = {UnitId("U-P2"): DAY, UnitId("U-P3"): NIGHT, UnitId("U-SQ2"): DAY}
CENTRE = Place(35.4912, 112.8516)
RINGS = (
    Ring(RingName.CORE, 5.0, 60.0, 10.0),
    Ring(RingName.PERIPHERY, 15.0, 180.0, 20.0),
    Ring(RingName.FAR, 30.0, 300.0, 30.0),
)
CAMERAS_IN = {RingName.CORE: 64, RingName.PERIPHERY: 200, RingName.FAR: 212}
REACH_M = {RingName.CORE: (15.0, 240.0), RingName.PERIPHERY: (255.0, 500.0), RingName.FAR: (520.0, 950.0)}
SITES = (
    ("会堂东广场", "Hall east square"),
    ("会堂北口", "Hall north gate"),
    ("物贸广场", "Trade square"),
    ("凤翔小区南门", "Fengxiang south gate"),
    ("建东巷", "Jiandong lane"),
    ("文昌路口", "Wenchang crossing"),
    ("客运站前", "Coach station front"),
    ("滨河步道", "Riverside walk"),
    ("第二中学门前", "Second school gate"),
    ("人民医院西侧", "Hospital west side"),
)
GROUPS = {"会堂东广场": "会堂", "会堂北口": "会堂", "第二中学门前": "学校"}
ALONE = ("禁入区域内有人，持续 3 秒", "someone in a closed area for 3 s")
ALL_RINGS = frozenset(RingName)
UNITS = (
    ("U-JP1", "联勤1组", "Joint 1", UnitKind.JOINT_PATROL, ALL_RINGS, (-60.0, 150.0)),
    ("U-POST", "警务站", "Post", UnitKind.POST, frozenset({RingName.CORE}), (40.0, -60.0)),
    ("U-P2", "巡2车", "Car 2", UnitKind.STATION_PATROL, ALL_RINGS, (-380.0, -160.0)),
    ("U-P3", "巡3车", "Car 3", UnitKind.STATION_PATROL, ALL_RINGS, (330.0, 290.0)),
    ("U-CU2", "作战单元2", "Combat 2", UnitKind.COMBAT_UNIT, ALL_RINGS, (180.0, -420.0)),
    ("U-DRONE", "无人机组", "Drones", UnitKind.DRONE_GROUP, frozenset({RingName.FAR}), (-700.0, 420.0)),
    ("U-SQ2", "社区2", "Community 2", UnitKind.COMMUNITY_OFFICER, ALL_RINGS, (560.0, -140.0)),
)


def written(proposal: Proposal) -> WrittenChange:
    """As the configuration's writer does it, in short."""
    own_id = RuleId(f"{proposal.rule_id}-{proposal.camera_id}")
    rule = f"rules:\n  {own_id}: {{kind: crowd, name: 人群聚集, {proposal.parameter}: {proposal.proposed:g}}}\n"
    zones = f"zones:\n  - {{id: square, name: 广场, rules: [{own_id}], polygon: [[0, 0], [1, 0], [1, 1]]}}\n"
    return WrittenChange(own_id, rule, zones)


def at_metres(east: float, north: float) -> Place:
    """A place that far from the centre."""
    degrees = 180.0 / math.pi / 6_371_008.8
    return Place(
        CENTRE.latitude + north * degrees,
        CENTRE.longitude + east * degrees / math.cos(math.radians(CENTRE.latitude)),
    )


def make_cameras() -> tuple[Camera, ...]:
    """All 476, always the same, each with a password in its address that must never be seen."""
    dice = random.Random(476)
    bounds = {ring.name: ring.revisit_bound_s for ring in RINGS}
    cameras: list[Camera] = []
    for ring, count in CAMERAS_IN.items():
        least, most = REACH_M[ring]
        for number in range(1, count + 1):
            angle, far = dice.uniform(0, 2 * math.pi), math.sqrt(dice.uniform(least**2, most**2))
            zh, en = SITES[dice.randrange(len(SITES))]
            cameras.append(
                Camera(
                    id=CameraId(f"{ring.value[0].upper()}-{number:03d}"),
                    name=f"{zh}{number}号",
                    name_en=f"{en} {number}",
                    site=zh,
                    site_en=en,
                    group=GROUPS.get(zh, ""),
                    ring=ring,
                    revisit_bound_s=bounds[ring],
                    place=at_metres(far * math.sin(angle), far * math.cos(angle)),
                    heading_deg=float(dice.randrange(360)),
                    view_deg=float(dice.choice((60, 75, 90))),
                    stream=StreamAddress(f"rtsp://admin:{CANARY}@10.0.0.{number % 250}/stream"),
                    simulated=True,
                )
            )
    return tuple(cameras)


def make_units() -> tuple[Unit, ...]:
    """Seven units of different kinds."""
    return tuple(
        Unit(UnitId(unit_id), zh, en, kind, rings, at_metres(*home), 4.0, 3.0, simulated=True)
        for unit_id, zh, en, kind, rings, home in UNITS
    )


def draw_scene(seed: int, people: int) -> bytes:
    """A street at night with people and the boxes around them, as JPEG."""
    dice = random.Random(seed)
    height, width = 360, 640
    shade = np.linspace(70, 30, height, dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(shade * np.array([1.0, 0.92, 0.85]), (height, width, 3)).astype(np.uint8).copy()
    cv2.rectangle(picture, (0, 0), (width, 130), (52, 46, 44), -1)
    for x in range(10, width, 62):
        lit = (120, 190, 215) if dice.random() < 0.4 else (60, 58, 58)
        cv2.rectangle(picture, (x, 30), (x + 30, 78), lit, -1)
    for x in range(-200, width + 200, 90):
        cv2.line(picture, (width // 2 + (x - width // 2) // 3, 130), (x, height), (58, 54, 52), 1)
    for _ in range(people):
        x, foot = dice.randrange(40, width - 40), dice.randrange(190, height - 10)
        tall = int(28 + (foot - 130) * 0.36)
        body = tuple(dice.randrange(40, 190) for _ in range(3))
        cv2.ellipse(picture, (x, foot - tall // 2), (tall // 6, tall // 3), 0, 0, 360, body, -1)
        cv2.circle(picture, (x, foot - int(tall * 0.9)), max(3, tall // 9), (120, 140, 165), -1)
        cv2.rectangle(picture, (x - tall // 4, foot - tall), (x + tall // 4, foot), (216, 231, 110), 2)
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    assert done
    return bytes(jpeg.tobytes())


@dataclass(slots=True)
class FakeRoom:
    """RoomView, RecordView, RoomDesk, UnitDesk and EvidenceStore in memory.

    ``away``, ``queue_away``: what the store and the queue say instead of answering; ``takes_s``: how long a snapshot
    takes. ``dead``: cameras that cannot be seen, unseen for 1.4 times their bound or more; ``never``: not seen yet.
    ``wrong``: cameras whose last picture was another's; ``blinded``: those that see nothing, and why. ``pins``:
    what the tour was asked for; it says so unless ``tells_pins`` is false, as a tour of an older version would not.
    ``happened``: what is recorded of each incident; ``records_asked``: how often somebody asked.
    """

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    cameras: tuple[Camera, ...] = field(default_factory=make_cameras)
    units: tuple[Unit, ...] = field(default_factory=make_units)
    incidents: dict[IncidentId, Incident] = field(default_factory=dict)
    orders: dict[IncidentId, Order] = field(default_factory=dict)
    more_orders: dict[IncidentId, tuple[Order, ...]] = field(default_factory=dict)
    pictures: dict[EvidenceId, bytes] = field(default_factory=dict)
    clips: dict[EvidenceId, bytes] = field(default_factory=dict)
    gone: dict[EvidenceId, Gone] = field(default_factory=dict)
    storage: StorageStatus = field(default_factory=StorageStatus)
    unit_states: dict[UnitId, UnitState] = field(default_factory=dict)
    positions: list[PositionData] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    queue: QueueStatus = field(default_factory=lambda: QueueStatus(None, 0, 0.0, 0))
    letters: list[DeadLetter] = field(default_factory=list)
    watch: WatchStatus = field(default_factory=WatchStatus)
    simulated: bool = True
    stretch: float = 1.0
    toured: bool = True
    away: str | None = None
    queue_away: str | None = None
    takes_s: float = 0.0
    apart: Apart | None = None
    visits_per_s: float = 43.1
    dead: frozenset[CameraId] = frozenset()
    never: frozenset[CameraId] = frozenset()
    wrong: frozenset[CameraId] = frozenset()
    blinded: dict[CameraId, Trouble] = field(default_factory=dict)
    pins: dict[CameraId, PinnedCamera] = field(default_factory=dict)
    tells_pins: bool = True
    capacity: tuple[float, float] | None = None
    bounds_of_the_hour: dict[CameraId, float] = field(default_factory=dict)
    tour_reported_at: datetime | None = None
    second_person: frozenset[Level] = frozenset()
    told: list[Precision] = field(default_factory=list)
    happened: dict[IncidentId, list[RecordEntry]] = field(default_factory=dict)
    records_cut: bool = False
    records_asked: int = 0
    cover: CoverStatus | None = None
    snapshots: int = 0
    closed_shown: int = 1000
    untold: set[IncidentId] = field(default_factory=set)  # open ones that the room does not list
    open_not_shown: int = 0
    skips: dict[CameraId, SkippedCamera] = field(default_factory=dict)
    wall: MemoryWall = field(default_factory=MemoryWall)
    map_parts: MapParts = field(default_factory=MapParts)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def layout(self) -> RoomLayout:
        return RoomLayout.of("泽州路派出所", "Zezhou Road station", self.cameras, RINGS, self.units)

    @property
    def roster(self) -> tuple[Unit, ...]:
        """The units, three of them with shifts."""
        zone = ZoneInfo("Asia/Shanghai")
        return tuple(
            replace(unit, shift=Shift((SHIFTS[unit.id],), zone)) if unit.id in SHIFTS else unit for unit in self.units
        )

    @property
    def rules(self) -> Rulebook:
        """Two rules: one on every camera of the core and the periphery, one on ten of them."""
        square = Zone(ZoneId("square"), "广场", "square", SQUARE, (RuleId("crowd"),))
        closed = Zone(ZoneId("closed"), "禁入区", "closed area", SQUARE, (CLOSED.id,))
        watched = [
            replace(camera, zones=(square, closed) if place < 10 else (square,))
            for place, camera in enumerate(self.cameras)
            if camera.ring is not RingName.FAR
        ]
        return rulebook([*RULES.values(), CLOSED], watched, LEVELS, CONFIRM, frozenset({Level.RED}))

    # RoomView

    async def snapshot(self) -> RoomSnapshot:
        await asyncio.sleep(self.takes_s)
        self._answer()
        self.snapshots += 1
        now = self.now()
        ordered = sorted(
            self.incidents.values(),
            key=lambda one: (
                not one.is_open,
                one.incident_class is IncidentClass.MAINTENANCE,
                list(Level).index(one.level),
                one.accepted_at,
            ),
        )
        closed = sorted((place for one in ordered if (place := ClosedPlace.of(one))), key=astuple, reverse=True)
        hidden = {place.id for place in closed[self.closed_shown :]} | self.untold
        ordered = [one for one in ordered if one.id not in hidden]
        repairs = [one.maintenance for one in ordered if one.is_open and one.maintenance is not None]
        return RoomSnapshot(
            at=now,
            station=self.layout.station,
            station_en=self.layout.station_en,
            simulated=self.simulated,
            tour=self._tour(now) if self.toured else None,
            queue=self.queue,
            stages=self._stages(now),
            incidents=tuple(ordered),
            orders={str(key): (order, *self.more_orders.get(key, ())) for key, order in self.orders.items()},
            units=tuple(self._unit(unit, now) for unit in self.units),
            maintenance=MaintenanceStatus(len(repairs), sum(repair.troubled for repair in repairs)),
            tour_reported_at=self.tour_reported_at,
            gone=self.gone,
            storage=self.storage,
            watch=self.watch,
            digest=digest(ordered),
            cover=self.cover,
            open_not_shown=self.open_not_shown,
        )

    async def past(self, limit: int, before: ClosedPlace | None = None) -> ListedIncidents:
        self._answer()
        places = {place: one for one in self.incidents.values() if (place := ClosedPlace.of(one)) is not None}
        behind = [place for place in places if before is None or astuple(place) < astuple(before)]
        return self._listed(tuple(places[place] for place in sorted(behind, key=astuple, reverse=True)[:limit]))

    async def open(self, limit: int, before: OpenPlace | None = None) -> ListedIncidents:
        self._answer()
        places = {OpenPlace.of(one): one for one in self.incidents.values() if one.is_open}
        behind = sorted((place for place in places if before is None or place < before), reverse=True)
        return self._listed(tuple(places[place] for place in behind[:limit]))

    async def one(self, incident_id: IncidentId) -> ListedIncidents:
        self._answer()
        return self._listed((self.incidents[incident_id],))

    def _listed(self, found: tuple[Incident, ...]) -> ListedIncidents:
        orders = {str(one.id): (self.orders[one.id],) for one in found if one.id in self.orders}
        return ListedIncidents(found, orders, self.gone)

    # UnitDesk

    async def record(self, incident_id: IncidentId) -> IncidentRecord:
        self._answer()
        self.records_asked += 1
        if incident_id not in self.incidents:
            raise KeyError(incident_id)
        return IncidentRecord(tuple(self.happened.get(incident_id, ())), self.records_cut)

    async def report(self, positions: Sequence[PositionData]) -> None:
        if self.queue_away is not None:
            raise QueueError(self.queue_away)
        if any(each.coordinate_system is not CoordinateSystem.WGS84 for each in positions):
            raise MessageError("coordinate_system: expected wgs84")
        self.positions += positions

    async def set_state(
        self, unit_id: UnitId, state: UnitState, operator: str, reason: str, asking: Asking = NOT_KNOWN
    ) -> UnitState:
        self._answer()
        if any(order.unit_id == unit_id and order.is_open for order in self.orders.values()):
            raise UnitBusy(f"unit {unit_id} is on an order")
        self.unit_states[unit_id] = state
        self.calls.append(("unit", unit_id, state.value, operator, reason))
        return state

    # RoomDesk

    def asked(self, asking: Asking) -> FakeRoom:
        return self

    async def displayed(self, incident_id: IncidentId, seat: str) -> None:
        self._stamp("displayed", incident_id, seat, ClockName.DISPLAYED)

    async def confirm(self, incident_id: IncidentId, operator: str) -> None:
        self._stamp("confirm", incident_id, operator, ClockName.CONFIRMED)

    async def acknowledge(self, incident_id: IncidentId, operator: str) -> None:
        self._answer()
        self.calls.append(("acknowledge", incident_id, operator))
        outcome = escalating.acknowledge(self._situation(incident_id), operator, self.now())
        if outcome.incident is not None:
            self._take(outcome)

    async def close(
        self,
        incident_id: IncidentId,
        disposition: Disposition,
        operator: str,
        reason: str,
        reason_code: FalseAlarmReason | None = None,
        duplicate_of: IncidentId | None = None,
    ) -> bool:
        self._answer()
        more = (reason_code.value,) if reason_code is not None else (duplicate_of,) if duplicate_of is not None else ()
        self.calls.append(("close", incident_id, disposition.value, operator, reason, *more))
        alone = Situation(self.incidents[incident_id], (), ())
        if duplicate_of is not None and duplicate_of not in self.incidents:
            raise NotAsAsked(Objection.ORIGINAL_UNKNOWN, f"there is no incident {duplicate_of}")
        original = None if duplicate_of is None else self.incidents[duplicate_of]
        said = operator, reason, self.now(), reason_code, self.second_person, original
        self._take(feedback.close(alone, disposition, *said))
        return not self.incidents[incident_id].is_open

    async def withdraw_closing(self, incident_id: IncidentId, operator: str) -> None:
        self._answer()
        self._take(feedback.withdraw(self._situation(incident_id), operator, self.now()))
        self.calls.append(("withdraw-closing", incident_id, operator))

    async def change_level(
        self, incident_id: IncidentId, level: Level, operator: str, reason: str, seen_at: datetime | None = None
    ) -> None:
        self._answer()
        there, now = self._situation(incident_id), self.now()
        self._take(feedback.change_level(there, level, operator, reason, now, seen_at=seen_at))
        self.calls.append(("level", incident_id, level.value, operator, reason))

    async def note(self, incident_id: IncidentId, operator: str, text: str) -> None:
        self._answer()
        outcome = feedback.note(self._situation(incident_id), operator, text, self.now())
        if outcome.incident is not None:
            self._take(outcome)
            self.calls.append(("note", incident_id, operator, text))

    async def reopen(self, incident_id: IncidentId, operator: str, reason: str) -> None:
        self._answer()
        self._take(feedback.reopen(self._situation(incident_id), operator, reason, self.now()))
        self.calls.append(("reopen", incident_id, operator, reason))

    async def heat(self, span: Span, least: Level | None) -> Heat:
        """See HeatView: each place by itself."""
        self._answer()
        told = [one for one in self.incidents.values() if one.incident_class is IncidentClass.SECURITY]
        places = Counter(one.place for one in told if least is None or one.level.rank <= least.rank)
        cells = tuple(HeatCell(place, n) for place, n in places.most_common())
        return Heat(self.now(), self.now() - span.length, least, places.total(), cells)

    async def precision(self) -> PrecisionReport:
        self._answer()
        rules = together(self.told)
        proposed = tuple(replace(one, written=written(one)) for one in proposals(rules, RULES))
        names = {rule.id: (rule.name, rule.name_en) for rule in RULES.values()}
        return PrecisionReport(self.now(), self.now() - LOOKED_BACK, rules, proposed, names)

    async def merge(self, incident_id: IncidentId, other_id: IncidentId, operator: str) -> IncidentId:
        self._answer()
        if self.apart is not None:
            raise NotTogether(self.apart, f"they stay apart: {self.apart}")
        stays, goes = merging.merge(self._situation(incident_id), self._situation(other_id), operator, self.now())
        self.calls.append(("merge", incident_id, other_id, operator))
        going_on = self._take(stays, goes)
        assert going_on is not None
        return going_on

    async def split(self, incident_id: IncidentId, alert_id: AlertId, operator: str) -> IncidentId:
        self._answer()
        new_id = IncidentId(f"{incident_id}-split")
        left, new = merging.split(self._situation(incident_id), alert_id, new_id, operator, self.now())
        self.calls.append(("split", incident_id, alert_id, operator))
        self._take(left, new)
        return new_id

    def _situation(self, incident_id: IncidentId) -> Situation:
        order = self.orders.get(incident_id)
        return Situation(self.incidents[incident_id], (order,) if order is not None else (), ())

    def _take(self, *outcomes: Outcome) -> IncidentId | None:
        taken = [outcome.incident for outcome in outcomes if outcome.incident is not None]
        self.incidents.update({incident.id: incident for incident in taken})
        self.orders.update({order.incident_id: order for outcome in outcomes for order in outcome.orders})
        return taken[0].id if taken else None

    async def order_unit(
        self, incident_id: IncidentId, unit_id: UnitId, operator: str, seen_at: datetime | None = None
    ) -> None:
        self._answer()
        self.calls.append(("order-unit", self.incidents[incident_id].id, unit_id, operator))

    async def take_back(self, incident_id: IncidentId, order_id: OrderId, operator: str) -> None:
        self._answer()
        self.calls.append(("take-back", self.incidents[incident_id].id, order_id, operator))

    async def pin(self, pin: Pin) -> None:
        if self.queue_away is not None:
            raise QueueError(self.queue_away)
        self.calls.append(("pin", pin.camera_id, f"{pin.seconds:g}", f"{pin.every_s:g}", pin.operator))
        self.pins[pin.camera_id] = PinnedCamera(
            pin.camera_id, self.now() + timedelta(seconds=pin.seconds), pin.operator, pin.is_hold
        )
        if pin.seconds:
            self.skips.pop(pin.camera_id, None)

    async def skip(self, skip: Skip) -> None:
        if self.queue_away is not None:
            raise QueueError(self.queue_away)
        self.calls.append(("skip", skip.camera_id, f"{skip.seconds:g}", skip.operator, skip.reason))
        until = self.now() + timedelta(seconds=skip.seconds)
        self.skips[skip.camera_id] = SkippedCamera(skip.camera_id, until, skip.operator, skip.reason)
        self.pins.pop(skip.camera_id, None)

    async def accept_view(self, acceptance: ViewAcceptance) -> None:
        if self.queue_away is not None:
            raise QueueError(self.queue_away)
        self.calls.append(("accept-view", acceptance.camera_id, acceptance.operator))

    async def dead_letters(self, limit: int, before: str | None = None) -> list[DeadLetter]:
        if self.queue_away is not None:
            raise QueueError(self.queue_away)
        older = [letter for letter in self.letters if before is None or letter.id < before]
        return older[:limit]

    async def replay(self, letter_id: str, operator: str) -> None:
        if self.queue_away is not None:
            raise QueueError(self.queue_away)
        letter = {letter.id: letter for letter in self.letters}[letter_id]
        letter.check_replayable()
        self.calls.append(("replay", letter_id, operator))
        self.letters.remove(letter)
        self.queue = replace(self.queue, dead_letters=len(self.letters))

    def bury(self, number: int, **changes: object) -> None:
        """A message that could not be handled."""
        plain = DeadLetter(
            id=f"17779999{number:05d}-0",
            body=b'{"source": "/patrol", "id": "A-%d", "type": "cn.patrol.alert.v1", "subject": "incident/I-%d"}'
            % (number, number),
            stream="patrol:alert:red",
            group="dispatch",
            attempts=5,
            reason="delivered 5 times and never acknowledged",
            at=self.now(),
        )
        self.letters.insert(0, replace(plain, **changes))  # type: ignore[arg-type]
        self.queue = replace(self.queue, dead_letters=len(self.letters))

    # EvidenceStore

    async def put(self, evidence_id: EvidenceId, jpeg: bytes) -> None:
        self.pictures[evidence_id] = jpeg

    async def get(self, evidence_id: EvidenceId) -> bytes | None:
        self._answer()
        return self.pictures.get(evidence_id)

    async def why_gone(self, evidence_id: EvidenceId) -> Gone | None:
        return self.gone.get(evidence_id)

    async def remove(self, evidence_id: EvidenceId) -> None:
        self.pictures.pop(evidence_id, None)

    async def put_clip(self, clip_id: EvidenceId, webm: bytes) -> None:
        self.clips[clip_id] = webm

    async def get_clip(self, clip_id: EvidenceId) -> bytes | None:
        self._answer()
        return self.clips.get(clip_id)

    # What happens in the room

    def alert(
        self,
        number: int,
        camera_id: str = "C-017",
        *,
        kind: Kind = Kind.CROWD,
        level: Level = Level.RED,
        accepted_s_ago: float = 0.0,
        target_s: float | None = None,
        words: tuple[str, str] = ("9 人，门限 6 人，持续 11 秒", "9 people, threshold 6, for 11 s"),
        people: int = 9,
        alerts: int = 1,
        clip_id: str | None = None,
    ) -> IncidentId:
        """A new incident, accepted that long ago; it began 12 s before that."""
        camera = next(camera for camera in self.cameras if camera.id == camera_id)
        accepted = self.now() - timedelta(seconds=accepted_s_ago)
        incident_id = IncidentId(f"I-20261123-{number:06d}")
        evidence_id = EvidenceId(f"E-{number:06d}")
        self.pictures[evidence_id] = draw_scene(number, people)
        targets = {ring.name: ring.response_target_s for ring in RINGS}
        incident = Incident(
            id=incident_id,
            kind=kind,
            level=level,
            ring=camera.ring,
            camera_id=camera.id,
            camera_name=camera.name,
            camera_name_en=camera.name_en,
            place=camera.place,
            target_s=target_s or targets[camera.ring],
            fingerprint=fingerprint_of(camera.id, kind, RuleId("crowd"), ZoneId("square")),
            words_zh=words[0],
            words_en=words[1],
            evidence_id=evidence_id,
            simulated=True,
            alert_ids=tuple(AlertId(f"A-{number:06d}-{alert}") for alert in range(alerts)),
            clip_id=EvidenceId(clip_id) if clip_id is not None else None,
            stages=StageTimes(LoopStage.COLLECT, accepted),
        )
        before = {"t0": 12.0, "t1": 12.0, "t2": 0.9, "t3": 0.0}
        sources = {"t0": "rule", "t1": "camera", "t2": "detector", "t3": "store"}
        for name, seconds in before.items():
            incident = incident.stamped(ClockName(name), accepted - timedelta(seconds=seconds), sources[name])
        self.incidents[incident_id] = incident
        return incident_id

    def trouble(
        self,
        number: int,
        cameras: int = 6,
        returned: int = 0,
        accepted_s_ago: float = 0.0,
        what: Trouble = Trouble.UNSEEN,
    ) -> IncidentId:
        """A network segment with the first of the far cameras out of sight (or ``what``), the last of them back."""
        accepted = self.now() - timedelta(seconds=accepted_s_ago)
        lost = [camera for camera in self.cameras if camera.ring is RingName.FAR][:cameras]
        troubled = tuple(
            TroubledCamera(
                camera.id,
                what,
                "timed_out" if what is Trouble.UNSEEN else "",
                accepted - timedelta(seconds=9),
                accepted if index >= cameras - returned else None,
            )
            for index, camera in enumerate(lost)
        )
        incident = Incident(
            id=IncidentId(f"I-20261123-{number:06d}"),
            kind=Kind.CAMERA_HEALTH,
            level=Level.YELLOW if cameras >= 20 else Level.BLUE,
            ring=RingName.FAR,
            camera_id=lost[0].id,
            camera_name=lost[0].name,
            camera_name_en=lost[0].name_en,
            place=lost[0].place,
            target_s=None,
            fingerprint=f"maintenance/{number}",
            words_zh=f"网段 10.0.3.0/24：{cameras} 路{WORDS[what][0]}",
            words_en=f"network 10.0.3.0/24: {cameras} cameras {WORDS[what][1]}",
            evidence_id=None,
            simulated=True,
            alert_ids=(),
            maintenance=Maintenance(Cause.SEGMENT, "10.0.3.0/24", what, troubled),
        )
        for name, seconds in {"t0": 9.0, "t2": 5.0, "t3": 0.0}.items():
            incident = incident.stamped(ClockName(name), accepted - timedelta(seconds=seconds), "tour")
        self.incidents[incident.id] = incident
        return incident.id

    def escalate(self, incident_id: IncidentId, step: EscalationStep, zh: str, en: str) -> None:
        """Something about it is late for so long that it is told farther up."""
        escalation = Escalation(step, self.now(), zh, en)
        self.incidents[incident_id] = replace(self.incidents[incident_id], escalation=escalation)

    def send(self, incident_id: IncidentId, unit_id: str, *, eta_s: float, sent_s_ago: float = 0.0) -> None:
        """Order a unit to it."""
        incident, now = self.incidents[incident_id], self.now()
        candidates = [Candidate(UnitId(unit_id), eta_s, None), Candidate(UnitId("U-P3"), eta_s + 34, None)]
        candidates += [
            Candidate(UnitId("U-POST"), None, "unit_on_scene"),
            Candidate(UnitId("U-DRONE"), None, "other_ring"),
            Candidate(UnitId("U-P4"), None, "lost_734"),
            Candidate(UnitId("U-P5"), None, "taken_back"),
            Candidate(UnitId("U-P6"), None, "crew_of_2"),
        ]
        self.orders[incident_id] = Order(
            id=OrderId(f"O-{incident_id}"),
            incident_id=incident_id,
            unit_id=UnitId(unit_id),
            ring=incident.ring,
            destination=incident.place,
            state=OrderState.SENT,
            sent_at=now - timedelta(seconds=sent_s_ago),
            eta_s=eta_s,
            target_feasible=incident.target_s is not None and eta_s <= incident.target_s,
            why_zh=f"2 个空闲警力中最快：{clock_text(eta_s)} 后到场",
            why_en=f"soonest of 2 free units: there in {clock_text(eta_s)}",
            candidates=tuple(candidates),
        )
        sent = now - timedelta(seconds=sent_s_ago)
        self._move(incident_id, IncidentState.ORDERED, ClockName.ORDER_SENT, sent, "dispatch", UnitState.ASSIGNED)

    def accept(self, incident_id: IncidentId, s_ago: float = 0.0) -> None:
        """The unit accepts and sets out."""
        at = self.now() - timedelta(seconds=s_ago)
        self._order(incident_id, OrderState.EN_ROUTE)
        self._move(incident_id, IncidentState.ACCEPTED, ClockName.UNIT_ACCEPTED, at, "unit", UnitState.ASSIGNED)
        self._move(incident_id, IncidentState.EN_ROUTE, ClockName.MOVING, at, "unit", UnitState.EN_ROUTE)

    def arrive(self, incident_id: IncidentId, s_ago: float = 0.0) -> None:
        """The unit is on scene, by its position."""
        at = self.now() - timedelta(seconds=s_ago)
        source = f"unit {self.orders[incident_id].unit_id}, by its position"
        self._order(incident_id, OrderState.ON_SCENE)
        self.orders[incident_id] = replace(self.orders[incident_id], arrived_at=at)
        self._move(incident_id, IncidentState.ON_SCENE, ClockName.ON_SCENE, at, source, UnitState.ON_SCENE)

    def press(self, incident_id: IncidentId, s_ago: float = 0.0) -> None:
        """The unit's crew has pressed the button, too."""
        pressed_at = self.now() - timedelta(seconds=s_ago)
        self.orders[incident_id] = replace(self.orders[incident_id], pressed_at=pressed_at)

    def fill(self) -> None:
        """An evening with something in every stage, and six cameras that cannot be seen."""
        self.dead = frozenset(camera.id for index, camera in enumerate(self.cameras) if index % 79 == 40)
        crowd = self.alert(147, "C-017", accepted_s_ago=29, alerts=2)
        self.send(crowd, "U-JP1", eta_s=46, sent_s_ago=25)
        self.accept(crowd, 20)
        intruder = self.alert(146, "C-041", kind=Kind.INTRUSION, accepted_s_ago=95, people=2, words=ALONE)
        self.send(intruder, "U-POST", eta_s=40, sent_s_ago=92)
        self.accept(intruder, 88)
        self.arrive(intruder, 51)
        self.alert(149, "C-005", kind=Kind.CROWD, accepted_s_ago=66, people=14)
        gate = self.alert(
            144, "P-112", kind=Kind.INTRUSION, level=Level.YELLOW, accepted_s_ago=14, people=1, words=ALONE
        )
        self.send(gate, "U-SQ2", eta_s=150, sent_s_ago=6)
        lane = self.alert(140, "P-087", kind=Kind.CROWD, level=Level.BLUE, accepted_s_ago=110, people=17)
        self.send(lane, "U-P2", eta_s=180, sent_s_ago=100)
        self.accept(lane, 90)
        self.trouble(139, accepted_s_ago=300)
        old = self.alert(130, "F-020", level=Level.YELLOW, accepted_s_ago=1500, people=8)
        self.incidents[old] = replace(
            self.incidents[old]
            .to(IncidentState.CLOSED)
            .stamped(ClockName.CLOSED, self.now() - timedelta(seconds=900), "李明"),
            disposition=Disposition.FALSE_ALARM,
            closed_by="李明",
            reason="散场人流，无异常",
        )
        self.cover = self.cover_now()

    def cover_now(self) -> CoverStatus:
        """What the free crews cover from where they are."""
        points = [Point(camera.place, camera.ring) for camera in self.cameras]
        statuses = [self._unit(unit, self.now()) for unit in self.units]
        duties = [Duty(one.unit, one.state, Place(one.latitude, one.longitude)) for one in statuses]
        about, targets = (points, duties), {ring.name: ring.response_target_s for ring in RINGS}
        shares = {ring: found.share for ring, found in cover(*about, straight_line, targets).items()}
        return CoverStatus(shares, move_up(*about, vacant_posts(duties), straight_line, targets))

    def _answer(self) -> None:
        if self.away is not None:
            raise StoreError(self.away)

    def _stamp(self, call: str, incident_id: IncidentId, who: str, clock: ClockName) -> None:
        self._answer()
        self.calls.append((call, incident_id, who))
        incident = self.incidents[incident_id]
        if not incident.is_open and clock is ClockName.CONFIRMED:
            raise IllegalTransition(f"incident {incident_id} is closed")
        self.incidents[incident_id] = staged(incident.stamped(clock, self.now(), who), self.now())

    def _move(
        self, incident_id: IncidentId, state: IncidentState, clock: ClockName, at: datetime, who: str, unit: UnitState
    ) -> None:
        self.incidents[incident_id] = staged(self.incidents[incident_id].to(state).stamped(clock, at, who), at)
        self.unit_states[self.orders[incident_id].unit_id] = unit

    def _order(self, incident_id: IncidentId, state: OrderState) -> None:
        self.orders[incident_id] = replace(self.orders[incident_id], state=state)

    def _stages(self, now: datetime) -> tuple[StageStatus, ...]:
        ages: Mapping[LoopStage, list[float]] = {stage: [] for stage in LoopStage}
        for incident in self.incidents.values():
            stage = stage_of(incident)
            if stage is not None and incident.incident_class is IncidentClass.SECURITY:
                ages[stage].append((now - incident.accepted_at).total_seconds())
        return tuple(StageStatus(stage, len(found), max(found, default=0.0)) for stage, found in ages.items())

    def _unit(self, unit: Unit, now: datetime) -> UnitStatus:
        order = next((order for order in self.orders.values() if order.unit_id == unit.id and order.is_open), None)
        place = unit.home
        if order is not None and order.state in {OrderState.EN_ROUTE, OrderState.ON_SCENE}:
            share = min(1.0, (now - order.sent_at).total_seconds() / order.eta_s)
            arrived = order.state is OrderState.ON_SCENE
            whole = place.distance_m(order.destination)
            place = place.towards(order.destination, whole if arrived else whole * share)
        state = self.unit_states.get(unit.id, UnitState.AVAILABLE)
        return UnitStatus(unit, state, place.latitude, place.longitude, now, order)

    def _tour(self, now: datetime) -> TourStatus:
        running = (now - self.began).total_seconds() + 1000.0
        statuses, ages = [], {}
        for index, camera in enumerate(self.cameras):
            failing = "timed_out" if camera.id in self.dead else None
            failing = "wrong_picture" if camera.id in self.wrong else failing
            period = camera.revisit_bound_s * self.stretch * (0.78 + 0.2 * ((index * 37) % 100) / 100)
            age = (running + index * 0.618 * period) % period + (camera.revisit_bound_s * 1.4 if failing else 0.0)
            ages[camera.id] = age
            people, bound_s = (index * 7) % 5 * (index % 3), self.bounds_of_the_hour.get(camera.id)
            seen_s = None if camera.id in self.never else age
            blinded = self.blinded.get(camera.id)
            statuses.append(CameraStatus(camera.id, seen_s, failing, people, bound_s, blinded))
        recent = sorted(ages, key=lambda camera_id: ages[camera_id])[:24]
        seen = int(running * 43)
        rings = tuple(self._ring(ring, ages) for ring in RINGS)
        pins = tuple(pin for pin in self.pins.values() if pin.until > now) if self.tells_pins else None
        can, needed = self.capacity or (None, None)
        skips = tuple(skip for skip in self.skips.values() if skip.until > now)
        counts = (seen, seen - 15, 12)
        return TourStatus(
            now,
            self.stretch,
            self.visits_per_s,
            rings,
            tuple(statuses),
            tuple(recent),
            *counts,
            pins,
            can,
            needed,
            skips,
        )

    def _ring(self, ring: Ring, ages: Mapping[CameraId, float]) -> RingStatus:
        within = sorted(ages[camera.id] for camera in self.cameras if camera.ring is ring.name)
        fine = [age for age in within if age <= ring.revisit_bound_s * self.stretch] or within
        return RingStatus(
            name=ring.name,
            revisit_bound_s=ring.revisit_bound_s,
            response_target_s=ring.response_target_s,
            cameras=len(within),
            failing=sum(camera.id in self.dead for camera in self.cameras if camera.ring is ring.name),
            past_bound=len(within) - len(fine),
            visits=12000,
            blind_age_p50_s=fine[len(fine) // 2],
            blind_age_p99_s=fine[int(len(fine) * 0.99)],
            blind_age_max_s=fine[-1],
        )


async def _main() -> None:
    from .fake_cameras import FakeCameras  # they need this module
    from .fake_wall import tour_the_wall

    room, stopping = FakeRoom(), asyncio.Event()
    room.fill()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    registry = CollectorRegistry()
    app = make_web_app(
        room,
        room,
        room,
        (),
        registry,
        room.layout,
        SystemClock(),
        stopping=stopping,
        cameras=FakeCameras(room),
        units=room,
        records=room,
        wall=room.wall,
        roster=lambda: room.roster,
        rules=lambda: room.rules,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tour_the_wall(room, stopping))
        await serve(app, "127.0.0.1", 8477, stopping, print)


if __name__ == "__main__":
    asyncio.run(_main())
