"""What is drawn in a picture, read from a file and written back into it."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest

from patrol.config.scenes import SceneBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.calibrating import PickedPoint
from patrol.domain.camera import CameraId
from patrol.domain.drawing import DrawnGround, DrawnMask, DrawnScene, DrawnZone
from patrol.domain.errors import ConfigError, FileChanged
from tests.config.files import as_yaml, changed, sound, written_to

ONE, TWO = CameraId("C-1"), CameraId("C-2")
GATE = DrawnZone("gate", "门", ("crowd",), ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9)))
MASK = DrawnMask(((0.0, 0.0), (0.2, 0.0), (0.2, 0.2)), "窗")
GROUND = DrawnGround(
    tuple(
        PickedPoint(at, metres)
        for at, metres in (
            ((0.2, 0.9), (0.0, 0.0)),
            ((0.8, 0.9), (4.0, 0.0)),
            ((0.65, 0.55), (4.0, 6.0)),
            ((0.35, 0.55), (0.0, 6.0)),
        )
    )
)
SCENE = DrawnScene((GATE,), (MASK,), GROUND)


def book_of(folder: Path, content: Any = None) -> SceneBook:
    return SceneBook(ConfigurationFile(written_to(folder, content or sound()), {}))


def draw(book: SceneBook, scene: DrawnScene, version: str | None = None, camera_id: CameraId = ONE) -> bool:
    """Whether anything had to be written."""
    with book.changing(camera_id, scene, version or book.scene(camera_id).version) as change:
        if change is not None:
            change.apply()
    return change is not None


def test_what_a_template_lends_becomes_the_cameras_own_once_it_is_changed(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    lent = book.scene(ONE)
    assert lent.zones_of == "square"
    assert [zone.id for zone in lent.scene.zones] == ["ground"]
    assert draw(book, SCENE)
    own = book.scene(ONE)
    assert own.zones_of is None
    assert own.scene == SCENE
    assert own.version != lent.version
    assert book.scene(TWO).scene == lent.scene


def test_a_camera_may_have_none_of_what_its_template_lends(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    draw(book, DrawnScene())
    assert book.scene(ONE).scene == DrawnScene()
    assert "zones: []" in (tmp_path / "cameras.yaml").read_text(encoding="utf-8")


def test_what_is_taken_away_leaves_no_trace(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    before = (tmp_path / "cameras.yaml").read_text(encoding="utf-8")
    lent = book.scene(ONE).scene
    draw(book, replace(lent, masks=(MASK,), ground=GROUND))
    draw(book, lent)
    assert (tmp_path / "cameras.yaml").read_text(encoding="utf-8") == before


def test_what_is_so_already_is_not_written_whatever_version_is_named(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    version = book.scene(ONE).version
    assert draw(book, SCENE, version)
    assert not draw(book, SCENE, version)  # the same request once more


def test_who_looked_at_another_scene_is_told_and_another_cameras_change_is_none(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    version = book.scene(ONE).version
    draw(book, DrawnScene((GATE,)), camera_id=TWO)
    assert draw(book, SCENE, version)
    with pytest.raises(FileChanged):
        draw(book, DrawnScene((GATE,)), version)


def test_a_direction_stays_the_word_it_is_written_as(tmp_path: Path) -> None:
    zone = {"id": "way", "name": "车道", "rules": ["crowd"], "direction": "right", "polygon": [[0, 0], [1, 0], [1, 1]]}
    book = book_of(tmp_path, changed("templates", "square", "zones", to=[zone]))
    scene = book.scene(ONE).scene
    assert scene.zones[0].direction_deg == 90.0
    assert not draw(book, scene)
    draw(book, DrawnScene((replace(scene.zones[0], direction_deg=45.0),)))
    assert "direction: 45" in (tmp_path / "cameras.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("scene", "path"),
    [
        (DrawnScene((replace(GATE, rules=("nobody",)),)), "zones[0].rules[0]"),
        (DrawnScene((replace(GATE, name=""),)), "zones[0].name"),
        (DrawnScene((replace(GATE, polygon=((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9))),)), "zones[0].polygon"),
        (DrawnScene(masks=(DrawnMask(((0.1, 0.1), (1.9, 0.9), (0.9, 0.1))),)), "masks[0].polygon"),
        (DrawnScene(ground=DrawnGround(GROUND.points[:3])), "ground.points"),
        (DrawnScene(ground=DrawnGround(tuple(replace(p, at=(0.1, p.at[1])) for p in GROUND.points))), "ground"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place_and_not_written(
    tmp_path: Path, scene: DrawnScene, path: str
) -> None:
    book = book_of(tmp_path)
    before = (tmp_path / "cameras.yaml").read_bytes()
    verdict = book.checked(ONE, scene)
    assert [problem.path for problem in verdict.problems] == [path]
    with pytest.raises(ConfigError):
        draw(book, scene)
    assert (tmp_path / "cameras.yaml").read_bytes() == before


def test_a_sound_scene_gets_its_ground_and_how_sure_that_is(tmp_path: Path) -> None:
    verdict = book_of(tmp_path).checked(ONE, SCENE)
    assert verdict.problems == ()
    assert verdict.ground is not None
    assert verdict.ground.error == pytest.approx(0.0, abs=0.1)


def test_nobody_knows_a_camera_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        book_of(tmp_path).scene(CameraId("C-9"))


def test_the_file_is_read_again_when_it_was_touched_and_only_then(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    first = book.changed()
    assert first is not None
    assert set(first.scenes) == {"C-1", "C-2", "P-1"}
    assert book.changed() is None
    draw(book, SCENE)
    second = book.changed()
    assert second is not None
    assert second.version == book.scene(ONE).file_version
    assert len(second.scenes[ONE].masks) == 1
    (tmp_path / "cameras.yaml").write_text("nonsense: [", encoding="utf-8")
    assert book.changed() is None  # somebody may be writing it
    third = book.changed()
    assert third is not None
    assert third.problem is not None
    (tmp_path / "cameras.yaml").unlink()
    assert book.changed() is None  # whoever puts another one there has not done so yet


def test_a_file_that_the_system_does_not_give_is_asked_for_again(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    first = book.changed()
    file = tmp_path / "cameras.yaml"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole + "# touched\n", encoding="utf-8")
    assert book.changed() is None  # not at rest yet
    touched_at, by_the_system = file.stat().st_mtime_ns, Path.open

    def no_bytes(path: Path, *arguments: Any, **more: Any) -> IO[Any]:
        if path == file:
            raise OSError(errno.EIO, "Input/output error")
        return by_the_system(path, *arguments, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "open", no_bytes)
        for _ in range(2):
            refused = book.changed()
            assert refused is not None
            assert refused.problem is not None
            assert "Input/output error" in refused.problem
    assert file.stat().st_mtime_ns == touched_at
    taken = book.changed()
    assert taken is not None
    assert taken.problem is None
    assert first is not None
    assert taken.version != first.version
    assert book.changed() is None


def test_a_file_that_is_half_written_unmasks_nothing_though_that_half_is_sound(tmp_path: Path) -> None:
    content = sound()
    cameras = content.pop("cameras")
    book = book_of(tmp_path, {**content, "cameras": cameras})  # last, as they mostly stand
    last = CameraId("P-1")
    draw(book, replace(book.scene(last).scene, masks=(MASK,)), camera_id=last)
    before = book.changed()
    assert before is not None
    file = tmp_path / "cameras.yaml"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole[: whole.index("  masks:")], encoding="utf-8")
    assert book.scene(last).scene.masks == ()
    assert book.changed() is None
    file.write_text(whole + "# the other half\n", encoding="utf-8")
    assert book.changed() is None
    after = book.changed()
    assert after is not None
    assert after.problem is None
    assert after.scenes == before.scenes


def test_whose_address_is_another_one_is_told(tmp_path: Path) -> None:
    book = book_of(tmp_path)
    first = book.changed()
    assert first is not None
    assert first.moved == frozenset()
    file = tmp_path / "cameras.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("10.1.1.1\n", "10.1.1.9\n"), encoding="utf-8")
    assert book.changed() is None
    second = book.changed()
    assert second is not None
    assert second.moved == {ONE}


def test_comments_in_a_hand_written_file_stay(tmp_path: Path) -> None:
    text = as_yaml(sound()).replace("- id: C-1\n", "- id: C-1   # by the fountain\n")
    book = book_of(tmp_path, text)
    draw(book, SCENE)
    assert "- id: C-1   # by the fountain\n" in (tmp_path / "cameras.yaml").read_text(encoding="utf-8")
