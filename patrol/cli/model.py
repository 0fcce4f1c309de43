"""``patrol model``: get, list, measure and quantise model files."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import errors_told
from patrol.cli.progressing import progress_on_stderr

if TYPE_CHECKING:  # numpy, OpenCV and OpenVINO are imported when a command runs, so that --help is quick
    from patrol.adapters.benchmark import Measurement
    from patrol.adapters.model_store import InstalledModel, ModelStatus
    from patrol.adapters.quantization import Picture

CAMERAS = "cameras"
CameraPictures = Callable[[Path, int], "Iterable[Picture]"]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
Name = Annotated[str, typer.Argument(help="see: patrol model list")]


def register(app: typer.Typer, camera_pictures: CameraPictures | None = None) -> None:
    """Add the commands to the main app.

    ``camera_pictures(config, at_most)``: live pictures of the cameras in a configuration file, each (h, w, 3) BGR
    uint8; without it ``quantize --from cameras`` is refused.
    """
    commands = typer.Typer(no_args_is_help=True, help="Get, list, measure and quantise model files.")
    commands.command("get")(get)
    commands.command("list")(list_models)
    commands.command("bench")(bench)
    commands.command("quantize")(_quantize_command(camera_pictures))
    app.add_typer(commands, name="model")


def get(
    name: Name = "yolov8n",
    folder: Annotated[Path | None, typer.Option("--from", help="a folder in which the file lies as published")] = None,
) -> None:
    """Have a model on disk: fetch it, check its hash, export it for this machine's CPU where it needs that."""
    with errors_told():
        installed = _have(name, folder)
    exported = f" and {installed.openvino_f32}" if installed.openvino_f32 is not None else ""
    print(f"{name} is installed: {installed.weights}{exported}")


def list_models(as_json: AsJson = False) -> None:
    """Every model Patrol knows, and whether it is there."""
    from patrol.adapters.model_manifests import known_models
    from patrol.adapters.model_store import ModelState, model_status, models_directory

    directory = models_directory()
    statuses = [model_status(manifest, directory) for manifest in known_models().values()]
    if as_json:
        print(json.dumps([_status_as_json(status) for status in statuses], indent=2))
        return
    _print_table(
        ("model", "task", "state", "exported for CPU", "size", "input", "licence"),
        [
            (
                status.manifest.name,
                status.manifest.task,
                status.state.value,
                ", ".join(status.exports) or ("-" if status.manifest.needs_export else "as it is"),
                f"{status.manifest.bytes / 1e6:.1f} MB",
                "x".join(map(str, status.manifest.input_size)),
                status.manifest.licence,
            )
            for status in statuses
        ],
    )
    for status in statuses:
        if status.state is ModelState.NOT_INSTALLED and status.manifest.address is None:
            manifest = status.manifest
            print(f"{manifest.name} is {manifest.origin}; to have it: patrol model get {manifest.name} --from FOLDER")


def bench(
    name: Name = "yolov8n",
    seconds: Annotated[float, typer.Option(min=0.1, help="how long to measure each line")] = 3.0,
    as_json: AsJson = False,
) -> None:
    """Measure how fast this machine's CPU runs it, per precision and input size, with all cores and with one thread."""
    from patrol.adapters.benchmark import measure_all, measure_density
    from patrol.adapters.model_manifests import DENSITY, manifest_of

    with errors_told():
        model = _have(name)
        measure = measure_density if manifest_of(name).task == DENSITY else measure_all
        measurements = measure(model, seconds, progress=_tell)
    if as_json:
        print(json.dumps([_measurement_as_json(measurement) for measurement in measurements], indent=2))
        return
    _print_table(
        ("input", "precision", "threads", "frames/s", "ms per frame", "processor-ms per frame"),
        [
            (
                "x".join(map(str, measurement.input_size)),
                measurement.precision.value,
                "all" if measurement.threads is None else str(measurement.threads),
                f"{measurement.frames_per_s:.1f}",
                f"{1000 / measurement.frames_per_s:.1f}",
                f"{measurement.processor_ms:.1f}",
            )
            for measurement in measurements
        ],
    )


def _quantize_command(camera_pictures: CameraPictures | None) -> Callable[..., None]:
    def quantize(
        name: Name = "yolov8n",
        source: Annotated[
            str, typer.Option("--from", help="a folder of pictures, or the word cameras", show_default=False)
        ] = "",
        config: Annotated[Path | None, typer.Option(help="with --from cameras: the configuration file")] = None,
        out: Annotated[Path | None, typer.Option(help="folder to write to, instead of the model's own")] = None,
    ) -> None:
        """Make the int8 graph of a model from pictures of the place it will watch."""
        pictures = _pictures_from(source, config, camera_pictures)
        from patrol.adapters.quantization import agreement, held_out, quantize, require_nncf

        with errors_told():
            require_nncf()
            model = _have(name)
            learn_from, check_on = held_out(pictures())
            made = quantize(model, learn_from, folder=out, progress=_tell)
            same = asyncio.run(agreement(model, made.graph, check_on))
        print(f"{made.graph}: made from {made.pictures} pictures")
        print(f"On {len(check_on)} others it finds {same.found} of the {same.of} boxes that f32 finds.")

    return quantize


def _pictures_from(
    source: str, config: Path | None, camera_pictures: CameraPictures | None
) -> Callable[[], Iterable[Picture]]:
    """How to get the pictures, later: a wrong option is told before anything is fetched."""
    from patrol.adapters.quantization import MOST_PICTURES, pictures_in

    if not source:
        raise typer.BadParameter("give a folder of pictures, or: --from cameras --config FILE", param_hint="--from")
    if source != CAMERAS:
        return lambda: pictures_in(Path(source))
    if camera_pictures is None:
        raise typer.BadParameter("live pictures cannot be had here; give a folder of pictures", param_hint="--from")
    if config is None:
        raise typer.BadParameter("--from cameras needs a configuration file", param_hint="--config")
    return lambda: camera_pictures(config, MOST_PICTURES)


def _status_as_json(status: ModelStatus) -> dict[str, Any]:
    manifest = status.manifest
    return {
        "name": manifest.name,
        "task": manifest.task,
        "state": status.state.value,
        "exports": [precision.value for precision in status.exports],
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "input_size": list(manifest.input_size),
        "licence": manifest.licence,
        "classes": len(manifest.classes),
    }


def _measurement_as_json(measurement: Measurement) -> dict[str, Any]:
    return {
        "input_size": list(measurement.input_size),
        "precision": measurement.precision.value,
        "threads": measurement.threads,
        "frames": measurement.frames,
        "frames_per_s": round(measurement.frames_per_s, 2),
        "ms_per_frame": round(1000 / measurement.frames_per_s, 2),
        "processor_ms_per_frame": round(measurement.processor_ms, 2),
    }


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _have(name: str, folder: Path | None = None) -> InstalledModel:
    """The model, fetched and exported if need be, with a line for each step and a bar that moves."""
    from patrol.adapters.model_store import ensure_model

    with progress_on_stderr("{task.fields[bytes]}") as bar:
        task = bar.add_task(name, total=None, bytes="")

        def tell(line: str) -> None:
            _tell(line)
            bar.update(task, total=None, bytes="")  # how long a step takes is not known before it moves

        def received(came: int, of: int) -> None:
            bar.update(task, completed=came, total=of, bytes=f"{came / 1e6:.1f} of {of / 1e6:.1f} MB")

        return ensure_model(name, progress=tell, received=received, folder=folder)


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
