"""Who is asked about, and when: two who can reach each other, over some seconds of a focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from patrol.domain.clip_scorers import Glimpse
from patrol.domain.conditions.fight import MOST_FRAMES, Fight
from patrol.domain.events import Kind
from patrol.domain.rules import Rule
from patrol.domain.scene import Scene
from patrol.domain.watching import Watcher
from tests.builders import at, camera
from tests.domain.conditions.moving import HEIGHT, RULE, WIDTH, Mover, Played, area, picture, seconds, stays

NEAR = (Mover(stays(500, 400)), Mover(stays(560, 405)))
APART = (Mover(stays(200, 400)), Mover(stays(900, 405)))


@dataclass
class Said:
    """A scorer that says what it is told, and keeps what it was asked about."""

    answer: float | None = 0.9
    seconds: float = 2.0
    size: tuple[int, int] = (32, 18)
    asked: list[Sequence[Glimpse]] = field(default_factory=list)

    def score(self, clip: Sequence[Glimpse]) -> float | None:
        self.asked.append(clip)
        return self.answer


def played(
    scorer: Said, movers: Sequence[Mover], times: Sequence[float], zone: Any = None, for_s: float = 1.0
) -> Played:
    rule = Rule(RULE, "规则", "rule", Fight(sure=0.6, scorer=scorer), for_s, 5.0, 60.0)
    watcher = Watcher({RULE: rule})
    there = camera(zones=(zone or area(),))
    pixels = np.zeros((HEIGHT // 4, WIDTH // 4, 3), np.uint8)
    frames = [(t, watcher.observe(there, at(t), picture(movers, t)[0], pixels)) for t in times]
    return Played(frames, [event for _, findings in frames for event in findings.confirmed])


def test_two_in_reach_who_move_so_are_one_event_with_words() -> None:
    (event,) = played(Said(), NEAR, seconds(6.0)).events
    assert event.kind is Kind.FIGHT
    assert event.evidence.count == 2
    assert event.score == 0.9
    assert "violent motion between people, 90% sure (threshold 60%)" in event.evidence.words_en
    assert "人员之间动作激烈，打斗把握 90%（阈值 60%）" in event.evidence.words_zh
    assert len(event.evidence.boxes) == 2


@pytest.mark.parametrize(
    ("scorer", "movers"),
    [
        (Said(0.5), NEAR),
        (Said(None), NEAR),
        (Said(), NEAR[:1]),
        (Said(), ()),
    ],
    ids=["not sure", "cannot tell", "one", "nobody"],
)
def test_nothing_else_is(scorer: Said, movers: Sequence[Mover]) -> None:
    assert played(scorer, movers, seconds(6.0)).events == []


def test_two_in_a_clinch_who_are_one_box_are_asked_about_and_one_who_is_alone_is_not() -> None:
    scorer = Said()
    played(scorer, NEAR[:1], seconds(6.0))
    assert scorer.asked == []
    assert len(played(scorer, [Mover(stays(500, 400), (90.0, 100.0))], seconds(6.0)).events) == 1


def test_it_is_asked_about_as_long_a_clip_as_it_wants_twice_a_second_in_the_size_it_wants() -> None:
    scorer = Said()
    played(scorer, NEAR, seconds(8.0, 8.0))
    spans = [(clip[-1].at - clip[0].at).total_seconds() for clip in scorer.asked]
    assert spans
    assert all(1.7 <= span <= 2.0 for span in spans)
    assert 10 <= len(spans) <= 14
    clip = scorer.asked[-1]
    assert {one.pixels.shape for one in clip} == {(18, 32, 3)}
    assert {len(one.people) for one in clip} == {2}
    assert clip[0].aspect == pytest.approx(16 / 9)


def test_a_clip_is_bounded_at_any_pace() -> None:
    scorer = Said()
    played(scorer, NEAR, seconds(4.0, 100.0))
    assert 20 <= max(len(clip) for clip in scorer.asked) <= MOST_FRAMES


def test_single_visits_see_nothing_and_ask_for_a_closer_look_where_two_are_in_reach() -> None:
    visits = [0.0, 5.0, 10.0]
    assert played(Said(), NEAR, visits).asked_s == visits
    assert played(Said(), NEAR, visits).events == []
    assert played(Said(), APART, visits).asked_s == []
    behind = (NEAR[0], Mover(stays(520, 405), (100.0, 300.0)))
    assert played(Said(), behind, visits).asked_s == []


def test_outside_of_its_zone_nobody_is_concerned() -> None:
    upper = area(((0.0, 0.0), (1.0, 0.0), (1.0, 0.3), (0.0, 0.3)))
    assert played(Said(), NEAR, seconds(6.0), upper).events == []


def test_boxes_without_pictures_tell_nothing() -> None:
    seen = Fight(scorer=Said()).see(area(), Scene.of(at(0), picture(NEAR, 0.0)[0]), None)
    assert seen.holding is None
    assert seen.is_worth_a_focus
