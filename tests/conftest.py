"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

from tests.examples import QUICK, register_profiles

register_profiles()
settings.load_profile(QUICK)
