"""Model files on disk: where they lie, that they are the right ones, and their exports.

``models/yolov8n/yolov8n.pt`` is the file as published, its hash checked before anything reads it (a ``.pt`` file is a
pickle: loading a wrong one runs its code). ``models/yolov8n/openvino/`` is its export for CPUs, made once and made
again when the file or OpenVINO's major version changes, or when it is not what was written then.
``models/yolov8n/openvino-int8/`` is there if it was asked for. An ``.onnx`` file is read as it is, and needs no export.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from patrol.adapters.model_fetching import Received, fetch, last_line, sha256_of
from patrol.adapters.model_manifests import ModelManifest, manifest_of
from patrol.domain.errors import ModelError

DEFAULT_MODEL = "yolov8n"
MODELS_VARIABLE = "PATROL_MODELS"
EXPORT_FOLDER = "openvino"
INT8_FOLDER = "openvino-int8"
RECORD_FILE = "export.json"
GRAPH_FILE = "model.xml"

EXPORT_TIMEOUT_S = 300.0
LOCK_TIMEOUT_S = 600.0
LOCK_POLL_S = 0.2


class Precision(StrEnum):
    """What the numbers inside the network are; AUTO: the fastest that the model and the CPU have."""

    AUTO = "auto"
    F32 = "f32"
    BF16 = "bf16"
    INT8 = "int8"


class ModelState(StrEnum):
    """Where a model stands on this machine."""

    INSTALLED = "installed"
    NOT_INSTALLED = "not installed"
    WRONG_HASH = "wrong hash"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model that can be loaded: its weights' hash was right a moment ago.

    ``openvino_f32``: the exported graph, None where no export was asked for. ``openvino_int8``: the quantised graph,
    None unless it was made from these very weights.
    """

    manifest: ModelManifest
    folder: Path
    weights: Path
    openvino_f32: Path | None
    openvino_int8: Path | None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of ``patrol model list``. ``exports``: the graphs that are there and fit the weights."""

    manifest: ModelManifest
    state: ModelState
    exports: tuple[Precision, ...]


def models_directory(override: Path | None = None) -> Path:
    """Where model files lie: ``override``, else ``PATROL_MODELS``, else ``models/`` below the working directory."""
    return override or Path(os.environ.get(MODELS_VARIABLE) or "models")


def model_status(manifest: ModelManifest, models_dir: Path) -> ModelStatus:
    """What is there of a model, changing nothing."""
    weights = models_dir / manifest.name / manifest.file
    if not weights.is_file():
        return ModelStatus(manifest, ModelState.NOT_INSTALLED, ())
    if sha256_of(weights) != manifest.sha256:
        return ModelStatus(manifest, ModelState.WRONG_HASH, ())
    graphs = ((Precision.F32, EXPORT_FOLDER), (Precision.INT8, INT8_FOLDER))
    folder = models_dir / manifest.name
    exports = tuple(precision for precision, name in graphs if fitting_graph(folder / name, manifest) is not None)
    return ModelStatus(manifest, ModelState.INSTALLED, exports)


def installed_model(name: str = DEFAULT_MODEL, models_dir: Path | None = None) -> InstalledModel:
    """The model as it lies on disk, fetching nothing. Raises ModelError if it is not there or not the right file."""
    manifest = manifest_of(name)
    directory = models_directory(models_dir)
    state = model_status(manifest, directory).state
    if state is ModelState.NOT_INSTALLED:
        raise ModelError(f"{name} is not installed in {directory}; get it with: patrol model get {name}")
    if state is ModelState.WRONG_HASH:
        raise _wrong_hash(directory / name / manifest.file, manifest)
    return _as_installed(manifest, directory / name)


def ensure_model(
    name: str = DEFAULT_MODEL,
    models_dir: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
    *,
    export: bool = True,
    received: Received = lambda came, of: None,
    folder: Path | None = None,
) -> InstalledModel:
    """Have the model on disk, fetched and exported if need be. Blocks: seconds, at worst minutes, never for ever.

    ``progress`` hears one short line per step, ``received`` how far a download is. ``export``: also make the graph for
    CPUs; a GPU does without. ``folder``: look there first for the file as published.
    Raises ModelError: no such model, a wrong hash, no source answered, or the export failed.
    """
    exporting = export_graph if export else None
    return install(manifest_of(name), models_directory(models_dir), progress, exporting, received, folder)


def install(
    manifest: ModelManifest,
    models_dir: Path,
    progress: Callable[[str], None],
    export: Callable[[ModelManifest, Path, Path], None] | None,
    received: Received = lambda came, of: None,
    source: Path | None = None,
) -> InstalledModel:
    """``ensure_model`` for a manifest in hand. ``export(manifest, weights, graph)`` writes the graph; None: no export.

    Two starts at once do not clash: the second waits for the first and finds its work done.
    """
    folder = models_dir / manifest.name
    weights = folder / manifest.file
    with writing_to(folder):
        if not weights.exists():
            fetch(manifest, folder, progress, received, source)
        elif sha256_of(weights) != manifest.sha256:
            raise _wrong_hash(weights, manifest)
        if export is not None and manifest.needs_export and fitting_graph(folder / EXPORT_FOLDER, manifest) is None:
            if (folder / EXPORT_FOLDER).exists():
                progress(f"the export of {manifest.name} that is there does not fit or was changed; it is made again")
            progress(f"exporting {manifest.name} for this machine's CPU, once")
            with replacing_export(folder / EXPORT_FOLDER, manifest) as graph:
                export(manifest, weights, graph)
        model = _as_installed(manifest, folder)
    if model.openvino_int8 is None and (folder / INT8_FOLDER).exists():
        progress(f"the int8 graph of {manifest.name} does not fit or was changed; make it again or delete it")
    return model


def fitting_graph(folder: Path, manifest: ModelManifest) -> Path | None:
    """The graph in an export's folder, or None if there is none made from these weights for this OpenVINO.

    A graph that is not, byte for byte, what the export wrote is none either.
    """
    graph = folder / GRAPH_FILE
    if not (graph.is_file() and graph.with_suffix(".bin").is_file()):
        return None
    made_from = _read_record(folder / RECORD_FILE)
    same_weights = made_from.get("source_sha256") == manifest.sha256
    same_major = _major(str(made_from.get("openvino"))) == _major(importlib.metadata.version("openvino"))
    fits = same_weights and same_major and made_from.get("sha256") == _graph_hashes(graph)
    return graph if fits else None


@contextmanager
def replacing_export(folder: Path, manifest: ModelManifest, **facts: Any) -> Iterator[Path]:
    """Yields the path to write a graph to; on success it becomes ``folder``, with a record of what it was made from.

    The folder appears whole or not at all; what lay there before stays until then. ``facts`` go into the record.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        fresh = Path(scratch) / folder.name
        fresh.mkdir()
        yield fresh / GRAPH_FILE
        record = {
            "source_sha256": manifest.sha256,
            "openvino": importlib.metadata.version("openvino"),
            "sha256": _graph_hashes(fresh / GRAPH_FILE),
            **facts,
        }
        (fresh / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        fresh.rename(folder)


def export_graph(manifest: ModelManifest, weights: Path, graph: Path) -> None:
    """Write the graph for CPUs beside ``graph`` (.xml and .bin), with free batch, height and width.

    In a process of its own: torch's hundreds of megabytes never enter the service. Raises ModelError.
    """
    command = [sys.executable, "-m", "patrol.adapters.openvino_export", str(weights.resolve()), str(graph.resolve())]
    try:
        done = subprocess.run(
            command,
            cwd=graph.parent,
            env=os.environ | quiet_ultralytics(weights.parent),
            capture_output=True,
            text=True,
            timeout=EXPORT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"the export of {manifest.name} took longer than {EXPORT_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0 or not graph.is_file():
        raise ModelError(f"the export of {manifest.name} failed: {last_line(done.stderr or done.stdout)}")


def quiet_ultralytics(folder: Path) -> dict[str, str]:
    """The environment in which Ultralytics installs nothing, sends nothing, and keeps its settings in ``folder``."""
    return {
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
        "YOLO_VERBOSE": "false",
        "YOLO_CONFIG_DIR": str(folder.resolve()),
    }


def _graph_hashes(graph: Path) -> dict[str, str]:
    """The SHA-256 of a graph's two files, by their names."""
    return {file.name: sha256_of(file) for file in (graph, graph.with_suffix(".bin"))}


def _read_record(file: Path) -> dict[str, Any]:
    """What an export was made from; empty where that cannot be told."""
    try:
        record = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _as_installed(manifest: ModelManifest, folder: Path) -> InstalledModel:
    return InstalledModel(
        manifest=manifest,
        folder=folder,
        weights=folder / manifest.file,
        openvino_f32=fitting_graph(folder / EXPORT_FOLDER, manifest),
        openvino_int8=fitting_graph(folder / INT8_FOLDER, manifest),
    )


def _wrong_hash(weights: Path, manifest: ModelManifest) -> ModelError:
    return ModelError(
        f"{weights} is not {manifest.name}: expected SHA-256 {manifest.sha256}, got {sha256_of(weights)}.\n"
        f"Delete the file and run: patrol model get {manifest.name}"
    )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, across processes; the kernel frees it should the holder die."""
    give_up_at = time.monotonic() + LOCK_TIMEOUT_S
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise ModelError(
            f"cannot write to {folder} ({error.strerror}); set {MODELS_VARIABLE} to a folder that can be written"
        ) from error
    with lock:
        while not _try_lock(lock):
            if time.monotonic() > give_up_at:
                raise ModelError(f"another start has held {folder}/.lock for {LOCK_TIMEOUT_S:.0f} s; end it first")
            time.sleep(LOCK_POLL_S)
        yield


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _major(version: str) -> str:
    return version.partition(".")[0]
