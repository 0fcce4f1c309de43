"""Scoring events: what was told against what is true. Pure.

A positive is a true interval, or a whole item of which only is known that it holds the event. A negative is an item
that holds none. An event that belongs to no interval is a false alarm; in an item that holds none, one or several
make the item wrong once, as the question was about the item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from patrol.domain.shares import Range, wilson
from patrol.evaluation.statistics import bootstrapped, grouped, nearest_rank, share_of

TOLERANCE_S = 2.0
SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Interval:
    """When something goes on, seconds from the first frame as it is played."""

    start_s: float
    end_s: float

    def touches(self, other: Interval, within_s: float) -> bool:
        """Whether they overlap, or come as near as that."""
        return self.start_s <= other.end_s + within_s and other.start_s <= self.end_s + within_s


@dataclass(frozen=True, slots=True)
class Told:
    """An event that was told: when it held, when it was confirmed, and how sure (0..1)."""

    held: Interval
    confirmed_s: float
    score: float


@dataclass(frozen=True, slots=True)
class Case:
    """One item: what is true of it, and what was told.

    ``holds``, ``intervals``: as in its truth, in the time it was played. ``seconds``: for how long it was played; 0
    for a picture. ``suspected``: whether a visit would have looked closer, whatever came of it. ``group``: see
    statistics.bootstrapped. ``parts``: what of the kind it holds.
    """

    holds: bool
    intervals: tuple[Interval, ...]
    told: tuple[Told, ...]
    seconds: float
    suspected: bool
    group: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A case decided.

    ``found``: pairs (index of an interval or 0 for the whole item, index of what was told). ``missed``: intervals that
    nothing was told of. ``stray``: what was told and belongs to no interval.
    """

    found: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    stray: tuple[int, ...]

    @property
    def is_right(self) -> bool:
        """Nothing missed and nothing told in vain."""
        return not self.missed and not self.stray


def judged(case: Case) -> Verdict:
    """Which event belongs to which interval. Several told of one interval are one finding and no false alarm."""
    if not case.holds:
        return Verdict((), (), tuple(range(len(case.told))))
    if not case.intervals:
        return Verdict(((0, 0),), (), ()) if case.told else Verdict((), (0,), ())
    found: dict[int, int] = {}
    for index in sorted(range(len(case.intervals)), key=lambda each: case.intervals[each].end_s):
        free = [each for each in _touching(case, case.intervals[index]) if each not in found.values()]
        if free:
            found[index] = min(free, key=lambda each: case.told[each].held.end_s)
    touching = {each for interval in case.intervals for each in _touching(case, interval)}
    return Verdict(
        found=tuple(sorted(found.items())),
        missed=tuple(index for index in range(len(case.intervals)) if index not in found),
        stray=tuple(index for index in range(len(case.told)) if index not in touching),
    )


def _touching(case: Case, interval: Interval) -> list[int]:
    return [index for index, told in enumerate(case.told) if told.held.touches(interval, TOLERANCE_S)]


