"""What became of everything: the files of those outside, held against the store. Knows nothing of Patrol's code."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from faults.following import FollowUp, follow_up, lives_of
from faults.merges import wrong_merges
from faults.told import Line, incidents_in

# Written down here once more, on purpose: the table of the code is what is tested.
MAY_FOLLOW = {
    "new": {"ordered", "closed"},
    "ordered": {"new", "accepted", "en_route", "on_scene", "handled", "closed"},
    "accepted": {"new", "ordered", "en_route", "on_scene", "handled", "closed"},
    "en_route": {"new", "ordered", "accepted", "on_scene", "handled", "closed"},
    "on_scene": {"handled", "closed"},
    "handled": {"closed"},
    "closed": set(),  # and new, in the next life: see illegal_transitions
}
JUST_BEFORE_S = 5.0  # a fault that was over by then may still have delayed an alert
# An order that is not accepted is taken back after 10 s (see world.configuration), or when dispatch is back.
TAKEN_BACK_AFTER_S = (9.5, 180.0)
BACKUP = "old backup of the database put back"
# Faults during which dispatch cannot follow anything up: it or who holds the database is stopped, or there is no room.
HOLDS_UP = (BACKUP, "stopped", "disk full", "escalator stands still")
# What an incident gets by its level, and one more where somebody was told that a crew is late, or not heard of.
CREWS = {"red": 2}
ENDED_WITHOUT_EFFECT = frozenset({"rejected", "expired", "recalled"})


@dataclass(frozen=True)
class Window:
    """When a fault was there, as the files' times are; ``end`` is when it was undone."""

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
    """Lists hold what is wrong, each named; empty is right. ``newer``: alerts with more in them than is known here.

    ``gone_with_database``: accepted after a backup was made, and told to nobody before it was put back. They were
    nowhere but in the database that people took away, and are not counted as lost.
    """

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
    untimely_recalls: tuple[str, ...] = ()
    no_picture: tuple[str, ...] = ()
    gone_with_database: tuple[str, ...] = ()
    newer: int = 0
    follow_up: FollowUp = field(default_factory=FollowUp)
    recovery_s: Mapping[str, float] = field(default_factory=dict)
    recovery_of_queue_s: float = 0.0
    recovery_of_processes_s: float = 0.0
    recovery_of_kills_in_a_row_s: float = 0.0

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
    kills: Sequence[float] = (),
    has_picture: Callable[[int], bool] = lambda number: True,
    *,
    dispatch_kills: Sequence[float] = (),
    ended_at: float = 0.0,
) -> Findings:
    """Hold all files against each other. ``kills``: when processes on an alert's way to the console died.

    ``has_picture``: whether that of an alert's number is there, and whole. ``ended_at``: when all was over.
    """
    accepted = {f"A-{line['after']:08d}": line["at"] for line in submitted if "after" in line}
    stored = _stored(database)
    alerts = stored.alerts
    first_seen: dict[str, float] = {}
    deliveries: Counter[str] = Counter()
    for line in console:
        if "alert" in line:
            deliveries[line["alert"]] += 1
            first_seen.setdefault(line["alert"], line["at"])
    gone = {
        alert
        for alert in accepted.keys() - alerts.keys() - first_seen.keys()
        if any(w.begin <= accepted[alert] <= w.end for w in windows if w.name == BACKUP)
    }
    accepted = {alert: at for alert, at in accepted.items() if alert not in gone}
    recovery = _recovery(accepted, first_seen, windows, kills)
    return Findings(
        submitted=sum("before" in line for line in submitted),
        accepted=len(accepted),
        not_stored=tuple(sorted(accepted.keys() - alerts.keys())),
        not_delivered=tuple(sorted(accepted.keys() - first_seen.keys())),
        not_closed=tuple(sorted(alert for alert in accepted if alerts.get(alert) in stored.open_incidents)),
        duplicate_deliveries=sum(count - 1 for count in deliveries.values()),
        orders=sum("order" in line for line in orders),
        orders_repeated=sum("again" in line for line in orders),
        duplicate_orders=tuple(duplicate_orders(orders, stored, lives_of(incidents_in(console)))),
        illegal_transitions=(*illegal_transitions(console), *wrong_merges(database)),
        untimely_recalls=tuple(untimely_recalls(orders)),
        no_picture=tuple(alert for alert in sorted(accepted) if not has_picture(int(alert.removeprefix("A-")))),
        gone_with_database=tuple(sorted(gone)),
        newer=sum("newer" in line for line in console),
        follow_up=follow_up(console, orders, _held_up(windows, dispatch_kills), ended_at),
        recovery_s=recovery.by_fault,
        recovery_of_queue_s=recovery.of_queue_s,
        recovery_of_processes_s=recovery.of_processes_s,
        recovery_of_kills_in_a_row_s=recovery.of_kills_in_a_row_s,
    )


