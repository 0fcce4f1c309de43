"""Since when an incident is short: what is told farther up counts from then."""

from __future__ import annotations

from patrol.domain.shortfalls import ShortfallReason, Soonest, carried_on, shortfall
from tests.builders import at

LATE = Soonest("U-1", "一组", "Joint 1", eta_s=131.0, left_s=60.0)
FURTHER_MISSING = shortfall(ShortfallReason.ALL_BUSY, 1, at(2))
FIRST_LATE = shortfall(ShortfallReason.ALL_BUSY, 1, at(14), LATE)


def test_what_goes_on_is_short_since_it_began() -> None:
    carried = carried_on(shortfall(ShortfallReason.NO_WAY, 1, at(9)), FURTHER_MISSING)
    assert carried is not None
    assert (carried.reason, carried.since) == (ShortfallReason.NO_WAY, at(2))


def test_that_the_first_crew_is_late_is_not_so_since_another_was_missing_nor_since_nobody_went() -> None:
    assert carried_on(FIRST_LATE, FURTHER_MISSING) == FIRST_LATE
    assert carried_on(FURTHER_MISSING, FIRST_LATE) == FURTHER_MISSING


def test_somebody_who_is_late_after_nobody_at_all_is_another_thing() -> None:
    late = shortfall(ShortfallReason.NOBODY_IN_TIME, 0, at(14), LATE)
    assert carried_on(late, FURTHER_MISSING) == late
    assert carried_on(None, FURTHER_MISSING) is None
