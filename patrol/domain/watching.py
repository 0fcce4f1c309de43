"""Watching: all rules of all cameras, and what each remembers. Live and replay use this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from patrol.domain.camera import Camera, CameraId
from patrol.domain.detections import Detections
from patrol.domain.events import Event
from patrol.domain.rules import Rule, RuleState, Watch, last_words, step
from patrol.domain.zones import RuleId, ZoneId

# A camera may miss that many visits before what was seen in it no longer counts as going on.
MISSED_VISITS = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """What one frame changed. ``suspected``: rules that began to hold with this frame."""

    suspected: tuple[Rule, ...] = ()
    confirmed: tuple[Event, ...] = ()
    ended: tuple[Event, ...] = ()


class Watcher:
    """Remembers one Watch per camera, zone and rule; bounded by the configuration."""

    def __init__(self, rules: Mapping[RuleId, Rule]) -> None:
        self._rules = rules
        self._watches: dict[tuple[CameraId, ZoneId, RuleId], Watch] = {}

    def observe(self, camera: Camera, at: datetime, detections: Detections) -> Findings:
        """Take the detections of the frame captured at ``at``."""
        suspected: list[Rule] = []
        confirmed: list[Event] = []
        ended: list[Event] = []
        for zone in camera.zones:
            for rule_id in zone.rules:
                key, rule = (camera.id, zone.id, rule_id), self._rules[rule_id]
                before = self._watches.get(key, Watch())
                unseen_s = MISSED_VISITS * camera.revisit_bound_s + rule.clear_after_s
                result = step(rule, zone, camera.id, before, at, detections, unseen_s)
                self._watches[key] = result.watch
                if before.state is RuleState.CLEAR and result.watch.state is RuleState.SUSPECTED:
                    suspected.append(rule)
                confirmed += [result.confirmed] if result.confirmed else []
                ended += [result.ended] if result.ended else []
        return Findings(tuple(suspected), tuple(confirmed), tuple(ended))

    def is_clear(self, camera: Camera) -> bool:
        """Whether no rule holds, or held just now, anywhere in the camera's picture."""
        watches = (self._watches.get((camera.id, zone.id, rule_id)) for zone in camera.zones for rule_id in zone.rules)
        return all(watch is None or watch.held_last_at is None for watch in watches)

    def finish(self) -> Sequence[Event]:
        """The events that are still on when a recording ends, each ended where it held last."""
        return [event for watch in self._watches.values() if (event := last_words(watch)) is not None]
