"""The whole service, put together: from a camera to feedback, and through every kind of end."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from patrol.adapters.disk_spool import kept_in
from patrol.adapters.redis_streams import RedisSubscription
from patrol.adapters.valkey_embedded import end_left_over
from patrol.app import ALL_ROLES, Options, Parts, QueueCheck, Role, StoreCheck, assembled, run_parts
from patrol.config import Configuration
from patrol.demo import simulated_operators, simulated_units
from patrol.demo.plots import Plot, Plots
from patrol.demo.simulated_operators import SimulatedOperators
from patrol.demo.simulated_shift import SimulatedShift
from patrol.demo.simulated_units import SimulatedUnits
from patrol.domain.camera import CameraId, RingName
from patrol.domain.confirmation import ConfirmPolicy
from patrol.domain.detections import Detections
from patrol.domain.errors import ConfigError, InputError, PatrolError, QueueError, StoreError
from patrol.domain.frame import Frame
from patrol.domain.incidents import ClockName, Disposition
from patrol.domain.messages import ORDER_STREAMS
from patrol.domain.orders import OrderState
from patrol.domain.pins import Pin
from patrol.domain.requests import ViewAcceptance
from patrol.domain.visits import Asker
from patrol.pipeline import alerting, opening
from tests.adapters.real_model import real_model, real_models_directory
from tests.config.files import as_yaml, sound
from tests.pipeline.parts import counted
from tests.service import CrowdDetector, configuration
from tests.stopwatch import stopwatch

STOPS_WITHIN_S = 5.0


@pytest.fixture
def _quick_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated people who lose no time."""
    for name in ("ACCEPT_S", "ON_SCENE_S"):
        monkeypatch.setattr(simulated_units, name, (0.05, 0.1))
    monkeypatch.setattr(simulated_units, "TEMPERS", (simulated_units.Temper.OBEYS,))
    monkeypatch.setattr(simulated_units, "REPORT_EVERY_S", 0.1)
    monkeypatch.setattr(simulated_operators, "LOOKS_EVERY_S", 0.1)
    for name in ("CONFIRM_S", "FEEDBACK_S", "SECOND_S"):
        monkeypatch.setattr(simulated_operators, name, (0.1, 0.2))


def people(parts: Parts, settings: Configuration) -> list[Callable[[asyncio.Event], object]]:
    """Simulated units and operators on the real queue and store."""
    chance, plots = random.Random(1), Plots(ConfirmPolicy(), (Plot.USUAL,))
    subscription = RedisSubscription(parts.redis, simulated_units.GROUP, "units", ORDER_STREAMS)
    units = SimulatedUnits(settings.units, subscription, parts.publisher, parts.clock, chance, plots)
    shift = SimulatedShift(parts.units_desk, parts.clock)
    return [units.run, SimulatedOperators(parts.store, parts.desk, shift, parts.clock, chance, plots).run]


