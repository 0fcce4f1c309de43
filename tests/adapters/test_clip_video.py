"""Clips as files: what goes in comes out again, at its own time, in a form that browsers play."""

from __future__ import annotations

import io
from datetime import timedelta

import av
import cv2
import numpy as np
import pytest

from patrol.adapters.clip_video import WIDEST_PX, as_webm, compressed
from patrol.domain.camera import CameraId
from patrol.domain.clips import Still
from patrol.domain.errors import StoreError
from patrol.domain.frame import Frame
from patrol.domain.masks import blackened
from tests.builders import NOON, at

Picture = np.ndarray


def scene(left: int, width: int = 640, height: int = 360) -> Picture:
    """A white block of 80 x 160 before a grey wall."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[100:260, left : left + 80] = 230
    return pixels


def frame(pixels: Picture, seconds: float = 0.0) -> Frame:
    return Frame(CameraId("C-1"), at(seconds), pixels)


def still(pixels: Picture, seconds: float) -> Still:
    return Still(at(seconds), compressed(frame(pixels, seconds)))


def played(webm: bytes) -> list[tuple[float, Picture]]:
    with av.open(io.BytesIO(webm)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "vp8"
        return [(shown.time, shown.to_ndarray(format="bgr24")) for shown in container.decode(stream)]


def block_at(pixels: Picture) -> float:
    """Where the block's middle is, pixels from the left."""
    return float(np.flatnonzero(pixels[180, :, 1] > 160).mean())


def test_every_frame_is_shown_at_its_own_time() -> None:
    times = [0.0, 0.26, 0.49, 1.7, 2.013]
    clip = as_webm([still(scene(20 + round(200 * t)), 100 + t) for t in times])
    shown = played(clip)
    assert [t for t, _ in shown] == pytest.approx(times, abs=0.001)
    for t, pixels in shown:
        assert pixels.shape == (360, 640, 3)
        assert block_at(pixels) == pytest.approx(20 + round(200 * t) + 39.5, abs=4)


def test_a_clip_knows_how_long_it_is_and_where_its_key_frames_are() -> None:
    clip = as_webm([still(scene(20 + 4 * n), 0.25 * n) for n in range(40)])
    assert len(clip) < 1_500_000
    with av.open(io.BytesIO(clip)) as container:
        assert container.duration / av.time_base == pytest.approx(9.75, abs=0.6)
        container.seek(5_000_000)
        first = next(container.decode(video=0))
        assert 2.5 <= first.time <= 5.0, "a player can jump into the middle"


def test_pictures_are_no_wider_than_they_need_be_and_keep_their_shape() -> None:
    small = cv2.imdecode(np.frombuffer(compressed(frame(scene(20, 1920, 1080))), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (360, WIDEST_PX, 3)
    as_it_is = cv2.imdecode(np.frombuffer(compressed(frame(scene(20, 320, 270))), np.uint8), cv2.IMREAD_COLOR)
    assert as_it_is.shape == (270, 320, 3)


def test_odd_sizes_and_sizes_that_change_make_a_clip_too() -> None:
    clip = as_webm([still(scene(20, 355, 301), 0.0), still(scene(40, 355, 301), 0.25), still(scene(20), 0.5)])
    assert {pixels.shape for _, pixels in played(clip)} == {(300, 354, 3)}


def test_two_frames_of_one_moment_are_shown_one_after_the_other() -> None:
    clip = as_webm([still(scene(20), 0.0), Still(NOON + timedelta(microseconds=90), compressed(frame(scene(40))))])
    assert len(played(clip)) == 2


def test_what_a_mask_covers_is_in_no_picture_of_a_clip() -> None:
    mask = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    stills = [still(blackened(scene(20 + 10 * n), (mask,)), 0.25 * n) for n in range(4)]
    for _, pixels in played(as_webm(stills)):
        assert pixels[:, :312].max() < 40


def test_a_picture_that_cannot_be_read_is_a_store_error() -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        as_webm([Still(NOON, b"no jpeg"), Still(at(0.25), b"none either")])
