"""``patrol calibrate``: metres on the ground of a camera's picture, so that alerts can say people per m² and speeds."""

from __future__ import annotations

import asyncio
import base64
import html as escaping
import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told
from patrol.domain.errors import InputError

if TYPE_CHECKING:  # imported when the command runs, so that --help is quick
    import numpy as np
    import numpy.typing as npt

    from patrol.config import Configuration
    from patrol.domain.calibrating import Calibration, PickedPoint
    from patrol.domain.camera import Camera

    Pixels = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]

LOOK_EVERY_S = 2.0  # at a live camera: long enough that people have moved on
MOST_PEOPLE = 5000
SURE = 0.5  # a box must fit its person well
DECIMALS = 4  # of shares of the picture: a tenth of a pixel

Png = Annotated[Path | None, typer.Option("--png", help="write the picture with the grid on its ground there")]
Html = Annotated[Path | None, typer.Option("--html", help="write a page with that picture and all figures there")]


def register(app: typer.Typer) -> None:
    """Add the commands to the main app."""
    commands = typer.Typer(no_args_is_help=True, help="Calibrate a camera: metres on the ground of its picture.")
    commands.command("points")(points)
    commands.command("heights")(heights)
    app.add_typer(commands, name="calibrate")


def points(
    still: Annotated[Path, typer.Argument(help="a picture of the camera, or a recording", show_default=False)],
    point: Annotated[
        list[str] | None,
        typer.Option("--point", help="X,Y=EAST,NORTH: shares of the picture, or pixels, and metres; four or more"),
    ] = None,
    file: Annotated[Path | None, typer.Option("--points", help="a YAML file with points as in cameras.yaml")] = None,
    png: Png = None,
    html: Html = None,
) -> None:
    """From four points of the ground or more, whose places were measured from any one of them.

    Prints how far each point is off, and what to paste into the configuration.
    """
    from patrol.domain.calibrating import from_points

    with errors_told():
        pixels = _still(still)
        picked = [*(_point(text, pixels) for text in point or ()), *(_points_in(file) if file is not None else ())]
        found = from_points(picked)
        rows = [
            (f"{n}", f"{one.at[0]:.4f}, {one.at[1]:.4f}", f"{one.metres[0]:g}, {one.metres[1]:g}", f"{off:.2f} m")
            for n, (one, off) in enumerate(zip(picked, found.residuals, strict=True), 1)
        ]
        said = [] if len(picked) > 4 else ["four points always fit: a fifth shows whether one of them is wrong"]
        _tell(found, ("point", "in the picture", "metres", "off by"), rows, said, yaml_of(picked))
        _show(pixels, found, [one.at for one in picked], png, html, rows)


def heights(
    recording: Annotated[
        Path | None, typer.Argument(help="a recording of some minutes; or give --camera", show_default=False)
    ] = None,
    camera: Annotated[str | None, typer.Option("--camera", help="watch this camera, live")] = None,
    config: Annotated[Path, typer.Option("--config", help="the file with that camera")] = Path("configs/cameras.yaml"),
    minutes: Annotated[float, typer.Option(min=0.1, max=120, help="for how long")] = 5.0,
    view_deg: Annotated[
        float | None, typer.Option(min=5, max=170, help="horizontal angle of view; the camera's own if left out")
    ] = None,
    mean_height_m: Annotated[float, typer.Option(min=1.0, max=2.2, help="of the people there, with shoes")] = 1.7,
    png: Png = None,
    html: Html = None,
) -> None:
    """From how tall people look near and far, seen over some minutes. Needs a camera that hangs level.

    Prints how well people's heights agree, and what to paste into the configuration.
    """
    from patrol.domain.calibrating import View, from_heights

    if (recording is None) == (camera is None):
        raise typer.BadParameter("expected a recording or --camera, one of them", param_hint="RECORDING")
    if recording is not None and view_deg is None:
        raise typer.BadParameter("a recording does not say how wide the camera sees", param_hint="--view-deg")
    with errors_told():
        if recording is not None:
            people, pixels = asyncio.run(_people(_recorded(recording, minutes)))
        else:
            configuration = _configuration(config)
            chosen = _camera(configuration, camera or "")
            view_deg = view_deg or chosen.view_deg
            people, pixels = asyncio.run(_people(_live(configuration, chosen, minutes)))
        view = View(pixels.shape[1] / pixels.shape[0], view_deg or 0.0)
        found = from_heights(people, view, mean_height_m)
        corners = corners_of(found)
        off = abs(found.residuals[found.used])
        rows = [
            ("people seen", f"{len(people)}"),
            ("of them used", f"{int(found.used.sum())}"),
            ("their heights differ from the plane's by", f"{_median(off):.0%} (median), {_ninth(off):.0%} (9 of 10)"),
        ]
        said = [f"taken for {mean_height_m:g} m tall on average, and the view for {view_deg:g} degrees wide"]
        _tell(found, ("what", ""), rows, said, yaml_of(corners, found.error))
        _show(pixels, found, [one.at for one in corners], png, html, rows)


