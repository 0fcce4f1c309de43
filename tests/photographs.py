"""The two photographs that come with Ultralytics, found without importing it: that takes seconds, for torch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def photograph_file(name: str) -> Path:
    """``bus.jpg``: a street with a bus and four people, 810x1080; ``zidane.jpg``: two people, 1280x720."""
    spec = find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "assets" / name


def photograph(name: str, size: tuple[int, int] | None = None) -> Pixels:
    """(height, width, 3) BGR uint8, scaled to ``size`` (width, height) where one is given."""
    picture = cv2.imread(str(photograph_file(name)))
    assert picture is not None
    return np.asarray(picture if size is None else cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
