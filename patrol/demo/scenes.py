"""The demo's cameras: a dozen short films, shared by all cameras, each of which joins its own at its own moment.

Nearly all cameras are quiet. In one of ten something happens once in eight minutes: a square fills with people, or
somebody walks into a yard that nobody may enter. The films are drawn once, encoded as H.264 and decoded for every
visit, so that the whole way from the stream to the alert is the real one.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from itertools import cycle, groupby
from pathlib import Path

import av
import numpy as np
import shapely

from patrol.demo import drawing
from patrol.demo.drawing import (
    DAY,
    EVENING,
    HEIGHT,
    HORIZON,
    OVERCAST,
    TALLNESS,
    WIDTH,
    Light,
    Pixels,
    Wardrobe,
    lay_over,
)
from patrol.domain.camera import Camera, CameraId, RingName, StreamAddress
from patrol.domain.conditions import Crowd, Intrusion
from patrol.domain.errors import InputError
from patrol.domain.events import Kind
from patrol.domain.rules import Rule
from patrol.domain.zones import RuleId, Zone

FPS = 12
LOOP_S = 480  # of an eventful scene
EVENTFUL_SHARE = 0.10  # of the cameras: of 476 some 48, so that six incidents a minute begin
FIRST_EVENT_AFTER_S = 2.0
# Which cameras events come to, and in which order. With this one, and the shipped configuration, a crowd where a drone
# is there long before any crew is the second, and core, periphery and far take turns.
EVENTS_SEED = 291
ENCODER_OPTIONS = {"preset": "veryfast", "crf": "27", "x264-params": "bframes=0:scenecut=0:ref=1:log-level=0"}

Point = tuple[float, float]


class SceneKind(StrEnum):
    """What a scene shows."""

    SQUARE = "square"
    GATE = "gate"
    STREET = "street"
    SCHOOL = "school"


@dataclass(frozen=True, slots=True)
class Scene:
    """One film, ready to be played in a loop.

    ``event_at_s``: when its event begins, in an eventful one. ``feet``: for each second of the loop where people's
    feet stand, as shares of the picture's width and height; who walks out of the picture is not in it.
    """

    name: str
    file: Path
    duration_s: float
    eventful: bool
    kind: SceneKind
    event_at_s: float
    feet: tuple[tuple[Point, ...], ...]

    def holds_for_s(self, zone: Zone, at_least: int) -> float:
        """The longest time, seconds, for which at least so many people stand in ``zone``."""
        enough = [count >= at_least for count in _counts(zone.polygon, self.feet)]
        return float(max((len(list(run)) for holds, run in groupby(enough) if holds), default=0))


# --- recipes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody's feet are, as shares of the picture, and how they are drawn."""

    x: float
    y: float
    walks: bool
    faces_left: bool


@dataclass(frozen=True, slots=True)
class Walk:
    """One person's way: ``way`` is a list of (t_s, x, y), feet as shares of the picture, straight in between."""

    look: int
    way: tuple[tuple[float, float, float], ...]

    def at(self, t_s: float) -> Standing | None:
        """Where it is at a time; None before its way begins and after its end."""
        if not self.way[0][0] <= t_s <= self.way[-1][0]:
            return None
        for (t1, x1, y1), (t2, x2, y2) in zip(self.way, self.way[1:], strict=False):
            if t1 <= t_s <= t2:
                share = (t_s - t1) / (t2 - t1)
                walks = (x1, y1) != (x2, y2)
                faces_left = x2 < x1 if walks else self.look % 3 == 0
                return Standing(x1 + (x2 - x1) * share, y1 + (y2 - y1) * share, walks, faces_left)
        return None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a film that is encoded once and played ``times`` in a row; its end meets its beginning."""

    seconds: int
    times: int = 1
    walks: tuple[Walk, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a scene is made. Its event, if any, is in the parts after the first."""

    name: str
    kind: SceneKind
    light: Light
    seed: int
    parts: tuple[Part, ...]

    @property
    def eventful(self) -> bool:
        """Whether something happens in it."""
        return len(self.parts) > 1

    @property
    def duration_s(self) -> int:
        """Of the whole loop."""
        return sum(part.seconds * part.times for part in self.parts)


