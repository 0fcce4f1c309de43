"""Closer looks: what rules may ask for of a frame beyond what the detector's own pass found in it.

They cost more than that pass, so a condition asks for them only where what it has seen so far leaves a question that
they answer. Each network is for frames of those cameras only whose rules ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from patrol.domain.density import DensityMap
from patrol.domain.detections import Detections
from patrol.domain.zones import Zone


class Look(StrEnum):
    """One kind of closer look. Closed set: also a metric's label."""

    FINER = "finer"  # the detector again, at twice the resolution each way
    DENSITY = "density"  # how densely people stand


FINER_CONFIDENCE = 0.15
"""A finer look also brings boxes of which the model is only so sure (0..1): they count nobody, and hint at somebody."""

NO_LOOKS: frozenset[Look] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Closer:
    """What came of the closer looks at a frame; None for each that nobody asked for, or that cannot be had.

    ``finer``: what the detector finds at twice the resolution, also unsurely (FINER_CONFIDENCE); ``density``: where
    people are, how densely.
    """

    finer: Detections | None = None
    density: DensityMap | None = None


NOTHING_CLOSER = Closer()


@runtime_checkable
class AsksForMore(Protocol):
    """A condition that may ask for closer looks."""

    @property
    def looks(self) -> frozenset[Look]:
        """Those that it may ask for at all."""

    def asks_for(self, zone: Zone, at: datetime, detections: Detections, memory: object) -> frozenset[Look]:
        """Those that it wants of the frame captured at ``at``, in which the detector found this; see Condition.see."""


def looks_of(condition: object) -> frozenset[Look]:
    """The closer looks that a condition may ask for."""
    return condition.looks if isinstance(condition, AsksForMore) else NO_LOOKS


def asked_for(condition: object, zone: Zone, at: datetime, detections: Detections, memory: object) -> frozenset[Look]:
    """The closer looks that a condition asks for of one frame."""
    return condition.asks_for(zone, at, detections, memory) if isinstance(condition, AsksForMore) else NO_LOOKS
