"""Scenes: what is drawn in cameras' pictures, read from a configuration file and written back into it.

Blocking; call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from patrol.config.camera_models import GroundModel, MaskModel, ZoneModel
from patrol.config.document import Location, written
from patrol.config.editing import REMOVED, Change, same, value_at
from patrol.config.parts import CameraPart
from patrol.config.values import DIRECTIONS
from patrol.config.writing import ConfigurationFile, Opened, Watch
from patrol.domain.calibrating import PickedPoint, from_points
from patrol.domain.camera import CameraId, StreamAddress
from patrol.domain.drawing import (
    CameraScene,
    DrawingWarning,
    DrawnGround,
    DrawnMask,
    DrawnScene,
    DrawnScenes,
    DrawnZone,
    GroundFound,
    RuleOffered,
    SceneVerdict,
    Warned,
    WrittenScene,
    drawing_warnings,
)
from patrol.domain.errors import ConfigError, ConfigProblem, FileChanged, FileUnusable, InputError
from patrol.domain.rules import Rule
from patrol.domain.zones import RuleId

DRAWN = ("zones", "masks", "ground")
_UNREADABLE = "unreadable"

_Addresses = tuple[StreamAddress, StreamAddress | None]  # of its stream and of its still pictures


class SceneBook:
    """The scenes of a file; see ports.SceneBook."""

    def __init__(self, file: ConfigurationFile) -> None:
        self._file = file
        self._watch = Watch(file)
        self._addresses: Mapping[CameraId, _Addresses] | None = None  # at the first look

    def changed(self) -> DrawnScenes | None:
        """All scenes, where the file is another one than was given last, and at rest; None where it is not, or is away.

        Cameras stand last in a file, so the first half of one can be sound, and say that there is no mask (Watch).
        """
        try:
            opened = self._watch.changed()
        except FileUnusable as error:
            return DrawnScenes(_UNREADABLE, {}, str(error.problems[0]))
        if opened is None:
            return None
        cameras = opened.configuration.cameras
        addresses = {camera.id: (camera.stream, camera.snapshot) for camera in cameras}
        if self._addresses is None:
            self._addresses = addresses
        began = self._addresses
        moved = frozenset(each for each, address in addresses.items() if began.get(each, address) != address)
        return DrawnScenes(opened.version, {each.id: CameraScene.of(each) for each in cameras}, moved=moved)

    def scene(self, camera_id: CameraId) -> WrittenScene:
        """A camera's scene. Raises KeyError, FileUnusable."""
        opened = self._file.read()
        return self._scene(opened, _part_of(opened, camera_id))

    def checked(self, camera_id: CameraId, scene: DrawnScene) -> SceneVerdict:
        """What would be said of a scene. Raises KeyError, FileUnusable."""
        opened = self._file.read()
        return self._checked(opened, _part_of(opened, camera_id), scene)

    @contextlib.contextmanager
    def changing(self, camera_id: CameraId, scene: DrawnScene, version: str) -> Iterator[SceneChange | None]:
        """A scene that is ready to take the old one's place; None where it says what the file says already.

        ``version``: of the scene that somebody looked at when drawing. Raises KeyError, FileUnusable, ConfigError with
        the problems of the new scene, FileChanged where the file has another scene than that by now, NotWritten.
        """
        opened = self._file.read()
        part = _part_of(opened, camera_id)
        before = self._scene(opened, part)
        if not _changes(opened, part, scene):
            yield None
            return
        if version != before.version:
            raise FileChanged(f"the scene of camera {camera_id} was changed meanwhile")
        try:
            after = self._file.with_changes(opened, _changes(opened, part, scene))
        except ConfigError as refused:
            raise ConfigError(self._file.name, tuple(_within(each, part) for each in refused.problems)) from None
        with self._file.replacing(opened, after.text) as replacement:
            shown = self._scene(after, _part_of(after, camera_id))

            def apply() -> None:
                self._watch.put(replacement)

            yield SceneChange(before, replace(shown, file_version=replacement.version), apply)

    def _scene(self, opened: Opened, part: CameraPart) -> WrittenScene:
        camera = next(each for each in opened.configuration.cameras if part.camera and each.id == part.camera.id)
        own = _mapping(value_at(opened.document.data, part.location))
        effective = _effective(opened, part)
        template = opened.parts.template_of(part)
        return WrittenScene(
            camera_id=camera.id,
            name=camera.name,
            name_en=camera.name_en,
            file=self._file.name,
            file_version=opened.version,
            version=_version_of(effective),
            scene=_drawn(opened, part),
            zones_of=template if own.get("zones") is None and effective["zones"] else None,
            masks_of=template if own.get("masks") is None and effective["masks"] else None,
            rules=tuple(_offered(opened, rule) for rule in opened.configuration.rules.values()),
            view_deg=camera.view_deg,
        )

    def _checked(self, opened: Opened, part: CameraPart, scene: DrawnScene) -> SceneVerdict:
        found, error = _found(scene.ground)
        try:
            configuration = self._file.configured(opened, _changes(opened, part, scene))
        except ConfigError as refused:
            return SceneVerdict(tuple(_within(each, part) for each in refused.problems), ground=found)
        told = tuple(
            Warned(path, DrawingWarning.OTHER, each.message)
            for each in configuration.warnings
            if (path := _relative(each.path, part)) is not None
        )
        return SceneVerdict((), (*drawing_warnings(scene, _plane(scene.ground), error), *told), found)


