"""The checker of the fault drill finds a follow-up that does something twice, too soon, or never."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from faults.figures import ACCEPT_S
from faults.following import GRACE_S, FollowUp, follow_up
from faults.told import line_of

# All times here are seconds from when the incident was accepted; the drill's files count from another moment.
NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC).timestamp()
BOOT_S = 5000.0
LATE = 2 * ACCEPT_S + GRACE_S  # more than enough


def text(at: float) -> str:
    return datetime.fromtimestamp(NOON + at, UTC).isoformat(timespec="milliseconds")


def told(sequence: int, at: float, state: str, **changes: Any) -> dict[str, Any]:
    """What a vendor's console wrote down of a red incident of the core, read at once."""
    usual: dict[str, Any] = {"life": 1, "level": "red", "target_s": 60.0, "reopened_at": None, "overdue": False}
    usual |= {"reminders": 0, "escalation": None, "orders": {}, "clocks": {"t3": text(0)}, "wall": text(at)}
    line = {"incident": "I-1", "sequence": sequence, "at": BOOT_S + at, "time": text(at), "state": state}
    return line | usual | changes


def step(name: str, at: float, acknowledged_at: float | None = None) -> dict[str, Any]:
    acknowledged = None if acknowledged_at is None else text(acknowledged_at)
    return {"step": name, "at": text(at), "acknowledged_at": acknowledged}


def order(number: int, at: float, eta_s: float = 10.0) -> dict[str, Any]:
    line = {"order": f"O-{number}", "incident": "I-1", "unit": f"U-{number}", "at": BOOT_S + at}
    return line | {"sent_at": text(at), "eta_s": eta_s}


def checked(
    *console: dict[str, Any],
    orders: Iterable[dict[str, Any]] = (),
    held_up: Iterable[tuple[float, float]] = (),
    ended_at: float = 1000.0,
) -> FollowUp:
    spans = [(BOOT_S + begin, BOOT_S + end) for begin, end in held_up]
    return follow_up(console, list(orders), spans, BOOT_S + ended_at)


def closed_after(line: dict[str, Any], at: float = 21.0) -> dict[str, Any]:
    return line | {
        "sequence": line["sequence"] + 1,
        "state": "closed",
        "at": BOOT_S + at,
        "time": text(at),
        "wall": text(at),
    }


SENT = {"O-1": "sent"}
DOUBTED = {"O-1": "doubted"}
DONE = {"O-1": "done"}
NEW = told(1, 0, "new")
ORDERED = told(2, 0.1, "ordered", orders=SENT)
SILENT = told(3, 10.2, "ordered", orders=DOUBTED)
NEXT_UNIT = told(4, 10.4, "ordered", orders=DOUBTED, escalation=step("next_unit", 10.4))
SUPERVISOR = told(5, 12.3, "ordered", orders=DOUBTED, escalation=step("supervisor", 12.3))
ROOM = told(6, 15.3, "ordered", orders=DOUBTED, escalation=step("room", 15.3))
HANDLED = told(7, 20, "handled", orders=DONE, escalation=step("room", 15.3), clocks={"t3": text(0), "t10": text(20)})
CLOSED = closed_after(HANDLED)
ORDERS = (order(1, 0.1),)


def wrong(*console: dict[str, Any], **more: Any) -> tuple[str, ...]:
    return checked(*console, **({"orders": ORDERS} | more)).wrong_steps


def test_a_step_after_the_other_each_in_its_time_is_right_and_counted() -> None:
    right = checked(NEW, ORDERED, SILENT, NEXT_UNIT, SUPERVISOR, ROOM, HANDLED, CLOSED, orders=ORDERS)
    assert dict(right.steps) == {"next_unit": 1, "supervisor": 1, "room": 1}
    assert (right.wrong_steps, right.without_clock, right.old_timers, right.off_the_clock) == ((), (), (), ())
    assert (right.doubted, right.acknowledged, right.reopened, right.reminders) == (1, 0, 0, 0)
    assert checked(*(NEW, ORDERED) * 2, ended_at=1.0) == checked(
        ORDERED, NEW, ended_at=1.0
    )  # again, or later, is the same


