"""What models may run on."""

from __future__ import annotations

from enum import StrEnum


class Device(StrEnum):
    """What the network runs on; AUTO: a CUDA GPU if there is one, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
