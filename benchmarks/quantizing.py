"""Makes the int8 graph that the benchmarks run with, from pictures of their own clips, unless it is there already.

It lies in a folder of models of its own (``var/benchmarks/models``), so that what else runs in this checkout keeps the
detector it has. Needs NNCF (``make install-quantize``). With ``--check`` it makes nothing: exit code 1 says it is
missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2

from benchmarks.clips import CACHE, have_clips, key_pictures
from benchmarks.patrol_under_test import BENCHMARK_MODELS, ROOT
from patrol.adapters.model_manifests import manifest_of
from patrol.adapters.model_store import Precision, model_status, models_directory

MODEL = "yolov8n"
PICTURES = CACHE / "pictures"


def is_there() -> bool:
    """Whether the benchmarks have their int8 graph."""
    return Precision.INT8 in model_status(manifest_of(MODEL), BENCHMARK_MODELS).exports


def write_pictures(folder: Path) -> int:
    """The key frames of all clips, in the way visits see them; returns how many."""
    clips = have_clips()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = 0
    for clip in sorted({stretch.clip for stretch in clips.ordinary}):
        for number, picture in enumerate(key_pictures(clips.pack(clip))):
            cv2.imwrite(str(folder / f"{Path(clip).stem}-{number:03d}.png"), picture)
            count += 1
    return count


def take_weights() -> None:
    """A copy of the weights and the float graph, where Patrol has them already."""
    there = models_directory() / MODEL
    if there.is_dir() and not (BENCHMARK_MODELS / MODEL).exists():
        shutil.copytree(there, BENCHMARK_MODELS / MODEL)


def main() -> int:
    """Make it, or say whether it is there."""
    if is_there() or "--check" in sys.argv[1:]:
        return 0 if is_there() else 1
    print(f"{write_pictures(PICTURES)} pictures in {PICTURES}", flush=True)
    take_weights()
    command = [sys.executable, "-m", "patrol", "model", "quantize", MODEL, "--from", str(PICTURES)]
    environment = os.environ | {"PATROL_MODELS": str(BENCHMARK_MODELS)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