def test_a_step_told_twice_or_backwards_or_forgotten_is_wrong() -> None:
    again = told(5, 12.3, "ordered", orders=DOUBTED, escalation=step("next_unit", 12.3))
    assert wrong(NEW, ORDERED, SILENT, NEXT_UNIT, again, closed_after(again)) == (
        "I-1: next_unit, then next_unit again",
    )
    back = told(6, 13, "ordered", orders=DOUBTED, escalation=step("next_unit", 13))
    assert "I-1: supervisor, then next_unit" in wrong(NEW, ORDERED, SILENT, SUPERVISOR, back, closed_after(back))
    gone = told(6, 13, "ordered", orders=DOUBTED)
    assert "I-1: supervisor was taken, and is forgotten" in wrong(
        NEW, ORDERED, SILENT, SUPERVISOR, gone, HANDLED, CLOSED
    )


def test_once_somebody_has_taken_it_on_the_same_step_is_right_for_something_else() -> None:
    taken_on = told(5, 11, "ordered", orders=DOUBTED, escalation=step("next_unit", 10.4, 11))
    two = {"O-1": "doubted", "O-2": "doubted"}
    more = [
        told(6, 11.5, "ordered", orders={"O-1": "doubted", "O-2": "sent"}, escalation=step("next_unit", 10.4, 11)),
        told(7, 21.6, "ordered", orders=two, escalation=step("next_unit", 10.4, 11)),
        told(8, 21.8, "ordered", orders=two, escalation=step("next_unit", 21.8)),
        told(9, 22, "closed", orders=two, escalation=step("next_unit", 21.8)),
    ]
    orders = (*ORDERS, order(2, 11.5))
    right = checked(NEW, ORDERED, SILENT, NEXT_UNIT, taken_on, *more, orders=orders)
    assert (right.wrong_steps, right.acknowledged, dict(right.steps)) == ((), 1, {"next_unit": 2})
    never = told(10, LATE + 40, "closed", orders=two)
    missed = wrong(NEW, ORDERED, SILENT, NEXT_UNIT, taken_on, *more[:2], never, orders=orders)
    assert "I-1: next_unit (red) was due after ordered, and not taken" in missed


def test_a_step_before_anything_can_be_late_is_too_soon() -> None:
    early = told(3, 4, "ordered", orders=SENT, escalation=step("next_unit", 4))
    closed = closed_after(early, 5)
    assert wrong(NEW, ORDERED, early, closed) == ("I-1: next_unit (red) 6.1 s too soon",)
    # No unit can be in time: then it is told at once.
    assert wrong(NEW, ORDERED, early, closed, orders=(order(1, 0.1, eta_s=90.0),)) == ()
    room = told(4, 11, "ordered", orders=DOUBTED, escalation=step("room", 11))
    assert "I-1: room (red) 4.1 s too soon" in wrong(NEW, ORDERED, SILENT, room, closed_after(room))
    nobody = told(2, 1, "new", escalation=step("supervisor", 1))
    assert wrong(NEW, nobody, closed_after(nobody)) == ()
    blue = told(2, 1, "new", level="blue", escalation=step("next_unit", 1))
    assert wrong(NEW, blue, closed_after(blue)) == ("I-1: next_unit (blue) 1.0 s too soon",)


