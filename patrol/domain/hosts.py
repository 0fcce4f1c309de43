"""Hosts: cameras that share a recorder or a platform share its few sessions, and its outages."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from patrol.domain.camera import Camera, CameraId, Strategy
from patrol.domain.errors import CaptureFailure
from patrol.domain.pacing import TokenBucket, full_jitter
from patrol.domain.slots import Demand, worst_wait_s

Parked = TypeVar("Parked")

NETWORK_SCHEMES = frozenset({"rtsp", "rtsps", "http", "https"})
# So many failures in a row, from any of its cameras, and a host counts as down: one try at a time, farther and
# farther apart, until one succeeds.
BREAKER_FAILURES = 5
# A session that a host may still hold although it was closed here is given up by then: the usual time-out (RFC 2326,
# 12.37), also where the host would take longer.
LONGEST_HELD_S = 60.0
HOST_FAILURES = frozenset(
    {CaptureFailure.REFUSED, CaptureFailure.UNREACHABLE, CaptureFailure.TIMED_OUT, CaptureFailure.BUSY}
)


def host_of(camera: Camera) -> str | None:
    """The host whose sessions a visit of this camera uses; None for what is not on a network."""
    snapshots = camera.snapshot if camera.strategy is Strategy.SNAPSHOT else None
    address = snapshots or camera.stream
    return address.host_name if address.scheme in NETWORK_SCHEMES else None


@dataclass(slots=True)
class Host(Generic[Parked]):
    """One host. ``sessions``: how many at once it bears, of which some are kept for cameras that are due.

    ``kept_open``: sessions that cameras hold between visits, too; their visits need no other.
    ``unconfirmed``: sessions that were closed here, without the host's word that it has given them up, too.
    ``parked``: cameras that are due and wait for one of its sessions.
    """

    sessions: int
    retries: TokenBucket
    parked: list[Parked] = field(default_factory=list)
    kept_open: int = 0
    unconfirmed: int = 0
    under_way: int = 0
    of_lower_rank: int = 0
    failures_in_a_row: int = 0
    shut_until: float = 0.0

    @property
    def for_visits(self) -> int:
        """How many of the sessions there are for visits that need a new one."""
        return max(1, self.sessions - self.kept_open)

    @property
    def lower_rank_sessions(self) -> int:
        """How many of these retries and focus may use at once."""
        return lower_rank_of(self.for_visits)

    @property
    def free(self) -> int:
        """How many visits may begin now.

        Those that the host may still hold are left to it, but for one: where a camera never says that it let go, it
        must not go unseen for that. A host that is full says so itself (BUSY).
        """
        return max(1, self.for_visits - self.unconfirmed) - self.under_way

    def has_room(self) -> bool:
        """Whether a camera that is due may be visited now."""
        return self.free > 0

    def has_room_for_lower_rank(self) -> bool:
        """Whether a retry or a focus may begin now."""
        return not self.parked and self.has_room() and self.of_lower_rank < self.lower_rank_sessions

    def retry_wait_s(self, now: float) -> float:
        """Seconds until a camera that failed may be tried again, as far as this host goes; 0 if it may now."""
        if self.failures_in_a_row >= BREAKER_FAILURES:
            if now < self.shut_until:
                return self.shut_until - now
            if self.of_lower_rank:
                return 1.0
        return self.retries.wait_s(now)

    def answered(self) -> None:
        """One of its cameras brought a picture, or a refusal that shows the host is there."""
        self.failures_in_a_row = 0

    def failed(self, now: float, base_s: float, cap_s: float, jitter: Callable[[], float]) -> None:
        """It did not answer."""
        self.failures_in_a_row += 1
        beyond = self.failures_in_a_row - BREAKER_FAILURES
        if beyond >= 0:
            self.shut_until = now + full_jitter(beyond, base_s, cap_s, jitter)


@dataclass(order=True, slots=True)
class _Held(Generic[Parked]):
    """A session that its host may hold until then."""

    until: float
    host: Host[Parked] = field(compare=False)


class UnconfirmedSessions(Generic[Parked]):
    """Sessions that were closed here, and that their hosts may hold for a while all the same."""

    def __init__(self) -> None:
        self._held: list[_Held[Parked]] = []  # by the time at which the host has surely let go

    def add(self, host: Host[Parked], held_s: float, now: float) -> None:
        """One more, which the host may hold for so long."""
        host.unconfirmed += 1
        heapq.heappush(self._held, _Held(now + min(held_s, LONGEST_HELD_S), host))

    def let_go(self, now: float) -> Iterator[Host[Parked]]:
        """The host of each that has surely been let go by now."""
        while self._held and self._held[0].until <= now:
            host = heapq.heappop(self._held).host
            host.unconfirmed -= 1
            yield host


def lower_rank_of(sessions: int) -> int:
    """How many of so many sessions retries and focus may use at once."""
    return max(1, sessions // 2)


def worst_wait_on_host_s(demands: Sequence[Demand], sessions: int, longest_visit_s: float) -> float | None:
    """The longest that a camera which is due may have to wait for one of its host's sessions; None if no wait would do.

    ``sessions``: those for visits that need a new one. ``longest_visit_s``: of a retry or a focus, which may use half
    of them, and a single one, too. No camera has two visits at a time: with a session for each nobody ever waits.
    """
    if len(demands) <= sessions:
        return 0.0
    always_there = max(1, sessions - lower_rank_of(sessions))
    return worst_wait_s(demands, always_there, longest_visit_s if sessions == 1 else 0.0)


UNLIMITED = 1_000_000


def most_kept_open(cameras: Sequence[Camera], usual: int, of_host: Mapping[str, int]) -> dict[CameraId, int]:
    """How many sessions may be kept open on each camera's host, as far as that camera is concerned.

    One stays for cameras that are opened anew for each visit, if there are such. Where it is our choice, half stay for
    the others, and as many as are needed by the cameras that are configured to be kept open.
    """
    warm = Counter(host_of(camera) for camera in cameras if camera.strategy is Strategy.WARM)
    opened = {host_of(camera) for camera in cameras if camera.strategy is not Strategy.WARM}

    def most(camera: Camera) -> int:
        host = host_of(camera)
        sessions = sessions_on(host, usual, of_host)
        if camera.strategy is Strategy.WARM:
            return sessions - (host in opened)
        return max(0, min(sessions // 2, sessions - 1 - warm[host]))

    return {camera.id: most(camera) for camera in cameras}


def sessions_on(name: str | None, usual: int, of_host: Mapping[str, int]) -> int:
    """How many sessions a host bears."""
    return UNLIMITED if name is None else of_host.get(name, usual)
