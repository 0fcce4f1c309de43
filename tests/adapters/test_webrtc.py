"""Connections to browsers: what an offer may be, and pictures over a real connection, from aiortc to aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import av
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from patrol.adapters.live_encoder import LiveEncoder
from patrol.adapters.webrtc import AiortcPeers
from patrol.domain.errors import LiveRefusal, LiveRefused
from patrol.domain.live import LivePicture
from patrol.ports import PeerState
from tests.adapters.rtsp.looking import until


async def nothing() -> LivePicture:
    await asyncio.Event().wait()
    raise AssertionError


def drawn() -> Callable[[], Awaitable[LivePicture]]:
    """Pictures that become lighter, 25 a second."""
    encoder, numbers = LiveEncoder(25), count()

    async def next_picture() -> LivePicture:
        await asyncio.sleep(0.04)
        number = next(numbers)
        picture = encoder.encode(np.full((180, 320, 3), 20 + 2 * number % 200, np.uint8), number / 25)
        assert picture is not None
        return picture

    return next_picture


async def offered(browser: RTCPeerConnection) -> str:
    browser.addTransceiver("video", direction="recvonly")
    await browser.setLocalDescription(await browser.createOffer())
    return str(browser.localDescription.sdp)


def browser() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def test_pictures_arrive_as_they_were_encoded() -> None:
    async def check() -> None:
        one = browser()
        peer = await AiortcPeers().answered(await offered(one), drawn())
        assert peer.state is PeerState.CONNECTING
        await one.setRemoteDescription(RTCSessionDescription(peer.answer, "answer"))
        (receiver,) = one.getReceivers()
        shown = []
        async with asyncio.timeout(20):
            for _ in range(5):
                frame = await receiver.track.recv()
                assert isinstance(frame, av.VideoFrame)
                shown.append(float(frame.to_ndarray(format="gray").mean()))
        assert shown == sorted(shown)
        assert shown[-1] > shown[0]
        assert peer.state is PeerState.CONNECTED
        heard = await peer.heard()
        for _ in range(30):  # it reports about once a second
            await receiver.track.recv()
        assert await peer.heard() > heard
        await one.close()
        await until(lambda: peer.state is PeerState.OVER)
        await peer.close()

    asyncio.run(check())


def test_the_answer_names_h264_alone_and_nobody_outside() -> None:
    async def check() -> None:
        one = browser()
        peer = await AiortcPeers().answered(await offered(one), nothing)
        answer = peer.answer
        assert "H264/90000" in answer
        assert "VP8" not in answer
        assert "a=sendonly" in answer
        kinds = {line.split(" ")[7] for line in answer.splitlines() if line.startswith("a=candidate:")}
        assert kinds == {"host"}
        await peer.close()
        assert peer.state is PeerState.OVER
        await one.close()

    asyncio.run(check())


def test_no_address_of_the_offer_is_ever_sent_to() -> None:
    async def check() -> None:
        heard = asyncio.Event()

        class Listening(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: object) -> None:
                heard.set()

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Listening, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        one = browser()
        offer = await offered(one)
        lines = [line for line in offer.splitlines() if not line.startswith("a=candidate")]
        lines.append(f"a=candidate:1 1 udp 2130706431 127.0.0.1 {port} typ host")
        peer = await AiortcPeers().answered("\r\n".join(lines) + "\r\n", nothing)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(heard.wait(), 0.5)
        await peer.close()
        await one.close()
        transport.close()

    asyncio.run(check())


@pytest.mark.parametrize(
    "change",
    [
        lambda offer: "",
        lambda offer: "nonsense",
        lambda offer: offer.replace("H264/90000", "H999/90000"),
        lambda offer: offer + "m=video 9 UDP/TLS/RTP/SAVPF 99\r\na=rtpmap:99 H264/90000\r\n",
        lambda offer: offer.replace("a=ice-ufrag", "a=x"),
        lambda offer: offer.replace("m=video", "m=audio"),
    ],
)
def test_an_offer_that_makes_no_sense_is_refused(change: Callable[[str], str]) -> None:
    async def check() -> None:
        one = browser()
        offer = change(await offered(one))
        with pytest.raises(LiveRefused) as refused:
            await AiortcPeers().answered(offer, nothing)
        assert refused.value.reason is LiveRefusal.BROWSER
        await one.close()

    asyncio.run(check())