def _held_up(windows: Sequence[Window], dispatch_kills: Sequence[float]) -> list[tuple[float, float]]:
    """When dispatch could not work, from when until when."""
    held_up = [(w.begin, w.end) for w in windows if any(name in w.name for name in HOLDS_UP)]
    return [*held_up, *((at, at) for at in dispatch_kills)]


@dataclass(frozen=True)
class Stored:
    """What the store says. ``alerts``: with their incidents; ``orders``: with their states.

    ``escalated``: incidents of which somebody was told that they are late; ``by_hand``: orders of a dispatcher's own.
    """

    orders: Mapping[str, str]
    alerts: Mapping[str, str] = field(default_factory=dict)
    open_incidents: Set[str] = frozenset()
    escalated: Set[str] = frozenset()
    by_hand: Set[str] = frozenset()

    def has_ended(self, order: str) -> bool:
        """Whether it is over, and nobody has done anything for it."""
        return self.orders.get(order) in ENDED_WITHOUT_EFFECT


def _stored(database: Path) -> Stored:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        orders = {row[0]: json.loads(row[1]) for row in connection.execute("SELECT id, body FROM orders")}
        query = "SELECT id FROM incidents WHERE json_extract(body, '$.escalation') IS NOT NULL"
        stored = Stored(
            orders={order: body["state"] for order, body in orders.items()},
            alerts=dict(connection.execute("SELECT id, incident_id FROM alerts")),
            open_incidents={row[0] for row in connection.execute("SELECT id FROM incidents WHERE is_open = 1")},
            escalated={row[0] for row in connection.execute(query)},
            by_hand={order for order, body in orders.items() if body.get("ordered_by")},
        )
    connection.close()
    return stored


def duplicate_orders(orders: Sequence[Line], stored: Stored, lives: Mapping[str, int]) -> list[str]:
    """Where units had more to do than they should, by what they wrote down themselves.

    An incident that more orders were carried out for to their end than it gets crews, in each of its ``lives``, those
    that a dispatcher sent left out; a unit that got another order while it was busy with one that it had neither ended
    nor been called back from, and that did not end otherwise. Where it laid down the earlier of two as over, that one
    must have ended so.
    """
    over = {line["over"] for line in orders if "over" in line}
    wrong = [f"{order} was laid down, and stands" for order in sorted(over) if not stored.has_ended(order)]
    told = [line for line in orders if "order" in line]
    incident_of = {line["order"]: (line["incident"], lives.get(line["order"], 1)) for line in told}
    crews_of: defaultdict[str, int] = defaultdict(lambda: 1)
    for line in told:
        crews_of[line["incident"]] = max(crews_of[line["incident"]], CREWS.get(line.get("level", ""), 1))
    done: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for line in orders:
        order = line.get("of", "")
        counts = line.get("step") == "done" and order in incident_of
        if counts and not stored.has_ended(order) and order not in stored.by_hand:
            done[incident_of[order]].add(order)
    wrong += _busy_twice(orders, stored, over)
    for (incident, life), by in done.items():
        if len(by) > crews_of[incident] + (incident in stored.escalated):
            wrong.append(f"{incident}: done by {', '.join(sorted(by))}" + (f", in life {life}" if life > 1 else ""))
    return wrong


