"""``patrol run``: the service."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from patrol.cli.failing import errors_told
from patrol.domain.errors import PatrolError, StoreError

if TYPE_CHECKING:
    from patrol.app import Options, Parts
    from patrol.config import Configuration

_log = logging.getLogger(__name__)

DEFAULT_CONFIG = Path("configs/cameras.yaml")
STOPPED_AT_START = 130  # as a shell says of a command that Ctrl-C ended

Entered = TypeVar("Entered")

ROLE_NAMES = ("all", "tour", "relay", "dispatch", "console")


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("run")(run)


def run(
    config: Annotated[Path, typer.Option("--config", help="cameras, rings, rules and units")] = DEFAULT_CONFIG,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help=f"what this process does, one or more of {', '.join(ROLE_NAMES)}"),
    ] = None,
    host: Annotated[str | None, typer.Option(help="address to listen on; loopback unless configured")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="port to listen on; 0 takes a free one")] = None,
    var: Annotated[Path, typer.Option("--var", help="folder for database, queue and evidence")] = Path("var"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    plain_http: Annotated[
        bool,
        typer.Option(
            "--plain-http", help="people and tokens are let in over plain HTTP from elsewhere: on a private way only"
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log each accepted alert and decision")] = False,
) -> None:
    """Tour the configured cameras, raise alerts, dispatch, and serve the feed.

    REDIS_URL and DATABASE_URL say where the queue and the store are; without them Patrol runs its own beside it.
    Ctrl-C or SIGTERM stops it cleanly; a second one leaves at once.
    """
    from patrol import config as configuring
    from patrol.adapters.devices import Device
    from patrol.adapters.model_manifests import known_classes
    from patrol.app import ALL_ROLES, Options, Role

    names = role or ["all"]
    if unknown := [name for name in names if name not in ROLE_NAMES]:
        raise typer.BadParameter(f"{', '.join(unknown)}: expected {', '.join(ROLE_NAMES)}", param_hint="--role")
    if device not in set(Device):
        raise typer.BadParameter(f"{device}: expected {', '.join(Device)}", param_hint="--device")
    log_to_stderr(logging.INFO if verbose else logging.WARNING)
    with errors_told():
        # Only the tour opens cameras: no other role is asked for their credentials.
        opens_cameras = bool({"all", "tour"} & set(names))
        configuration = configuring.load(
            config, os.environ, variables_required=opens_cameras, known_models=known_classes()
        )
        for warning in configuration.warnings if opens_cameras else ():
            tell(f"{config}: {warning}")
        if opens_cameras:
            tell_what_can_be_kept(configuration)
        if all(unit.simulated for unit in configuration.units):
            tell(f"{config}: units: all are simulated; nobody will be sent to what real cameras see")
        options = Options(
            var=var,
            roles=ALL_ROLES if "all" in names else frozenset(Role(name) for name in names),
            redis_url=os.environ.get("REDIS_URL") or None,
            database_url=os.environ.get("DATABASE_URL") or None,
            host=host or configuration.web.host,
            port=configuration.web.port if port is None else port,
            device=Device(device),
            plain_http=plain_http,
            config=config,
        )
        code = run_until_stopped(lambda stopping: _serve(configuration, options, stopping))
    leave(code)


def tell_what_can_be_kept(configuration: Configuration) -> None:
    """What `patrol check` would say of the bounds. Nothing is refused: over capacity all bounds stretch alike."""
    from patrol.cli import admitting
    from patrol.config import measuring

    found = admitting.verdict(configuration, measuring.assumed(), None, admitting.station_time(configuration))
    tell(f"the bounds ask for {admitting.needed(found.admission)}")
    for line in admitting.lines(found):
        tell(line)
    for warning in admitting.warnings(found):
        _log.warning("%s", warning)


async def _serve(configuration: Configuration, options: Options, stopping: asyncio.Event) -> int:
    from patrol.app import assembled, run_parts

    async with AsyncExitStack() as stack:
        parts = await enter_unless_stopped(stack, assembled(configuration, options, progress=tell), stopping)
        await _tell_who_may_enter(parts)
        await run_parts(parts, configuration, options, stopping, lambda address: tell(f"Patrol is up: {address}"))
        if parts.tour is not None:
            frames = parts.tour.detecting.counts
            tell(f"frames: {frames.captured} captured = {frames.processed} processed + {frames.dropped} dropped")
    tell("stopped")
    return 0


async def _tell_who_may_enter(parts: Parts) -> None:
    with suppress(StoreError):
        if not await parts.signing_in.has_accounts():
            tell("no accounts: the console is open to whoever is at this machine, and to nobody else")
            tell("  `patrol accounts add NAME --role administrator` makes the first one; from then on people sign in")


async def enter_unless_stopped(
    stack: AsyncExitStack, context: AbstractAsyncContextManager[Entered], stopping: asyncio.Event
) -> Entered:
    """Enter a context that may take long (a model is fetched); leaves the process if ``stopping`` comes first."""
    entering = asyncio.ensure_future(stack.enter_async_context(context))
    told = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((entering, told), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not entering.done():
        entering.cancel()
        with suppress(asyncio.CancelledError):
            await entering
        leave(STOPPED_AT_START)
    return await entering


def run_until_stopped(service: Callable[[asyncio.Event], Coroutine[Any, Any, int]]) -> int:
    """Run a service until it ends or a signal asks it to; a second signal leaves at once. Returns its exit code.

    Raises the PatrolError that ended it, also out of a task group.
    """

    async def main() -> int:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if stopping.is_set():
                os._exit(STOPPED_AT_START)
            stopping.set()
            tell("stopping ... (once more to leave at once)")

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        return await service(stopping)

    try:
        return asyncio.run(main())
    except* PatrolError as group:
        raise _flat(group)[0] from None


def _flat(group: BaseExceptionGroup[PatrolError]) -> list[PatrolError]:
    flat: list[PatrolError] = []
    for error in group.exceptions:
        flat += _flat(error) if isinstance(error, BaseExceptionGroup) else [error]
    return flat


def leave(code: int) -> None:
    """End the process now. A thread that waits for a silent camera would hold a normal exit up to its deadline."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def log_to_stderr(level: int) -> None:
    """Logs for people, on stderr; libraries only when something is wrong."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("patrol").setLevel(level)


def tell(line: str) -> None:
    """One line to whoever started it. That nobody reads any more stops nothing, and keeps nothing from stopping."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
