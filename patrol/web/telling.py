"""What a viewer has not been told yet: the room's parts, each with the message that told it first. Pure.

So nothing of a viewer's has to be kept for him to go on where he was: whatever the newest message he has, what he has
missed is the parts that were told after it. However slow he is, or how long he was away, that is one room at most.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_ID = re.compile(r"([0-9a-f]{8})-([0-9]{1,15})")

Part = TypeVar("Part", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Told(Generic[Part]):
    """The room as it was told. ``number``: of the newest message; ``since``: of the one that told each part first."""

    number: int = 0
    parts: Mapping[Part, bytes] = field(default_factory=dict, repr=False)
    since: Mapping[Part, int] = field(default_factory=dict, repr=False)

    def and_now(self, room: Mapping[Part, bytes]) -> Told[Part]:
        """The room as it is told with the next message."""
        number = self.number + 1
        stays = (part for part, value in room.items() if self.parts.get(part) == value)
        since = dict.fromkeys(room, number) | {part: self.since[part] for part in stays}
        return Told(number, room, since)

    def after(self, seen: int) -> Mapping[Part, bytes]:
        """What the messages after that one told, as it is now."""
        return {part: value for part, value in self.parts.items() if self.since[part] > seen}


def id_of(life: str, number: int) -> str:
    """A message's id. ``life``: eight hex digits, of this feed alone, so that another one's ids mean nothing to it."""
    return f"{life}-{number}"


def number_in(message_id: str, told: Told[Part], life: str) -> int | None:
    """Which of this feed's messages that was; None where it is none of its own, or none at all."""
    match = _ID.fullmatch(message_id)
    if match is None or match[1] != life:
        return None
    number = int(match[2])
    return number if 1 <= number <= told.number else None
