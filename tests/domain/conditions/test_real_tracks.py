"""Real people who walk through a street and past a hotel: nothing of it is a gathering, a panic, or loitering."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from patrol.domain.conditions.gathering import Gathering
from patrol.domain.conditions.running import Running
from patrol.domain.detections import Detections
from patrol.domain.ground import GroundPlane
from patrol.domain.rules import Rule
from patrol.domain.tracking import TrackIds
from patrol.domain.watching import Watcher
from patrol.domain.zones import RuleId, Zone, ZoneId
from tests.builders import WHOLE_PICTURE, at, camera

FOLDER = Path(os.environ.get("PATROL_SHARED_DATA", Path(__file__).parents[3] / "../shared/data")) / "tracks"
# (file, frames a second): annotated every 0.4 s.
SCENES = {"ETH_seq_hotel_obsmat.txt": 25.0, "UCY_zara01_obsmat.txt": 25.0}
SIZE = 1000


class Known:
    """A tracker that is told who each box is."""

    numbers: ClassVar[list[int]] = []

    def update(self, at_s: float, detections: Detections) -> TrackIds:
        return np.array(self.numbers, np.int64)


@pytest.mark.shared_data
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recorded tracks at {FOLDER}")
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("condition", "for_s"), [(Running(), 1.0), (Gathering(), 30.0)], ids=["running", "gathering"])
def test_people_who_walk_are_no_panic_and_no_gathering(
    scene: str, condition: Running | Gathering, for_s: float
) -> None:
    rows = np.loadtxt(FOLDER / scene)
    feet = rows[:, [2, 4]]
    low, high = feet.min(axis=0) - 1, feet.max(axis=0) + 1
    span = high - low
    # Seen from straight above: shares of the picture, and back to metres.
    ground = GroundPlane((float(span[0]), 0.0, float(low[0]), 0.0, float(span[1]), float(low[1]), 0.0, 0.0, 1.0))
    frames: dict[float, list[tuple[int, float, float]]] = defaultdict(list)
    for frame, number, x, y in rows[:, [0, 1, 2, 4]]:
        frames[frame / SCENES[scene]].append((int(number), *((np.array([x, y]) - low) / span * SIZE)))
    rule = Rule(RuleId("rule"), "规则", "rule", condition, for_s, 5.0, 60.0)
    watcher = Watcher({rule.id: rule}, new_tracker=Known)
    there = camera(zones=(Zone(ZoneId("zone"), "区", "zone", WHOLE_PICTURE, (rule.id,)),), ground=ground)
    seen = 0
    for t, people in sorted(frames.items()):
        Known.numbers = [number for number, _, _ in people]
        boxes = np.array([(x - 5, max(y - 30, 0), x + 5, y) for _, x, y in people], np.float32).clip(0, SIZE)
        count = len(people)
        found = Detections(SIZE, SIZE, boxes, np.zeros(count, np.int64), np.full(count, 0.9, np.float32), ("person",))
        findings = watcher.observe(there, at(t), found)
        assert findings.confirmed == (), f"{scene} at {t:.1f} s: {findings.confirmed[0].evidence.words_en}"
        seen += count
    assert seen > 1000
