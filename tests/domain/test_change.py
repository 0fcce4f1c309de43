"""What counts as a change, and when a camera is looked at whatever the test says."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import CameraId
from patrol.domain.change import (
    HEIGHT,
    WIDTH,
    ChangeMemory,
    ChangeSettings,
    ChangeVerdict,
    Thumbnail,
    changed,
    strength,
    thumbnail,
)
from tests.examples import examples

CAMERA, OTHER = CameraId("gate"), CameraId("yard")
AS_USUAL = ChangeSettings()

Picture = npt.NDArray[np.uint8]


def street(seed: int = 0, noise: float = 0.0) -> npt.NDArray[np.float32]:
    """A still scene of 640x360 with soft structure; ``noise``: sigma in grey levels, another with every seed."""
    blurred = cv2.GaussianBlur(np.random.default_rng(7).uniform(-1, 1, (360, 640, 3)), (0, 0), 6)
    scene = 110 + 25 * blurred / blurred.std()
    return (scene + np.random.default_rng(seed).normal(0, noise, scene.shape)).astype(np.float32)


def sent(scene: npt.NDArray[np.float32]) -> Thumbnail:
    return thumbnail(np.clip(scene, 0, 255).astype(np.uint8))


def with_somebody(
    scene: npt.NDArray[np.float32], left: int, top: int, height: int, grey: float
) -> npt.NDArray[np.float32]:
    """Somebody a third as wide as tall, ``grey`` levels darker or brighter than what is behind."""
    scene = scene.copy()
    scene[top : top + height, left : left + height // 3] += grey
    return scene


# The test


def test_a_thumbnail_is_small_grey_and_true_to_every_pixel() -> None:
    picture = np.zeros((360, 640, 3), np.uint8)
    picture[0:4, 0:2] = 200  # half of the first cell
    small = thumbnail(picture)
    assert (small.shape, small.dtype) == ((HEIGHT, WIDTH), np.uint8)
    assert small[0, 0] == 100
    assert small.sum() == 100


@pytest.mark.parametrize("noise", [0, 3, 8, 15])
def test_noise_is_no_change(noise: float) -> None:
    assert not any(changed(sent(street(0, noise)), sent(street(seed, noise)), AS_USUAL) for seed in range(1, 20))


@pytest.mark.parametrize("light", [0.8, 0.9, 1.1, 1.25])
def test_light_over_the_whole_picture_is_no_change(light: float) -> None:
    assert not changed(sent(street(0, 2)), sent(street(1, 2) * light), AS_USUAL)


@examples(60)
@given(
    left=st.integers(0, 640 - 8),
    top=st.integers(0, 360 - 24),
    height=st.integers(24, 200),
    grey=st.sampled_from([-60, -35, 35, 60]),
    noise=st.sampled_from([0.0, 2.0, 4.0]),
    light=st.floats(0.85, 1.18),
)
def test_somebody_who_comes_is_a_change_wherever_and_however_small(
    left: int, top: int, height: int, grey: float, noise: float, light: float
) -> None:
    now = with_somebody(street(1, noise) * light, left, top, height, grey)
    assert changed(sent(street(0, noise)), sent(now), AS_USUAL)


def test_somebody_who_leaves_is_a_change() -> None:
    assert changed(sent(with_somebody(street(), 300, 100, 60, -50)), sent(street()), AS_USUAL)


def test_a_crowd_that_fills_the_picture_is_not_taken_for_noise() -> None:
    crowd = street()
    rng = np.random.default_rng(3)
    for _ in range(400):
        left, top = int(rng.integers(0, 600)), int(rng.integers(0, 300))
        crowd = with_somebody(crowd, left, top, 60, float(rng.choice([-70, 70])))
    assert changed(sent(street()), sent(crowd), AS_USUAL)


def test_another_place_is_a_change() -> None:
    turned = np.ascontiguousarray(street()[:, ::-1])
    assert changed(sent(street()), sent(turned), AS_USUAL)


@pytest.mark.parametrize("light", [0.3, 2.0])
def test_light_switched_on_or_off_is_a_change(light: float) -> None:
    dim = street() * 0.5
    assert strength(sent(dim), sent(dim * light), AS_USUAL) == float("inf")


def test_what_comes_by_small_steps_is_seen_against_the_last_look() -> None:
    """Each visit differs little from the one before; the memory holds it against the last full look instead."""
    memory = ChangeMemory(ChangeSettings(look_every=100))
    scene = street()
    memory.looked(CAMERA, sent(scene), seen=False)
    verdicts = [memory.decide(CAMERA, sent(with_somebody(scene, 300, 100, 60, -step))) for step in range(1, 10)]
    assert verdicts[0] is ChangeVerdict.SKIPPED
    assert verdicts[-1] is ChangeVerdict.CHANGED
    steps = [sent(with_somebody(scene, 300, 100, 60, -step)) for step in range(10)]
    assert not any(changed(before, now, AS_USUAL) for before, now in pairwise(steps))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"look_every": 0}, "look_every"), ({"least_grey": 0}, "least_grey"), ({"least_grey": 20}, "most_grey")],
)
def test_settings_under_which_nothing_would_be_looked_at_are_refused(wrong: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ChangeSettings(**wrong)


# The memory


def quiet_visits(memory: ChangeMemory, count: int, **suspicion: bool) -> list[ChangeVerdict]:
    """Visits of a still, empty scene, each looked at if asked for."""
    verdicts = []
    for _ in range(count):
        verdicts.append(memory.decide(CAMERA, sent(street()), **suspicion))
        if verdicts[-1] is not ChangeVerdict.SKIPPED:
            memory.looked(CAMERA, sent(street()), seen=False)
    return verdicts


def test_the_first_visit_is_a_look() -> None:
    assert quiet_visits(ChangeMemory(AS_USUAL), 1) == [ChangeVerdict.FIRST]


@pytest.mark.parametrize("look_every", [1, 2, 5])
def test_every_so_many_visits_one_is_a_look(look_every: int) -> None:
    memory = ChangeMemory(ChangeSettings(look_every=look_every))
    verdicts = quiet_visits(memory, 1 + 3 * look_every)
    assert verdicts[0] is ChangeVerdict.FIRST
    assert verdicts[1:] == [*[ChangeVerdict.SKIPPED] * (look_every - 1), ChangeVerdict.FORCED] * 3


def test_while_something_is_seen_nothing_is_skipped() -> None:
    memory = ChangeMemory(AS_USUAL)
    scene = sent(street())
    for _ in range(10):
        assert memory.decide(CAMERA, scene) is not ChangeVerdict.SKIPPED
        memory.looked(CAMERA, scene, seen=True)
    memory.decide(CAMERA, scene)
    memory.looked(CAMERA, scene, seen=False)
    assert memory.decide(CAMERA, scene) is ChangeVerdict.SKIPPED


def test_while_something_is_suspected_nothing_is_skipped() -> None:
    memory = ChangeMemory(AS_USUAL)
    assert quiet_visits(memory, 6, suspected=True)[1:] == [ChangeVerdict.SEEN] * 5


def test_a_look_that_never_ended_leaves_the_next_visit_a_look() -> None:
    """Its frame was dropped on the way to the detector: nobody knows what was in it."""
    memory = ChangeMemory(AS_USUAL)
    quiet_visits(memory, 2)
    somebody = sent(with_somebody(street(), 300, 100, 60, -50))
    assert memory.decide(CAMERA, somebody) is ChangeVerdict.CHANGED
    assert memory.decide(CAMERA, somebody) is ChangeVerdict.CHANGED


def test_cameras_are_remembered_apart() -> None:
    memory = ChangeMemory(AS_USUAL)
    quiet_visits(memory, 1)
    assert memory.decide(OTHER, sent(street())) is ChangeVerdict.FIRST


def test_what_was_saved_is_counted() -> None:
    memory = ChangeMemory(ChangeSettings(look_every=4))
    quiet_visits(memory, 9)
    assert memory.counts == {ChangeVerdict.FIRST: 1, ChangeVerdict.SKIPPED: 6, ChangeVerdict.FORCED: 2}


@examples(40)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40), st.integers(1, 6))
def test_no_camera_goes_longer_than_that_without_a_look(visits: list[tuple[bool, bool]], look_every: int) -> None:
    memory = ChangeMemory(ChangeSettings(look_every=look_every))
    empty, somebody = sent(street()), sent(with_somebody(street(), 300, 100, 60, -50))
    since = look_every  # none yet
    for there, suspected in visits:
        picture = somebody if there else empty
        if memory.decide(CAMERA, picture, suspected=suspected) is ChangeVerdict.SKIPPED:
            since += 1
            assert since < look_every
            assert not there
            assert not suspected
        else:
            since = 0
            memory.looked(CAMERA, picture, seen=there)
