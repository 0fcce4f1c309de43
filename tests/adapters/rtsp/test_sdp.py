"""What cameras say of their streams."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.rtsp.sdp import Codec, description_of, resolved
from patrol.domain.errors import CaptureError, CaptureFailure

BASE = "rtsp://10.0.0.1/live/"
SPS, PPS = b"\x67\x42\x00\x1e", b"\x68\xce\x38\x80"
SETS = f"{base64.b64encode(SPS).decode()},{base64.b64encode(PPS).decode()}"

HIKVISION = f"""v=0\r
o=- 1109162014219182 1109162014219192 IN IP4 10.0.0.1\r
s=Media Presentation\r
b=AS:5100\r
t=0 0\r
a=control:rtsp://10.0.0.1/live/\r
m=video 0 RTP/AVP 96\r
a=recvonly\r
a=control:rtsp://10.0.0.1/live/trackID=1\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets={SETS}\r
m=audio 0 RTP/AVP 8\r
a=control:rtsp://10.0.0.1/live/trackID=2\r
a=rtpmap:8 PCMA/8000\r
"""

DAHUA_H265 = """v=0
s=Media Server
a=control:*
m=application 0 RTP/AVP 107
a=control:trackID=4
a=rtpmap:107 vnd.onvif.metadata/90000
m=video 0 RTP/AVP 98
a=control:trackID=0
a=framerate:25.000000
a=rtpmap:98 H265/90000
a=fmtp:98 profile-id=1;sprop-sps=Ag==;sprop-pps=Aw==;sprop-vps=AQ==
"""


def video(*lines: str) -> bytes:
    return "\n".join(["v=0", "m=video 0 RTP/AVP 96", *lines]).encode()


def failure_of(sdp: bytes) -> CaptureFailure:
    with pytest.raises(CaptureError) as caught:
        description_of(sdp, BASE)
    return caught.value.failure


def test_an_h264_camera_with_absolute_addresses_and_sound() -> None:
    description = description_of(HIKVISION.encode(), "rtsp://ignored/")
    assert description.control == "rtsp://10.0.0.1/live/"
    assert description.video.control == "rtsp://10.0.0.1/live/trackID=1"
    assert (description.video.codec, description.video.payload_type) == (Codec.H264, 96)
    assert description.video.clock_rate == 90_000
    assert description.video.parameter_sets == (SPS, PPS)


def test_an_h265_camera_with_relative_addresses_and_metadata_first() -> None:
    description = description_of(DAHUA_H265.encode(), BASE)
    assert description.control == BASE
    assert description.video.control == "rtsp://10.0.0.1/live/trackID=0"
    assert (description.video.codec, description.video.payload_type) == (Codec.H265, 98)
    assert description.video.parameter_sets == (b"\1", b"\2", b"\3"), "in the order in which a decoder wants them"


@pytest.mark.parametrize(
    ("base", "control", "expected"),
    [
        ("rtsp://h/a", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/a/", "trackID=1", "rtsp://h/a/trackID=1"),
        ("rtsp://h/cam?channel=1&subtype=0", "trackID=1", "rtsp://h/cam?channel=1&subtype=0/trackID=1"),
        ("rtsp://h:8554/a/b", "/media/1", "rtsp://h:8554/media/1"),
        ("rtsps://h/a", "RTSPS://h/b", "RTSPS://h/b"),
        ("rtsp://h/a", "", "rtsp://h/a"),
        ("rtsp://h/a", "*", "rtsp://h/a"),
    ],
)
def test_addresses_of_tracks(base: str, control: str, expected: str) -> None:
    assert resolved(base, control) == expected


@pytest.mark.parametrize(
    ("sdp", "failure"),
    [
        (b"", CaptureFailure.BROKEN),
        (b"v=0\nm=audio 0 RTP/AVP 8", CaptureFailure.BROKEN),
        (b"m=video 0 RTP/AVP 26", CaptureFailure.UNSUPPORTED),
        (video("a=rtpmap:96 MP4V-ES/90000"), CaptureFailure.UNSUPPORTED),
        (video("a=rtpmap:96 H264/90000", "a=fmtp:96 packetization-mode=2"), CaptureFailure.UNSUPPORTED),
        (video("a=rtpmap:96 H265/90000", "a=fmtp:96 sprop-max-don-diff=2"), CaptureFailure.UNSUPPORTED),
        (b"m=video", CaptureFailure.UNSUPPORTED),
        (f"m=video 0 RTP/AVP {'9' * 5000}\na=rtpmap:{'9' * 5000} H264/90000".encode(), CaptureFailure.UNSUPPORTED),
    ],
)
def test_what_is_not_read_here_says_so(sdp: bytes, failure: CaptureFailure) -> None:
    assert failure_of(sdp) is failure


@pytest.mark.parametrize("rate", ["9" * 5000, "1000000000", "0", "-1", "", "x"])
def test_a_clock_rate_that_makes_no_sense_is_the_usual_one(rate: str) -> None:
    assert description_of(video(f"a=rtpmap:96 H264/{rate}"), BASE).video.clock_rate == 90_000


def test_the_first_track_that_can_be_read_is_taken() -> None:
    sdp = b"m=video 0 RTP/AVP 26\na=control:jpeg\nm=video 0 RTP/AVP 97\na=rtpmap:97 h264/90000\na=control:good"
    assert description_of(sdp, BASE).video.control == f"{BASE}good"


def test_parameter_sets_that_are_no_base64_are_left_out_as_they_also_come_in_band() -> None:
    sdp = video("a=rtpmap:96 H264/90000", f"a=fmtp:96 sprop-parameter-sets=!?,{SETS.split(',')[1]},{'A' * 20_000}")
    assert description_of(sdp, BASE).video.parameter_sets == (PPS,)


@given(st.binary(max_size=300))
def test_no_description_breaks_anything(rest: bytes) -> None:
    with suppress(CaptureError):  # the one error it may raise
        description_of(b"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/" + rest, BASE)
