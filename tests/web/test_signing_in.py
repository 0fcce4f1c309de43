"""Signing in and out, guessing, and what is seen of it all: by name, and never a secret."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from patrol.adapters.memory import FakeClock
from patrol.domain.accounts import AccountRole, TokenUse
from patrol.domain.deeds import Action
from patrol.domain.errors import StoreError
from patrol.domain.events import Level
from patrol.domain.incidents import IncidentId
from patrol.domain.signing_in import LASTS, UNSEEN_FOR
from patrol.web.app import make_status_app
from patrol.web.entering import Gate
from patrol.web.paging import cursor_of
from tests.builders import NOON

from .conftest import HOST, Site, code_of
from .signed_in import CANARY, PASSWORD, Guarded, sign_in, with_site

INCIDENT = IncidentId("I-20261123-000147")
CLOSE = {"disposition": "handled", "reason": "处置完毕"}


# In and out


def test_somebody_signs_in_acts_by_name_and_signs_out(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            answer = await sign_in(client, " Operator ")
            assert answer.json()["name"] == "operator"
            cookies = answer.headers.get_list("set-cookie")
            assert [cookie.partition("=")[0] for cookie in cookies] == ["patrol", "patrol-browser"]
            for cookie in cookies:
                assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
                assert "Secure" not in cookie
            me = (await client.get("/api/v1/me")).json()
            assert (me["name"], me["role"], "act" in me["may"], "dispatch" in me["may"]) == (
                "operator", "operator", True, False,
            )  # fmt: skip
            assert me["ends_at"] == (NOON + LASTS).isoformat()
            said = {"X-Patrol-Operator": "somebody-else"}
            answer = await client.post(f"/api/v1/incidents/{INCIDENT}/confirm", json={}, headers=said)
            assert answer.status_code == 200
            assert there.site.room.calls == [("confirm", INCIDENT, "operator")]
            secret, browser = client.cookies["patrol"], client.cookies["patrol-browser"]
            assert (await client.post("/api/v1/sign-out", json={})).status_code == 200
            assert client.cookies["patrol-browser"] == browser
            assert (await client.get("/api/v1/state", headers={"Cookie": f"patrol={browser}"})).status_code == 401
            assert "patrol" not in client.cookies
            assert (await client.get("/api/v1/state", headers={"Cookie": f"patrol={secret}"})).status_code == 401
        newest = [(deed.action, deed.who, deed.source) for deed in await there.deeds()][:2]
        assert newest == [(Action.SIGN_OUT, "operator", "127.0.0.1"), (Action.SIGN_IN, "operator", "127.0.0.1")]

    with_site(tmp_path, site, story)


def test_a_browser_forgets_who_signed_out_also_while_the_store_is_away(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:

            async def away(*_: object, **__: object) -> None:
                raise StoreError("database: away")

            monkeypatch.setattr(there.store, "within", away)
            answer = await client.post("/api/v1/sign-out", json={})
            assert (answer.status_code, code_of(answer)) == (503, "store_away")
            assert "patrol" not in client.cookies
            assert (await client.get("/api/v1/state")).status_code == 401

    with_site(tmp_path, site, story)


def test_over_https_the_cookie_goes_nowhere_else(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        https = HOST.replace("http:", "https:")
        async with there.browser("10.0.0.9", https) as client:
            answer = await sign_in(client, "operator")
            cookies = answer.headers.get_list("set-cookie")
            assert [cookie.partition("=")[0] for cookie in cookies] == ["__Host-patrol", "__Host-patrol-browser"]
            assert all("Secure" in cookie.split("; ") for cookie in cookies)
            assert "max-age" in answer.headers["strict-transport-security"]
            assert (await client.get("/api/v1/state")).status_code == 200
            confirm = f"/api/v1/incidents/{INCIDENT}/confirm"
            plain = await client.post(confirm, json={}, headers={"Origin": HOST})
            assert (plain.status_code, there.site.room.calls) == (403, []), "a page that came over plain HTTP"
            secret = client.cookies["__Host-patrol"]
            client.cookies.clear()
            assert (await client.get("/api/v1/state", headers={"Cookie": f"patrol={secret}"})).status_code == 401
            answer = await client.post("/api/v1/sign-out", json={}, headers={"Cookie": f"__Host-patrol={secret}"})
            assert answer.headers["clear-site-data"] == '"cache"'
            assert (await there.deeds())[0].action is Action.SIGN_OUT

    with_site(tmp_path, site, story)


def test_over_plain_http_from_elsewhere_nobody_is_let_in_whatever_they_have(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        token = await there.enrolling.add_token("administrator", {TokenUse.READ}, "a machine")
        async with there.browser("10.0.0.9") as client:
            answer = await sign_in(client, "operator")
            assert (answer.status_code, code_of(answer)) == (403, "not_private")
            answer = await client.get("/api/v1/state", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, code_of(answer)) == (403, "not_private")
        there.site.gate = Gate(there.signing_in, plain_http=True)
        async with there.browser("10.0.0.9") as client:
            assert (await sign_in(client, "operator")).status_code == 200
        # Behind a proxy on this machine that says how people come to it.
        there.site.gate = Gate(there.signing_in)
        async with there.browser() as client:
            told = {"X-Forwarded-For": "1.2.3.4, 10.0.0.9", "X-Forwarded-Proto": "http"}
            assert (await sign_in(client, "operator", headers=told)).status_code == 403
            https = {"X-Forwarded-Proto": "https", "Origin": HOST.replace("http:", "https:")}
            answer = await sign_in(client, "operator", headers={**told, **https})
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
                assert (await client.get("/api/v1/state")).status_code == 200
            clock.advance(25 * 60)
            assert (await client.get("/api/v1/state")).status_code == 401
            await sign_in(client, "operator")
            clock.advance(UNSEEN_FOR.total_seconds())
            assert (await client.get("/api/v1/state")).status_code == 401

    with_site(tmp_path, site, story, clock)


@pytest.mark.parametrize("what", ["password", "disabled", "role"])
def test_whoever_is_signed_in_is_out_at_once_when_the_account_changes(site: Site, tmp_path: Path, what: str) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client:
            assert (await client.get("/api/v1/state")).status_code == 200
            if what == "password":
                await there.enrolling.set_password("operator", "another horse battery staple")
            elif what == "disabled":
                await there.enrolling.disable("operator", is_disabled=True)
            else:
                await there.enrolling.set_role("operator", AccountRole.VIEWER)
            clock.advance(5.0)
            assert (await client.get("/api/v1/state")).status_code == 401

    with_site(tmp_path, site, story, clock)


def test_people_change_their_own_password_and_stay(site: Site, tmp_path: Path) -> None:
    new = "another horse battery staple"

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as other, there.signed_in("operator") as client:
            weak = await client.post("/api/v1/password", json={"old": PASSWORD, "new": "short"})
            assert (weak.status_code, code_of(weak)) == (422, "weak_password")
            wrong = await client.post("/api/v1/password", json={"old": "not that one at all", "new": new})
            assert (wrong.status_code, code_of(wrong)) == (401, "sign_in_wrong")
            done = await client.post("/api/v1/password", json={"old": PASSWORD, "new": new})
            assert done.status_code == 200
            assert (await client.get("/api/v1/state")).status_code == 200
            assert (await other.get("/api/v1/state")).status_code == 401
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
            assert (told.status_code, code_of(told)) == (429, "sign_in_too_often")
            assert told.headers["retry-after"] == "2"
            assert (await sign_in(client, "operator")).status_code == 200
            clock.advance(2.0)
            assert (await sign_in(guessing, "operator", "guess, guess, guess")).status_code == 401
            assert (await sign_in(guessing, "operator")).headers["retry-after"] == "4"
            clock.advance(4.0)
            assert (await sign_in(guessing, "operator")).status_code == 200
        refused = [deed for deed in await there.deeds() if deed.action is Action.SIGN_IN_REFUSED]
        assert [(deed.who, deed.subject, deed.source) for deed in refused] == [("", "operator", "10.0.0.66")]
        assert refused[0].detail == f"6 tries, the last at {(NOON + timedelta(seconds=2)).isoformat()}"

    with_site(tmp_path, site, story, clock)


def test_refusals_are_one_deed_a_minute_for_each_address_and_account(site: Site, tmp_path: Path) -> None:
    clock = FakeClock(NOON)

    async def story(there: Guarded) -> None:
        there.site.gate = Gate(there.signing_in, plain_http=True)
        async with there.browser("10.0.0.66") as one, there.browser("10.0.0.67") as other:
            for client, name in ((one, "operator"), (other, "operator"), (one, "viewer"), (one, "operator")):
                assert (await sign_in(client, name, "guess, guess, guess")).status_code == 401
            clock.advance(60.0)
            assert (await sign_in(one, "operator", "guess, guess, guess")).status_code == 401
        refused = [deed for deed in await there.deeds() if deed.action is Action.SIGN_IN_REFUSED]
        assert [(deed.subject, deed.source, deed.detail[:7]) for deed in refused] == [
            ("operator", "10.0.0.66", ""),
            ("viewer", "10.0.0.66", ""),
            ("operator", "10.0.0.67", ""),
            ("operator", "10.0.0.66", "2 tries"),
        ]

    with_site(tmp_path, site, story, clock)


def test_a_role_without_a_console_gives_its_numbers_for_a_token_over_a_private_way(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        token = await there.enrolling.add_token("viewer", frozenset({TokenUse.METRICS}), "prometheus")
        bearer = {"Authorization": f"Bearer {token}"}
        for plain_http, status in ((False, 403), (True, 200)):
            gate = Gate(there.signing_in, is_open_here=False, plain_http=plain_http)
            app = make_status_app((), there.site.registry, stopping=there.site.stopping, gate=gate)
            transport = httpx.ASGITransport(app=app, client=("172.18.0.9", 4711))
            async with httpx.AsyncClient(transport=transport, base_url="http://relay:8476") as client:
                assert (await client.get("/metrics", headers=bearer)).status_code == status
                assert (await client.get("/metrics")).status_code in {401, 403}
                assert (await client.get("/api/v1/me", headers=bearer)).status_code == 404

    with_site(tmp_path, site, story)


def test_who_was_signed_in_before_is_shut_out_by_nobody_at_the_same_address(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as client, there.browser() as guessing:
            await client.post("/api/v1/sign-out", json={})
            for _ in range(5):
                assert (await sign_in(guessing, "operator", "guess, guess, guess")).status_code == 401
            assert (await sign_in(guessing, "operator")).status_code == 429
            guessing.cookies.set("patrol-browser", "x" * 43)
            assert (await sign_in(guessing, "operator")).status_code == 429
            assert (await sign_in(client, "operator")).status_code == 200

    with_site(tmp_path, site, story)


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


# Two people


def test_red_is_closed_by_two_accounts_whatever_names_are_typed(site: Site, tmp_path: Path) -> None:
    site.room.second_person = frozenset({Level.RED})

    async def story(there: Guarded) -> None:
        async with there.signed_in("operator") as first, there.signed_in("supervisor") as second:
            path = f"/api/v1/incidents/{INCIDENT}/close"
            assert (await first.post(path, json=CLOSE)).json()["closed"] is False
            again = await first.post(path, json=CLOSE, headers={"X-Patrol-Operator": "somebody-else"})
            assert (again.status_code, code_of(again)) == (409, "not_as_asked_same_person")
            assert (await second.post(path, json=CLOSE)).json()["closed"] is True
        incident = there.site.room.incidents[INCIDENT]
        assert incident.closed_by == "supervisor"

    with_site(tmp_path, site, story)


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
            secret, browser = client.cookies["patrol"], client.cookies["patrol-browser"]
            for path in ("/api/v1/state", "/api/v1/layout", "/api/v1/me", "/api/v1/deeds", "/metrics", "/", "/healthz"):
                said.append((await client.get(path)).text)
            change = {"old": CANARY, "new": CANARY[:8]}
            said.append((await client.post("/api/v1/password", json=change)).text)
            bearer = {"Authorization": f"Bearer {token}"}
            said.append((await client.get("/metrics", headers=bearer)).text)
            said.append((await client.get("/api/v1/state", headers=bearer)).text)
        said += [repr(await there.enrolling.everybody()), repr(await there.enrolling.tokens()), caplog.text]
        said += [repr(await there.signing_in.visitor(secret)), repr(await there.deeds())]
        stored = await asyncio.to_thread(lambda: b"".join(file.read_bytes() for file in tmp_path.iterdir()))
        for canary in (CANARY, CANARY[:8], token, secret, browser):
            assert not [text for text in said if canary in text]
            assert canary.encode() not in stored
        assert not any("$argon2" in text for text in said)

    with_site(tmp_path, site, story)


def test_supervisors_read_who_did_what(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.signed_in("supervisor") as client:
            page = (await client.get("/api/v1/deeds", params={"limit": 200})).json()
            deeds = page["items"]
            assert page["next"] is None
            assert (deeds[0]["action"], deeds[0]["who"], deeds[0]["source"]) == ("sign_in", "supervisor", "127.0.0.1")
            assert [deed["number"] for deed in deeds] == list(range(len(deeds), 0, -1))
            first = (await client.get("/api/v1/deeds", params={"limit": 2})).json()
            older = (await client.get("/api/v1/deeds", params={"limit": 2, "cursor": first["next"]})).json()
            assert [*first["items"], *older["items"]] == deeds[:4]
            for wrong in ("x", "-1", "1" * 30, "１"):
                answer = await client.get("/api/v1/deeds", params={"cursor": cursor_of("deeds", wrong)})
                assert answer.status_code == 400

    with_site(tmp_path, site, story)


def test_the_page_at_the_door_has_the_same_policy(site: Site, tmp_path: Path) -> None:
    async def story(there: Guarded) -> None:
        async with there.browser() as client:
            door = await client.get("/sign-in")
            assert "require-trusted-types-for 'script'" in door.headers["content-security-policy"]
            assert "unsafe" not in door.headers["content-security-policy"]
            assert (await client.get("/static/sign-in.html")).status_code == 404

    with_site(tmp_path, site, story)
