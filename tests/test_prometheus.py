"""The sample configuration and the alarms for Prometheus, tried with the real programs (Debian's ``prometheus``)."""

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

CONFIGS = Path(__file__).parents[1] / "configs"
SAMPLE, RULES = CONFIGS / "prometheus.yml", CONFIGS / "prometheus.rules.yml"
OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"
ROLES = ("console", "tour", "relay", "dispatch")
WITHIN_S = 30.0
CORE, FAR = "CameraPastBound/critical", "CameraPastBound/warning"
STRETCHED_S = "patrol_tour_stretched_seconds_total"

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
    shutil.copy(RULES, tmp_path)
    promtool("check", "config", str(file))


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_sample_names_the_alarms_and_looks_more_often_than_the_shortest_of_them_waits() -> None:
    sample = yaml.safe_load(SAMPLE.read_text("utf-8"))
    assert sample["rule_files"] == [RULES.name]
    assert seconds(sample["global"]["evaluation_interval"]) * 3 <= min(seconds(rule["for"]) for rule in rules())


def test_every_alarm_says_in_both_languages_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        said = rule["annotations"]
        assert set(said) == {"summary", "summary_zh", "action", "action_zh"}, rule["alert"]
        for key, text in said.items():
            assert bool(re.search(r"[\u4e00-\u9fff]", text)) is key.endswith("_zh"), (rule["alert"], key)
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_alarms_are_made_of_metrics_that_patrol_exposes() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    exposed = {sample.name for family in registry.collect() for sample in family.samples}
    for rule in rules():
        assert (used := set(re.findall(r"patrol_\w+", rule["expr"]))), rule["alert"]
        assert used <= exposed, rule["alert"]


def test_every_alarm_is_in_the_handbook() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", OPERATIONS.read_text("utf-8"), flags=re.MULTILINE)
    assert {rule["alert"] for rule in rules()} <= set(listed)


# A tour at peace, in a role of its own beside a console, which exposes the same names at zero. 30 minutes by 10 s.
PEACE = {
    'patrol_tour_stretch_ratio{job="patrol",role="tour"}': "1x180",
    'patrol_tour_stretch_ratio{job="patrol",role="console"}': "1x180",
    'patrol_tour_stretched_seconds_total{job="patrol",role="tour"}': "0x180",
    'patrol_tour_stretched_seconds_total{job="patrol",role="console"}': "0x180",
    'patrol_visits_total{job="patrol",role="tour",ring="core"}': "0+130x180",
    'patrol_visits_total{job="patrol",role="console",ring="core"}': "0x180",
    'patrol_tour_capacity_visits_per_second{job="patrol",role="tour"}': "0x6 48x174",
    'patrol_tour_capacity_visits_per_second{job="patrol",role="console"}': "0x180",
    'patrol_tour_needed_visits_per_second{job="patrol",role="tour"}': "33x180",
    'patrol_tour_needed_visits_per_second{job="patrol",role="console"}': "0x180",
    'patrol_tour_admitted{job="patrol",role="tour"}': "1x180",
    'patrol_tour_admitted{job="patrol",role="console"}': "0x180",
    'patrol_cameras_past_bound{job="patrol",role="tour",ring="core"}': "0x180",
    'patrol_cameras_past_bound{job="patrol",role="tour",ring="far"}': "0x180",
    'patrol_frames_captured_total{job="patrol",role="tour"}': "0+130x180",
    'patrol_frames_dropped_total{job="patrol",role="tour",reason="overwritten"}': "0+1x180",
    'patrol_frames_dropped_total{job="patrol",role="tour",reason="no_signal"}': "0+20x180",
    'patrol_sessions_unconfirmed_total{job="patrol",role="tour",ring="far"}': "0+0.5x180",
    'patrol_maintenance_incidents_open{job="patrol",role="tour",cause="segment"}': "0x180",
    'patrol_spool_waiting{job="patrol",role="tour"}': "0x180",
    'patrol_spool_alerts_total{job="patrol",role="tour",outcome="set_aside"}': "0x180",
    'patrol_alerts_refused_total{job="patrol",role="tour",reason="busy"}': "0x180",
    'patrol_evidence_stuck{job="patrol",role="relay"}': "0x180",
    # As much is free as is written and deleted again. The console looks at no disk.
    'patrol_disk_free_bytes{job="patrol",role="relay",place="var"}': "40e9-1e6x90 39.9e9+1e6x90",
    'patrol_disk_free_bytes{job="patrol",role="console",place="var"}': "0x180",
    'patrol_disk_size_bytes{job="patrol",role="relay",place="var"}': "100e9x180",
    'patrol_disk_size_bytes{job="patrol",role="console",place="var"}': "0x180",
    'patrol_disk_short{job="patrol",role="relay",place="var"}': "0x180",
    'patrol_disk_short{job="patrol",role="console",place="var"}': "0x180",
    'patrol_queue_memory_ratio{job="patrol",role="relay"}': "0.7x180",
    'patrol_messages_published_again_total{job="patrol",role="relay"}': "0x180",
    'patrol_heartbeat_age_seconds{job="patrol",role="relay"}': "0 1 2 3 4 3x175",
    'patrol_heartbeat_age_seconds{job="patrol",role="console"}': "0x180",
    'patrol_auditor_last_run_timestamp_seconds{job="patrol",role="relay"}': "0+10x180",
    'patrol_auditor_last_run_timestamp_seconds{job="patrol",role="console"}': "0x180",
    'patrol_audit_findings{job="patrol",role="relay",kind="unhandled"}': "0x180",
    'patrol_audit_findings{job="patrol",role="relay",kind="dead_letters"}': "0x180",
    'patrol_clock_offset_seconds{job="patrol",role="relay"}': "0.2x180",
    'patrol_clock_offset_seconds{job="patrol",role="console"}': "-0.2x180",
}
OFFSET = "patrol_clock_offset_seconds"
FINDINGS = 'patrol_audit_findings{job="patrol",role="relay",kind="'
AUDITED = "patrol_auditor_last_run_timestamp_seconds"

