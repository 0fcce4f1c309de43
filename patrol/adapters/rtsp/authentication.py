"""Basic and digest authentication (RFC 2617, RFC 7616), as a camera asks for them, over RTSP and over HTTP.

The password is sent to no camera that does not ask, and in the clear to none that knows better. Whatever a camera asks
for, nothing is raised: what cannot be answered is no challenge.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

# Cameras need some 200 characters for a challenge. What one sends is read on the event loop, by everybody's time.
LONGEST_HEADER = 2048

# One word: a scheme's name, or a parameter with its value, or a character that has no business there. It is matched
# where the last one ended, never searched for: no header costs more than its length.
_WORD = re.compile(r'([\s,]*)(?:([^\s,="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?|["=]?)')

# In the order of preference; a camera may offer several.
HASHES: dict[str, Callable[[bytes], str]] = {
    "sha-256": lambda text: hashlib.sha256(text).hexdigest(),
    "md5": lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and a password, neither of which shows in ``repr``."""

    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a camera asks for. ``algorithm``: a key of HASHES, or empty for basic."""

    algorithm: str
    parameters: Mapping[str, str]

    @property
    def is_stale(self) -> bool:
        """Whether the camera says that only its nonce had grown old, not that the password is wrong."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def is_session(self) -> bool:
        """Whether the user's hash holds the nonces (``-sess``)."""
        return self.parameters.get("algorithm", "").lower().endswith("-sess")


class Authentication:
    """What one session knows of its camera's wish for a password."""

    def __init__(self, credentials: Credentials | None, new_nonce: Callable[[], str] = lambda: secrets.token_hex(8)):
        self._credentials = credentials
        self._new_nonce = new_nonce
        self._challenge: Challenge | None = None
        self._client_nonce = ""
        self._count = 0

    def challenged(self, headers: Iterable[str], *, known_good: bool = False) -> bool:
        """The camera answered 401, with these WWW-Authenticate headers: whether asking once more makes sense.

        ``known_good``: the camera has taken the password before, so that only its nonce can have grown old, also where
        it does not say so.
        """
        asked_before, challenge = self._challenge is not None, best_of(headers)
        if self._credentials is None or challenge is None:
            return False
        # One nonce of ours for each of theirs: a server may have made a session's hash of the first that it saw
        # (RFC 7616, 3.4.2), and what must not come twice is the count.
        self._challenge, self._client_nonce, self._count = challenge, self._new_nonce(), 0
        return known_good or challenge.is_stale or not asked_before

    def header(self, method: str, url: str) -> str | None:
        """The Authorization header for a request; None while the camera asked for none."""
        if self._credentials is None or self._challenge is None:
            return None
        if not self._challenge.algorithm:
            pair = f"{self._credentials.user}:{self._credentials.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        self._count += 1
        return digest(self._challenge, self._credentials, method, url, f"{self._count:08x}", self._client_nonce)


def best_of(headers: Iterable[str]) -> Challenge | None:
    """The strongest challenge that can be answered; several may stand in one header."""
    found = [challenge for header in headers for challenge in _challenges_in(header)]
    order = [*HASHES, ""]
    return min(found, key=lambda challenge: order.index(challenge.algorithm), default=None)


def digest(challenge: Challenge, credentials: Credentials, method: str, url: str, count: str, client_nonce: str) -> str:
    """The Authorization header of RFC 7616, section 3.4; without ``qop``, that of RFC 2069. ``count``: eight digits."""
    hashed, given = HASHES[challenge.algorithm], challenge.parameters
    realm, nonce, protected = given.get("realm", ""), given.get("nonce", ""), _protection_of(given.get("qop", ""))
    secret = hashed(f"{credentials.user}:{realm}:{credentials.password}".encode())
    if challenge.is_session:
        secret = hashed(f"{secret}:{nonce}:{client_nonce}".encode())
    asked = hashed(f"{method}:{url}".encode())
    between = f"{nonce}:{count}:{client_nonce}:auth" if protected else nonce
    answer = hashed(f"{secret}:{between}:{asked}".encode())
    fields = {"username": credentials.user, "realm": realm, "nonce": nonce, "uri": url, "response": answer}
    fields |= {"opaque": given["opaque"]} if "opaque" in given else {}
    words = [f'{name}="{_quoted(value)}"' for name, value in fields.items()]
    words += [f"algorithm={given['algorithm']}"] if "algorithm" in given else []
    words += ["qop=auth", f"nc={count}", f'cnonce="{client_nonce}"'] if protected else []
    return "Digest " + ", ".join(words)


def _challenges_in(header: str) -> Iterator[Challenge]:
    for scheme, parameters in _offers_in(header):
        algorithm = parameters.get("algorithm", "md5").lower().removesuffix("-sess")
        is_answerable = algorithm in HASHES and "nonce" in parameters and _is_answerable(parameters.get("qop", ""))
        if scheme == "basic":
            yield Challenge("", parameters)
        elif scheme == "digest" and is_answerable:
            yield Challenge(algorithm, parameters)


def _offers_in(header: str) -> Sequence[tuple[str, Mapping[str, str]]]:
    """The schemes in one header, in lower case, each with its parameters; none of a header that is too long."""
    offers: list[tuple[str, dict[str, str]]] = []
    words = _WORD.finditer(header) if len(header) <= LONGEST_HEADER else ()
    for before, name, quoted, bare in (word.groups() for word in words):
        if name is None:
            continue
        if quoted is None and bare is None:
            # A word without a value is a scheme's name, if it stands first or behind a comma.
            if not offers or "," in before:
                offers.append((name.lower(), {}))
        elif offers:
            offers[-1][1][name.lower()] = bare if quoted is None else _plain(quoted)
    return offers


def _protection_of(offered: str) -> bool:
    return "auth" in re.split(r"[\s,]+", offered.lower())


def _is_answerable(offered: str) -> bool:
    return not offered or _protection_of(offered)


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)


def _quoted(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)
