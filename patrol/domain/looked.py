"""Looked: all that a choice looked at, so that it can be done again, by the same rule or by another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from patrol.domain.choosing import Choices, Commitment, Policy, Want, choose
from patrol.domain.dispatch import Duty
from patrol.domain.events import Level
from patrol.domain.fixes import FixSettings, Whereabouts, staleness
from patrol.domain.incidents import IncidentId
from patrol.domain.units import UnitId
from patrol.domain.vocabulary import Place
from patrol.domain.ways import Fallback, Ways, WaySource


@dataclass(frozen=True, slots=True)
class Streets:
    """What was known of the ways to one place: seconds by unit, or why there are none."""

    to: Place
    seconds: Mapping[UnitId, float | Fallback]


@dataclass(frozen=True, slots=True)
class Went:
    """One unit that was sent."""

    incident_id: IncidentId
    unit_id: UnitId
    eta_s: float
    takes_from: IncidentId | None = None


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What one choice looked at, at ``at``. ``crews``: how many each level wants; of one that is left out, one.

    ``source``, ``streets``, ``detour``: what was known of ways. ``went``: what came of it, empty before it is made.
    """

    at: datetime
    wants: tuple[Want, ...]
    duties: tuple[Duty, ...]
    commitments: Mapping[UnitId, Commitment]
    source: WaySource
    streets: tuple[Streets, ...]
    detour: float
    positions: FixSettings
    policy: Policy
    crews: Mapping[Level, int]
    went: tuple[Went, ...] = ()

    def by(self, policy: Policy, crews: Mapping[Level, int]) -> LookedAt:
        """The same, as it would have been looked at by other rules."""
        wants = tuple(
            replace(want, crews=max(0, want.crews + crews.get(want.level, 1) - self.crews.get(want.level, 1)))
            for want in self.wants
        )
        return replace(self, policy=policy, crews=crews, wants=wants)


def streets_to(wants: tuple[Want, ...], ways: Ways) -> tuple[Streets, ...]:
    """What is known of the ways to these."""
    by_place: dict[Place, dict[UnitId, float | Fallback]] = {want.place: {} for want in wants}
    for (unit_id, place), seconds in ways.known.items():
        if place in by_place:
            by_place[place][unit_id] = seconds
    return tuple(Streets(place, seconds) for place, seconds in by_place.items() if seconds)


def choices_of(looked: LookedAt) -> Choices:
    """The choice itself: a pure function of what was looked at."""
    known = {(unit_id, each.to): seconds for each in looked.streets for unit_id, seconds in each.seconds.items()}
    ways = Ways(looked.source, known, looked.detour)
    whereabouts = {duty.unit.id: staleness(duty, looked.at, looked.positions) for duty in looked.duties}

    def travel_s(duty: Duty, destination: Place) -> float:
        """By where it may have moved since, too."""
        return ways.travel_s(duty, destination) + whereabouts[duty.unit.id].extra_s

    return choose(
        looked.wants, looked.duties, looked.commitments, travel_s, looked.policy, looked.at, _lost_s(whereabouts)
    )


def went_by(choices: Choices) -> tuple[Went, ...]:
    """Who goes where, in short."""
    return tuple(
        Went(one.incident_id, one.unit_id, round(one.eta_s, 1), one.takes_from)
        for one in sorted(choices.chosen, key=lambda one: (one.incident_id, one.unit_id))
    )


def _lost_s(whereabouts: Mapping[UnitId, Whereabouts]) -> Mapping[UnitId, float]:
    """How old the last position is of those of which nobody knows where they are."""
    return {unit_id: it.age_s for unit_id, it in whereabouts.items() if not it.is_known and it.age_s is not None}


@dataclass(frozen=True, slots=True)
class Redone:
    """A choice that was made, done again. ``went``: who would go now."""

    looked: LookedAt
    went: tuple[Went, ...]

    @property
    def is_same(self) -> bool:
        """Whether the same units would go to the same incidents, taken from the same ones."""
        return {_what(one) for one in self.went} == {_what(one) for one in self.looked.went}

    def differing(self) -> tuple[tuple[IncidentId, tuple[Went, ...], tuple[Went, ...]], ...]:
        """Each incident to which others would go: who went, and who would now."""
        ids = sorted({one.incident_id for one in (*self.looked.went, *self.went)})
        both = [(one, _to(self.looked.went, one), _to(self.went, one)) for one in ids]
        return tuple(each for each in both if {_what(one) for one in each[1]} != {_what(one) for one in each[2]})


def redone(looked: LookedAt, policy: Policy | None = None, crews: Mapping[Level, int] | None = None) -> Redone:
    """Do it again by the present rule; with another policy, or other numbers of crews, where they are given."""
    again = looked.by(looked.policy if policy is None else policy, looked.crews if crews is None else crews)
    return Redone(looked, went_by(choices_of(again)))


def _what(one: Went) -> tuple[IncidentId, UnitId, IncidentId | None]:
    return one.incident_id, one.unit_id, one.takes_from


def _to(went: tuple[Went, ...], incident_id: IncidentId) -> tuple[Went, ...]:
    return tuple(one for one in went if one.incident_id == incident_id)
