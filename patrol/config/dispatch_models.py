"""What the file says of units and dispatch: who is sent, how long the way is, what is late and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema, model_validator

from patrol.config.showing import shown
from patrol.config.values import (
    AT,
    NAME,
    NAME_EN,
    At,
    Edge,
    Id,
    Name,
    Number,
    Seconds,
    SecondsFromZero,
    WholeNumber,
    WindowModel,
)
from patrol.domain.board import Sending
from patrol.domain.camera import RingName
from patrol.domain.confirmation import Then
from patrol.domain.escalating import FollowUpPolicy
from patrol.domain.events import Kind, Level
from patrol.domain.fixes import USUAL as POSITIONS
from patrol.domain.incidents import EscalationStep
from patrol.domain.travel_settings import ON_STREETS, ServiceKind, TravelSettings
from patrol.domain.units import USUAL_CREW, TravelMode, UnitKind
from patrol.domain.wants import Needs, Policy

TRAVEL = TravelSettings()
FOLLOW_UP = FollowUpPolicy()
CREWS = {Level.RED: 2}


class UnitModel(Edge):
    """Who can be sent."""

    id: Id = Field(description="an id")
    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    kind: UnitKind = Field(description="one of " + ", ".join(UnitKind))
    rings: Annotated[list[RingName], Field(min_length=1, max_length=3)] = Field(description="where it may be sent")
    home: At = Field(description=AT + ", where it stands when nothing is known of it")
    speed_m_s: Annotated[Number, Field(gt=0, le=100)] = Field(description="metres per second, along the way")
    mobilise_s: SecondsFromZero = Field(description="from accepting to moving, seconds")
    simulated: Annotated[bool, Strict()] = Field(default=False, description="true: it is not a real crew")
    crew: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(default=USUAL_CREW, description="how many officers")
    shift: Annotated[list[WindowModel], Field(max_length=16)] = Field(
        default=[], description="when it is on duty, in the station's own time; always where left out"
    )
    capabilities: Annotated[list[Id], Field(max_length=32)] = Field(
        default=[], description="what it can do, in words of your own, as in [first_aid, armed]"
    )
    mode: TravelMode | None = Field(
        default=None,
        description="how it travels: foot, scooter, car or drone; foot where left out, drone for a drone_group",
    )


class TimedStepModel(Edge):
    """One step of an escalation."""

    after_s: SecondsFromZero = Field(description="after the first thing about the incident got late, seconds")
    step: EscalationStep = Field(description="who is told: " + ", ".join(EscalationStep))


def _usual_steps(level: Level) -> Any:
    usual = ", ".join(f"{timed.step} after {timed.after_s:g} s" for timed in FOLLOW_UP.steps[level])
    return Field(default=None, description=f"the steps of a {level} incident, from below; usually {usual}")


Steps = Annotated[list[TimedStepModel], Field(max_length=len(EscalationStep))]


class EscalationModel(Edge):
    """Who is told, and when, while something about an incident is late; by level."""

    red: Steps | None = _usual_steps(Level.RED)
    yellow: Steps | None = _usual_steps(Level.YELLOW)
    blue: Steps | None = _usual_steps(Level.BLUE)
    green: Steps | None = _usual_steps(Level.GREEN)


def _by_level(usual: Mapping[Level, object]) -> str:
    return "; by level, usually " + ", ".join(f"{level} {_plain(value)}" for level, value in usual.items())


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class WaitingModel(Edge):
    """How long an incident waits for an operator to confirm it, before any unit is sent."""

    within_s: Seconds = Field(description="from the acceptance of its first alert, seconds")
    then: Then = Field(description="what the rule does when nobody said a word: send, or close (as unfounded)")


AT_ONCE = "at_once"
_AT_ONCE_OR = "expected at_once, or {within_s: seconds, then: send or close}"


def _none_at_once(given: object) -> object:
    if given == AT_ONCE:
        return None
    if not isinstance(given, dict):
        raise ValueError(f"{_AT_ONCE_OR}, got {shown(given)}")
    return given


def _at_once_or_waiting() -> dict[str, Any]:
    """The JSON Schema of what ``_none_at_once`` reads."""
    waiting = WaitingModel.model_json_schema()
    then = waiting.pop("$defs")["Then"]
    waiting["properties"]["then"] = {"enum": then["enum"], "description": waiting["properties"]["then"]["description"]}
    return {"anyOf": [{"const": AT_ONCE}, waiting]}


MaybeWaiting = Annotated[
    WaitingModel | None, BeforeValidator(_none_at_once), WithJsonSchema(_at_once_or_waiting(), mode="validation")
]


class NeedsModel(Edge):
    """What each crew must have that is sent to something of a kind."""

    capabilities: Annotated[list[Id], Field(max_length=32)] = Field(
        default=[], description="what the crew can do, all of these, in the words of the units"
    )
    crew_at_least: Annotated[WholeNumber, Field(ge=1, le=100)] = Field(
        default=Needs().crew_at_least, description="how many officers it has at least"
    )


class DispatchModel(Edge):
    """Who is sent; what waits for people's word; when units and people are late, and who is told."""

    crews: dict[Level, Annotated[WholeNumber, Field(ge=1, le=10)]] = Field(
        default=dict(CREWS), description="how many crews an incident gets" + _by_level(CREWS) + "; else one"
    )
    needs: dict[Kind, NeedsModel] = Field(
        default={}, description="what a crew must have, by kind: kind: {capabilities: [...], crew_at_least: 2}"
    )
    preempts: dict[Level, list[Level]] = Field(
        default={level: sorted(levels) for level, levels in Policy().preempts.items()},
        description="from which lower levels each level may take a unit that is not on scene yet: level: [levels]",
    )
    reserve: dict[RingName, Annotated[WholeNumber, Field(ge=0, le=100)]] = Field(
        default={}, description="how many free crews of a ring are kept for red; usually none"
    )
    drone_gain_s: SecondsFromZero = Field(
        default=Policy().drone_gain_s,
        description="a drone goes, too, where it is there so many seconds sooner than the first crew",
    )
    answer_s: SecondsFromZero = Field(
        default=Policy().answer_s,
        description="how long a unit takes to accept an order, as a rule, seconds: it counts for who will be late",
    )
    unanswered_after_s: Seconds = Field(
        default=Sending().unanswered_after_s,
        description="how long an order that was not accepted in time stays a back-up, seconds; then its unit is free",
    )
    escalation: EscalationModel = Field(
        default=EscalationModel(), description="who is told, and when, while something is late: level: [steps]"
    )
    on_shortfall: dict[Level, EscalationStep] = Field(
        default=dict(FOLLOW_UP.on_shortfall),
        description="the step that is taken at once where no unit can be on scene in time; a level left out has its "
        "usual steps" + _by_level(FOLLOW_UP.on_shortfall),
    )
    handled_within_s: dict[Level, Seconds] = Field(
        default={},
        description="from on scene to handled, seconds" + _by_level(FOLLOW_UP.late_after.handled_s),
    )
    feedback_within_s: dict[Level, Seconds] = Field(
        default={},
        description="from handled to closed, seconds" + _by_level(FOLLOW_UP.late_after.feedback_s),
    )
    remind_every_s: dict[Level, Seconds] = Field(
        default={},
        description="how often feedback is asked for after that, seconds" + _by_level(FOLLOW_UP.remind_every_s),
    )
    reminders: Annotated[WholeNumber, Field(ge=0, le=1000)] = Field(
        default=FOLLOW_UP.reminders, description="how many times at that pace; after that once an hour. 0: never"
    )
    second_person_within_s: Seconds = Field(
        default=FOLLOW_UP.late_after.second_person_s,
        description="how long a closing may wait for its second person, seconds",
    )
    confirm: dict[Kind, dict[Level, MaybeWaiting]] = Field(
        default={},
        description="kind: {level: at_once} or kind: {level: {within_s: 60, then: send}}: what waits for an operator "
        "before a unit is sent; at once where left out, and always in the core and for red",
    )
    second_person: Annotated[list[Level], Field(max_length=4)] = Field(
        default=[Level.RED], description="incidents of these levels are closed by two people, one after the other"
    )


