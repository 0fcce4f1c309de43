"""The feed over real sockets: live, newest first, bounded, honest about trouble, and gone when it must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from patrol.web.app import FeedLimits

from .conftest import Site, code_of

QUICK = FeedLimits(period_s=0.05, quiet_s=0.4, heartbeat_s=0.15, viewers=2)


class Viewer:
    """One browser's end of the stream."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.room: dict[str, Any] = {}
        self.kinds: list[str] = []
        self.changed: list[str] = []  # the incidents in the newest one, if it was a change

    async def next(self) -> dict[str, str]:
        """The next event or comment, as its fields."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line and fields:
                return fields
            name, _, value = line.partition(":")
            if line:
                fields[name or "comment"] = value.strip()
        return fields

    async def event(self, kind: str) -> dict[str, Any]:
        """The data of the next event of that kind."""
        while True:
            fields = await self.next()
            assert fields, "the stream ended"
            if fields.get("event") == kind:
                return {"id": fields.get("id", ""), **json.loads(fields["data"])}

    async def state(self) -> dict[str, Any]:
        """The room as it is after the next event that tells of it, as the page puts it together."""
        while (fields := await self.next()).get("event") not in {"state", "change"}:
            assert fields, "the stream ended"
        told = json.loads(fields["data"])
        self.kinds.append(fields["event"])
        parts = set(told["room"])
        if fields["event"] == "state":
            self.room = told["room"]
        else:
            self.room = together(self.room, told)
            parts |= {name for name in ("incidents", "orders") if told[name] or told["incident_ids"] is not None}
        self.changed = [one["id"] for one in told.get("incidents", ())]
        return {"id": fields["id"], "at": told["at"], "room": self.room, "told": parts}


def together(room: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A room with what has changed, as docs/api.md says; of who comes back here the room is not known."""
    before = room.get("incidents", [])
    ids = [one["id"] for one in before] if change["incident_ids"] is None else change["incident_ids"]
    known = {one["id"]: one for one in (*before, *change["incidents"])}
    orders = {**room.get("orders", {}), **change["orders"]}
    return {
        **room,
        **change["room"],
        "incidents": [known[each] for each in ids if each in known],
        "orders": {each: orders[each] for each in ids if orders.get(each)},
    }


