"""Conditions: by what a rule holds in a frame. One module for each; ``rules.step`` decides what comes of it.

A condition is a frozen value with its thresholds. It sees one zone in one scene and what it remembered of the scenes
before, and says what it remembers now and whether it holds. It does no I/O and knows no clock.
"""

from __future__ import annotations

from patrol.domain.conditions.abandoned_object import AbandonedObject
from patrol.domain.conditions.base import Condition, Holding, Seen
from patrol.domain.conditions.crowd import Crowd
from patrol.domain.conditions.fall import Fall
from patrol.domain.conditions.fight import Fight
from patrol.domain.conditions.fire_smoke import FireSmoke
from patrol.domain.conditions.gathering import Gathering
from patrol.domain.conditions.intrusion import Intrusion
from patrol.domain.conditions.line_crossing import Direction, LineCrossing
from patrol.domain.conditions.loitering import Loitering
from patrol.domain.conditions.removed_object import RemovedObject
from patrol.domain.conditions.running import Running
from patrol.domain.conditions.stopped_vehicle import StoppedVehicle
from patrol.domain.conditions.wrong_way import WrongWay

__all__ = [
    "AbandonedObject",
    "Condition",
    "Crowd",
    "Direction",
    "Fall",
    "Fight",
    "FireSmoke",
    "Gathering",
    "Holding",
    "Intrusion",
    "LineCrossing",
    "Loitering",
    "RemovedObject",
    "Running",
    "Seen",
    "StoppedVehicle",
    "WrongWay",
]
