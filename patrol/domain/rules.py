"""Rules: what counts as an event in a zone.

``step`` is the whole decision: (rule, what was so far, what is seen now) -> (what is so now, what to tell).
The same function runs live and in replay.

A rule in a zone is CLEAR, SUSPECTED (it holds, not yet for long enough) or CONFIRMED (an event is on).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from patrol.domain.camera import CameraId
from patrol.domain.detections import Detections
from patrol.domain.events import Event, Evidence, Kind
from patrol.domain.zones import RuleId, Zone, inside

CLOCK_STEP_S = 1.0  # frames of one camera come this much out of order at most; farther back, the clock was set


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


def step(
    rule: Rule,
    zone: Zone,
    camera_id: CameraId,
    watch: Watch,
    at: datetime,
    detections: Detections,
    unseen_s: float = math.inf,
) -> Step:
    """Decide what one frame, captured at ``at``, changes for one rule in one zone of one camera.

    A frame that is a little older than the last is ignored. After more than ``unseen_s`` without a frame, or after
    the clock was set back, nothing is known of the time between: what was on has ended, and this frame begins anew.
    """
    if watch.seen_last_at is not None:
        since_s = (at - watch.seen_last_at).total_seconds()
        if not -CLOCK_STEP_S <= since_s <= unseen_s:
            anew = step(rule, zone, camera_id, Watch(), at, detections)
            return replace(anew, ended=last_words(watch))
        if since_s <= 0:
            return Step(watch)
    found = detections.of(rule.label, rule.min_confidence)
    found = found.where(inside(zone, found))
    if len(found) < rule.at_least:
        return _not_holding(rule, watch, at)
    return _holding(rule, zone, camera_id, watch, at, found)


def _not_holding(rule: Rule, watch: Watch, at: datetime) -> Step:
    if watch.held_last_at is None:
        return Step(Watch(seen_last_at=at))
    if (at - watch.held_last_at).total_seconds() < rule.clear_after_s:
        return Step(replace(watch, seen_last_at=at))
    return Step(Watch(seen_last_at=at), ended=last_words(watch))


def _holding(rule: Rule, zone: Zone, camera_id: CameraId, watch: Watch, at: datetime, found: Detections) -> Step:
    began_at = watch.began_at or at
    held = replace(watch, began_at=began_at, held_last_at=at, seen_last_at=at)
    if watch.event is not None:
        return Step(held)
    held_s = (at - began_at).total_seconds()
    # At least a second frame must agree: one picture alone never makes an event.
    if watch.began_at is None or held_s < rule.for_s:
        return Step(replace(held, state=RuleState.SUSPECTED))
    event = Event(
        camera_id=camera_id,
        kind=rule.kind,
        rule_id=rule.id,
        zone_id=zone.id,
        began_at=began_at,
        confirmed_at=at,
        score=float(found.confidence.mean()),
        evidence=_evidence(rule, zone, held_s, found),
    )
    return Step(replace(held, state=RuleState.CONFIRMED, event=event), confirmed=event)


def last_words(watch: Watch) -> Event | None:
    """The event that is still on when a recording ends, ended where it held last; None if there is none."""
    return replace(watch.event, ended_at=watch.held_last_at) if watch.event is not None else None


def _evidence(rule: Rule, zone: Zone, held_s: float, found: Detections) -> Evidence:
    scale = (found.width, found.height, found.width, found.height)
    return Evidence(
        count=len(found),
        threshold=rule.at_least,
        held_s=held_s,
        words_zh=f"{zone.name}内 {len(found)} 人（阈值 {rule.at_least}），已持续 {held_s:.0f} 秒",
        words_en=f"{len(found)} in {zone.name_en} (threshold {rule.at_least}), for {held_s:.0f} s",
        boxes=tuple((x1 / scale[0], y1 / scale[1], x2 / scale[2], y2 / scale[3]) for (x1, y1, x2, y2), _, _ in found),
    )
