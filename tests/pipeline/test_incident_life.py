"""The incident's life as a whole, on the real store: whatever comes, in whatever order, and however often.

Hypothesis makes up the lives: alerts, deliveries, receipts that are late, repeated, overtaken or of another's order,
what operators do, time, restarts. After each step everything that was told is held against what is stored.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from patrol.adapters.memory import FakeClock
from patrol.domain.alerts import Acceptance, Candidate
from patrol.domain.camera import CameraId
from patrol.domain.errors import IllegalTransition
from patrol.domain.events import Level
from patrol.domain.incidents import TRANSITIONS, AlertId, Disposition, Incident, IncidentId, IncidentState, OrderId
from patrol.domain.messages import (
    ALERT,
    INCIDENT,
    ORDER,
    RECALL,
    Envelope,
    incident_message,
    read_message,
    receipt_message,
)
from patrol.domain.orders import PROGRESS, Order, OrderState, Receipt, ReceiptKind
from patrol.domain.streams import EntryId
from patrol.domain.units import UnitState
from patrol.ports import Ledger
from tests.builders import NOON, candidate, event
from tests.examples import examples
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.lives import SLOW, folder

_Result = TypeVar("_Result")

ANY = st.integers(0, 1000)
"""Which of those there are: taken modulo their number."""

# Of these states a unit is on its way or there.
UNDER_WAY = (IncidentState.ORDERED, IncidentState.ACCEPTED, IncidentState.EN_ROUTE, IncidentState.ON_SCENE)
CAMERAS, LEVELS, KINDS = st.integers(1, 3), st.sampled_from(list(Level)), st.sampled_from(list(ReceiptKind))

RECALLED = (OrderState.EXPIRED, OrderState.RECALLED)


class IncidentsLife(RuleBasedStateMachine):
    """Three cameras and two units, so that alerts join and units are short."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = folder()
        self.clock = FakeClock(NOON)
        self.tried: list[tuple[Candidate, Acceptance]] = []
        self.alerts: list[Envelope] = []
        self.receipts: list[Envelope] = []
        self.handled: set[str] = set()
        self.orders: dict[OrderId, Order] = {}
        self.incidents: dict[IncidentId, Incident] = {}
        self.last_told: dict[IncidentId, int] = defaultdict(int)
        self.last_state: dict[IncidentId, Envelope] = {}
        self.told: Counter[tuple[str, str]] = Counter()

        self._open()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return self.runner.run(coroutine)

    def _open(self) -> None:
        self.opened = AsyncExitStack()
        opening = dispatch_room(Path(self.folder.name), clock=self.clock)
        self.room: DispatchRoom = self.run(self.opened.enter_async_context(opening))

    def teardown(self) -> None:
        self.run(self.opened.aclose())
        self.runner.close()
        self.folder.cleanup()

    # What happens

    @initialize(camera=CAMERAS, level=LEVELS)
    def it_begins(self, camera: int, level: Level) -> None:
        self.something_is_seen(camera, level, is_told=True)

    @rule(camera=CAMERAS, level=LEVELS, is_told=st.booleans())
    def something_is_seen(self, camera: int, level: Level, is_told: bool) -> None:
        """And dispatch hears of it, unless the queue is away."""
        now = self.clock.now()
        seen = event(camera_id=CameraId(f"C-{camera}"), began_at=now - timedelta(seconds=4), confirmed_at=now)
        made = candidate(len(self.tried) + 1, event=seen, level=level, cool_down_s=5.0, detected_at=now)
        self.tried.append((made, self.run(self.room.store.accept(made, now))))
        self.every_promise_is_kept()
        if is_told and self.alerts:
            self._deliver(self.alerts[-1])

    @rule(which=ANY)
    def an_answer_was_lost_and_the_alert_is_accepted_again(self, which: int) -> None:
        accepted = [one for one in self.tried if one[1].alert is not None]
        made, first = accepted[which % len(accepted)]
        again = self.run(self.room.store.accept(made, self.clock.now()))
        assert (again.verdict, again.alert) == (first.verdict, first.alert)

    @rule(which=ANY)
    def the_queue_brings_an_alert(self, which: int) -> None:
        """Late, or again."""
        self._deliver(self.alerts[which % len(self.alerts)])

    @precondition(lambda self: self.orders)
    @rule(which=ANY, kind=KINDS, off_s=st.sampled_from([-90.0, -2.0, 0.0, 0.0, 90.0]), again=st.booleans())
    def a_unit_answers(self, which: int, kind: ReceiptKind, off_s: float, again: bool) -> None:
        """For any order there ever was, by a clock that may be off, and once more."""
        order = self._one_of(self.orders, which)
        self._deliver(self._receipt(order.id, order.incident_id, kind, off_s))
        if again:
            self._deliver(self.receipts[-1])

    @precondition(lambda self: any(order.is_open for order in self.orders.values()))
    @rule(which=ANY, step=st.integers(0, 3))
    def a_unit_goes_on(self, which: int, step: int) -> None:
        """As most receipts are: for an order that stands, and soon."""
        still_open = {order.id: order for order in self.orders.values() if order.is_open}
        order = self._one_of(still_open, which)
        kind = (ReceiptKind.ACCEPTED, ReceiptKind.EN_ROUTE, ReceiptKind.ON_SCENE, ReceiptKind.DONE)[step]
        self._deliver(self._receipt(order.id, order.incident_id, kind, 0.0))

    @precondition(lambda self: self.receipts)
    @rule(which=ANY, named=ANY, kind=KINDS)
    def an_old_receipt_comes_again_and_one_that_names_another_incident(
        self, which: int, named: int, kind: ReceiptKind
    ) -> None:
        old = self.receipts[which % len(self.receipts)]
        self._deliver(old)
        other = self._one_of(self.incidents, named)
        self._deliver(self._receipt(OrderId(old.data["subject_id"]), other.id, kind, 0.0))

    @rule(which=ANY, confirms=st.booleans())
    def somebody_looks(self, which: int, confirms: bool) -> None:
        incident_id = self._one_of(self.incidents, which).id
        self.run(self.room.desk.displayed(incident_id, "seat 1"))
        if confirms:
            self.run(self.room.desk.confirm(incident_id, "Li"))

    @rule(which=ANY, disposition=st.sampled_from([one for one in Disposition if one is not Disposition.DUPLICATE]))
    def an_operator_closes(self, which: int, disposition: Disposition) -> None:
        incident = self._one_of(self.incidents, which)
        try:
            self.run(self.room.desk.close(incident.id, disposition, "Li", "looked"))
        except IllegalTransition:
            assert not incident.is_open
        else:
            assert incident.is_open, "what is closed is closed once"

    @rule(which=ANY, of=ANY)
    def an_operator_says_that_it_is_the_same_as_another(self, which: int, of: int) -> None:
        incident, original = self._one_of(self.incidents, which), self._one_of(self.incidents, of)
        close = self.room.desk.close(incident.id, Disposition.DUPLICATE, "Li", "the same", duplicate_of=original.id)
        try:
            self.run(close)
        except IllegalTransition:
            assert not incident.is_open or incident.id in (original.id, original.duplicate_of)
        else:
            assert incident.is_open
            assert incident.id not in (original.id, original.duplicate_of)

    @rule(seconds=st.sampled_from([0.5, 2.5, 11.0, 61.0]), restarted=st.booleans())
    def time_passes_and_it_is_followed_up(self, seconds: float, restarted: bool) -> None:
        self.clock.advance(seconds)
        if restarted:
            self.run(self.opened.aclose())
            self._open()
        self.run(self.room.following_up.tick())

    def _receipt(self, order_id: OrderId, incident_id: IncidentId, kind: ReceiptKind, off_s: float) -> Envelope:
        number = len(self.receipts) + 1
        at = self.clock.now() + timedelta(seconds=off_s)
        made = Receipt(order_id, number, "units", "U-1", kind, at)
        self.receipts.append(read_message(receipt_message(made, incident_id).body))
        return self.receipts[-1]

    def _deliver(self, envelope: Envelope) -> None:
        """As the dispatch consumer does; nothing of this may be illegal, so nothing may end in the dead letters."""
        assert self.run(self.room.dispatching.handle(envelope)) is (envelope.id not in self.handled)
        self.handled.add(envelope.id)

    @staticmethod
    def _one_of(there: dict[Any, _Result], which: int) -> _Result:
        return list(there.values())[which % len(there)]

    # What holds

    @invariant()
    def every_promise_is_kept(self) -> None:
        for envelope in self._published():
            self._told(envelope)
        is_open, is_closed = self.run(self._stored())
        incidents = [*is_open.incidents, *is_closed.incidents]
        orders = [*is_open.orders, *is_closed.orders]
        for incident in incidents:
            self._is_as_it_was_told(incident)
            self._ends_once(incident)
        for order in orders:
            self._never_goes_back(order)
        self._nobody_is_sent_twice(orders, is_open)
        self._somebody_is_on_the_way(incidents, orders)
        self._nothing_is_lost(incidents, orders)
        self.incidents = {incident.id: incident for incident in incidents}
        self.orders = {order.id: order for order in orders}

    def _published(self) -> Sequence[Envelope]:
        rows = self.run(self.room.store.unpublished(10_000))
        self.run(self.room.store.mark_published({row.number: EntryId(row.number) for row in rows}))
        # As they were told; what is red is published before others, see docs/adr/020-storms.md.
        return [read_message(row.message.body) for row in sorted(rows, key=lambda row: row.number)]

    async def _stored(self) -> tuple[Ledger, Ledger]:
        return await self.room.store.open_ledger(), await self.room.store.latest_closed(10_000)

    def _told(self, envelope: Envelope) -> None:
        incident_id = envelope.incident_id
        assert envelope.sequence > self.last_told[incident_id], "the sequence grows with every message"
        self.last_told[incident_id] = envelope.sequence
        self.told[envelope.type, envelope.id] += 1
        if envelope.type == ALERT:
            self.alerts.append(envelope)
        if envelope.type == INCIDENT:
            state = IncidentState(envelope.data["state"])
            if (before := self.last_state.get(incident_id)) is None:
                assert state is IncidentState.NEW
            else:
                was = IncidentState(before.data["state"])
                assert state is was or state in TRANSITIONS[was], f"{was} -> {state}"
                assert was is not IncidentState.CLOSED or state is IncidentState.CLOSED, "no table may allow that"
            self.last_state[incident_id] = envelope

    def _is_as_it_was_told(self, incident: Incident) -> None:
        told = json.loads(incident_message(incident, self.clock.now()).body)
        assert self.last_state[incident.id].data == told["data"]
        assert self.last_told[incident.id] == incident.sequence

    def _ends_once(self, incident: Incident) -> None:
        before = self.incidents.get(incident.id)
        if before is not None and not before.is_open:
            assert _ending(incident) == _ending(before)

    def _never_goes_back(self, order: Order) -> None:
        before = self.orders.get(order.id)
        if before is None:
            return
        assert order.unit_id == before.unit_id
        if not before.is_open:
            assert order.state is before.state
        elif order.state in PROGRESS:
            assert PROGRESS[order.state] >= PROGRESS[before.state]

    def _nobody_is_sent_twice(self, orders: Sequence[Order], ledger: Ledger) -> None:
        still_open = [order for order in orders if order.is_open]
        assert len({(order.incident_id, order.unit_id) for order in still_open}) == len(still_open)
        assert len({order.unit_id for order in still_open}) == len(still_open), "a unit has one order at a time"
        order_of = {order.unit_id: order.id for order in still_open}
        for duty in ledger.duties:
            assert duty.order_id == order_of.get(duty.unit.id)
            assert (duty.state is UnitState.AVAILABLE) is (duty.order_id is None)

    def _somebody_is_on_the_way(self, incidents: Sequence[Incident], orders: Sequence[Order]) -> None:
        having = {order.incident_id for order in orders if order.is_open}
        assert having == {incident.id for incident in incidents if incident.state in UNDER_WAY}

    def _nothing_is_lost(self, incidents: Sequence[Incident], orders: Sequence[Order]) -> None:
        """Every accepted alert is of one incident, and told once; so is every order, and every recall."""
        accepted = Counter(alert.id for _, answer in self.tried if (alert := answer.alert) is not None)
        held: Counter[AlertId] = Counter(alert_id for incident in incidents for alert_id in incident.alert_ids)
        assert held == accepted == self._told_of(ALERT)
        assert self._told_of(ORDER) == Counter(order.id for order in orders)
        recalled = Counter(f"{order.id}:recall" for order in orders if order.state in RECALLED)
        assert self._told_of(RECALL) == recalled

    def _told_of(self, type_: str) -> Counter[str]:
        return Counter({key: count for (told, key), count in self.told.items() if told == type_})


def _ending(incident: Incident) -> tuple[object, ...]:
    return incident.state, incident.disposition, incident.closed_by, incident.reason, incident.alert_ids


IncidentsLife.TestCase.settings = examples(48, stateful_step_count=30, suppress_health_check=SLOW)
# What fails is made smaller before it is shown: for up to five minutes.
TestIncidentsLife = pytest.mark.timeout(600)(IncidentsLife.TestCase)
