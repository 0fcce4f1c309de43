"""The OpenAPI document of what the console's server answers, made of the classes that encode and check it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.heat import Heat
from patrol.domain.incident_record import IncidentRecord
from patrol.domain.rulebook import Rulebook
from patrol.web.answers import (
    Alive,
    ChangeMessage,
    ClosingDone,
    Done,
    FeedTrouble,
    LedTo,
    LiveOpened,
    LiveShown,
    Me,
    PositionsTaken,
    Readiness,
    StateMessage,
    UnitStateDone,
    VersionedLayout,
)
from patrol.web.camera_detail_routes import (
    MOST_CAMERAS,
    MOST_HOURS,
    USUAL_HOURS,
    CameraDetail,
    CamerasPage,
    VisitsPage,
)
from patrol.web.entering import DeclaredRoute, declared
from patrol.web.guarding import MAX_OPERATOR, OPERATOR_HEADER
from patrol.web.live_routes import LiveBody
from patrol.web.looking import LookingBody
from patrol.web.map_routes import BASE, PMTILES, TILES, MapShown
from patrol.web.paging import MOST, USUAL
from patrol.web.problems import PROBLEM_JSON, Problem, phrase_of
from patrol.web.repeating import KEY_HEADER, KEY_PATTERN
from patrol.web.room_routes import AFTER
from patrol.web.roster_routes import RosterBody, UnitRosterShown
from patrol.web.schemas import (
    AcceptViewBody,
    AcknowledgeBody,
    CloseBody,
    ConfirmBody,
    DisplayedBody,
    IncidentAlone,
    IncidentsPage,
    LettersPage,
    LevelBody,
    MergeBody,
    NoteBody,
    OrderBody,
    PinBody,
    PositionBody,
    PositionsBody,
    PrecisionShown,
    ReopenBody,
    ReplayBody,
    SkipBody,
    SplitBody,
    TakeBackBody,
    UnitStateBody,
    WallCamerasBody,
    WithdrawBody,
)
from patrol.web.settings_routes import RosterShown
from patrol.web.sign_in_routes import DeedsPage, PasswordBody, SignInBody, SignOutBody
from patrol.web.wall_feeding import StillShown, WallHello
from patrol.web.zone_routes import DrawBody, SceneBody, SceneChecked, SceneShown

VERSION = "1"
REFERENCE = "#/components/schemas/{model}"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What may be said beside the path and the body. ``where``: in the query, or in a header."""

    name: str
    description: str
    where: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route does with one method.

    ``takes``: the class that checks its body; ``gives``: the one whose JSON it answers, or else the media type.
    ``refuses``: statuses of problems; ``away``: the class that 503 says, where that is none. ``is_open``: nobody has to
    be signed in.
    """

    method: str
    path: str
    summary: str
    gives: Any
    takes: Any = None
    status: int = 200
    refuses: tuple[int, ...] = ()
    away: Any = None
    parameters: tuple[Parameter, ...] = ()
    names_operator: bool = False
    is_open: bool = False


def _get(path: str, summary: str, gives: Any, *refuses: int) -> Operation:
    return Operation("get", path, summary, gives, refuses=refuses)


def _list(
    path: str, summary: str, gives: Any, *more: Parameter, most: int = MOST, refuses: tuple[int, ...] = ()
) -> Operation:
    """Of a list that is long, or grows, a page. ``more``: what it may be asked for besides."""
    pages = (
        Parameter("limit", "How many.", schema={"type": "integer", "minimum": 1, "maximum": most, "default": USUAL}),
        Parameter("cursor", "What the page before gave as next: what comes after it."),
    )
    return Operation("get", path, summary, gives, refuses=(400, *refuses), parameters=(*more, *pages))


def _deed(path: str, summary: str, takes: Any, gives: Any = Done) -> Operation:
    """An operator's action: it is done under a name, and doing it twice changes nothing more."""
    refuses = (400, 404, 409, 413, 415)
    return Operation("post", path, summary, gives, takes, refuses=refuses, names_operator=True)


def _report(path: str, summary: str, takes: Any) -> Operation:
    return Operation("post", path, summary, PositionsTaken, takes, status=202, refuses=(400, 404, 413, 415, 422))


_INCIDENT = "/api/v1/incidents/{incident_id}"

