"""Strategies: how a camera is best looked at, decided from what its visits measured. Pure.

Opened for every visit (cold), a camera costs a connection each time and holds a session only for a moment. Kept open
(warm), it costs a session and a little processor all the time, and its newest key frame is there when it is asked for.
A snapshot costs one HTTP request, where there is an address for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from patrol.domain.camera import Strategy
from patrol.domain.errors import CaptureFailure

# A cold visit may take this share of the revisit bound before it is called slow, and must fall below the lower one
# before it is called quick again: a camera at the edge shall not change its way of being seen with every visit.
SLOW_SHARE = 0.25
QUICK_SHARE = 0.15
# A first key frame that took longer was waited for: the camera lets a client join between two, and the next visit may
# have to wait for as long as they are apart. One that came at once may have been luck; so many are not.
JOINED_AT_KEY_FRAME_S = 0.4
SURE_AFTER = 4
# So far apart are the key frames of most cameras at most. While nothing is known, a visit may have to wait so long.
USUAL_DISTANCE_S = 4.0
FORGET = 0.97  # the slowest first key frame is remembered, by 3% less with every quicker one
# Seen more often than this, a camera costs less processor kept open than opened again and again: besides the decoding
# that both need, a cold visit costs 1.0 ms, an open session 0.86 ms a second (benchmarks/bench_visiting.py). So warm
# pays in latency and in fewer sessions, and hardly ever in processor time.
WARM_PAYS_BELOW_S = 1.2
WARM_PAYS_NO_MORE_ABOVE_S = 2.0
# After a change nothing changes for so long, unless what was chosen is no longer possible, or may come too late.
HOLDS_FOR_S = 60.0
# So many failures of one kind in a row rule a strategy out, until nothing of the kind has happened for a while.
MOST_STRIKES = 3
MOST_BUSY = 2
FORGIVEN_AFTER_S = 3600.0
NEWEST_COUNTS_FOR = 0.25  # weight of the newest measurement in a mean that forgets


@dataclass(frozen=True, slots=True)
class Strikes:
    """Failures of one kind in a row. ``last_at_s``: by the monotonic clock."""

    count: int = 0
    last_at_s: float = 0.0

    def one_more(self, now_s: float) -> Strikes:
        """It failed again; what is forgiven does not count with it."""
        return Strikes(1 + (self.count if now_s - self.last_at_s < FORGIVEN_AFTER_S else 0), now_s)

    def are_too_many(self, most: int, now_s: float) -> bool:
        """Whether it should be left alone at ``now_s``."""
        return self.count >= most and now_s - self.last_at_s < FORGIVEN_AFTER_S


NO_STRIKES = Strikes()


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What visits measured of one camera. Seconds; None where nothing is known yet.

    ``set_up_s``: from the first packet to the camera until it plays; ``first_key_frame_s``: from then until a whole key
    frame was there; both means that forget. ``slowest_first_s``: the longest that took lately, of ``first_key_frames``
    so far. ``key_frame_distance_s``: from one key frame to the next.
    ``waited_in_vain_s``: how long visits that saw pictures, but no key frame among them, waited for one at most; None
    once one was seen. ``busy``: the camera had no session left; ``warm_breaks``: sessions that were kept open and
    broke; ``snapshot_failures``: snapshots that failed.
    """

    set_up_s: float | None = None
    first_key_frame_s: float | None = None
    slowest_first_s: float = 0.0
    first_key_frames: int = 0
    key_frame_distance_s: float | None = None
    waited_in_vain_s: float | None = None
    busy: Strikes = NO_STRIKES
    warm_breaks: Strikes = NO_STRIKES
    snapshot_failures: Strikes = NO_STRIKES

    @property
    def cold_visit_s(self) -> float | None:
        """How long a cold visit may take, without decoding; None if unknown."""
        if self.set_up_s is None or (self.first_key_frame_s is None and self.waited_in_vain_s is None):
            return None
        distance_s = self.key_frame_distance_s if self.joins_between_key_frames else None
        return self.set_up_s + max(self.first_key_frame_s or 0.0, self.waited_in_vain_s or 0.0, distance_s or 0.0)

    @property
    def joins_between_key_frames(self) -> bool:
        """Whether a client that joins has to wait for the next key frame."""
        return self.slowest_first_s > JOINED_AT_KEY_FRAME_S

    @property
    def is_to_be_learned(self) -> bool:
        """Whether the next visit may have to wait, nobody knows for how long."""
        return self.joins_between_key_frames and self.key_frame_distance_s is None

    @property
    def key_frame_wait_s(self) -> float:
        """How long a cold visit may have to wait for a key frame, as far as it is known."""
        if not self.joins_between_key_frames:
            return 0.0 if self.first_key_frames >= SURE_AFTER else USUAL_DISTANCE_S
        known_s = max(self.key_frames_at_least_every_s, self.slowest_first_s)
        return known_s if self.key_frame_distance_s is not None else max(known_s, USUAL_DISTANCE_S)

    @property
    def key_frames_at_least_every_s(self) -> float:
        """The distance of key frames, as far as it is known; 0 if it is not."""
        return max(self.key_frame_distance_s or 0.0, self.waited_in_vain_s or 0.0)

    def opened(self, set_up_s: float) -> CameraFacts:
        """A session plays."""
        return replace(self, set_up_s=_mean(self.set_up_s, set_up_s), busy=NO_STRIKES)

    def first_seen(self, after_s: float) -> CameraFacts:
        """A session's first key frame came ``after_s`` after it began to play.

        One that a visit had waited for in vain just before it came after that wait, too.
        """
        waited_s = max(after_s, self.waited_in_vain_s or 0.0)
        return replace(
            self,
            first_key_frame_s=_mean(self.first_key_frame_s, waited_s),
            slowest_first_s=max(waited_s, self.slowest_first_s * FORGET),
            first_key_frames=self.first_key_frames + 1,
            waited_in_vain_s=None,
        )

    def distance_measured(self, distance_s: float) -> CameraFacts:
        """Two key frames followed each other at this distance."""
        return replace(self, key_frame_distance_s=distance_s, waited_in_vain_s=None)

    def in_vain(self, waited_s: float) -> CameraFacts:
        """Pictures came for ``waited_s``, and no key frame."""
        return replace(self, waited_in_vain_s=max(waited_s, self.waited_in_vain_s or 0.0))

    def failed(self, strategy: Strategy, failure: CaptureFailure, now_s: float) -> CameraFacts:
        """A visit by ``strategy`` brought nothing."""
        if strategy is Strategy.SNAPSHOT:
            return replace(self, snapshot_failures=self.snapshot_failures.one_more(now_s))
        if failure is CaptureFailure.BUSY:
            return replace(self, busy=self.busy.one_more(now_s))
        return self

    def warm_broke(self, now_s: float) -> CameraFacts:
        """A session that was kept open ended by itself."""
        return replace(self, warm_breaks=self.warm_breaks.one_more(now_s))

    def warm_held(self) -> CameraFacts:
        """A session that was kept open lasted."""
        return replace(self, warm_breaks=NO_STRIKES)

    def snapshot_came(self) -> CameraFacts:
        """A snapshot came."""
        return replace(self, snapshot_failures=NO_STRIKES)


