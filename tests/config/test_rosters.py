"""A unit's shift and crew, read from a file and written back into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from patrol.config.rosters import RosterBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.errors import ConfigError, FileChanged
from patrol.domain.staffing import UnitRoster, Weekday, WrittenWindow
from patrol.domain.units import UnitId
from tests.config.files import as_yaml, sound, written_to

ONE = UnitId("U-1")
DAY, NIGHT = WrittenWindow("08:00", "20:00"), WrittenWindow("20:00", "08:00", (Weekday.FRIDAY, Weekday.SATURDAY))
UNIT = """units:
  # the only one
  - {id: U-1, name: 巡逻组, kind: joint_patrol, rings: [core, periphery, far], home: [35.49, 112.850], speed_m_s: 2.8,
     mobilise_s: 5,   crew: 3,
     shift: [{begins: "8:00", ends: "20:00"}, {days: weekend, begins: "20:00", ends: "24:00"}] } # so
"""
LATE = WrittenWindow("20:00", "24:00", (Weekday.SATURDAY, Weekday.SUNDAY))


def book_of(folder: Path) -> RosterBook:
    rest = {key: value for key, value in sound().items() if key != "units"}
    return RosterBook(ConfigurationFile(written_to(folder, as_yaml(rest) + UNIT), {}))


def text_in(folder: Path) -> str:
    return (folder / "cameras.yaml").read_text(encoding="utf-8")


def set_roster(book: RosterBook, roster: UnitRoster, version: str | None = None) -> bool:
    """Whether anything had to be written."""
    with book.changing(ONE, roster, version or book.roster(ONE).version) as change:
        if change is not None:
            change.apply()
    return change is not None


def test_a_roster_is_told_in_the_words_of_the_configuration(tmp_path: Path) -> None:
    written = book_of(tmp_path).roster(ONE)
    assert written.roster == UnitRoster(3, (DAY, LATE))
    assert (written.name_en, written.file) == ("巡逻组", "cameras.yaml")


def test_only_what_changes_is_written_and_every_other_byte_stays(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    before = text_in(tmp_path)
    assert set_roster(book, UnitRoster(4, (DAY, NIGHT)))
    window = '{days: weekend, begins: "20:00", ends: "24:00"}'
    after = text_in(tmp_path)
    start = before.index(window)
    assert after.startswith(before[:start].replace("crew: 3", "crew: 4"))
    assert after.endswith(before[start + len(window) :])
    assert book.roster(ONE).roster == UnitRoster(4, (DAY, NIGHT))
    assert set_roster(book, UnitRoster(3, (DAY, LATE)))
    assert book.roster(ONE).roster == UnitRoster(3, (DAY, LATE))


def test_a_unit_without_windows_is_always_on_duty_and_gets_some_again(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    assert set_roster(book, UnitRoster(3))
    assert "shift" not in text_in(tmp_path)
    once = WrittenWindow("08:00", "12:00", (), ("2026-10-01",))
    assert set_roster(book, UnitRoster(3, (once,)))
    assert book.roster(ONE).roster.shift == (once,)


def test_what_is_so_already_is_not_written_whatever_version_is_named(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    before = text_in(tmp_path)
    assert not set_roster(book, UnitRoster(3, (DAY, LATE)), "another")
    assert text_in(tmp_path) == before


def test_who_saw_another_roster_is_refused_and_another_units_change_is_no_conflict(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    version = book.roster(ONE).version
    path = tmp_path / "cameras.yaml"
    path.write_text(text_in(tmp_path).replace("name: 大楼", "name: 楼"), encoding="utf-8")
    assert set_roster(book, UnitRoster(4, (DAY,)), version)
    with pytest.raises(FileChanged):
        set_roster(book, UnitRoster(5, (DAY,)), version)


@pytest.mark.parametrize(
    ("roster", "path"),
    [
        (UnitRoster(0), "crew"),
        (UnitRoster(2, (DAY, replace(DAY, ends="25:00"))), "shift[1].ends"),
        (UnitRoster(2, (replace(DAY, ends="08:00"),)), "shift[0]"),
        (UnitRoster(2, (replace(DAY, dates=("2026-02-30",)),)), "shift[0].dates[0]"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place_in_the_roster(
    tmp_path: Path, roster: UnitRoster, path: str
) -> None:
    book = book_of(tmp_path)
    before = text_in(tmp_path)
    with pytest.raises(ConfigError) as caught:
        set_roster(book, roster)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert text_in(tmp_path) == before
