"""Cameras that do not answer, as a process of its own: ``python -m benchmarks.bad_servers``.

Prints one line of JSON with the ports, open on all addresses of this machine, and runs until its input ends::

    {"black_hole": accepts and reads nothing, "full": answers no SYN, for its queue is full, "refusing": nobody listens}
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.serving import EVERY_LOOPBACK

BACKLOG = 4096
FILLERS = 8  # connections that nobody accepts; the queue of a backlog of 0 takes one or two


@dataclass(frozen=True, slots=True)
class Ports:
    """Where they are."""

    black_hole: int
    full: int
    refusing: int


@contextlib.contextmanager
def bad_servers() -> Iterator[Ports]:
    """All of them, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.bad_servers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield Ports(**json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(10)


def _serve() -> None:
    with contextlib.ExitStack() as stack:
        hole = stack.enter_context(socket.create_server((EVERY_LOOPBACK, 0), backlog=BACKLOG))
        full = stack.enter_context(socket.create_server((EVERY_LOOPBACK, 0), backlog=0))
        for filler in _fillers(full.getsockname()[1]):
            stack.enter_context(filler)
        # Bound and not listening: nobody else can be given the port, and whoever connects is refused.
        refusing = stack.enter_context(socket.socket())
        refusing.bind((EVERY_LOOPBACK, 0))
        ports = {"black_hole": hole.getsockname()[1], "full": full.getsockname()[1]}
        print(json.dumps(ports | {"refusing": refusing.getsockname()[1]}), flush=True)
        _swallow(hole)


def _fillers(port: int) -> list[socket.socket]:
    sockets = [socket.socket() for _ in range(FILLERS)]
    for each in sockets:
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
    return sockets


def _swallow(hole: socket.socket) -> None:
    """Accept everybody, read nothing, and let go of those who leave; until the input ends."""
    hole.setblocking(False)
    held: dict[int, socket.socket] = {}
    poll = select.epoll()
    poll.register(hole, select.EPOLLIN)
    poll.register(sys.stdin, select.EPOLLIN | select.EPOLLHUP)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == sys.stdin.fileno():
                return
            if descriptor == hole.fileno():
                with contextlib.suppress(BlockingIOError):
                    connection, _ = hole.accept()
                    held[connection.fileno()] = connection
                    poll.register(connection, select.EPOLLRDHUP)  # says nothing of what waits to be read
            else:
                poll.unregister(descriptor)
                held.pop(descriptor).close()


if __name__ == "__main__":
    _serve()
