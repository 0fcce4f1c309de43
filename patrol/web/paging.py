"""Lists that grow, a page at a time: the newest first, and by a cursor what is older.

A cursor is of one list and means nothing but the place behind the last one that was given; what comes in meanwhile
moves nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from starlette.requests import Request

from patrol.web.problems import Refused

MOST = 200
USUAL = 50
LONGEST_CURSOR = 400

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which page is asked for. ``after``: the place behind which it begins, as the list itself says it."""

    limit: int
    after: str | None

    @property
    def with_one_more(self) -> int:
        """How many to look for, to know whether there are more."""
        return self.limit + 1


def asked_in(request: Request, list_name: str, most: int = MOST) -> Asked:
    """What ``limit`` and ``cursor`` say. ``most``: that a page may hold. Raises Refused for what cannot be meant."""
    limit = request.query_params.get("limit", str(USUAL))
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 4 and 1 <= int(limit) <= most):
        refuse("limit", f"expected 1 to {most}, got {limit[:20]}")
    cursor = request.query_params.get("cursor")
    return Asked(int(limit), None if cursor is None else _place_in(cursor, list_name))


def cursor_of(list_name: str, place: str) -> str:
    """The cursor for what comes after this place of a list."""
    return base64.urlsafe_b64encode(f"{list_name}:{place}".encode()).decode().rstrip("=")


def page_of(
    found: Sequence[Item], asked: Asked, list_name: str, place_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None]:
    """Of what was found ``with_one_more``: the page, and the cursor of the next one; None where this is the last."""
    shown = found[: asked.limit]
    has_more = len(found) > len(shown)
    return shown, cursor_of(list_name, place_of(shown[-1])) if has_more else None


def refuse(name: str, why: str) -> NoReturn:
    """Says what is wrong with one parameter."""
    raise Refused(400, "bad_request", f"{name}: {why}", errors=[{"path": name, "detail": why}])


def refuse_cursor() -> NoReturn:
    """A cursor that this list never gave."""
    refuse("cursor", "expected what the page before gave as next")


def _place_in(cursor: str, list_name: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        refuse_cursor()
    name, _, place = text.partition(":")
    if name != list_name or not place or len(cursor) > LONGEST_CURSOR:
        refuse_cursor()
    return place
