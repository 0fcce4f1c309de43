"""Runs the web server inside Patrol's own event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from patrol.domain.errors import PatrolError
from patrol.web.feeding import RoomFeed
from patrol.web.wall_feeding import WallFeed

# Whole seconds are all that uvicorn takes; with its own pauses the end comes well within two.
GRACE_S = 1
DROP_WITHIN_S = 0.5
MAX_CONNECTIONS = 512
BACKLOG = 128
WILDCARDS = frozenset({"0.0.0.0", "::", ""})


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, saying when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Patrol handles signals itself and says so through ``stopping``

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def drop_the_rest(self) -> None:
        """Ends what a graceful shutdown left: a viewer that no longer reads never takes its last byte."""
        for listening in getattr(self, "servers", []):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        answering = list(self.server_state.tasks)
        for task in answering:
            task.cancel()
        if answering:
            await asyncio.wait(answering, timeout=DROP_WITHIN_S)


@dataclass(frozen=True, slots=True)
class Tls:
    """The files for HTTPS: the certificate with its chain, and its key."""

    certificate: Path
    key: Path


async def serve(
    app: Starlette,
    host: str,
    port: int,
    stopping: asyncio.Event,
    on_ready: Callable[[str], None],
    tls: Tls | None = None,
) -> None:
    """Serve an app of ``patrol.web.app`` until ``stopping`` is set, and be gone within 2 s of that.

    ``port`` 0 takes any free one. ``on_ready`` gets the address to open, once connections are taken.
    Raises PatrolError if the port cannot be had, or the certificate or its key cannot be read.
    """
    feed: RoomFeed | None = getattr(app.state, "feed", None)
    wall: WallFeed | None = getattr(app.state, "wall", None)
    with await _listen(host, port) as listener:
        address = _address_of(listener, "http" if tls is None else "https")
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=tls.certificate if tls is not None else None,
            ssl_keyfile=tls.key if tls is not None else None,
        )
        _load(config)
        server = _Server(config, lambda: on_ready(address))
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(_end(server, stopping), name="web-end")]
            if feed is not None:
                beside.append(tasks.create_task(feed.run(), name="web-feed"))
            if wall is not None:
                beside.append(tasks.create_task(wall.run(), name="web-wall"))
            try:
                await server.serve(sockets=[listener])
            finally:
                for task in beside:
                    task.cancel()
                await server.drop_the_rest()


def _load(config: uvicorn.Config) -> None:
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        files = f"{config.ssl_certfile}, {config.ssl_keyfile}"
        raise PatrolError(f"{files}: expected a certificate and its key: {error}") from None


async def _end(server: uvicorn.Server, stopping: asyncio.Event) -> None:
    await stopping.wait()
    server.should_exit = True


async def _listen(host: str, port: int) -> socket.socket:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PatrolError(f"cannot serve on {host}:{port}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PatrolError(
            f"cannot serve on {host}:{port}: {error.strerror}; another program may use it, choose another port"
        ) from None
    return listener


def _address_of(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    if host in WILDCARDS:
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
