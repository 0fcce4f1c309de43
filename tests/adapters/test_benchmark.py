"""What the benchmark says is what was measured."""

from __future__ import annotations

import pytest

from patrol.adapters import benchmark
from patrol.adapters.benchmark import measure, measure_all
from patrol.adapters.model_store import Precision
from patrol.adapters.openvino_detector import available_precisions, cpu_bf16
from tests.adapters.real_model import real_model


@pytest.mark.weights
def test_a_line_says_how_many_frames_took_how_long() -> None:
    told: list[str] = []
    line = measure(real_model(), (128, 96), Precision.F32, 1, 0.2, told.append)
    assert (line.input_size, line.precision, line.threads) == ((128, 96), Precision.F32, 1)
    assert line.frames > 0
    assert line.frames / line.frames_per_s == pytest.approx(0.2, rel=0.9)
    # One thread cannot take more than its time; some goes by on the other side of it.
    assert 0 < line.processor_ms < 3 * 1000 / line.frames_per_s
    assert told == ["measuring 128x96 f32, 1 threads"]


@pytest.mark.weights
def test_every_size_precision_and_way_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = ((64, 32), (96, 64))
    monkeypatch.setattr(benchmark, "INPUT_SIZES", sizes)
    model = real_model()
    lines = [(line.input_size, line.precision, line.threads) for line in measure_all(model, 0.01)]
    precisions = available_precisions(model, cpu_bf16())
    expected = {(size, precision, threads) for size in sizes for precision in precisions for threads in (None, 1)}
    assert set(lines) == expected
    assert len(lines) == len(expected)
