"""What the detector can tell is known before it is loaded: a model or a label that is not there is a problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from patrol.config import load
from patrol.domain.errors import ConfigError
from tests.config.files import CREDENTIALS, changed, problems_of, sound, written_to

KNOWN = {"yolov8n": ("person", "car")}


FORBIDDEN = {"kind": "intrusion", "name": "闯入"}


def complaints(tmp_path: Path, content: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as raised:
        load(written_to(tmp_path, content), CREDENTIALS, known_models=KNOWN)
    return {problem.path: problem.message for problem in raised.value.problems}


def test_a_sound_file_names_what_there_is(tmp_path: Path) -> None:
    assert load(written_to(tmp_path, sound()), CREDENTIALS, known_models=KNOWN).detector.model == "yolov8n"


def test_a_label_that_the_model_cannot_tell(tmp_path: Path) -> None:
    found = complaints(tmp_path, changed("rules", "forbidden", to=FORBIDDEN | {"forbid": ["persn"]}))
    assert set(found) == {"rules.forbidden.forbid[0]"}
    assert "yolov8n cannot tell" in found["rules.forbidden.forbid[0]"]
    assert "person" in found["rules.forbidden.forbid[0]"]


def test_a_model_that_nobody_knows(tmp_path: Path) -> None:
    found = complaints(tmp_path, sound() | {"detector": {"model": "yolov8m"}})
    assert set(found) == {"detector.model"}
    assert "yolov8n" in found["detector.model"]


def test_without_the_models_nothing_is_said_of_them(tmp_path: Path) -> None:
    content = changed("rules", "forbidden", to=FORBIDDEN | {"forbid": ["unicorn"]})
    assert load(written_to(tmp_path, content), CREDENTIALS).rules


@pytest.mark.parametrize("offset", ["nan", "inf", "soon"])
def test_an_offset_that_is_no_number_is_refused_here_not_at_the_first_visit(tmp_path: Path, offset: str) -> None:
    content = sound()
    content["cameras"][0]["stream"] = f"file:///clips/a.mp4?offset={offset}"
    (problem,) = problems_of(tmp_path, content).values()
    assert "offset" in problem.message
