"""Every kind of rule: what it needs, what it has by itself, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.adapters.model_manifests import known_classes
from patrol.config import load
from patrol.config.rule_models import MOVING, RULE_MODELS
from patrol.domain.conditions import Direction, Intrusion, LineCrossing
from patrol.domain.errors import ConfigError
from patrol.domain.events import Kind
from patrol.domain.zones import RuleId
from tests.config.files import CREDENTIALS, sound, written_to

LINE = {"id": "edge", "name": "边线", "line": [[0.1, 0.5], [0.9, 0.5]]}
AREA = {"id": "lane", "name": "车道", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "direction": "right"}


def content(kind: str, zone: dict[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    """A sound file with one rule more, that watches a zone of the first camera outside of sites."""
    whole = sound()
    whole["rules"]["new"] = {"kind": kind, "name": "新规则"} | said
    fitting = LINE if RULE_MODELS[kind].watches_lines else AREA
    whole["cameras"][0]["zones"] = [(zone or fitting) | {"rules": ["new"]}]
    return whole


def problems(tmp_path: Path, whole: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigError) as raised:
        load(written_to(tmp_path, whole), CREDENTIALS)
    return {problem.path: problem.message for problem in raised.value.problems}


@pytest.mark.parametrize("kind", RULE_MODELS)
def test_a_name_is_all_that_a_rule_needs(kind: str, tmp_path: Path) -> None:
    rule = load(written_to(tmp_path, content(kind)), CREDENTIALS, known_models=known_classes()).rules[RuleId("new")]
    assert rule.kind is Kind(kind)
    assert rule.condition.labels
    assert 0 < rule.condition.min_confidence < 1
    assert rule.hours == ()


def test_hours_are_when_a_rule_is_watched(tmp_path: Path) -> None:
    hours = [{"days": "workdays", "begins": "22:00", "ends": "06:00"}]
    rule = load(written_to(tmp_path, content("loitering", hours=hours)), CREDENTIALS).rules[RuleId("new")]
    assert len(rule.hours) == 1


def test_who_may_be_there_makes_all_else_an_intrusion(tmp_path: Path) -> None:
    rule = load(written_to(tmp_path, content("intrusion", allow=["person"])), CREDENTIALS).rules[RuleId("new")]
    assert isinstance(rule.condition, Intrusion)
    assert rule.condition.labels == MOVING - {"person"}
    found = problems(tmp_path, content("intrusion", allow=["person"], forbid=["car"]))
    assert "has both allow and forbid" in found["rules.new"]
    found = problems(tmp_path, content("intrusion", allow=sorted(MOVING)))
    assert "allows all that could intrude" in found["rules.new"]


def test_a_line_and_its_direction(tmp_path: Path) -> None:
    configuration = load(written_to(tmp_path, content("line_crossing", direction="left_to_right")), CREDENTIALS)
    condition = configuration.rules[RuleId("new")].condition
    assert isinstance(condition, LineCrossing)
    assert condition.direction is Direction.LEFT_TO_RIGHT
    zone = next(zone for camera in configuration.cameras for zone in camera.zones if zone.line is not None)
    assert zone.line == ((0.1, 0.5), (0.9, 0.5))


@pytest.mark.parametrize(
    ("whole", "place", "told"),
    [
        (content("line_crossing", AREA), "zones[0].rules[0]", "expected a zone with line"),
        (content("loitering", LINE), "zones[0].rules[0]", "expected a zone with polygon"),
        (content("wrong_way", {k: v for k, v in AREA.items() if k != "direction"}), "zones[0].rules[0]", "direction"),
        (content("wrong_way", AREA | {"direction": "there"}), "zones[0].direction", "expected right, left, up, down"),
        (content("line_crossing", LINE | {"line": [[0.5, 0.5], [0.5, 0.5]]}), "zones[0].line", "apart from each other"),
        (content("gathering", near_m=0), "rules.new.near_m", "more than 0"),
        (content("running", share=2), "rules.new.share", "1 or less"),
        (content("loitering", dwell=5), "rules.new.dwell", "did you mean `dwell_s`"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(whole: dict[str, Any], place: str, told: str, tmp_path: Path) -> None:
    found = problems(tmp_path, whole)
    (path,) = [path for path in found if path.endswith(place)] or [str(found)]
    assert told in found[path]
