"""Rules: what counts as an event in a zone, and for how long it must hold.

A rule's condition says of each frame whether it holds (see conditions). ``step`` is the rest of the decision: (rule,
what was so far, what is seen now) -> (what is so now, what to tell). The same function runs live and in replay.

A rule in a zone is CLEAR, SUSPECTED (it holds, not yet for long enough) or CONFIRMED (an event is on).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from patrol.domain.camera import Camera, CameraId
from patrol.domain.closer import NO_LOOKS, Look, looks_of
from patrol.domain.conditions import Condition, Holding
from patrol.domain.events import Event, Evidence, Kind
from patrol.domain.scene import Scene
from patrol.domain.schedules import TimeWindow
from patrol.domain.zones import RuleId, Zone

CLOCK_STEP_S = 1.0  # frames of one camera come this much out of order at most; farther back, the clock was set


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts as an event, by a sergeant's words: when the condition holds in a zone *for_s*, in these *hours*.

    ``for_s``: how long it must hold, seconds, over at least two frames. ``clear_after_s``: how long it must not
    hold before the event is over (bridges a missed detection). ``cool_down_s``: after an alert, how long the same
    camera, rule and zone stay quiet. ``hours``: when it is watched, in the station's own time; always if there are
    none.
    """

    id: RuleId
    name: str
    name_en: str
    condition: Condition
    for_s: float
    clear_after_s: float
    cool_down_s: float
    hours: tuple[TimeWindow, ...] = ()

    @property
    def kind(self) -> Kind:
        """The kind of its events."""
        return self.condition.kind

    @property
    def looks(self) -> frozenset[Look]:
        """The closer looks that it may ask for."""
        return looks_of(self.condition)

    def is_watched(self, local: datetime) -> bool:
        """Whether it is in force at ``local``, the station's own time."""
        return not self.hours or any(window.holds(local) for window in self.hours)


def looks_at(camera: Camera, rules: Mapping[RuleId, Rule]) -> frozenset[Look]:
    """The closer looks that any of a camera's rules may ask for."""
    return NO_LOOKS.union(*(rules[name].looks for zone in camera.zones for name in zone.rules if name in rules))


class RuleState(StrEnum):
    """Where a rule in a zone stands."""

    CLEAR = "clear"
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Watch:
    """The memory of one rule in one zone of one camera. ``remembered``: what its condition wants to know again."""

    state: RuleState = RuleState.CLEAR
    began_at: datetime | None = None
    held_last_at: datetime | None = None
    seen_last_at: datetime | None = None
    event: Event | None = None
    remembered: object = None


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame changed: ``confirmed`` and ``ended`` are events to tell, each told once.

    ``is_worth_a_focus``: a closer look could tell more.
    """

    watch: Watch
    confirmed: Event | None = None
    ended: Event | None = None
    is_worth_a_focus: bool = False


def step(rule: Rule, zone: Zone, camera_id: CameraId, watch: Watch, scene: Scene, unseen_s: float = math.inf) -> Step:
    """Decide what one frame changes for one rule in one zone of one camera.

    A frame that is a little older than the last is ignored. After more than ``unseen_s`` without a frame, or after
    the clock was set back, nothing is known of the time between: what was on has ended, and this frame begins anew.
    """
    if watch.seen_last_at is not None:
        since_s = (scene.at - watch.seen_last_at).total_seconds()
        if not -CLOCK_STEP_S <= since_s <= unseen_s:
            anew = step(rule, zone, camera_id, Watch(), scene)
            return replace(anew, ended=last_words(watch))
        if since_s <= 0:
            return Step(watch)
    seen = rule.condition.see(zone, scene, watch.remembered)
    watch = replace(watch, seen_last_at=scene.at, remembered=seen.memory)
    if seen.holding is None:
        return replace(_not_holding(rule, watch, scene.at), is_worth_a_focus=seen.is_worth_a_focus)
    return _holding(rule, zone, camera_id, watch, scene.at, seen.holding)


def _not_holding(rule: Rule, watch: Watch, at: datetime) -> Step:
    if watch.held_last_at is None or (at - watch.held_last_at).total_seconds() < rule.clear_after_s:
        return Step(watch)
    return Step(Watch(seen_last_at=at, remembered=watch.remembered), ended=last_words(watch))


def _holding(rule: Rule, zone: Zone, camera_id: CameraId, watch: Watch, at: datetime, holding: Holding) -> Step:
    began_at = watch.began_at or min(at, holding.since or at)
    held = replace(watch, began_at=began_at, held_last_at=max(began_at, holding.until or at))
    if watch.event is not None:
        return Step(held)
    held_s = (at - began_at).total_seconds()
    # One picture alone never makes an event: a second frame must agree, unless the condition saw several itself.
    is_seen_twice = watch.began_at is not None or holding.is_sure
    if not is_seen_twice or held_s < rule.for_s:
        return Step(replace(held, state=RuleState.SUSPECTED))
    event = Event(
        camera_id=camera_id,
        kind=rule.kind,
        rule_id=rule.id,
        zone_id=zone.id,
        began_at=began_at,
        confirmed_at=at,
        score=holding.score,
        evidence=_evidence(zone, held_s, holding),
    )
    return Step(replace(held, state=RuleState.CONFIRMED, event=event), confirmed=event)


def last_words(watch: Watch) -> Event | None:
    """The event that is still on when a recording ends, ended where it held last; None if there is none."""
    return replace(watch.event, ended_at=watch.held_last_at) if watch.event is not None else None


def _evidence(zone: Zone, held_s: float, holding: Holding) -> Evidence:
    has_lasted = round(held_s) > 0  # a line is crossed in a moment
    return Evidence(
        count=holding.count,
        threshold=holding.threshold,
        held_s=held_s,
        words_zh=f"{zone.name}：{holding.words_zh}" + (f"，已持续 {held_s:.0f} 秒" if has_lasted else ""),
        words_en=f"{zone.name_en}: {holding.words_en}" + (f", for {held_s:.0f} s" if has_lasted else ""),
        boxes=holding.boxes,
        rising=holding.rising,
    )
