"""Camera health: what is wrong with a camera's picture, and whether it is that camera's picture at all.

``step`` is the whole decision: (what was known, what one look measures now) -> (what is known now, what to tell).

A camera's scene is known by up to three fields of edges, one for each light it was seen in (day, infrared, lamps).
A picture is compared with all of them; the nearest decides:

- SAME: the scene, or enough of it to tell. The scene's memory follows slowly.
- SHIFTED: the scene, but elsewhere in the picture: the camera was turned a little. It is still this camera's picture.
- OTHER: a picture with structure of its own that is none of the scenes. Nothing may be concluded from it.
- UNCLEAR: nothing to compare: black, white, even, or covered. It is not held against the camera.
- LEARNING: no scene is known yet, or the view never settles (a camera that turns by itself is never judged).

An OTHER picture is a WRONG_PICTURE. If the same new view stays, and is no other camera's, the camera was MOVED. Only
when a person says so (``accepted``) is a new view learned: waiting makes no picture a camera's own. While nothing is
known yet, the first view that settles is believed, unless another camera is known by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from patrol.domain.camera import CameraId
from patrol.domain.health_memory import HealthMemory, Identity, KnownScene, NewView, Stillness, Tally, troubles_on
from patrol.domain.health_settings import DEFAULT, HealthSettings
from patrol.domain.looks import Look, likeness, part_likeness, shifted_likeness
from patrol.domain.rules import CLOCK_STEP_S
from patrol.domain.troubles import Trouble


@dataclass(frozen=True, slots=True, eq=False)
class HealthStep:
    """What one look changed.

    ``troubles``: on now; ``raised`` and ``cleared``: with this look, each told once. ``trusted``: the picture may be
    this camera's; no alert may be made of one that is not. ``looks_like``: the camera whose scene it shows instead.
    """

    memory: HealthMemory
    troubles: frozenset[Trouble]
    raised: frozenset[Trouble]
    cleared: frozenset[Trouble]
    trusted: bool
    identity: Identity
    looks_like: CameraId | None = None


Elsewhere = Callable[[Look], CameraId | None]
"""Says which other camera's scene a look shows, if any."""


def nowhere(look: Look) -> CameraId | None:
    """No other camera's scene is known."""
    return None


def step(
    memory: HealthMemory,
    look: Look,
    at: datetime,
    settings: HealthSettings = DEFAULT,
    elsewhere: Elsewhere = nowhere,
) -> HealthStep:
    """Decide what one look at a camera, captured at ``at``, changes. One a little older than the last is ignored.

    ``elsewhere`` is asked only about what is not, or cannot be told to be, the camera's own.
    """
    if memory.seen_last_at is not None and at <= memory.seen_last_at:
        if (memory.seen_last_at - at).total_seconds() <= CLOCK_STEP_S:
            return _told(memory, memory)
        memory = _timeless(memory)
    void = _void(look, memory.scenes, settings)
    reading = _read(memory, look, void, settings, nowhere if settings.shared_view else elsewhere)
    void = None if reading.identity is Identity.OTHER else void
    seen = _remembered(memory, reading, look, at, settings)
    stillness = _still(memory.stillness, look, at)
    showing = _showing(reading, seen.new_view, void, at, settings)
    if void is None and _frozen(stillness, at, settings):
        showing |= {Trouble.FROZEN}
    now = replace(
        seen,
        stillness=stillness,
        tallies=_tallied(memory.tallies, showing, _untold(reading, void, settings), at, settings),
        seen_last_at=at,
        identity=reading.identity,
        trusted=reading.identity is not Identity.OTHER and void is not Trouble.NO_SIGNAL,
    )
    return _told(memory, now)


def _timeless(memory: HealthMemory) -> HealthMemory:
    """The clock was set back: what is on stays on, and for how long anything has lasted is counted anew."""
    tallies = {trouble: Tally(tally.on) for trouble, tally in memory.tallies.items()}
    return replace(memory, new_view=None, stillness=None, tallies=tallies, seen_last_at=None)


