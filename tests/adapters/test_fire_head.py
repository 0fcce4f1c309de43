"""The head that tells fire and smoke: what it computes on a small graph made here, and which networks it fits."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patrol.adapters.detectors import DetectorOptions, make_detector
from patrol.adapters.devices import Device
from patrol.adapters.fire_head import (
    OUTLYING,
    FireHead,
    Pool,
    Source,
    UnknownLayerError,
    Weighted,
    head_for,
    read_map,
    shipped_heads,
    with_head,
)
from patrol.adapters.model_manifests import known_models
from patrol.adapters.model_store import Precision
from patrol.adapters.openvino_detector import OpenVinoDetector
from patrol.adapters.openvino_runtime import import_openvino
from patrol.adapters.yolo import Placement, Reading
from tests.adapters.real_model import bus_pixels, frame_of, real_model

LAYER = "model.1.cv2"


@pytest.fixture(scope="module")
def openvino() -> Any:
    return import_openvino()


def network(openvino: Any, name: str = LAYER) -> Any:
    """Two channels, the picture's own and twice that, through an activation."""
    ops = openvino.opset13
    picture = ops.parameter([1, 1, 4, 8], np.float32)
    kernel = np.array([1.0, 2.0], np.float32).reshape(2, 1, 1, 1)
    convolved = ops.convolution(picture, kernel, [1, 1], [0, 0], [0, 0], [1, 1])
    convolved.set_friendly_name(f"__module.{name}.conv/aten::_convolution/Convolution")
    return openvino.Model([ops.swish(ops.add(convolved, np.zeros((1, 2, 1, 1), np.float32)))], [picture], "small")


def head(*sources: Source, layer_weights: tuple[tuple[float, float], ...] = ((1.0, 0.0), (0.0, -1.0))) -> FireHead:
    mean, spread = np.array([1.0, 0.0], np.float32), np.array([2.0, 4.0], np.float32)
    weighted = tuple(Weighted(source, mean, spread, np.array(layer_weights, np.float32)) for source in sources)
    return FireHead("0" * 64, weighted, np.array([0.5, -0.5], np.float32))


def said(openvino: Any, model: Any, picture: np.ndarray) -> np.ndarray:
    request = openvino.Core().compile_model(model, "CPU").create_infer_request()
    request.infer([picture.reshape(1, 1, 4, 8)])
    return np.array(request.get_output_tensor(1).data[0])


def swish(values: np.ndarray) -> np.ndarray:
    return values / (1 + np.exp(-values))


def test_it_says_log_odds_of_every_cell(openvino: Any) -> None:
    picture = np.random.default_rng(0).normal(0, 2, (4, 8)).astype(np.float32)
    fire, smoke = said(openvino, with_head(openvino, network(openvino), head(Source(LAYER))), picture)
    assert fire == pytest.approx((swish(picture) - 1) / 2 + 0.5, abs=0.02)
    assert smoke == pytest.approx(-swish(2 * picture) / 4 - 0.5, abs=0.02)


def test_finer_layers_are_pooled(openvino: Any) -> None:
    picture = np.random.default_rng(0).normal(0, 2, (4, 8)).astype(np.float32)
    model = with_head(openvino, network(openvino), head(Source(LAYER, 2, Pool.MEAN), Source(LAYER, 2, Pool.MOST)))
    fire, _ = said(openvino, model, picture)
    blocks = swish(picture).reshape(2, 2, 4, 2)
    expected = (blocks.mean(axis=(1, 3)) - 1) / 2 + (blocks.max(axis=(1, 3)) - 1) / 2 + 0.5
    assert fire == pytest.approx(expected, abs=0.03)


def test_what_lies_far_out_says_no_more(openvino: Any) -> None:
    model = with_head(openvino, network(openvino), head(Source(LAYER)))
    fire, _ = said(openvino, model, np.full((4, 8), 1000.0, np.float32))
    assert fire == pytest.approx(np.full((4, 8), OUTLYING + 0.5), abs=0.05)


def test_another_network_is_refused(openvino: Any) -> None:
    with pytest.raises(UnknownLayerError, match=r"model\.1\.cv2"):
        with_head(openvino, network(openvino, "model.7.cv2"), head(Source(LAYER)))


def test_the_grey_around_a_picture_is_cut_off() -> None:
    output = np.zeros((2, 12, 20), np.float32)
    output[:, :, :4] = output[:, :, 16:] = 9.0
    burning = read_map(output, Placement(0.5, 128, 0), (768, 768), (640, 384))
    assert burning.fire.shape == (12, 12)
    assert not burning.fire.any()
    assert not burning.smoke.any()
    assert read_map(output, Placement(0.01, 319, 191), (1, 1), (640, 384)).fire.shape == (1, 1)


def test_what_ships_was_fitted_on_a_known_models_weights() -> None:
    known = {manifest.sha256 for manifest in known_models().values()}
    assert shipped_heads()
    for one in shipped_heads():
        assert one.model_sha256 in known
        for each in one.sources:
            assert each.weights.shape == (2, len(each.mean)) == (2, len(each.spread))
            assert (each.spread > 0).all()
    assert head_for("f" * 64) is None


@pytest.mark.weights
def test_the_real_network_tells_them_and_finds_the_same_boxes() -> None:
    model = real_model()
    with closing(make_detector(model, DetectorOptions(device=Device.CPU, precision=Precision.F32))) as plain:
        (without,) = asyncio.run(plain.detect([frame_of(bus_pixels())]))
    options = DetectorOptions(device=Device.CPU, precision=Precision.F32, tells_fire=True)
    told: list[str] = []
    with closing(make_detector(model, options, told.append)) as made:
        (found,) = asyncio.run(made.detect([frame_of(bus_pixels())]))
    assert told == []
    assert without.burning is None
    assert found.burning is not None
    assert found.burning.fire.shape[0] > found.burning.fire.shape[1]
    assert np.abs(found.xyxy - without.xyxy).max() < 0.01
    assert found.of("person").burning is found.burning


@pytest.mark.weights
def test_other_weights_are_told_by_colour_and_that_is_said() -> None:
    model = real_model()
    other = replace(model, manifest=replace(model.manifest, sha256="f" * 64))
    told: list[str] = []
    with closing(make_detector(other, DetectorOptions(device=Device.CPU, tells_fire=True), told.append)) as made:
        (found,) = asyncio.run(made.detect([frame_of(bus_pixels())]))
    assert found.burning is None
    (line,) = told
    assert "by colour alone" in line


def test_an_export_without_the_layers_is_refused(openvino: Any, tmp_path: Path) -> None:
    ops = openvino.opset13
    picture = ops.parameter([-1, 3, -1, -1], np.float32)
    graph = tmp_path / "model.xml"
    openvino.save_model(openvino.Model([ops.relu(picture)], [picture]), graph)
    model = replace(real_model(), openvino_f32=graph, openvino_int8=None)
    with pytest.raises(UnknownLayerError):
        OpenVinoDetector(model, Reading(("a",)), precision=Precision.F32, head=head(Source(LAYER)))