OPERATIONS: tuple[Operation, ...] = (
    _get("/api/v1/layout", "Where cameras, rings and units' homes are", VersionedLayout),
    _get("/api/v1/state", "The room as it is", StateMessage),
    _get("/api/v1/map", "What lies under the map's marks", MapShown),
    _get(BASE, "Streets, buildings and the like, as GeoJSON in WGS-84", "application/geo+json", 404),
    _get(PMTILES, "A part of the PMTiles file: Range: bytes=FIRST-LAST", "application/octet-stream", 404, 416),
    _get(TILES, "A map tile, by the way of Patrol", "image/png", 404),
    _get(
        "/api/v1/heat",
        "Where incidents were over the last hours=8, 24 or 168, of least=LEVEL and more urgent ones",
        Heat,
        400,
    ),
    Operation(
        "post",
        "/api/v1/looking",
        "Which incident a seat looks at, for the others",
        Done,
        LookingBody,
        refuses=(400, 413, 415),
        names_operator=True,
    ),
    Operation(
        "get",
        "/api/v1/events",
        "The room, and then whatever changes: events state (StateMessage: take it whole), change (ChangeMessage),"
        " trouble (FeedTrouble) and signed_out",
        "text/event-stream",
        parameters=(
            Parameter("Last-Event-ID", "The newest message that is there: what was missed follows.", where="header"),
            Parameter(AFTER, "The same, for who cannot send the header."),
        ),
    ),
    _list("/api/v1/incidents", "Incidents that are open, the one accepted last first", IncidentsPage),
    _list("/api/v1/incidents/closed", "Incidents that are over, the one closed last first", IncidentsPage),
    _get(_INCIDENT, "One incident, open or closed", IncidentAlone, 404),
    _get(
        f"{_INCIDENT}/history",
        "What happened with an incident: each order and its receipts, and what people did, oldest first",
        IncidentRecord,
        404,
    ),
    Operation(
        "post",
        f"{_INCIDENT}/displayed",
        "A seat has shown it",
        Done,
        DisplayedBody,
        refuses=(400, 404, 409, 413, 415),
    ),
    _deed(f"{_INCIDENT}/confirm", "It is so", ConfirmBody),
    _deed(f"{_INCIDENT}/acknowledge", "Somebody has taken on what is late", AcknowledgeBody),
    _deed(f"{_INCIDENT}/close", "How it ended", CloseBody, ClosingDone),
    _deed(f"{_INCIDENT}/withdraw-closing", "The first of two people takes the feedback back", WithdrawBody),
    _deed(f"{_INCIDENT}/reopen", "It is not over", ReopenBody),
    _deed(f"{_INCIDENT}/level", "How urgent it is", LevelBody),
    _deed(f"{_INCIDENT}/note", "Something to be known about it", NoteBody),
    _deed(f"{_INCIDENT}/merge", "It is the same thing as another", MergeBody, LedTo),
    _deed(f"{_INCIDENT}/split", "A camera of it saw something else", SplitBody, LedTo),
    _deed(f"{_INCIDENT}/orders", "Send a unit", OrderBody),
    _deed(f"{_INCIDENT}/orders/{{order_id}}/take-back", "Take an order back", TakeBackBody),
    _deed("/api/v1/cameras/{camera_id}/pin", "Hold a camera in focus for a while, or no longer", PinBody),
    _deed("/api/v1/cameras/{camera_id}/skip", "Have the tour leave a camera out for a while, or no longer", SkipBody),
    _deed("/api/v1/cameras/{camera_id}/accept-view", "The strange view that it shows is its own", AcceptViewBody),
    _list(
        "/api/v1/cameras",
        "Every camera as it stands, in the configuration's order",
        CamerasPage,
        Parameter("ring", "Of this ring alone."),
        Parameter("site", "Of this place alone, by its Chinese name."),
        Parameter("group", "Of this group alone."),
        Parameter("health", "In this state alone."),
        Parameter("q", "Whose id, name, place or group has these words."),
        most=MOST_CAMERAS,
    ),
    Operation(
        "get",
        "/api/v1/cameras/{camera_id}",
        "A camera, and how long it was unseen",
        CameraDetail,
        refuses=(400, 404),
        parameters=(
            Parameter(
                "hours",
                "How far back.",
                schema={"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": USUAL_HOURS},
            ),
        ),
    ),
    _list(
        "/api/v1/cameras/{camera_id}/visits", "The latest visits of a camera, newest first", VisitsPage, refuses=(404,)
    ),
    _get(
        "/api/v1/wall/events",
        "What the tour sees of the cameras in sight: events hello (WallHello), still (StillShown) and signed_out",
        "text/event-stream",
    ),
    Operation(
        "post",
        "/api/v1/wall/{viewer_id}/cameras",
        "What a page has in sight on the tour wall",
        Done,
        WallCamerasBody,
        refuses=(400, 404, 413, 415),
    ),
    _get("/api/v1/units", "The units, their shifts, and who is on duty", RosterShown),
    _get(
        "/api/v1/units/{unit_id}/roster",
        "A unit's shift and crew as the configuration has them, and whether dispatch has taken them up",
        UnitRosterShown,
        404,
    ),
    Operation(
        "put",
        "/api/v1/units/{unit_id}/roster",
        "Change a unit's shift and crew: written to the configuration, and taken up while Patrol runs",
        UnitRosterShown,
        RosterBody,
        refuses=(400, 404, 409, 413, 415, 422),
        names_operator=True,
    ),
    _get("/api/v1/rules", "What is watched where, what makes it how urgent, and what waits for a person", Rulebook),
    _get("/api/v1/precision", "How often the rules were right", PrecisionShown),
    _list("/api/v1/dead-letters", "Messages that could not be handled, newest first", LettersPage),
    _deed("/api/v1/dead-letters/{letter_id}/replay", "Put one back", ReplayBody),
    _report("/api/v1/units/{unit_id}/position", "Where a unit is", PositionBody),
    _report("/api/v1/positions", "Where many units are", PositionsBody),
    _deed("/api/v1/units/{unit_id}/state", "What a unit does from now on", UnitStateBody, UnitStateDone),
    _get("/evidence/{evidence_id}.jpg", "The picture of an alert", "image/jpeg", 404, 410),
    _get("/evidence/{clip_id}.webm", "The clip of an alert; ranges may be asked for", "video/webm", 404, 410, 416),
    Operation(
        "post",
        "/api/v1/cameras/{camera_id}/live",
        "Look at a camera live: a WebRTC offer, and the answer to it",
        LiveOpened,
        LiveBody,
        refuses=(400, 404, 413, 415),
    ),
    _get("/api/v1/live/{viewer_id}", "How a live view stands, or why it is over", LiveShown, 404),
    Operation("delete", "/api/v1/live/{viewer_id}", "Nobody looks any more", Done, refuses=(404,)),
    Operation(
        "get",
        "/api/v1/cameras/{camera_id}/still",
        "A picture of a camera, with its age in X-Patrol-Age-S",
        "image/jpeg",
        refuses=(404,),
    ),
    Operation(
        "get",
        "/api/v1/cameras/{camera_id}/scene",
        "What is drawn in a camera's picture, and whether the tour has taken it up",
        SceneShown,
        refuses=(404,),
    ),
    Operation(
        "post",
        "/api/v1/cameras/{camera_id}/scene/check",
        "What is to be said of a scene; nothing changes",
        SceneChecked,
        SceneBody,
        refuses=(400, 404, 413, 415),
    ),
    Operation(
        "put",
        "/api/v1/cameras/{camera_id}/scene",
        "Draw in a camera's picture: written to the configuration, and taken up while Patrol runs",
        SceneShown,
        DrawBody,
        refuses=(400, 404, 409, 413, 415, 422),
        names_operator=True,
    ),
    Operation(
        "post",
        "/api/v1/sign-in",
        "Who, and the password; sets the cookie",
        Me,
        SignInBody,
        refuses=(400, 401, 403, 409, 413, 415, 429),
        is_open=True,
    ),
    Operation("post", "/api/v1/sign-out", "No longer", Done, SignOutBody, refuses=(400, 403, 413, 415), is_open=True),
    _get("/api/v1/me", "Who asks, and what they may", Me),
    Operation(
        "post",
        "/api/v1/password",
        "Change one's own password",
        Done,
        PasswordBody,
        refuses=(400, 409, 413, 415, 422, 429),
    ),
    _list("/api/v1/deeds", "What everybody did, newest first", DeedsPage),
    _get("/api/v1/openapi.json", "This document", JSON),
    Operation("get", "/healthz", "Whether the process answers", Alive, is_open=True),
    Operation("get", "/readyz", "Whether Patrol is fit for work", Readiness, away=Readiness, is_open=True),
    _get("/metrics", "Metrics for Prometheus", "text/plain"),
)
"""Everything but the page and its files. tests/web/test_describing.py holds it against the app's own routes."""