ARRIVE_S, HOLD_S, HOLDS, LEAVE_S = 9, 12, 4, 9
QUIET_S = 18
QUIET_TIMES = (LOOP_S - ARRIVE_S - HOLD_S * HOLDS - LEAVE_S) // QUIET_S

CROWD_SPOTS: tuple[Point, ...] = (
    (0.50, 0.72),
    (0.40, 0.81),
    (0.61, 0.83),
    (0.31, 0.71),
    (0.70, 0.72),
    (0.51, 0.95),
    (0.34, 0.94),
    (0.68, 0.95),
    (0.56, 0.64),
)
YARD_SPOTS: tuple[Point, ...] = ((0.80, 0.80),)


def _event(spots: Sequence[Point], doors: Sequence[float], first_look: int) -> tuple[Part, ...]:
    """People come in one after the other, each through a door (an x), stand at their spots, and go."""
    arriving: list[Walk] = []
    standing: list[Walk] = []
    leaving: list[Walk] = []
    for number, ((x, y), door) in enumerate(zip(spots, cycle(doors), strict=False)):
        look = first_look + number
        way_s = max(1.5, abs(door - x) / 0.115)
        late_s = (ARRIVE_S - way_s) * number / max(1, len(spots) - 1) if len(spots) > 1 else 0.5
        arriving.append(Walk(look, ((late_s, door, y), (late_s + way_s, x, y), (ARRIVE_S, x, y))))
        standing.append(Walk(look, ((0, x, y), (HOLD_S, x, y))))
        go_s = (LEAVE_S - way_s) * (number * 5 % len(spots)) / len(spots)
        leaving.append(Walk(look, ((0, x, y), (go_s + 0.01, x, y), (go_s + 0.01 + way_s, door, y))))
    return (
        Part(ARRIVE_S, 1, tuple(arriving)),
        Part(HOLD_S, HOLDS, tuple(standing)),
        Part(LEAVE_S, 1, tuple(leaving)),
    )


def _passing(look: int, start_s: float, y: float, rightwards: bool = True) -> Walk:
    """Somebody crosses the picture, from edge to edge."""
    near, far = (-0.08, 1.08) if rightwards else (1.08, -0.08)
    return Walk(look, ((start_s, near, y), (start_s + 11, far, y)))


def _past_the_gate(look: int, start_s: float, y: float) -> Walk:
    """Somebody comes in on the left and goes out there again, well away from the yard."""
    return Walk(look, ((start_s, -0.08, y), (start_s + 5, 0.40, y), (start_s + 10, -0.08, y - 0.02)))


def _recipes() -> tuple[Recipe, ...]:
    square, gate, street, school = SceneKind.SQUARE, SceneKind.GATE, SceneKind.STREET, SceneKind.SCHOOL
    sides, left = (-0.08, 1.08), (-0.08,)
    seldom = Part(QUIET_S, QUIET_TIMES, (_passing(3, 2, 0.70),))
    seldom_at_gate = Part(QUIET_S, QUIET_TIMES, (_past_the_gate(5, 4, 0.84),))
    nobody = (Part(2, 12),)

    def quiet(*walks: Walk) -> tuple[Part, ...]:
        return (Part(20, 1, walks),)

    return (
        Recipe("square-day", square, DAY, 11, (seldom, *_event(CROWD_SPOTS, sides, 0))),
        Recipe("square-evening", square, EVENING, 12, (seldom, *_event(CROWD_SPOTS[:8], sides, 4))),
        Recipe("square-quiet", square, OVERCAST, 13, quiet(_passing(2, 1, 0.74), _passing(7, 9, 0.86, False))),
        Recipe("square-empty", square, DAY, 14, nobody),
        Recipe("gate-day", gate, DAY, 21, (seldom_at_gate, *_event(YARD_SPOTS, left, 3))),
        Recipe("gate-overcast", gate, OVERCAST, 22, (seldom_at_gate, *_event(YARD_SPOTS, left, 6))),
        Recipe("gate-quiet", gate, EVENING, 23, quiet(_past_the_gate(8, 2, 0.78), _past_the_gate(1, 9, 0.93))),
        Recipe("gate-empty", gate, DAY, 24, nobody),
        Recipe("street-crowd", street, OVERCAST, 31, (seldom, *_event(CROWD_SPOTS[1:], sides, 2))),
        Recipe(
            "street-busy",
            street,
            DAY,
            32,
            quiet(_passing(1, 0, 0.79), _passing(8, 5, 0.92, False), _passing(4, 9, 0.84)),
        ),
        Recipe("street-quiet", street, OVERCAST, 33, quiet(_passing(9, 6, 0.85, False))),
        Recipe("street-empty", street, EVENING, 34, nobody),
        Recipe("school-crowd", school, DAY, 41, (seldom, *_event(CROWD_SPOTS[:8], sides, 8))),
        Recipe("school-quiet", school, OVERCAST, 42, quiet(_passing(6, 2, 0.76), _passing(11, 9, 0.90, False))),
        Recipe("school-empty", school, DAY, 43, nobody),
    )