# What changes, how many seconds after the start it is looked at, and what rings by then.
SCRIPTS: dict[str, tuple[dict[str, str | None], int, list[str]]] = {
    "at peace": ({}, 1800, []),
    "stretched for a moment": (
        {"patrol_tour_stretch_ratio": "1x30 1.4x3 1x147", STRETCHED_S: "0x30 10+10x3 40x147"},
        360,
        [],
    ),
    "stretched": (
        {"patrol_tour_stretch_ratio": "1x30 1.2x150", STRETCHED_S: "0x30 10+10x150"},
        420,
        ["TourStretched"],
    ),
    # By a twentieth for two seconds in every ten, and never when it is looked at.
    "stretched again and again": ({STRETCHED_S: "0+2x180"}, 400, ["TourStretched"]),
    "stretched again and again, at first": ({STRETCHED_S: "0+2x180"}, 290, []),
    "stretched for half a minute, an hour ago": ({STRETCHED_S: "0x10 30x170"}, 1800, []),
    "close to what it can do": ({"patrol_tour_needed_visits_per_second": "40x180"}, 1800, []),
    "closer": ({"patrol_tour_needed_visits_per_second": "40.1x180"}, 420, ["TourNotAdmitted"]),
    "a recorder with too few sessions": ({"patrol_tour_admitted": "1x30 0x150"}, 920, ["TourSessionsShort"]),
    "a recorder with too few sessions, at first": ({"patrol_tour_admitted": "1x30 0x150"}, 880, []),
    "silent": ({"patrol_visits_total": "0+130x30 4030x150"}, 420, ["TourSilent"]),
    "gone": (
        {"patrol_visits_total": None, 'patrol_visits_total{job="patrol",role="console"': None},
        60,
        ["TourSilent"],
    ),
    "one core camera": ({'patrol_cameras_past_bound{job="patrol",role="tour",ring="core"}': "1x180"}, 40, [CORE]),
    "one far camera, at first": ({'patrol_cameras_past_bound{job="patrol",role="tour",ring="far"}': "1x180"}, 100, []),
    "one far camera": ({'patrol_cameras_past_bound{job="patrol",role="tour",ring="far"}': "1x180"}, 130, [FAR]),
    "2 in 100 frames lost": (
        {'patrol_frames_dropped_total{job="patrol",role="tour",reason="overwritten"}': "0+2.6x180"},
        700,
        ["FramesDropping"],
    ),
    "sessions left open": ({"patrol_sessions_unconfirmed_total": "0+2x180"}, 1000, ["StreamsUnconfirmed"]),
    "nothing gets through": ({"patrol_heartbeat_age_seconds": "3x30 5+10x150"}, 360, ["NothingGetsThrough"]),
    "nothing gets through, at first": ({"patrol_heartbeat_age_seconds": "3x30 5+10x150"}, 340, []),
    "nothing got through for a while": ({"patrol_heartbeat_age_seconds": "3x30 5+10x10 3x140"}, 600, []),
    "an alert that stands still": ({FINDINGS + "unhandled": "0x30 1x150"}, 340, ["AlertsNotMoving"]),
    "an alert that stood still for a moment": ({FINDINGS + "unhandled": "0x30 1x2 0x148"}, 340, []),
    "dead letters": ({FINDINGS + "dead_letters": "0x30 2x150"}, 380, ["DeadLetters"]),
    "an auditor that hangs": ({AUDITED: "0+10x30 300x150"}, 380, ["AuditorSilent"]),
    "an auditor that hangs, at first": ({AUDITED: "0+10x30 300x150"}, 350, []),
    "a relay that is gone": ({AUDITED: "0+10x30"}, 380, ["AuditorSilent"]),
    "a clock set back": ({OFFSET: "0x30 -3600x150"}, 370, ["ClockJumped"]),
    "a clock set back for a moment": ({OFFSET: "0x30 -3600x3 0x147"}, 370, []),
    "a segment down": ({"patrol_maintenance_incidents_open": "1x180"}, 920, ["MaintenanceIncidentsOpen"]),
    "a queue nearly full": ({"patrol_queue_memory_ratio": "0.7x30 0.81x150"}, 380, ["QueueMemoryHigh"]),
    "a queue that was emptied": ({"patrol_messages_published_again_total": "0x30 400x150"}, 360, ["QueueLostMessages"]),
    "a queue that was emptied, an hour ago": ({"patrol_messages_published_again_total": "0x9 9x171"}, 1800, []),
    "a segment down, at first": ({"patrol_maintenance_incidents_open": "1x180"}, 800, []),
    "the store is away": ({"patrol_spool_waiting": "0x30 5x150"}, 340, ["AlertsRefused"]),
    "the store was away for a moment": ({"patrol_alerts_refused_total": "0x30 1x150"}, 400, ["AlertsRefused"]),
    "the store was away, ten minutes ago": ({"patrol_alerts_refused_total": "0x30 1x150"}, 900, []),
    "an alert that no store takes": ({"patrol_spool_alerts_total": "0x30 1x150"}, 360, ["AlertsSetAside"]),
    "a short disk": ({"patrol_disk_short": "0x30 1x150"}, 620, ["DiskShort/warning"]),
    "a short disk, at first": ({"patrol_disk_short": "0x30 1x150"}, 580, []),
    "a full disk": ({"patrol_disk_free_bytes": "1e9x180"}, 100, ["DiskShort/critical"]),
    "a disk that fills up": ({"patrol_disk_free_bytes": "40e9-10e6x180"}, 1500, ["DiskFillsUp"]),
    "a disk that fills up slowly": ({"patrol_disk_free_bytes": "40e9-4e6x180"}, 1500, []),
    "a disk that has room for days": ({"patrol_disk_free_bytes": "80e9-10e6x180"}, 1500, []),
    "evidence of open incidents only": ({"patrol_evidence_stuck": "1x180"}, 620, ["EvidenceStuck"]),
}


