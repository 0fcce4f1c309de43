"""Cameras that do not answer, or not to the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from benchmarks.bad_servers import BadServers, Ports, bad_servers
from patrol.adapters.clock import SystemClock
from patrol.adapters.rtsp.connection import Dialler
from patrol.adapters.rtsp.session import Session
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import CaptureError, CaptureFailure


@pytest.fixture(scope="module")
def servers() -> Iterator[BadServers]:
    with bad_servers() as there:
        yield there


@pytest.fixture
def ports(servers: BadServers) -> Ports:
    return servers.ports


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.1.250"])
def test_the_black_hole_takes_everything_and_says_nothing(ports: Ports, host: str) -> None:
    with socket.create_connection((host, ports.black_hole), timeout=5) as connection:
        connection.sendall(b"OPTIONS rtsp://camera RTSP/1.0\r\n\r\n")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_the_black_hole_lets_go_of_those_who_leave_and_has_counted_them(servers: BadServers) -> None:
    before = servers.connected()
    for _ in range(2000):  # more than it may have descriptors for
        with socket.create_connection(("127.0.0.1", servers.ports.black_hole), timeout=30) as connection:
            connection.sendall(b"x")
    with socket.create_connection(("127.0.0.1", servers.ports.breaks_off), timeout=30) as connection:
        connection.sendall(b"OPTIONS rtsp://camera RTSP/1.0\r\nCSeq: 1\r\n\r\n")
        assert connection.recv(100).startswith(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n")
    assert servers.connected() == before + 2001


def test_nobody_listens_on_the_refusing_port(ports: Ports) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports.refusing), timeout=5)


def test_a_full_queue_answers_nobody(ports: Ports) -> None:
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.1.0.7", ports.full), timeout=0.5)


async def looked_at(port: int) -> Session:
    """A session that has played for half a second, and found no key frame."""
    session = Session(Dialler(True), SystemClock(), lambda _held_s: None)
    try:
        await session.open(StreamAddress(f"rtsp://127.0.0.1:{port}/camera"), 5)
        async with asyncio.timeout(0.5):
            await session.next_key_frame()
    finally:
        session.abandon()
    return session


def test_a_stream_falls_silent_before_its_first_key_frame_is_whole(ports: Ports) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(looked_at(ports.falls_silent))


def test_a_stream_breaks_off_before_its_first_key_frame_is_whole(ports: Ports) -> None:
    with pytest.raises(CaptureError, match="ended after 4 packets") as raised:
        asyncio.run(looked_at(ports.breaks_off))
    assert raised.value.failure is CaptureFailure.NO_KEY_FRAME
