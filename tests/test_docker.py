"""The container files, kept in step with the code. No image is built here: that needs a Docker engine.

What can be tried without one is tried: the part of the lock that goes into the image, the service without the
packages that stay out of it, and the entry point.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from patrol.app import Role
from patrol.cli import make_cli
from patrol.config import WebSettings
from tests.adapters.real_model import real_model

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
QUEUE = "valkey"
READY_WITHIN_S = 60.0


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
    return loaded


def roles() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose()["services"].items() if name != QUEUE}


@cache
def lock_script() -> dict[str, Any]:
    return runpy.run_path(str(DOCKER / "service_lock.py"))


@cache
def packages(*, in_the_image: bool) -> frozenset[str]:
    """Names in the run lock that go, or do not go, into the image."""
    lock = (ROOT / "requirements" / "run.lock").read_text("utf-8")
    every = frozenset(name for name, _ in lock_script()["blocks"](lock))
    kept = frozenset(name for name, _ in lock_script()["blocks"](lock_script()["service_lock"](lock)))
    return kept if in_the_image else every - kept | {"torch"}


def stages() -> dict[str, str]:
    """The Dockerfile's stages by name; the last one is ``""``."""
    parts = re.split(r"^FROM \S+(?: AS (\w+))?\n", DOCKERFILE, flags=re.MULTILINE)
    return {name or "": text for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def copied() -> list[str]:
    """What the Dockerfile copies from the repository."""
    lines = re.findall(r"^COPY ((?!--from).+)$", DOCKERFILE, flags=re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def option(command: list[str], name: str) -> str:
    return str(command[command.index(name) + 1])


class TestCompose:
    def test_runs_each_role_once(self) -> None:
        assert sorted(roles()) == sorted(role.value for role in Role)
        assert {name: option(service["command"], "--role") for name, service in roles().items()} == {
            name: name for name in roles()
        }

    def test_passes_only_options_that_patrol_run_has(self) -> None:
        run = typer.main.get_command(make_cli()).commands["run"]  # type: ignore[attr-defined]
        known = {name for parameter in run.params for name in parameter.opts}
        image_command = json.loads(re.findall(r"^CMD (\[.*\])$", stages()[""], flags=re.MULTILINE)[0])
        for command in (*(service["command"] for service in roles().values()), image_command):
            assert command[0] == "run"
            assert {str(word) for word in command if str(word).startswith("-")} <= known

    def test_sets_only_variables_that_the_code_reads(self) -> None:
        source = "\n".join(file.read_text("utf-8") for file in (ROOT / "patrol").rglob("*.py"))
        for service in roles().values():
            for name in service["environment"]:
                assert f'"{name}"' in source, f"nothing reads {name}"

    def test_gives_the_tour_alone_the_credentials_that_the_sample_configuration_asks_for(self) -> None:
        sample = (ROOT / "configs" / "cameras.yaml").read_text("utf-8")
        asked_for = set(re.findall(r"\$\{(\w+)\}", sample))
        assert set(compose()["secrets"]) == asked_for
        assert {name: set(service.get("secrets", ())) for name, service in roles().items()} == {
            name: asked_for if name == "tour" else set() for name in roles()
        }

    def test_holds_no_secret_itself(self) -> None:
        assert all(set(secret) == {"environment"} for secret in compose()["secrets"].values())

    def test_publishes_the_console_alone_and_on_loopback_alone(self) -> None:
        port = WebSettings().port
        published = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
        assert published == {"console": [f"127.0.0.1:{port}:{port}"]}

    def test_lets_nobody_but_the_roles_reach_the_queue(self) -> None:
        assert compose()["services"][QUEUE]["networks"] == ["queue"]
        assert compose()["networks"]["queue"] == {"internal": True}
        assert all("queue" in service["networks"] for service in roles().values())
        assert f"redis://{QUEUE}:6379/0" == roles()["relay"]["environment"]["REDIS_URL"]

    def test_lets_a_prometheus_ask_every_role_and_reach_nothing_else(self) -> None:
        assert compose()["networks"]["metrics"] == {"internal": True}
        assert "metrics" not in compose()["services"][QUEUE]["networks"]
        for service in roles().values():
            assert "metrics" in service["networks"]
            assert option(service["command"], "--host") == "0.0.0.0"
            assert "--plain-http" in service["command"]  # its token counts there

    def test_has_the_queue_fsync_every_write_and_evict_nothing(self) -> None:
        command = compose()["services"][QUEUE]["command"]
        assert option(command, "--appendonly") == "yes"
        assert option(command, "--appendfsync") == "always"
        assert option(command, "--maxmemory-policy") == "noeviction"

    def test_keeps_database_and_evidence_on_the_one_shared_volume(self) -> None:
        for service in roles().values():
            folder = option(service["command"], "--var")
            assert f"store:{folder}" in service["volumes"]
            assert service["environment"]["DATABASE_URL"] == f"sqlite:///{folder}/patrol.db"
        assert set(compose()["volumes"]) == {"store", "queue"}

    def test_gives_the_consumer_a_name_that_outlives_its_container(self) -> None:
        assert roles()["dispatch"]["hostname"] == "dispatch"

    def test_mounts_what_exists_and_lets_the_console_alone_write_the_configuration(self) -> None:
        for service in roles().values():
            for mount in service["volumes"]:
                source = mount.partition(":")[0]
                if source.startswith("."):
                    assert (DOCKER / source / "cameras.yaml").is_file(), source
                    assert mount.endswith(":ro") == (service["hostname"] != "console"), mount
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


class TestDockerfile:
    def test_copies_what_exists_and_what_the_ignore_file_lets_through(self) -> None:
        lines = (DOCKER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        admitted = [line[1:] for line in lines if line.startswith("!")]
        assert "*" in lines
        for source in copied():
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source.rstrip("/"), name) or source.startswith(f"{name}/") for name in admitted), source

    def test_installs_with_the_makefiles_uv(self) -> None:
        version = re.findall(r"UV_VERSION *:?= *(\S+)", (ROOT / "Makefile").read_text("utf-8"))
        assert re.findall(r"ARG UV_VERSION=(\S+)", DOCKERFILE) == version

    def test_takes_packages_only_by_hash_or_from_the_torch_file(self) -> None:
        for line in re.findall(r"uv pip install .*", DOCKERFILE):
            assert "--require-hashes" in line or "requirements/torch.txt" in line or "--no-deps ." in line, line

    def test_leaves_everything_that_exports_behind(self) -> None:
        last = stages()[""]
        assert re.findall(r"COPY --from=(\w+).* (\S+) \S+", last) == [
            ("service", "/opt/patrol"),
            ("export", "/opt/models"),
        ]
        assert "pip install" not in last
        assert "torch" not in stages()["service"]

    def test_runs_as_a_user_of_its_own(self) -> None:
        last = stages()[""]
        assert re.findall(r"^USER (\S+)$", last, flags=re.MULTILINE) == ["patrol"]
        assert last.index("useradd") < last.index("\nUSER") < last.index("\nENTRYPOINT")

    def test_listens_and_is_asked_for_its_health_on_the_default_port(self) -> None:
        port = str(WebSettings().port)
        assert re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, flags=re.MULTILINE) == [port]
        assert re.findall(r"http://127\.0\.0\.1:(\d+)/healthz", DOCKERFILE) == [port]

    def test_has_a_python_that_patrol_supports_and_the_locks_were_made_for(self) -> None:
        pythons = set(re.findall(r"FROM python:(\d+\.\d+)-", DOCKERFILE))
        assert pythons == set(re.findall(r"--python-version (\S+)", (ROOT / "scripts" / "lock.sh").read_text("utf-8")))

    def test_bakes_in_the_model_that_the_sample_configuration_names(self) -> None:
        sample = yaml.safe_load((ROOT / "configs" / "cameras.yaml").read_text("utf-8"))
        assert re.findall(r"patrol model get (\S+)", DOCKERFILE) == [sample["detector"]["model"]]


