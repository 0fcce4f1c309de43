"""Who went down, and who of them stays down: by their box, or by what remains where the detector lost them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from patrol.domain.conditions.base import Box, boxes_of, of_classes
from patrol.domain.conditions.crowd import PERSON
from patrol.domain.falling import (
    FALLS_WITHIN,
    Figure,
    Stood,
    comes_down,
    has_gone_down,
    is_low,
    is_on_their_feet,
    last_stood,
    rises_there,
    stays_down,
)
from patrol.domain.motion import Grey, small_grey
from patrol.domain.remains import is_at_the_edge, what_remains
from patrol.domain.scene import NO_TRACK, Scene, TrackId

# What a detector takes somebody in a heap on the ground for.
TAKEN_FOR = frozenset({"cat", "dog"})
# Nothing seen of somebody who is down for so long, and nothing is known of them any more.
GONE_AFTER_S = 1.5
# How sure it is that somebody lies where the detector knows nobody, 0..1.
UNKNOWN_SCORE = 0.5
# Two boxes of one person in one picture overlap at least so much.
SAME_PERSON = 0.5
# Small pictures are kept so far apart, for longer than a fall takes.
VIEW_EVERY_S, MOST_VIEWS = 0.2, 12
MOST_HELPERS, MOST_STOOD = 64, 64


@dataclass(frozen=True, slots=True)
class Person:
    """One box of a frame. ``track_id``: NO_TRACK for none. ``label``: what the detector takes them for."""

    figure: Figure
    track_id: TrackId
    score: float
    label: str = "person"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A small picture, and the boxes of people in it."""

    at: datetime
    grey: Grey
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Down:
    """Somebody who went down.

    ``since``: when they were seen low first; ``seen_at``: last. ``figure``: their box, or what remained, then.
    ``is_lost``: the detector never knew who lies there. ``before``: the picture when they stood, if there was one;
    ``others``: boxes of other people in it. ``helpers``: who else was followed, and may come to them.
    """

    stood: Stood
    since: datetime
    seen_at: datetime
    figure: Figure
    track_id: TrackId
    score: float
    is_lost: bool
    before: Grey | None
    others: tuple[Box, ...]
    helpers: frozenset[TrackId]


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What is remembered of a focus so far. ``views``: small pictures, oldest first; ``stood``: who was upright."""

    views: tuple[View, ...] = ()
    stood: tuple[Stood, ...] = ()


NOTHING_BEFORE = Before()


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one frame shows.

    ``people``: all people; ``heaps``: what may be one who lies, and is called something else. ``grey``: where there is
    a picture, and somebody it could matter for. ``before``: nothing outside of a focus.
    """

    scene: Scene
    aspect: float
    people: tuple[Person, ...]
    heaps: tuple[Person, ...]
    grey: Grey | None
    before: Before

    @classmethod
    def of(cls, scene: Scene, before: Before, min_confidence: float, needs_picture: bool) -> Look:
        """Take a frame. ``needs_picture``: somebody is down, and what remains of them is looked for."""
        is_wanted = scene.in_focus or needs_picture
        return cls(
            scene=scene,
            aspect=scene.detections.width / scene.detections.height,
            people=_boxes(scene, PERSON, min_confidence),
            heaps=_boxes(scene, TAKEN_FOR, min_confidence),
            grey=small_grey(scene.pixels) if is_wanted and scene.pixels is not None else None,
            before=before if scene.in_focus else NOTHING_BEFORE,
        )

    @property
    def at(self) -> datetime:
        """When."""
        return self.scene.at

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Of all people."""
        return tuple(one.figure.box(self.aspect) for one in self.people)

    def remembered(self) -> Before:
        """What to remember with this frame."""
        return Before(self._views(), self._stood()) if self.scene.in_focus else NOTHING_BEFORE

    def _views(self) -> tuple[View, ...]:
        views = self.before.views
        if self.grey is None or (views and (self.at - views[-1].at).total_seconds() < VIEW_EVERY_S):
            return views
        return (*views, View(self.at, self.grey, self.boxes))[-MOST_VIEWS:]

    def _stood(self) -> tuple[Stood, ...]:
        """Who was upright last when, as long as that can matter. A track may carry on as something else's."""
        known = {one.track_id: one for one in self.before.stood}
        for person in self.people:
            track = self.scene.tracks.get(person.track_id)
            now = last_stood(track, self.aspect, self.at) if track is not None else None
            if now is None:
                continue
            old = known.get(now.track_id)
            came_down_at = old.came_down_at if old is not None and old.at == now.at else None
            came_down_at = self.at if comes_down(now, person.figure, self.at) else came_down_at
            known[now.track_id] = replace(now, came_down_at=came_down_at, latest=person.figure)
        lately = [one for one in known.values() if one.at == self.at or one.may_fall(self.at)]
        return tuple(lately[-MOST_STOOD:])

    def fallen(self) -> Iterator[Down]:
        """Who stood a moment ago and is down now."""
        figures = [one.figure for one in self.people]
        seen = {one.track_id for one in self.people}
        for stood in self.before.stood:
            if stood.is_still_there(figures):
                continue
            person = self._low_one(stood)
            if person is not None:
                yield self._down(stood, person, is_lost=False)
            elif stood.track_id not in seen and (remains := self._remains_of(stood)) is not None:
                yield self._down(stood, Person(remains, NO_TRACK, UNKNOWN_SCORE), is_lost=True)

    def still_down(self, one: Down) -> Down | None:
        """What became of somebody who was down; None if they have risen, or nothing is known of them any more."""
        if any(_has_risen(one, person) for person in self.people):
            return None
        low = [each for each in (*self.people, *self.heaps) if stays_down(one.stood, one.figure, each.figure)]
        if low:
            same = max(low, key=lambda each: (each.track_id == one.track_id, each.figure.overlap(one.figure)))
            found = replace(one, figure=same.figure, track_id=same.track_id, score=same.score, is_lost=False)
            return replace(found, seen_at=self.at)
        if one.before is not None and self.grey is not None:
            others = (*one.others, *self.boxes)
            if what_remains(one.before, self.grey, one.stood, others, self.aspect) is not None:
                return replace(one, seen_at=self.at)
        return one if (self.at - one.seen_at).total_seconds() <= GONE_AFTER_S else None

    def _low_one(self, stood: Stood) -> Person | None:
        """Who is low now where they stood, and was not low there before."""
        fitting = [
            one
            for one in (*self.people, *self.heaps)
            if has_gone_down(stood, one.figure, self.at)
            and (one.track_id == stood.track_id or not self._was_low_before(one, stood))
        ]
        return min(fitting, key=lambda one: abs(one.figure.x - stood.figure.x), default=None)

    def _was_low_before(self, person: Person, stood: Stood) -> bool:
        """Whether this is somebody else, who was low already while they stood, or the dog that they lead."""
        return any(
            is_low(Figure.of_point(point, self.aspect), stood.tall)
            for track in self.scene.tracks.values()
            if track.id == person.track_id or (person.label in TAKEN_FOR and track.label in TAKEN_FOR)
            for point in track.points
            if point.at <= stood.at
        )

    def _remains_of(self, stood: Stood) -> Figure | None:
        view = self._view_of(stood)
        is_known = view is not None and self.grey is not None and stood.may_fall(self.at)
        if (
            view is None
            or self.grey is None
            or not is_known
            or is_at_the_edge(stood.latest or stood.figure, self.aspect)
        ):
            return None
        others = (*_others(view, stood, self.aspect), *self.boxes)
        return what_remains(view.grey, self.grey, stood, others, self.aspect)

    def _down(self, stood: Stood, person: Person, is_lost: bool) -> Down:
        view = self._view_of(stood)
        helpers = [each for each in self.scene.tracks if each not in (stood.track_id, person.track_id)]
        return Down(
            stood=stood,
            since=self.at,
            seen_at=self.at,
            figure=person.figure,
            track_id=person.track_id,
            score=person.score,
            is_lost=is_lost,
            before=view.grey if view is not None and not is_at_the_edge(stood.figure, self.aspect) else None,
            others=_others(view, stood, self.aspect) if view is not None else (),
            helpers=frozenset(helpers[:MOST_HELPERS]),
        )

    def _view_of(self, stood: Stood) -> View | None:
        """The picture in which they were upright last, or the one before it, if that was not kept."""
        return next((view for view in reversed(self.before.views) if view.at <= stood.at), None)