def _busy_twice(orders: Sequence[Line], stored: Stored, over: Set[str]) -> Iterator[str]:
    busy_with: dict[str, str] = {}
    for line in orders:
        if "order" in line and line["order"] not in over:
            order, unit = line["order"], line["unit"]
            before = busy_with.get(unit)
            if before is not None and not stored.has_ended(before):
                yield f"{unit}: {order} while busy with {before}"
            busy_with[unit] = order
        elif "recall" in line or "declined" in line or line.get("step") == "done":
            ended = line.get("recall") or line.get("declined") or line["of"]
            busy_with = {unit: order for unit, order in busy_with.items() if order != ended}


def untimely_recalls(orders: Sequence[Line]) -> list[str]:
    """Orders that were taken back as not accepted in time, when it cannot have been that late by Patrol's own clock."""
    sent: dict[str, datetime] = {}
    wrong = []
    for line in orders:
        if "order" in line and "sent_at" in line:
            sent[line["order"]] = datetime.fromisoformat(line["sent_at"])
        elif line.get("reason") == "expired" and line["recall"] in sent:
            after_s = (datetime.fromisoformat(line["sent_at"]) - sent[line["recall"]]).total_seconds()
            if not TAKEN_BACK_AFTER_S[0] <= after_s <= TAKEN_BACK_AFTER_S[1]:
                wrong.append(f"{line['recall']}: taken back after {after_s:.0f} s")
    return wrong


def illegal_transitions(console: Sequence[Line]) -> list[str]:
    """Of each incident's states as a vendor's console got them, put in the order of their sequence.

    A closed one is new again in its next life, and in no other way is there a next life.
    """
    states: dict[str, dict[int, tuple[int, str]]] = defaultdict(dict)
    wrong = []
    for line in console:
        if "incident" not in line:
            continue
        told = (line.get("life", 1), line["state"])
        known = states[line["incident"]].setdefault(line["sequence"], told)
        if known != told:
            wrong.append(f"{line['incident']}: {line['sequence']} is {known[1]} and {line['state']}")
    for incident, by_sequence in states.items():
        path = [by_sequence[sequence] for sequence in sorted(by_sequence)]
        for before, after in pairwise(path):
            if before != after and not _may_follow(before, after):
                lives = f" in lives {before[0]}, {after[0]}" if before[0] != after[0] else ""
                wrong.append(f"{incident}: {before[1]} -> {after[1]}{lives}")
    return wrong


def _may_follow(before: tuple[int, str], after: tuple[int, str]) -> bool:
    if before[0] == after[0]:
        return after[1] in MAY_FOLLOW[before[1]]
    return after[0] == before[0] + 1 and (before[1], after[1]) == ("closed", "new")


@dataclass(frozen=True)
class _Recovery:
    """Seconds: the worst by fault; the worst with, and without, the queue away; and without, from before all kills."""

    by_fault: Mapping[str, float]
    of_queue_s: float
    of_processes_s: float
    of_kills_in_a_row_s: float


def _recovery(
    accepted: Mapping[str, float],
    first_seen: Mapping[str, float],
    windows: Sequence[Window],
    kills: Sequence[float],
) -> _Recovery:
    """The longest an alert took to a live console.

    From its acceptance, from when the last fault that lasted was undone, or from when a process on its way was killed
    last, if that was later: none can be back sooner. Several kills after each other also count as one, apart.
    """
    worst: dict[str, float] = defaultdict(float)
    of_queue_s = of_processes_s = in_a_row_s = 0.0
    deaths = sorted(kills)
    for alert, at in accepted.items():
        seen = first_seen.get(alert)
        if seen is None:
            continue
        during = [window for window in windows if window.begin <= seen and window.end + JUST_BEFORE_S >= at]
        undone_at = max([at, *(window.end for window in during if window.lasts and window.end <= seen)])
        earlier = bisect_right(deaths, seen)
        since = max(undone_at, deaths[earlier - 1]) if earlier else undone_at
        took_s = max(0.0, seen - since)
        for window in during:
            worst[window.name] = max(worst[window.name], took_s)
        if any(window.of_queue for window in during):
            of_queue_s = max(of_queue_s, took_s)
        else:
            of_processes_s = max(of_processes_s, took_s)
            in_a_row_s = max(in_a_row_s, seen - undone_at)
    return _Recovery(dict(worst), of_queue_s, of_processes_s, in_a_row_s)
