"""An RTSP camera for the tests, on the loopback, that does as it is told; see also tests/acceptance/bad_servers.py."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from patrol.adapters.rtsp.sdp import Codec
from tests.acceptance.bad_servers import nals_of, server
from tests.acceptance.clips import counting_pictures, write_clip
from tests.adapters.rtsp.packets import CLOCK_RATE, Packetizer, access_units, interleaved

FPS = 12
GOP = 12
NAMES = {Codec.H264: ("H264", "h264"), Codec.H265: ("H265", "h265")}

Packets = Sequence[Sequence[bytes]]


@cache
def pictures(codec: Codec = Codec.H264, count: int = 2 * GOP) -> tuple[tuple[bytes, ...], ...]:
    """NAL units by picture: a key frame every ``GOP``; each picture says its number, see clips.number_in."""
    with TemporaryDirectory() as folder:
        clip = Path(folder) / f"clip.{NAMES[codec][1]}"
        write_clip(clip, counting_pictures(count), NAMES[codec][1], key_frame_every_s=GOP / FPS)
        return tuple(tuple(unit) for unit in access_units(nals_of(clip), codec))


def packets_of(units: Sequence[Sequence[bytes]], codec: Codec = Codec.H264, most: int = 600) -> list[list[bytes]]:
    """RTP packets by picture, stamped 1/12 s apart from 0."""
    packetizer = Packetizer(codec, most)
    return [packetizer.packets(unit, number * CLOCK_RATE // FPS) for number, unit in enumerate(units)]


@dataclass
class RtspCamera:
    """What a camera does, and what was asked of it.

    ``packets``: those of each picture, sent ``every_s`` apart after PLAY; then it falls silent, or hangs up.
    ``answers``: instead of its usual answer to a method; None for silence. ``piece``: bytes it sends at a time.
    ``check``: whether a request, given as (method, Authorization header), is let in; else ``challenge`` is sent, or the
    method's own of ``challenges``.
    """

    packets: Packets = ()
    codec: Codec = Codec.H264
    every_s: float = 0.0
    hang_up: bool = False
    answers: Mapping[str, bytes | None] = field(default_factory=dict)
    reports: Mapping[int, bytes] = field(default_factory=dict)
    session: bytes = b"77;timeout=60"
    control: bytes = b"track"
    channels: bytes = b"0-1"
    piece: int = 2**16
    challenge: bytes = b""
    challenges: dict[str, bytes] = field(default_factory=dict)
    check: Callable[[str, str], bool] = lambda method, authorization: True
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    playing: threading.Event = field(default_factory=threading.Event)

    def serve(self, plain: socket.socket, stopped: threading.Event) -> None:
        """One connection."""
        plain.settimeout(5)
        connection = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
        self.connections += 1
        self.open_now += 1
        try:
            self._converse(connection, stopped)
        finally:
            self.open_now -= 1
            if self.tls:
                connection.close()

    def _converse(self, connection: socket.socket, stopped: threading.Event) -> None:
        connection.settimeout(0.02)
        pending, sent, due = b"", 0, 0.0
        playing = False
        while not stopped.is_set():
            with suppress(TimeoutError):
                received = connection.recv(65536)
                if not received:
                    return
                pending += received
            while b"\r\n\r\n" in pending:
                head, _, pending = pending.partition(b"\r\n\r\n")
                method = self._answer(connection, head.decode())
                playing = (playing or method == "PLAY") and method != "TEARDOWN"
                if method == "PLAY":
                    due = time.monotonic()
                    self.playing.set()
            while playing and sent < len(self.packets) and time.monotonic() >= due:
                if sent in self.reports:
                    self._send(connection, interleaved(int(self.channels.split(b"-")[1]), self.reports[sent]))
                channel = int(self.channels.split(b"-")[0])
                self._send(connection, b"".join(interleaved(channel, packet) for packet in self.packets[sent]))
                sent += 1
                due += self.every_s
            if playing and self.hang_up and sent == len(self.packets):
                return

    def _send(self, connection: socket.socket, data: bytes) -> None:
        connection.settimeout(5)
        for at in range(0, len(data), self.piece):
            connection.sendall(data[at : at + self.piece])
        connection.settimeout(0.02)

    def _answer(self, connection: socket.socket, head: str) -> str:
        method, url, _ = head.split("\r\n", 1)[0].split(" ")
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        self.asked.append(method)
        self.requests.append(head)
        if not self.check(method, headers.get("Authorization", "")):
            self._send(
                connection, answer(b"401 Unauthorized", headers["CSeq"], self.challenges.get(method, self.challenge))
            )
        elif method in self.answers:
            self._send(connection, (self.answers[method] or b"").replace(b"CSEQ", headers["CSeq"].encode()))
        else:
            self._send(connection, self._usual(method, url, headers["CSeq"]))
        return method

    def _usual(self, method: str, url: str, number: str) -> bytes:
        session = b"Session: " + self.session + b"\r\n"
        if method == "DESCRIBE":
            return described(number, self.codec, self.control)
        if method == "SETUP":
            transport = b"Transport: RTP/AVP/TCP;unicast;interleaved=" + self.channels + b"\r\n"
            return answer(b"200 OK", number, session + transport)
        return answer(b"200 OK", number, session)


def answer(status: bytes, number: str = "CSEQ", headers: bytes = b"", body: bytes = b"") -> bytes:
    """An RTSP answer; ``headers`` with their line ends."""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"RTSP/1.0 " + status + b"\r\nCSeq: " + number.encode() + b"\r\n" + headers + length + b"\r\n" + body


def described(number: str, codec: Codec, control: bytes) -> bytes:
    """The answer to DESCRIBE: sound first, then the video."""
    name = NAMES[codec][0].encode()
    sdp = b"v=0\r\nm=audio 0 RTP/AVP 8\r\na=control:sound\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 " + name
    sdp += b"/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:" + control + b"\r\n"
    return answer(b"200 OK", number, b"Content-Type: application/sdp\r\n", sdp)


@contextmanager
def running(camera: RtspCamera) -> Iterator[int]:
    """The camera on a free port."""
    with server(camera.serve) as port:
        yield port
