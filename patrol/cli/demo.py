"""``patrol demo``: the whole of Patrol on simulated cameras, units and operators."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import resource
import shutil
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import errors_told
from patrol.cli.run import DEFAULT_CONFIG, enter_unless_stopped, leave, log_to_stderr, run_until_stopped, tell

if TYPE_CHECKING:
    from patrol.app import Options, Parts
    from patrol.config import Configuration
    from patrol.demo.summary import TourLog
    from patrol.ports import Clock

# The demo shares two cores with whoever watches it; small people far away are not what its pictures show.
DEMO_INPUT_PX = (512, 288)
DEMO_WORKERS = 8
SEED = 8476
STARTS_WITHIN_S = 3.0  # from here until the tour begins: the queue, the store and the compiled model


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("demo")(demo)


def demo(
    duration: Annotated[float | None, typer.Option(min=1, help="stop after so many seconds; else run on")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="end with a JSON summary; exit 0 only if an incident was closed")
    ] = False,
    config: Annotated[Path, typer.Option("--config", help="cameras, rings, rules and units")] = DEFAULT_CONFIG,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="port of the feed; 0 takes a free one")] = None,
    var: Annotated[Path, typer.Option("--var", help="folder for everything the demo writes")] = Path("var/demo"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log each accepted alert and decision")] = False,
) -> None:
    """Watch Patrol work: 476 simulated cameras, real pictures of people through the real model, simulated units.

    Each start begins with an empty room. Ctrl-C stops it.
    """
    from patrol import config as configuring
    from patrol.adapters.model_manifests import known_classes
    from patrol.app import Options
    from patrol.demo.summary import in_words

    log_to_stderr(logging.INFO if verbose else logging.ERROR)
    began = time.monotonic()
    with errors_told():
        tell("Reading the configuration ...")
        written = configuring.load(config, os.environ, variables_required=False, known_models=known_classes())
        # On loopback and under no name, whatever the file says: it has no accounts.
        configuration = replace(
            _simulated(written, var), web=replace(written.web, hosts=(), certificate=None, key=None)
        )
        _empty(var)
        options = Options(
            var=var,
            # Its store is its own: what it makes up must never stand among real incidents.
            redis_url=os.environ.get("REDIS_URL") or None,
            host="127.0.0.1",
            port=configuration.web.port if port is None else port,
            simulated=True,
            config=_own_copy(config, var),
        )
        result: dict[str, Any] = {}
        code = run_until_stopped(lambda stopping: _run(configuration, options, stopping, duration, began, result))
    if as_json:
        print(json.dumps(result, ensure_ascii=False, indent=2), flush=True)
    elif result:
        print("\n".join(in_words(result)), flush=True)
    leave(code if as_json else 0)


def _simulated(configuration: Configuration, var: Path) -> Configuration:
    from patrol.adapters.detectors import chosen_device
    from patrol.adapters.devices import Device
    from patrol.adapters.model_store import ensure_model
    from patrol.demo.plots import DEMO_CONFIRM, hurried
    from patrol.demo.scenes import demo_cameras, render_scenes

    scenes = render_scenes(var / "scenes", lambda done, of: tell(f"  scene {done} of {of} is rendered (once)"))
    # The model first: what happens in the scenes is counted from now on, and fetching may take a while.
    ensure_model(configuration.detector.model, progress=tell, export=chosen_device(Device.AUTO) is Device.CPU)
    return replace(
        configuration,
        cameras=demo_cameras(configuration.cameras, scenes, time.time() + STARTS_WITHIN_S, configuration.rules),
        units=tuple(replace(unit, simulated=True) for unit in configuration.units),
        detector=replace(configuration.detector, input_px=DEMO_INPUT_PX),
        tour=replace(configuration.tour, workers=DEMO_WORKERS),
        sending=replace(configuration.sending, confirm=DEMO_CONFIRM),
        follow_up=hurried(configuration.follow_up),
    )


def _own_copy(config: Path, var: Path) -> Path:
    """The configuration in the demo's own folder: what is drawn in its pictures is written there, and gone with it."""
    copy = var / "cameras.yaml"
    var.mkdir(parents=True, exist_ok=True)
    copy.unlink(missing_ok=True)
    shutil.copyfile(config, copy)
    return copy