STREET_FILES = (".graphml", ".geojson", ".json")


def _street_file(path: str) -> str:
    if not path.lower().endswith(STREET_FILES):
        raise ValueError(f"expected a file that ends in {', '.join(STREET_FILES)}, got {shown(path)}")
    return path


class RoutingServiceModel(Edge):
    """A service that knows the streets, on the network."""

    kind: ServiceKind = Field(description="what it is: osrm or valhalla")
    url: Annotated[str, Field(min_length=1, max_length=2_000)] = Field(
        repr=False,
        description="its address, http or https, as in http://10.0.0.9:5000; ${NAME} is taken from the environment",
    )
    within_s: Annotated[Number, Field(gt=0, le=5)] = Field(
        default=0.5, description="how long its answer is waited for, seconds; straight lines count after that"
    )
    modes: Annotated[list[TravelMode], Field(min_length=1, max_length=3)] = Field(
        default=[mode for mode in TravelMode if mode in ON_STREETS],
        description="whose ways it knows: foot, scooter, car; of an OSRM server the one that its data were made for",
    )

    @model_validator(mode="after")
    def _stays_on_the_ground(self) -> RoutingServiceModel:
        if TravelMode.DRONE in self.modes:
            raise ValueError("has drone among its modes; expected foot, scooter or car: drones fly straight")
        return self


