"""Who is sent where: all that waits, as one assignment."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.choosing import Choice, Choices, Commitment, Policy, TravelTime, Want, choose
from patrol.domain.dispatch import Duty, travel_time_s
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.orders import OrderState
from patrol.domain.shortfalls import ShortfallReason
from patrol.domain.units import UnitId, UnitKind, UnitState
from patrol.domain.vocabulary import Place, RingName
from tests.builders import at, duty, north, unit
from tests.examples import examples

NOW = at(0)
TAKE_NOBODY = Policy(preempts={})
KEEP_ONE = Policy(reserve={RingName.CORE: 1})
LEVELS = list(Level)


def want(number: int = 1, metres: float = 0.0, due_s: float | None = 60.0, **changes: Any) -> Want:
    plain = Want(
        incident_id=IncidentId(f"I-{number}"),
        level=Level.RED,
        ring=RingName.CORE,
        place=north(metres),
        due_at=None if due_s is None else at(due_s),
        crews=1,
        wants_drone=False,
        simulated=False,
        capabilities=frozenset(),
        tried={},
        opened_at=at(-10 + number),
    )
    return replace(plain, **changes)


def by_unit(unit_id: str, metres: float = 100.0, **changes: Any) -> Duty:
    """A free unit with other traits than usual."""
    return Duty(unit(unit_id, home=north(metres), **changes))


def drone(unit_id: str = "U-9", metres: float = 100.0) -> Duty:
    return by_unit(unit_id, metres, kind=UnitKind.DRONE_GROUP, speed_m_s=12.0)


def chosen(
    wants: Sequence[Want],
    duties: Sequence[Duty],
    commitments: Mapping[UnitId, Commitment] | None = None,
    policy: Policy | None = None,
    travel_s: TravelTime = travel_time_s,
) -> Choices:
    return choose(wants, duties, commitments or {}, travel_s, policy or Policy(), NOW)


def who_goes(choices: Choices) -> dict[str, list[str]]:
    goes: dict[str, list[str]] = {}
    for choice in choices.chosen:
        goes.setdefault(choice.incident_id, []).append(choice.unit_id)
    return goes


def left_out(choice: Choice) -> dict[str, str | None]:
    return {candidate.unit_id: candidate.left_out for candidate in choice.candidates}


def short(choices: Choices) -> list[tuple[str, int, str]]:
    return [(incident_id, one.missing, one.reason.value) for incident_id, one in choices.shortfalls.items()]


def words(choices: Choices) -> list[tuple[str, str]]:
    return [(one.zh, one.en) for one in choices.shortfalls.values()]


def on(number: int, level: Level = Level.YELLOW, state: OrderState = OrderState.EN_ROUTE, **changes: Any) -> Commitment:
    return Commitment(IncidentId(f"I-{number}"), level, state, RingName.CORE, **changes)


def busy(unit_id: str = "U-1", metres: float = 10.0) -> Duty:
    return duty(unit_id, metres, state=UnitState.EN_ROUTE)


# -- one incident -----------------------------------------------------------------------------------------------------


def test_one_incident_alone_gets_whom_is_there_soonest_not_who_is_nearest() -> None:
    car = by_unit("U-2", 600, speed_m_s=12.0)
    (choice,) = chosen([want(due_s=100)], [duty("U-1", 300), car]).chosen
    assert (choice.unit_id, choice.target_feasible, choice.takes_from, choice.is_drone) == ("U-2", True, None, False)
    assert choice.eta_s == travel_time_s(car, north(0))
    assert (choice.why_zh, choice.why_en) == (
        "2 个空闲警力中最快：1:10 后到场",
        "soonest of 2 free units: there in 1:10",
    )
    assert [candidate.unit_id for candidate in choice.candidates] == ["U-2", "U-1"]


def test_units_that_are_equally_soon_are_told_apart_by_their_ids() -> None:
    assert who_goes(chosen([want()], [duty("U-2"), duty("U-3"), duty("U-1")])) == {"I-1": ["U-1"]}


def test_who_is_on_the_way_home_can_go_from_where_it_is() -> None:
    class Later:  # a state that units do not have yet
        RETURNING: Any = "returning"

    back = duty("U-1", 5000, place=north(20), state=Later.RETURNING)
    assert who_goes(chosen([want()], [back, duty("U-2", 50)])) == {"I-1": ["U-1"]}


def test_an_order_that_cannot_be_in_time_says_so_and_is_told_as_a_shortfall() -> None:
    found = chosen([want()], [duty(metres=1000)])
    assert not found.chosen[0].target_feasible
    assert found.chosen[0].why_en == "the only free unit: there in 8:25; expected 7:25 late"
    assert "预计超时 7:25" in found.chosen[0].why_zh
    assert short(found) == [("I-1", 0, "nobody_in_time")]
    assert words(found) == [
        (
            "无人能按时到场；最快 联勤1组 8:25 到，超时 7:25",
            "nobody is there in time; Joint 1 is soonest, in 8:25, 7:25 late",
        )
    ]
    shortfall = found.shortfalls[IncidentId("I-1")]
    assert (shortfall.unit_id, shortfall.eta_s, shortfall.late_s) == ("U-1", 505.0, 445.0)
    assert shortfall.since == NOW


def test_without_a_target_nothing_is_late() -> None:
    found = chosen([want(due_s=None)], [duty(metres=9000)])
    assert found.chosen[0].target_feasible
    assert found.shortfalls == {}


def test_who_wants_nobody_gets_nobody() -> None:
    assert chosen([want(crews=0)], [duty()]) == Choices()
    assert chosen([], [duty()]) == Choices()


@examples(200)
@given(
    st.lists(st.tuples(st.integers(0, 900), st.floats(0.5, 20.0), st.floats(0, 60)), min_size=1, max_size=12),
    st.sampled_from(LEVELS),
    st.integers(1, 600),
)
def test_alone_it_is_the_soonest_whatever_its_level_and_target(
    units: list[tuple[int, float, float]], level: Level, due_s: int
) -> None:
    duties = [
        by_unit(f"U-{n:02}", metres, speed_m_s=speed, mobilise_s=wait) for n, (metres, speed, wait) in enumerate(units)
    ]
    (choice,) = chosen([want(level=level, due_s=due_s)], duties).chosen
    soonest = min(duties, key=lambda one: (round(travel_time_s(one, north(0)) * 1000), one.unit.id))
    assert choice.unit_id == soonest.unit.id


# -- who may go -------------------------------------------------------------------------------------------------------


def test_everybody_left_out_has_a_reason() -> None:
    duties = [
        duty("U-01", 400),
        by_unit("U-02", simulated=True),
        by_unit("U-03", rings=frozenset({RingName.FAR})),
        duty("U-04", state=UnitState.OUT_OF_SERVICE),
        busy("U-05"),
        duty("U-06", state=UnitState.ON_SCENE),
        drone("U-07"),
        duty("U-08", 200),
        duty("U-09", 300),
        busy("U-10"),
        duty("U-11", 2000),
    ]
    wants = [want(1, tried={UnitId("U-08"): OrderState.REJECTED}, crews_on_it=1), want(2, 310)]
    commitments = {UnitId("U-05"): on(7, Level.RED), UnitId("U-10"): on(1)}

    def cut_off(one: Duty, place: Place) -> float:
        return math.inf if one.unit.id == "U-11" else travel_time_s(one, place)

    found = chosen(wants, duties, commitments, travel_s=cut_off)
    assert who_goes(found) == {"I-1": ["U-01"], "I-2": ["U-09"]}
    assert left_out(found.chosen[0]) == {
        "U-01": None,
        "U-02": "simulated",
        "U-03": "other_ring",
        "U-04": "unit_out_of_service",
        "U-05": "serves_I-7",
        "U-06": "unit_on_scene",
        "U-07": "drone",
        "U-08": "order_rejected",
        "U-09": "serves_I-2",
        "U-10": "already_sent",
        "U-11": "no_way",
    }
    assert found.chosen[0].candidates[1].eta_s == pytest.approx(155, abs=1)


def test_a_simulated_incident_never_moves_a_real_unit_nor_a_real_one_a_simulated_unit() -> None:
    real, made_up = duty("U-1", 10), by_unit("U-2", 900, simulated=True)
    assert who_goes(chosen([want(simulated=True)], [real, made_up])) == {"I-1": ["U-2"]}
    assert who_goes(chosen([want()], [real, made_up])) == {"I-1": ["U-1"]}
    assert who_goes(chosen([want(1), want(2, simulated=True)], [real, made_up])) == {"I-1": ["U-1"], "I-2": ["U-2"]}
    nobody = chosen([want(simulated=True)], [real])
    assert short(nobody) == [("I-1", 1, "no_crews")]


def test_what_is_needed_must_be_there() -> None:
    medic = Duty(unit("U-2", home=north(300), capabilities=frozenset({"first_aid", "keys"})))
    needs = want(capabilities=frozenset({"first_aid"}))
    found = chosen([needs], [duty("U-1", 10), medic])
    assert who_goes(found) == {"I-1": ["U-2"]}
    assert left_out(found.chosen[0])["U-1"] == "lacks_first_aid"
    assert short(chosen([needs], [duty("U-1", 10)])) == [("I-1", 1, "none_able")]


def test_a_crew_must_be_as_many_officers_as_are_needed_and_a_drone_none() -> None:
    many, needs = by_unit("U-2", 300, crew=4), want(crew_at_least=3, wants_drone=True)
    found = chosen([needs], [duty("U-1", 10), many, drone(metres=10)])
    assert who_goes(found) == {"I-1": ["U-2", "U-9"]}
    assert left_out(found.chosen[0])["U-1"] == "crew_of_2"
    assert short(chosen([needs], [duty("U-1", 10)])) == [("I-1", 1, "none_able")]


def test_who_refused_is_not_asked_again_who_was_silent_only_last() -> None:
    refused = want(tried={UnitId("U-1"): OrderState.REJECTED})
    nobody = chosen([refused], [duty("U-1", 10)])
    assert (who_goes(nobody), short(nobody)) == ({}, [("I-1", 1, "all_refused")])
    silent = want(tried={UnitId("U-1"): OrderState.EXPIRED})
    assert who_goes(chosen([silent], [duty("U-1", 10), duty("U-2", 900)])) == {"I-1": ["U-2"]}
    (again,) = chosen([silent], [duty("U-1", 10)]).chosen
    assert again.why_en == "asked again, as nobody else is left: there in 0:10"
    assert "此前未签收" in again.why_zh


def test_who_was_called_back_for_something_else_is_asked_as_anybody() -> None:
    recalled = want(tried={UnitId("U-1"): OrderState.RECALLED})
    assert who_goes(chosen([recalled], [duty("U-1", 10), duty("U-2", 900)])) == {"I-1": ["U-1"]}


FAR_ONLY = by_unit("U-2", rings=frozenset({RingName.FAR}))
SIMULATED = by_unit("U-3", simulated=True)


@pytest.mark.parametrize(
    ("duties", "reason"),
    [
        ([], "no_crews"),
        ([SIMULATED, drone()], "no_crews"),
        ([SIMULATED, FAR_ONLY], "none_of_ring"),
        ([FAR_ONLY, duty(state=UnitState.OUT_OF_SERVICE)], "none_on_duty"),
        ([duty(state=UnitState.OFF_DUTY)], "none_on_duty"),
        ([duty(state=UnitState.OFF_DUTY), busy("U-2")], "all_busy"),
        ([duty("U-9", 9000), busy("U-2")], "none_located"),
        ([duty("U-8", 8000), duty("U-9", 9000)], "no_way"),
    ],
)
def test_the_reason_is_what_leaves_nobody(duties: list[Duty], reason: str) -> None:
    def cut_off(one: Duty, place: Place) -> float:
        return math.inf if one.unit.id == "U-8" else travel_time_s(one, place)

    found = choose([want()], duties, {}, cut_off, Policy(), NOW, {UnitId("U-9"): 734.4})
    assert (who_goes(found), short(found)) == ({}, [("I-1", 1, reason)])


def test_how_many_are_missing_is_said() -> None:
    found = chosen([want(crews=2)], [duty(state=UnitState.ON_SCENE)])
    assert words(found) == [("缺 2 组警力：可派的警力均在执行任务", "2 crews short: all who may go are busy")]


def test_where_the_first_crew_is_late_and_the_second_is_missing_both_is_said() -> None:
    found = chosen([want(crews=2)], [duty(metres=1000)])
    assert short(found) == [("I-1", 1, "all_busy")]
    assert words(found)[0][1] == "1 crew short: all who may go are busy; Joint 1 is soonest, in 8:25, 7:25 late"


def test_who_is_kept_is_named_for_the_first_crew_alone_so_that_late_means_the_first() -> None:
    yellow, keep_one = want(level=Level.YELLOW, crews=2), Policy(reserve={RingName.CORE: 1})
    found = chosen([yellow], [duty("U-1", 10), duty("U-2", 5000)], policy=keep_one)
    assert (who_goes(found), short(found)) == ({"I-1": ["U-1"]}, [("I-1", 1, "kept_for_red")])
    assert found.shortfalls[IncidentId("I-1")].late_s is None
    assert found.shortfalls[IncidentId("I-1")].unit_id is None
    alone = chosen([yellow], [duty("U-2", 5000)], policy=keep_one)
    assert alone.shortfalls[IncidentId("I-1")].late_s is not None


def test_a_crew_on_its_way_that_will_be_late_is_said_with_what_is_missing() -> None:
    on_it = want(crews=1, crews_on_it=1, arrives_at={UnitId("U-1"): at(90)})
    found = chosen([on_it], [busy("U-1", 1000)], {UnitId("U-1"): on(1, Level.RED)})
    assert words(found)[0][1] == "1 crew short: there is no crew to send; Joint 1 is soonest, in 1:30, 0:30 late"
    in_time = replace(on_it, arrives_at={UnitId("U-1"): at(59)})
    assert words(chosen([in_time], [busy("U-1")], {UnitId("U-1"): on(1, Level.RED)}))[0][1].endswith("crew to send")


def test_of_whom_nobody_knows_where_it_is_is_not_sent_nor_kept_and_how_old_its_position_is_is_told() -> None:
    lost_s = {UnitId("U-1"): 734.4}
    found = choose(
        [want(level=Level.YELLOW)], [duty("U-1", 5), duty("U-2", 9)], {}, travel_time_s, KEEP_ONE, NOW, lost_s
    )
    assert short(found) == [("I-1", 1, "kept_for_red")]
    assert found.shortfalls[IncidentId("I-1")].unit_id == "U-2"
    (choice,) = choose([want()], [duty("U-1", 5), duty("U-2", 9)], {}, travel_time_s, Policy(), NOW, lost_s).chosen
    assert (choice.unit_id, left_out(choice)) == ("U-2", {"U-2": None, "U-1": "lost_734"})


# -- several at once --------------------------------------------------------------------------------------------------


def test_two_reds_at_once_are_both_in_time_where_one_after_the_other_is_not() -> None:
    wants = [want(1, 0), want(2, 200)]
    # U-1 is nearer to both, and the only one that reaches I-2 in time.
    found = chosen(wants, [duty("U-1", 95), duty("U-2", -100)])
    assert who_goes(found) == {"I-1": ["U-2"], "I-2": ["U-1"]}
    assert [choice.target_feasible for choice in found.chosen] == [True, True]
    assert found.chosen[0].why_en == "there in 0:55; U-1 would be sooner (0:53), but serves I-2"
    assert found.chosen[0].why_zh == "0:55 后到场；U-1 更快（0:53），但去 I-2"


def test_no_red_waits_longer_for_the_sake_of_any_number_of_yellows() -> None:
    red = want(9, 0, due_s=60)
    yellows = [want(n, 10 * n, due_s=20, level=Level.YELLOW) for n in (1, 2)]
    found = chosen([*yellows, red], [duty("U-1", 0), duty("U-2", 2000)])
    assert who_goes(found) == {"I-9": ["U-1"], "I-2": ["U-2"]}
    assert [choice.incident_id for choice in found.chosen] == ["I-9", "I-2"]


def test_where_there_are_too_few_those_who_are_due_last_wait() -> None:
    soon, later, latest = want(3, 50, due_s=100), want(1, 0, due_s=200), want(2, 0, due_s=300)
    assert who_goes(chosen([later, soon, latest], [duty("U-1", 0)])) == {"I-3": ["U-1"]}


def test_who_can_be_in_time_comes_before_who_is_late_anyhow() -> None:
    hopeless, fresh = want(1, 0, due_s=-100), want(2, 50, due_s=60)
    assert who_goes(chosen([hopeless, fresh], [duty("U-1", 0)])) == {"I-2": ["U-1"]}


def test_of_the_overdue_the_nearer_goes_first_but_not_for_longer_than_a_quarter_of_an_hour() -> None:
    nearer, longer, longest = want(1, 10, due_s=-10), want(2, 500, due_s=-800), want(3, 900, due_s=-1000)
    assert who_goes(chosen([nearer, longer], [duty("U-1", 0)])) == {"I-1": ["U-1"]}
    assert who_goes(chosen([nearer, longer, longest], [duty("U-1", 0)])) == {"I-3": ["U-1"]}


def test_the_time_until_an_order_is_accepted_counts_for_who_will_be_late() -> None:
    slow = Policy(answer_s=10)
    (choice,) = chosen([want()], [duty(metres=100)], policy=slow).chosen
    assert choice.eta_s == pytest.approx(55, abs=0.1)
    assert not choice.target_feasible
    assert choice.why_en == "the only free unit: there in 0:55; expected 0:05 late"


def test_rather_all_get_somebody_than_one_is_in_time_and_the_other_has_nobody() -> None:
    both = frozenset({RingName.CORE, RingName.PERIPHERY})
    wide, narrow = by_unit("U-1", 0, rings=both), by_unit("U-2", 900, rings=frozenset({RingName.PERIPHERY}))
    outer, inner = want(1, 0, ring=RingName.PERIPHERY), want(2, 900)
    assert who_goes(chosen([outer, inner], [wide, narrow])) == {"I-1": ["U-2"], "I-2": ["U-1"]}


def test_second_crews_come_after_everybodys_first() -> None:
    red, green = want(1, crews=3), want(2, 5000, level=Level.GREEN)
    found = chosen([red, green], [duty("U-1", 10), duty("U-2", 20), duty("U-3", 30)])
    assert who_goes(found) == {"I-1": ["U-1", "U-2"], "I-2": ["U-3"]}
    assert found.chosen[1].why_en == "crew 2: there in 0:15, the only other free unit"
    assert found.chosen[1].why_zh == "第 2 组：0:15 后到场，是其余唯一空闲的警力"
    assert short(found) == [("I-1", 1, "all_busy"), ("I-2", 0, "nobody_in_time")]


def test_second_crews_come_before_third_ones_and_of_red_before_yellow() -> None:
    reds = [want(1, crews=3), want(2, crews=3)]
    found = chosen([*reds, want(3, crews=2, level=Level.YELLOW)], [duty(f"U-{n}") for n in range(1, 6)])
    assert {incident: len(units) for incident, units in who_goes(found).items()} == {"I-1": 2, "I-2": 2, "I-3": 1}


def test_a_further_crew_is_told_with_why_it_and_no_other() -> None:
    found = chosen([want(crews=2, level=Level.GREEN)], [duty("U-1", 10), duty("U-2", 20), duty("U-3", 30)])
    assert found.chosen[1].why_zh == "第 2 组：0:15 后到场，是其余空闲警力中最快的"
    assert found.chosen[1].why_en == "crew 2: there in 0:15, the soonest of the other free units"
    both = [want(1, crews=2), want(2, 25, level=Level.YELLOW)]
    found = chosen(both, [duty("U-1", 0), duty("U-2", 25), duty("U-3", 400)])
    assert found.chosen[1].why_en.startswith("crew 2: there in ")
    assert found.chosen[1].why_en.endswith(", but serves I-2")
    assert found.chosen[1].why_zh.endswith("，但去 I-2")


def test_a_further_crew_is_never_late() -> None:
    found = chosen([want(crews=1, crews_on_it=1)], [duty(metres=1000)])
    assert found.chosen[0].why_en == "crew 2: there in 8:25, the only other free unit"
    assert found.shortfalls == {}


# -- kept for red -----------------------------------------------------------------------------------------------------


def test_the_last_crew_is_kept_for_red_and_said_so() -> None:
    found = chosen([want(level=Level.YELLOW)], [duty()], policy=KEEP_ONE)
    assert found.chosen == ()
    assert short(found) == [("I-1", 1, "kept_for_red")]
    assert words(found) == [
        (
            "缺 1 组警力：余下警力为红色警情预留；最快 联勤1组 0:55 到",
            "1 crew short: those that are left are kept for red; Joint 1 is soonest, in 0:55",
        )
    ]
    assert who_goes(chosen([want()], [duty()], policy=KEEP_ONE)) == {"I-1": ["U-1"]}


def test_who_is_kept_is_whom_the_others_need_least() -> None:
    found = chosen([want(level=Level.YELLOW)], [duty("U-1", 300), duty("U-2", 10)], policy=KEEP_ONE)
    assert who_goes(found) == {"I-1": ["U-2"]}
    assert left_out(found.chosen[0]) == {"U-1": "kept_for_red", "U-2": None}


def test_red_has_its_second_crew_from_what_is_kept_before_a_yellow_has_its_first() -> None:
    wants = [want(1, crews=3), want(2, level=Level.YELLOW)]
    duties = [duty(f"U-{n}", 10.0 * n) for n in range(1, 4)]
    assert {i: len(u) for i, u in who_goes(chosen(wants, duties, policy=KEEP_ONE)).items()} == {"I-1": 2, "I-2": 1}
    assert {i: len(u) for i, u in who_goes(chosen(wants, duties[:2], policy=KEEP_ONE)).items()} == {"I-1": 2}


def test_what_is_kept_for_another_ring_concerns_only_who_may_serve_it() -> None:
    far = Policy(reserve={RingName.FAR: 1})
    core_only = by_unit("U-1", rings=frozenset({RingName.CORE}))
    assert who_goes(chosen([want(level=Level.GREEN)], [core_only], policy=far)) == {"I-1": ["U-1"]}
    assert who_goes(chosen([want(level=Level.GREEN)], [duty("U-1")], policy=far)) == {}


def test_no_simulated_crew_is_kept_for_real_reds() -> None:
    made_up = by_unit("U-2", simulated=True)
    found = chosen([want(level=Level.GREEN)], [duty("U-1"), made_up], policy=KEEP_ONE)
    assert short(found) == [("I-1", 1, "kept_for_red")]


# -- taking from others -----------------------------------------------------------------------------------------------


def test_a_red_takes_a_unit_where_else_it_had_nobody_and_the_other_gets_what_is_left() -> None:
    loser = want(2, 500, level=Level.YELLOW, crews=0, due_s=180, ring=RingName.PERIPHERY)
    other = by_unit("U-2", 520, rings=frozenset({RingName.PERIPHERY}))
    found = chosen([want(1), loser], [busy(), other], {UnitId("U-1"): on(2)})
    assert who_goes(found) == {"I-1": ["U-1"], "I-2": ["U-2"]}
    taken, instead = found.chosen
    assert taken.takes_from == "I-2"
    assert taken.why_en == "taken from I-2 (yellow), else not in time: there in 0:10"
    assert taken.why_zh == "从 I-2（黄）抽调，否则不能按时到场：0:10 后到场"
    assert instead.takes_from is None
    assert instead.why_en == "U-1 goes to I-1; instead: the only free unit: there in 0:15"
    assert instead.why_zh.startswith("U-1 被抽调至 I-1，改派：")
    assert left_out(instead)["U-1"] == "serves_I-1"
    assert found.shortfalls == {}


def test_who_loses_a_unit_and_gets_none_is_told_short() -> None:
    found = chosen([want(1), want(2, crews=0, level=Level.YELLOW)], [busy()], {UnitId("U-1"): on(2)})
    assert who_goes(found) == {"I-1": ["U-1"]}
    assert short(found) == [("I-2", 1, "all_busy")]


def test_nothing_is_taken_to_save_time_alone() -> None:
    loser = want(2, crews=0, level=Level.YELLOW)
    found = chosen([want(1), loser], [busy(metres=1), duty("U-2", 100)], {UnitId("U-1"): on(2)})
    assert who_goes(found) == {"I-1": ["U-2"]}


def test_a_late_one_is_helped_only_by_who_is_in_time() -> None:
    loser = want(2, crews=0, level=Level.YELLOW)
    far = duty("U-2", 1000)
    assert who_goes(chosen([want(1), loser], [busy(metres=50), far], {UnitId("U-1"): on(2)})) == {
        "I-1": ["U-1"],
        "I-2": ["U-2"],
    }
    assert who_goes(chosen([want(1), loser], [busy(metres=500), far], {UnitId("U-1"): on(2)})) == {"I-1": ["U-2"]}


@pytest.mark.parametrize(
    "commitment",
    [
        on(2, Level.RED),
        on(2, state=OrderState.ON_SCENE),
        on(2, doubted=True),
        on(3),
    ],
    ids=["as urgent", "there already", "doubted", "of an incident that is not told"],
)
def test_who_cannot_be_taken(commitment: Commitment) -> None:
    loser = want(2, crews=0, level=commitment.level)
    found = chosen([want(1), loser], [busy()], {UnitId("U-1"): commitment})
    assert "I-1" not in who_goes(found)


def test_only_the_levels_that_the_policy_names_are_taken_from() -> None:
    wants = [want(1, level=Level.YELLOW), want(2, crews=0, level=Level.BLUE)]
    commitments = {UnitId("U-1"): on(2, Level.BLUE)}
    assert who_goes(chosen(wants, [busy()], commitments)) == {}
    may = Policy(preempts={Level.YELLOW: frozenset({Level.BLUE})})
    assert who_goes(chosen(wants, [busy()], commitments, may)) == {"I-1": ["U-1"]}


def test_rather_the_least_urgent_loses_its_unit() -> None:
    wants = [want(1), want(2, crews=0, level=Level.YELLOW), want(3, crews=0, level=Level.GREEN)]
    commitments = {UnitId("U-1"): on(2, Level.YELLOW), UnitId("U-2"): on(3, Level.GREEN)}
    found = chosen(wants, [busy("U-1", 10), busy("U-2", 50)], commitments)
    assert who_goes(found) == {"I-1": ["U-2"]}


def test_a_second_crew_is_taken_from_nobody() -> None:
    wants = [want(1, crews=1, crews_on_it=1), want(2, crews=0, level=Level.GREEN)]
    assert who_goes(chosen(wants, [busy()], {UnitId("U-1"): on(2, Level.GREEN)})) == {}


def test_an_incident_that_keeps_a_second_crew_is_not_late_for_losing_the_first() -> None:
    loser = want(2, crews=0, level=Level.YELLOW)
    found = chosen([want(1), loser], [busy("U-1", 10), busy("U-2", 20)], {UnitId("U-1"): on(2), UnitId("U-2"): on(2)})
    assert who_goes(found) == {"I-1": ["U-1"]}
    assert short(found) == [("I-2", 1, "all_busy")]


def test_who_let_the_order_expire_is_not_taken_from_what_it_does_now() -> None:
    wants = [want(1, tried={UnitId("U-1"): OrderState.EXPIRED}), want(2, crews=0, level=Level.YELLOW)]
    assert who_goes(chosen(wants, [busy()], {UnitId("U-1"): on(2)})) == {}


def test_what_is_kept_for_red_is_not_given_to_who_loses_a_unit_to_it() -> None:
    loser = want(2, crews=0, level=Level.YELLOW)
    found = chosen([want(1), loser], [busy(), duty("U-2", 3000)], {UnitId("U-1"): on(2)}, KEEP_ONE)
    assert who_goes(found) == {"I-1": ["U-1"]}
    assert short(found) == [("I-2", 1, "kept_for_red")]


# -- drones -----------------------------------------------------------------------------------------------------------


def test_a_drone_goes_beside_the_crew_where_it_is_there_so_much_sooner() -> None:
    far_crew = duty("U-1", 300)  # 155 s
    found = chosen([want(wants_drone=True)], [far_crew, drone(metres=300)])
    assert [(choice.unit_id, choice.is_drone) for choice in found.chosen] == [("U-1", False), ("U-9", True)]
    assert found.chosen[1].why_en == "the drone is first: there in 0:38, the first crew in 2:35"
    assert found.chosen[1].why_zh == "无人机先到：0:38 后到场，首组 2:35"
    assert left_out(found.chosen[1]) == {"U-9": None, "U-1": "no_drone"}
    near_crew = duty("U-1", 100)  # 55 s: only 17 s later
    assert len(chosen([want(wants_drone=True)], [near_crew, drone(metres=300)]).chosen) == 1


def test_a_drone_is_no_crew() -> None:
    found = chosen([want(wants_drone=True)], [drone()])
    assert [choice.is_drone for choice in found.chosen] == [True]
    assert found.chosen[0].why_en.endswith("no crew can go")
    assert short(found) == [("I-1", 1, "no_crews")]


def test_a_drone_is_not_sent_where_a_crew_is_or_is_about_to_be() -> None:
    there = {UnitId("U-1"): on(1, Level.RED, OrderState.ON_SCENE)}
    wants = [want(wants_drone=True, crews=0)]
    assert chosen(wants, [busy(metres=900), drone()], there).chosen == ()
    near = {UnitId("U-1"): on(1, Level.RED)}
    assert chosen(wants, [busy(metres=20), drone()], near).chosen == ()
    assert len(chosen(wants, [busy(metres=900), drone()], near).chosen) == 1
    unknown = [want(wants_drone=True, crews=0, crews_on_it=1)]
    assert chosen(unknown, [drone()]).chosen == ()


def test_of_two_that_want_the_drone_the_more_urgent_has_it() -> None:
    wants = [want(1, 100, wants_drone=True, level=Level.YELLOW, crews=0), want(2, 900, wants_drone=True, crews=0)]
    assert who_goes(chosen(wants, [drone()])) == {"I-2": ["U-9"]}


# -- laws -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Instance:
    """A small room. ``times``: seconds by unit and incident."""

    wants: tuple[Want, ...]
    duties: tuple[Duty, ...]
    commitments: Mapping[UnitId, Commitment]
    times: Mapping[tuple[UnitId, Place], float]

    def travel_s(self, one: Duty, place: Place) -> float:
        return self.times[one.unit.id, place]

    def choose(self, policy: Policy) -> Choices:
        return choose(self.wants, self.duties, self.commitments, self.travel_s, policy, NOW)


RINGS = st.sampled_from([frozenset(RingName), frozenset({RingName.CORE}), frozenset({RingName.FAR})])
KINDS = st.sampled_from([UnitKind.POST, UnitKind.POST, UnitKind.DRONE_GROUP])


@st.composite
def instances(draw: st.DrawFn, levels: Sequence[Level] = LEVELS, crews: int = 2, with_busy: bool = False) -> Instance:
    number = st.integers(0, 9)
    units = [
        Duty(unit(f"U-{n}", rings=draw(RINGS), kind=draw(KINDS), simulated=draw(number) == 0))
        for n in range(draw(st.integers(1, 5)))
    ]
    tried = st.dictionaries(
        st.sampled_from([one.unit.id for one in units]),
        st.sampled_from([OrderState.REJECTED, OrderState.EXPIRED]),
        max_size=2,
    )
    wants = [
        want(
            n,
            100.0 * n,
            due_s=draw(st.sampled_from([None, -2000, -30, 20, 40, 60])),
            level=draw(st.sampled_from(levels)),
            ring=draw(st.sampled_from([RingName.CORE, RingName.FAR])),
            crews=draw(st.integers(0, crews)),
            wants_drone=draw(st.booleans()),
            simulated=draw(number) == 0,
            tried=draw(tried),
            opened_at=at(-draw(st.integers(1, 2))),
        )
        for n in range(draw(st.integers(1, 4)))
    ]
    commitments = {}
    for position, one in enumerate(units):
        if with_busy and draw(st.booleans()):
            its = draw(st.sampled_from(wants))
            state = draw(st.sampled_from([OrderState.SENT, OrderState.EN_ROUTE, OrderState.ON_SCENE]))
            commitments[one.unit.id] = Commitment(its.incident_id, its.level, state, its.ring)
            units[position] = replace(one, state=UnitState.ASSIGNED)
    seconds = st.sampled_from([5.0, 10.0, 10.001, 30.0, 50.0, 70.0, math.inf])
    times = {(one.unit.id, each.place): draw(seconds) for one in units for each in wants}
    return Instance(tuple(wants), tuple(units), commitments, times)


def may_go(instance: Instance, one: Duty, each: Want, crews: bool = True) -> bool:
    return (
        one.unit.simulated is each.simulated
        and each.ring in one.unit.rings
        and (one.unit.kind is not UnitKind.DRONE_GROUP) is crews
        and each.tried.get(one.unit.id) is not OrderState.REJECTED
        and instance.times[one.unit.id, each.place] < math.inf
    )


@examples(300)
@given(instances(with_busy=True), st.integers(0, 2))
def test_nobody_goes_twice_and_nobody_goes_who_may_not(instance: Instance, reserve: int) -> None:
    found = instance.choose(Policy(reserve={RingName.CORE: reserve}))
    going = [choice.unit_id for choice in found.chosen]
    assert len(set(going)) == len(going)
    duties = {one.unit.id: one for one in instance.duties}
    wants = {each.incident_id: each for each in instance.wants}
    for choice in found.chosen:
        each, one = wants[choice.incident_id], duties[choice.unit_id]
        assert may_go(instance, one, each, crews=not choice.is_drone)
        assert choice.eta_s == instance.times[choice.unit_id, each.place]
        commitment = instance.commitments.get(choice.unit_id)
        assert choice.takes_from == (None if commitment is None else commitment.incident_id)
        assert {candidate.unit_id for candidate in choice.candidates} == set(duties)
        for candidate in choice.candidates:
            assert (candidate.eta_s is None) <= (candidate.left_out is not None)


@examples(200)
@given(instances(with_busy=True), st.integers(0, 2), st.randoms())
def test_the_order_in_which_it_is_told_changes_nothing(instance: Instance, reserve: int, chance: random.Random) -> None:
    wants, duties, commitments = list(instance.wants), list(instance.duties), list(instance.commitments.items())
    for each in (wants, duties, commitments):
        chance.shuffle(each)  # type: ignore[arg-type]
    policy = Policy(reserve={RingName.CORE: reserve})
    again = choose(wants, duties, dict(commitments), instance.travel_s, policy, NOW)
    assert again == instance.choose(policy)


@examples(300)
@given(instances(with_busy=True), st.integers(0, 2))
def test_what_is_not_sent_is_told_short(instance: Instance, reserve: int) -> None:
    found = instance.choose(Policy(reserve={RingName.CORE: reserve}))
    for each in instance.wants:
        crews = [choice for choice in found.chosen if choice.incident_id == each.incident_id and not choice.is_drone]
        lost = sum(choice.takes_from == each.incident_id for choice in found.chosen)
        short_of = found.shortfalls.get(each.incident_id)
        missing = short_of.missing if short_of is not None else 0
        assert len(crews) + missing == each.crews + lost
    late = {one for one, short in found.shortfalls.items() if short.reason is ShortfallReason.NOBODY_IN_TIME}
    assert all(
        not choice.target_feasible for choice in found.chosen if choice.incident_id in late and not choice.is_drone
    )


Assigned = Mapping[tuple[int, int], UnitId | None]  # by want and crew, from 1


def every_assignment(instance: Instance) -> Iterator[Assigned]:
    """All ways to give free crews to what is wanted."""
    seats = [(n, crew) for n, each in enumerate(instance.wants) for crew in range(1, each.crews + 1)]

    def filled(position: int, used: frozenset[UnitId]) -> Iterator[dict[tuple[int, int], UnitId | None]]:
        if position == len(seats):
            yield {}
            return
        each = instance.wants[seats[position][0]]
        able = [one.unit.id for one in instance.duties if one.unit.id not in used and may_go(instance, one, each)]
        for unit_id in (None, *able):
            for rest in filled(position + 1, used | {unit_id} if unit_id else used):
                yield {seats[position]: unit_id, **rest}

    return filled(0, frozenset())


def counts_as_due_s(due_s: float) -> float:
    """A day without a target; whole quarters of an hour once it is overdue."""
    return min(due_s, 86_400) if due_s >= 0 else -(-due_s // 900) * 900


def worth(instance: Instance, assigned: Assigned) -> list[float]:
    """What choosing.py promises to make least, in its order, worked out apart from it."""
    ranks = [(crew, level) for crew in (1, 2) for level in LEVELS]
    figures: list[float] = []
    for crew, level in ranks:
        seats = {n: unit_id for (n, k), unit_id in assigned.items() if k == crew and instance.wants[n].level is level}
        served = {n: unit_id for n, unit_id in seats.items() if unit_id is not None}
        seconds = {n: instance.times[unit_id, instance.wants[n].place] for n, unit_id in served.items()}
        dues = {n: (w.due_at - NOW).total_seconds() if w.due_at else math.inf for n, w in enumerate(instance.wants)}
        figures += [len(seats) - len(served), sum(u in instance.wants[n].tried for n, u in served.items())]
        if crew == 1:
            figures.append(sum(seconds[n] > dues[n] for n in served))
            figures.append(-sum(counts_as_due_s(dues[n]) for n in seats if n not in served))
        figures.append(round(sum(seconds.values()) * 1000))
    return figures


def as_assigned(instance: Instance, found: Choices) -> Assigned:
    goes = {
        each.incident_id: [c.unit_id for c in found.chosen if c.incident_id == each.incident_id and not c.is_drone]
        for each in instance.wants
    }
    return {
        (n, crew): dict(enumerate(goes[each.incident_id], start=1)).get(crew)
        for n, each in enumerate(instance.wants)
        for crew in range(1, each.crews + 1)
    }


@examples(400)
@given(instances())
def test_it_is_the_best_of_all_assignments(instance: Instance) -> None:
    best = min(worth(instance, assigned) for assigned in every_assignment(instance))
    assert worth(instance, as_assigned(instance, instance.choose(TAKE_NOBODY))) == best


def nearest_idle(instance: Instance) -> dict[int, float]:
    """Plain dispatch: the oldest first, each the soonest of those that are left; seconds by want."""
    free, served = list(instance.duties), {}
    for n in sorted(range(len(instance.wants)), key=lambda n: (instance.wants[n].opened_at, n)):
        each = instance.wants[n]
        able = [one for one in free if may_go(instance, one, each)]
        if each.crews and able:
            best = min(able, key=lambda one: (instance.times[one.unit.id, each.place], one.unit.id))
            free.remove(best)
            served[n] = instance.times[best.unit.id, each.place]
    return served


@examples(300)
@given(instances(levels=[Level.BLUE], crews=1))
def test_within_a_level_no_more_are_late_than_with_whoever_is_nearest(instance: Instance) -> None:
    instance = replace(instance, wants=tuple(replace(each, tried={}) for each in instance.wants))

    def late(seconds: Mapping[int, float]) -> int:
        dues = [each.due_at for each in instance.wants]
        return sum((due := dues[n]) is not None and at(spent) > due for n, spent in seconds.items())

    found = as_assigned(instance, instance.choose(TAKE_NOBODY))
    ours = {n: instance.times[u, instance.wants[n].place] for (n, _), u in found.items() if u is not None}
    theirs = nearest_idle(instance)
    assert (-len(ours), late(ours)) <= (-len(theirs), late(theirs))


def served_by_level(instance: Instance, found: Choices) -> list[int]:
    """By level: how many have nobody, how many are late, after what is taken is gone."""
    figures = []
    gone = {choice.unit_id for choice in found.chosen}
    crews = {one.unit.id for one in instance.duties if one.unit.kind is not UnitKind.DRONE_GROUP}
    for level in LEVELS:
        nobody = late = 0
        for each in instance.wants:
            if each.level is not level:
                continue
            has = {u for u, its in instance.commitments.items() if its.incident_id == each.incident_id}
            goes = [c for c in found.chosen if c.incident_id == each.incident_id and not c.is_drone]
            if (has - gone) & crews:
                continue
            nobody += not goes and bool(each.crews)
            late += bool(goes) and not goes[0].target_feasible
        figures += [nobody, late]
    return figures


@examples(400)
@given(instances(with_busy=True))
def test_units_are_taken_only_where_that_turns_nobody_into_somebody_or_late_into_in_time(instance: Instance) -> None:
    policy = Policy()
    found, without = instance.choose(policy), instance.choose(TAKE_NOBODY)
    levels = {each.incident_id: each.level for each in instance.wants}
    had = {choice.incident_id: choice for choice in reversed(without.chosen) if not choice.is_drone}
    for choice in found.chosen:
        if choice.takes_from is None:
            continue
        assert levels[choice.takes_from] in policy.preempts[levels[choice.incident_id]]
        before = had.get(choice.incident_id)
        assert before is None or (not before.target_feasible and choice.target_feasible)
    assert served_by_level(instance, found)[:2] <= served_by_level(instance, without)[:2]
