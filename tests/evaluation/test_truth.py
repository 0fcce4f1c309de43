"""What is true is read whole, and what is wrong with a line is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from patrol.domain.errors import InputError
from patrol.evaluation.scoring import Interval
from patrol.evaluation.truth import Direction, Media, read_mot, read_truth


def folder(tmp_path: Path, *rows: Any) -> Path:
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "frames").mkdir()
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    (tmp_path / "truth.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def row(**changes: Any) -> dict[str, Any]:
    return {"path": "a.mp4", "kind": "fight", "media": "video", "label": True} | changes


def test_a_line_is_read_whole(tmp_path: Path) -> None:
    events = [{"start_s": 3, "end_s": 5, "kind": "wrong_way"}, {"start_s": 0, "end_s": 1, "kind": "fight"}]
    said = row(kind="wrong_way", events=events, allowed_direction="left", reverse=True, size=[320, 176], scene=7)
    (item,) = read_truth(folder(tmp_path, said))
    assert (item.media, item.holds, item.intervals) == (Media.VIDEO, True, (Interval(3, 5),))
    assert (item.allowed_direction, item.reverse, item.size, item.group) == (
        Direction.LEFT,
        True,
        (320, 176),
        "scene 7",
    )


def test_only_the_kinds_that_are_asked_for(tmp_path: Path) -> None:
    assert [item.kind for item in read_truth(folder(tmp_path, row(), row(kind="fall")), ["fall"])] == ["fall"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{", "line 1: expected a JSON object"),
        (row(kind="fright"), "line 1: kind: expected one of"),
        (row(path="b.mp4"), "line 1: path: there is no 'b.mp4'"),
        (row(path="frames"), "line 1: path: expected a file for media video"),
        (row(path="frames", media="frames"), "line 1: fps: is missing"),
        (row(label=None), "line 1: label: is missing"),
        (row(media="film"), "line 1: media:"),
        (row(events=[{"start_s": 4, "end_s": 2}]), "line 1: events.0.end_s: expected 4 or more, got 2"),
        (row(kind="crowd_count", label=None), "line 1: count: is missing"),
        (row(kind="people_boxes"), "line 1: boxes: is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, said: Any, told: str) -> None:
    with pytest.raises(InputError) as raised:
        read_truth(folder(tmp_path, said))
    assert told in str(raised.value)
    assert "truth.jsonl" in str(raised.value)


def test_a_folder_without_a_truth_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"truth\.jsonl"):
        read_truth(tmp_path)


def test_boxes_that_count_and_those_that_count_neither_way(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text(
        "1,1,10,20,30,40,1,1,0.9\n1,2,0,0,5,5,1,1,0.2\n1,3,0,0,5,5,0,1,1\n1,4,0,0,5,5,1,7,1\n"
    )
    boxes = read_mot(tmp_path / "gt.txt")
    assert [box.counts for box in boxes] == [True, False, False, False]
    assert boxes[0].xyxy == (10, 20, 40, 60)
    (tmp_path / "gt.txt").write_text("1,2,three\n")
    with pytest.raises(InputError, match="line 1: expected numbers"):
        read_mot(tmp_path / "gt.txt")
