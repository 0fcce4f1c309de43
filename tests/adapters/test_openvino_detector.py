"""The CPU detector: its mechanics on a small graph made here, its findings on the real weights."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from patrol.adapters import openvino_detector
from patrol.adapters.model_manifests import ModelManifest
from patrol.adapters.model_store import InstalledModel, Precision
from patrol.adapters.openvino_detector import (
    LANES,
    Bf16,
    OpenVinoDetector,
    available_precisions,
    chosen_precision,
    cpu_bf16,
)
from patrol.adapters.openvino_runtime import import_openvino
from patrol.adapters.yolo import Reading
from patrol.domain.detections import Detections
from patrol.domain.errors import ModelError
from patrol.domain.frame import Frame
from tests.adapters.real_model import bus_pixels, frame_of, real_model

COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def colour_model(tmp_path_factory: pytest.TempPathFactory) -> InstalledModel:
    """A model with one box in the middle; how red, green and blue the picture is are the confidences."""
    folder = tmp_path_factory.mktemp("colour")
    openvino = import_openvino()
    ops = openvino.opset13
    picture = ops.parameter([-1, 3, -1, -1], np.float32)
    means = ops.squeeze(ops.reduce_mean(picture, np.array([2, 3]), keep_dims=True), np.array([3]))
    box = ops.constant(np.full((1, 4, 1), 32, np.float32))
    graph = folder / "model.xml"
    openvino.save_model(openvino.Model([ops.concat([box, means], 1)], [picture]), graph)
    manifest = ModelManifest("colour", "detect", "colour.pt", 1, "0" * 64, "https://x", None, (64, 64), "MIT", COLOURS)
    return InstalledModel(manifest, folder, folder / "colour.pt", graph, None)


@pytest.fixture
def detector(colour_model: InstalledModel) -> Iterator[OpenVinoDetector]:
    with closing(OpenVinoDetector(colour_model, Reading(COLOURS), precision=Precision.F32)) as made:
        yield made


def colour(red: int, green: int, blue: int, size: tuple[int, int] = (64, 64)) -> Frame:
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[:] = (blue, green, red)
    return frame_of(pixels)


def detect(detector: OpenVinoDetector, *frames: Frame) -> list[Detections]:
    return list(asyncio.run(detector.detect(frames)))


# Mechanics


def test_colours_arrive_in_the_networks_order_and_range(detector: OpenVinoDetector) -> None:
    found = detect(detector, colour(255, 0, 0), colour(0, 204, 0), colour(0, 0, 102))
    assert [[(label, round(sure, 3)) for _, label, sure in one] for one in found] == [
        [("red", 1.0)],
        [("green", 0.8)],
        [("blue", 0.4)],
    ]


def test_boxes_are_in_pixels_of_each_frame(detector: OpenVinoDetector) -> None:
    small, upright = detect(detector, colour(255, 0, 0), colour(255, 0, 0, (320, 640)))
    assert small.xyxy.tolist() == [[16, 16, 48, 48]]
    assert (upright.width, upright.height) == (320, 640)
    assert upright.xyxy.tolist() == [[0, 160, 320, 480]]


def test_results_come_in_the_order_of_the_frames(detector: OpenVinoDetector) -> None:
    frames = [colour(100 + shade, 0, 0, (64 + shade * 8, 64)) for shade in range(60)]
    found = detect(detector, *frames)
    assert [one.width for one in found] == [frame.width for frame in frames]


def test_no_frames_no_results(detector: OpenVinoDetector) -> None:
    assert detect(detector) == []


def test_several_callers_at_once_get_their_own(detector: OpenVinoDetector) -> None:
    async def two() -> list[list[str]]:
        async with asyncio.TaskGroup() as group:
            red = group.create_task(detector.detect([colour(255, 0, 0)] * 30))
            blue = group.create_task(detector.detect([colour(0, 0, 255)] * 30))
        return [[label for one in task.result() for _, label, _ in one] for task in (red, blue)]

    assert asyncio.run(two()) == [["red"] * 30, ["blue"] * 30]


def test_a_cancelled_caller_leaves_the_detector_whole(detector: OpenVinoDetector) -> None:
    async def cancelled_then_again() -> list[str]:
        task = asyncio.create_task(detector.detect([colour(255, 0, 0)] * 200))
        await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await detector.detect([colour(0, 255, 0)] * 8)
        return [label for one in found for _, label, _ in one]

    assert asyncio.run(cancelled_then_again()) == ["green"] * 8


def test_nobody_waits_for_what_a_cancelled_caller_asked_for(detector: OpenVinoDetector) -> None:
    begun: list[int] = []
    pictures = CountedPictures(begun, [colour(255, 0, 0).pixels] * 5000)

    async def left_early() -> None:
        left = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(None, detector._detect_batch, pictures, left)
        await asyncio.sleep(0.01)
        left.set()
        found = await work
        assert len(found) <= len(begun) < 5000

    asyncio.run(left_early())


class CountedPictures(list[Any]):
    """Pictures that note when they are taken."""

    def __init__(self, taken: list[int], pictures: list[Any]) -> None:
        super().__init__(pictures)
        self._taken = taken

    def __iter__(self) -> Iterator[Any]:
        for index, picture in enumerate(super().__iter__()):
            self._taken.append(index)
            yield picture


def test_a_batch_that_fails_leaves_the_detector_whole(
    detector: OpenVinoDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Detections:
        raise RuntimeError("cannot be read")

    with monkeypatch.context() as patched:
        patched.setattr(openvino_detector, "read_output", broken)
        for _ in range(2 * LANES):  # no lane is lost
            with pytest.raises(RuntimeError, match="cannot be read"):
                detect(detector, *[colour(255, 0, 0)] * 5)
    assert [label for one in detect(detector, *[colour(0, 0, 255)] * 5) for _, label, _ in one] == ["blue"] * 5


def test_what_was_shown_before_shines_through_nowhere(detector: OpenVinoDetector) -> None:
    """Inputs are filled in place: pictures of another shape leave other margins."""
    tall, wide = colour(255, 255, 255, (32, 64)), colour(255, 255, 255, (64, 32))
    [expected] = detect(detector, wide)
    for _ in range(3):
        detect(detector, *[tall] * 4 * LANES * detector.requests)
        for found in detect(detector, *[wide] * detector.requests):
            np.testing.assert_array_equal(found.confidence, expected.confidence)


def test_an_inference_that_does_not_end_is_told(detector: OpenVinoDetector) -> None:
    class Endless:
        def wait_for(self, milliseconds: int) -> bool:
            return False

    slot = detector._lanes[0][0]
    kept, slot._request = slot._request, Endless()
    with pytest.raises(TimeoutError, match="did not end"):
        slot.output()
    slot._request = kept


def test_closing_ends_its_threads(colour_model: InstalledModel) -> None:
    made = OpenVinoDetector(colour_model, Reading(COLOURS), precision=Precision.F32)
    detect(made, colour(255, 0, 0))
    assert any(thread.name.startswith("openvino") for thread in threading.enumerate())
    made.close()
    made.close()
    assert not any(thread.name.startswith("openvino") for thread in threading.enumerate())


def test_no_two_threads_ever_come_first(colour_model: InstalledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first use of OpenVINO's array conversion by two threads at once locked up the process for good."""
    used_by: list[str] = []
    read = OpenVinoDetector._read

    def noted(self: OpenVinoDetector, *arguments: Any) -> Detections:
        used_by.append(threading.current_thread().name)
        return read(self, *arguments)

    monkeypatch.setattr(OpenVinoDetector, "_read", noted)
    with closing(OpenVinoDetector(colour_model, Reading(COLOURS))) as made:
        assert used_by == [threading.current_thread().name] * made.requests * LANES


