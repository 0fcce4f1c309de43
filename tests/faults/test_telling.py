"""What a run says of itself: kept only where nothing is wrong, and where something was tried."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from faults.checking import Findings, Window
from faults.following import FollowUp
from faults.telling import Result
from faults.world import PATROLS, World

RIGHT = Findings(
    submitted=10,
    accepted=10,
    not_stored=(),
    not_delivered=(),
    not_closed=(),
    duplicate_deliveries=0,
    orders=5,
    orders_repeated=0,
    duplicate_orders=(),
    illegal_transitions=(),
    follow_up=FollowUp(steps={"room": 3}, reopened=1),
)


def result(tmp_path: Path, found: Findings = RIGHT, *, unsettled_after_s: float | None = None, **more: Any) -> Result:
    """Of a run with one fault, in which everybody was killed once."""
    usual = {"kills": Counter(PATROLS), "ended": Counter(), "counted": Counter(), "died_at": Counter(), "wrong": []}
    windows = (Window("escalator stands still", 1.0, 20.0, of_queue=False),)
    options = Namespace(seed=7, rate=8.0, minutes=2.0, fsync="always", json=tmp_path / "deep" / "faults.json")
    return Result(found, windows, cast(World, Namespace(**(usual | more))), options, unsettled_after_s)


def test_what_is_right_is_kept_and_written_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = result(tmp_path, died_at=Counter({"dispatch-escalated": 1}))
    right.tell()
    told = capsys.readouterr().out
    assert "escalations 3 (room 3), of them 1 at a kill" in told
    assert told.rstrip().endswith("all kept")
    written = json.loads((tmp_path / "deep" / "faults.json").read_text("utf-8"))
    assert (written["kept"], written["follow_up"]["steps"], written["died_at"]) == (
        True,
        {"room": 3},
        {"dispatch-escalated": 1},
    )


@pytest.mark.parametrize("kind", ["wrong_steps", "without_clock", "old_timers", "off_the_clock"])
def test_whatever_follow_up_did_wrong_is_missed(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missed = result(tmp_path, replace(RIGHT, follow_up=replace(RIGHT.follow_up, **{kind: ("I-1: so it is",)})))
    missed.tell()
    told = capsys.readouterr().out
    assert "1, such as I-1: so it is" in told
    assert told.rstrip().endswith("MISSED")


def test_a_run_that_tried_nothing_or_did_not_come_to_its_end_is_missed(tmp_path: Path) -> None:
    assert result(tmp_path).kept
    assert not result(tmp_path, unsettled_after_s=120.0).kept
    assert not result(tmp_path, wrong=["the auditor did not find it"]).kept
    assert not result(tmp_path, kills=Counter(PATROLS[1:])).kept
    for nothing in (FollowUp(reopened=1), FollowUp(steps={"room": 1})):
        untried = result(tmp_path, replace(RIGHT, follow_up=nothing))
        assert untried.wrong["not as it should be"] == ("nothing was told farther up, or nothing was opened again",)
