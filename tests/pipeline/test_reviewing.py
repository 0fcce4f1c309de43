"""Reviewing: bounds by the hour, capacity as measured, and alarms for cameras that pass their bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.camera import Camera, CameraId, RingName, StreamAddress
from patrol.domain.errors import CaptureFailure
from patrol.domain.schedules import ScheduledBound, TimeWindow
from patrol.domain.tour import Tour
from patrol.domain.troubles import Trouble
from patrol.domain.visits import TourSettings, Turn, Visit
from patrol.metrics import Metrics
from patrol.pipeline.reviewing import LATE, Capacity, Reviewing
from tests.builders import camera, ring
from tests.pipeline.parts import counted, fresh_metrics, told_by

SHANGHAI = ZoneInfo("Asia/Shanghai")  # eight hours ahead of UTC
RINGS = {
    RingName.CORE: ring(RingName.CORE, revisit_bound_s=5.0),
    RingName.PERIPHERY: ring(RingName.PERIPHERY, revisit_bound_s=15.0),
    RingName.FAR: ring(RingName.FAR, revisit_bound_s=30.0),
}
SECRET = StreamAddress("rtsp://operator:hunter2@10.0.3.7/1?token=abc")


class Meter:
    """ProcessorUse by hand: one of two cores is used, all the time."""

    cores = 2

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def used_s(self) -> float:
        return self._clock.monotonic()


class Sessions:
    """OpenSessions by hand."""

    kept_open: frozenset[CameraId] = frozenset()
    passing: frozenset[CameraId] = frozenset()

    def longest_wait_s(self, camera_id: CameraId) -> float:
        return 0.0

    def hold(self, camera_id: CameraId, seconds: float) -> None:
        pass


class Told:
    """TroubleSide: everything that was said, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Trouble, str, datetime]] = []
        self.over: list[tuple[str, Trouble, datetime]] = []

    def troubled(self, camera: Camera, trouble: Trouble, detail: str, since: datetime) -> None:
        self.told.append((camera.id, trouble, detail, since))

    def recovered(self, camera: Camera, trouble: Trouble, at: datetime) -> None:
        self.over.append((camera.id, trouble, at))


class Station:
    """A tour with its review, on a clock that is moved by hand. ``visits``: made so far, as the tour counts them."""

    def __init__(self, cameras: Sequence[Camera], start: str = "2026-03-02T00:00:00+08:00") -> None:
        self.clock = FakeClock(datetime.fromisoformat(start).astimezone(UTC))
        self.metrics: Metrics = fresh_metrics()
        self.sessions, self.told = Sessions(), Told()
        self.tour = Tour(cameras, TourSettings(), 0.0, Random(1).random)
        self.reviewing = Reviewing(
            self.tour,
            {camera.id: camera for camera in cameras},
            RINGS,
            SHANGHAI,
            Meter(self.clock),
            self.sessions,
            self.told,
            self.clock,
            self.metrics,
        )
        self.visits = 0.0

    def review(self, seconds: int = 1, visits_per_s: float = 0.0) -> None:
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.visits += visits_per_s
            self.reviewing.review(int(self.visits))

    def see(self, *cameras: Camera) -> None:
        for each in cameras:
            self.tour.seen(each.id, self.clock.monotonic(), people=0)

    def bound_at(self, moment: str) -> float:
        """The first camera's bound once the station's clock shows this."""
        self.clock.advance((datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI) - self.clock.now()).total_seconds())
        self.reviewing.follow_schedules()
        return next(iter(self.tour.bounds().values()))


def scheduled(bound_s: float, window: TimeWindow) -> ScheduledBound:
    return ScheduledBound("重点时段", "busy hours", (window,), bound_s)


# --- bounds by the hour ----------------------------------------------------------------------------------------------


def test_bounds_follow_the_hour_in_the_stations_own_time() -> None:
    morning = scheduled(2.0, TimeWindow(time(7, 20), time(8, 10)))
    station = Station([camera(bounds=(morning,))])
    found = [station.bound_at(f"2026-03-02 {at}") for at in ("07:19:59", "07:20", "08:09:59", "08:10", "15:30")]
    assert found == [5.0, 2.0, 2.0, 5.0, 5.0]  # 15:30 here is 07:30 UTC


