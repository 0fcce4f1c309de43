"""Starts the RTSP server with its mounts, as a process of its own, and asks it what it counted."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.clips import GOP_S, Clips, Stretch

DEBIAN_PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")
SAY_WITHIN_S = 10.0
EVERY_LOOPBACK = "0.0.0.0"  # one socket cannot be bound to 127.0.0.0/8 alone

# Sizes of the rings in the tour's targets: the station's 476 cameras.
CORE, PERIPHERY, FAR = 64, 200, 212
RING_SIZES = {"core": CORE, "periphery": PERIPHERY, "far": FAR}


@dataclass(frozen=True, slots=True)
class Spot:
    """One camera of a benchmark. ``camera_id`` is also its mount point. ``ring``: core, periphery or far.

    ``number``: from 0; every camera has an address of this machine (127.x.y.z) of its own, as real ones have.
    """

    camera_id: str
    ring: str
    number: int

    @property
    def host(self) -> str:
        """Where it is to be reached."""
        return f"127.1.{self.number // 250}.{self.number % 250 + 1}"


def spots(sizes: Mapping[str, int] = RING_SIZES) -> list[Spot]:
    """All cameras, ring by ring."""
    named = [(f"{ring}-{number:03d}", ring) for ring, count in sizes.items() for number in range(1, count + 1)]
    return [Spot(camera_id, ring, number) for number, (camera_id, ring) in enumerate(named)]


def mounts_of(cameras: Sequence[Spot], clips: Clips, join: str, seed: int = 1) -> dict[str, dict[str, Any]]:
    """What every camera plays: clips in turn, each at a moment of its own."""
    chance = random.Random(seed)
    mounts = {}
    for number, camera in enumerate(cameras):
        stretch = clips.ordinary[number % len(clips.ordinary)]
        offset_s = chance.uniform(0, stretch.count * GOP_S)
        mounts[f"/{camera.camera_id}"] = playing(clips, stretch) | {"offset_s": offset_s, "join": join}
    return mounts


def playing(clips: Clips, stretch: Stretch) -> dict[str, Any]:
    """A stretch in the words of the server's file."""
    return {"clip": str(clips.folder / stretch.clip), "first": stretch.first, "count": stretch.count}


class Server:
    """A running RTSP server."""

    def __init__(self, process: subprocess.Popen[str], port: int, schedule: Path) -> None:
        self._process = process
        self._schedule = schedule
        self.port = port
        self.pid = process.pid

    def address(self, camera: Spot, credentials: str = "") -> str:
        """Where a camera's stream is. ``credentials``: "user:password"."""
        who = f"{credentials}@" if credentials else ""
        return f"rtsp://{who}{camera.host}:{self.port}/{camera.camera_id}"

    def counted(self) -> dict[str, Any]:
        """What it counted since its start; ``processor_s`` is its own processor time."""
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGUSR1)
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"the RTSP server has died ({self._process.poll()})")
        return dict(json.loads(line))

    def processor_s(self) -> float:
        """Its processor time since its start, seconds."""
        return float(self.counted()["processor_s"])

    def schedule(self, times: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """When which camera shows its other film: {camera id: [(from, until), ...]}, seconds since the epoch."""
        self._schedule.write_text(json.dumps({f"/{camera_id}": list(spans) for camera_id, spans in times.items()}))
        self._process.send_signal(signal.SIGUSR2)


@contextlib.contextmanager
def rtsp_server(mounts: Mapping[str, Mapping[str, Any]], folder: Path, password: str | None = None) -> Iterator[Server]:
    """GStreamer's RTSP server with these mounts. ``password``: "user:password" that every mount asks for."""
    file, schedule = folder / "mounts.json", folder / "schedule.json"
    file.write_text(json.dumps(mounts))
    command = [
        DEBIAN_PYTHON,
        str(SCRIPT),
        "--host",
        EVERY_LOOPBACK,
        "--port",
        "0",
        "--schedule",
        str(schedule),
        str(file),
    ]
    if password is not None:
        secret = folder / "password"
        secret.write_text(password)
        command += ["--password-file", str(secret)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment(folder)) as process:
        try:
            yield Server(process, _port_of(process), schedule)
        finally:
            process.terminate()
            try:
                process.wait(SAY_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _environment(folder: Path) -> dict[str, str]:
    # A registry of its own, or two servers that start at once would write the same one.
    registry = folder / "gstreamer-registry.bin"
    return os.environ | {"GST_REGISTRY": str(registry), "PYTHONPATH": ""}


def _port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    said = process.stdout.readline().split()
    if said[:1] != ["READY"]:
        raise ChildProcessError(
            "the RTSP server did not come up; it needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0 and"
            " gstreamer1.0-plugins-{base,good}"
        )
    return int(said[1])


def missing_parts() -> str | None:
    """What keeps the RTSP server from running here, or None."""
    if shutil.which(DEBIAN_PYTHON) is None:
        return f"{DEBIAN_PYTHON} is not there"
    check = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer, GstApp"
    found = subprocess.run([DEBIAN_PYTHON, "-c", check], capture_output=True, text=True, timeout=60, check=False)
    return found.stderr.strip().splitlines()[-1] if found.returncode else None
