"""What raises levels, and where people are asked, as the file says it."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from patrol.config import json_schema
from patrol.domain.camera import RingName
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.events import Kind, Level
from patrol.domain.levels import Raise
from patrol.domain.schedules import TimeWindow
from tests.config.files import loaded, problems_of, sound


def raising(*entries: object) -> dict[str, Any]:
    whole = sound()
    whole["levels"]["raise"] = list(entries)
    return whole


def dispatching(**content: Any) -> dict[str, Any]:
    return sound() | {"dispatch": content}


def test_left_out_nothing_raises_nothing_waits_and_red_takes_two_people(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, sound())
    assert configuration.levels.raises == ()
    assert configuration.sending.confirm == ConfirmPolicy(two_people=frozenset({Level.RED}))
    assert configuration.second_person == {Level.RED}


def test_raises_are_taken_in_the_order_of_the_file(tmp_path: Path) -> None:
    whole = raising(
        {
            "name": "放学",
            "name_en": "After school",
            "by": 1,
            "sites": ["Hall"],
            "hours": [{"begins": "16:00", "ends": "18:00"}],
        },
        {"name": "大型", "to": "red", "kinds": ["crowd"], "rings": ["core"], "count": 40, "rising": True},
    )
    assert loaded(tmp_path, whole).levels.raises == (
        Raise("放学", "After school", by=1, sites=frozenset({"大楼"}), hours=(TimeWindow(time(16), time(18)),)),
        Raise(
            "大型",
            "大型",
            to=Level.RED,
            kinds=frozenset({Kind.CROWD}),
            rings=frozenset({RingName.CORE}),
            count=40,
            rising=True,
        ),
    )


@pytest.mark.parametrize(
    ("entry", "path", "expected"),
    [
        ({"name": "x", "count": 5}, "levels.raise[0]", "has neither by nor to; expected one of them, as in by: 1"),
        ({"name": "x", "count": 5, "by": 1, "to": "red"}, "levels.raise[0]", "has both by and to"),
        ({"name": "x", "by": 1}, "levels.raise[0]", "raises everything; expected one or more of kinds, rings, sites"),
        ({"name": "x", "to": "green", "count": 5}, "levels.raise[0]", "raises nothing"),
        ({"name": "x", "by": 4, "count": 5}, "levels.raise[0].by", "expected 3 or less, got 4"),
        ({"name": "x", "to": "purple", "count": 5}, "levels.raise[0].to", "got 'purple'"),
        ({"by": 1, "count": 5}, "levels.raise[0].name", "is missing; expected a name, as operators say it"),
        ({"name": "x", "by": 1, "counts": 5}, "levels.raise[0].counts", "did you mean `count`?"),
        ({"name": "x", "by": 1, "kinds": ["crwd"]}, "levels.raise[0].kinds[0]", "did you mean `crowd`?"),
        ({"name": "x", "by": 1, "kinds": ["camera_health"]}, "levels.raise[0]", "camera_health"),
        ({"name": "x", "by": 1, "kinds": ["fall"], "rising": True}, "levels.raise[0]", "crowd and gathering only"),
        ({"name": "x", "by": 1, "sites": ["Hal"]}, "levels.raise[0].sites[0]", "no site 'Hal'; did you mean `Hall`?"),
        (
            {"name": "x", "by": 1, "hours": [{"begins": "8", "ends": "9"}]},
            "levels.raise[0].hours[0].begins",
            "expected a time of day",
        ),
    ],
)
def test_what_is_wrong_with_a_raise_is_told_where_it_stands(
    tmp_path: Path, entry: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, raising(entry))
    assert path in problems, list(map(str, problems.values()))
    assert expected in problems[path].message
    assert problems[path].line is not None


def test_a_misspelt_raise_is_told_by_its_own_name(tmp_path: Path) -> None:
    whole = sound()
    whole["levels"]["rais"] = []
    (problem,) = problems_of(tmp_path, whole).values()
    assert "did you mean `raise`?" in problem.message


def test_what_waits_does_so_by_kind_and_level(tmp_path: Path) -> None:
    confirm = {
        "loitering": {
            "blue": {"within_s": 30, "then": "send"},
            "green": {"within_s": 120, "then": "close"},
            "yellow": "at_once",
        },
        "crowd": {"red": "at_once"},
    }
    configuration = loaded(tmp_path, dispatching(confirm=confirm, second_person=[]))
    assert configuration.second_person == frozenset()
    waiting = configuration.sending.confirm
    assert waiting.of(Kind.LOITERING, Level.BLUE, RingName.FAR) == Waiting(30, Then.SEND)
    assert waiting.of(Kind.LOITERING, Level.GREEN, RingName.PERIPHERY) == Waiting(120, Then.CLOSE)
    assert waiting.of(Kind.LOITERING, Level.BLUE, RingName.CORE) is None
    assert waiting.two_people == frozenset()
    for kind, level in ((Kind.LOITERING, Level.YELLOW), (Kind.CROWD, Level.RED), (Kind.FALL, Level.GREEN)):
        assert waiting.of(kind, level, RingName.FAR) is None


WAITS = {"within_s": 30, "then": "send"}


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ({"confirm": {"crowd": {"red": WAITS}}}, "dispatch.confirm.crowd.red", "makes red wait"),
        (
            {"confirm": {"crowd": {"blue": WAITS | {"then": "close"}}}, "second_person": ["red", "blue"]},
            "dispatch.confirm.crowd.blue.then",
            "closes what takes two people (dispatch.second_person has blue); expected send",
        ),
        ({"confirm": {"camera_health": {"blue": WAITS}}}, "dispatch.confirm.camera_health", "no unit is sent"),
        ({"confirm": {"crowd": {"blue": "later"}}}, "dispatch.confirm.crowd.blue", "expected at_once, or {within_s"),
        ({"confirm": {"crowd": {"blue": None}}}, "dispatch.confirm.crowd.blue", "expected at_once, or {within_s"),
        (
            {"confirm": {"crowd": {"blue": {"within_s": 30}}}},
            "dispatch.confirm.crowd.blue.then",
            "is missing; expected what",
        ),
        (
            {"confirm": {"crowd": {"blue": WAITS | {"then": "forget"}}}},
            "dispatch.confirm.crowd.blue.then",
            "got 'forget'",
        ),
        (
            {"confirm": {"crowd": {"blue": WAITS | {"within_s": 0}}}},
            "dispatch.confirm.crowd.blue.within_s",
            "more than 0",
        ),
        ({"confirm": {"crwd": {"blue": WAITS}}}, "dispatch.confirm.crwd", "did you mean `crowd`?"),
        ({"second_person": ["purple"]}, "dispatch.second_person[0]", "got 'purple'"),
        ({"second_persons": []}, "dispatch.second_persons", "did you mean `second_person`?"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    tmp_path: Path, content: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, dispatching(**content))
    assert path in problems, list(map(str, problems.values()))
    assert expected in problems[path].message
    assert problems[path].line is not None


def test_a_time_after_which_nobody_can_be_there_in_time_is_warned_about(tmp_path: Path) -> None:
    slow = {"crowd": {"blue": {"within_s": 180, "then": "send"}}}
    (warning,) = loaded(tmp_path, dispatching(confirm=slow)).warnings
    assert warning.path == "dispatch.confirm.crowd.blue.within_s"
    assert "in the periphery ring a unit is to be on scene within 180 s" in warning.message
    for fine in ({"within_s": 179, "then": "send"}, {"within_s": 600, "then": "close"}):
        assert loaded(tmp_path, dispatching(confirm={"crowd": {"blue": fine}})).warnings == ()


@pytest.mark.parametrize(("ring", "warned"), [("core", 1), ("periphery", 0), ("far", 0)])
def test_what_only_the_core_could_see_is_said_never_to_wait(tmp_path: Path, ring: str, warned: int) -> None:
    whole = dispatching(confirm={"crowd": {"blue": WAITS, "green": "at_once"}})
    whole["cameras"][0]["ring"] = ring
    warnings = [one for one in loaded(tmp_path, whole).warnings if one.path == "dispatch.confirm.crowd"]
    assert len(warnings) == warned
    assert all("only cameras in the core look for it" in one.message for one in warnings)
    whole["dispatch"]["confirm"]["crowd"]["blue"] = "at_once"
    assert not any("confirm" in one.path for one in loaded(tmp_path, whole).warnings)


def test_the_schema_knows_the_keys_as_the_file_has_them() -> None:
    definitions = json_schema()["$defs"]
    assert "raise" in definitions["LevelsModel"]["properties"]
    by_level = definitions["DispatchModel"]["properties"]["confirm"]["additionalProperties"]["additionalProperties"]
    at_once, waiting = by_level["anyOf"]
    assert at_once == {"const": "at_once"}
    assert (waiting["additionalProperties"], set(waiting["required"])) == (False, {"within_s", "then"})
    assert waiting["properties"]["then"]["enum"] == ["send", "close"]
