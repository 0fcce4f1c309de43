"""Kills at the named steps of the path: a process is started again so that it ends itself when it comes there."""

from __future__ import annotations

import random
from collections.abc import Callable
from http import HTTPStatus

from faults.fault import SEEN_WITHIN_S, Begin, Fault
from faults.world import UNITS, World
from patrol.pipeline.steps import Step

DIES_WITHIN_S = 120.0  # a step that comes by chance, as an order that nobody hears, may keep one waiting
UNITS_LEFT, ROUNDS = 3, 3  # where most are taken out of service, so that they are taken from one incident for another

STEPS_OF = {
    "relay": (
        Step.STORE_HELD,
        Step.RELAY_READ,
        Step.RELAY_PUBLISHED,
        Step.RELAY_MARKED,
        Step.RECONCILE_COMPARED,
        Step.RECONCILE_NOTED,
    ),
    "dispatch": (
        Step.STORE_HELD,
        Step.DISPATCH_CHOSEN,
        Step.DISPATCH_TAKEN_AWAY,
        Step.DISPATCH_ORDERED,
        Step.DISPATCH_RECEIVED,
        Step.DISPATCH_DOUBTED,
        Step.DISPATCH_ESCALATING,
        Step.DISPATCH_ESCALATED,
        Step.DISPATCH_REMINDED,
        Step.CONSUME_TAKEN,
        Step.CONSUME_STORED,
        Step.CONSUME_ACKNOWLEDGED,
    ),
    "console": (Step.STORE_HELD,),
    "generator": (Step.FILE_WRITTEN, Step.STORE_HELD, Step.ACCEPT_STORED),
}
# The first transactions of a process open the database; a later one does the work. Some steps are passed seldom.
PASSED = {Step.STORE_HELD: (2, 30)} | dict.fromkeys(
    (
        Step.DISPATCH_TAKEN_AWAY,
        Step.DISPATCH_DOUBTED,
        Step.DISPATCH_ESCALATING,
        Step.DISPATCH_ESCALATED,
        Step.DISPATCH_REMINDED,
    ),
    (1, 1),
)


def _die_at(name: str, step: Step) -> Begin:
    first, last = PASSED.get(step, (2, 2))
    return lambda world, chance: world.die_at(name, step, chance.randint(first, last))


def _has_died(name: str, step: Step) -> Callable[[World], None]:
    """Only once it has come to its step: else nothing was tried."""

    def end(world: World) -> None:
        if not world.let_pass(DIES_WITHIN_S, lambda: not world.is_to_die(name)):
            world.wrong.append(f"{name} did not come to {step} within {DIES_WITHIN_S:g} s")

    return end


def killed_at(name: str, step: Step) -> Fault:
    """It lasts until the process has come to its step."""
    if step is Step.DISPATCH_TAKEN_AWAY:
        return Fault(f"kill -9 {name} at {step}", _taken_away, _units_back)
    return Fault(f"kill -9 {name} at {step}", _die_at(name, step), _has_died(name, step))


def _set_units(world: World, state: str) -> list[int]:
    """All but some few. Returns those that are on an order, and stay as they are."""
    return [number for number in range(UNITS_LEFT, UNITS) if not _set_unit(world, number, state)]


def _set_unit(world: World, number: int, state: str) -> bool:
    status = None

    def is_told() -> bool:
        nonlocal status
        status = world.tell_console(f"/api/v1/units/U-{number}/state", state=state, reason="演练 drill")
        return status in (HTTPStatus.OK, HTTPStatus.CONFLICT)

    if not world.let_pass(SEEN_WITHIN_S, is_told):
        world.wrong.append(f"the console does not take that U-{number} is {state}: {status}")
    return status == HTTPStatus.OK


def _taken_away(world: World, chance: random.Random) -> None:
    """Units are few for a while, so that what is red takes them from what is less."""
    busy = _set_units(world, "out_of_service")
    for _ in range(ROUNDS):
        busy = [number for number in busy if not _set_unit(world, number, "out_of_service")]
    _die_at("dispatch", Step.DISPATCH_TAKEN_AWAY)(world, chance)


def _units_back(world: World) -> None:
    _has_died("dispatch", Step.DISPATCH_TAKEN_AWAY)(world)
    _set_units(world, "available")
