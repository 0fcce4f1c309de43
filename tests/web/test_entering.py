"""Nobody gets anywhere without an account, a role that may it, and a request that is their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from patrol.adapters.memory import FakeClock
from patrol.domain.accounts import AccountRole, Permission, TokenUse, permissions_of
from patrol.domain.errors import StoreError
from patrol.domain.incidents import IncidentId
from patrol.web import app
from patrol.web.app import FeedLimits, make_status_app
from patrol.web.entering import DeclaredRoute
from tests.builders import NOON

from .conftest import HOST, Site, code_of
from .signed_in import PASSWORD, Guarded, sign_in, with_site

INCIDENT = IncidentId("I-20261123-000147")
# All that is open before anybody has signed in, beside the page's own files.
OPEN = {"/sign-in", "/api/v1/sign-in", "/api/v1/sign-out", "/healthz", "/readyz"}


def routes_of(site: Site) -> list[DeclaredRoute]:
    found = site.app().routes
    assert found
    assert all(isinstance(route, DeclaredRoute) for route in found), "made otherwise than with declared()"
    return [route for route in found if isinstance(route, DeclaredRoute)]


def address_of(route: Route) -> str:
    known = {"incident_id": INCIDENT, "camera_id": "C-017", "unit_id": "U-JP1", "evidence_id": "E-000147"}
    return re.sub(r"{(\w+)}", lambda match: known.get(match[1], "X-1"), route.path)


def method_of(route: Route) -> str:
    assert route.methods is not None
    (method,) = route.methods - {"HEAD"}
    return method


async def ask(client: httpx.AsyncClient, route: Route, **more: Any) -> httpx.Response:
    method = method_of(route)
    content = {"json": {}} if method == "POST" else {}
    if route.path.endswith("/events"):
        method = "HEAD"  # the stream itself has no end
    return await client.request(method, address_of(route), **content, **more)


# Which routes there are, and what each needs


def test_every_route_says_what_it_needs_and_what_is_open_is_named_here(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        opened = {route.path for route in routes_of(there.site) if route.needs is None}
        assert {path for path in opened if not path.startswith("/static/")} == OPEN
        assert all(method_of(route) == "GET" for route in routes_of(there.site) if route.path.startswith("/static/"))

    with_site(tmp_path, site, story)


def test_what_the_roles_that_show_nothing_have_is_declared_too(site: Site) -> None:
    routes = make_status_app((), site.registry, stopping=site.stopping).routes
    needs = {route.path: route.needs for route in routes if isinstance(route, DeclaredRoute)}
    assert needs == {"/healthz": None, "/readyz": None, "/metrics": Permission.READ_METRICS}
    assert len(routes) == len(needs)


def test_with_a_route_that_says_nothing_no_app_is_made(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(request: object) -> None: ...

    monkeypatch.setattr(app, "status_routes", lambda *_: [Route("/silent", silent)])
    for make in (site.app, lambda: make_status_app((), site.registry, stopping=site.stopping)):
        with pytest.raises(TypeError, match="/silent: expected what it needs"):
            make()


def test_without_a_sign_in_nothing_but_the_door_is_there(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            for route in routes_of(there.site):
                answer = await ask(client, route)
                if route.needs is None:
                    assert answer.status_code != 401 or route.path == "/api/v1/sign-in", route.path
                elif route.path == "/":
                    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
                else:
                    assert answer.status_code == 401, route.path
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert INCIDENT not in answer.text
            made_up = {"Cookie": "patrol=made-up", "Authorization": "Bearer patrol_made-up"}
            assert (await client.get("/api/v1/state", headers=made_up)).status_code == 401
        assert there.site.room.calls == []

    with_site(tmp_path, site, story)


@pytest.mark.parametrize("role", AccountRole)
def test_each_role_gets_to_what_it_may_and_to_nothing_else(site: Site, tmp_path: Path, role: AccountRole) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in(role.value) as client:
            for route in routes_of(there.site):
                if route.needs is None:
                    continue
                answer = await ask(client, route)
                if route.needs in permissions_of(role):
                    assert answer.status_code not in {401, 403}, (route.path, answer.text)
                else:
                    assert answer.status_code == 403, route.path
                    assert code_of(answer) == "not_allowed"

    with_site(tmp_path, site, story)


@pytest.mark.parametrize("use", TokenUse)
def test_a_token_is_good_for_its_use_and_for_nothing_else(site: Site, tmp_path: Path, use: TokenUse) -> None:
    opens = {TokenUse.READ: "/api/v1/state", TokenUse.METRICS: "/metrics", TokenUse.POSITIONS: "/api/v1/positions"}

    async def story(there: Guarded) -> None:
        token = await there.enrolling.add_token("administrator", {use}, "a machine")
        headers = {"Authorization": f"Bearer {token}"}
        async with there.browser() as client:
            for route in routes_of(there.site):
                if route.path in opens.values():
                    answer = await ask(client, route, headers=headers)
                    assert (answer.status_code == 403) == (route.path != opens[use]), route.path
                elif route.needs in {Permission.ACT, Permission.DISPATCH, Permission.LOOK, Permission.SEE_DEEDS}:
                    assert (await ask(client, route, headers=headers)).status_code == 403, route.path
            change = {"old": PASSWORD, "new": "another horse battery staple"}
            assert (await client.post("/api/v1/password", json=change, headers=headers)).status_code == 403
            (kept,) = await there.enrolling.tokens()
            await there.enrolling.revoke_token(kept.id[:12])
            there.signing_in._remembered.clear()  # as after FRESH_S
            assert (await client.get(opens[use], headers=headers)).status_code in {401, 405}

    with_site(tmp_path, site, story)


# Other sites


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": HOST}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_only_our_own_page_acts_by_the_cookie(site: Site, tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            del client.headers["Origin"]
            for path in (f"/api/v1/incidents/{INCIDENT}/confirm", "/api/v1/sign-out"):
                answer = await client.post(path, json={}, headers=headers)
                assert answer.status_code == status, path
            assert len(there.site.room.calls) == (status == 200)
        async with there.browser() as client:
            del client.headers["Origin"]
            assert (await sign_in(client, "operator", headers=headers)).status_code == status

    with_site(tmp_path, site, story)


def test_what_changes_something_by_cookie_is_json(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            answer = await client.post(f"/api/v1/incidents/{INCIDENT}/confirm", data={"a": "b"})
            assert answer.status_code == 415
        assert there.site.room.calls == []

    with_site(tmp_path, site, story)


# The room without accounts


def test_without_accounts_the_room_is_open_to_this_machine_alone(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            assert (await client.get("/api/v1/state")).status_code == 200
            assert (await client.get("/api/v1/me")).json()["name"] == ""
            answer = await client.get("/api/v1/state", headers={"X-Forwarded-For": "10.0.0.9"})
            assert (answer.status_code, code_of(answer)) == (403, "no_accounts")
            assert (await sign_in(client, "operator")).status_code == 409
            for path in ("/metrics", "/api/v1/state"):  # a name that another site has pointed here
                answer = await client.get(path, headers={"Host": "elsewhere.example"})
                assert answer.status_code in {403, 421}, path
        for peer in ("10.0.0.9", "fe80::1", ""):
            async with there.browser(peer) as client:
                assert (await client.get("/api/v1/state")).status_code == 403
                assert (await client.get("/metrics")).status_code == 403
                assert (await client.get("/healthz")).status_code == 200

    with_site(tmp_path, site, story, accounts=False)


def test_beyond_loopback_nothing_is_open_also_to_this_machine(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            assert (await client.get("/api/v1/state")).status_code == 403

    with_site(tmp_path, site, story, accounts=False, is_open_here=False)


def test_the_first_account_shuts_an_open_room_that_runs(site: Site, tmp_path: Path) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            assert (await client.get("/api/v1/state")).status_code == 200
            await there.enrolling.add("li", AccountRole.ADMINISTRATOR, PASSWORD)
            clock.advance(5.0)
            assert (await client.get("/api/v1/state")).status_code == 401
            await there.enrolling.disable("li", is_disabled=True)
            clock.advance(60.0)
            assert (await client.get("/api/v1/state")).status_code == 401

    with_site(tmp_path, site, story, clock, accounts=False)


def test_who_asks_from_elsewhere_whether_it_is_ready_hears_no_more_than_that(site: Site, tmp_path: Path) -> None:
    class Away:
        name = "store"

        async def problem(self) -> str | None:
            return "database: disk full"

    site.checks.append(Away())

    async def story(there: Guarded) -> None:
        async with there.browser("10.0.0.9") as client:
            assert (await client.get("/readyz")).json() == {"ready": False, "failing": [{"name": "store"}]}
        async with there.browser() as client:
            assert "disk full" in (await client.get("/readyz")).text

    with_site(tmp_path, site, story)


# Streams, and a store that is away


def test_a_stream_ends_with_its_sign_in(site: Site, tmp_path: Path) -> None:
    site.limits = FeedLimits(period_s=0.05, quiet_s=0.1, heartbeat_s=0.05)

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client, there.site.served() as address:
            headers = {"Cookie": f"patrol={client.cookies['patrol']}"}
            async with (
                httpx.AsyncClient(base_url=address, timeout=10) as viewer,
                viewer.stream("GET", "/api/v1/events", headers=headers) as stream,
            ):
                assert stream.status_code == 200
                lines = stream.aiter_lines()
                while "event: state" not in await anext(lines):
                    pass
                await client.post("/api/v1/sign-out", json={})
                rest = [line async for line in lines]
            assert "event: signed_out" in rest

    with_site(tmp_path, site, story)


def test_while_the_store_is_away_who_was_in_stays_and_nobody_else_gets_in(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client, there.browser() as other:
            assert (await client.get("/api/v1/state")).status_code == 200

            async def away(*_: object, **__: object) -> None:
                raise StoreError("database: away")

            for name in ("read", "within", "fleeting"):
                monkeypatch.setattr(there.store, name, away)
            clock.advance(60.0)
            assert (await client.get("/api/v1/state")).status_code == 200
            assert (await sign_in(other, "operator")).status_code == 503
            assert (await other.get("/api/v1/state", headers={"Cookie": "patrol=made-up"})).status_code == 503
            clock.advance(600.0)
            assert (await client.get("/api/v1/state")).status_code == 503

    with_site(tmp_path, site, story, clock)
