"""What is kept of a focus: the last seconds, of as many cameras as there is room for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import CameraId
from patrol.domain.clips import AFTER_S, FORGOTTEN_AFTER_S, LONGEST_S, MOST_FRAMES, ClipOrder, Films, Still
from patrol.domain.incidents import EvidenceId
from tests.builders import at

ONE, OTHER = CameraId("C-1"), CameraId("C-2")


def order(confirmed_s: float, camera_id: CameraId = ONE) -> ClipOrder:
    return ClipOrder(EvidenceId("V-1"), camera_id, at(confirmed_s))


def filmed(films: Films, *seconds: float, camera_id: CameraId = ONE, size: int = 10) -> None:
    for second in seconds:
        films.add(camera_id, Still(at(second), b"x" * size))


def seconds_of(films: Films, confirmed_s: float, camera_id: CameraId = ONE) -> list[float]:
    return [(still.at - at(0)).total_seconds() for still in films.cut(order(confirmed_s, camera_id))]


@pytest.mark.parametrize(("gap_s", "is_focus"), [(0.25, True), (1.1, True), (1.6, False), (5.0, False), (0.0, False)])
def test_frames_are_of_one_focus_where_one_comes_soon_after_the_other(gap_s: float, is_focus: bool) -> None:
    films = Films()
    assert not films.follows(ONE, at(0))
    assert films.follows(ONE, at(gap_s)) is is_focus


def test_another_cameras_frames_make_no_focus() -> None:
    films = Films()
    films.follows(OTHER, at(0))
    assert not films.follows(ONE, at(0.25))


def test_a_clip_ends_a_little_after_the_frame_that_confirmed_and_is_no_longer_than_it_may_be() -> None:
    films = Films()
    filmed(films, *[0.5 * n for n in range(41)])
    assert seconds_of(films, 14.0) == [0.5 * n for n in range(20, 35)]
    assert 14.0 + AFTER_S == 17.0
    filmed(films, 21.0)
    assert seconds_of(films, 18.0)[0] == 11.0
    assert seconds_of(films, 18.0)[-1] - seconds_of(films, 18.0)[0] == LONGEST_S


def test_one_picture_is_no_clip_and_a_camera_nobody_filmed_has_none() -> None:
    films = Films()
    filmed(films, 0.0)
    assert seconds_of(films, 0.0) == []
    assert seconds_of(films, 0.0, OTHER) == []


def test_a_frame_that_another_overtook_is_left_out_and_a_clock_set_back_begins_anew() -> None:
    films = Films()
    filmed(films, 10.0, 10.5, 10.25, 11.0)
    assert seconds_of(films, 11.0) == [10.0, 10.5, 11.0]
    filmed(films, 5.0, 5.5)
    assert seconds_of(films, 5.5) == [5.0, 5.5]


def test_what_nobody_films_any_more_is_forgotten_whichever_way_the_clock_went() -> None:
    films = Films()
    filmed(films, 0.0, 0.25)
    filmed(films, FORGOTTEN_AFTER_S + 1, camera_id=OTHER)
    assert seconds_of(films, 0.25) == []
    filmed(films, -1000.0)
    assert films.size == 10


def test_where_there_is_no_more_room_the_film_that_waits_longest_is_given_up() -> None:
    films = Films(most_bytes=100)
    filmed(films, 0.0, 0.25, camera_id=ONE, size=20)
    filmed(films, 1.0, 1.25, camera_id=OTHER, size=20)
    assert films.add(CameraId("C-3"), Still(at(2.0), b"x" * 20)) == 0
    assert films.add(CameraId("C-3"), Still(at(2.25), b"x" * 20)) == 1
    assert seconds_of(films, 0.25, ONE) == []
    assert seconds_of(films, 1.25, OTHER) == [1.0, 1.25]


frames = st.tuples(st.sampled_from([ONE, OTHER, CameraId("C-3")]), st.floats(-200, 200), st.integers(1, 40))


@given(st.lists(frames, max_size=200))
def test_it_is_bounded_whatever_comes(added: list[tuple[CameraId, float, int]]) -> None:
    films = Films(most_bytes=300)
    for camera_id, second, size in added:
        films.add(camera_id, Still(at(second), b"x" * size))
        kept = {each: films.cut(order(second, each)) for each in (ONE, OTHER, CameraId("C-3"))}
        assert films.size <= 300 or len([each for each in kept.values() if each]) <= 1
        for stills in kept.values():
            times = [still.at for still in stills]
            assert times == sorted(set(times))
            assert len(times) <= MOST_FRAMES
            assert not times or times[-1] - times[0] <= timedelta(seconds=LONGEST_S)
    assert films.size >= 0


def test_what_was_filmed_of_a_camera_is_in_no_clip_once_it_is_forgotten() -> None:
    films = Films()
    filmed(films, 0, 0.25, 0.5, 0.75, 1.0)
    filmed(films, 0, 0.25, camera_id=OTHER)
    films.forget(ONE)
    films.forget(CameraId("C-9"))
    assert seconds_of(films, 1.0) == []
    assert films.size == 20
