"""Which detector this machine gets."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patrol.adapters.devices import Device
from patrol.adapters.fire_head import FireHead, UnknownLayerError, head_for
from patrol.adapters.model_store import DEFAULT_MODEL, InstalledModel, Precision, ensure_model
from patrol.adapters.openvino_detector import LANES, OpenVinoDetector
from patrol.adapters.ultralytics_detector import UltralyticsDetector
from patrol.adapters.yolo import Reading, reading_of
from patrol.domain.errors import ModelError

AnyDetector = OpenVinoDetector | UltralyticsDetector


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How to detect.

    ``input_size``: (width, height) of the network's input, multiples of 32, None for the model's own.
    ``min_confidence``: 0..1. ``max_overlap``: intersection over union above which two boxes of a class are one
    object. ``labels``: the only classes to report, None for all. ``threads``: for the CPU, None for all cores.
    ``lanes``: batches under way at once on it; each costs memory. ``tells_fire``: whether a rule asks for fire or
    smoke, so that the network also says where it looks like it.
    """

    input_size: tuple[int, int] | None = None
    min_confidence: float = 0.25
    max_overlap: float = 0.7
    labels: frozenset[str] | None = None
    precision: Precision = Precision.AUTO
    device: Device = Device.AUTO
    threads: int | None = None
    lanes: int = LANES
    tells_fire: bool = False


def chosen_device(asked: Device) -> Device:
    """``asked``, or for AUTO what there is. Raises ModelError for CUDA where there is none. May import torch: slow."""
    if asked is Device.CPU:
        return Device.CPU
    if has_cuda():
        return Device.CUDA
    if asked is Device.CUDA:
        raise ModelError("no CUDA device answers; use device cpu or auto")
    return Device.CPU


def has_cuda() -> bool:
    """Whether torch can use a GPU. torch, slow to import, is not even asked where no trace of a driver is found."""
    if not nvidia_driver_seen():
        return False
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def nvidia_driver_seen(devices: Path = Path("/dev")) -> bool:
    """Whether there is a device file or the driver's own tool."""
    return any(devices.glob("nvidia[0-9]*")) or shutil.which("nvidia-smi") is not None


def make_detector(
    model: InstalledModel, options: DetectorOptions, progress: Callable[[str], None] = lambda line: None
) -> AnyDetector:
    """The detector for ``options``. Blocks for a second or so. Raises ModelError."""
    reading = reading_of(model.manifest.classes, options.min_confidence, options.max_overlap, options.labels)
    device = chosen_device(options.device)
    head = _fire_head(model, device, progress) if options.tells_fire else None
    if device is Device.CUDA:
        return UltralyticsDetector(model, reading, input_size=options.input_size)
    try:
        return _on_cpu(model, reading, options, head)
    except UnknownLayerError as error:
        progress(f"{BY_COLOUR_ALONE}: {error}")
        return _on_cpu(model, reading, options, None)


BY_COLOUR_ALONE = "fire and smoke are told by colour alone, and less surely"


def _fire_head(model: InstalledModel, device: Device, progress: Callable[[str], None]) -> FireHead | None:
    """What tells fire and smoke on this network; None, and said so, where there is none."""
    head = head_for(model.manifest.sha256)
    if device is Device.CUDA:
        progress(f"{BY_COLOUR_ALONE}: the network tells them on CPUs, not yet on CUDA")
        return None
    if head is None:
        progress(f"{BY_COLOUR_ALONE}: nothing was fitted for the weights of {model.manifest.name}")
    return head


def _on_cpu(model: InstalledModel, reading: Reading, options: DetectorOptions, head: FireHead | None) -> AnyDetector:
    return OpenVinoDetector(
        model,
        reading,
        input_size=options.input_size,
        precision=options.precision,
        threads=options.threads,
        lanes=options.lanes,
        head=head,
    )


def open_detector(
    options: DetectorOptions,
    name: str = DEFAULT_MODEL,
    models_dir: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> AnyDetector:
    """Have the model (fetched and exported if need be), then make its detector. Blocks. Raises ModelError."""
    on_cpu = chosen_device(options.device) is Device.CPU
    return make_detector(ensure_model(name, models_dir, progress, export=on_cpu), options, progress)
