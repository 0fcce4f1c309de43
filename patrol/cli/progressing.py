"""Progress on stderr, for a person who waits before a terminal; nothing where nobody watches."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def progress_on_stderr(how_far: str) -> Progress:
    """A display to enter and add tasks to; silent where stderr is no terminal.

    ``how_far``: a task's last column, as rich formats it, such as ``{task.completed:.0f} s``.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn(how_far, markup=False),
        console=Console(stderr=True),
        transient=True,
        # Results that go elsewhere must not be drawn into stderr; on the same terminal they stand above the bar.
        redirect_stdout=sys.stdout.isatty(),
        disable=not sys.stderr.isatty(),
    )
