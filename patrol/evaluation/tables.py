"""Figures as Markdown, for a document that people write around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patrol.domain.shares import Range
from patrol.evaluation.results import KindResult, Results
from patrol.evaluation.targets import Held


def markdown(results: Results, held: Sequence[Held]) -> str:
    """All tables."""
    return "\n".join([*_targets(held), "", *_kinds(results), "", *_people(results), "", *_counts(results)]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(cells: Sequence[str]) -> Iterator[str]:
    yield _row(cells)
    yield _row(["---"] * len(cells))


def _targets(held: Sequence[Held]) -> Iterator[str]:
    yield from _head(("figure", "value", "target", ""))
    for one in held:
        yield _row((one.what, one.value, one.target, "kept" if one.is_kept else "**missed**"))


def _kinds(results: Results) -> Iterator[str]:
    yield from _head(("kind", "n", "tp / fp / fn / tn", "precision", "recall", "F1", "delay p50 / p90, s"))
    for result in results.kinds:
        yield _row(_kind(result))


def _kind(result: KindResult) -> Sequence[str]:
    name = result.kind + (" (composite)" if result.is_composite else "")
    found = result.score
    if found is None:
        return (name, "0", "not available: " + "; ".join(result.why_not), "", "", "", "")
    tally = found.tally
    return (
        name,
        f"{found.n}",
        f"{tally.tp} / {tally.fp} / {tally.fn} / {tally.tn}",
        _share(tally.precision, found.precision_range),
        _share(tally.recall, found.recall_range),
        _share(tally.f1, found.f1_range),
        f"{_number(found.delay_p50_s)} / {_number(found.delay_p90_s)}",
    )


def _share(value: float | None, within: Range | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" + (f" ({within[0]:.2f}–{within[1]:.2f})" if within is not None else "")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _people(results: Results) -> Iterator[str]:
    yield from _head(("people", "pass", "input", "AP50", "processor-ms a frame"))
    for one in results.people:
        yield _row((one.item.name, one.pass_name, f"{one.size[0]}x{one.size[1]}", f"{one.ap50:.3f}", f"{one.ms:.1f}"))


def _counts(results: Results) -> Iterator[str]:
    yield from _head(("counts", "n", "mean error", "mean relative error", "band right", "or next to it"))
    for name, found in (("all", results.count), ("below 60", results.few), ("60 and more", results.many)):
        error = _share(found.relative_error, found.relative_error_range)
        yield _row(
            (
                name,
                f"{found.n}",
                _number(found.mae),
                error,
                _share(found.band_right, None),
                _share(found.band_near, None),
            )
        )
