"""Cameras, for people who look after them: how each stands, stood, and was visited. Nothing here is done to one.

No address of a camera is told, nor any part of one; of what failed, the closed word, and the source's own redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.camera import CameraId, Place, RingName, Strategy
from patrol.domain.camera_history import KEPT_FOR, SPAN, CameraSpan, How, PastError, PastVisit, VisitEnd
from patrol.domain.camera_overview import (
    CameraHealth,
    CameraOverview,
    CameraTrouble,
    SourceKind,
    Worst,
    source_kind,
)
from patrol.domain.errors import CaptureFailure
from patrol.domain.incidents import IncidentId
from patrol.domain.troubles import Trouble
from patrol.domain.visits import Turn
from patrol.ports import CameraView, Clock
from patrol.web.entering import DeclaredRoute, declared
from patrol.web.paging import Asked, asked_in, page_of, refuse, refuse_cursor
from patrol.web.problems import error_response
from patrol.web.reading import id_in, in_time

USUAL_HOURS = 24
MOST_HOURS = KEPT_FOR // timedelta(hours=1)
MOST_CAMERAS = 500
CAMERAS, VISITS = "cameras", "visits"

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class TroubleShown:
    """A trouble that technicians were told of, by which incident, since when, and when it ended.

    ``detail``: a closed word, or nothing. ``unsteady``: it comes and goes.
    """

    incident_id: IncidentId
    trouble: Trouble
    detail: str
    since: datetime
    returned_at: datetime | None
    unsteady: bool

    @classmethod
    def of(cls, trouble: CameraTrouble) -> TroubleShown:
        """As it is told."""
        return cls(
            trouble.incident_id,
            trouble.trouble,
            trouble.detail,
            trouble.since,
            trouble.returned_at,
            trouble.unsteady,
        )


@dataclass(frozen=True, slots=True)
class WorstShown:
    """How long a camera was unseen at most within a day, relative to the bound it had then."""

    blind_age_s: float
    bound_s: float

    @classmethod
    def of(cls, worst: Worst | None) -> WorstShown | None:
        """As it is told."""
        return cls(round(worst.blind_age_s, 2), worst.bound_s) if worst is not None else None


@dataclass(frozen=True, slots=True)
class CameraShown:
    """One camera as it stands; never its stream address, which may hold a password.

    ``health``: in one word. ``blind_age_s``: None while nobody knows. ``bound_s``: its revisit bound at this hour;
    ``stretch``: the factor by which all bounds are stretched now, None while no tour reports. ``failing``: why its last
    visit failed. ``worst``: of the last 24 hours. ``source``: what kind of address it has; ``strategy``: how it is
    configured to be looked at. ``calibrated``: its picture is measured out in metres.
    """

    id: CameraId
    name: str
    name_en: str
    site: str
    site_en: str
    group: str
    ring: RingName
    place: Place
    heading_deg: float
    view_deg: float
    simulated: bool
    source: SourceKind
    strategy: Strategy
    zones: int
    masks: int
    calibrated: bool
    health: CameraHealth
    blind_age_s: float | None
    bound_s: float
    stretch: float | None
    failing: str | None
    people: int | None
    skipped_until: datetime | None
    troubles: tuple[TroubleShown, ...]
    worst: WorstShown | None

    @classmethod
    def of(cls, overview: CameraOverview) -> CameraShown:
        """The part of a camera that people may see."""
        camera, age_s = overview.camera, overview.blind_age_s
        return cls(
            id=camera.id,
            name=camera.name,
            name_en=camera.name_en,
            site=camera.site,
            site_en=camera.site_en,
            group=camera.group,
            ring=camera.ring,
            place=camera.place,
            heading_deg=camera.heading_deg,
            view_deg=camera.view_deg,
            simulated=camera.simulated,
            source=source_kind(camera),
            strategy=camera.strategy,
            zones=len(camera.zones),
            masks=len(camera.masks),
            calibrated=camera.ground is not None,
            health=overview.health,
            blind_age_s=None if age_s is None else round(age_s, 2),
            bound_s=overview.bound_s,
            stretch=overview.stretch,
            failing=overview.failing,
            people=overview.people,
            skipped_until=overview.skipped_until,
            troubles=tuple(TroubleShown.of(trouble) for trouble in overview.troubles),
            worst=WorstShown.of(overview.worst),
        )


@dataclass(frozen=True, slots=True)
class CamerasPage:
    """Some of them, in the order of the configuration. ``next``: the cursor of the next page, None on the last."""

    items: tuple[CameraShown, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class FailuresShown:
    """How many visits failed by what."""

    failure: CaptureFailure
    count: int


@dataclass(frozen=True, slots=True)
class SpanShown:
    """Ten minutes of a camera: its largest blind age and all bounds' largest stretch, its bound at the end, its visits
    that brought a picture, and those that did not."""

    began_at: datetime
    blind_age_s: float
    bound_s: float
    stretch: float
    visits: int
    failures: tuple[FailuresShown, ...]

    @classmethod
    def of(cls, span: CameraSpan) -> SpanShown:
        """As it is told."""
        failures = sorted(span.failures.items(), key=lambda each: -each[1])
        return cls(
            span.began_at,
            round(span.blind_age_s, 2),
            span.bound_s,
            round(span.stretch, 3),
            span.visits,
            tuple(FailuresShown(failure, count) for failure, count in failures),
        )


@dataclass(frozen=True, slots=True)
class CameraDetail:
    """One camera and its past, since ``since``.

    ``spans``: of ``span_s`` seconds each, oldest first; where there is none nobody watched. The last one may still run.
    ``troubles``: what lasts first, then what is over, newest first.
    """

    at: datetime
    camera: CameraShown
    since: datetime
    span_s: int
    spans: tuple[SpanShown, ...]
    troubles: tuple[TroubleShown, ...]


@dataclass(frozen=True, slots=True)
class VisitShown:
    """One visit. ``at``: when its picture was taken, or when it failed; ``seconds``: how long it took.

    ``turn``: why it was made; ``how``: by which way; ``end``: what became of it; ``failure``: by what it failed;
    ``people``: boxes of people, None where none was looked for.
    """

    number: int
    at: datetime
    turn: Turn
    how: How
    seconds: float
    end: VisitEnd
    failure: CaptureFailure | None
    people: int | None

    @classmethod
    def of(cls, visit: PastVisit) -> VisitShown:
        """As it is told."""
        return cls(
            visit.number,
            visit.at,
            visit.turn,
            visit.how,
            round(visit.seconds, 3),
            visit.end,
            visit.failure,
            visit.people,
        )


@dataclass(frozen=True, slots=True)
class ErrorShown:
    """Visits that failed in the same way one after another: so many, the first one ``since`` then, the last one ``at``.

    ``detail``: what the camera's source said of it, redacted, at most 160 characters; it may be empty.
    """

    at: datetime
    failure: CaptureFailure
    detail: str
    since: datetime
    count: int

    @classmethod
    def of(cls, error: PastError) -> ErrorShown:
        """As it is told."""
        return cls(error.at, error.failure, error.detail, error.since, error.count)


@dataclass(frozen=True, slots=True)
class VisitsPage:
    """Some of the latest visits, newest first. ``next``: the cursor of the next page, None on the last.

    ``errors``: the latest failures, newest first, with every page; they may be older than all visits that are told.
    """

    items: tuple[VisitShown, ...]
    next: str | None
    errors: tuple[ErrorShown, ...]


_CAMERAS, _DETAIL, _VISITS = TypeAdapter(CamerasPage), TypeAdapter(CameraDetail), TypeAdapter(VisitsPage)

_FILTERS: dict[str, Callable[[CameraOverview, str], bool]] = {
    "ring": lambda one, wanted: one.camera.ring.value == wanted,
    "site": lambda one, wanted: one.camera.site == wanted,
    "group": lambda one, wanted: one.camera.group == wanted,
    "health": lambda one, wanted: one.health.value == wanted,
    "q": lambda one, wanted: _says(one, wanted),
}


def camera_detail_routes(cameras: CameraView, clock: Clock) -> list[DeclaredRoute]:
    """How cameras stand and stood, for whoever sees the room."""
    routes = _Cameras(cameras, clock)
    return [
        declared("/api/v1/cameras", routes.cameras, Permission.SEE),
        declared("/api/v1/cameras/{camera_id}", routes.camera, Permission.SEE),
        declared("/api/v1/cameras/{camera_id}/visits", routes.visits, Permission.SEE),
    ]


class _Cameras:
    def __init__(self, cameras: CameraView, clock: Clock) -> None:
        self._cameras = cameras
        self._clock = clock

    async def cameras(self, request: Request) -> Response:
        asked = asked_in(request, CAMERAS, MOST_CAMERAS)
        found = _wanted(request, await in_time(self._cameras.cameras()))
        items, cursor = _page(found, asked, CAMERAS, lambda one: one.camera.id)
        return _json(_CAMERAS.dump_json(CamerasPage(tuple(CameraShown.of(one) for one in items), cursor)))

    async def camera(self, request: Request) -> Response:
        camera_id, now = CameraId(id_in(request, "camera_id")), self._clock.now()
        since = now - timedelta(hours=_hours(request))
        overviews = {one.camera.id: one for one in await in_time(self._cameras.cameras())}
        if camera_id not in overviews:
            raise _no_camera()
        spans = await in_time(self._cameras.history(camera_id, since))
        troubles = await in_time(self._cameras.troubles(camera_id, since))
        detail = CameraDetail(
            at=now,
            camera=CameraShown.of(overviews[camera_id]),
            since=since,
            span_s=int(SPAN.total_seconds()),
            spans=tuple(SpanShown.of(span) for span in spans),
            troubles=tuple(TroubleShown.of(trouble) for trouble in troubles),
        )
        return _json(_DETAIL.dump_json(detail))

    async def visits(self, request: Request) -> Response:
        asked = asked_in(request, VISITS)
        try:
            record = await in_time(self._cameras.visits(CameraId(id_in(request, "camera_id"))))
        except KeyError:
            raise _no_camera() from None
        if record is None:
            return error_response(503, "tour_silent", "the tour does not tell of its visits now; try again")
        items, cursor = _page(record.visits, asked, VISITS, lambda visit: str(visit.number))
        errors = tuple(ErrorShown.of(error) for error in record.errors)
        return _json(_VISITS.dump_json(VisitsPage(tuple(VisitShown.of(visit) for visit in items), cursor, errors)))


def _wanted(request: Request, cameras: Sequence[CameraOverview]) -> list[CameraOverview]:
    asked = [(name, request.query_params[name]) for name in _FILTERS if name in request.query_params]
    return [one for one in cameras if all(_FILTERS[name](one, wanted) for name, wanted in asked)]


def _says(one: CameraOverview, words: str) -> bool:
    camera = one.camera
    names = (camera.id, camera.name, camera.name_en, camera.site, camera.site_en, camera.group)
    said = " ".join(names).lower()
    return all(word in said for word in words.lower().split())


def _page(
    items: Sequence[Item], asked: Asked, list_name: str, place_of: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None]:
    """Of all items the page that is asked for. Raises Refused where what it comes after is not there any more."""
    places = [place_of(item) for item in items]
    if asked.after is not None and asked.after not in places:
        refuse_cursor()
    begins = 0 if asked.after is None else places.index(asked.after) + 1
    return page_of(items[begins : begins + asked.with_one_more], asked, list_name, place_of)


def _hours(request: Request) -> int:
    text = request.query_params.get("hours", str(USUAL_HOURS))
    hours = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    if not 1 <= hours <= MOST_HOURS:
        refuse("hours", f"expected 1 to {MOST_HOURS}, got {text[:20]}")
    return hours


def _no_camera() -> HTTPException:
    return HTTPException(404, "there is no such camera")


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
