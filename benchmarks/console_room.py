"""A room in memory with as much going on as one asks for, behind the console's real server."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from patrol.domain.events import Kind, Level
from patrol.domain.incidents import Disposition, FalseAlarmReason, IncidentId
from patrol.domain.room import RoomSnapshot
from patrol.pipeline.viewing import CLOSED_SHOWN, as_shown
from tests.web.conftest import ServedRoom, served_in_thread
from tests.web.fake_room import FakeRoom
from tests.web.fake_wall import tour_the_wall

KINDS = (Kind.CROWD, Kind.CROWD, Kind.INTRUSION, Kind.FIGHT, Kind.LOITERING)
LEVELS = (Level.RED, Level.YELLOW, Level.YELLOW, Level.BLUE, Level.BLUE, Level.GREEN)
CONFIRMED_S, ACCEPTED_S, ARRIVED_S, CLOSED_S = 5.0, 8.0, 20.0, 40.0
CALLS_KEPT = 100
OPERATOR = "王芳"


class ShownRoom(FakeRoom):
    """Shows no more than the real one does (patrol/pipeline/viewing.py)."""

    async def snapshot(self) -> RoomSnapshot:
        """See RoomView."""
        whole = await super().snapshot()
        open_ones = [incident for incident in whole.incidents if incident.is_open]
        shown = as_shown(open_ones, [incident for incident in whole.incidents if not incident.is_open])
        ids = {incident.id for incident in shown}
        return replace(whole, incidents=shown, orders={key: one for key, one in whole.orders.items() if key in ids})


@dataclass(slots=True)
class BusyNight:
    """Incidents that come at a steady rate, are confirmed, some reached by a unit, closed, and forgotten.

    ``every_s``: from one to the next. Whom no unit is free for is closed all the same: so the room stays as full.
    """

    room: FakeRoom
    every_s: float
    made: int = 0
    _dice: random.Random = field(default_factory=lambda: random.Random(7))
    _due: list[tuple[float, IncidentId, str]] = field(default_factory=list)
    _over: deque[IncidentId] = field(default_factory=deque)
    _free: deque[str] = field(default_factory=deque)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping``."""
        self._free.extend(unit.id for unit in self.room.units)
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while not stopping.is_set():
            await asyncio.sleep(0.05)
            while next_at <= loop.time():
                next_at += self.every_s
                self._begin(loop.time())
            while self._due and self._due[0][0] <= loop.time():
                _, incident, step = self._due.pop(0)
                await self._take(incident, step)
            del self.room.calls[:-CALLS_KEPT]

    def _begin(self, now: float) -> None:
        self.made += 1
        camera = self._dice.choice(self.room.cameras)
        kind, level = self._dice.choice(KINDS), self._dice.choice(LEVELS)
        incident = self.room.alert(self.made, camera.id, kind=kind, level=level, people=self._dice.randrange(2, 12))
        steps = [(CONFIRMED_S, "confirm"), (CLOSED_S, "close")]
        if self._free:
            self.room.send(incident, self._free.popleft(), eta_s=ARRIVED_S)
            steps += [(ACCEPTED_S, "accept"), (ARRIVED_S, "arrive")]
        self._due += [(now + seconds, incident, step) for seconds, step in steps]
        self._due.sort()

    async def _take(self, incident: IncidentId, step: str) -> None:
        if step == "confirm":
            await self.room.confirm(incident, OPERATOR)
        elif step == "accept":
            self.room.accept(incident)
        elif step == "arrive":
            self.room.arrive(incident)
        else:
            await self._close(incident)

    async def _close(self, incident: IncidentId) -> None:
        order = self.room.orders.get(incident)
        if order is not None:
            self._free.append(order.unit_id)
            await self.room.close(incident, Disposition.HANDLED, OPERATOR, "已处置")
        else:
            await self.room.close(incident, Disposition.FALSE_ALARM, OPERATOR, "误报", FalseAlarmReason.ORDINARY)
        self._over.append(incident)
        while len(self._over) > CLOSED_SHOWN:
            self._forget(self._over.popleft())

    def _forget(self, incident: IncidentId) -> None:
        evidence = self.room.incidents.pop(incident).evidence_id
        self.room.orders.pop(incident, None)
        if evidence is not None:
            self.room.pictures.pop(evidence, None)


@contextmanager
def busy_room(alerts_per_minute: float) -> Iterator[tuple[ServedRoom, BusyNight]]:
    """Such a room, served; its cameras are toured, so that the wall has pictures, too."""
    night = BusyNight(ShownRoom(), 60.0 / alerts_per_minute)
    with served_in_thread(night.room) as served:
        stopping = asyncio.Event()
        work = [night.run(stopping), tour_the_wall(night.room, stopping)]
        running = [asyncio.run_coroutine_threadsafe(one, served.loop) for one in work]
        try:
            yield served, night
        finally:
            served.do(stopping.set)
            for one in running:
                one.result(5)


def crowded_room(incidents: int) -> FakeRoom:
    """A room with so many open at once, all of them shown."""
    room, dice = FakeRoom(), random.Random(11)
    for number in range(1, incidents + 1):
        camera = dice.choice(room.cameras)
        kind, level = dice.choice(KINDS), dice.choice(LEVELS)
        room.alert(number, camera.id, kind=kind, level=level, accepted_s_ago=dice.uniform(0, 900))
    return room
