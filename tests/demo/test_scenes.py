"""The demo's films: what they show, whether the real model sees it, and which camera gets which."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest

from patrol.adapters.detectors import DetectorOptions, make_detector
from patrol.adapters.devices import Device
from patrol.adapters.stream import VideoFileSource
from patrol.config import Configuration, load
from patrol.demo import drawing, scenes
from patrol.demo.scenes import LOOP_S, Scene, SceneKind, demo_cameras, fewest_for, render_scenes
from patrol.domain.camera import Camera, CameraId, RingName, StreamAddress
from patrol.domain.conditions import Crowd, Intrusion
from patrol.domain.detections import Detections
from patrol.domain.errors import InputError
from patrol.domain.frame import Frame
from patrol.domain.rules import Rule
from patrol.domain.zones import RuleId, Zone, ZoneId, inside
from tests.adapters.looking import StandingClock, camera_at
from tests.adapters.real_model import real_model
from tests.builders import camera, rule, zone

pytestmark = pytest.mark.long  # they share the films, which take a minute to draw

STARTED_AT = 1_900_000_000.0
YARD = ((0.62, 0.35), (0.98, 0.35), (0.98, 1.0), (0.62, 1.0))
SAMPLE = Path(__file__).parents[2] / "configs" / "cameras.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(scope="module")
def rendered(folder: Path) -> tuple[Scene, ...]:
    return render_scenes(folder, lambda _done, _of: None)


@pytest.fixture(scope="module")
def sample() -> Configuration:
    """The sample configuration: 476 cameras."""
    return load(SAMPLE, {"CAMERA_USER": "user", "CAMERA_PASSWORD": "password"})


def named(rendered: Sequence[Scene], name: str) -> Scene:
    return next(scene for scene in rendered if scene.name == name)


def crowd_rule(at_least: int = 5) -> Rule:
    return rule(at_least, condition=Crowd(at_least))


def intrusion_rule() -> Rule:
    return rule(id=RuleId("intrusion"), condition=Intrusion(), for_s=1.0)


def crowd_zone() -> Zone:
    return zone(polygon=((0.02, 0.30), (0.98, 0.30), (1.0, 1.0), (0.0, 1.0)))


def look(scene: Scene, times_s: Sequence[float]) -> list[Frame]:
    """The scene's pictures at these seconds of its loop, as a camera of the demo gets them."""

    async def visits() -> list[Frame]:
        frames = []
        for t_s in times_s:
            at_zero = datetime.fromtimestamp(STARTED_AT - STARTED_AT % scene.duration_s, UTC)
            source = VideoFileSource((512, 288), StandingClock(at_zero + timedelta(seconds=t_s)), workers=1)
            frames.append(await source.capture(camera_at(scene.file.as_uri()), 10.0))
            await source.aclose()
        return frames

    return asyncio.run(visits())


# --- rendering ----------------------------------------------------------------------------------------------------


def test_a_dozen_films_most_of_them_quiet(rendered: tuple[Scene, ...]) -> None:
    assert len(rendered) >= 12
    assert sum(scene.eventful for scene in rendered) < len(rendered) / 2
    assert {scene.kind for scene in rendered} == set(SceneKind)
    assert {scene.kind for scene in rendered if scene.eventful} == set(SceneKind)


def test_each_is_h264_with_a_key_frame_a_second_and_as_long_as_it_says(rendered: tuple[Scene, ...]) -> None:
    for scene in rendered:
        with av.open(str(scene.file)) as container:
            stream = container.streams.video[0]
            packets = [packet for packet in container.demux(stream) if packet.size]
            key_times = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
            assert stream.codec_context.name == "h264"
            assert (stream.width, stream.height, stream.pix_fmt) == (640, 360, "yuv420p")
            assert float(stream.duration * stream.time_base) == pytest.approx(scene.duration_s)
        assert len(packets) == scene.duration_s * scenes.FPS == len(scene.feet) * scenes.FPS
        assert key_times == pytest.approx(list(range(int(scene.duration_s)))), scene.name


