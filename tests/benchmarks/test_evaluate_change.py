"""Judging the change test: who counts as having come, who as missed; and that what is composed is what it says."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import evaluate_change
from benchmarks.evaluate_change import (
    SIZE,
    CutOut,
    Faintness,
    Figures,
    Picture,
    Sample,
    Tally,
    Toured,
    compose,
    cut_out,
    emptied,
    empty_scene,
    recorded,
    report_of,
    toured,
)
from patrol.domain.change import ChangeMemory, ChangeSettings, ChangeVerdict

AS_USUAL = ChangeSettings()
BLIND = ChangeSettings(least_grey=255, most_grey=255)


def scene() -> Picture:
    ramp = np.linspace(60, 180, SIZE[0], dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(ramp[np.newaxis, :, np.newaxis], (SIZE[1], SIZE[0], 3)))


def with_block(grey: int = 10) -> Picture:
    picture = scene().copy()
    picture[100:180, 300:330] = grey
    return picture


def clip(*who: int, step_s: float = 1.0, event: tuple[int, ...] = ()) -> list[Sample]:
    """One sample a second; a block stands in the picture where ``who`` is above zero."""
    return [
        Sample(with_block() if people else scene(), place * step_s, people, place in event)
        for place, people in enumerate(who)
    ]


def test_only_pairs_that_begin_empty_count() -> None:
    tally = recorded(clip(0, 0, 1, 1, 0), 1.0, AS_USUAL)
    assert (tally.came, tally.missed, tally.empty, tally.skipped) == (1, 0, 1, 1)


def test_a_pair_is_as_far_apart_as_asked_for() -> None:
    tally = recorded(clip(0, 0, 0, 1), 2.0, AS_USUAL)
    assert (tally.came, tally.empty) == (1, 1)  # (1, 3) and (0, 2)


def test_who_is_not_noticed_is_missed() -> None:
    tally = recorded(clip(0, 1), 1.0, BLIND)
    assert (tally.came, tally.missed) == (1, 1)
    assert tally.closest < 1


def test_the_closest_is_the_weakest_change_of_all() -> None:
    faint, plain = Tally(1, 0, 0, 0, 1.5), Tally(2, 0, 3, 1, 7.0)
    plain += faint
    assert (plain.came, plain.empty, plain.skipped, plain.closest) == (3, 3, 1, 1.5)


def test_a_tour_visits_at_its_own_pace_and_counts_what_it_skips() -> None:
    memory, wrongly = toured(clip(*[0] * 9, step_s=0.5), 1.0, AS_USUAL)
    assert sum(memory.counts.values()) == 5
    assert memory.counts[ChangeVerdict.SKIPPED] == 4
    assert wrongly == 0


def test_skipping_somebody_or_an_event_is_wrong() -> None:
    assert toured(clip(0, 1, 1), 1.0, BLIND)[1] == 2
    assert toured(clip(0, 0, 0, event=(2,)), 1.0, AS_USUAL)[1] == 1
    assert toured(clip(0, 1, 1), 1.0, AS_USUAL)[1] == 0


def test_the_median_over_time_is_the_scene_without_those_who_pass() -> None:
    pictures = [scene() for _ in range(5)]
    for place, picture in enumerate(pictures):
        picture[50:100, 100 * place : 100 * place + 40] = 0
    np.testing.assert_array_equal(empty_scene(pictures), scene())


def test_every_frame_is_held_against_the_emptied_scene() -> None:
    tally = emptied(clip(1, 0, 1), scene(), AS_USUAL)
    assert (tally.came, tally.missed, tally.empty, tally.skipped) == (2, 0, 1, 1)


# Composing


def somebody() -> CutOut:
    return CutOut(np.zeros((60, 20, 3), np.uint8), np.ones((60, 20), np.float32))


def test_a_person_is_cut_out_without_the_background() -> None:
    person = cut_out(with_block(), scene(), np.array([280, 80, 350, 200], np.float32))
    assert person.opacity[60, 35] == pytest.approx(1.0)
    assert person.opacity[5, 5] == 0.0
    assert person.opacity.mean() == pytest.approx(80 * 30 / (120 * 70), rel=0.1)


def test_a_composed_person_has_the_height_and_contrast_asked_for() -> None:
    rng = np.random.default_rng(1)
    before, again, now = compose(scene(), somebody(), Faintness(30, 0.5, 0.0, 100), rng)
    assert np.abs(before.astype(int) - again).max() == 0
    differs = np.abs(before.astype(int) - now).max(axis=2)
    rows, columns = np.nonzero(differs > 15)
    assert rows.max() - rows.min() + 1 == pytest.approx(30, abs=1)
    assert columns.max() - columns.min() + 1 == pytest.approx(10, abs=1)
    behind = before[rows, columns].mean()
    assert differs[rows, columns].mean() == pytest.approx(0.5 * behind, rel=0.1)


def test_two_empty_pictures_have_noise_of_their_own() -> None:
    before, again, _ = compose(scene(), somebody(), Faintness(30, 0.5, 4.0, 95), np.random.default_rng(1))
    # Of 4 in each, less what JPEG smooths away of the colours.
    assert 3 < np.std(before.astype(float) - again) < 4 * math.sqrt(2)


# The whole


def figures(missed: int, wrongly: int) -> Figures:
    return Figures({"5": Tally(10, missed, 4, 2, 3.0)}, {"5": Toured(20, 6, wrongly)}, Tally(), Tally(), 300.0)


@pytest.mark.parametrize(("missed", "wrongly", "code"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_one_who_is_missed_is_a_failure(missed: int, wrongly: int, code: int, tmp_path: Path) -> None:
    report = report_of(figures(missed, wrongly))
    assert report.tell(tmp_path) == code
    assert f"{missed + wrongly} of 10 people came unnoticed" in report.last_line()


def test_clips_are_counted_together() -> None:
    memory, total = ChangeMemory(AS_USUAL), Toured()
    memory.counts.update({ChangeVerdict.FIRST: 1, ChangeVerdict.SKIPPED: 3})
    total.add(memory, 1)
    total.add(memory, 0)
    assert (total.visits, total.skipped, total.wrongly) == (8, 6, 1)


def test_clips_are_read_with_their_times_and_events(tmp_path: Path) -> None:
    frames = tmp_path / "walk"
    frames.mkdir()
    for number in range(20):
        cv2.imwrite(str(frames / f"{number:03d}.jpg"), np.full((24, 36, 3), number, np.uint8))
    truth = '{"path": "walk", "media": "frames", "fps": 10, "events": [{"start_s": 0.4, "end_s": 1.2}]}'
    (tmp_path / "truth.jsonl").write_text(truth + '\n{"path": "x.jpg", "media": "image"}\n')
    [read] = evaluate_change.clips_in(tmp_path)
    assert [at_s for at_s, _ in read.pictures] == [0.0, 0.5, 1.0, 1.5]
    assert {picture.shape for _, picture in read.pictures} == {(SIZE[1], SIZE[0], 3)}
    assert read.events == [(0.4, 1.2)]


def test_without_the_data_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(evaluate_change, "shared_data", lambda: None)
    monkeypatch.setattr("sys.argv", ["evaluate_change"])
    assert evaluate_change.main() == 2
    assert capsys.readouterr().out == "not measured: the recorded data are not there\n"
