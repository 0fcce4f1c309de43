"""YAML that is not sound: every way in which a file can fail before it is a configuration."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from patrol.config import load
from patrol.config.document import MOST_BYTES, read
from patrol.domain.errors import ConfigError, ConfigProblem
from tests.config.files import CREDENTIALS, as_yaml, problems_of, sound, written_to


def refused(path: Path) -> ConfigProblem:
    """The one problem for which the file at ``path`` is refused."""
    with pytest.raises(ConfigError) as caught:
        load(path, CREDENTIALS)
    (problem,) = caught.value.problems
    assert problem.path == "file"
    return problem


def test_a_missing_file(tmp_path: Path) -> None:
    assert "cannot be read: No such file or directory" in refused(tmp_path / "none.yaml").message


def test_a_folder(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in refused(tmp_path).message


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "gbk.yaml"
    path.write_bytes("# sample\nstation: {name: 政府}\n".encode("gbk"))

    assert refused(path) == ConfigProblem("file", "is not UTF-8 here; save the file as UTF-8", 2)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + as_yaml(sound()).encode())

    assert len(load(path, CREDENTIALS).cameras) == 3


def test_an_empty_file_is_told_what_belongs_in_it(tmp_path: Path) -> None:
    assert "is empty; expected station, rings" in refused(written_to(tmp_path, "# nothing\n")).message


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 10)

    assert "is larger than 16 MiB" in refused(path).message


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("station: {name: a\nrings: b\n", 2, "is not YAML here"),
        ("a: 1\n  b: 2\n", 2, "mapping values are not allowed"),
        ("a: 1\n\tb: 2\n", 2, "is not YAML here"),
        ("a: 1\nb: \x07\n", 2, "control characters are not allowed"),
        ("a: 1\n---\nb: 2\n", 2, "expected a single document"),
        ("a: &x 1\nb: *x\n", 2, "aliases (*name) are not supported; expected a template"),
        ("a: 1\nb: &x [*x]\n", 2, "aliases"),
        ("# deep\na: " + "[" * 100_000 + "]" * 100_000, 2, "is nested more than 24 deep"),
    ],
    ids=["open brace", "indent", "tab", "bell", "two documents", "alias", "cycle", "deep"],
)
def test_broken_yaml_is_told_with_its_line(tmp_path: Path, text: str, line: int, expected: str) -> None:
    problem = refused(written_to(tmp_path, text))

    assert expected in problem.message
    assert problem.line == line


@pytest.mark.parametrize("text", ["just text", "- a\n- b\n", "12"])
def test_a_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    assert "expected keys with values, got" in problems_of(tmp_path, text)["file"].message


def test_a_key_given_twice_is_told_with_both_lines_beside_the_other_problems(tmp_path: Path) -> None:
    text = as_yaml(sound()) + "station: {}\nunit: []\n"
    first = text.splitlines().index("station:") + 1
    problems = problems_of(tmp_path, text)

    assert problems["station"].message == f"is given twice, first in line {first}; expected each key once"
    assert problems["station"].line == text.count("\n") - 1
    assert "did you mean `units`?" in problems["unit"].message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [echo]", "!secret x", "!!set {a}", "!!binary aGk="])
def test_tags_are_refused_and_nothing_is_run(tmp_path: Path, tag: str) -> None:
    text = as_yaml(sound()) + f"web: {{host: {tag}}}\n"

    with pytest.raises(ConfigError, match=r"web\.host: YAML tags \(!name\) are not supported"):
        load(written_to(tmp_path, text), CREDENTIALS)


def test_a_mapping_as_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has a list or a mapping as a key; expected text"):
        load(written_to(tmp_path, "? {a: 1}\n: 2\n"), CREDENTIALS)


def test_keys_and_odd_scalars_are_taken_as_they_are_written(tmp_path: Path) -> None:
    document, problems = read(
        written_to(tmp_path, "{on: 2026-13-45, 1: 0x_, no: ~, d: 5e-1, e: 0.5, yes: 'yes', f: 16:00, g: 1:30.5}")
    )

    assert document.data == {"on": "2026-13-45", "1": "0x_", "no": None, "d": "5e-1", "e": 0.5, "yes": "yes"} | {
        "f": "16:00", "g": "1:30.5"
    }  # fmt: skip
    assert problems == []


def test_lines_are_those_of_the_key_or_of_the_nearest_thing_around(tmp_path: Path) -> None:
    document, _ = read(written_to(tmp_path, "a:\n  - x: 1\n    y:\n      2\n  - z: 3\n"))

    assert [document.line(at) for at in [("a", 0, "y"), ("a", 1), ("a", 1, "none"), ("a", 9, "x"), ("b",), ()]] == [
        3, 5, 5, 1, 1, 1,
    ]  # fmt: skip


def test_without_libyaml_the_answers_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written_to(tmp_path, sound())
    fast = load(path, CREDENTIALS)
    monkeypatch.setattr("patrol.config.document._Loader", yaml.SafeLoader)

    assert load(path, CREDENTIALS) == fast
    assert refused(written_to(tmp_path, "a: {\n")).line == 2


def test_reading_many_cameras_takes_as_many_steps_more_and_no_loop_within_a_loop(tmp_path: Path) -> None:
    few, many = (steps_to_load(written_to(tmp_path, many_cameras(count)), count) for count in (150, 600))
    assert many < 1.1 * 4 * few


def many_cameras(count: int) -> dict[str, Any]:
    data = sound()
    first = data["sites"][0]["cameras"][0]
    hosts = (f"10.1.{n // 250}.{n % 250}" for n in range(count))
    data["sites"][0]["cameras"] = [first | {"id": f"C-{n}", "host": host} for n, host in enumerate(hosts)]
    return data


def steps_to_load(path: Path, cameras: int) -> int:
    """How many calls of functions that takes: unlike its time, always the same."""
    steps = 0

    def count(_frame: object, event: str, _about: object) -> None:
        nonlocal steps
        steps += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        loaded = load(path, CREDENTIALS)
    finally:
        sys.setprofile(None)
    assert len(loaded.cameras) == cameras + 1
    return steps
