"""``patrol drill``: an exercise for people, on the running Patrol."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import errors_told
from patrol.cli.queueing import DEFAULT_VAR, RedisUrl, Var, database_address, redis_address
from patrol.domain.errors import InputError, PatrolError
from patrol.domain.events import Kind, Level

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from patrol.adapters.sql import SqlStore
    from patrol.config import Configuration
    from patrol.domain.alerts import Candidate
    from patrol.pipeline.drilling import Progress

DEFAULT_CONFIG = Path("configs/cameras.yaml")
MORE_THAN_THE_TARGET_S = 30.0
STEPS = {
    "t3": "accepted",
    "t4": "displayed",
    "t5": "confirmed",
    "t6": "order sent",
    "t7": "accepted by the unit",
    "t8": "en route",
    "t9": "on scene",
    "t10": "handled",
    "t11": "feedback",
    "t12": "closed",
}


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("drill")(drill)


def drill(
    kind: Annotated[Kind, typer.Option(help="what is to have happened")],
    camera: Annotated[str, typer.Option(help="the camera's id")],
    level: Annotated[Level, typer.Option(help="how urgent")] = Level.RED,
    config: Annotated[Path, typer.Option("--config", help="the configuration that runs")] = DEFAULT_CONFIG,
    redis: RedisUrl = None,
    var: Var = DEFAULT_VAR,
    act: Annotated[bool, typer.Option("--act", help="answer for the drill's unit, a step at a time")] = False,
    within: Annotated[
        float | None, typer.Option(min=1, help="close it after so many seconds", show_default="ring's target + 30")
    ] = None,
    keep_open: Annotated[bool, typer.Option("--keep-open", help="leave the closing to people")] = False,
    operator: Annotated[str | None, typer.Option(help="who drills", show_default="you")] = None,
) -> None:
    """Put a drill where events go in, and show how far it comes.

    It runs the whole way: store, outbox, queue, consoles, dispatch, feedback; it is marked as a drill everywhere. No
    real unit moves: only units that the configuration marks as simulated are sent. It ends with the disposition drill.
    Exit code 0: it came through the queue, and a unit was ordered and on scene.
    """
    from patrol import config as configuring

    with errors_told():
        configuration = configuring.load(config, os.environ, variables_required=False)
        candidate = _candidate(configuration, kind, level, camera)
        within_s = within or candidate.ring.response_target_s + MORE_THAN_THE_TARGET_S
        came_through = asyncio.run(
            _drill(configuration, candidate, redis, var, within_s, act, keep_open, operator or getpass.getuser())
        )
    raise typer.Exit(0 if came_through else 1)


def _candidate(configuration: Configuration, kind: Kind, level: Level, camera_id: str) -> Candidate:
    from patrol.adapters.clock import SystemClock
    from patrol.domain.drills import drill_candidate

    camera = next((camera for camera in configuration.cameras if camera.id == camera_id), None)
    if camera is None:
        raise InputError(f"{camera_id}: no such camera in the configuration")
    try:
        ring = configuration.rings[camera.ring]
        return drill_candidate(kind, level, camera, ring, SystemClock().now(), secrets.randbits(144))
    except ValueError as error:
        raise InputError(str(error)) from None


async def _drill(
    configuration: Configuration,
    candidate: Candidate,
    redis_url: str | None,
    var: Path,
    within_s: float,
    act: bool,
    keep_open: bool,
    operator: str,
) -> bool:
    from prometheus_client import CollectorRegistry

    from patrol.adapters.clock import SystemClock
    from patrol.adapters.disk_evidence import DiskEvidence
    from patrol.adapters.evidence_picture import draw_drill
    from patrol.adapters.redis_connecting import connect
    from patrol.adapters.redis_streams import RedisPublisher
    from patrol.metrics import Metrics
    from patrol.pipeline.deciding import Deciding
    from patrol.pipeline.drilling import Drilling

    clock = SystemClock()
    began = clock.now()

    def tell(what: str, at: datetime | None = None) -> None:
        print(f"{((at or clock.now()) - began).total_seconds():+7.2f} s  {what}", flush=True)

    def step(name: str, at: datetime, who: str) -> None:
        if name in STEPS:
            tell(f"{STEPS[name]} ({who})", at)
        elif name == "order":
            tell(f"unit {who} is ordered", at)

    async with _store(configuration, var) as store, connect(redis_address(redis_url, var)) as redis:
        deciding = Deciding(store, clock, Metrics(CollectorRegistry()), configuration.sending)
        acting = RedisPublisher(redis) if act else None
        drilling = Drilling(store, store, DiskEvidence(var / "evidence"), deciding, clock, step, acting)
        seen: set[str] = set()
        async with _following(redis, candidate.incident_id, seen, tell):
            began = clock.now()
            picture = draw_drill(f"{candidate.event.kind} {candidate.level} {candidate.camera.id}")
            progress = await drilling.begin(candidate, picture)
            progress = await drilling.watch(progress, within_s)
            if not keep_open:
                progress = await drilling.close(progress, operator, "演练结束 end of the drill")
    return _judge(progress, seen, keep_open)


@contextlib.asynccontextmanager
async def _store(configuration: Configuration, var: Path) -> AsyncIterator[SqlStore]:
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.sql import SqlStore

    store = SqlStore(database_address(var), configuration.units, SystemClock())
    try:
        await store.open()
        yield store
    finally:
        await store.aclose()


@contextlib.asynccontextmanager
async def _following(
    redis: Redis, incident_id: str, seen: set[str], tell: Callable[[str], None]
) -> AsyncIterator[None]:
    """Tell of its messages, from now until the end of the block."""
    following = asyncio.ensure_future(_follow(redis, incident_id, seen, tell))
    try:
        await asyncio.sleep(0.1)  # it follows from now on
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError, PatrolError):
            await following


async def _follow(redis: Redis, incident_id: str, seen: set[str], tell: Callable[[str], None]) -> None:
    """Tell which of its messages lie on which streams."""
    from patrol.adapters.stream_tail import follow
    from patrol.domain.messages import ALERT_STREAMS, ORDER_STREAMS

    async for entry in follow(redis, (*ALERT_STREAMS, *ORDER_STREAMS)):
        body = entry.fields.get("ce", "")
        if incident_id not in body:
            continue
        content: dict[str, Any] = json.loads(body)
        seen.add(content["type"])
        tell(f"on the queue: {content['type']} on {entry.stream}")


def _judge(progress: Progress, seen: set[str], keep_open: bool) -> bool:
    from patrol.domain.incidents import ClockName
    from patrol.domain.messages import ALERT, ORDER

    incident = progress.incident
    missing = []
    if ALERT not in seen:
        missing.append("the alert never came to the queue: is the relay running?")
    if progress.order is None:
        missing.append("no unit was ordered: none in the configuration is simulated, free and of this ring")
    elif ORDER not in seen:
        missing.append("the order never came to the queue")
    if progress.order is not None and ClockName.ON_SCENE not in incident.clocks:
        missing.append("no unit came on scene: does anything answer for the simulated units? (--act does)")
    print(
        f"{incident.id}: {incident.state}" + (f", disposition {incident.disposition}" if incident.disposition else "")
    )
    if keep_open and incident.is_open:
        print("it stays open: close it in the feed")
    for problem in missing:
        print(f"! {problem}")
    return not missing
