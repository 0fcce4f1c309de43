"""What is known of the cameras of a fake room: a day behind them, always the same, and visits that go on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from patrol.domain.camera import Camera, CameraId
from patrol.domain.camera_history import (
    LATEST,
    SPAN,
    CameraSpan,
    How,
    PastError,
    PastVisit,
    VisitEnd,
    VisitRecord,
    span_at,
)
from patrol.domain.camera_overview import CameraOverview, CameraTrouble, Worst, overviews, troubles_of
from patrol.domain.errors import CaptureFailure
from patrol.domain.visits import Turn

from .fake_room import FakeRoom

DAY = timedelta(hours=24)


class FakeCameras:
    """CameraView of a fake room. ``is_silent``: no tour tells of visits; ``watched``: for how long it has a past."""

    def __init__(self, room: FakeRoom, watched: timedelta = DAY) -> None:
        self.room = room
        self.watched = watched
        self.is_silent = False
        self._worst_of: dict[CameraId, Worst] = {}

    async def cameras(self) -> Sequence[CameraOverview]:
        snapshot = await self.room.snapshot()
        if self.watched and not self._worst_of:
            self._worst_of = {camera.id: self._worst(camera) for camera in self.room.cameras}
        return overviews(self.room.cameras, snapshot.tour, troubles_of(snapshot.incidents), self._worst_of)

    def _worst(self, camera: Camera) -> Worst:
        now, place = self.room.now(), self.room.cameras.index(camera)
        night = span_at(now).replace(hour=3, minute=20)
        spans = (self._span(camera, place, began_at, now) for began_at in (night, span_at(now)))
        return max((Worst(span.blind_age_s, span.bound_s) for span in spans), key=lambda each: each.share)

    async def history(self, camera_id: CameraId, since: datetime) -> Sequence[CameraSpan]:
        return self._spans(self._camera(camera_id), since)

    async def troubles(self, camera_id: CameraId, since: datetime) -> Sequence[CameraTrouble]:
        snapshot = await self.room.snapshot()
        return troubles_of(snapshot.incidents).get(camera_id, ())

    async def visits(self, camera_id: CameraId) -> VisitRecord | None:
        camera = self._camera(camera_id)
        if self.is_silent:
            return None
        now, dice = self.room.now(), random.Random(camera.id)
        visits = tuple(self._visit(camera, number, now, dice) for number in range(LATEST, 0, -1))
        return VisitRecord(camera.id, now, visits, self._spans(camera, span_at(now))[0], self._errors(camera, now))

    def _errors(self, camera: Camera, now: datetime) -> tuple[PastError, ...]:
        earlier = now - timedelta(hours=5)
        old = PastError(earlier, CaptureFailure.UNAUTHORIZED, "RTSP 401", earlier)
        if camera.id not in self.room.dead:
            return (old,)
        since = now - timedelta(minutes=24)
        return PastError(now, CaptureFailure.TIMED_OUT, "no picture within 1.5 s", since, 29), old

    def _camera(self, camera_id: CameraId) -> Camera:
        return {camera.id: camera for camera in self.room.cameras}[camera_id]

    def _spans(self, camera: Camera, since: datetime) -> list[CameraSpan]:
        now, place = self.room.now(), self.room.cameras.index(camera)
        begins = span_at(max(since, now - self.watched) + SPAN - timedelta(microseconds=1))
        count = int((now - begins) / SPAN) + 1
        return [self._span(camera, place, begins + number * SPAN, now) for number in range(count)]

    def _span(self, camera: Camera, place: int, began_at: datetime, now: datetime) -> CameraSpan:
        dice, bound_s = random.Random(f"{camera.id}{began_at.hour}{began_at.minute}"), camera.revisit_bound_s
        is_out = camera.id in self.room.dead and now - began_at < timedelta(minutes=25)
        was_out = place % 7 == 5 and began_at.hour == 3
        age_s = bound_s * (4 + 6 * dice.random() if is_out or was_out else 0.72 + 0.24 * dice.random())
        failures = {CaptureFailure.TIMED_OUT: 20 + place % 9, CaptureFailure.BUSY: 2} if is_out or was_out else {}
        stretch = 1.6 if began_at.hour == 3 and place % 7 == 5 else 1.0
        return CameraSpan(camera.id, began_at, age_s, bound_s, stretch, int(600 / bound_s), failures)

    def _visit(self, camera: Camera, number: int, now: datetime, dice: random.Random) -> PastVisit:
        at = now - timedelta(seconds=(LATEST - number) * camera.revisit_bound_s * 0.9 + 0.4)
        seconds, how = 0.08 + dice.random() / 2, How.OPENED if number % 3 else How.KEPT_OPEN
        if camera.id in self.room.dead and number > LATEST - 6:
            failure = CaptureFailure.TIMED_OUT
            return PastVisit(number, at, Turn.RETRY, how, 1.5, VisitEnd.FAILED, failure)
        if number == LATEST:
            return PastVisit(number, at, Turn.DUE, how, seconds, VisitEnd.DETECTING)
        if number % 17 == 0:
            return PastVisit(number, at, Turn.DUE, how, seconds, VisitEnd.DROPPED)
        return PastVisit(number, at, Turn.DUE, how, seconds, VisitEnd.SEEN, people=number % 4)
