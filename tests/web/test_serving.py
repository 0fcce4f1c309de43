"""Starting and stopping the server inside Patrol's own loop."""

from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import pytest

from patrol.domain.errors import PatrolError
from patrol.web.app import FeedLimits, serve
from tests.stopwatch import Stopwatch

from .conftest import Site
from .fake_room import FakeRoom
from .test_feeding import watching


def test_it_is_gone_within_two_seconds_with_viewers_connected_even_one_that_never_reads(site: Site) -> None:
    site.limits = FeedLimits(period_s=0.02)
    for number in range(60):  # some 400 kB a message: more than the kernel holds for one that does not read
        site.room.alert(600 + number, words=("满" * 1000, "full " * 600))

    watch = Stopwatch()

    async def check() -> None:
        async with site.served() as address:
            port = int(address.rstrip("/").rpartition(":")[2])
            stalled = socket.create_connection(("127.0.0.1", port))
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            async with watching(address) as viewer:
                for number in range(25):
                    site.room.alert(700 + number)
                    await viewer.state()
                site.stopping.set()
                watch.start()
                while await viewer.next():
                    pass
            assert watch.took_s < 1.0, "a reading viewer's stream ends at once"
        assert watch.took_s < 2.0
        stalled.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())
    watch.stop()


def test_nothing_listens_and_nothing_runs_after_it_stopped(site: Site) -> None:
    async def check() -> None:
        async with site.served() as address, httpx.AsyncClient() as client:
            assert (await client.get(f"{address}healthz")).status_code == 200
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as client:
                await client.get(f"{address}healthz")
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())


def test_a_port_in_use_is_said_in_words(site: Site) -> None:
    async def check() -> str:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(PatrolError, match=f"127.0.0.1:{port}") as caught:
                await serve(site.app(), "127.0.0.1", port, site.stopping, print)
        return str(caught.value)

    assert "another port" in asyncio.run(check())


def test_a_host_that_is_not_ours_is_said_in_words(site: Site) -> None:
    async def check() -> None:
        await serve(site.app(), "192.0.2.1", 0, site.stopping, print)

    with pytest.raises(PatrolError, match=r"cannot serve on 192\.0\.2\.1"):
        asyncio.run(check())


def test_signals_stay_with_whoever_runs_the_loop(site: Site) -> None:
    async def check() -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with site.served():
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    asyncio.run(check())


def test_every_address_of_this_machine_is_shown_as_one_that_can_be_opened(site: Site) -> None:
    async def check() -> str:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(site.app(), "0.0.0.0", 0, site.stopping, ready.set_result))
            address = await ready
            async with httpx.AsyncClient() as client:
                assert (await client.get(address)).status_code == 200
            site.stopping.set()
        return address

    assert asyncio.run(check()).startswith("http://127.0.0.1:")


def test_a_bug_in_the_view_stops_the_server_instead_of_leaving_a_dead_page(site: Site) -> None:
    class Broken(FakeRoom):
        async def snapshot(self):  # type: ignore[no-untyped-def]
            raise ZeroDivisionError

    site.room = Broken()

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            while await viewer.next():
                pass

    with pytest.raises(BaseExceptionGroup) as caught:
        asyncio.run(check())
    assert caught.group_contains(ZeroDivisionError)


def test_being_cancelled_leaves_nothing_behind(site: Site) -> None:
    async def check() -> None:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(site.app(), "127.0.0.1", 0, site.stopping, ready.set_result))
        address = await ready
        async with watching(address) as viewer:
            await viewer.state()
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(check())