class SceneChange:
    """A scene before and after, and what makes it so. ``apply`` raises OSError."""

    def __init__(self, before: WrittenScene, after: WrittenScene, apply: Any) -> None:
        self.before = before
        self.after = after
        self.apply = apply


def _part_of(opened: Opened, camera_id: CameraId) -> CameraPart:
    for part in opened.parts.cameras:
        if part.camera is not None and part.camera.id == camera_id:
            return part
    raise KeyError(camera_id)


def _effective(opened: Opened, part: CameraPart) -> dict[str, Any]:
    """What holds for a camera, in the file's own words: its own, else its template's."""
    data = opened.document.data
    own = _mapping(value_at(data, part.location))
    lent = _mapping(value_at(data, ("templates", opened.parts.template_of(part) or "")))
    return {
        "zones": own.get("zones") if own.get("zones") is not None else lent.get("zones") or [],
        "masks": own.get("masks") if own.get("masks") is not None else lent.get("masks") or [],
        "ground": own.get("ground"),
    }


def _version_of(effective: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(effective, sort_keys=True).encode()).hexdigest()[:16]


def _changes(opened: Opened, part: CameraPart, scene: DrawnScene) -> list[Change]:
    """What is to be written so that the camera has this scene: nothing of what it has already."""
    before, after = _effective(opened, part), _plain(scene, _effective(opened, part)["zones"])
    own = _mapping(value_at(opened.document.data, part.location))
    template = opened.parts.templates.get(opened.parts.template_of(part) or "")
    changes = []
    for key in DRAWN:
        if same(before[key], after[key]):
            continue
        location: Location = (*part.location, key)
        is_lent = key != "ground" and bool(getattr(template, key, None))
        if after[key] or is_lent:
            changes.append(Change(location, after[key]))
        elif key in own:
            changes.append(Change(location, REMOVED))
    return changes


def _plain(scene: DrawnScene, zones_before: list[Any]) -> dict[str, Any]:
    """As it would stand in the file."""
    written_before = {zone.get("id"): zone for zone in zones_before if isinstance(zone, dict)}
    return {
        "zones": [_plain_zone(zone, written_before.get(zone.id, {})) for zone in scene.zones],
        "masks": [_plain_mask(mask) for mask in scene.masks],
        "ground": _plain_ground(scene.ground),
    }


