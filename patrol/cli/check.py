"""``patrol check``: is this configuration right, and what does it ask for?"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import tell_error
from patrol.domain.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:  # pydantic and shapely are imported when the command runs, so that --help is quick
    from patrol.config import Configuration
    from patrol.config.capacity import Feasibility

File = Annotated[Path, typer.Argument(help="the configuration file", show_default=True)]
Cost = Annotated[
    float | None, typer.Option(min=0.01, help="processor time of one visit in ms: tells whether the bounds can be kept")
]
Cores = Annotated[int | None, typer.Option(min=1, help="processor cores for the tour", show_default="this machine's")]


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("check")(check)


def check(
    file: File = Path("configs/cameras.yaml"),
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema of the file, for editors")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="warnings and bounds that cannot be kept fail too")] = False,
    visit_cost_ms: Cost = None,
    cores: Cores = None,
) -> None:
    """Check a configuration: every problem with its line, or a summary of what it asks for.

    Exit code 0: it is right; 1: it is not. A variable that is not set (CAMERA_USER, CAMERA_PASSWORD ...) is a
    warning here, so that a file can be checked where the credentials are not; `patrol run` refuses to start.
    """
    from patrol.adapters.model_store import known_classes
    from patrol.config import load, schema_text

    if schema:
        typer.echo(schema_text(), nl=False)
        return
    try:
        configuration = load(file, os.environ, variables_required=False, known_models=known_classes())
    except ConfigError as error:
        if as_json:
            typer.echo(_json({"file": str(file), "valid": False, "problems": _as_json(error.problems)}))
        else:
            tell_error(error)
        raise typer.Exit(1) from None
    feasible = _feasibility(configuration, visit_cost_ms, cores)
    if as_json:
        typer.echo(_json(_summary(file, configuration, feasible)))
    else:
        _print_summary(file, configuration, feasible)
    if strict and (configuration.warnings or (feasible is not None and not feasible.kept)):
        raise typer.Exit(1)


def _feasibility(configuration: Configuration, cost_ms: float | None, cores: int | None) -> Feasibility | None:
    from patrol.config.capacity import feasibility

    if cost_ms is None:
        return None
    capacity_per_s = (cores or len(os.sched_getaffinity(0))) * 1000 / cost_ms
    return feasibility(configuration.cameras, configuration.rings, capacity_per_s)


def _summary(file: Path, configuration: Configuration, feasible: Feasibility | None) -> dict[str, Any]:
    from patrol.domain.tour import visits_per_s_needed

    cameras = configuration.cameras
    return {
        "file": str(file),
        "valid": True,
        "station": configuration.station,
        "cameras": {name.value: sum(c.ring is name for c in cameras) for name in configuration.rings},
        "sites": dict(Counter(site.kind.value for site in configuration.sites)),
        "zones": sum(len(camera.zones) for camera in cameras),
        "rules": list(configuration.rules),
        "units": {name.value: sum(name in u.rings for u in configuration.units) for name in configuration.rings},
        "visits_per_s": round(visits_per_s_needed(cameras), 2),
        "feasibility": None if feasible is None else _feasibility_as_json(feasible),
        "problems": [],
        "warnings": _as_json(configuration.warnings),
    }


def _feasibility_as_json(feasible: Feasibility) -> dict[str, Any]:
    return {
        "kept": feasible.kept,
        "usable_per_s": round(feasible.usable_per_s, 2),
        "stretch": round(feasible.stretch, 3),
        "rings": {
            demand.ring.value: {
                "kept": demand.kept,
                "visits_per_s": round(demand.visits_per_s, 2),
                "possible_bound_s": None if demand.possible_bound_s is None else round(demand.possible_bound_s, 1),
            }
            for demand in feasible.rings
        },
    }


def _as_json(problems: tuple[ConfigProblem, ...]) -> list[dict[str, Any]]:
    return [{"path": problem.path, "line": problem.line, "message": problem.message} for problem in problems]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _print_summary(file: Path, configuration: Configuration, feasible: Feasibility | None) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_table(configuration))
    for line in _lines(configuration):
        console.print(line, markup=False)
    for line in _capacity_lines(feasible) if feasible is not None else ():
        console.print(line, markup=False)
    count = len(configuration.warnings)
    noted = f", {count} warning{'s' if count > 1 else ''}" if count else ""
    console.print(f"{file}: right{noted}", markup=False)
    for warning in configuration.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _table(configuration: Configuration) -> Any:
    from rich.markup import escape
    from rich.table import Table

    from patrol.domain.tour import visits_per_s_needed

    table = Table(title=escape(f"{configuration.station} · {configuration.station_en}"), title_justify="left")
    table.add_column("ring")
    for heading in ("cameras", "zones", "units", "seen every", "visits/s", "on scene in"):
        table.add_column(heading, justify="right")
    for name, ring in configuration.rings.items():
        cameras = [camera for camera in configuration.cameras if camera.ring is name]
        table.add_row(
            name.value,
            str(len(cameras)),
            str(sum(len(camera.zones) for camera in cameras)),
            str(sum(name in unit.rings for unit in configuration.units)),
            f"{ring.revisit_bound_s:g} s",
            f"{visits_per_s_needed(cameras):.1f}",
            f"{ring.response_target_s:g} s",
        )
    return table


def _lines(configuration: Configuration) -> list[str]:
    from patrol.domain.tour import visits_per_s_needed

    kinds = Counter(site.kind.value.replace("_", " ") for site in configuration.sites)
    cameras, needed = configuration.cameras, visits_per_s_needed(configuration.cameras)
    lines = [
        f"{len(cameras)} cameras, {sum(len(c.zones) for c in cameras)} zones, {len(configuration.units)} units",
        f"rules: {', '.join(configuration.rules)}",
        f"the bounds ask for {needed:.1f} visits per second",
    ]
    sites = "sites: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return [lines[0], *([sites] if kinds else []), *lines[1:]]


def _capacity_lines(feasible: Feasibility) -> list[str]:
    have = f"{feasible.usable_per_s:.1f} visits per second can be promised"
    if feasible.kept:
        return [f"{have}: every bound can be kept ({feasible.needed_per_s / feasible.usable_per_s:.0%} used)"]
    lines = [f"{have}: not every bound can be kept"]
    for demand in feasible.rings:
        if demand.kept:
            continue
        instead = f"{demand.possible_bound_s:.1f} s could be" if demand.possible_bound_s else "nothing is left for it"
        lines.append(f"  {demand.ring.value}: cannot be kept; {instead}")
    return [*lines, f"  or all bounds stretched by {feasible.stretch:.2f}"]