def test_a_window_over_midnight_changes_the_bound_twice_not_at_midnight() -> None:
    night = scheduled(60.0, TimeWindow(time(22), time(5), days=frozenset({0})))  # Monday's night
    station = Station([camera(bounds=(night,))])
    moments = ["02 21:59", "02 22:00", "02 23:59", "03 00:01", "03 04:59", "03 05:00", "03 22:30"]
    assert [station.bound_at(f"2026-03-{at}") for at in moments] == [5.0, 60.0, 60.0, 60.0, 60.0, 5.0, 5.0]


def test_a_named_date_counts_by_the_stations_calendar() -> None:
    assembly = scheduled(2.0, TimeWindow(time(0), time(2), dates=frozenset({date(2026, 3, 3)})))
    station = Station([camera(bounds=(assembly,))])
    # One o'clock here on the third is five in the afternoon on the second, UTC.
    assert [station.bound_at(f"2026-03-{at} 01:00") for at in ("02", "03", "04")] == [5.0, 2.0, 5.0]


def test_only_the_cameras_of_the_schedule_change_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    morning = scheduled(2.0, TimeWindow(time(0), time(1)))
    found = [camera("C-1", bounds=(morning,)), camera("C-2", bounds=(morning,)), camera("C-3")]
    station = Station(found)
    station.see(*found)
    station.review(3)
    assert station.tour.bounds() == {"C-1": 2.0, "C-2": 2.0, "C-3": 5.0}
    assert told_by(caplog) == ["the revisit bounds of 2 cameras changed with the hour"]


# --- capacity --------------------------------------------------------------------------------------------------------


def test_capacity_is_what_all_cores_could_make_at_what_a_visit_cost() -> None:
    capacity = Capacity(cores=2)
    found = [capacity.update(20 * second, 0.5 * second) for second in range(12)]
    assert found[:9] == [None] * 9
    assert found[9:] == pytest.approx([80.0] * 3)  # 40 visits for a core's second, and two cores


def test_capacity_forgets_what_was_long_ago() -> None:
    capacity, visits, own_s = Capacity(cores=2), 0, 0.0
    for second in range(120):
        visits, own_s = visits + 10, own_s + (2.0 if second >= 60 else 0.5)
        found = capacity.update(visits, own_s)
    assert found == pytest.approx(10.0)


