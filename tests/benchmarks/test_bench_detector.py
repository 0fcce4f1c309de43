"""The detector's benchmarks: what they count, what they hold it against, and that they say when they cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import bench_detector, bench_detector_gpu
from benchmarks.bench_detector import Cost, Floor, Line, Whole, compared, cost_of, report_of, street_frame
from patrol.adapters.model_store import Precision
from patrol.domain.frame import Frame
from tests.adapters.real_model import real_model


class Counting:
    """A detector that counts, and how many batches it had at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.at_once = self.most_at_once = 0

    async def detect(self, frames: Sequence[Frame]) -> Sequence[object]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.batches.append(len(frames))
        self.at_once -= 1
        return frames


def test_every_frame_is_counted_once_in_two_lanes_of_batches() -> None:
    detector = Counting()
    count = Whole(detector, street_frame((64, 36)), 8).run(50)
    assert count == sum(detector.batches) == 64  # whole batches, as many in each lane
    assert set(detector.batches) == {8}
    assert detector.most_at_once == 2


@pytest.mark.weights
def test_the_floor_infers_as_often_as_it_says() -> None:
    floor = Floor(real_model(), (64, 32), Precision.F32)
    assert floor.run(20) == 20 + len(floor._requests)


def test_a_cost_is_per_frame() -> None:
    def busy(frames: int) -> int:
        return sum(1 for _ in range(frames) if sum(range(2000)))

    cost = cost_of(busy, 500)
    assert 0 < cost.processor_ms < 5
    assert cost.frames_per_s > 200


def test_the_ratio_is_the_median_over_the_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = iter([10.0, 11.0, 20.0, 40.0, 10.0, 10.5])
    monkeypatch.setattr(bench_detector, "cost_of", lambda run, frames: Cost(1.0, next(turns)))
    nobody = Whole(Counting(), street_frame((64, 36)), 1)
    floor, detector, ratio = compared(nobody, nobody, 3, 1)  # type: ignore[arg-type]
    assert ratio == pytest.approx(1.1)
    assert (floor.processor_ms, detector.processor_ms) == (10.0, 11.0)


@pytest.mark.parametrize(("ratio", "code"), [(1.05, 0), (1.06, 1)])
def test_too_far_from_the_floor_is_a_failure(ratio: float, code: int, tmp_path: Path) -> None:
    lines = [
        Line((640, 384), Precision.BF16, "nobody", Cost(60, 30), Cost(59, 31), each) for each in (1.01, ratio, 1.02)
    ]
    assert report_of(lines).tell(tmp_path) == code


def test_without_a_gpu_nothing_is_measured_and_the_last_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_detector_gpu, "has_cuda", lambda: False)
    monkeypatch.setattr("sys.argv", ["bench_detector_gpu"])
    assert bench_detector_gpu.main() == 2
    assert capsys.readouterr().out.splitlines()[-1] == "bench-detector-gpu: not measured: no GPU"


def test_with_a_gpu_every_way_and_batch_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(runs_in: str) -> list[bench_detector_gpu.Line]:
        detector = Counting()
        found = list(bench_detector_gpu.lines_of(detector, runs_in, 64))  # type: ignore[arg-type]
        assert set(detector.batches) == {1, 8, 16, 32}
        return found

    both = [*lines("GPU, torch"), *lines("CPU")]
    report = bench_detector_gpu.report_of(both)
    assert [row[:2] for row in report.tables[0].rows] == [
        (way, batch) for way in ("GPU, torch", "CPU") for batch in (1, 8, 16, 32)
    ]