@dataclass(frozen=True, slots=True)
class Tally:
    """Right and wrong, both ways."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def precision(self) -> float | None:
        """The share of what was told that is true."""
        return share_of(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """The share of what is true that was told."""
        return share_of(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Their harmonic mean."""
        return share_of(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float | None:
        """The share of decisions that were right."""
        return share_of(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What is left if only events at least that sure are told; ``score`` infinite: none."""

    score: float
    recall: float | None
    false_share: float | None
    precision: float | None


@dataclass(frozen=True, slots=True)
class KindScore:
    """All figures of one kind. ``n``: items. Intervals are at 95%; None stands for a share of nothing.

    ``loose``: found intervals whose beginning or end is further off than the tolerance. ``false_alarms``: events told
    in vain, each; ``quiet_hours``: how long nothing should have been told. ``larger_class``: what always saying the
    same would get right. ``suspicion``: the first stage alone, item by item. ``recall_of``: (part, found, of), for
    each part of the kind.
    """

    n: int
    tally: Tally
    precision_range: Range | None
    recall_range: Range | None
    f1_range: Range | None
    accuracy_range: Range | None
    delay_p50_s: float | None
    delay_p90_s: float | None
    loose: int
    false_alarms: int
    quiet_hours: float
    larger_class: float | None
    suspicion: Tally
    curve: tuple[CurvePoint, ...]
    recall_of: tuple[tuple[str, int, int], ...]

    @property
    def false_alarms_per_hour(self) -> float | None:
        """Of material that is played in time; None for pictures alone."""
        return share_of(self.false_alarms, self.quiet_hours)

    @property
    def mistakes(self) -> int:
        """Missed and told in vain."""
        return self.tally.fp + self.tally.fn


def score(cases: Sequence[Case]) -> KindScore:
    """All cases of one kind together."""
    verdicts = [judged(case) for case in cases]
    tallies = [_tally(case, verdict) for case, verdict in zip(cases, verdicts, strict=True)]
    total = _sum(tallies)
    delays = list(_delays(cases, verdicts))
    positives, negatives = total.tp + total.fn, sum(not case.holds for case in cases)
    timed = [(case, verdict) for case, verdict in zip(cases, verdicts, strict=True) if case.seconds > 0]
    return KindScore(
        n=len(cases),
        tally=total,
        precision_range=wilson(total.tp, total.tp + total.fp),
        recall_range=wilson(total.tp, total.tp + total.fn),
        f1_range=_f1_range(cases, tallies),
        accuracy_range=wilson(total.tp + total.tn, total.tp + total.fp + total.fn + total.tn),
        delay_p50_s=nearest_rank(delays, 0.5),
        delay_p90_s=nearest_rank(delays, 0.9),
        loose=sum(_is_loose(case, pair) for case, one in zip(cases, verdicts, strict=True) for pair in one.found),
        false_alarms=sum(len(verdict.stray) for _, verdict in timed),
        quiet_hours=sum(_quiet_s(case) for case, _ in timed) / SECONDS_AN_HOUR,
        larger_class=share_of(max(positives, negatives), positives + negatives),
        suspicion=_sum([_suspicion(case) for case in cases]),
        curve=tuple(_curve(cases)),
        recall_of=tuple(_recall_of(cases, verdicts)),
    )


def _tally(case: Case, verdict: Verdict) -> Tally:
    if not case.holds:
        return Tally(0, int(bool(verdict.stray)), 0, int(not verdict.stray))
    return Tally(len(verdict.found), len(verdict.stray), len(verdict.missed), 0)


def _suspicion(case: Case) -> Tally:
    holds, suspected = case.holds, case.suspected
    return Tally(holds and suspected, not holds and suspected, holds and not suspected, not holds and not suspected)


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(*(sum(map(int, column)) for column in zip(*map(_amounts, tallies), strict=True))) if tallies else _NONE


_NONE = Tally(0, 0, 0, 0)


def _amounts(tally: Tally) -> tuple[int, int, int, int]:
    return tally.tp, tally.fp, tally.fn, tally.tn


def _f1_range(cases: Sequence[Case], tallies: Sequence[Tally]) -> Range | None:
    def f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        tp, fp, fn = sums.T[:3]
        return np.asarray(2 * tp / (2 * tp + fp + fn), np.float64)

    named = zip((case.group for case in cases), map(_amounts, tallies), strict=True)
    return bootstrapped(grouped(named), f1)


def _delays(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> Iterator[float]:
    """From when it began to when it was confirmed; only where it is known when it began."""
    for case, verdict in zip(cases, verdicts, strict=True):
        if case.intervals and case.seconds > 0:
            for interval, told in verdict.found:
                yield max(0.0, case.told[told].confirmed_s - case.intervals[interval].start_s)


def _is_loose(case: Case, pair: tuple[int, int]) -> bool:
    if not case.intervals:
        return False
    true, told = case.intervals[pair[0]], case.told[pair[1]].held
    return max(abs(true.start_s - told.start_s), abs(true.end_s - told.end_s)) > TOLERANCE_S


def _quiet_s(case: Case) -> float:
    """How long nothing should have been told; of an item that holds the event somewhere, nobody knows."""
    if not case.holds:
        return case.seconds
    busy_s = sum(min(one.end_s, case.seconds) - min(one.start_s, case.seconds) for one in merged(case.intervals))
    return max(0.0, case.seconds - busy_s) if case.intervals else 0.0


def merged(intervals: Sequence[Interval], within_s: float = 0.0) -> tuple[Interval, ...]:
    """In order, those that touch, or come as near as that, made one."""
    made: list[Interval] = []
    for interval in sorted(intervals, key=lambda each: each.start_s):
        if made and interval.start_s <= made[-1].end_s + within_s:
            made[-1] = Interval(made[-1].start_s, max(made[-1].end_s, interval.end_s))
        else:
            made.append(interval)
    return tuple(made)


def _curve(cases: Sequence[Case]) -> Iterator[CurvePoint]:
    """Surest first: what would be told if more certainty were asked for. It ends where the shipped thresholds are."""
    negatives = sum(not case.holds for case in cases)
    for least in [np.inf, *sorted({told.score for case in cases for told in case.told}, reverse=True)]:
        kept = [_surer(case, float(least)) for case in cases]
        total = _sum([_tally(case, judged(case)) for case in kept])
        wrong = sum(not case.holds and bool(case.told) for case in kept)
        yield CurvePoint(float(least), total.recall, share_of(wrong, negatives), total.precision)


def _surer(case: Case, least: float) -> Case:
    told = tuple(one for one in case.told if one.score >= least)
    return Case(case.holds, case.intervals, told, case.seconds, case.suspected, case.group, case.parts)


def _recall_of(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> Iterator[tuple[str, int, int]]:
    for part in sorted({part for case in cases for part in case.parts}):
        of_it = [verdict for case, verdict in zip(cases, verdicts, strict=True) if part in case.parts]
        found = sum(len(verdict.found) for verdict in of_it)
        yield part, found, found + sum(len(verdict.missed) for verdict in of_it)