@pytest.mark.weights
@pytest.mark.long
def test_fresh_processes_do_not_lock_up() -> None:
    """The same, for real: a short switch interval made it lock up in one fresh process of five."""
    code = (
        "import sys, asyncio; sys.setswitchinterval(1e-6)\n"
        "import numpy as np; from tests.adapters.real_model import frame_of, real_model\n"
        "from patrol.adapters.openvino_detector import OpenVinoDetector; from patrol.adapters.yolo import Reading\n"
        "made = OpenVinoDetector(real_model(), Reading(real_model().manifest.classes), input_size=(64, 64))\n"
        "asyncio.run(made.detect([frame_of(np.zeros((64, 64, 3), np.uint8))] * 8)); made.close()"
    )
    environment = os.environ | {"PATROL_MODELS": str(real_model().folder.parent)}
    for _ in range(5):
        subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=environment, timeout=20, check=True
        )


def test_one_thread_means_one_request(colour_model: InstalledModel) -> None:
    with closing(OpenVinoDetector(colour_model, Reading(COLOURS), precision=Precision.F32, threads=1)) as made:
        assert made.requests == 1


def test_any_input_size_from_one_export(colour_model: InstalledModel) -> None:
    for size in ((32, 32), (512, 288), (640, 384)):
        with closing(OpenVinoDetector(colour_model, Reading(COLOURS), input_size=size)) as made:
            assert len(detect(made, colour(255, 0, 0, size))[0]) == 1


