"""The clips the benchmarks' cameras show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import clips
from benchmarks.clips import FPS, GOP_FRAMES, HEIGHT, WIDTH, Pixels, encoded, key_pictures, lengthened, padded


def grey(value: int, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def walk(count: int) -> list[Pixels]:
    """A white figure that walks through a dark place, with a sensor's noise."""
    chance = np.random.default_rng(0)
    pictures = []
    for number in range(count):
        picture = (60 + chance.normal(0, 2, (HEIGHT, WIDTH, 3))).round().astype(np.uint8)
        picture[150:300, 10 + 8 * number : 60 + 8 * number] = 230
        pictures.append(picture)
    return pictures


@pytest.mark.parametrize(("codec", "keys"), [("h264", 2), ("h265", 2)])
def test_every_group_is_whole_and_begins_with_its_only_key_frame(codec: str, keys: int) -> None:
    pack = encoded(walk(GOP_FRAMES * 2 + 5), codec)
    assert (pack.codec, pack.width, pack.height, pack.fps) == (codec, WIDTH, HEIGHT, FPS)
    assert pack.keys == (0, GOP_FRAMES)
    assert [len(gop) for gop in pack.gops] == [GOP_FRAMES] * keys
    assert len(pack.codec_data) > 10


def test_a_key_frame_shows_its_moment() -> None:
    pictures = [grey(40)] * GOP_FRAMES + [grey(200)] * GOP_FRAMES
    shown = list(key_pictures(encoded(pictures)))
    assert [round(float(picture.mean()), -1) for picture in shown] == [40, 200]
    assert shown[0].shape == (HEIGHT, WIDTH, 3)


def test_a_key_frame_may_be_far_from_the_next() -> None:
    assert [len(gop) for gop in encoded(walk(4 * FPS), gop_s=4).gops] == [4 * FPS]


def test_less_than_a_group_is_no_clip() -> None:
    with pytest.raises(ValueError, match="expected at least 24 pictures, got 23"):
        encoded(walk(GOP_FRAMES - 1))


def test_another_shape_stands_in_the_middle_of_grey() -> None:
    picture = padded(grey(250, height=480, width=640))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (picture[:, :80] == clips.GREY).all()
    assert (picture[:, 80:560] == 250).all()


def test_a_short_clip_goes_on_backwards_and_forwards_with_noise_of_its_own() -> None:
    pictures = [grey(20 * number) for number in range(1, GOP_FRAMES + 1) if number < 12] * 2
    long = lengthened(pictures, gops=3)
    assert len(long) == 3 * GOP_FRAMES
    count = len(pictures)
    assert all(np.array_equal(one, other) for one, other in zip(long, pictures, strict=False))
    assert long[count].mean() == pytest.approx(pictures[-1].mean(), abs=0.5)
    assert long[2 * count].mean() == pytest.approx(pictures[0].mean(), abs=0.5)
    assert not np.array_equal(long[count], pictures[-1])


def test_whoever_moves_is_taken_out_and_the_noise_stays() -> None:
    pictures = walk(48)
    without = clips.without_people(pictures)
    assert max(int(picture.max()) for picture in without) < 100
    assert np.array_equal(without[0][:100], pictures[0][:100])
    assert not np.array_equal(without[0][:100], without[1][:100])


def test_seconds_without_anybody_are_found_and_not_longer_than_a_clip_may_be() -> None:
    there = [((0.5, 0.5),)]
    feet = [()] * 3 + there * 50 + [()] * 2
    assert clips._runs(feet, somebody=False) == [(0, 3), (53, 55)]
    assert clips._runs(feet, somebody=True) == [(3, 43), (43, 53)]


def test_recorded_clips_are_looked_for_where_one_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATROL_SHARED_DATA", str(tmp_path))
    assert clips.shared_data() is None
    (tmp_path / "truth.jsonl").touch()
    assert clips.shared_data() == tmp_path
