"""The tour: which camera is visited next, and how long each has been unseen.

Earliest deadline first. A camera's deadline is its last look plus its revisit bound; it becomes due early enough before
it that a visit which takes all the time it is given, after the longest possible wait for a slot, still brings a picture
in time (see leads.py and slots.py). Cameras that failed, and cameras in focus, have slots of their own and never take a
due one's turn. All times are monotonic seconds, given by the caller.

Every visit is given ``visit_deadline_s`` at least, and the promise is for cameras that answer within it. One that was
slower lately is given more, once the others' leads allow for that; until then only its retries are, whose slots are
nobody else's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from types import MappingProxyType

from patrol.domain.camera import Camera, CameraId, Ring, RingName
from patrol.domain.camera_history import Unseen
from patrol.domain.errors import CaptureFailure
from patrol.domain.focuses import Focuses
from patrol.domain.hosts import HOST_FAILURES, Host, UnconfirmedSessions, host_of, sessions_on
from patrol.domain.leads import PATIENCE, Leads
from patrol.domain.pacing import TokenBucket, full_jitter
from patrol.domain.room import CameraStatus, RingStatus
from patrol.domain.stretching import Stretch
from patrol.domain.tour_status import camera_statuses, is_past, ring_status
from patrol.domain.visits import (
    Asker,
    Place,
    Standing,
    TourSettings,
    Turn,
    Visit,
    held_since,
    in_detection_s,
    share_by_now,
    was_taken_in_time,
)

CATCHING_UP = 2.0
SHORTEST_S = 0.1  # between two visits of one camera
FORGET = 0.9  # a slow visit is remembered, by 10% less with every quicker one
SLOW_FAILURES = frozenset({CaptureFailure.TIMED_OUT, CaptureFailure.NO_KEY_FRAME})
LOOK_AGAIN_S = 0.02  # whether what has to wait for a slot may begin now
RETRY_AGAIN_S = 0.2  # whether a camera may be tried again that its host has no room for now
# Pictures of a camera in focus on their way through the detector: one waits for each of its lanes, one is being taken.
MOST_LOOKS = 3


class Tour:
    """Decides who is next. Not thread-safe: one event loop owns it.

    ``jitter``: a number in [0, 1) at each call, for the back-off. ``sessions_of_host``: hosts that bear another number
    of sessions than the usual one. Cost per decision: O(log n).
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        settings: TourSettings,
        now: float,
        jitter: Callable[[], float],
        sessions_of_host: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._jitter = jitter
        self._hosts: dict[str | None, Host[Place]] = {}
        self._standings = {c.id: self._standing(c, now, sessions_of_host) for c in cameras}
        self._waiting: list[Place] = []  # by the time at which it becomes due
        self._due: list[Place] = []  # by deadline
        self._once_more: list[Place] = []  # failed once and may still be in time; by deadline
        self._retrying: list[Place] = []  # by the time at which its back-off ended
        self._unconfirmed: UnconfirmedSessions[Place] = UnconfirmedSessions()
        self._late: set[CameraId] = set()  # whose visits under way began late
        self._opens = self._pace(now)
        self._retries = TokenBucket(settings.retries_per_s, settings.retries_per_s / 2, now)
        self._focuses = Focuses(self._standings, now)
        self._due_under_way = 0
        self._lower_under_way = 0
        self._extra_under_way = 0  # for focus, with those whose picture is in the detector
        self._tickets = 0
        self._stretch = Stretch()
        self._leads = Leads(self._standings.values(), settings)
        self._spread(self._standings.values(), now)

    def _standing(self, camera: Camera, now: float, sessions_of_host: Mapping[str, int]) -> Standing:
        settings, name = self._settings, host_of(camera)
        if name not in self._hosts:
            per_s = settings.retries_per_host_per_s if name is not None else settings.retries_per_s
            sessions = sessions_on(name, settings.sessions_per_host, sessions_of_host)
            self._hosts[name] = Host(sessions, TokenBucket(per_s, per_s, now))
        least_s = min(settings.visit_deadline_s, camera.revisit_bound_s / 2)
        return Standing(camera, self._hosts[name], camera.revisit_bound_s, least_s, least_s, seen_at=now, since=now)

    def _pace(self, now: float) -> TokenBucket:
        """For sessions begun while the tour is behind: quicker than the bounds ask for, or it would never catch up."""
        per_s = max(self._settings.opens_per_s, CATCHING_UP * sum(1 / s.bound_s for s in self._standings.values()))
        return TokenBucket(per_s, per_s / 4, now)

    def _spread(self, standings: Iterable[Standing], now: float) -> None:
        for standing, at in self._leads.spread(standings, now):
            self._wait(standing, at)

    # --- who is next -------------------------------------------------------------------------------------------

    def next(self, now: float, may_focus: bool = True) -> Visit | float:
        """The visit to make now, or how many seconds nothing is due (at most 1). The visit counts as begun.

        ``may_focus``: whether there is anything to spare at this moment, whatever was reckoned; see ``set_spare``.
        """
        self._release(now)
        # One whose host has no room for it holds up nobody.
        visit = self._next_retry(now) if self._is_a_retry_starved(now) else None
        if visit is None:
            visit = self._next_due(now)
        if visit is None and not self._due:
            visit = self._next_retry(now)
        if visit is None and not self._due and may_focus:
            visit = self._next_focus(now)
        return visit if visit is not None else self._idle_s(now)

    def _release(self, now: float) -> None:
        for host in self._unconfirmed.let_go(now):
            self._unpark(host)
        is_one_due, apart = False, []
        # Who comes due a moment later is looked at with those that are due now.
        while self._waiting and self._waiting[0].at <= now + (self._settings.together_s if is_one_due else 0.0):
            entry = heapq.heappop(self._waiting)
            if not self._is_current(entry):
                continue
            standing = self._standings[entry.camera_id]
            failures = standing.failures
            if entry.at > now and (failures or entry.at > now + self._settings.along_s(standing.bound_s)):
                apart.append(entry)
            elif failures > 1:
                heapq.heappush(self._retrying, entry)
            else:
                is_one_due |= failures == 0
                heap = self._once_more if failures else self._due
                heapq.heappush(heap, replace(entry, at=self._deadline(entry)))
        for entry in apart:
            heapq.heappush(self._waiting, entry)

    def _next_due(self, now: float) -> Visit | None:
        while self._due and self._due_under_way < self._settings.workers:
            entry = heapq.heappop(self._due)
            standing = self._standings[entry.camera_id]
            if not self._is_current(entry):
                self._unpark(standing.host)  # it may have been the one to take a session that is free
                continue
            if not self._has_room(standing):
                heapq.heappush(standing.host.parked, entry)
            elif self._must_be_paced(standing, now) and self._opens.wait_s(now) > 0:
                heapq.heappush(self._due, entry)
                return None
            else:
                return self._begin(standing, Turn.DUE, now)
        return None

    def _has_room(self, standing: Standing) -> bool:
        return standing.kept_open or standing.host.has_room()

    def _must_be_paced(self, standing: Standing, now: float) -> bool:
        """First looks, and cameras that come late: after an outage they would all be opened at the same moment."""
        return not standing.ever_seen or self._leads.is_late(standing, now)

    def _next_retry(self, now: float) -> Visit | None:
        """Of cameras that failed just now the most urgent, which may still be in time; then of the others."""
        if self._lower_under_way >= self._settings.lower_rank_workers or self._retries.wait_s(now) > 0:
            return None
        while heap := self._once_more or self._retrying:
            entry = heapq.heappop(heap)
            if not self._is_current(entry):
                continue
            standing = self._standings[entry.camera_id]
            wait_s = standing.host.retry_wait_s(now)
            if wait_s == 0.0 and standing.host.has_room_for_lower_rank():
                self._retries.take(now)
                standing.host.retries.take(now)
                return self._begin(standing, Turn.RETRY, now)
            heapq.heappush(self._waiting, replace(entry, at=now + max(wait_s, RETRY_AGAIN_S)))
        return None

    def _is_a_retry_starved(self, now: float) -> bool:
        """Where something is always due, a failing camera gets its turn too, once its bound has passed anew.

        It has a slot of its own, so no one that is due waits longer for one.
        """
        late = any(self._is_starved(heap[0], now) for heap in (self._once_more, self._retrying) if heap)
        return late and self._lower_under_way < self._settings.lower_rank_workers and self._retries.wait_s(now) == 0.0

    def _is_starved(self, entry: Place, now: float) -> bool:
        return now - entry.due_at > self._standings[entry.camera_id].bound_s * self.stretch

    def _next_focus(self, now: float) -> Visit | None:
        is_room = (
            self.stretch == 1.0
            and self._lower_under_way < self._settings.lower_rank_workers
            and self._extra_under_way < self._settings.focus_at_once
        )
        standing = self._focuses.next(now, lambda each: self._may_focus(each, now)) if is_room else None
        return self._begin(standing, Turn.FOCUS, now) if standing is not None else None

    def _may_focus(self, standing: Standing, now: float) -> bool:
        """One at a time is taken of a camera, while others of it may still be in the detector."""
        return (
            standing.skipped_until <= now
            and not standing.visits
            and len(standing.looks) < MOST_LOOKS
            and not standing.failures
            and (standing.kept_open or standing.host.has_room_for_lower_rank())
        )

    def _idle_s(self, now: float) -> float:
        upcoming = [self._waiting[0].at - now] if self._waiting else []
        focus_in_s = self._focuses.wait_s(now)
        if focus_in_s is not None:
            upcoming.append(max(focus_in_s, LOOK_AGAIN_S))
        if self._due:
            upcoming.append(max(self._opens.wait_s(now), LOOK_AGAIN_S))
        if self._retrying or self._once_more:
            upcoming.append(max(self._retries.wait_s(now), LOOK_AGAIN_S))
        return min(1.0, *upcoming) if upcoming else 1.0

    def _begin(self, standing: Standing, turn: Turn, now: float) -> Visit:
        standing.ticket = 0  # its places in the heaps are stale until nothing of it is under way
        standing.looks.append(turn)
        standing.visits += 1
        standing.began_at = now
        self._extra_under_way += turn is Turn.FOCUS
        # Who is due is given what the others reckon with; a retry and a focus take nobody's slot.
        given_s = self._leads.given_s(standing, now)
        standing.deadline_s = given_s if turn is Turn.DUE else max(given_s, self._leads.wanted_s(standing))
        if turn is Turn.FOCUS:  # until it is due it may wait for a key frame that a stream begins with
            standing.deadline_s = max(standing.deadline_s, self._leads.until_due_s(standing, now))
        visit = Visit(standing.camera, turn, standing.deadline_s, in_new_session=not standing.kept_open)
        self._count(visit, standing.host, 1)
        if self._must_be_paced(standing, now):
            self._opens.take(now)
        if standing.ever_seen and not standing.failures and self._leads.is_late(standing, now):
            self._late.add(standing.camera.id)
            self._stretch.announce(self._leads.expected_share(standing, now))
        return visit

    def _count(self, visit: Visit, host: Host[Place], change: int) -> None:
        """One visit more, or one less."""
        host.under_way += change * visit.in_new_session
        if visit.turn is Turn.DUE:
            self._due_under_way += change
        else:
            self._lower_under_way += change
            host.of_lower_rank += change * visit.in_new_session

    # --- what became of a visit --------------------------------------------------------------------------------

    def ended(self, visit: Visit, *, is_kept_open: bool = False, is_passing: bool = False) -> None:
        """The visit is over, whatever it brought. Call it once for each.

        ``is_kept_open``: its session goes on, so that nobody else may have it. ``is_passing``: for a focus only.
        """
        standing = self._standings[visit.camera.id]
        host = standing.host
        standing.visits -= 1
        self._count(visit, host, -1)
        if is_kept_open:  # whether one has ended is told by set_kept_open
            self._note_session(standing, is_kept_open=True, is_passing=is_passing)
        self._unpark(host)

    def unconfirmed(self, camera_id: CameraId, held_s: float, now: float) -> None:
        """A session of the camera was closed, but its host may hold it for so long all the same.

        Call it before the visit's ``ended``, so that nobody else is let in meanwhile.
        """
        self._unconfirmed.add(self._standings[camera_id].host, held_s, now)

    def _unpark(self, host: Host[Place]) -> None:
        """Let the most urgent of the cameras that wait for this host's sessions have those that are free."""
        free = host.free
        while host.parked and free > 0:
            entry = heapq.heappop(host.parked)
            if self._is_current(entry):
                heapq.heappush(self._due, entry)
                free -= 1

    def captured(self, camera_id: CameraId, seconds: float, age_s: float = 0.0, waits_s: float = 0.0) -> None:
        """The visit brought a picture after so many seconds; what becomes of it is not known yet.

        ``age_s``: how old the picture is. A camera whose key frames are rare, kept open, has only an old one.
        ``waits_s``: how long the next visit may have to wait for the camera's next key frame, besides all else.
        """
        standing = self._standings[camera_id]
        standing.picture_age_s = age_s
        standing.waits_s = waits_s
        standing.usual_s = max(0.0, seconds - waits_s, standing.usual_s * FORGET)
        if not standing.taken:
            standing.taken, standing.taken_at = True, standing.began_at + seconds
        standing.host.answered()
        self._leads.learn(standing)

    def seen(self, camera_id: CameraId, captured_at: float, people: int) -> float:
        """A frame captured at ``captured_at`` went through the detector. Returns the gap it ends, seconds."""
        standing = self._standings[camera_id]
        gap_s = captured_at - standing.seen_at
        if camera_id in self._late:
            self._stretch.announce((captured_at - held_since(standing)) / standing.bound_s)
        standing.seen_at = max(standing.seen_at, captured_at)
        standing.since = max(standing.since, captured_at)
        if standing.picture_age_s > standing.bound_s - self._leads.lead_s(standing):
            standing.excused_until = captured_at + standing.picture_age_s
        standing.ever_seen = True
        standing.failures, standing.failing, standing.people = 0, None, people
        self._landed(standing)
        self._wait_for_next_look(standing)
        return gap_s

    def failed(self, camera_id: CameraId, why: CaptureFailure | str, now: float) -> float:
        """The visit brought no frame that counts. Returns the seconds until the next try."""
        standing = self._standings[camera_id]
        base_s, cap_s = self._settings.backoff_base_s, self._settings.backoff_cap_s
        first = standing.failures == 0 and standing.ever_seen
        standing.failures += 1
        standing.failing = str(why)
        if why in SLOW_FAILURES:  # the next visit gets twice as long
            standing.usual_s = max(standing.usual_s, 2 * standing.deadline_s / PATIENCE)
        if why in HOST_FAILURES:
            standing.host.failed(now, base_s, cap_s, self._jitter)
        else:
            standing.host.answered()
        # One failure may be a hiccup, and the bound has not passed yet: the second try comes at once.
        pause_s = 0.0 if first else full_jitter(standing.failures, base_s, cap_s, self._jitter)
        self._landed(standing, is_newest=True)
        self._wait(standing, now + pause_s)
        return pause_s

    def dropped(self, camera_id: CameraId) -> None:
        """The frame was captured but never went through the detector: the camera is still unseen."""
        self._landed(self._standings[camera_id])
        self._wait_for_next_look(self._standings[camera_id])

    def _landed(self, standing: Standing, *, is_newest: bool = False) -> None:
        """One look of the camera less is under way: the oldest, whose picture went through the detector or never will.

        ``is_newest``: the last, which brought no picture.
        """
        self._late.discard(standing.camera.id)
        if standing.looks:
            turn = standing.looks.pop() if is_newest else standing.looks.popleft()
            self._extra_under_way -= turn is Turn.FOCUS
        standing.taken = len(standing.looks) > standing.visits - is_newest

    # --- what others ask for -----------------------------------------------------------------------------------

    def pin(
        self, camera_id: CameraId, now: float, seconds: float, every_s: float, asker: Asker = Asker.OPERATOR
    ) -> None:
        """Focus: look again every ``every_s`` for ``seconds``, with spare capacity only; 0 seconds ends the asker's."""
        self._focuses.pin(camera_id, now, seconds, every_s, asker)

    def skip(self, camera_id: CameraId, seconds: float, now: float) -> None:
        """Do not visit a camera for so long, then before all others; 0 seconds: from now on again.

        It counts as unseen all the same, only the stretch does not answer for it.
        """
        standing = self._standings[camera_id]
        standing.skipped_until = now + seconds
        self._wait(standing, standing.skipped_until)

    def is_excused(self, camera_id: CameraId, now: float) -> bool:
        """Whether it is past its bound because a person had it skipped: the tour had no time for it since then."""
        standing = self._standings[camera_id]
        return now - standing.skipped_until <= standing.bound_s * self.stretch + in_detection_s(standing)

    def set_bounds(self, bounds: Mapping[CameraId, float], now: float) -> None:
        """Other bounds hold from now on. A stricter one counts from now: nobody is late by a change of mind."""
        stricter = []
        for camera_id, bound_s in bounds.items():
            standing = self._standings[camera_id]
            in_time = not standing.failures and now - standing.since <= standing.bound_s * self.stretch
            if bound_s < standing.bound_s and in_time:
                # Seen by then it would have been anyway; and by the new bound if that is sooner.
                standing.since = max(standing.since, min(now, standing.since + standing.bound_s - bound_s))
                stricter.append(standing)
            standing.bound_s = bound_s
            standing.camera = replace(standing.camera, revisit_bound_s=bound_s)
            self._leads.rebound(standing, now)
        self._leads.weigh()
        self._opens = self._pace(now)
        self._spread([standing for standing in stricter if not standing.under_way], now)

    def set_kept_open(self, camera_ids: Set[CameraId], passing: Set[CameraId] = frozenset()) -> None:
        """The sessions of these cameras are kept open at present. ``passing``: those of them that are for a focus only.

        Such a session ends with its focus: the next visit must have the time to open another.
        """
        for camera_id, standing in self._standings.items():
            self._note_session(standing, is_kept_open=camera_id in camera_ids, is_passing=camera_id in passing)
        self._leads.weigh()
        for host in self._hosts.values():
            self._unpark(host)

    def _note_session(self, standing: Standing, *, is_kept_open: bool, is_passing: bool) -> None:
        least_s = self._leads.least_s(standing)
        standing.host.kept_open += is_kept_open - standing.kept_open
        standing.kept_open, standing.is_passing = is_kept_open, is_passing
        if self._leads.least_s(standing) > least_s and not standing.under_way and not standing.failures:
            self._wait_for_next_look(standing)  # it needs more time than it was thought to

    def set_spare(self, visits_per_s: float, now: float) -> None:
        """So many visits a second are left for focus; none below 0."""
        self._focuses.set_spare(visits_per_s, now)

    # --- stretch -----------------------------------------------------------------------------------------------

    @property
    def stretch(self) -> float:
        """By how much all bounds are stretched at present."""
        return self._stretch.factor

    def review(self, now: float) -> float:
        """Once a second: weigh what visits are given, and announce by how much all bounds are stretched at present.

        The stretch is 1.0 unless the tour cannot keep up. It rises as soon as a visit begins too late, or waits too
        long to begin, or its picture for the detector. What was announced since the last review is told once as it
        was; then it comes down by 3% a call. How long a camera takes to answer is not the tour's doing.
        """
        for standing in self._leads.review(now):
            if not (standing.under_way or standing.failures):
                self._wait_for_next_look(standing)
        self._release(now)
        waiting = (self._leads.expected_share(standing, now) for standing in self._all_due())
        late = (share_by_now(self._standings[camera_id], now) for camera_id in self._late)
        in_detection = (share_by_now(each, now) for each in self._standings.values() if was_taken_in_time(each))
        worst = max([*waiting, *late, *in_detection], default=0.0)
        if self._stretch.review(worst):
            self._weigh_anew()
        return self.stretch

    def _all_due(self) -> Iterator[Standing]:
        for heap in (self._due, *(host.parked for host in self._hosts.values() if host.parked)):
            for entry in heap:
                if self._is_current(entry):
                    yield self._standings[entry.camera_id]

    def _weigh_anew(self) -> None:
        """Order what is due by the stretch as it is now: by an older, larger one distant deadlines would starve."""
        for heap in (self._due, *(host.parked for host in self._hosts.values())):
            heap[:] = [replace(entry, at=self._deadline(entry)) for entry in heap if self._is_current(entry)]
            heapq.heapify(heap)

    # --- how it stands -----------------------------------------------------------------------------------------

    def blind_age_s(self, camera_id: CameraId, now: float) -> float:
        """Seconds since the camera was last seen; since the start if it never was."""
        return now - self._standings[camera_id].seen_at

    def unseen(self, now: float) -> tuple[Unseen, ...]:
        """How long every camera is unseen by now, and its bound, in the order of the configuration."""
        return tuple(Unseen(each.camera.id, now - each.seen_at, each.bound_s) for each in self._standings.values())

    def in_focus(self, camera_id: CameraId, now: float) -> bool:
        """Whether somebody asked to see more of the camera."""
        return self._focuses.is_on(camera_id, now)

    def in_focus_for_s(self, camera_id: CameraId, now: float, below_s: float) -> float:
        """For how long yet somebody asks for looks at it that are less than ``below_s`` apart; 0 if nobody does."""
        return self._focuses.on_for_s(camera_id, now, below_s)

    def past_bound(self, now: float) -> tuple[CameraId, ...]:
        """The cameras unseen for longer than their bound, times the stretch; a healthy one is never among them."""
        return tuple(each.camera.id for each in self._standings.values() if is_past(each, self.stretch, now))

    def failing(self, camera_id: CameraId) -> str | None:
        """Why the camera's last visit failed, or None."""
        return self._standings[camera_id].failing

    def __contains__(self, camera_id: CameraId) -> bool:
        return camera_id in self._standings

    def deadline_s(self, camera_id: CameraId, now: float) -> float:
        """What a visit of the camera is given when it is due, seconds."""
        return self._leads.given_s(self._standings[camera_id], now)

    @property
    def due_per_s(self) -> float:
        """How many visits a second come due: more than the bounds ask for, since each does a lead before its end."""
        return sum(1.0 / max(each.bound_s - self._leads.lead_s(each), SHORTEST_S) for each in self._standings.values())

    @property
    def kept_open(self) -> frozenset[CameraId]:
        """The cameras whose sessions are kept open, as far as the tour knows."""
        return frozenset(standing.camera.id for standing in self._standings.values() if standing.kept_open)

    @property
    def passing(self) -> frozenset[CameraId]:
        """Those of them that are kept open for a focus only."""
        return frozenset(standing.camera.id for standing in self._standings.values() if standing.is_passing)

    @property
    def not_admitted(self) -> tuple[str, ...]:
        """The hosts that have too few sessions for what visits are given at present; "" for the tour's own slots."""
        names = {0: "", **{id(host): name or "" for name, host in self._hosts.items()}}
        return tuple(sorted(names[key] for key, wait_s in self._leads.worst_waits_s.items() if wait_s is None))

    @property
    def admitted(self) -> bool:
        """Whether there are slots enough that no bound is passed, even if every visit takes all it is given.

        How many visits the processor can bear is another matter, and measured: see admission.py.
        """
        return all(wait_s is not None for wait_s in self._leads.worst_waits_s.values())

    @property
    def worst_waits_s(self) -> Mapping[int, float | None]:
        """The longest possible waits for a slot; see Leads."""
        return self._leads.worst_waits_s

    def bounds(self) -> dict[CameraId, float]:
        """Every camera's bound as it is now, seconds."""
        return {camera_id: standing.bound_s for camera_id, standing in self._standings.items()}

    def camera_statuses(self, now: float) -> tuple[CameraStatus, ...]:
        """Every camera's standing, in the order of the configuration."""
        return camera_statuses(self._standings.values(), now)

    def ring_status(self, ring: Ring, visits: int, now: float) -> RingStatus:
        """One ring's blind ages. ``visits``: how many were made in it, counted by the caller."""
        standings = [standing for standing in self._standings.values() if standing.camera.ring is ring.name]
        return ring_status(ring, standings, visits, self.stretch, now)

    def ring_of(self, camera_id: CameraId) -> RingName:
        """The ring a camera belongs to."""
        return self._standings[camera_id].camera.ring

    def _wait_for_next_look(self, standing: Standing) -> None:
        self._wait(standing, standing.since + standing.bound_s - self._leads.lead_s(standing))

    def _deadline(self, entry: Place) -> float:
        """When a camera that is due must be looked at.

        The stretch weighs who goes first; it never makes anyone wait while a slot is free.
        """
        standing = self._standings[entry.camera_id]
        return standing.since + standing.bound_s * self.stretch

    def _wait(self, standing: Standing, due_at: float) -> None:
        if standing.under_way:
            return  # another look of it is, and what becomes of that says when the next is due
        due_at = max(due_at, standing.skipped_until)
        self._tickets += 1
        standing.ticket = self._tickets
        heapq.heappush(self._waiting, Place(due_at, standing.ticket, standing.camera.id, due_at))

    def _is_current(self, entry: Place) -> bool:
        return self._standings[entry.camera_id].ticket == entry.ticket
