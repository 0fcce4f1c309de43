"""The density estimator: its mechanics on a small graph made here, its counts on the real weights."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from patrol.adapters.benchmark import measure_density
from patrol.adapters.model_manifests import ModelManifest
from patrol.adapters.model_store import InstalledModel, installed_model
from patrol.adapters.openvino_density import SHAPES_AT_ONCE, OpenVinoDensity, as_network_input
from patrol.adapters.openvino_runtime import import_openvino
from patrol.domain.errors import ModelError
from tests.adapters.real_model import frame_of, real_models_directory

Pixels = npt.NDArray[np.uint8]


def manifest(file: str, task: str = "density") -> ModelManifest:
    return ModelManifest("brightness", task, file, 1, "0" * 64, None, None, (64, 48), "MIT", ())


@pytest.fixture(scope="module")
def brightness(tmp_path_factory: pytest.TempPathFactory) -> InstalledModel:
    """A model in whose map every cell has as many people as its 4x4 pixels are bright on average, less 10."""
    folder = tmp_path_factory.mktemp("brightness")
    openvino = import_openvino()
    ops = openvino.opset13
    picture = ops.parameter([1, 1, -1, -1], np.float32)
    mean = ops.avg_pool(picture, [4, 4], [0, 0], [0, 0], [4, 4], exclude_pad=True)
    less = ops.subtract(mean, ops.constant(np.float32(10)))
    openvino.save_model(openvino.Model([less], [picture]), folder / "model.xml", compress_to_fp16=False)
    return InstalledModel(manifest("model.xml"), folder, folder / "model.xml", None, None)


@pytest.fixture
def estimator(brightness: InstalledModel) -> Iterator[OpenVinoDensity]:
    with closing(OpenVinoDensity(brightness)) as made:
        yield made


def grey(width: int, height: int, value: int) -> Pixels:
    return np.full((height, width, 3), value, np.uint8)


def test_the_map_is_of_the_picture_as_it_lies(estimator: OpenVinoDensity) -> None:
    pixels = grey(64, 48, 10)
    pixels[8:12, 40:44] = 110
    (found,) = asyncio.run(estimator.estimate([frame_of(pixels)]))
    assert found.people.shape == (12, 16)
    assert found.people[2, 10] == pytest.approx(100, abs=1)
    assert found.total == pytest.approx(100, abs=1)


def test_less_than_nobody_is_nobody(estimator: OpenVinoDensity) -> None:
    (found,) = asyncio.run(estimator.estimate([frame_of(grey(64, 48, 0))]))
    assert found.total == 0


@pytest.mark.parametrize(
    ("size", "seen"),
    [((64, 48), (64, 48)), ((1280, 960), (64, 48)), ((40, 30), (40, 32)), ((640, 360), (64, 36)), ((3, 2), (4, 4))],
)
def test_pictures_are_scaled_down_and_never_up_by_more_than_a_cell(
    size: tuple[int, int], seen: tuple[int, int]
) -> None:
    made = as_network_input(grey(*size, 77), (64, 48))
    assert made.shape == (seen[1], seen[0])
    assert made.dtype == np.float32
    assert made == pytest.approx(77, abs=0.5)


def test_pictures_of_many_shapes_each_get_their_map(estimator: OpenVinoDensity) -> None:
    sizes = [(8 + 4 * n, 48 - 4 * n) for n in range(SHAPES_AT_ONCE + 2)] * 2
    found = asyncio.run(estimator.estimate([frame_of(grey(*size, 30)) for size in sizes]))
    assert [each.people.shape for each in found] == [(height // 4, width // 4) for width, height in sizes]
    assert all(each.people == pytest.approx(20, abs=0.2) for each in found)


def test_a_map_is_its_own_and_not_the_next_one_s(estimator: OpenVinoDensity) -> None:
    dark, bright = asyncio.run(estimator.estimate([frame_of(grey(64, 48, 10)), frame_of(grey(64, 48, 210))]))
    assert (dark.total, bright.total) == (pytest.approx(0, abs=50), pytest.approx(200 * 12 * 16, rel=0.01))


def test_a_model_for_another_task_is_refused(brightness: InstalledModel) -> None:
    with pytest.raises(ModelError, match="estimates no density; it is for: detect"):
        OpenVinoDensity(InstalledModel(manifest("model.xml", "detect"), *_paths(brightness), None, None))


def test_a_file_that_is_no_graph_is_told(brightness: InstalledModel, tmp_path: Path) -> None:
    file = tmp_path / "broken.onnx"
    file.write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"broken\.onnx cannot be loaded"):
        OpenVinoDensity(InstalledModel(manifest("broken.onnx"), tmp_path, file, None, None))


def test_how_fast_it_is_can_be_measured(brightness: InstalledModel) -> None:
    lines = measure_density(brightness, 0.02)
    assert all(line.frames > 0 and line.frames_per_s > 0 and line.threads == 1 for line in lines)


def _paths(model: InstalledModel) -> tuple[Path, Path]:
    return model.folder, model.weights


@pytest.mark.weights
def test_the_real_weights_count_heads_that_are_drawn() -> None:
    """A made-up crowd: hundreds of dark blots of a head's size on a light ground. The order of magnitude is told."""
    try:
        model = installed_model("mcnn-a", real_models_directory())
    except ModelError as error:
        pytest.skip(f"real weights are needed: {error}")
    random = np.random.default_rng(3)
    pixels = grey(640, 384, 150)
    for y in range(8, 384, 10):
        for x in range(8, 640, 10):
            dx, dy = random.integers(-2, 3, 2)
            cv2.circle(pixels, (int(x + dx), int(y + dy)), 4, (int(random.integers(10, 80)),) * 3, cv2.FILLED)
    with closing(OpenVinoDensity(model)) as made:
        crowd, nobody = asyncio.run(made.estimate([frame_of(pixels), frame_of(grey(640, 384, 150))]))
    assert crowd.total > 20 * max(1.0, nobody.total)