def _told(before: HealthMemory, now: HealthMemory) -> HealthStep:
    was, on = troubles_on(before), troubles_on(now)
    of = now.new_view.of if now.new_view is not None and now.identity is Identity.OTHER else None
    return HealthStep(now, on, on - was, was - on, now.trusted, now.identity, of)


# What one picture shows by itself


def _void(look: Look, scenes: Sequence[KnownScene], settings: HealthSettings) -> Trouble | None:
    """Why there is no view at all in this picture, or None if there is one."""
    usual = scenes[0] if scenes else None
    if look.high < settings.black_level:
        return Trouble.BLACK
    if look.white >= settings.white and look.white - (usual.white if usual else 0.0) >= settings.white_gain:
        return Trouble.OVER_EXPOSED
    if look.flat >= settings.flat:
        return Trouble.NO_SIGNAL
    if look.detail < max(settings.least_detail, settings.lost_detail * usual.detail if usual else 0.0):
        return Trouble.COVERED
    return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a look compares with the scenes. ``nearest``: which one, ``alike``: how much; ``of``: whose it is instead."""

    identity: Identity
    nearest: int = 0
    alike: float = 0.0
    sharpness: float = math.nan  # as a share of the nearest scene's; not-a-number where it cannot be told
    detail: float = 1.0  # as a share of the nearest scene's
    of: CameraId | None = None


def _read(
    memory: HealthMemory, look: Look, void: Trouble | None, settings: HealthSettings, elsewhere: Elsewhere
) -> _Reading:
    if void in _NOTHING_TO_SEE:
        return _Reading(Identity.UNCLEAR)
    alike = [likeness(scene.field, look.field, look.visible) for scene in memory.scenes]
    if void is not None:
        return _hidden(look, max(alike, default=0.0), settings, elsewhere)
    if not memory.scenes:
        of = elsewhere(look)
        return _Reading(Identity.LEARNING) if of is None else _Reading(Identity.OTHER, of=of)
    nearest = int(np.argmax(alike))
    usual = memory.scenes[nearest]
    identity = _identify(usual, look, alike[nearest], settings)
    if identity is Identity.UNCLEAR:
        return _hidden(look, alike[nearest], settings, elsewhere)
    of = elsewhere(look) if identity is Identity.OTHER else None
    return _Reading(
        identity,
        nearest,
        alike[nearest],
        _of_usual(look.sharpness, usual.sharpness),
        _of_usual(look.detail, usual.detail),
        of,
    )


def _of_usual(now: float, usual: float) -> float:
    return now / usual if usual > 0.0 else math.nan


_NOTHING_TO_SEE = frozenset({Trouble.BLACK, Trouble.NO_SIGNAL})


def _hidden(look: Look, alike: float, settings: HealthSettings, elsewhere: Elsewhere) -> _Reading:
    """Of a picture with few edges it cannot be told whose it is, unless another camera always looks like that.

    ``alike``: how much it is like the camera's own scene; two cameras may show one place.
    """
    of = elsewhere(look) if alike < settings.same_scene else None
    return _Reading(Identity.UNCLEAR) if of is None else _Reading(Identity.OTHER, of=of)


def _identify(nearest: KnownScene, look: Look, alike: float, settings: HealthSettings) -> Identity:
    if alike >= settings.sure_scene:
        return Identity.SAME
    shifted = shifted_likeness(nearest.field, look.field, look.visible)
    if shifted >= max(settings.shifted_scene, alike + settings.shift_gain):
        return Identity.SHIFTED
    if alike >= settings.same_scene or part_likeness(nearest.field, look.field, look.visible) >= settings.same_parts:
        return Identity.SAME
    # A strange view without any fine edges is something before the lens: it hides whose picture this is.
    return Identity.OTHER if look.sharpness >= settings.veiled else Identity.UNCLEAR


def _showing(
    reading: _Reading,
    view: NewView | None,
    void: Trouble | None,
    at: datetime,
    settings: HealthSettings,
) -> frozenset[Trouble]:
    if void is not None:
        return frozenset({void})
    if reading.identity is Identity.UNCLEAR:
        return frozenset({Trouble.COVERED})
    if reading.identity is Identity.OTHER:
        if reading.of is None and reading.detail < settings.poor_detail:
            return frozenset({Trouble.COVERED})
        return frozenset({Trouble.MOVED if _moved(view, at, settings) else Trouble.WRONG_PICTURE})
    if reading.identity is Identity.SAME and reading.alike < settings.hidden_scene:
        return frozenset({Trouble.COVERED})
    if reading.identity is Identity.SHIFTED:
        return frozenset({Trouble.MOVED})
    return frozenset({Trouble.DEFOCUSED}) if _blurred(reading, settings) else frozenset()


def _blurred(reading: _Reading, settings: HealthSettings) -> bool:
    """A blurred scene is as like itself as ever; of one that is not, sharpness says nothing."""
    return reading.alike >= settings.judged_scene and reading.sharpness < settings.blur


def _moved(view: NewView | None, at: datetime, settings: HealthSettings) -> bool:
    """Whether a strange view is this camera's own new one."""
    return (
        view is not None
        and view.of is None
        and view.scene.looks >= settings.settle_looks
        and (at - view.since).total_seconds() >= settings.moved_after_s
    )