# --- rendering ----------------------------------------------------------------------------------------------------


def render_scenes(folder: Path, progress: Callable[[int, int], None]) -> tuple[Scene, ...]:
    """All scenes, rendered into ``folder`` unless they are there already; seconds the first time, then at once.

    ``progress`` is called with (how many are done, of how many) after each that had to be rendered. The files stand in
    a folder named after what they are made of, and appear whole or not at all, also where two do this at once.
    Raises InputError where the photograph is missing, or ``folder`` cannot be written.
    """
    recipes = _recipes()
    home = folder / _version()
    try:
        home.mkdir(parents=True, exist_ok=True)
        missing = [recipe for recipe in recipes if not (home / f"{recipe.name}.mp4").exists()]
        with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0)), thread_name_prefix="scenes") as threads:
            done = as_completed([threads.submit(_render, recipe, home) for recipe in missing])
            for count, future in enumerate(done, start=1):
                future.result()
                progress(count, len(missing))
    except OSError as error:
        raise InputError(f"{folder}: the demo's scenes cannot be written: {error.strerror}") from error
    return tuple(_scene(recipe, home) for recipe in recipes)


def _version() -> str:
    """Changes whenever anything does that the films are made of."""
    made_of = hashlib.sha256(av.__version__.encode())
    for file in (Path(__file__), Path(drawing.__file__), drawing.OUTLINES, drawing.photograph_file()):
        made_of.update(file.read_bytes())
    return made_of.hexdigest()[:12]


def _scene(recipe: Recipe, home: Path) -> Scene:
    first = recipe.parts[0]
    return Scene(
        name=recipe.name,
        file=(home / f"{recipe.name}.mp4").absolute(),
        duration_s=float(recipe.duration_s),
        eventful=recipe.eventful,
        kind=recipe.kind,
        event_at_s=float(first.seconds * first.times) if recipe.eventful else 0.0,
        feet=tuple(_feet(recipe)),
    )


def _feet(recipe: Recipe) -> Iterator[tuple[Point, ...]]:
    for part in recipe.parts:
        for second in list(range(part.seconds)) * part.times:
            present = (walk.at(second + 0.5) for walk in part.walks)
            yield tuple((there.x, there.y) for there in present if there is not None and 0 <= there.x <= 1)


def _render(recipe: Recipe, home: Path) -> None:
    place = drawing.place(recipe.kind, recipe.light, recipe.seed)
    wardrobe = Wardrobe(recipe.light)
    encoded = [(_encoded(_pictures(part, place, wardrobe)), part.times) for part in recipe.parts]
    handle, unfinished = tempfile.mkstemp(prefix=f".{recipe.name}-", suffix=".mp4", dir=home)
    os.close(handle)
    try:
        _join(encoded, Path(unfinished))
        Path(unfinished).replace(home / f"{recipe.name}.mp4")
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _pictures(part: Part, place: Pixels, wardrobe: Wardrobe) -> Iterator[Pixels]:
    for number in range(part.seconds * FPS):
        picture = place.copy()
        t_s = number / FPS
        present = [(walk.look, there) for walk in part.walks if (there := walk.at(t_s)) is not None]
        for look, there in sorted(present, key=lambda one: one[1].y):  # who stands in front is drawn last
            _draw_person(picture, wardrobe, look, there, t_s)
        yield picture


