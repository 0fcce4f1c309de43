"""What a choice looked at is kept with it, and done again gives the same; by another policy it may not."""

from __future__ import annotations

from dataclasses import replace

from patrol.adapters.sql_choices import LOOKED_JSON, PLAIN_BYTES, body_of, looked_in
from patrol.domain.board import Board, Crews, Sending, send
from patrol.domain.choosing import Policy
from patrol.domain.dispatch import Duty
from patrol.domain.events import Level
from patrol.domain.incidents import Incident, IncidentId, IncidentState, OrderId
from patrol.domain.looked import LookedAt, redone
from patrol.domain.orders import OrderState
from patrol.domain.units import UnitId, UnitState
from patrol.domain.vocabulary import RingName
from patrol.domain.ways import Fallback, Ways, WaySource
from tests.builders import at, duty, incident, north, order, situation

KEEP_ONE = Policy(reserve={RingName.CORE: 1})


def looked_by(board: Board, ways: Ways | None = None, sending: Sending | None = None) -> LookedAt:
    def named(one: Incident, unit_id: UnitId) -> OrderId:
        return OrderId(f"O-{one.id}-{unit_id}")

    outcomes = send(board, named, ways or Ways(), sending or Sending(), at(10))
    (looked,) = [one.looked_at for one in outcomes if one.looked_at is not None]
    return looked


def night() -> Board:
    """A red one that takes a unit, who loses it, one that is short; a unit that is lost, one that is silent."""
    busy = duty("U-1", 50, state=UnitState.EN_ROUTE, order_id=OrderId("O-1"))
    lost = duty("U-4", 200, place=north(30), fix_at=at(-900), had_fix=True)
    stale = duty("U-5", 5000, place=north(4000), fix_at=at(-60), had_fix=True)
    duties: tuple[Duty, ...] = (busy, duty("U-2", 2000), lost, stale)
    lesser = incident(1, level=Level.BLUE, state=IncidentState.EN_ROUTE)
    return Board(
        (
            situation(incident=lesser, orders=(order(state=OrderState.EN_ROUTE, sent_at=at(1)),), duties=duties),
            situation(incident=incident(2), duties=duties),
            situation(incident=incident(3, level=Level.YELLOW), duties=duties),
        ),
        duties,
    )


def test_done_again_from_what_is_kept_it_is_the_same() -> None:
    looked = looked_by(night())
    assert {(one.incident_id, one.unit_id, one.takes_from) for one in looked.went} == {
        ("I-1", "U-5", None),
        ("I-2", "U-1", "I-1"),
        ("I-3", "U-2", None),
    }
    kept = looked_in(body_of(looked))
    assert kept == looked
    again = redone(kept)
    assert (again.is_same, again.went, again.differing()) == (True, looked.went, ())


def test_what_was_known_of_the_streets_is_kept_and_goes_by_it() -> None:
    near, far = duty("U-1", 10), duty("U-2", 900)
    place = incident().place
    streets = {(UnitId("U-1"), place): 500.0, (UnitId("U-2"), place): 20.0, (UnitId("U-3"), place): Fallback.NO_WAY}
    board = Board((situation(duties=(near, far)),), (near, far))
    looked = looked_in(body_of(looked_by(board, Ways(WaySource.GRAPH, streets))))
    assert [one.unit_id for one in looked.went] == ["U-2"]
    assert redone(looked).is_same
    assert not redone(replace(looked, streets=())).is_same


def test_by_another_policy_or_with_more_crews_it_says_what_would_be_different() -> None:
    duties = (duty("U-1", 10), duty("U-2", 90))
    yellow = Board((situation(incident=incident(level=Level.YELLOW), duties=duties[:1]),), duties[:1])
    kept = redone(looked_by(yellow), KEEP_ONE)
    ((incident_id, before, now),) = kept.differing()
    assert (kept.is_same, incident_id, [one.unit_id for one in before], now) == (False, "I-1", ["U-1"], ())
    red = Board((situation(duties=duties),), duties)
    two = redone(looked_by(red), None, {Level.RED: 2})
    assert [one.unit_id for one in two.went] == ["U-1", "U-2"]
    one_fewer = redone(looked_by(red, sending=Sending(Crews({Level.RED: 2}))), None, {Level.RED: 1})
    assert [one.unit_id for one in one_fewer.went] == ["U-1"]


def test_where_nothing_changes_nothing_is_kept() -> None:
    alone = situation(incident=incident(crews_missing=0, state=IncidentState.HANDLED))
    assert send(Board((alone,), alone.duties), lambda *_: OrderId("O-9"), Ways(), Sending(), at(10)) == ()


def test_a_board_of_two_hundred_units_is_small_and_a_little_one_is_plain() -> None:
    little = looked_by(night())
    assert body_of(little)[:1] == b"{" or len(LOOKED_JSON.dump_json(little, exclude_defaults=True)) > PLAIN_BYTES
    duties = tuple(duty(f"U-{number}", 10 + number, place=north(number), fix_at=at(9)) for number in range(200))
    board = Board(tuple(situation(incident=incident(number), duties=duties) for number in range(20)), duties)
    looked = looked_by(board)
    assert len(body_of(looked)) < 16_000
    assert looked_in(body_of(looked)) == looked
    assert IncidentId("I-7") in {want.incident_id for want in looked.wants}
