"""What a run of the drill says of itself: for people, and as JSON."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from faults.checking import BACKUP, Findings, Window
from faults.following import FollowUp
from faults.world import PATROLS, World
from patrol.pipeline.steps import Step

PROCESS_RECOVERY_S, QUEUE_RECOVERY_S = 10.0, 30.0


@dataclass(frozen=True)
class Result:
    """One run. ``unsettled_after_s``: after so long incidents were still open at the end; None where none was."""

    found: Findings
    windows: Sequence[Window]
    world: World
    options: argparse.Namespace
    unsettled_after_s: float | None

    @cached_property
    def faults(self) -> Counter[str]:
        """How often each came."""
        return Counter(window.name for window in self.windows)

    @cached_property
    def wrong(self) -> Mapping[str, Sequence[str]]:
        """All that must not be."""
        found = self.found
        return {
            "lost": found.lost,
            "duplicate orders": found.duplicate_orders,
            "illegal transitions": found.illegal_transitions,
            "untimely recalls": found.untimely_recalls,
            "steps twice, too soon, forgotten or out of order": found.follow_up.wrong_steps,
            "without a clock": found.follow_up.without_clock,
            "of an earlier life": found.follow_up.old_timers,
            "by another clock": found.follow_up.off_the_clock,
            "no picture": found.no_picture,
            "not as it should be": (*self.world.wrong, *_nothing_tried(found, self.world, self.faults)),
        }

    @property
    def kept(self) -> bool:
        """Nothing lost, nothing twice, nothing illegal, and back in time."""
        found = self.found
        in_time = found.recovery_of_processes_s <= PROCESS_RECOVERY_S and found.recovery_of_queue_s <= QUEUE_RECOVERY_S
        return self.unsettled_after_s is None and in_time and found.accepted > 0 and not any(self.wrong.values())

    @property
    def bound(self) -> float:
        """The share of alerts that may be lost where none was seen to be, 95%."""
        return 3 / self.found.accepted if self.found.accepted else 1.0

    def tell(self) -> None:
        """Print it, and write it down as JSON."""
        found, world = self.found, self.world
        print(f"\n{'fault':44} {'times':>5} {'worst recovery, s':>18}")
        for name, count in sorted(self.faults.items()):
            print(f"{name:44} {count:5} {found.recovery_s.get(name, 0.0):18.1f}")
        print(f"\nkilled: {_counted(world.kills)}")
        print(f"ended by themselves: {_counted(world.ended) or 'none'}")
        print(f"seen: {_counted(world.counted) or 'nothing'}")
        print(f"alerts submitted {found.submitted}, accepted {found.accepted}; orders as units saw them {found.orders}")
        print(f"delivered again: {found.duplicate_deliveries} alerts, {found.orders_repeated} orders")
        print(_said_of_follow_up(found.follow_up, world))
        if self.faults[BACKUP]:
            gone = len(found.gone_with_database)
            print(f"accepted, told to nobody, and gone with the database that a backup took the place of: {gone}")
        for what, items in self.wrong.items():
            print(f"{what}: {len(items)}" + (f", such as {'; '.join(items[:5])}" if items else ""))
        print(f"worst recovery from the first of several kills in a row: {found.recovery_of_kills_in_a_row_s:.1f} s")
        if self.unsettled_after_s is not None:
            print(f"after {self.unsettled_after_s:g} s incidents were still open, or messages waited")
        self.options.json.parent.mkdir(parents=True, exist_ok=True)
        self.options.json.write_text(json.dumps(self._as_json(), indent=1, ensure_ascii=False) + "\n")
        print(self._in_a_line())

    def _in_a_line(self) -> str:
        found = self.found
        return (
            f"faults: seed {self.options.seed}, {len(self.windows)} faults, {found.accepted} alerts, lost"
            f" {len(found.lost)} (below {self.bound:.2%} at 95%), duplicate orders {len(found.duplicate_orders)},"
            f" illegal transitions {len(found.illegal_transitions)}, recovery {found.recovery_of_processes_s:.1f} s"
            f" (processes, at most {PROCESS_RECOVERY_S:g}), {found.recovery_of_queue_s:.1f} s (queue, at most"
            f" {QUEUE_RECOVERY_S:g}): {'all kept' if self.kept else 'MISSED'}"
        )

    def _as_json(self) -> dict[str, Any]:
        found, world, options = self.found, self.world, self.options
        done = found.follow_up
        return {
            "seed": options.seed,
            "accepted": found.accepted,
            "submitted": found.submitted,
            "gone_with_database": list(found.gone_with_database),
            "orders": found.orders,
            "orders_repeated": found.orders_repeated,
            "rate": options.rate,
            "minutes": options.minutes,
            "fsync": options.fsync,
            "faults": dict(self.faults),
            "kills": dict(sorted(world.kills.items())),
            "died_at": dict(world.died_at),
            "follow_up": {
                "steps": dict(done.steps),
                "acknowledged": done.acknowledged,
                "doubted": done.doubted,
                "reminders": done.reminders,
                "reopened": done.reopened,
            },
            "ended_by_themselves": dict(world.ended),
            "seen": dict(world.counted),
            "worst_recovery_s": found.recovery_s,
            "settled": self.unsettled_after_s is None,
            "wrong": {what: list(items) for what, items in self.wrong.items()},
            "recovery_s": {
                "processes": found.recovery_of_processes_s,
                "kills in a row": found.recovery_of_kills_in_a_row_s,
                "queue": found.recovery_of_queue_s,
            },
            "delivered_again": found.duplicate_deliveries,
            "bound_at_95": self.bound,
            "kept": self.kept,
        }


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _said_of_follow_up(done: FollowUp, world: World) -> str:
    at_a_kill = world.died_at[Step.DISPATCH_ESCALATING] + world.died_at[Step.DISPATCH_ESCALATED]
    steps = ", ".join(f"{name} {count}" for name, count in sorted(done.steps.items())) or "none"
    return (
        f"escalations {sum(done.steps.values())} ({steps}), of them {at_a_kill} at a kill; acknowledged"
        f" {done.acknowledged}; orders doubted {done.doubted}; reminders {done.reminders}, of them"
        f" {world.died_at[Step.DISPATCH_REMINDED]} at a kill; opened again {done.reopened}"
    )


def _nothing_tried(found: Findings, world: World, counts: Counter[str]) -> list[str]:
    """Faults that did nothing, and so say nothing."""
    wrong = []
    if counts["queue failed over, replica's link cut"] and not world.counted["entries that only the dead master had"]:
        wrong.append("no fail-over lost anything")
    if counts["a newer minor version beside this one"] and not found.newer:
        wrong.append("no message of a newer version was seen")
    if counts["escalator stands still"] and not all((found.follow_up.steps, found.follow_up.reopened)):
        wrong.append("nothing was told farther up, or nothing was opened again")
    if missing := [name for name in PATROLS if not world.kills[name]]:
        wrong.append(f"never killed: {', '.join(missing)}")
    return wrong
