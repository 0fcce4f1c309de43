"""What goes over an RTSP connection: requests, responses, and RTP packets interleaved between them (RFC 2326).

Pure: bytes in, calls out. Everything that a server could make long is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MOST_HEAD_BYTES = 16 * 2**10
MOST_BODY_BYTES = 256 * 2**10

INTERLEAVED = 0x24  # "$": then channel, two bytes of length, and the packet (RFC 2326, 10.12)

_STATUS_LINE = re.compile(r"RTSP/\d\.\d +(\d{3})(?: |$)")
_REQUEST_LINE = re.compile(r"[A-Z_]+ +\S+ +RTSP/\d\.\d$")

# Called with (channel, data, start, end): the packet is data[start:end], which saves a copy of each that is skipped.
OnPacket = Callable[[int, bytes, int, int], None]


class MalformedError(Exception):
    """What came is not RTSP, or longer than anything a camera has to say. The text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A response, or a request of the server's own (``status`` None). Header names are in lower case."""

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first header of that (lower-case) name; empty if there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def headers_named(self, name: str) -> tuple[str, ...]:
        """All headers of that (lower-case) name."""
        return tuple(value for key, value in self.headers if key == name)


def request(method: str, url: str, number: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """A request without a body. ``number``: its CSeq."""
    lines = [f"{method} {url} RTSP/1.0", f"CSeq: {number}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


def refusal(number: str) -> bytes:
    """The answer to a request of the server's, of which a viewer needs none."""
    return f"RTSP/1.0 501 Not Implemented\r\nCSeq: {number if number.isdecimal() else 0}\r\n\r\n".encode()


class Wire:
    """Takes bytes as they come, in pieces of any size, and tells of each whole packet and message in order.

    ``on_packet`` may be changed at any time.
    """

    def __init__(self, on_packet: OnPacket, on_message: Callable[[Message], None]) -> None:
        self.on_packet = on_packet
        self._on_message = on_message
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises MalformedError; nothing may follow then."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= 4:
            if data[at] == INTERLEAVED:
                after = at + 4 + (data[at + 2] << 8 | data[at + 3])
                if after > end:
                    break
                self.on_packet(data[at + 1], data, at + 4, after)
            else:
                after = self._message(data, at)
                if after == at:
                    break
            at = after
        self._rest = data[at:]

    def _message(self, data: bytes, at: int) -> int:
        """Where the message that begins at ``at`` ends; ``at`` itself while it is not whole."""
        if data[at] in b"\r\n":  # some put empty lines between messages
            return at + 1
        head_end = data.find(b"\r\n\r\n", at, at + MOST_HEAD_BYTES)
        if head_end < 0:
            _check_beginning(data[at : at + 8])
            if len(data) - at >= MOST_HEAD_BYTES:
                raise MalformedError(f"a head of more than {MOST_HEAD_BYTES} bytes")
            return at
        status, headers = _head_of(data[at:head_end].decode("latin-1"))
        body_end = head_end + 4 + _content_length(headers)
        if body_end > len(data):
            return at
        self._on_message(Message(status, headers, data[head_end + 4 : body_end]))
        return body_end


def _check_beginning(beginning: bytes) -> None:
    """Whether a message can begin so: what is no RTSP at all is not waited for."""
    if not all(65 <= byte <= 90 or byte in b"_ /.0123456789" for byte in beginning):
        raise MalformedError("not RTSP")


def _head_of(head: str) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    first, *lines = head.split("\r\n")
    found = _STATUS_LINE.match(first)
    if found is None and _REQUEST_LINE.match(first) is None:
        raise MalformedError("not RTSP")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.strip().lower(), value.strip()) for name, colon, value in pairs if colon)
    return int(found[1]) if found else None, headers


def _content_length(headers: tuple[tuple[str, str], ...]) -> int:
    text = next((value for name, value in headers if name == "content-length"), "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise MalformedError("a length that is no number")
    if int(text) > MOST_BODY_BYTES:
        raise MalformedError(f"a body of more than {MOST_BODY_BYTES} bytes")
    return int(text)
