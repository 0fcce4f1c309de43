"""``patrol detect``: what the detector finds in pictures and videos."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told, tell_error
from patrol.domain.errors import InputError

if TYPE_CHECKING:  # numpy, OpenCV and OpenVINO are imported when the command runs, so that --help is quick
    import numpy as np
    import numpy.typing as npt

    from patrol.adapters.detectors import AnyDetector
    from patrol.domain.detections import Detections
    from patrol.domain.frame import Frame

TimedPixels = tuple[float, int, "npt.NDArray[np.uint8]"]
Show = Callable[[Path, int, float, "Detections"], None]

FRAMES_AT_ONCE = 8  # enough to keep every core busy; of a 4K video they are 200 MB
SHAPES_AT_ONCE = 4


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("detect")(detect)


def detect(
    files: Annotated[list[Path], typer.Argument(help="pictures and videos", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line, one for each frame")] = False,
    fps: Annotated[float | None, typer.Option(help="frames per second to look at in a video; all if not given")] = None,
    model: Annotated[str, typer.Option(help="see: patrol model list")] = "yolov8n",
    min_confidence: Annotated[float, typer.Option(min=0.0, max=1.0, help="leave out boxes less sure")] = 0.25,
    label: Annotated[list[str] | None, typer.Option(help="only this class; may be given several times")] = None,
    size: Annotated[
        int,
        typer.Option(min=32, max=4096, help="longer side of what the model sees, pixels; more finds smaller things"),
    ] = 640,
) -> None:
    """Find objects in pictures and videos; boxes are in pixels of the picture as it is in the file."""
    if fps is not None and not fps > 0:
        raise typer.BadParameter("expected a number above 0", param_hint="--fps")
    labels = _checked_labels(model, label)
    show = show_json if as_json else Table()
    with errors_told(), closing(_Detectors(model, min_confidence, labels, size)) as detectors:
        failed = asyncio.run(_detect_files(detectors, files, fps, show))
    if failed:
        raise typer.Exit(1)


def show_json(source: Path, index: int, t_s: float, detections: Detections) -> None:
    """One frame as one line."""
    boxes = [
        {"xyxy": [round(side, 1) for side in box], "label": label, "confidence": round(confidence, 4)}
        for box, label, confidence in detections
    ]
    line = {
        "source": str(source),
        "frame": index,
        "t_s": round(t_s, 3),
        "width": detections.width,
        "height": detections.height,
        "boxes": boxes,
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


class Table:
    """For people: a heading per file, a line per box; written as it comes, so a long video needs no memory."""

    def __init__(self) -> None:
        self._source: Path | None = None

    def __call__(self, source: Path, index: int, t_s: float, detections: Detections) -> None:
        """Show one frame."""
        if source != self._source:
            self._source = source
            print(f"{source}  {detections.width}x{detections.height}")
            print(f"{'time':>9}  {'frame':>6}  {'label':<14}  {'sure':>5}  {'x1':>5} {'y1':>5} {'x2':>5} {'y2':>5}")
        at = f"{t_s:8.2f}s  {index:6d}"
        for box, label, confidence in detections:
            print(f"{at}  {label:<14}  {confidence:5.2f}  {' '.join(f'{side:5.0f}' for side in box)}")
        if len(detections) == 0:
            print(f"{at}  nothing")


def _checked_labels(model: str, labels: list[str] | None) -> frozenset[str] | None:
    from patrol.adapters.model_manifests import known_classes

    known = known_classes()
    if model not in known:
        raise typer.BadParameter(f"there is no model {model!r}; there are: {', '.join(known)}", param_hint="--model")
    if unknown := sorted(set(labels or ()) - set(known[model])):
        names = ", ".join(known[model])
        raise typer.BadParameter(f"{model} does not know {', '.join(unknown)}; it knows: {names}", param_hint="--label")
    return frozenset(labels) if labels else None


class _Detectors:
    """A detector per shape of picture, made when first needed: an upright picture must not be squeezed to lie flat."""

    def __init__(self, model: str, min_confidence: float, labels: frozenset[str] | None, longest: int) -> None:
        from patrol.adapters.detectors import DetectorOptions, chosen_device
        from patrol.adapters.devices import Device
        from patrol.adapters.model_store import ensure_model

        self._longest = longest
        self._options = DetectorOptions(min_confidence=min_confidence, labels=labels, device=chosen_device(Device.AUTO))
        on_cpu = self._options.device is Device.CPU
        self._model = ensure_model(model, progress=_tell_progress, export=on_cpu)
        self._made: dict[tuple[int, int], AnyDetector] = {}

    def of(self, frame: Frame) -> AnyDetector:
        """The detector for frames of this shape; the one unused for longest makes room."""
        from patrol.adapters.detectors import make_detector
        from patrol.adapters.yolo import fitting_input_size

        size = fitting_input_size((frame.width, frame.height), self._longest)
        detector = self._made.pop(size, None) or make_detector(self._model, replace(self._options, input_size=size))
        self._made[size] = detector
        if len(self._made) > SHAPES_AT_ONCE:
            self._made.pop(next(iter(self._made))).close()
        return detector

    def close(self) -> None:
        """Close them all."""
        for detector in self._made.values():
            detector.close()


def _tell_progress(line: str) -> None:
    """For a person who waits; silent where nobody watches."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr)


def _tell_position(text: str) -> None:
    """How far it is, on one line that is written over; only where it cannot get between the results."""
    if sys.stderr.isatty() and not sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


async def _detect_files(detectors: _Detectors, files: Sequence[Path], fps: float | None, show: Show) -> int:
    """How many files could not be read, or not to their end; the others go on."""
    failed = 0
    for file in files:
        try:
            await _detect_file(detectors, file, fps, show)
        except InputError as error:
            tell_error(error)
            failed += 1
    return failed


async def _detect_file(detectors: _Detectors, file: Path, fps: float | None, show: Show) -> None:
    from patrol.adapters import stream

    frames = stream.frames_of(file, fps, None)
    problem: InputError | None = None
    batch: list[TimedPixels] = []
    while problem is None:
        batch, problem = await asyncio.to_thread(_next_batch, frames)
        if not batch:
            break
        pictures = [_frame(file, t_s, pixels) for t_s, _, pixels in batch]
        found = await detectors.of(pictures[0]).detect(pictures)
        for (t_s, index, _), detections in zip(batch, found, strict=True):
            show(file, index, t_s, detections)
        _tell_position(f"{file}: {batch[-1][0]:.1f} s")
    _tell_position("")
    if problem is not None:
        raise problem


def _next_batch(frames: Iterator[TimedPixels]) -> tuple[list[TimedPixels], InputError | None]:
    """The next few frames, none at the end, and what stopped it: frames before a break are shown all the same."""
    batch: list[TimedPixels] = []
    try:
        for frame in frames:
            batch.append(frame)
            if len(batch) == FRAMES_AT_ONCE:
                break
    except InputError as error:
        return batch, error
    return batch, None


def _frame(file: Path, t_s: float, pixels: npt.NDArray[np.uint8]) -> Frame:
    from patrol.domain.camera import CameraId
    from patrol.domain.frame import Frame

    return Frame(CameraId(str(file)), datetime.fromtimestamp(t_s, UTC), pixels)
