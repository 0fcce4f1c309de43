"""OpenVINO tells nobody that it runs here."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import patrol

SOURCES = Path(patrol.__file__).parent


def imports_openvino(file: Path) -> bool:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return any(name.partition(".")[0] == "openvino" for name in names)


def test_openvino_is_imported_through_its_one_door_only() -> None:
    importers = {file.name for file in SOURCES.rglob("*.py") if imports_openvino(file)}
    assert importers == {"openvino_runtime.py"}


def test_importing_it_loads_no_telemetry_and_writes_no_id(tmp_path: Path) -> None:
    assert find_spec("openvino") is not None
    code = (
        "import sys; from patrol.adapters.openvino_runtime import import_openvino\n"
        "openvino = import_openvino(); assert openvino.Core().available_devices\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "assert import_openvino() is openvino"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