NO_FACTS = CameraFacts()


class Reason(StrEnum):
    """Why a camera is looked at as it is."""

    CONFIGURED = "configured"
    UNMEASURED = "unmeasured"
    LEARNING = "learning"
    QUICK = "quick"
    SEEN_OFTEN = "seen_often"
    SLOW_TO_OPEN = "slow_to_open"
    RARE_KEY_FRAMES = "rare_key_frames"
    NO_ROOM = "no_room"
    BUSY = "busy"


# A camera is kept open for these because a cold visit may come too late; that does not wait.
KEEPS_THE_BOUND = (Reason.LEARNING, Reason.SLOW_TO_OPEN, Reason.RARE_KEY_FRAMES)

WORDS: dict[Reason, tuple[str, str]] = {
    Reason.CONFIGURED: ("按配置", "as configured"),
    Reason.UNMEASURED: ("尚未测量", "not measured yet"),
    Reason.LEARNING: ("正在测量关键帧间隔", "kept open until it is known how far its key frames are apart"),
    Reason.QUICK: ("打开很快，每次重新打开最省", "quick to open: opened for each visit"),
    Reason.SEEN_OFTEN: ("巡视频繁，保持连接更省", "seen so often that keeping it open costs less"),
    Reason.SLOW_TO_OPEN: ("打开较慢，相对巡视周期", "slow to open for its revisit bound"),
    Reason.RARE_KEY_FRAMES: ("关键帧间隔较长", "its key frames are far apart"),
    Reason.NO_ROOM: ("保持连接的名额已满", "no more sessions may be kept open"),
    Reason.BUSY: ("设备会话已满", "the camera has no session to spare"),
}
"""(Chinese, English) of each reason."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a camera, and what there is for it.

    ``bound_s``: its revisit bound. ``has_snapshot``: whether there is an address for snapshots. ``has_room``: whether
    it may be kept open, by the budget and by its host; true for one that is open already.
    """

    bound_s: float
    has_snapshot: bool
    has_room: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """How a camera is looked at: COLD, WARM or SNAPSHOT; why; and since when (monotonic seconds)."""

    strategy: Strategy
    reason: Reason
    since_s: float


