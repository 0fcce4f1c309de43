"""Nobody gets anywhere without an account, a role that may it, and a request that is their own."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from patrol.adapters.memory import FakeClock
from patrol.domain.accounts import AccountRole, Permission, TokenUse, permissions_of
from patrol.domain.deeds import Action
from patrol.domain.errors import StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.signing_in import LASTS, UNSEEN_FOR
from patrol.web.app import FeedLimits, make_status_app
from patrol.web.entering import DeclaredRoute, Gate
from tests.builders import NOON

from .conftest import HOST, Site
from .signed_in import CANARY, PASSWORD, Guarded, guarded, sign_in

INCIDENT = IncidentId("I-20261123-000147")
CLOSE = {"disposition": "handled", "reason": "处置完毕"}
# All that is open before anybody has signed in, beside the page's own files.
OPEN = {"/sign-in", "/api/v1/sign-in", "/api/v1/sign-out", "/healthz", "/readyz"}


def with_site(
    folder: Path, site: Site, story: Callable[[Guarded], Awaitable[None]], clock: FakeClock | None = None, **more: Any
) -> None:
    """Play a story on a site with accounts."""

    async def play() -> None:
        async with guarded(folder, site, clock, **more) as there:
            await story(there)

    asyncio.run(play())


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
    if route.path == "/events":
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
    app = make_status_app((), site.registry, stopping=site.stopping)
    needs = {route.path: route.needs for route in app.routes if isinstance(route, DeclaredRoute)}
    assert needs == {"/healthz": None, "/readyz": None, "/metrics": Permission.READ_METRICS}
    assert len(app.routes) == len(needs)


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
            assert (await client.get("/api/state", headers=made_up)).status_code == 401
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
                    assert answer.json()["error"]["code"] == "not_allowed"

    with_site(tmp_path, site, story)


@pytest.mark.parametrize("use", TokenUse)
def test_a_token_is_good_for_its_use_and_for_nothing_else(site: Site, tmp_path: Path, use: TokenUse) -> None:
    opens = {TokenUse.READ: "/api/state", TokenUse.METRICS: "/metrics", TokenUse.POSITIONS: "/api/v1/positions"}

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


# In and out


def test_somebody_signs_in_acts_by_name_and_signs_out(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            answer = await sign_in(client, " Operator ")
            assert answer.json()["name"] == "operator"
            cookie = answer.headers["set-cookie"]
            assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
            assert "Secure" not in cookie
            me = (await client.get("/api/v1/me")).json()
            assert (me["name"], me["role"], "act" in me["may"], "dispatch" in me["may"]) == (
                "operator", "operator", True, False,
            )  # fmt: skip
            assert me["ends_at"] == (NOON + LASTS).isoformat()
            said = {"X-Patrol-Operator": "somebody-else"}
            answer = await client.post(f"/api/incidents/{INCIDENT}/confirm", json={}, headers=said)
            assert answer.status_code == 200
            assert there.site.room.calls == [("confirm", INCIDENT, "operator")]
            secret = client.cookies["patrol"]
            assert (await client.post("/api/v1/sign-out", json={})).status_code == 200
            assert "patrol" not in client.cookies
            assert (await client.get("/api/state", headers={"Cookie": f"patrol={secret}"})).status_code == 401
        newest = [(deed.action, deed.who, deed.source) for deed in await there.deeds()][:2]
        assert newest == [(Action.SIGN_OUT, "operator", "127.0.0.1"), (Action.SIGN_IN, "operator", "127.0.0.1")]

    with_site(tmp_path, site, story)


def test_over_https_the_cookie_goes_nowhere_else(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        https = HOST.replace("http:", "https:")
        async with there.browser("10.0.0.9", https) as client:
            answer = await sign_in(client, "operator")
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-patrol=")
            assert "Secure" in cookie.split("; ")
            assert "max-age" in answer.headers["strict-transport-security"]
            assert (await client.get("/api/state")).status_code == 200
            secret = client.cookies["__Host-patrol"]
            client.cookies.clear()
            assert (await client.get("/api/state", headers={"Cookie": f"patrol={secret}"})).status_code == 401
            answer = await client.post("/api/v1/sign-out", json={}, headers={"Cookie": f"__Host-patrol={secret}"})
            assert answer.headers["clear-site-data"] == '"cache"'
            assert (await there.deeds())[0].action is Action.SIGN_OUT

    with_site(tmp_path, site, story)


def test_over_plain_http_from_elsewhere_nobody_is_let_in_whatever_they_have(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        token = await there.enrolling.add_token("administrator", {TokenUse.READ}, "a machine")
        async with there.browser("10.0.0.9") as client:
            answer = await sign_in(client, "operator")
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_private")
            answer = await client.get("/api/state", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_private")
        there.site.gate = Gate(there.signing_in, plain_http=True)
        async with there.browser("10.0.0.9") as client:
            assert (await sign_in(client, "operator")).status_code == 200
        # Behind a proxy on this machine that says how people come to it.
        there.site.gate = Gate(there.signing_in)
        async with there.browser() as client:
            told = {"X-Forwarded-For": "1.2.3.4, 10.0.0.9", "X-Forwarded-Proto": "http"}
            assert (await sign_in(client, "operator", headers=told)).status_code == 403
            answer = await sign_in(client, "operator", headers={**told, "X-Forwarded-Proto": "https"})
            assert answer.headers["set-cookie"].startswith("__Host-patrol=")
        assert (await there.deeds())[0].source == "10.0.0.9"

    with_site(tmp_path, site, story)


def test_who_signs_in_again_gets_another_secret(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            before = client.cookies["patrol"]
            await sign_in(client, "operator")
            assert client.cookies["patrol"] != before

    with_site(tmp_path, site, story)


def test_a_sign_in_ends_after_a_shift_and_when_nobody_is_there(site: Site, tmp_path: Path) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            for _ in range(int(LASTS / timedelta(minutes=25))):
                clock.advance(25 * 60)
                assert (await client.get("/api/state")).status_code == 200
            clock.advance(25 * 60)
            assert (await client.get("/api/state")).status_code == 401
            await sign_in(client, "operator")
            clock.advance(UNSEEN_FOR.total_seconds())
            assert (await client.get("/api/state")).status_code == 401

    with_site(tmp_path, site, story, clock)


@pytest.mark.parametrize("what", ["password", "disabled", "role"])
def test_whoever_is_signed_in_is_out_at_once_when_the_account_changes(site: Site, tmp_path: Path, what: str) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            assert (await client.get("/api/state")).status_code == 200
            if what == "password":
                await there.enrolling.set_password("operator", "another horse battery staple")
            elif what == "disabled":
                await there.enrolling.disable("operator", is_disabled=True)
            else:
                await there.enrolling.set_role("operator", AccountRole.VIEWER)
            clock.advance(5.0)
            assert (await client.get("/api/state")).status_code == 401

    with_site(tmp_path, site, story, clock)


def test_people_change_their_own_password_and_stay(site: Site, tmp_path: Path) -> None:
    new = "another horse battery staple"

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as other, there.signed_in("operator") as client:
            weak = await client.post("/api/v1/password", json={"old": PASSWORD, "new": "short"})
            assert (weak.status_code, weak.json()["error"]["code"]) == (422, "weak_password")
            wrong = await client.post("/api/v1/password", json={"old": "not that one at all", "new": new})
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "sign_in_wrong")
            done = await client.post("/api/v1/password", json={"old": PASSWORD, "new": new})
            assert done.status_code == 200
            assert (await client.get("/api/state")).status_code == 200
            assert (await other.get("/api/state")).status_code == 401
            assert (await sign_in(other, "operator")).status_code == 401
            assert (await sign_in(other, "operator", new)).status_code == 200

    with_site(tmp_path, site, story)


# Guessing


def test_guessing_takes_ever_longer_and_shuts_out_nobody_else(site: Site, tmp_path: Path) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        there.site.gate = Gate(there.signing_in, plain_http=True)
        async with there.browser("10.0.0.66") as guessing, there.browser("10.0.0.9") as client:
            for _ in range(5):
                assert (await sign_in(guessing, "operator", "guess, guess, guess")).status_code == 401
            told = await sign_in(guessing, "operator")  # right, but too soon
            assert (told.status_code, told.json()["error"]["code"]) == (429, "sign_in_too_often")
            assert told.headers["retry-after"] == "2"
            assert (await sign_in(client, "operator")).status_code == 200
            clock.advance(2.0)
            assert (await sign_in(guessing, "operator", "guess, guess, guess")).status_code == 401
            assert (await sign_in(guessing, "operator")).headers["retry-after"] == "4"
            clock.advance(4.0)
            assert (await sign_in(guessing, "operator")).status_code == 200
        refused = [deed for deed in await there.deeds() if deed.action is Action.SIGN_IN_REFUSED]
        assert {(deed.who, deed.subject, deed.source) for deed in refused} == {("", "operator", "10.0.0.66")}

    with_site(tmp_path, site, story, clock)


def test_many_names_from_one_address_are_guessing_too_also_after_a_restart(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        there.site.gate = Gate(there.signing_in, plain_http=True)
        async with there.browser("10.0.0.66") as guessing:
            for number in range(20):
                assert (await sign_in(guessing, f"name-{number}")).status_code == 401
            assert (await sign_in(guessing, "operator")).status_code == 429

    async def restarted(there: Guarded) -> None:
        there.site.gate = Gate(there.signing_in, plain_http=True)
        async with there.browser("10.0.0.66") as guessing:
            assert (await sign_in(guessing, "operator")).status_code == 429

    with_site(tmp_path, site, story)
    with_site(tmp_path, site, restarted, accounts=False)


def test_a_name_that_nobody_has_is_answered_as_a_wrong_password_is(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        await there.enrolling.disable("viewer", is_disabled=True)
        async with there.browser() as client:
            answers = [await sign_in(client, name, "guess, guess, guess") for name in ("operator", "nobody", "viewer")]
            answers.append(await sign_in(client, "viewer"))
            assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}

    with_site(tmp_path, site, story)


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "operator"}, {"name": "operator", "password": "x" * 257}, {"name": "x" * 65, "password": "x"},
     {"name": "operator", "password": PASSWORD, "more": 1}, {"name": ["operator"], "password": PASSWORD}, []],
)  # fmt: skip
def test_what_is_no_sign_in_is_refused(site: Site, tmp_path: Path, body: object) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            answer = await client.post("/api/v1/sign-in", json=body)
            assert answer.status_code == 400
            assert PASSWORD not in answer.text

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
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_only_our_own_page_acts_by_the_cookie(site: Site, tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            del client.headers["Origin"]
            for path in (f"/api/incidents/{INCIDENT}/confirm", "/api/v1/sign-out"):
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
            answer = await client.post(f"/api/incidents/{INCIDENT}/confirm", data={"a": "b"})
            assert answer.status_code == 415
        assert there.site.room.calls == []

    with_site(tmp_path, site, story)


# Two people


def test_red_is_closed_by_two_accounts_whatever_names_are_typed(site: Site, tmp_path: Path) -> None:
    site.room.second_person = frozenset({Level.RED})

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as first, there.signed_in("supervisor") as second:
            path = f"/api/incidents/{INCIDENT}/close"
            assert (await first.post(path, json=CLOSE)).json()["closed"] is False
            again = await first.post(path, json=CLOSE, headers={"X-Patrol-Operator": "somebody-else"})
            assert (again.status_code, again.json()["error"]["code"]) == (409, "not_as_asked_same_person")
            assert (await second.post(path, json=CLOSE)).json()["closed"] is True
        incident = there.site.room.incidents[INCIDENT]
        assert incident.closed_by == "supervisor"

    with_site(tmp_path, site, story)


# The room without accounts


def test_without_accounts_the_room_is_open_to_this_machine_alone(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            assert (await client.get("/api/state")).status_code == 200
            assert (await client.get("/api/v1/me")).json()["name"] == ""
            answer = await client.get("/api/state", headers={"X-Forwarded-For": "10.0.0.9"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "no_accounts")
            assert (await sign_in(client, "operator")).status_code == 409
        for peer in ("10.0.0.9", "fe80::1", ""):
            async with there.browser(peer) as client:
                assert (await client.get("/api/state")).status_code == 403
                assert (await client.get("/metrics")).status_code == 403
                assert (await client.get("/healthz")).status_code == 200

    with_site(tmp_path, site, story, accounts=False)


def test_beyond_loopback_nothing_is_open_also_to_this_machine(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            assert (await client.get("/api/state")).status_code == 403

    with_site(tmp_path, site, story, accounts=False, is_open_here=False)


def test_the_first_account_shuts_an_open_room_that_runs(site: Site, tmp_path: Path) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            assert (await client.get("/api/state")).status_code == 200
            await there.enrolling.add("li", AccountRole.ADMINISTRATOR, PASSWORD)
            clock.advance(5.0)
            assert (await client.get("/api/state")).status_code == 401
            await there.enrolling.disable("li", is_disabled=True)
            clock.advance(60.0)
            assert (await client.get("/api/state")).status_code == 401

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
                viewer.stream("GET", "/events", headers=headers) as stream,
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
            assert (await client.get("/api/state")).status_code == 200

            async def away(*_: object, **__: object) -> None:
                raise StoreError("database: away")

            for name in ("read", "within", "fleeting"):
                monkeypatch.setattr(there.store, name, away)
            clock.advance(60.0)
            assert (await client.get("/api/state")).status_code == 200
            assert (await sign_in(other, "operator")).status_code == 503
            assert (await other.get("/api/state", headers={"Cookie": "patrol=made-up"})).status_code == 503
            clock.advance(600.0)
            assert (await client.get("/api/state")).status_code == 503

    with_site(tmp_path, site, story, clock)


# Secrets


def test_no_secret_is_seen_anywhere(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(there: Guarded) -> None:
        said: list[str] = []
        await there.enrolling.add("li", AccountRole.ADMINISTRATOR, CANARY)
        token = await there.enrolling.add_token("li", {TokenUse.METRICS}, "prometheus")
        async with there.browser() as client:
            said.append((await sign_in(client, CANARY, "x")).text)  # typed in the wrong field
            said.append((await sign_in(client, "operator", CANARY)).text)
            said.append((await sign_in(client, "li", CANARY)).text)
            secret = client.cookies["patrol"]
            for path in ("/api/state", "/api/layout", "/api/v1/me", "/api/v1/deeds", "/metrics", "/", "/healthz"):
                said.append((await client.get(path)).text)
            change = {"old": CANARY, "new": CANARY[:8]}
            said.append((await client.post("/api/v1/password", json=change)).text)
            bearer = {"Authorization": f"Bearer {token}"}
            said.append((await client.get("/metrics", headers=bearer)).text)
            said.append((await client.get("/api/state", headers=bearer)).text)
        said += [repr(await there.enrolling.everybody()), repr(await there.enrolling.tokens()), caplog.text]
        said += [repr(await there.signing_in.visitor(secret)), repr(await there.deeds())]
        stored = await asyncio.to_thread(lambda: b"".join(file.read_bytes() for file in tmp_path.iterdir()))
        for canary in (CANARY, CANARY[:8], token, secret):
            assert not [text for text in said if canary in text]
            assert canary.encode() not in stored
        assert not any("$argon2" in text for text in said)

    with_site(tmp_path, site, story)


def test_supervisors_read_who_did_what(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("supervisor") as client:
            deeds = (await client.get("/api/v1/deeds")).json()
            assert (deeds[0]["action"], deeds[0]["who"], deeds[0]["source"]) == ("sign_in", "supervisor", "127.0.0.1")
            assert [deed["number"] for deed in deeds] == list(range(len(deeds), 0, -1))
            older = (await client.get("/api/v1/deeds", params={"before": deeds[1]["number"]})).json()
            assert older == deeds[2:]
            for wrong in ("x", "-1", "1" * 30, "１"):
                assert (await client.get("/api/v1/deeds", params={"before": wrong})).status_code == 400

    with_site(tmp_path, site, story)


def test_the_page_at_the_door_has_the_same_policy(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            door = await client.get("/sign-in")
            assert "require-trusted-types-for 'script'" in door.headers["content-security-policy"]
            assert "unsafe" not in door.headers["content-security-policy"]
            assert (await client.get("/static/sign-in.html")).status_code == 404

    with_site(tmp_path, site, story)
