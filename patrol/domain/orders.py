"""Orders: one unit sent to one incident, and the receipts that come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from patrol.domain.incidents import IncidentId, OrderId
from patrol.domain.units import UnitId
from patrol.domain.vocabulary import OrderState as OrderState
from patrol.domain.vocabulary import Place, RingName

OPEN_ORDER_STATES = frozenset(
    {OrderState.SENT, OrderState.DOUBTED, OrderState.ACCEPTED, OrderState.EN_ROUTE, OrderState.ON_SCENE}
)

# How far along an order is: a receipt moves it forwards or not at all, so a late one never rolls it back.
PROGRESS: Mapping[OrderState, int] = {
    OrderState.SENT: 0,
    OrderState.DOUBTED: 0,
    OrderState.ACCEPTED: 1,
    OrderState.EN_ROUTE: 2,
    OrderState.ON_SCENE: 3,
    OrderState.DONE: 4,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One unit that was weighed for an order: its time to the scene in seconds, or why it was left out."""

    unit_id: UnitId
    eta_s: float | None
    left_out: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """One unit sent to one incident. ``eta_s``: expected from sending to arrival, seconds, when it was chosen.

    ``why_zh``, ``why_en``: why this unit. ``candidates``: all that were weighed, best first. ``received_at``: when its
    terminal said that it has it. ``doubted_at``: when it had not been accepted in time, also of one that was accepted
    later. ``is_drone``: it sees, and handles nothing. ``life``: of the incident, which one. ``ordered_by``,
    ``recalled_by``: the dispatcher, where a person sent it or took it back. ``accepted_at``: when its unit said yes,
    also by what implies that. ``accepted_from``: where its unit was then, or at its first position after it.
    ``set_out_at``: when it moved, by whichever said so first. ``declined_why``: its unit's own word for why it said no.
    ``arrived_at``: when its positions said that it is on scene; ``pressed_at``: when its crew did (arriving.py).
    ``ended_at``: since when its unit has nothing to do with it any more; of one that was made again from its messages
    and is over, since then. Times are aware UTC; what nobody kept is None.
    """

    id: OrderId
    incident_id: IncidentId
    unit_id: UnitId
    ring: RingName
    destination: Place
    state: OrderState
    sent_at: datetime
    eta_s: float
    target_feasible: bool
    why_zh: str
    why_en: str
    candidates: tuple[Candidate, ...]
    doubted_at: datetime | None = None
    is_drone: bool = False
    life: int = 1
    ordered_by: str | None = None
    recalled_by: str | None = None
    accepted_from: Place | None = None
    arrived_at: datetime | None = None
    pressed_at: datetime | None = None
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    received_at: datetime | None = None
    set_out_at: datetime | None = None
    declined_why: str | None = None

    @property
    def expected_at(self) -> datetime:
        """When its unit was to be on scene, by what was known as it was chosen."""
        return self.sent_at + timedelta(seconds=self.eta_s)

    @property
    def is_open(self) -> bool:
        """The unit still has to do with it."""
        return self.state in OPEN_ORDER_STATES

    def ended_by(self, now: datetime) -> Order:
        """This order as it is kept: one that is over ended now, unless it had before."""
        return self if self.is_open or self.ended_at is not None else replace(self, ended_at=now)

    def over_at(self, accept_within_s: float) -> datetime:
        """When it was over, of one that is; where that was not kept, it has had its time to be accepted."""
        return self.ended_at or self.sent_at + timedelta(seconds=accept_within_s)


def in_progress(orders: Iterable[Order]) -> tuple[Order, ...]:
    """Those of an incident's orders that units still have to do with, the farthest crew's first, drones last."""
    open_orders = (order for order in orders if order.is_open)
    return tuple(sorted(open_orders, key=lambda order: (order.is_drone, -PROGRESS[order.state], order.sent_at)))


class ReceiptKind(StrEnum):
    """What comes back for an alert or an order (回执)."""

    RECEIVED = "received"
    DISPLAYED = "displayed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EN_ROUTE = "en_route"
    ON_SCENE = "on_scene"
    DONE = "done"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt. ``subject_id`` is an order's or an alert's id; ``sequence`` grows per consumer and subject.

    ``at``: aware UTC, by the sender's clock. ``place``: where the unit was, if it says so.
    """

    subject_id: str
    sequence: int
    consumer: str
    seat: str
    kind: ReceiptKind
    at: datetime
    operator: str | None = None
    reason_code: str | None = None
    place: Place | None = None
