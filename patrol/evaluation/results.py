"""Results: all figures of an evaluation, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patrol.evaluation.counting import FEW, Counted, CountScore, score_counts, where
from patrol.evaluation.playing import Performance
from patrol.evaluation.scoring import Case, KindScore, Told, Verdict, judged, score
from patrol.evaluation.statistics import finite, share_of
from patrol.evaluation.truth import CROWD_COUNT, EVENT_KINDS, QUIET, Item, as_json


@dataclass(frozen=True, slots=True)
class Played:
    """An item, and what came of it: a performance, or why there is none."""

    item: Item
    performance: Performance | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class PeopleScore:
    """How well people are found in one item. ``ms``: processor time a frame. ``passes``: by the model's input size."""

    item: Item
    pass_name: str
    size: tuple[int, int]
    ap50: float
    ms: float
    pictures: int
    boxes: int


@dataclass(frozen=True, slots=True)
class KindResult:
    """One kind. ``score`` is None where nothing of it could be played; then ``why_not`` says why."""

    kind: str
    score: KindScore | None
    cases: tuple[tuple[Played, Case, Verdict], ...]
    why_not: tuple[str, ...] = ()

    @property
    def is_composite(self) -> bool:
        """Whether all of its material was made from real pictures, and none recorded so."""
        return bool(self.cases) and all(played.item.is_composite for played, _, _ in self.cases)


@dataclass(frozen=True, slots=True)
class ToldInVisits:
    """How one true interval was told, where pictures stand for visits.

    ``part``: what of its kind it is; ``visits``: 1 where the first visit after its beginning told it, None: none did.
    """

    part: str
    visits: int | None


def told_in_visits(result: KindResult) -> Iterator[ToldInVisits]:
    """Every true interval of items that were played in visits."""
    for played, case, verdict in result.cases:
        visit_s = played.performance.visit_s if played.performance is not None else None
        if visit_s is None:
            continue
        part = ", ".join(case.parts) or result.kind
        for interval, told in verdict.found:
            yield ToldInVisits(
                part, visits_until(case.intervals[interval].start_s, case.told[told].confirmed_s, visit_s)
            )
        yield from (ToldInVisits(part, None) for _ in verdict.missed)


def visits_until(start_s: float, told_s: float, visit_s: float) -> int:
    """How many visits, at multiples of ``visit_s``, lie from a beginning to when it was told."""
    first, last = math.ceil(start_s / visit_s - 1e-6), math.floor(told_s / visit_s + 1e-6)
    return max(1, last - first + 1)


@dataclass(frozen=True, slots=True)
class QuietResult:
    """Material in which nothing is right to be told."""

    minutes: float
    false_alerts: int
    played: tuple[Played, ...]

    @property
    def bound_per_hour(self) -> float | None:
        """What the rate of false alerts is below, at 95%, if there was none: 3 / T (the rule of three)."""
        return share_of(3 * 60, self.minutes) if self.false_alerts == 0 else None


@dataclass(frozen=True, slots=True)
class Results:
    """Everything. ``frame_ms``: processor time a frame of all that was played, decoding and rules included."""

    kinds: tuple[KindResult, ...]
    people: tuple[PeopleScore, ...]
    counts: tuple[tuple[Played, Counted], ...]
    count: CountScore
    quiet: QuietResult
    frame_ms: float | None

    def kind(self, name: str) -> KindResult | None:
        """The result of a kind, if the folder has items of it."""
        return next((each for each in self.kinds if each.kind == name), None)

    @property
    def few(self) -> CountScore:
        """Counts of pictures with fewer than 60 people."""
        return score_counts(where([one for _, one in self.counts], lambda true: true < FEW))

    @property
    def many(self) -> CountScore:
        """Of the others."""
        return score_counts(where([one for _, one in self.counts], lambda true: true >= FEW))


def results_of(played: Sequence[Played], people: Sequence[PeopleScore]) -> Results:
    """Score what was played."""
    done = [each.performance for each in played if each.performance is not None]
    frames, spent_s = sum(each.frames for each in done), sum(each.processor_s for each in done)
    counts = tuple(_counted(played))
    return Results(
        kinds=tuple(_kinds(played)),
        people=tuple(people),
        counts=counts,
        count=score_counts([one for _, one in counts]),
        quiet=_quiet(played),
        frame_ms=share_of(1000 * spent_s, frames),
    )


def _kinds(played: Sequence[Played]) -> Iterator[KindResult]:
    for kind in EVENT_KINDS:
        items = [each for each in played if each.item.kind == kind]
        if not items:
            continue
        cases = [(each, case, judged(case)) for each in items if (case := _case(each)) is not None]
        why_not = tuple(sorted({each.why_not for each in items if each.performance is None}))
        yield KindResult(kind, score([case for _, case, _ in cases]) if cases else None, tuple(cases), why_not)