def openapi() -> dict[str, Any]:
    """The whole document, OpenAPI 3.1; the same for the same code."""
    schemas = _Schemas.of(OPERATIONS)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Patrol's console",
            "version": VERSION,
            "license": {"name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only"},
            "description": (
                "What the console's page uses, and terminals may. Times are ISO 8601 with their zone; whatever ends in"
                " _s is in seconds. Every action may be sent again by the same Idempotency-Key: it is done once, and"
                " answered alike."
            ),
        },
        "paths": paths,
        "components": {"schemas": schemas.named},
    }


@cache
def openapi_text() -> str:
    """The document as it is kept in docs/."""
    return json.dumps(openapi(), ensure_ascii=False, indent=2) + "\n"


def describing_routes() -> list[DeclaredRoute]:
    """The document itself. For who may see the room: others find it in docs/, and need not know what runs here."""
    return [declared("/api/v1/openapi.json", _document, Permission.SEE)]


async def _document(request: Request) -> Response:
    return Response(await asyncio.to_thread(openapi_text), media_type=JSON)


class _AsItIsSent(GenerateJsonSchema):
    """Without titles that say the name again; and what is sent is sent whole, defaults too."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


@dataclass(frozen=True, slots=True)
class _Schemas:
    """``by_class``: the schema of each class that is answered or taken; ``named``: all that these refer to."""

    by_class: Mapping[tuple[Any, JsonSchemaMode], dict[str, Any]]
    named: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> _Schemas:
        says = {what for each in operations for what in (each.gives, each.away)}
        answers = {each for each in says if each is not None and not isinstance(each, str)} | {
            StateMessage,
            ChangeMessage,
            FeedTrouble,
            WallHello,
            StillShown,
        }
        # A problem, too, says only what there is to say: as what is taken does.
        bodies = {each.takes for each in operations if each.takes is not None} | {Problem}
        modes: list[tuple[Any, JsonSchemaMode]] = [(each, "serialization") for each in answers]
        modes += [(each, "validation") for each in bodies]
        inputs = [(each, mode, TypeAdapter(each)) for each, mode in sorted(modes, key=str)]
        made, definitions = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE, schema_generator=_AsItIsSent)
        return cls(dict(made), dict(sorted(definitions["$defs"].items())))


def _described(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _name(operation),
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): {
                "description": HTTPStatus(operation.status).phrase,
                "content": _content(operation.gives, schemas),
            },
            **{str(status): _problem(status, schemas) for status in _refuses(operation)},
            **_away(operation, schemas),
        },
    }
    if operation.takes is not None:
        body = schemas.by_class[operation.takes, "validation"]
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return described


def _refuses(operation: Operation) -> list[int]:
    """Where somebody has to be signed in, nobody may be, or somebody who may not; and the name may be another's."""
    if operation.is_open:
        return sorted({*operation.refuses, 421})
    changes = {400, 413, 422} if operation.method != "get" else set()
    return sorted({*operation.refuses, *changes, 401, 403, 421})


