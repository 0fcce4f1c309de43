"""Cameras that hand out single JPEGs over HTTP.

A snapshot address holds the camera's password, as user and password before the host or as a query; it goes into the
one request that needs it and nowhere else.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import ssl
import struct
from collections.abc import Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import cv2
import httpx
import numpy as np
import numpy.typing as npt

from patrol.adapters.rtsp.authentication import Authentication, Credentials
from patrol.adapters.sources import LARGEST_PIXELS, Deadline, ScaleTo, Workers, box_of, fitted, is_whole_jpeg
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.ports import Clock

LARGEST_BYTES = 16 * 2**20
MOST_REDIRECTS = 3
MOST_CHALLENGES = 2  # the first, and one because its nonce had grown old
MOST_SEGMENTS = 2000  # of a JPEG, before its size is told; hundreds where maps of depth or several pictures come along

# Markers without a length behind them: TEM, RST0 to RST7, SOI.
BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
FIRST_MARKER, START_OF_SCAN = 0xC0, 0xDA
_FILL = re.compile(rb"\xff*")

FAILURE_OF_STATUS = {
    401: CaptureFailure.UNAUTHORIZED,
    403: CaptureFailure.UNAUTHORIZED,
    404: CaptureFailure.NOT_FOUND,
    410: CaptureFailure.NOT_FOUND,
}


class HttpSnapshotSource:
    """``http`` and ``https``: GET one JPEG, with basic or digest authentication, whichever the camera asks for."""

    def __init__(self, scale_to: ScaleTo, clock: Clock, workers: int, verify: ssl.SSLContext | bool = True) -> None:
        """``scale_to``: what pictures are scaled down into; ``workers``: decoding threads.

        ``verify``: whom to believe over https; cameras often sign their certificates themselves.
        """
        # Both write whole addresses into their logs, passwords included.
        for library in ("httpx", "httpcore"):
            logging.getLogger(library).setLevel(logging.WARNING)
        self._scale_to = scale_to
        self._clock = clock
        self._workers = Workers("http-snapshot", workers)
        self._client = httpx.AsyncClient(
            verify=verify,
            trust_env=False,  # no proxy and no .netrc between the station and its cameras
            follow_redirects=False,
            timeout=None,  # the visit's deadline bounds everything at once
            limits=httpx.Limits(max_keepalive_connections=0),  # a visit leaves no session behind
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # nor anything to remember
            # A JPEG gains nothing by being compressed again, and what bytes become must not be a camera's choice.
            headers={"Accept-Encoding": "identity"},
        )

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """The camera's picture, captured when its last byte arrived. Raises CaptureError."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + deadline_s
        data = await self._fetched(camera.stream.reveal(), deadline_s)
        captured_at = self._clock.now()

        def decode(_deadline: Deadline) -> npt.NDArray[np.uint8]:
            return decoded(data, box_of(self._scale_to, camera))

        return Frame(camera.id, captured_at, await self._workers.run(decode, ends_at - loop.time()))

    async def aclose(self) -> None:
        """Close connections and threads."""
        await self._client.aclose()
        await self._workers.aclose()

    async def _fetched(self, address: str, deadline_s: float) -> bytes:
        failure: CaptureError
        try:
            async with asyncio.timeout(deadline_s):
                return await self._followed(address)
        except (TimeoutError, httpx.TimeoutException):
            failure = CaptureError(CaptureFailure.TIMED_OUT, f"no picture within {deadline_s:g} s")
        except httpx.ConnectError as error:
            failure = _connect_failure(error)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            failure = CaptureError(CaptureFailure.BROKEN, type(error).__name__)
        try:
            raise failure  # outside the handler, or its context would hold the address
        finally:
            del failure  # its trace leads here

    async def _followed(self, address: str) -> bytes:
        url = httpx.URL(address)
        credentials = Credentials(url.username, url.password) if url.userinfo else None
        url = url.copy_with(userinfo=b"")
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._asked(url, Authentication(credentials))
            if isinstance(found, bytes):
                return found
            if not _same_place(url, found):
                raise CaptureError(CaptureFailure.BROKEN, "it redirects to another host")
            url = found
        raise CaptureError(CaptureFailure.BROKEN, f"more than {MOST_REDIRECTS} redirects")

    async def _asked(self, url: httpx.URL, authentication: Authentication) -> bytes | httpx.URL:
        """What the camera answers, or where it sends its visitors; with the password where it asks for one."""
        for _ in range(MOST_CHALLENGES + 1):
            authorization = authentication.header("GET", url.raw_path.decode("ascii"))
            # As bytes, or httpx would refuse what a name or a realm holds beyond ASCII.
            headers = {b"Authorization": authorization.encode()} if authorization else {}
            async with self._client.stream("GET", url, headers=headers) as response:
                challenges = response.headers.get_list("www-authenticate")
                if response.status_code == 401 and authentication.challenged(challenges):
                    continue  # closed unread: what comes with a challenge is for people, and as long as it likes
                if response.next_request is None:
                    return await _body_of(response)
                return response.next_request.url.copy_with(userinfo=b"")
        raise CaptureError(CaptureFailure.UNAUTHORIZED, "it asks again and again")


