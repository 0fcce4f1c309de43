"""What is put on a detector's network so that it also says, cell by cell, where it looks like fire or smoke.

A detector has learned to see in much detail what things look like; what its layers say of a place is taken to a
logistic regression, fitted on other pictures (``make fit-fire``). The network computes these layers anyway: the head
adds too little to be measured to its cost, and a map of some hundred cells to what it says. It fits the weights it was
fitted with, and no others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from patrol.adapters.yolo import Placement
from patrol.domain.burning_map import BurningMap
from patrol.domain.errors import ModelError

Floats = npt.NDArray[np.float32]

OUTPUT = "fire_and_smoke"
# What lies farther from the mean than so many standard deviations says no more than what lies there.
OUTLYING = 4.0
PARTS = 2  # fire, smoke


class UnknownLayerError(ModelError):
    """The network has no layer that a head was fitted on: it is another one, or was exported otherwise."""


class Pool(StrEnum):
    """How the values of a finer layer become those of a cell."""

    MEAN = "mean"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class Source:
    """Values that the network has of every cell. ``layer``: a convolution's name in the network as it was trained; what
    it says after its activation counts. ``by``: so many of the layer's own cells each way make one of the map's, pooled
    as ``pool`` says; 1 for as they are."""

    layer: str
    by: int = 1
    pool: Pool = Pool.MEAN


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """One source's share. ``mean``, ``spread``: (c,) float32, of each value where it was fitted. ``weights``: (2, c)
    float32, for fire and for smoke, of the values made comparable by them."""

    source: Source
    mean: Floats
    spread: Floats
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FireHead:
    """``model_sha256``: of the weights whose layers it was fitted on. ``bias``: (2,) float32, such that log odds of 0
    are the operating point."""

    model_sha256: str
    sources: tuple[Weighted, ...]
    bias: Floats


@cache
def shipped_heads() -> tuple[FireHead, ...]:
    """The heads that come with Patrol."""
    folder = resources.files("patrol.adapters") / "heads"
    return tuple(read_head(entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".json"))


def head_for(model_sha256: str) -> FireHead | None:
    """The head that was fitted with these weights, if one was."""
    return next((head for head in shipped_heads() if head.model_sha256 == model_sha256), None)


def read_head(text: str) -> FireHead:
    """A head from its JSON; KeyError or ValueError if it is none (they come with Patrol: a bug, not input)."""
    raw = json.loads(text)
    return FireHead(
        model_sha256=raw["model_sha256"],
        sources=tuple(_read_source(each) for each in raw["sources"]),
        bias=_floats(raw["bias"]),
    )


def _read_source(raw: dict[str, Any]) -> Weighted:
    source = Source(raw["layer"], raw["by"], Pool(raw["pool"]))
    return Weighted(source, _floats(raw["mean"]), _floats(raw["spread"]), _floats(raw["weights"]))


def _floats(raw: list[Any]) -> Floats:
    return np.array(raw, np.float32)


def with_head(openvino: Any, model: Any, head: FireHead) -> Any:
    """The network with one more output, OUTPUT: (1, 2, rows, columns) float32, log odds of fire and of smoke.

    Raises UnknownLayerError where the network lacks one that the head reads.
    """
    ops = openvino.opset13
    shares = [_share(ops, pooled(ops, model, each.source), each) for each in head.sources]
    total = ops.constant(head.bias.reshape(1, PARTS, 1, 1))
    for share in shares:
        total = ops.add(total, share)
    total.output(0).get_tensor().set_names({OUTPUT})
    results = [result.input_value(0) for result in model.get_results()]
    return openvino.Model([*results, total.output(0)], model.get_parameters(), model.get_friendly_name())


def pooled(ops: Any, model: Any, source: Source) -> Any:
    """The output that has a source's values, (1, c, rows, columns). Raises UnknownLayerError."""
    layer = _activation(model, source.layer)
    if source.by == 1:
        return layer.output(0)
    window: dict[str, Any] = {
        "strides": [source.by, source.by],
        "pads_begin": [0, 0],
        "pads_end": [0, 0],
        "kernel_shape": [source.by, source.by],
    }
    if source.pool is Pool.MEAN:
        return ops.avg_pool(layer, exclude_pad=True, **window).output(0)
    return ops.max_pool(layer, dilations=[1, 1], **window).output(0)


def _activation(model: Any, layer: str) -> Any:
    """What a convolution says after its activation. Exporting and quantising leave the convolutions their names."""
    start = f"__module.{layer}.conv/"
    node = next(
        (
            node
            for node in model.get_ops()
            if node.get_type_name() == "Convolution" and node.get_friendly_name().startswith(start)
        ),
        None,
    )
    while node is not None and node.get_type_name() != "Swish":
        after = [each.get_node() for each in node.output(0).get_target_inputs()]
        node = after[0] if len(after) == 1 else None
    if node is None:
        raise UnknownLayerError(f"the network has no layer {layer}")
    return node


def _share(ops: Any, values: Any, weighted: Weighted) -> Any:
    shape = (1, -1, 1, 1)
    comparable = ops.divide(ops.subtract(values, weighted.mean.reshape(shape)), weighted.spread.reshape(shape))
    kernel = ops.constant(weighted.weights[..., np.newaxis, np.newaxis])
    clipped = ops.clamp(comparable, -OUTLYING, OUTLYING)
    return ops.convolution(clipped, kernel, strides=[1, 1], pads_begin=[0, 0], pads_end=[0, 0], dilations=[1, 1])


def read_map(
    output: Floats, placement: Placement, frame_size: tuple[int, int], input_size: tuple[int, int]
) -> BurningMap:
    """The map of one picture, without the grey around it.

    ``output``: (2, rows, columns) float32 of the whole input; ``frame_size``, ``input_size``: (width, height) pixels.
    """
    fire, smoke = cropped(output, placement, frame_size, input_size).copy()
    return BurningMap(fire, smoke)


def cropped(values: Floats, placement: Placement, frame_size: tuple[int, int], input_size: tuple[int, int]) -> Floats:
    """Those of the cells, (n, rows, columns), that belong to the picture: whose middle does."""
    rows = _within(values.shape[1], input_size[1], placement.top_px, frame_size[1] * placement.scale)
    columns = _within(values.shape[2], input_size[0], placement.left_px, frame_size[0] * placement.scale)
    return values[:, rows, columns]


def _within(cells: int, input_px: int, from_px: float, length_px: float) -> slice:
    """The cells of a row of ``cells`` that lie in the picture, one at least."""
    px = input_px / cells
    first = min(cells - 1, max(0, round(from_px / px)))
    return slice(first, max(first + 1, min(cells, round((from_px + length_px) / px))))
