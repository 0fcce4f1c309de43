"""Live pictures of the configured cameras, for `patrol model quantize --from cameras`."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from patrol.adapters.sources import SourceRouter
    from patrol.domain.camera import Camera

    Picture = npt.NDArray[np.uint8]

VISITS_AT_ONCE = 8
SEED = 8476  # the same cameras each time: a model made again from the same place is comparable


def camera_pictures(config: Path, at_most: int) -> Iterable[Picture]:
    """One picture each of up to ``at_most`` cameras, chosen at random, (h, w, 3) uint8 BGR, sized for the detector.

    Cameras that cannot be seen are named on stderr and left out. Raises ConfigError.
    """
    from patrol import config as configuring
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.model_manifests import known_classes
    from patrol.app.looking import frame_sources

    configuration = configuring.load(config, os.environ, known_models=known_classes())
    cameras = list(configuration.cameras)
    random.Random(SEED).shuffle(cameras)
    router = frame_sources(configuration, SystemClock()).router
    return asyncio.run(_visit(router, cameras[:at_most], configuration.tour.longest_visit_s))


async def _visit(router: SourceRouter, cameras: Sequence[Camera], deadline_s: float) -> list[Picture]:
    from patrol.domain.errors import CaptureError

    slots = asyncio.Semaphore(VISITS_AT_ONCE)
    pictures: list[Picture] = []

    async def look(camera: Camera) -> None:
        async with slots:
            try:
                frame = await router.capture(camera, deadline_s)
            except CaptureError as error:
                print(f"camera {camera.id} cannot be seen: {error}", file=sys.stderr)
                return
        pictures.append(frame.pixels)

    try:
        async with asyncio.TaskGroup() as visits:
            for camera in cameras:
                visits.create_task(look(camera))
    finally:
        await router.aclose()
    return pictures
