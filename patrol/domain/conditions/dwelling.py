"""What rules about staying have in common: who has stayed for how long, and who may only be hidden."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, TypeVar

LEAST_LOOKS = 3
MOST_REMEMBERED = 64
# Not seen for as many looks, something has left; how long it is given at least is the rule's own.
GONE_AFTER_LOOKS = 2.5


class Dwelling(Protocol):
    """Somebody or something that is in a zone. ``looks``: in how many frames it was seen since it came."""

    @property
    def since(self) -> datetime:
        """When it was seen first."""

    @property
    def seen_at(self) -> datetime:
        """When it was seen last."""

    @property
    def looks(self) -> int:
        """In how many frames it was seen."""


Dweller = TypeVar("Dweller", bound=Dwelling)


def too_long(dwellers: Iterable[Dweller], dwell_s: float, at: datetime) -> list[Dweller]:
    """Who is seen now, has been there for ``dwell_s`` seconds, and was seen often enough meanwhile."""
    return [
        one
        for one in dwellers
        if one.seen_at == at and one.looks >= LEAST_LOOKS and (at - one.since).total_seconds() >= dwell_s
    ]


def longest_s(dwellers: Iterable[Dwelling], at: datetime) -> float:
    """For how many seconds the first of them has been there."""
    return max((at - one.since).total_seconds() for one in dwellers)


def remembered(dwellers: Iterable[Dweller]) -> tuple[Dweller, ...]:
    """Those who came first, as many as can be remembered."""
    return tuple(sorted(dwellers, key=lambda one: one.since)[:MOST_REMEMBERED])


def perhaps_hidden(unseen: Iterable[Dweller], least_s: float, looked_before: datetime, at: datetime) -> list[Dweller]:
    """Who of those not seen now may only be hidden: for ``least_s`` seconds, and for some looks where they are rare."""
    gone_after_s = max(least_s, GONE_AFTER_LOOKS * (at - looked_before).total_seconds())
    return [one for one in unseen if (at - one.seen_at).total_seconds() <= gone_after_s]
