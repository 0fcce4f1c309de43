"""Scoring boxes: small cases worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import evaluate_detector
from benchmarks.evaluate_detector import (
    Evaluation,
    Line,
    found_again,
    group_truths,
    head_quality,
    report_of,
    street_truths,
)
from patrol.adapters.model_store import Precision
from patrol.domain.detections import Detections
from patrol.evaluation.boxes import Judged, Scored, box_quality, judge, score
from tests.adapters.real_model import bus_pixels, real_model

NOTHING = np.zeros(0, np.bool_)


def judged(right: list[bool], confidence: list[float], truths: int) -> Judged:
    return Judged(np.array(confidence), np.array(right, np.bool_), truths)


def counted(count: int) -> np.ndarray:
    return np.zeros(count, np.bool_)


def people(*boxes: tuple[float, float, float, float]) -> Detections:
    xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(100, 100, xyxy, np.zeros(len(boxes), np.int64), np.full(len(boxes), 0.9, np.float32), ("person",))


# Judging


def test_the_surest_box_takes_the_truth_and_the_second_is_wrong() -> None:
    verdict = judge(np.array([[0.6], [0.9]]), np.array([0.8, 0.7]), counted(1))
    assert verdict.right.tolist() == [True, False]
    assert verdict.confidence.tolist() == [0.8, 0.7]


def test_a_box_takes_the_truth_it_fits_best() -> None:
    verdict = judge(np.array([[0.6, 0.9], [0.7, 0.8]]), np.array([0.8, 0.7]), counted(2))
    assert verdict.right.tolist() == [True, True]


def test_a_box_on_what_counts_neither_way_is_left_out() -> None:
    ignored = np.array([False, True])
    verdict = judge(np.array([[0.0, 0.9], [0.0, 0.8], [0.6, 0.9], [0.0, 0.0]]), np.array([0.9, 0.8, 0.7, 0.6]), ignored)
    assert verdict.right.tolist() == [True, False]
    assert verdict.confidence.tolist() == [0.7, 0.6]
    assert verdict.truths == 1


def test_a_picture_without_boxes_still_has_its_truths() -> None:
    assert judge(np.zeros((0, 3)), np.zeros(0), counted(3)).truths == 3


# Scoring


def test_everything_right_and_nothing_missed_is_one() -> None:
    assert score([judged([True, True], [0.9, 0.5], 2)], 0.6) == Scored(1.0, 0.5)


def test_the_area_under_the_envelope() -> None:
    """Right, wrong, right of 4: precision 1, 1/2, 2/3; recall 1/4, 1/4, 2/4: 1/4 x 1 + 1/4 x 2/3."""
    result = score([judged([True, False, True], [0.9, 0.8, 0.7], 4)], 0.0)
    assert result.average_precision == pytest.approx(1 / 4 + 1 / 4 * 2 / 3)
    assert result.recall == 0.5


def test_pictures_are_ranked_together() -> None:
    apart = [judged([True], [0.5], 1), judged([False], [0.9], 1)]
    assert score(apart, 0.0).average_precision == pytest.approx(1 / 2 * 1 / 2)


def test_no_boxes_score_nothing() -> None:
    assert score([judged([], [], 5)], 0.35) == Scored(0.0, 0.0)


# Quality


def test_half_an_overlap_is_not_enough() -> None:
    boxes = np.array([[0, 0, 10, 10]], np.float32)
    truths = np.array([[0, 0, 10, 20], [0, 0, 10, 19], [0, 0, 10, 10]], np.float32)
    assert box_quality(boxes, truths).tolist() == [[0.0, pytest.approx(10 / 19), 1.0]]


def test_a_head_belongs_to_the_box_it_is_on_top_of() -> None:
    boxes = np.array([[10, 10, 30, 70], [20, 10, 60, 70]], np.float32)
    heads = np.array([[20, 12], [20, 60], [5, 12]], np.float64)
    quality = head_quality(boxes, heads)
    assert quality[0, 0] > 0.9
    assert 0 < quality[1, 0] < quality[0, 0]
    assert quality[:, 1:].tolist() == [[0, 0], [0, 0]]


def test_boxes_found_again() -> None:
    expected = [people((0, 0, 10, 20), (50, 50, 60, 70)), people()]
    got = [people((0, 0, 10, 19)), people((0, 0, 5, 5))]
    assert found_again(expected, got) == 0.5
    assert found_again(expected, expected) == 1.0


# Data


def test_a_streets_truth_is_read_with_what_counts_neither_way(tmp_path: Path) -> None:
    folder = tmp_path / "mot17-02"
    folder.mkdir()
    cv2.imwrite(str(folder / "000001.jpg"), np.zeros((50, 50, 3), np.uint8))
    rows = ["1,1,0,0,10,20,1,1,1.0", "1,2,20,0,10,20,1,1,0.2", "1,3,0,20,10,20,0,7,1.0", "1,4,40,0,10,20,1,1,0.5"]
    (folder / "gt.txt").write_text("\n".join(rows))
    [truth] = street_truths(tmp_path)
    assert truth.ignored.tolist() == [False, True, True, False]
    assert truth.quality(np.array([[40, 0, 50, 20]], np.float32)).tolist() == [[0, 0, 0, 1]]


def test_each_photograph_keeps_its_own_heads(tmp_path: Path) -> None:
    folder = tmp_path / "crowd_small"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg"):
        cv2.imwrite(str(folder / name), np.zeros((50, 50, 3), np.uint8))
    (folder / "points.json").write_text(json.dumps({"a.jpg": [[5, 1]], "b.jpg": [[45, 1], [5, 1]]}))
    first, second = group_truths(tmp_path)
    box = np.array([[40, 0, 50, 40]], np.float32)
    assert (first.quality(box) > 0).tolist() == [[False]]
    assert (second.quality(box) > 0).tolist() == [[True, False]]


# The whole


def line(precision: Precision, street_lost: float, groups_lost: float) -> Line:
    scored = Scored(0.5, 0.4)
    return Line((640, 384), precision, scored, scored, 0.9, 20.0, street_lost, groups_lost)


@pytest.mark.parametrize(("lost", "code"), [(0.02, 0), (0.021, 1)])
def test_more_than_two_points_lost_is_a_failure(lost: float, code: int, tmp_path: Path) -> None:
    report = report_of([line(Precision.BF16, 0.5, 0.5), line(Precision.INT8, -0.1, lost)])
    assert report.tell(tmp_path) == code


@pytest.mark.weights
def test_real_pictures_of_known_people_score_as_they_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The street with a bus: four people, of whom three stand whole in the picture."""
    bus = bus_pixels()
    boxes = np.array([[48, 400, 245, 904], [221, 405, 345, 860], [669, 391, 810, 881]], np.float32)
    truth = evaluate_detector.Truth(bus, lambda found: box_quality(found, boxes), counted(3))
    monkeypatch.setattr(evaluate_detector, "street_truths", lambda data: [truth])
    monkeypatch.setattr(evaluate_detector, "group_truths", lambda data: [truth])
    monkeypatch.setattr(evaluate_detector, "untrue_pictures", lambda data: [bus])
    lines = list(Evaluation(real_model(), tmp_path, 0.05).lines([(640, 384)]))
    exact = lines[0]
    assert (exact.precision, exact.street_lost, exact.found_again) == (Precision.F32, 0.0, 1.0)
    assert exact.street.average_precision == pytest.approx(1.0)
    assert all(one.processor_ms > 0 for one in lines)


def test_without_the_data_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(evaluate_detector, "shared_data", lambda: None)
    monkeypatch.setattr("sys.argv", ["evaluate_detector"])
    assert evaluate_detector.main() == 2
    assert capsys.readouterr().out == "not measured: the recorded data are not there\n"