async def until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    """Look again and again until an awaited condition holds."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  (what it waits for is in a database)
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("_quick_people")
def test_from_a_crowd_on_a_camera_to_feedback_in_one_process(tmp_path: Path) -> None:
    """Drawn cameras, a real SQLite, a real Valkey, the real web server; only detector, units and operators are ours."""
    settings, options = configuration(crowds=2, calm=10), Options(var=tmp_path, port=0, simulated=True)
    pages: dict[str, int] = {}

    async def check() -> None:
        stopping = asyncio.Event()
        async with assembled(settings, options, detector=CrowdDetector()) as parts:
            address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            async def closed_both(_drained: asyncio.Event) -> None:
                async def closed() -> bool:
                    return len((await parts.store.latest_closed(10)).incidents) == 2

                await until(closed)
                async with httpx.AsyncClient(base_url=await address) as client:
                    for page in ("/healthz", "/readyz", "/metrics", "/"):
                        pages[page] = (await client.get(page)).status_code
                stopping.set()

            companions = [*people(parts, settings), closed_both]
            await run_parts(parts, settings, options, stopping, address.set_result, companions)

            ledger = await parts.store.latest_closed(10)
            assert {incident.camera_id for incident in ledger.incidents} == {"crowd-0", "crowd-1"}
            for incident in ledger.incidents:
                assert incident.disposition is Disposition.HANDLED
                assert set(incident.clocks) == set(ClockName)  # t0 to t12, none left out
                way = (ClockName.BEGAN, ClockName.DETECTED, ClockName.ACCEPTED, ClockName.ORDER_SENT)
                way += (ClockName.UNIT_ACCEPTED, ClockName.ON_SCENE, ClockName.HANDLED, ClockName.CLOSED)
                times = [incident.clocks[name].at for name in way]
                assert times == sorted(times)
                assert incident.evidence_id is not None
                picture = await parts.evidence.get(incident.evidence_id)
                assert picture is not None
                assert picture.startswith(b"\xff\xd8")
                assert incident.clip_id is not None, "a focus saw it"
                clip = await parts.evidence.get_clip(incident.clip_id)
                assert clip is not None
                assert clip.startswith(b"\x1a\x45\xdf\xa3")
            assert {order.state for order in ledger.orders} == {OrderState.DONE}
            assert len(ledger.orders) == 2
            totals = await parts.store.totals()
            assert totals.alerts_accepted == totals.alerts_delivered == totals.alerts_acknowledged == 2
            assert (await parts.store.waiting())[0] == 0  # the relay drained the outbox
            assert parts.tour is not None
            counts = parts.tour.detecting.counts
            assert counts.captured == counts.processed + counts.dropped
            assert counted(parts.metrics, "patrol_messages_dead_total", group="dispatch") == 0

    asyncio.run(check())
    assert pages == {"/healthz": 200, "/readyz": 200, "/metrics": 200, "/": 200}


def test_a_stop_drains_in_time_also_while_the_store_refuses_and_the_next_start_loses_nothing(tmp_path: Path) -> None:
    settings, options = configuration(crowds=3, calm=3), Options(var=tmp_path, port=0)

    def kept() -> int:
        found = kept_in(options.spool)
        return found.waiting + found.aside

    async def run_until(holds: Callable[[Parts], Awaitable[bool]]) -> float:
        stopping = asyncio.Event()
        stopped_at: list[float] = []
        async with assembled(settings, options, detector=CrowdDetector()) as parts:

            async def stop_later(_drained: asyncio.Event) -> None:
                await until(lambda: holds(parts))
                stopping.set()
                stopped_at.append(time.monotonic())

            await run_parts(parts, settings, options, stopping, lambda address: None, [stop_later])
            assert counted(parts.metrics, "patrol_events_lost_total") == 0
            return time.monotonic() - stopped_at[0]

    async def check() -> None:
        async with assembled(settings, options, detector=CrowdDetector()):
            pass  # makes the database
        with closing(sqlite3.connect(tmp_path / "patrol.db", isolation_level=None)) as other:
            other.execute("create trigger full before insert on alerts begin select raise(abort, 'disk full'); end")

            async def all_kept(_parts: Parts) -> bool:
                return kept() == 3

            assert await run_until(all_kept) < STOPS_WITHIN_S
            assert kept() == 3
            other.execute("drop trigger full")

        async def all_accepted(parts: Parts) -> bool:
            return kept() == 0 and (await parts.store.totals()).alerts_accepted == 3

        assert await run_until(all_accepted) < STOPS_WITHIN_S

    asyncio.run(check())


def test_started_without_its_database_it_tours_keeps_what_it_sees_and_goes_on_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All roles, and a disk that is mounted only later."""
    monkeypatch.setattr(alerting, "RETRY_S", (0.1,))
    monkeypatch.setattr(opening, "RETRY_S", (0.1,))
    settings, disk = configuration(crowds=3, calm=3), tmp_path / "not-mounted-yet"
    options = Options(var=tmp_path / "var", port=0, database_url=f"sqlite:///{disk}/patrol.db")

    async def check() -> None:
        stopping = asyncio.Event()
        async with assembled(settings, options, detector=CrowdDetector()) as parts:
            address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            async def mount_later(_drained: asyncio.Event) -> None:
                async def all_kept() -> bool:
                    return kept_in(options.spool).waiting == 3

                await until(all_kept)
                async with httpx.AsyncClient(base_url=await address) as client:
                    said = await client.get("/readyz")
                    assert said.status_code == 503
                    assert "unable to open" in said.text
                    assert (await client.get("/healthz")).status_code == 200
                    assert (await client.get("/api/v1/state")).status_code == 503
                assert counted(parts.metrics, "patrol_store_away") == 1
                disk.mkdir()

                async def there() -> bool:
                    return counted(parts.metrics, "patrol_store_away") == 0

                await until(there)

                async def all_published() -> bool:
                    return kept_in(options.spool).waiting == 0 and (await parts.store.totals()).alerts_delivered == 3

                await until(all_published)

                async def dispatch_goes_on_too() -> bool:
                    return len((await parts.store.open_ledger()).orders) > 0

                await until(dispatch_goes_on_too)
                stopping.set()

            await run_parts(parts, settings, options, stopping, address.set_result, [mount_later])
            assert counted(parts.metrics, "patrol_events_lost_total") == 0

    asyncio.run(check())


