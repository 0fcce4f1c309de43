"""What is late, and since when: each thing by its own clock, whatever else is late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.dispatch import DETOUR_FACTOR, Duty
from patrol.domain.events import Level
from patrol.domain.incidents import ClockName, Incident, IncidentState, OrderId, Stamp
from patrol.domain.lateness import (
    SENT_WITHIN_S,
    SETS_OUT_LATER_S,
    SILENT_AFTER_S,
    LateAfter,
    Lateness,
    LatenessKind,
    Watch,
    awaited,
    has_no_clock,
    overdue,
    straight_way_s,
    watch_of,
)
from patrol.domain.orders import Order, OrderState
from patrol.domain.units import UnitKind, UnitState
from patrol.domain.vocabulary import RingName
from tests.builders import SQUARE, at, duty, incident, maintenance_incident, north, order, unit

USUAL = LateAfter()
ON_SCENE_AT = {ClockName.ON_SCENE: Stamp(at(40), "unit U-1")}


def stamped(state: IncidentState, **stamps: tuple[float, str]) -> Incident:
    """An incident in a state, with these timestamps besides t0 and t3."""
    plain = incident(state=state)
    more = {ClockName(name): Stamp(at(seconds), source) for name, (seconds, source) in stamps.items()}
    return replace(plain, clocks={**plain.clocks, **more})


def late(
    seconds: float, of: Incident, *orders: Order, duties: tuple[Duty, ...] = (duty(),), **hooks: Any
) -> list[tuple[LatenessKind, datetime]]:
    watch = replace(watch_of(of, orders), **hooks)
    return [(one.kind, one.since) for one in overdue([watch], duties, USUAL, at(seconds))]


def kinds(*args: Any, **more: Any) -> set[LatenessKind]:
    return {kind for kind, _ in late(*args, **more)}


def first_at(kind: LatenessKind, of: Incident, *orders: Order, **more: Any) -> float:
    """The second from which on this is late, tried at both sides."""
    (since,) = [since for found, since in late(10**6, of, *orders, **more) if found is kind]
    seconds = (since - at(0)).total_seconds()
    assert kind not in kinds(seconds, of, *orders, **more)
    assert kind in kinds(seconds + 0.001, of, *orders, **more)
    return seconds


@pytest.mark.parametrize("ring", list(RingName))
def test_an_order_is_late_to_be_accepted_by_its_ring(ring: RingName) -> None:
    expected = 3 + {RingName.CORE: 10, RingName.PERIPHERY: 20, RingName.FAR: 30}[ring]
    of = incident(state=IncidentState.ORDERED, ring=ring)
    assert first_at(LatenessKind.ORDER_NOT_ACCEPTED, of, order(sent_at=at(3))) == expected


def test_each_silent_order_is_late_by_itself_also_one_that_is_doubted() -> None:
    doubted = order("U-1", 1, state=OrderState.DOUBTED, sent_at=at(1), doubted_at=at(11))
    second = order("U-2", 2, sent_at=at(12))
    both = incident(state=IncidentState.ORDERED)
    assert late(20, both, doubted, second) == [(LatenessKind.ORDER_NOT_ACCEPTED, at(11))]
    found = overdue([watch_of(both, (doubted, second))], (duty("U-1"), duty("U-2")), USUAL, at(30))
    assert [(one.order_id, one.unit_id) for one in found] == [("O-1", "U-1"), ("O-2", "U-2")]
    accepted = replace(doubted, state=OrderState.ACCEPTED)
    assert LatenessKind.ORDER_NOT_ACCEPTED not in kinds(20, both, accepted, second)


def test_a_new_incident_without_an_order_is_late_after_two_seconds() -> None:
    assert first_at(LatenessKind.NOBODY_SENT, incident()) == SENT_WITHIN_S
    assert LatenessKind.NOBODY_SENT not in kinds(1000, incident(), order())
    assert LatenessKind.NOBODY_SENT not in kinds(1000, incident(state=IncidentState.ORDERED))


def test_nobody_sent_is_late_from_when_the_last_crews_order_was_over() -> None:
    ended = order(sent_at=at(5), state=OrderState.REJECTED, ended_at=at(54))
    assert first_at(LatenessKind.NOBODY_SENT, incident(), ended) == 54 + SENT_WITHIN_S
    drone = order("D-1", 2, is_drone=True, state=OrderState.REJECTED, ended_at=at(70))
    assert first_at(LatenessKind.NOBODY_SENT, incident(), ended, drone) == 54 + SENT_WITHIN_S


def test_an_order_of_which_nobody_kept_when_it_was_over_has_had_its_time_first() -> None:
    ended = order(sent_at=at(5), state=OrderState.REJECTED)
    assert first_at(LatenessKind.NOBODY_SENT, incident(), ended) == 5 + 10 + SENT_WITHIN_S


@pytest.mark.parametrize("state", [OrderState.SENT, OrderState.DOUBTED, OrderState.ON_SCENE])
def test_where_only_a_drone_is_out_nobody_has_been_sent(state: OrderState) -> None:
    drone = order("D-1", is_drone=True, state=state)
    assert first_at(LatenessKind.NOBODY_SENT, incident(), drone) == SENT_WITHIN_S
    assert has_no_clock(watch_of(incident(state=IncidentState.ORDERED), (drone,)), {}, USUAL)


def test_a_unit_that_accepted_is_late_to_set_out_after_its_mobilisation_and_ten_seconds() -> None:
    of = stamped(IncidentState.ACCEPTED, t7=(6, "unit U-1"))
    accepted = order(state=OrderState.ACCEPTED)
    assert first_at(LatenessKind.UNIT_NOT_MOVING, of, accepted) == 6 + 5 + SETS_OUT_LATER_S
    assert LatenessKind.UNIT_NOT_MOVING not in kinds(100, of, replace(accepted, state=OrderState.EN_ROUTE))


@pytest.mark.parametrize(
    "source", ["unit U-2", "unit U-10", "dispatch"], ids=["another unit", "a name that begins alike", "nobody"]
)
def test_when_a_second_unit_accepted_is_not_read_off_the_first_ones_timestamp(source: str) -> None:
    of = stamped(IncidentState.ACCEPTED, t7=(6, source))
    accepted = order(state=OrderState.ACCEPTED, sent_at=at(4))
    assert first_at(LatenessKind.UNIT_NOT_MOVING, of, accepted) == 4 + 10 + 5 + SETS_OUT_LATER_S


def test_a_second_unit_that_accepts_late_has_its_time_to_set_out_and_to_tell_where_it_is() -> None:
    of = stamped(IncidentState.ON_SCENE, t7=(3, "unit U-2"), t8=(4, "unit U-2"), t9=(20, "unit U-2"))
    accepted = order(state=OrderState.ACCEPTED, accepted_at=at(40))
    assert first_at(LatenessKind.UNIT_NOT_MOVING, of, accepted) == 40 + 5 + SETS_OUT_LATER_S
    told = duty(state=UnitState.EN_ROUTE, order_id=OrderId("O-1"), place=north(90), fix_at=at(2))
    on_its_way = replace(accepted, state=OrderState.EN_ROUTE)
    assert first_at(LatenessKind.POSITION_SILENT, of, on_its_way, duties=(told,)) == 40 + SILENT_AFTER_S


def test_a_receipt_whose_clock_was_off_still_says_when_its_unit_accepted() -> None:
    of = stamped(IncidentState.ACCEPTED, t7=(6, "unit U-1, on arrival of its receipt (its clock is off)"))
    assert first_at(LatenessKind.UNIT_NOT_MOVING, of, order(state=OrderState.ACCEPTED)) == 6 + 5 + SETS_OUT_LATER_S


def test_who_has_told_positions_on_the_way_is_silent_after_half_a_minute_without() -> None:
    of = stamped(IncidentState.EN_ROUTE, t8=(10, "unit U-1"))
    on_the_way = order(state=OrderState.EN_ROUTE)
    tells = duty(state=UnitState.EN_ROUTE, order_id=OrderId("O-1"), place=north(90), fix_at=at(20))
    assert first_at(LatenessKind.POSITION_SILENT, of, on_the_way, duties=(tells,)) == 20 + SILENT_AFTER_S
    long_ago = replace(tells, fix_at=at(-5000))
    assert first_at(LatenessKind.POSITION_SILENT, of, on_the_way, duties=(long_ago,)) == 10 + SILENT_AFTER_S
    never = replace(tells, fix_at=None)
    assert LatenessKind.POSITION_SILENT not in kinds(1000, of, on_the_way, duties=(never,))
    elsewhere = replace(tells, order_id=OrderId("O-7"))
    assert LatenessKind.POSITION_SILENT not in kinds(1000, of, on_the_way, duties=(elsewhere,))


def test_the_target_has_passed_where_nobody_is_on_scene_in_any_state_before_that() -> None:
    for state in IncidentState:
        found = LatenessKind.TARGET_PASSED in kinds(60.1, incident(state=state))
        assert found is (state not in {IncidentState.ON_SCENE, IncidentState.HANDLED, IncidentState.CLOSED})
    assert first_at(LatenessKind.TARGET_PASSED, incident(target_s=180.0)) == 180
    there = stamped(IncidentState.NEW, t9=(40, "unit U-1"))
    assert LatenessKind.TARGET_PASSED not in kinds(1000, there)


def moving(metres: float, seen_s: float, speed_m_s: float = 2.6, **changes: Any) -> Duty:
    """A unit on its way that was last seen so far away."""
    slow = unit(speed_m_s=speed_m_s, **changes)
    return Duty(slow, UnitState.EN_ROUTE, north(metres), at(seen_s), OrderId("O-1"))


def test_an_arrival_that_will_miss_the_target_is_late_since_it_should_have_been_as_far() -> None:
    of, on_the_way = stamped(IncidentState.EN_ROUTE, t8=(10, "unit U-1")), order(state=OrderState.EN_ROUTE)
    in_time = moving(50, 20)  # 25 s more
    assert kinds(21, of, on_the_way, duties=(in_time,)) == set()
    stuck = moving(50, 40)  # 25 s more, from 40 s on
    (found,) = overdue([watch_of(of, (on_the_way,))], (stuck,), USUAL, at(41))
    way_s = 50 * DETOUR_FACTOR / 2.6
    assert found.kind is LatenessKind.ARRIVAL_WILL_MISS_TARGET
    assert (found.since - at(0)).total_seconds() == pytest.approx(60 - way_s, abs=0.1)
    assert "0:05 late" in found.en
    assert "联勤1组 预计晚 0:05 到场" in found.zh


def test_a_unit_that_stands_still_does_not_get_less_late_with_each_position_it_tells() -> None:
    of, on_the_way = stamped(IncidentState.EN_ROUTE, t8=(10, "unit U-1")), order(state=OrderState.EN_ROUTE)
    sinces = {late(seen + 1, of, on_the_way, duties=(moving(50, seen),))[0][1] for seen in (40, 45, 50, 58)}
    assert len(sinces) == 1


def test_where_a_unit_is_expected_is_asked_of_whoever_knows_the_ways() -> None:
    of, on_the_way = stamped(IncidentState.EN_ROUTE, t8=(10, "unit U-1")), order(state=OrderState.EN_ROUTE)
    watch, duties = watch_of(of, (on_the_way,)), (moving(50, 20),)
    (found,) = overdue([watch], duties, USUAL, at(21), lambda one, place: 100.0)
    assert found.kind is LatenessKind.ARRIVAL_WILL_MISS_TARGET
    assert overdue([watch], duties, USUAL, at(21), lambda one, place: None) == ()
    assert straight_way_s(duty(metres=100), SQUARE) == pytest.approx(50, abs=0.1)


def test_before_a_unit_has_told_where_it_is_the_plan_says_when_it_comes() -> None:
    of = stamped(IncidentState.ACCEPTED, t7=(6, "unit U-1"))
    assert kinds(7, of, order(state=OrderState.ACCEPTED, eta_s=58)) == set()
    assert kinds(7, of, order(state=OrderState.ACCEPTED, eta_s=70)) == {LatenessKind.ARRIVAL_WILL_MISS_TARGET}


def test_a_unit_that_has_accepted_still_has_to_mobilise() -> None:
    of, accepted = stamped(IncidentState.ACCEPTED, t7=(6, "unit U-1")), order(state=OrderState.ACCEPTED)
    seen = replace(moving(90, 7, mobilise_s=12.0), state=UnitState.ASSIGNED)  # 45 s more, from 18 s on
    assert kinds(8, of, accepted, duties=(seen,)) == {LatenessKind.ARRIVAL_WILL_MISS_TARGET}
    assert kinds(8, of, replace(accepted, state=OrderState.EN_ROUTE), duties=(seen,)) == set()


def test_one_crew_in_time_is_enough_and_a_drone_is_none() -> None:
    of = stamped(IncidentState.EN_ROUTE, t8=(10, "unit U-1"))
    orders = (order("U-1", 1, state=OrderState.EN_ROUTE), order("U-2", 2, state=OrderState.EN_ROUTE))
    crew = moving(50, 50)
    other = Duty(unit("U-2"), UnitState.EN_ROUTE, north(10), at(50), OrderId("O-2"))
    assert kinds(51, of, *orders, duties=(crew, other)) == set()
    drone = replace(other, unit=unit("U-2", kind=UnitKind.DRONE_GROUP))
    assert kinds(51, of, *orders, duties=(crew, drone)) == {LatenessKind.ARRIVAL_WILL_MISS_TARGET}


@pytest.mark.parametrize("level", list(Level))
def test_on_scene_and_feedback_have_their_time_by_level(level: Level) -> None:
    there = replace(stamped(IncidentState.ON_SCENE, t9=(40, "unit U-1")), level=level)
    assert first_at(LatenessKind.NOT_HANDLED, there) == 40 + USUAL.handled_s[level]
    handled = replace(stamped(IncidentState.HANDLED, t9=(40, "unit U-1"), t10=(90, "unit U-1")), level=level)
    assert first_at(LatenessKind.NO_FEEDBACK, handled) == 90 + USUAL.feedback_s[level]
    assert kinds(10**6, handled) == {LatenessKind.NO_FEEDBACK}


def test_what_is_more_urgent_has_less_time() -> None:
    for seconds in (USUAL.handled_s, USUAL.feedback_s):
        assert [seconds[level] for level in Level] == sorted(seconds[level] for level in Level)


def test_an_incident_that_is_held_for_an_operator_is_late_once_that_time_is_over_and_nobody_was_sent_before() -> None:
    held = {"held_until": at(20)}
    assert kinds(19, incident(), **held) == set()
    assert first_at(LatenessKind.CONFIRMATION_WAITS, incident(), **held) == 20
    assert first_at(LatenessKind.NOBODY_SENT, incident(), **held) == 20 + SENT_WITHIN_S
    confirmed = stamped(IncidentState.NEW, t5=(10, "Li"))
    assert LatenessKind.CONFIRMATION_WAITS not in kinds(30, confirmed, **held)
    assert LatenessKind.CONFIRMATION_WAITS not in kinds(30, incident(state=IncidentState.ORDERED), order(), **held)


def test_a_closing_that_waits_for_its_second_person_is_late_after_a_while() -> None:
    handled = stamped(IncidentState.HANDLED, t10=(90, "unit U-1"))
    waits = first_at(LatenessKind.CLOSING_WAITS_FOR_SECOND_PERSON, handled, closing_since=at(100))
    assert waits == 100 + USUAL.second_person_s


def test_of_what_is_closed_and_of_cameras_to_be_mended_nothing_is_late() -> None:
    assert kinds(10**6, incident(state=IncidentState.CLOSED), order()) == set()
    assert kinds(10**6, maintenance_incident()) == set()


def reopened(state: IncidentState, seconds: float = 5000, **clocks: tuple[float, str]) -> Incident:
    return replace(stamped(state, **clocks), life=2, reopened_at=at(seconds))


def test_no_clock_of_an_earlier_life_runs_in_a_later_one() -> None:
    first_life = (
        order("U-1", 1),
        order("U-2", 2, state=OrderState.ACCEPTED),
        order("U-3", 3, state=OrderState.EN_ROUTE),
    )
    again = reopened(IncidentState.NEW, t5=(3, "Li"), t7=(5, "unit U-1"), t8=(6, "unit U-3"), t9=(40, "unit U-3"))
    assert kinds(5001, again, *first_life) == set()
    assert first_at(LatenessKind.NOBODY_SENT, again, *first_life) == 5000 + SENT_WITHIN_S
    assert first_at(LatenessKind.TARGET_PASSED, again, *first_life) == 5060
    there = reopened(IncidentState.ON_SCENE, t9=(40, "unit U-3"))
    assert first_at(LatenessKind.NOT_HANDLED, there) == 5000 + USUAL.handled_s[Level.RED]
    arrived = reopened(IncidentState.ON_SCENE, t9=(5050, "unit U-1"))
    assert first_at(LatenessKind.NOT_HANDLED, arrived) == 5050 + USUAL.handled_s[Level.RED]


def test_the_most_urgent_comes_first_then_what_is_late_the_longest_the_same_in_any_order() -> None:
    yellow = watch_of(incident(2, level=Level.YELLOW), ())
    red = watch_of(incident(3), ())
    found = overdue([yellow, red], (), USUAL, at(100))
    assert [(one.incident_id, one.kind) for one in found] == [
        ("I-3", LatenessKind.NOBODY_SENT),
        ("I-3", LatenessKind.TARGET_PASSED),
        ("I-2", LatenessKind.NOBODY_SENT),
        ("I-2", LatenessKind.TARGET_PASSED),
    ]
    assert overdue([red, yellow], (), USUAL, at(100)) == found


@pytest.mark.parametrize(
    ("handled_s", "zh", "en"),
    [(1200, "20 分钟", "20 min"), (90, "1.5 分钟", "1.5 min"), (20, "20 秒", "20 s"), (100, "100 秒", "100 s")],
)
def test_a_limit_is_said_in_minutes_where_it_is_some_and_else_in_seconds(handled_s: float, zh: str, en: str) -> None:
    there = stamped(IncidentState.ON_SCENE, t9=(40, "unit U-1"))
    limits = replace(USUAL, handled_s=dict.fromkeys(Level, float(handled_s)))
    (found,) = overdue([watch_of(there, ())], (), limits, at(10_000))
    assert (found.zh, found.en) == (f"到场 {zh}还没有处置完", f"on scene for {en}, and not handled")


def test_what_is_late_is_said_in_both_languages_and_names_the_unit() -> None:
    (found,) = overdue([watch_of(incident(state=IncidentState.ORDERED), (order(),))], (duty(),), USUAL, at(12))
    assert (found.zh, found.en) == ("联勤1组 10 秒内没有签收", "Joint 1 has not accepted within 10 s")
    (unknown,) = overdue([watch_of(incident(state=IncidentState.ORDERED), (order(),))], (), USUAL, at(12))
    assert unknown.en == "U-1 has not accepted within 10 s"
    assert (found.key, unknown.key) == ("order_not_accepted/O-1", "order_not_accepted/O-1")


def test_every_open_incident_waits_for_something_in_every_state_that_it_can_be_in() -> None:
    sent = {
        IncidentState.ORDERED: OrderState.SENT,
        IncidentState.ACCEPTED: OrderState.ACCEPTED,
        IncidentState.EN_ROUTE: OrderState.EN_ROUTE,
        IncidentState.ON_SCENE: OrderState.ON_SCENE,
        IncidentState.HANDLED: OrderState.DONE,
    }
    for state in IncidentState:
        orders = (order(state=sent[state]),) if state in sent else ()
        assert not has_no_clock(watch_of(incident(state=state), orders), {}, USUAL)


def test_an_incident_that_waits_for_a_unit_and_has_no_open_order_has_no_clock() -> None:
    for state in (IncidentState.ORDERED, IncidentState.ACCEPTED, IncidentState.EN_ROUTE):
        ended = order(state=OrderState.EXPIRED)
        assert has_no_clock(watch_of(incident(state=state), (ended,)), {}, USUAL)
    assert not has_no_clock(watch_of(maintenance_incident(), ()), {}, USUAL)


SECONDS = st.floats(0, 4000).map(lambda seconds: round(seconds, 3))


@st.composite
def watches(draw: st.DrawFn) -> tuple[Watch, tuple[Duty, ...]]:
    """Any incident with any orders, also such as cannot be: no clock may depend on another being sensible."""
    stamps = {
        name: Stamp(at(draw(SECONDS)), draw(st.sampled_from(["unit U-0", "unit U-1", "Li"])))
        for name in (ClockName.CONFIRMED, ClockName.UNIT_ACCEPTED, ClockName.MOVING, ClockName.ON_SCENE)
        if draw(st.booleans())
    }
    plain = incident(state=draw(st.sampled_from(IncidentState)), level=draw(st.sampled_from(Level)))
    of = replace(plain, clocks={**plain.clocks, **stamps})
    if draw(st.booleans()):
        of = replace(of, life=2, reopened_at=at(draw(SECONDS)))
    states = draw(st.lists(st.sampled_from(OrderState), max_size=3))
    orders = [
        order(f"U-{number}", number, state=state, sent_at=at(draw(SECONDS)), eta_s=draw(st.floats(1, 500)))
        for number, state in enumerate(states)
    ]
    duties = tuple(
        Duty(
            unit(f"U-{number}"),
            UnitState.EN_ROUTE,
            north(draw(st.floats(0, 2000))),
            at(draw(SECONDS)) if draw(st.booleans()) else None,
            one.id,
        )
        for number, one in enumerate(orders)
    )
    held = at(draw(SECONDS)) if draw(st.booleans()) else None
    closing = at(draw(SECONDS)) if draw(st.booleans()) else None
    return replace(watch_of(of, orders), held_until=held, closing_since=closing), duties


@given(watches(), SECONDS)
def test_a_thing_is_late_exactly_if_its_own_clock_says_so(found: tuple[Watch, tuple[Duty, ...]], now: float) -> None:
    watch, duties = found
    clocks = list(awaited(watch, {duty.unit.id: duty for duty in duties}, USUAL))
    assert {one.key for one in overdue([watch], duties, USUAL, at(now))} == {
        one.key for one in clocks if one.since < at(now)
    }
    assert len({one.key for one in clocks}) == len(clocks)


@given(watches(), watches(), SECONDS)
def test_what_is_late_about_one_incident_says_nothing_of_another(
    one: tuple[Watch, tuple[Duty, ...]], other: tuple[Watch, tuple[Duty, ...]], now: float
) -> None:
    other_watch = replace(other[0], incident=replace(other[0].incident, id="I-2"))
    both = overdue([one[0], other_watch], one[1], USUAL, at(now))
    assert [late for late in both if late.incident_id == "I-1"] == list(overdue([one[0]], one[1], USUAL, at(now)))


@given(watches(), SECONDS, st.floats(0, 1000))
def test_what_is_late_stays_late_while_nothing_happens(
    found: tuple[Watch, tuple[Duty, ...]], now: float, later_s: float
) -> None:
    watch, duties = found
    before = overdue([watch], duties, USUAL, at(now))
    after = overdue([watch], duties, USUAL, at(now) + timedelta(seconds=later_s))
    assert set(before) <= set(after)


@given(watches())
def test_no_clock_is_older_than_the_life_it_belongs_to(found: tuple[Watch, tuple[Duty, ...]]) -> None:
    watch, duties = found
    clocks: list[Lateness] = list(awaited(watch, {duty.unit.id: duty for duty in duties}, USUAL))
    own = [one for one in clocks if one.kind not in {LatenessKind.CONFIRMATION_WAITS} and watch.closing_since is None]
    assert all(one.since >= watch.incident.life_began_at for one in own)
