"""RTP for the tests: access units cut into packets as cameras cut them, and sender reports."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from patrol.adapters.rtsp.rtcp import NTP_TO_UNIX_S
from patrol.adapters.rtsp.sdp import Codec

PAYLOAD_TYPE = 96
CLOCK_RATE = 90_000


@dataclass
class Packetizer:
    """Cuts access units of ``codec`` into RTP packets of at most ``most`` bytes of payload.

    ``together``: small NAL units share a packet; ``marks``: the last packet of a picture has the marker bit.
    """

    codec: Codec = Codec.H264
    most: int = 1200
    together: bool = False
    marks: bool = True
    number: int = 65_530  # so that it soon wraps

    def packets(self, nals: Sequence[bytes], rtp_time: int) -> list[bytes]:
        """One access unit."""
        payloads = list(self._payloads(nals))
        last = len(payloads) - 1
        return [self._packet(each, rtp_time, self.marks and at == last) for at, each in enumerate(payloads)]

    def _packet(self, payload: bytes, rtp_time: int, marker: bool) -> bytes:
        header = rtp_header(self.number, rtp_time, marker)
        self.number = (self.number + 1) & 0xFFFF
        return header + payload

    def _payloads(self, nals: Sequence[bytes]) -> Iterator[bytes]:
        gathered: list[bytes] = []
        for nal in nals:
            if self.together and 8 + sum(len(each) + 2 for each in [*gathered, nal]) <= self.most:
                gathered.append(nal)
                continue
            yield from self._flushed(gathered)
            gathered = []
            yield from [nal] if len(nal) <= self.most else self._pieces(nal)
        yield from self._flushed(gathered)

    def _flushed(self, nals: list[bytes]) -> Iterator[bytes]:
        if len(nals) == 1:
            yield nals[0]
        elif nals:
            header = b"\x78" if self.codec is Codec.H264 else bytes((48 << 1, 1))
            yield header + b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)

    def _pieces(self, nal: bytes) -> Iterator[bytes]:
        head = 1 if self.codec is Codec.H264 else 2
        kind = nal[0] & 0x1F if head == 1 else nal[0] >> 1 & 0x3F
        start = bytes((nal[0] & 0xE0 | 28,)) if head == 1 else bytes((nal[0] & 0x81 | 49 << 1, nal[1]))
        room = self.most - head - 1
        cuts = range(head, len(nal), room)
        for at in cuts:
            flags = kind | (0x80 if at == cuts[0] else 0) | (0x40 if at == cuts[-1] else 0)
            yield start + bytes((flags,)) + nal[at : at + room]


def rtp_header(number: int, rtp_time: int, marker: bool = False, payload_type: int = PAYLOAD_TYPE) -> bytes:
    return struct.pack(">BBHII", 0x80, payload_type | (0x80 if marker else 0), number, rtp_time % 2**32, 7)


def sender_report(wall: datetime, rtp_time: int) -> bytes:
    """A compound packet: the report, then the source description that always follows."""
    seconds = wall.timestamp() + NTP_TO_UNIX_S
    ntp = int(seconds) % 2**32, int(seconds % 1 * 2**32)
    report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 7, *ntp, rtp_time % 2**32, 10, 1000)
    return report + struct.pack(">BBHI", 0x81, 202, 2, 7) + b"\1\0\0\0"


def interleaved(channel: int, packet: bytes) -> bytes:
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def access_units(nals: Sequence[bytes], codec: Codec = Codec.H264) -> list[list[bytes]]:
    """NAL units of a clip, gathered into pictures: each ends with its (only) slice."""
    units: list[list[bytes]] = [[]]
    for nal in nals:
        units[-1].append(nal)
        if (nal[0] & 0x1F) in (1, 5) if codec is Codec.H264 else (nal[0] >> 1 & 0x3F) < 32:
            units.append([])
    return [unit for unit in units if unit]
