"""Precision (属实率): how often a rule was right on a camera, by people's feedback; and what might make it better.

What is proposed is for a person to read and to decide. Nothing here changes a rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from patrol.domain.events import Kind
from patrol.domain.incidents import Disposition
from patrol.domain.rules import Rule
from patrol.domain.shares import Range, wilson
from patrol.domain.vocabulary import CameraId, RuleId

LOOKED_BACK = timedelta(days=90)
# Feedback that says that the rule was right, or wrong; the rest says neither.
RIGHT = frozenset({Disposition.HANDLED, Disposition.REFERRED})
WRONG = frozenset({Disposition.FALSE_ALARM, Disposition.UNFOUNDED})
# From fewer nothing is concluded; where even the upper bound of its precision is below a half, it errs more than not.
FEWEST, TOO_LOW = 5, 0.5


@dataclass(frozen=True, slots=True)
class Precision:
    """How many incidents that a rule told of on a camera people found to be so, and how many not."""

    camera_id: CameraId
    rule_id: RuleId
    kind: Kind
    right: int
    wrong: int

    @property
    def judged(self) -> int:
        """How many incidents people have judged."""
        return self.right + self.wrong

    @property
    def share(self) -> float | None:
        """How many of them were right, 0..1; None where none was judged."""
        return self.right / self.judged if self.judged else None

    @property
    def within(self) -> Range | None:
        """Where that share lies at 95% (Wilson 1927); None where none was judged."""
        return wilson(self.right, self.judged)


@dataclass(frozen=True, slots=True)
class WrittenChange:
    """How a change stands in the configuration's file, YAML.

    ``rule``: one for the camera alone. ``zones``: the camera's, with that rule in the old one's place, instead of those
    that it or its template has.
    """

    rule_id: RuleId
    rule: str
    zones: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of one parameter of a rule, for one camera: from ``now`` to ``proposed``, why, and how it is written."""

    camera_id: CameraId
    rule_id: RuleId
    parameter: str
    now: float
    proposed: float
    words_zh: str
    words_en: str
    written: WrittenChange | None = None


@dataclass(frozen=True, slots=True)
class PrecisionReport:
    """All of it, the worst first. ``since``: of incidents closed from then on. ``names``: of the rules that are
    configured, in Chinese and in English."""

    at: datetime
    since: datetime
    rules: tuple[Precision, ...]
    proposals: tuple[Proposal, ...]
    names: Mapping[RuleId, tuple[str, str]] = field(default_factory=dict)


def together(parts: Iterable[Precision]) -> tuple[Precision, ...]:
    """The same of several stretches of time; the worst first: by what they can be at best, then by how often."""
    found: dict[tuple[CameraId, RuleId, Kind], Precision] = {}
    for part in parts:
        key = part.camera_id, part.rule_id, part.kind
        known = found.get(key)
        found[key] = replace(known, right=known.right + part.right, wrong=known.wrong + part.wrong) if known else part
    return tuple(sorted(found.values(), key=_worst_first))


def _worst_first(one: Precision) -> tuple[float, int, CameraId, RuleId]:
    at_best = one.within[1] if one.within else 1.0
    return at_best, -one.judged, one.camera_id, one.rule_id


def proposals(rules_told: Iterable[Precision], rules: Mapping[RuleId, Rule]) -> tuple[Proposal, ...]:
    """What might help where a rule is wrong more often than not, in the given order. ``rules``: those configured."""
    return tuple(
        proposal
        for one in rules_told
        if _is_too_low(one) and (rule := rules.get(one.rule_id)) and (proposal := _proposal(one, rule))
    )


def _is_too_low(one: Precision) -> bool:
    return one.judged >= FEWEST and one.within is not None and one.within[1] < TOO_LOW


# What makes a rule of a kind tell less; of the others for how long it must hold, else how sure the model must be.
_PARAMETER: Mapping[Kind, str] = {
    Kind.CROWD: "at_least",
    Kind.GATHERING: "at_least",
    Kind.RUNNING: "at_least",
    Kind.LOITERING: "dwell_s",
    Kind.STOPPED_VEHICLE: "dwell_s",
    Kind.ABANDONED_OBJECT: "alone_s",
    Kind.REMOVED_OBJECT: "gone_s",
    Kind.FALL: "stays_s",
    Kind.FIGHT: "sure",
}
_NAMES: Mapping[str, tuple[str, str]] = {
    "at_least": ("数量阈值", "how many it takes"),
    "dwell_s": ("停留时间（秒）", "how long somebody may stay, seconds"),
    "alone_s": ("无人看管时间（秒）", "how long it may stand alone, seconds"),
    "gone_s": ("移走时间（秒）", "how long it must be gone, seconds"),
    "stays_s": ("倒地时间（秒）", "how long somebody must stay down, seconds"),
    "for_s": ("持续时间（秒）", "how long it must hold, seconds"),
    "sure": ("把握程度", "how sure it must be"),
    "min_confidence": ("置信度阈值", "what the model must be sure of"),
}


def _proposal(one: Precision, rule: Rule) -> Proposal | None:
    parameter = _PARAMETER.get(rule.kind) or ("for_s" if rule.for_s > 0 else "min_confidence")
    now = rule.for_s if parameter == "for_s" else float(getattr(rule.condition, parameter))
    proposed = _stricter(parameter, now)
    if proposed <= now or one.within is None:
        return None
    name_zh, name_en = _NAMES[parameter]
    at_best = f"{100 * one.within[1]:.0f}%"
    days = LOOKED_BACK.days
    return Proposal(
        camera_id=one.camera_id,
        rule_id=one.rule_id,
        parameter=parameter,
        now=now,
        proposed=proposed,
        words_zh=(
            f"{one.camera_id} 的规则“{rule.name}”：{days} 天内研判 {one.judged} 起，{one.wrong} 起不属实"
            f"（属实率至多 {at_best}）。建议在该点位把{name_zh} {parameter} 由 {now:g} 改为 {proposed:g}"
        ),
        words_en=(
            f"rule '{rule.name_en}' on {one.camera_id}: {one.wrong} of {one.judged} judged in {days} days were not so"
            f" (right {at_best} at most). Proposed for this camera: {parameter} {proposed:g} instead of {now:g}"
            f" ({name_en})"
        ),
    )


def _stricter(parameter: str, now: float) -> float:
    if parameter == "at_least":
        return now + max(1, math.floor(now / 5))
    if parameter in ("sure", "min_confidence"):
        return round(now + (1 - now) / 4, 2)
    return round(1.5 * now, 1)
