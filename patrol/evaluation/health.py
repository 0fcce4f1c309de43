"""Playing items of the kind camera_health: their pictures go where captured ones go, to ``pipeline.inspecting``.

A tour looks at a camera once in 5 to 30 s, and a camera's view has to be known before anything can be wrong with it.
Few recordings are that long. One that is too short for a tour is played slower: its pictures are taken evenly from it,
and dated as visits of a periphery camera, ``VISIT_S`` apart. So what is told of it is told in visits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from patrol.adapters.clock import SystemClock
from patrol.adapters.stream import duration_of, frames_of
from patrol.domain.camera import Camera, CameraId, RingName
from patrol.domain.errors import CaptureFailure
from patrol.domain.events import Kind
from patrol.domain.frame import Frame
from patrol.domain.health_memory import HealthMemory
from patrol.domain.health_watching import HealthWatcher
from patrol.domain.troubles import WORDS, Trouble
from patrol.evaluation.picturing import Shot, draw
from patrol.evaluation.playing import MOST_SHOTS, Performance, ShownEvent, Size, pictures_in, recording_camera
from patrol.evaluation.ruling import NotAvailableError
from patrol.evaluation.scoring import Interval, Told
from patrol.evaluation.truth import Item, Media
from patrol.metrics import Metrics
from patrol.pipeline.inspecting import Inspecting
from patrol.pipeline.replaying import RECORDING_BEGINS, TimedPixels
from patrol.ports import ProcessorUse

VISIT_S = 15.0
# Visits that a recording should have at least: some to learn the view by, and some after it has changed.
FEWEST_VISITS = 24
# Pictures closer together show hardly anything new.
CLOSEST_S = 0.25


@dataclass(slots=True)
class _Trouble:
    """One trouble that was told. ``ended_s``: when it was told to be over; None while it lasts."""

    trouble: Trouble
    told_s: float
    shot: Shot | None
    ended_s: float | None = None


@dataclass(slots=True)
class _Room:
    """All that inspecting tells: pictures that are handed on or refused, and troubles."""

    begun: list[_Trouble] = field(default_factory=list)
    pixels: Frame | None = None

    def offer(self, frame: Frame, ring: RingName, *, is_extra: bool = False) -> None:
        """See inspecting.DetectSide; nobody detects anything here."""

    def refuse(self, reason: str) -> None:
        """See inspecting.DetectSide."""

    def refused(self, frame: Frame, failure: CaptureFailure) -> None:
        """See inspecting.RefusedSide."""

    def troubled(self, camera: Camera, trouble: Trouble, detail: str, since: datetime) -> None:
        """See reviewing.TroubleSide."""
        told_s = _seconds(since)
        shot = None
        if self.pixels is not None and len(self.begun) < MOST_SHOTS:
            shot = draw(self.pixels.pixels, None, (), (), told_s)
        self.begun.append(_Trouble(trouble, told_s, shot))

    def recovered(self, camera: Camera, trouble: Trouble, at: datetime) -> None:
        """See reviewing.TroubleSide."""
        for one in self.begun:
            if one.trouble is trouble and one.ended_s is None:
                one.ended_s = _seconds(at)

    async def load(self) -> Mapping[CameraId, HealthMemory]:
        """See SceneStore: nothing is known before."""
        return {}

    async def save(self, memories: Mapping[CameraId, HealthMemory]) -> None:
        """See SceneStore: nothing is kept."""


def play_health(item: Item, scale_to: Size, processor: ProcessorUse) -> Performance:
    """Show an item to camera health as the tour would. Raises NotAvailableError, InputError."""
    began_s = processor.used_s()
    room = _Room()
    camera = recording_camera(RingName.PERIPHERY, VISIT_S)
    inspecting = Inspecting(
        {camera.id: camera},
        HealthWatcher(),
        room,
        room,
        room,
        room,
        SystemClock(),
        Metrics(CollectorRegistry()),
    )
    visits = visits_of(item)
    wanted_s = sorted((each.start_s + each.end_s) / 2 * visits.slower for each in item.intervals) or [0.0]
    moments: list[Shot] = []
    last_s, count = 0.0, 0
    for t_s, _, pixels in visits.frames(scale_to):
        frame = Frame(camera.id, RECORDING_BEGINS + timedelta(seconds=t_s), pixels)
        room.pixels = frame
        inspecting.offer(frame, camera.ring)
        while len(moments) < len(wanted_s) and t_s >= wanted_s[len(moments)]:
            moments.append(draw(pixels, None, (), (), t_s))
        last_s, count = t_s, count + 1
    return Performance(
        intervals=tuple(Interval(v.start_s * visits.slower, v.end_s * visits.slower) for v in item.intervals),
        events=tuple(_shown(one, last_s) for one in room.begun),
        moments=tuple(moments),
        suspected=frozenset({Kind.CAMERA_HEALTH.value} if room.begun else ()),
        frames=count,
        seconds=last_s + visits.every_s * visits.slower,
        processor_s=processor.used_s() - began_s,
        visit_s=visits.every_s * visits.slower,
    )


def _shown(one: _Trouble, last_s: float) -> ShownEvent:
    zh, en = WORDS[one.trouble]
    held = Interval(one.told_s, one.ended_s if one.ended_s is not None else last_s)
    return ShownEvent(Kind.CAMERA_HEALTH.value, Told(held, one.told_s, 1.0), 1, zh, en, one.shot)


@dataclass(frozen=True, slots=True)
class Visits:
    """How an item is looked at: a picture every ``every_s`` of its own time, played ``slower`` times slower."""

    item: Item
    every_s: float
    slower: float

    def frames(self, scale_to: Size) -> Iterator[TimedPixels]:
        """The pictures at the times of their visits. Raises InputError, naming the file."""
        for t_s, index, pixels in self._recorded(scale_to):
            yield t_s * self.slower, index, pixels

    def _recorded(self, scale_to: Size) -> Iterator[TimedPixels]:
        item = self.item
        if item.media is Media.VIDEO:
            yield from frames_of(item.file, 1 / self.every_s, scale_to)
            return
        assert item.fps is not None
        before = -1
        for index, file in enumerate(pictures_in(item.file)):
            number = math.floor(index / item.fps / self.every_s + 1e-6)
            if number > before:
                before = number
                yield index / item.fps, index, next(frames_of(file, None, scale_to))[2]


def visits_of(item: Item) -> Visits:
    """A recording that is long enough is visited at its own time, a shorter one as often as it has visits to give.

    Raises NotAvailableError for what is no recording, or does not say how long it is.
    """
    if item.media in (Media.IMAGE, Media.TRACKS):
        raise NotAvailableError("a camera's health is told from recordings alone")
    if item.media is Media.FRAMES and item.fps is not None:
        length_s, closest_s = len(pictures_in(item.file)) / item.fps, 1 / item.fps
    else:
        length_s, closest_s = item.seconds or duration_of(item.file) or 0.0, CLOSEST_S
    if not length_s:
        raise NotAvailableError("a recording that does not say how long it is")
    every_s = min(VISIT_S, max(CLOSEST_S, closest_s, length_s / FEWEST_VISITS))
    return Visits(item, every_s, max(1.0, VISIT_S / every_s))


def _seconds(at: datetime) -> float:
    return (at - RECORDING_BEGINS).total_seconds()
