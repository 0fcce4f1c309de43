"""A fake room behind the real app: over ASGI for routes, on a loopback port where sockets matter."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette

from patrol.adapters.clock import SystemClock
from patrol.ports import CameraView, DeedLog, HealthCheck, LiveDesk, RecordView, RosterDesk, SceneDesk, StillDesk
from patrol.web.app import FeedLimits, make_web_app, serve
from patrol.web.entering import Gate
from patrol.web.problems import KINDS, PREFIX, PROBLEM_JSON

from .fake_cameras import FakeCameras
from .fake_room import FakeRoom
from .no_live import NoLive
from .no_rosters import NoRosters
from .no_scenes import NoScenes
from .page_files import build_page

HOST = "http://127.0.0.1:8476"
CHROMIUM = Path("/usr/bin/chromium")
COMES_MS = 30_000  # as long as Playwright waits for what is clicked: a machine that others keep busy takes its time
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
IN_A_BROWSER = [
    pytest.mark.usefixtures("built_page"),
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM} (Debian's package chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=COMES_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET))
        yield browser
        browser.close()


def code_of(answer: httpx.Response) -> str:
    """Which kind of problem an answer is; that it is a proper one of those that are listed."""
    assert answer.headers["content-type"] == PROBLEM_JSON
    said = answer.json()
    code = str(said["type"]).removeprefix(PREFIX)
    assert said["status"] == answer.status_code in KINDS[code].statuses
    assert said["title"] == KINDS[code].title
    assert said["detail"]
    return code


@dataclass(slots=True)
class Check:
    """A health check that says what it is told to; ``slow`` ones never answer."""

    name: str
    says: str | None = None
    slow: bool = False

    async def problem(self) -> str | None:
        if self.slow:
            await asyncio.Event().wait()
        return self.says


@dataclass(slots=True)
class Site:
    """One app with what it was made of."""

    room: FakeRoom = field(default_factory=FakeRoom)
    checks: list[HealthCheck] = field(default_factory=list)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    limits: FeedLimits = field(default_factory=FeedLimits)
    hosts: tuple[str, ...] = ()
    gate: Gate | None = None
    deeds: DeedLog | None = None
    records: RecordView | None = None
    live: LiveDesk = field(default_factory=NoLive)
    stills: StillDesk = field(default_factory=NoLive)
    scenes: SceneDesk = field(default_factory=NoScenes)
    rosters: RosterDesk = field(default_factory=NoRosters)
    cameras: CameraView | None = None

    def app(self) -> Starlette:
        room = self.room
        return make_web_app(
            room,
            room,
            room,
            self.checks,
            self.registry,
            room.layout,
            SystemClock(),
            stopping=self.stopping,
            hosts=self.hosts,
            limits=self.limits,
            fates=room,
            precision=room,
            units=room,
            gate=self.gate,
            deeds=self.deeds,
            records=self.records or room,
            wall=room.wall,
            live=self.live,
            stills=self.stills,
            roster=lambda: room.roster,
            rules=lambda: room.rules,
            scenes=self.scenes,
            rosters=self.rosters,
            cameras=self.cameras or FakeCameras(room),
            map_parts=room.map_parts,
            heat=room,
        )

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Straight into the app, no socket."""
        transport = httpx.ASGITransport(app=self.app())
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            yield client

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """On a loopback port of its own; gives the address and stops the server at the end."""
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(self.app(), "127.0.0.1", 0, self.stopping, ready.set_result))
            try:
                async with asyncio.timeout(30):
                    address = await ready
                async with asyncio.timeout(60):
                    yield address
            finally:
                self.stopping.set()


@pytest.fixture(scope="session")
def built_page() -> None:
    """The page as its sources are now."""
    build_page()


@pytest.fixture
def site() -> Site:
    """A room with an evening going on."""
    site = Site()
    site.room.fill()
    Counter("visits", "Visits made.", registry=site.registry).inc(3)
    return site


@dataclass(slots=True)
class ServedRoom:
    """A served room for a browser test, which is not async: ``do`` changes the room inside its own loop."""

    room: FakeRoom
    address: str
    loop: asyncio.AbstractEventLoop
    halt: Callable[[], None]

    def do(self, change: Callable[[], object]) -> None:
        done = threading.Event()

        def call() -> None:
            change()
            done.set()

        self.loop.call_soon_threadsafe(call)
        assert done.wait(5)


@contextmanager
def served_in_thread(room: FakeRoom, port: int = 0, rosters: RosterDesk | None = None) -> Iterator[ServedRoom]:
    """Runs the real server in a thread with its own loop, until the block ends."""
    ready = threading.Event()
    parts: list[ServedRoom] = []

    async def run() -> None:
        site = Site(room=room, rosters=rosters or NoRosters())
        loop = asyncio.get_running_loop()

        def on_ready(address: str) -> None:
            parts.append(ServedRoom(room, address, loop, site.stopping.set))
            ready.set()

        await serve(site.app(), "127.0.0.1", port, site.stopping, on_ready)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="served-room")
    thread.start()
    try:
        assert ready.wait(10)
        yield parts[0]
    finally:
        if parts:
            parts[0].loop.call_soon_threadsafe(parts[0].halt)
        thread.join(10)
        assert not thread.is_alive()
