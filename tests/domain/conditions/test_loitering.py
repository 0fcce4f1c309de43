"""Who dwells: followed, or standing where somebody stood. Not who passes, and nobody among many."""

from __future__ import annotations

import math

import numpy as np

from patrol.domain.conditions.loitering import Loitering
from tests.builders import at
from tests.domain.conditions.moving import Mover, Played, area, goes, hidden, play, seconds, stays, trembling

BY_VISITS = [5.0 * n for n in range(60)]
DWELL_S = 60.0
LEFT = area(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


def played(*movers: Mover, times: list[float] = BY_VISITS, zone: object = None) -> Played:
    return play(Loitering(DWELL_S), zone or area(), movers, times, clear_after_s=30.0)  # type: ignore[arg-type]


def test_who_stands_there_from_visit_to_visit_is_one_event() -> None:
    (event,) = played(Mover(trembling(stays(300, 400), 4.0))).events
    assert (event.began_at, event.confirmed_at) == (at(0), at(DWELL_S))
    assert "1 dwelling for 1 min (threshold 1 min)" in event.evidence.words_en
    assert "1 人徘徊 1 分" in event.evidence.words_zh


def test_who_walks_up_and_down_is_one_where_they_are_followed() -> None:
    def path(t: float) -> tuple[float, float]:
        return 600 + 400 * math.sin(t / 6), 400

    (event,) = played(Mover(path), times=seconds(80.0)).events
    assert event.confirmed_at == at(DWELL_S)
    assert played(Mover(path)).events == [], "from visit to visit they cannot be told from others"


def test_passers_by_are_none_however_many() -> None:
    rng = np.random.default_rng(2)
    movers = [Mover(stays(float(x), float(y))) for x, y in rng.uniform((50, 200), (1200, 700), (60, 2))]
    passing = [Mover(goes(mover.path(0) or (0, 0), (0, 0), 5.0 * n, 5.0 * n + 4)) for n, mover in enumerate(movers)]
    assert played(*passing).events == []
    walking = [Mover(goes((0, 300 + 20 * n), (80, 0), 7.0 * n, 7.0 * n + 16)) for n in range(8)]
    assert played(*walking, times=seconds(70.0)).events == []


def test_among_many_nobody_is_taken_for_another() -> None:
    crowd = [Mover(stays(300 + 60 * n, 400)) for n in range(8)]
    assert played(*crowd).events == []


def test_who_is_not_seen_for_a_while_is_still_there_and_who_left_begins_anew() -> None:
    (event,) = played(Mover(hidden(stays(300, 400), (14, 21), (34, 41)))).events
    assert event.began_at == at(0)
    (again,) = played(Mover(hidden(stays(300, 400), (30, 100)))).events
    assert again.began_at == at(100)


def test_outside_of_the_zone_nobody_dwells() -> None:
    assert played(Mover(stays(900, 400)), zone=LEFT).events == []


def test_a_focus_in_between_loses_nobody() -> None:
    times = sorted({*BY_VISITS, *seconds(26.0, 4.0, since=20.0)})
    (event,) = played(Mover(stays(300, 400)), times=times).events
    assert event.began_at == at(0)
