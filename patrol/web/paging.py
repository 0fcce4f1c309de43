"""Long lists, a page at a time: ``{"items": [...], "next": CURSOR}``; ``next`` is null on the last page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_AT_ONCE = 500
USUAL_AT_ONCE = 100

Item = TypeVar("Item")


def page(request: Request, items: Sequence[Item], key: Callable[[Item], str]) -> tuple[tuple[Item, ...], str | None]:
    """The items after ``?cursor``, at most ``?limit``, and the cursor of the next page.

    ``key``: what tells items apart. Raises HTTPException 400 for a limit out of bounds, and for a cursor that is no
    item's any more.
    """
    begins, limit = _after(request, [key(item) for item in items]), _limit(request)
    found = tuple(items[begins : begins + limit])
    return found, key(found[-1]) if begins + limit < len(items) else None


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(USUAL_AT_ONCE))
    limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    if not 1 <= limit <= MOST_AT_ONCE:
        raise HTTPException(400, f"limit: expected 1 to {MOST_AT_ONCE}")
    return limit


def _after(request: Request, keys: Sequence[str]) -> int:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return 0
    try:
        return keys.index(cursor) + 1
    except ValueError:
        raise HTTPException(400, "cursor: what it stood for is not there any more; begin anew without one") from None
