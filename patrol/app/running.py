"""Running the parts until the end, which travels downstream."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from patrol.adapters.processor import give_memory_back
from patrol.adapters.redis_streams import RedisPublisher, RedisSubscription
from patrol.adapters.sql import SqlStore
from patrol.app.assembling import Parts
from patrol.app.options import Options, Role
from patrol.config import Configuration
from patrol.domain.camera import Camera
from patrol.domain.errors import InputError, PatrolError, StoreError
from patrol.domain.messages import RED_STREAM
from patrol.domain.rulebook import Rulebook, rulebook
from patrol.domain.signing_in import is_loopback
from patrol.pipeline import dispatching, locating
from patrol.pipeline.consuming import Consuming
from patrol.pipeline.keeping import EvidenceDesk
from patrol.pipeline.locating import Locating
from patrol.pipeline.stopping import pause
from patrol.ports import Clock, HealthCheck
from patrol.web.app import make_status_app, make_web_app
from patrol.web.entering import Gate
from patrol.web.layout import RoomLayout
from patrol.web.serving import Tls, serve

if TYPE_CHECKING:
    from patrol.app.touring import TourParts

# A person waits for Ctrl-C: what the detector has not looked at by then is dropped, and counted; what a store that
# is away has not taken is given up some time later, and said so.
FINISH_DETECTING_S = 1.5
FINISH_ACCEPTING_S = 1.0
TIDIED_EVERY_S = 10.0
SEEN_THROUGH_EVERY = 20_000  # objects made; Python's own 700 are made by a few visits

Companion = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Something else that runs beside the service until the event is set (the demo's simulations)."""


async def run_parts(
    parts: Parts,
    configuration: Configuration,
    options: Options,
    stopping: asyncio.Event,
    on_ready: Callable[[str], None],
    companions: Sequence[Companion] = (),
) -> None:
    """Run the roles until ``stopping``. The end travels downstream: first the tour, last the relay and the console.

    Raises InputError where the console would be open to others.
    """
    await _check_who_may_enter(parts, configuration, options)
    drained = asyncio.Event()
    # What there is by now stays until the end; to look through it for garbage stops all visits for 0.1 s each time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEEN_THROUGH_EVERY, *gc.get_threshold()[1:])
    async with asyncio.TaskGroup() as group:
        group.create_task(parts.opening.run(drained))
        group.create_task(parts.recovering.run(drained, repairs=Role.RELAY in options.roles))
        group.create_task(_run_upstream(parts, options, stopping, drained))
        if Role.RELAY in options.roles:
            group.create_task(parts.relaying.run(drained))
            group.create_task(parts.reconciling.run(drained))
            group.create_task(parts.keeping.run(drained))
            group.create_task(parts.beating.run(stopping))  # ends first: what it began is relayed, too
            group.create_task(parts.auditing.run(drained))
        if Role.DISPATCH in options.roles:
            # One reads nothing but red alerts: it never has a batch of others in hand.
            for streams in ((RED_STREAM,), tuple(each for each in dispatching.STREAMS if each != RED_STREAM)):
                group.create_task(_dispatch_consumer(parts, streams).run(drained))
            group.create_task(_locating(parts, configuration).run(drained))
            group.create_task(parts.mustering.run(drained))
            group.create_task(parts.following_up.run(drained))
            group.create_task(parts.room.run_gauges(drained))
        if Role.CONSOLE in options.roles:
            group.create_task(parts.live.streaming.run(stopping))
        group.create_task(_serve(parts, configuration, options, drained, on_ready))
        group.create_task(parts.redrawing.run(stopping))
        group.create_task(parts.restaffing.run(drained))
        group.create_task(parts.timekeeping.run(drained))
        group.create_task(_tidy_memory(parts.clock, drained))
        for companion in companions:
            group.create_task(companion(drained))


async def _tidy_memory(clock: Clock, stopping: asyncio.Event) -> None:
    while not await pause(clock, stopping, TIDIED_EVERY_S):
        await asyncio.to_thread(give_memory_back)


async def _run_upstream(parts: Parts, options: Options, stopping: asyncio.Event, drained: asyncio.Event) -> None:
    try:
        if parts.tour is None:
            await stopping.wait()
        else:
            await _run_tour(parts.tour, parts.clock, stopping)
    finally:
        # Also when another part has died: a consumer in the middle of a command may miss its cancellation
        # (redis-py's read under asyncio.wait_for on 3.11), but not this.
        drained.set()


