"""What a demo run came to: one JSON object."""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from patrol.domain.camera import RingName
from patrol.domain.errors import PatrolError
from patrol.domain.events import IncidentClass
from patrol.domain.incidents import Incident, IncidentState
from patrol.domain.orders import Order
from patrol.domain.room import RingStatus, TourStatus
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, Ledger, RoomView, Totals

SAMPLE_EVERY_S = 1.0


class TourLog:
    """Keeps what the tour reported, second by second, for the summary."""

    def __init__(self, view: RoomView, clock: Clock) -> None:
        self._view = view
        self._clock = clock
        self._rings: dict[RingName, list[RingStatus]] = defaultdict(list)
        self.max_stretch = 1.0
        self.errors = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Sample until ``stopping``."""
        while not await pause(self._clock, stopping, SAMPLE_EVERY_S):
            try:
                tour = (await self._view.snapshot()).tour
            except PatrolError:
                self.errors += 1
                continue
            if tour is not None:
                self.max_stretch = max(self.max_stretch, tour.stretch)
                for ring in tour.rings:
                    self._rings[ring.name].append(ring)

    def blind_ages(self) -> dict[str, dict[str, float]]:
        """By ring: the median of all p50, the worst p99 and the worst age of any camera, over all samples."""
        return {
            name.value: {
                "bound_s": samples[-1].revisit_bound_s,
                "p50_s": round(statistics.median(ring.blind_age_p50_s for ring in samples), 2),
                "p99_s": round(max(ring.blind_age_p99_s for ring in samples), 2),
                "max_s": round(max(ring.blind_age_max_s for ring in samples), 2),
            }
            for name, samples in self._rings.items()
        }


def summarise(
    seconds: float,
    first_alert_s: float | None,
    tour: TourStatus,
    log: TourLog,
    open_ledger: Ledger,
    closed: Ledger,
    totals: Totals,
    errors: dict[str, int],
) -> dict[str, Any]:
    """The whole summary; times in seconds."""
    incidents = (*open_ledger.incidents, *closed.incidents)
    orders = (*open_ledger.orders, *closed.orders)
    return {
        "seconds": round(seconds, 1),
        "first_alert_s": None if first_alert_s is None else round(first_alert_s, 1),
        "visits": {ring.name.value: ring.visits for ring in tour.rings},
        "visits_per_s": round(sum(ring.visits for ring in tour.rings) / seconds, 2) if seconds else 0.0,
        "blind_age": log.blind_ages(),
        "stretch_max": round(log.max_stretch, 3),
        "frames": {
            "captured": tour.frames_captured,
            "processed": tour.frames_processed,
            "dropped": tour.frames_dropped,
        },
        "events": errors.pop("events"),
        "alerts": {
            "accepted": totals.alerts_accepted,
            "delivered": totals.alerts_delivered,
            "acknowledged": totals.alerts_acknowledged,
        },
        "orders": _orders(orders),
        "incidents": {
            "opened": len(incidents),
            "closed": sum(incident.state is IncidentState.CLOSED for incident in incidents),
        },
        "on_scene": {ring.value: _on_scene(incidents, ring) for ring in RingName},
        "errors": errors,
        "simulated": True,
    }


def in_words(summary: Mapping[str, Any]) -> list[str]:
    """The same in a few lines for people; ``summary`` as ``summarise`` made it."""
    visits = sum(summary["visits"].values())
    alerts, incidents, orders = summary["alerts"], summary["incidents"], summary["orders"]
    errors = {name: count for name, count in summary["errors"].items() if count}
    lines = [
        f"{summary['seconds']:.0f} s: {visits} visits, {summary['visits_per_s']:g} a second"
        + (f"; bounds stretched up to {summary['stretch_max']:g} times" if summary["stretch_max"] > 1 else ""),
        f"alerts: {alerts['accepted']} accepted, {alerts['delivered']} delivered",
        f"incidents: {incidents['opened']} opened, {incidents['closed']} closed; orders: {orders['sent']}",
    ]
    for ring, found in summary["on_scene"].items():
        if found["reached"]:
            inside = f"{found['inside_target']} of them within {found['target_s']:g} s"
            lines.append(f"{ring}: {found['reached']} reached, {inside}")
    lines.append("errors: " + (", ".join(f"{name} {count}" for name, count in errors.items()) or "none"))
    return lines


def _orders(orders: Sequence[Order]) -> dict[str, int]:
    counts: dict[str, int] = {"sent": len(orders)}
    for order in orders:
        counts[order.state.value] = counts.get(order.state.value, 0) + (order.state.value != "sent")
    return counts


def _on_scene(incidents: Sequence[Incident], ring: RingName) -> dict[str, Any]:
    here = [each for each in incidents if each.ring is ring and each.incident_class is IncidentClass.SECURITY]
    times = [
        (arrived.at - incident.accepted_at).total_seconds()
        for incident in here
        if (arrived := incident.first_on_scene) is not None
    ]
    target_s = here[0].target_s if here else None
    return {
        "target_s": target_s,
        "reached": len(times),
        "inside_target": sum(target_s is not None and seconds <= target_s for seconds in times),
        "median_s": round(statistics.median(times), 1) if times else None,
        "max_s": round(max(times), 1) if times else None,
    }
