"""int8: choosing pictures, and the real thing where NNCF is installed."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from patrol.adapters import quantization
from patrol.adapters.model_store import InstalledModel, Precision, model_status
from patrol.adapters.quantization import agreement, as_network_input, held_out, pictures_in, quantize, require_nncf
from patrol.domain.errors import InputError, ModelError
from tests.adapters.real_model import bus_pixels, real_model

with_nncf = pytest.mark.skipif(
    importlib.util.find_spec("nncf") is None, reason="NNCF is not installed: make install-quantize"
)


def plain(shade: int) -> npt.NDArray[np.uint8]:
    return np.full((24, 32, 3), shade, np.uint8)


def write_pictures(folder: Path, count: int) -> None:
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:04d}.png"), plain(index % 256))


def street_pictures(count: int) -> list[npt.NDArray[np.uint8]]:
    """Crops of a real street, all different."""
    bus = bus_pixels()
    return [
        np.ascontiguousarray(bus[200 + 20 * index : 800 + 20 * index, : 810 - 10 * index]) for index in range(count)
    ]


@pytest.fixture
def own_copy(tmp_path: Path) -> InstalledModel:
    """The real model in a folder that a test may write to."""
    model = real_model()
    folder = tmp_path / model.manifest.name
    shutil.copytree(model.folder, folder, ignore=shutil.ignore_patterns("openvino-int8", "Ultralytics"))
    return replace(
        model,
        folder=folder,
        weights=folder / model.manifest.file,
        openvino_f32=folder / "openvino" / "model.xml",
        openvino_int8=None,
    )


# Choosing pictures


def test_takes_pictures_from_folders_below_too(tmp_path: Path) -> None:
    (tmp_path / "camera-1").mkdir()
    write_pictures(tmp_path, 6)
    write_pictures(tmp_path / "camera-1", 6)
    (tmp_path / "notes.txt").write_text("not a picture, and not taken for one")
    pictures = pictures_in(tmp_path)
    assert len(pictures) == 12
    assert {picture.shape for picture in pictures} == {(24, 32, 3)}


def test_of_many_pictures_takes_few_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "MOST_PICTURES", 11)
    write_pictures(tmp_path, 101)
    assert [int(picture[0, 0, 0]) for picture in pictures_in(tmp_path)] == list(range(0, 101, 10))


def test_too_few_pictures_are_told(tmp_path: Path) -> None:
    write_pictures(tmp_path, 3)
    with pytest.raises(InputError, match="holds 3 pictures; at least 10 are needed"):
        pictures_in(tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is not a folder"):
        pictures_in(tmp_path / "nowhere")


def test_a_picture_that_is_none_is_named(tmp_path: Path) -> None:
    write_pictures(tmp_path, 10)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 cut off")
    with pytest.raises(InputError, match=r"broken\.jpg is not a picture that can be read"):
        pictures_in(tmp_path)


def test_every_fifth_picture_is_kept_for_checking() -> None:
    learn_from, check_on = held_out(plain(shade) for shade in range(12))
    assert [int(picture[0, 0, 0]) for picture in check_on] == [4, 9]
    assert len(learn_from) == 10


def test_an_endless_source_of_pictures_is_cut() -> None:
    def endless() -> object:
        while True:
            yield plain(0)

    learn_from, check_on = held_out(endless())  # type: ignore[arg-type]
    assert (len(learn_from), len(check_on)) == (240, 60)


def test_pictures_are_turned_into_what_the_network_takes() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 1] = (51, 102, 255)  # blue, green, red
    network_input = as_network_input(pixels)
    assert network_input.shape == (1, 3, 2, 3)
    assert network_input[0, :, 0, 1] == pytest.approx([1.0, 0.4, 0.2])


# Quantising


def test_without_nncf_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="make install-quantize"):
        require_nncf()


@pytest.mark.weights
def test_a_model_agrees_with_itself() -> None:
    model = real_model()
    assert model.openvino_f32 is not None
    same = asyncio.run(agreement(model, model.openvino_f32, [bus_pixels(), plain(0)]))
    assert same.of == same.found >= 4


@pytest.mark.weights
def test_boxes_of_a_blind_model_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = real_model()
    assert model.openvino_f32 is not None

    class Blind(quantization.OpenVinoDetector):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[arg-type]
            if options["precision"] is Precision.INT8:
                self._reading = replace(self._reading, min_confidence=0.99)

    monkeypatch.setattr(quantization, "OpenVinoDetector", Blind)
    same = asyncio.run(agreement(model, model.openvino_f32, [bus_pixels()]))
    assert same.found == 0
    assert same.of >= 4


@pytest.mark.weights
def test_never_writes_into_a_folder_that_holds_something(
    own_copy: InstalledModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization, "require_nncf", lambda: None)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.doc").write_text("years")
    with pytest.raises(InputError, match="precious is not an empty folder; nothing is overwritten"):
        quantize(own_copy, street_pictures(10), precious)
    assert (precious / "thesis.doc").read_text() == "years"


@pytest.mark.weights
def test_too_few_live_pictures_are_told(own_copy: InstalledModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization, "require_nncf", lambda: None)
    with pytest.raises(InputError, match="9 pictures came; at least 10 are needed"):
        quantize(own_copy, street_pictures(9))


@pytest.mark.weights
@with_nncf
def test_the_quantised_model_finds_what_the_full_one_finds(own_copy: InstalledModel) -> None:
    made = quantize(own_copy, street_pictures(12))
    assert made.pictures == 12
    assert model_status(own_copy.manifest, own_copy.folder.parent).exports == (Precision.F32, Precision.INT8)
    assert json.loads((made.graph.parent / "export.json").read_text())["pictures"] == 12
    assert "FakeQuantize" in made.graph.read_text("utf-8")
    same = asyncio.run(agreement(own_copy, made.graph, [bus_pixels()]))
    assert same.found >= 3