async def _run_tour(tour: TourParts, clock: Clock, stopping: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        late = group.create_task(_abandon_late_work(tour, clock, stopping))
        accepting = group.create_task(tour.alerting.run())
        filming = group.create_task(tour.filming.run())
        group.create_task(tour.touring.run_reports(stopping))
        group.create_task(tour.maintaining.run(stopping))
        group.create_task(tour.showing.run(stopping))
        group.create_task(tour.remembering.run(stopping))
        group.create_task(tour.inspecting.run(stopping))
        async with asyncio.TaskGroup() as frames:
            frames.create_task(tour.touring.run(stopping))
            frames.create_task(tour.detecting.run())
        await tour.alerting.close()
        await accepting
        await tour.filming.close()
        await filming
        late.cancel()


async def _abandon_late_work(tour: TourParts, clock: Clock, stopping: asyncio.Event) -> None:
    await stopping.wait()
    await clock.sleep(FINISH_DETECTING_S)
    tour.detecting.abandon()
    await clock.sleep(FINISH_ACCEPTING_S)
    tour.alerting.abandon()
    tour.filming.abandon()


def _dispatch_consumer(parts: Parts, streams: Sequence[str]) -> Consuming:
    # The host's name keeps a consumer's name the same over a restart: it finds its own unfinished work.
    subscription = RedisSubscription(
        parts.redis,
        dispatching.GROUP,
        socket.gethostname(),
        streams,
        first=tuple(each for each in dispatching.FIRST if each in streams),
        on_reclaimed=parts.metrics.queue.reclaimed.labels(dispatching.GROUP).inc,
    )
    return Consuming(dispatching.GROUP, subscription, parts.dispatching.handle, parts.clock, parts.metrics)


def _locating(parts: Parts, configuration: Configuration) -> Locating:
    subscription = RedisSubscription(
        parts.redis,
        locating.GROUP,
        socket.gethostname(),
        locating.STREAMS,
        on_reclaimed=parts.metrics.queue.reclaimed.labels(locating.GROUP).inc,
    )
    units = [unit.id for unit in configuration.units]
    return Locating(subscription, parts.duties, units, configuration.positions, parts.clock, parts.metrics)


def _is_open_here(configuration: Configuration, options: Options) -> bool:
    """Whether only this machine can ask at all, so that a room without accounts may be open."""
    return is_loopback(options.host) and not configuration.web.hosts


async def _check_who_may_enter(parts: Parts, configuration: Configuration, options: Options) -> None:
    if Role.CONSOLE not in options.roles or _is_open_here(configuration, options):
        return
    try:
        has_accounts = await parts.signing_in.has_accounts()
    except StoreError:  # nobody gets in before that is known
        return
    if not has_accounts:
        named = f" as {', '.join(configuration.web.hosts)}" if configuration.web.hosts else ""
        raise InputError(
            f"the console would listen on {options.host}{named}, where others can reach it, and there is no account"
            " yet: make one with `patrol accounts add NAME --role administrator`, or let it listen on 127.0.0.1 only"
        )


async def _serve(
    parts: Parts,
    configuration: Configuration,
    options: Options,
    stopping: asyncio.Event,
    on_ready: Callable[[str], None],
) -> None:
    checks: list[HealthCheck] = [StoreCheck(parts.store), QueueCheck(parts.publisher)]
    if Role.RELAY in options.roles:
        checks.append(parts.auditing)
    registry = parts.metrics.registry
    gate = Gate(
        parts.signing_in,
        is_open_here=_is_open_here(configuration, options),
        plain_http=options.plain_http or configuration.web.plain_http,
    )
    if Role.CONSOLE in options.roles:
        layout = _layout(configuration)
        cameras = {camera.id: camera for camera in configuration.cameras}
        parts.redrawing.follow(lambda _, after: cameras.update({after.id: after}))
        app = make_web_app(
            parts.room,
            parts.desk,
            parts.evidence,
            checks,
            registry,
            layout,
            parts.clock,
            stopping=stopping,
            hosts=configuration.web.hosts,
            fates=EvidenceDesk(parts.store.evidence, parts.clock, parts.metrics),
            precision=parts.appraising,
            units=parts.units_desk,
            gate=gate,
            deeds=parts.deeds,
            records=parts.records,
            wall=parts.wall,
            wall_metrics=parts.metrics.wall,
            live=parts.live.streaming,
            stills=parts.live.glancing,
            roster=lambda: parts.store.units,
            rosters=parts.staffing,
            timezone=configuration.timezone,
            rules=lambda: _rules(configuration, cameras.values()),
            scenes=parts.drawing,
            cameras=parts.recounting,
            map_parts=parts.map,
            heat=parts.heating,
        )
        parts.redrawing.follow(lambda _, after: app.state.wall.forget(after.id))
    else:
        app = make_status_app(checks, registry, stopping=stopping, gate=gate)
    web = configuration.web
    tls = Tls(web.certificate, web.key) if web.certificate is not None and web.key is not None else None
    await serve(app, options.host, options.port, stopping, on_ready, tls)


def _rules(configuration: Configuration, cameras: Iterable[Camera]) -> Rulebook:
    return rulebook(
        configuration.rules.values(),
        cameras,
        configuration.levels,
        configuration.sending.confirm,
        configuration.second_person,
    )


def _layout(configuration: Configuration) -> RoomLayout:
    return RoomLayout.of(
        configuration.station,
        configuration.station_en,
        configuration.cameras,
        configuration.rings.values(),
        configuration.units,
    )


class StoreCheck:
    """HealthCheck of the database."""

    name = "store"

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def problem(self) -> str | None:
        """See HealthCheck."""
        try:
            await self._store.waiting()
        except StoreError as error:
            return str(error)
        return None


class QueueCheck:
    """HealthCheck of Redis."""

    name = "queue"

    def __init__(self, publisher: RedisPublisher) -> None:
        self._publisher = publisher

    async def problem(self) -> str | None:
        """See HealthCheck."""
        try:
            await self._publisher.ping()
        except PatrolError as error:
            return str(error)
        return None
