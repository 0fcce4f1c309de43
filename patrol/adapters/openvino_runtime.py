"""The one door to OpenVINO: it is imported here and nowhere else, so that it is silent."""

from __future__ import annotations

import sys
from typing import Any


def import_openvino() -> Any:
    """The ``openvino`` module, with its telemetry off.

    Importing OpenVINO sends an event to a statistics service and writes an id into the home directory, asking nobody,
    unless its telemetry package is missing; then it falls back to a stub of its own. A police station's machine tells
    nobody what it runs, so the package is made missing for this process.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino
