"""``make bench-console``: how the console's page bears what a room asks of it, in Debian's Chromium.

    python -m benchmarks.bench_console [PART ...] [--minutes 30] [--seconds 20] [--address http://127.0.0.1:8476]

Parts: ``paint`` (how soon the room is seen, and what is fetched for it), ``alerts`` (how soon an alert is on the page),
``feed`` (how soon an input is answered with 500 open incidents), ``look`` (what these cost the server),
``pictures`` (frames a second with 100 stills, with 16 live views),
``wall`` (476 tiles, scrolled), ``heap`` (200 alerts a minute for ``--minutes``: memory, long tasks).
Each module benchmarks/console_*.py says what it does. All of them but the heap need a machine that does nothing else.
Exit 1 where a target is missed, 2 where there is no Chromium.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks import (
    console_alerts,
    console_feed,
    console_heap,
    console_look,
    console_paint,
    console_pictures,
    console_wall,
)
from benchmarks.console_browser import Plan, progress
from benchmarks.figures import Report
from tests.web.conftest import CHROMIUM

PARTS: Mapping[str, Callable[[Plan], Report]] = {
    "paint": console_paint.measure,
    "alerts": console_alerts.measure,
    "feed": console_feed.measure,
    "look": console_look.measure,
    "pictures": console_pictures.measure,
    "wall": console_wall.measure,
    "heap": console_heap.measure,
}


def together(found: Mapping[str, Report]) -> Report:
    """One report of all parts."""
    reports: Sequence[Report] = list(found.values())
    return Report(
        "console",
        {name: report.figures for name, report in found.items()},
        [table for report in reports for table in report.tables],
        [target for report in reports for target in report.targets],
        "; ".join(report.summary for report in reports),
    )


def main() -> int:
    """One part after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what is measured; everything if none is named")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the heap is watched")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each of the others takes")
    parser.add_argument("--address", help="of a Patrol that runs: its page is painted, e.g. beside `make demo`")
    arguments = parser.parse_args()
    if not CHROMIUM.exists():
        print(f"bench-console cannot run here: no Chromium at {CHROMIUM} (Debian's package chromium)", file=sys.stderr)
        return 2
    plan = Plan(arguments.minutes, arguments.seconds, arguments.address)
    found = {}
    for name in arguments.parts or PARTS:
        progress(f"{name} ...")
        found[name] = PARTS[name](plan)
    return together(found).tell()


if __name__ == "__main__":
    sys.exit(main())
