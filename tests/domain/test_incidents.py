"""The life of an incident: legal steps only, timestamps once, a stage for every state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from patrol.domain.camera import StreamAddress
from patrol.domain.errors import IllegalTransition
from patrol.domain.ids import make_id
from patrol.domain.incidents import (
    TRANSITIONS,
    ClockName,
    ClosingRequest,
    Disposition,
    IncidentState,
    LoopStage,
    StageTimes,
    is_overdue,
    stage_of,
    staged,
)
from tests.builders import SQUARE, at, incident, north


@pytest.mark.parametrize("state", list(IncidentState))
@pytest.mark.parametrize("wanted", list(IncidentState))
def test_only_the_tables_steps_are_taken(state: IncidentState, wanted: IncidentState) -> None:
    here = incident(state=state)
    if wanted in TRANSITIONS[state]:
        assert here.to(wanted).state is wanted
    else:
        with pytest.raises(IllegalTransition, match=f"{state} -> {wanted}"):
            here.to(wanted)


def test_every_open_state_can_be_closed_and_closed_is_the_end() -> None:
    assert all(IncidentState.CLOSED in TRANSITIONS[s] for s in IncidentState if s is not IncidentState.CLOSED)
    assert TRANSITIONS[IncidentState.CLOSED] == frozenset()


def test_only_a_person_who_opens_it_again_leads_out_of_closed() -> None:
    assert incident(state=IncidentState.CLOSED).reopened("li", "not over", at(600)).state is IncidentState.NEW
    for state in IncidentState:
        if state is not IncidentState.CLOSED:
            with pytest.raises(IllegalTransition, match="it is open"):
                incident(state=state).reopened("li", "not over", at(600))


def test_the_first_timestamp_of_a_name_stays() -> None:
    stamped = incident().stamped(ClockName.ON_SCENE, at(40), "unit U-1").stamped(ClockName.ON_SCENE, at(50), "U-2")
    assert stamped.clocks[ClockName.ON_SCENE].at == at(40)
    assert stamped.seconds(ClockName.ACCEPTED, ClockName.ON_SCENE) == 40
    assert stamped.seconds(ClockName.ACCEPTED, ClockName.CLOSED) is None


def test_every_state_is_in_one_stage_of_the_loop() -> None:
    seen = incident().stamped(ClockName.DISPLAYED, at(1), "seat")
    assert stage_of(incident()) is LoopStage.COLLECT
    assert stage_of(seen) is LoopStage.ROUTE
    stages = {state: stage_of(incident(state=state)) for state in IncidentState if state is not IncidentState.NEW}
    assert stages == {
        IncidentState.ORDERED: LoopStage.ORDER,
        IncidentState.ACCEPTED: LoopStage.FOLLOW_UP,
        IncidentState.EN_ROUTE: LoopStage.FOLLOW_UP,
        IncidentState.ON_SCENE: LoopStage.FOLLOW_UP,
        IncidentState.HANDLED: LoopStage.FEED_BACK,
        IncidentState.CLOSED: None,
    }


def test_what_waits_for_a_second_person_to_close_it_is_fed_back() -> None:
    asked = ClosingRequest(Disposition.HANDLED, None, "settled", "li", at(30))
    assert stage_of(incident(state=IncidentState.EN_ROUTE, closing=asked)) is LoopStage.FEED_BACK
    assert stage_of(incident(state=IncidentState.CLOSED, closing=asked)) is None


def test_how_long_it_was_in_each_stage_is_added_up_also_when_it_comes_back_to_one() -> None:
    times = StageTimes(LoopStage.COLLECT, at(0))
    for stage, since in ((LoopStage.ROUTE, 2), (LoopStage.ORDER, 5), (LoopStage.ORDER, 9), (LoopStage.ROUTE, 15)):
        times = times.then(stage, at(since))
    assert (times.now, times.since) == (LoopStage.ROUTE, at(15))
    assert times.before_s == {LoopStage.COLLECT: 2, LoopStage.ROUTE: 3, LoopStage.ORDER: 10}
    ended = times.then(None, at(20))
    assert (ended.now, ended.since) == (None, None)
    assert ended.before_s == {LoopStage.COLLECT: 2, LoopStage.ROUTE: 8, LoopStage.ORDER: 10}
    assert ended.then(None, at(99)) is ended


def test_a_clock_that_was_put_back_takes_no_time_away() -> None:
    back = StageTimes(LoopStage.COLLECT, at(10)).then(LoopStage.ROUTE, at(4))
    assert (back.before_s, back.since) == ({LoopStage.COLLECT: 0}, at(10))


def test_an_incident_keeps_its_stage_times_for_as_long_as_its_life() -> None:
    new = incident(stages=StageTimes(LoopStage.COLLECT, at(0)))
    assert staged(new, at(3)) is new
    seen = staged(new.stamped(ClockName.DISPLAYED, at(3), "seat"), at(3))
    closed = staged(replace(seen, state=IncidentState.CLOSED), at(10))
    assert closed.stages.before_s == {LoopStage.COLLECT: 3, LoopStage.ROUTE: 7}
    again = staged(closed.reopened("li", "not over", at(600)), at(600))
    assert again.stages == StageTimes(LoopStage.ROUTE, at(600)), "it has been seen"


def test_overdue_is_measured_to_arrival_and_a_closed_one_without_arrival_is_not() -> None:
    assert not is_overdue(incident(), at(60))
    assert is_overdue(incident(), at(60.1))
    assert not is_overdue(incident().stamped(ClockName.ON_SCENE, at(59), "U-1"), at(600))
    assert is_overdue(incident().stamped(ClockName.ON_SCENE, at(61), "U-1"), at(600))
    assert not is_overdue(incident(state=IncidentState.CLOSED), at(600))


def test_who_has_handled_it_was_there_though_nobody_pressed_the_button() -> None:
    handled = incident(state=IncidentState.HANDLED)
    assert not is_overdue(handled.stamped(ClockName.HANDLED, at(20), "U-1"), at(80))
    assert is_overdue(handled.stamped(ClockName.HANDLED, at(61), "U-1"), at(80))


@pytest.mark.parametrize(("arrived_s", "missed"), [(40, False), (80, True)])
def test_the_first_arrival_decides_on_the_response_target_and_no_later_life(arrived_s: float, missed: bool) -> None:
    first = incident(state=IncidentState.CLOSED).stamped(ClockName.ON_SCENE, at(arrived_s), "U-1")
    again = first.reopened("li", "not over", at(600))
    assert again.due_at == at(660)
    assert again.overdue is missed
    assert is_overdue(again, at(700)) is missed
    assert is_overdue(again.stamped(ClockName.ON_SCENE, at(690), "U-1"), at(700)) is missed
    assert again.first_on_scene == first.first_on_scene == first.clocks[ClockName.ON_SCENE]


def test_where_nobody_came_in_an_earlier_life_the_response_target_runs_on() -> None:
    again = incident(state=IncidentState.CLOSED).reopened("li", "not over", at(50))
    assert not again.overdue
    assert not is_overdue(again, at(60))
    assert is_overdue(again, at(60.1))
    assert is_overdue(again.stamped(ClockName.ON_SCENE, at(70), "U-1"), at(80))


def test_ids_say_what_and_when_and_differ() -> None:
    assert make_id("A", at(0), 0xABC) == "A-20260101-120000-000000000abc"
    assert make_id("A", at(0), 1) != make_id("A", at(0), 2)


def test_an_address_never_shows_its_credentials() -> None:
    address = StreamAddress("rtsp://operator:canary@10.0.0.1:554/ch/1?token=canary")
    for shown in (str(address), repr(address), f"{address}", f"{address!r}"):
        assert "canary" not in shown
        assert "operator" not in shown
        assert "10.0.0.1:554" in shown
    assert address.reveal() == "rtsp://operator:canary@10.0.0.1:554/ch/1?token=canary"
    assert address.host == "10.0.0.1:554"


def test_places_know_their_distance_and_the_way() -> None:
    assert SQUARE.distance_m(north(500)) == pytest.approx(500, abs=1)
    assert SQUARE.towards(north(500), 100).distance_m(SQUARE) == pytest.approx(100, abs=0.5)
    assert SQUARE.towards(north(50), 100) == north(50)
    assert SQUARE.towards(SQUARE, 10) == SQUARE
