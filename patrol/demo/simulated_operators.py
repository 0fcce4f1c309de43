"""Simulated operators: they look at what is new, confirm it, take on what is late, and close what is done; two of them,
where it takes two people."""

from __future__ import annotations

import asyncio
import random

from patrol.domain.errors import IllegalTransition, StoreError
from patrol.domain.incidents import ClockName, ClosingRequest, Disposition, Incident, IncidentId, IncidentState
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, IncidentReader, RoomDesk

NAME = "模拟值班员 simulated operator"
SECOND = "模拟值班长 simulated duty officer"
SEAT = "simulated-seat"
LOOKS_EVERY_S = 1.0
CONFIRM_S = (3.0, 8.0)
FEEDBACK_S = (3.0, 8.0)
TAKES_ON_S = (5.0, 15.0)
SECOND_S = (2.0, 5.0)


class SimulatedOperators:
    """Works through the desk as a person would through the feed. Each step takes a person's time."""

    def __init__(self, reader: IncidentReader, desk: RoomDesk, clock: Clock, chance: random.Random) -> None:
        self._reader = reader
        self._desk = desk
        self._clock = clock
        self._chance = chance
        self._due: dict[tuple[IncidentId, str], float] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping``."""
        while not await pause(self._clock, stopping, LOOKS_EVERY_S):
            try:
                incidents = (await self._reader.open_ledger()).incidents
                for incident in incidents:
                    if incident.simulated:
                        await self._work_on(incident)
            except StoreError:
                continue  # the page a person sees says so; they would look again, too
            open_ids = {incident.id for incident in incidents}
            self._due = {key: due for key, due in self._due.items() if key[0] in open_ids}

    async def _work_on(self, incident: Incident) -> None:
        try:
            if ClockName.DISPLAYED not in incident.clocks:
                await self._desk.displayed(incident.id, SEAT)
            if ClockName.CONFIRMED not in incident.clocks and self._is_time(incident.id, "confirm", CONFIRM_S):
                await self._desk.confirm(incident.id, NAME)
            asked = _asked(incident)
            if asked is not None and self._is_time(incident.id, asked, TAKES_ON_S):
                await self._desk.acknowledge(incident.id, NAME)
            if incident.closing is not None:
                await self._second(incident, incident.closing)
            elif incident.state is IncidentState.HANDLED and self._is_time(incident.id, "close", FEEDBACK_S):
                await self._desk.close(incident.id, Disposition.HANDLED, NAME, "模拟处置完毕 simulated")
        except IllegalTransition:
            return  # somebody at the real feed was faster

    async def _second(self, incident: Incident, asked: ClosingRequest) -> None:
        """Agree with whoever gave the feedback first, also with a person at the real feed."""
        if self._is_time(incident.id, f"second {asked.at}", SECOND_S):
            second = SECOND if asked.operator != SECOND else NAME
            await self._desk.close(incident.id, asked.disposition, second, asked.reason, asked.reason_code)

    def _is_time(self, incident_id: IncidentId, what: str, seconds: tuple[float, float]) -> bool:
        """Count down this step's delay, drawn once, by looks."""
        left = self._due.setdefault((incident_id, what), self._chance.uniform(*seconds))
        self._due[(incident_id, what)] = left - LOOKS_EVERY_S
        return left <= 0


def _asked(incident: Incident) -> str | None:
    """What waits to be taken on; each step by itself."""
    last = incident.standing_escalation
    return None if last is None or last.is_acknowledged else f"acknowledge {last.step} of {last.at}"
