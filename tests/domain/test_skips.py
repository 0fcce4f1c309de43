"""Skips: for how long, by whom, and never without a reason."""

from __future__ import annotations

from typing import Any

import pytest

from patrol.domain.camera import CameraId
from patrol.domain.skips import LONGEST_REASON, LONGEST_SKIP_S, Skip


def skip(**changes: Any) -> Skip:
    return Skip(**{"camera_id": CameraId("C-1"), "seconds": 300.0, "operator": "li", "reason": "repair", **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seconds": -1.0}, "seconds: expected 0 to 900, got -1"),
        ({"seconds": LONGEST_SKIP_S + 1}, "seconds: expected 0 to 900, got 901"),
        ({"seconds": float("nan")}, "seconds: expected 0 to 900"),
        ({"reason": "  "}, "reason: expected why"),
        ({"reason": "x" * (LONGEST_REASON + 1)}, "reason: expected 200 characters at most, got 201"),
    ],
)
def test_what_is_no_skip_says_what_was_expected(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        skip(**changes)


def test_to_end_one_needs_no_reason() -> None:
    assert skip(seconds=0.0, reason="").seconds == 0
