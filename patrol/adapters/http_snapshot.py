"""Cameras that hand out single JPEGs over HTTP.

A snapshot address holds the camera's password, as user and password before the host or as a query; it goes into the
one request that needs it and nowhere else.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
import struct
from collections.abc import Generator, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import cv2
import httpx
import numpy as np
import numpy.typing as npt

from patrol.adapters.sources import Deadline, Workers, fitted, is_whole_jpeg
from patrol.domain.camera import Camera
from patrol.domain.errors import CaptureError, CaptureFailure
from patrol.domain.frame import Frame
from patrol.ports import Clock

LARGEST_BYTES = 16 * 2**20
LARGEST_PIXELS = 64_000_000  # 192 MB once decoded; the largest cameras send 32 million
MOST_REDIRECTS = 3

FAILURE_OF_STATUS = {
    401: CaptureFailure.UNAUTHORIZED,
    403: CaptureFailure.UNAUTHORIZED,
    404: CaptureFailure.NOT_FOUND,
    410: CaptureFailure.NOT_FOUND,
}


class HttpSnapshotSource:
    """``http`` and ``https``: GET one JPEG, with basic or digest authentication, whichever the camera asks for."""

    def __init__(
        self, scale_to: tuple[int, int] | None, clock: Clock, workers: int, verify: ssl.SSLContext | bool = True
    ) -> None:
        """``scale_to``: the box (width, height) that pictures are scaled down into; ``workers``: decoding threads.

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
        )

    async def capture(self, camera: Camera, deadline_s: float) -> Frame:
        """The camera's picture, captured when its last byte arrived. Raises CaptureError."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + deadline_s
        data = await self._fetched(camera.stream.reveal(), deadline_s)
        captured_at = self._clock.now()

        def decode(_deadline: Deadline) -> npt.NDArray[np.uint8]:
            return decoded(data, self._scale_to)

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
        auth = AskedFor(url.username, url.password) if url.userinfo else None
        url = url.copy_with(userinfo=b"")
        for _ in range(MOST_REDIRECTS + 1):
            async with self._client.stream("GET", url, auth=auth) as response:
                if response.next_request is None:
                    return await _body_of(response)
                target = response.next_request.url.copy_with(userinfo=b"")
                if not _same_place(url, target):
                    raise CaptureError(CaptureFailure.BROKEN, "it redirects to another host")
                url = target
        raise CaptureError(CaptureFailure.BROKEN, f"more than {MOST_REDIRECTS} redirects")


class AskedFor(httpx.Auth):
    """Basic or digest authentication, as the camera asks for it: no password is sent to one that asks for none."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """One request, and a second one where the first was answered with a challenge."""
        response = yield request
        challenges = response.headers.get_list("www-authenticate")
        asked = {challenge.split(" ", 1)[0].lower() for challenge in challenges}
        if response.status_code != 401:
            return
        if "digest" in asked:
            flow = httpx.DigestAuth(self._user, self._password).auth_flow(request)
            next(flow)  # it, too, begins with a request that was already made
            yield flow.send(response)
        elif "basic" in asked:
            yield next(httpx.BasicAuth(self._user, self._password).auth_flow(request))


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
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            yield width, height
        at += 2 + length


async def _body_of(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        failure = FAILURE_OF_STATUS.get(response.status_code, CaptureFailure.BROKEN)
        raise CaptureError(failure, f"HTTP {response.status_code}")
    body = bytearray()
    async for chunk in response.aiter_bytes():
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
