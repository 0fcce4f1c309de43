"""Somebody draws in a picture: a deed, then the file; and whoever looks at pictures takes it up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from patrol.adapters.memory import FakeClock, MemoryTourReports
from patrol.config.scenes import SceneBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.camera import Camera, CameraId
from patrol.domain.deeds import APPLIED, NOT_KNOWN, Action, Asking, Deed
from patrol.domain.drawing import CameraScene, DrawnScene, DrawnScenes
from patrol.domain.errors import FileChanged, NotWritten, StoreError
from patrol.domain.zones import RuleId
from patrol.pipeline.drawing import Drawing
from patrol.pipeline.redrawing import Redrawing
from tests.builders import NOON, camera, zone
from tests.config.files import sound, written_to
from tests.config.test_scenes import GATE, ONE, SCENE

HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@dataclass
class Deeds:
    """A DeedLog that can be away. ``files``: what the configuration was when each deed was noted."""

    file: Path
    deeds: list[Deed] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    is_away: bool = False

    async def note(self, who: str, action: Action, subject: str, detail: str = "", asking: Asking = NOT_KNOWN) -> int:
        if self.is_away:
            raise StoreError("away")
        self.files.append(self.file.read_bytes())
        self.deeds.append(Deed(NOON, who, action, subject, detail, asking.source))
        return len(self.deeds) - 1

    async def came_of(self, number: int, led_to: str) -> None:
        self.deeds[number] = replace(self.deeds[number], led_to=led_to)

    async def latest(self, limit: int, before: int | None = None) -> Sequence[tuple[int, Deed]]:
        return list(enumerate(reversed(self.deeds)))


@dataclass
class Desk:
    """A Drawing over a file, with what it works on."""

    folder: Path
    taken_up: int = 0

    def __post_init__(self) -> None:
        self.file = written_to(self.folder, sound())
        self.deeds = Deeds(self.file)
        self.book = SceneBook(ConfigurationFile(self.file, {}))
        self.drawing = Drawing(self.book, self.deeds, MemoryTourReports(), self._take_up)

    async def _take_up(self) -> None:
        self.taken_up += 1

    def draw(self, scene: DrawnScene, version: str, who: str = "li") -> None:
        asyncio.run(self.drawing.draw(ONE, scene, version, who))


def test_a_deed_is_noted_before_the_file_changes_with_what_was_and_what_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before, first = desk.file.read_bytes(), desk.book.scene(ONE)
    desk.draw(SCENE, first.version)
    (deed,) = desk.deeds.deeds
    assert (deed.who, deed.action, deed.subject, deed.led_to) == ("li", Action.DRAW_SCENE, ONE, APPLIED)
    told = deed.detail.splitlines()
    assert told[0] == f"{first.version} -> {desk.book.scene(ONE).version}"
    assert '"id":"ground"' in told[1]
    assert '"id":"gate"' in told[2]
    assert desk.deeds.files == [before]
    assert desk.file.read_bytes() != before
    assert desk.taken_up == 1


def test_what_is_so_already_leaves_no_deed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    version = desk.book.scene(ONE).version
    desk.draw(SCENE, version)
    desk.draw(SCENE, version)
    assert len(desk.deeds.deeds) == 1


def test_without_a_deed_nothing_is_written(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    before = desk.file.read_bytes()
    desk.deeds.is_away = True
    with pytest.raises(StoreError):
        desk.draw(SCENE, desk.book.scene(ONE).version)
    assert desk.file.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["cameras.yaml"]


def test_who_was_quicker_is_named_and_a_change_by_hand_is_nobodys(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    version = desk.book.scene(ONE).version
    desk.draw(SCENE, version, "wang")
    with pytest.raises(FileChanged) as caught:
        desk.draw(DrawnScene((GATE,)), version)
    assert (caught.value.who, caught.value.at) == ("wang", NOON)
    text = desk.file.read_text(encoding="utf-8")
    desk.file.write_text(text.replace("name: 门", "name: 大门"), encoding="utf-8")
    with pytest.raises(FileChanged) as caught:
        desk.draw(DrawnScene((GATE,)), version)
    assert caught.value.who is None


def test_a_disk_that_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(tmp_path)
    before = desk.file.read_bytes()

    def refused(self: Path, target: Path) -> Path:
        raise OSError(16, "Device or resource busy")  # as of a file that is mounted by itself

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(NotWritten, match=r"cameras\.yaml cannot be written: Device or resource busy"):
        desk.draw(SCENE, desk.book.scene(ONE).version)
    assert desk.file.read_bytes() == before


# --- taking it up ---------------------------------------------------------------------------------------------------


@dataclass
class Book:
    """A SceneBook that says what the test wants."""

    says: DrawnScenes | None = None

    def changed(self) -> DrawnScenes | None:
        says, self.says = self.says, None
        return says


def redrawing_of(*cameras: Camera) -> tuple[Redrawing, Book, dict[CameraId, Camera], list[tuple[Camera, Camera]]]:
    book, told = Book(), list[tuple[Camera, Camera]]()
    shared = {each.id: each for each in cameras}
    redrawing = Redrawing(
        book,  # type: ignore[arg-type]
        shared,
        {RuleId("crowd")},
        FakeClock(NOON),
        [lambda before, after: told.append((before, after))],
    )
    return redrawing, book, shared, told


def test_what_is_new_is_taken_up_and_told_with_what_was() -> None:
    one, two = camera("C-1"), camera("C-2")
    redrawing, book, shared, told = redrawing_of(one, two)
    assert redrawing.standing is None
    masked = CameraScene((zone(),), (HALF,), None)
    book.says = DrawnScenes("v2", {one.id: masked, two.id: CameraScene.of(two)})
    asyncio.run(redrawing.look())
    after = replace(one, masks=(HALF,))
    assert shared == {one.id: after, two.id: two}
    assert told == [(one, after)]
    assert redrawing.standing is not None
    assert (redrawing.standing.version, redrawing.standing.problem) == ("v2", None)


def test_a_file_that_cannot_be_read_unmasks_nothing() -> None:
    one = camera("C-1", masks=(HALF,))
    redrawing, book, shared, told = redrawing_of(one)
    book.says = DrawnScenes("v1", {one.id: CameraScene.of(one)})
    asyncio.run(redrawing.look())
    book.says = DrawnScenes("unreadable", {}, "line 3: is not YAML here")
    asyncio.run(redrawing.look())
    assert shared == {one.id: one}
    assert told == []
    assert redrawing.standing is not None
    assert (redrawing.standing.version, redrawing.standing.problem) == ("v1", "line 3: is not YAML here")
