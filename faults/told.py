"""What a vendor's console was told of incidents: written down by its process, read again by the checker.

Knows nothing of Patrol's code: what is in a message is the contract's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Line = Mapping[str, Any]

OPEN_ORDERS = frozenset({"sent", "doubted", "accepted", "en_route", "on_scene"})
STAMPS = ("t3", "t9", "t10")


def line_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """What is written down of an incident's message, with the wall time at which it came: this process' own."""
    data = message["data"]
    escalation = data.get("escalation")
    clocks = {name: data["clocks"][name]["at"] for name in STAMPS if name in data["clocks"]}
    return {
        "incident": data["incident_id"],
        "sequence": int(message["sequence"]),
        "state": data["state"],
        "life": data.get("life", 1),
        "level": data["level"],
        "time": message["time"],
        "wall": datetime.now(UTC).isoformat(),
        "target_s": data["target_s"],
        "reopened_at": data.get("reopened_at"),
        "overdue": data["overdue"],
        "reminders": data.get("reminders", 0),
        "closing": data.get("closing") is not None,
        "escalation": {name: escalation[name] for name in ("step", "at", "acknowledged_at")} if escalation else None,
        "orders": {order["order_id"]: order["state"] for order in data.get("orders", ())},
        "clocks": clocks,
    }


@dataclass(frozen=True)
class Step:
    """A step of an escalation, as told. Times are Unix time, by Patrol's clock."""

    name: str
    at: float
    acknowledged_at: float | None


@dataclass(frozen=True)
class Told:
    """An incident's state as one message told it. All times are Unix time, by Patrol's clock, but two.

    ``heard_at``: since boot, as the drill's files count; ``wall``: the machine's time then, which nobody moved.
    ``orders``: by id, their states; ``t3``, ``t9``, ``t10``: accepted, first on scene, handled. ``target_s``: None also
    where it has no t3 that it could count from. ``closing``: one person has closed it, and two must.
    """

    incident: str
    sequence: int
    at: float
    heard_at: float
    wall: float
    state: str
    life: int
    level: str
    target_s: float | None
    t3: float
    t9: float | None
    t10: float | None
    reopened_at: float | None
    overdue: bool
    reminders: int
    closing: bool
    step: Step | None
    orders: Mapping[str, str]

    @property
    def due_at(self) -> float | None:
        """When somebody should be on scene, in its present life."""
        return None if self.target_s is None else self.began_at + self.target_s

    @property
    def response_due_at(self) -> float | None:
        """When the response target is over; no later life restarts it."""
        return None if self.target_s is None else self.t3 + self.target_s

    @property
    def began_at(self) -> float:
        """When its present life did."""
        return self.reopened_at or self.t3

    @property
    def reached_at(self) -> float | None:
        """When somebody was there, in its present life: on scene, or done with it."""
        stamps = (stamp for stamp in (self.t9, self.t10) if stamp is not None and stamp >= self.began_at)
        return min(stamps, default=None)

    @property
    def open_orders(self) -> Mapping[str, str]:
        """Those that units still have to do with."""
        return {order: state for order, state in self.orders.items() if state in OPEN_ORDERS}


def incidents_in(console: Iterable[Line]) -> dict[str, list[Told]]:
    """All that was told, by incident, in the order of its sequence; what came again counts once."""
    found: defaultdict[str, dict[int, Told]] = defaultdict(dict)
    for line in console:
        if "incident" in line and "time" in line:
            found[line["incident"]].setdefault(line["sequence"], _told(line))
    return {incident: [told[number] for number in sorted(told)] for incident, told in found.items()}


def sent_at_of(orders: Sequence[Line], incidents: Mapping[str, Sequence[Told]]) -> dict[str, float]:
    """When each order was sent: by its message, or by the first that lists it."""
    sent = {line["order"]: unix(line["sent_at"]) for line in orders if "order" in line and "sent_at" in line}
    for told in incidents.values():
        for one in told:
            for order in one.orders:
                sent.setdefault(order, one.at)
    return sent


def unix(text: str) -> float:
    """A message's time."""
    return datetime.fromisoformat(text).timestamp()


def _told(line: Line) -> Told:
    clocks, step, at = line["clocks"], line["escalation"], unix(line["time"])
    return Told(
        incident=line["incident"],
        sequence=line["sequence"],
        at=at,
        heard_at=line["at"],
        wall=unix(line["wall"]),
        state=line["state"],
        life=line["life"],
        level=line["level"],
        target_s=line["target_s"] if "t3" in clocks else None,
        t3=_maybe(clocks.get("t3")) or at,
        t9=_maybe(clocks.get("t9")),
        t10=_maybe(clocks.get("t10")),
        reopened_at=_maybe(line["reopened_at"]),
        overdue=line["overdue"],
        reminders=line["reminders"],
        closing=line.get("closing", False),
        step=Step(step["step"], unix(step["at"]), _maybe(step["acknowledged_at"])) if step else None,
        orders=line["orders"],
    )


def _maybe(text: str | None) -> float | None:
    return unix(text) if text else None
