"""The wheel that is shipped, built for real by the project's own build: the page is in it, or there is none."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.web.page_files import BUILT, build_page

ROOT = Path(__file__).parents[1]
PACKED = ("pyproject.toml", "README.md", "LICENSE", "console/wheel.py")
BUILD = "from setuptools import build_meta; build_meta.build_wheel('wheels')"


def checkout(folder: Path) -> Path:
    """What a wheel is made of, without a page."""
    for name in PACKED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "patrol", folder / "patrol", ignore=shutil.ignore_patterns("static", "__pycache__"))
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BUILD], cwd=folder, capture_output=True, text=True, timeout=100)


def test_a_wheel_contains_the_page_and_all_that_the_page_loads(tmp_path: Path) -> None:
    build_page()
    folder = checkout(tmp_path)
    shutil.copytree(BUILT, folder / "patrol/web/static")
    assert build(folder).returncode == 0
    (wheel,) = (folder / "wheels").glob("patrol-*.whl")
    with ZipFile(wheel) as packed:
        names = set(packed.namelist())
        page = packed.read("patrol/web/static/index.html").decode()
    loaded = re.findall(r'(?:src|href)="/?(static/[^"]+)"', page)
    assert len(loaded) >= 3  # script, style, icon
    assert {f"patrol/web/{name}" for name in loaded} <= names
    assert {f"patrol/web/static/{file.name}" for file in BUILT.iterdir()} <= names


def test_without_its_page_no_wheel_is_made_and_it_is_said_how_to_build_it(tmp_path: Path) -> None:
    refused = build(checkout(tmp_path))
    assert refused.returncode != 0
    assert "patrol/web/static/index.html: the page is not built" in refused.stderr
    assert "`make page`" in refused.stderr
    assert not list(tmp_path.glob("wheels/*.whl"))


@pytest.mark.parametrize("missing", PACKED)
def test_what_the_build_reads_lies_in_the_image_before_it_is_built(missing: str) -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    installs = [stage for stage in dockerfile.split("\nFROM ") if "--no-deps ." in stage]
    assert len(installs) == 2
    assert all(missing in stage for stage in installs)
