"""What a visit costs: from a running Patrol's metrics, from a benchmark, as given, or assumed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from patrol.config import measuring
from patrol.config.measuring import Origin, Sample, VisitCost, cost_between, measured, sample_of
from patrol.domain.camera import RingName
from patrol.domain.errors import InputError
from patrol.metrics import Metrics

CPU = "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {}\n"


def exposed(cpu_s: float, visits: int, each_s: float = 0.5) -> str:
    """What a Patrol shows that made so many visits since it was started."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for number in range(visits):
        metrics.tour.visits.labels(list(RingName)[number % 3].value).inc()
        metrics.stages.took("visit", RingName.CORE, each_s)
        metrics.stages.took("detect", RingName.CORE, 7.0)
    return generate_latest(registry).decode() + CPU.format(cpu_s)


@contextmanager
def served(*answers: str, status: int = 200, token: str | None = None) -> Iterator[str]:
    """The address of a server that gives these answers to /metrics, one after the other; ``token``: to who has it."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if token is not None and self.headers["Authorization"] != f"Bearer {token}":
                self.send_error(401)
                return
            body = left.pop(0).encode() if self.path == "/metrics" else b""
            self.send_response(status if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


def no_sleep(_: float) -> None:
    pass


def test_a_running_patrol_is_looked_at_twice_and_the_difference_counts() -> None:
    slept: list[float] = []
    with served(exposed(100.0, 30), exposed(101.6, 80)) as address:
        cost = measured(f"{address}/metrics", sleep=slept.append)

    assert cost == VisitCost(pytest.approx(32.0), pytest.approx(0.5), Origin.MEASURED)
    assert slept == [measuring.MEASURE_S]


def test_where_there_are_accounts_it_takes_a_token_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(exposed(1.0, 0), exposed(2.0, 20), token="patrol_canary") as address:
        with pytest.raises(InputError, match="set PATROL_TOKEN"):
            measured(address, sleep=no_sleep)
        monkeypatch.setenv("PATROL_TOKEN", "patrol_wrong")
        with pytest.raises(InputError) as refused:
            measured(address, sleep=no_sleep)
        assert "patrol_wrong" not in str(refused.value)
        monkeypatch.setenv("PATROL_TOKEN", "patrol_canary")
        assert measured(address, sleep=no_sleep).cost_ms == pytest.approx(50.0)


def test_the_address_of_the_console_is_enough() -> None:
    with served(exposed(1.0, 0), exposed(2.0, 20)) as address:
        assert measured(address, sleep=no_sleep).cost_ms == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (exposed(12.0, 30), "made no visit in between"),
        (exposed(1.0, 2), "was started anew in between"),
        ("<html>", "is not in Prometheus's format"),
        (CPU.format(3), "has no patrol_visits_total"),
    ],
    ids=["idle", "restarted", "a page", "another program"],
)
def test_what_is_no_touring_patrol_is_told(after: str, expected: str) -> None:
    with served(exposed(10.0, 30), after) as address, pytest.raises(InputError, match=expected):
        measured(address, sleep=no_sleep)


def test_an_address_that_does_not_answer_is_told_without_its_password() -> None:
    with served() as address:
        pass
    with pytest.raises(InputError) as caught:
        measured(address.replace("//", "//user:canary-3f9a@"), sleep=no_sleep)

    assert "cannot be asked (ConnectError)" in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_refusal_is_told_with_its_number() -> None:
    with served("", status=503) as address, pytest.raises(InputError, match="answers 503"):
        measured(address, sleep=no_sleep)


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MOST_BYTES", 1000)
    with served("x" * 5000) as address, pytest.raises(InputError, match="answers without end"):
        measured(address, sleep=no_sleep)


def test_only_the_stage_of_visits_says_how_long_they_take() -> None:
    assert sample_of(exposed(1.0, 4, each_s=0.25)) == Sample(1.0, 4.0, pytest.approx(1.0))


def test_visits_whose_length_is_not_shown_are_assumed_to_take_as_long_as_usual() -> None:
    cost = cost_between(Sample(0.0, 0.0, 0.0), Sample(1.0, 10.0, 0.0))

    assert (cost.cost_ms, cost.visit_s) == (100.0, measuring.ASSUMED_VISIT_S)


def written(tmp_path: Path, content: object) -> str:
    path = tmp_path / "bench.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    "content", [{"visit_cost_ms": 21.5, "visit_s": 0.4}, {"figures": {"visit_cost_ms": 21.5, "visit_s": 0.4}}], ids=str
)
def test_a_benchmark_s_result_is_read(tmp_path: Path, content: object) -> None:
    assert measured(written(tmp_path, content)) == VisitCost(21.5, 0.4, Origin.MEASURED)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is no JSON"),
        ([], "has no number above zero under visit_cost_ms"),
        ({"figures": 7}, "under visit_cost_ms"),
        ({"visit_cost_ms": 0}, "under visit_cost_ms"),
        ({"visit_cost_ms": True}, "under visit_cost_ms"),
        ('{"visit_cost_ms": NaN}', "under visit_cost_ms"),
    ],
    ids=str,
)
def test_a_file_that_is_no_benchmark_s_result(tmp_path: Path, content: object, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        measured(written(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        measured(str(tmp_path / "none.json"))


@pytest.mark.parametrize(("make", "origin"), [(lambda: measuring.given(20.0), "given"), (measuring.assumed, "assumed")])
def test_every_cost_says_where_it_is_from(make: Callable[[], VisitCost], origin: str) -> None:
    assert make().origin == origin
