"""``patrol replay``: what the rules make of recorded video."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told, tell_error
from patrol.cli.progressing import progress_on_stderr
from patrol.domain.errors import InputError

if TYPE_CHECKING:
    from patrol.config import Configuration
    from patrol.domain.camera import Camera
    from patrol.pipeline.looking_closer import Networks
    from patrol.pipeline.replaying import ReplayedEvent, TimedPixels
    from patrol.ports import Detector


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("replay")(replay)


def replay(
    files: Annotated[list[Path], typer.Argument(help="recorded videos", show_default=False)],
    camera: Annotated[str, typer.Option("--camera", help="whose zones and rules to use", show_default=False)],
    config: Annotated[Path, typer.Option("--config", help="cameras, zones and rules")] = Path("configs/cameras.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line, one for each event")] = False,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="frames per second to look at")] = 4.0,
) -> None:
    """Run recorded video through the same detector and rules as live, at the recording's own time."""
    from patrol import config as configuring
    from patrol.adapters.detectors import open_detector
    from patrol.adapters.devices import Device
    from patrol.adapters.model_manifests import known_classes
    from patrol.app.looking import detector_options, open_closer_looks, usual_detector

    with errors_told():
        configuration = configuring.load(config, os.environ, variables_required=False, known_models=known_classes())
        chosen = _camera(configuration, camera)
        options = detector_options(configuration, Device.AUTO)
        detector = open_detector(
            options, configuration.detector.model, progress=lambda line: print(line, file=sys.stderr)
        )
        closer = open_closer_looks(
            replace(configuration, cameras=(chosen,)), Device.AUTO, progress=lambda line: print(line, file=sys.stderr)
        )
        with closing(detector), closing(closer):
            usual = usual_detector(configuration, detector, closer.networks)
            player = _Player(configuration, chosen, usual, closer.networks, fps)
            failed = asyncio.run(_replay_files(files, player, as_json=as_json))
    if failed:
        raise typer.Exit(1)


def _camera(configuration: Configuration, camera_id: str) -> Camera:
    found = next((camera for camera in configuration.cameras if camera.id == camera_id), None)
    if found is None:
        raise InputError(f"--camera: the configuration has no camera {camera_id!r}")
    return found


@dataclass(frozen=True, slots=True)
class _Player:
    """With what recordings are played. ``fps``: frames a second to look at."""

    configuration: Configuration
    camera: Camera
    detector: Detector
    networks: Networks
    fps: float


async def _replay_files(files: Sequence[Path], player: _Player, *, as_json: bool) -> bool:
    failed = False
    for file in files:
        try:
            async for found in _replay_file(file, player):
                print(_as_json(file, player, found) if as_json else _as_text(file, found), flush=True)
        except InputError as error:
            tell_error(error)
            failed = True
    return failed


async def _replay_file(file: Path, player: _Player) -> AsyncIterator[ReplayedEvent]:
    from patrol.adapters.stream import frames_of
    from patrol.adapters.tracking import ByteTracker
    from patrol.app.looking import picture_box
    from patrol.domain.watching import Watcher
    from patrol.pipeline.replaying import replay as run

    configuration = player.configuration
    watcher = Watcher(configuration.rules, configuration.timezone, ByteTracker)
    frames = _followed(file, frames_of(file, player.fps, picture_box(configuration, player.camera)))
    async for found in run(frames, player.camera, watcher, player.detector, player.networks):
        yield found


def _followed(file: Path, frames: Iterable[TimedPixels]) -> Iterator[TimedPixels]:
    """The frames, with a bar that shows how much of the film is done."""
    from patrol.adapters.stream import duration_of

    duration_s = duration_of(file)
    of = "" if duration_s is None else f" of {duration_s:.0f}"
    with progress_on_stderr("{task.completed:.0f}{task.fields[of]} s") as bar:
        task = bar.add_task(f"replaying {file}", total=duration_s, of=of)
        for t_s, index, pixels in frames:
            bar.update(task, completed=t_s)
            yield t_s, index, pixels


def _as_json(file: Path, player: _Player, found: ReplayedEvent) -> str:
    from patrol.domain.levels import rate

    event, settings = found.event, player.configuration
    local = event.confirmed_at.astimezone(settings.timezone)
    return json.dumps(
        {
            "source": str(file),
            "camera": player.camera.id,
            "kind": event.kind,
            "zone": event.zone_id,
            "start_s": round(found.start_s, 3),
            "confirmed_s": round(found.confirmed_s, 3),
            "end_s": round(found.end_s, 3),
            "score": round(event.score, 4),
            "level": rate(event, player.camera, player.camera.ring, settings.levels, local).level,
            "evidence": {
                "count": event.evidence.count,
                "threshold": event.evidence.threshold,
                "held_s": round(event.evidence.held_s, 3),
                "words": {"zh": event.evidence.words_zh, "en": event.evidence.words_en},
                "boxes": [[round(side, 4) for side in box] for box in event.evidence.boxes],
            },
        },
        ensure_ascii=False,
    )


def _as_text(file: Path, found: ReplayedEvent) -> str:
    event = found.event
    return (
        f"{file}  {found.start_s:8.2f}s to {found.end_s:8.2f}s  {event.kind:<10}"
        f"  confirmed {found.confirmed_s:.2f}s  {event.evidence.words_en}"
    )
