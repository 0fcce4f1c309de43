"""When a picture was taken, by the camera's own clock: RTCP sender reports (RFC 3550, 6.4.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from patrol.domain.frame import CaptureClock

SENDER_REPORT = 200
# Seconds from 1900 to 1970. From 2036 on the seconds begin again at 0 (RFC 2030, section 3).
NTP_TO_UNIX_S = 2_208_988_800
NTP_ERA_S = 2**32

# Cameras' clocks lie: a picture that claims to be older than this when it arrives, or to be from the future, was
# taken by a clock that is set wrong. Encoding takes up to a second; clocks that are kept right by NTP differ by less
# than half of one. The limit is narrow because a gap may have one end by the camera's clock and one by ours: what is
# believed wrongly is taken off the revisit bound. What arrives a little before its time runs a little fast.
OLDEST_ON_ARRIVAL_S = 1.5
NEWEST_ON_ARRIVAL_S = -0.5


@dataclass(frozen=True, slots=True)
class SenderReport:
    """At ``wall`` (aware UTC, the camera's clock) the stream's time was ``rtp_time``."""

    wall: datetime
    rtp_time: int

    def time_of(self, rtp_time: int, clock_rate: int) -> datetime:
        """``rtp_time`` by the camera's clock; it may lie on either side of the report, also past a wrap."""
        return self.wall + timedelta(seconds=ticks_between(self.rtp_time, rtp_time) / clock_rate)


def ticks_between(earlier: int, later: int) -> int:
    """``later - earlier`` of two RTP times (32 bits), the short way round."""
    return (later - earlier + 2**31) % 2**32 - 2**31


def sender_report_in(packet: bytes) -> SenderReport | None:
    """The sender report in a compound RTCP packet; None without one, or if it is no RTCP."""
    at = 0
    while at + 8 <= len(packet) and packet[at] >> 6 == 2:
        words = struct.unpack_from(">H", packet, at + 2)[0]
        if packet[at + 1] == SENDER_REPORT and words >= 6 and at + 20 <= len(packet):
            seconds, fraction, rtp_time = struct.unpack_from(">III", packet, at + 8)
            return SenderReport(_wall_of(seconds, fraction), rtp_time)
        at += 4 * (words + 1)
    return None


def capture_time(
    report: SenderReport | None, rtp_time: int, clock_rate: int, arrived_at: datetime
) -> tuple[datetime, CaptureClock]:
    """When a picture was taken: by the camera's clock where that can be true, else when it arrived. Never later."""
    if report is not None:
        taken_at = report.time_of(rtp_time, clock_rate)
        if NEWEST_ON_ARRIVAL_S <= (arrived_at - taken_at).total_seconds() <= OLDEST_ON_ARRIVAL_S:
            return min(taken_at, arrived_at), CaptureClock.STREAM
    return arrived_at, CaptureClock.ARRIVAL


def _wall_of(seconds: int, fraction: int) -> datetime:
    since_1900 = seconds + (NTP_ERA_S if seconds < 2**31 else 0)
    return datetime.fromtimestamp(since_1900 - NTP_TO_UNIX_S, UTC) + timedelta(seconds=fraction / 2**32)
