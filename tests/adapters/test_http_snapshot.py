"""Cameras that hand out single JPEGs."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from patrol.adapters import http_snapshot
from patrol.adapters.http_snapshot import HttpSnapshotSource, decoded
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from tests.acceptance import bad_servers
from tests.acceptance.clips import counting_pictures, jpeg, number_in
from tests.adapters.looking import NOON, StandingClock, camera_at
from tests.adapters.test_stream import told_by

CANARY = "Canary-Pa55word"
USER = "admin"
REALM = 'realm="camera"'
PICTURE = jpeg(list(counting_pictures(78))[77])


@dataclass
class Reply:
    """What the test camera answers on one path."""

    status: int = 200
    body: bytes = PICTURE
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class WebCamera:
    """A running test camera: what it was asked, and its port."""

    port: int
    paths: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    encodings: list[str | None] = field(default_factory=list)


Answer = Callable[[str, str | None], Reply]


@contextmanager
def web_camera(answer: Answer) -> Iterator[WebCamera]:
    """A web server on the loopback; ``answer`` is given path and Authorization header."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            authorization = self.headers["Authorization"]
            camera.paths.append(self.path)
            camera.authorizations.append(authorization)
            camera.encodings.append(self.headers["Accept-Encoding"])
            reply = answer(self.path, authorization)
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        camera = WebCamera(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield camera
        finally:
            server.shutdown()
            thread.join(5)


def look(camera: Camera, deadline_s: float = 5.0, scale_to: tuple[int, int] | None = (640, 384)) -> Frame:
    async def visit() -> Frame:
        source = HttpSnapshotSource(scale_to, StandingClock(), workers=1)
        try:
            return await source.capture(camera, deadline_s)
        finally:
            await source.aclose()

    return asyncio.run(visit())


def failure_of(camera: Camera, deadline_s: float = 5.0) -> CaptureError:
    with pytest.raises(CaptureError) as caught:
        look(camera, deadline_s)
    return caught.value


def at(camera: WebCamera, path: str = "/snap.jpg", user: str = f"{USER}:{CANARY}@") -> Camera:
    return camera_at(f"http://{user}127.0.0.1:{camera.port}{path}")


def basic(_path: str, authorization: str | None) -> Reply:
    wanted = "Basic " + base64.b64encode(f"{USER}:{CANARY}".encode()).decode()
    return Reply() if authorization == wanted else Reply(401, b"no", {"WWW-Authenticate": f"Basic {REALM}"})


def digest(path: str, authorization: str | None) -> Reply:
    """RFC 7616 with MD5 and qop=auth, as cameras have it."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', authorization or ""))
    ha1 = hashlib.md5(f"{USER}:camera:{CANARY}".encode()).hexdigest()
    ha2 = hashlib.md5(f"GET:{path}".encode()).hexdigest()
    middle = f"{fields.get('nonce')}:{fields.get('nc')}:{fields.get('cnonce')}:{fields.get('qop')}"
    wanted = hashlib.md5(f"{ha1}:{middle}:{ha2}".encode()).hexdigest()
    challenge = f'Digest {REALM}, nonce="abc", qop="auth", algorithm=MD5'
    return Reply() if fields.get("response") == wanted else Reply(401, b"no", {"WWW-Authenticate": challenge})


def test_a_snapshot_is_a_frame() -> None:
    with web_camera(lambda *_: Reply()) as camera:
        frame = look(at(camera), scale_to=(160, 160))
    assert (frame.width, frame.height) == (160, 90)
    assert number_in(frame.pixels) == 77
    assert frame.captured_at == NOON
    assert camera.authorizations == [None], "no password goes to a camera that asks for none"


@pytest.mark.parametrize("asks", [basic, digest])
def test_authenticates_as_the_camera_asks(asks: Answer) -> None:
    with web_camera(asks) as camera:
        assert number_in(look(at(camera, "/snap.jpg?channel=1")).pixels) == 77
    assert len(camera.paths) == 2


def both_in_one_header(path: str, authorization: str | None) -> Reply:
    reply = digest(path, authorization)
    if reply.status == 401:
        reply.headers["WWW-Authenticate"] = f"Basic {REALM}, " + reply.headers["WWW-Authenticate"]
    return reply


def test_the_password_is_not_sent_in_the_clear_where_a_digest_is_offered_behind_it() -> None:
    with web_camera(both_in_one_header) as camera:
        assert number_in(look(at(camera)).pixels) == 77
    assert [str(each).split(" ")[0] for each in camera.authorizations] == ["None", "Digest"]


def test_a_nonce_that_grew_old_at_once_is_replaced() -> None:
    def answer(path: str, authorization: str | None) -> Reply:
        reply = digest(path, authorization) if 'nonce="def"' in (authorization or "") else Reply(401, b"no", {})
        nonce = 'nonce="def", stale=true' if authorization else 'nonce="abc"'
        reply.headers["WWW-Authenticate"] = f'Digest {REALM}, {nonce}, qop="auth"'
        return reply

    with web_camera(answer) as camera:
        assert number_in(look(at(camera)).pixels) == 77
    assert len(camera.paths) == 3


@pytest.mark.parametrize(
    "asked",
    [
        f'Digest {REALM}, nonce="n", algorithm=SHA-512-256',
        f'Digest {REALM}, nonce="n", qop="auth-int"',
        f'Digest {REALM}, nonce="n", stale',
        "Digest",
        "Negotiate",
        f'Digest realm="\xc4\xd6", nonce="n", qop="{"x" * 3000}"',
        'Digest realm="\xc4\xd6", nonce="n", qop="auth", stale=true',
    ],
)
def test_a_wish_that_cannot_be_met_is_a_failure_of_that_visit_only(asked: str) -> None:
    with web_camera(lambda *_: Reply(401, b"no", {"WWW-Authenticate": asked})) as camera:
        assert failure_of(at(camera)).failure is CaptureFailure.UNAUTHORIZED


@pytest.mark.parametrize("asks", [basic, digest])
def test_names_and_passwords_in_chinese(asks: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.adapters.test_http_snapshot.USER", "\u7ba1\u7406\u5458")
    with web_camera(asks) as camera:
        assert number_in(look(at(camera, user=f"%E7%AE%A1%E7%90%86%E5%91%98:{CANARY}@")).pixels) == 77


def test_what_comes_with_a_challenge_is_not_read() -> None:
    """The camera would go on for ever with its page about a missing password."""
    sent = []

    def endless(connection: socket.socket, stopped: threading.Event) -> None:
        request = connection.recv(65536)
        if b"Authorization" in request:
            picture = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE
            connection.sendall(picture)
            return
        connection.sendall(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="r"\r\n\r\n')
        while not stopped.is_set() and len(sent) < 5000:
            connection.sendall(bytes(2**20))
            sent.append(2**20)

    with bad_servers.server(endless) as port:
        frame = look(camera_at(f"http://{USER}:{CANARY}@127.0.0.1:{port}/"), deadline_s=3.0)
    assert number_in(frame.pixels) == 77
    assert len(sent) < 100


def test_a_compressed_answer_is_neither_asked_for_nor_taken() -> None:
    asked: list[str] = []
    bomb = gzip.compress(bytes(200 * 2**20), 1)

    def answer(_path: str, _authorization: str | None) -> Reply:
        return Reply(body=bomb, headers={"Content-Encoding": "gzip"})

    with web_camera(answer) as camera:
        asked = camera.encodings
        error = failure_of(at(camera))
    assert error.failure is CaptureFailure.BROKEN
    assert "compressed" in str(error)
    assert asked == ["identity"]


@pytest.mark.parametrize("asks", [basic, digest])
def test_a_wrong_password_is_tried_once(asks: Answer) -> None:
    with web_camera(asks) as camera:
        error = failure_of(at(camera, user="admin:wrong@"))
    assert error.failure is CaptureFailure.UNAUTHORIZED
    assert len(camera.paths) == 2, "cameras lock out whoever tries a wrong password again and again"


def test_a_redirect_on_the_camera_itself_is_followed() -> None:
    def answer(path: str, _: str | None) -> Reply:
        return Reply() if path == "/new.jpg" else Reply(302, b"", {"Location": "/new.jpg"})

    with web_camera(answer) as camera:
        assert number_in(look(at(camera)).pixels) == 77
    assert camera.paths == ["/snap.jpg", "/new.jpg"]


def test_a_redirect_to_another_host_is_not_followed() -> None:
    with web_camera(lambda *_: Reply()) as other:
        elsewhere = Reply(302, b"", {"Location": f"http://127.0.0.1:{other.port}/snap.jpg"})
        with web_camera(lambda *_: elsewhere) as camera:
            error = failure_of(at(camera))
    assert error.failure is CaptureFailure.BROKEN
    assert "another host" in str(error)
    assert other.paths == []


def test_a_camera_that_redirects_in_a_circle_is_left() -> None:
    with web_camera(lambda *_: Reply(302, b"", {"Location": "/snap.jpg"})) as camera:
        assert failure_of(at(camera)).failure is CaptureFailure.BROKEN
    assert len(camera.paths) == http_snapshot.MOST_REDIRECTS + 1


def test_cameras_get_no_cookies_of_each_other() -> None:
    cookies: list[str] = []

    async def twice(camera: Camera) -> None:
        source = HttpSnapshotSource(None, StandingClock(), workers=1)
        for _ in range(2):
            await source.capture(camera, 5.0)
        cookies.extend(cookie.name for cookie in source._client.cookies.jar)
        await source.aclose()

    with web_camera(lambda *_: Reply(headers={"Set-Cookie": "session=1; Path=/"})) as camera:
        asyncio.run(twice(at(camera)))
    assert cookies == []


REPLIES = {
    "unauthorized": (Reply(401, b""), CaptureFailure.UNAUTHORIZED),
    "forbidden": (Reply(403, b""), CaptureFailure.UNAUTHORIZED),
    "not found": (Reply(404, b""), CaptureFailure.NOT_FOUND),
    "server error": (Reply(500, b""), CaptureFailure.BROKEN),
    "a page": (Reply(body=b"<html>log in</html>"), CaptureFailure.BROKEN),
    "nothing": (Reply(body=b""), CaptureFailure.BROKEN),
    "half a picture": (Reply(body=PICTURE[: len(PICTURE) // 2]), CaptureFailure.BROKEN),
    "less than promised": (Reply(headers={"Content-Length": "999999"}), CaptureFailure.BROKEN),
    "a bad redirect": (Reply(302, b"", {"Location": "http://[:"}), CaptureFailure.BROKEN),
    "too much": (Reply(body=b"\xff\xd8" + bytes(http_snapshot.LARGEST_BYTES)), CaptureFailure.BROKEN),
}


@pytest.mark.parametrize("name", REPLIES)
def test_what_is_no_picture_has_its_name(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reply, expected = REPLIES[name]
    with web_camera(lambda *_: reply) as camera:
        error = failure_of(at(camera, f"/snap.jpg?password={CANARY}"))
    assert error.failure is expected
    assert not any(CANARY in text for text in told_by(error))
    assert CANARY not in caplog.text


def test_a_visit_that_succeeds_logs_no_password_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with web_camera(basic) as camera:
        look(at(camera, f"/snap.jpg?password={CANARY}"))
    assert CANARY not in caplog.text


@pytest.mark.parametrize("bad", ["refused", "black hole", "slow drip", "garbage", "hangs up", "unknown host"])
def test_hosts_that_do_not_answer(bad: str) -> None:
    expected = {
        "refused": CaptureFailure.REFUSED,
        "black hole": CaptureFailure.TIMED_OUT,
        "slow drip": CaptureFailure.TIMED_OUT,
        "unknown host": CaptureFailure.UNREACHABLE,
    }
    began = time.monotonic()
    match bad:
        case "refused":
            error = failure_of(camera_at(f"http://a:{CANARY}@127.0.0.1:{bad_servers.refusing()}/"))
        case "unknown host":
            error = failure_of(camera_at(f"http://a:{CANARY}@no-such-camera.invalid/"))
        case _:
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
            server = {
                "black hole": bad_servers.black_hole(),
                "slow drip": bad_servers.dripping(head, every_s=0.05),
                "garbage": bad_servers.answering(b"\x00garbage\r\n\r\n"),
                "hangs up": bad_servers.answering(b""),
            }[bad]
            with server as port:
                error = failure_of(camera_at(f"http://a:{CANARY}@127.0.0.1:{port}/"), deadline_s=1.0)
    assert error.failure is expected.get(bad, CaptureFailure.BROKEN)
    assert time.monotonic() - began < 4.0
    assert not any(CANARY in text for text in told_by(error))


def test_a_picture_that_would_fill_the_memory_is_not_decoded() -> None:
    small = jpeg(np.zeros((64, 64, 3), np.uint8))
    at_size = small.index(b"\xff\xc0") + 5
    bomb = small[:at_size] + b"\xff\xff\xff\xff" + small[at_size + 4 :]
    with pytest.raises(CaptureError, match="4294836225 pixels"):
        decoded(bomb, None)


def test_a_header_may_hold_fill_bytes_and_markers_without_a_length() -> None:
    for extra in (b"\xff", 5 * b"\xff", b"\xff\x01", b"\xff\xd0\xff\xd7", b"\xff\xff\x01\xff"):
        assert number_in(decoded(PICTURE[:2] + extra + PICTURE[2:], None)) == 77
    at_size = PICTURE.index(b"\xff\xc0")
    assert number_in(decoded(PICTURE[:at_size] + b"\xff\xff" + PICTURE[at_size:], None)) == 77


def test_a_size_is_not_hidden_from_the_limit_behind_what_a_decoder_passes_over() -> None:
    at_size = PICTURE.index(b"\xff\xc0")
    hidden = PICTURE[:at_size] + b"\xff\x00" + PICTURE[at_size:]
    with pytest.raises(CaptureError, match=" 0 pixels"):
        decoded(hidden, None)


@pytest.mark.parametrize("unit", [b"\xff", b"\xff\xd0", b"\xff\xfe\x00\x02", b"\xff\xfe\xff\xff", b"\xff\xc4\x00\x00"])
def test_a_header_without_an_end_takes_no_time(unit: bytes) -> None:
    endless = b"\xff\xd8" + unit * (2**23 // len(unit)) + b"\xff\xda\xff\xd9"
    began = time.thread_time()
    with pytest.raises(CaptureError):
        decoded(endless, None)
    assert time.thread_time() - began < 0.5


def test_decodes_grey_pictures_and_scales_down_only() -> None:
    grey = cv2.imencode(".jpg", np.full((90, 160), 128, np.uint8))[1].tobytes()
    assert decoded(grey, (640, 640)).shape == (90, 160, 3)
    assert decoded(grey, (80, 640)).shape == (45, 80, 3)
