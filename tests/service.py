"""A whole Patrol on drawn cameras, with a detector that sees a crowd on every camera named so.

``python -m tests.service FOLDER`` runs it as a process that tests may kill; it says when it is up.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from patrol.app import Options, assembled, run_parts
from patrol.cli.run import leave, run_until_stopped, tell
from patrol.config import Configuration, DetectorSettings, WebSettings
from patrol.domain.camera import Camera, RingName
from patrol.domain.closeness import NEVER
from patrol.domain.detections import Detections
from patrol.domain.events import Kind, Level
from patrol.domain.frame import Frame
from patrol.domain.levels import LevelPolicy
from patrol.domain.units import Unit
from patrol.domain.visits import TourSettings
from tests.builders import CLASSES, SQUARE, camera, north, ring, rule, unit

PEOPLE = 4


class CrowdDetector:
    """Sees four people on cameras whose id begins with "crowd", and nobody elsewhere."""

    class_names = CLASSES

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        await asyncio.sleep(0.005)
        return [self._look(frame) for frame in frames]

    def sees_crowd(self, frame: Frame) -> bool:
        return frame.camera_id.startswith("crowd")

    def _look(self, frame: Frame) -> Detections:
        if not self.sees_crowd(frame):
            return Detections.none(frame.width, frame.height, CLASSES)
        boxes = np.array([(40 + 60 * n, 60, 80 + 60 * n, 160) for n in range(PEOPLE)], np.float32)
        return Detections(
            frame.width, frame.height, boxes, np.zeros(PEOPLE, np.int64), np.full(PEOPLE, 0.9, np.float32), CLASSES
        )


def drawn_cameras(crowds: int, calm: int) -> list[Camera]:
    ids = [f"crowd-{number}" for number in range(crowds)] + [f"calm-{number}" for number in range(calm)]
    return [camera(name, stream=camera().stream, revisit_bound_s=2.0, simulated=True) for name in ids]


def near_units(count: int) -> tuple[Unit, ...]:
    """Units next to the scene that are there in a moment."""
    return tuple(
        unit(f"U-{n}", home=north(20 + n), speed_m_s=60.0, mobilise_s=0.1, simulated=True) for n in range(count)
    )


def configuration(crowds: int = 2, calm: int = 10, units: int = 3) -> Configuration:
    rules = {each.id: each for each in (rule(for_s=0.3, cool_down_s=3600.0),)}
    return Configuration(
        station="广场所",
        station_en="Square Station",
        centre=SQUARE,
        rings={name: ring(name, revisit_bound_s=2.0) for name in RingName},
        rules=rules,
        levels=LevelPolicy({Kind.CROWD: {RingName.CORE: Level.RED}}, Level.GREEN),
        cameras=tuple(drawn_cameras(crowds, calm)),
        sites=(),
        template_of={},
        units=near_units(units),
        tour=TourSettings(workers=4, visit_deadline_s=2.0),
        detector=DetectorSettings(input_px=(320, 192), batch=4, close_after_s=0.01),
        web=WebSettings(),
        merging=NEVER,  # the cameras stand in one place, and each is to have an incident of its own
    )


def main(var: Path) -> None:
    """Run until SIGTERM; accepted alerts are named on stderr as they are accepted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = replace(configuration(crowds=6), units=near_units(8))
    options = Options(var=var, port=0)

    async def serve(stopping: asyncio.Event) -> int:
        async with assembled(settings, options, detector=CrowdDetector()) as parts:
            await run_parts(parts, settings, options, stopping, lambda address: tell(f"up {address}"))
        tell("stopped")
        return 0

    leave(run_until_stopped(serve))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
