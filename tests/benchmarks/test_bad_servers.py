"""Cameras that do not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from benchmarks.bad_servers import Ports, bad_servers


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    with bad_servers() as there:
        yield there


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.1.250"])
def test_the_black_hole_takes_everything_and_says_nothing(ports: Ports, host: str) -> None:
    with socket.create_connection((host, ports.black_hole), timeout=5) as connection:
        connection.sendall(b"OPTIONS rtsp://camera RTSP/1.0\r\n\r\n")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_the_black_hole_lets_go_of_those_who_leave(ports: Ports) -> None:
    for _ in range(2000):  # more than it may have descriptors for
        with socket.create_connection(("127.0.0.1", ports.black_hole), timeout=5) as connection:
            connection.sendall(b"x")


def test_nobody_listens_on_the_refusing_port(ports: Ports) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports.refusing), timeout=5)


def test_a_full_queue_answers_nobody(ports: Ports) -> None:
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.1.0.7", ports.full), timeout=0.5)
