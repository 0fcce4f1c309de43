"""A finding: where in the file, and what is wrong there; and the words that many checks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patrol.config.document import Location
from patrol.config.parts import CameraPart
from patrol.config.showing import did_you_mean

Finding = tuple[Location, str]


def must_be_known(location: Location, what: str, name: str, known: Mapping[str, object]) -> Iterator[Finding]:
    """A finding where nothing has that name, with the nearest name that something has."""
    if name not in known:
        yield location, f"there is no {what} '{name}'{did_you_mean(name, known)}"


def listed(cameras: list[CameraPart]) -> str:
    """``C-001, C-002 and 474 more``."""
    names = [part.camera.id for part in cameras if part.camera is not None]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} more"
