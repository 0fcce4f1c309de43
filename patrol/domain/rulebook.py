"""The rulebook (规则): what is watched where, what makes it how urgent, what waits for a person; in words, to be read.

Made from the same values by which Patrol decides, so that what is read is what is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.conditions import (
    AbandonedObject,
    Condition,
    Crowd,
    Direction,
    Fall,
    Fight,
    FireSmoke,
    Gathering,
    Intrusion,
    LineCrossing,
    Loitering,
    RemovedObject,
    Running,
    StoppedVehicle,
    WrongWay,
)
from patrol.domain.conditions.words import chinese, so_many, time_in_chinese, time_in_english
from patrol.domain.confirmation import ConfirmPolicy, Then
from patrol.domain.crowds import grade_of
from patrol.domain.events import KIND_ZH, Kind, Level
from patrol.domain.levels import LEVEL_ZH, RING_ZH, LevelPolicy, Raise
from patrol.domain.rules import Rule
from patrol.domain.schedules import windows_in_words
from patrol.domain.vocabulary import RuleId

Words = tuple[str, str]
"""Chinese and English."""


@dataclass(frozen=True, slots=True)
class WatchedZone:
    """A zone of a camera in which a rule holds."""

    camera_id: CameraId
    name: str
    name_en: str


@dataclass(frozen=True, slots=True)
class RuleTold:
    """A rule as people read it. Times in seconds; ``path``: where it stands in the configuration file.

    ``words_zh``, ``words_en``: its condition with its thresholds. ``hours_zh``, ``hours_en``: empty where it is always
    watched. ``min_confidence``: what the model must be sure of, 0..1.
    """

    id: RuleId
    name: str
    name_en: str
    kind: Kind
    words_zh: str
    words_en: str
    for_s: float
    clear_after_s: float
    cool_down_s: float
    min_confidence: float
    hours_zh: str
    hours_en: str
    path: str
    zones: tuple[WatchedZone, ...]


@dataclass(frozen=True, slots=True)
class LevelTold:
    """How urgent a kind is in each ring, before anything raises it."""

    kind: Kind
    by_ring: Mapping[RingName, Level]
    path: str


@dataclass(frozen=True, slots=True)
class RaiseTold:
    """What makes events more urgent, and when."""

    name: str
    name_en: str
    words_zh: str
    words_en: str
    path: str


@dataclass(frozen=True, slots=True)
class WaitingTold:
    """What waits for a person's word before a unit is sent: for so many seconds, and what comes then."""

    kind: Kind
    level: Level
    within_s: float
    then: Then
    path: str


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All of it. ``otherwise``: the level of every kind and ring that is not listed.

    ``second_person``: levels that take two people to close, the most urgent first.
    """

    rules: tuple[RuleTold, ...]
    levels: tuple[LevelTold, ...]
    otherwise: Level
    raises: tuple[RaiseTold, ...]
    waiting: tuple[WaitingTold, ...]
    second_person: tuple[Level, ...]


def rulebook(
    rules: Iterable[Rule],
    cameras: Iterable[Camera],
    levels: LevelPolicy,
    confirm: ConfirmPolicy,
    second_person: Collection[Level],
) -> Rulebook:
    """The rulebook of a station."""
    zones: dict[RuleId, list[WatchedZone]] = {}
    for camera in cameras:
        for zone in camera.zones:
            for rule_id in zone.rules:
                zones.setdefault(rule_id, []).append(WatchedZone(camera.id, zone.name, zone.name_en))
    return Rulebook(
        rules=tuple(_rule(rule, tuple(zones.get(rule.id, ()))) for rule in rules),
        levels=tuple(
            LevelTold(kind, {ring: levels.level_of(kind, ring) for ring in RingName}, f"levels.by_kind.{kind}")
            for kind in levels.by_kind
        ),
        otherwise=levels.otherwise,
        raises=tuple(_raise(each, f"levels.raise[{place}]") for place, each in enumerate(levels.raises)),
        waiting=tuple(
            WaitingTold(kind, level, one.within_s, one.then, f"dispatch.confirm.{kind}.{level}")
            for kind, by_level in confirm.by_kind.items()
            for level, one in by_level.items()
        ),
        second_person=tuple(level for level in Level if level in second_person),
    )


def _rule(rule: Rule, zones: tuple[WatchedZone, ...]) -> RuleTold:
    words_zh, words_en = condition_in_words(rule.condition)
    hours_zh, hours_en = windows_in_words(rule.hours)
    return RuleTold(
        id=rule.id,
        name=rule.name,
        name_en=rule.name_en,
        kind=rule.kind,
        words_zh=words_zh,
        words_en=words_en,
        for_s=rule.for_s,
        clear_after_s=rule.clear_after_s,
        cool_down_s=rule.cool_down_s,
        min_confidence=rule.condition.min_confidence,
        hours_zh=hours_zh,
        hours_en=hours_en,
        path=f"rules.{rule.id}",
        zones=zones,
    )


def condition_in_words(condition: Condition) -> Words:
    """What must be seen, with the thresholds that a person set."""
    match condition:
        case Crowd():
            return _crowd(condition)
        case Gathering(at_least=at_least, near_m=near_m):
            return (
                f"≥ {at_least} 人聚成一群（相距 {near_m:g} 米以内），而且人在增多",
                f"≥ {at_least} people in one group (within {near_m:g} m of each other) that grows",
            )
        case Running(at_least=at_least, share=share, m_s=m_s):
            return (
                f"≥ {at_least} 人同时奔跑（≥ {m_s:g} 米/秒），且占在场的 {share:.0%} 以上",
                f"≥ {at_least} people run at once (≥ {m_s:g} m/s), and {share:.0%} or more of those who are there",
            )
        case Intrusion(labels=labels, at_least=at_least):
            zh, en = _so_many_of(labels, at_least)
            return f"区域内出现至少 {zh}", f"at least {en} in the zone"
        case LineCrossing(labels=labels, direction=direction):
            (zh, en), (way_zh, way_en) = _any_of(labels), _DIRECTIONS[direction]
            return f"{zh}越过线（{way_zh}）", f"{en} passes the line ({way_en})"
        case WrongWay(labels=labels):
            zh, en = _any_of(labels)
            return f"{zh}逆着区域的行车方向行驶", f"{en} goes against the way traffic goes in the zone"
        case StoppedVehicle(dwell_s=dwell_s, labels=labels):
            zh, en = _any_of(labels)
            return f"{zh}停留超过 {time_in_chinese(dwell_s)}", f"{en} stands for more than {time_in_english(dwell_s)}"
        case Loitering(dwell_s=dwell_s):
            return (
                f"同一人逗留超过 {time_in_chinese(dwell_s)}",
                f"the same person stays for more than {time_in_english(dwell_s)}",
            )
        case Fall(stays_s=stays_s, lying_s=lying_s):
            return (
                f"有人摔倒后 {time_in_chinese(stays_s)}没有起来，或躺着超过 {time_in_chinese(lying_s)}",
                f"somebody falls and stays down for {time_in_english(stays_s)}, or lies for {time_in_english(lying_s)}",
            )
        case Fight(sure=sure):
            return (
                f"近身的人有打斗动作，把握 ≥ {sure:.0%}",
                f"people in reach of each other fight, {sure:.0%} sure or more",
            )
        case FireSmoke(parts=parts):
            zh = "、".join(_BURNING[part] for part in sorted(parts))
            return f"出现{zh}", f"{' or '.join(sorted(parts))} is seen"
        case AbandonedObject(alone_s=alone_s, near_m=near_m):
            return (
                f"物品无人看管超过 {time_in_chinese(alone_s)}（{near_m:g} 米内没有人）",
                f"something stands alone for more than {time_in_english(alone_s)} (nobody within {near_m:g} m)",
            )
        case RemovedObject(gone_s=gone_s):
            return (
                f"原来在的物品不见超过 {time_in_chinese(gone_s)}",
                f"what stood there is gone for more than {time_in_english(gone_s)}",
            )
    return KIND_ZH[condition.kind], condition.kind.replace("_", " ")


_DIRECTIONS: Mapping[Direction, Words] = {
    Direction.EITHER: ("两个方向", "either way"),
    Direction.LEFT_TO_RIGHT: ("由左向右", "left to right"),
    Direction.RIGHT_TO_LEFT: ("由右向左", "right to left"),
}
_BURNING = {"fire": "明火", "smoke": "烟雾"}


def _crowd(crowd: Crowd) -> Words:
    zh, en = f"≥ {crowd.at_least} 人", f"≥ {crowd.at_least} people"
    per_m2 = crowd.at_least_per_m2
    if per_m2 is None:
        return zh, en
    grade = grade_of(per_m2)
    return f"{zh}，且密度 ≥ {per_m2:g} 人/m²（{grade} 级）", f"{en}, at ≥ {per_m2:g} to a m² (grade {grade})"


def _any_of(labels: Collection[str]) -> Words:
    named = sorted(labels)
    return "、".join(chinese(label) for label in named), " or ".join(named)


def _so_many_of(labels: Collection[str], number: int) -> Words:
    if len(labels) == 1:
        (label,) = labels
        return so_many(label, number)
    zh, en = _any_of(labels)
    return f"{number} 个：{zh}", f"{number} of {en}"


def _raise(each: Raise, path: str) -> RaiseTold:
    to_zh = f"提为{LEVEL_ZH[each.to]}" if each.to is not None else f"提高 {each.by} 级"
    to_en = f"raised to {each.to}" if each.to is not None else f"raised by {each.by}"
    when_zh, when_en = zip(*_whens(each), strict=True)
    return RaiseTold(each.name, each.name_en, f"{'，'.join(when_zh)}：{to_zh}", f"{', '.join(when_en)}: {to_en}", path)


def _whens(each: Raise) -> Iterable[Words]:
    if each.kinds:
        kinds = [kind for kind in Kind if kind in each.kinds]
        yield "、".join(KIND_ZH[kind] for kind in kinds), " or ".join(kind.replace("_", " ") for kind in kinds)
    if each.rings:
        rings = [ring for ring in RingName if ring in each.rings]
        yield "、".join(RING_ZH[ring] for ring in rings) + "圈层", f"in the ring {' or '.join(rings)}"
    if each.sites:
        sites = sorted(each.sites)
        yield "、".join(sites), f"at {', '.join(sites)}"
    if each.count:
        yield f"≥ {each.count} 人", f"≥ {each.count} people"
    if each.rising:
        yield "人数在增加", "their number grows"
    if each.hours:
        yield windows_in_words(each.hours)
