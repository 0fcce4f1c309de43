"""The one door to OpenVINO: it is imported here and nowhere else, so that it is silent."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

FIRST_USE = threading.Lock()
"""Held while a model is run for the first time. OpenVINO's binding sets up its conversion of arrays on first use, in a
way that locks up for good when two threads come first at once: one waits for the interpreter's lock inside C++'s guard
of a static, the other for that guard with the interpreter's lock (seen in 3 of 16 fresh processes with a short switch
interval)."""


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


class _SignalStack(ctypes.Structure):
    """C's stack_t."""

    _fields_: ClassVar = [("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


@contextlib.contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Give the calling thread its signal stack back.

    Compiling a model puts the thread's signal handlers on a stack of OpenVINO's own, and releasing the model unmaps
    that stack: the next Ctrl-C is then a segmentation fault (seen with OpenVINO 2026.4 on Linux).
    """
    libc = ctypes.CDLL(None)
    before = _SignalStack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