def _plain_zone(zone: DrawnZone, before: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"id": zone.id, "name": zone.name}
    if zone.name_en:
        plain["name_en"] = zone.name_en
    plain["rules"] = list(zone.rules)
    if zone.polygon is not None:
        plain["polygon"] = [[_number(x), _number(y)] for x, y in zone.polygon]
    if zone.line is not None:
        plain["line"] = [[_number(x), _number(y)] for x, y in zone.line]
    if zone.direction_deg is not None:
        word = before.get("direction")
        is_same = word in DIRECTIONS and math.isclose(DIRECTIONS[word], zone.direction_deg)
        plain["direction"] = word if is_same else _number(zone.direction_deg)
    return plain


def _plain_mask(mask: DrawnMask) -> dict[str, Any]:
    names = {key: name for key, name in (("name", mask.name), ("name_en", mask.name_en)) if name}
    return {**names, "polygon": [[_number(x), _number(y)] for x, y in mask.polygon]}


def _plain_ground(ground: DrawnGround | None) -> dict[str, Any] | None:
    if ground is None:
        return None
    points = [
        {"at": [_number(each) for each in point.at], "metres": [_number(each) for each in point.metres]}
        for point in ground.points
    ]
    return {"points": points, "error": ground.error} if ground.error else {"points": points}


def _number(value: float) -> float | int:
    return int(value) if math.isfinite(value) and value == int(value) else value


def _drawn(opened: Opened, part: CameraPart) -> DrawnScene:
    ground = opened.parts.ground_of(part)
    return DrawnScene(
        tuple(_drawn_zone(zone) for zone in opened.parts.zones_of(part)),
        tuple(_drawn_mask(mask) for mask in opened.parts.masks_of(part)),
        _drawn_ground(ground) if ground is not None else None,
    )


def _drawn_zone(zone: ZoneModel) -> DrawnZone:
    return DrawnZone(
        id=zone.id,
        name=zone.name,
        rules=tuple(zone.rules),
        polygon=tuple((x, y) for x, y in zone.polygon) if zone.polygon is not None else None,
        line=((zone.line[0][0], zone.line[0][1]), (zone.line[1][0], zone.line[1][1])) if zone.line else None,
        name_en=zone.name_en or "",
        direction_deg=zone.direction,
    )


def _drawn_mask(mask: MaskModel) -> DrawnMask:
    return DrawnMask(tuple((x, y) for x, y in mask.polygon), mask.name or "", mask.name_en or "")


def _drawn_ground(ground: GroundModel) -> DrawnGround:
    points = (PickedPoint((p.at[0], p.at[1]), (p.metres[0], p.metres[1])) for p in ground.points)
    return DrawnGround(tuple(points), ground.error)


def _offered(opened: Opened, rule: Rule) -> RuleOffered:
    model = opened.parts.rules.get(rule.id)
    return RuleOffered(
        RuleId(rule.id),
        rule.name,
        rule.name_en,
        rule.kind,
        needs_line=model is not None and model.watches_lines,
        needs_direction=model is not None and model.needs_direction,
    )


def _found(ground: DrawnGround | None) -> tuple[GroundFound | None, float | None]:
    if ground is None:
        return None, None
    try:
        found = from_points(ground.points)
    except (InputError, ArithmeticError):
        return None, None
    error = math.hypot(found.error, ground.error) if math.isfinite(found.error) else None
    return GroundFound(found.plane.homography, error), error


def _plane(ground: DrawnGround | None) -> Any:
    return from_points(ground.points).plane if ground is not None else None


def _within(problem: ConfigProblem, part: CameraPart) -> ConfigProblem:
    path = _relative(problem.path, part)
    return problem if path is None else replace(problem, path=path)


def _relative(path: str, part: CameraPart) -> str | None:
    """A place in the file as a place in the camera's scene."""
    before = written(part.location) + "."
    within = path.removeprefix(before)
    return within if within != path and within.startswith(DRAWN) else None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
