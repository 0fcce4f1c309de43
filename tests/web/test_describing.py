"""The OpenAPI document says what the server does: every route of it, and every answer in its shape."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import jsonschema
import pytest
from starlette.routing import Route
from typer.testing import CliRunner

from patrol.cli import make_cli
from patrol.domain.camera import CameraId
from patrol.domain.events import Kind
from patrol.domain.incidents import IncidentId
from patrol.domain.precision import Precision
from patrol.domain.zones import RuleId
from patrol.ports import DeedLog
from patrol.web.describing import OPERATIONS, openapi, openapi_text

from .conftest import Site

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
INCIDENT = IncidentId("I-20261123-000147")
OPERATOR = {"X-Patrol-Operator": "wang"}
DOCUMENT = openapi()


def complaints(method: str, path: str, answer: httpx.Response) -> list[str]:
    """What is wrong with an answer, by the document; a field that the document does not know is wrong, too."""
    content = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    described = content[answer.headers["content-type"].partition(";")[0]]["schema"]
    schema = {**strict(DOCUMENT["components"], "components"), **strict(described)}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(answer.json())]


def strict(schema: Any, under: str | None = None) -> Any:
    """The same, but an object may hold nothing that is not described."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: strict(each) for name, each in schema.items()}
    if "properties" in inner:
        inner["additionalProperties"] = False
    return {under: inner} if under else inner


def asked(site: Site, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with site.client() as client:
            return await client.request(method, path, json=body, headers=headers)

    return asyncio.run(ask())


def served(site: Site) -> Iterator[tuple[str, str]]:
    for route in site.app().routes:
        assert isinstance(route, Route)
        if route.path in {"/", "/sign-in"} or route.path.startswith("/static/"):
            continue
        for method in (route.methods or {"GET"}) - {"HEAD"}:
            yield method.lower(), route.path


def test_every_route_is_described_and_no_other(site: Site) -> None:
    site.deeds = cast(DeedLog, object())  # never asked here
    assert sorted(served(site)) == sorted((each.method, each.path) for each in OPERATIONS)


def test_what_is_committed_is_what_the_code_says() -> None:
    assert COMMITTED.read_text("utf-8") == openapi_text(), "patrol openapi > docs/openapi.json writes it anew"


def test_whoever_may_see_the_room_gets_the_same_document(site: Site) -> None:
    assert asked(site, "GET", "/api/v1/openapi.json").text == COMMITTED.read_text("utf-8")


def test_the_command_prints_it() -> None:
    done = CliRunner().invoke(make_cli(), ["openapi"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == DOCUMENT


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names) == len(OPERATIONS)


def test_whatever_is_referred_to_is_there() -> None:
    referred = {part.split('"')[0] for part in openapi_text().split("#/components/schemas/")[1:]}
    assert referred <= set(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/layout",
        "/api/v1/state",
        "/api/v1/dead-letters",
        "/api/v1/incidents",
        "/api/v1/incidents/closed",
        "/api/v1/precision",
        "/api/v1/me",
        "/healthz",
        "/readyz",
    ],
)
def test_what_can_be_read_is_as_described(site: Site, path: str) -> None:
    site.room.bury(1)
    site.room.told = [Precision(CameraId("C-017"), RuleId("crowd"), Kind.CROWD, 1, 11)]
    answer = asked(site, "GET", path)
    assert answer.status_code == 200
    assert complaints("get", path, answer) == []


ACTIONS: list[tuple[str, str, object]] = [
    ("/api/v1/incidents/{incident_id}/displayed", f"/api/v1/incidents/{INCIDENT}/displayed", {"seat": "seat-1"}),
    ("/api/v1/incidents/{incident_id}/confirm", f"/api/v1/incidents/{INCIDENT}/confirm", {}),
    ("/api/v1/incidents/{incident_id}/level", f"/api/v1/incidents/{INCIDENT}/level", {"level": "red", "reason": "x"}),
    (
        "/api/v1/incidents/{incident_id}/close",
        f"/api/v1/incidents/{INCIDENT}/close",
        {"disposition": "handled", "reason": "x"},
    ),
    ("/api/v1/cameras/{camera_id}/pin", "/api/v1/cameras/C-017/pin", {}),
    ("/api/v1/cameras/{camera_id}/skip", "/api/v1/cameras/C-017/skip", {"seconds": 60, "reason": "x"}),
    ("/api/v1/wall/{viewer_id}/cameras", "/api/v1/wall/nobody/cameras", {"cameras": []}),
    ("/api/v1/units/{unit_id}/state", "/api/v1/units/U-JP1/state", {"state": "off_duty", "reason": "x"}),
    ("/api/v1/positions", "/api/v1/positions", {"positions": [{"unit_id": "U-1", "place": {}, "at": "now"}]}),
    ("/api/v1/incidents/{incident_id}/confirm", "/api/v1/incidents/I-0/confirm", {}),
    ("/api/v1/incidents/{incident_id}/confirm", f"/api/v1/incidents/{INCIDENT}/confirm", {"more": 1}),
    ("/api/v1/cameras/{camera_id}/pin", "/api/v1/cameras/none/pin", {}),
]


@pytest.mark.parametrize(("path", "address", "body"), ACTIONS, ids=lambda part: part if isinstance(part, str) else "")
def test_what_an_action_answers_is_as_described(site: Site, path: str, address: str, body: object) -> None:
    answer = asked(site, "POST", address, body, **OPERATOR)
    assert complaints("post", path, answer) == []


def test_an_answer_that_says_more_or_less_is_noticed(site: Site) -> None:
    assert complaints("get", "/healthz", httpx.Response(200, json={"alive": True, "well": True}))
    assert complaints("get", "/healthz", httpx.Response(200, json={}))
