"""The checker of the fault drill finds what is wrong: each kind of loss and of doubling, made by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from faults.checking import (
    BACKUP,
    Findings,
    Stored,
    Window,
    check,
    duplicate_orders,
    illegal_transitions,
    untimely_recalls,
)

SUBMITTED = ({"before": 1, "at": 1.0}, {"after": 1, "at": 1.1}, {"before": 2, "at": 2.0}, {"after": 2, "at": 2.1})
CONSOLE = ({"alert": "A-00000001", "at": 1.2}, {"alert": "A-00000002", "at": 2.2})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return stored(tmp_path, alerts={"A-00000001": "I-1", "A-00000002": "I-2"}, open_ids=(), orders={})


def stored(folder: Path, alerts: Mapping[str, str], open_ids: tuple[str, ...], orders: Mapping[str, str]) -> Path:
    file = folder / "patrol.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE alerts (id, incident_id)")
    connection.execute("CREATE TABLE incidents (id, is_open, body)")
    connection.execute("CREATE TABLE orders (id, body)")
    connection.executemany("INSERT INTO alerts VALUES (?, ?)", alerts.items())
    incidents = [(i, int(i in open_ids), json.dumps({"state": "closed"})) for i in alerts.values()]
    connection.executemany("INSERT INTO incidents VALUES (?, ?, ?)", incidents)
    bodies = [(order, json.dumps({"state": state})) for order, state in orders.items()]
    connection.executemany("INSERT INTO orders VALUES (?, ?)", bodies)
    connection.commit()
    connection.close()
    return file


def found(database: Path, **changes: Any) -> Findings:
    usual: dict[str, Any] = {"submitted": SUBMITTED, "console": CONSOLE, "orders": (), "windows": ()}
    return check(database=database, **(usual | changes))


def test_where_all_is_right_nothing_is_found(database: Path) -> None:
    right = found(database)
    assert (right.accepted, right.lost, right.duplicate_orders, right.illegal_transitions) == (2, (), (), ())
    assert right.duplicate_deliveries == 0


def test_an_alert_that_was_answered_for_and_is_not_stored_is_lost(database: Path) -> None:
    more = (*SUBMITTED, {"before": 3, "at": 3.0}, {"after": 3, "at": 3.1})
    assert found(database, submitted=more).not_stored == ("A-00000003",)


def test_one_in_doubt_is_not_lost(database: Path) -> None:
    assert found(database, submitted=(*SUBMITTED, {"before": 3, "at": 3.0})).lost == ()


def test_an_alert_that_no_console_got_is_lost_and_one_that_came_twice_is_counted(database: Path) -> None:
    twice = found(database, console=(CONSOLE[0], CONSOLE[0]))
    assert twice.not_delivered == twice.lost == ("A-00000002",)
    assert twice.duplicate_deliveries == 1


def test_an_alert_whose_incident_never_ends_is_lost(tmp_path: Path) -> None:
    file = stored(tmp_path, {"A-00000001": "I-1", "A-00000002": "I-2"}, open_ids=("I-2",), orders={})
    assert found(file).not_closed == ("A-00000002",)


def order(number: int, incident: str, unit: str) -> dict[str, Any]:
    return {"order": f"O-{number}", "incident": incident, "unit": unit, "at": float(number)}


def step(number: int, name: str = "done") -> dict[str, Any]:
    return {"of": f"O-{number}", "step": name, "at": 10.0 + number}


def doubled(lines: Sequence[dict[str, Any]], *, lives: Mapping[str, int] | None = None, **stored: Any) -> list[str]:
    return duplicate_orders(lines, Stored(**stored), lives or {})


def test_two_orders_for_a_busy_unit_and_two_units_for_an_incident_are_told() -> None:
    both = [order(1, "I-1", "U-1"), order(2, "I-2", "U-1"), step(1), step(2)]
    done = {"O-1": "done", "O-2": "done"}
    assert doubled(both, orders=done) == ["U-1: O-2 while busy with O-1"]
    twice = [order(1, "I-1", "U-1"), step(1), order(2, "I-1", "U-2"), step(2)]
    assert doubled(twice, orders=done) == ["I-1: done by O-1, O-2"]
    assert doubled(twice, orders=done, escalated={"I-1"}) == []  # one more was asked for
    assert doubled(twice, orders=done, by_hand={"O-2"}) == []  # a dispatcher sent one more
    assert doubled([line | {"level": "red"} if "order" in line else line for line in twice], orders=done) == []


def test_an_incident_that_was_opened_again_gets_its_crews_once_more_and_no_more() -> None:
    lines = [line for number in (1, 2, 3) for line in (order(number, "I-1", f"U-{number}"), step(number))]
    done = {"O-1": "done", "O-2": "done", "O-3": "done"}
    assert doubled(lines[:4], orders=done, lives={"O-1": 1, "O-2": 2}) == []
    assert doubled(lines, orders=done, lives={"O-1": 1, "O-2": 2, "O-3": 2}) == ["I-1: done by O-2, O-3, in life 2"]


def test_of_two_orders_that_come_in_the_wrong_order_the_one_laid_down_doubles_nothing_if_it_was_over() -> None:
    laid_down, recalled = {"over": "O-1", "at": 2.0}, {"recall": "O-1", "at": 3.0}
    late = [order(2, "I-2", "U-1"), order(1, "I-1", "U-1"), laid_down, recalled, step(2)]
    assert doubled(late, orders={"O-1": "recalled", "O-2": "done"}) == []
    assert doubled(late, orders={"O-1": "sent", "O-2": "done"}) == ["O-1 was laid down, and stands"]
    again = [*late[:3], order(3, "I-3", "U-1"), step(2)]
    assert doubled(again, orders={"O-1": "recalled", "O-2": "done"}) == ["U-1: O-3 while busy with O-2"]


def test_what_was_taken_back_or_came_again_doubles_nothing() -> None:
    expired = [order(1, "I-1", "U-1"), order(2, "I-1", "U-2"), {"recall": "O-1", "at": 3.0}, step(2)]
    assert doubled(expired, orders={"O-1": "expired", "O-2": "done"}) == []
    again = [order(1, "I-1", "U-1"), {"again": "O-1", "at": 2.0}, step(1), order(2, "I-2", "U-1"), step(2)]
    assert doubled(again, orders={"O-1": "done", "O-2": "done"}) == []


def test_what_was_told_to_nobody_before_a_backup_was_put_back_is_told_apart_and_all_else_is_lost(
    database: Path,
) -> None:
    more = (
        *SUBMITTED,
        {"before": 3, "at": 3.0},
        {"after": 3, "at": 3.1},
        {"before": 4, "at": 4.0},
        {"after": 4, "at": 4.1},
    )
    back = Window(BACKUP, 2.5, 3.5, of_queue=False)
    apart = found(database, submitted=more, windows=(back,))
    assert (apart.gone_with_database, apart.lost) == (("A-00000003",), ("A-00000004",))
    seen = found(database, submitted=more, windows=(back,), console=(*CONSOLE, {"alert": "A-00000003", "at": 3.2}))
    assert (seen.gone_with_database, seen.not_stored) == ((), ("A-00000003", "A-00000004"))


def expired(number: int, after_s: float) -> list[dict[str, Any]]:
    sent = {"sent_at": "2026-05-01T02:30:00.000+00:00"}
    back_at = datetime.fromisoformat(sent["sent_at"]) + timedelta(seconds=after_s)
    back = {"recall": f"O-{number}", "reason": "expired", "sent_at": back_at.isoformat(), "at": 20.0}
    return [order(number, f"I-{number}", f"U-{number}") | sent, back]


def test_an_order_that_was_taken_back_too_soon_or_an_hour_late_is_told() -> None:
    assert untimely_recalls([*expired(1, 10.4), *expired(2, 40.0)]) == []
    assert untimely_recalls(expired(1, 3.0)) == ["O-1: taken back after 3 s"]
    assert untimely_recalls(expired(1, 3601.0)) == ["O-1: taken back after 3601 s"]
    assert untimely_recalls(expired(1, -3590.0)) == ["O-1: taken back after -3590 s"]
    closed = expired(1, 3.0)
    closed[1]["reason"] = "handled"
    assert untimely_recalls(closed) == []


def test_an_accepted_alert_without_its_picture_is_told_and_alerts_of_a_newer_version_are_counted(
    database: Path,
) -> None:
    newer = (CONSOLE[0] | {"newer": True}, CONSOLE[1])
    usual: dict[str, Any] = {"submitted": SUBMITTED, "orders": (), "windows": ()}
    half = check(console=newer, database=database, has_picture=lambda number: number != 2, **usual)
    assert half.no_picture == ("A-00000002",)
    assert half.newer == 1


def state(sequence: int, name: str, life: int = 1) -> dict[str, Any]:
    return {"incident": "I-1", "sequence": sequence, "state": name, "life": life, "at": 0.0}


def test_a_path_is_read_by_its_sequence_and_a_step_back_is_told() -> None:
    late = [state(2, "new"), state(9, "closed"), state(4, "ordered"), state(6, "handled"), state(2, "new")]
    assert illegal_transitions(late) == []
    assert illegal_transitions([*late, state(12, "ordered")]) == ["I-1: closed -> ordered"]
    assert illegal_transitions([state(2, "new"), state(2, "ordered")]) == ["I-1: 2 is new and ordered"]


def test_what_is_closed_is_new_again_in_its_next_life_and_in_no_other_way() -> None:
    closed = [state(1, "new"), state(2, "closed")]
    assert illegal_transitions([*closed, state(3, "new", 2), state(4, "ordered", 2), state(5, "closed", 2)]) == []
    assert illegal_transitions([*closed, state(3, "new")]) == ["I-1: closed -> new"]
    assert illegal_transitions([*closed, state(3, "ordered", 2)]) == ["I-1: closed -> ordered in lives 1, 2"]
    assert illegal_transitions([*closed, state(3, "new", 3)]) == ["I-1: closed -> new in lives 1, 3"]
    assert illegal_transitions([state(1, "new"), state(2, "new", 2)]) == ["I-1: new -> new in lives 1, 2"]
    assert illegal_transitions([state(1, "new", 2), state(2, "ordered", 1)]) == ["I-1: new -> ordered in lives 2, 1"]


def test_recovery_counts_from_the_end_of_what_lasted_and_a_kill_begins_nothing_anew(database: Path) -> None:
    console = ({"alert": "A-00000001", "at": 9.1}, {"alert": "A-00000002", "at": 9.1})
    kill = Window("kill -9 relay", 1.05, 1.06, of_queue=False)
    again = Window("kill -9 relay", 5.0, 5.01, of_queue=False)
    killed = found(database, console=console, windows=(kill, again))
    assert killed.recovery_of_processes_s == pytest.approx(8.0)
    assert killed.recovery_of_queue_s == 0.0
    again_at = found(database, console=console, windows=(kill, again), kills=(1.05, 5.0))
    assert again_at.recovery_of_processes_s == pytest.approx(4.1)  # none can be back sooner than it was killed last
    assert again_at.recovery_of_kills_in_a_row_s == pytest.approx(8.0)
    cut = Window("link cut", 1.0, 8.0, of_queue=True)
    both = found(database, console=console, windows=(kill, cut))
    assert both.recovery_of_queue_s == pytest.approx(1.1)
    assert both.recovery_s == pytest.approx({"kill -9 relay": 1.1, "link cut": 1.1})
