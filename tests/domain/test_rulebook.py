"""The rulebook: what people read is what Patrol decides by."""

from __future__ import annotations

from datetime import date, time

import pytest

from patrol.config.rule_models import RULE_MODELS
from patrol.domain.camera import CameraId, RingName
from patrol.domain.conditions import (
    Condition,
    Crowd,
    Direction,
    FireSmoke,
    Intrusion,
    LineCrossing,
    Loitering,
    RemovedObject,
)
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.events import KIND_ZH, Kind, Level
from patrol.domain.levels import LevelPolicy, Raise
from patrol.domain.rulebook import RuleTold, condition_in_words, rulebook
from patrol.domain.schedules import TimeWindow, windows_in_words
from patrol.domain.zones import RuleId, Zone, ZoneId
from tests.builders import camera, rule

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9))
LEVELS = LevelPolicy({Kind.CROWD: {RingName.CORE: Level.RED}}, Level.GREEN)


def told(*rules: object, cameras: tuple[object, ...] = (), levels: LevelPolicy = LEVELS) -> tuple[RuleTold, ...]:
    return rulebook(rules, cameras, levels, ConfirmPolicy(), ()).rules  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "zh", "en"),
    [
        (Crowd(12), "≥ 12 人", "≥ 12 people"),
        (
            Crowd(12, at_least_per_m2=2.5),
            "≥ 12 人，且密度 ≥ 2.5 人/m²（F 级）",
            "≥ 12 people, at ≥ 2.5 to a m² (grade F)",
        ),
        (Intrusion(), "区域内出现至少 1 人", "at least 1 person in the zone"),
        (Intrusion(frozenset({"truck"}), 2), "区域内出现至少 2 辆货车", "at least 2 trucks in the zone"),
        (
            Intrusion(frozenset({"car", "person"})),
            "区域内出现至少 1 个：汽车、人员",
            "at least 1 of car or person in the zone",
        ),
        (
            LineCrossing(frozenset({"car", "person"}), Direction.LEFT_TO_RIGHT),
            "汽车、人员越过线（由左向右）",
            "car or person passes the line (left to right)",
        ),
        (Loitering(180.0), "同一人逗留超过 3 分", "the same person stays for more than 3 min"),
        (RemovedObject(15.0), "原来在的物品不见超过 15 秒", "what stood there is gone for more than 15 s"),
        (FireSmoke(), "出现明火、烟雾", "fire or smoke is seen"),
    ],
)
def test_a_condition_is_told_with_its_thresholds(condition: Condition, zh: str, en: str) -> None:
    assert condition_in_words(condition) == (zh, en)


@pytest.mark.parametrize("kind", RULE_MODELS)
def test_every_kind_of_rule_has_words_of_its_own_and_not_only_its_name(kind: str) -> None:
    condition = RULE_MODELS[kind].model_validate({"kind": kind, "name": "一"}).condition()
    zh, en = condition_in_words(condition)
    assert zh != KIND_ZH[condition.kind]
    assert en != kind.replace("_", " ")


def test_a_rule_says_where_it_watches_and_where_it_stands_in_the_file() -> None:
    gate = Zone(ZoneId("gate"), "门前", "gate", SQUARE, (RuleId("crowd"),))
    yard = Zone(ZoneId("yard"), "院内", "yard", SQUARE, (RuleId("crowd"), RuleId("other")))
    crowd, idle = told(
        rule(), rule(id=RuleId("idle")), cameras=(camera("C-1", zones=(gate,)), camera("C-2", zones=(yard,)))
    )
    assert [(zone.camera_id, zone.name) for zone in crowd.zones] == [("C-1", "门前"), ("C-2", "院内")]
    assert crowd.path == "rules.crowd"
    assert (crowd.for_s, crowd.clear_after_s, crowd.cool_down_s, crowd.min_confidence) == (3.0, 5.0, 60.0, 0.3)
    assert idle.zones == ()
    assert CameraId("C-1") == crowd.zones[0].camera_id


def test_levels_are_told_for_each_ring_and_what_raises_them_in_words() -> None:
    school = Raise(
        "上学",
        "School",
        to=Level.YELLOW,
        kinds=frozenset({Kind.CROWD, Kind.INTRUSION}),
        sites=frozenset({"晨光小学"}),
        hours=(TimeWindow(time(7, 10), time(8, 20), frozenset(range(5))),),
    )
    large = Raise("大", "Large", by=1, rings=frozenset({RingName.CORE}), count=40, rising=True)
    book = rulebook([], [], LevelPolicy(LEVELS.by_kind, Level.GREEN, (school, large)), ConfirmPolicy(), ())
    (crowd,) = book.levels
    assert crowd.by_ring == {RingName.CORE: Level.RED, RingName.PERIPHERY: Level.GREEN, RingName.FAR: Level.GREEN}
    assert crowd.path == "levels.by_kind.crowd"
    assert [each.words_zh for each in book.raises] == [
        "人员聚集、区域入侵，晨光小学，周一至周五 07:10–08:20：提为黄色",
        "核心圈层，≥ 40 人，人数在增加：提高 1 级",
    ]
    assert book.raises[1].words_en == "in the ring core, ≥ 40 people, their number grows: raised by 1"
    assert book.raises[1].path == "levels.raise[1]"


def test_what_waits_for_a_person_and_what_takes_two_is_told() -> None:
    confirm = ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(60.0, Then.CLOSE)}})
    book = rulebook([], [], LEVELS, confirm, {Level.YELLOW, Level.RED})
    (waiting,) = book.waiting
    assert (waiting.kind, waiting.level, waiting.within_s, waiting.then) == (Kind.CROWD, Level.BLUE, 60.0, Then.CLOSE)
    assert waiting.path == "dispatch.confirm.crowd.blue"
    assert book.second_person == (Level.RED, Level.YELLOW)


@pytest.mark.parametrize(
    ("window", "zh", "en"),
    [
        (TimeWindow(time(20), time(8)), "每天 20:00–08:00", "every day 20:00–08:00"),
        (TimeWindow(time(0), time(0), frozenset({5, 6})), "周末全天", "at weekends all day"),
        (TimeWindow(time(8), time(9), frozenset({0, 2})), "周一、三 08:00–09:00", "Mon, Wed 08:00–09:00"),
        (
            TimeWindow(time(8), time(9), dates=frozenset({date(2026, 10, 1)})),
            "10 月 1 日 08:00–09:00",
            "01 Oct 08:00–09:00",
        ),
    ],
)
def test_hours_are_told_as_people_say_them(window: TimeWindow, zh: str, en: str) -> None:
    assert windows_in_words([window]) == (zh, en)
    assert windows_in_words([window, window]) == (f"{zh}；{zh}", f"{en}; {en}")
    assert windows_in_words([]) == ("", "")