def yaml_of(picked: Sequence[PickedPoint], error: float | None = None) -> str:
    """What to paste under a camera. ``error``: of lengths, where they were not measured by hand."""
    lines = ["ground:", "  points:"]
    for one in picked:
        at = ", ".join(f"{side:.{DECIMALS}f}" for side in one.at)
        lines.append(f"    - {{at: [{at}], metres: [{one.metres[0]:.2f}, {one.metres[1]:.2f}]}}")
    return "\n".join([*lines, *([f"  error: {error:.2f}"] if error is not None else [])])


def corners_of(found: Calibration) -> list[PickedPoint]:
    """Four points of the picture around what was calibrated, with where they are on the plane that was found."""
    import numpy as np

    from patrol.domain.calibrating import PickedPoint

    where = np.array(found.where)
    (left, top), (right, bottom) = where.min(axis=0), where.max(axis=0)
    at = np.round([(left, bottom), (right, bottom), (right, top), (left, top)], DECIMALS)
    metres = found.plane.on_ground(at)
    return [
        PickedPoint((float(x), float(y)), (float(east), float(north)))
        for (x, y), (east, north) in zip(at, metres - metres[0], strict=True)
    ]


def _still(file: Path) -> Pixels:
    from patrol.adapters.stream import frames_of

    return next(frames_of(file, None, None))[2]


def _point(text: str, pixels: Pixels) -> PickedPoint:
    from patrol.domain.calibrating import PickedPoint

    try:
        (x, y), (east, north) = (map(float, half.split(",")) for half in text.split("="))
    except ValueError:
        raise InputError(f"--point {text!r}: expected X,Y=EAST,NORTH, such as 0.2,0.9=0,0") from None
    if max(x, y) > 1:
        x, y = x / pixels.shape[1], y / pixels.shape[0]
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise InputError(f"--point {text!r}: expected a point in the picture, {pixels.shape[1]}x{pixels.shape[0]}")
    return PickedPoint((x, y), (east, north))


def _points_in(file: Path) -> list[PickedPoint]:
    """Points as they stand in a configuration, alone or under ``points`` or ``ground``."""
    import yaml
    from pydantic import TypeAdapter, ValidationError

    from patrol.config.camera_models import GroundPointModel
    from patrol.domain.calibrating import PickedPoint

    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise InputError(f"{file}: cannot be read; expected YAML with points as in cameras.yaml") from None
    for key in ("ground", "points"):
        content = content.get(key, content) if isinstance(content, dict) else content
    try:
        read = TypeAdapter(list[GroundPointModel]).validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"{file}: {where}: expected - {{at: [x, y], metres: [east, north]}} ({first['msg']})"
        ) from None
    return [PickedPoint((one.at[0], one.at[1]), (one.metres[0], one.metres[1])) for one in read]


def _configuration(file: Path) -> Configuration:
    from patrol import config as configuring
    from patrol.adapters.model_manifests import known_classes

    return configuring.load(file, os.environ, known_models=known_classes())


def _camera(configuration: Configuration, camera_id: str) -> Camera:
    found = next((camera for camera in configuration.cameras if camera.id == camera_id), None)
    if found is None:
        raise InputError(f"--camera: the configuration has no camera {camera_id!r}")
    return found


async def _recorded(file: Path, minutes: float) -> AsyncIterator[Pixels]:
    from patrol.adapters.stream import frames_of

    for t_s, _, pixels in frames_of(file, 1 / LOOK_EVERY_S, _largest()):
        if t_s > 60 * minutes:
            return
        yield pixels