_IDENTITY_TROUBLES = frozenset({Trouble.MOVED, Trouble.WRONG_PICTURE})


def _untold(reading: _Reading, void: Trouble | None, settings: HealthSettings) -> frozenset[Trouble]:
    """The troubles of which this look says neither yes nor no: they stay as they are."""
    if void is not None or reading.identity is Identity.UNCLEAR:
        return _IDENTITY_TROUBLES | {Trouble.DEFOCUSED, Trouble.FROZEN}
    if reading.alike < settings.judged_scene or math.isnan(reading.sharpness):
        return frozenset({Trouble.DEFOCUSED})
    return frozenset()


# Equal and alike pictures


def _still(before: Stillness | None, look: Look, at: datetime) -> Stillness:
    fresh = Stillness(look.digest, at, 1, look.thumbnail, at, 1)
    if before is None:
        return fresh
    equal = before.digest == look.digest
    alike = bool(np.abs(before.thumbnail.astype(np.int16) - look.thumbnail).max() <= 1)
    return Stillness(
        look.digest,
        before.equal_since if equal else at,
        before.equal_looks + 1 if equal else 1,
        before.thumbnail if alike else look.thumbnail,
        before.alike_since if alike else at,
        before.alike_looks + 1 if alike else 1,
    )


def _frozen(still: Stillness, at: datetime, settings: HealthSettings) -> bool:
    equal_s = (at - still.equal_since).total_seconds()
    alike_s = (at - still.alike_since).total_seconds()
    equal = still.equal_looks >= settings.frozen_looks and equal_s >= settings.frozen_s
    return equal or (still.alike_looks >= settings.alike_looks and alike_s >= settings.alike_s)


# Learning


def _remembered(
    memory: HealthMemory, reading: _Reading, look: Look, at: datetime, settings: HealthSettings
) -> HealthMemory:
    """The memory with this look's scene learned, followed, or watched as a new view."""
    if reading.identity is Identity.UNCLEAR:
        return memory
    if reading.identity is Identity.SAME:
        return _followed(memory, reading, look, at, settings)
    view = _watched(memory.new_view, look, at, settings)
    view = replace(view, of=reading.of or view.of)
    if reading.identity is Identity.LEARNING and view.of is None and view.scene.looks >= settings.settle_looks:
        return _known_by(view, memory)
    return replace(memory, new_view=view)


def _known_by(view: NewView, memory: HealthMemory) -> HealthMemory:
    """The view is the camera's scene from now on, in place of all that was known."""
    return replace(memory, scenes=(view.scene,), new_view=None)


def _watched(view: NewView | None, look: Look, at: datetime, settings: HealthSettings) -> NewView:
    """The new view seen once more, or the beginning of another one."""
    if view is None or likeness(view.scene.field, look.field, look.visible) < settings.steady_view:
        return NewView(_first_of(look), at)
    return replace(view, scene=_nearer(view.scene, look, settings))


