"""One TCP connection to a camera: questions and answers, and packets in between."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from patrol.adapters.rtsp.targets import Target, failure_of_error
from patrol.adapters.rtsp.wire import MalformedError, Message, OnPacket, Wire, refusal
from patrol.adapters.sources import Workers
from patrol.domain.errors import CaptureError, CaptureFailure

READ_BYTES = 256 * 2**10
MOST_ADDRESSES = 3  # of one host name, tried one after another
MOST_UNSENT_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection is no more. An error is made of it for each who asks: one that is kept keeps all its frames."""

    failure: CaptureFailure
    words: str

    def error(self) -> CaptureError:
        """To raise."""
        return CaptureError(self.failure, self.words)


HUNG_UP = Ending(CaptureFailure.BROKEN, "the camera hung up")
CLOSED = Ending(CaptureFailure.BROKEN, "closed from this side")


class Connection(asyncio.BufferedProtocol):
    """Reads all the time, or lazily: once for every ``look``, so that a stream of which little is used costs little.

    What the server sends meanwhile waits in the operating system's buffers.
    """

    def __init__(self, buffer: memoryview) -> None:
        """``buffer``: where bytes are read into; all connections of a loop can share one, nothing stays in it."""
        self._buffer = buffer
        self._wire = Wire(_ignored, self._message)
        self._waiting: deque[asyncio.Future[Message]] = deque()
        self._transport: asyncio.Transport | None = None
        self._is_lazy = False
        self._on_read: Callable[[], None] = _nothing
        self._on_end: Callable[[Ending], None] = _nothing
        self.ending: Ending | None = None
        self.bytes_read = 0

    # --- for the session --------------------------------------------------------------------------------------------

    def listen(self, on_packet: OnPacket, on_read: Callable[[], None], on_end: Callable[[Ending], None]) -> None:
        """``on_packet``: each packet from now on; ``on_read``: after all of one read; ``on_end``: no more will come."""
        self._wire.on_packet, self._on_read, self._on_end = on_packet, on_read, on_end

    def ask(self, request: bytes) -> asyncio.Future[Message]:
        """Send a request; its answer, or a CaptureError, will be there. Answers come in the order of requests."""
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        if self.ending is not None:
            answer.set_exception(self.ending.error())
            return answer
        self._waiting.append(answer)
        self._write(request)
        return answer

    def read_lazily(self, lazily: bool) -> None:
        """Read only when told to by ``look``; or, again, all the time."""
        self._is_lazy = lazily
        self.look()

    def look(self) -> None:
        """Read what has come, once."""
        if self._transport is not None and self.ending is None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Give the connection back; neither a camera that takes nothing any more nor TLS's goodbye is waited for."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() or self._transport.get_extra_info("sslcontext"):
            self._transport.abort()
        else:
            self._transport.close()
        self._end(CLOSED)

    # --- for asyncio ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        if self.ending is not None:
            return
        self.bytes_read += nbytes
        on_read = self._on_read
        if self._is_lazy and self._transport is not None:
            self._transport.pause_reading()
        try:
            self._wire.feed(bytes(self._buffer[:nbytes]))
        except MalformedError as error:
            self._break(Ending(CaptureFailure.BROKEN, str(error)))
        on_read()  # also of what came whole before the connection broke

    def eof_received(self) -> bool:
        """See asyncio.BaseProtocol: the camera hung up."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._end(HUNG_UP)
        self._wire = Wire(_ignored, _nothing)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _message(self, message: Message) -> None:
        if message.status is None:
            self._write(refusal(message.header("cseq")))
            return
        if not self._waiting:
            raise MalformedError("an answer to no question")
        answer = self._waiting.popleft()
        if not answer.done():
            answer.set_result(message)

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        if self._transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            self._break(Ending(CaptureFailure.BROKEN, "it takes nothing any more"))
            return
        self._transport.write(data)

    def _break(self, ending: Ending) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end(ending)

    def _end(self, ending: Ending) -> None:
        if self.ending is not None:
            return
        self.ending = ending
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(ending.error())
                answer.exception()  # who was cancelled meanwhile does not come for it
        self._waiting.clear()
        on_end = self._on_end
        # Who listens holds this connection, too: without an end to that, both would wait for the garbage collector.
        self.listen(_ignored, _nothing, _nothing)
        on_end(ending)


class Dialler:
    """Makes connections. Host names are looked up in threads of its own, because that cannot be cancelled."""

    def __init__(self, verify: ssl.SSLContext | bool, look_ups: int = 2) -> None:
        """``verify``: whom to believe over ``rtsps``; cameras often sign their certificates themselves."""
        self._tls = verify
        self._workers = Workers("rtsp-names", look_ups)
        self._buffer = memoryview(bytearray(READ_BYTES))

    async def connected(self, target: Target, longest_s: float) -> Connection:
        """A connection to ``target``. Raises CaptureError; the look-up of its name, too, ends after ``longest_s``."""
        failure = CaptureError(CaptureFailure.UNREACHABLE, "its host name has no address")
        for place in await self._places_of(target, longest_s):
            try:
                return await self._connected(target, place)
            except OSError as error:
                failure = failure_of_error(error)
        try:
            raise failure  # outside the handler, or its context would hold the address
        finally:
            del failure  # its trace leads here

    async def aclose(self) -> None:
        """Take no more look-ups."""
        await self._workers.aclose()

    async def _connected(self, target: Target, place: str) -> Connection:
        loop = asyncio.get_running_loop()
        if not target.is_encrypted:
            _, connection = await loop.create_connection(lambda: Connection(self._buffer), place, target.port)
            return connection
        _, connection = await loop.create_connection(
            lambda: Connection(self._buffer),
            place,
            target.port,
            ssl=self._context(),
            server_hostname=target.host,
        )
        return connection

    def _context(self) -> ssl.SSLContext:
        """Made when it is first needed: reading the certificates of the system takes a moment."""
        if isinstance(self._tls, bool):
            context = ssl.create_default_context()
            context.check_hostname = self._tls
            context.verify_mode = ssl.CERT_REQUIRED if self._tls else ssl.CERT_NONE
            self._tls = context
        return self._tls

    async def _places_of(self, target: Target, longest_s: float) -> list[str]:
        if _is_address(target.host):
            return [target.host]
        return await self._workers.run(lambda _: _looked_up(target), longest_s)


def _looked_up(target: Target) -> list[str]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        failure = failure_of_error(error if isinstance(error, OSError) else socket.gaierror())
    else:
        return [str(place[4][0]) for place in found[:MOST_ADDRESSES]]
    raise failure


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ignored(channel: int, data: bytes, start: int, end: int) -> None:
    """A packet before anybody listens."""


def _nothing(*_: object) -> None:
    """Nobody listens yet."""
