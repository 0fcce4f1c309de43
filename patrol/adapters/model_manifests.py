"""Which models there are: the manifests that come with Patrol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from patrol.domain.errors import ModelError

DETECT, DENSITY = "detect", "density"


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside a published wheel: ``requirement`` as pip takes it, ``member`` its path in the archive."""

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """Which file a model is, and where it can be had. ``input_size``: (width, height) pixels it is run at.

    ``address``: None where nobody publishes just this file; it then comes from a folder. ``origin``: who made it, in
    words, where neither address nor wheel says so.
    """

    name: str
    task: str
    file: str
    bytes: int
    sha256: str
    address: str | None
    wheel: WheelMember | None
    input_size: tuple[int, int]
    licence: str
    classes: tuple[str, ...]
    origin: str = ""

    @property
    def needs_export(self) -> bool:
        """Whether OpenVINO cannot read the file as it is."""
        return not self.file.endswith(".onnx")


def known_models() -> Mapping[str, ModelManifest]:
    """Every manifest that comes with Patrol, by name."""
    folder = resources.files("patrol.adapters") / "manifests"
    manifests = (read_manifest(entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".json"))
    return {manifest.name: manifest for manifest in sorted(manifests, key=lambda manifest: manifest.name)}


def known_classes() -> Mapping[str, tuple[str, ...]]:
    """The classes that each known detector can tell, by its name. Models for other tasks tell none."""
    return {name: manifest.classes for name, manifest in known_models().items() if manifest.task == DETECT}


def read_manifest(text: str) -> ModelManifest:
    """A manifest from its JSON; KeyError or ValueError if it is not one (they come with Patrol: a bug, not input)."""
    raw = json.loads(text)
    width, height = raw["input_size"]
    wheel = raw.get("wheel")
    return ModelManifest(
        name=raw["name"],
        task=raw["task"],
        file=raw["file"],
        bytes=raw["bytes"],
        sha256=raw["sha256"],
        address=raw.get("address"),
        wheel=WheelMember(wheel["requirement"], wheel["member"]) if wheel else None,
        input_size=(width, height),
        licence=raw["licence"],
        classes=tuple(raw["classes"]),
        origin=raw.get("origin", ""),
    )


def manifest_of(name: str) -> ModelManifest:
    """The manifest of a model by name. Raises ModelError with the names there are."""
    known = known_models()
    if name not in known:
        raise ModelError(f"there is no model {name!r}; there are: {', '.join(known)}")
    return known[name]