def test_roles_in_processes_of_their_own_need_a_queue_and_a_store_in_common(tmp_path: Path) -> None:
    for given in ({}, {"redis_url": "redis://127.0.0.1:1/0"}, {"database_url": f"sqlite:///{tmp_path}/x.db"}):
        options = Options(var=tmp_path, roles=frozenset({Role.DISPATCH}), **given)
        with pytest.raises(InputError, match="set REDIS_URL and DATABASE_URL"):
            options.check()
    Options(var=tmp_path).check()
    both = {"redis_url": "redis://127.0.0.1:1/0", "database_url": f"sqlite:///{tmp_path}/x.db"}
    Options(var=tmp_path, roles=frozenset({Role.DISPATCH}), **both).check()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"redis_url": "http://:canary-5b@host"}, ConfigError, "REDIS_URL"),
        ({"database_url": "postgresql://u:canary-5b@db/x"}, ConfigError, "DATABASE_URL"),
        ({"database_url": "sqlite:///{tmp_path}/damaged.db"}, StoreError, "not a database"),
    ],
)
def test_what_cannot_be_opened_is_told_in_words_before_anything_runs(
    tmp_path: Path, changes: dict[str, str], error: type[PatrolError], words: str
) -> None:
    (tmp_path / "damaged.db").write_bytes(b"no SQLite database at all" * 100)

    async def check() -> None:
        given = {"redis_url": "redis://127.0.0.1:1/0", **changes}
        given = {name: value.replace("{tmp_path}", str(tmp_path)) for name, value in given.items()}
        async with assembled(configuration(), Options(var=tmp_path, **given), detector=CrowdDetector()):
            raise AssertionError("it was opened")

    with pytest.raises(error, match=words) as caught:
        asyncio.run(check())
    assert "canary-5b" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def check() -> None:
        async with assembled(configuration(), Options(var=tmp_path / "file" / "var"), detector=CrowdDetector()):
            raise AssertionError("it was opened")

    with pytest.raises(InputError, match="cannot be made: Not a directory"):
        asyncio.run(check())


def test_the_dispatch_role_tours_nothing_and_needs_no_model(tmp_path: Path) -> None:
    async def check() -> None:
        options = Options(
            var=tmp_path,
            roles=frozenset({Role.DISPATCH, Role.RELAY}),
            redis_url="redis://127.0.0.1:1/0",
            database_url=f"sqlite:///{tmp_path}/x.db",
            port=0,
        )
        async with assembled(configuration(), options) as parts:
            assert parts.tour is None
            stopping = asyncio.Event()
            up: list[str] = []

            def ready(address: str) -> None:
                up.append(address)
                stopping.set()

            await run_parts(parts, configuration(), options, stopping, ready)  # Redis away is no reason to fail
            assert up

    asyncio.run(check())
    assert Role.DISPATCH in ALL_ROLES


def test_readiness_follows_store_and_queue(tmp_path: Path) -> None:
    async def check() -> None:
        async with assembled(configuration(), Options(var=tmp_path), detector=CrowdDetector()) as parts:
            assert await StoreCheck(parts.store).problem() is None
            assert await QueueCheck(parts.publisher).problem() is None

            class Away:
                async def ping(self) -> None:
                    raise QueueError("redis: ConnectionError")

                async def waiting(self) -> None:
                    raise StoreError("database: disk full")

            assert await QueueCheck(Away()).problem() == "redis: ConnectionError"
            assert await StoreCheck(Away()).problem() == "database: disk full"

    asyncio.run(check())


