"""What the storm's benchmark counts, on storms made by hand: what is late, lost or shown too much is found."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.bench_storm import AGAIN, Due, Looks, Stormed, people, report, settled, sighting, storm, targets
from benchmarks.storm_console import ALERTS, ORDERS
from patrol.config import load
from patrol.domain.events import Kind, Level
from patrol.domain.messages import ALERT_STREAMS, ORDER_STREAMS
from patrol.domain.zones import RuleId
from tests.builders import NOON, camera
from tests.config.files import CREDENTIALS, SAMPLE
from tests.pipeline.parts import frame_of

CALM = Looks(looks=10, cards=12, in_digest=100, slowest_s=0.1)
EVENTS = (
    Due(0.0, camera("C-1"), Kind.CROWD, RuleId("a")),
    Due(1.0, camera("C-2"), Kind.CROWD, RuleId("b")),
    Due(2.0, camera("C-2"), Kind.CROWD, RuleId("b")),
)
STORED = {("C-1", "a"): ("A-1", "red"), ("C-2", "b"): ("A-2", "yellow")}
SEEN = (
    {"at": 100.5, "alert_id": "A-1", "incident_id": "I-1", "level": "red"},
    {"at": 101.0, "order_id": "O-1", "incident_id": "I-1", "level": "red"},
    {"at": 109.0, "alert_id": "A-2", "incident_id": "I-1", "level": "yellow"},
    {"at": 111.0, "alert_id": "A-2", "incident_id": "I-1", "level": "yellow"},
)


def stormed(**changes: Any) -> Stormed:
    plain = Stormed(EVENTS, 100.0, 2.0, 9.0, {"new_incident": 2, "cooling_down": 1}, SEEN, STORED, 1, 1, 2, CALM)
    return replace(plain, **changes)


def missed(**changes: Any) -> list[str]:
    return [target.name for target in targets(stormed(**changes)) if not target.kept]


def test_a_storm_in_which_all_is_right_keeps_all_targets_and_is_told() -> None:
    assert missed() == []
    assert stormed().reach_s() == {"red": [0.5], "yellow": [8.0], "blue": [], "green": []}
    assert stormed().orders_s() == [1.0]
    told = report(stormed())
    assert "2 alerts in 1 incidents" in told.summary
    assert told.as_json()["figures"]["to_console_s"]["yellow"]["max"] == 8.0


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"seen": ({**SEEN[0], "at": 102.1}, *SEEN[1:])}, "red event to console, max, s"),
        ({"seen": SEEN[2:]}, "alerts accepted and not delivered"),
        ({"verdicts": {"new_incident": 2}}, "events without an account"),
        ({"stored": {("C-1", "a"): ("A-1", "red")}}, "things told and not accepted"),
        ({"looks": replace(CALM, cards=13)}, "cards beside the digest that are not red"),
    ],
)
def test_what_is_late_lost_unaccounted_or_too_much_is_missed(changes: Mapping[str, Any], name: str) -> None:
    assert name in missed(**changes)


def test_a_red_alert_that_never_came_is_infinitely_late() -> None:
    assert stormed(seen=SEEN[2:]).reach_s()["red"] == [math.inf]


def test_the_storm_is_of_all_cameras_and_each_event_is_another_thing_but_for_those_told_again() -> None:
    configuration = load(SAMPLE, CREDENTIALS)
    events: Sequence[Due] = storm(configuration.cameras, 5000, 10.0, random.Random(1))
    assert len(events) == 5000
    assert [due.after_s for due in events] == sorted(due.after_s for due in events)
    assert events[-1].after_s < 10
    keys = Counter(due.key for due in events)
    assert len(keys) == 5000 - 5000 // AGAIN
    assert {due.camera.id for due in events} == {camera.id for camera in configuration.cameras if camera.zones}
    red = sum(configuration.levels.level_of(due.kind, due.camera.ring) is Level.RED for due in events)
    assert 0.04 < red / len(events) < 0.15
    rules = settled(configuration, events).rules
    assert {rules[due.rule_id].cool_down_s for due in events} == {120.0}
    assert storm(configuration.cameras, 5000, 10.0, random.Random(1)) == events


def test_an_event_is_handed_over_as_confirming_does() -> None:
    made = sighting(EVENTS[0], NOON, frame_of(), people())
    assert made.event.zone_id == made.camera.zones[0].id
    assert made.event.confirmed_at == NOON
    assert made.event.began_at < NOON
    assert len(made.event.evidence.boxes) == len(made.detections) == 5


def test_who_is_outside_knows_the_streams_by_itself_and_right() -> None:
    assert set(ALERTS) == set(ALERT_STREAMS)
    assert set(ORDERS) == set(ORDER_STREAMS)
