"""Write the part of a lock file that the service needs: ``python docker/service_lock.py < run.lock > service.lock``.

Left out is what only the export of a model needs (Ultralytics and what torch imports): on a CPU the service never
imports it. The lock's own ``# via`` comments say who needs what, so there is no second list to keep.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

PROJECT = "patrol"
EXPORT_ONLY = frozenset(
    {"ultralytics-opencv-headless", "ultralytics-platform", "ultralytics-thop", "openvino-telemetry"}
)

_HEAD = re.compile(r"^([a-z0-9][a-z0-9._-]*)==")


def blocks(lock: str) -> Iterator[tuple[str, str]]:
    """Each package's name with its lines: the pin, the hashes, who needs it."""
    name = ""
    lines: list[str] = []
    for line in lock.splitlines(keepends=True):
        head = _HEAD.match(line)
        if head:
            if name:
                yield name, "".join(lines)
            name, lines = head[1], []
        if name:
            lines.append(line)
    if name:
        yield name, "".join(lines)


def needed_by(block: str) -> frozenset[str]:
    """Who needs a package; ``patrol`` for the project itself."""
    comments = "".join(line.strip().removeprefix("#") for line in block.splitlines() if line.lstrip().startswith("#"))
    words = re.sub(r"\(.*?\)|-r \S+", " ", comments).split()
    return frozenset(word for word in words if word != "via")


def service_lock(lock: str) -> str:
    """The blocks that the project needs, directly or through another that it needs. Raises ValueError for none."""
    found = dict(blocks(lock))
    parents = {name: needed_by(block) for name, block in found.items()}
    kept = {PROJECT}
    while True:
        more = {name for name in found if name not in kept | EXPORT_ONLY and parents[name] & kept}
        if not more:
            break
        kept |= more
    if kept == {PROJECT}:
        raise ValueError("expected a lock with '# via patrol (pyproject.toml)' comments, as scripts/lock.sh writes it")
    return "".join(found[name] for name in found if name in kept)


if __name__ == "__main__":
    sys.stdout.write(service_lock(sys.stdin.read()))
