"""Alerts: an event that was accepted. Ids, fingerprints and levels are made here, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from patrol.domain.camera import RingName
from patrol.domain.events import Kind, Level


@dataclass(frozen=True, slots=True)
class LevelPolicy:
    """How urgent a kind is in a ring; ``by_kind`` may leave rings or kinds out, then ``otherwise`` holds."""

    by_kind: Mapping[Kind, Mapping[RingName, Level]]
    otherwise: Level

    def level_of(self, kind: Kind, ring: RingName) -> Level:
        """The level of an event of ``kind`` seen in ``ring``."""
        return self.by_kind.get(kind, {}).get(ring, self.otherwise)
