"""Recordings of cameras that are tampered with, derived from real ones: no recorded tampering could be had.

Each shows one real view at 640x360, one picture a second that stands for a visit of the tour: first whole, so that the
view can be learned, then harmed by program, as ``benchmarks/evaluate_health.py`` does it, to the end. Beside them lie
recordings in which only the light changes, or it rains: nothing is right to be told there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.composing import write_pictures, write_video
from benchmarks.evaluate_health import HARMS, LIGHTS, NOISE, SIZE, Harm, Picture, cameras_in, with_clock
from patrol.domain.troubles import Trouble

VISITS_A_SECOND = 1
WHOLE_VISITS, HARMED_VISITS = 16, 8
# Views that differ: indoors and outdoors, near and far, in colour and by infrared, empty and busy.
VIEWS = (
    "billiards in colour",
    "waiting room",
    "tills",
    "car park",
    "kiosk",
    "yellow corridor",
    "red square",
    "hall",
    "infrared yard",
    "bedroom",
    "walkway",
    "table",
)
FOLDER = "camera_health"


@dataclass(frozen=True, slots=True)
class Tampered:
    """One recording. ``trouble``: what is done to the camera; None where nothing is right to be told."""

    view: str
    name: str
    trouble: Trouble | None
    pictures: Sequence[Picture]


def switching(pictures: Sequence[Picture], chance: np.random.Generator) -> list[Picture]:
    """A lamp is switched off and on every other visit: less light, and warmer, and a sensor that gains it up."""
    warm = np.array([0.30, 0.42, 0.52], np.float32)
    return [
        _noisy(picture * warm, chance, 4.0) if index // 2 % 2 == 0 else picture
        for index, picture in enumerate(pictures)
    ]


def rain(pictures: Sequence[Picture], chance: np.random.Generator) -> list[Picture]:
    """Bright streaks, some 400 in each picture, a little veil, and noise."""
    return [_rained_on(picture, chance) for picture in pictures]


def _rained_on(picture: Picture, chance: np.random.Generator) -> Picture:
    streaks = np.zeros(picture.shape[:2], np.float32)
    slant = float(chance.uniform(-0.15, 0.15))
    for x, y, length in zip(
        chance.integers(0, SIZE[0], 400), chance.integers(-20, SIZE[1], 400), chance.integers(8, 26, 400), strict=True
    ):
        end = (int(x + slant * length), int(y + length))
        cv2.line(streaks, (int(x), int(y)), end, float(chance.uniform(20, 70)), 1, cv2.LINE_AA)
    veiled = picture * np.float32(0.9) + np.float32(12.0)
    return _noisy(veiled + cv2.GaussianBlur(streaks, (0, 0), 0.7)[..., np.newaxis], chance, 3.0)


def _noisy(values: Any, chance: np.random.Generator, sigma: float) -> Picture:
    row, column = chance.integers(0, NOISE.shape[0] - SIZE[1]), chance.integers(0, NOISE.shape[1] - SIZE[0])
    noise = NOISE[row : row + SIZE[1], column : column + SIZE[0]] * np.float32(sigma)
    return np.asarray(np.clip(values + noise, 0, 255), np.uint8)


QUIET: Mapping[str, Harm] = {"light switched": switching, "rain": rain, **LIGHTS}


def recordings(data: Path, views: Sequence[str] = VIEWS) -> Iterator[Tampered]:
    """All of them, view by view."""
    # Lettered as a camera does it: before the harm, but for what happens before the lens (see evaluate_health).
    cameras = {view: [with_clock(each.copy()) for each in found] for view, found in cameras_in(data, views).items()}
    for number, (view, pictures) in enumerate(cameras.items()):
        first, rest = pictures[: len(pictures) // 2], pictures[len(pictures) // 2 :]
        whole = _cycled(first, WHOLE_VISITS)
        after = _cycled(rest, HARMED_VISITS)
        chance = np.random.default_rng(number)
        for trouble, by in HARMS.items():
            name, harm = _strong(by, number)
            yield Tampered(view, f"{trouble.value}: {name}", trouble, [*whole, *harm(after, chance)])
        stranger = _cycled(list(cameras.values())[number - 1], HARMED_VISITS)
        yield Tampered(view, "wrong picture: another camera's", Trouble.WRONG_PICTURE, [*whole, *stranger])
        for name, change in QUIET.items():
            yield Tampered(view, name, None, [*whole, *change(after, chance)])


def _strong(by: Mapping[str, Harm], number: int) -> tuple[str, Harm]:
    """One of a trouble's harms that nobody overlooks; another one for another view."""
    strong = [(name, harm) for name, harm in by.items() if name.startswith("strong")] or list(by.items())
    name, harm = strong[number % len(strong)]
    return name.removeprefix("strong: "), harm


def _cycled(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """So many, there and back again where there are fewer: never one twice in a row."""
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    return [there_and_back[index % len(there_and_back)] for index in range(count)]


def write_tampering(data: Path, folder: Path, views: Sequence[str] = VIEWS) -> Iterator[dict[str, Any]]:
    """Write all recordings below ``folder``; yields the lines of its truth."""
    for recording in recordings(data, views):
        slug = "-".join("".join(c if c.isalnum() else " " for c in f"{recording.view} {recording.name}").split())
        yield _written(recording, folder, f"{FOLDER}/{slug}")


def _written(recording: Tampered, folder: Path, path: str) -> dict[str, Any]:
    count = len(recording.pictures)
    if recording.trouble is Trouble.FROZEN:
        # A stream repeats what was coded once; coded anew, the pictures would differ.
        write_pictures(folder / path, iter(recording.pictures))
    else:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        path = f"{path}.mp4"
        write_video(folder / path, iter(recording.pictures), VISITS_A_SECOND)
    event = {
        "kind": "camera_health",
        "trouble": recording.trouble.value if recording.trouble is not None else None,
        "start_s": WHOLE_VISITS / VISITS_A_SECOND,
        "end_s": count / VISITS_A_SECOND,
    }
    return {
        "path": path,
        "kind": "camera_health",
        "media": "frames" if recording.trouble is Trouble.FROZEN else "video",
        "label": recording.trouble is not None,
        "fps": VISITS_A_SECOND,
        "frames": count,
        "size": list(SIZE),
        "events": [event] if recording.trouble is not None else [],
        "scene": recording.view,
        "composite": True,
        "made_by": f"derived: real pictures of one view, {recording.name} by program",
    }