def _boxes(scene: Scene, labels: frozenset[str], min_confidence: float) -> tuple[Person, ...]:
    aspect = scene.detections.width / scene.detections.height
    wanted = of_classes(scene.detections, labels, min_confidence)
    found = scene.detections.where(wanted)
    return tuple(
        Person(Figure.of_box(box, aspect), TrackId(int(number)), score, label)
        for box, number, (_, label, score) in zip(boxes_of(found), scene.track_id[wanted], found, strict=True)
    )


def _others(view: View, stood: Stood, aspect: float) -> tuple[Box, ...]:
    """The boxes of all people in a picture but theirs."""
    return tuple(box for box in view.boxes if Figure.of_box(box, aspect).overlap(stood.figure) < SAME_PERSON)


def is_same_fall(one: Down, other: Down) -> bool:
    """Whether two of which each went down are one person: their places are nearer than anybody falls to another."""
    within = FALLS_WITHIN * max(one.stood.tall, other.stood.tall)
    return (
        abs(one.figure.x - other.figure.x) <= within
        and abs(one.stood.figure.bottom - other.stood.figure.bottom) <= within
    )


def _has_risen(one: Down, person: Person) -> bool:
    """Whether this is they, on their feet again. Who was followed elsewhere when they fell has come to help."""
    if not is_on_their_feet(one.stood, person.figure):
        return False
    if person.track_id != NO_TRACK and person.track_id in (one.track_id, one.stood.track_id):
        return True
    return person.track_id not in one.helpers and rises_there(one.stood, one.figure, person.figure)