async def _live(configuration: Configuration, camera: Camera, minutes: float) -> AsyncIterator[Pixels]:
    """A camera's pictures, as a visit sees them. Those that do not come are named and left out."""
    from patrol.adapters.clock import SystemClock
    from patrol.app.looking import frame_sources
    from patrol.domain.errors import CaptureError

    clock = SystemClock()
    router = frame_sources(configuration, clock).router
    ends_at = clock.monotonic() + 60 * minutes
    try:
        while clock.monotonic() < ends_at:
            began = clock.monotonic()
            try:
                frame = await router.capture(camera, configuration.tour.longest_visit_s)
            except CaptureError as error:
                print(f"camera {camera.id} cannot be seen: {error}", file=sys.stderr)
            else:
                yield frame.pixels
            await clock.sleep(max(0.0, began + LOOK_EVERY_S - clock.monotonic()))
    finally:
        await router.aclose()


async def _people(pictures: AsyncIterator[Pixels]) -> tuple[Floats, Pixels]:
    """Who stands in full view in any of the pictures, and the last of these. Raises InputError without any."""
    from datetime import UTC, datetime

    import numpy as np

    from patrol.adapters.detectors import DetectorOptions, open_detector
    from patrol.domain.calibrating import standing_people
    from patrol.domain.camera import CameraId
    from patrol.domain.frame import Frame

    options = DetectorOptions(input_size=_largest(), min_confidence=SURE, labels=frozenset({"person"}))
    people, last = np.zeros((0, 3)), None
    with closing(open_detector(options, progress=lambda line: print(line, file=sys.stderr))) as detector:
        async with aclosing(pictures) as frames:  # type: ignore[type-var]
            async for last in frames:
                (found,) = await detector.detect([Frame(CameraId("calibrating"), datetime.now(UTC), last)])
                people = np.vstack([people, standing_people(found)])[-MOST_PEOPLE:]
    if last is None:
        raise InputError("no picture came")
    return people, last


def _largest() -> tuple[int, int]:
    """Twice as fine as a visit looks: boxes that fit better, and people farther away."""
    from patrol.config import DetectorSettings

    return DetectorSettings().finer_px


def _median(values: Floats) -> float:
    import numpy as np

    return float(np.median(values))


def _ninth(values: Floats) -> float:
    import numpy as np

    return float(np.quantile(values, 0.9))


def _tell(
    found: Calibration, heads: Sequence[str], rows: Sequence[Sequence[str]], said: Iterable[str], pasted: str
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    for line in said:
        print(line)
    print(
        f"lengths on this ground are right within {found.error:.0%}, areas within {2 * found.error:.0%} (one in three"
    )
    print("times they are farther off). Paste this under the camera in the configuration:")
    print()
    print(pasted)


def _show(
    pixels: Pixels,
    found: Calibration,
    marked: Sequence[tuple[float, float]],
    png: Path | None,
    html: Path | None,
    rows: Sequence[Sequence[str]],
) -> None:
    from patrol.adapters.ground_picture import draw_ground

    if png is None and html is None:
        return
    picture, apart = draw_ground(pixels, found.plane, found.where, marked)
    try:
        if png is not None:
            png.write_bytes(picture)
        if html is not None:
            html.write_text(_page(picture, apart, found, rows), "utf-8")
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be written: {error.strerror}") from None
    for file in (png, html):
        if file is not None:
            print(f"{file}: the squares are {apart:g} m wide", file=sys.stderr)


def _page(picture: bytes, apart: float, found: Calibration, rows: Sequence[Sequence[str]]) -> str:
    """A page that needs nothing from outside."""
    cells = "".join("<tr>" + "".join(f"<td>{escaping.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    return f"""<!doctype html>
<html lang="zh"><meta charset="utf-8"><title>标定 · Calibration</title>
<style>
body {{ margin: 2rem; background: #0b1220; color: #e6edf6; font: 16px/1.5 system-ui, sans-serif }}
img {{ max-width: 100%; border-radius: 8px }}
td {{ padding: .2rem 1rem .2rem 0; font-variant-numeric: tabular-nums }}
</style>
<h1>标定 · Calibration</h1>
<p>方格边长 {apart:g} 米；应平铺在地面上。 The squares are {apart:g} m wide and should lie flat on the ground.</p>
<img alt="地面方格 · the grid on the ground" src="{source}">
<p>长度误差约 {found.error:.0%}，面积约 {2 * found.error:.0%}（一个标准差）。
Lengths are right within {found.error:.0%}, areas within {2 * found.error:.0%} (one standard deviation).</p>
<table>{cells}</table>
</html>
"""
