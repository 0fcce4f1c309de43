"""Cameras that do not answer, or not to the end, as a process of its own: ``python -m benchmarks.bad_servers``.

Prints one line of JSON with the ports, open on all addresses of this machine, and runs until its input ends::

    {"black_hole": takes everything and says nothing, "full": answers no SYN, for its queue is full, "refusing": nobody
     listens, "falls_silent": plays half a key frame and then nothing, "breaks_off": the same, and hangs up}

For each line of its input it prints how many connections it has taken, by the same names; where nobody listens, or
none is taken, there is none to count.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from benchmarks.serving import EVERY_LOOPBACK

BACKLOG = 4096
FILLERS = 8  # connections that nobody accepts; the queue of a backlog of 0 takes one or two
READ_BYTES = 65_536
DESCRIPTION = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=half\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
)
PIECE_BYTES, PIECES = 1200, 4
FU_A, KEY_PICTURE, STARTS = 28 | 0x60, 5, 0x80  # RFC 6184, 5.8

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where they are."""

    black_hole: int
    full: int
    refusing: int
    falls_silent: int
    breaks_off: int


class BadServers:
    """All of them, running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.ports = Ports(**json.loads(self._said()))

    def connected(self) -> int:
        """How many connections were made to them since their start."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return sum(json.loads(self._said()).values())

    def _said(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"the bad servers have died ({self._process.poll()})")
        return line


@contextlib.contextmanager
def bad_servers() -> Iterator[BadServers]:
    """All of them, in a process of their own."""
    command = [sys.executable, "-m", "benchmarks.bad_servers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        try:
            yield BadServers(process)
        finally:
            process.stdin.close()
            process.wait(10)


# --- the process --------------------------------------------------------------------------------------------------


def _serve() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server((EVERY_LOOPBACK, 0), backlog=0))
        for filler in _fillers(full.getsockname()[1]):
            stack.enter_context(filler)
        # Bound and not listening: nobody else can be given the port, and whoever connects is refused.
        refusing = stack.enter_context(socket.socket())
        refusing.bind((EVERY_LOOPBACK, 0))
        connected: Counter[str] = Counter()
        loop = asyncio.new_event_loop()
        answering = loop.run_until_complete(_answering(connected))
        ports = answering | {"full": full.getsockname()[1], "refusing": refusing.getsockname()[1]}
        print(json.dumps(ports), flush=True)
        threading.Thread(target=loop.run_forever, daemon=True, name="serve").start()
        for _ in sys.stdin:
            print(json.dumps(connected), flush=True)


def _fillers(port: int) -> list[socket.socket]:
    sockets = [socket.socket() for _ in range(FILLERS)]
    for each in sockets:
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
    return sockets


async def _answering(connected: Counter[str]) -> dict[str, int]:
    """The ports of the servers that take connections, which they count."""

    def counted(name: str, serve: Serve) -> Serve:
        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connected[name] += 1
            with contextlib.suppress(OSError):
                await serve(reader, writer)
            writer.close()

        return served

    ports = {}
    for name, serve in (("black_hole", _swallow), ("falls_silent", _fall_silent), ("breaks_off", _break_off)):
        server = await asyncio.start_server(counted(name, serve), EVERY_LOOPBACK, 0, backlog=BACKLOG)
        ports[name] = int(server.sockets[0].getsockname()[1])
    return ports


async def _swallow(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take everything and say nothing, until they leave."""
    while await reader.read(READ_BYTES):
        pass


async def _break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An RTSP server up to PLAY, and half a key frame."""
    while request := await reader.read(READ_BYTES):
        writer.write(_answer(request))
        if request.startswith(b"PLAY"):
            writer.write(_half_a_key_frame())
            await writer.drain()
            return


async def _fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same; what it is asked later is answered all the same, as by a camera whose encoder has died."""
    await _break_off(reader, writer)
    while request := await reader.read(READ_BYTES):
        if b"RTSP/1.0" in request:
            writer.write(_answer(request))


def _answer(request: bytes) -> bytes:
    """To one request, which came in one piece."""
    number = re.search(rb"CSeq:\s*(\d+)", request, re.IGNORECASE)
    lines = ["RTSP/1.0 200 OK", f"CSeq: {number[1].decode() if number else 0}"]
    body = DESCRIPTION if request.startswith(b"DESCRIBE") else ""
    if body:
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    else:
        lines.append("Session: 1;timeout=60")
    if request.startswith(b"SETUP"):
        lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    return ("\r\n".join([*lines, "", ""]) + body).encode()


def _half_a_key_frame() -> bytes:
    """The first fragments of one, in RTP packets that lie in the RTSP connection; the last is missing."""
    return b"".join(_packet(number) for number in range(PIECES))


def _packet(number: int) -> bytes:
    rtp = bytes([0x80, 96]) + number.to_bytes(2, "big") + bytes(4) + (1).to_bytes(4, "big")
    fragment = bytes([FU_A, KEY_PICTURE | (0 if number else STARTS)]) + bytes([number + 1]) * PIECE_BYTES
    return b"$\0" + (len(rtp) + len(fragment)).to_bytes(2, "big") + rtp + fragment


if __name__ == "__main__":
    _serve()
