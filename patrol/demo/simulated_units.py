"""Simulated units: they hear orders on the queue as any vendor's terminal would, and answer with receipts.

Time is not sped up: they mobilise and drive as long as their unit says. Of a dozen orders one is declined, to one
nobody answers, and with one the unit tells no position for a while on its way; which, is drawn. Whose order is over
goes home; where it is it tells on its way and while it stands there, as terminals do: of one that is silent dispatch
would think that it has gone somewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from patrol.demo.plots import Plot, Plots
from patrol.domain.camera import Place
from patrol.domain.dispatch import DETOUR_FACTOR
from patrol.domain.errors import MessageError, QueueError
from patrol.domain.incidents import IncidentId
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import ORDER, RECALL, Envelope, position_message, read_message, receipt_message
from patrol.domain.orders import Receipt, ReceiptKind
from patrol.domain.units import TravelMode, Unit, UnitId
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Delivery, Publisher, Subscription

_log = logging.getLogger(__name__)

GROUP = "units"
ACCEPT_S = (1.0, 4.0)
ON_SCENE_S = (6.0, 15.0)
REPORT_EVERY_S = 1.0
STANDING_EVERY_S = 15.0
LONG_ON_SCENE_S = (75.0, 90.0)  # where the incident drags on
LOST_S = 40.0
ORDERS_REMEMBERED = 10_000


class Temper(StrEnum):
    """How a unit takes an order."""

    OBEYS = "obeys"
    DECLINES = "declines"
    STAYS_SILENT = "stays silent"
    LOSES_POSITION = "loses its position"


# Drawn one after the other, and then anew: so each of them comes, and none by far too often.
TEMPERS = (Temper.DECLINES, Temper.STAYS_SILENT, Temper.LOSES_POSITION, *[Temper.OBEYS] * 9)


@dataclass(slots=True)
class _Drive:
    """One order that a unit works on. ``recorded_at``: when it was sent."""

    order_id: str
    recorded_at: datetime
    incident_id: IncidentId
    unit: Unit
    destination: Place
    temper: Temper
    ended: asyncio.Event = field(default_factory=asyncio.Event)  # called back, another came, or the demo stops
    over: asyncio.Event = field(default_factory=asyncio.Event)  # another came, or the demo stops
    sequence: int = 0


def _recorded_at(drive: _Drive) -> datetime:
    return drive.recorded_at


class SimulatedUnits:
    """All simulated units. Each order is driven in a task of its own; an order that comes again is not driven twice."""

    def __init__(
        self,
        units: Sequence[Unit],
        subscription: Subscription,
        publisher: Publisher,
        clock: Clock,
        chance: random.Random,
        plots: Plots,
    ) -> None:
        self._units: Mapping[UnitId, Unit] = {unit.id: unit for unit in units}
        self._places: dict[UnitId, Place] = {unit.id: unit.home for unit in units}
        self._subscription = subscription
        self._publisher = publisher
        self._clock = clock
        self._chance = chance
        self._plots = plots
        self._tempers: list[Temper] = []
        self._drives: dict[str, _Drive] = {}  # also those that have ended: an order may come again

    async def run(self, stopping: asyncio.Event) -> None:
        """Hear orders until ``stopping``."""
        async with asyncio.TaskGroup() as drives:
            while not stopping.is_set():
                try:
                    deliveries = await self._subscription.receive(20, 0.5)
                    for delivery in deliveries:
                        self._hear(delivery, drives)
                    if deliveries:
                        await self._subscription.acknowledge(deliveries)
                except QueueError:
                    await pause(self._clock, stopping, 1.0)
            for drive in self._drives.values():
                drive.ended.set()
                drive.over.set()

    def _hear(self, delivery: Delivery, drives: asyncio.TaskGroup) -> None:
        try:
            envelope = read_message(delivery.body)
            if envelope.type == RECALL and (drive := self._drives.get(str(envelope.data["order_id"]))):
                drive.ended.set()
            elif envelope.type == ORDER:
                self._begin(envelope, drives)
        except (MessageError, KeyError, TypeError, ValueError) as error:
            _log.error("simulated units: message %s not understood: %s", delivery.entry_id, error)

    def _begin(self, envelope: Envelope, drives: asyncio.TaskGroup) -> None:
        data = envelope.data
        order_id, unit = str(data["order_id"]), self._units.get(UnitId(data["unit_id"]))
        if unit is None or order_id in self._drives:
            return
        destination = Place(data["destination"]["latitude"], data["destination"]["longitude"])
        sent_at = datetime.fromisoformat(envelope.recordedtime)
        drive = _Drive(order_id, sent_at, envelope.incident_id, unit, destination, self._temper())
        self._drives[order_id] = drive
        # One at a time: its recall from another ring's stream may still be on the way.
        *earlier, _ = sorted((one for one in self._drives.values() if one.unit is unit), key=_recorded_at)
        for one in earlier:
            one.ended.set()
            one.over.set()
        if len(self._drives) > ORDERS_REMEMBERED:
            self._drives.pop(next(iter(self._drives))).over.set()
        drives.create_task(self._carry_out(drive))

    def _temper(self) -> Temper:
        if not self._tempers:
            self._tempers = self._chance.sample(TEMPERS, len(TEMPERS))
        return self._tempers.pop()

    async def _carry_out(self, drive: _Drive) -> None:
        await self._drive(drive)
        await self._go_home(drive)

    async def _go_home(self, drive: _Drive) -> None:
        """And stand there until another order comes."""
        while True:
            is_there = self._place(drive).distance_m(drive.unit.home) <= 1.0
            if await pause(self._clock, drive.over, STANDING_EVERY_S if is_there else REPORT_EVERY_S):
                return
            self._step(drive, drive.unit.home)
            await self._tell_position(drive)

    async def _drive(self, drive: _Drive) -> None:
        if await self._waits_or_ends(drive, self._chance.uniform(*ACCEPT_S)):
            return
        if drive.temper is Temper.STAYS_SILENT:
            return
        if drive.temper is Temper.DECLINES:
            await self._answer(drive, ReceiptKind.REJECTED, reason_code="busy")
            return
        await self._answer(drive, ReceiptKind.ACCEPTED)
        if await self._waits_or_ends(drive, drive.unit.mobilise_s):
            return
        if await self._moves_there(drive):
            await self._answer(drive, ReceiptKind.ON_SCENE)
            drags_on = self._plots.of(drive.incident_id) is Plot.DRAGS_ON
            on_scene_s = self._chance.uniform(*(LONG_ON_SCENE_S if drags_on else ON_SCENE_S))
            if not await self._waits_or_ends(drive, on_scene_s):
                await self._answer(drive, ReceiptKind.DONE)

    async def _moves_there(self, drive: _Drive) -> bool:
        """Move, telling its position every second, unless that is lost. Returns whether it arrived."""
        silent_s = LOST_S if drive.temper is Temper.LOSES_POSITION else 0.0
        await self._answer(drive, ReceiptKind.EN_ROUTE)
        while self._place(drive).distance_m(drive.destination) > 1.0:
            if await self._waits_or_ends(drive, REPORT_EVERY_S):
                return False
            self._step(drive, drive.destination)
            silent_s -= REPORT_EVERY_S
            if silent_s < 0:
                await self._tell_position(drive)
        return True

    async def _tell_position(self, drive: _Drive) -> None:
        place, now = self._place(drive), self._clock.now()
        position = PositionData(drive.unit.id, PlaceData(place.latitude, place.longitude), now)
        with contextlib.suppress(QueueError):  # the next one is as good
            await self._publisher.publish([position_message(position, now)])

    def _step(self, drive: _Drive, destination: Place) -> None:
        """As far as a unit gets until it tells its position again; a drone flies straight."""
        factor = 1.0 if drive.unit.mode is TravelMode.DRONE else DETOUR_FACTOR
        step_m = drive.unit.speed_m_s / factor * REPORT_EVERY_S
        self._places[drive.unit.id] = self._place(drive).towards(destination, step_m)

    def _place(self, drive: _Drive) -> Place:
        return self._places[drive.unit.id]

    async def _waits_or_ends(self, drive: _Drive, seconds: float) -> bool:
        """Wait. Returns whether the drive ends here."""
        return await pause(self._clock, drive.ended, seconds)

    async def _answer(self, drive: _Drive, kind: ReceiptKind, reason_code: str | None = None) -> None:
        drive.sequence += 1
        receipt = Receipt(
            subject_id=drive.order_id,
            sequence=drive.sequence,
            consumer="simulated-units",
            seat=drive.unit.id,
            kind=kind,
            at=self._clock.now(),
            operator=None,
            reason_code=reason_code,
            place=self._place(drive),
        )
        message = receipt_message(receipt, drive.incident_id)
        while True:
            try:
                await self._publisher.publish([message])
            except QueueError:
                if await self._waits_or_ends(drive, 1.0):
                    return
            else:
                return
