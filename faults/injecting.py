"""The faults, each with its name, what it does, and how it is undone; and the seeded order in which they come."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
from collections.abc import Callable, Iterator, Sequence

from redis import Redis
from redis.exceptions import RedisError

from faults import journal
from faults.altered import NEWER, UNAUDITED, UNFOLLOWED
from faults.checking import BACKUP
from faults.dying import STEPS_OF, killed_at
from faults.fault import SEEN_WITHIN_S, Begin, Fault
from faults.proxy import Link
from faults.world import KILLED, PATROLS, ROLES, World

LINK_S, STOPPED_S, FULL_S, UNREAD_S = 3.0, 4.0, 3.0, 2.0
CLOCK_S, MIXED_S, SECOND_S, UNAUDITED_S, UNFOLLOWED_S, BACKUP_S = 5.0, 8.0, 6.0, 16.0, 12.0, 12.0
# An incident must first be late; then the auditor gives the follow-up its time, more of it while there are faults.
NOT_ESCALATED_SEEN_WITHIN_S = 90.0
HOUR_S = 3600
FULL_BYTES = 4096
POISON = ('{"specversion":"1.0"}', "not JSON", "", '{"specversion":"1.0","id":"x","source":"/x","type":"cn.x.v9"}')
STREAMS = ("patrol:alert:red", "patrol:alert:blue", "patrol:order:core", "patrol:incident", "patrol:receipt")
DEAD = "patrol:dead"


def _linked(link: Link) -> Begin:
    def begin(world: World, _: random.Random) -> None:
        world.proxy.link = link

    return begin


def _open(world: World) -> None:
    world.proxy.link = Link.OPEN
    world.proxy.reset()  # what was swallowed never comes: connections in that state are no use to anybody


def _tell_queue(world: World, tell: Callable[[Redis], object]) -> None:
    """Until it has heard: a fault that was not undone would be another fault."""

    def heard() -> bool:
        with contextlib.suppress(RedisError, OSError), world.queue() as queue:
            tell(queue)
            return True
        return False

    if not world.let_pass(SEEN_WITHIN_S, heard):
        world.wrong.append("the queue could not be told what the fault is, or that it is over")


def _flush(world: World, _: random.Random) -> None:
    _tell_queue(world, lambda queue: queue.flushall())


def _flush_unread(world: World) -> None:
    """While a console was stopped: what it has not read is nowhere but in the store."""
    _tell_queue(world, lambda queue: queue.flushall())
    world.signal("vendor", signal.SIGCONT)


def _again(world: World, chance: random.Random) -> None:
    """Old entries once more, in another order: duplicates, reordering, and yesterday's stream."""
    with contextlib.suppress(RedisError, OSError), world.queue() as queue:
        for stream in STREAMS:
            entries = queue.xrange(stream, count=200)
            for _, fields in chance.sample(entries, min(20, len(entries))):
                queue.xadd(stream, fields)


def _poison(world: World, _: random.Random) -> None:
    def poison(queue: Redis) -> None:
        for stream in STREAMS:
            for body in POISON:
                queue.xadd(stream, {"ce": body})

    _tell_queue(world, poison)


def _next_major(world: World, _: random.Random) -> None:
    """A well-formed message of a version that nobody here knows, where dispatch reads."""
    world.counted["messages of an unknown major version"] += 1
    key = _next_major_id(world)
    message: dict[str, object] = {"specversion": "1.0", "id": key, "source": "/patrol", "type": "cn.patrol.alert.v2"}
    message |= {"subject": "incident/I-v2", "sequence": "000000000001", "data": {"who_knows": 2}}
    _tell_queue(world, lambda queue: queue.xadd("patrol:alert:red", {"ce": json.dumps(message)}))


def _next_major_id(world: World) -> str:
    return f"v2-{world.counted['messages of an unknown major version']}"


def _is_dead_letter(world: World) -> None:
    def is_there() -> bool:
        with contextlib.suppress(RedisError, OSError), world.queue() as queue:
            letters = queue.xrevrange(DEAD, count=500)
            return any(json.loads(fields["ce"] or "{}").get("id") == key for _, fields in letters if _is_json(fields))
        return False

    key = _next_major_id(world)
    if not world.let_pass(SEEN_WITHIN_S, is_there):
        world.wrong.append(f"{key}: a message of an unknown major version is not among the dead letters")


def _is_json(fields: dict[str, str]) -> bool:
    return '"cn.patrol.alert.v2"' in fields.get("ce", "")


