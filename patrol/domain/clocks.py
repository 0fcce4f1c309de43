"""Clocks: the time that Patrol keeps. It follows the machine's clock closely, and none of its jumps.

Deadlines are stored as wall time, so that they outlive the process; what says how much time has passed since is the
machine's time since boot, which nobody sets. All times in seconds; Unix time where they are of the day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

# A difference so small is taken in by running a little faster or slower; a greater one is a jump.
JUMP_S = 2.0
# By how much: a timer of a minute is off by 0.3 s at most, and 2 s are gone after seven minutes.
SLEW = 0.005


class Jump(StrEnum):
    """Which way the machine's clock went. Closed set: also the metric's label."""

    FORWARDS = "forwards"
    BACKWARDS = "backwards"


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine's clocks at one moment: of the day, and since boot, which counts sleep and is never set."""

    wall_s: float
    boot_s: float


@dataclass(frozen=True, slots=True)
class KeptTime:
    """The time kept: ``time_s`` when the machine was up for ``boot_s``.

    ``offset_s``: by how much the machine's clock was ahead of it then. ``jumps``: of that clock, counted.
    """

    time_s: float
    boot_s: float
    offset_s: float = 0.0
    forwards: int = 0
    backwards: int = 0

    @property
    def is_off(self) -> bool:
        """Whether the machine's clock is not followed at present, as it jumped."""
        return abs(self.offset_s) > JUMP_S


@dataclass(frozen=True, slots=True)
class Anchor:
    """The time kept as it is remembered over a restart, with the boot of the machine that ``boot_s`` belongs to."""

    boot_id: str
    time_s: float
    boot_s: float


def begun(anchor: Anchor | None, boot_id: str, reading: Reading) -> KeptTime:
    """The time to begin with.

    Since the same boot, it has gone on as the machine did, whatever its clock was set to meanwhile. After another one
    the machine's clock is all there is, but time never went back.
    """
    if anchor is not None and anchor.boot_id == boot_id and reading.boot_s >= anchor.boot_s:
        time_s = anchor.time_s + reading.boot_s - anchor.boot_s
    else:
        time_s = max(reading.wall_s, anchor.time_s) if anchor else reading.wall_s
    return _seen(KeptTime(time_s, reading.boot_s), reading.wall_s - time_s)


def gone_on(kept: KeptTime, reading: Reading) -> KeptTime:
    """The time now: as much later as the machine was up for, and a little nearer to its clock."""
    elapsed_s = max(0.0, reading.boot_s - kept.boot_s)
    time_s = kept.time_s + elapsed_s
    offset_s = reading.wall_s - time_s
    if abs(offset_s) <= JUMP_S:
        taken_in_s = max(-SLEW * elapsed_s, min(SLEW * elapsed_s, offset_s))
        time_s, offset_s = time_s + taken_in_s, offset_s - taken_in_s
    return _seen(replace(kept, time_s=time_s, boot_s=max(kept.boot_s, reading.boot_s)), offset_s)


def _seen(kept: KeptTime, offset_s: float) -> KeptTime:
    """Count a jump: a step greater than what is taken in, or the one that goes beyond it."""
    step_s, was_off = offset_s - kept.offset_s, kept.is_off
    kept = replace(kept, offset_s=offset_s)
    if abs(step_s) <= JUMP_S and (was_off or not kept.is_off):
        return kept
    if step_s > 0:
        return replace(kept, forwards=kept.forwards + 1)
    return replace(kept, backwards=kept.backwards + 1)