def _first_of(look: Look) -> KnownScene:
    return KnownScene(look.field, 1, look.detail, look.white, look.sharpness)


def _followed(
    memory: HealthMemory, reading: _Reading, look: Look, at: datetime, settings: HealthSettings
) -> HealthMemory:
    """The nearest scene follows the look and comes first; what is hardly like any becomes one more, in time."""
    if _blurred(reading, settings) or reading.alike < settings.hidden_scene:
        return memory
    nearest = memory.scenes[reading.nearest]
    others = tuple(scene for scene in memory.scenes if scene is not nearest)
    scenes = (_nearer(nearest, look, settings), *others)
    if reading.alike >= settings.sure_scene:
        return replace(memory, scenes=scenes, new_view=None)
    # A strange view is none of the camera's lights, whatever one of its pictures is taken for.
    before = memory.new_view if memory.identity is Identity.SAME else None
    view = _watched(before, look, at, settings)
    if view.scene.looks < settings.light_looks:
        return replace(memory, scenes=scenes, new_view=view)
    return replace(memory, scenes=(view.scene, *scenes)[: settings.max_scenes], new_view=None)


_MEAN_OF = 8  # looks of which a young scene is the mean; later it follows slowly
_USUAL_RATE = 0.02  # of what a good picture measures: half of a change is usual after 35 looks


def _nearer(scene: KnownScene, look: Look, settings: HealthSettings) -> KnownScene:
    """The scene as it is known after one look more."""
    young = scene.looks < _MEAN_OF
    rate = 1.0 / (scene.looks + 1) if young else _USUAL_RATE
    away = look.field.astype(np.int16) - scene.field
    moved = np.rint(away * rate) if young else np.clip(away, -settings.follow, settings.follow)
    moved[~look.visible] = 0
    return KnownScene(
        field=(scene.field + moved).astype(np.int8),
        looks=min(scene.looks + 1, _MEAN_OF),
        detail=scene.detail + rate * (look.detail - scene.detail),
        white=scene.white + rate * (look.white - scene.white),
        sharpness=_usual(scene.sharpness, look.sharpness, rate),
    )


def _usual(before: float, now: float, rate: float) -> float:
    if math.isnan(before) or math.isnan(now):
        return now if math.isnan(before) else before
    return before + rate * (now - before)


def accepted(memory: HealthMemory) -> HealthMemory:
    """A person says that what the camera shows is what it shall show: the strange view it shows is its scene.

    Only what was told can be accepted. Without a strange view nothing changes: a second click forgets nothing.
    """
    strange = memory.identity not in {Identity.SAME, Identity.LEARNING} and troubles_on(memory) & _IDENTITY_TROUBLES
    return _known_by(memory.new_view, memory) if strange and memory.new_view is not None else memory


# Confirming and clearing


def _tallied(
    tallies: Mapping[Trouble, Tally],
    showing: frozenset[Trouble],
    untold: frozenset[Trouble],
    at: datetime,
    settings: HealthSettings,
) -> Mapping[Trouble, Tally]:
    before = {trouble: tallies.get(trouble, Tally()) for trouble in settings.raising}
    if Trouble.MOVED in showing and not before[Trouble.MOVED].on:
        untold = untold | {Trouble.WRONG_PICTURE}  # until it is told as moved, it stays told as wrong
    after = {
        trouble: tally if trouble in untold else _counted(tally, trouble, trouble in showing, at, settings)
        for trouble, tally in before.items()
    }
    return {trouble: tally for trouble, tally in after.items() if tally.on or tally.looks}


def _counted(tally: Tally, trouble: Trouble, shows: bool, at: datetime, settings: HealthSettings) -> Tally:
    if shows == tally.on:
        return Tally(tally.on)
    needed = settings.clearing if tally.on else settings.raising[trouble]
    looks, since = tally.looks + 1, tally.since or at
    if looks >= needed.looks and (at - since).total_seconds() >= needed.seconds:
        return Tally(not tally.on)
    return Tally(tally.on, looks, since)
