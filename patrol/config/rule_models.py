"""Rules as they stand in a file: one model for each kind, with defaults that work without tuning."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from patrol.config.values import (
    NAME,
    NAME_EN,
    Edge,
    Name,
    Number,
    Seconds,
    SecondsFromZero,
    Share,
    WholeNumber,
    WindowModel,
)
from patrol.domain.burning import Part
from patrol.domain.conditions import (
    AbandonedObject,
    Condition,
    Crowd,
    Direction,
    Fall,
    Fight,
    FireSmoke,
    Gathering,
    Intrusion,
    LineCrossing,
    Loitering,
    RemovedObject,
    Running,
    StoppedVehicle,
    WrongWay,
)
from patrol.domain.crowds import Grade, begins_at

Label = Annotated[str, Field(min_length=1, max_length=64)]
Labels = Annotated[list[Label], Field(min_length=1, max_length=32)]
Count = Annotated[WholeNumber, Field(ge=1, le=10_000)]

_KIND = "what it tells"
_FOR = "how long it must hold, seconds"
_CLEAR = "how long it must not hold before it is over, seconds"
_QUIET = "how long the same zone stays quiet after an alert, seconds"
_HOURS = "when it is watched, a list of days, dates, begins and ends; always where left out"
_SURE = "what the model must be sure of, 0..1"


class _RuleModel(Edge):
    """What all rules have. ``watches_lines``, ``needs_direction``: what it asks of its zones; see checks/names.py."""

    watches_lines: ClassVar[bool] = False
    needs_direction: ClassVar[bool] = False

    name: Name = Field(description=NAME)
    name_en: Name | None = Field(default=None, description=NAME_EN)
    hours: Annotated[list[WindowModel], Field(max_length=16)] = Field(default=[], description=_HOURS)
    cool_down_s: SecondsFromZero = Field(default=120, description=_QUIET)


class CrowdModel(_RuleModel):
    """At least so many people in a zone; where it is calibrated, also at least so densely."""

    kind: Literal["crowd"] = Field(description=_KIND)
    at_least: Count = Field(default=Crowd().at_least, description="how many people make it a crowd")
    at_least_per_m2: Annotated[Number, Field(gt=0, le=15)] | None = Field(
        default=None, description="and how many of them to a square metre; needs a camera with ground"
    )
    grade: Grade | None = Field(
        default=None, description="instead of at_least_per_m2: at least as dense as this grade of Fruin's, A to F"
    )
    min_confidence: Share = Field(default=Crowd().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=3, description=_FOR)
    clear_after_s: Seconds = Field(default=12, description=_CLEAR)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Crowd(self.at_least, self.min_confidence, self.per_m2)

    @model_validator(mode="after")
    def _says_it_once(self) -> CrowdModel:
        if self.at_least_per_m2 is not None and self.grade is not None:
            raise ValueError("has both at_least_per_m2 and grade; expected one of them")
        return self

    @property
    def per_m2(self) -> float | None:
        """How dense a crowd must be, people per m²; None where the number alone decides."""
        return begins_at(self.grade) if self.grade is not None else self.at_least_per_m2


# What moves by itself or is driven, of the classes of COCO: with `allow`, everything else of it is forbidden.
MOVING = frozenset(
    {"person", "bicycle", "car", "motorcycle", "bus", "truck", "train", "boat", "dog", "horse", "cow", "sheep"}
)


class IntrusionModel(_RuleModel):
    """Somebody or something where it must not be."""

    kind: Literal["intrusion"] = Field(description=_KIND)
    forbid: Labels | None = Field(
        default=None, description="what must not be in the zone, in the model's words; [person] where left out"
    )
    allow: Labels | None = Field(
        default=None,
        description="what may be in the zone, instead of forbid: people, vehicles and animals else may not",
    )
    at_least: Count = Field(default=Intrusion().at_least, description="how many of them make it an intrusion")
    min_confidence: Share = Field(default=Intrusion().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=1, description=_FOR)
    clear_after_s: Seconds = Field(default=10, description=_CLEAR)

    @model_validator(mode="after")
    def _makes_sense(self) -> IntrusionModel:
        if self.allow is not None and self.forbid is not None:
            raise ValueError("has both allow and forbid; expected one of them")
        if self.allow is not None and not self.labels:
            raise ValueError("allows all that could intrude; expected something that is not allowed")
        return self

    @property
    def labels(self) -> frozenset[str]:
        """What must not be in the zone."""
        return MOVING - frozenset(self.allow) if self.allow is not None else frozenset(self.forbid or ["person"])

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Intrusion(self.labels, self.at_least, self.min_confidence)


class LineCrossingModel(_RuleModel):
    """Somebody or something passes a line. Its zone is a line."""

    watches_lines: ClassVar[bool] = True

    kind: Literal["line_crossing"] = Field(description=_KIND)
    who: Labels = Field(default=sorted(LineCrossing().labels), description="what must not pass, in the model's words")
    direction: Direction = Field(
        default=LineCrossing().direction,
        description="from which side to which is forbidden, seen along the line from its first point to its second",
    )
    min_confidence: Share = Field(default=LineCrossing().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=1, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=10, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return LineCrossing(frozenset(self.who), self.direction, self.min_confidence)


class WrongWayModel(_RuleModel):
    """A vehicle goes against the way traffic goes in its zone."""

    needs_direction: ClassVar[bool] = True

    kind: Literal["wrong_way"] = Field(description=_KIND)
    vehicles: Labels = Field(default=sorted(WrongWay().labels), description="which vehicles, in the model's words")
    min_confidence: Share = Field(default=WrongWay().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=5, description=_CLEAR)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return WrongWay(frozenset(self.vehicles), self.min_confidence)


class StoppedVehicleModel(_RuleModel):
    """A vehicle stands where it must not, for too long."""

    kind: Literal["stopped_vehicle"] = Field(description=_KIND)
    dwell_s: Seconds = Field(default=StoppedVehicle().dwell_s, description="for how long it may stand there, seconds")
    vehicles: Labels = Field(default=sorted(StoppedVehicle().labels), description="which, in the model's words")
    min_confidence: Share = Field(default=StoppedVehicle().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=30, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=600, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return StoppedVehicle(self.dwell_s, frozenset(self.vehicles), self.min_confidence)


class LoiteringModel(_RuleModel):
    """Somebody dwells in a zone."""

    kind: Literal["loitering"] = Field(description=_KIND)
    dwell_s: Seconds = Field(default=Loitering().dwell_s, description="for how long somebody may be there, seconds")
    min_confidence: Share = Field(default=Loitering().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=30, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=600, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Loitering(self.dwell_s, self.min_confidence)


class GatheringModel(_RuleModel):
    """People come together in a group that grows, and stay."""

    kind: Literal["gathering"] = Field(description=_KIND)
    at_least: Count = Field(default=Gathering().at_least, description="how many make a group")
    near_m: Annotated[Number, Field(gt=0, le=20)] = Field(
        default=Gathering().near_m, description="who stands so near to another belongs to the same group, metres"
    )
    min_confidence: Share = Field(default=Gathering().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=30, description=_FOR)
    clear_after_s: Seconds = Field(default=30, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=300, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Gathering(self.at_least, self.near_m, self.min_confidence)


class RunningModel(_RuleModel):
    """Many people run at the same time."""

    kind: Literal["running"] = Field(description=_KIND)
    at_least: Count = Field(default=Running().at_least, description="how many must run at the same time")
    share: Share = Field(default=Running().share, description="and what share of all that are followed, 0..1")
    m_s: Annotated[Number, Field(gt=0, le=20)] = Field(default=Running().m_s, description="how fast, metres a second")
    min_confidence: Share = Field(default=Running().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=1, description=_FOR)
    clear_after_s: Seconds = Field(default=5, description=_CLEAR)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Running(self.at_least, self.share, self.m_s, self.min_confidence)


class FallModel(_RuleModel):
    """Somebody goes down and stays down."""

    kind: Literal["fall"] = Field(description=_KIND)
    stays_s: Seconds = Field(
        default=Fall().stays_s, description="for how long somebody who fell must stay down, seconds"
    )
    lying_s: Seconds = Field(
        default=Fall().lying_s, description="for how long somebody must lie whom nobody saw fall, seconds"
    )
    min_confidence: Share = Field(default=Fall().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=5, description=_CLEAR)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Fall(self.stays_s, self.lying_s, self.min_confidence)


class FightModel(_RuleModel):
    """People who can reach each other move as people do who fight."""

    kind: Literal["fight"] = Field(description=_KIND)
    sure: Share = Field(
        default=Fight().sure, description="how sure it must be, 0..1: higher is quieter, and misses more"
    )
    min_confidence: Share = Field(default=Fight().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=1, description=_FOR)
    clear_after_s: Seconds = Field(default=5, description=_CLEAR)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return Fight(self.sure, self.min_confidence)


class FireSmokeModel(_RuleModel):
    """Fire or smoke."""

    kind: Literal["fire_smoke"] = Field(description=_KIND)
    watch: Annotated[list[Part], Field(min_length=1, max_length=2)] = Field(
        default=sorted(FireSmoke().parts), description="what is told: fire, smoke, or both"
    )
    min_confidence: Share = Field(default=FireSmoke().min_confidence, description="how sure one picture must be, 0..1")
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=30, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=300, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return FireSmoke(frozenset(self.watch), self.min_confidence)


class AbandonedObjectModel(_RuleModel):
    """Something was left, and its owner has gone."""

    kind: Literal["abandoned_object"] = Field(description=_KIND)
    alone_s: Seconds = Field(
        default=AbandonedObject().alone_s, description="for how long it may stand with nobody near, seconds"
    )
    near_m: Annotated[Number, Field(gt=0, le=20)] = Field(
        default=AbandonedObject().near_m, description="who stays so near may be its owner, metres"
    )
    min_confidence: Share = Field(default=AbandonedObject().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=15, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=600, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return AbandonedObject(self.alone_s, self.near_m, self.min_confidence)


class RemovedObjectModel(_RuleModel):
    """Something that stood there is gone."""

    kind: Literal["removed_object"] = Field(description=_KIND)
    gone_s: Seconds = Field(default=RemovedObject().gone_s, description="for how long it must be gone, seconds")
    min_confidence: Share = Field(default=RemovedObject().min_confidence, description=_SURE)
    for_s: SecondsFromZero = Field(default=0, description=_FOR)
    clear_after_s: Seconds = Field(default=15, description=_CLEAR)
    cool_down_s: SecondsFromZero = Field(default=600, description=_QUIET)

    def condition(self) -> Condition:
        """What it says, as a decision."""
        return RemovedObject(self.gone_s, self.min_confidence)


RuleModel = (
    AbandonedObjectModel
    | CrowdModel
    | FallModel
    | FightModel
    | FireSmokeModel
    | GatheringModel
    | IntrusionModel
    | LineCrossingModel
    | LoiteringModel
    | RemovedObjectModel
    | RunningModel
    | StoppedVehicleModel
    | WrongWayModel
)
RULE_MODELS: dict[str, type[RuleModel]] = {
    "abandoned_object": AbandonedObjectModel,
    "crowd": CrowdModel,
    "fall": FallModel,
    "fight": FightModel,
    "fire_smoke": FireSmokeModel,
    "gathering": GatheringModel,
    "intrusion": IntrusionModel,
    "line_crossing": LineCrossingModel,
    "loitering": LoiteringModel,
    "removed_object": RemovedObjectModel,
    "running": RunningModel,
    "stopped_vehicle": StoppedVehicleModel,
    "wrong_way": WrongWayModel,
}
