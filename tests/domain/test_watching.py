"""All rules of a camera together."""

from __future__ import annotations

from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId
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
