"""What is remembered of a camera to judge its pictures by (camera_health.py), and its form over a restart."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np

from patrol.domain.camera import CameraId
from patrol.domain.looks import GRID, Field, Grey
from patrol.domain.troubles import Trouble


class Identity(StrEnum):
    """Whose picture a look shows; see camera_health.py."""

    SAME = "same"
    SHIFTED = "shifted"
    OTHER = "other"
    UNCLEAR = "unclear"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True, eq=False)
class KnownScene:
    """One camera's scene in one light, and what a good picture of it measures."""

    field: Field
    looks: int
    detail: float
    white: float
    sharpness: float


@dataclass(frozen=True, slots=True, eq=False)
class NewView:
    """A view that is not known (well), and has been the same for some looks. ``of``: whose it seems to be."""

    scene: KnownScene
    since: datetime
    of: CameraId | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Stillness:
    """Since when the pictures have been equal, and alike."""

    digest: int
    equal_since: datetime
    equal_looks: int
    thumbnail: Grey
    alike_since: datetime
    alike_looks: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How long a trouble has shown while off, or not shown while on, in a row."""

    on: bool = False
    looks: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HealthMemory:
    """What is known of one camera: some 11 kB. ``scenes``: the one recognised last is first."""

    scenes: tuple[KnownScene, ...] = ()
    new_view: NewView | None = None
    stillness: Stillness | None = None
    tallies: Mapping[Trouble, Tally] = field(default_factory=dict)
    seen_last_at: datetime | None = None
    identity: Identity = Identity.LEARNING
    trusted: bool = True


def troubles_on(memory: HealthMemory) -> frozenset[Trouble]:
    """The troubles that are on."""
    return frozenset(trouble for trouble, tally in memory.tallies.items() if tally.on)


# Over a restart

_FORM = f"{GRID[0]}x{GRID[1]}/1"


def to_plain(memory: HealthMemory) -> dict[str, Any]:
    """The scenes and the troubles that are on, as values JSON can hold (3 to 4 kB a scene); the rest is seen again."""
    return {
        "form": _FORM,
        "scenes": [_scene_to_plain(scene) for scene in memory.scenes],
        "on": sorted(troubles_on(memory)),
    }


def from_plain(plain: Mapping[str, Any]) -> HealthMemory:
    """What ``to_plain`` gave. Raises ValueError for anything else, also for what another version gave."""
    try:
        if plain["form"] != _FORM:
            raise ValueError(f"form: expected {_FORM}, got {plain['form']!r}")
        scenes = tuple(_scene_from_plain(scene) for scene in plain["scenes"])
        return HealthMemory(scenes, tallies={Trouble(name): Tally(on=True) for name in plain["on"]})
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"expected a camera's health memory: {error!r}") from None


def _scene_to_plain(scene: KnownScene) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(scene.field.tobytes())).decode("ascii")
    sharpness = None if math.isnan(scene.sharpness) else scene.sharpness
    return {
        "field": packed,
        "looks": scene.looks,
        "detail": scene.detail,
        "white": scene.white,
        "sharpness": sharpness,
    }


def _scene_from_plain(plain: Mapping[str, Any]) -> KnownScene:
    unpacked = zlib.decompress(base64.b64decode(plain["field"], validate=True))
    flat = np.frombuffer(unpacked, np.int8)
    sharpness = math.nan if plain["sharpness"] is None else float(plain["sharpness"])
    return KnownScene(
        field=flat.reshape(GRID[1], GRID[0], 2),
        looks=int(plain["looks"]),
        detail=float(plain["detail"]),
        white=float(plain["white"]),
        sharpness=sharpness,
    )
