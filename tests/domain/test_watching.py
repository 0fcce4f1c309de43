"""All rules of a camera together."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from patrol.domain.detections import Detections
from patrol.domain.tracking import TrackIds
from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId, ZoneId
from tests.builders import at, camera, crowd, rule, zone

CROWD = rule(id=RuleId("crowd"), at_least=3, for_s=3.0, clear_after_s=10.0)
EMPTY_YARD, YARD = camera("C-2"), camera("C-1", zones=(zone(rules=(CROWD.id,)),))


def test_a_camera_is_clear_until_a_rule_holds_and_again_once_it_has_not_for_long_enough() -> None:
    watcher = Watcher({CROWD.id: CROWD})
    assert watcher.is_clear(YARD), "never seen"
    clear = []
    for second, count in ((0, 2), (1, 3), (2, 0), (9, 0), (12, 0)):
        watcher.observe(YARD, at(second), crowd(count))
        clear.append(watcher.is_clear(YARD))
    assert clear == [True, False, False, False, True]


def test_what_holds_at_one_camera_says_nothing_of_another() -> None:
    watcher = Watcher({CROWD.id: CROWD})
    watcher.observe(YARD, at(0), crowd(5))
    assert watcher.is_clear(EMPTY_YARD)


class TimesSeen:
    """A Tracker that writes down when it was shown a frame, seconds since its first."""

    shown: ClassVar[list[float]] = []

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        self.shown.append(at_s)
        return np.arange(len(detections), dtype=np.int64)


def test_a_frame_that_its_successor_overtook_tells_nothing_and_nobody_is_lost_by_it() -> None:
    watcher, TimesSeen.shown = Watcher({CROWD.id: CROWD}, new_tracker=TimesSeen), []
    for moment in (0.0, 0.5, 0.25, 0.5, 0.75):
        watcher.observe(YARD, at(moment), crowd(0 if moment == 0.25 else 3))
    assert TimesSeen.shown == [0.0, 0.5, 0.75]
    assert watcher.observe(YARD, at(3.0), crowd(3)).confirmed


def test_a_clock_that_was_set_back_begins_anew() -> None:
    watcher = Watcher({CROWD.id: CROWD})
    watcher.observe(YARD, at(100), crowd(3))
    watcher.observe(YARD, at(50), crowd(3))
    assert [event.began_at for event in watcher.observe(YARD, at(53), crowd(3)).confirmed] == [at(50)]


def test_it_is_settled_by_the_frame_that_confirms_or_drops_the_last_suspicion() -> None:
    settled = []
    for counts in ((3, 3, 3, 3, 3), (3, 0, 0, 0, 0)):
        watcher = Watcher({CROWD.id: CROWD})
        found = [
            watcher.observe(YARD, at(second), crowd(n)) for second, n in zip((0, 1, 3, 11, 12), counts, strict=True)
        ]
        settled.append([each.is_settled for each in found])
    assert settled == [[False, False, True, False, False], [False, False, False, True, False]]


def test_a_zone_that_is_drawn_anew_begins_anew_and_another_goes_on() -> None:
    low, high = zone(id=ZoneId("low"), rules=(CROWD.id,)), zone(id=ZoneId("high"), rules=(CROWD.id,))
    before = camera(zones=(low, high))
    after = replace(before, zones=(low, replace(high, polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.9)))))
    watcher = Watcher({CROWD.id: CROWD})
    watcher.observe(before, at(0), crowd(4))
    watcher.redrawn(before, after)
    assert [event.zone_id for event in watcher.observe(after, at(3.5), crowd(4)).confirmed] == ["low"]
    assert [event.zone_id for event in watcher.observe(after, at(7), crowd(4)).confirmed] == ["high"]


def test_an_event_whose_zone_is_drawn_anew_is_not_told_as_ended() -> None:
    watcher = Watcher({CROWD.id: CROWD})
    for second in (0, 4):
        watcher.observe(YARD, at(second), crowd(4))
    gone = replace(YARD, zones=())
    watcher.redrawn(YARD, gone)
    assert watcher.observe(gone, at(5), crowd(0)).ended == ()
    assert watcher.is_clear(gone)
