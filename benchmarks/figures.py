"""Numbers and how they are told: quantiles, targets, a table, JSON, and one line that sums up."""

from __future__ import annotations

import json
import math
import operator
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from patrol.evaluation.statistics import finite

RESULTS = Path(__file__).parents[1] / "var" / "benchmarks"
LOAD_BEFORE = round(os.getloadavg()[0], 2)  # of the last minute before the measurement


class Relation(StrEnum):
    """How a value must stand to its limit."""

    AT_MOST = "<="
    AT_LEAST = ">="
    EXACTLY = "=="


HOLDS: Mapping[Relation, Callable[[float, float], bool]] = {
    Relation.AT_MOST: operator.le,
    Relation.AT_LEAST: operator.ge,
    Relation.EXACTLY: operator.eq,
}


@dataclass(frozen=True, slots=True)
class Target:
    """A promise and what became of it. ``value`` None: it could not be measured, so it is not kept."""

    name: str
    value: float | None
    limit: float
    relation: Relation = Relation.AT_MOST

    @property
    def kept(self) -> bool:
        """Whether the value stands to the limit as it must; never for what is no number."""
        return self.value is not None and not math.isnan(self.value) and HOLDS[self.relation](self.value, self.limit)

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{self.name}: {value} ({self.relation} {self.limit:g})"


def nearest_rank(values: Iterable[float], share: float) -> float:
    """The smallest value that at least ``share`` (0..1] of all do not exceed; nan for none.

    The nearest-rank definition: the ceil(share x n)-th of n in ascending order, always one of the values themselves.
    """
    ordered = sorted(values)
    if not ordered:
        return math.nan
    # Rounded first: 0.999 x 1000 is 999.0000000000001 in a float's arithmetic in some orders, and one rank too many.
    return ordered[max(1, math.ceil(round(share * len(ordered), 9))) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """How values are spread; nearest rank. All nan for no values."""

    count: int
    p50: float
    p99: float
    p999: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of these values."""
        quantiles = (nearest_rank(values, share) for share in (0.5, 0.99, 0.999, 1.0))
        return cls(len(values), *quantiles)


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle; nan for none."""
    return float(np.median(np.asarray(values, float))) if len(values) else math.nan


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """By how much y rises when x rises by 1, least squares; nan for fewer than two different xs."""
    if len(set(xs)) < 2:
        return math.nan
    return float(np.polyfit(np.asarray(xs, float), np.asarray(ys, float), 1)[0])


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]

    def lines(self) -> list[str]:
        """Aligned: text to the left, columns with a number in them to the right."""
        cells = [[shown(cell) for cell in row] for row in (self.headings, *self.rows)]
        columns = range(len(self.headings))
        widths = [max(len(row[column]) for row in cells) for column in columns]
        to_the_right = [any(isinstance(row[column], (int, float)) for row in self.rows) for column in columns]
        if len(columns) == 2:  # names and whatever they have
            to_the_right[1] = False
        lines = [_aligned(row, widths, to_the_right) for row in cells]
        return [self.title, *("  " + line for line in lines if line)]

    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines())


def shown(value: object) -> str:
    """A number with four digits, anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-" if value is None else str(value)
    return f"{value:d}" if isinstance(value, int) else f"{value:.4g}"


def _aligned(row: Sequence[str], widths: Sequence[int], to_the_right: Sequence[bool]) -> str:
    cells = zip(row, widths, to_the_right, strict=True)
    return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found. ``figures`` go into the JSON as they are."""

    name: str
    figures: Mapping[str, Any]
    tables: Sequence[Table]
    targets: Sequence[Target]
    summary: str

    def tell(self, folder: Path = RESULTS) -> int:
        """Print it all, write the JSON, and give the exit code: 1 where a target is missed."""
        for table in self.tables:
            print(table.text(), end="\n\n")
        file = folder / f"bench-{self.name}.json"
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")
        if self.targets:
            rows = [_row(target) for target in self.targets]
            print(Table("targets", ("target", "value", "", "limit", ""), rows).text(), end="\n\n")
        print(f"JSON: {file}")
        print(self.last_line())
        sys.stdout.flush()
        return 0 if all(target.kept for target in self.targets) else 1

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        said = {
            "benchmark": self.name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "figures": self.figures,
            "targets": [asdict(target) | {"kept": target.kept} for target in self.targets],
        }
        return {key: finite(value) for key, value in said.items()}

    def last_line(self) -> str:
        """One line that sums up."""
        return f"bench-{self.name}: {self.summary}; {self._verdict()}"

    def _verdict(self) -> str:
        if missed := [str(target) for target in self.targets if not target.kept]:
            return "MISSED: " + "; ".join(missed)
        if not self.targets:
            return "held against nothing"
        return "its target kept" if len(self.targets) == 1 else f"all {len(self.targets)} targets kept"


def _row(target: Target) -> tuple[object, ...]:
    return target.name, target.value, target.relation.value, target.limit, "kept" if target.kept else "MISSED"


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": LOAD_BEFORE,
        "python": platform.python_version(),
    }


def _processor_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
