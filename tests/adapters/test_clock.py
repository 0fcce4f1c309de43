"""The steady clock on a machine whose clock is set at will: no timer fires early, none is lost, also over restarts."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patrol.adapters.clock import Machine, SteadyClock, SystemClock
from patrol.domain.clocks import SLEW
from patrol.domain.incidents import IncidentState
from patrol.domain.orders import OrderState
from patrol.pipeline.timekeeping import LOOKS_A_SAVE, Timekeeping
from tests.builders import NOON
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import counted, fresh_metrics, told_by

HOUR = 3600.0
SAVED_EVERY_S = 60.0


@dataclass
class FakeMachine:
    """A machine whose clock can be set. ``up_s`` is what really passes."""

    up_s: float = 1000.0
    off_s: float = 0.0
    boots: int = 1

    def machine(self) -> Machine:
        return Machine(lambda: NOON.timestamp() + self.up_s + self.off_s, lambda: self.up_s, f"boot-{self.boots}")


@dataclass
class Life:
    """A process on that machine, and its lives after it."""

    folder: Path
    on: FakeMachine = field(default_factory=FakeMachine)

    def __post_init__(self) -> None:
        self.clock = self.begin()

    def begin(self) -> SteadyClock:
        self.clock = SteadyClock(self.folder / "clock.json", self.on.machine())
        return self.clock

    def passes(self, seconds: float) -> None:
        """So much time passes, with a look a second and a save a minute at most."""
        self.on.up_s += seconds
        self.clock.now()


@pytest.mark.parametrize("off_s", [HOUR, -HOUR])
def test_a_jump_moves_nothing_and_is_over_when_the_clock_is_put_back(off_s: float, tmp_path: Path) -> None:
    life = Life(tmp_path)
    began = life.clock.now()
    life.passes(10)
    life.on.off_s = off_s
    life.passes(10)
    assert life.clock.now() - began == timedelta(seconds=20)
    assert life.clock.kept().offset_s == pytest.approx(off_s)
    life.begin()
    life.passes(10)
    assert life.clock.now() - began == timedelta(seconds=30)
    life.on.off_s = 0.0
    assert not life.clock.kept().is_off


def test_processes_of_one_folder_keep_the_same_time(tmp_path: Path) -> None:
    life = Life(tmp_path)
    first = life.clock
    life.on.off_s = -HOUR
    life.passes(5)
    other = life.begin()
    assert other.now() == first.now()


def test_a_reboot_believes_the_machine_and_forgetting_the_file_does_too(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.on.off_s, life.on.boots, life.on.up_s = HOUR, 2, 3.0
    assert life.begin().now() == NOON + timedelta(seconds=3 + HOUR)
    life.on.off_s = 0.0
    assert life.begin().kept().is_off
    (tmp_path / "clock.json").unlink()
    assert life.begin().now() == NOON + timedelta(seconds=3)


def test_a_file_that_says_nothing_is_told_and_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "clock.json").write_bytes(b'{"boot_id": "boot-1"')
    life = Life(tmp_path)
    assert life.clock.now() == NOON + timedelta(seconds=1000)
    assert told_by(caplog) == ["clock.json cannot be read, the machine's clock is believed: ValidationError"]
    life.on.off_s = HOUR
    assert life.begin().now() == NOON + timedelta(seconds=1000)


def test_a_disk_that_is_full_stops_no_clock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    life = Life(tmp_path / "not there")
    life.passes(10)
    assert life.clock.now() == NOON + timedelta(seconds=1010)
    assert "clock.json: the time cannot be kept over a restart: No such file or directory" in told_by(caplog)


def test_a_process_that_was_stopped_between_two_reads_sees_no_jump() -> None:
    times = iter([10.0, 3700.0, 3700.0, 3700.0])
    walls = iter([NOON.timestamp() + 10, NOON.timestamp() + 3700])
    read = Machine(lambda: next(walls), lambda: next(times), "boot-1").read()
    assert read.wall_s - read.boot_s == NOON.timestamp()


def test_the_real_machine_is_followed_closely(tmp_path: Path) -> None:
    clock = SteadyClock(tmp_path / "clock.json")
    assert abs((clock.now() - SystemClock().now()).total_seconds()) < 1.0
    again = SteadyClock(tmp_path / "clock.json")
    assert abs((clock.now() - again.now()).total_seconds()) < 1.0
    assert clock.now().tzinfo is UTC


def test_it_can_be_asked_from_many_threads_and_never_goes_back(tmp_path: Path) -> None:
    clock = SteadyClock(tmp_path / "clock.json")
    backwards: list[datetime] = []

    def ask() -> None:
        last = clock.now()
        for _ in range(2000):
            last, before = clock.now(), last
            if last < before:
                backwards.append(last)

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backwards == []


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 300.0),  # so long passes
        st.sampled_from((0.0, 0.0, HOUR, -HOUR, 1.5, -1.5)),  # then the machine's clock is set
        st.booleans(),  # a timer is begun
        st.floats(1.0, 1800.0),  # of so long
        st.sampled_from(("", "", "restart", "kill")),
    ),
    min_size=3,
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_no_timer_fires_early_and_none_is_lost(
    tmp_path: Path, steps: list[tuple[float, float, bool, float, str]]
) -> None:
    """Timers as the store keeps them: when they began, by the clock that was then. Jumps of an hour, at any moment."""
    (tmp_path / "clock.json").unlink(missing_ok=True)
    life = Life(tmp_path)
    timers: list[tuple[datetime, float, float, int]] = []  # began at by the clock, when really, how long, kills by then
    kills = 0
    for passes_s, set_by_s, begins, lasts_s, end in steps:
        while passes_s > 0:
            part_s = min(passes_s, SAVED_EVERY_S)
            life.passes(part_s)
            passes_s -= part_s
            if passes_s > 0 or end == "restart":
                life.clock.save()
        life.on.off_s += set_by_s
        if begins:
            timers.append((life.clock.now(), life.on.up_s, lasts_s, kills))
        if end:
            kills += 1
            life.begin()
        now = life.clock.now()
        for began, really_began_s, lasts, kills_before in timers:
            really_s = life.on.up_s - really_began_s
            is_due = (now - began).total_seconds() >= lasts
            # What is taken in while it runs; a kill forgets what was taken in since the last save.
            tolerance_s = SLEW * (really_s + SAVED_EVERY_S * (kills - kills_before)) + 0.001
            assert not is_due or really_s >= lasts - tolerance_s, "fired early"
            assert is_due or really_s <= lasts + tolerance_s, "lost"


async def dispatched(room: DispatchRoom) -> None:
    await room.alert()
    await room.relay()
    await room.consume()


@pytest.mark.parametrize("off_s", [HOUR, -HOUR])
def test_a_jump_takes_no_order_back_early_and_forgets_none(off_s: float, tmp_path: Path) -> None:
    """Accept within 10 s, on scene within 60: followed up on the second, though the clock is set, and after a kill."""
    life = Life(tmp_path)

    async def check() -> None:
        async with dispatch_room(tmp_path, clock=life.clock) as room:
            await dispatched(room)
            life.on.off_s = off_s
            life.passes(9)
            await room.following_up.tick()
            assert [order.state for order in await room.orders()] == [OrderState.SENT]
        async with dispatch_room(tmp_path, clock=life.begin()) as room:
            await room.following_up.tick()
            assert [order.state for order in await room.orders()] == [OrderState.SENT]
            life.passes(1.1)
            await room.following_up.tick()
            assert [order.state for order in await room.orders()] == [OrderState.DOUBTED, OrderState.SENT]
            life.on.off_s = 0.0
            life.passes(48)
            await room.following_up.tick()
            assert not (await room.incident()).overdue
            life.passes(3)
            await room.following_up.tick()
            incident = await room.incident()
            assert (incident.overdue, incident.state) == (True, IncidentState.ORDERED)

    asyncio.run(check())


@pytest.mark.parametrize("off_s", [HOUR, -HOUR])
def test_a_jump_ends_no_cool_down(off_s: float, tmp_path: Path) -> None:
    life = Life(tmp_path)

    async def check() -> None:
        async with dispatch_room(tmp_path, clock=life.clock) as room:
            await room.alert(1)
            life.on.off_s = off_s
            life.passes(59)
            with pytest.raises(AssertionError):  # it cools down: no incident is made
                await room.alert(1, alert_id="A-2")
            life.passes(2)
            assert await room.alert(1, alert_id="A-3") == "I-1"

    asyncio.run(check())


def test_jumps_are_counted_shown_and_told_until_the_clock_is_right_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    life, metrics = Life(tmp_path), fresh_metrics()
    keeping = Timekeeping(life.clock, life.clock, metrics)
    for off_s in (0.0, HOUR, HOUR, 0.0):
        life.on.off_s = off_s
        life.passes(1)
        keeping.look()
        assert counted(metrics, "patrol_clock_offset_seconds") == pytest.approx(off_s)
    assert counted(metrics, "patrol_clock_jumps_total", direction="forwards") == 1
    assert counted(metrics, "patrol_clock_jumps_total", direction="backwards") == 1
    assert told_by(caplog) == [
        "the machine's clock jumped forwards; it is off by 3600.0 s now",
        "the machine's clock jumped backwards; it is off by 0.0 s now",
        "the machine's clock is followed again",
    ]


def test_the_room_shows_by_how_much_the_clock_is_off(tmp_path: Path) -> None:
    life = Life(tmp_path)

    async def check() -> None:
        async with dispatch_room(tmp_path, clock=life.clock, keeper=life.clock) as room:
            assert (await room.room.snapshot()).watch.clock_off_s is None
            life.on.off_s = -HOUR
            snapshot = await room.room.snapshot()
            assert (snapshot.watch.clock_off_s, snapshot.at) == (-3600, life.clock.now())

    asyncio.run(check())


def test_the_time_is_saved_every_minute_and_at_the_end() -> None:
    class Keeper(SystemClock):
        def __init__(self) -> None:
            self.saves = 0
            self.looks = 0

        def kept(self):  # type: ignore[no-untyped-def]
            self.looks += 1
            if self.looks > LOOKS_A_SAVE + 1:
                stopping.set()
            return Life(Path("/nowhere")).clock.kept()

        def save(self) -> None:
            self.saves += 1

        async def wait(self, event: asyncio.Event, seconds: float) -> bool:
            await asyncio.sleep(0)
            return event.is_set()

    keeper, stopping = Keeper(), asyncio.Event()
    asyncio.run(Timekeeping(keeper, keeper, fresh_metrics()).run(stopping))
    assert keeper.saves == 2