def test_an_input_size_that_does_not_fit_is_refused(colour_model: InstalledModel) -> None:
    with pytest.raises(ModelError, match="640x360: expected both sides to be multiples of 32"):
        OpenVinoDetector(colour_model, Reading(COLOURS), input_size=(640, 360))


def test_a_damaged_graph_is_a_model_error(colour_model: InstalledModel, tmp_path: Path) -> None:
    graph = tmp_path / "model.xml"
    graph.write_text("<net")
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"model\.xml cannot be loaded: .+"):
        OpenVinoDetector(replace(colour_model, openvino_f32=graph), Reading(COLOURS), precision=Precision.F32)


# Precisions


def test_auto_takes_the_fastest_there_is(colour_model: InstalledModel) -> None:
    quantised = replace(colour_model, openvino_int8=colour_model.openvino_f32)
    assert chosen_precision(colour_model, Precision.AUTO, Bf16.NOT) is Precision.F32
    assert chosen_precision(colour_model, Precision.AUTO, Bf16.VECTORS) is Precision.BF16
    assert chosen_precision(quantised, Precision.AUTO, Bf16.VECTORS) is Precision.INT8
    assert chosen_precision(quantised, Precision.AUTO, Bf16.TILES) is Precision.BF16
    assert chosen_precision(quantised, Precision.F32, Bf16.VECTORS) is Precision.F32
    assert available_precisions(quantised, Bf16.NOT) == (Precision.F32, Precision.INT8)


@pytest.mark.parametrize(
    ("asked", "exported", "message"),
    [
        (Precision.INT8, True, "patrol model quantize colour --from"),
        (Precision.BF16, True, "does not compute in bf16; use precision auto or f32"),
        (Precision.AUTO, False, "not exported for CPUs; do it with: patrol model get colour"),
        (Precision.F32, False, "not exported for CPUs"),
    ],
)
def test_a_precision_that_cannot_be_had_says_what_to_do(
    colour_model: InstalledModel, asked: Precision, exported: bool, message: str
) -> None:
    model = colour_model if exported else replace(colour_model, openvino_f32=None)
    with pytest.raises(ModelError, match=message):
        chosen_precision(model, asked, Bf16.NOT)


def test_auto_runs_in_what_this_cpu_has(colour_model: InstalledModel) -> None:
    with closing(OpenVinoDetector(colour_model, Reading(COLOURS))) as made:
        assert made.precision is (Precision.BF16 if cpu_bf16() is not Bf16.NOT else Precision.F32)


# Findings


@pytest.fixture(scope="module")
def street() -> Iterator[OpenVinoDetector]:
    """The real model in full precision, at the size at which Ultralytics publishes its results for this picture."""
    model = real_model()
    reading = Reading(model.manifest.classes)
    with closing(OpenVinoDetector(model, reading, input_size=(480, 640), precision=Precision.F32)) as made:
        yield made


@pytest.mark.weights
def test_finds_what_ultralytics_publishes_for_its_own_picture(street: OpenVinoDetector) -> None:
    [found] = detect(street, frame_of(bus_pixels()))
    assert Counter(label for _, label, _ in found) == {"person": 4, "bus": 1, "stop sign": 1}
    # One of the persons, as in the listing of results.save_txt in ultralytics pull request 8967.
    published = (221.5220184326172, 405.79974365234375, 344.97943115234375, 857.54052734375)
    nearest = min((box for box, label, _ in found if label == "person"), key=lambda box: abs(box[0] - published[0]))
    assert nearest == pytest.approx(published, abs=0.25)