def test_a_step_that_was_due_and_is_not_taken_is_forgotten() -> None:
    assert wrong(NEW, ORDERED, SILENT, told(4, 10 + GRACE_S, "closed", orders=DOUBTED)) == ()
    late = told(4, 10.3 + GRACE_S, "closed", orders=DOUBTED)
    forgotten = "I-1: next_unit (red) was due after ordered, and not taken"
    assert wrong(NEW, ORDERED, SILENT, late) == (forgotten,)
    assert wrong(NEW, ORDERED, SILENT, late, held_up=[(5, 12)]) == ()
    assert wrong(NEW, ORDERED, SILENT, late, held_up=[(3, 9)]) == (forgotten,)
    closed = closed_after(NEXT_UNIT, 12.5 + GRACE_S)
    higher = "I-1: supervisor (red) was due after ordered, and not taken"
    assert wrong(NEW, ORDERED, SILENT, NEXT_UNIT, closed) == (higher,)
    assert wrong(NEW, ORDERED, SILENT, NEXT_UNIT, ended_at=12.5 + GRACE_S) == (higher,)


def test_of_who_is_killed_again_and_again_nothing_is_asked_before_he_is_back() -> None:
    late = told(4, 40, "closed", orders=DOUBTED)
    assert wrong(NEW, ORDERED, SILENT, late, held_up=[(12, 12), (25, 25)]) == ()
    assert wrong(NEW, ORDERED, SILENT, late, held_up=[(12, 12), (33, 33)]) != ()  # it was over a second before


def test_nobody_sent_is_late_too_and_so_is_an_order_that_is_never_doubted_and_a_target_that_passes() -> None:
    nobody = wrong(NEW, ended_at=2.5 + GRACE_S, orders=())
    assert nobody == ("I-1: next_unit (red) was due after new, and not taken",)
    silent = wrong(NEW, ORDERED, ended_at=10.5 + GRACE_S)
    assert "O-1: not accepted, and never doubted" in silent
    there = told(3, 1, "accepted", orders={"O-1": "accepted"}, escalation=step("room", 1))
    assert "I-1: its target has passed, and it is not overdue" in wrong(NEW, there, ended_at=61 + GRACE_S)
    assert wrong(NEW, there | {"overdue": True, "at": BOOT_S + 61, "time": text(61)}, ended_at=90) != ()


def test_what_is_doubted_or_overdue_or_told_late_is_found() -> None:
    doubted = told(3, 5, "ordered", orders=DOUBTED)
    assert wrong(NEW, ORDERED, doubted, told(4, 6, "closed", orders=DOUBTED)) == ("O-1: doubted 5.1 s too soon",)
    overdue = told(3, 50, "accepted", orders={"O-1": "accepted"}, overdue=True, escalation=step("room", 50))
    closed = told(4, 51, "closed", orders=DONE, overdue=True, escalation=step("room", 50))
    assert "I-1: overdue 10.0 s too soon" in wrong(NEW, ORDERED, overdue, closed)
    stale = told(4, 14, "ordered", orders=DOUBTED, escalation=step("next_unit", 10.4))
    assert "I-1: next_unit told 3.6 s after it was taken" in wrong(NEW, ORDERED, SILENT, stale, closed_after(stale))


def handled(sequence: int, at: float, reminders: int, state: str = "handled") -> dict[str, Any]:
    return told(sequence, at, state, orders=DONE, clocks={"t3": text(0), "t9": text(1), "t10": text(2)}) | {
        "reminders": reminders
    }


def test_reminders_come_one_by_one_and_in_their_time() -> None:
    begun = (NEW, ORDERED, handled(3, 2, 0))
    end = handled(9, 12, 2, "closed")
    right = checked(*begun, handled(4, 4.1, 1), handled(5, 7.2, 2), end, orders=ORDERS)
    assert (right.wrong_steps, right.reminders) == ((), 2)
    assert wrong(*begun, handled(4, 3, 1), handled(5, 7, 2), end) == ("I-1: reminded 1.0 s too soon",)
    assert wrong(*begun, handled(4, 4.1, 1), handled(5, 5.1, 2), end) == ("I-1: reminded 2.0 s too soon",)
    assert wrong(*begun, handled(4, 4.1, 2), end) == ("I-1: handled, 0 reminders, then 2",)
    assert wrong(*begun, ended_at=4.5 + GRACE_S) == ("I-1: handled, and nobody was reminded",)


