"""How urgent an event is, and why: kind and ring, then what a readable list says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import RingName
from patrol.domain.events import Event, Evidence, Kind, Level
from patrol.domain.levels import LevelPolicy, Raise, Rating, is_more_urgent, rate
from patrol.domain.schedules import TimeWindow
from tests.builders import NOON, camera, event

SHANGHAI = timezone(timedelta(hours=8))
SCHOOL_HOURS = TimeWindow(time(16, 10), time(18, 10))


def crowd_of(count: int, rising: bool | None = None, **changes: Any) -> Event:
    return event(evidence=Evidence(count, 5, 3.0, "", "", (), rising), **changes)


def policy(*raises: Raise, **by_ring: Level) -> LevelPolicy:
    rings = {RingName(name): level for name, level in (by_ring or {"core": Level.YELLOW}).items()}
    return LevelPolicy({Kind.CROWD: rings}, Level.GREEN, raises)


def rated(one: Event, levels: LevelPolicy, local: datetime = NOON, ring: RingName = RingName.CORE) -> Rating:
    return rate(one, camera(), ring, levels, local)


def test_nothing_raises_it_kind_and_ring_say_how_urgent_it_is_and_why() -> None:
    assert rated(crowd_of(7), policy()) == Rating(
        Level.YELLOW, "核心圈层的人员聚集，7 人", "crowd of 7 in the core ring"
    )
    other = rate(event(kind=Kind.FIRE_SMOKE), camera(), RingName.FAR, policy(), NOON)
    assert other == Rating(Level.GREEN, "远端圈层的烟火", "fire smoke in the far ring")


def test_what_raised_it_is_told_with_the_level_that_it_came_from() -> None:
    hours = Raise("上学放学", "School hours", by=1, hours=(SCHOOL_HOURS,))
    at_five = datetime(2026, 1, 1, 9, tzinfo=UTC).astimezone(SHANGHAI)
    assert rated(crowd_of(62), policy(hours), at_five) == Rating(
        Level.RED,
        "核心圈层的人员聚集，62 人（黄色）；上学放学，提为红色",
        "crowd of 62 in the core ring (yellow); School hours: raised to red",
    )
    assert rated(crowd_of(62), policy(hours), NOON.astimezone(SHANGHAI)).level is Level.YELLOW, (
        "at eight in the evening"
    )


def test_one_raise_follows_on_the_other_and_the_most_urgent_is_the_end() -> None:
    step = Raise("大型", "Large", by=1, count=20)
    both = rated(crowd_of(20), policy(step, replace(step, name_en="Larger"), core=Level.BLUE))
    assert both.level is Level.RED
    assert both.why_en == "crowd of 20 in the core ring (blue); Large: raised to yellow; Larger: raised to red"
    at_the_end = rated(crowd_of(20), policy(Raise("加三", "Three up", by=3, count=1), step, core=Level.YELLOW))
    assert at_the_end.why_en.count("raised") == 1, "what changes nothing is not a reason"


def test_a_level_named_is_the_least_urgent_it_can_be_and_never_lowers() -> None:
    to_yellow = Raise("广场", "Square", to=Level.YELLOW, count=1)
    assert rated(crowd_of(5), policy(to_yellow, core=Level.GREEN)).level is Level.YELLOW
    assert rated(crowd_of(5), policy(to_yellow, core=Level.RED)).level is Level.RED


@pytest.mark.parametrize(
    ("condition", "one", "holds"),
    [
        ({"kinds": frozenset({Kind.CROWD})}, crowd_of(5), True),
        ({"kinds": frozenset({Kind.FIGHT, Kind.FALL})}, crowd_of(5), False),
        ({"rings": frozenset({RingName.CORE})}, crowd_of(5), True),
        ({"rings": frozenset({RingName.FAR})}, crowd_of(5), False),
        ({"sites": frozenset({"会堂"})}, crowd_of(5), True),
        ({"sites": frozenset({"学校"})}, crowd_of(5), False),
        ({"count": 5}, crowd_of(5), True),
        ({"count": 6}, crowd_of(5), False),
        ({"rising": True}, crowd_of(5, rising=True), True),
        ({"rising": True}, crowd_of(5, rising=False), False),
        ({"rising": True}, crowd_of(5, rising=None), False),
        ({"rising": True, "count": 9}, crowd_of(5, rising=True), False),
        ({"hours": (TimeWindow(time(11), time(13)),)}, crowd_of(5), True),
        ({"hours": (TimeWindow(time(13), time(14)), TimeWindow(time(22), time(6)))}, crowd_of(5), False),
    ],
)
def test_all_that_a_raise_names_must_hold(condition: dict[str, Any], one: Event, holds: bool) -> None:
    level = rated(one, policy(Raise("提级", "Raised", to=Level.RED, **condition))).level
    assert (level is Level.RED) == holds


LEVELS = st.sampled_from(list(Level))


@given(st.lists(st.one_of(st.integers(1, 3), LEVELS), max_size=5), LEVELS)
def test_raising_never_makes_anything_less_urgent(steps: list[int | Level], usual: Level) -> None:
    raises = [
        Raise("提", "up", to=each, count=1) if isinstance(each, Level) else Raise("提", "up", by=each, count=1)
        for each in steps
    ]
    level = rated(crowd_of(5), policy(*raises, core=usual)).level
    assert level is usual or is_more_urgent(level, usual)
    assert all(not is_more_urgent(each, level) for each in steps if isinstance(each, Level))