class TestServiceLock:
    def test_holds_what_the_project_depends_on_but_for_the_exporter(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        wanted = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
        assert wanted - packages(in_the_image=True) == {"ultralytics-opencv-headless"}

    @pytest.mark.parametrize("name", ["torchvision", "polars", "nvidia-ml-py", "sympy"])
    def test_leaves_out_what_only_the_export_needs(self, name: str) -> None:
        assert name in packages(in_the_image=False)

    def test_leaves_no_requirement_of_what_it_keeps_unmet(self) -> None:
        # The other build of cv2, which trackers and supervision ask for, is overridden: requirements/overrides.txt.
        allowed = packages(in_the_image=True) | lock_script()["EXPORT_ONLY"] | {"opencv-python"}
        for name in packages(in_the_image=True):
            for line in importlib.metadata.requires(name) or ():
                requirement = Requirement(line)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    assert canonicalize_name(requirement.name) in allowed, f"{name} needs {line}"

    def test_keeps_every_pin_with_its_hashes(self) -> None:
        lock = (ROOT / "requirements" / "run.lock").read_text("utf-8")
        for name, block in lock_script()["blocks"](lock_script()["service_lock"](lock)):
            assert block in lock
            assert "--hash=sha256:" in block, name

    def test_refuses_a_lock_that_does_not_say_who_needs_what(self) -> None:
        with pytest.raises(ValueError, match="via patrol"):
            lock_script()["service_lock"]("numpy==2.0 \\\n    --hash=sha256:00\n")

    def test_follows_needs_through_packages_and_not_through_the_exporter(self) -> None:
        lock = (
            "a==1 \\\n    --hash=sha256:00\n    # via patrol (pyproject.toml)\n"
            "b==1 \\\n    --hash=sha256:00\n    # via\n    #   a\n    #   x\n"
            "ultralytics-opencv-headless==1 \\\n    --hash=sha256:00\n    # via patrol (pyproject.toml)\n"
            "x==1 \\\n    --hash=sha256:00\n    # via\n    #   -r requirements/torch-needs.in\n"
            "    #   ultralytics-opencv-headless\n"
        )
        assert re.findall(r"^(\S+)==", lock_script()["service_lock"](lock), flags=re.MULTILINE) == ["a", "b"]


class TestEntryPoint:
    def run(self, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The entry point with a ``patrol`` that shows its environment and arguments, and exits with 3."""
        program = tmp_path / "bin" / "patrol"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\necho "$CAMERA_USER|$CAMERA_PASSWORD|$*"\nexit 3\n', "utf-8")
        program.chmod(0o755)
        environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "PATROL_SECRETS": str(tmp_path / "secrets")}
        return subprocess.run(
            ["/bin/sh", str(DOCKER / "entrypoint.sh"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )

    def test_hands_secrets_over_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "CAMERA_USER").write_text("viewer\n", "utf-8")
        (tmp_path / "secrets" / "CAMERA_PASSWORD").write_text("p@ss $HOME `id` \"x'/1", "utf-8")
        done = self.run(tmp_path, "run", "--role", "tour")
        assert done.stdout == "viewer|p@ss $HOME `id` \"x'/1|run --role tour\n"
        assert done.returncode == 3

    def test_gives_its_place_to_patrol_so_that_signals_reach_it(self, tmp_path: Path) -> None:
        program = tmp_path / "patrol"
        program.write_text("#!/bin/sh\necho $$\n", "utf-8")
        program.chmod(0o755)
        entry = subprocess.Popen(
            ["/bin/sh", str(DOCKER / "entrypoint.sh"), "run"],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PATROL_SECRETS": str(tmp_path / "none")},
            stdout=subprocess.PIPE,
            text=True,
        )
        shown, _ = entry.communicate(timeout=10)
        assert int(shown) == entry.pid

    def test_starts_without_any_secret(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "version")
        assert (done.stdout, done.stderr, done.returncode) == ("||version\n", "", 3)


WITHOUT = "import sys\nfor name in {names!r}:\n    sys.modules[name] = None\nfrom patrol.__main__ import main\nmain()\n"

CONFIGURATION = """
station: {name: 派出所, at: [35.4908, 112.8518]}
rings:
  core:      {revisit_bound_s: 1, response_target_s: 60,  accept_within_s: 10}
  periphery: {revisit_bound_s: 15, response_target_s: 180, accept_within_s: 20}
  far:       {revisit_bound_s: 30, response_target_s: 300, accept_within_s: 30}
rules: {crowd: {kind: crowd, name: 聚集, at_least: 5, for_s: 3, clear_after_s: 12, cool_down_s: 120}}
levels: {by_kind: {}, otherwise: green}
cameras: [{id: C-1, name: 门, ring: core, at: [35.4908, 112.8518], heading_deg: 0, stream: "synthetic:1"}]
units:
  - {id: U-1, name: 一组, kind: post, rings: [core], home: [35.4908, 112.8518], speed_m_s: 2, mobilise_s: 5}
"""


@pytest.mark.long
@pytest.mark.weights
def test_the_whole_service_works_without_the_packages_that_stay_out_of_the_image(tmp_path: Path) -> None:
    models = real_model().folder.parent.resolve()
    modules = modules_of(packages(in_the_image=False))
    assert {"torch", "ultralytics"} <= modules
    (tmp_path / "cameras.yaml").write_text(CONFIGURATION, "utf-8")
    port = free_port()
    arguments = ["run", "--config", "cameras.yaml", "--var", "var", "--port", str(port), "--device", "cpu"]
    environment = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(
            [sys.executable, "-c", WITHOUT.format(names=sorted(modules)), *arguments],
            cwd=tmp_path,
            env=environment | {"PATROL_MODELS": str(models), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
        try:
            processed = wait_for_a_processed_frame(service, port)
            service.send_signal(signal.SIGTERM)
            code = service.wait(15)
        finally:
            service.kill()
            service.wait()
    assert processed > 0, (tmp_path / "log").read_text("utf-8")
    assert code == 0, (tmp_path / "log").read_text("utf-8")


def modules_of(distributions: frozenset[str]) -> frozenset[str]:
    """What can be imported from these distributions and from no other."""
    owners = importlib.metadata.packages_distributions()
    return frozenset(
        module for module, names in owners.items() if {canonicalize_name(name) for name in names} <= distributions
    )


def wait_for_a_processed_frame(service: subprocess.Popen[bytes], port: int) -> float:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at and service.poll() is None:
        time.sleep(0.2)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as response:
                text = response.read().decode()
        except OSError:
            continue
        found = re.search(r"^patrol_frames_processed_total (\S+)$", text, flags=re.MULTILINE)
        if found and float(found[1]) > 0:
            return float(found[1])
    return 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
