"""Connections to browsers, by aiortc: it cuts H.264 into RTP and carries it; nothing is encoded here.

Host candidates only. The offer's own candidates are left out: the browser finds us, so that nothing is sent to an
address that only an offer names, and nobody waits for the names that browsers give themselves (mDNS).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from patrol.domain.errors import LiveRefusal, LiveRefused
from patrol.domain.live import TICKS_PER_S, LivePicture
from patrol.ports import PeerState

if TYPE_CHECKING:
    import av
    from aiortc import MediaStreamTrack, RTCPeerConnection

_log = logging.getLogger(__name__)

TIME_BASE = Fraction(1, TICKS_PER_S)
STATES = {"new": PeerState.CONNECTING, "connecting": PeerState.CONNECTING, "connected": PeerState.CONNECTED}
# What a large key picture is sent by at a time, and for how long others have their turn then: some 160 Mbit/s. All at
# once overflows the browser's socket.
BURST_BYTES, BURST_REST_S = 64 * 2**10, 0.003
H264 = re.compile(r"^a=rtpmap:\d+ H264/90000\s*$", re.MULTILINE | re.IGNORECASE)
CANDIDATE = re.compile(r"^a=(candidate:.*|end-of-candidates)\r?\n?", re.MULTILINE)
ONE_MEDIUM = re.compile(r"^m=", re.MULTILINE)

NextPicture = Callable[[], Awaitable[LivePicture]]


class AiortcPeer:
    """See LivePeer."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        self._connection = connection

    @property
    def answer(self) -> str:
        """See LivePeer."""
        return str(self._connection.localDescription.sdp)

    @property
    def state(self) -> PeerState:
        """See LivePeer."""
        return STATES.get(self._connection.connectionState, PeerState.OVER)

    async def heard(self) -> int:
        """See LivePeer."""
        report = await self._connection.getStats()
        return sum(each.packetsReceived for each in report.values() if each.type == "transport")

    async def close(self) -> None:
        """See LivePeer."""
        for sender in self._connection.getSenders():
            if sender.track is not None:
                sender.track.stop()
        try:
            await _close(self._connection)
        except Exception as error:  # noqa: BLE001  (of one browser's connection, which nobody wants any more)
            _log.warning("a live view's connection was not closed as it should: %s", type(error).__name__)


class AiortcPeers:
    """See LivePeers. aiortc is imported with the first of them, in a thread: it takes most of a second."""

    async def answered(self, offer: str, next_picture: NextPicture) -> AiortcPeer:
        """See LivePeers."""
        if not H264.search(offer) or len(ONE_MEDIUM.findall(offer)) != 1:
            raise LiveRefused(LiveRefusal.BROWSER)
        await asyncio.to_thread(__import__, "aiortc")
        connection = _connection()
        try:
            await _negotiate(connection, CANDIDATE.sub("", offer), next_picture)
        except asyncio.CancelledError:  # whoever waited has gone
            await _close(connection)
            raise
        except Exception as error:
            await _close(connection)
            raise LiveRefused(LiveRefusal.BROWSER) from error
        return AiortcPeer(connection)


async def _close(connection: RTCPeerConnection) -> None:
    await connection.close()
    await asyncio.sleep(0)  # asyncio closes the sockets in its next turn


def _connection() -> RTCPeerConnection:
    from aiortc import RTCConfiguration, RTCPeerConnection

    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def _negotiate(connection: RTCPeerConnection, offer: str, next_picture: NextPicture) -> None:
    from aiortc import RTCRtpSender, RTCSessionDescription

    # Before the offer is looked at, or VP8 would be agreed upon, and nothing could be decoded.
    connection.addTrack(_track(next_picture))
    (transceiver,) = connection.getTransceivers()
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([each for each in capabilities if each.mimeType in ("video/H264", "video/rtx")])
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())


def _track(next_picture: NextPicture) -> MediaStreamTrack:
    import av
    from aiortc import MediaStreamTrack

    class PictureTrack(MediaStreamTrack):
        """Pictures that are encoded already, as packets."""

        kind = "video"

        def __init__(self) -> None:
            super().__init__()
            self._burst = 0

        async def recv(self) -> av.Packet:
            """The next picture. The first call comes once the connection stands."""
            if self._burst >= BURST_BYTES:
                await asyncio.sleep(BURST_REST_S * self._burst / BURST_BYTES)
                self._burst = 0
            picture = await next_picture()
            self._burst += len(picture.data)
            packet = av.Packet(picture.data)
            packet.pts, packet.time_base = picture.ticks, TIME_BASE
            return packet

    return PictureTrack()