@needs_promtool
@pytest.mark.parametrize("script", SCRIPTS)
def test_an_alarm_rings_when_it_should_and_no_other_does(script: str, tmp_path: Path) -> None:
    changes, at_s, ringing = SCRIPTS[script]
    promtool_test(
        tmp_path,
        changes,
        promql_expr_test=[
            {
                "expr": 'count by (alertname, severity) (ALERTS{alertstate="firing"})',
                "eval_time": f"{at_s}s",
                "exp_samples": [{"labels": labels_of(name), "value": 1} for name in ringing],
            }
        ],
    )


@needs_promtool
def test_an_alarm_tells_its_figure_in_words(tmp_path: Path) -> None:
    (rule,) = [rule for rule in rules() if rule["alert"] == "TourStretched"]
    said = {key: re.sub(r"{{.*?}}", "300", text) for key, text in rule["annotations"].items()}
    assert said["summary"] == "All revisit bounds were stretched for 300 s of the last ten minutes"
    expected = {"exp_labels": {"severity": "warning", "job": "patrol"}, "exp_annotations": said}
    promtool_test(
        tmp_path,
        {STRETCHED_S: "0+5x180"},
        alert_rule_test=[{"eval_time": "15m", "alertname": "TourStretched", "exp_alerts": [expected]}],
    )


def labels_of(ringing: str) -> str:
    name, _, severity = ringing.partition("/")
    (found,) = {rule["labels"]["severity"] for rule in rules() if rule["alert"] == name} & (
        {severity} if severity else {"critical", "warning"}
    )
    return f'{{alertname="{name}", severity="{found}"}}'


def promtool_test(folder: Path, changes: dict[str, str | None], **checks: Any) -> None:
    """Play PEACE with some series changed (those of the tour whose names begin so; None: not there), then check."""
    series = dict(PEACE)
    for start, values in changes.items():
        changed = [name for name in series if name.startswith(start) and ("console" in start or "console" not in name)]
        assert changed, start
        for name in changed:
            if values is None:
                del series[name]
            else:
                series[name] = values
    played = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "10s", "input_series": played, **checks}
    file = folder / "test.yml"
    plan = {"rule_files": [str(RULES)], "evaluation_interval": "10s", "tests": [test]}
    file.write_text(yaml.safe_dump(plan, allow_unicode=True), "utf-8")
    promtool("test", "rules", str(file))


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


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
        # And it has taken the alarms.
        assert sorted(alarms(address)) == sorted(rule["alert"] for rule in rules())


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
    shutil.copy(RULES, folder)
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


def alarms(address: str) -> list[str]:
    """The names of the alarms that a running Prometheus knows."""
    with urllib.request.urlopen(f"{address}/api/v1/rules?type=alert", timeout=5) as response:
        groups = json.load(response)["data"]["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in found} <= {"ok", "unknown"}
    return [rule["name"] for rule in found]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
