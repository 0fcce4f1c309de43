"""A fault: its name, what it does, and how it is undone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from faults.world import World

SEEN_WITHIN_S = 30.0  # what a fault must be seen by; a role may just have been killed

Begin = Callable[[World, random.Random], None]


@dataclass(frozen=True)
class Fault:
    """``seconds``: how long it lasts before it is undone. ``of_queue``: whether the queue itself went away."""

    name: str
    begin: Begin
    end: Callable[[World], None] = lambda world: None
    seconds: float = 0.0
    of_queue: bool = False