def test_a_second_call_renders_nothing_and_a_lost_film_only_itself(folder: Path, rendered: tuple[Scene, ...]) -> None:
    seen: list[tuple[int, int]] = []
    written = {scene.file: scene.file.stat().st_mtime_ns for scene in rendered}
    assert render_scenes(folder, lambda done, of: seen.append((done, of))) == rendered
    assert seen == []
    lost = named(rendered, "gate-empty").file
    lost.unlink()
    render_scenes(folder, lambda done, of: seen.append((done, of)))
    assert seen == [(1, 1)]
    assert {file for file, when in written.items() if file.stat().st_mtime_ns != when} == {lost}
    assert not [file for file in lost.parent.iterdir() if file.name.startswith(".")], "something unfinished was left"


def test_another_recipe_gets_another_folder(
    folder: Path, tmp_path: Path, rendered: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    outlines = tmp_path / "cutouts.json"
    outlines.write_text(drawing.OUTLINES.read_text() + "\n")
    before = scenes._version()
    monkeypatch.setattr(drawing, "OUTLINES", outlines)
    assert scenes._version() != before
    assert rendered[0].file.parent == folder / before


def test_a_film_that_could_not_be_finished_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_parts: object, file: Path) -> None:
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scenes, "_join", fail)
    recipe = next(recipe for recipe in scenes._recipes() if recipe.name == "gate-empty")
    monkeypatch.setattr(scenes, "_recipes", lambda: (recipe,))
    with pytest.raises(InputError, match="No space left"):
        render_scenes(tmp_path, lambda _done, _of: None)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_without_the_photograph_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match="ultralytics"):
        render_scenes(tmp_path, lambda _done, _of: None)


def test_parts_meet_without_a_jump(rendered: tuple[Scene, ...]) -> None:
    """Where a part of a film ends and the next begins, nobody is suddenly somewhere else."""
    scene = named(rendered, "square-day")
    seams = [scene.event_at_s + s for s in (scenes.ARRIVE_S, scenes.ARRIVE_S + scenes.HOLD_S)]
    for seam in seams:
        before, after = look(scene, [seam - 0.5 / scenes.FPS, seam + 0.5 / scenes.FPS])
        changed = np.abs(before.pixels.astype(int) - after.pixels).max(axis=2) > 40
        assert changed.mean() < 0.01


# --- what the real model sees -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(rendered: tuple[Scene, ...]) -> dict[str, list[tuple[float, Detections]]]:
    """People found, by scene and second: where something happens, and all through the quiet films."""
    options = DetectorOptions(
        input_size=(512, 288), min_confidence=0.35, labels=frozenset({"person"}), device=Device.CPU
    )
    detector = make_detector(real_model(), options)
    found: dict[str, list[tuple[float, Detections]]] = {}
    for scene in rendered:
        if scene.eventful:
            times_s = [scene.event_at_s + scenes.ARRIVE_S + step * 4.0 for step in range(12)]
        else:
            times_s = [second + 0.5 for second in range(0, int(scene.duration_s), 3)]
        found[scene.name] = list(zip(times_s, asyncio.run(detector.detect(look(scene, times_s))), strict=True))
    detector.close()
    return found


Seen = dict[str, list[tuple[float, Detections]]]


@pytest.mark.weights
def test_the_model_sees_every_crowd_for_as_long_as_it_stands(seen: Seen, rendered: tuple[Scene, ...]) -> None:
    crowds = [scene for scene in rendered if scene.eventful and scene.kind is not SceneKind.GATE]
    for scene in crowds:
        counts = [len(people.of("person", 0.35)) for _, people in seen[scene.name]]
        assert min(counts) >= 6, (scene.name, counts)


@pytest.mark.weights
def test_the_model_sees_who_enters_the_yard(seen: Seen, rendered: tuple[Scene, ...]) -> None:
    for scene in (scene for scene in rendered if scene.eventful and scene.kind is SceneKind.GATE):
        for t_s, people in seen[scene.name]:
            sure = people.of("person", 0.45)
            assert inside(zone(polygon=YARD), sure).sum() == 1, (scene.name, t_s)


