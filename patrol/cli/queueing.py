"""Which Redis a command means: the one it is told, REDIS_URL, or the embedded one of a Patrol that runs here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from patrol.domain.errors import InputError

if TYPE_CHECKING:
    from redis.asyncio import Redis

_Result = TypeVar("_Result")

RedisUrl = Annotated[str | None, typer.Option("--redis", metavar="URL", help="the queue; else REDIS_URL, else --var's")]
Var = Annotated[Path, typer.Option("--var", help="folder of a Patrol that runs with its own queue")]
DEFAULT_VAR = Path("var")


def redis_address(told: str | None, var: Path) -> str:
    """The address. Raises InputError if there is none. The demo's, in ``var``/demo, is found, too."""
    from patrol.adapters.valkey_embedded import running_address

    if address := told or os.environ.get("REDIS_URL"):
        return address
    for folder in (var / "valkey", var / "demo" / "valkey"):
        if address := running_address(folder):
            return address
    raise InputError(f"no queue: set REDIS_URL or say --redis, or start Patrol; none of its own runs in {var}")


def with_redis(address: str, work: Callable[[Redis], Awaitable[_Result]]) -> _Result:
    """Do something with a connection that is closed afterwards."""
    from patrol.adapters.redis_connecting import connect

    async def run() -> _Result:
        async with connect(address) as redis:
            return await work(redis)

    return asyncio.run(run())


def database_address(var: Path) -> str:
    """The address of the store that this Patrol uses. Raises InputError where there is none."""
    address = os.environ.get("DATABASE_URL")
    if address:
        return address
    file = var / "patrol.db"
    if not file.exists():
        raise InputError(f"{file}: there is no store; say --var of the Patrol that runs, or set DATABASE_URL")
    return f"sqlite:///{file}"
