"""Where the console's page is written, and what it is built to."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "console"
SOURCES = CONSOLE / "src"
BUILT = ROOT / "patrol" / "web" / "static"


def build_page() -> None:
    """Builds the page where a source is newer: ``make page``, by one process at a time. Skips where nothing can."""
    is_built = (BUILT / "index.html").exists()
    if shutil.which("npm") is None:
        if is_built:
            return  # by somebody else, as in an installed package
        pytest.skip("the page is not built, and there is no Node with npm here to build it (make page)")
    folder = os.open(CONSOLE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        made = subprocess.run(["make", "--no-print-directory", "page"], cwd=ROOT, capture_output=True, text=True)
    finally:
        os.close(folder)
    assert made.returncode == 0, made.stdout + made.stderr
