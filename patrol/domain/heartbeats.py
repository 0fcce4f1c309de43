"""Heartbeats: a message that is no incident runs the whole path every few seconds: silence is told from calm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

EVERY_S = 5.0
# Two may be lost on the way, or be late behind a storm; the third one missing is no hiccup.
STALLED_AFTER_S = 15.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One heartbeat. ``number`` grows by one with each; ``sent_at``: when it was written to the outbox, aware UTC."""

    id: str
    number: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """A heartbeat that made the whole way, and when that was stored."""

    heartbeat: Heartbeat
    arrived_at: datetime

    @property
    def round_s(self) -> float:
        """How long the whole way took, seconds."""
        return max(0.0, (self.arrived_at - self.heartbeat.sent_at).total_seconds())


def is_news(heartbeat: Heartbeat, known: Arrival | None, now: datetime) -> bool:
    """Whether it is newer than the one known to have arrived; a redelivered one is not.

    One known from the future was sent before the clock was set back, or a backup restored: it holds nothing up.
    """
    if known is None or known.heartbeat.sent_at > now:
        return True
    return heartbeat.sent_at > known.heartbeat.sent_at


def through_since(arrival: Arrival | None, watched_since: datetime) -> datetime:
    """When what arrived last was sent; while nothing has arrived since somebody watches, when they began to."""
    return arrival.heartbeat.sent_at if arrival else watched_since


def stalled_since(newest: datetime, watched_since: datetime, now: datetime) -> datetime | None:
    """Since when nothing gets through, if that is so. ``newest``: see through_since.

    What arrived last may be of days ago, when Patrol was stopped: it has to be given the time for a new one first.
    """
    return newest if (now - max(newest, watched_since)).total_seconds() > STALLED_AFTER_S else None
