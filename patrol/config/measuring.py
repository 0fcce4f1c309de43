"""What one visit costs: given, measured on a running Patrol, read from a benchmark's result, or assumed."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from patrol.domain.errors import InputError

ASSUMED_COST_MS = 36.0  # docs/benchmarks.md, "Demo": all stages in one process, on two virtual cores without a GPU
ASSUMED_VISIT_S = 2.0  # a cold visit waits for the next key frame, and cameras send one every two seconds or so
MEASURE_S = 10.0
TOKEN_VARIABLE = "PATROL_TOKEN"
ANSWER_WITHIN_S = 5.0
MOST_BYTES = 8 * 2**20


class Origin(StrEnum):
    """Where a visit's cost is from."""

    GIVEN = "given"
    MEASURED = "measured"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class VisitCost:
    """What a visit costs. ``cost_ms``: of one processor core. ``visit_s``: how long it takes from start to end."""

    cost_ms: float
    visit_s: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of a running Patrol since its start: processor seconds, visits, and the seconds they took together."""

    cpu_s: float
    visits: float
    visits_took_s: float


def given(cost_ms: float) -> VisitCost:
    """A cost that a person names."""
    return VisitCost(cost_ms, ASSUMED_VISIT_S, Origin.GIVEN)


def assumed() -> VisitCost:
    """The cost where nothing better is known."""
    return VisitCost(ASSUMED_COST_MS, ASSUMED_VISIT_S, Origin.ASSUMED)


def measured(where: str, *, seconds: float | None = None, sleep: Callable[[float], None] = time.sleep) -> VisitCost:
    """From a benchmark's JSON file, or from the metrics of a running Patrol, looked at twice, ``seconds`` apart.

    The cost is of all that the process did meanwhile, also failed visits, alerts and the console.
    Raises InputError where neither can be had.
    """
    if not where.startswith(("http://", "https://")):
        return _of_benchmark(Path(where))
    before = _sample_at(where)
    sleep(MEASURE_S if seconds is None else seconds)
    return cost_between(before, _sample_at(where))


def cost_between(before: Sample, after: Sample) -> VisitCost:
    """The cost of the visits between two samples of one process. Raises InputError where there were none."""
    visits, cpu_s = after.visits - before.visits, after.cpu_s - before.cpu_s
    if visits < 0 or cpu_s < 0:
        raise InputError("--measured: that Patrol was started anew in between; try again")
    if visits == 0 or cpu_s == 0:
        raise InputError("--measured: that Patrol made no visit in between; expected one whose tour runs")
    took_s = (after.visits_took_s - before.visits_took_s) / visits
    return VisitCost(cpu_s * 1000 / visits, took_s if took_s > 0 else ASSUMED_VISIT_S, Origin.MEASURED)


def sample_of(text: str) -> Sample:
    """The counters in Prometheus's text format. Raises InputError where one is missing."""
    sums: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.labels.get("stage", "visit") == "visit":
                    sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    except ValueError:
        raise InputError("--measured: the answer is not in Prometheus's format; expected Patrol's /metrics") from None
    missing = [name for name in ("process_cpu_seconds_total", "patrol_visits_total") if name not in sums]
    if missing:
        raise InputError(f"--measured: the answer has no {' and no '.join(missing)}; expected Patrol's /metrics")
    took_s = sums.get("patrol_stage_duration_seconds_sum", 0.0)
    return Sample(sums["process_cpu_seconds_total"], sums["patrol_visits_total"], took_s)


def _sample_at(url: str) -> Sample:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    address = url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/metrics"
    token = os.environ.get(TOKEN_VARIABLE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.stream("GET", address, headers=headers, timeout=ANSWER_WITHIN_S, trust_env=False) as answer:
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise InputError(f"--measured: {host} wants a token for metrics: set {TOKEN_VARIABLE}")
            if answer.status_code != httpx.codes.OK:
                raise InputError(f"--measured: {host} answers {answer.status_code}; expected Patrol's /metrics")
            return sample_of(_text_of(answer, host))
    except (httpx.HTTPError, httpx.InvalidURL) as error:  # its text may hold the whole address
        raise InputError(f"--measured: {host} cannot be asked ({type(error).__name__})") from None


def _text_of(answer: httpx.Response, host: str) -> str:
    raw, ends_at = b"", time.monotonic() + ANSWER_WITHIN_S
    for chunk in answer.iter_bytes():
        raw += chunk
        if len(raw) > MOST_BYTES or time.monotonic() > ends_at:
            raise InputError(f"--measured: {host} answers without end; expected Patrol's /metrics")
    return raw.decode("utf-8", "replace")


def _of_benchmark(path: Path) -> VisitCost:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))
    except OSError as error:
        raise InputError(f"--measured: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InputError(f"--measured: {path} is no JSON; expected a benchmark's result") from None
    cost_ms, visit_s = _number(found, "visit_cost_ms"), _number(found, "visit_s")
    if cost_ms is None:
        raise InputError(f"--measured: {path} has no number above zero under visit_cost_ms")
    return VisitCost(cost_ms, visit_s or ASSUMED_VISIT_S, Origin.MEASURED)


def _number(found: object, name: str) -> float | None:
    """A figure of a benchmark, which stands under ``figures``, or alone."""
    figures = found.get("figures", found) if isinstance(found, dict) else None
    value = figures.get(name) if isinstance(figures, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value < math.inf else None
