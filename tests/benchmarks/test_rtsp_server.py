"""The RTSP server of the benchmarks, as a client sees it: cameras that run all the time."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.clips import GOP_FRAMES, GOP_S, HEIGHT, WIDTH, Pixels, encoded
from benchmarks.packs import write_pack
from benchmarks.serving import Server, Spot, missing_parts, rtsp_server

MISSING = missing_parts()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"GStreamer's RTSP server cannot run here: {MISSING}")

SHADES = (20, 60, 100, 140, 180, 220)  # of the groups of pictures of the film
OTHER_SHADE = 250


def film(*shades: int) -> list[Pixels]:
    return [np.full((HEIGHT, WIDTH, 3), shade, np.uint8) for shade in shades for _ in range(GOP_FRAMES)]


MOUNTS: dict[str, dict[str, Any]] = {
    "/now": {},
    "/ahead": {"offset_s": 3 * GOP_S},
    "/middle": {"join": "mid-gop"},
    "/stops": {"stop_after_s": 1.0},
    "/corrupt": {"corrupt": True},
    "/part": {"first": 1, "count": 1},
    "/h265": {"clip": "film-h265.clip"},
    "/changes": {"other": {"clip": "other.clip"}},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    write_pack(encoded(film(*SHADES)), folder / "film.clip")
    write_pack(encoded(film(*SHADES), "h265"), folder / "film-h265.clip")
    write_pack(encoded(film(OTHER_SHADE, OTHER_SHADE)), folder / "other.clip")
    with rtsp_server({mount: {"clip": "film.clip"} | what for mount, what in MOUNTS.items()}, folder) as running:
        yield running


def pictures(server: Server, mount: str, seconds: float, host: int = 0) -> Iterator[tuple[float, float, bool]]:
    """(when it came, its shade, whether it is a key frame) of what a client gets, for a while."""
    address = server.address(Spot(mount, "core", host))
    options = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "0"}
    with av.open(address, options=options, timeout=(5, 5)) as container:
        ends_at = time.time() + seconds
        for packet in container.demux(video=0):
            for frame in packet.decode():
                yield time.time(), float(frame.to_ndarray(format="gray").mean()), bool(packet.is_keyframe)
            if time.time() > ends_at or not packet.size:
                return


def shade_at(at: float, ahead_s: float = 0.0) -> float:
    return SHADES[int((at + ahead_s) / GOP_S) % len(SHADES)]


def is_border(at: float) -> bool:
    """Whether it is so near the change of two groups of pictures that either may be seen."""
    return min(at % GOP_S, GOP_S - at % GOP_S) < 0.4


def first(server: Server, mount: str) -> tuple[float, float, bool]:
    while is_border(time.time()):
        time.sleep(0.1)
    return next(pictures(server, mount, 5))


@pytest.mark.parametrize(("mount", "ahead_s"), [("now", 0), ("ahead", 3 * GOP_S), ("h265", 0)])
def test_whoever_joins_sees_at_once_a_key_frame_of_where_the_scene_is(
    server: Server, mount: str, ahead_s: float
) -> None:
    began = time.time()
    at, shade, is_key = first(server, mount)
    assert is_key
    assert shade == pytest.approx(shade_at(at, ahead_s), abs=15)
    assert at - began < 2.0


def test_every_client_has_a_session_of_its_own_on_every_address_of_the_machine(server: Server) -> None:
    clients = [pictures(server, "now", 3, host) for host in (0, 1, 300)]
    assert len({round(next(client)[1], -1) for client in clients}) <= 2  # two, where a border lies between


def test_a_session_goes_on_in_step_with_the_scene(server: Server) -> None:
    seen = [(at, shade) for at, shade, _ in pictures(server, "now", 5.0) if not is_border(at)]
    assert len(seen) > 20
    assert all(shade == pytest.approx(shade_at(at), abs=15) for at, shade in seen)


def test_in_mid_gop_the_first_key_frame_comes_when_the_camera_makes_one(server: Server) -> None:
    at, shade, is_key = first(server, "middle")
    assert is_key
    assert at % GOP_S < 0.5
    assert shade == pytest.approx(shade_at(at + 0.1), abs=15)


def test_pictures_come_at_their_pace(server: Server) -> None:
    times = [at for at, _, _ in pictures(server, "now", 3.0)]
    assert len(times) / (times[-1] - times[0]) == pytest.approx(12, abs=2)


def test_a_stream_that_stops_ends(server: Server) -> None:
    began = time.time()
    times = [at for at, _, _ in itertools.takewhile(lambda each: each[0] < began + 8, _until_silent(server, "stops"))]
    assert 8 <= len(times) <= 14


def _until_silent(server: Server, mount: str) -> Iterator[tuple[float, float, bool]]:
    try:
        yield from pictures(server, mount, 8)
    except av.FFmpegError:  # nothing comes any more
        return


def test_a_part_of_a_clip_is_all_that_is_shown(server: Server) -> None:
    shades = {round(shade, -1) for _, shade, _ in pictures(server, "part", 2.5)}
    assert shades == {SHADES[1]}


def test_what_is_corrupt_cannot_be_decoded_as_it_was(server: Server) -> None:
    address = server.address(Spot("corrupt", "core", 0))
    options = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "0"}
    with av.open(address, options=options, timeout=(5, 5)) as container:
        packet = next(packet for packet in container.demux(video=0) if packet.is_keyframe)
        try:
            frames = packet.decode() or container.streams.video[0].codec_context.decode(None)
        except av.FFmpegError:
            return
    whole = [frame for frame in frames if not frame.is_corrupt]
    assert not any(min(abs(float(frame.to_ndarray(format="gray").std())), 1) < 0.5 for frame in whole)


def test_the_other_film_is_shown_in_its_times_and_from_a_key_frame_on(server: Server) -> None:
    begin = (int(time.time() / GOP_S) + 2) * GOP_S
    server.schedule({"changes": [(float(begin), float(begin + GOP_S))]})
    seen = list(pictures(server, "changes", begin + 2 * GOP_S - time.time()))
    other = [(at, is_key) for at, shade, is_key in seen if shade > OTHER_SHADE - 15]
    assert other[0][1]
    # On a busy machine a picture comes late; by a whole group it would be another group's.
    assert begin - 0.1 <= other[0][0] < begin + GOP_S
    assert begin + GOP_S - 0.5 <= other[-1][0] < begin + 2 * GOP_S
    assert seen[-1][1] < OTHER_SHADE - 15


def test_it_counts_who_came_and_tells_its_own_processor_time(server: Server) -> None:
    deadline = time.monotonic() + 5
    while (before := server.counted())["closed"] < before["connected"] and time.monotonic() < deadline:
        time.sleep(0.05)  # who came before may just be leaving
    next(pictures(server, "now", 3))
    deadline = time.monotonic() + 5
    while (after := server.counted())["closed"] == before["closed"] and time.monotonic() < deadline:
        time.sleep(0.05)
    grown = {name: after[name] - before[name] for name in ("connected", "closed", "played", "torn_down")}
    assert grown == {"connected": 1, "closed": 1, "played": 1, "torn_down": 1}
    assert after["processor_s"] > 0


def test_without_the_right_password_nobody_gets_in(tmp_path: Path) -> None:
    write_pack(encoded(film(60)), tmp_path / "film.clip")
    camera = Spot("locked", "core", 0)
    with rtsp_server({"/locked": {"clip": str(tmp_path / "film.clip")}}, tmp_path, "viewer:right") as locked:
        options = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "0"}
        with pytest.raises(av.error.HTTPUnauthorizedError):
            av.open(locked.address(camera, "viewer:wrong"), options=options, timeout=(5, 5))
        with av.open(locked.address(camera, "viewer:right"), options=options, timeout=(5, 5)) as container:
            assert next(container.demux(video=0)).size


def test_the_processor_time_of_a_visit_is_small(server: Server) -> None:
    before = server.processor_s()
    for _ in range(30):
        next(pictures(server, "now", 3))
    assert (server.processor_s() - before) / 30 < 0.05  # 5 ms on two quiet cores


def test_a_file_of_mounts_is_what_it_was_told(tmp_path: Path) -> None:
    write_pack(encoded(film(60)), tmp_path / "film.clip")
    with rtsp_server({"/one": {"clip": "film.clip"}}, tmp_path) as running:
        assert json.loads((tmp_path / "mounts.json").read_text()) == {"/one": {"clip": "film.clip"}}
        assert running.port > 0