@pytest.mark.weights
def test_the_model_sees_nobody_where_nobody_is(seen: Seen, rendered: tuple[Scene, ...]) -> None:
    for scene in (scene for scene in rendered if not scene.eventful):
        for t_s, people in seen[scene.name]:
            assert len(people) <= len(scene.feet[int(t_s)]) + 1, (scene.name, t_s)
            if scene.name.endswith("-empty"):
                assert len(people) == 0, (scene.name, t_s)
            if scene.kind is SceneKind.GATE:
                assert not inside(zone(polygon=YARD), people).any(), (scene.name, t_s)


@pytest.mark.weights
def test_people_stand_where_the_recipe_says(seen: Seen, rendered: tuple[Scene, ...]) -> None:
    """The choice of scenes by zone trusts the recipe's feet."""
    for scene in (scene for scene in rendered if scene.eventful):
        t_s, people = seen[scene.name][-2]
        feet = [((x1 + x2) / 2 / people.width, y2 / people.height) for (x1, _, x2, y2), _, _ in people]
        nearest = [min(abs(x - fx) + abs(y - fy) for fx, fy in scene.feet[int(t_s)]) for x, y in feet]
        there = sum(distance < 0.06 for distance in nearest)  # of who stands behind others the feet are not seen
        assert there >= 0.6 * len(scene.feet[int(t_s)]), (scene.name, nearest)


# --- which camera gets which --------------------------------------------------------------------------------------


def event_begins_after_s(one: Camera, rendered: Sequence[Scene]) -> float | None:
    """Seconds from the start to the camera's next event, by its address; None for a quiet one."""
    found = re.fullmatch(r"(file:.*)\?offset=([\d.]+)", one.stream.reveal())
    assert found is not None
    scene = next(scene for scene in rendered if scene.file.as_uri() == found[1])
    return (scene.event_at_s - STARTED_AT - float(found[2])) % scene.duration_s if scene.eventful else None


