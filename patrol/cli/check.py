"""``patrol check``: is this configuration right, and what does it ask for?"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import errors_told, tell_error
from patrol.domain.errors import ConfigError, ConfigProblem

if TYPE_CHECKING:  # pydantic and shapely are imported when the command runs, so that --help is quick
    from patrol.cli.admitting import Verdict
    from patrol.config import Configuration

File = Annotated[Path, typer.Argument(help="the configuration file", show_default=True)]
Cost = Annotated[float | None, typer.Option(min=0.01, help="processor time of one visit in ms")]
Measured = Annotated[
    str | None,
    typer.Option(
        metavar="FILE-OR-URL",
        help="what a visit costs: a benchmark's JSON, or the address of a running Patrol, which is watched for 10 s",
    ),
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
    measured: Measured = None,
    cores: Cores = None,
) -> None:
    """Check a configuration: every problem with its line, or what it asks for and whether that can be kept.

    Exit code 0: it is right; 1: it is not. A variable that is not set (CAMERA_USER, CAMERA_PASSWORD ...) is a
    warning here, so that a file can be checked where the credentials are not; `patrol run` refuses to start.

    What a visit costs is taken from --visit-cost-ms or --measured; without them it is assumed, and said so.
    """
    from patrol.adapters.model_manifests import known_classes
    from patrol.config import load, schema_text

    if visit_cost_ms is not None and measured is not None:
        raise typer.BadParameter("expected only one of --visit-cost-ms and --measured", param_hint="--measured")
    if schema:
        typer.echo(schema_text(), nl=False)
        return
    try:
        configuration = load(file, os.environ, variables_required=False, known_models=known_classes())
        _check_map_files(file, configuration)
    except ConfigError as error:
        if as_json:
            typer.echo(_json({"file": str(file), "valid": False, "problems": _as_json(error.problems)}))
        else:
            tell_error(error)
        raise typer.Exit(1) from None
    found = _verdict(configuration, visit_cost_ms, measured, cores)
    if as_json:
        typer.echo(_json(_summary(file, configuration, found)))
    else:
        _print_summary(file, configuration, found)
    if strict and (configuration.warnings or found.fails):
        raise typer.Exit(1)


def _check_map_files(file: Path, configuration: Configuration) -> None:
    """Raises ConfigError with what is wrong in the files under the map, which Patrol would go on without."""
    from patrol.adapters.base_map import read_map_files

    _, problems = read_map_files(configuration.map)
    if problems:
        raise ConfigError(str(file), problems)


def _verdict(configuration: Configuration, cost_ms: float | None, where: str | None, cores: int | None) -> Verdict:
    from patrol.cli.admitting import station_time, verdict
    from patrol.config import measuring

    with errors_told():
        if cost_ms is not None:
            cost = measuring.given(cost_ms)
        elif where is not None:
            cost = measuring.measured(where)
        else:
            cost = measuring.assumed()
    return verdict(configuration, cost, cores, station_time(configuration))


def _summary(file: Path, configuration: Configuration, found: Verdict) -> dict[str, Any]:
    from patrol.cli.admitting import as_json

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
        "visits_per_s": round(found.admission.usual.needed_per_s, 2),
        "feasibility": as_json(found),
        "problems": [],
        "warnings": _as_json(configuration.warnings),
    }


def _as_json(problems: tuple[ConfigProblem, ...]) -> list[dict[str, Any]]:
    return [{"path": problem.path, "line": problem.line, "message": problem.message} for problem in problems]


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _print_summary(file: Path, configuration: Configuration, found: Verdict) -> None:
    from rich.console import Console

    from patrol.cli import admitting

    console = Console(highlight=False)
    console.print(_table(configuration))
    for line in (*_lines(configuration), f"the bounds ask for {admitting.needed(found.admission)}"):
        console.print(line, markup=False)
    console.print(admitting.table(found))
    for line in admitting.lines(found):
        console.print(line, markup=False)
    count = len(configuration.warnings)
    noted = f", {count} warning{'s' if count > 1 else ''}" if count else ""
    console.print(f"{file}: right{noted}", markup=False)
    for warning in configuration.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _table(configuration: Configuration) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{configuration.station} · {configuration.station_en}"), title_justify="left")
    table.add_column("ring")
    for heading in ("cameras", "zones", "units", "seen every", "on scene in"):
        table.add_column(heading, justify="right")
    for name, ring in configuration.rings.items():
        cameras = [camera for camera in configuration.cameras if camera.ring is name]
        table.add_row(
            name.value,
            str(len(cameras)),
            str(sum(len(camera.zones) for camera in cameras)),
            str(sum(name in unit.rings for unit in configuration.units)),
            f"{ring.revisit_bound_s:g} s",
            f"{ring.response_target_s:g} s",
        )
    return table


def _lines(configuration: Configuration) -> list[str]:
    cameras = configuration.cameras
    kinds = Counter(site.kind.value.replace("_", " ") for site in configuration.sites)
    schedules = Counter(bound for camera in cameras for bound in camera.bounds)
    counts = {
        "camera": len(cameras),
        "zone": sum(len(camera.zones) for camera in cameras),
        "unit": len(configuration.units),
    }
    lines = [", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items())]
    if kinds:
        lines.append("sites: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    lines.append(f"rules: {', '.join(configuration.rules)}")
    for bound, count in schedules.items():
        lines.append(f"{bound.name_en}: {count} camera{'s' if count > 1 else ''} every {bound.revisit_bound_s:g} s")
    return lines
