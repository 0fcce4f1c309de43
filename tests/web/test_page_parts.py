"""Decisions of the page that need no browser (console/tests): played through by Node's own test runner."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from .page_files import CONSOLE


@pytest.mark.skipif(shutil.which("npm") is None, reason="no Node with npm here")
@pytest.mark.usefixtures("built_page")
def test_what_the_page_decides() -> None:
    ran = subprocess.run(["npm", "test", "--silent"], cwd=CONSOLE, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# pass" in ran.stdout
