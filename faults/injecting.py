"""The faults, each with its name, what it does, and how it is undone; and the seeded order in which they come."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from faults.proxy import Link
from faults.world import KILLED, ROLES, World
from patrol.pipeline.steps import Step

LINK_S, STOPPED_S, FULL_S, UNREAD_S = 3.0, 4.0, 3.0, 2.0
FULL_BYTES = 4096
POISON = ('{"specversion":"1.0"}', "not JSON", "", '{"specversion":"1.0","id":"x","source":"/x","type":"cn.x.v9"}')
STREAMS = ("patrol:alert:red", "patrol:alert:blue", "patrol:order:core", "patrol:incident", "patrol:receipt")

STEPS_OF = {
    "relay": (Step.RELAY_READ, Step.RELAY_PUBLISHED, Step.RELAY_MARKED, Step.RECONCILE_COMPARED),
    "dispatch": (Step.CONSUME_TAKEN, Step.CONSUME_STORED, Step.CONSUME_ACKNOWLEDGED),
    "generator": (Step.ACCEPT_STORED,),
}


Begin = Callable[[World, random.Random], None]


@dataclass(frozen=True)
class Fault:
    """``seconds``: how long it lasts before it is undone. ``of_queue``: whether the queue itself went away."""

    name: str
    begin: Begin
    end: Callable[[World], None] = lambda world: None
    seconds: float = 0.0
    of_queue: bool = False


def _linked(link: Link) -> Begin:
    def begin(world: World, _: random.Random) -> None:
        world.proxy.link = link

    return begin


def _open(world: World) -> None:
    world.proxy.link = Link.OPEN
    world.proxy.reset()  # what was swallowed never comes: connections in that state are no use to anybody


def _flush(world: World, _: random.Random) -> None:
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        queue.flushall()


def _flush_unread(world: World) -> None:
    """While a console was stopped: what it has not read is nowhere but in the store."""
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        queue.flushall()
    world.signal("vendor", signal.SIGCONT)


def _again(world: World, chance: random.Random) -> None:
    """Old entries once more, in another order: duplicates, reordering, and yesterday's stream."""
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        for stream in STREAMS:
            entries = queue.xrange(stream, count=200)
            for _, fields in chance.sample(entries, min(20, len(entries))):
                queue.xadd(stream, fields)


def _poison(world: World, _: random.Random) -> None:
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        for stream in STREAMS:
            for body in POISON:
                queue.xadd(stream, {"ce": body})


def _limited(world: World, _: random.Random) -> None:
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        queue.config_set("maxmemory", 1)


def _unlimited(world: World) -> None:
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        queue.config_set("maxmemory", 0)


def _kill(name: str) -> Begin:
    return lambda world, _: world.kill(name)


def _die_at(name: str, step: Step) -> Begin:
    return lambda world, _: world.die_at(name, step)


def _stopped(name: str) -> Fault:
    return Fault(
        f"{name} stopped for {STOPPED_S:g} s",
        lambda world, _: world.signal(name, signal.SIGSTOP),
        lambda world: world.signal(name, signal.SIGCONT),
        STOPPED_S,
    )


def all_faults() -> list[Fault]:
    """One of each; a kill at every step among them."""
    return [
        *(Fault(f"kill -9 {name}", _kill(name)) for name in KILLED),
        *(
            Fault(f"kill -9 {name} at {step}", _die_at(name, step))
            for name, steps in STEPS_OF.items()
            for step in steps
        ),
        *(_stopped(name) for name in (*ROLES, "vendor", "terminals")),
        Fault("kill -9 queue", _kill("queue"), of_queue=True),
        Fault("queue emptied", _flush, of_queue=True),
        Fault(
            "queue emptied before it was read",
            lambda world, _: world.signal("vendor", signal.SIGSTOP),
            _flush_unread,
            UNREAD_S,
            of_queue=True,
        ),
        Fault("queue restored from an old file", lambda world, _: world.restore_queue(), of_queue=True),
        Fault("queue out of memory", _limited, _unlimited, FULL_S, of_queue=True),
        Fault("link reset", lambda world, _: world.proxy.reset()),
        Fault("link slow", _linked(Link.SLOW), _open, LINK_S, of_queue=True),
        Fault("link cut", _linked(Link.CUT), _open, LINK_S, of_queue=True),
        Fault("link one way", _linked(Link.DEAF), _open, LINK_S, of_queue=True),
        Fault("disk full", lambda world, _: world.limit_files(FULL_BYTES), lambda world: world.limit_files(-1), FULL_S),
        Fault("old entries again", _again),
        Fault("poison", _poison),
    ]


def script(faults: Sequence[Fault], chance: random.Random) -> Iterator[Fault]:
    """Without end: every one of them, shuffled, again and again."""
    while True:
        yield from chance.sample(faults, len(faults))
