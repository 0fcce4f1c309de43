"""The units' terminals of the drill: what they were told, and what they still work on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faults import journal
from faults.reader import STEPS, Entry, Terminals


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # nothing is sent
    return tmp_path


def hear(terminals: Terminals, type_: str, second: int, **data: Any) -> None:
    at = f"2026-05-01T02:30:{second:02d}.000+00:00"
    message = {"type": f"cn.patrol.{type_}.v1", "time": at, "recordedtime": at, "data": data}
    terminals._hear(Entry("patrol:order:core", "1-0", message))


def order(terminals: Terminals, number: int, second: int, unit: str = "U-1") -> None:
    hear(terminals, "order", second, order_id=f"O-{number}", incident_id=f"I-{number}", unit_id=unit)


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
