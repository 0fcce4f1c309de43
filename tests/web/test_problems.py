"""Whatever goes wrong is answered as a problem (RFC 9457), and every kind of problem is listed."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from patrol.domain.errors import NotToBeSent, Unsendable
from patrol.domain.incidents import IncidentId
from patrol.web.guarding import SECURITY_HEADERS
from patrol.web.problems import KINDS

from .conftest import HOST, Site, code_of

ROOT = Path(__file__).parents[2]
INCIDENT = IncidentId("I-20261123-000147")
OPERATOR = {"X-Patrol-Operator": "wang"}


def asked(site: Site, method: str, path: str, **more: object) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=site.app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type]

    return asyncio.run(ask())


def said_in_code() -> Iterator[str]:
    """The codes that stand in the sources; what is put together of an enum is in the list by that enum."""
    for file in (ROOT / "patrol" / "web").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "")
            if named in {"error_response", "Refused", "NotLetIn"}:
                code = node.args[1]  # type: ignore[attr-defined]
                if isinstance(code, ast.Constant):
                    yield str(code.value)


def test_every_kind_that_the_sources_name_is_listed() -> None:
    found = set(said_in_code())
    assert {"store_away", "not_signed_in", "bad_request"} <= found
    assert found <= set(KINDS)


def test_the_page_for_people_lists_every_kind_and_no_other() -> None:
    row = re.compile(r"^\| `([a-z_]+)` \| ([0-9, ]+) \| (.+) \|$", re.MULTILINE)
    listed = {
        code: (statuses, title) for code, statuses, title in row.findall((ROOT / "docs" / "api.md").read_text("utf-8"))
    }
    assert listed == {code: (", ".join(map(str, kind.statuses)), kind.title) for code, kind in KINDS.items()}


@pytest.mark.parametrize(
    ("method", "path", "more", "code"),
    [
        ("GET", "/nothing", {}, "not_found"),
        ("GET", "/api/v1/nothing", {}, "not_found"),
        ("DELETE", "/api/v1/state", {}, "method_not_allowed"),
        ("POST", f"/api/v1/incidents/{INCIDENT}/note", {"json": {"text": "x" * 20_000}}, "too_large"),
        ("POST", f"/api/v1/incidents/{INCIDENT}/note", {"content": b"text=x"}, "not_json"),
        ("POST", f"/api/v1/incidents/{INCIDENT}/note", {"json": {"text": ""}}, "bad_request"),
        ("GET", "/api/v1/state", {"headers": {"Host": "elsewhere.example"}}, "unknown_host"),
        ("POST", f"/api/v1/incidents/{INCIDENT}/confirm", {"json": {}, "headers": {"Origin": "http://x"}}, "forbidden"),
        ("GET", "/api/v1/state", {"headers": {"X-Forwarded-For": "10.0.0.9"}}, "no_accounts"),
    ],
)
def test_whatever_is_wrong_with_a_request_is_a_problem(
    site: Site, method: str, path: str, more: dict[str, object], code: str
) -> None:
    answer = asked(site, method, path, **more)
    assert code_of(answer) == code


def test_what_cannot_be_read_says_where(site: Site) -> None:
    place = {"place": {"latitude": 91, "longitude": "x"}, "at": "2026-01-01T00:00:00Z"}
    answer = asked(site, "POST", "/api/v1/units/U-JP1/position", json=place)
    assert [each["path"] for each in answer.json()["errors"]] == ["place.latitude", "place.longitude"]


def test_a_mistake_of_ours_tells_nobody_what_it_was_but_the_log(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(type(site.room), "snapshot", lambda self: broken())
    with caplog.at_level(logging.ERROR):
        answer = asked(site, "GET", "/api/v1/state")
    assert (answer.status_code, code_of(answer)) == (500, "internal")
    assert "canary" not in answer.text
    assert answer.json()["instance"] in caplog.text
    assert all(answer.headers[name] == value for name, value in SECURITY_HEADERS.items())


def test_who_was_quicker_is_named(site: Site) -> None:
    close = {"disposition": "handled", "reason": "settled"}
    path = f"/api/v1/incidents/{INCIDENT}"
    assert asked(site, "POST", f"{path}/close", json=close, headers=OPERATOR).status_code == 200
    for action, body in (("close", close), ("level", {"level": "red", "reason": "x"}), ("withdraw-closing", {})):
        answer = asked(site, "POST", f"{path}/{action}", json=body, headers={"X-Patrol-Operator": "li"})
        assert (answer.status_code, answer.json()["by"]) == (409, "wang"), action


def test_what_nobody_was_quicker_with_names_nobody(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise NotToBeSent(Unsendable.OUT_OF_SERVICE, "unit U-1 is out of service")

    monkeypatch.setattr(type(site.room), "order_unit", refuse)
    answer = asked(site, "POST", f"/api/v1/incidents/{INCIDENT}/orders", json={"unit_id": "U-1"}, headers=OPERATOR)
    assert code_of(answer) == "not_to_be_sent_out_of_service"
    assert "by" not in answer.json()
