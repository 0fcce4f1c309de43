"""What a file says of counting people: how densely, how finely, by which model, and how sure the ground is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.app.looking import picture_box
from patrol.config import Configuration, load
from patrol.domain.camera import CameraId
from patrol.domain.conditions import Crowd
from patrol.domain.errors import ConfigError
from patrol.domain.zones import RuleId
from tests.config.files import CREDENTIALS, sound, written_to
from tests.config.test_ground import SQUARE

GROUND = {"points": [{"at": at, "metres": metres} for at, metres in SQUARE]}


def crowded(**said: Any) -> dict[str, Any]:
    """A sound file whose crowd rule says more."""
    whole = sound()
    whole["rules"]["crowd"] |= said
    return whole


def crowd_of(configuration: Configuration) -> Crowd:
    condition = configuration.rules[RuleId("crowd")].condition
    assert isinstance(condition, Crowd)
    return condition


@pytest.mark.parametrize(
    ("said", "per_m2"), [({}, None), ({"at_least_per_m2": 1.5}, 1.5), ({"grade": "E"}, 1.08), ({"grade": "F"}, 2.17)]
)
def test_a_crowd_may_have_to_be_so_dense(said: dict[str, Any], per_m2: float | None, tmp_path: Path) -> None:
    assert crowd_of(load(written_to(tmp_path, crowded(**said)), CREDENTIALS)).at_least_per_m2 == per_m2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"grade": "E", "at_least_per_m2": 1.0}, "has both at_least_per_m2 and grade"),
        ({"grade": "G"}, "expected one of"),
        ({"at_least_per_m2": 0}, "more than 0"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(written_to(tmp_path, crowded(**said)), CREDENTIALS)
    assert any(told in problem.message for problem in raised.value.problems)


def test_a_density_that_cannot_be_told_somewhere_is_warned_of(tmp_path: Path) -> None:
    warned = load(written_to(tmp_path, crowded(grade="E")), CREDENTIALS).warnings
    (warning,) = [each for each in warned if "how dense a crowd is cannot be told" in each.message]
    assert warning.path == "rules.crowd"
    whole = crowded(grade="E")
    for camera in [*whole["cameras"], *(camera for site in whole["sites"] for camera in site["cameras"])]:
        camera["ground"] = GROUND
    assert not any("how dense" in each.message for each in load(written_to(tmp_path, whole), CREDENTIALS).warnings)


def test_a_ground_may_say_how_sure_it_is(tmp_path: Path) -> None:
    whole = sound()
    whole["cameras"][0]["ground"] = GROUND | {"error": 0.2}
    (unsure,) = [c.ground for c in load(written_to(tmp_path, whole), CREDENTIALS).cameras if c.ground is not None]
    whole["cameras"][0]["ground"] = GROUND
    (sure,) = [c.ground for c in load(written_to(tmp_path, whole), CREDENTIALS).cameras if c.ground is not None]
    zone = ((0.3, 0.6), (0.6, 0.6), (0.7, 0.8), (0.3, 0.8))
    areas = sure.area(zone), unsure.area(zone)
    assert areas[0] is not None
    assert areas[1] is not None
    assert areas[0].value == areas[1].value
    assert areas[1].relative_error == pytest.approx((areas[0].relative_error ** 2 + 0.44**2) ** 0.5)


def test_a_camera_or_its_template_may_be_looked_at_finely(tmp_path: Path) -> None:
    whole = sound()
    alone = whole["cameras"][0]["id"]
    whole["cameras"][0]["fine"] = True
    fine = {camera.id for camera in load(written_to(tmp_path, whole), CREDENTIALS).cameras if camera.fine}
    assert fine == {CameraId(alone)}
    for template in whole["templates"].values():
        template["fine"] = True
    whole["cameras"][0]["fine"] = False
    fine = {camera.id for camera in load(written_to(tmp_path, whole), CREDENTIALS).cameras if camera.fine}
    assert CameraId(alone) not in fine
    assert fine


def test_pictures_are_as_large_as_the_closest_look_at_them(tmp_path: Path) -> None:
    whole = sound()
    whole["rules"]["calm"] = {"kind": "loitering", "name": "徘徊"}
    whole["cameras"][0]["zones"] = [
        {"id": "yard", "name": "院", "rules": ["calm"], "polygon": [[0, 0], [1, 0], [1, 1]]}
    ]
    alone = CameraId(whole["cameras"][0]["id"])

    def boxes() -> dict[CameraId, tuple[int, int]]:
        configuration = load(written_to(tmp_path, whole), CREDENTIALS)
        return {camera.id: picture_box(configuration, camera) for camera in configuration.cameras}

    assert boxes()[alone] == (640, 384)
    assert {box for name, box in boxes().items() if name != alone} == {(1280, 768)}, "crowds are counted there"
    whole["cameras"][0]["fine"] = True
    assert boxes()[alone] == (1280, 768)


@pytest.mark.parametrize(("said", "model"), [({}, "mcnn-a"), ({"density_model": "none"}, None)])
def test_which_model_tells_densities(said: dict[str, Any], model: str | None, tmp_path: Path) -> None:
    whole = sound()
    whole["detector"] = whole.get("detector", {}) | said
    assert load(written_to(tmp_path, whole), CREDENTIALS).detector.density_model == model