def _limited(world: World, _: random.Random) -> None:
    _tell_queue(world, lambda queue: queue.config_set("maxmemory", 1))


def _unlimited(world: World) -> None:
    _tell_queue(world, lambda queue: queue.config_set("maxmemory", 0))


def _lazy(world: World, _: random.Random) -> None:
    _tell_queue(world, lambda queue: queue.config_set("appendfsync", "everysec"))


def _full_queue(world: World, _: random.Random) -> None:
    world.fill_disk(("queue",), FULL_BYTES)


def _full_lazy_queue(world: World, chance: random.Random) -> None:
    """It does not end itself then, as with "always", but refuses."""
    _lazy(world, chance)
    _full_queue(world, chance)


def _room_for_lazy_queue(world: World) -> None:
    world.empty_disk()
    _tell_queue(world, lambda queue: queue.config_set("appendfsync", world.fsync))


def _cut_off_standby(world: World, _: random.Random) -> None:
    world.start_standby()
    world.let_pass(1.0)  # it has had everything, and its master knows it
    assert world.standby is not None
    world.standby.link.link = Link.CUT


def _fail_over(world: World) -> None:
    world.counted["fail-overs"] += 1
    world.counted["entries that only the dead master had"] += world.fail_over()


def _moved_clock(seconds: int) -> Begin:
    def begin(world: World, chance: random.Random) -> None:
        assert world.clock is not None
        world.clock.move(seconds)
        world.let_pass(2.0)
        world.kill(chance.choice(ROLES))  # one starts while the clock is wrong

    return begin


def _clock_back(seconds: int) -> Callable[[World], None]:
    """Only once the console has seen where the clock was: else nothing was tried."""

    def end(world: World) -> None:
        assert world.clock is not None
        if world.let_pass(SEEN_WITHIN_S, lambda: abs(_offset_s(world) - seconds) < HOUR_S / 10):
            world.counted["jumps of the clock that the console saw"] += 1
        else:
            world.wrong.append(f"the console did not see that the clock was moved by {seconds} s")
        world.clock.move(0)
        world.let_pass(2.0)

    return end


def _offset_s(world: World) -> float:
    found = re.search(r"^patrol_clock_offset_seconds (\S+)$", world.ask_console("/metrics") or "", re.MULTILINE)
    return float(found[1]) if found else 0.0


def _mixed(world: World, chance: random.Random) -> None:
    """Some of Patrol's processes are of the next minor version, at least one is not.

    The generator always is: by its alerts the vendor's console sees that there was another version.
    """
    others = [name for name in PATROLS if name != "generator"]
    for name in ("generator", *chance.sample(others, chance.randrange(len(others)))):
        world.alter(name, NEWER)


def _unmixed(world: World) -> None:
    # Whether one came at all is told at the end; on a busy machine the generator takes long to start.
    console = world.folder / "console.jsonl"
    world.let_pass(SEEN_WITHIN_S, lambda: any("newer" in line for line in journal.read(console)))
    for name in PATROLS:
        if world.is_altered(name):
            world.alter(name, None)


def _put_back(world: World) -> None:
    """Until it is brought up to date: what a second blow takes from the queue before, nobody can bring back."""
    world.counted["old backups put back"] += 1
    before = world.restorations()
    world.put_back()
    if world.let_pass(SEEN_WITHIN_S, lambda: world.restorations() > before):
        world.counted["old backups that were noticed, and made up for"] += 1
    elif world.is_behind():
        world.wrong.append("an old backup was noticed, and not made up for")


def _unaudited_seen(world: World) -> None:
    """Another role must say that nobody audits, while the relay lives and publishes."""

    def is_seen() -> bool:
        told = world.ask_console("/api/v1/state")
        return told is not None and json.loads(told)["room"]["watch"]["unaudited_since"] is not None

    if world.let_pass(SEEN_WITHIN_S, is_seen):
        world.counted["auditor's silences that the console told"] += 1
    else:
        world.wrong.append("the auditor stood still, and the console did not say so")
    world.alter("relay", None)


def _unfollowed_seen(world: World) -> None:
    """Another role, the auditor, must find that what is late is told to nobody, while dispatch lives and sends."""

    def is_found() -> bool:
        told = world.ask_console("/api/v1/state")
        findings = json.loads(told)["room"]["watch"]["findings"] if told is not None else ()
        return any(finding["kind"] == "not_escalated" for finding in findings)

    if world.let_pass(NOT_ESCALATED_SEEN_WITHIN_S, is_found):
        world.counted["escalator's silences that the auditor found"] += 1
    else:
        world.wrong.append("the escalator stood still, and the auditor did not find that nothing was told farther up")
    world.alter("dispatch", None)


