"""A file is changed where it is to be changed, and nowhere else."""

from __future__ import annotations

import copy
import difflib
import itertools
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol.config.document import read_text
from patrol.config.editing import REMOVED, Change, edited, same, value_at
from patrol.config.writing import ConfigurationFile, version_of
from patrol.domain.errors import ConfigError, FileChanged, NotWritten
from tests.config.files import CREDENTIALS, SAMPLE, sound, written_to

COMMENTED = """\
# a file of our own
cameras:   # all of them
  - id: C-1   # the first
    name: "东门"
    zones:
      # where people wait
      - id: ground
        rules: [crowd,   fall]   # both
        polygon: [[0.1, 0.2], [0.9, 0.2], [0.5, 1.0]]
      - {id: strip, rules: [crowd], polygon: [[0, 0], [1, 0], [1, 1]]}   # narrow
    host: 10.0.0.1

  - {id: C-2, name: 西门, host: '10.0.0.2'}   # no zones
# units follow
units: [{id: U-1, shift: []}]
limits: {low: 0.10, high: }
"""


def data_of(text: str) -> Any:
    document, problems = read_text(text, Path("test"))
    assert problems == []
    return document.data


def lines_changed(before: str, after: str) -> list[str]:
    """The lines that differ, each with its sign."""
    told = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    return [f"{line[0]} {line[1:]}" for line in told if line[0] in "+-"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("location", "value", "lines"),
    [
        (
            ("cameras", 0, "zones", 0, "polygon"),
            [[0.1, 0.2], [0.9, 0.25], [0.5, 1.0]],
            [
                "-         polygon: [[0.1, 0.2], [0.9, 0.2], [0.5, 1.0]]",
                "+         polygon: [[0.1, 0.2], [0.9, 0.25], [0.5, 1.0]]",
            ],
        ),
        (
            ("cameras", 0, "zones", 0, "rules"),
            ["crowd", "fall", "fight"],
            ["-         rules: [crowd,   fall]   # both", "+         rules: [crowd,   fall, fight]   # both"],
        ),
        (("cameras", 0, "name"), "北门", ['-     name: "东门"', '+     name: "北门"']),
        (("cameras", 1, "name"), "北, 门", ["-   - {id: C-2, name: 西门, host: '10.0.0.2'}   # no zones",
                                          "+   - {id: C-2, name: '北, 门', host: '10.0.0.2'}   # no zones"]),
        (
            ("cameras", 0, "zones", 1),
            REMOVED,
            ["-       - {id: strip, rules: [crowd], polygon: [[0, 0], [1, 0], [1, 1]]}   # narrow"],
        ),
        (("cameras", 0, "masks"), [{"polygon": [[0, 0], [1, 0], [1, 1]]}],
         ["+     masks:", "+       - {polygon: [[0, 0], [1, 0], [1, 1]]}"]),
        (
            ("cameras", 1, "zones"),
            [{"id": "a"}, {"id": "b"}],
            [
                "-   - {id: C-2, name: 西门, host: '10.0.0.2'}   # no zones",
                "+   - {id: C-2, name: 西门, host: '10.0.0.2',",
                "+      zones: [",
                "+        {id: a},",
                "+        {id: b}",
                "+      ]}   # no zones",
            ],
        ),
        (("limits", "high"), 0.5, ["- limits: {low: 0.10, high: }", "+ limits: {low: 0.10, high: 0.5}"]),
        (("limits", "low"), REMOVED, ["- limits: {low: 0.10, high: }", "+ limits: {high: }"]),
        (("units", 0, "shift"), ["16:00"],
         ["- units: [{id: U-1, shift: []}]", "+ units: [{id: U-1, shift: ['16:00']}]"]),
        (("limits",), {"low": 0.1, "high": None}, []),
    ],
)  # fmt: skip
def test_only_what_is_to_change_changes(location: Any, value: object, lines: list[str], newline: str) -> None:
    text = COMMENTED.replace("\n", newline)
    after = edited(text, [Change(location, value)])
    assert lines_changed(text.replace(newline, "\n"), after.replace(newline, "\n")) == lines
    assert after.count("\r") == (after.count("\n") if newline == "\r\n" else 0)


