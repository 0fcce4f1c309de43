"""Which networks look closer on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from patrol.adapters import detectors
from patrol.adapters.detectors import AnyDetector, DetectorOptions
from patrol.adapters.model_manifests import manifest_of
from patrol.adapters.model_store import DEFAULT_MODEL, ModelState, installed_model, model_status
from patrol.adapters.model_store import models_directory as directory_of
from patrol.adapters.openvino_density import OpenVinoDensity
from patrol.domain.closer import FINER_CONFIDENCE, Look
from patrol.pipeline.looking_closer import Networks


@dataclass(frozen=True, slots=True)
class OpenNetworks:
    """Networks that were opened here, and must be closed."""

    finer: AnyDetector | None = None
    density: OpenVinoDensity | None = None

    @property
    def networks(self) -> Networks:
        """As the pipeline takes them."""
        return Networks(finer=self.finer, density=self.density)

    def close(self) -> None:
        """Give their threads and memory back; waits for what is under way."""
        for network in (self.finer, self.density):
            if network is not None:
                network.close()


def open_networks(
    looks: frozenset[Look],
    options: DetectorOptions,
    finer_px: tuple[int, int],
    *,
    model: str = DEFAULT_MODEL,
    density_model: str | None = None,
    models_dir: Path | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> OpenNetworks:
    """Those that ``looks`` ask for, as far as they can be had. Blocks for a second or so. Raises ModelError.

    ``options``: the detector's own; ``finer_px``: the input (width, height) of a finer look. A density model that is
    not installed is done without, and said so: people are then counted one by one, however dense the crowd.
    """
    finer = None
    if Look.FINER in looks:
        # One thread: what looks closer takes turns with the tour's own pass, and never all cores at once.
        unsure = min(options.min_confidence, FINER_CONFIDENCE)
        # Fire and smoke it does not tell: what does was fitted at the tour's own resolution.
        finer_options = replace(
            options, input_size=finer_px, min_confidence=unsure, threads=1, lanes=1, tells_fire=False
        )
        finer = detectors.open_detector(finer_options, model, models_dir, progress)
    density = None
    if Look.DENSITY in looks and density_model is not None:
        density = _density(density_model, models_dir, progress)
    return OpenNetworks(finer, density)


def _density(name: str, models_dir: Path | None, progress: Callable[[str], None]) -> OpenVinoDensity | None:
    if model_status(manifest_of(name), directory_of(models_dir)).state is ModelState.NOT_INSTALLED:
        progress(f"{name} is not installed: people are counted one by one, and dense crowds are told as too small")
        progress(f"  get it with: patrol model get {name} --from FOLDER")
        return None
    return OpenVinoDensity(installed_model(name, models_dir))
