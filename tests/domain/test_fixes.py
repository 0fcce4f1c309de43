"""Fixes: what is believed of the positions that units send, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.dispatch import Duty
from patrol.domain.errors import MessageError
from patrol.domain.fixes import (
    USUAL,
    Fix,
    FixSettings,
    FixVerdict,
    Freshness,
    fix_of,
    in_wgs84,
    judge,
    staleness,
)
from patrol.domain.incidents import OrderId
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import CoordinateSystem, Place
from tests.builders import SQUARE, at, duty, north, unit


def fix(metres: float = 100, seconds: float = 10, **changes: object) -> Fix:
    """So many metres north of the square, so many seconds after noon; it came at once."""
    plain = Fix(UnitId("U-1"), north(metres), at(seconds), at(seconds), id=f"terminal#{seconds}")
    return replace(plain, **changes)  # type: ignore[arg-type]


def seen(metres: float = 100, seconds: float = 0, **changes: object) -> Duty:
    """A unit that was there then."""
    there = duty(place=north(metres), fix_at=at(seconds), had_fix=True, fix_id=f"terminal#{seconds}")
    return replace(there, **changes)  # type: ignore[arg-type]


def told(fixes: Sequence[Fix], start: Duty, now: datetime | None = None) -> tuple[list[FixVerdict], Duty]:
    """What becomes of these, one after the other, each judged as it comes."""
    verdicts = []
    for one in fixes:
        judgement = judge(one, start, now or one.received_at)
        verdicts.append(judgement.verdict)
        start = judgement.duty
    return verdicts, start


def test_a_first_fix_is_taken_wherever_it_is() -> None:
    (verdict,), after = told([fix(9000, accuracy_m=7.5)], duty())
    assert verdict is FixVerdict.TAKEN
    assert (after.place, after.fix_at, after.accuracy_m, after.had_fix) == (north(9000), at(10), 7.5, True)


def test_a_fix_moves_the_unit_and_changes_nothing_of_what_it_does() -> None:
    busy = seen(state=UnitState.EN_ROUTE, order_id=OrderId("O-1"))
    (verdict,), after = told([fix(120)], busy)
    assert (verdict, after.where) == (FixVerdict.TAKEN, north(120))
    assert (after.state, after.order_id, after.unit) == (busy.state, busy.order_id, busy.unit)


def test_what_comes_a_second_time_is_told_by_its_id_or_by_its_time() -> None:
    verdicts, after = told([fix(), fix(), fix(id="other#1"), fix(130, 20), fix(130, 20, id=None)], duty())
    assert verdicts == [
        FixVerdict.TAKEN, FixVerdict.DUPLICATE, FixVerdict.DUPLICATE, FixVerdict.TAKEN, FixVerdict.DUPLICATE,
    ]  # fmt: skip
    assert after.where == north(130)


def test_what_a_terminal_kept_while_it_was_out_of_reach_does_not_move_the_unit_back() -> None:
    verdicts, after = told([fix(140, 30), fix(110, 20, received_at=at(31))], seen())
    assert verdicts == [FixVerdict.TAKEN, FixVerdict.OLDER]
    assert (after.where, after.fix_at) == (north(140), at(30))


def test_a_clock_two_seconds_ahead_is_believed_and_one_more_ahead_takes_the_time_at_which_it_came() -> None:
    little, much = fix(seconds=12, received_at=at(10)), fix(seconds=12.1, received_at=at(10))
    judgement = judge(little, seen(), at(10))
    assert (judgement.verdict, judgement.duty.fix_at) == (FixVerdict.TAKEN, at(12))
    judgement = judge(much, seen(), at(10))
    assert (judgement.verdict, judgement.duty.fix_at) == (FixVerdict.FUTURE, at(10))
    assert judgement.duty.where == much.place


def test_a_terminal_whose_clock_is_an_hour_ahead_is_followed_all_the_same() -> None:
    ahead = [fix(100 + s, 3600 + s, received_at=at(s)) for s in range(1, 6)]
    verdicts, after = told(ahead, seen())
    assert set(verdicts) == {FixVerdict.FUTURE}
    assert (after.where, after.fix_at) == (north(105), at(5))
    verdicts, after = told([fix(106, 6)], after)  # its clock is set right
    assert (verdicts, after.where) == ([FixVerdict.TAKEN], north(106))


def test_a_future_fix_that_comes_again_is_a_duplicate_though_its_time_is_another() -> None:
    first = fix(seconds=3600, received_at=at(10))
    verdicts, _ = told([first, replace(first, received_at=at(20))], seen())
    assert verdicts == [FixVerdict.FUTURE, FixVerdict.DUPLICATE]


def test_a_receipts_time_of_tomorrow_does_not_make_all_that_follows_old() -> None:
    (verdict,), after = told([fix(seconds=10)], seen(metres=9000, seconds=3600))
    assert (verdict, after.fix_at) == (FixVerdict.TAKEN, at(10))


@pytest.mark.parametrize(
    "impossible",
    [
        fix(place=Place(91, 0)),
        fix(place=Place(0, -180.1)),
        fix(place=Place(float("nan"), 112)),
        fix(place=Place(35, float("inf"))),
        fix(place=Place(0, 0)),
        fix(seconds=86_411, received_at=at(10)),
    ],
    ids=["latitude", "longitude", "nan", "infinite", "zero", "in two days"],
)
def test_where_or_when_no_unit_can_be_changes_nothing(impossible: Fix) -> None:
    before = seen()
    judgement = judge(impossible, before, at(10))
    assert judgement.verdict is FixVerdict.IMPOSSIBLE
    assert judgement.duty is before


def test_on_the_equator_or_on_the_meridian_of_greenwich_units_may_stand() -> None:
    for place in (Place(0, 112), Place(51, 0)):
        assert judge(fix(place=place), duty(), at(10)).verdict is FixVerdict.TAKEN


class TestJumping:
    """The unit walks at 2.6 m/s, so that 40 m/s is the limit; 100 m are forgiven, as no fix says how accurate it is."""

    def test_faster_than_any_unit_drives_is_remembered_and_not_believed(self) -> None:
        (verdict,), after = told([fix(100 + 501, 10)], seen())
        assert verdict is FixVerdict.JUMPING
        assert (after.where, after.fix_at) == (north(100), at(0))
        assert (after.jumped_to, after.jumped_at) == (north(601), at(10))

    def test_as_fast_as_a_car_is_believed_of_somebody_on_foot(self) -> None:
        (verdict,), _ = told([fix(100 + 499, 10)], seen())
        assert verdict is FixVerdict.TAKEN

    def test_a_fast_unit_may_be_three_times_as_fast_as_it_is_along_its_way(self) -> None:
        drone = replace(seen(), unit=unit(speed_m_s=20.0))
        assert told([fix(100 + 690, 10)], drone)[0] == [FixVerdict.TAKEN]
        assert told([fix(100 + 710, 10)], drone)[0] == [FixVerdict.JUMPING]

    def test_a_second_fix_that_agrees_is_believed(self) -> None:
        verdicts, after = told([fix(5000, 10), fix(5010, 11)], seen())
        assert verdicts == [FixVerdict.JUMPING, FixVerdict.TAKEN]
        assert (after.where, after.jumped_to, after.jumped_at) == (north(5010), None, None)

    def test_the_same_fix_again_does_not_agree_with_itself(self) -> None:
        jump = fix(5000, 10)
        verdicts, after = told([jump, jump, replace(jump, id="another id")], seen())
        assert verdicts == [FixVerdict.JUMPING, FixVerdict.DUPLICATE, FixVerdict.DUPLICATE]
        assert after.where == north(100)

    def test_back_where_it_was_the_jump_is_forgotten(self) -> None:
        verdicts, after = told([fix(5000, 10), fix(105, 11), fix(5000, 12)], seen())
        assert verdicts == [FixVerdict.JUMPING, FixVerdict.TAKEN, FixVerdict.JUMPING]
        assert after.where == north(105)

    def test_one_that_agrees_with_neither_is_the_next_to_be_agreed_with(self) -> None:
        verdicts, after = told([fix(5000, 10), fix(-5000, 11), fix(-5005, 12)], seen())
        assert verdicts == [FixVerdict.JUMPING, FixVerdict.JUMPING, FixVerdict.TAKEN]
        assert after.where == north(-5005)

    def test_the_shake_of_a_receiver_that_stands_is_no_jump_however_short_the_time(self) -> None:
        verdicts, _ = told([fix(100 + 90, 0.1), fix(100, 0.2)], seen())
        assert verdicts == [FixVerdict.TAKEN, FixVerdict.TAKEN]

    def test_no_fix_is_forgiven_more_than_200_m_however_bad_it_says_it_is(self) -> None:
        bad = fix(100 + 1000, 10, accuracy_m=100_000.0)
        assert told([bad], seen())[0] == [FixVerdict.JUMPING]

    def test_an_accuracy_that_is_none_counts_as_not_said(self) -> None:
        for nonsense in (-1.0, float("nan"), float("inf")):
            (verdict,), after = told([fix(110, accuracy_m=nonsense)], seen())
            assert (verdict, after.accuracy_m) == (FixVerdict.TAKEN, None)

    def test_after_a_long_silence_it_may_be_anywhere(self) -> None:
        assert told([fix(30_000, 900)], seen())[0] == [FixVerdict.TAKEN]


places = st.floats(-20_000, 20_000)
moments = st.floats(-100, 4000)


@given(st.lists(st.tuples(places, moments, moments), max_size=12))
def test_a_unit_is_only_ever_where_it_said_it_was_and_its_time_never_goes_back(
    tries: list[tuple[float, float, float]],
) -> None:
    now_s, state, said = 0.0, duty(state=UnitState.ASSIGNED, order_id=OrderId("O-1")), {None}
    for metres, seconds, later in tries:
        now_s += abs(later)
        one = fix(metres, seconds, received_at=at(now_s), id=None)
        said.add(one.place)
        before, state = state, judge(one, state, at(now_s)).duty
        assert state.place in said
        assert (state.state, state.order_id) == (UnitState.ASSIGNED, "O-1")
        if before.fix_at is not None:
            assert state.fix_at is not None
            assert state.fix_at >= before.fix_at
        assert state.fix_at is None or state.fix_at <= at(now_s) + timedelta(seconds=2)


@given(places, moments, places, moments)
def test_judging_the_same_fix_twice_changes_nothing_the_second_time(
    there: float, then: float, metres: float, seconds: float
) -> None:
    one = fix(metres, seconds, received_at=at(5000))
    once = judge(one, seen(there, then), at(5000)).duty
    again = judge(one, once, at(5000))
    assert again.duty == once
    assert again.verdict is not FixVerdict.TAKEN


class TestStaleness:
    def test_up_to_thirty_seconds_it_is_where_it_said(self) -> None:
        found = staleness(seen(accuracy_m=8.0), at(30))
        assert (found.freshness, found.place, found.radius_m, found.extra_s) == (Freshness.FRESH, north(100), 8.0, 0.0)
        assert (found.words_zh, found.words_en) == ("", "")

    def test_then_it_may_have_moved_and_its_way_is_that_much_longer_and_said_so(self) -> None:
        found = staleness(seen(accuracy_m=10.0), at(100))
        assert found.freshness is Freshness.STALE
        assert found.radius_m == pytest.approx(10 + 2.6 * 100)
        assert found.extra_s == pytest.approx(270 / 2.6)
        assert found.is_known
        assert "100 s old" in found.words_en
        assert "104 秒" in found.words_zh

    def test_how_far_it_may_be_has_an_end(self) -> None:
        fast = replace(seen(), unit=unit(speed_m_s=12.0))
        found = staleness(fast, at(590))
        assert (found.radius_m, found.extra_s) == (1000.0, pytest.approx(1000 / 12))

    def test_after_ten_minutes_nobody_knows_where_it_is(self) -> None:
        away = seen(metres=900)
        assert staleness(away, at(600)).freshness is Freshness.STALE
        found = staleness(away, at(600.1))
        assert (found.freshness, found.is_known) == (Freshness.MISSING, False)
        assert "no position for 600 s" in found.words_en

    def test_one_that_was_at_its_post_counts_as_there(self) -> None:
        found = staleness(seen(metres=130), at(9999))
        assert (found.freshness, found.place, found.is_known) == (Freshness.ASSUMED, north(100), True)

    def test_one_that_never_sends_any_counts_as_at_its_home(self) -> None:
        found = staleness(duty(), at(9999))
        assert (found.freshness, found.place, found.age_s) == (Freshness.ASSUMED, north(100), None)
        assert found.words_zh

    def test_one_that_only_says_where_it_is_with_receipts_goes_home_after_its_order(self) -> None:
        receipts_only = duty(place=north(900), fix_at=at(0))
        assert staleness(receipts_only, at(20)).place == north(900)
        assert staleness(receipts_only, at(601)).place == north(100)

    def test_what_is_stale_can_be_set(self) -> None:
        strict = FixSettings(stale_after_s=5, missing_after_s=20)
        assert [staleness(seen(900), at(s), strict).freshness for s in (5, 6, 21)] == [
            Freshness.FRESH, Freshness.STALE, Freshness.MISSING,
        ]  # fmt: skip

    @given(st.floats(-10, 5000), st.floats(-10, 5000), places)
    def test_the_older_a_position_the_less_it_says(self, first: float, second: float, metres: float) -> None:
        unit_now = seen(metres)
        sooner, later = sorted((first, second))
        earlier, after = staleness(unit_now, at(sooner)), staleness(unit_now, at(later))
        if after.is_known and after.freshness is not Freshness.ASSUMED:
            assert earlier.radius_m <= after.radius_m <= USUAL.radius_cap_m
            assert earlier.extra_s <= after.extra_s


class TestComingIn:
    def position(self, **changes: object) -> PositionData:
        plain = PositionData("U-1", PlaceData(SQUARE.latitude, SQUARE.longitude), at(3), accuracy_m=5.0)
        return replace(plain, **changes)  # type: ignore[arg-type]

    def test_a_position_becomes_a_fix(self) -> None:
        found = fix_of(self.position(heading_deg=90.0, speed_m_s=2.0), at(4), "/terminal", "/terminal#1")
        assert found == Fix(UnitId("U-1"), SQUARE, at(3), at(4), 5.0, 2.0, 90.0, "/terminal", "/terminal#1")

    def test_coordinates_that_cannot_be_converted_are_refused_by_name(self) -> None:
        with pytest.raises(MessageError, match="coordinate_system: expected wgs84 or gcj02, got 'bd09'"):
            fix_of(self.position(coordinate_system="bd09"), at(4))

    def test_wgs84_stays_as_it_is(self) -> None:
        assert in_wgs84(SQUARE, CoordinateSystem.WGS84) == SQUARE
