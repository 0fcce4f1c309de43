"""Turns Ultralytics weights into an OpenVINO graph: ``python -m patrol.adapters.openvino_export WEIGHTS GRAPH``.

Run as a process of its own by the model store, in an environment in which Ultralytics installs nothing and sends
nothing; it is not imported by the service.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from patrol.adapters.openvino_runtime import import_openvino


def main(weights: Path, graph: Path) -> None:
    """Write ``graph`` (.xml) and its .bin from ``weights``.

    Batch, height and width stay free, so one export serves every input size: set at load with a reshape, it runs as
    fast as an export of that very size (measured: 51 and 55 frames/s at 640x384 in bf16 on two cores).
    """
    import_openvino()  # before Ultralytics does, and talks
    from ultralytics import YOLO

    scratch = graph.parent / "scratch"
    scratch.mkdir()
    # Ultralytics writes beside the weights, so they are copied to where it may write.
    copy = Path(shutil.copy(weights, scratch / "model.pt"))
    exported = Path(YOLO(copy).export(format="openvino", dynamic=True, imgsz=(384, 640)))
    for suffix in (".xml", ".bin"):
        (exported / "model").with_suffix(suffix).rename(graph.with_suffix(suffix))
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
