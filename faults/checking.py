"""What became of everything: the files of those outside, held against the store. Knows nothing of Patrol's code."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from faults.merges import wrong_merges

Line = Mapping[str, Any]

# Written down here once more, on purpose: the table of the code is what is tested.
MAY_FOLLOW = {
    "new": {"ordered", "closed"},
    "ordered": {"new", "accepted", "en_route", "on_scene", "handled", "closed"},
    "accepted": {"new", "ordered", "en_route", "on_scene", "handled", "closed"},
    "en_route": {"new", "ordered", "on_scene", "handled", "closed"},
    "on_scene": {"handled", "closed"},
    "handled": {"closed"},
    "closed": set(),
}
JUST_BEFORE_S = 5.0  # a fault that was over by then may still have delayed an alert
ENDED_WITHOUT_EFFECT = frozenset({"rejected", "expired", "recalled"})


@dataclass(frozen=True)
class Window:
    """When a fault was there, wall time; ``end`` is when it was undone."""

    name: str
    begin: float
    end: float
    of_queue: bool

    @property
    def lasts(self) -> bool:
        """Whether it was there for some time, not only a blow."""
        return self.end - self.begin > 1.0


@dataclass(frozen=True)
class Findings:
    """Lists hold what is wrong, each named; empty is right."""

    submitted: int
    accepted: int
    not_stored: tuple[str, ...]
    not_delivered: tuple[str, ...]
    not_closed: tuple[str, ...]
    duplicate_deliveries: int
    orders: int
    orders_repeated: int
    duplicate_orders: tuple[str, ...]
    illegal_transitions: tuple[str, ...]
    recovery_s: Mapping[str, float] = field(default_factory=dict)
    recovery_of_queue_s: float = 0.0
    recovery_of_processes_s: float = 0.0

    @property
    def lost(self) -> tuple[str, ...]:
        """Accepted alerts that are not stored, were never delivered to the vendor's console, or never ended."""
        return tuple(dict.fromkeys((*self.not_stored, *self.not_delivered, *self.not_closed)))


def check(
    submitted: Sequence[Line],
    console: Sequence[Line],
    orders: Sequence[Line],
    database: Path,
    windows: Sequence[Window],
) -> Findings:
    """Hold all files against each other."""
    accepted = {f"A-{line['after']:08d}": line["at"] for line in submitted if "after" in line}
    alerts, open_incidents, order_states = _stored(database)
    first_seen: dict[str, float] = {}
    deliveries: Counter[str] = Counter()
    for line in console:
        if "alert" in line:
            deliveries[line["alert"]] += 1
            first_seen.setdefault(line["alert"], line["at"])
    recovery, of_queue_s, of_processes_s = _recovery(accepted, first_seen, windows)
    return Findings(
        submitted=sum("before" in line for line in submitted),
        accepted=len(accepted),
        not_stored=tuple(sorted(accepted.keys() - alerts.keys())),
        not_delivered=tuple(sorted(accepted.keys() - first_seen.keys())),
        not_closed=tuple(sorted(alert for alert in accepted if alerts.get(alert) in open_incidents)),
        duplicate_deliveries=sum(count - 1 for count in deliveries.values()),
        orders=sum("order" in line for line in orders),
        orders_repeated=sum("again" in line for line in orders),
        duplicate_orders=tuple(duplicate_orders(orders, order_states)),
        illegal_transitions=(*illegal_transitions(console), *wrong_merges(database)),
        recovery_s=recovery,
        recovery_of_queue_s=of_queue_s,
        recovery_of_processes_s=of_processes_s,
    )


def _stored(database: Path) -> tuple[dict[str, str], set[str], dict[str, str]]:
    """Alerts with their incidents; the open incidents; orders with their states."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        alerts = dict(connection.execute("SELECT id, incident_id FROM alerts"))
        open_ids = {row[0] for row in connection.execute("SELECT id FROM incidents WHERE is_open = 1")}
        states = {row[0]: json.loads(row[1])["state"] for row in connection.execute("SELECT id, body FROM orders")}
    connection.close()
    return alerts, open_ids, states


def duplicate_orders(orders: Sequence[Line], states: Mapping[str, str]) -> list[str]:
    """Where units had more to do than they should, by what they wrote down themselves.

    An incident that two orders were carried out for to their end; a unit that got another order while it was busy
    with one that it had neither ended nor been called back from, and that did not end otherwise.
    """
    wrong = []
    incident_of: dict[str, str] = {}
    busy_with: dict[str, str] = {}
    done: dict[str, set[str]] = defaultdict(set)
    for line in orders:
        if "order" in line:
            order, unit = line["order"], line["unit"]
            incident_of[order] = line["incident"]
            before = busy_with.get(unit)
            if before is not None and states.get(before) not in ENDED_WITHOUT_EFFECT:
                wrong.append(f"{unit}: {order} while busy with {before}")
            busy_with[unit] = order
        elif "recall" in line or line.get("step") == "done":
            ended = line.get("recall") or line["of"]
            busy_with = {unit: order for unit, order in busy_with.items() if order != ended}
            if line.get("step") == "done" and ended in incident_of and states.get(ended) not in ENDED_WITHOUT_EFFECT:
                done[incident_of[ended]].add(ended)
    wrong += [f"{incident}: done by {', '.join(sorted(by))}" for incident, by in done.items() if len(by) > 1]
    return wrong


def illegal_transitions(console: Sequence[Line]) -> list[str]:
    """Of each incident's states as a vendor's console got them, put in the order of their sequence."""
    states: dict[str, dict[int, str]] = defaultdict(dict)
    wrong = []
    for line in console:
        if "incident" not in line:
            continue
        known = states[line["incident"]].setdefault(line["sequence"], line["state"])
        if known != line["state"]:
            wrong.append(f"{line['incident']}: {line['sequence']} is {known} and {line['state']}")
    for incident, by_sequence in states.items():
        path = [by_sequence[sequence] for sequence in sorted(by_sequence)]
        for before, after in pairwise(path):
            if before != after and after not in MAY_FOLLOW[before]:
                wrong.append(f"{incident}: {before} -> {after}")
    return wrong


def _recovery(
    accepted: Mapping[str, float], first_seen: Mapping[str, float], windows: Sequence[Window]
) -> tuple[dict[str, float], float, float]:
    """The longest an alert took to a live console, by fault; and the worst with, and without, the queue away.

    From its acceptance, or from when the last fault that lasted was undone, if that was later. Kills do not begin the
    count anew, so that several after each other count as one long recovery.
    """
    worst: dict[str, float] = defaultdict(float)
    of_queue_s = of_processes_s = 0.0
    for alert, at in accepted.items():
        seen = first_seen.get(alert)
        if seen is None:
            continue
        during = [window for window in windows if window.begin <= seen and window.end + JUST_BEFORE_S >= at]
        since = max([at, *(window.end for window in during if window.lasts and window.end <= seen)])
        took_s = max(0.0, seen - since)
        for window in during:
            worst[window.name] = max(worst[window.name], took_s)
        if any(window.of_queue for window in during):
            of_queue_s = max(of_queue_s, took_s)
        else:
            of_processes_s = max(of_processes_s, took_s)
    return dict(worst), of_queue_s, of_processes_s
