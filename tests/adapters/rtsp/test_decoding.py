"""One key frame into pixels."""

from __future__ import annotations

import pytest

from patrol.adapters.rtsp import decoding
from patrol.adapters.rtsp.decoding import decoded
from patrol.adapters.rtsp.depacketizing import START_CODE, KeyFrame
from patrol.adapters.rtsp.sdp import Codec
from tests.acceptance.clips import number_in
from tests.adapters.rtsp.camera import pictures


def key_frame(codec: Codec) -> KeyFrame:
    return KeyFrame(codec, b"".join(START_CODE + nal for nal in pictures(codec)[0]), 0)


@pytest.mark.parametrize("codec", Codec)
def test_a_picture_larger_than_any_cameras_is_not_decoded(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    found = decoded(key_frame(codec), (160, 160))
    assert found is not None
    assert (found.shape, number_in(found)) == ((90, 160, 3), 0)
    monkeypatch.setattr(decoding, "LARGEST_PIXELS", 320 * 180 - 1)
    assert decoded(key_frame(codec), (160, 160)) is None


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("data", [b"", b"\0", START_CODE, START_CODE + b"\x65", START_CODE + bytes(99), b"\xff" * 99])
def test_what_is_no_picture_is_none(codec: Codec, data: bytes) -> None:
    assert decoded(KeyFrame(codec, data, 0), None) is None
