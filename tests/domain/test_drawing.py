"""What follows when somebody draws in a camera's picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from patrol.domain.calibrating import PickedPoint, from_points
from patrol.domain.camera import CameraId
from patrol.domain.drawing import (
    CameraScene,
    DrawingWarning,
    DrawnMask,
    DrawnScene,
    DrawnScenes,
    DrawnZone,
    SceneState,
    drawing_warnings,
    redrawn,
    state_of,
    uncovers,
    zones_to_forget,
)
from patrol.domain.health_memory import HealthMemory, KnownScene, Tally, troubles_on
from patrol.domain.health_watching import HealthWatcher
from patrol.domain.room import SceneStanding
from patrol.domain.troubles import Trouble
from patrol.domain.zones import RuleId, ZoneId
from tests.builders import NOON, camera, zone

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
SMALL = ((0.1, 0.1), (0.12, 0.1), (0.12, 0.12))
RULES = frozenset({RuleId("crowd"), RuleId("fall")})
GATE = zone(id=ZoneId("gate"), polygon=LEFT)
PLANE = from_points(
    [
        PickedPoint(at, metres)
        for at, metres in (((0.2, 0.9), (0, 0)), ((0.8, 0.9), (4, 0)), ((0.65, 0.55), (4, 6)), ((0.35, 0.55), (0, 6)))
    ]
).plane


def test_only_cameras_that_are_drawn_anew_change() -> None:
    one, two = camera("C-1"), camera("C-2")
    scenes = {each.id: CameraScene.of(each) for each in (one, two)}
    assert redrawn({one.id: one, two.id: two}, DrawnScenes("v1", scenes), RULES) == ([], None)
    scenes[two.id] = CameraScene((GATE,), (LEFT,), PLANE)
    (changed,), problem = redrawn({one.id: one, two.id: two}, DrawnScenes("v1", scenes), RULES)
    assert changed == replace(two, zones=(GATE,), masks=(LEFT,), ground=PLANE)
    assert problem is None
    assert redrawn({one.id: one}, DrawnScenes("v1", {}), RULES) == ([], None)


def test_a_rule_that_is_not_known_keeps_the_zones_and_never_a_mask() -> None:
    one = camera("C-1")
    new = replace(GATE, rules=(RuleId("new"),))
    (changed,), problem = redrawn({one.id: one}, DrawnScenes("v1", {one.id: CameraScene((new,), (LEFT,), None)}), RULES)
    assert changed == replace(one, masks=(LEFT,))
    assert problem == "camera C-1: rule new is new; it is taken up at the next start"


@pytest.mark.parametrize(
    ("change", "forgotten"),
    [
        ({}, set()),
        ({"zones": (replace(GATE, name="门前", name_en="front"), zone())}, set()),
        ({"zones": (replace(GATE, rules=(RuleId("fall"),)), zone())}, set()),
        ({"zones": (replace(GATE, polygon=SMALL), zone())}, {"gate"}),
        ({"zones": (GATE,)}, {"ground"}),
        ({"masks": (SMALL,)}, {"gate", "ground"}),
        ({"ground": PLANE}, {"gate", "ground"}),
    ],
)
def test_what_lay_elsewhere_is_forgotten(change: dict[str, object], forgotten: set[str]) -> None:
    before = camera(zones=(GATE, zone()))
    assert zones_to_forget(before, replace(before, **change)) == forgotten  # type: ignore[arg-type]


def test_masks_of_another_picture_are_not_laid_over_this_one() -> None:
    one = camera("C-1", masks=(LEFT,))
    drawn = DrawnScenes("v1", {one.id: CameraScene(one.zones, (SMALL,), None)}, moved=frozenset({one.id}))
    changed, problem = redrawn({one.id: one}, drawn, RULES)
    assert changed == []
    assert problem is not None
    assert "C-1" in problem


def test_a_mask_that_goes_shows_what_nothing_was_known_of() -> None:
    assert uncovers((LEFT,), ())
    assert uncovers((LEFT,), (SMALL,))
    assert not uncovers((), (LEFT,))
    assert not uncovers((LEFT,), (LEFT, SMALL))
    assert not uncovers((SMALL, LEFT), (LEFT,))


def test_what_is_probably_a_slip_of_the_hand_is_told() -> None:
    zones = (
        DrawnZone("a", "a", ("crowd",), SMALL),
        DrawnZone("b", "b", ("crowd",), ((0.05, 0.6), (0.45, 0.6), (0.45, 0.9))),
        DrawnZone("c", "c", ("crowd",), ((0.6, 0.0), (0.9, 0.0), (0.9, 0.9))),
        DrawnZone("d", "d", ("crowd",), ((0.6, 0.6), (0.9, 0.6), (0.9, 0.9))),
    )
    told = drawing_warnings(DrawnScene(zones, (DrawnMask(LEFT),)), PLANE, 0.3)
    assert [(each.path, each.code) for each in told] == [
        ("zones[0]", DrawingWarning.SMALL_ZONE),
        ("zones[0]", DrawingWarning.MASKED_ZONE),
        ("zones[0]", DrawingWarning.ZONE_AT_HORIZON),
        ("zones[1]", DrawingWarning.MASKED_ZONE),
        ("zones[2]", DrawingWarning.ZONE_AT_HORIZON),
        ("ground", DrawingWarning.UNSURE_GROUND),
    ]
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert [each.code for each in drawing_warnings(DrawnScene((), (DrawnMask(whole),)), None, None)] == [
        DrawingWarning.MUCH_MASKED
    ]


def test_it_holds_only_when_the_tour_says_so() -> None:
    read, old = SceneStanding("v2", NOON), SceneStanding("v1", NOON)
    assert state_of("v2", True, read) is SceneState.APPLIED
    assert state_of("v2", True, old) is SceneState.WAITING
    assert state_of("v2", True, replace(old, problem="no YAML", is_refused=True)) is SceneState.REFUSED
    assert state_of("v2", True, replace(old, problem="a new rule")) is SceneState.WAITING
    assert state_of("v2", True, replace(read, problem="a new rule")) is SceneState.PARTLY
    assert state_of("v2", True, None) is SceneState.UNTOLD
    assert state_of("v2", False, read) is SceneState.NO_TOUR


def test_where_a_mask_goes_scenes_are_learned_again_and_troubles_stay() -> None:
    known = KnownScene(np.zeros((27, 48, 2), np.int8), 9, 1.0, 1.0, 1.0)
    watcher, one = HealthWatcher(), CameraId("C-1")
    watcher.remember(one, HealthMemory((known,), tallies={Trouble.FROZEN: Tally(on=True)}))
    watcher.learn_anew(one)
    assert watcher.memory_of(one).scenes == ()
    assert troubles_on(watcher.memory_of(one)) == {Trouble.FROZEN}