def decoded(data: bytes, scale_to: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    """A JPEG as (height, width, 3) uint8 BGR, scaled down into ``scale_to`` (width, height).

    Raises CaptureError BROKEN for anything that is not a whole JPEG of a bearable size.
    """
    if not is_whole_jpeg(data):
        raise CaptureError(CaptureFailure.BROKEN, "not a JPEG, or one that breaks off")
    pixels_promised = next((width * height for width, height in _sizes_in(data)), 0)
    if not 0 < pixels_promised <= LARGEST_PIXELS:
        raise CaptureError(CaptureFailure.BROKEN, f"a JPEG of {pixels_promised} pixels")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise CaptureError(CaptureFailure.BROKEN, "a JPEG that cannot be decoded")
    size = fitted(picture.shape[1], picture.shape[0], scale_to)
    if size != (picture.shape[1], picture.shape[0]):
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, dtype=np.uint8)


def _sizes_in(data: bytes) -> Iterator[tuple[int, int]]:
    """The (width, height) that the JPEG's headers promise, read before anything is allocated for it."""
    for marker, at in _segments_in(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and at + 7 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 3)
            yield width, height


def _segments_in(data: bytes) -> Iterator[tuple[int, int]]:
    """Each segment's marker, and where its length stands; as many as there may be, and no picture's data."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        if at >= len(data) or data[at] != 0xFF:
            return
        at = _end_of_fill(data, at) + 1
        if at + 2 > len(data):
            return
        marker = data[at - 1]
        if marker not in BARE_MARKERS:
            if marker < FIRST_MARKER or marker == START_OF_SCAN:
                return  # from here on a decoder would not find the same markers as this does
            yield marker, at
            at += struct.unpack_from(">H", data, at)[0]


def _end_of_fill(data: bytes, at: int) -> int:
    """Where a marker's own byte stands: any number of 0xFF may come before it (ITU-T T.81, B.1.1.2)."""
    fill = _FILL.match(data, at)
    return fill.end() if fill else at


async def _body_of(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        failure = FAILURE_OF_STATUS.get(response.status_code, CaptureFailure.BROKEN)
        raise CaptureError(failure, f"HTTP {response.status_code}")
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise CaptureError(CaptureFailure.BROKEN, "compressed, which nobody asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_BYTES:
            raise CaptureError(CaptureFailure.BROKEN, f"more than {LARGEST_BYTES} bytes")
    return bytes(body)


def _same_place(url: httpx.URL, target: httpx.URL) -> bool:
    """Whether the camera itself would answer there; from http to https is no other place, the way back is."""
    if url.host != target.host:
        return False
    upgraded = (url.scheme, url.port, target.scheme, target.port) == ("http", None, "https", None)
    return upgraded or (url.scheme, url.port) == (target.scheme, target.port)


def _connect_failure(error: httpx.ConnectError) -> CaptureError:
    """Refused, or no way there (an unknown name included), by the error of the operating system beneath."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return CaptureError(CaptureFailure.REFUSED, "Connection refused")
        if isinstance(cause, ssl.SSLError):
            return CaptureError(CaptureFailure.BROKEN, "its certificate is not trusted, or no TLS")
        cause = cause.__cause__ or cause.__context__
    return CaptureError(CaptureFailure.UNREACHABLE, "no connection")
