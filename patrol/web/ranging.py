"""A part of a file, as a browser asks for it (RFC 9110, section 14): without that a player cannot jump in a clip."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import Response

from patrol.web.problems import error_response

_ONE_PART = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class NoSuchPart(Exception):  # noqa: N818  (it names what happened)
    """What is asked for begins behind the end."""


def part_of(header: str | None, length: int) -> range | None:
    """Which bytes, of so many, a Range header asks for; None for all of them.

    What cannot be read asks for all, as RFC 9110 has it, and so do several parts at once. Raises NoSuchPart.
    """
    match = _ONE_PART.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        begin, end = max(0, length - int(last)), length
    else:
        begin, end = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < begin:
            return None
    if begin >= end:
        raise NoSuchPart
    return range(begin, end)


def response_of(content: bytes, media_type: str, headers: dict[str, str], asked: Headers) -> Response:
    """All of a file, or the part that is asked for."""
    headers = {"Accept-Ranges": "bytes", **headers}
    try:
        part = part_of(asked.get("range"), len(content))
    except NoSuchPart:
        answer = error_response(416, "no_such_part", f"range: expected a part of {len(content)} bytes")
        answer.headers.update({"Content-Range": f"bytes */{len(content)}", "Accept-Ranges": "bytes"})
        return answer
    if part is None:
        return Response(content, media_type=media_type, headers=headers)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    return Response(content[part.start : part.stop], 206, headers, media_type)
