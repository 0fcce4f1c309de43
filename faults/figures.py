"""Figures that several of the drill's parts go by: what its configuration asks, and the checker holds dispatch to."""

from __future__ import annotations

from collections.abc import Mapping

STOP = "generator.stop"
"""The file that says that all is to end: no more alerts, and no more meddling."""
RINGS: Mapping[str, tuple[int, int]] = {"core": (5, 30), "periphery": (15, 180), "far": (30, 300)}
"""By ring: the bound of a revisit, and the response target, seconds; the core's so short that it passes at times."""
ACCEPT_S = 10
MOBILISE_S = 5
# Short, so that what is late is told all the way up while faults come.
ESCALATION: Mapping[str, tuple[tuple[str, int], ...]] = {
    "red": (("next_unit", 0), ("supervisor", 2), ("room", 5)),
    "yellow": (("next_unit", 1), ("supervisor", 3), ("room", 6)),
    "blue": (("next_unit", 2), ("supervisor", 6)),
    "green": (("next_unit", 3), ("supervisor", 8)),
}
"""By level: the steps and how many seconds after the first thing got late each is due."""
ON_SHORTFALL: Mapping[str, str] = {"red": "supervisor", "yellow": "supervisor"}
FEEDBACK_S, REMIND_EVERY_S = 2, 3
