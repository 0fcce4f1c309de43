"""TensorRT engines for the GPU detector, where TensorRT is installed: built once, kept beside the weights.

An engine fits one card and one set of versions, so its name says for which it was built. It has run on no card of ours
yet; what goes wrong in building or loading one is a ModelError, and the detector then does without.
``python -m patrol.adapters.tensorrt_engine WEIGHTS ENGINE WIDTH HEIGHT BATCH`` builds one, in a process of its own.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patrol.adapters.model_store import InstalledModel, quiet_ultralytics, writing_to
from patrol.domain.errors import ModelError

ENGINE_FOLDER = "tensorrt"
BUILD_TIMEOUT_S = 550.0  # below the time another start waits for the folder's lock
NEEDED = ("tensorrt", "onnx")  # Ultralytics goes from torch to ONNX to TensorRT


@dataclass(frozen=True, slots=True)
class EngineKind:
    """What an engine is for. ``card``: the GPU as its driver names it. ``input_size``: (width, height). ``batch``: the
    most pictures at once."""

    card: str
    input_size: tuple[int, int]
    batch: int


Build = Callable[[Path, Path, EngineKind], None]


def missing_for_tensorrt() -> str | None:
    """What keeps an engine from being built here, or None."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} not installed" if missing else None


def have_engine(model: InstalledModel, kind: EngineKind, build: Build | None = None) -> Path:
    """The engine's file, built now if there is none: minutes, once for a card and a set of versions.

    ``build(weights, engine, kind)`` writes the file. Raises ModelError.
    """
    folder = model.folder / ENGINE_FOLDER
    engine = folder / f"{_fingerprint(model, kind)}.engine"
    with writing_to(model.folder):
        if not engine.is_file():
            folder.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
                fresh = Path(scratch) / engine.name
                (build or build_engine)(model.weights, fresh, kind)
                fresh.rename(engine)
    return engine


def _fingerprint(model: InstalledModel, kind: EngineKind) -> str:
    """Of everything that an engine depends on: the weights, the card, the size, and who built it."""
    versions = [f"{name} {_version(name)}" for name in (*NEEDED, "torch", "ultralytics-opencv-headless")]
    facts = "\n".join([model.manifest.sha256, repr(kind), *versions])
    return hashlib.sha256(facts.encode()).hexdigest()[:24]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def build_engine(weights: Path, engine: Path, kind: EngineKind) -> None:
    """Build ``engine`` from ``weights``, in a process that ends with all the memory it took. Raises ModelError."""
    size = [*map(str, kind.input_size), str(kind.batch)]
    module = "patrol.adapters.tensorrt_engine"
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, str(weights.resolve()), str(engine.resolve()), *size],
            cwd=engine.parent,
            env=os.environ | quiet_ultralytics(weights.parent),
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"the TensorRT engine was not built within {BUILD_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0 or not engine.is_file():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ModelError(f"the TensorRT engine could not be built: {said[-1] if said else 'no reason given'}")


def main(weights: Path, engine: Path, width: int, height: int, batch: int) -> None:
    """Half precision, any number of pictures up to ``batch``."""
    from ultralytics import YOLO

    # Ultralytics writes beside the weights, so they are copied to where it may write.
    copy = Path(shutil.copy(weights, engine.parent / "model.pt"))
    made = YOLO(copy).export(
        format="engine", imgsz=(height, width), batch=batch, dynamic=True, quantize=16, device=0, verbose=False
    )
    Path(made).rename(engine)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
