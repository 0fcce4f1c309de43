"""How the console's page bears what a room asks of it, in a real browser.

    python -m benchmarks.bench_console [wall] [--seconds 20]

``wall``: the tour wall with 476 tiles is scrolled (console_wall.py). It needs Debian's Chromium. Exit 1 where a target
is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from benchmarks import console_wall
from benchmarks.figures import Report

PARTS: Mapping[str, Callable[[float], Report]] = {"wall": console_wall.measure}


def main() -> int:
    """One part after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what is measured; everything if none is named")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each takes")
    arguments = parser.parse_args()
    codes = [PARTS[name](arguments.seconds).tell() for name in arguments.parts or PARTS]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
