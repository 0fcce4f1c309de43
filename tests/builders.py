"""Values that tests are made of, each valid as it is; change what a test is about with keyword arguments."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from patrol.domain.alerts import Candidate
from patrol.domain.board import Board, Crews, Sending, send
from patrol.domain.camera import Camera, CameraId, Place, Ring, RingName, StreamAddress
from patrol.domain.conditions import Crowd
from patrol.domain.detections import Detections
from patrol.domain.dispatch import Duty, Outcome, Situation
from patrol.domain.events import Event, Evidence, Kind, Level
from patrol.domain.incidents import (
    AlertId,
    Cause,
    ClockName,
    EvidenceId,
    Incident,
    IncidentId,
    LoopStage,
    Maintenance,
    OrderId,
    StageTimes,
    Stamp,
    TroubledCamera,
)
from patrol.domain.orders import Order, OrderState
from patrol.domain.rules import Rule
from patrol.domain.troubles import Trouble
from patrol.domain.units import Unit, UnitId, UnitKind, usual_mode
from patrol.domain.ways import Ways
from patrol.domain.zones import RuleId, Zone, ZoneId

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SQUARE = Place(35.4908, 112.8518)
CLASSES = ("person", "car")
WHOLE_PICTURE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def north(metres: float) -> Place:
    """So many metres north of the square."""
    return Place(SQUARE.latitude + metres / 111_195, SQUARE.longitude)


def zone(**changes: Any) -> Zone:
    whole = Zone(ZoneId("ground"), "广场", "square", WHOLE_PICTURE, (RuleId("crowd"),))
    return replace(whole, **changes)


def rule(at_least: int = 3, **changes: Any) -> Rule:
    crowd = Rule(
        id=RuleId("crowd"),
        name="人员聚集",
        name_en="crowd",
        condition=Crowd(at_least, min_confidence=0.3),
        for_s=3.0,
        clear_after_s=5.0,
        cool_down_s=60.0,
    )
    return replace(crowd, **changes)


def ring(name: RingName = RingName.CORE, **changes: Any) -> Ring:
    core = Ring(name, revisit_bound_s=5.0, response_target_s=60.0, accept_within_s=10.0)
    return replace(core, **changes)


def camera(camera_id: str = "C-1", **changes: Any) -> Camera:
    plain = Camera(
        id=CameraId(camera_id),
        name="会堂东",
        name_en="Hall east",
        site="会堂",
        ring=RingName.CORE,
        revisit_bound_s=5.0,
        place=SQUARE,
        heading_deg=90.0,
        view_deg=80.0,
        stream=StreamAddress("synthetic:1"),
        zones=(zone(),),
    )
    return replace(plain, **changes)


def people(*foot_points: tuple[float, float], confidence: float = 0.9, label: str = "person") -> Detections:
    """Boxes in a 1000x1000 picture that stand on these points (shares of width and height)."""
    boxes = [(x * 1000 - 5, y * 1000 - 40, x * 1000 + 5, y * 1000) for x, y in foot_points]
    return Detections(
        1000,
        1000,
        np.array(boxes, np.float32).reshape(-1, 4).clip(0, 1000),
        np.full(len(boxes), CLASSES.index(label), np.int64),
        np.full(len(boxes), confidence, np.float32),
        CLASSES,
    )


def crowd(count: int) -> Detections:
    """So many people in the middle."""
    return people(*[(0.3 + 0.01 * index, 0.5) for index in range(count)])


def event(**changes: Any) -> Event:
    plain = Event(
        camera_id=CameraId("C-1"),
        kind=Kind.CROWD,
        rule_id=RuleId("crowd"),
        zone_id=ZoneId("ground"),
        began_at=at(-4),
        confirmed_at=at(-1),
        score=0.8,
        evidence=Evidence(3, 3, 3.0, "广场内 3 人", "3 in square", ((0.1, 0.1, 0.2, 0.2),)),
    )
    return replace(plain, **changes)


def candidate(number: int = 1, **changes: Any) -> Candidate:
    plain = Candidate(
        alert_id=AlertId(f"A-{number}"),
        incident_id=IncidentId(f"I-{number}"),
        evidence_id=EvidenceId(f"V-20260101-120000-{number:012x}"),
        event=event(),
        camera=camera(),
        ring=ring(),
        level=Level.RED,
        cool_down_s=60.0,
        detected_at=at(-0.5),
    )
    return replace(plain, **changes)


def incident(number: int = 1, **changes: Any) -> Incident:
    plain = Incident(
        id=IncidentId(f"I-{number}"),
        kind=Kind.CROWD,
        level=Level.RED,
        ring=RingName.CORE,
        camera_id=CameraId("C-1"),
        camera_name="会堂东",
        camera_name_en="Hall east",
        place=SQUARE,
        target_s=60.0,
        fingerprint="C-1/crowd/crowd/ground",
        words_zh="广场内 3 人",
        words_en="3 in square",
        evidence_id=EvidenceId("V-20260101-120000-000000000001"),
        simulated=False,
        alert_ids=(AlertId("A-1"),),
        clocks={ClockName.BEGAN: Stamp(at(-4), "rule"), ClockName.ACCEPTED: Stamp(at(0), "store")},
    )
    return replace(plain, **{"highest_level": changes.get("level", plain.level), **changes})


def maintenance_incident(number: int = 1, cameras: int = 3, **changes: Any) -> Incident:
    """A network segment with so many cameras out of sight, the last of them back."""
    lost = [TroubledCamera(CameraId(f"C-{index}"), Trouble.UNSEEN, "timed_out", at(-4)) for index in range(cameras)]
    lost[-1] = replace(lost[-1], returned_at=at(0) if cameras > 1 else None)
    plain = incident(
        number,
        kind=Kind.CAMERA_HEALTH,
        level=Level.BLUE,
        target_s=None,
        fingerprint=f"maintenance/I-{number}",
        words_zh="网段 10.0.3.0/24：3 路看不到画面",
        words_en="network 10.0.3.0/24: 3 cameras cannot be seen",
        evidence_id=None,
        alert_ids=(),
        maintenance=Maintenance(Cause.SEGMENT, "10.0.3.0/24", Trouble.UNSEEN, tuple(lost)),
        stages=StageTimes(LoopStage.COLLECT, at(0)),
        clocks={
            ClockName.BEGAN: Stamp(at(-4), "tour"),
            ClockName.DETECTED: Stamp(at(-3), "tour"),
            ClockName.ACCEPTED: Stamp(at(0), "store"),
        },
    )
    return replace(plain, **changes)


def unit(unit_id: str = "U-1", **changes: Any) -> Unit:
    plain = Unit(
        id=UnitId(unit_id),
        name="联勤1组",
        name_en="Joint 1",
        kind=UnitKind.JOINT_PATROL,
        rings=frozenset(RingName),
        home=north(100),
        speed_m_s=2.6,
        mobilise_s=5.0,
    )
    changes.setdefault("mode", usual_mode(changes.get("kind", plain.kind)))
    return replace(plain, **changes)


def duty(unit_id: str = "U-1", metres: float = 100.0, **changes: Any) -> Duty:
    return replace(Duty(unit(unit_id, home=north(metres))), **changes)


def order(unit_id: str = "U-1", number: int = 1, **changes: Any) -> Order:
    plain = Order(
        id=OrderId(f"O-{number}"),
        incident_id=IncidentId("I-1"),
        unit_id=UnitId(unit_id),
        ring=RingName.CORE,
        destination=SQUARE,
        state=OrderState.SENT,
        sent_at=at(1),
        eta_s=40.0,
        target_feasible=True,
        why_zh="最快",
        why_en="soonest",
        candidates=(),
    )
    return replace(plain, **changes)


def situation(**changes: Any) -> Situation:
    plain = Situation(incident(), (), (duty(),))
    return replace(plain, **changes)


def sent(start: Situation, order_id: str = "O-1", when: datetime | None = None, crews: int = 1) -> Outcome:
    """What sending makes of this incident, alone on the board. Orders beside the first get a number more."""
    made: list[OrderId] = []

    def next_id(*_: object) -> OrderId:
        made.append(OrderId(order_id if not made else f"{order_id}-{len(made)}"))
        return made[-1]

    sending = Sending(crews=Crews(dict.fromkeys(Level, crews)))
    board = Board((start,), start.duties)
    outcomes = send(board, next_id, Ways(), sending, when or at(1), start.cause)
    return outcomes[0] if outcomes else Outcome()
