"""Clips as the RTSP server reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.packs import Moment, Pack, corrupted, moment_of, nal_units, read_pack, write_pack


def nal(*content: int) -> bytes:
    return len(content).to_bytes(4, "big") + bytes(content)


def a_pack(frames: int = 6, keys: tuple[int, ...] = (0, 3)) -> Pack:
    pictures = tuple(nal(0x65 if n in keys else 0x41, *range(200)) + nal(0x06, n) for n in range(frames))
    return Pack("h264", b"\x01\x64", 640, 360, 12, keys, pictures)


def test_a_pack_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_pack(a_pack(), tmp_path / "a.clip")
    assert read_pack(tmp_path / "a.clip") == a_pack()


def test_frames_that_look_like_lines_of_text_do_no_harm(tmp_path: Path) -> None:
    pack = Pack("h264", b"", 640, 360, 12, (0,), (b"\n\n{}\n", b"\n"))
    write_pack(pack, tmp_path / "a.clip")
    assert read_pack(tmp_path / "a.clip").frames == pack.frames


def test_groups_of_pictures_begin_with_their_key_frames() -> None:
    pack = a_pack(frames=7, keys=(0, 3))
    assert [len(gop) for gop in pack.gops] == [3, 4]
    assert [gop[0] for gop in pack.gops] == [pack.frames[0], pack.frames[3]]


def test_its_rate_is_that_of_its_bytes() -> None:
    pack = Pack("h264", b"", 640, 360, 12, (0,), (bytes(8000),) * 12)
    assert pack.seconds == 1.0
    assert pack.kbit_per_s == 768.0


def test_corruption_changes_bytes_and_neither_lengths_nor_headers() -> None:
    pack, bad = a_pack(), corrupted(a_pack(), seed=1)
    for before, after in zip(pack.frames, bad.frames, strict=True):
        assert before != after
        assert list(nal_units(before)) == list(nal_units(after))
        assert [before[begin] for begin, _ in nal_units(before)] == [after[begin] for begin, _ in nal_units(after)]


def test_corruption_is_the_same_every_time() -> None:
    assert corrupted(a_pack(), seed=1) == corrupted(a_pack(), seed=1)
    assert corrupted(a_pack(), seed=1) != corrupted(a_pack(), seed=2)


@pytest.mark.parametrize(
    ("scene_s", "moment"),
    [
        (0.0, Moment(gop=0, frame=0)),
        (1.99, Moment(gop=0, frame=23)),
        (2.0, Moment(gop=1, frame=0)),
        (5.5, Moment(gop=2, frame=18)),
        (6.0, Moment(gop=0, frame=0)),
        (600_001.0, Moment(gop=0, frame=12)),
    ],
)
def test_a_film_goes_round_by_its_cameras_clock(scene_s: float, moment: Moment) -> None:
    assert moment_of(scene_s, gops=3, gop_frames=24, fps=12) == moment