def _content(gives: Any, schemas: _Schemas) -> dict[str, Any]:
    if isinstance(gives, str):
        is_text = gives.startswith("text/")
        return {gives: {"schema": {"type": "string"}} if is_text else {}}
    return {JSON: {"schema": schemas.by_class[gives, "serialization"]}}


def _problem(status: int, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.by_class[Problem, "validation"]
    return {"description": phrase_of(status), "content": {PROBLEM_JSON: {"schema": schema}}}


def _away(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    if operation.away is None:
        return {str(status): _problem(status, schemas) for status in (500, 503)}
    says = {"description": HTTPStatus(503).phrase, "content": _content(operation.away, schemas)}
    return {"500": _problem(500, schemas), "503": says}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    named = re.findall(r"{(\w+)}", operation.path)
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in named
    ]
    found += [
        {
            "name": each.name,
            "in": each.where,
            "required": False,
            "description": each.description,
            "schema": dict(each.schema),
        }
        for each in operation.parameters
    ]
    if operation.method not in ("get", "head") and not operation.is_open:
        found.append(
            {
                "name": KEY_HEADER,
                "in": "header",
                "required": False,
                "description": "By which a request names itself: what comes again by the same is done once.",
                "schema": {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
            }
        )
    if operation.names_operator:
        found.append(
            {
                "name": OPERATOR_HEADER,
                "in": "header",
                "required": False,
                "description": "Who acts, where there are no accounts: UTF-8, percent-encoded.",
                "schema": {"type": "string", "maxLength": MAX_OPERATOR * 12},
            }
        )
    return found


def _name(operation: Operation) -> str:
    words = re.findall(r"[a-zA-Z]+", re.sub(r"{(\w+?)(?:_id)?}", r"\1", operation.path.removeprefix("/api/v1")))
    return "_".join([operation.method, *words])
