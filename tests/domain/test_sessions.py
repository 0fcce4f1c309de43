"""Whether hosts and the tour have sessions enough: never more hopeful than the tour, and right about what would do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import Camera, CameraId, Strategy, StreamAddress
from patrol.domain.schedules import EVERY_DAY, ScheduledBound, TimeWindow
from patrol.domain.sessions import SessionDemand, given_s, host_demands, total_demand
from patrol.domain.tour import Tour
from patrol.domain.visits import TourSettings
from tests.builders import camera
from tests.examples import examples

MONDAY = datetime.fromisoformat("2026-11-23")  # the station's own time
SETTINGS = TourSettings()  # 1.5 s for every visit, 10 s for slow ones, 4 sessions a host
SCHOOL_HOURS = ScheduledBound("school hours", "school hours", (TimeWindow(time(7), time(8)),), 10.0)


def on(host: str, count: int, bound_s: float = 30.0, kind: str = "", **changes: object) -> list[Camera]:
    """Channels of one recorder."""
    return [
        camera(
            f"{host}-{kind}{n}", revisit_bound_s=bound_s, stream=StreamAddress(f"rtsp://u:p@{host}:554/c{n}"), **changes
        )
        for n in range(count)
    ]


def demands(
    found: Sequence[Camera], visit_s: float = 0.5, sessions_of: Mapping[str, int] | None = None
) -> list[SessionDemand]:
    return list(host_demands(found, MONDAY, visit_s=visit_s, settings=SETTINGS, sessions_of=sessions_of or {}))


def one(found: Sequence[Camera], visit_s: float = 0.5, sessions_of: Mapping[str, int] | None = None) -> SessionDemand:
    (demand,) = demands(found, visit_s, sessions_of)
    return demand


# --- the rule of the tour --------------------------------------------------------------------------------------------


@examples(150)
@given(data=st.data(), takes_s=st.sampled_from([0.0, 0.4, 0.5, 0.7, 1.2, 2.0, 9.0]))
def test_it_says_of_every_host_and_of_the_whole_what_the_tour_itself_finds(data: st.DataObject, takes_s: float) -> None:
    hosts = {f"host-{n}": data.draw(st.integers(1, 8)) for n in range(3)}
    found = [
        camera(
            f"C-{n}",
            revisit_bound_s=data.draw(st.sampled_from([1.0, 4.0, 5.0, 15.0, 30.0, 90.0])),
            stream=StreamAddress(f"rtsp://{data.draw(st.sampled_from(sorted(hosts)))}/{n}"),
        )
        for n in range(data.draw(st.integers(1, 20)))
    ]
    kept_open = frozenset(
        c.id for host in hosts for c in [c for c in found if c.stream.host_name == host][: data.draw(st.integers(0, 3))]
    )
    found = [replace(c, strategy=Strategy.WARM) if c.id in kept_open else c for c in found]
    tour_settings = replace(SETTINGS, workers=data.draw(st.sampled_from([4, 12, 512])))
    tour = Tour(found, tour_settings, 0.0, Random(1).random, hosts)
    tour.set_kept_open(kept_open)
    for c in found:
        tour.captured(c.id, takes_s)
        tour.seen(c.id, 0.0, people=0)
    tour.review(0.0)

    whole = total_demand(found, MONDAY, visit_s=takes_s, settings=tour_settings)
    by_host = host_demands(found, MONDAY, visit_s=takes_s, settings=tour_settings, sessions_of=hosts)
    not_kept = [demand.host for demand in (whole, *by_host) if not demand.kept]
    assert sorted(not_kept) == list(tour.not_admitted)


@pytest.mark.parametrize("takes_s", [0.0, 0.3, 0.5, 0.51, 0.75, 1.0, 3.0, 100.0])
@pytest.mark.parametrize("bound_s", [1.0, 5.0, 15.0, 60.0])
def test_it_reckons_with_what_the_tour_gives_to_visits_that_take_so_long(takes_s: float, bound_s: float) -> None:
    tour = Tour([camera(revisit_bound_s=bound_s)], SETTINGS, 0.0, Random(1).random)
    tour.captured(CameraId("C-1"), takes_s)
    tour.seen(CameraId("C-1"), 0.0, people=0)
    assert given_s(takes_s, bound_s, SETTINGS) == tour.deadline_s(CameraId("C-1"), 0.0)


# --- what is told ----------------------------------------------------------------------------------------------------


def test_little_s_law_is_not_enough_where_cameras_come_due_together() -> None:
    """Simulated, visits of 2 s stretch the bounds of these sixteen to 1.1, though 3.73 of 4 sessions are busy."""
    demand = one([*on("rec", 8, 5.0, "a"), *on("rec", 8, 30.0, "b")], visit_s=2.0)

    assert demand.busy == pytest.approx(8 * 2 / 5 + 8 * 2 / 30)
    assert demand.is_possible
    assert not demand.kept
    assert demand.longest_visit_s is None, "not even quick ones: each is given 1.5 s"
    assert demand.sessions_needed == 16


def test_enough_for_quick_visits_only_is_told_with_how_quick() -> None:
    demand = one(on("rec", 16, 30.0))

    assert demand.kept
    assert not demand.kept_at_most
    assert demand.longest_visit_s == pytest.approx(0.5, abs=0.01), "a third of what every visit is given"
    assert demand.sessions_needed == 16
    assert demand.possible_bound_s is None, "nothing has to change"


def test_a_bound_that_would_be_kept_is_told_and_is() -> None:
    demand = one(on("rec", 6, 10.0))

    assert not demand.kept
    assert demand.possible_bound_s == pytest.approx(11.0, abs=0.1)
    assert demand.possible_bound_s is not None
    assert one(on("rec", 6, demand.possible_bound_s)).kept


@given(count=st.integers(1, 24), bound_s=st.sampled_from([4.0, 5.0, 15.0, 30.0]), visit_s=st.sampled_from([0.3, 1.0]))
def test_what_would_do_does(count: int, bound_s: float, visit_s: float) -> None:
    demand = one(on("rec", count, bound_s), visit_s)
    assert one(on("rec", count, bound_s), visit_s, {"rec": demand.sessions_needed}).kept_at_most
    if demand.longest_visit_s is not None and demand.longest_visit_s < math.inf:
        assert one(on("rec", count, bound_s), demand.longest_visit_s).kept
        assert not one(on("rec", count, bound_s), demand.longest_visit_s + 0.02).kept


def test_with_a_session_for_each_channel_nobody_ever_waits() -> None:
    demand = one(on("rec", 6, 10.0), sessions_of={"rec": 6})

    assert demand.kept_at_most
    assert demand.longest_visit_s == math.inf


def test_too_few_on_average_are_never_enough() -> None:
    demand = one(on("rec", 60, 30.0), visit_s=3.0)

    assert not demand.is_possible
    assert not demand.kept


def test_channels_of_one_recorder_share_its_sessions_whatever_the_port() -> None:
    other_port = camera("x", revisit_bound_s=30.0, stream=StreamAddress("rtsp://rec:8554/c9"))
    demand = one([*on("rec", 6), other_port])

    assert (demand.host, demand.cameras, demand.sessions) == ("rec", 7, 4)


def test_a_warm_camera_holds_a_session_all_the_time() -> None:
    demand = one([*on("rec", 3, 30.0, "warm", strategy=Strategy.WARM), *on("rec", 6, 30.0)])

    assert (demand.warm, demand.sessions_needed) == (3, 9)
    assert not demand.kept_at_most


def test_warm_cameras_alone_need_one_session_each_and_no_more() -> None:
    demand = one(on("rec", 4, 5.0, strategy=Strategy.WARM))

    assert demand.kept_at_most
    assert demand.sessions_needed == 4


def test_still_pictures_count_where_they_are_taken() -> None:
    still = StreamAddress("http://snap/c.jpg")

    assert one(on("rec", 1, strategy=Strategy.SNAPSHOT, snapshot=still)).host == "snap"


def test_clips_and_drawn_pictures_are_on_no_host() -> None:
    assert demands([camera(), camera("f", stream=StreamAddress("file:///a.mp4"))]) == []


def test_the_worst_time_of_the_week_counts() -> None:
    found = on("rec", 16, 30.0, bounds=(SCHOOL_HOURS,))
    demand = one(found)

    assert demand.at.time() == time(7)
    assert demand.bound_s == 10.0
    assert not demand.kept, "though it would be at any other hour"


def test_what_lacks_most_comes_first() -> None:
    assert [demand.host for demand in demands([*on("a", 1), *on("b", 60), *on("c", 30)])] == ["b", "c", "a"]


def test_the_tour_s_own_slots_are_judged_alike() -> None:
    everyone = [*on("a", 60, 30.0), *on("b", 60, 30.0)]

    def total(workers: int, visit_s: float = 0.5) -> SessionDemand:
        return total_demand(everyone, MONDAY, visit_s=visit_s, settings=replace(SETTINGS, workers=workers))

    assert (total(32).host, total(32).cameras, total(32).sessions) == ("", 120, 32)
    assert total(32).kept
    assert not total(32).kept_at_most
    assert total(total(32).sessions_needed).kept_at_most
    assert not total(4).kept


def test_where_visits_wait_for_the_tour_s_slots_they_hold_their_hosts_longer() -> None:
    everyone = [camera_ for number in range(30) for camera_ in on(f"host-{number}", 5, 30.0)]

    def kept(workers: int) -> bool:
        found = host_demands(everyone, MONDAY, visit_s=0.5, settings=replace(SETTINGS, workers=workers), sessions_of={})
        return all(demand.kept for demand in found)

    assert kept(512)
    assert kept(150)
    assert not kept(20)


def test_another_window_changes_nothing_for_a_host_without_schedules() -> None:
    window = TimeWindow(time(12), time(13), EVERY_DAY)
    elsewhere = on("b", 6, 30.0, bounds=(ScheduledBound("rush", "rush", (window,), 4.0),))
    first, second = sorted(demands([*on("a", 6, 30.0), *elsewhere]), key=lambda demand: demand.host)

    assert (first.at, second.at.time()) == (MONDAY, time(12))