class CrowdOnce(CrowdDetector):
    """Sees its crowd in the first picture only; counts what it was shown."""

    def __init__(self) -> None:
        self.shown: Counter[str] = Counter()

    async def detect(self, frames: Sequence[Frame]) -> Sequence[Detections]:
        first = [frame.camera_id not in self.shown for frame in frames]
        self.shown.update(frame.camera_id for frame in frames)
        found = await super().detect(frames)
        nobody = [Detections.none(frame.width, frame.height, self.class_names) for frame in frames]
        return [found[n] if first[n] else nobody[n] for n in range(len(frames))]


def test_where_idle_scenes_rest_a_camera_that_is_suspected_or_pinned_is_looked_at_every_time(tmp_path: Path) -> None:
    """The same still picture again and again: whoever is skipped is skipped for want of a change."""
    settings = configuration(crowds=2, calm=2)
    settings = replace(settings, detector=replace(settings.detector, look_every=100))
    detector, still = CrowdOnce(), np.full((192, 320, 3), 90, np.uint8)

    async def check() -> None:
        async with assembled(settings, Options(var=tmp_path), detector=detector) as parts:
            assert parts.tour is not None
            detecting, book = parts.tour.detecting, parts.tour.touring._book
            begin = parts.clock.now()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(detecting.run())
                for number in range(6):
                    if number == 2:
                        book.pinned(Pin(CameraId("calm-1"), 60.0, 1.0, "Li"))
                        # A suspicion puts its camera in focus, too: without that the rule alone must do.
                        book.pin(CameraId("crowd-0"), 0.0, 1.0, Asker.SUSPICION)
                    for name in ("calm-0", "calm-1", "crowd-0"):
                        at = begin + timedelta(seconds=0.1 * number)
                        detecting.offer(Frame(CameraId(name), at, still), RingName.CORE)
                    while detecting.counts.processed < 3 * (number + 1):  # noqa: ASYNC110  (it tells nobody)
                        await asyncio.sleep(0.005)
                detecting.close()

    asyncio.run(check())
    assert detector.shown == {"calm-0": 1, "calm-1": 5, "crowd-0": 6}, "calm-1: its first, and four while pinned"


def test_an_operators_word_on_a_view_reaches_whoever_judges_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        settings = configuration(crowds=0, calm=1)
        async with assembled(settings, Options(var=tmp_path), detector=CrowdDetector()) as parts:
            assert parts.tour is not None
            stopping = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(parts.tour.touring.run_reports(stopping))
                await parts.desk.accept_view(ViewAcceptance(CameraId("calm-0"), "李明"))

                async def heard() -> bool:
                    return "camera calm-0: 李明 accepts its view, but it shows no strange one" in caplog.messages

                await until(heard)
                stopping.set()

    asyncio.run(check())