def test_an_open_incident_that_waits_for_nothing_has_no_clock() -> None:
    alone = told(3, 1, "accepted", orders={"O-1": "recalled"})
    assert checked(NEW, ORDERED, alone, ended_at=LATE, orders=ORDERS).without_clock == (
        "I-1: accepted, and no order is open",
    )
    assert checked(NEW, ORDERED, alone, ended_at=GRACE_S, orders=ORDERS).without_clock == ()
    assert checked(told(1, 0, "new", target_s=None), ended_at=1).without_clock == ("I-1: new, and has no target",)
    assert checked(told(1, 0, "new", clocks={}), ended_at=1).without_clock == ("I-1: new, and has no target",)


def again(sequence: int, at: float, state: str, **changes: Any) -> dict[str, Any]:
    return told(sequence, at, state, life=2, reopened_at=text(30), **changes)


def test_what_was_opened_again_begins_anew() -> None:
    life = (NEW, ORDERED, SILENT, NEXT_UNIT, SUPERVISOR, ROOM, HANDLED, CLOSED)
    more = (
        again(9, 30, "new"),
        again(10, 30.1, "ordered", orders={"O-2": "sent"}),
        again(11, 40.2, "ordered", orders={"O-2": "doubted"}),
        again(12, 40.4, "ordered", orders={"O-2": "doubted"}, escalation=step("next_unit", 40.4)),
        again(13, 41, "closed", orders={"O-2": "recalled"}, escalation=step("next_unit", 40.4)),
    )
    orders = (*ORDERS, order(2, 30.1))
    right = checked(*life, *more, orders=orders)
    assert (right.wrong_steps, right.old_timers, right.reopened) == ((), (), 1)
    assert dict(right.steps) == {"next_unit": 2, "supervisor": 1, "room": 1}
    assert "I-1: next_unit (red) 9.1 s too soon" in wrong(
        *life,
        *more[:2],
        again(11, 31, "ordered", orders={"O-2": "sent"}, escalation=step("next_unit", 31)),
        orders=orders,
    )


REFUSED = {"O-1": "rejected"}


def test_nobody_is_sent_since_the_last_order_was_over_and_not_since_it_was_sent() -> None:
    on_its_way = told(3, 12, "en_route", orders={"O-1": "en_route"})
    refused = told(4, 54, "new", orders=REFUSED, escalation=step("supervisor", 54))
    room = told(5, 57, "new", orders=REFUSED, escalation=step("room", 57))
    closed = closed_after(room, 58)
    orders = (order(1, 0.1, eta_s=40.0),)
    assert wrong(NEW, ORDERED, on_its_way, refused, room, closed, orders=orders) == ("I-1: room (red) 2.0 s too soon",)
    refused_late = told(4, 54, "new", level="green", orders=REFUSED)
    still = closed_after(refused_late, 54 + 2 + 3 + GRACE_S)
    assert wrong(NEW, ORDERED, on_its_way, refused_late, still, orders=orders) == ()
    still = closed_after(refused_late, 54.5 + 2 + 3 + GRACE_S)
    forgotten = "I-1: next_unit (green) was due after new, and not taken"
    assert wrong(NEW, ORDERED, on_its_way, refused_late, still, orders=orders) == (forgotten,)


def test_the_target_of_what_was_opened_again_counts_from_then_on() -> None:
    life = (NEW, ORDERED, SILENT, NEXT_UNIT, SUPERVISOR, ROOM, HANDLED, CLOSED)
    sent = {"O-2": "sent"}
    orders = (*ORDERS, order(2, 30.1, eta_s=50.0))
    told_late = again(11, 30.2, "ordered", orders=sent, escalation=step("supervisor", 30.2))
    more = again(9, 30, "new"), again(10, 30.1, "ordered", orders=sent), told_late
    closed = again(12, 31, "closed", orders={"O-2": "recalled"}, escalation=step("supervisor", 30.2))
    (found,) = wrong(*life, *more, closed, orders=orders)
    assert found.startswith("I-1: supervisor (red)"), "there at 80.1, and 60 s from 30 are at 90"
    marked = again(11, 50, "accepted", orders={"O-2": "accepted"}, overdue=True, escalation=step("room", 50))
    too_soon = "I-1: overdue 10.0 s too soon"
    assert too_soon in wrong(*life, *more[:2], marked, orders=orders, ended_at=51), (
        "the response target is not restarted"
    )