def test_nothing_is_said_of_a_capacity_that_was_not_measured() -> None:
    no_visits, no_work, too_few = Capacity(2), Capacity(2), Capacity(2)
    assert [no_visits.update(0, 0.1 * second) for second in range(40)] == [None] * 40
    assert [no_work.update(second, 5.0) for second in range(40)] == [None] * 40
    assert [too_few.update(second // 2, 0.1 * second) for second in range(40)] == [None] * 40


def fleet(core: int, far: int) -> list[Camera]:
    inner = [camera(f"C-{n}", stream=secret(n)) for n in range(core)]
    return inner + [
        camera(f"F-{n}", ring=RingName.FAR, revisit_bound_s=30.0, stream=secret(core + n)) for n in range(far)
    ]


def secret(number: int) -> StreamAddress:
    """An address of its own for each camera."""
    return StreamAddress(f"rtsp://operator:hunter2@10.0.{number // 200}.{number % 200 + 1}/1?token=abc")


def test_the_measured_capacity_and_what_the_bounds_ask_for_are_metrics() -> None:
    station = Station(fleet(10, 30))
    station.review(19, visits_per_s=4.0)
    assert counted(station.metrics, "patrol_tour_capacity_visits_per_second") == 0.0
    station.review(1, visits_per_s=4.0)
    assert counted(station.metrics, "patrol_tour_capacity_visits_per_second") == pytest.approx(8.0)
    assert counted(station.metrics, "patrol_tour_needed_visits_per_second") == pytest.approx(10 / 5 + 30 / 30)


def test_bounds_that_are_too_much_are_said_once_with_ring_and_possible_bound_and_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    station = Station(fleet(20, 120))  # 4 + 4 visits a second
    station.review(60, visits_per_s=3.0)  # of 6 at most 5 are sure
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert "8.0 visits a second" in warning.message
    assert "this machine makes 6.0" in warning.message
    assert "far (120.0 s could be kept)" in warning.message
    assert "core" not in warning.message
    assert not any(secret in caplog.text for secret in ("hunter2", "token", "operator"))


def test_a_machine_that_is_quick_enough_again_is_said_once_and_a_quick_one_never(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    station = Station(fleet(10, 60))
    station.review(60, visits_per_s=4.0)
    assert told_by(caplog) == []
    station.review(60, visits_per_s=1.5)
    station.review(60, visits_per_s=4.0)
    levels = [record.levelname for record in caplog.records if record.name.startswith("patrol")]
    assert levels == ["WARNING", "INFO"]
    assert "quick enough again" in told_by(caplog)[-1]


def test_a_machine_at_the_edge_is_not_said_to_be_quick_enough_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    station = Station(fleet(10, 60))  # 4 visits a second, of which 5/6 of the capacity are sure
    for _ in range(4):
        station.review(60, visits_per_s=4.7 / 2)
        station.review(60, visits_per_s=4.9 / 2)
    (warning,) = told_by(caplog)
    assert "the bounds ask for 4.0 visits a second" in warning


def test_a_schedule_that_asks_for_too_much_is_found_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    morning = scheduled(1.0, TimeWindow(time(0, 2), time(1)))
    station = Station([camera(f"C-{n}", bounds=(morning,)) for n in range(10)])
    station.review(110, visits_per_s=2.0)
    assert told_by(caplog) == []
    station.review(30, visits_per_s=2.0)
    (warning,) = told_by(caplog)
    assert "the bounds ask for 10.0 visits a second" in warning


def test_no_capacity_at_all_names_no_bound_that_could_be_kept(caplog: pytest.LogCaptureFixture) -> None:
    station = Station(fleet(40, 30))
    station.review(60, visits_per_s=2.0)
    (warning,) = told_by(caplog)
    assert "core (" in warning
    assert "far (no bound could be kept)" in warning


def focused_in(station: Station, seconds: int) -> int:
    """How many extra looks a camera in focus gets, everything else being idle."""
    found = 0
    for _ in range(seconds * 10):
        now = station.clock.monotonic()
        visit = station.tour.next(now)
        if isinstance(visit, Visit):
            found += visit.turn is Turn.FOCUS
            station.tour.seen(visit.camera.id, now, people=0)
            station.tour.ended(visit)
        station.clock.advance(0.1)
    return found


@pytest.mark.parametrize(("visits_per_s", "looks"), [(3.0, 3.0 * 2 * 5 / 6 - 10 / (5 - 1.75)), (1.1, 0.0)])
def test_focus_is_given_what_due_visits_leave_of_the_measured_capacity(visits_per_s: float, looks: float) -> None:
    found = fleet(10, 0)
    station = Station(found)
    station.review(60, visits_per_s)
    station.see(*found)
    for each in found:
        station.tour.pin(each.id, station.clock.monotonic(), 1000, 0.3)
    assert focused_in(station, 60) / 60 == pytest.approx(looks, rel=0.15, abs=0.02)


def test_cameras_that_are_kept_open_take_no_session_of_their_host() -> None:
    found = [camera(f"C-{n}", stream=SECRET) for n in range(12)]
    station = Station(found)
    station.sessions.kept_open = frozenset(each.id for each in found[:2])
    station.review()
    assert counted(station.metrics, "patrol_warm_sessions") == 2.0
    station.see(*found)
    station.clock.advance(4.9)
    visits = [visit for _ in found if isinstance(visit := station.tour.next(station.clock.monotonic()), Visit)]
    assert len(visits) == 2 + TourSettings().sessions_per_host - 2
    assert {visit.camera.id for visit in visits if not visit.in_new_session} == station.sessions.kept_open
    for visit in visits:
        station.tour.ended(visit)
    station.sessions.kept_open = frozenset()
    station.review()
    assert counted(station.metrics, "patrol_warm_sessions") == 0.0


def test_a_session_that_broke_before_the_next_review_is_given_back_to_its_host() -> None:
    station = Station([camera("C-1", stream=SECRET)])
    visit = station.tour.next(station.clock.monotonic())
    assert isinstance(visit, Visit)
    station.tour.ended(visit, is_kept_open=True)  # the review never hears of it
    assert station.tour.kept_open == {"C-1"}
    station.review()
    assert station.tour.kept_open == frozenset()


# --- sessions -------------------------------------------------------------------------------------------------------


def channels(count: int, bound_s: float) -> list[Camera]:
    """Of one recorder, which bears four sessions."""
    return [camera(f"C-{n}", revisit_bound_s=bound_s, stream=SECRET) for n in range(count)]


def test_what_the_bounds_ask_for_is_shown_from_the_start_before_any_capacity_is_known() -> None:
    station = Station(fleet(10, 30))
    assert counted(station.metrics, "patrol_tour_needed_visits_per_second") == pytest.approx(10 / 5 + 30 / 30)
    assert station.reviewing.needed_per_s == pytest.approx(3.0)
    assert station.reviewing.capacity_per_s is None


def test_a_host_with_too_few_sessions_is_told_once_by_name_and_shown(caplog: pytest.LogCaptureFixture) -> None:
    station = Station([*channels(8, 5.0), *fleet(0, 10)])
    station.review(60)
    (warning,) = told_by(caplog)
    assert "bounds are not sure to be kept: 10.0.3.7;" in warning
    assert "hunter2" not in warning
    assert counted(station.metrics, "patrol_tour_admitted") == 0.0


def test_a_host_that_has_sessions_enough_for_quick_visits_is_told_when_visits_become_slow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    found = channels(16, 30.0)
    station = Station(found)
    station.review(3)
    assert told_by(caplog) == []
    assert counted(station.metrics, "patrol_tour_admitted") == 1.0
    for each in found:
        station.tour.captured(each.id, 4.0)
    station.tour.review(station.clock.monotonic())  # what they are given from now on
    station.review(3)
    assert counted(station.metrics, "patrol_tour_admitted") == 0.0
    for _ in range(40):
        for each in found:
            station.tour.captured(each.id, 0.1)
    station.tour.review(station.clock.monotonic())
    station.review(3)
    assert counted(station.metrics, "patrol_tour_admitted") == 1.0
    assert [record.levelname for record in caplog.records if record.name.startswith("patrol")] == ["WARNING", "INFO"]


# --- alarms ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def watched() -> tuple[Station, Camera, Camera]:
    """One camera that goes dark after a look at noon, and one that is seen every second."""
    dark, fine = camera("C-1"), camera("P-1", ring=RingName.PERIPHERY, revisit_bound_s=15.0)
    station = Station([dark, fine], start="2026-03-02T12:00:00+08:00")
    station.see(dark, fine)
    return station, dark, fine


def watch(station: Station, seconds: int, *seen: Camera) -> None:
    for _ in range(seconds):
        station.see(*seen)
        station.review()


def past_bound(station: Station) -> list[float]:
    return [counted(station.metrics, "patrol_cameras_past_bound", ring=name.value) for name in RingName]


def passed(station: Station) -> list[float]:
    return [counted(station.metrics, "patrol_bounds_passed_total", ring=name.value) for name in RingName]


def test_a_camera_that_passes_its_bound_is_told_once_with_the_reason_and_since_when(
    watched: tuple[Station, Camera, Camera],
) -> None:
    station, dark, fine = watched
    station.tour.failed(dark.id, CaptureFailure.UNAUTHORIZED, 1.0)
    watch(station, 5, fine)
    assert station.told.told == []
    watch(station, 30, fine)
    noon = datetime(2026, 3, 2, 4, tzinfo=UTC)
    assert station.told.told == [("C-1", Trouble.UNSEEN, "unauthorized", noon)]
    assert station.told.over == []
    assert past_bound(station) == [1.0, 0.0, 0.0]
    assert passed(station) == [1.0, 0.0, 0.0]


def test_it_is_told_once_that_the_camera_is_seen_again(watched: tuple[Station, Camera, Camera]) -> None:
    station, dark, fine = watched
    station.tour.failed(dark.id, CaptureFailure.REFUSED, 1.0)
    watch(station, 20, fine)
    watch(station, 20, dark, fine)
    seen_again = datetime(2026, 3, 2, 4, tzinfo=UTC) + timedelta(seconds=21)
    assert station.told.over == [("C-1", Trouble.UNSEEN, seen_again)]
    assert past_bound(station) == [0.0, 0.0, 0.0]
    watch(station, 20, fine)  # and once more
    assert len(station.told.told) == 2
    assert passed(station) == [2.0, 0.0, 0.0]


def test_a_camera_the_tour_itself_did_not_come_round_to_is_called_late(
    watched: tuple[Station, Camera, Camera],
) -> None:
    station, dark, fine = watched
    watch(station, 10, fine)
    assert [(camera_id, detail) for camera_id, _, detail, _ in station.told.told] == [(dark.id, LATE)]


def test_a_skipped_camera_is_past_its_bound_in_the_figures_and_technicians_hear_only_of_what_comes_after(
    watched: tuple[Station, Camera, Camera],
) -> None:
    station, dark, fine = watched
    station.tour.skip(dark.id, 60.0, station.clock.monotonic())
    watch(station, 62, fine)
    assert past_bound(station) == [1.0, 0.0, 0.0]
    assert passed(station) == [1.0, 0.0, 0.0]
    assert station.told.told == []
    watch(station, 10, fine)  # the skip is over, and still nobody sees it
    assert [told[0] for told in station.told.told] == [dark.id]
    assert passed(station) == [1.0, 0.0, 0.0]  # one and the same gap
    watch(station, 2, dark, fine)
    assert [over[0] for over in station.told.over] == [dark.id]
    assert past_bound(station) == [0.0, 0.0, 0.0]


def test_a_skipped_camera_that_is_seen_again_was_no_trouble(watched: tuple[Station, Camera, Camera]) -> None:
    station, dark, fine = watched
    station.tour.skip(dark.id, 60.0, station.clock.monotonic())
    watch(station, 61, fine)
    watch(station, 20, dark, fine)
    assert (station.told.told, station.told.over) == ([], [])
    assert passed(station) == [1.0, 0.0, 0.0]


def test_a_camera_that_never_answered_is_blind_since_the_start() -> None:
    station = Station([camera()], start="2026-03-02T12:00:00+08:00")
    station.clock.advance(0.5)
    station.tour.failed(CameraId("C-1"), CaptureFailure.NOT_FOUND, 0.5)
    station.review(10)
    assert station.told.told == [("C-1", Trouble.UNSEEN, "not_found", datetime(2026, 3, 2, 4, tzinfo=UTC))]


def test_a_camera_that_shows_another_picture_is_no_camera_that_cannot_be_seen(
    watched: tuple[Station, Camera, Camera],
) -> None:
    station, dark, fine = watched  # its trouble is told by who looked at the picture
    station.tour.failed(dark.id, CaptureFailure.WRONG_PICTURE, 1.0)
    watch(station, 20, fine)
    assert station.told.told == []
    assert past_bound(station) == [0.0, 0.0, 0.0]


def test_while_all_bounds_are_stretched_a_camera_within_its_stretched_bound_is_no_alarm(
    watched: tuple[Station, Camera, Camera],
) -> None:
    station, dark, fine = watched
    station.tour._stretch.factor = 2.0
    watch(station, 9, fine)
    assert station.told.told == []
    watch(station, 3, fine)
    assert [told[0] for told in station.told.told] == [dark.id]


def test_a_whole_segment_is_told_camera_by_camera_and_each_once() -> None:
    lost = [camera(f"C-{n}", stream=StreamAddress(f"rtsp://10.0.3.{n}/1")) for n in range(120)]
    station = Station(lost)
    station.see(*lost)
    for each in lost:
        station.tour.failed(each.id, CaptureFailure.UNREACHABLE, 1.0)
    station.review(60)
    assert sorted(told[0] for told in station.told.told) == sorted(each.id for each in lost)
    assert counted(station.metrics, "patrol_cameras_past_bound", ring="core") == 120.0
    station.see(*lost[:100])
    station.review(3)
    assert sorted(over[0] for over in station.told.over) == sorted(each.id for each in lost[:100])
    assert counted(station.metrics, "patrol_cameras_past_bound", ring="core") == 20.0
    assert len(station.told.told) == 120


def test_a_dead_camera_has_not_recovered_because_its_bound_changed() -> None:
    morning = scheduled(3.0, TimeWindow(time(7), time(8)))
    station = Station([camera(bounds=(morning,))], start="2026-03-02T06:59:00+08:00")
    station.tour.failed(CameraId("C-1"), CaptureFailure.REFUSED, 1.0)
    station.review(90)
    assert len(station.told.told) == 1
    assert station.told.over == []


def test_a_dead_camera_has_not_recovered_because_more_is_allowed_now() -> None:
    night = scheduled(60.0, TimeWindow(time(22), time(5)))
    station = Station([camera(bounds=(night,))], start="2026-03-02T21:59:40+08:00")
    station.tour.failed(CameraId("C-1"), CaptureFailure.REFUSED, 1.0)
    station.review(30)
    assert len(station.told.told) == 1
    assert station.told.over == []


def test_a_dead_camera_has_not_recovered_because_all_bounds_are_stretched(
    watched: tuple[Station, Camera, Camera],
) -> None:
    station, dark, fine = watched
    station.tour.failed(dark.id, CaptureFailure.REFUSED, 1.0)
    watch(station, 8, fine)
    station.tour._stretch.factor = 4.0
    watch(station, 4, fine)
    assert [told[0] for told in station.told.told] == [dark.id]
    assert station.told.over == []
