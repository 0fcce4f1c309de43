"""Fixtures of the RTSP tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Whatever is entered here is left after the test."""
    with ExitStack() as stack:
        yield stack