def test_a_zone_is_added_as_its_neighbour_is_written() -> None:
    first = copy.deepcopy(data_of(COMMENTED)["cameras"][0]["zones"])
    new = {"id": "new", "rules": ["fall"], "polygon": [[0, 0], [1, 0], [1, 1]]}
    after = edited(COMMENTED, [Change(("cameras", 0, "zones"), [new, *first])])
    assert lines_changed(COMMENTED, after) == [
        "+       - id: new",
        "+         rules: [fall]",
        "+         polygon: [[0, 0], [1, 0], [1, 1]]",
    ]
    after = edited(COMMENTED, [Change(("cameras", 0, "zones", 2), new)])
    assert lines_changed(COMMENTED, after) == ["+       - {id: new, rules: [fall], polygon: [[0, 0], [1, 0], [1, 1]]}"]


def test_several_changes_are_made_one_after_the_other() -> None:
    after = edited(
        COMMENTED,
        [Change(("cameras", 0, "zones", 0), REMOVED), Change(("cameras", 0, "zones", 0, "rules"), ["fight"])],
    )
    zones = data_of(after)["cameras"][0]["zones"]
    assert [(zone["id"], zone["rules"]) for zone in zones] == [("strip", ["fight"])]
    assert "# where people wait" in after


def test_a_place_that_is_not_there_is_told_and_nothing_is_made_of_it() -> None:
    with pytest.raises(ConfigError) as caught:
        edited(COMMENTED, [Change(("cameras", 7, "zones"), [])])
    assert [problem.path for problem in caught.value.problems] == ["cameras[7].zones"]


numbers = st.one_of(st.integers(-9, 99), st.floats(0, 1, allow_nan=False).map(lambda one: round(one, 4)))
texts = st.text(
    st.one_of(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), st.sampled_from("#:'\"-, \n")),
    max_size=8,
)
keys = st.sampled_from(["id", "name", "a", "on", "16:00", "x y"])
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
plain = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=8,
)


def commented(data: Any, flow: bool | None) -> str:
    """The data as YAML, with a comment at the end of lines that can bear one."""
    text = yaml.safe_dump({"root": data, "end": [1]}, allow_unicode=True, sort_keys=False, default_flow_style=flow)
    lines = text.splitlines()
    try:
        data_of(said := "\n".join(f"{line}  # {n}" for n, line in enumerate(lines)) + "\n")
    except (AssertionError, ConfigError):
        return text
    return said


@given(plain, plain, st.sampled_from([None, False]))
@settings(max_examples=60, deadline=None)
def test_whatever_is_made_of_a_value_the_file_says_that_and_the_rest_stays(
    before: object, after: object, flow: bool | None
) -> None:
    text = "# first\n" + commented(before, flow)
    try:
        made = edited(text, [Change(("root",), after)])
    except ConfigError:
        return  # said to be beyond it: nothing was changed
    assert same(data_of(made), {**data_of(text), "root": data_of(yaml.safe_dump([after]))[0]})
    assert made.startswith("# first\n")
    assert made.splitlines()[-1] == text.splitlines()[-1]
    assert edited(made, [Change(("root",), after)]) == made  # what is so already costs no byte


@given(st.data())
@settings(max_examples=6, deadline=None)
def test_in_the_shipped_file_only_lines_of_that_camera_change(data: st.DataObject) -> None:
    text = SHIPPED_TEXT
    place = data.draw(st.sampled_from(PLACES))
    polygon = data.draw(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=3, max_size=6))
    zones = [{"id": "new", "name": "新", "rules": ["crowd"], "polygon": [[x / 1000, y / 1000] for x, y in polygon]}]
    after = edited(text, [Change((*place, "zones"), zones)])
    expected = copy.deepcopy(SHIPPED_DATA)
    value_at(expected, place)["zones"] = zones  # type: ignore[index]
    assert same(data_of(after), expected)
    camera = value_at(SHIPPED_DATA, place)
    assert isinstance(camera, dict)
    gone = {line[2:] for line in lines_changed(text, after) if line.startswith("-")}
    assert gone <= set(lines_of_camera(text, camera["id"]))
    assert comments_of(after) == comments_of(text)


