"""A whole Patrol whose cameras see a crowd as soon as they are told to: whoever needs the moment of an alert.

``python -m tests.cued_service FOLDER`` runs it as a process, on the queue of REDIS_URL or one of its own, and says
when it is up. In FOLDER/cue stand the cameras that see a crowd, one a line; they may be written at any time. What is
seen in the core is red, and takes two people to close; far away it is blue, and waits for an operator's word before
anybody is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from patrol.app import Options, assembled, run_parts
from patrol.cli.run import leave, run_until_stopped, tell
from patrol.config import Configuration
from patrol.domain.board import Sending
from patrol.domain.camera import Camera, Place, RingName
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.detections import Detections
from patrol.domain.events import Kind, Level
from patrol.domain.frame import Frame
from patrol.domain.levels import LevelPolicy
from tests.builders import SQUARE, camera, north, ring, unit
from tests.service import CrowdDetector, configuration

UNITS = 6
ACCEPT_WITHIN_S = 120.0  # nobody else is sent while a test looks
RED_TAKES_TWO = frozenset({Level.RED})
AWAITED = ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(600.0, Then.SEND)}}, two_people=RED_TAKES_TWO)
RINGS = (RingName.CORE, RingName.PERIPHERY, RingName.FAR)
FEW, SOON_S = (14, 0, 4), (2.0, 2.0, 2.0)
ROW = 20  # cameras stand in rows of so many
STEP_DEGREES = 0.0006


class CuedDetector(CrowdDetector):
    """Sees four people on the cameras that stand in a file, and nobody elsewhere."""

    def __init__(self, cue: Path) -> None:
        self._cue = cue
        self._crowds: frozenset[str] = frozenset()

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        self._crowds = frozenset(self._cue.read_text().split()) if self._cue.exists() else frozenset()
        return await super().detect(frames)

    def sees_crowd(self, frame: Frame) -> bool:
        return frame.camera_id in self._crowds


def cue(folder: Path, camera_ids: Iterable[str]) -> None:
    """Have these cameras see a crowd from now on, and no others; nobody reads half of it."""
    written = folder / "cue.new"
    written.write_text("\n".join(camera_ids))
    written.rename(folder / "cue")


def cameras(counts: Sequence[int], bounds_s: Mapping[RingName, float]) -> list[Camera]:
    """So many in each ring, side by side: core-1, core-2, ..."""
    named = [(name, number) for name, count in zip(RINGS, counts, strict=True) for number in range(1, count + 1)]
    return [
        camera(
            f"{name}-{number}",
            name=f"{name}-{number}",
            ring=name,
            revisit_bound_s=bounds_s[name],
            place=_place(index),
            simulated=True,
            shared_view=True,  # all draw the same
        )
        for index, (name, number) in enumerate(named)
    ]


def _place(index: int) -> Place:
    row, column = divmod(index, ROW)
    return Place(SQUARE.latitude + row * STEP_DEGREES, SQUARE.longitude + column * STEP_DEGREES)


def settings(counts: Sequence[int] = FEW, bounds_s: Sequence[float] = SOON_S) -> Configuration:
    """Units that wait a street away and drive fast; nothing that is seen is told again within the hour.

    ``counts``, ``bounds_s``: how many cameras each ring has, from the core outwards, and within how many seconds each
    of them is seen again.
    """
    bounds = dict(zip(RINGS, bounds_s, strict=True))
    homes = {f"U-{number}": north(-100.0 - 20.0 * number) for number in range(1, UNITS + 1)}
    return replace(
        configuration(),
        rings={
            name: ring(name, revisit_bound_s=seconds, accept_within_s=ACCEPT_WITHIN_S)
            for name, seconds in bounds.items()
        },
        levels=LevelPolicy({Kind.CROWD: {RingName.CORE: Level.RED, RingName.FAR: Level.BLUE}}, Level.YELLOW),
        cameras=tuple(cameras(counts, bounds)),
        units=tuple(
            unit(name, name=name, home=home, speed_m_s=60.0, mobilise_s=0.1, simulated=True)
            for name, home in homes.items()
        ),
        sending=Sending(confirm=AWAITED),
        second_person=RED_TAKES_TWO,
    )


def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cameras", type=int, nargs=3, default=FEW, metavar=RINGS)
    parser.add_argument("--bounds", type=float, nargs=3, default=SOON_S, metavar=RINGS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    configured = settings(arguments.cameras, arguments.bounds)
    options = Options(
        var=arguments.folder, port=arguments.port, redis_url=os.environ.get("REDIS_URL") or None, simulated=True
    )
    detector = CuedDetector(arguments.folder / "cue")

    async def serve(stopping: asyncio.Event) -> int:
        async with assembled(configured, options, detector=detector) as parts:
            await run_parts(parts, configured, options, stopping, lambda address: tell(f"up {address}"))
        tell("stopped")
        return 0

    leave(run_until_stopped(serve))


if __name__ == "__main__":
    main()