@pytest.fixture(scope="module")
def alone(street: OpenVinoDetector) -> list[tuple[Frame, Detections]]:
    """Eight different frames, of four shapes, each with what is found in it alone."""
    bus = bus_pixels()
    pictures = [bus, np.ascontiguousarray(bus[:, ::-1]), cv2.resize(bus, (640, 360)), np.zeros((90, 160, 3), np.uint8)]
    pictures += [np.ascontiguousarray(picture[picture.shape[0] // 4 :]) for picture in pictures]
    frames = [frame_of(np.asarray(picture, np.uint8)) for picture in pictures]
    return [(frame, detect(street, frame)[0]) for frame in frames]


def assert_same(one: Detections, other: Detections) -> None:
    """To the last bit."""
    assert (one.width, one.height) == (other.width, other.height)
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(one.class_id, other.class_id)


@pytest.mark.weights
@pytest.mark.parametrize("size", range(1, 9))
def test_a_real_batch_is_its_frames_one_by_one(
    street: OpenVinoDetector, alone: list[tuple[Frame, Detections]], size: int
) -> None:
    order = [(3 * place + size) % 8 for place in range(size)]  # not always the same neighbours
    batch = detect(street, *(alone[index][0] for index in order))
    assert len(batch) == size
    for together, index in zip(batch, order, strict=True):
        assert_same(together, alone[index][1])
    assert [len(found) > 0 for _, found in alone] == [True, True, True, False] * 2


@pytest.mark.weights
@pytest.mark.parametrize("precision", [Precision.BF16, Precision.INT8])
def test_so_it_is_in_reduced_precision(alone: list[tuple[Frame, Detections]], precision: Precision) -> None:
    model = real_model()
    if precision not in available_precisions(model, cpu_bf16()):
        pytest.skip(f"{precision.value} cannot be had: this CPU lacks it, or the model is not quantised here")
    frames = [frame for frame, _ in alone]
    with closing(OpenVinoDetector(model, Reading(model.manifest.classes), precision=precision)) as fast:
        for together, frame in zip(detect(fast, *frames), frames, strict=True):
            assert_same(together, detect(fast, frame)[0])


@pytest.mark.weights
def test_two_batches_at_once_are_each_their_own(
    street: OpenVinoDetector, alone: list[tuple[Frame, Detections]]
) -> None:
    async def both() -> list[Detections]:
        halves = [[frame for frame, _ in half] for half in (alone[:4], alone[4:])]
        return [found for batch in await asyncio.gather(*map(street.detect, halves)) for found in batch]

    for together, (_, expected) in zip(asyncio.run(both()), alone, strict=True):
        assert_same(together, expected)


@pytest.mark.weights
def test_only_people_are_the_people_among_all(street: OpenVinoDetector) -> None:
    model = real_model()
    reading = Reading(model.manifest.classes, wanted=(0,))
    with closing(OpenVinoDetector(model, reading, input_size=(480, 640), precision=Precision.F32)) as people_only:
        [people] = detect(people_only, frame_of(bus_pixels()))
    [everything] = detect(street, frame_of(bus_pixels()))
    np.testing.assert_array_equal(people.xyxy, everything.of("person").xyxy)


@pytest.mark.weights
def test_the_fast_precision_finds_the_same_things(street: OpenVinoDetector) -> None:
    model = real_model()
    with closing(OpenVinoDetector(model, Reading(model.manifest.classes), input_size=(480, 640))) as fast:
        [quick] = detect(fast, frame_of(bus_pixels()))
    [exact] = detect(street, frame_of(bus_pixels()))
    sure = exact.where(exact.confidence > 0.5)
    assert len(sure) == 4
    for box, label, confidence in sure:
        candidates = [(abs(one[0] - box[0]), one, same) for one, name, same in quick if name == label]
        _, nearest, its_confidence = min(candidates)
        # bf16 keeps 8 bits: 2 pixels in 640 of the input, 4 after scaling, for the centre and for the size.
        assert nearest == pytest.approx(box, abs=12)
        assert its_confidence == pytest.approx(confidence, abs=0.1)


def test_a_signal_after_a_detector_is_closed_is_only_a_signal() -> None:
    """Compiling moved the thread's signal handlers to a stack that closing unmapped: Ctrl-C was a crash."""
    code = (
        "import asyncio, os, signal, numpy as np\n"
        "from tests.adapters.test_openvino_detector import *\n"
        "class Folders:\n"
        "    def mktemp(self, name): import pathlib, tempfile; return pathlib.Path(tempfile.mkdtemp())\n"
        "model = colour_model.__wrapped__(Folders())\n"
        "for size in ((32, 32), (512, 288), (640, 384)):\n"
        "    with closing(OpenVinoDetector(model, Reading(COLOURS), input_size=size)) as made:\n"
        "        detect(made, colour(255, 0, 0, size))\n"
        "signal.signal(signal.SIGINT, lambda *_: print('heard')); os.kill(os.getpid(), signal.SIGINT)\n"
    )
    heard = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (heard.returncode, heard.stdout) == (0, "heard\n"), heard.stderr