def _empty(var: Path) -> None:
    """Begin with an empty room. Only what a demo wrote itself is removed."""
    from patrol.adapters.valkey_embedded import end_left_over

    end_left_over(var / "valkey")  # before the note of its number is gone
    for name in ("valkey", "evidence", "spool"):
        shutil.rmtree(var / name, ignore_errors=True)
    for file in (*var.glob("patrol.db*"), var / "clock.json"):
        file.unlink(missing_ok=True)


async def _run(
    configuration: Configuration,
    options: Options,
    stopping: asyncio.Event,
    duration: float | None,
    began: float,
    result: dict[str, Any],
) -> int:
    from patrol.app import assembled, run_parts
    from patrol.demo.summary import TourLog

    async with AsyncExitStack() as stack:
        parts = await enter_unless_stopped(stack, assembled(configuration, options, progress=tell), stopping)
        log = TourLog(parts.room, parts.clock)
        started = time.monotonic()

        def ready(address: str) -> None:
            tell(f"\nPatrol is up after {time.monotonic() - began:.0f} s. Open {address}")
            tell("Everything in it is simulated but the model and the pipeline. Ctrl-C stops it.\n")

        companions = [*_simulations(parts, configuration), log.run]
        if duration is not None:
            companions.append(lambda _drained: _stop_after(parts.clock, duration, stopping))
        await run_parts(parts, configuration, options, stopping, ready, companions)
        result.update(await _summary(parts, log, started))
        result["process"] = _process(sum(result["visits"].values()))
    return 0 if result["incidents"]["closed"] > 0 else 1


def _simulations(parts: Parts, configuration: Configuration) -> list[Any]:
    from patrol.adapters.redis_streams import RedisSubscription
    from patrol.demo import simulated_units
    from patrol.demo.plots import Plots
    from patrol.demo.simulated_operators import SimulatedOperators
    from patrol.demo.simulated_shift import SimulatedShift
    from patrol.domain.messages import ORDER_STREAMS

    chance, plots = random.Random(SEED), Plots(configuration.sending.confirm)
    subscription = RedisSubscription(parts.redis, simulated_units.GROUP, "simulated-units", ORDER_STREAMS)
    units = simulated_units.SimulatedUnits(
        configuration.units, subscription, parts.publisher, parts.clock, chance, plots
    )
    shift = SimulatedShift(parts.units_desk, parts.clock)
    return [units.run, SimulatedOperators(parts.store, parts.desk, shift, parts.clock, chance, plots).run]


async def _stop_after(clock: Clock, seconds: float, stopping: asyncio.Event) -> None:
    from patrol.pipeline.stopping import pause

    shown = sys.stderr.isatty()
    ends_at = time.monotonic() + seconds
    while (left_s := ends_at - time.monotonic()) > 0:
        if shown:
            tell(f"  {left_s:.0f} of {seconds:.0f} s left")
        if await pause(clock, stopping, min(10.0, left_s)):
            return
    stopping.set()


async def _summary(parts: Parts, log: TourLog, started: float) -> dict[str, Any]:
    from patrol.demo.summary import summarise

    assert parts.tour is not None
    closed = await parts.store.latest_closed(10_000)
    open_ledger = await parts.store.open_ledger()
    seconds = time.monotonic() - started
    accepted = [i.accepted_at for i in (*open_ledger.incidents, *closed.incidents)]
    first = (min(accepted) - parts.clock.now()).total_seconds() + seconds if accepted else None
    counts = parts.metrics.counts()
    return summarise(
        seconds,
        first,
        parts.tour.touring.status(),
        log,
        open_ledger,
        closed,
        await parts.store.totals(),
        {
            "events": counts("patrol_events_total"),
            "visits_failed": counts("patrol_visit_failures_total"),
            "stage_errors": counts("patrol_stage_errors_total"),
            "dead_letters": counts("patrol_messages_dead_total"),
            "samples_missed": log.errors,
        },
    )


def _process(visits: int) -> dict[str, float]:
    """What this process has used since it started: everything but the embedded queue, start and feed included."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    processor_s = usage.ru_utime + usage.ru_stime
    return {
        "processor_s": round(processor_s, 1),
        "processor_ms_per_visit": round(1000 * processor_s / visits, 1) if visits else 0.0,
        "peak_memory_mb": round(usage.ru_maxrss / 1024, 0),
    }
