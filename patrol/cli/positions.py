"""``patrol positions``: positions of units from a file, as if they came now."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told
from patrol.cli.queueing import DEFAULT_VAR, RedisUrl, Var, redis_address, with_redis
from patrol.domain.vocabulary import CoordinateSystem

if TYPE_CHECKING:
    from redis.asyncio import Redis


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    commands = typer.Typer(no_args_is_help=True, help="Send positions of units, for simulation.")
    commands.callback()(_positions)  # with one command alone, typer would leave its name out
    commands.command("replay")(replay)
    app.add_typer(commands, name="positions")


def _positions() -> None:
    """Send positions of units, for simulation."""


def replay(
    file: Annotated[
        Path, typer.Argument(help="unit_id,seconds,latitude,longitude a line (.csv), or as JSON (.jsonl, .geojsonl)")
    ],
    redis: RedisUrl = None,
    var: Var = DEFAULT_VAR,
    speed: Annotated[float, typer.Option(min=0.01, max=1000, help="so many times as fast")] = 1.0,
    system: Annotated[CoordinateSystem, typer.Option(help="what the file's coordinates are in")] = (
        CoordinateSystem.WGS84
    ),
) -> None:
    """Put a file's positions on the queue in time: those of second 10 ten seconds after those of second 0."""
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.position_file import read_positions
    from patrol.adapters.redis_streams import RedisPublisher
    from patrol.pipeline.locating import send_in_time

    with errors_told():
        recorded = read_positions(file, system)

        async def send(connection: Redis) -> int:
            return await send_in_time(recorded, RedisPublisher(connection), SystemClock(), speed)

        with contextlib.suppress(KeyboardInterrupt):
            sent = with_redis(redis_address(redis, var), send)
            units = len({each.data.unit_id for each in recorded})
            typer.echo(f"{sent} positions of {units} unit{'s' if units != 1 else ''} sent")
