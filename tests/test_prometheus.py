"""The sample configuration for Prometheus, tried with the real programs (Debian's package ``prometheus``)."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, start_http_server

from patrol.config import WebSettings
from patrol.domain.camera import RingName
from patrol.metrics import Metrics

SAMPLE = Path(__file__).parents[1] / "configs" / "prometheus.yml"
ROLES = ("console", "tour", "relay", "dispatch")
WITHIN_S = 30.0

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")


def for_separate_roles(sample: str) -> str:
    """The sample as its own comment says it is to be changed for roles in processes of their own."""
    without_all = re.sub(r"^      - targets: .*\n        labels: \{role: all\}\n", "", sample, flags=re.MULTILINE)
    return re.sub(r"^      # (- targets|  labels)", r"      \1", without_all, flags=re.MULTILINE)


def targets(text: str) -> dict[str, str]:
    """Address by role."""
    (job,) = yaml.safe_load(text)["scrape_configs"]
    return {group["labels"]["role"]: group["targets"][0] for group in job["static_configs"]}


def test_one_process_is_scraped_where_patrol_listens_by_default() -> None:
    web = WebSettings()
    assert targets(SAMPLE.read_text("utf-8")) == {"all": f"{web.host}:{web.port}"}


def test_the_commented_lines_name_every_role_once_on_ports_of_their_own() -> None:
    found = targets(for_separate_roles(SAMPLE.read_text("utf-8")))
    assert sorted(found) == sorted(ROLES)
    assert len(set(found.values())) == len(ROLES)


@needs_promtool
@pytest.mark.parametrize("change", [str, for_separate_roles], ids=["one process", "separate roles"])
def test_promtool_accepts_the_sample(change: Any, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(change(SAMPLE.read_text("utf-8")), "utf-8")
    done = subprocess.run(
        ["promtool", "check", "config", str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_a_real_prometheus_scrapes_patrols_metrics(tmp_path: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.tour.visits.labels(RingName.CORE.value).inc(7)
    metrics.tour.gap.labels(RingName.CORE.value).observe(4.2)
    with exposed(metrics) as patrol_port, running_prometheus(tmp_path, patrol_port) as address:
        assert asked(address, 'up{job="patrol",role="all"} == 1') == 1
        assert asked(address, 'patrol_visits_total{ring="core",role="all"}') == 7
        assert asked(address, 'patrol_gap_seconds_bucket{ring="core",le="5.0"}') == 1
        assert asked(address, 'patrol_gap_seconds_bucket{ring="core",le="4.0"}') == 0
        # What never happened is there as zero: an alert on its rate works from the first minute.
        assert asked(address, 'patrol_messages_dead_total{group="dispatch"}') == 0


@contextmanager
def exposed(metrics: Metrics) -> Iterator[int]:
    """The registry over HTTP, on a free port."""
    server, thread = start_http_server(0, "127.0.0.1", metrics.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def running_prometheus(folder: Path, patrol_port: int) -> Iterator[str]:
    """The sample's Prometheus on loopback, looking at ``patrol_port`` once a second; yields its address."""
    port = free_port()
    text = SAMPLE.read_text("utf-8").replace("127.0.0.1:8476", f"127.0.0.1:{patrol_port}", 1)
    text = text.replace("scrape_interval: 5s", "scrape_interval: 1s").replace(
        "scrape_timeout: 4s", "scrape_timeout: 1s"
    )
    (folder / "prometheus.yml").write_text(text, "utf-8")
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def asked(address: str, query: str) -> float:
    """The one value of a query, waited for until the first scrape has been stored."""
    give_up_at = time.monotonic() + WITHIN_S
    answer: Any = None
    while time.monotonic() < give_up_at:
        try:
            url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
            with urllib.request.urlopen(url, timeout=2) as response:
                answer = json.load(response)["data"]["result"]
        except OSError:
            answer = "no answer yet"
        else:
            if len(answer) == 1:
                return float(answer[0]["value"][1])
        time.sleep(0.2)
    raise AssertionError(f"{query}: no single value within {WITHIN_S:g} s, but {answer}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
