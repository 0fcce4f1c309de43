"""Kinds, levels and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from patrol.domain.vocabulary import CameraId, RuleId, ZoneId


class Kind(StrEnum):
    """What can happen (类型). The whole vocabulary; config.rule_models has the ones that a rule tells."""

    CROWD = "crowd"
    GATHERING = "gathering"
    RUNNING = "running"
    FALL = "fall"
    FIGHT = "fight"
    FIRE_SMOKE = "fire_smoke"
    INTRUSION = "intrusion"
    LINE_CROSSING = "line_crossing"
    LOITERING = "loitering"
    ABANDONED_OBJECT = "abandoned_object"
    REMOVED_OBJECT = "removed_object"
    STOPPED_VEHICLE = "stopped_vehicle"
    WRONG_WAY = "wrong_way"
    CAMERA_HEALTH = "camera_health"


KIND_ZH: Mapping[str, str] = {
    Kind.CROWD: "人员聚集",
    Kind.GATHERING: "快速集结",
    Kind.RUNNING: "奔跑",
    Kind.FALL: "人员倒地",
    Kind.FIGHT: "打斗",
    Kind.FIRE_SMOKE: "烟火",
    Kind.INTRUSION: "区域入侵",
    Kind.LINE_CROSSING: "越线",
    Kind.LOITERING: "徘徊",
    Kind.ABANDONED_OBJECT: "遗留物",
    Kind.REMOVED_OBJECT: "物品移走",
    Kind.STOPPED_VEHICLE: "违停车辆",
    Kind.WRONG_WAY: "逆行",
    Kind.CAMERA_HEALTH: "画面异常",
}
"""What operators call the kinds: the feed's words."""


class IncidentClass(StrEnum):
    """Who is told of an incident."""

    SECURITY = "security"  # units are sent, the ring's clock runs
    MAINTENANCE = "maintenance"  # technicians are told; no unit, no clock


def class_of(kind: Kind) -> IncidentClass:
    """The class of incidents of a kind."""
    return IncidentClass.MAINTENANCE if kind is Kind.CAMERA_HEALTH else IncidentClass.SECURITY


class Level(StrEnum):
    """How urgent (等级 红黄蓝绿), most urgent first."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"
    GREEN = "green"

    @property
    def rank(self) -> int:
        """Its place among them: 0 is the most urgent."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers that crossed the threshold, in words, and the boxes they were counted from.

    ``boxes``: (x1, y1, x2, y2) as shares of the picture's width and height. ``rising``: whether the count grows; None
    where that is not known.
    """

    count: int
    threshold: float
    held_s: float
    words_zh: str
    words_en: str
    boxes: tuple[tuple[float, float, float, float], ...]
    rising: bool | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A rule held in a zone for long enough: the unit of detection. Times are aware UTC.

    ``began_at``: first frame in which it held (t0, back-dated); ``confirmed_at``: the frame that made it long
    enough; ``ended_at``: the last frame in which it held, once it has ended. ``score``: 0..1, the mean
    confidence of the boxes in the confirming frame.
    """

    camera_id: CameraId
    kind: Kind
    rule_id: RuleId
    zone_id: ZoneId
    began_at: datetime
    confirmed_at: datetime
    score: float
    evidence: Evidence
    ended_at: datetime | None = None