class TravelModel(Edge):
    """How long units take from place to place. Nothing said: along straight lines."""

    graph: Annotated[str, Field(min_length=1, max_length=4_096), AfterValidator(_street_file)] | None = Field(
        default=None,
        description="a file of streets: GraphML as osmnx writes it, or GeoJSON; from this file's folder, or absolute",
    )
    service: RoutingServiceModel | None = Field(default=None, description="a routing service: kind, url")
    detour: Annotated[Number, Field(ge=1, le=3)] = Field(
        default=TRAVEL.detour,
        description="how many times longer than the straight line a way is, where no streets help",
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> TravelModel:
        if self.graph is not None and self.service is not None:
            raise ValueError("has both graph and service; expected one of them")
        return self


class PositionsModel(Edge):
    """How old a unit's position may be, and when it says that the unit is on scene."""

    stale_after_s: Seconds = Field(
        default=POSITIONS.stale_after_s,
        description="from then on the time that it could have moved away is added to its way, seconds",
    )
    missing_after_s: Seconds = Field(
        default=POSITIONS.missing_after_s,
        description="from then on a unit that had sent positions is not sent, unless it was at its home; seconds",
    )
    arrived_m: Annotated[Number, Field(ge=5, le=500)] = Field(
        default=POSITIONS.arrived_m, description="so near the place it was sent to, and a unit is on scene, metres"
    )
    moved_m: Annotated[Number, Field(ge=5, le=500)] = Field(
        default=POSITIONS.moved_m, description="so far from where it accepted, and a unit is on its way, metres"
    )
    elsewhere_m: Annotated[Number, Field(ge=50, le=5000)] = Field(
        default=POSITIONS.elsewhere_m,
        description="so far from the place it was sent to, and its crew's button does not count, metres",
    )

    @model_validator(mode="after")
    def _goes_stale_first(self) -> PositionsModel:
        if self.missing_after_s <= self.stale_after_s:
            stale = f"stale_after_s ({self.stale_after_s:g})"
            raise ValueError(f"missing_after_s is {self.missing_after_s:g}; expected more than {stale}")
        return self