def test_what_was_done_in_time_is_not_overdue_though_nobody_said_that_he_was_there() -> None:
    done = HANDLED | {"overdue": True}
    assert "I-1: overdue 40.0 s too soon" in wrong(NEW, ORDERED, SILENT, NEXT_UNIT, SUPERVISOR, ROOM, done)


def test_what_an_earlier_life_still_does_is_an_old_timer() -> None:
    life = (NEW, ORDERED, SILENT, told(8, 21, "closed", orders={"O-1": "recalled"}), again(9, 30, "new"))
    recalled = {"recall": "O-1", "reason": "expired", "sent_at": text(21), "at": BOOT_S + 40}
    assert checked(*life, orders=(*ORDERS, recalled), ended_at=31).old_timers == ()
    late = recalled | {"sent_at": text(31)}
    assert checked(*life, orders=(*ORDERS, late), ended_at=31).old_timers == (
        "O-1: called back (expired) in a later life of its incident",
    )
    listed = again(10, 31, "ordered", orders={"O-1": "doubted"})
    assert checked(*life, listed, orders=ORDERS, ended_at=32).old_timers == (
        "O-1: of life 1 of I-1, and listed in life 2",
    )
    stands = again(10, 31, "new", escalation=step("room", 15))
    assert checked(*life, stands, orders=ORDERS, ended_at=32).old_timers == (
        "I-1: room of before it was opened again still stands",
    )


def test_a_time_that_followed_a_jump_of_the_clock_is_found() -> None:
    ahead = NEW | {"time": text(3600)}
    behind = NEW | {"time": text(-3600)}
    assert checked(NEW | {"wall": text(30)}, ended_at=1).off_the_clock == ()
    assert checked(ahead, ended_at=1).off_the_clock == ("I-1:1 says a time -3600 s before the one at which it came",)
    assert checked(behind, ended_at=1).off_the_clock == ("I-1:1 says a time 3600 s before the one at which it came",)


def test_what_is_written_down_of_a_message_is_what_is_read_again() -> None:
    data = {"incident_id": "I-1", "state": "ordered", "level": "red", "target_s": 60.0, "overdue": False, "life": 1}
    data |= {"clocks": {"t3": {"at": text(0), "source": "patrol"}}, "orders": [{"order_id": "O-1", "state": "sent"}]}
    data |= {"escalation": step("room", 0.1) | {"why": {}}}
    line = line_of({"sequence": "000000000002", "time": text(0.1), "data": data})
    assert {name: line[name] for name in ORDERED if name not in ("at", "wall")} == {
        name: value
        for name, value in (ORDERED | {"escalation": step("room", 0.1)}).items()
        if name not in ("at", "wall")
    }


def test_a_doubted_order_is_nobody_s_crew_and_who_is_late_beside_it_is_told_at_once() -> None:
    doubted = told(3, 10, "ordered", orders={"O-1": "doubted"})
    late = {"O-1": "doubted", "O-2": "sent"}
    sent = (
        told(4, 10.1, "ordered", orders=late),
        told(5, 10.2, "ordered", orders=late, escalation=step("supervisor", 10.2)),
    )
    feasible, infeasible = order(1, 0.1, eta_s=40.0), order(2, 10.1, eta_s=80.0)
    assert wrong(NEW, ORDERED, doubted, *sent, orders=(feasible, infeasible), ended_at=10.5) == ()
    in_time = order(2, 10.1, eta_s=20.0)
    (found,) = wrong(NEW, ORDERED, doubted, *sent, orders=(feasible, in_time), ended_at=10.5)
    assert found.startswith("I-1: supervisor (red)")
