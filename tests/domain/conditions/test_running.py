"""Many who run at the same time; not who walk, who tremble, or one who is late."""

from __future__ import annotations

import pytest

from patrol.adapters.tracking import ByteTracker
from patrol.domain.conditions.running import Running
from tests.domain.conditions.moving import Mover, Played, area, goes, play, seconds, stays, trembling

METRE = 100.0 / 1.7  # pixels, of people who are 100 pixels tall
FOCUS = seconds(5.0, 5.0)


def people(speed_m_s: float, count: int = 5, spread: float = 90.0) -> list[Mover]:
    return [Mover(goes((100 + 10 * n, 200 + spread * n), (speed_m_s * METRE, 0))) for n in range(count)]


def played(*movers: Mover, times: list[float] = FOCUS, **asked: float) -> Played:
    return play(Running(**asked), area(), movers, times, for_s=1.0)  # type: ignore[arg-type]


def test_five_who_run_are_one_event_with_their_speed() -> None:
    (event,) = played(*people(4.0)).events
    assert event.evidence.count == 5
    assert "5 of 5 running, about 4.0 m/s (threshold 3, 3 m/s, not calibrated)" in event.evidence.words_en
    assert "5 人中 5 人奔跑，约 4.0 米/秒" in event.evidence.words_zh


@pytest.mark.parametrize(
    "movers",
    [people(1.5), [Mover(trembling(stays(200 + 100 * n, 400), 12.0, n)) for n in range(5)], people(4.0, 2)],
    ids=["walking", "trembling", "two of them"],
)
def test_nothing_else_is(movers: list[Mover]) -> None:
    assert played(*movers).events == []


def test_a_few_who_hurry_through_many_who_walk_are_none() -> None:
    assert played(*people(4.0, 3), *people(1.2, 5, spread=70.0)).events == []


def test_single_visits_see_nothing_and_ask_for_a_closer_look_where_enough_people_are() -> None:
    by_visits = [0.0, 5.0, 10.0]
    assert played(*people(1.0), times=by_visits).events == []
    assert played(*people(1.0), times=by_visits).asked_s == by_visits
    assert played(*people(1.0, 2), times=by_visits).asked_s == []


def test_people_far_away_run_as_fast_as_those_near() -> None:
    small = [Mover(goes((100 + 20 * n, 200 + 20 * n), (4.0 * 30 / 1.7, 0)), (12.0, 30.0)) for n in range(4)]
    assert len(played(*small).events) == 1


def test_with_a_real_tracker_too() -> None:
    (event,) = play(Running(), area(), people(3.6), seconds(5.0, 8.0), ByteTracker, for_s=1.0).events
    assert event.evidence.count >= 3
    assert play(Running(), area(), people(1.4), seconds(5.0, 8.0), ByteTracker, for_s=1.0).events == []
