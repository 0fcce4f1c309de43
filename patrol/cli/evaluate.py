"""``patrol evaluate``: how well events are seen, on recorded pictures of which somebody said what is true."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told
from patrol.cli.progressing import progress_on_stderr
from patrol.domain.errors import InputError

if TYPE_CHECKING:
    from patrol.adapters.detectors import AnyDetector
    from patrol.adapters.networks import OpenNetworks
    from patrol.evaluation.evaluating import Pass
    from patrol.evaluation.results import Results
    from patrol.evaluation.targets import Held
    from patrol.evaluation.truth import Item

ANY_CONFIDENCE = 0.01  # an average precision is made of all boxes, however unsure


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("evaluate")(evaluate)


def evaluate(
    data: Annotated[Path, typer.Option("--data", help="a folder with a truth.jsonl", show_default=False)],
    kind: Annotated[list[str] | None, typer.Option("--kind", help="only this; may be given several times")] = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="write all figures there")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="write the report there, one page")] = None,
    as_markdown: Annotated[Path | None, typer.Option("--markdown", help="write the tables there")] = None,
    targets: Annotated[bool, typer.Option("--targets/--no-targets", help="end with 1 if a target is missed")] = False,
) -> None:
    """Play a folder of recordings to the detector and the rules as they ship, and score what they tell."""
    from patrol.evaluation.targets import held
    from patrol.evaluation.truth import WHAT_CAN_BE_SCORED, read_truth

    for name in kind or ():
        if name not in WHAT_CAN_BE_SCORED:
            raise typer.BadParameter(f"expected one of {', '.join(WHAT_CAN_BE_SCORED)}", param_hint="--kind")
    with errors_told():
        items = read_truth(data, kind or ())
        if not items:
            raise InputError(f"{data}: nothing to score" + (f" of the kind {', '.join(kind)}" if kind else ""))
        results = _evaluated(items)
        found = list(held(results))
        _write(results, found, data, as_json, html, as_markdown)
    if _tell(found) and targets:
        raise typer.Exit(1)


def _evaluated(items: list[Item]) -> Results:
    from patrol.adapters.processor import MachineProcessor, one_thread_a_picture
    from patrol.config import DetectorSettings
    from patrol.evaluation.evaluating import CloserLooks
    from patrol.evaluation.evaluating import evaluate as run

    one_thread_a_picture()
    size = DetectorSettings().input_px
    with ExitStack() as stack, progress_on_stderr("{task.completed:.0f} of {task.total:.0f}") as bar:
        detector = stack.enter_context(closing(_detector(DetectorSettings().min_confidence, size, tells_fire=True)))
        passes = list(_passes(stack, items))
        opened = stack.enter_context(closing(_closer_looks()))
        closer = CloserLooks(opened.networks, DetectorSettings().finer_px)
        task = bar.add_task("evaluating", total=len(items))
        begun = iter(range(len(items)))

        def progress(name: str) -> None:
            bar.update(task, description=name, completed=next(begun))

        return asyncio.run(run(items, detector, size, passes, MachineProcessor(), progress, closer))


def _detector(min_confidence: float, size: tuple[int, int], *, tells_fire: bool = False) -> AnyDetector:
    from patrol.adapters.detectors import DetectorOptions, open_detector
    from patrol.adapters.devices import Device
    from patrol.config import DetectorSettings

    options = DetectorOptions(input_size=size, min_confidence=min_confidence, device=Device.AUTO, tells_fire=tells_fire)
    return open_detector(options, DetectorSettings().model, progress=lambda line: print(line, file=sys.stderr))


def _closer_looks() -> OpenNetworks:
    from patrol.adapters.detectors import DetectorOptions
    from patrol.adapters.devices import Device
    from patrol.adapters.networks import open_networks
    from patrol.config import DetectorSettings
    from patrol.domain.closer import Look

    settings = DetectorSettings()
    return open_networks(
        frozenset(Look),
        DetectorOptions(input_size=settings.input_px, min_confidence=settings.min_confidence, device=Device.AUTO),
        settings.finer_px,
        density_model=settings.density_model,
        progress=lambda line: print(line, file=sys.stderr),
    )


def _passes(stack: ExitStack, items: list[Item]) -> list[Pass]:
    """Only where boxes are known: each is a model of its own in memory."""
    from patrol.config import DetectorSettings
    from patrol.evaluation.evaluating import Pass
    from patrol.evaluation.truth import PEOPLE_BOXES

    if not any(item.kind == PEOPLE_BOXES for item in items):
        return []
    sizes = {"tour": DetectorSettings().input_px, "twice as fine": DetectorSettings().finer_px}
    return [
        Pass(name, size, stack.enter_context(closing(_detector(ANY_CONFIDENCE, size)))) for name, size in sizes.items()
    ]


def _write(
    results: Results,
    held: list[Held],
    data: Path,
    as_json: Path | None,
    html: Path | None,
    as_markdown: Path | None,
) -> None:
    from patrol.evaluation.page import page
    from patrol.evaluation.results import as_document
    from patrol.evaluation.tables import markdown

    if as_json is not None:
        _written(as_json, json.dumps(as_document(results), ensure_ascii=False, indent=1) + "\n")
    if html is not None:
        _written(html, page(results, held, data.resolve().name, [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"]))
    if as_markdown is not None:
        _written(as_markdown, markdown(results, held))


def _written(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None


def _tell(held: list[Held]) -> int:
    """The targets as a table, and one line that sums them up. How many are missed."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "target", "")
    for one in held:
        table.add_row(one.what, one.value, one.target, "kept" if one.is_kept else "MISSED")
    Console().print(table)
    missed = [one.what for one in held if not one.is_kept]
    ending = f"{len(missed)} missed: {'; '.join(missed)}" if missed else "all kept"
    print(f"evaluate: {len(held)} targets, {ending}")
    return len(missed)
