"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# No test is about how long it takes: on a busy machine an example may take any time.
settings.register_profile("patrol", deadline=None)
settings.load_profile("patrol")
