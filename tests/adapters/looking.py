"""What the tests of frame sources share: cameras, a clock that stands still, and real clips."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from patrol.domain.camera import Camera, CameraId, Place, RingName, StreamAddress

RTSP_SERVER = Path(__file__).parent.parent / "acceptance" / "rtsp_server.py"
DEBIAN_PYTHON = "/usr/bin/python3"
NOON = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class StandingClock:
    """A clock that shows what it is told."""

    def __init__(self, now: datetime = NOON) -> None:
        self.shown = now

    def now(self) -> datetime:
        return self.shown

    def monotonic(self) -> float:
        return self.shown.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a frame source has no reason to sleep")


def camera_at(address: str, name: str = "c1") -> Camera:
    return Camera(
        CameraId(name), name, name, "site", RingName.CORE, 5.0, Place(0, 0), 0.0, 90.0, StreamAddress(address)
    )


@dataclass
class RtspServer:
    """A running ``rtsp_server.py``."""

    port: int
    process: subprocess.Popen[str]

    def counts(self) -> dict[str, int]:
        """What it counted so far."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGUSR1)
        counted: dict[str, int] = json.loads(self.process.stdout.readline())
        return counted


def why_no_gstreamer() -> str | None:
    """What is missing for ``rtsp_server.py``, or None."""
    if not Path(DEBIAN_PYTHON).exists() or shutil.which(DEBIAN_PYTHON) is None:
        return f"there is no {DEBIAN_PYTHON}"
    probe = (
        "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0');"
        "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
        "import sys; sys.exit(not (Gst.ElementFactory.find('h264parse') and Gst.ElementFactory.find('rtph264pay')))"
    )
    found = subprocess.run([DEBIAN_PYTHON, "-c", probe], capture_output=True, timeout=30, check=False)
    return None if found.returncode == 0 else "GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0)"


@contextmanager
def rtsp_server(mounts: Mapping[str, Mapping[str, object]], folder: Path, password: str = "") -> Iterator[RtspServer]:
    """GStreamer's RTSP server with ``mounts``, on a free port. Skips the test, saying why, where there is none."""
    missing = why_no_gstreamer()
    if missing:
        pytest.skip(missing)
    file = folder / "mounts.json"
    file.write_text(json.dumps(mounts))
    command = [DEBIAN_PYTHON, str(RTSP_SERVER), "--port", "0", str(file)]
    if password:
        (folder / "password").write_text(f"admin:{password}")
        command += ["--password-file", str(folder / "password")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline().split()
            assert ready[:1] == ["READY"], "the RTSP server did not start"
            yield RtspServer(int(ready[1]), process)
        finally:
            process.terminate()
            process.wait(10)
