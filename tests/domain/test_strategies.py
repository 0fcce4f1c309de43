"""How a camera's way of being looked at is chosen."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import Strategy
from patrol.domain.errors import CaptureFailure
from patrol.domain.strategies import (
    FORGIVEN_AFTER_S,
    HOLDS_FOR_S,
    KEEPS_THE_BOUND,
    MOST_STRIKES,
    NO_FACTS,
    SURE_AFTER,
    USUAL_DISTANCE_S,
    WORDS,
    CameraFacts,
    Choice,
    Demand,
    Reason,
    Strikes,
    choose,
)

QUICK = CameraFacts(set_up_s=0.1, first_key_frame_s=0.1, slowest_first_s=0.1, first_key_frames=SURE_AFTER)
SLOW = CameraFacts(set_up_s=0.1, first_key_frame_s=2.0, slowest_first_s=2.0, first_key_frames=1)
CORE = Demand(bound_s=5.0, has_snapshot=False, has_room=True)
COLD, WARM, SNAPSHOT = Strategy.COLD, Strategy.WARM, Strategy.SNAPSHOT


def chosen(
    facts: CameraFacts, demand: Demand = CORE, current: Choice | None = None, now_s: float = 1000.0
) -> tuple[Strategy, Reason]:
    choice = choose(Strategy.AUTO, facts, demand, current, now_s)
    return choice.strategy, choice.reason


def struck(count: int, at_s: float = 1000.0) -> Strikes:
    return Strikes(count, at_s)


@pytest.mark.parametrize(
    ("facts", "demand", "expected"),
    [
        (NO_FACTS, CORE, (COLD, Reason.UNMEASURED)),
        (QUICK, CORE, (COLD, Reason.QUICK)),
        (QUICK, replace(CORE, bound_s=1.0), (WARM, Reason.SEEN_OFTEN)),
        (QUICK, replace(CORE, bound_s=1.0, has_room=False), (COLD, Reason.QUICK)),
        (SLOW, CORE, (WARM, Reason.RARE_KEY_FRAMES)),
        (SLOW, replace(CORE, bound_s=30.0), (WARM, Reason.LEARNING)),
        (SLOW, replace(CORE, bound_s=30.0, has_room=False), (COLD, Reason.QUICK)),
        (replace(SLOW, key_frame_distance_s=2.0), replace(CORE, bound_s=30.0), (COLD, Reason.QUICK)),
        (replace(SLOW, key_frame_distance_s=20.0), replace(CORE, bound_s=30.0), (WARM, Reason.RARE_KEY_FRAMES)),
        (replace(QUICK, key_frame_distance_s=4.0), CORE, (COLD, Reason.QUICK)),
        (SLOW, replace(CORE, has_room=False), (COLD, Reason.NO_ROOM)),
        (SLOW, replace(CORE, has_room=False, has_snapshot=True), (SNAPSHOT, Reason.RARE_KEY_FRAMES)),
        (CameraFacts(set_up_s=3.0, first_key_frame_s=0.1), CORE, (WARM, Reason.SLOW_TO_OPEN)),
        (replace(SLOW, key_frame_distance_s=8.0), replace(CORE, has_snapshot=True), (SNAPSHOT, Reason.RARE_KEY_FRAMES)),
        (replace(SLOW, key_frame_distance_s=8.0), CORE, (WARM, Reason.RARE_KEY_FRAMES)),
        (CameraFacts(set_up_s=0.1).in_vain(7.0), CORE, (WARM, Reason.RARE_KEY_FRAMES)),
        (replace(SLOW, warm_breaks=struck(3)), CORE, (COLD, Reason.NO_ROOM)),
        (replace(SLOW, busy=struck(2)), CORE, (COLD, Reason.BUSY)),
        (replace(SLOW, busy=struck(2)), replace(CORE, has_snapshot=True), (SNAPSHOT, Reason.BUSY)),
        (replace(SLOW, busy=struck(1)), CORE, (WARM, Reason.RARE_KEY_FRAMES)),
    ],
)
def test_what_is_chosen_for_what_was_measured(
    facts: CameraFacts, demand: Demand, expected: tuple[Strategy, Reason]
) -> None:
    assert chosen(facts, demand) == expected


@pytest.mark.parametrize(
    ("facts", "expected_s"),
    [
        (NO_FACTS, USUAL_DISTANCE_S),
        (replace(QUICK, first_key_frames=1), USUAL_DISTANCE_S),
        (QUICK, 0.0),
        (replace(QUICK, key_frame_distance_s=4.0), 0.0),
        (replace(SLOW, slowest_first_s=0.6, key_frame_distance_s=4.0), 4.0),
        (replace(SLOW, key_frame_distance_s=1.5), 2.0),
        (SLOW, USUAL_DISTANCE_S),
        (SLOW.in_vain(7.0), 7.0),
    ],
)
def test_how_long_a_visit_may_have_to_wait_for_a_key_frame(facts: CameraFacts, expected_s: float) -> None:
    assert facts.key_frame_wait_s == expected_s


def test_one_that_came_at_once_may_have_been_luck_and_a_slow_one_is_remembered() -> None:
    facts = CameraFacts(set_up_s=0.1)
    for _ in range(SURE_AFTER):
        assert facts.key_frame_wait_s == USUAL_DISTANCE_S
        facts = facts.first_seen(0.1)
    assert facts.key_frame_wait_s == 0.0
    facts = facts.first_seen(1.9).distance_measured(2.0)
    for _ in range(20):
        facts = facts.first_seen(0.1)
    assert facts.key_frame_wait_s == 2.0


def test_a_key_frame_that_was_waited_for_in_vain_first_came_after_both_waits() -> None:
    assert QUICK.in_vain(1.5).first_seen(0.2).joins_between_key_frames
    assert not QUICK.first_seen(0.2).joins_between_key_frames


def test_what_the_owner_wants_is_done_as_long_as_it_can_be() -> None:
    bare, rich = Demand(5.0, has_snapshot=False, has_room=False), Demand(5.0, has_snapshot=True, has_room=True)
    for strategy in (COLD, WARM, SNAPSHOT):
        choice = choose(strategy, SLOW, rich, None, 1.0)
        assert (choice.strategy, choice.reason) == (strategy, Reason.CONFIGURED)
        assert choose(strategy, SLOW, rich, choice, 99.0).since_s == 1.0
        assert choose(strategy, SLOW, bare, choice, 99.0).strategy is COLD
    assert choose(WARM, SLOW, bare, None, 1.0).reason is Reason.NO_ROOM


def test_at_the_edge_it_does_not_change_with_every_visit() -> None:
    choice: Choice | None = None
    strategies = []
    for visit in range(200):
        at_the_edge_s = 1.5 if visit % 2 else 1.0  # the edge for this bound is 1.25 s
        facts = CameraFacts(set_up_s=0.0, first_key_frame_s=at_the_edge_s, key_frame_distance_s=1.0)
        choice = choose(Strategy.AUTO, facts, CORE, choice, visit * 5.0)
        strategies.append(choice.strategy)
    changes = sum(before is not after for before, after in pairwise(strategies))
    assert changes == 1


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans(), st.booleans()), max_size=60))
def test_whatever_is_measured_it_changes_rarely_unless_it_must(visits: list[tuple[float, bool, bool]]) -> None:
    choice: Choice | None = None
    for number, (wait_s, has_room, has_snapshot) in enumerate(visits):
        facts, now_s = CameraFacts(set_up_s=0.05, first_key_frame_s=wait_s), number * 5.0
        demand = Demand(5.0, has_snapshot, has_room)
        after = choose(Strategy.AUTO, facts, demand, choice, now_s)
        assert after.strategy is not WARM or has_room
        assert after.strategy is not SNAPSHOT or has_snapshot
        could_stay = choice is not None and (
            choice.strategy is COLD
            or (choice.strategy is WARM and has_room)
            or (choice.strategy is SNAPSHOT and has_snapshot)
        )
        if choice is not None and after.strategy is not choice.strategy and could_stay:
            may_be_late = choice.strategy is COLD and after.reason in KEEPS_THE_BOUND
            assert may_be_late or choice.reason is Reason.LEARNING or now_s - choice.since_s >= HOLDS_FOR_S
        choice = after


def test_a_camera_that_may_come_too_late_is_kept_open_at_once_and_let_go_as_soon_as_it_is_known_not_to() -> None:
    far, cold = replace(CORE, bound_s=30.0), Choice(COLD, Reason.QUICK, 1000.0)
    assert chosen(SLOW, far, cold, 1001.0) == (WARM, Reason.LEARNING)
    learning = Choice(WARM, Reason.LEARNING, 1001.0)
    assert chosen(replace(SLOW, key_frame_distance_s=2.0), far, learning, 1030.0) == (COLD, Reason.QUICK)
    assert chosen(replace(SLOW, key_frame_distance_s=20.0), far, learning, 1030.0) == (WARM, Reason.RARE_KEY_FRAMES)


def test_the_first_measurement_takes_effect_at_once() -> None:
    unmeasured = choose(Strategy.AUTO, NO_FACTS, CORE, None, 0.0)
    assert chosen(SLOW, CORE, unmeasured, 5.0) == (WARM, Reason.RARE_KEY_FRAMES)


def test_a_camera_without_a_session_to_spare_is_not_kept_open_a_moment_longer() -> None:
    held = Choice(WARM, Reason.RARE_KEY_FRAMES, 999.0)
    assert chosen(replace(SLOW, busy=struck(2)), CORE, held) == (COLD, Reason.BUSY)


def test_strikes_are_forgiven_after_a_while() -> None:
    facts = SLOW
    for second in range(MOST_STRIKES):
        facts = facts.warm_broke(1000.0 + second)
    assert chosen(facts) == (COLD, Reason.NO_ROOM)
    assert chosen(facts, now_s=1002.0 + FORGIVEN_AFTER_S) == (WARM, Reason.RARE_KEY_FRAMES)
    assert facts.warm_broke(1003.0 + FORGIVEN_AFTER_S).warm_breaks.count == 1
    assert facts.warm_held().warm_breaks.count == 0


def test_only_what_speaks_against_a_strategy_is_a_strike() -> None:
    facts = NO_FACTS.failed(COLD, CaptureFailure.BUSY, 1.0).failed(WARM, CaptureFailure.BUSY, 2.0)
    assert facts.busy.count == 2
    assert facts.opened(0.1).busy.count == 0
    assert NO_FACTS.failed(COLD, CaptureFailure.REFUSED, 1.0) == NO_FACTS
    failing = NO_FACTS.failed(SNAPSHOT, CaptureFailure.REFUSED, 1.0)
    assert (failing.snapshot_failures.count, failing.snapshot_came().snapshot_failures.count) == (1, 0)


def test_means_forget_and_waits_in_vain_count_until_a_key_frame_comes() -> None:
    facts = NO_FACTS.opened(1.0).opened(3.0)
    assert facts.set_up_s == 1.5
    assert facts.in_vain(4.0).in_vain(2.0).cold_visit_s == 5.5
    assert facts.first_seen(1.0).cold_visit_s == 2.5
    assert facts.in_vain(4.0).first_seen(1.0).cold_visit_s == 5.5
    assert facts.in_vain(4.0).first_seen(1.0).first_seen(1.0).cold_visit_s == 4.75
    assert facts.in_vain(4.0).distance_measured(3.0).key_frames_at_least_every_s == 3.0


def test_every_reason_has_its_words() -> None:
    assert set(WORDS) == set(Reason)
    assert len(set(WORDS.values())) == len(WORDS)