def choose(configured: Strategy, facts: CameraFacts, demand: Demand, current: Choice | None, now_s: float) -> Choice:
    """How to look at a camera now.

    ``configured``: what its owner wants; anything but AUTO is done as long as it can be. ``current``: the last choice.
    """
    if configured is not Strategy.AUTO:
        return _as_configured(configured, demand, current, now_s)
    strategy, reason = _best(facts, demand, current.strategy if current else Strategy.COLD, now_s)
    if current is None:
        return Choice(strategy, reason, now_s)
    if strategy is current.strategy:
        return replace(current, reason=reason)
    is_fresh = now_s - current.since_s < HOLDS_FOR_S and current.reason not in (Reason.UNMEASURED, Reason.LEARNING)
    may_be_late = current.strategy is Strategy.COLD and reason in KEEPS_THE_BOUND
    if (
        is_fresh
        and not may_be_late
        and reason is not Reason.BUSY
        and current.strategy in (Strategy.COLD, *_open_ways(facts, demand, now_s))
    ):
        return current
    return Choice(strategy, reason, now_s)


def _as_configured(configured: Strategy, demand: Demand, current: Choice | None, now_s: float) -> Choice:
    strategy, reason = configured, Reason.CONFIGURED
    if configured is Strategy.WARM and not demand.has_room:
        strategy, reason = Strategy.COLD, Reason.NO_ROOM
    if configured is Strategy.SNAPSHOT and not demand.has_snapshot:
        strategy, reason = Strategy.COLD, Reason.CONFIGURED
    if current is not None and current.strategy is strategy:
        return replace(current, reason=reason)
    return Choice(strategy, reason, now_s)


def _best(facts: CameraFacts, demand: Demand, current: Strategy, now_s: float) -> tuple[Strategy, Reason]:
    ways = _open_ways(facts, demand, now_s)
    if facts.busy.are_too_many(MOST_BUSY, now_s):
        return (Strategy.SNAPSHOT if Strategy.SNAPSHOT in ways else Strategy.COLD), Reason.BUSY
    cold_s = facts.cold_visit_s
    if cold_s is None:
        return Strategy.COLD, Reason.UNMEASURED
    if facts.key_frames_at_least_every_s > demand.bound_s:  # not even an open session could keep the bound
        return _first(ways, (Strategy.SNAPSHOT, Strategy.WARM), Reason.RARE_KEY_FRAMES)
    if cold_s > demand.bound_s * (SLOW_SHARE if current is Strategy.COLD else QUICK_SHARE):
        waits = (facts.set_up_s or 0.0) < cold_s / 2
        reason = Reason.RARE_KEY_FRAMES if waits else Reason.SLOW_TO_OPEN
        return _first(ways, (Strategy.WARM, Strategy.SNAPSHOT), reason)
    if facts.is_to_be_learned and Strategy.WARM in ways:
        return Strategy.WARM, Reason.LEARNING
    often_s = WARM_PAYS_NO_MORE_ABOVE_S if current is Strategy.WARM else WARM_PAYS_BELOW_S
    if demand.bound_s <= often_s and Strategy.WARM in ways:
        return Strategy.WARM, Reason.SEEN_OFTEN
    return Strategy.COLD, Reason.QUICK


def _open_ways(facts: CameraFacts, demand: Demand, now_s: float) -> tuple[Strategy, ...]:
    """What is possible besides COLD, which always is."""
    warm = demand.has_room and not facts.warm_breaks.are_too_many(MOST_STRIKES, now_s)
    snapshot = demand.has_snapshot and not facts.snapshot_failures.are_too_many(MOST_STRIKES, now_s)
    return (Strategy.WARM,) * warm + (Strategy.SNAPSHOT,) * snapshot


def _first(ways: tuple[Strategy, ...], wanted: tuple[Strategy, ...], reason: Reason) -> tuple[Strategy, Reason]:
    for strategy in wanted:
        if strategy in ways:
            return strategy, reason
    return Strategy.COLD, Reason.NO_ROOM


def _mean(before: float | None, newest: float) -> float:
    return newest if before is None else before + NEWEST_COUNTS_FOR * (newest - before)
