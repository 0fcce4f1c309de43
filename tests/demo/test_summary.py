"""The demo's summary: every number in it follows from what happened."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from patrol.adapters.memory import FakeClock
from patrol.demo.summary import TourLog, in_words, summarise
from patrol.domain.camera import RingName
from patrol.domain.errors import StoreError
from patrol.domain.incidents import ClockName, Incident, IncidentState, Stamp
from patrol.domain.orders import OrderState
from patrol.domain.room import QueueStatus, RingStatus, RoomSnapshot, TourStatus
from patrol.ports import Ledger, Totals
from tests.builders import NOON, at, incident, order


def ring_status(p50_s: float, max_s: float, name: RingName = RingName.CORE, visits: int = 0) -> RingStatus:
    return RingStatus(name, 5.0, 60.0, 64, 0, visits, p50_s, max_s - 1, max_s)


def tour(*rings: RingStatus, stretch: float = 1.0) -> TourStatus:
    return TourStatus(NOON, stretch, 33.0, rings, (), (), 1000, 950, 30)


class Room:
    """A room whose tour is a list of samples; None in it: the store is away."""

    def __init__(self, *samples: TourStatus | StoreError | None) -> None:
        self._samples = list(samples)

    async def snapshot(self) -> RoomSnapshot:
        sample = self._samples.pop(0) if self._samples else None
        if isinstance(sample, StoreError):
            raise sample
        queue = QueueStatus(None, 0, 0.0, 0)
        return RoomSnapshot(NOON, "站", "Station", True, sample, queue, (), (), {}, ())


def logged(*samples: TourStatus | StoreError | None) -> TourLog:
    async def run() -> TourLog:
        clock, stopping = FakeClock(NOON), asyncio.Event()
        log = TourLog(Room(*samples), clock)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(log.run(stopping))
            await clock.sleep(len(samples) + 0.5)
            stopping.set()
        return log

    return asyncio.run(run())


def on_scene(number: int, after_s: float | None, state: IncidentState = IncidentState.CLOSED) -> Incident:
    clocks = {ClockName.ACCEPTED: Stamp(at(0), "store")}
    if after_s is not None:
        clocks[ClockName.ON_SCENE] = Stamp(at(after_s), "unit")
    return incident(number, clocks=clocks, state=state)


def summary(open_ledger: Ledger, closed: Ledger, log: TourLog | None = None) -> dict[str, object]:
    return summarise(
        90.0,
        12.34,
        tour(ring_status(1, 4, visits=900), ring_status(9, 20, RingName.FAR, visits=600)),
        log or logged(),
        open_ledger,
        closed,
        Totals(5, 4, 3),
        {"events": 6, "visits_failed": 1},
    )


def test_blind_ages_are_the_median_of_the_middle_and_the_worst_of_the_worst() -> None:
    log = logged(
        tour(ring_status(1.0, 4.0)),
        tour(ring_status(3.0, 7.0), stretch=1.4),
        StoreError("away"),
        None,
        tour(ring_status(1.5, 5.0), stretch=1.2),
    )
    assert log.blind_ages() == {"core": {"bound_s": 5.0, "p50_s": 1.5, "p99_s": 6.0, "max_s": 7.0}}
    assert (log.max_stretch, log.errors) == (1.4, 1)


def test_the_summary_counts_what_happened() -> None:
    reached = (on_scene(1, 40), on_scene(2, 60), on_scene(3, 61))
    orders = (order(state=OrderState.DONE), order(number=2, state=OrderState.EXPIRED), order(number=3))
    found = summary(Ledger((on_scene(4, None, IncidentState.NEW),), orders[2:], ()), Ledger(reached, orders[:2], ()))
    assert found["visits"] == {"core": 900, "far": 600}
    assert found["visits_per_s"] == 16.67
    assert found["frames"] == {"captured": 1000, "processed": 950, "dropped": 30}
    assert found["incidents"] == {"opened": 4, "closed": 3}
    assert found["orders"] == {"sent": 3, "done": 1, "expired": 1}
    assert found["alerts"] == {"accepted": 5, "delivered": 4, "acknowledged": 3}
    assert (found["events"], found["errors"]) == (6, {"visits_failed": 1})
    assert found["first_alert_s"] == 12.3
    assert found["on_scene"]["core"] == {
        "target_s": 60.0,
        "reached": 3,
        "inside_target": 2,
        "median_s": 60.0,
        "max_s": 61.0,
    }
    assert found["on_scene"]["far"]["reached"] == 0
    assert found["simulated"] is True


def test_the_same_in_words_counts_once_for_one_and_names_what_went_wrong() -> None:
    reached, log = (on_scene(1, 40), on_scene(2, 61)), logged(tour(ring_status(1, 4), stretch=1.4))
    found = summary(Ledger((), (), ()), Ledger(reached, (order(),), ()), log)
    assert in_words(found) == [
        "90 s: 1500 visits, 16.67 a second; bounds stretched up to 1.4 times",
        "alerts: 5 accepted, 4 delivered",
        "incidents: 2 opened, 2 closed; orders: 1",
        "core: 2 reached, 1 of them within 60 s",
        "errors: visits_failed 1",
    ]


def test_a_run_in_which_nothing_happened_is_a_whole_summary_too() -> None:
    found = summary(Ledger((), (), ()), Ledger((), (), ()))
    assert found["on_scene"]["core"] == {
        "target_s": None,
        "reached": 0,
        "inside_target": 0,
        "median_s": None,
        "max_s": None,
    }
    assert json.loads(json.dumps(found)) == found


def test_open_incidents_count_once_each_however_many_orders_they_had() -> None:
    waiting = replace(on_scene(1, None, IncidentState.ORDERED))
    found = summary(Ledger((waiting,), (order(), order(number=2)), ()), Ledger((), (), ()))
    assert found["incidents"] == {"opened": 1, "closed": 0}
    assert found["orders"] == {"sent": 2}
