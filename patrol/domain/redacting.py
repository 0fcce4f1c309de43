"""Redacting: what a source says of its failure, without anything of an address. Pure.

A source's words are made without its address (see CaptureError); here they are looked at once more, before they are
kept for people to read. What looks like an address is left out. Words in which something of the camera's own address
is found all the same are not told at all: of a gap one could guess what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from patrol.domain.camera import Camera, StreamAddress

LONGEST = 160
LEFT_OUT = "…"
SHORTEST_VALUE = 4  # of a query: of a channel's number there is something in every "401"

_LOOKS_LIKE_AN_ADDRESS = re.compile(
    r"""
    [A-Za-z][A-Za-z0-9+.-]*:/\S*        # scheme://...
    | \S*@\S*                           # user:password@host
    | \S*\?\S*=\S*                      # path?query
    | (?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?  # IPv4
    | \[?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\]?(?::\d+)?  # IPv6
    """,
    re.VERBOSE,
)


def redacted(words: str, camera: Camera) -> str:
    """The words in one line of at most 160 characters; nothing where they hold a part of the camera's addresses."""
    line = " ".join("".join(each if each.isprintable() else " " for each in words).split())
    line = _LOOKS_LIKE_AN_ADDRESS.sub(LEFT_OUT, line)
    if any(secret in line.casefold() for secret in _secrets_of(camera)):
        return ""
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + LEFT_OUT


def _secrets_of(camera: Camera) -> frozenset[str]:
    """All that must not be in it, in the ways it may be written, in small letters."""
    addresses = (camera.stream, *((camera.snapshot,) if camera.snapshot is not None else ()))
    parts = {part for address in addresses for part in _parts_of(address)}
    written = {way(part) for part in parts for way in (str, unquote, quote, quote_plus)}
    return frozenset(each.casefold() for each in written if each)


def _parts_of(address: StreamAddress) -> Iterable[str]:
    parts = urlsplit(address.reveal())
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    yield from (address.reveal(), parts.netloc, address.host, address.host_name, user, password, parts.query)
    for _, value in parse_qsl(parts.query):
        if len(value) >= SHORTEST_VALUE:
            yield value