@asynccontextmanager
async def watching(address: str, seen: str = "", query: str = "") -> AsyncIterator[Viewer]:
    headers = {"Last-Event-ID": seen} if seen else {}
    async with (
        httpx.AsyncClient(base_url=address, headers=headers) as client,
        client.stream("GET", f"/api/v1/events{query}") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        yield Viewer(answer.aiter_lines())


def test_a_viewer_gets_the_room_at_once_and_then_as_it_changes(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            assert await viewer.next() == {"retry": "2000"}
            first = await viewer.state()
            incident = site.room.alert(500)
            while True:
                later = await viewer.state()
                if any(one["id"] == incident for one in later["room"]["incidents"]):
                    break
            assert number_of(later) > number_of(first)
            assert later["at"] > first["at"]

    asyncio.run(check())


def number_of(told: dict[str, Any]) -> int:
    return int(told["id"].partition("-")[2])


def test_a_viewer_is_told_the_whole_room_once_and_then_what_has_changed(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            whole = await viewer.state()
            assert {"station", "incidents", "tour", "units"} <= whole["told"]
            incident = site.room.alert(500)
            while not any(one["id"] == incident for one in viewer.room["incidents"]):
                told = await viewer.state()
            assert "incidents" in told["told"]
            assert "station" not in told["told"]
            assert viewer.room.keys() == whole["told"]
            assert viewer.kinds == ["state", *["change"] * (len(viewer.kinds) - 1)]

    asyncio.run(check())


def test_of_many_incidents_only_those_are_told_that_changed(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            whole = await viewer.state()
            number = len(whole["room"]["incidents"])
            assert number > 3
            incident = site.room.alert(500)
            while incident not in viewer.changed:
                await viewer.state()
            assert viewer.changed == [incident]
            site.room.send(incident, "U-P2", eta_s=30)
            while incident not in viewer.room["orders"]:
                await viewer.state()
            assert viewer.changed == [incident]
            assert len(viewer.room["incidents"]) == number + 1
            async with httpx.AsyncClient(base_url=address) as client:
                whole_again = (await client.get("/api/v1/state")).json()["room"]
            assert viewer.room["incidents"] == whole_again["incidents"]
            assert viewer.room["orders"] == whole_again["orders"]
            gone = viewer.room["incidents"][0]["id"]
            del site.room.incidents[gone]
            while gone in [one["id"] for one in viewer.room["incidents"]]:
                await viewer.state()
            assert viewer.changed == []
            assert gone not in viewer.room["orders"]

    asyncio.run(check())


@pytest.mark.parametrize("by_query", [False, True])
def test_who_comes_back_is_told_what_he_missed_and_nothing_twice(site: Site, by_query: bool) -> None:
    site.limits = QUICK
    still = site.room.now()
    site.room.now = lambda: still

    async def check() -> None:
        async with site.served() as address:
            async with watching(address) as viewer:
                seen = (await viewer.state())["id"]
            again = {"query": f"?after={seen}"} if by_query else {"seen": seen}
            async with watching(address, **again) as viewer:
                calm = await viewer.state()
                assert (viewer.kinds, calm["told"]) == (["change"], set())
            incident = site.room.alert(501)
            async with watching(address, **again) as viewer:
                told = await viewer.state()
                assert viewer.kinds == ["change"]
                assert "incidents" in told["told"]
                assert not {"tour", "station", "units"} & told["told"]
                assert any(one["id"] == incident for one in told["room"]["incidents"])

    asyncio.run(check())


def test_who_comes_back_to_a_server_that_was_started_anew_is_told_the_whole_room(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            seen = (await viewer.state())["id"]
        other = Site(room=site.room, limits=QUICK)
        async with other.served() as address:
            for strange in (seen, "made up", f"{seen}9"):
                async with watching(address, strange) as viewer:
                    told = await viewer.state()
                    assert (viewer.kinds, told["id"] != seen) == (["state"], True)

    asyncio.run(check())


def test_one_look_at_the_room_serves_every_viewer(site: Site) -> None:
    site.limits = FeedLimits(period_s=0.1, viewers=10)

    async def check() -> None:
        async with site.served() as address, asyncio.TaskGroup() as tasks:
            before = site.room.snapshots

            async def watch() -> None:
                async with watching(address) as viewer:
                    for _ in range(3):
                        await viewer.state()

            for _ in range(8):
                tasks.create_task(watch())
        assert site.room.snapshots - before < 8

    asyncio.run(check())


def test_nobody_watching_means_nobody_looks(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address:
            await asyncio.sleep(0.2)
            assert site.room.snapshots == 0
            async with watching(address) as viewer:
                await viewer.state()
            await asyncio.sleep(0.3)  # the server notices that the viewer has gone
            looked = site.room.snapshots
            await asyncio.sleep(0.3)
            assert site.room.snapshots == looked

    asyncio.run(check())


def test_who_comes_back_sees_the_room_as_it_is_and_not_as_it_was(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address:
            async with watching(address) as viewer:
                await viewer.state()
            await asyncio.sleep(0.3)
            incident = site.room.alert(501)
            site.room.takes_s = 0.1
            async with watching(address) as viewer:
                state = await viewer.state()
            assert any(one["id"] == incident for one in state["room"]["incidents"])

    asyncio.run(check())


def test_one_viewer_too_many_is_told_to_come_back_and_a_place_given_up_is_free(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address, httpx.AsyncClient(base_url=address) as client:
            async with watching(address), watching(address):
                full = await client.get("/api/v1/events")
                assert full.status_code == 503
                assert code_of(full) == "feed_full"
                assert "retry-after" in full.headers
            await asyncio.sleep(0.3)
            async with watching(address) as viewer:
                await viewer.state()

    asyncio.run(check())


def test_a_calm_room_is_silent_but_for_signs_of_life(site: Site) -> None:
    site.limits = QUICK
    still = site.room.now()
    site.room.now = lambda: still

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            await viewer.state()
            heard: list[dict[str, str]] = []
            while not any(fields.get("event") == "change" for fields in heard) or len(heard) < 4:
                heard.append(await viewer.next())
        # One of 0.4 s after some of 0.15 s; a room told every 0.05 s would have had no room for a comment.
        assert heard.count({"comment": "still here"}) >= 2

    asyncio.run(check())


def test_a_store_that_is_away_is_told_and_its_return_is_too(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            await viewer.state()
            site.room.away = "disk is full"
            trouble = await viewer.event("trouble")
            assert trouble["message"] == "disk is full"
            site.room.away = None
            assert (await viewer.state())["room"]["incidents"]

    asyncio.run(check())


def test_a_store_that_hangs_is_told_as_trouble(site: Site) -> None:
    site.limits = FeedLimits(period_s=0.05, snapshot_within_s=0.1)

    async def hang() -> None:
        await asyncio.Event().wait()

    class Hanging(type(site.room)):  # type: ignore[misc]
        snapshot = staticmethod(hang)

    site.room = Hanging()

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            assert "no answer within" in (await viewer.event("trouble"))["message"]

    asyncio.run(check())


def test_a_viewer_that_does_not_read_costs_the_others_nothing(site: Site) -> None:
    site.limits = QUICK

    async def check() -> None:
        async with site.served() as address:
            host, port = address.removeprefix("http://").rstrip("/").split(":")
            _, writer = await asyncio.open_connection(host, int(port), limit=1024)
            writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await writer.drain()
            async with watching(address) as viewer:
                numbers = [number_of(await viewer.state()) for _ in range(12)]
            assert numbers == sorted(set(numbers))
            writer.close()
            await writer.wait_closed()

    asyncio.run(check())


def test_asking_only_for_the_head_takes_no_place(site: Site) -> None:
    async def check() -> None:
        async with site.served() as address, httpx.AsyncClient(base_url=address) as client:
            answer = await client.head("/api/v1/events")
            assert answer.headers["content-type"].startswith("text/event-stream")
        assert site.room.snapshots == 0

    asyncio.run(check())


def test_what_people_wait_for_is_told_before_the_next_regular_time(site: Site) -> None:
    site.limits = FeedLimits(look_every_s=0.02, period_s=3600.0, quiet_s=3600.0)

    async def check() -> None:
        async with site.served() as address, watching(address) as viewer:
            await viewer.event("state")
            looked = site.room.snapshots
            while site.room.snapshots < looked + 5:  # noqa: ASYNC110  (ages change, and wait for their hour)
                await asyncio.sleep(0.01)
            incident = site.room.alert(502)
            change = await viewer.event("change")
            assert incident in [one["id"] for one in change["incidents"]]

    asyncio.run(check())


def test_who_comes_to_an_empty_room_waits_for_no_look(site: Site) -> None:
    site.limits = FeedLimits(look_every_s=3600.0, period_s=3600.0)

    async def check() -> None:
        async with site.served() as address:
            for _ in range(2):
                async with watching(address) as viewer:
                    await viewer.event("state")
                await asyncio.sleep(0.3)  # the server notices that the viewer has gone

    asyncio.run(check())