class Process:
    """A Patrol in a process of its own, with what it said so far in a file."""

    def __init__(self, arguments: list[str], log: Path, environ: dict[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments], stderr=output, stdout=output, env={**os.environ, **(environ or {})}
            )

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_for(self, words: str, within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while words not in self.said():
            assert self.popen.poll() is None, f"it ended: {self.said()}"
            assert time.monotonic() < deadline, f"no {words!r} in: {self.said()}"
            time.sleep(0.02)


@contextmanager
def processes() -> Iterator[Callable[..., Process]]:
    """Makes processes, and ends those that are still there at the end."""
    with ExitStack() as stack:

        def start(arguments: list[str], log: Path, environ: dict[str, str] | None = None) -> Process:
            process = Process(arguments, log, environ)
            stack.callback(_end, process.popen)
            return process

        yield start


def _end(popen: subprocess.Popen[bytes]) -> None:
    if popen.poll() is None:
        popen.terminate()
        try:
            popen.wait(10)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


def query(database: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.long
def test_killed_in_the_middle_of_a_storm_it_has_lost_no_accepted_alert_when_it_is_back(tmp_path: Path) -> None:
    """kill -9 as soon as alerts are accepted, and again; the ids are those the process said, not its tables'."""
    var, said = tmp_path / "var", ""
    with processes() as start:
        for kills in (1, 2):
            process = start(["-m", "tests.service", str(var)], tmp_path / f"log-{kills}")
            if kills == 1:
                process.wait_for(" accepted: ")
            else:
                process.wait_for("up http")
            process.popen.kill()
            process.popen.wait()
            said += process.said()
        accepted = set(re.findall(r"alert (A-\S+) accepted", said))
        assert accepted
        process = start(["-m", "tests.service", str(var)], tmp_path / "log")
        process.wait_for("up http")  # before, it would not hear that it shall stop
        database = var / "patrol.db"
        deadline = time.monotonic() + 20

        def settled() -> bool:
            waiting = query(database, "select count(*) from outbox where published_at is null")[0][0]
            orderless = query(
                database, "select id from incidents where is_open and id not in (select incident_id from orders)"
            )
            unheard = query(database, "select id from alerts where acknowledged_at is null")
            return waiting == 0 and not orderless and not unheard

        while not settled():
            assert time.monotonic() < deadline, process.said()
            time.sleep(0.1)
        stored = {row[0] for row in query(database, "select id from alerts")}
        assert accepted <= stored
        busy = query(database, "select busy_unit_id from orders where busy_unit_id is not null")
        assert len(busy) == len(set(busy))
        per_incident = query(
            database, "select count(*) from orders where busy_unit_id is not null group by incident_id"
        )
        assert set(per_incident) == {(1,)}
        evidence = {path.stem for path in (var / "evidence").rglob("*.jpg")}
        wanted = {row[0] for row in query(database, "select json_extract(body, '$.evidence_id') from alerts")}
        assert wanted <= evidence
        _stop_and_check(process)


@pytest.mark.long
def test_a_second_signal_leaves_at_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    request.addfinalizer(lambda: end_left_over(tmp_path / "var" / "valkey"))  # it had no time to do that itself
    with processes() as start:
        process = start(["-m", "tests.service", str(tmp_path / "var")], tmp_path / "log")
        process.wait_for("up http")
        process.popen.send_signal(signal.SIGINT)
        process.wait_for("once more to leave at once")
        process.popen.send_signal(signal.SIGINT)
        with stopwatch() as watch:
            assert process.popen.wait(10) in (0, 130)  # 0 where it was quicker than the second signal
            assert watch.took_s < 3


def _stop_and_check(process: Process) -> None:
    process.popen.send_signal(signal.SIGTERM)
    with stopwatch() as watch:
        assert process.popen.wait(20) == 0, process.said()
        assert watch.took_s < STOPS_WITHIN_S
    assert "\nstopped" in process.said()
    assert "Traceback" not in process.said()


@pytest.mark.weights
def test_the_service_with_the_real_model_comes_up_and_stops_cleanly(tmp_path: Path) -> None:
    real_model()
    data = sound()
    data["templates"]["square"]["stream"] = "synthetic:{id}"
    data["cameras"][0]["stream"] = "synthetic:P-1"
    config = tmp_path / "cameras.yaml"
    config.write_text(as_yaml(data), encoding="utf-8")
    arguments = ["-m", "patrol", "run", "--config", str(config), "--var", str(tmp_path / "var"), "--port", "0"]
    with processes() as start:
        environ = {"PATROL_MODELS": str(real_models_directory()), "REDIS_URL": "", "DATABASE_URL": ""}
        process = start([*arguments, "--device", "cpu"], tmp_path / "log", environ)
        process.wait_for("Patrol is up: http://127.0.0.1:", 60)
        address = process.said().split("Patrol is up: ")[1].split()[0]
        seen = re.compile(r"patrol_frames_processed_total (\d+)")
        deadline = time.monotonic() + 20
        while not (found := seen.search(httpx.get(f"{address}metrics").text)) or int(found[1]) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        _stop_and_check(process)


@pytest.mark.parametrize("attempt", range(4))
def test_a_part_that_dies_ends_the_whole_and_is_named(tmp_path: Path, attempt: int) -> None:
    """A used port: three starts of four hung half dead, since a consumer in mid-command missed its cancellation."""

    async def check(port: int) -> None:
        settings = configuration()
        chosen = Options(var=tmp_path, port=port)
        async with asyncio.timeout(20), assembled(settings, chosen, detector=CrowdDetector()) as parts:
            await run_parts(parts, settings, chosen, asyncio.Event(), lambda address: None)

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ExceptionGroup) as raised:
        asyncio.run(check(taken.getsockname()[1]))
    (error,) = raised.value.exceptions
    assert isinstance(error, PatrolError)
    assert "port" in str(error)
