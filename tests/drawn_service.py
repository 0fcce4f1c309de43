"""A whole Patrol over a configuration file, in a thread: for what changes that file while it runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from patrol.app import Options, assembled, run_parts
from patrol.config import load
from tests.service import CrowdDetector

CAMERA = "crowd-0"
CANARY = "canary-7c21"
CREDENTIALS = {"CAMERA_USER": "patrol", "CAMERA_PASSWORD": CANARY}
WRITTEN = """\
# Our own station.
station: {name: 广场所, name_en: Square Station, at: [35.49, 112.85]}
rings:
  core: {revisit_bound_s: 2, response_target_s: 60, accept_within_s: 10}
  periphery: {revisit_bound_s: 2, response_target_s: 180, accept_within_s: 20}
  far: {revisit_bound_s: 2, response_target_s: 300, accept_within_s: 30}
rules:   # what counts
  crowd: {kind: crowd, name: 人群聚集, name_en: Crowd, at_least: 3, for_s: 0.3, clear_after_s: 5, cool_down_s: 3600}
  border: {kind: line_crossing, name: 越线, name_en: Border, for_s: 0.3, clear_after_s: 5, cool_down_s: 60}
levels: {by_kind: {crowd: {core: blue}}, otherwise: green}
detector: {input_px: [320, 192], batch: 4, close_after_s: 0.01}
tour: {workers: 4, visit_deadline_s: 1}
templates:
  drawn:
    stream: "synthetic:1"
    snapshot: "http://${CAMERA_USER}:${CAMERA_PASSWORD}@10.0.0.1/still.jpg"
    zones:
      - {id: corner, name: 角落, name_en: corner, rules: [crowd], polygon: [[0.9, 0], [1, 0], [1, 0.1]]}   # calm
cameras:
  # the one that people stand before
  - {id: crowd-0, name: 东门, name_en: east gate, at: [35.49, 112.85], heading_deg: 90, ring: core, use: drawn}   # east
  - id: calm-0
    name: 西门
    name_en: west gate
    at: [35.49, 112.851]
    heading_deg: 270
    ring: core
    use: drawn
units:
  - {id: U-1, name: 巡逻组, kind: joint_patrol, rings: [core, periphery, far], home: [35.49, 112.85], speed_m_s: 2.8,
     mobilise_s: 5, simulated: true}
"""


@dataclass(frozen=True, slots=True)
class DrawnService:
    """Where it is opened, and its file."""

    address: str
    file: Path


@contextmanager
def drawn_service(folder: Path) -> Iterator[DrawnService]:
    """Runs until the block ends."""
    file = folder / "cameras.yaml"
    file.write_text(WRITTEN, encoding="utf-8")
    ready, addresses, halts = threading.Event(), list[str](), list[Callable[[], None]]()

    def on_ready(address: str) -> None:
        addresses.append(address.rstrip("/"))
        ready.set()

    async def run() -> None:
        configuration = load(file, CREDENTIALS)
        options = Options(var=folder / "var", port=0, config=file)
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()
        halts.append(lambda: loop.call_soon_threadsafe(stopping.set))
        async with assembled(configuration, options, detector=CrowdDetector()) as parts:
            await run_parts(parts, configuration, options, stopping, on_ready)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="drawn-service")
    thread.start()
    try:
        assert ready.wait(30)
        yield DrawnService(addresses[0], file)
    finally:
        for halt in halts:
            halt()
        thread.join(20)
        assert not thread.is_alive()
