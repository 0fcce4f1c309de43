"""What is drawn in a camera's picture: to look at, to try, and to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from patrol.domain.accounts import Permission
from patrol.domain.calibrating import PickedPoint
from patrol.domain.camera import CameraId
from patrol.domain.drawing import (
    DrawnGround,
    DrawnMask,
    DrawnScene,
    DrawnZone,
    GroundFound,
    SceneState,
    Warned,
    WrittenScene,
    state_of,
)
from patrol.domain.errors import ConfigError, ConfigProblem, FileChanged, FileUnusable, NotWritten
from patrol.ports import SceneDesk
from patrol.web.entering import DeclaredRoute, declared, operator_of, source_of
from patrol.web.problems import ProblemAt, error_response
from patrol.web.reading import id_in, in_time, read
from patrol.web.schemas import Body

LARGEST_SCENE = 256 * 1024
MOST, MOST_CORNERS = 32, 64

Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6)]
Point = tuple[Number, Number]
Text = Annotated[str, Field(max_length=120)]


class ZoneBody(Body):
    """A polygon, or a line, and the rules that watch it. An empty ``name_en``: as ``name``."""

    id: Annotated[str, Field(max_length=64)]
    name: Text
    name_en: Text = ""
    rules: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=16)]
    polygon: Annotated[list[Point], Field(max_length=MOST_CORNERS)] | None = None
    line: tuple[Point, Point] | None = None
    direction_deg: Annotated[Number, Field(ge=0, lt=360)] | None = None


class MaskBody(Body):
    """What is blackened before anything sees it."""

    polygon: Annotated[list[Point], Field(max_length=MOST_CORNERS)]
    name: Text = ""
    name_en: Text = ""


class GroundPointBody(Body):
    """A point of the ground: ``at`` as shares of the picture, ``metres`` east and north of anywhere."""

    at: Point
    metres: Point


class GroundBody(Body):
    """Points of the ground. ``error``: how far off all lengths may be together, as a share of themselves."""

    points: Annotated[list[GroundPointBody], Field(max_length=64)]
    error: Annotated[Number, Field(ge=0, le=0.5)] = 0.0


class SceneBody(Body):
    """All that is drawn in a camera's picture."""

    zones: Annotated[list[ZoneBody], Field(max_length=MOST)]
    masks: Annotated[list[MaskBody], Field(max_length=MOST)]
    ground: GroundBody | None = None

    def scene(self) -> DrawnScene:
        """As it is decided on."""
        ground = self.ground
        return DrawnScene(
            tuple(
                DrawnZone(
                    zone.id,
                    zone.name,
                    tuple(zone.rules),
                    tuple(zone.polygon) if zone.polygon is not None else None,
                    zone.line,
                    zone.name_en,
                    zone.direction_deg,
                )
                for zone in self.zones
            ),
            tuple(DrawnMask(tuple(mask.polygon), mask.name, mask.name_en) for mask in self.masks),
            DrawnGround(tuple(PickedPoint(point.at, point.metres) for point in ground.points), ground.error)
            if ground is not None
            else None,
        )


class DrawBody(SceneBody):
    """``version``: of the scene that was looked at when this was drawn."""

    version: Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class SceneShown:
    """A camera's scene as the configuration has it, and whether it holds in the tour: ``state``, since when, and what
    the tour says to it."""

    written: WrittenScene
    state: SceneState
    at: datetime | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class SceneChecked:
    """What is to be said of a scene. It can be used when there are no ``problems``."""

    problems: tuple[ProblemAt, ...]
    warnings: tuple[Warned, ...]
    ground: GroundFound | None


_SHOWN, _CHECKED = TypeAdapter(SceneShown), TypeAdapter(SceneChecked)


def zone_routes(scenes: SceneDesk) -> list[DeclaredRoute]:
    """Whoever sees a camera sees what is watched in it; who configures changes it."""
    routes = _Scenes(scenes)
    path = "/api/v1/cameras/{camera_id}/scene"
    return [
        declared(path, routes.show, Permission.SEE),
        declared(path, routes.draw, Permission.CONFIGURE, "PUT"),
        declared(f"{path}/check", routes.check, Permission.CONFIGURE, "POST"),
    ]


class _Scenes:
    def __init__(self, scenes: SceneDesk) -> None:
        self._scenes = scenes

    async def show(self, request: Request) -> Response:
        try:
            return await self._shown(await in_time(self._scenes.scene(_camera_id(request))))
        except KeyError:
            raise HTTPException(404, "there is no such camera") from None
        except FileUnusable as error:
            return _unusable_file(error)

    async def check(self, request: Request) -> Response:
        body = await read(request, SceneBody, LARGEST_SCENE)
        try:
            verdict = await in_time(self._scenes.check(_camera_id(request), body.scene()))
        except KeyError:
            raise HTTPException(404, "there is no such camera") from None
        except FileUnusable as error:
            return _unusable_file(error)
        return _json(_CHECKED.dump_json(SceneChecked(_told(verdict.problems), verdict.warnings, verdict.ground)))

    async def draw(self, request: Request) -> Response:
        body = await read(request, DrawBody, LARGEST_SCENE)
        camera_id, operator = _camera_id(request), operator_of(request)
        try:
            # Not in_time: a file that is being written is written whole, whoever waits for it.
            written = await self._scenes.draw(camera_id, body.scene(), body.version, operator, source_of(request.scope))
        except KeyError:
            raise HTTPException(404, "there is no such camera") from None
        except FileUnusable as error:
            return _unusable_file(error)
        except ConfigError as error:
            return _refused(422, "scene_unusable", "the scene cannot be used", error.problems)
        except FileChanged as error:
            return _refused(409, "scene_changed", str(error), by=error.who)
        except NotWritten as error:
            return _refused(503, "not_written", str(error))
        return await self._shown(written)

    async def _shown(self, written: WrittenScene) -> Response:
        is_touring, standing = await in_time(self._scenes.standing())
        state = state_of(written.file_version, is_touring, standing)
        at, problem = (standing.at, standing.problem) if standing is not None else (None, None)
        return _json(_SHOWN.dump_json(SceneShown(written, state, at, problem)))


def _unusable_file(error: FileUnusable) -> Response:
    return _refused(503, "file_unusable", "the configuration cannot be used as it is now", error.problems[:MOST])


def _refused(
    status: int, code: str, message: str, problems: Sequence[ConfigProblem] = (), by: str | None = None
) -> Response:
    errors = [{"path": each.path, "detail": each.message} for each in problems]
    return error_response(status, code, message, errors=errors or None, by=by)


def _told(problems: Sequence[ConfigProblem]) -> tuple[ProblemAt, ...]:
    return tuple(ProblemAt(each.path, each.message) for each in problems)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _camera_id(request: Request) -> CameraId:
    return CameraId(id_in(request, "camera_id"))
