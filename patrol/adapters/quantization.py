"""Makes the int8 graph of a model from pictures of the place it will watch, with NNCF (an optional extra)."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from patrol.adapters.model_manifests import DETECT
from patrol.adapters.model_store import INT8_FOLDER, InstalledModel, Precision, replacing_export, writing_to
from patrol.adapters.openvino_detector import OpenVinoDetector
from patrol.adapters.openvino_runtime import import_openvino
from patrol.adapters.yolo import Reading, letterbox, overlaps
from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.errors import InputError, ModelError
from patrol.domain.frame import Frame

Picture = npt.NDArray[np.uint8]

MOST_PICTURES = 300  # what NNCF looks at by itself; bounds the memory too: 0.7 MB each at 640x384
FEWEST_PICTURES = 10
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


@dataclass(frozen=True, slots=True)
class Agreement:
    """``found`` of the ``of`` boxes were found again."""

    found: int
    of: int


@dataclass(frozen=True, slots=True)
class Quantized:
    """The graph that was made. ``pictures``: how many it was made from."""

    graph: Path
    pictures: int


def pictures_in(folder: Path) -> list[Picture]:
    """At most 300 pictures from a folder and those below it, spread evenly over what is there, (h, w, 3) BGR uint8.

    Raises InputError: no such folder, a file that is no picture after all, or too few of them.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES)
    if len(files) < FEWEST_PICTURES:
        raise InputError(f"{folder} holds {len(files)} pictures; at least {FEWEST_PICTURES} are needed")
    chosen = np.linspace(0, len(files) - 1, min(len(files), MOST_PICTURES)).round().astype(int)
    return [_read_picture(files[index]) for index in chosen]


def require_nncf() -> None:
    """Raises ModelError, saying how to get it, where NNCF is not installed."""
    if importlib.util.find_spec("nncf") is None:
        raise ModelError("quantising needs NNCF, which is not installed; get it with: make install-quantize")


def held_out(pictures: Iterable[Picture]) -> tuple[list[Picture], list[Picture]]:
    """At most 300 pictures as (to learn from, to check on): every fifth is for checking."""
    taken = list(islice(pictures, MOST_PICTURES))
    return [picture for index, picture in enumerate(taken) if index % 5 != 4], taken[4::5]


def quantize(
    model: InstalledModel,
    pictures: Iterable[Picture],
    folder: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Quantized:
    """Make, or replace, the int8 graph of an exported model. Takes a minute or so on two cores.

    ``pictures``: (h, w, 3) BGR uint8 of any size, as the cameras send them; at most 300 are used. ``folder``: where
    the graph goes, new or empty; None for the model's own, where detectors find it.
    Raises ModelError: NNCF or the export is missing, or NNCF failed; InputError: too few pictures.
    """
    require_nncf()
    if model.manifest.task != DETECT:
        raise ModelError(f"{model.manifest.name} is no detector; only detectors are quantised")
    if model.openvino_f32 is None:
        raise ModelError(f"{model.manifest.name} is not exported for CPUs; run: patrol model get {model.manifest.name}")
    fitted = [letterbox(picture, model.manifest.input_size)[0] for picture in islice(pictures, MOST_PICTURES)]
    if len(fitted) < FEWEST_PICTURES:
        raise InputError(f"{len(fitted)} pictures came; at least {FEWEST_PICTURES} are needed")
    progress(f"quantising {model.manifest.name} with {len(fitted)} pictures")
    if folder is not None and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder; nothing is overwritten there")
    folder = folder or model.folder / INT8_FOLDER
    with writing_to(model.folder), replacing_export(folder, model.manifest, pictures=len(fitted)) as graph:
        _write_int8(model.openvino_f32, graph, fitted)
    return Quantized(folder / graph.name, len(fitted))


async def agreement(model: InstalledModel, graph: Path, pictures: Sequence[Picture]) -> Agreement:
    """How many of the boxes that the model finds in f32 the quantised ``graph`` finds as well."""
    frames = [Frame(CameraId("check"), datetime.now(UTC), picture) for picture in pictures]
    reading = Reading(model.manifest.classes)
    results = []
    for precision in (Precision.F32, Precision.INT8):
        with closing(OpenVinoDetector(replace(model, openvino_int8=graph), reading, precision=precision)) as detector:
            results.append(await detector.detect(frames))
    found = sum(_found_again(expected, got) for expected, got in zip(*results, strict=True))
    return Agreement(found, sum(map(len, results[0])))


def _found_again(expected: Detections, got: Detections) -> int:
    """How many boxes of ``expected`` have one of their class in ``got`` that overlaps by more than half."""
    if len(expected) == 0 or len(got) == 0:
        return 0
    alike = overlaps(expected.xyxy, got.xyxy) > 0.5
    alike &= expected.class_id[:, np.newaxis] == got.class_id
    return int(alike.any(axis=1).sum())


def as_network_input(fitted: Picture) -> npt.NDArray[np.float32]:
    """(h, w, 3) BGR uint8 -> (1, 3, h, w) RGB float32 0..1, as the exported graph takes it."""
    planes = fitted[np.newaxis, :, :, ::-1].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(planes, np.float32) / np.float32(255)


def _write_int8(source: Path, graph: Path, fitted: Sequence[Picture]) -> None:
    openvino = import_openvino()  # before NNCF imports it: silent
    import nncf

    logging.getLogger("nncf").setLevel(logging.ERROR)  # its own way sets the level of every handler, others' too
    network = openvino.Core().read_model(source)
    dataset = nncf.Dataset(fitted, as_network_input)
    try:
        with redirect_stdout(sys.stderr):  # NNCF draws its progress there; stdout is for results
            quantized = nncf.quantize(
                network,
                dataset,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(fitted),
                ignored_scope=nncf.IgnoredScope(names=_to_leave_as_they_are(network)),
            )
    except (nncf.ValidationError, nncf.UnsupportedModelError, RuntimeError) as error:
        raise ModelError(f"NNCF could not quantise the model: {error}") from error
    openvino.save_model(quantized, graph, compress_to_fp16=False)


def _to_leave_as_they_are(network: Any) -> list[str]:
    """The names of the operations that int8 would cost boxes: the sigmoids, and the head's arithmetic after its
    convolutions, where coordinates are made. The convolutions themselves may go (keeping them too found no more boxes
    and cost a tenth of the speed).

    The head is the last module of the network; the last sigmoid is in it, and its name tells the module's.
    """
    operations = network.get_ordered_ops()
    names = [(operation.get_friendly_name(), operation.get_type_name()) for operation in operations]
    head = next(name for name, kind in reversed(names) if kind == "Sigmoid").split("/", 1)[0]
    return [name for name, kind in names if kind == "Sigmoid" or name.startswith((f"{head}/", f"{head}.dfl"))]


def _read_picture(file: Path) -> Picture:
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{file} is not a picture that can be read")
    return np.asarray(picture, np.uint8)
