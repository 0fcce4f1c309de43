"""Targets: what the figures are held against. A kind that cannot be told yet misses its target, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from patrol.evaluation.results import KindResult, Results, told_in_visits

STREET_AP50, STREET_MS = 0.50, 25.0
FEW_ERROR, MANY_ERROR, BAND_NEAR = 0.15, 0.45, 0.95
MOST_VISITS = 2


@dataclass(frozen=True, slots=True)
class Held:
    """One figure against its target, in words."""

    what: str
    value: str
    target: str
    is_kept: bool


def held(results: Results) -> Iterator[Held]:
    """Those for which the folder has material."""
    for people in results.people:
        if people.pass_name == "tour":
            yield _at_least(f"people AP50, {people.item.name}, tour's pass", people.ap50, STREET_AP50)
            yield _at_most(f"people, {people.item.name}, processor-ms a frame", people.ms, STREET_MS)
    yield from _counts(results)
    for kind, judge in _KINDS.items():
        found = results.kind(kind)
        if found is None:
            continue
        if found.score is None:
            yield Held(f"{kind}", "not available: " + "; ".join(found.why_not), "told at all", False)
        else:
            yield judge(found)
            yield from _parts_in_visits(found)
    if results.quiet.minutes:
        alerts = results.quiet.false_alerts
        yield Held(f"false alerts in {results.quiet.minutes:.1f} quiet minutes", f"{alerts}", "0", alerts == 0)


def _counts(results: Results) -> Iterator[Held]:
    for name, found, most in (("below 60", results.few, FEW_ERROR), ("60 and more", results.many, MANY_ERROR)):
        if found.relative_error is not None:
            yield _at_most(f"count, {name} people, mean relative error", found.relative_error, most)
    if results.count.band_near is not None:
        yield _at_least("count, band right or next to right", results.count.band_near, BAND_NEAR)


def _at_most(what: str, value: float, most: float) -> Held:
    return Held(what, f"{value:.3g}", f"≤ {most:g}", value <= most)


def _at_least(what: str, value: float, least: float) -> Held:
    return Held(what, f"{value:.3g}", f"≥ {least:g}", value >= least)


def _all_and_only(result: KindResult) -> Held:
    """Every interval found within the tolerance, and nothing else."""
    assert result.score is not None
    wrong = result.score.mistakes + result.score.loose
    return Held(f"{result.kind}: all, within 2 s, and only", f"{wrong} wrong", "0 wrong", wrong == 0)


def _told_and_only(result: KindResult) -> Held:
    """Every interval told, and nothing else; how soon is held in visits, below."""
    assert result.score is not None
    wrong = result.score.mistakes
    return Held(f"{result.kind}: all and only", f"{wrong} wrong", "0 wrong", wrong == 0)


def _parts_in_visits(result: KindResult) -> Iterator[Held]:
    told = list(told_in_visits(result))
    for part in sorted({one.part for one in told}):
        visits = [one.visits for one in told if one.part == part]
        known = [each for each in visits if each is not None]
        soon = sum(each <= MOST_VISITS for each in known)
        said = f"{soon} of {len(visits)}" + (f" (at most {max(known)})" if known else "")
        yield Held(f"{result.kind}, {part}: told within {MOST_VISITS} visits", said, "all", soon == len(visits))


def _above_larger_class(result: KindResult) -> Held:
    assert result.score is not None
    accuracy, larger = result.score.tally.accuracy or 0.0, result.score.larger_class or 0.0
    return Held(f"{result.kind}: accuracy", f"{accuracy:.3g}", f"> {larger:.3g} (the larger class)", accuracy > larger)


def _reported(result: KindResult) -> Held:
    assert result.score is not None
    tally = result.score.tally
    said = f"recall {_share(tally.recall)}, precision {_share(tally.precision)}, F1 {_share(tally.f1)}"
    return Held(f"{result.kind}: reported", said, "reported", True)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


_KINDS: dict[str, Callable[[KindResult], Held]] = {
    "fight": _above_larger_class,
    "fall": _reported,
    "fire_smoke": _reported,
    "intrusion": _all_and_only,
    "wrong_way": _all_and_only,
    "line_crossing": _all_and_only,
    "loitering": _all_and_only,
    "abandoned_object": _all_and_only,
    "removed_object": _all_and_only,
    "stopped_vehicle": _all_and_only,
    "gathering": _all_and_only,
    "running": _all_and_only,
    "camera_health": _told_and_only,
}
