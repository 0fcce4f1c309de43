"""Watching: all rules of all cameras, and what each remembers. Live and replay use this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from patrol.domain.camera import Camera, CameraId
from patrol.domain.closer import NO_LOOKS, NOTHING_CLOSER, Closer, Look, asked_for
from patrol.domain.detections import Detections
from patrol.domain.drawing import zones_to_forget
from patrol.domain.events import Event
from patrol.domain.rules import CLOCK_STEP_S, Rule, RuleState, Step, Watch, last_words, step
from patrol.domain.scene import Pixels, Scene
from patrol.domain.tracking import Following, NewTracker, NoTracker
from patrol.domain.zones import RuleId, Zone, ZoneId

# A camera may miss that many visits before what was seen in it no longer counts as going on.
MISSED_VISITS = 3


@dataclass(frozen=True, slots=True)
class Findings:
    """What one frame changed.

    ``suspected``: rules that began to hold with this frame. ``is_settled``: no rule is suspected any more, and one was
    until this frame. ``worth_a_focus``: rules that do not hold, of which a closer look could tell more.
    """

    suspected: tuple[Rule, ...] = ()
    is_settled: bool = False
    worth_a_focus: tuple[Rule, ...] = ()
    confirmed: tuple[Event, ...] = ()
    ended: tuple[Event, ...] = ()


@dataclass(slots=True)
class _Memory:
    """What is remembered of one camera: when it was seen last, a Watch for each zone and rule, and who is followed."""

    following: Following
    seen_last_at: datetime | None = None
    watches: dict[tuple[ZoneId, RuleId], Watch] = field(default_factory=dict)

    def was_overtaken(self, at: datetime) -> bool:
        """Whether a frame of that time is a little older than the last; one that is much older is a clock set back."""
        before = self.seen_last_at
        return before is not None and 0.0 <= (before - at).total_seconds() <= CLOCK_STEP_S


class Watcher:
    """Remembers one Watch per camera, zone and rule; bounded by the configuration.

    ``timezone``: the station's own, in which a rule's hours are meant. ``new_tracker``: follows objects at one camera.
    """

    def __init__(
        self, rules: Mapping[RuleId, Rule], timezone: tzinfo = UTC, new_tracker: NewTracker = NoTracker
    ) -> None:
        self._rules = rules
        self._timezone = timezone
        self._new_tracker = new_tracker
        self._cameras: dict[CameraId, _Memory] = {}

    def asked_for(self, camera: Camera, at: datetime, detections: Detections) -> frozenset[Look]:
        """What the rules that are in force would have looked at more closely in the frame captured at ``at``."""
        memory, local = self._memory_of(camera), at.astimezone(self._timezone)
        return NO_LOOKS.union(
            *(
                asked_for(rule.condition, zone, at, detections, self._remembered(memory, zone, rule))
                for zone, rule in self._watched_by(camera)
                if rule.is_watched(local)
            )
        )

    def _remembered(self, memory: _Memory, zone: Zone, rule: Rule) -> object:
        watch = memory.watches.get((zone.id, rule.id))
        return watch.remembered if watch is not None else None

    def observe(
        self,
        camera: Camera,
        at: datetime,
        detections: Detections,
        pixels: Pixels | None = None,
        closer: Closer = NOTHING_CLOSER,
    ) -> Findings:
        """Take the detections of the frame captured at ``at``, its picture where there is one, and closer looks.

        In a focus a frame may come out of the detector just after its successor: it tells nothing any more.
        """
        memory = self._memory_of(camera)
        if memory.was_overtaken(at):
            return Findings()
        memory.seen_last_at = at
        scene = self._scene(camera, memory, at, detections, pixels, closer)
        local = at.astimezone(self._timezone)
        suspected: list[Rule] = []
        was_in_doubt = is_in_doubt = False
        worth_a_focus: list[Rule] = []
        confirmed: list[Event] = []
        ended: list[Event] = []
        for zone, rule in self._watched_by(camera):
            before = memory.watches.get((zone.id, rule.id), Watch())
            result = _stepped(rule, zone, camera, before, scene) if rule.is_watched(local) else _not_watched(before)
            memory.watches[zone.id, rule.id] = result.watch
            was_in_doubt |= before.state is RuleState.SUSPECTED
            is_in_doubt |= result.watch.state is RuleState.SUSPECTED
            if before.state is RuleState.CLEAR and result.watch.state is RuleState.SUSPECTED:
                suspected.append(rule)
            worth_a_focus += [rule] if result.is_worth_a_focus else []
            confirmed += [result.confirmed] if result.confirmed else []
            ended += [result.ended] if result.ended else []
        is_settled = was_in_doubt and not is_in_doubt
        return Findings(tuple(suspected), is_settled, tuple(worth_a_focus), tuple(confirmed), tuple(ended))

    def _memory_of(self, camera: Camera) -> _Memory:
        if camera.id not in self._cameras:
            self._cameras[camera.id] = _Memory(Following(self._new_tracker))
        return self._cameras[camera.id]

    def _scene(
        self,
        camera: Camera,
        memory: _Memory,
        at: datetime,
        detections: Detections,
        pixels: Pixels | None,
        closer: Closer,
    ) -> Scene:
        seen = memory.following.see(at, detections)
        return Scene(
            at=at,
            detections=detections,
            track_id=seen.track_id,
            tracks=seen.tracks,
            ground=camera.ground,
            pixels=pixels,
            in_focus=seen.in_focus,
            finer=closer.finer,
            density=closer.density,
        )

    def _watched_by(self, camera: Camera) -> Iterator[tuple[Zone, Rule]]:
        return ((zone, self._rules[rule_id]) for zone in camera.zones for rule_id in zone.rules)

    def redrawn(self, before: Camera, after: Camera) -> None:
        """The camera's scene is another one: what was remembered of zones that lay elsewhere is of no use.

        Events that were on there are not told as ended: nobody saw them end, and their incidents stay as they are.
        """
        memory = self._cameras.get(before.id)
        if memory is None:
            return
        forgotten, watched = zones_to_forget(before, after), {(z.id, r) for z in after.zones for r in z.rules}
        memory.watches = {
            key: watch for key, watch in memory.watches.items() if key in watched and key[0] not in forgotten
        }

    def is_clear(self, camera: Camera) -> bool:
        """Whether no rule holds, or held just now, anywhere in the camera's picture."""
        memory = self._cameras.get(camera.id)
        return memory is None or all(watch.held_last_at is None for watch in memory.watches.values())

    def finish(self) -> Sequence[Event]:
        """The events that are still on when a recording ends, each ended where it held last."""
        watches = (watch for memory in self._cameras.values() for watch in memory.watches.values())
        return [event for watch in watches if (event := last_words(watch)) is not None]


def _stepped(rule: Rule, zone: Zone, camera: Camera, before: Watch, scene: Scene) -> Step:
    unseen_s = MISSED_VISITS * camera.revisit_bound_s + rule.clear_after_s
    return step(rule, zone, camera.id, before, scene, unseen_s)


def _not_watched(before: Watch) -> Step:
    """Out of its hours a rule knows nothing: what was on has ended."""
    return Step(Watch(), ended=last_words(before))
