"""What a look at the room costs the server with 500 open incidents, each with an order, in a real store (SQLite).

The feed looks 2.5 times a second while anybody watches. Before each look here one incident is confirmed, as it would be
in a busy hour. Processor time of the whole process: reading, putting together, encoding, and the message to a viewer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.console_browser import Plan, progress
from benchmarks.figures import Report, Table, Target, nearest_rank
from patrol.adapters.sql_rows import store_outcomes
from patrol.domain.dispatch import Outcome
from patrol.domain.events import Level
from patrol.domain.incidents import Incident, IncidentId, IncidentState
from patrol.domain.orders import Candidate
from patrol.domain.units import UnitId
from patrol.pipeline.viewing import OPEN_SHOWN
from patrol.web.encoding import Part, RoomEncoder, change_message, state_message
from patrol.web.layout import RoomLayout
from patrol.web.telling import Told
from tests.builders import camera, north, order, unit
from tests.pipeline.dispatch_room import RINGS, DispatchRoom, dispatch_room

WARM_UP, LOOKS = 5, 60
WEIGHED = 12  # units, for each order
MOST_MS = 100.0


@dataclass(frozen=True, slots=True)
class Look:
    """One look; milliseconds of processor, and bytes."""

    read_ms: float
    told_ms: float
    change: int
    whole: int

    @property
    def ms(self) -> float:
        """All of it."""
        return self.read_ms + self.told_ms


def measure(plan: Plan) -> Report:
    """Look some times."""
    return _report(asyncio.run(_looks()))


async def _looks() -> Sequence[Look]:
    units = tuple(unit(f"U-{number}", home=north(number)) for number in range(40))
    with TemporaryDirectory() as folder:
        async with dispatch_room(Path(folder), units) as room:
            await _fill(room)
            cameras = [camera(f"C-{number}") for number in range(476)]
            return await _look_at(room, RoomEncoder(RoomLayout.of("站", "S", cameras, RINGS.values(), units), "v"))


async def _look_at(room: DispatchRoom, encoder: RoomEncoder) -> Sequence[Look]:
    told: Told[Part] = Told()
    looks: list[Look] = []
    for number in range(WARM_UP + LOOKS):
        await room.desk.confirm(IncidentId(f"I-{number}"), "王芳")
        room.clock.advance(0.4)
        began = time.process_time()
        snapshot = await room.room.snapshot()
        read = time.process_time()
        seen, told = told.number, told.and_now(encoder.parts(snapshot, {}))
        change = change_message(snapshot.at, told.after(seen))
        ended = time.process_time()
        assert len(snapshot.incidents) == OPEN_SHOWN == len(snapshot.orders)
        whole = len(state_message(snapshot.at, told.parts))
        looks.append(Look(1000 * (read - began), 1000 * (ended - read), len(change), whole))
    return looks[WARM_UP:]


async def _fill(room: DispatchRoom) -> None:
    progress(f"{OPEN_SHOWN} incidents ...")
    for number in range(OPEN_SHOWN):
        await room.alert(number, level=Level.YELLOW)
    ledger = await room.store.open_ledger()
    outcomes = [_sent(incident, number) for number, incident in enumerate(ledger.incidents)]
    await room.store._transaction(lambda connection: store_outcomes(connection, outcomes, room.clock.now()))


def _sent(incident: Incident, number: int) -> Outcome:
    """An order to each, from more units than there are: what is measured is how it is read."""
    weighed = tuple(Candidate(UnitId(f"U-{place}"), 60.0 + place, None) for place in range(WEIGHED))
    sent = order(f"U-{1000 + number}", number, incident_id=IncidentId(incident.id), candidates=weighed)
    return Outcome(replace(incident, state=IncidentState.ORDERED), (sent,))


def _report(looks: Sequence[Look]) -> Report:
    all_ms = [look.ms for look in looks]
    p95 = nearest_rank(all_ms, 0.95)
    rows = [
        ("reading and putting together, p50, ms", f"{nearest_rank([look.read_ms for look in looks], 0.5):.1f}"),
        ("encoding and the message, p50, ms", f"{nearest_rank([look.told_ms for look in looks], 0.5):.1f}"),
        ("all of it, p50 / p95 / max, ms", f"{nearest_rank(all_ms, 0.5):.1f} / {p95:.1f} / {max(all_ms):.1f}"),
        ("the message / the whole room, kB", f"{looks[-1].change / 1000:.1f} / {looks[-1].whole / 1000:.0f}"),
    ]
    title = f"one look at {OPEN_SHOWN} open incidents, of {len(looks)}: processor"
    targets = [Target(f"a look at {OPEN_SHOWN} open incidents, p95, ms of processor", p95, MOST_MS)]
    figures = {"looks_ms": all_ms, "change_bytes": looks[-1].change, "whole_bytes": looks[-1].whole}
    return Report(
        "console-look", figures, [Table(title, ("what", "figure"), rows)], targets, f"a look p95 {p95:.0f} ms"
    )
