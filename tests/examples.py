"""On how many examples a property is tried.

So many as it asks for by ``make test-properties``, as CI does (``--hypothesis-profile=full``). A quarter of them
elsewhere: each run tries others, and what was found to fail is tried again.
"""

from __future__ import annotations

from typing import Any

from hypothesis import settings

FULL, QUICK = "full", "quick"
HUNDRED = 100  # what one that asks for nothing is tried on in full
FEWEST = 5


def examples(count: int, **others: Any) -> settings:
    """For a property that asks for ``count``; ``others``: as of hypothesis.settings."""
    return settings(max_examples=max(min(count, FEWEST), count * settings.default.max_examples // HUNDRED), **others)


def register_profiles() -> None:
    """No test is about how long it takes: on a busy machine an example may take any time."""
    settings.register_profile(FULL, deadline=None, max_examples=HUNDRED)
    settings.register_profile(QUICK, deadline=None, max_examples=HUNDRED // 4)
