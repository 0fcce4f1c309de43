"""Rules: what counts as an event in a zone.

``step`` is the whole decision: (rule, what was so far, what is seen now) -> (what is so now, what to tell).
The same function runs live and in replay.

A rule in a zone is CLEAR, SUSPECTED (it holds, not yet for long enough) or CONFIRMED (an event is on).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.events import Event, Evidence, Kind
from patrol.domain.zones import RuleId, Zone, inside


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts as an event, by a sergeant's words: *kind* when *at_least* of *label* stand in the zone *for_s*.

    ``for_s``: how long it must hold, seconds, over at least two frames. ``clear_after_s``: how long it must not
    hold before the event is over (bridges a missed detection). ``cool_down_s``: after an alert, how long the same
    camera, rule and zone stay quiet.
    """

    id: RuleId
    kind: Kind
    name: str
    name_en: str
    label: str
    at_least: int
    min_confidence: float
    for_s: float
    clear_after_s: float
    cool_down_s: float


class RuleState(StrEnum):
    """Where a rule in a zone stands."""

    CLEAR = "clear"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Watch:
    """The memory of one rule in one zone of one camera."""

    state: RuleState = RuleState.CLEAR
    began_at: datetime | None = None
    held_last_at: datetime | None = None
    seen_last_at: datetime | None = None
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame changed: ``confirmed`` and ``ended`` are events to tell, each told once."""

    watch: Watch
    confirmed: Event | None = None
    ended: Event | None = None