def _kill(name: str) -> Begin:
    return lambda world, _: world.kill(name)


def _stopped(name: str) -> Fault:
    return Fault(
        f"{name} stopped for {STOPPED_S:g} s",
        lambda world, _: world.signal(name, signal.SIGSTOP),
        lambda world: world.signal(name, signal.SIGCONT),
        STOPPED_S,
    )


def _second(role: str) -> Fault:
    """Two at once, as in an upgrade; the second one dies in the middle of its work."""
    return Fault(
        f"two of {role} at once",
        lambda world, _: world.start_second(role),
        lambda world: world.end_second(role),
        SECOND_S,
    )


def all_faults(kills: int = 1, *, with_clock: bool = True) -> list[Fault]:
    """One of each; a kill at every step among them, and so many plain ones of each process."""
    return [
        *(Fault(f"kill -9 {name}", _kill(name)) for name in KILLED * kills),
        *(killed_at(name, step) for name, steps in STEPS_OF.items() for step in steps),
        *(_stopped(name) for name in (*ROLES, "vendor", "terminals")),
        *(_second(role) for role in ("relay", "dispatch")),
        *_faults_of_the_queue(),
        Fault("link reset", lambda world, _: world.proxy.reset()),
        Fault("link slow", _linked(Link.SLOW), _open, LINK_S, of_queue=True),
        Fault("link cut", _linked(Link.CUT), _open, LINK_S, of_queue=True),
        Fault("link one way", _linked(Link.DEAF), _open, LINK_S, of_queue=True),
        Fault("disk full", lambda world, _: world.fill_disk(PATROLS, FULL_BYTES), World.empty_disk, FULL_S),
        Fault(BACKUP, lambda world, _: world.back_up(), _put_back, BACKUP_S),
        Fault("old entries again", _again),
        Fault("poison", _poison),
        Fault("unknown major version", _next_major, _is_dead_letter),
        Fault("a newer minor version beside this one", _mixed, _unmixed, MIXED_S),
        Fault("auditor stands still", lambda world, _: world.alter("relay", UNAUDITED), _unaudited_seen, UNAUDITED_S),
        Fault(
            "escalator stands still",
            lambda world, _: world.alter("dispatch", UNFOLLOWED),
            _unfollowed_seen,
            UNFOLLOWED_S,
        ),
        *(_faults_of_the_clock() if with_clock else ()),
    ]


def _faults_of_the_queue() -> Iterator[Fault]:
    yield Fault("kill -9 queue", _kill("queue"), of_queue=True)
    yield Fault("kill -9 queue, fsync everysec", _lazy, lambda world: world.kill("queue"), UNREAD_S, of_queue=True)
    yield Fault("queue emptied", _flush, of_queue=True)
    yield Fault(
        "queue emptied before it was read",
        lambda world, _: world.signal("vendor", signal.SIGSTOP),
        _flush_unread,
        UNREAD_S,
        of_queue=True,
    )
    yield Fault("queue restored from an old file", lambda world, _: world.restore_queue(), of_queue=True)
    yield Fault("queue failed over, replica's link cut", _cut_off_standby, _fail_over, UNREAD_S, of_queue=True)
    yield Fault("queue out of memory", _limited, _unlimited, FULL_S, of_queue=True)
    yield Fault("queue's disk full", _full_queue, World.empty_disk, FULL_S, of_queue=True)
    yield Fault("queue's disk full, fsync everysec", _full_lazy_queue, _room_for_lazy_queue, FULL_S, of_queue=True)


def _faults_of_the_clock() -> Iterator[Fault]:
    for name, seconds in (("ahead", HOUR_S), ("behind", -HOUR_S)):
        yield Fault(f"wall clock an hour {name}", _moved_clock(seconds), _clock_back(seconds), CLOCK_S)


def only(faults: Sequence[Fault], parts: Sequence[str]) -> list[Fault]:
    """Those whose name holds one of these; all where there are none."""
    return [fault for fault in faults if not parts or any(part in fault.name for part in parts)]


def script(faults: Sequence[Fault], chance: random.Random) -> Iterator[Fault]:
    """Without end: every one of them, shuffled, again and again."""
    while True:
        yield from chance.sample(faults, len(faults))
