"""What goes over the connection, whole or in the smallest pieces; and what is too much of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.rtsp.wire import MOST_BODY_BYTES, MOST_HEAD_BYTES, MalformedError, Message, Wire, refusal, request
from tests.adapters.rtsp.packets import interleaved

HEAD = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nWWW-Authenticate: a\r\nwww-authenticate:b\r\n\r\n"


def told(*pieces: bytes) -> list[object]:
    """What a wire tells of, in order: messages, and packets as (channel, bytes)."""
    happened: list[object] = []
    wire = Wire(lambda channel, data, start, end: happened.append((channel, data[start:end])), happened.append)
    for piece in pieces:
        wire.feed(piece)
    return happened


everything = st.lists(
    st.one_of(
        st.tuples(st.just("packet"), st.integers(0, 255), st.binary(max_size=300)),
        st.tuples(st.just("answer"), st.integers(100, 599), st.binary(max_size=300)),
        st.tuples(st.just("request"), st.just(0), st.just(b"")),
    ),
    max_size=8,
)


def sent(item: tuple[str, int, bytes]) -> bytes:
    kind, number, data = item
    if kind == "packet":
        return interleaved(number, data)
    if kind == "answer":
        return b"RTSP/1.0 %d Words\r\nContent-Length: %d\r\n\r\n" % (number, len(data)) + data
    return b"OPTIONS * RTSP/1.0\r\nCSeq: 3\r\n\r\n"


def expected(item: tuple[str, int, bytes]) -> object:
    kind, number, data = item
    if kind == "packet":
        return number, data
    if kind == "answer":
        return Message(number, (("content-length", str(len(data))),), data)
    return Message(None, (("cseq", "3"),))


@given(everything, st.integers(1, 40))
def test_whatever_comes_is_told_in_order_however_it_is_cut(items: list[tuple[str, int, bytes]], size: int) -> None:
    stream = b"".join(map(sent, items))
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert told(*pieces) == [expected(item) for item in items]


def test_split_at_every_byte() -> None:
    stream = b"\r\n" + HEAD + interleaved(0, b"first") + HEAD + interleaved(1, b"")
    whole = told(stream)
    assert len(whole) == 4
    assert told(*(stream[at : at + 1] for at in range(len(stream)))) == whole
    for at in range(len(stream)):
        assert told(stream[:at], stream[at:]) == whole


def test_headers_are_found_whatever_their_case() -> None:
    [message] = told(HEAD)
    assert isinstance(message, Message)
    assert message.header("cseq") == "1"
    assert message.header("session") == ""
    assert message.headers_named("www-authenticate") == ("a", "b")


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\x00\xff garbage", "not RTSP"),
        (b"HTTP/1.1 200 OK\r\nServer: web\r\n\r\n", "not RTSP"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not RTSP"),
        (b"RTSP/1.0 OK\r\n\r\n", "not RTSP"),
        (b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * MOST_HEAD_BYTES, "head of more than"),
        (b"RTSP/1.0 200 OK\r\nX: " + b"y" * MOST_HEAD_BYTES, "head of more than"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), "body of more than"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "no number"),
        (b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
    ],
)
def test_what_is_no_rtsp_or_too_long_is_refused(stream: bytes, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        told(stream)
    with pytest.raises(MalformedError, match=words):
        told(*(stream[at : at + 997] for at in range(0, len(stream), 997)))


def test_a_request_is_what_it_should_be() -> None:
    expected = b"DESCRIBE rtsp://a/b RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n"
    assert request("DESCRIBE", "rtsp://a/b", 2, [("Accept", "application/sdp")]) == expected


def test_a_servers_request_is_refused_by_its_number_which_may_be_anything() -> None:
    assert refusal("17") == b"RTSP/1.0 501 Not Implemented\r\nCSeq: 17\r\n\r\n"
    assert refusal("1\r\nX: y") == b"RTSP/1.0 501 Not Implemented\r\nCSeq: 0\r\n\r\n"