def _draw_person(picture: Pixels, wardrobe: Wardrobe, look: int, there: Standing, t_s: float) -> None:
    x, foot = there.x * WIDTH, there.y * HEIGHT
    height = round(TALLNESS * (foot - HORIZON))
    if there.walks:
        lift, sway = 0.018 * height * abs(math.sin(2 * math.pi * 0.95 * t_s + look)), 0.0
    else:  # whole turns in a part, so that it can follow itself
        lift, sway = 0.0, 0.014 * height * math.sin(2 * math.pi * (2 + 2 * (look % 2)) * t_s / HOLD_S)
    shadow, person = wardrobe.shadow(height), wardrobe.person(look, there.faces_left, height)
    left, top = round(x - shadow.cover.shape[1] / 2), round(foot - shadow.cover.shape[0] / 2 - 2)
    lay_over(picture, shadow, left, top)
    lay_over(picture, person, round(x + sway - person.cover.shape[1] / 2), round(foot - lift - height))


def _encoded(pictures: Iterable[Pixels]) -> io.BytesIO:
    """H.264 in MP4, a key frame each second."""
    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options=ENCODER_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = FPS
        stream.codec_context.thread_count = 1
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return film


def _join(parts: Sequence[tuple[io.BytesIO, int]], file: Path) -> None:
    """One film out of parts, each (film, how often), without encoding anything again."""
    with av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as joined:
        target: av.VideoStream | None = None
        begins = 0
        for film, times in parts:
            for _ in range(times):
                film.seek(0)
                with av.open(film) as source:
                    stream = source.streams.video[0]
                    target = target or joined.add_stream_from_template(stream)
                    for packet in source.demux(stream):
                        if packet.size == 0:
                            continue
                        packet.pts, packet.dts, packet.stream = packet.pts + begins, packet.dts + begins, target
                        joined.mux(packet)
                    begins += stream.duration


# --- cameras ------------------------------------------------------------------------------------------------------

FORBIDDEN = (Kind.INTRUSION, Kind.LINE_CROSSING)  # what makes a place a gate
WORDS = (
    (SceneKind.SCHOOL, ("学校", "小学", "中学", "幼儿园", "school")),
    (SceneKind.SQUARE, ("广场", "square", "plaza")),
)


def demo_cameras(
    cameras: Sequence[Camera], scenes: Sequence[Scene], started_at: float, rules: Mapping[RuleId, Rule]
) -> tuple[Camera, ...]:
    """The same cameras, each looking at a scene that suits it and its zones, and marked as simulated.

    ``started_at``: seconds since the epoch; the first event, a crowd before a core camera, begins right after it, and
    the others follow evenly, round and round. Which camera shows what hangs on its id alone. ``rules``: those that the
    zones name; a quiet scene never sets one of them off.
    """
    event_of = _eventful(cameras, scenes, rules)
    step_s = LOOP_S / max(1, len(event_of))
    begins_at = {camera_id: started_at + FIRST_EVENT_AFTER_S + n * step_s for n, camera_id in enumerate(event_of)}
    result = []
    for camera in cameras:
        if camera.id in event_of:
            scene = event_of[camera.id]
            offset_s = (scene.event_at_s - begins_at[camera.id]) % scene.duration_s
        else:
            scene = _quiet(camera, scenes, rules)
            offset_s = _chance(camera, "offset") * scene.duration_s
        stream = StreamAddress(f"{scene.file.as_uri()}?offset={offset_s:.2f}")
        result.append(replace(camera, stream=stream, simulated=True))
    return tuple(result)


