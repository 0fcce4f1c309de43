"""The named steps of an alert's path, at each of which the fault drill can end the process (see faults/).

``PATROL_DIE_AT=relay-published:3`` kills this process, as kill -9 does, the third time it passes that step. Without the
variable, as everywhere but in the drill, passing a step does nothing.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum

VARIABLE = "PATROL_DIE_AT"


class Step(StrEnum):
    """Where a process may die, in the order in which an alert passes."""

    FILE_WRITTEN = "file-written"  # a piece of evidence is on disk, and has not its name yet
    STORE_HELD = "store-held"  # a transaction's work is done, and not committed: the database is locked
    ACCEPT_STORED = "accept-stored"  # committed, and nobody was answered
    RELAY_READ = "relay-read"
    RELAY_PUBLISHED = "relay-published"  # Redis has it, the store does not know
    RELAY_MARKED = "relay-marked"
    RECONCILE_COMPARED = "reconcile-compared"
    RECONCILE_NOTED = "reconcile-noted"  # what was lost, or is settled, is stored; nothing is trimmed yet
    DISPATCH_CHOSEN = "dispatch-chosen"  # who goes where, and nothing of it is stored
    DISPATCH_TAKEN_AWAY = "dispatch-taken-away"  # the same, where somebody loses a unit by it
    DISPATCH_ORDERED = "dispatch-ordered"  # committed, and nobody was told
    DISPATCH_RECEIVED = "dispatch-received"  # a unit's receipt is committed
    DISPATCH_DOUBTED = "dispatch-doubted"  # committed, and nobody else was sent
    DISPATCH_ESCALATING = "dispatch-escalating"  # which step is to be taken, and nothing of it is stored
    DISPATCH_ESCALATED = "dispatch-escalated"  # committed, nobody was told, and the next unit was not sent
    DISPATCH_REMINDED = "dispatch-reminded"  # committed, and nobody was told
    CONSUME_TAKEN = "consume-taken"
    CONSUME_STORED = "consume-stored"  # the effect is stored, and not acknowledged
    CONSUME_ACKNOWLEDGED = "consume-acknowledged"


class _Fuse:
    """Which step ends the process, and how often it may still be passed."""

    def __init__(self, asked: str | None) -> None:
        name, _, count = (asked or "").partition(":")
        self.step = Step(name) if name else None
        self.left = int(count or 1)


_fuse = _Fuse(os.environ.get(VARIABLE))


def passing(step: Step) -> None:
    """This step was reached."""
    if step is _fuse.step:
        _fuse.left -= 1
        if _fuse.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
