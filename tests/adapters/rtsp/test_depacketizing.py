"""Key frames out of packets: whole ones only, however they were cut, of both codecs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.rtsp import depacketizing
from patrol.adapters.rtsp.depacketizing import START_CODE, KeyFrame, KeyFrames, key_frames_of
from patrol.adapters.rtsp.sdp import Codec, VideoTrack
from patrol.domain.errors import CaptureError, CaptureFailure
from tests.adapters.rtsp.packets import PAYLOAD_TYPE, Packetizer, rtp_header

SPS, PPS, AUD = b"\x67sps", b"\x68pps", b"\x09\xf0"
VPS_265, SPS_265, PPS_265 = b"\x40\x01vps", b"\x42\x01sps", b"\x44\x01pps"
RECOVERY, RECOVERY_LATER = b"\x06\x06\x01\x80\x80", b"\x06\x06\x01\x40\x80"


def track(codec: Codec = Codec.H264, sets: tuple[bytes, ...] = ()) -> VideoTrack:
    return VideoTrack(codec, "rtsp://h/1", PAYLOAD_TYPE, 90_000, sets)


def idr(size: int = 3000) -> bytes:
    return b"\x65\x88" + bytes(range(1, 251)) * (size // 250)


def following(size: int = 400) -> bytes:
    return b"\x41\x9a" + b"p" * size


def irap(kind: int = 19, size: int = 3000) -> bytes:
    return bytes((kind << 1, 1, 0x80)) + bytes(range(1, 251)) * (size // 250)


def following_265(size: int = 400) -> bytes:
    return bytes((1 << 1, 1, 0x80)) + b"p" * size


def annex_b(*nals: bytes) -> bytes:
    return b"".join(START_CODE + nal for nal in nals)


def taken(frames: KeyFrames, packets: Iterable[bytes]) -> list[KeyFrame]:
    """What comes out; each packet in the middle of others, as in a read of many."""
    found = (frames.take(b"before" + packet + b"behind", 6, 6 + len(packet)) for packet in packets)
    return [frame for frame in found if frame is not None]


def stream(units: Sequence[Sequence[bytes]], packetizer: Packetizer) -> list[list[bytes]]:
    """The packets of each access unit, 1/10 s apart."""
    return [packetizer.packets(unit, number * 9000) for number, unit in enumerate(units)]


def flat(packets: Iterable[Iterable[bytes]]) -> list[bytes]:
    return [packet for unit in packets for packet in unit]


cuts = st.builds(Packetizer, st.just(Codec.H264), st.integers(20, 1500), st.booleans(), st.booleans())
cuts_265 = st.builds(Packetizer, st.just(Codec.H265), st.integers(20, 1500), st.booleans(), st.booleans())


@given(cuts, st.integers(1, 3))
def test_every_h264_key_frame_comes_out_whole_however_it_was_cut(packetizer: Packetizer, slices: int) -> None:
    key = [SPS, PPS, idr(), *[b"\x65\x10" + b"s" * 700] * (slices - 1)]
    units = [[following()], key, [following()], [AUD, *key], [following(9)]]
    found = taken(key_frames_of(track()), flat(stream(units, packetizer)))
    assert found == [KeyFrame(Codec.H264, annex_b(*key), time) for time in (9000, 27_000)]


@given(cuts_265, st.sampled_from([16, 17, 18, 19, 20, 21]))
def test_every_h265_key_frame_comes_out_whole_however_it_was_cut(packetizer: Packetizer, kind: int) -> None:
    key = [VPS_265, SPS_265, PPS_265, irap(kind)]
    units = [[following_265()], key, [following_265()], key, [following_265(9)]]
    found = taken(key_frames_of(track(Codec.H265)), flat(stream(units, packetizer)))
    assert found == [KeyFrame(Codec.H265, annex_b(*key), time) for time in (9000, 27_000)]


@given(cuts, st.data())
def test_a_key_frame_that_misses_a_packet_is_passed_over_and_the_next_is_taken(
    packetizer: Packetizer, data: st.DataObject
) -> None:
    units = stream([[following()], [idr()], [following()], [idr(2000)], [following()]], packetizer)
    lost = data.draw(st.integers(0, len(units[1]) - 1))
    del units[1][lost]
    found = taken(key_frames_of(track(sets=(SPS, PPS))), flat(units))
    assert [frame.rtp_time for frame in found] == [27_000]
    assert found[0].data == annex_b(SPS, PPS, idr(2000))


@given(st.lists(st.sampled_from(range(40)), max_size=12))
def test_whatever_is_lost_no_damaged_key_frame_comes_out(lost: list[int]) -> None:
    packets = flat(stream([[following()], [SPS, PPS, idr()], [following()], [idr(2000)]] * 2, Packetizer(most=300)))
    kept = [packet for number, packet in enumerate(packets) if number not in lost]
    whole = {annex_b(SPS, PPS, idr()), annex_b(SPS, PPS, idr(2000)), annex_b(idr(2000)), annex_b(idr())}
    whole |= {annex_b(*sets, idr()) for sets in ((SPS,), (PPS,))} | {annex_b(each, idr(2000)) for each in (SPS, PPS)}
    assert {frame.data for frame in taken(key_frames_of(track()), kept)} <= whole


@given(st.lists(st.binary(max_size=60), max_size=30), st.sampled_from(Codec))
def test_no_packet_breaks_anything(payloads: list[bytes], codec: Codec) -> None:
    frames = key_frames_of(track(codec))
    for number, payload in enumerate(payloads):
        with suppress(CaptureError):  # the one error it may raise
            taken(frames, [payload, rtp_header(number, number // 3, marker=number % 3 == 2) + payload])


def test_joining_in_the_middle_of_a_key_frame_waits_for_the_next() -> None:
    units = stream([[idr()], [following()], [idr(2000)]], Packetizer(most=500))
    found = taken(key_frames_of(track()), flat(units)[2:])
    assert [frame.rtp_time for frame in found] == [18_000]


def test_joining_at_the_second_slice_of_a_key_frame_waits_for_the_next() -> None:
    units = stream([[b"\x65\x10second slice"], [following()], [idr()]], Packetizer())
    assert [frame.rtp_time for frame in taken(key_frames_of(track()), flat(units))] == [18_000]


def test_parameter_sets_hold_until_others_come_and_the_newest_stand_last() -> None:
    other = b"\x67another"
    units = stream([[idr()], [SPS, idr()], [other, PPS, idr()], [idr()]], Packetizer())
    found = taken(key_frames_of(track(sets=(PPS, SPS))), flat(units))
    assert [frame.data for frame in found] == [
        annex_b(SPS, PPS, idr()),
        annex_b(SPS, PPS, idr()),
        annex_b(SPS, other, PPS, idr()),
        annex_b(SPS, other, PPS, idr()),
    ]


def test_parameter_sets_without_end_do_not_gather() -> None:
    sets = [b"\x67%d" % number for number in range(100)]
    [found] = taken(key_frames_of(track()), flat(stream([[*sets, idr()]], Packetizer())))
    assert found.data == annex_b(*sets[-16:], idr())


def test_a_picture_to_begin_again_from_counts_as_a_key_frame_if_it_is_whole_at_once() -> None:
    units = stream([[RECOVERY, following()], [RECOVERY_LATER, following()], [following()]], Packetizer(most=200))
    found = taken(key_frames_of(track()), flat(units))
    assert [frame.data for frame in found] == [annex_b(RECOVERY, following())]


def test_extensions_contributing_sources_and_padding_are_no_payload() -> None:
    header = bytearray(rtp_header(1, 9000, marker=True))
    header[0] |= 0x20 | 0x10 | 2  # padding, an extension, two sources
    packet = bytes(header) + b"source 1" + b"\xab\xac\x00\x01more" + idr() + b"\0\0\3"
    [found] = taken(key_frames_of(track()), [packet])
    assert found.data == annex_b(idr())


def test_packets_of_another_type_are_passed_over_without_a_loss() -> None:
    key = Packetizer(most=1000, number=5).packets([idr()], 9000)
    private = rtp_header(7, 9000, payload_type=112) + b"private"
    renumbered = [*key[:2], private, *(packet[:2] + bytes((0, 8 + n)) + packet[4:] for n, packet in enumerate(key[2:]))]
    assert len(taken(key_frames_of(track()), renumbered)) == 1


def test_a_key_frame_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depacketizing, "MOST_KEY_FRAME_BYTES", 5000)
    units = stream([[idr(9000)], [idr(1000)] * 9, [idr(1000)]], Packetizer(most=500))
    found = taken(key_frames_of(track()), flat(units))
    assert [frame.rtp_time for frame in found] == [18_000]


@pytest.mark.parametrize(
    ("codec", "payload"), [(Codec.H264, b"\x79ab"), (Codec.H264, b"\x7dab"), (Codec.H265, b"\x64\1a")]
)
def test_what_is_never_sent_by_cameras_is_left_to_others(codec: Codec, payload: bytes) -> None:
    with pytest.raises(CaptureError) as caught:
        taken(key_frames_of(track(codec)), [rtp_header(1, 1) + payload])
    assert caught.value.failure is CaptureFailure.UNSUPPORTED


def test_layers_above_the_base_are_passed_over() -> None:
    upper = bytes((19 << 1 | 1, 1, 0x80)) + b"upper layer"
    units = stream([[VPS_265, SPS_265, PPS_265, irap(), upper]], Packetizer(Codec.H265, most=2**16))
    [found] = taken(key_frames_of(track(Codec.H265)), flat(units))
    assert found.data == annex_b(VPS_265, SPS_265, PPS_265, irap())
