"""Servers that misbehave on purpose, on the loopback, each on a free port, as context managers."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Serve = Callable[[socket.socket, threading.Event], None]


@contextmanager
def server(serve: Serve) -> Iterator[int]:
    """Accept connections and hand each, in a thread of its own, to ``serve``; yields the port."""
    stopped = threading.Event()
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection, stopped)

    def accept() -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                thread = threading.Thread(target=one, args=(connection,))
                thread.start()
                threads.append(thread)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            acceptor.join(5)
            for thread in threads:
                thread.join(5)


def black_hole() -> AbstractContextManager[int]:
    """Accepts, reads nothing and never answers; yields the port."""
    return server(lambda _connection, stopped: _wait(stopped))


def answering(answer: bytes) -> AbstractContextManager[int]:
    """Says ``answer`` to whatever is asked first, then hangs up; yields the port."""

    def serve(connection: socket.socket, _stopped: threading.Event) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        connection.sendall(answer)

    return server(serve)


def dripping(answer: bytes, every_s: float = 0.1) -> AbstractContextManager[int]:
    """Says ``answer`` one byte at a time; every read of the client succeeds, and none brings it on. Yields the port."""

    def serve(connection: socket.socket, stopped: threading.Event) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        for byte in answer:
            if stopped.is_set():
                return
            connection.sendall(bytes([byte]))
            time.sleep(every_s)
        _wait(stopped)

    return server(serve)


@dataclass
class Script:
    """What a small RTSP camera of H.264 does: it sends ``nals`` (without start codes), ``every_s`` apart.

    Afterwards it falls silent, or hangs up. ``asked`` collects the methods of all the requests it got, ``playing``
    is set by the first PLAY.
    """

    nals: list[bytes]
    every_s: float = 0.0
    hang_up: bool = False
    session_name: bytes = b"camera"
    media: bytes = b"video"
    asked: list[str] = field(default_factory=list)
    playing: threading.Event = field(default_factory=threading.Event)


def nals_of(clip: Path) -> list[bytes]:
    """The NAL units of a raw ``.h264`` file."""
    return [nal for nal in re.split(rb"\x00\x00\x00?\x01", clip.read_bytes()) if nal]


def rtsp_camera(script: Script) -> AbstractContextManager[int]:
    """A camera that follows ``script``, RTP interleaved in the one TCP connection; yields the port."""

    def serve(connection: socket.socket, stopped: threading.Event) -> None:
        connection.settimeout(0.05)
        pending, sent, playing = b"", 0, False
        while not stopped.is_set():
            with suppress(TimeoutError):
                received = connection.recv(65536)
                if not received:
                    return
                pending += received
            while b"\r\n\r\n" in pending:
                request, _, pending = pending.partition(b"\r\n\r\n")
                method = request.split(b" ", 1)[0].decode()
                script.asked.append(method)
                connection.sendall(_rtsp_answer(script, method, request))
                if method == "PLAY":
                    playing = True
                    script.playing.set()
            while playing and sent < len(script.nals):
                connection.sendall(_rtp(script.nals[sent], sent))
                sent += 1
                if script.every_s:
                    stopped.wait(script.every_s)
                    break
            if playing and script.hang_up and sent == len(script.nals):
                return

    return server(serve)


def _rtsp_answer(script: Script, method: str, request: bytes) -> bytes:
    sequence = re.search(rb"CSeq: *(\d+)", request)
    head = b"RTSP/1.0 200 OK\r\nCSeq: " + (sequence[1] if sequence else b"0") + b"\r\nSession: 1\r\n"
    if method == "DESCRIBE":
        sdp = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=" + script.session_name + b"\r\nt=0 0\r\nm=" + script.media
        sdp += b" 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:0\r\n"
        return head + b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(sdp) + sdp
    if method == "SETUP":
        return head + b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
    return head + b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n"


def _rtp(nal: bytes, number: int) -> bytes:
    """One interleaved RTP packet: slices end a picture (marker bit), parameter sets do not."""
    is_slice = nal[0] & 0x1F in (1, 5)
    header = struct.pack(">BBHII", 0x80, 96 | (0x80 if is_slice else 0), number & 0xFFFF, number * 7500, 1)
    return struct.pack(">BBH", 0x24, 0, len(header) + len(nal)) + header + nal


def refusing() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(stopped: threading.Event) -> None:
    stopped.wait(60)
