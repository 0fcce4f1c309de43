"""Plots: what is to happen in the demo beside the usual, so that a few minutes show what else an evening brings.

Nothing is made up: a plot is what the simulated operators and units do, through the desk and the queue like everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from patrol.domain.camera import RingName
from patrol.domain.confirmation import ConfirmPolicy, Then, Waiting
from patrol.domain.escalating import FollowUpPolicy, TimedStep
from patrol.domain.events import Kind, Level
from patrol.domain.incidents import UNREACHED, EscalationStep, Incident, IncidentId
from patrol.domain.lateness import LateAfter


class Plot(StrEnum):
    """How an incident goes."""

    USUAL = "usual"
    DRAGS_ON = "drags on"  # its units take long, and nobody takes on what is late until the whole room is asked
    MERGED = "merged"  # taken for the same thing as another one, and split off again
    FORGOTTEN = "forgotten"  # its feedback comes after reminders only
    RAISED = "raised"  # an operator says that it is more urgent
    REOPENED = "reopened"  # it was not over
    FALSE_ALARM = "false alarm"
    WITHDRAWN = "withdrawn"  # the second person does not agree to its closing at first
    OVERRIDDEN = "overridden"  # a dispatcher takes a unit back and sends another
    SHORT_HANDED = "short-handed"  # it matters less than it seemed, and its ring's other crews are called in
    LEFT_TO_RULE = "left to the rule"  # nobody confirms it, and the rule sends somebody


# What takes longest begins first; what suits nothing yet waits for its turn. Then it begins anew.
PROGRAMME = (
    Plot.DRAGS_ON,
    Plot.MERGED,
    Plot.FORGOTTEN,
    Plot.RAISED,
    Plot.SHORT_HANDED,
    Plot.REOPENED,
    Plot.WITHDRAWN,
    Plot.OVERRIDDEN,
    Plot.LEFT_TO_RULE,
    Plot.FALSE_ALARM,
    Plot.USUAL,
    Plot.USUAL,
    Plot.USUAL,
)
INCIDENTS_REMEMBERED = 10_000
MISTAKEN_WITHIN_M = 500.0
# Far away, an operator looks first; where nobody does in time, somebody is sent all the same.
DEMO_CONFIRM = ConfirmPolicy({Kind.CROWD: {Level.BLUE: Waiting(15.0, Then.SEND)}})


class Plots:
    """Deals each incident its plot once: the first of the programme that suits it and was not dealt yet."""

    def __init__(self, confirm: ConfirmPolicy, programme: Sequence[Plot] = PROGRAMME) -> None:
        self._confirm = confirm
        self._programme = tuple(programme)
        self._left = list(self._programme)
        self._dealt: dict[IncidentId, Plot] = {}

    def of(self, incident_id: IncidentId) -> Plot:
        """Its plot; the usual one while none was dealt."""
        return self._dealt.get(incident_id, Plot.USUAL)

    def deal(self, incident: Incident, others: Sequence[Incident]) -> Plot:
        """Its plot, dealt at the first look at it. ``others``: what else is open."""
        if incident.id not in self._dealt:
            plot = next((plot for plot in self._left if self._suits(plot, incident, others)), Plot.USUAL)
            if plot in self._left:
                self._left.remove(plot)
            self._left = self._left or list(self._programme)
            self._dealt[incident.id] = plot
            if len(self._dealt) > INCIDENTS_REMEMBERED:
                del self._dealt[next(iter(self._dealt))]
        return self._dealt[incident.id]

    def _suits(self, plot: Plot, incident: Incident, others: Sequence[Incident]) -> bool:
        match plot:
            case Plot.DRAGS_ON | Plot.FORGOTTEN | Plot.REOPENED | Plot.WITHDRAWN | Plot.OVERRIDDEN:
                return incident.level is Level.RED  # units are there soon, and it takes two people
            case Plot.SHORT_HANDED:
                return incident.level is Level.RED and incident.ring is RingName.CORE
            case Plot.RAISED:
                return incident.level is not Level.RED and not self._waits(incident)
            case Plot.MERGED:
                return mate_of(incident, others) is not None
            case Plot.LEFT_TO_RULE:
                return self._waits(incident)
            case _:
                return True

    def _waits(self, incident: Incident) -> bool:
        return self._confirm.of(incident.kind, incident.level, incident.ring) is not None


def mate_of(incident: Incident, others: Sequence[Incident]) -> Incident | None:
    """The nearest one of its kind that is under way too, which a hurried operator may take for the same thing."""

    def away_m(other: Incident) -> float:
        return other.place.distance_m(incident.place)

    alike = [each for each in others if each.kind is incident.kind and each.state in UNREACHED]
    near = [each for each in alike if each.id != incident.id and away_m(each) <= MISTAKEN_WITHIN_M]
    return min(near, key=lambda each: (away_m(each), each.id), default=None)


def hurried(usual: FollowUpPolicy) -> FollowUpPolicy:
    """The same follow-up with limits that a few minutes reach. How soon units accept and arrive stays as it is."""
    steps = {Level.RED: (0, 10, 20), Level.YELLOW: (10, 20, 40), Level.BLUE: (20, 60), Level.GREEN: (60, 120)}
    return FollowUpPolicy(
        late_after=LateAfter(
            accept_s=usual.late_after.accept_s,
            handled_s=dict.fromkeys(Level, 20.0),
            feedback_s=dict.fromkeys(Level, 20.0),
            second_person_s=20.0,
        ),
        steps={level: _steps(*after_s) for level, after_s in steps.items()},
        on_shortfall=usual.on_shortfall,
        remind_every_s=dict.fromkeys(Level, 10.0),
        reminders=usual.reminders,
    )


def _steps(*after_s: float) -> tuple[TimedStep, ...]:
    return tuple(TimedStep(seconds, step) for seconds, step in zip(after_s, EscalationStep, strict=False))
