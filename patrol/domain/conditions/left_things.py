"""What rules about left and removed objects have in common: the things that came or went, and who is with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from patrol.domain.background import Background, ChangedPlace, changed_places, looked
from patrol.domain.conditions.base import Box, Holding, Seen, boxes_of, of_classes
from patrol.domain.conditions.distances import Ruler
from patrol.domain.detections import Detections
from patrol.domain.scene import NO_TRACK, Scene, TrackId

# A closer look brings nothing new of what stands still: it is looked at so often at most.
LOOK_EVERY_S = 0.9
MOST_THINGS, MOST_PEOPLE, MOST_ATTENDANTS = 32, 48, 8
# Boxes of one thing overlap so much, from look to look; those of somebody who stays, too.
SAME_THING, SAME_PERSON = 0.25, 0.3
# What is somebody's own outline overlaps with their box so much, and is nearly as high; a bag in theirs is neither.
OWN_OUTLINE, OWN_HEIGHT = 0.45, 0.6
# Who was there so long before a thing was first seen may have brought it, or be it.
BEFORE_S = 12.0
# Passers-by are gone sooner; who is with a thing for so long is with it.
STAYS_S, STAYS_LOOKS = 6.0, 3
# Somebody not seen for so long, and for some looks, has gone; a thing not seen for some looks, too.
GONE_AFTER_S, GONE_AFTER_LOOKS = 8.0, 2.5
THING_GONE_LOOKS = 2.5

BAGS = frozenset({"backpack", "handbag", "suitcase"})
HIDING = frozenset({"person", "bicycle", "bus", "car", "motorcycle", "truck", "train", "dog"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a look. ``box``: shares of the picture. ``since``, ``looks``: with the thing, since when, how often.
    ``is_owner``: was there when it came."""

    box: Box
    track_id: TrackId
    seen_at: datetime
    since: datetime
    looks: int = 1
    is_owner: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that came, or went. ``since``: when. ``attended_until``: when somebody was with it last; ``since`` if
    nobody was. ``label``: what the detector calls it, if it knows it. ``is_body``: it is somebody's outline."""

    box: Box
    is_new: bool
    since: datetime
    seen_at: datetime
    attended_until: datetime
    attendants: tuple[Person, ...] = ()
    label: str | None = None
    is_body: bool = False
    is_light: bool = False
    looks: int = 1

    @property
    def foot(self) -> tuple[float, float]:
        """Where it stands: the middle of its lower edge."""
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def counts(self) -> bool:
        """Whether it is a thing at all."""
        return not self.is_body and (not self.is_light or self.label is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """Bounded: a background (0.4 MB), MOST_THINGS things, and the people of the last seconds."""

    at: datetime
    began_at: datetime | None = None
    background: Background | None = None
    things: tuple[Thing, ...] = ()
    people: tuple[Person, ...] = ()
    holding: Holding | None = None


def seen_again(
    memory: object,
    scene: Scene,
    near_m: float,
    min_confidence: float,
    told: Callable[[Sequence[Thing]], Holding | None],
) -> Seen:
    """See Condition.see. ``told``: what a rule makes of the things that came or went; as last, until the next look."""
    known = memory if isinstance(memory, Remembered) else Remembered(scene.at)
    if scene.pixels is None:
        return Seen(memory)
    if not _is_due(known, scene):
        return Seen(known, known.holding)
    now = _look_again(known, scene, near_m, min_confidence)
    holding = told(now.things)
    return Seen(replace(now, holding=holding), holding)


def _is_due(known: Remembered, scene: Scene) -> bool:
    """Whether it is time for another look."""
    return known.background is None or (scene.at - known.at).total_seconds() >= LOOK_EVERY_S


def _look_again(known: Remembered, scene: Scene, near_m: float, min_confidence: float) -> Remembered:
    """Take one frame with its picture. ``near_m``: who is so near a thing may be with it. ``min_confidence``: how sure
    the model must be to name a thing."""
    assert scene.pixels is not None
    gap_s = (scene.at - known.at).total_seconds()
    hidden = _boxes(scene.detections, HIDING)
    began_at = known.began_at or scene.at
    background = looked(known.background, (scene.at - began_at).total_seconds(), scene.pixels, hidden)
    people = [
        Person(box, TrackId(int(track)), scene.at, scene.at)
        for box, track in zip(
            _boxes(scene.detections, _PERSON), scene.track_id[of_classes(scene.detections, _PERSON, 0.0)], strict=True
        )
    ]
    lately = tuple(one for one in known.people if (scene.at - one.seen_at).total_seconds() <= BEFORE_S)
    things = known.things
    if not background.is_upset:
        things = _things(known.things, changed_places(background), background, scene, lately, people, gap_s)
        bags = _bags(scene.detections, min_confidence)
        things = tuple(_with_company(one, people, bags, scene, near_m, gap_s) for one in things)
    return Remembered(scene.at, began_at, background, things[:MOST_THINGS], (*lately, *people)[-MOST_PEOPLE:])


_PERSON = frozenset({"person"})


def _things(
    known: Sequence[Thing],
    places: Sequence[ChangedPlace],
    background: Background,
    scene: Scene,
    lately: Sequence[Person],
    people: Sequence[Person],
    gap_s: float,
) -> tuple[Thing, ...]:
    free, again = list(known), []
    for place in places:
        alike = [one for one in free if one.is_new is place.is_new and _is_same_thing(one.box, place.box)]
        if alike:
            best = max(alike, key=lambda one: overlap(one.box, place.box))
            free.remove(best)
            again.append(_seen_again(best, place, scene.at))
        else:
            since = scene.at - timedelta(seconds=max(0.0, background.at_s - place.since_s))
            again.append(_appeared(place, since, scene.at, (*lately, *people)))
    unseen = [one for one in free if (scene.at - one.seen_at).total_seconds() <= THING_GONE_LOOKS * max(gap_s, 1.0)]
    return (*sorted(again, key=lambda one: one.since), *unseen)


def _seen_again(one: Thing, place: ChangedPlace, at: datetime) -> Thing:
    # Shadow and light are told when they have just come: later the background's brightness has followed.
    return replace(one, box=place.box, seen_at=at, looks=one.looks + 1)


def _appeared(place: ChangedPlace, since: datetime, at: datetime, people: Iterable[Person]) -> Thing:
    is_body = any(_is_outline(place.box, one.box) for one in people)
    return Thing(place.box, place.is_new, since, at, since, is_body=is_body, is_light=place.is_light)


def _is_outline(box: Box, person: Box) -> bool:
    is_as_high = box[3] - box[1] >= OWN_HEIGHT * (person[3] - person[1])
    return is_as_high and overlap(person, box) >= OWN_OUTLINE


def _is_same_thing(one: Box, other: Box) -> bool:
    return overlap(one, other) >= SAME_THING or _holds_middle(one, other) or _holds_middle(other, one)


def _holds_middle(outer: Box, inner: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _with_company(
    one: Thing, people: Sequence[Person], bags: Sequence[tuple[Box, str]], scene: Scene, near_m: float, gap_s: float
) -> Thing:
    """The thing with who is near it, and what it is called."""
    ruler = Ruler.of(scene, slant=1.0)
    near = [person for person in people if _apart(one, person, ruler) <= near_m]
    is_first = one.looks == 1
    attendants = _attendants(one.attendants, near, scene, gap_s, is_first)
    staying = [person for person in attendants if person.seen_at == scene.at and _is_with_it(person)]
    labels = [label for box, label in bags if overlap(box, one.box) >= 0.2 or _holds_middle(one.box, box)]
    return replace(
        one,
        attendants=attendants,
        attended_until=scene.at if staying else one.attended_until,
        is_body=one.is_body or any(_is_outline(one.box, person.box) for person in staying),
        label=labels[0] if labels else one.label,
    )


def _is_with_it(person: Person) -> bool:
    has_stayed = (person.seen_at - person.since).total_seconds() >= STAYS_S and person.looks >= STAYS_LOOKS
    return person.is_owner or has_stayed


def _attendants(
    known: Sequence[Person], near: Sequence[Person], scene: Scene, gap_s: float, is_first: bool
) -> tuple[Person, ...]:
    """Who is near, and whether it is who was near before: the same track, or a box at the same place."""
    free, now = list(known), []
    for person in near:
        same = [one for one in free if _is_same_person(one, person)]
        if same:
            before = max(same, key=lambda one: overlap(one.box, person.box))
            free.remove(before)
            now.append(
                replace(before, box=person.box, track_id=person.track_id, seen_at=scene.at, looks=before.looks + 1)
            )
        else:
            now.append(replace(person, is_owner=is_first))
    gone_after_s = max(GONE_AFTER_S, GONE_AFTER_LOOKS * gap_s)
    hidden = [one for one in free if (scene.at - one.seen_at).total_seconds() <= gone_after_s]
    return tuple([*now, *hidden][:MOST_ATTENDANTS])


def _is_same_person(one: Person, other: Person) -> bool:
    is_followed = one.track_id != NO_TRACK and one.track_id == other.track_id
    return is_followed or overlap(one.box, other.box) >= SAME_PERSON


def _apart(one: Thing, person: Person, ruler: Ruler) -> float:
    """Metres between a thing and somebody's feet, by their own height where the camera is not calibrated."""
    height = np.array([person.box[3] - person.box[1]])
    foot = np.array([[(person.box[0] + person.box[2]) / 2, person.box[3]]])
    return float(ruler.apart(np.array([one.foot]), height, foot, height)[0, 0])


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both)


def _bags(detections: Detections, min_confidence: float) -> list[tuple[Box, str]]:
    wanted = detections.where(of_classes(detections, BAGS, min_confidence))
    return [(box, label) for box, (_, label, _) in zip(boxes_of(wanted), wanted, strict=True)]


def _boxes(detections: Detections, labels: frozenset[str]) -> tuple[Box, ...]:
    """However sure the model is: where it saw somebody, somebody may stand."""
    return boxes_of(detections.where(of_classes(detections, labels, 0.0)))
