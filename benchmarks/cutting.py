"""What composites are made of: which people, vehicles and places are taken from which recorded pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.composing import CutOut, Setting


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """``vehicles``: (cut-out, how tall in heights of a person). ``wide_places``: where people are small."""

    people: tuple[CutOut, ...]
    vehicles: tuple[tuple[CutOut, float], ...]
    places: tuple[Setting, ...]
    wide_places: tuple[Setting, ...]
    roads: tuple[Setting, ...]


def stock_of(data: Path) -> Stock:
    """From the folder of recorded pictures."""
    raise NotImplementedError
