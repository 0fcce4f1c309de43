"""Drawing: what people draw in a camera's picture (zones, masks, the ground), and what follows when they change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import shapely

from patrol.domain.calibrating import PickedPoint
from patrol.domain.camera import Camera, CameraId
from patrol.domain.errors import ConfigProblem
from patrol.domain.events import Kind
from patrol.domain.ground import GroundPlane, Homography
from patrol.domain.masks import touched
from patrol.domain.room import SceneStanding
from patrol.domain.zones import Line, Polygon, RuleId, Zone, ZoneId

SMALLEST_ZONE = 0.002  # share of the picture: 20 x 14 of 512 x 288 pixels hold nobody's feet for long
MOST_MASKED = 0.6  # share: of what is left neither a detector nor the camera's health can tell much
UNSURE_GROUND = 0.15  # share of a length
UNCOVERED = 0.005  # share of the picture: less does not change what a camera is known by
_GRID = (160, 90)


@dataclass(frozen=True, slots=True)
class DrawnZone:
    """A zone as a person draws it: a polygon, or a line. An empty ``name_en``: as ``name``."""

    id: str
    name: str
    rules: tuple[str, ...]
    polygon: Polygon | None = None
    line: Line | None = None
    name_en: str = ""
    direction_deg: float | None = None


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """What is blackened before anything sees it. Its names may be empty."""

    polygon: Polygon
    name: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class DrawnGround:
    """Points of the ground, and how far off all lengths may be together beside that, as a share of themselves."""

    points: tuple[PickedPoint, ...]
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawnScene:
    """All that is drawn in one camera's picture."""

    zones: tuple[DrawnZone, ...] = ()
    masks: tuple[DrawnMask, ...] = ()
    ground: DrawnGround | None = None


@dataclass(frozen=True, slots=True)
class RuleOffered:
    """A rule that a zone may name. ``needs_line``, ``needs_direction``: what it asks of the zone."""

    id: RuleId
    name: str
    name_en: str
    kind: Kind
    needs_line: bool
    needs_direction: bool


@dataclass(frozen=True, slots=True)
class WrittenScene:
    """A camera's scene as the file has it. ``version``: changes with it. ``file_version``: changes with the file.

    ``zones_of``, ``masks_of``: the template that lends them; None: they are the camera's own, or there are none.
    """

    camera_id: CameraId
    name: str
    name_en: str
    file: str
    file_version: str
    version: str
    scene: DrawnScene
    zones_of: str | None
    masks_of: str | None
    rules: tuple[RuleOffered, ...]
    view_deg: float


class DrawingWarning(StrEnum):
    """What may be meant so, and is probably not. Closed set."""

    SMALL_ZONE = "small_zone"
    MASKED_ZONE = "masked_zone"  # most of it is blackened
    ZONE_AT_HORIZON = "zone_at_horizon"
    MUCH_MASKED = "much_masked"
    UNSURE_GROUND = "unsure_ground"
    OTHER = "other"  # in the words of the file's own check


@dataclass(frozen=True, slots=True)
class Warned:
    """``path``: in the scene, as in ``zones[1]``. ``message``: in words, for whoever cannot read the code."""

    path: str
    code: DrawingWarning
    message: str


@dataclass(frozen=True, slots=True)
class GroundFound:
    """The plane that the points give. ``error``: of lengths where it was calibrated, one standard deviation, as a share
    of themselves; infinite becomes None."""

    homography: Homography
    error: float | None


@dataclass(frozen=True, slots=True)
class SceneVerdict:
    """Whether a scene can be used: not while there are ``problems``. Paths are within the scene where they can be."""

    problems: tuple[ConfigProblem, ...]
    warnings: tuple[Warned, ...] = ()
    ground: GroundFound | None = None


def drawing_warnings(scene: DrawnScene, plane: GroundPlane | None, error: float | None) -> tuple[Warned, ...]:
    """What looks like a mistake in a scene that can be used."""
    covered = touched([mask.polygon for mask in scene.masks], *_GRID) if scene.masks else None
    found: list[Warned] = []
    if covered is not None and covered.mean() > MOST_MASKED:
        found.append(Warned("masks", DrawingWarning.MUCH_MASKED, f"{covered.mean():.0%} of the picture is blackened"))
    for place, zone in enumerate(scene.zones):
        if zone.polygon is not None:
            found += _zone_warnings(f"zones[{place}]", zone.polygon, covered, plane)
    if error is not None and error > UNSURE_GROUND:
        found.append(Warned("ground", DrawingWarning.UNSURE_GROUND, f"lengths may be off by {error:.0%}"))
    return tuple(found)