SHIPPED_TEXT = SAMPLE.read_text(encoding="utf-8")
SHIPPED_DATA = data_of(SHIPPED_TEXT)
PLACES = [
    ("sites", s, "cameras", c) for s, site in enumerate(SHIPPED_DATA["sites"]) for c, _ in enumerate(site["cameras"])
]


def lines_of_camera(text: str, camera_id: str) -> list[str]:
    """One line, or those up to the next camera or site."""
    lines = text.splitlines()
    begins = next(at for at, line in enumerate(lines) if re.search(rf"- \{{?id: {camera_id}\b", line))
    indented = len(lines[begins]) - len(lines[begins].lstrip())
    more = itertools.takewhile(lambda line: len(line) - len(line.lstrip()) > indented, lines[begins + 1 :])
    return [lines[begins], *more]


def comments_of(text: str) -> list[str]:
    return re.findall(r"(?:^|\s)#.*", text)


# --- the file itself ------------------------------------------------------------------------------------------------

ZONES = [{"id": "gate", "name": "门", "rules": ["crowd"], "polygon": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}]
PLACE = ("sites", 0, "cameras", 0, "zones")


def replace_in(file: ConfigurationFile, *changes: Change) -> str:
    opened = file.read()
    with file.replacing(opened, file.with_changes(opened, changes).text) as replacement:
        replacement.take_its_place()
    return replacement.version


def test_a_file_is_replaced_whole_with_its_rights_and_through_its_link(tmp_path: Path) -> None:
    real = written_to(tmp_path, sound())
    real.chmod(0o640)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.yaml"
    link.symlink_to(real)
    file = ConfigurationFile(link, {})
    version = replace_in(file, Change(PLACE, ZONES))
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert version == version_of(real.read_bytes()) == file.read().version
    assert [zone.id for zone in file.read().configuration.cameras[0].zones] == ["gate"]
    assert list(tmp_path.glob(".*")) == []


def test_secrets_stay_as_they_are_written(tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    file = ConfigurationFile(path, CREDENTIALS)
    replace_in(file, Change(PLACE, ZONES))
    text = path.read_text(encoding="utf-8")
    assert "canary" not in text
    assert "${CAMERA_PASSWORD}" in text
    assert "canary" not in repr(file.read())


def test_what_would_not_load_is_refused_with_its_place_and_nothing_is_written(tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    before = path.read_bytes()
    file = ConfigurationFile(path, {})
    with pytest.raises(ConfigError) as caught:
        file.with_changes(file.read(), [Change(PLACE, [{**ZONES[0], "rules": ["nothing"]}])])
    (problem,) = caught.value.problems
    assert problem.path == "sites[0].cameras[0].zones[0].rules[0]"
    assert path.read_bytes() == before


def test_a_file_that_somebody_else_changed_is_not_overwritten(tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    file = ConfigurationFile(path, {})
    opened = file.read()
    path.write_text(path.read_text(encoding="utf-8") + "# quicker\n", encoding="utf-8")
    with pytest.raises(FileChanged), file.replacing(opened, opened.text):
        pass
    assert path.read_text(encoding="utf-8").endswith("# quicker\n")


def test_until_it_takes_its_place_nothing_has_changed_and_nothing_is_left(tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    (tmp_path / ".cameras.yaml.dead.part").write_text("left by a process that was killed")
    before = path.read_bytes()
    file = ConfigurationFile(path, {})
    opened = file.read()
    with file.replacing(opened, opened.text + "# more\n"):
        assert path.read_bytes() == before
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["cameras.yaml"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    file = ConfigurationFile(path, {})
    opened = file.read()
    path.unlink()
    with pytest.raises(NotWritten, match=r"cameras\.yaml cannot be written"), file.replacing(opened, opened.text):
        pass


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    path = written_to(tmp_path, sound())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    replace_in(ConfigurationFile(path, {}), Change(PLACE, ZONES))
    assert path.read_bytes().startswith(b"\xef\xbb\xbfstation")
