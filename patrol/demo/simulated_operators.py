"""Simulated operators: they look at what is new, confirm it, take on what is late, and close what is done; two of them,
where it takes two people. Now and then an incident has a plot (see plots), and they do something else."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

from patrol.demo.plots import Plot, Plots, mate_of
from patrol.demo.simulated_shift import SimulatedShift
from patrol.domain.dispatch import Duty
from patrol.domain.errors import IllegalTransition, StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import (
    UNREACHED,
    AlertId,
    ClockName,
    ClosingRequest,
    Disposition,
    EscalationStep,
    FalseAlarmReason,
    Incident,
    IncidentId,
    IncidentState,
)
from patrol.domain.orders import OrderState
from patrol.domain.units import UnitKind
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, IncidentReader, Ledger, RoomDesk

# What people say is shown as they said it, whatever the page's language: so those who are simulated have names of
# neither, and say everything in both.
NAME = "SIM-01"
SECOND = "SIM-02"
SEAT = "simulated-seat"
LOOKS_EVERY_S = 1.0
CONFIRM_S = (3.0, 8.0)
FEEDBACK_S = (3.0, 8.0)
TAKES_ON_S = (5.0, 15.0)
SECOND_S = (2.0, 5.0)
# What plots bring, and when.
MERGES_S, SPLITS_S = (1.0, 3.0), (8.0, 12.0)
LOWERS_S = (4.0, 6.0)
RAISES_S, REOPENS_S, REFUSES_S, SENDS_S = (4.0, 8.0), (4.0, 8.0), (6.0, 12.0), (2.0, 4.0)
REMINDERS_NEEDED = 2


class SimulatedOperators:
    """Works through the desk as a person would through the feed. Each step takes a person's time."""

    def __init__(
        self,
        reader: IncidentReader,
        desk: RoomDesk,
        shift: SimulatedShift,
        clock: Clock,
        chance: random.Random,
        plots: Plots,
    ) -> None:
        self._reader = reader
        self._desk = desk
        self._shift = shift
        self._clock = clock
        self._chance = chance
        self._plots = plots
        self._due: dict[tuple[IncidentId, str], float] = {}
        self._merged: dict[IncidentId, AlertId] = {}  # and is to be split off again: whose alert
        self._done: set[tuple[IncidentId, Plot]] = set()
        self._to_reopen: set[IncidentId] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping``."""
        while not await pause(self._clock, stopping, LOOKS_EVERY_S):
            with contextlib.suppress(StoreError):  # the page a person sees says so; they would look again, too
                await self.look()

    async def look(self) -> None:
        """Look at everything once, and do what it is time for. Raises StoreError."""
        await self._shift.look(SECOND)
        ledger = await self._reader.open_ledger()
        for incident in ledger.incidents:
            if incident.simulated:
                await self._work_on(incident, ledger)
        open_ids = {incident.id for incident in ledger.incidents}
        for incident_id in sorted(self._to_reopen - open_ids):
            await self._reopen(incident_id)
        self._forget_all_but(open_ids | self._to_reopen)

    def _forget_all_but(self, ids: set[IncidentId]) -> None:
        self._due = {key: due for key, due in self._due.items() if key[0] in ids}
        self._merged = {incident_id: alert for incident_id, alert in self._merged.items() if incident_id in ids}
        self._done = {key for key in self._done if key[0] in ids}

    async def _work_on(self, incident: Incident, ledger: Ledger) -> None:
        plot = self._plots.deal(incident, ledger.incidents)
        try:
            if ClockName.DISPLAYED not in incident.clocks:
                await self._desk.displayed(incident.id, SEAT)
            if plot is Plot.FALSE_ALARM:
                await self._refuse(incident)
                return
            is_awaited = ClockName.CONFIRMED not in incident.clocks and plot is not Plot.LEFT_TO_RULE
            if is_awaited and self._is_time(incident.id, "confirm", CONFIRM_S):
                await self._desk.confirm(incident.id, NAME)
            await self._play(plot, incident, ledger)
            asked = _asked(incident, plot)
            if asked is not None and self._is_time(incident.id, asked, TAKES_ON_S):
                await self._desk.acknowledge(incident.id, NAME)
            await self._finish(plot, incident)
        except IllegalTransition:
            return  # somebody at the real feed was faster, or it cannot be done any more

    async def _finish(self, plot: Plot, incident: Incident) -> None:
        if incident.closing is not None:
            await self._second(plot, incident, incident.closing)
            return
        is_awaited = plot is not Plot.FORGOTTEN or incident.reminders >= REMINDERS_NEEDED
        if incident.state is IncidentState.HANDLED and is_awaited and self._is_time(incident.id, "close", FEEDBACK_S):
            await self._desk.close(incident.id, Disposition.HANDLED, NAME, "模拟处置完毕 / handled (simulated)")

    async def _second(self, plot: Plot, incident: Incident, asked: ClosingRequest) -> None:
        """Agree with whoever gave the feedback first, also with a person at the real feed."""
        if not self._is_time(incident.id, f"second {asked.at}", SECOND_S):
            return
        second = SECOND if asked.operator != SECOND else NAME
        if plot is Plot.WITHDRAWN and self._is_first(incident, plot):
            await self._desk.withdraw_closing(incident.id, second)
            self._due.pop((incident.id, "close"), None)
            return
        said = asked.reason, asked.reason_code, asked.duplicate_of
        await self._desk.close(incident.id, asked.disposition, second, *said)

    async def _play(self, plot: Plot, incident: Incident, ledger: Ledger) -> None:
        """What its plot brings beside the usual."""
        if plot is Plot.REOPENED and incident.life == 1 and incident.merged_into is None:
            self._to_reopen.add(incident.id)
        elif plot is Plot.MERGED and self._is_time(incident.id, "merge", MERGES_S) and self._is_first(incident, plot):
            await self._merge(incident, ledger.incidents)
        elif plot is Plot.RAISED and self._is_time(incident.id, "raise", RAISES_S) and self._is_first(incident, plot):
            await self._desk.change_level(incident.id, Level.RED, NAME, "人还在增加 / more people come")
        elif plot is Plot.SHORT_HANDED and self._is_time(incident.id, "lower", LOWERS_S):
            await self._lower(incident, ledger)
        elif plot is Plot.OVERRIDDEN and self._is_time(incident.id, "send", SENDS_S):
            await self._override(incident, ledger)
        if incident.id in self._merged and self._is_time(incident.id, "split", SPLITS_S):
            await self._desk.split(incident.id, self._merged.pop(incident.id), NAME)

    async def _merge(self, incident: Incident, others: Sequence[Incident]) -> None:
        mate = mate_of(incident, others)
        if mate is None:
            return
        stays = await self._desk.merge(incident.id, mate.id, NAME)
        goes = mate if stays == incident.id else incident
        self._merged[stays] = goes.alert_ids[0]

    async def _override(self, incident: Incident, ledger: Ledger) -> None:
        """Take the last crew back that has not set out, and send one that nobody had thought of."""
        waiting = [order for order in ledger.orders if order.incident_id == incident.id and not order.is_drone]
        waiting = [order for order in waiting if order.state in (OrderState.SENT, OrderState.ACCEPTED)]
        free = [duty for duty in ledger.duties if _may_go(duty, incident)]
        if not waiting or not free or not self._is_first(incident, Plot.OVERRIDDEN):
            return
        await self._desk.take_back(incident.id, waiting[-1].id, NAME)
        await self._desk.order_unit(incident.id, free[-1].unit.id, NAME)

    async def _lower(self, incident: Incident, ledger: Ledger) -> None:
        """It matters less than it seemed; while its crews go on, the others of its ring are called in."""
        if incident.state in UNREACHED and self._is_first(incident, Plot.SHORT_HANDED):
            await self._desk.change_level(incident.id, Level.YELLOW, NAME, "多数人已散去 / most people have left")
            await self._shift.call_in(incident.ring, ledger.duties, SECOND)

    async def _refuse(self, incident: Incident) -> None:
        """Somebody looked at the picture, and it is nothing."""
        if incident.closing is not None:
            await self._second(Plot.FALSE_ALARM, incident, incident.closing)
        elif self._is_time(incident.id, "refuse", REFUSES_S):
            why = FalseAlarmReason.ORDINARY
            await self._desk.close(
                incident.id, Disposition.FALSE_ALARM, NAME, "模拟误报 / false alarm (simulated)", why
            )

    async def _reopen(self, incident_id: IncidentId) -> None:
        if self._is_time(incident_id, "reopen", REOPENS_S):
            self._to_reopen.discard(incident_id)
            try:
                await self._desk.reopen(incident_id, SECOND, "人又回来了 / the people are back")
            except IllegalTransition:
                return  # it became part of another one, or somebody was faster

    def _is_first(self, incident: Incident, plot: Plot) -> bool:
        """Whether this was not done to it before; then it is."""
        key = incident.id, plot
        is_first = key not in self._done
        self._done.add(key)
        return is_first

    def _is_time(self, incident_id: IncidentId, what: str, seconds: tuple[float, float]) -> bool:
        """Count down this step's delay, drawn once, by looks."""
        left = self._due.setdefault((incident_id, what), self._chance.uniform(*seconds))
        self._due[(incident_id, what)] = left - LOOKS_EVERY_S
        return left <= 0


def _asked(incident: Incident, plot: Plot) -> str | None:
    """What waits to be taken on; each step by itself."""
    last = incident.standing_escalation
    if last is None or last.is_acknowledged or (plot is Plot.DRAGS_ON and last.step is not EscalationStep.ROOM):
        return None
    return f"acknowledge {last.step} of {last.at}"


def _may_go(duty: Duty, incident: Incident) -> bool:
    unit = duty.unit
    is_alike = unit.simulated == incident.simulated and unit.kind is not UnitKind.DRONE_GROUP
    return is_alike and duty.is_free and incident.ring in unit.rings
