"""Cameras in trouble become few incidents: by cause, in any order, without a storm; and they end by themselves."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import Camera, CameraId, RingName, StreamAddress
from patrol.domain.dispatch import Situation
from patrol.domain.events import IncidentClass, Kind, Level
from patrol.domain.feedback import change_level
from patrol.domain.incidents import (
    Cause,
    ClockName,
    Disposition,
    Incident,
    IncidentId,
    IncidentState,
    LoopStage,
    is_overdue,
    stage_of,
)
from patrol.domain.levels import LevelPolicy
from patrol.domain.maintenance import (
    Action,
    Begin,
    End,
    Inventory,
    MaintenanceLimits,
    MaintenanceState,
    Report,
    adopt,
    closed_by_people,
    note,
    stored,
    without_cameras,
)
from patrol.domain.maintenance_groups import decide
from patrol.domain.maintenance_incidents import amend, begin, end, level_of
from patrol.domain.messages import MAX_BYTES, read_message
from patrol.domain.troubles import Trouble
from tests.builders import NOON, camera
from tests.examples import examples

LIMITS = MaintenanceLimits()
NO_LEVELS = LevelPolicy({}, Level.RED)  # what is not configured for camera_health must not become red


def at_address(name: str, address: str, **changes: object) -> Camera:
    stream = StreamAddress(f"rtsp://viewer:canary@{address}/live")
    return camera(name, **{"stream": stream, "ring": RingName.FAR, "site": "", **changes})


def segment(number: int, count: int, *, channels: int = 1, **changes: object) -> list[Camera]:
    """So many cameras in 10.0.number.0/24; ``channels`` of them on each host."""
    return [
        at_address(
            f"S{number}-{index:03d}", f"10.0.{number}.{index // channels + 1}:{554 + index % channels}", **changes
        )
        for index in range(count)
    ]


class Room:
    """Decides once a second, and stores all that is decided."""

    def __init__(self, cameras: Sequence[Camera], limits: MaintenanceLimits = LIMITS) -> None:
        self.inventory = Inventory.of(cameras)
        self.limits = limits
        self.state = MaintenanceState()
        self.now: datetime = NOON
        self.incidents: dict[IncidentId, Incident] = {}
        self.messages: list[str] = []
        self.reports: list[Report] = []
        self.refusing = False

    def fail(self, camera_id: str, trouble: Trouble = Trouble.UNSEEN, detail: str = "timed_out") -> None:
        self.reports.append(Report(CameraId(camera_id), trouble, self.now, detail))

    def recover(self, camera_id: str, trouble: Trouble = Trouble.UNSEEN) -> None:
        self.reports.append(Report(CameraId(camera_id), trouble, self.now, over=True))

    def pass_time(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            self.decide()

    def decide(self) -> None:
        reports, self.reports = self.reports, []
        self.state = note(self.state, reports, self.limits)
        self.state, actions = decide(self.state, self.inventory, NO_LEVELS, self.limits, self.now, self._new_id)
        for action in () if self.refusing else actions:
            self._store(action)

    def close(self, incident_id: IncidentId) -> None:
        """A person does."""
        del self.incidents[incident_id]
        self.state = closed_by_people(self.state, [incident_id], self.limits, self.now)

    def _new_id(self) -> IncidentId:
        return IncidentId(f"I-{len(self.incidents) + len(self.state.groups)}-{self.now:%H%M%S}-{random.random()}")

    def _store(self, action: Action) -> None:
        if isinstance(action, Begin):
            outcome = begin(action.incident, self.now)
        else:
            situation = Situation(self.incidents[action.incident_id], (), ())
            outcome = (
                end(situation, action.content, action.ending, self.now)
                if isinstance(action, End)
                else amend(situation, action.content, self.now)
            )
        assert outcome.incident is not None
        self.incidents[outcome.incident.id] = outcome.incident
        self.messages += [message.body for message in outcome.messages]
        self.state = stored(self.state, action, outcome.incident.maintenance, self.now)

    @property
    def open(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.is_open]

    @property
    def the_one(self) -> Incident:
        (incident,) = self.open
        return incident


def shape(incident: Incident) -> tuple[Cause, str, int]:
    assert incident.maintenance is not None
    return incident.maintenance.cause, incident.maintenance.where, len(incident.maintenance.cameras)


def shapes(room: Room) -> list[tuple[Cause, str, int]]:
    return sorted(shape(incident) for incident in room.open)


class TestGrouping:
    @examples(25)
    @given(
        delays=st.lists(st.integers(0, 30), min_size=120, max_size=120),
        order=st.randoms(use_true_random=False),
        channels=st.sampled_from([1, 4, 8, 40]),
    )
    def test_a_lost_segment_is_one_incident_with_120_cameras_in_whatever_order_they_are_missed(
        self, delays: list[int], order: random.Random, channels: int
    ) -> None:
        lost = segment(1, 120, channels=channels)
        room = Room([*lost, *segment(2, 160), *segment(3, 196)])
        by_second: dict[int, list[str]] = {}
        for camera_, delay in zip(lost, delays, strict=True):
            by_second.setdefault(delay, []).append(camera_.id)
        for second in range(31):
            failing = by_second.get(second, [])
            order.shuffle(failing)
            for camera_id in failing:
                room.fail(camera_id)
            room.pass_time()
        room.pass_time(60)
        assert len(room.incidents) == 1
        assert shape(room.the_one) == (Cause.SEGMENT, "10.0.1.0/24", 120)
        assert len(room.messages) <= 10  # one when it opens, then at most one in five seconds while it grows

    def test_a_recorder_is_named_where_only_its_channels_are_gone(self) -> None:
        room = Room([*segment(1, 40, channels=8), *segment(2, 40)])
        for index in range(8):
            room.fail(f"S1-{index:03d}")
            room.pass_time(2)
        room.pass_time(90)
        assert [shape(incident) for incident in room.incidents.values()] == [(Cause.HOST, "10.0.1.1", 8)]
        assert room.the_one.words_zh == "主机 10.0.1.1：8 路看不到画面"
        assert room.the_one.words_en == "host 10.0.1.1: 8 cameras cannot be seen"

    def test_a_site_is_named_where_nothing_smaller_is_shared(self) -> None:
        hall = [at_address(f"C-{number}", f"10.0.{number}.9", site="会堂", site_en="Hall") for number in range(4)]
        room = Room([*hall, *segment(9, 60)])
        for camera_ in hall:
            room.fail(camera_.id)
        room.pass_time(10)
        assert shapes(room) == [(Cause.SITE, "会堂", 4)]
        assert room.the_one.words_zh.startswith("会堂：4 路")
        assert room.the_one.words_en.startswith("site Hall: 4 cameras")

    def test_cameras_without_a_network_are_grouped_by_site(self) -> None:
        drawn = [camera(f"D-{number}", site="会堂", ring=RingName.FAR) for number in range(5)]
        room = Room([*drawn, *segment(1, 60)])
        for camera_ in drawn:
            room.fail(camera_.id)
        room.pass_time(10)
        assert shapes(room) == [(Cause.SITE, "会堂", 5)]

    def test_hosts_with_names_have_no_segment_and_ports_do_not_part_a_recorder(self) -> None:
        named = [at_address(f"N-{number}", f"recorder.lan:{554 + number}") for number in range(3)]
        six = [at_address(f"V-{number}", f"[fd00::7]:{554 + number}") for number in range(3)]
        room = Room([*named, *six, *segment(1, 60)])
        for camera_ in (*named, *six):
            room.fail(camera_.id)
        room.pass_time(10)
        assert shapes(room) == [(Cause.HOST, "fd00::7", 3), (Cause.HOST, "recorder.lan", 3)]

    def test_one_camera_stays_alone_and_waits_for_others_first(self) -> None:
        room = Room([*segment(1, 40), *segment(2, 40)])
        room.fail("S1-000")
        room.fail("S2-000")
        room.pass_time(int(LIMITS.hold_s))
        assert room.open == []
        room.pass_time(2)
        assert shapes(room) == [(Cause.CAMERA, "", 1)] * 2
        assert {incident.words_en for incident in room.open} == {"Hall east: cannot be seen"}

    def test_what_differs_is_not_one_thing(self) -> None:
        room = Room(segment(1, 100))
        for index in range(6):
            room.fail(f"S1-{index:03d}", Trouble.UNSEEN if index < 3 else Trouble.FROZEN)
        room.pass_time(10)
        assert {incident.maintenance.trouble for incident in room.open if incident.maintenance} == {
            Trouble.UNSEEN,
            Trouble.FROZEN,
        }
        assert shapes(room) == [(Cause.SEGMENT, "10.0.1.0/24", 3)] * 2

    def test_a_third_of_the_station_at_once_is_one_incident_though_parts_of_it_were_opened_before(self) -> None:
        room = Room([found for number in range(1, 6) for found in segment(number, 40)])
        for second in range(30):
            for number in range(1, 6):
                room.fail(f"S{number}-{second:03d}")
            room.pass_time()
        room.pass_time(60)
        assert shapes(room) == [(Cause.STATION, "", 150)]
        merged = [incident for incident in room.incidents.values() if not incident.is_open]
        assert {(one.disposition, one.closed_by) for one in merged} <= {(Disposition.DUPLICATE, "patrol")}
        assert all(room.the_one.id in str(one.reason) for one in merged)

    def test_most_of_a_small_station_in_one_segment_is_that_segment(self) -> None:
        room = Room([*segment(1, 60), *segment(2, 40)])
        for index in range(60):
            room.fail(f"S1-{index:03d}")
        room.fail("S2-000")
        room.pass_time(60)
        assert shapes(room) == [(Cause.CAMERA, "", 1), (Cause.SEGMENT, "10.0.1.0/24", 60)]

    def test_much_later_a_camera_joins_only_while_most_of_its_cause_is_down(self) -> None:
        room = Room([*segment(1, 100), *segment(2, 100), *segment(3, 300)])
        for index in range(60):
            room.fail(f"S1-{index:03d}")
        for index in range(3):
            room.fail(f"S2-{index:03d}")
        room.pass_time(600)
        room.fail("S1-099")
        room.fail("S2-099")
        room.pass_time(60)
        assert shapes(room) == [
            (Cause.CAMERA, "", 1),
            (Cause.SEGMENT, "10.0.1.0/24", 61),
            (Cause.SEGMENT, "10.0.2.0/24", 3),
        ]

    def test_more_than_can_be_told_one_by_one_goes_into_one_digest(self) -> None:
        room = Room([found for number in range(1, 61) for found in segment(number, 20)])
        for number in range(1, 61):
            room.fail(f"S{number}-000")
        room.pass_time(60)
        assert len(room.incidents) == LIMITS.new_a_minute + 1
        digest = next(incident for incident in room.open if shape(incident)[0] is Cause.DIGEST)
        assert shape(digest)[2] == 60 - LIMITS.new_a_minute
        assert digest.words_en == "scattered: 54 cameras in trouble"

    @examples(40)
    @given(st.data())
    def test_every_camera_in_trouble_is_in_exactly_one_incident_or_waits_or_was_closed_by_a_person(
        self, data: st.DataObject
    ) -> None:
        cameras = [*segment(1, 12, channels=4, site="会堂"), *segment(2, 8), *segment(3, 5, site="会堂")]
        room = Room(cameras, replace(LIMITS, station_least=10))
        ids = [camera_.id for camera_ in cameras]
        true_troubles: dict[str, set[Trouble]] = {camera_id: set() for camera_id in ids}
        steps = st.tuples(
            st.sampled_from(["fail", "recover", "wait", "close"]),
            st.lists(st.sampled_from(ids), max_size=12),
            st.sampled_from([Trouble.UNSEEN, Trouble.UNSEEN, Trouble.FROZEN]),
            st.integers(0, 90),
        )
        for step, chosen, trouble, seconds in data.draw(st.lists(steps, max_size=12)):
            for camera_id in chosen if step == "fail" else ():
                room.fail(camera_id, trouble)
                true_troubles[camera_id].add(trouble)
            for camera_id in chosen if step == "recover" else ():
                room.recover(camera_id, trouble)
                true_troubles[camera_id].discard(trouble)
            if step == "close" and room.open:
                room.close(room.open[0].id)
            room.pass_time(seconds if step == "wait" else 1)
            self.check(room, true_troubles)
        for camera_id in ids:
            for trouble in Trouble:
                room.recover(camera_id, trouble)
        room.pass_time(1200)
        assert room.open == []
        assert room.state == MaintenanceState() or all(one.muted_until for one in room.state.cameras.values())

    def check(self, room: Room, true_troubles: dict[str, set[Trouble]]) -> None:
        assert {key for key, found in room.state.cameras.items() if found.troubles} == {
            key for key, troubles in true_troubles.items() if troubles
        }
        places = Counter(
            camera_id
            for group in room.state.groups.values()
            if group.ending is None
            for camera_id in group.members
            if room.state.cameras[camera_id].troubles
        )
        for camera_id, condition in room.state.cameras.items():
            if condition.troubles:
                elsewhere = (condition.waiting_since is not None) + (condition.muted_until is not None)
                assert places[camera_id] + elsewhere == 1, (camera_id, condition)
                assert places[camera_id] == (condition.incident_id in room.state.groups)
        assert {group.id for group in room.state.groups.values()} == {incident.id for incident in room.open}


class TestReturning:
    def test_when_all_are_back_for_a_while_it_closes_and_says_how_many_returned(self) -> None:
        room = Room([*segment(1, 10), *segment(2, 90)])
        for index in range(10):
            room.fail(f"S1-{index:03d}")
        room.pass_time(30)
        for index in range(10):
            room.recover(f"S1-{index:03d}")
            room.pass_time(3)
        assert "，已恢复 " in room.the_one.words_zh
        room.pass_time(56)
        assert room.the_one.words_en == "network 10.0.1.0/24: 10 cameras cannot be seen, 10 back"
        room.pass_time(2)
        (closed,) = room.incidents.values()
        assert (closed.disposition, closed.closed_by) == (Disposition.HANDLED, "patrol")
        assert closed.reason == "画面已恢复，10 路 · pictures are back, 10 cameras"
        assert closed.clocks[ClockName.HANDLED].at < closed.clocks[ClockName.CLOSED].at

    def test_a_network_that_returns_is_told_in_few_messages_with_growing_sequence(self) -> None:
        room = Room([*segment(1, 120), *segment(2, 300)])
        for index in range(120):
            room.fail(f"S1-{index:03d}")
        room.pass_time(30)
        for index in range(120):
            room.recover(f"S1-{index:03d}")
            if index % 4 == 0:
                room.pass_time()
        room.pass_time(90)
        assert room.open == []
        sequences = [read_message(body).sequence for body in room.messages]
        assert sequences == list(range(1, len(sequences) + 1))
        assert len(sequences) <= 10

    def test_many_that_are_mended_at_once_do_not_all_close_at_once(self) -> None:
        cameras = [found for number in range(1, 31) for found in segment(number, 20)]
        room = Room(cameras, replace(LIMITS, new_a_minute=100))
        for number in range(1, 31):
            room.fail(f"S{number}-000")
        room.pass_time(60)
        for number in range(1, 31):
            room.recover(f"S{number}-000")
        room.pass_time(62)
        assert len(room.open) == 30 - LIMITS.ends_a_minute
        room.pass_time(150)
        assert room.open == []

    def test_a_moment_away_is_nothing_for_technicians(self) -> None:
        room = Room(segment(1, 60))
        room.fail("S1-000")
        room.pass_time(20)
        room.recover("S1-000")
        room.pass_time(60)
        assert room.incidents == {}

    @pytest.mark.parametrize(("down_s", "up_s"), [(30, 30), (90, 10), (45, 90), (60, 200), (3, 3)])
    def test_a_camera_that_comes_and_goes_is_few_incidents_and_few_messages(self, down_s: int, up_s: int) -> None:
        room = Room(segment(1, 60))
        for _ in range(6 * 3600 // (down_s + up_s)):
            room.fail("S1-000")
            room.pass_time(down_s)
            room.recover("S1-000")
            room.pass_time(up_s)
        assert len(room.incidents) <= 2
        assert len(room.messages) <= 12
        (camera_,) = room.the_one.maintenance.cameras if room.the_one.maintenance else ()
        assert (camera_.unsteady, camera_.returned_at) == (True, None)
        room.pass_time(400)
        assert room.open == []

    def test_one_that_fails_again_joins_its_earlier_incident(self) -> None:
        room = Room(segment(1, 60))
        room.fail("S1-000")
        room.pass_time(60)
        room.recover("S1-000")
        room.pass_time(50)
        room.fail("S1-000")
        room.pass_time(100)
        assert len(room.incidents) == 1
        assert room.the_one.words_en == "Hall east: cannot be seen"

    def test_a_detail_that_changes_from_visit_to_visit_tells_nothing_new(self) -> None:
        room = Room(segment(1, 60))
        for detail in ("timed_out", "refused") * 60:
            room.fail("S1-000", detail=detail)
            room.pass_time(1)
        assert len(room.messages) == 1

    def test_cannot_be_seen_gives_way_to_what_says_why_and_a_camera_is_back_when_nothing_is_left(self) -> None:
        room = Room(segment(1, 60))
        room.fail("S1-000")
        room.pass_time(60)
        room.fail("S1-000", Trouble.NO_SIGNAL, "")
        room.pass_time(10)
        room.recover("S1-000", Trouble.UNSEEN)
        room.pass_time(120)
        assert room.the_one.maintenance is not None
        assert [(one.trouble, one.returned_at) for one in room.the_one.maintenance.cameras] == [
            (Trouble.NO_SIGNAL, None)
        ]
        room.recover("S1-000", Trouble.NO_SIGNAL)
        room.pass_time(70)
        assert room.open == []


class TestPeople:
    def test_what_a_person_closed_stays_closed_for_half_an_hour_and_then_comes_as_one(self) -> None:
        room = Room([*segment(1, 40), *segment(2, 100)])
        for index in range(40):
            room.fail(f"S1-{index:03d}")
        room.pass_time(60)
        room.close(room.the_one.id)
        room.pass_time(int(LIMITS.cool_down_s) - 2)
        assert room.open == []
        room.pass_time(10)
        assert shapes(room) == [(Cause.SEGMENT, "10.0.1.0/24", 40)]

    def test_one_that_was_well_meanwhile_is_told_again_when_it_fails(self) -> None:
        room = Room(segment(1, 40))
        room.fail("S1-000")
        room.pass_time(60)
        room.close(room.the_one.id)
        room.recover("S1-000")
        room.pass_time(int(LIMITS.steady_unsteady_s) + 2)
        room.fail("S1-000")
        room.pass_time(60)
        assert shapes(room) == [(Cause.CAMERA, "", 1)]

    def test_a_decision_that_comes_after_a_person_closed_it_changes_nothing(self) -> None:
        room = Room(segment(1, 40))
        room.fail("S1-000")
        room.pass_time(60)
        group = next(iter(room.state.groups.values()))
        room.recover("S1-000")
        room.refusing = True
        room.pass_time(70)
        _, (action,) = decide(room.state, room.inventory, NO_LEVELS, LIMITS, room.now, lambda: IncidentId("I-x"))
        assert isinstance(action, End)
        closed = replace(room.incidents[group.id], state=IncidentState.CLOSED)
        for outcome in (
            end(Situation(closed, (), ()), action.content, action.ending, room.now),
            amend(Situation(closed, (), ()), action.content, room.now),
        ):
            assert (outcome.incident, outcome.messages, outcome.reason) == (None, (), "closed already")


class TestStore:
    def test_what_the_store_refused_is_decided_again_with_the_same_id(self) -> None:
        room = Room(segment(1, 60))
        for index in range(3):
            room.fail(f"S1-{index:03d}")
        room.refusing = True
        room.pass_time(30)
        assert room.incidents == {}
        ids = set(room.state.groups)
        room.refusing = False
        room.pass_time(1)
        assert set(room.incidents) == ids
        assert len(ids) == 1

    def test_a_new_process_goes_on_where_the_last_one_ended(self) -> None:
        cameras = [*segment(1, 10), *segment(2, 90)]
        before = Room(cameras)
        for index in range(10):
            before.fail(f"S1-{index:03d}")
        before.pass_time(40)
        for index in range(4):
            before.recover(f"S1-{index:03d}")
        before.pass_time(10)
        after = Room(cameras)
        after.now, after.incidents = before.now, before.incidents
        after.state = adopt(before.incidents.values(), after.inventory, LIMITS, after.now)
        after.pass_time(20)
        assert after.messages == []  # nothing has changed
        for index in range(4, 8):
            after.fail(f"S1-{index:03d}")
        after.pass_time(20)
        assert shapes(after) == [(Cause.SEGMENT, "10.0.1.0/24", 10)]
        after.pass_time(int(LIMITS.unheard_s) + 10)  # nobody says any more that the last two are in trouble
        assert after.the_one.maintenance is not None
        assert after.the_one.maintenance.troubled == 4
        for index in range(4, 8):
            after.recover(f"S1-{index:03d}")
        after.pass_time(70)
        assert after.open == []

    def test_a_new_process_remembers_what_a_person_closed(self) -> None:
        room = Room(segment(1, 40))
        room.fail("S1-000")
        room.pass_time(60)
        closing = replace(room.the_one, state=IncidentState.CLOSED, closed_by="Li").stamped(
            ClockName.CLOSED, room.now, "Li"
        )
        room.state = adopt([closing], room.inventory, LIMITS, room.now)
        room.incidents.clear()
        room.fail("S1-000")
        room.pass_time(int(LIMITS.cool_down_s) - 2)
        assert room.open == []
        room.pass_time(60)
        assert len(room.open) == 1

    def test_what_a_picture_showed_is_over_only_when_it_is_told_or_a_person_says_so(self) -> None:
        room = Room(segment(1, 40))
        room.fail("S1-000", Trouble.COVERED, "")
        room.fail("S1-001", Trouble.MOVED, "")
        room.pass_time(60)
        moved = next(incident for incident in room.open if incident.camera_id == "S1-001")
        room.state = adopt(room.open, room.inventory, LIMITS, room.now)
        room.pass_time(3600)
        assert len(room.open) == 2
        room.recover("S1-000", Trouble.COVERED)
        room.pass_time(70)
        assert room.open == [moved]
        room.close(moved.id)
        room.pass_time(3600)
        assert room.open == []

    def test_a_camera_with_a_long_bound_has_time_to_be_missed_again(self) -> None:
        room = Room([at_address("F-1", "10.0.1.1", revisit_bound_s=600.0), *segment(2, 40)])
        room.fail("F-1")
        room.pass_time(60)
        room.state = adopt(room.open, room.inventory, LIMITS, room.now)
        room.pass_time(600)
        room.fail("F-1")
        room.pass_time(1200)
        assert room.the_one.maintenance is not None
        assert room.the_one.maintenance.returned == 0
        assert len(room.messages) == 1

    def interrupted_merge(self) -> Room:
        """Parts of the station become one incident; the store has the whole, and not that its parts have ended."""

        class Killed(Room):
            def _store(self, action: Action) -> None:
                if not isinstance(action, End):
                    super()._store(action)

        room = Killed([found for number in range(1, 6) for found in segment(number, 40)])
        for second in range(40):
            for number in range(1, 6):
                room.fail(f"S{number}-{second:03d}")
            room.pass_time()
            if any(shape(incident)[0] is Cause.STATION for incident in room.open):
                break
        assert len(room.open) > 1, "else this tests nothing"
        return room

    def test_a_merge_that_was_stored_by_half_is_finished_by_the_next_process(self) -> None:
        before = self.interrupted_merge()
        whole = next(incident for incident in before.open if shape(incident)[0] is Cause.STATION)
        after = Room(list(before.inventory.cameras.values()))
        after.now, after.incidents = before.now, before.incidents
        after.state = adopt(before.open, after.inventory, LIMITS, after.now)
        assert {condition.incident_id for condition in after.state.cameras.values()} == {whole.id}
        after.pass_time(2)
        assert [incident.id for incident in after.open] == [whole.id]
        ended = [incident for incident in after.incidents.values() if not incident.is_open]
        assert {incident.disposition for incident in ended} == {Disposition.DUPLICATE}
        assert all(whole.id in str(incident.reason) for incident in ended)

    def test_cameras_of_a_half_stored_merge_may_come_back_and_fail_again(self) -> None:
        before = self.interrupted_merge()
        whole = next(incident for incident in before.open if shape(incident)[0] is Cause.STATION)
        (last, *others) = sorted(adopt([whole], before.inventory, LIMITS, before.now).cameras)
        after = Room(list(before.inventory.cameras.values()))
        after.now, after.incidents = before.now, before.incidents
        after.state = adopt(before.open, after.inventory, LIMITS, after.now)
        after.fail(last)
        for camera_id in others:
            after.recover(camera_id)
        after.pass_time(int(LIMITS.remember_s) + 120)
        after.fail(others[-1])
        after.pass_time(60)
        after.recover(last)
        after.recover(others[-1])
        after.pass_time(int(LIMITS.steady_unsteady_s) + 60)
        assert after.open == []

    def test_of_two_incidents_that_share_cameras_the_smaller_keeps_only_its_own(self) -> None:
        room = Room([*segment(1, 40), *segment(2, 40)])
        for index in range(4):
            room.fail(f"S1-{index:03d}")
        for index in range(8):
            room.fail(f"S2-{index:03d}")
        room.pass_time(10)
        small, large = sorted(room.open, key=lambda incident: shape(incident)[2])
        assert small.maintenance is not None
        assert large.maintenance is not None
        shared = replace(small.maintenance, cameras=(*small.maintenance.cameras, *large.maintenance.cameras[:2]))
        for order in (1, -1):
            state = adopt([replace(small, maintenance=shared), large][::order], room.inventory, LIMITS, room.now)
            assert [len(state.groups[incident.id].members) for incident in (small, large)] == [4, 8]
            assert all(state.groups[incident.id].ending is None for incident in (small, large))
            held = [state.cameras[camera_id].incident_id for camera_id in state.groups[large.id].members]
            assert set(held) == {large.id}

    def test_a_camera_that_nothing_is_known_of_any_more_holds_up_no_end(self) -> None:
        room = Room(segment(1, 40))
        for index in range(3):
            room.fail(f"S1-{index:03d}")
        room.pass_time(10)
        room.state = replace(room.state, cameras={k: v for k, v in room.state.cameras.items() if k != "S1-000"})
        room.fail("S1-003")
        for index in range(1, 4):
            room.recover(f"S1-{index:03d}")
        room.pass_time(90)
        assert room.open == []

    def test_cameras_that_are_no_longer_configured_are_left_out_and_their_incidents_named(self) -> None:
        room = Room([*segment(1, 5), *segment(2, 50)])
        for index in range(5):
            room.fail(f"S1-{index:03d}")
        room.fail("S2-000")
        room.pass_time(60)
        fewer = Inventory.of(segment(1, 2))
        state = adopt(room.open, fewer, LIMITS, room.now)
        assert set(state.cameras) == {"S1-000", "S1-001"}
        alone = next(incident for incident in room.open if shape(incident)[0] is Cause.CAMERA)
        assert without_cameras(room.open, fewer) == (alone.id,)


class TestIncident:
    def opened(self, cameras: Sequence[Camera], failing: Callable[[Room], None]) -> Incident:
        room = Room(cameras)
        failing(room)
        room.pass_time(60)
        return room.the_one

    def test_is_for_technicians_has_no_clock_and_no_picture(self) -> None:
        incident = self.opened(segment(1, 60), lambda room: room.fail("S1-000"))
        assert incident.incident_class is IncidentClass.MAINTENANCE
        assert (incident.kind, incident.target_s, incident.due_at) == (Kind.CAMERA_HEALTH, None, None)
        assert (incident.evidence_id, incident.alert_ids) == (None, ())
        assert not is_overdue(incident, NOON + timedelta(days=2))
        assert incident.clocks[ClockName.BEGAN].at == NOON

    def test_is_collected_routed_once_shown_and_followed_up_once_taken_on(self) -> None:
        incident = self.opened(segment(1, 60), lambda room: room.fail("S1-000"))
        assert stage_of(incident) is LoopStage.COLLECT
        shown = incident.stamped(ClockName.DISPLAYED, NOON, "seat-1")
        assert stage_of(shown) is LoopStage.ROUTE
        assert stage_of(shown.stamped(ClockName.CONFIRMED, NOON, "Li")) is LoopStage.FOLLOW_UP

    @pytest.mark.parametrize(
        ("ring", "cameras", "level"),
        [
            (RingName.CORE, 1, Level.YELLOW),
            (RingName.PERIPHERY, 1, Level.BLUE),
            (RingName.FAR, 1, Level.GREEN),
            (RingName.FAR, 19, Level.BLUE),
            (RingName.FAR, 20, Level.YELLOW),
            (RingName.FAR, 476, Level.YELLOW),
        ],
    )
    def test_is_never_red_by_itself(self, ring: RingName, cameras: int, level: Level) -> None:
        assert level_of(NO_LEVELS, ring, cameras) is level
        configured = LevelPolicy({Kind.CAMERA_HEALTH: {ring: Level.RED}}, Level.GREEN)
        assert level_of(configured, ring, cameras) is Level.RED

    def test_rises_with_its_cameras_and_never_falls(self) -> None:
        cameras = [*segment(1, 40), at_address("C-1", "10.0.1.250", ring=RingName.CORE), *segment(2, 100)]
        room = Room(cameras)
        for index in range(3):
            room.fail(f"S1-{index:03d}")
        room.pass_time(10)
        assert (room.the_one.level, room.the_one.ring) == (Level.BLUE, RingName.FAR)
        room.fail("C-1")
        room.pass_time(10)
        assert (room.the_one.level, room.the_one.ring) == (Level.YELLOW, RingName.CORE)

    def test_keeps_the_level_that_an_operator_gave_it(self) -> None:
        room = Room([*segment(1, 40), at_address("C-1", "10.0.1.250", ring=RingName.CORE), *segment(2, 100)])
        for index in range(3):
            room.fail(f"S1-{index:03d}")
        room.pass_time(10)
        spare = change_level(Situation(room.the_one, (), ()), Level.GREEN, "Li", "a spare recorder", room.now).incident
        assert spare is not None
        room.incidents[spare.id] = spare
        room.fail("C-1")
        room.pass_time(10)
        assert (room.the_one.level, room.the_one.ring) == (Level.GREEN, RingName.CORE)

    def test_a_station_of_10_000_cameras_still_fits_a_message_and_shows_no_password(self) -> None:
        cameras = [found for number in range(40) for found in segment(number, 250)]
        room = Room(cameras)
        for camera_ in cameras:
            room.fail(camera_.id, detail="x" * 1000)
        room.pass_time(10)
        assert shapes(room) == [(Cause.STATION, "", 10_000)]
        for body in room.messages:
            assert len(body.encode()) <= MAX_BYTES
            assert "canary" not in body
            data = read_message(body).data
            assert data["class"] == "maintenance"
            assert data["maintenance"]["troubled"] == 10_000
            assert len(data["maintenance"]["cameras"]) == 200
