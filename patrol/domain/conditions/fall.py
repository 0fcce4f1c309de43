"""Fall, and person down: somebody goes down and stays down.

Three things tell it. Somebody stood, and a moment later their box is low: a fall that was seen. Somebody stood, and
the detector knows nobody there any more, but something low lies beside where their feet were: a fall, too, as who lies
is often lost. Or somebody lies for longer than it takes to get up: nobody saw the fall, as between two visits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from patrol.domain.conditions.base import Holding, Seen, boxes_of, of_classes
from patrol.domain.conditions.crowd import PERSON
from patrol.domain.conditions.dwelling import perhaps_hidden, remembered, too_long
from patrol.domain.conditions.fallen import GONE_AFTER_S, NOTHING_BEFORE, TAKEN_FOR, Before, Down, Look, is_same_fall
from patrol.domain.conditions.words import time_in_chinese, time_in_english
from patrol.domain.detections import Detections
from patrol.domain.events import Kind
from patrol.domain.falling import Figure, stays_down
from patrol.domain.scene import Scene
from patrol.domain.zones import Zone, are_inside

# On these people may lie: who is only seen to lie there is not down. Who falls onto them is.
TO_LIE_ON = frozenset({"bed", "bench", "couch"})
SURE_OF_FURNITURE, ON_FURNITURE = 0.25, 0.5
# From look to look the box of one who lies overlaps itself so much.
SAME_LYING = 0.3
MOST_DOWN = 8


@dataclass(frozen=True, slots=True)
class _Lying:
    """Somebody who lies; see Dwelling."""

    figure: Figure
    since: datetime
    seen_at: datetime
    score: float
    looks: int = 1


@dataclass(frozen=True, slots=True)
class _Memory:
    at: datetime
    down: tuple[Down, ...] = ()
    lying: tuple[_Lying, ...] = ()
    before: Before = NOTHING_BEFORE


@dataclass(frozen=True, slots=True)
class Fall:
    """At least one person in the zone fell and stays down for ``stays_s``, or lies there for ``lying_s`` seconds.

    2 s: so that it is confirmed within 3 s of the suspicion. 10 s: healthy people of 50 to 90 years need 4.1 s to get
    up from the floor, with a standard deviation of 1.1 (Bohannon & Lusardi 2004). A fall is seen in a focus alone;
    somebody who lies in one picture is worth one.
    """

    stays_s: float = 2.0
    lying_s: float = 10.0
    min_confidence: float = 0.35
    kind: Kind = Kind.FALL
    labels: frozenset[str] = PERSON | TO_LIE_ON | TAKEN_FOR

    def see(self, zone: Zone, scene: Scene, memory: object) -> Seen:
        """See Condition; remembers who is down, who lies, and in a focus what it looked like before."""
        known = memory if isinstance(memory, _Memory) else _Memory(scene.at)
        look = Look.of(scene, known.before, self.min_confidence, needs_picture=bool(known.down))
        down = _all_down(zone, look, known.down)
        lying = _looked_again(known, _all_lying(zone, look), scene.at)
        stayed = [one for one in down if one.seen_at == scene.at and self._has_stayed(one, scene.at)]
        return Seen(
            memory=_Memory(scene.at, down, lying, look.remembered()),
            holding=self._holding(stayed, lying, look),
            is_worth_a_focus=len(down) > len(stayed) or any(one.since == scene.at for one in lying),
        )

    def _has_stayed(self, one: Down, at: datetime) -> bool:
        return (at - one.since).total_seconds() >= self.stays_s

    def _holding(self, down: Sequence[Down], lying: Sequence[_Lying], look: Look) -> Holding | None:
        long = [
            one
            for one in too_long(lying, self.lying_s, look.at)
            if not any(stays_down(each.stood, each.figure, one.figure) for each in down)
        ]
        told: tuple[Down | _Lying, ...] = (*down, *long)
        if not told:
            return None
        words = [*_words_of(down), *self._words_of_lying(long, look.at)]
        return Holding(
            count=len(told),
            threshold=1,
            score=max(one.score for one in told),
            boxes=tuple(one.figure.box(look.aspect) for one in told),
            words_zh="；".join(zh for zh, _ in words),
            words_en="; ".join(en for _, en in words),
            since=min(one.since for one in told),
            is_sure=True,
        )

    def _words_of_lying(self, lying: Sequence[_Lying], at: datetime) -> Iterator[tuple[str, str]]:
        if lying:
            seconds = max((at - one.since).total_seconds() for one in lying)
            zh, en = time_in_chinese(self.lying_s), time_in_english(self.lying_s)
            yield (
                f"{len(lying)} 人躺卧 {time_in_chinese(seconds)}（阈值 {zh}）",
                f"{len(lying)} lying for {time_in_english(seconds)} (threshold {en})",
            )


def _words_of(down: Sequence[Down]) -> Iterator[tuple[str, str]]:
    seen = [one for one in down if not one.is_lost]
    if seen:
        left = min(one.figure.height / one.stood.tall for one in seen)
        took_s = min((one.since - one.stood.at).total_seconds() for one in seen)
        yield (
            f"{len(seen)} 人倒地，{took_s:.1f} 秒内倒下，现高为站立时的 {left:.0%}",
            f"{len(seen)} fell within {took_s:.1f} s, now at {left:.0%} of their height",
        )
    if len(down) > len(seen):
        yield (
            f"{len(down) - len(seen)} 人倒下后难以辨认，原处有物体未离开",
            f"{len(down) - len(seen)} went down and cannot be made out any more; something low lies there",
        )


def _all_down(zone: Zone, look: Look, known: Sequence[Down]) -> tuple[Down, ...]:
    down = [still for one in known if (still := look.still_down(one)) is not None]
    for one in look.fallen():
        is_new = not any(is_same_fall(each, one) for each in down)
        if is_new and _is_in(zone, one.stood.figure, look.aspect):
            down.append(one)
    return tuple(down[:MOST_DOWN])


def _all_lying(zone: Zone, look: Look) -> list[_Lying]:
    """Who lies in the zone, and not on what is there to lie on."""
    furniture = _furniture(look.scene.detections, look.aspect)
    return [
        _Lying(one.figure, look.at, look.at, one.score)
        for one in look.people
        if one.figure.is_wide
        and one.figure.is_whole
        and _is_in(zone, one.figure, look.aspect)
        and not any(one.figure.share_on(each) >= ON_FURNITURE for each in furniture)
    ]


def _furniture(detections: Detections, aspect: float) -> list[Figure]:
    found = detections.where(of_classes(detections, TO_LIE_ON, SURE_OF_FURNITURE))
    return [Figure.of_box(box, aspect) for box in boxes_of(found)]


def _is_in(zone: Zone, figure: Figure, aspect: float) -> bool:
    return bool(are_inside(zone, np.array([[figure.x / aspect, figure.bottom]]))[0])


def _looked_again(known: _Memory, found: Sequence[_Lying], at: datetime) -> tuple[_Lying, ...]:
    free = list(known.lying)
    now: list[_Lying] = []
    for one in found:
        same = max(free, key=lambda each: each.figure.overlap(one.figure), default=None)
        if same is None or same.figure.overlap(one.figure) < SAME_LYING:
            now.append(one)
        else:
            free.remove(same)
            now.append(replace(one, since=same.since, looks=same.looks + 1))
    return remembered([*now, *perhaps_hidden(free, GONE_AFTER_S, known.at, at)])