def _eventful(
    cameras: Sequence[Camera], scenes: Sequence[Scene], rules: Mapping[RuleId, Rule]
) -> dict[CameraId, Scene]:
    """The cameras before which something will happen, in the order of its beginning."""
    suited: dict[CameraId, list[Scene]] = {
        camera.id: [scene for scene in scenes if scene.eventful and _alarms(scene, camera, rules)] for camera in cameras
    }
    drawn = f"event {EVENTS_SEED}"
    able = sorted((c for c in cameras if suited[c.id]), key=lambda c: _chance(c, drawn) / _weight(c, rules))
    scene_of = {camera.id: _pick(camera, suited[camera.id]) for camera in able}
    gates = [camera for camera in able if scene_of[camera.id].kind is SceneKind.GATE]
    crowds = [camera for camera in able if scene_of[camera.id].kind is not SceneKind.GATE]
    first = next((camera for camera in crowds if camera.ring is RingName.CORE), None)
    crowds.sort(key=lambda camera: camera is not first)
    wanted = min(len(able), math.ceil(EVENTFUL_SHARE * len(cameras)))
    order: list[Camera] = []
    while len(order) < wanted:  # two crowds, then a gate, as long as there are both
        take_gate = (len(order) % 3 == 2 and gates) or not crowds
        order.append((gates if take_gate else crowds).pop(0))
    return {camera.id: scene_of[camera.id] for camera in order}


def _weight(camera: Camera, rules: Mapping[RuleId, Rule]) -> float:
    """How much likelier than elsewhere something happens there: more in the core, less in the many streets."""
    core = 3.0 if camera.ring is RingName.CORE else 1.0
    return core * (0.4 if _kind_of(camera, rules) is SceneKind.STREET else 1.0)


def _quiet(camera: Camera, scenes: Sequence[Scene], rules: Mapping[RuleId, Rule]) -> Scene:
    harmless = [scene for scene in scenes if not scene.eventful and not _set_off(scene, camera, rules, 0.0)]
    fitting = [scene for scene in harmless if scene.kind is _kind_of(camera, rules)]
    return _pick(camera, fitting or harmless)


def _alarms(scene: Scene, camera: Camera, rules: Mapping[RuleId, Rule]) -> bool:
    """Whether a scene's event would be seen by this camera, and looks like its place."""
    return scene.kind is _kind_of(camera, rules) and _set_off(scene, camera, rules, HOLD_S)


def _set_off(scene: Scene, camera: Camera, rules: Mapping[RuleId, Rule], for_more_than_s: float) -> bool:
    return any(
        scene.holds_for_s(zone, fewest_for(rules[rule_id])) > for_more_than_s
        for zone in camera.zones
        for rule_id in zone.rules
    )


def fewest_for(rule: Rule) -> int:
    """How many people in its zone a rule of the demo needs to hold."""
    return rule.condition.at_least if isinstance(rule.condition, Crowd | Intrusion) else 1


def _kind_of(camera: Camera, rules: Mapping[RuleId, Rule]) -> SceneKind:
    """What the place looks like, by what is forbidden there and by its names."""
    if any(rules[rule_id].kind in FORBIDDEN for zone in camera.zones for rule_id in zone.rules):
        return SceneKind.GATE
    zones = " ".join(f"{zone.id} {zone.name} {zone.name_en}" for zone in camera.zones)
    words = f"{zones} {camera.site} {camera.name} {camera.name_en}".lower()
    return next((kind for kind, names in WORDS if any(name in words for name in names)), SceneKind.STREET)


def _pick(camera: Camera, scenes: Sequence[Scene]) -> Scene:
    return scenes[int(_chance(camera, "scene") * len(scenes))]


def _chance(camera: Camera, purpose: str) -> float:
    """A number from 0 up to 1 that belongs to the camera's id."""
    digest = hashlib.sha256(f"{purpose} {camera.id}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


@cache
def _counts(polygon: tuple[Point, ...], feet: tuple[tuple[Point, ...], ...]) -> tuple[int, ...]:
    """How many stand in the polygon, for each second."""
    shape = shapely.Polygon(polygon)
    return tuple(int(shapely.intersects_xy(shape, np.array(now).reshape(-1, 2)).sum()) for now in feet)
