"""How Patrol is packed into a wheel: with its page, or not at all. Without one, a room would have no console."""

from __future__ import annotations

from pathlib import Path

from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

PAGE = Path("patrol/web/static/index.html")


class WithPage(build_py):
    """Packs the packages; refuses where the page is not built. An editable installation waits for none."""

    def run(self) -> None:
        """Raises ``SetupError`` naming the file that is missing and the command that builds it."""
        if not self.editable_mode and not PAGE.exists():
            raise SetupError(f"{PAGE}: the page is not built, and a wheel is to contain it: run `make page` first")
        super().run()