def test_six_incidents_a_minute_and_a_crowd_in_the_core_at_once(
    rendered: tuple[Scene, ...], sample: Configuration
) -> None:
    cameras = demo_cameras(sample.cameras, rendered, STARTED_AT, sample.rules)
    begins = sorted((at, one) for one in cameras if (at := event_begins_after_s(one, rendered)) is not None)
    assert len(cameras) == 476
    assert all(one.simulated for one in cameras)
    per_minute = Counter(int(at // 60) for at, _ in begins)
    assert set(per_minute) == set(range(LOOP_S // 60))
    assert all(4 <= count <= 8 for count in per_minute.values())
    first_at, first = begins[0]
    assert first_at == pytest.approx(scenes.FIRST_EVENT_AFTER_S, abs=0.01)
    assert first.ring is RingName.CORE
    assert "gate" not in first.stream.reveal().rpartition("/")[2]
    first_minute = [one.stream.reveal() for at, one in begins if at < 60]
    assert any("/gate-" in address for address in first_minute), "an intrusion is seen soon, too"
    assert {one.ring for _, one in begins} == set(RingName)


def test_the_first_crowd_is_complete_within_a_quarter_of_a_minute(
    rendered: tuple[Scene, ...], sample: Configuration
) -> None:
    cameras = demo_cameras(sample.cameras, rendered, STARTED_AT, sample.rules)
    at, first = min((at, one) for one in cameras if (at := event_begins_after_s(one, rendered)) is not None)
    scene = next(scene for scene in rendered if scene.file.as_uri() in first.stream.reveal())
    second = int(scene.event_at_s + 12 - at)
    assert len(scene.feet[second]) >= 7


def test_quiet_cameras_set_off_no_rule(rendered: tuple[Scene, ...], sample: Configuration) -> None:
    cameras = demo_cameras(sample.cameras, rendered, STARTED_AT, sample.rules)
    for one in cameras:
        if event_begins_after_s(one, rendered) is None:
            scene = next(scene for scene in rendered if scene.file.as_uri() in one.stream.reveal())
            for place in one.zones:
                for rule_id in place.rules:
                    assert scene.holds_for_s(place, fewest_for(sample.rules[rule_id])) == 0.0, one.id


def test_nothing_but_stream_and_mark_is_changed(rendered: tuple[Scene, ...], sample: Configuration) -> None:
    cameras = demo_cameras(sample.cameras, rendered, STARTED_AT, sample.rules)
    nothing = StreamAddress("")
    assert [replace(one, stream=nothing, simulated=False) for one in cameras] == [
        replace(one, stream=nothing) for one in sample.cameras
    ]


def test_a_camera_shows_the_same_in_any_company(rendered: tuple[Scene, ...], sample: Configuration) -> None:
    one, many = (
        demo_cameras(cameras, rendered, STARTED_AT, sample.rules)
        for cameras in (sample.cameras, tuple(reversed(sample.cameras)))
    )
    assert {c.id: c.stream for c in one} == {c.id: c.stream for c in many}


def test_a_place_looks_like_its_name_and_a_gate_like_its_rule(rendered: tuple[Scene, ...]) -> None:
    rules = {each.id: each for each in (crowd_rule(), intrusion_rule())}
    yard = zone(id=ZoneId("yard"), polygon=YARD, rules=(RuleId("intrusion"),))
    pavement = zone(name="人行道", name_en="pavement")
    cameras = (
        camera(id=CameraId("a"), name="广场", name_en="square", zones=()),
        camera(id=CameraId("b"), name="x", name_en="x", site="凤栖小学", zones=(pavement,)),
        camera(id=CameraId("c"), name="广场", name_en="square", zones=(yard,)),
        camera(id=CameraId("d"), name="x", name_en="x", site="x", zones=(pavement,)),
    )
    shown = [one.stream.reveal() for one in demo_cameras(cameras, rendered, STARTED_AT, rules)]
    names = [address.rpartition("/")[2].partition("-")[0] for address in shown]
    assert names == ["square", "school", "gate", "street"]


def test_a_rule_that_any_passer_by_breaks_gets_an_empty_place(rendered: tuple[Scene, ...]) -> None:
    everywhere = zone(rules=(RuleId("intrusion"),))
    guarded = [camera(id=CameraId(f"g{n}"), zones=(everywhere,)) for n in range(40)]
    rules = {intrusion_rule().id: intrusion_rule()}
    for one in demo_cameras(guarded, rendered, STARTED_AT, rules):
        if event_begins_after_s(one, rendered) is None:
            assert "-empty" in one.stream.reveal()


def test_a_room_without_zones_is_quiet(rendered: tuple[Scene, ...]) -> None:
    cameras = demo_cameras([camera(zones=())], rendered, STARTED_AT, {})
    assert event_begins_after_s(cameras[0], rendered) is None
    assert demo_cameras([], rendered, STARTED_AT, {}) == ()


def test_one_camera_with_a_rule_is_enough_for_an_event(rendered: tuple[Scene, ...]) -> None:
    watched = camera(ring=RingName.CORE, zones=(crowd_zone(),))
    [shown] = demo_cameras([watched], rendered, STARTED_AT, {crowd_rule().id: crowd_rule()})
    assert event_begins_after_s(shown, rendered) == pytest.approx(2.0, abs=0.01)


def test_how_long_people_stand_in_a_zone(rendered: tuple[Scene, ...]) -> None:
    crowd, yard = named(rendered, "square-day"), named(rendered, "gate-day")
    assert crowd.holds_for_s(crowd_zone(), 9) >= scenes.HOLD_S * scenes.HOLDS
    assert crowd.holds_for_s(crowd_zone(), 10) == 0
    assert yard.holds_for_s(zone(polygon=YARD), 1) >= scenes.HOLD_S * scenes.HOLDS
    assert yard.holds_for_s(zone(polygon=YARD), 2) == 0
