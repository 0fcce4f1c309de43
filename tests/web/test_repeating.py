"""Whatever is asked for twice by the same key is done once, whichever route it is, and also across a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prometheus_client import CollectorRegistry

from patrol.adapters.memory import MemoryTourRequests
from patrol.adapters.sql_deeds import SqlDeeds
from patrol.adapters.sql_duties import SqlDuties
from patrol.domain.deeds import Deed
from patrol.domain.errors import QueueError
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.pipeline.closing import Desk
from patrol.pipeline.mustering import UnitsDesk
from patrol.web.app import RoomLayout, make_web_app
from patrol.web.repeating import MOST_KEPT
from tests.pipeline.dispatch_room import DispatchRoom, dispatch_room
from tests.pipeline.parts import UNITS

from .conftest import HOST, Site, code_of
from .fake_room import FakeRoom
from .test_entering import method_of, routes_of

INCIDENT = IncidentId("I-20261123-000147")
KEY = {"Idempotency-Key": "0123456789abcdef", "X-Patrol-Operator": "wang"}
OF_ONE = f"/api/v1/incidents/{INCIDENT}"
CLOSE = {"disposition": "handled", "reason": "settled"}
HERE = {"place": {"latitude": 35.49, "longitude": 112.85}, "at": "2026-05-01T02:30:00Z"}
# Whose answer is nobody's to be given again: a sign-in that comes again is another one.
OPEN = {"/api/v1/sign-in", "/api/v1/sign-out"}
# What each route is asked for: the address and the body. Another route that changes something belongs here, too.
ASKED: dict[tuple[str, str], tuple[str, object]] = {
    ("POST", "/api/v1/looking"): ("/api/v1/looking", {"seat": "seat-1", "incident_id": INCIDENT}),
    ("POST", "/api/v1/incidents/{incident_id}/displayed"): (f"{OF_ONE}/displayed", {"seat": "seat-1"}),
    ("POST", "/api/v1/incidents/{incident_id}/confirm"): (f"{OF_ONE}/confirm", {}),
    ("POST", "/api/v1/incidents/{incident_id}/acknowledge"): (f"{OF_ONE}/acknowledge", {}),
    ("POST", "/api/v1/incidents/{incident_id}/close"): (f"{OF_ONE}/close", CLOSE),
    ("POST", "/api/v1/incidents/{incident_id}/withdraw-closing"): (f"{OF_ONE}/withdraw-closing", {}),
    ("POST", "/api/v1/incidents/{incident_id}/reopen"): (f"{OF_ONE}/reopen", {"reason": "x"}),
    ("POST", "/api/v1/incidents/{incident_id}/level"): (f"{OF_ONE}/level", {"level": "blue", "reason": "x"}),
    ("POST", "/api/v1/incidents/{incident_id}/note"): (f"{OF_ONE}/note", {"text": "x"}),
    ("POST", "/api/v1/incidents/{incident_id}/merge"): (f"{OF_ONE}/merge", {"with": "I-1"}),
    ("POST", "/api/v1/incidents/{incident_id}/split"): (f"{OF_ONE}/split", {"alert_id": "A-1"}),
    ("POST", "/api/v1/incidents/{incident_id}/orders"): (f"{OF_ONE}/orders", {"unit_id": "U-JP1"}),
    ("POST", "/api/v1/incidents/{incident_id}/orders/{order_id}/take-back"): (f"{OF_ONE}/orders/O-1/take-back", {}),
    ("POST", "/api/v1/cameras/{camera_id}/pin"): ("/api/v1/cameras/C-017/pin", {}),
    ("POST", "/api/v1/cameras/{camera_id}/skip"): ("/api/v1/cameras/C-017/skip", {"seconds": 60, "reason": "x"}),
    ("POST", "/api/v1/cameras/{camera_id}/accept-view"): ("/api/v1/cameras/C-017/accept-view", {}),
    ("POST", "/api/v1/cameras/{camera_id}/scene/check"): ("/api/v1/cameras/C-017/scene/check", {}),
    ("PUT", "/api/v1/cameras/{camera_id}/scene"): ("/api/v1/cameras/C-017/scene", {"version": "x"}),
    ("POST", "/api/v1/cameras/{camera_id}/live"): ("/api/v1/cameras/C-017/live", {"offer": "x"}),
    ("DELETE", "/api/v1/live/{viewer_id}"): ("/api/v1/live/v-1", None),
    ("POST", "/api/v1/wall/{viewer_id}/cameras"): ("/api/v1/wall/v-1/cameras", {"cameras": []}),
    ("POST", "/api/v1/dead-letters/{letter_id}/replay"): ("/api/v1/dead-letters/1777999900001-0/replay", {}),
    ("POST", "/api/v1/units/{unit_id}/position"): ("/api/v1/units/U-JP1/position", HERE),
    ("POST", "/api/v1/units/{unit_id}/state"): ("/api/v1/units/U-JP1/state", {"state": "off_duty", "reason": "x"}),
    ("PUT", "/api/v1/units/{unit_id}/roster"): ("/api/v1/units/U-JP1/roster", {"version": "x", "crew": 2, "shift": []}),
    ("POST", "/api/v1/positions"): ("/api/v1/positions", {"positions": [{"unit_id": "U-JP1", **HERE}]}),
    ("POST", "/api/v1/password"): ("/api/v1/password", {"old": "x", "new": "y"}),
}


def changing(site: Site) -> set[tuple[str, str]]:
    routes = ((method_of(route), route.path) for route in routes_of(site))
    return {(method, path) for method, path in routes if method not in {"GET", "HEAD"} and path not in OPEN}


def test_each_route_that_changes_something_is_asked_for_twice_here(site: Site) -> None:
    assert changing(site) == set(ASKED)


@pytest.mark.parametrize(("method", "path"), ASKED, ids=lambda part: part)
def test_what_comes_again_by_the_same_key_is_done_once_and_answered_alike(site: Site, method: str, path: str) -> None:
    address, body = ASKED[method, path]
    site.room.bury(1)

    async def twice() -> list[httpx.Response]:
        async with site.client() as client:
            asked = [client.request(method, address, json=body, headers=KEY) for _ in range(2)]
            return [*await asyncio.gather(*asked), await client.request(method, address, json=body, headers=KEY)]

    first, meanwhile, again = asyncio.run(twice())
    assert (first.status_code, first.content) == (meanwhile.status_code, meanwhile.content)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    done = [call for call in site.room.calls if call[0] != "displayed"]
    assert len(done) + len(site.room.positions) <= 1


def asked(site: Site, *requests: tuple[str, object, dict[str, str]]) -> list[httpx.Response]:
    async def ask() -> list[httpx.Response]:
        async with site.client() as client:
            return [await client.post(path, json=body, headers=headers) for path, body, headers in requests]

    return asyncio.run(ask())


def test_a_key_is_of_one_request_and_of_one_person(site: Site) -> None:
    note = (f"{OF_ONE}/note", {"text": "x"}, KEY)
    other_text = (f"{OF_ONE}/note", {"text": "y"}, KEY)
    other_action = (f"{OF_ONE}/confirm", {}, KEY)
    other_person = (f"{OF_ONE}/note", {"text": "y"}, KEY | {"X-Patrol-Operator": "li"})
    answers = asked(site, note, other_text, other_action, other_person)
    assert [answer.status_code for answer in answers] == [200, 422, 422, 200]
    assert {code_of(answer) for answer in answers[1:3]} == {"request_reused"}
    assert [call[2:] for call in site.room.calls] == [("wang", "x"), ("li", "y")]


@pytest.mark.parametrize("key", ["short", "x" * 65, "with blanks", "semi;colon"])
def test_what_can_be_no_key_is_refused(site: Site, key: str) -> None:
    (answer,) = asked(site, (f"{OF_ONE}/confirm", {}, {**KEY, "Idempotency-Key": key}))
    assert (code_of(answer), answer.json()["errors"][0]["path"]) == ("bad_request", "Idempotency-Key")
    assert site.room.calls == []


def test_what_failed_is_tried_again(site: Site) -> None:
    note = (f"{OF_ONE}/note", {"text": "x"}, KEY)
    site.room.away = "database: locked"
    assert [answer.status_code for answer in asked(site, note)] == [503]

    async def away_and_back() -> list[int]:
        async with site.client() as client:
            site.room.away = "database: locked"
            first = await client.post(note[0], json=note[1], headers=KEY)
            site.room.away = None
            return [first.status_code, (await client.post(note[0], json=note[1], headers=KEY)).status_code]

    assert asyncio.run(away_and_back()) == [503, 200]


def test_who_takes_no_compressed_answer_gets_none_where_another_did(site: Site) -> None:
    unknown = [{"unit_id": f"U-{number:0100d}", **HERE} for number in range(20)]
    asked = ("/api/v1/positions", {"positions": unknown})

    async def twice() -> list[httpx.Response]:
        async with site.client() as client:
            took = [KEY | {"Accept-Encoding": encoding} for encoding in ("gzip", "identity", "gzip")]
            return [await client.post(asked[0], json=asked[1], headers=headers) for headers in took]

    answers = asyncio.run(twice())
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", None, "gzip"]
    assert len({answer.text for answer in answers}) == 1
    assert {answer.status_code for answer in answers} == {202}


def test_no_more_answers_are_kept_than_so_many(site: Site) -> None:
    async def many() -> int:
        app = site.app()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOST) as client:
            for number in range(MOST_KEPT + 20):
                headers = {"Idempotency-Key": f"key-{number:08d}"}
                await client.post("/api/v1/looking", json={"seat": "s", "incident_id": None}, headers=headers)
        return len(app.state.repeats._given)

    assert asyncio.run(many()) == MOST_KEPT


# Across a restart: the store knows


@dataclass
class Console:
    """A console over the real desks, made anew for each request: it has the store alone to remember by."""

    there: DispatchRoom
    requests: MemoryTourRequests

    async def post(self, path: str, body: object, key: str = "0123456789abcdef", who: str = "wang") -> httpx.Response:
        fake, deeds = FakeRoom(), SqlDeeds(self.there.store, self.there.clock)
        app = make_web_app(
            fake,
            Desk(self.there.deciding, self.requests, deeds=deeds),
            fake,
            (),
            CollectorRegistry(),
            RoomLayout.of("站", "Station", fake.cameras, (), UNITS),
            self.there.clock,
            stopping=asyncio.Event(),
            deeds=deeds,
            units=UnitsDesk(SqlDuties(self.there.store), cast(Any, None), self.there.clock),
        )
        headers = {"Idempotency-Key": key, "X-Patrol-Operator": who}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOST) as client:
            return await client.post(path, json=body, headers=headers)

    async def deeds(self) -> list[Deed]:
        return [deed for _, deed in await SqlDeeds(self.there.store, self.there.clock).latest(100)]


def play(folder: Path, story: Callable[[Console], Awaitable[None]]) -> None:
    async def run() -> None:
        async with dispatch_room(folder) as there:
            for number in (1, 2):
                await there.alert(number)
            await story(Console(there, MemoryTourRequests()))

    asyncio.run(run())


OF_FIRST = "/api/v1/incidents/I-1"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{OF_FIRST}/confirm", {}),
        (f"{OF_FIRST}/level", {"level": "blue", "reason": "x"}),
        (f"{OF_FIRST}/note", {"text": "x"}),
        (f"{OF_FIRST}/close", CLOSE),
        (f"{OF_FIRST}/merge", {"with": "I-2"}),
        (f"{OF_FIRST}/orders", {"unit_id": "U-2"}),
        ("/api/v1/units/U-2/state", {"state": "off_duty", "reason": "x"}),
        ("/api/v1/cameras/C-017/pin", {"seconds": 60}),
        ("/api/v1/cameras/C-017/skip", {"seconds": 60, "reason": "x"}),
    ],
)
def test_a_restart_forgets_nothing_of_it(tmp_path: Path, path: str, body: object) -> None:
    async def story(console: Console) -> None:
        first = await console.post(path, body)
        assert first.status_code == 200, first.text
        before, orders = await console.deeds(), await console.there.orders()
        again = await console.post(path, body)
        assert (again.status_code, again.json()) == (200, first.json())
        assert (await console.deeds(), await console.there.orders()) == (before, orders)
        assert [deed.request for deed in before] == ["0123456789abcdef"]
        other = await console.post(path, body, who="li")  # another person's key, though it reads the same
        assert other.status_code in {200, 409}
        assert [deed.who for deed in await console.deeds() if deed.request] in (["wang"], ["li", "wang"])

    play(tmp_path, story)


def test_what_came_late_does_not_undo_what_others_did_since(tmp_path: Path) -> None:
    async def story(console: Console) -> None:
        level = {"level": "blue", "reason": "looks calm"}
        assert (await console.post(f"{OF_FIRST}/level", level)).status_code == 200
        assert (await console.post(f"{OF_FIRST}/level", {"level": "red", "reason": "no"}, who="li")).status_code == 200
        assert (await console.post(f"{OF_FIRST}/level", level)).status_code == 200
        assert (await console.there.incident("I-1")).level is Level.RED

    play(tmp_path, story)


def test_a_key_is_of_one_request_also_across_a_restart(tmp_path: Path) -> None:
    async def story(console: Console) -> None:
        assert (await console.post(f"{OF_FIRST}/note", {"text": "x"})).status_code == 200
        for path in (f"{OF_FIRST}/confirm", "/api/v1/incidents/I-2/note"):
            answer = await console.post(path, {"text": "x"} if path.endswith("note") else {})
            assert (answer.status_code, code_of(answer)) == (422, "request_reused")
        assert len(await console.deeds()) == 1
        key = "of-a-pin-once"
        assert (await console.post("/api/v1/cameras/C-017/pin", {}, key)).status_code == 200
        for path, body in (
            ("/api/v1/cameras/C-018/pin", {}),
            ("/api/v1/cameras/C-017/skip", {"seconds": 60, "reason": "x"}),
        ):
            answer = await console.post(path, body, key)
            assert (answer.status_code, code_of(answer)) == (422, "request_reused")
        assert len(await console.requests.take()) == 1
        assert len(await console.deeds()) == 2

    play(tmp_path, story)


def test_what_the_queue_was_asked_for_already_is_not_asked_again(tmp_path: Path) -> None:
    async def story(console: Console) -> None:
        skip = ("/api/v1/cameras/C-017/skip", {"seconds": 60, "reason": "x"})
        assert [(await console.post(*skip)).status_code for _ in range(2)] == [200, 200]
        assert len(await console.requests.take()) == 1  # a skip that is asked for again would last longer

    play(tmp_path, story)


def test_each_deed_says_from_where_it_was_done(tmp_path: Path) -> None:
    async def story(console: Console) -> None:
        for path, body in (
            (f"{OF_FIRST}/note", {"text": "x"}),
            ("/api/v1/units/U-2/state", {"state": "off_duty", "reason": "x"}),
            ("/api/v1/cameras/C-017/pin", {"seconds": 60}),
        ):
            assert (await console.post(path, body, key=f"key-of-{len(path)}")).status_code == 200
        assert [deed.source for deed in await console.deeds()] == ["127.0.0.1"] * 3

    play(tmp_path, story)


def test_what_was_asked_of_the_queue_and_did_not_reach_it_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise QueueError("redis is away")

    async def story(console: Console) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(console.requests, "ask", away)
            assert (await console.post("/api/v1/cameras/C-017/pin", {})).status_code == 503
        assert (await console.post("/api/v1/cameras/C-017/pin", {})).status_code == 200
        assert len(await console.requests.take()) == 1
        (deed,) = await console.deeds()
        assert deed.led_to == "asked"

    play(tmp_path, story)


def test_two_consoles_that_do_it_in_the_same_moment_do_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing_yet(*_: object) -> None:
        return None

    async def story(console: Console) -> None:
        assert (await console.post(f"{OF_FIRST}/level", {"level": "blue", "reason": "x"})).status_code == 200
        looked = SqlDeeds.done
        looks = iter([nothing_yet, looked])  # the other one had not finished when this one looked
        monkeypatch.setattr(SqlDeeds, "done", lambda self, *of: next(looks)(self, *of))
        again = await console.post(f"{OF_FIRST}/level", {"level": "red", "reason": "y"})
        assert again.status_code == 200
        assert (await console.there.incident("I-1")).level is Level.BLUE
        assert len(await console.deeds()) == 1

    play(tmp_path, story)
