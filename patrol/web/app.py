"""The console's web app, put together: which routes there are, what stands before them, how failures are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from patrol.domain.room import RoomSnapshot
from patrol.domain.rulebook import Rulebook
from patrol.domain.units import Unit
from patrol.ports import (
    CameraView,
    Clock,
    DeedLog,
    EvidenceFates,
    EvidenceStore,
    HealthCheck,
    HeatView,
    LiveDesk,
    PrecisionView,
    RecordView,
    RoomDesk,
    RoomView,
    RosterDesk,
    SceneDesk,
    StillDesk,
    UnitDesk,
    Wall,
)
from patrol.wall_metrics import WallMetrics
from patrol.web.answering import FAILURES
from patrol.web.camera_detail_routes import camera_detail_routes
from patrol.web.camera_routes import camera_routes
from patrol.web.describing import describing_routes
from patrol.web.encoding import Part, RoomEncoder
from patrol.web.entering import DeclaredRoute, Gate
from patrol.web.evidence_routes import evidence_routes
from patrol.web.feeding import FeedLimits, RoomFeed
from patrol.web.guarding import OwnHostOnly, SecurityHeaders
from patrol.web.incident_routes import incident_routes
from patrol.web.layout import EncodedLayout, RoomLayout
from patrol.web.letter_routes import letter_routes
from patrol.web.live_routes import live_routes
from patrol.web.looking import Looking, looking_routes
from patrol.web.map_routes import MapParts, heat_routes, map_routes
from patrol.web.record_routes import record_routes
from patrol.web.repeating import Repeats
from patrol.web.room_routes import asset_routes, precision_routes, room_routes
from patrol.web.roster_routes import roster_routes
from patrol.web.serving import serve
from patrol.web.settings_routes import settings_routes
from patrol.web.sign_in_routes import deed_routes, sign_in_routes
from patrol.web.status_routes import status_routes
from patrol.web.unit_routes import unit_routes
from patrol.web.wall_feeding import WallFeed, WallLimits
from patrol.web.wall_routes import wall_routes
from patrol.web.zone_routes import zone_routes

__all__ = ["FeedLimits", "RoomLayout", "make_status_app", "make_web_app", "serve"]


def make_web_app(
    view: RoomView,
    desk: RoomDesk,
    evidence: EvidenceStore,
    checks: Sequence[HealthCheck],
    registry: CollectorRegistry,
    layout: RoomLayout,
    clock: Clock,
    *,
    stopping: asyncio.Event,
    hosts: Collection[str] = (),
    limits: FeedLimits | None = None,
    fates: EvidenceFates | None = None,
    precision: PrecisionView | None = None,
    units: UnitDesk | None = None,
    gate: Gate | None = None,
    deeds: DeedLog | None = None,
    records: RecordView | None = None,
    wall: Wall | None = None,
    wall_metrics: WallMetrics | None = None,
    live: LiveDesk | None = None,
    stills: StillDesk | None = None,
    scenes: SceneDesk | None = None,
    map_parts: MapParts | None = None,
    heat: HeatView | None = None,
    cameras: CameraView | None = None,
    roster: Callable[[], Sequence[Unit]] = tuple,
    rosters: RosterDesk | None = None,
    timezone: ZoneInfo | None = None,
    rules: Callable[[], Rulebook] | None = None,
) -> Starlette:
    """The app, ready for ``serve``, which also runs its feed.

    ``hosts``: dotted names under which people open the page, besides addresses and dotless names.
    ``stopping``: once set, streams end and ``/readyz`` says so. ``fates``: why pictures that were there are not.
    ``precision``: how often the rules were right.
    ``units``: where positions and states of units go; without it nobody can send any. ``gate``: who gets in; without
    it, whoever is at this machine. ``deeds``: what people did; ``records``: what happened with each incident. ``wall``:
    the way to the tour's stills; without it nothing hangs on the tour wall. ``live``, ``stills``: to look at cameras as
    they are. ``map_parts``: what lies under the map's marks; ``heat``: where incidents were. ``cameras``: how they
    stand. ``scenes``: to draw in their pictures; without it nobody can. ``roster``, ``rules``: by what the station is
    run, to be read; ``rosters``: to change when units are on duty; without it nobody can. ``timezone``: the station's.
    """
    gate = gate or Gate()
    encoded = EncodedLayout.of(layout)
    looking, encoder = Looking(clock), RoomEncoder(layout, encoded.version)

    def encode(snapshot: RoomSnapshot) -> Mapping[Part, bytes]:
        return encoder.parts(snapshot, looking.now())

    feed = RoomFeed(view, encode, clock, stopping, limits or FeedLimits())
    hanging = _wall_feed(wall, wall_metrics, layout, clock, stopping)
    app = _guarded(
        [
            *asset_routes(),
            *room_routes(view, encoded, encode, feed, gate),
            *map_routes(map_parts or MapParts()),
            *(heat_routes(heat) if heat is not None else ()),
            *looking_routes(looking),
            *incident_routes(desk),
            *(record_routes(records) if records is not None else ()),
            *camera_routes(desk, layout),
            *(camera_detail_routes(cameras, clock) if cameras is not None else ()),
            *(unit_routes(units, layout) if units is not None else ()),
            *evidence_routes(evidence, fates),
            *(precision_routes(precision) if precision is not None else ()),
            *letter_routes(desk),
            *settings_routes(roster, rules, clock, timezone),
            *(roster_routes(rosters) if rosters is not None else ()),
            *(live_routes(live, stills, gate, clock) if live is not None and stills is not None else ()),
            *(zone_routes(scenes) if scenes is not None else ()),
            *sign_in_routes(gate),
            *(deed_routes(deeds) if deeds is not None else ()),
            *(wall_routes(hanging, gate) if hanging is not None else ()),
            *describing_routes(),
            *status_routes(checks, registry, stopping),
        ],
        gate,
        [
            Middleware(OwnHostOnly, names=hosts),
            Middleware(GZipMiddleware, minimum_size=1024, compresslevel=5),
        ],
    )
    app.state.feed, app.state.wall = feed, hanging
    app.state.repeats = Repeats(deeds)
    return app


def _wall_feed(
    wall: Wall | None, metrics: WallMetrics | None, layout: RoomLayout, clock: Clock, stopping: asyncio.Event
) -> WallFeed | None:
    if wall is None:
        return None
    cameras = [camera.id for camera in layout.cameras]
    return WallFeed(wall, cameras, clock, stopping, WallLimits(), metrics or WallMetrics(CollectorRegistry()))


def make_status_app(
    checks: Sequence[HealthCheck], registry: CollectorRegistry, *, stopping: asyncio.Event, gate: Gate | None = None
) -> Starlette:
    """Health and metrics alone, for the roles that show people nothing; for ``serve``."""
    return _guarded(status_routes(checks, registry, stopping), gate or Gate())


def _guarded(routes: Sequence[Route], gate: Gate, more: Sequence[Middleware] = ()) -> Starlette:
    for route in routes:
        if not isinstance(route, DeclaredRoute):
            raise TypeError(f"{route.path}: expected what it needs, or that it is open; see declared()")
    app = Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), *more], exception_handlers=dict(FAILURES))
    app.state.gate, app.state.repeats = gate, Repeats()
    return app
