"""When what several cameras see is one incident, as the file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.domain.closeness import NEVER, USUAL, Closeness, KindFamily, MergePolicy
from patrol.domain.events import Kind
from tests.config.files import loaded, problems_of, sound


def merging(**content: Any) -> dict[str, Any]:
    return sound() | {"merging": content}


def test_left_out_it_is_on_with_what_is_usual(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).merging == MergePolicy(USUAL)


def test_it_can_be_turned_off_and_left_to_some_families(tmp_path: Path) -> None:
    assert loaded(tmp_path, merging(enabled=False)).merging == NEVER
    policy = loaded(tmp_path, merging(never=["fall"])).merging
    assert policy.of(Kind.FALL) is None
    assert policy.of(Kind.CROWD) == USUAL[KindFamily.CROWD]


def test_what_a_family_does_not_say_is_as_usual_and_a_site_reaches_as_far_as_everything(tmp_path: Path) -> None:
    policy = loaded(tmp_path, merging(families={"crowd": {"within_s": 90}, "fall": {"within_m": 200}})).merging
    assert policy.of(Kind.GATHERING) == Closeness(80.0, 150.0, 90.0)
    assert policy.of(Kind.FALL) == Closeness(200.0, 200.0, 60.0)


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ({"families": {"crowds": {}}}, "merging.families.crowds", "crowd"),
        ({"families": {"crowd": {"within_m": -1}}}, "merging.families.crowd.within_m", "expected 0 or more"),
        (
            {"families": {"crowd": {"within_m": 90, "same_site_m": 60}}},
            "merging.families.crowd",
            "expected within_m (90)",
        ),
        ({"never": ["camera_health"]}, "merging.never[0]", "crowd"),
        ({"enabled": "yes"}, "merging.enabled", "true"),
        ({"within_m": 5}, "merging.within_m", ""),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    tmp_path: Path, content: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, merging(**content))
    assert list(problems) == [path]
    assert expected in problems[path].message
    assert problems[path].line is not None


def test_seconds_in_which_two_cameras_are_not_even_both_looked_at_are_warned_about(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, merging(families={"crowd": {"within_s": 20}})).warnings
    assert warning.path == "merging.families.crowd.within_s"
    assert "seen every 30 s" in warning.message
    assert loaded(tmp_path, merging(families={"crowd": {"within_s": 30}})).warnings == ()
    assert loaded(tmp_path, merging(never=["crowd"], families={"crowd": {"within_s": 20}})).warnings == ()