def _zone_warnings(
    path: str, polygon: Polygon, covered: np.ndarray | None, plane: GroundPlane | None
) -> Iterable[Warned]:
    area = shapely.Polygon(polygon).area
    if area < SMALLEST_ZONE:
        yield Warned(path, DrawingWarning.SMALL_ZONE, f"is {area:.2%} of the picture")
    if covered is not None:
        inside = touched([polygon], *_GRID)
        hidden = float(covered[inside].mean()) if inside.any() else 0.0
        if hidden > 0.5:
            yield Warned(path, DrawingWarning.MASKED_ZONE, f"{hidden:.0%} of it is blackened")
    if plane is not None and plane.reaches_horizon(polygon):
        yield Warned(path, DrawingWarning.ZONE_AT_HORIZON, "reaches the horizon, so that its area cannot be told")


@dataclass(frozen=True, slots=True)
class CameraScene:
    """What is drawn in a camera's picture, as decisions take it."""

    zones: tuple[Zone, ...]
    masks: tuple[Polygon, ...]
    ground: GroundPlane | None

    @classmethod
    def of(cls, camera: Camera) -> CameraScene:
        """A camera's own."""
        return cls(camera.zones, camera.masks, camera.ground)

    def on(self, camera: Camera) -> Camera:
        """The camera with this drawn in its picture."""
        return replace(camera, zones=self.zones, masks=self.masks, ground=self.ground)


@dataclass(frozen=True, slots=True)
class DrawnScenes:
    """All cameras' scenes, as a file has them. ``version``: of the file. ``problem``: why it cannot be used as it is
    now; nothing of it holds then. ``moved``: whose address is another one than at the first look: what is drawn there
    is of a picture that nobody looks at before the next start."""

    version: str
    scenes: Mapping[CameraId, CameraScene]
    problem: str | None = None
    moved: frozenset[CameraId] = frozenset()


class SceneState(StrEnum):
    """Whether what the file says holds in the tour."""

    APPLIED = "applied"
    PARTLY = "partly"  # but for what can only be taken up at the next start
    WAITING = "waiting"  # the tour has not read the file as it is now
    REFUSED = "refused"  # the tour has, and it cannot be used
    NO_TOUR = "no_tour"
    UNTOLD = "untold"  # a tour that does not say: of an earlier version, or without a file


def state_of(file_version: str, is_touring: bool, standing: SceneStanding | None) -> SceneState:
    """What to say of a file of that version to whoever changed it."""
    if not is_touring:
        return SceneState.NO_TOUR
    if standing is None:
        return SceneState.UNTOLD
    if standing.version == file_version:
        return SceneState.PARTLY if standing.problem else SceneState.APPLIED
    return SceneState.REFUSED if standing.is_refused else SceneState.WAITING


def redrawn(
    cameras: Mapping[CameraId, Camera], drawn: DrawnScenes, rules: frozenset[RuleId]
) -> tuple[Sequence[Camera], str | None]:
    """The cameras whose scene is another one now, and what of it cannot be taken up by a process with these ``rules``.

    Masks and ground are taken up whatever the rules are: nobody's window stays in sight because of one. Not so where
    the address is another one, too: over the old picture such masks would hide something else than they are to.
    """
    changed, problem = [], None
    for camera_id, camera in cameras.items():
        scene = drawn.scenes.get(camera_id)
        if scene is None or scene == CameraScene.of(camera):
            continue
        if camera_id in drawn.moved:
            problem = problem or f"camera {camera_id}: its address is another one; it is taken up at the next start"
            continue
        unknown = sorted({rule for zone in scene.zones for rule in zone.rules} - rules)
        if unknown:
            problem = problem or f"camera {camera_id}: rule {unknown[0]} is new; it is taken up at the next start"
            scene = replace(scene, zones=camera.zones)
        if scene != CameraScene.of(camera):
            changed.append(scene.on(camera))
    return changed, problem


def zones_to_forget(before: Camera, after: Camera) -> frozenset[ZoneId]:
    """The zones of which rules must forget what they remember: what they saw lay elsewhere.

    Other masks or another ground are another picture for every rule. A new name is none.
    """
    every = frozenset(zone.id for zone in (*before.zones, *after.zones))
    if before.masks != after.masks or before.ground != after.ground:
        return every
    kept = {_shape(zone) for zone in before.zones} & {_shape(zone) for zone in after.zones}
    return every - {shape.id for shape in kept}


def _shape(zone: Zone) -> Zone:
    return replace(zone, name="", name_en="", rules=())


def uncovers(before: Sequence[Polygon], after: Sequence[Polygon]) -> bool:
    """Whether other masks show a part of the picture that nothing was known of."""
    hidden = touched(before, *_GRID) if before else None
    if hidden is None:
        return False
    still = touched(after, *_GRID) if after else np.zeros_like(hidden)
    return bool((hidden & ~still).mean() > UNCOVERED)
