"""What rules about left and removed objects have in common: the things that came or went, and who is with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
# Who was there so long, or so many looks, before a thing was first seen may have brought it, or be it.
BEFORE_S, BEFORE_LOOKS = 12.0, 4
# From look to look somebody walks no farther than so many of their heights a second; later, nobody can say who is who.
WALKS_HEIGHTS_S, WALKS_WITHIN_S = 1.3, 2.0
# Passers-by are gone sooner; who is with a thing for so long is with it.
STAYS_S, STAYS_LOOKS = 6.0, 3
# Somebody not seen for so long, and for some looks, has gone; a thing not seen for some looks, too.
GONE_AFTER_S, GONE_AFTER_LOOKS = 8.0, 2.5
# Whoever passes unseen by the detector makes a place unknown for three looks.
THING_GONE_LOOKS = 4.5

BAGS = frozenset({"backpack", "handbag", "suitcase"})
HIDING = frozenset({"person", "bicycle", "bus", "car", "motorcycle", "truck", "train", "dog"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a look. ``box``: shares of the picture. ``since``, ``looks``: near the thing, since when, how often.
    ``is_owner``: was near when it came."""

    box: Box
    track_id: TrackId
    seen_at: datetime
    since: datetime
    looks: int = 1
    is_owner: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that came, or went.

    What happened between two looks is taken to have happened in the middle between them. ``since``: when it came, or
    went. ``seen_until``: when it was seen last, with nobody before it. ``alone_since``: since when nobody has been
    with it; ``alone_until``: until when, as far as is known: who is near now may have come for it. ``label``: what the
    detector calls it, if it knows it. ``body``: whose outline it was when they stood there. ``votes``: looks at which
    it was clear that it came, less those at which it went.
    """

    box: Box
    votes: int
    since: datetime
    seen_at: datetime
    seen_until: datetime
    alone_since: datetime
    alone_until: datetime
    attendants: tuple[Person, ...] = ()
    label: str | None = None
    body: Box | None = None
    is_light: bool = False
    looks: int = 1

    @property
    def foot(self) -> tuple[float, float]:
        """Where it stands: the middle of its lower edge."""
        return (self.box[0] + self.box[2]) / 2, self.box[3]

    @property
    def is_new(self) -> bool:
        """Whether it came."""
        return self.votes > 0

    @property
    def is_body(self) -> bool:
        """Whether it is somebody's outline; what they leave behind is not."""
        return self.body is not None and _is_outline(self.box, self.body)

    @property
    def counts(self) -> bool:
        """Whether it is a thing at all."""
        return self.votes != 0 and not self.is_body and (not self.is_light or self.label is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """Bounded: a background (0.6 MB), MOST_THINGS things, and the people of the last seconds."""

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
    began_at = known.began_at or scene.at
    look = Look(scene, known.at, began_at, Ruler.of(scene, slant=1.0), near_m)
    background = looked(known.background, look.seconds(scene.at), scene.pixels, _boxes(scene.detections, HIDING))
    people = [
        Person(box, TrackId(int(track)), scene.at, look.middle)
        for box, track in zip(
            _boxes(scene.detections, _PERSON), scene.track_id[of_classes(scene.detections, _PERSON, 0.0)], strict=True
        )
    ]
    before_s = max(BEFORE_S, BEFORE_LOOKS * look.gap_s)
    lately = tuple(one for one in known.people if (scene.at - one.seen_at).total_seconds() <= before_s)
    things = known.things
    if not background.is_upset:
        things = _things(known.things, changed_places(background), look, (*lately, *people))
        bags = _bags(scene.detections, min_confidence)
        things = tuple(_with_company(one, people, bags, look) for one in things)
    return Remembered(scene.at, began_at, background, things[:MOST_THINGS], (*lately, *people)[-MOST_PEOPLE:])


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a place. ``before``: the last one; ``began_at``: the first. ``near_m``: who is so near may be with
    a thing."""

    scene: Scene
    before: datetime
    began_at: datetime
    ruler: Ruler
    near_m: float

    @property
    def at(self) -> datetime:
        """When it is."""
        return self.scene.at

    @property
    def gap_s(self) -> float:
        """Since the last one."""
        return (self.at - self.before).total_seconds()

    @property
    def middle(self) -> datetime:
        """Between the last one and this one."""
        return between(self.before, self.at)

    def seconds(self, at: datetime) -> float:
        """As the background counts."""
        return (at - self.began_at).total_seconds()

    def moment(self, seconds: float) -> datetime:
        """The other way round."""
        return self.began_at + timedelta(seconds=seconds)

    def is_near(self, foot: tuple[float, float], person: Person) -> bool:
        """Whether somebody's feet are near where a thing stands: by their own height, if it is not calibrated."""
        height = np.array([person.box[3] - person.box[1]])
        feet = np.array([[(person.box[0] + person.box[2]) / 2, person.box[3]]])
        return float(self.ruler.apart(np.array([foot]), height, feet, height)[0, 0]) <= self.near_m


def between(one: datetime, other: datetime) -> datetime:
    """The middle."""
    return one + (other - one) / 2


_PERSON = frozenset({"person"})


def _things(
    known: Sequence[Thing], places: Sequence[ChangedPlace], look: Look, people: Sequence[Person]
) -> tuple[Thing, ...]:
    """``people``: of this look, and of those before."""
    free, again = list(known), []
    for place in places:
        alike = [one for one in free if _is_same_thing(one.box, place.box)]
        if alike:
            best = max(alike, key=lambda one: overlap(one.box, place.box))
            free.remove(best)
            again.append(_seen_again(best, place, look))
        else:
            again.append(_appeared(place, look, people))
    for_s = THING_GONE_LOOKS * max(look.gap_s, 1.0)
    unseen = [_unseen(one, look) for one in free if (look.at - one.seen_at).total_seconds() <= for_s]
    return (*sorted(again, key=lambda one: one.since), *unseen)


def _seen_again(one: Thing, place: ChangedPlace, look: Look) -> Thing:
    # Shadow and light are told when they have just come: later the background's brightness has followed.
    seen_until = max(one.seen_until, look.moment(place.seen_s))
    votes = max(-MOST_VOTES, min(MOST_VOTES, one.votes + VOTES[place.is_new]))
    return replace(one, box=place.box, votes=votes, seen_at=look.at, seen_until=seen_until, looks=one.looks + 1)


MOST_VOTES, VOTES = 20, {True: 1, False: -1, None: 0}


def _unseen(one: Thing, look: Look) -> Thing:
    """What was there at the last look and is not at this one went in between; or while somebody stood before it."""
    if one.seen_at != look.before:
        return one
    seen_until = between(one.seen_until, look.at)
    is_alone = not any(person.seen_at == look.before for person in one.attendants)
    return replace(one, seen_until=seen_until, alone_until=seen_until if is_alone else one.alone_until)


def _appeared(place: ChangedPlace, look: Look, people: Sequence[Person]) -> Thing:
    """``people``: of this look, and of those before: they may be it, or be with it."""
    first, last_without = look.moment(place.since_s), look.moment(place.before_s)
    # What came unseen may be left no longer than it is seen; what went unseen went some time.
    after = last_without if place.is_new is False else max(last_without, first - timedelta(seconds=look.gap_s))
    since = between(after, first)
    x1, _, x2, y2 = place.box
    near = [one for one in people if look.is_near(((x1 + x2) / 2, y2), one)]
    with_it = [one.seen_at for one in near if first <= one.seen_at < look.at]
    alone_since = max([since, *(at + timedelta(seconds=look.gap_s / 2) for at in with_it)])
    # Who was near when it came may have brought it; who comes near later may pass.
    before = [one for one in near if after <= one.seen_at <= first]
    owners = [replace(one, is_owner=True) for one in before if one.seen_at == max(each.seen_at for each in before)]
    return Thing(
        box=place.box,
        votes=VOTES[place.is_new],
        since=since,
        seen_at=look.at,
        seen_until=max(since, look.moment(place.seen_s)),
        alone_since=alone_since,
        alone_until=alone_since,
        attendants=tuple(owners[:MOST_ATTENDANTS]),
        body=next((one.box for one in people if _is_outline(place.box, one.box)), None),
        is_light=place.is_light,
    )


def _is_outline(box: Box, person: Box) -> bool:
    is_as_high = box[3] - box[1] >= OWN_HEIGHT * (person[3] - person[1])
    return is_as_high and overlap(person, box) >= OWN_OUTLINE


def _is_same_thing(one: Box, other: Box) -> bool:
    return overlap(one, other) >= SAME_THING or _holds_middle(one, other) or _holds_middle(other, one)


def _holds_middle(outer: Box, inner: Box) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _with_company(one: Thing, people: Sequence[Person], bags: Sequence[tuple[Box, str]], look: Look) -> Thing:
    """The thing with who is near it, and what it is called."""
    near = [person for person in people if look.is_near(one.foot, person)]
    attendants = _attendants(one.attendants, near, look)
    now = [person for person in attendants if person.seen_at == look.at]
    staying = [person for person in now if _is_with_it(person)]
    labels = [label for box, label in bags if overlap(box, one.box) >= 0.2 or _holds_middle(one.box, box)]
    alone_since = _alone_since(one, bool(staying), look)
    return replace(
        one,
        attendants=attendants,
        alone_since=alone_since,
        alone_until=max(alone_since, _alone_until(one, now, look)),
        body=next((person.box for person in staying if _is_outline(one.box, person.box)), one.body),
        label=labels[0] if labels else one.label,
    )


def _alone_since(one: Thing, is_attended: bool, look: Look) -> datetime:
    if is_attended:
        return look.at
    # Who was with it at the last look has gone since.
    return look.middle if one.alone_since == look.before and one.attendants else one.alone_since


def _alone_until(one: Thing, near: Sequence[Person], look: Look) -> datetime:
    if one.seen_at != look.at:
        return one.alone_until
    return min((person.since for person in near), default=one.seen_until)


def _is_with_it(person: Person) -> bool:
    has_stayed = (person.seen_at - person.since).total_seconds() >= STAYS_S and person.looks >= STAYS_LOOKS
    return person.is_owner or has_stayed


def _attendants(known: Sequence[Person], near: Sequence[Person], look: Look) -> tuple[Person, ...]:
    """Who is near, and whether it is who was near before."""
    free, now = list(known), list[Person]()
    for is_same in (_is_same_person, _has_walked):
        for person in [one for one in near if not any(one.box == other.box for other in now)]:
            same = [one for one in free if is_same(one, person, look)]
            if same:
                before = max(same, key=lambda one: (overlap(one.box, person.box), -_steps(one, person)))
                free.remove(before)
                now.append(replace(person, since=before.since, looks=before.looks + 1, is_owner=before.is_owner))
    now += [one for one in near if not any(one.box == other.box for other in now)]
    gone_after_s = max(GONE_AFTER_S, GONE_AFTER_LOOKS * look.gap_s)
    hidden = [one for one in free if (look.at - one.seen_at).total_seconds() <= gone_after_s]
    return tuple([*now, *hidden][:MOST_ATTENDANTS])


def _is_same_person(one: Person, other: Person, look: Look) -> bool:
    """The same track, or a box at the same place."""
    is_followed = one.track_id != NO_TRACK and one.track_id == other.track_id
    return is_followed or overlap(one.box, other.box) >= SAME_PERSON


def _has_walked(one: Person, other: Person, look: Look) -> bool:
    """Whether they may have gone from there to here since the last look."""
    passed_s = (look.at - one.seen_at).total_seconds()
    return passed_s <= WALKS_WITHIN_S and _steps(one, other) <= WALKS_HEIGHTS_S * passed_s


def _steps(one: Person, other: Person) -> float:
    """Across the picture, in their own heights; boxes are shares of it, so about."""
    heights = (one.box[3] - one.box[1] + other.box[3] - other.box[1]) / 2
    across = abs(one.box[0] + one.box[2] - other.box[0] - other.box[2]) / 2 * 16 / 9
    return max(across, abs(one.box[3] - other.box[3])) / max(heights, 1e-6)


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
