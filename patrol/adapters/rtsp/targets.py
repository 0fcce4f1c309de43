"""Where a session goes, with which credentials; and what it means when it does not get there."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from patrol.adapters.rtsp.authentication import Credentials
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import CaptureError, CaptureFailure

PORTS = {"rtsp": 554, "rtsps": 322}
PRINTABLE = "%/:=&?~#+!$,;'@()*[]"

FAILURE_OF_STATUS = {
    401: CaptureFailure.UNAUTHORIZED,
    403: CaptureFailure.UNAUTHORIZED,
    404: CaptureFailure.NOT_FOUND,
    410: CaptureFailure.NOT_FOUND,
    453: CaptureFailure.BUSY,  # not enough bandwidth
    486: CaptureFailure.BUSY,  # SIP's "busy here", which surveillance platforms pass through
    503: CaptureFailure.BUSY,
}
FAILURE_OF_ERRNO = {
    errno.ECONNREFUSED: CaptureFailure.REFUSED,
    errno.ETIMEDOUT: CaptureFailure.TIMED_OUT,
    **dict.fromkeys(
        # The last two are a firewall on this machine.
        (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES, errno.EPERM),
        CaptureFailure.UNREACHABLE,
    ),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One RTSP address taken apart. ``url`` holds no credentials; neither does ``repr``, nor a query."""

    host: str
    port: int
    is_encrypted: bool
    url: str = field(repr=False)
    credentials: Credentials | None = field(repr=False)


def target_of(address: StreamAddress) -> Target:
    """Raises CaptureError BROKEN for what is no RTSP address."""
    target = _target_of(address.reveal())
    if target is None:
        raise CaptureError(CaptureFailure.BROKEN, "an address that cannot be read")
    return target


def redirected(target: Target, location: str) -> Target:
    """Where a camera sends its visitors. Their password goes to no other host, and from TLS to no plain connection.

    Raises CaptureError BROKEN for a place without an address.
    """
    there = _target_of(location)
    if there is None or (target.is_encrypted and not there.is_encrypted):
        raise CaptureError(CaptureFailure.BROKEN, "it redirects to nowhere, or away from TLS")
    credentials = there.credentials or (target.credentials if there.host == target.host else None)
    return Target(there.host, there.port, there.is_encrypted, there.url, credentials)


def failure_of_status(status: int) -> CaptureError:
    """What an answer other than 200 means."""
    return CaptureError(FAILURE_OF_STATUS.get(status, CaptureFailure.BROKEN), f"RTSP {status}")


def failure_of_error(error: OSError) -> CaptureError:
    """What it means that there is no connection. Its words are the operating system's, without any address."""
    if isinstance(error, socket.gaierror):
        return CaptureError(CaptureFailure.UNREACHABLE, "nobody knows its host name")
    if isinstance(error, ssl.SSLError):
        return CaptureError(CaptureFailure.BROKEN, "its certificate is not trusted, or no TLS")
    failure = FAILURE_OF_ERRNO.get(error.errno or 0, CaptureFailure.BROKEN)
    return CaptureError(failure, errno.errorcode.get(error.errno or 0, type(error).__name__))


def _target_of(address: str) -> Target | None:
    try:
        parts = urlsplit(address)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname:
        return None
    user, password = (unquote(part or "") for part in (parts.username, parts.password))
    credentials = Credentials(user, password) if "@" in parts.netloc else None
    place = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, place, quote(parts.path, PRINTABLE), quote(parts.query, PRINTABLE), ""))
    return Target(parts.hostname, port, parts.scheme == "rtsps", url, credentials)
