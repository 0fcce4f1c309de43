"""What is done about incidents: merging, waiting for a confirmation, escalation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from patrol.config.checks.findings import Finding
from patrol.config.dispatch_models import TimedStepModel
from patrol.config.document import Location
from patrol.config.parts import Parts
from patrol.domain.camera import RingName
from patrol.domain.confirmation import Then
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import EscalationStep


def escalation_order(parts: Parts) -> Iterator[Finding]:
    """Steps go up, and a higher one does not come before a lower one."""
    rank = {step: place for place, step in enumerate(EscalationStep)}
    for level, steps in _asked_steps(parts):
        for place, (lower, upper) in enumerate(pairwise(steps), start=1):
            location: Location = ("dispatch", "escalation", level.value, place)
            if rank[upper.step] <= rank[lower.step]:
                higher = [step.value for step in EscalationStep if rank[step] > rank[lower.step]]
                expected = f"expected {' or '.join(higher)}" if higher else "expected no step after it"
                yield (*location, "step"), f"comes after {lower.step}; {expected}, got {upper.step}"
            if upper.after_s < lower.after_s:
                message = f"expected {lower.after_s:g} or more, as the step before it has, got {upper.after_s:g}"
                yield (*location, "after_s"), message


def taken_from_above(parts: Parts) -> Iterator[Finding]:
    """Levels that would take units from what is as urgent, or more."""
    for level, taken in parts.dispatch.preempts.items() if parts.dispatch is not None else ():
        lower = list(Level)[level.rank + 1 :]
        expected = " or ".join(lower) if lower else "nothing"
        for i, other in enumerate(taken):
            if other not in lower:
                message = f"{level} takes from {other}, which is not below it; expected {expected}"
                yield ("dispatch", "preempts", level.value, i), message


def never_held(parts: Parts) -> Iterator[Finding]:
    """Confirmations that would be waited for where nothing may wait, or closed where it takes people to close."""
    if parts.dispatch is None:
        return
    for kind, by_level in parts.dispatch.confirm.items():
        location: Location = ("dispatch", "confirm", kind.value)
        if kind is Kind.CAMERA_HEALTH:
            yield location, "is maintenance, for which no unit is sent, so nothing waits; expected another kind"
        elif by_level.get(Level.RED) is not None:
            yield (*location, Level.RED.value), "makes red wait, which goes to a unit at once; expected at_once"
        for level, waiting in by_level.items():
            if waiting is not None and waiting.then is Then.CLOSE and level in parts.dispatch.second_person:
                message = f"closes what takes two people (dispatch.second_person has {level}); expected send"
                yield (*location, level.value, "then"), message


def room_never_told(parts: Parts) -> Iterator[Finding]:
    """Red incidents that nobody tells the whole room of, however late they are."""
    for level, steps in _asked_steps(parts):
        if level is Level.RED and all(timed.step is not EscalationStep.ROOM for timed in steps):
            message = f"never reaches the whole room; expected a step {EscalationStep.ROOM}, red being what it is"
            yield ("dispatch", "escalation", level.value), message


def hasty_merging(parts: Parts) -> Iterator[Finding]:
    """Families of incidents that are merged within less time than their cameras are seen again."""
    bounds = {name: ring.revisit_bound_s for name, ring in parts.rings.items() if ring is not None}
    if parts.merging is None or not parts.merging.enabled or not bounds:
        return
    slowest = max(bounds, key=bounds.__getitem__)
    for family, close in parts.merging.families.items():
        if close.within_s is not None and close.within_s < bounds[slowest] and family not in parts.merging.never:
            message = (
                f"is {close.within_s:g} s, and cameras of the {slowest} ring are seen every {bounds[slowest]:g} s: two"
                " of them may tell of one thing farther apart"
            )
            yield ("merging", "families", family.value, "within_s"), message


def late_confirmations(parts: Parts) -> Iterator[Finding]:
    """Confirmations that are waited for until the response target has passed, and that then send."""
    targets = {
        name: ring.response_target_s
        for name, ring in parts.rings.items()
        if ring is not None and name is not RingName.CORE  # nothing is held there
    }
    if parts.dispatch is None or not targets:
        return
    soonest = min(targets, key=targets.__getitem__)
    for kind, by_level in parts.dispatch.confirm.items():
        for level, waiting in by_level.items():
            if waiting is not None and waiting.then is Then.SEND and waiting.within_s >= targets[soonest]:
                message = (
                    f"is {waiting.within_s:g} s, and in the {soonest} ring a unit is to be on scene within"
                    f" {targets[soonest]:g} s: where nobody confirms, it is late before it is sent"
                )
                yield ("dispatch", "confirm", kind.value, level.value, "within_s"), message


def never_held_in_the_core(parts: Parts) -> Iterator[Finding]:
    """Confirmations that would be waited for, if it could be seen anywhere but in the core."""
    for kind, by_level in parts.dispatch.confirm.items() if parts.dispatch is not None else ():
        rules = {name for name, rule in parts.rules.items() if rule is not None and rule.kind == kind.value}
        rings = {
            parts.ring_of(part)
            for part in parts.cameras
            if any(not rules.isdisjoint(zone.rules) for zone in parts.zones_of(part))
        }
        if rings == {RingName.CORE} and any(waiting is not None for waiting in by_level.values()):
            message = "only cameras in the core look for it, and there a unit goes at once: nothing waits"
            yield ("dispatch", "confirm", kind.value), message


def _asked_steps(parts: Parts) -> Iterator[tuple[Level, list[TimedStepModel]]]:
    if parts.dispatch is None:
        return
    for level in Level:
        steps: list[TimedStepModel] | None = getattr(parts.dispatch.escalation, level.value)
        if steps is not None:
            yield level, steps
