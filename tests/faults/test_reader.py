"""The units' terminals of the drill: what they were told, and what they still work on."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from faults import journal
from faults.chances import DEAF, DEAF_FOR_S, UNHEARD, UNHEARD_FOR_S, luck
from faults.reader import STEPS, Entry, Terminals


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # nothing is sent
    return tmp_path


def hear(terminals: Terminals, type_: str, second: int, sequence: int = 1, **data: Any) -> None:
    at = f"2026-05-01T02:30:{second:02d}.000+00:00"
    message = {"type": f"cn.patrol.{type_}.v1", "time": at, "recordedtime": at, "data": data}
    message["sequence"] = f"{sequence:012d}"
    terminals._hear(Entry("patrol:order:core", "1-0", message))


def order(terminals: Terminals, number: int, second: int, unit: str = "U-1") -> None:
    hear(terminals, "order", second, order_id=f"O-{number}", incident_id=f"I-{number}", unit_id=unit)


def waits_s(terminals: Terminals, order_id: str) -> float:
    return terminals._jobs[order_id].next_at - time.time()


def unlucky(first: str, share: float) -> str:
    """The first of these ids, counted on, whose luck is below a share."""
    return next(id_ for number in itertools.count(1) if luck(id_ := f"{first}-{number}") < share)


def at_work(terminals: Terminals) -> set[str]:
    return set(terminals._jobs)


@pytest.mark.parametrize("sent", [((1, 10), (2, 20)), ((2, 20), (1, 10))])
def test_of_two_orders_for_one_unit_the_later_one_stands(folder: Path, sent: tuple[tuple[int, int], ...]) -> None:
    terminals = Terminals(folder)
    order(terminals, 9, 5, unit="U-9")
    for number, second in sent:
        order(terminals, number, second)
    assert at_work(terminals) == at_work(Terminals(folder)) == {"O-2", "O-9"}
    hear(terminals, "order.recall", 30, order_id="O-1", reason="expired")
    assert at_work(terminals) == {"O-2", "O-9"}
    assert [line["over"] for line in journal.read(folder / "orders.jsonl") if "over" in line] == ["O-1"]


def test_an_order_that_its_unit_does_not_hear_at_first_is_heard_later_also_after_a_restart(folder: Path) -> None:
    terminals, unheard = Terminals(folder), unlucky("O", UNHEARD)
    hear(terminals, "order", 10, order_id=unheard, incident_id="I-1", unit_id="U-1")
    assert waits_s(terminals, unheard) > UNHEARD_FOR_S - 5
    assert waits_s(Terminals(folder), unheard) > UNHEARD_FOR_S - 5
    hear(terminals, "order.recall", 30, order_id=unheard, reason="expired")
    assert at_work(terminals) == set()


def test_of_some_incidents_no_order_is_heard_until_the_first_has_been_silent_for_long(folder: Path) -> None:
    terminals, deaf = Terminals(folder), unlucky("I", DEAF)
    heard = [order_id for number in range(9) if luck(order_id := f"O-{number}") > UNHEARD][:2]
    for order_id, second, unit in zip(heard, (0, 50), ("U-1", "U-2"), strict=True):
        hear(terminals, "order", second, order_id=order_id, incident_id=deaf, unit_id=unit)
    assert waits_s(terminals, heard[0]) > DEAF_FOR_S - 5
    assert waits_s(terminals, heard[1]) < 5


def test_that_its_incident_was_closed_ends_an_order_unless_that_is_news_of_an_earlier_life(folder: Path) -> None:
    terminals = Terminals(folder)
    hear(terminals, "order", 10, sequence=7, order_id="O-1", incident_id="I-1", unit_id="U-1")
    hear(terminals, "incident", 5, sequence=5, incident_id="I-1", state="closed")
    assert at_work(terminals) == {"O-1"}
    hear(terminals, "incident", 20, sequence=9, incident_id="I-1", state="closed")
    assert at_work(terminals) == set()


def test_what_is_done_keeps_its_last_receipt_when_the_next_order_comes(folder: Path) -> None:
    terminals = Terminals(folder)
    order(terminals, 1, 10)
    terminals._jobs["O-1"].step = len(STEPS)
    order(terminals, 2, 20)
    assert at_work(terminals) == {"O-1", "O-2"}
    assert not [line for line in journal.read(folder / "orders.jsonl") if "over" in line]


def test_an_order_again_changes_nothing_and_a_recall_ends_it_also_after_a_restart(folder: Path) -> None:
    terminals = Terminals(folder)
    order(terminals, 1, 10)
    order(terminals, 1, 10)
    assert at_work(Terminals(folder)) == {"O-1"}
    hear(terminals, "order.recall", 30, order_id="O-1", reason="expired")
    assert at_work(terminals) == at_work(Terminals(folder)) == set()