def _case(played: Played) -> Case | None:
    performance, item = played.performance, played.item
    if performance is None:
        return None
    told: tuple[Told, ...] = tuple(event.told for event in performance.events if event.kind == item.kind)
    return Case(
        holds=bool(item.holds),
        intervals=performance.intervals,
        told=told,
        seconds=performance.seconds,
        suspected=item.kind in performance.suspected,
        group=item.group,
        parts=item.parts,
    )


def _counted(played: Sequence[Played]) -> Iterator[tuple[Played, Counted]]:
    for each in played:
        if each.item.kind == CROWD_COUNT and each.performance is not None and each.item.count is not None:
            told = max((event.count for event in each.performance.events), default=0)
            yield each, Counted(each.item.count, told)


def _quiet(played: Sequence[Played]) -> QuietResult:
    quiet = tuple(each for each in played if each.item.kind == QUIET and each.performance is not None)
    performances = [each.performance for each in quiet if each.performance is not None]
    minutes = sum(each.seconds for each in performances) / 60
    return QuietResult(minutes, sum(len(each.events) for each in performances), quiet)


def as_document(results: Results) -> dict[str, Any]:
    """All of it as JSON; None stands for what nothing can be said of."""
    document = {
        "kinds": {each.kind: _kind_document(each) for each in results.kinds},
        "people": _people_document(results.people),
        "count": _count_document(results.count)
        | {"below_60": _count_document(results.few), "from_60": _count_document(results.many)},
        "quiet": {
            "minutes": results.quiet.minutes,
            "false_alerts": results.quiet.false_alerts,
            "false_alerts_an_hour_below": results.quiet.bound_per_hour,
        },
        "frame_ms": results.frame_ms,
    }
    found = finite(document)
    assert isinstance(found, dict)
    return found


def _kind_document(result: KindResult) -> dict[str, Any]:
    if result.score is None:
        return {"n": 0, "not_available": list(result.why_not)}
    found, tally = result.score, result.score.tally
    return {
        "n": found.n,
        "tp": tally.tp,
        "fp": tally.fp,
        "fn": tally.fn,
        "tn": tally.tn,
        "precision": tally.precision,
        "recall": tally.recall,
        "f1": tally.f1,
        "accuracy": tally.accuracy,
        "delay_p50_s": found.delay_p50_s,
        "delay_p90_s": found.delay_p90_s,
        "precision_95": found.precision_range,
        "recall_95": found.recall_range,
        "f1_95": found.f1_range,
        "accuracy_95": found.accuracy_range,
        "larger_class": found.larger_class,
        "intervals_off_by_more_than_2_s": found.loose,
        "false_alarms": found.false_alarms,
        "false_alarms_an_hour": found.false_alarms_per_hour,
        "quiet_hours": found.quiet_hours,
        "suspicion": {"tp": found.suspicion.tp, "fp": found.suspicion.fp, "fn": found.suspicion.fn},
        "recall_of": {part: {"found": right, "of": of} for part, right, of in found.recall_of},
        "curve": [
            {"score": point.score, "recall": point.recall, "false_share": point.false_share} for point in found.curve
        ],
        "visits": _visits_document(result),
        "composite": result.is_composite,
        "not_available": list(result.why_not),
        "mistakes": [as_json(played.item) for played, _, verdict in result.cases if not verdict.is_right],
    }


def _visits_document(result: KindResult) -> dict[str, Any]:
    """By part; empty where nothing was played in visits."""
    told = list(told_in_visits(result))
    by_part = {part: [each.visits for each in told if each.part == part] for part in sorted({one.part for one in told})}
    return {part: _visits_of_part(visits) for part, visits in by_part.items()}


def _visits_of_part(visits: Sequence[int | None]) -> dict[str, int | None]:
    known = [each for each in visits if each is not None]
    return {"n": len(visits), "told": len(known), "most": max(known, default=None)}


def _people_document(people: Sequence[PeopleScore]) -> dict[str, Any]:
    """By path: the tour's pass, and under ``passes`` every one."""
    document: dict[str, Any] = {}
    for each in people:
        said: Mapping[str, Any] = {"ap50": each.ap50, "ms": each.ms, "input_px": list(each.size)}
        own = document.setdefault(
            each.item.name, {**said, "pictures": each.pictures, "boxes": each.boxes, "passes": {}}
        )
        own["passes"][each.pass_name] = dict(said)
    return document


def _count_document(found: CountScore) -> dict[str, Any]:
    return {
        "n": found.n,
        "mae": found.mae,
        "relative_error": found.relative_error,
        "relative_error_95": found.relative_error_range,
        "band_right": found.band_right,
        "band_near": found.band_near,
        "band_near_95": found.band_near_range,
    }
