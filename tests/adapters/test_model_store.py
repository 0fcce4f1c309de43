"""Getting model files, from real sources: an HTTP server and a folder of wheels, both on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from patrol.adapters import model_store
from patrol.adapters.model_manifests import ModelManifest, WheelMember, known_models, manifest_of
from patrol.adapters.model_store import (
    EXPORT_FOLDER,
    INT8_FOLDER,
    RECORD_FILE,
    InstalledModel,
    ModelState,
    Precision,
    ensure_model,
    export_graph,
    install,
    installed_model,
    model_status,
    models_directory,
    replacing_export,
)
from patrol.domain.errors import ModelError
from tests.adapters.real_model import real_model

CONTENT = bytes(range(256)) * 800


@dataclass
class Site:
    """What the server says, and how often it was asked."""

    address: str
    body: bytes = CONTENT
    status: int = 200
    asked: int = 0
    delay: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            told.delay.wait(5)
            self.send_response(told.status)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Site(f"http://127.0.0.1:{server.server_address[1]}/tiny.pt")
    told.delay.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def manifest(site: Site) -> ModelManifest:
    return ModelManifest(
        name="tiny",
        task="detect",
        file="tiny.pt",
        bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        address=site.address,
        wheel=None,
        input_size=(64, 64),
        licence="AGPL-3.0",
        classes=("person",),
    )


@pytest.fixture
def with_wheel(manifest: ModelManifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelManifest:
    """The manifest with a wheel that pip can only find in a folder here."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    info = "tinywheel-1.0.dist-info"
    with zipfile.ZipFile(wheels / "tinywheel-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinywheel/tiny.pt", CONTENT)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinywheel\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return replace(manifest, wheel=WheelMember("tinywheel==1.0", "tinywheel/tiny.pt"))


def fetched(manifest: ModelManifest, models: Path, told: list[str] | None = None) -> InstalledModel:
    lines = [] if told is None else told
    return install(manifest, models, lines.append, export=None)


def write_graph(manifest: ModelManifest, weights: Path, graph: Path) -> None:
    graph.write_bytes(b"graph of " + weights.read_bytes()[:4])
    graph.with_suffix(".bin").write_bytes(b"numbers")


def left_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


# Where files come from


def test_takes_the_file_from_its_publisher_and_says_so(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    told: list[str] = []
    model = fetched(manifest, tmp_path, told)
    assert model.weights == tmp_path / "tiny" / "tiny.pt"
    assert model.weights.read_bytes() == CONTENT
    assert told == [f"getting tiny.pt (0.2 MB) from {site.address}"]


def test_a_download_tells_how_far_it_is(manifest: ModelManifest, tmp_path: Path) -> None:
    came: list[tuple[int, int]] = []
    install(manifest, tmp_path, lambda line: None, None, lambda so_far, of: came.append((so_far, of)))
    assert came == sorted(came)
    assert len(came) > 1
    assert came[-1] == (len(CONTENT), len(CONTENT))


def test_a_file_that_is_there_is_not_fetched_again(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    fetched(manifest, tmp_path)
    fetched(manifest, tmp_path)
    assert site.asked == 1


def test_a_folder_in_which_the_file_lies_comes_first(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "tiny.pt").write_bytes(CONTENT)
    model = install(manifest, tmp_path / "models", lambda line: None, None, source=given)
    assert model.weights.read_bytes() == CONTENT
    assert site.asked == 0
    assert (given / "tiny.pt").exists(), "it is the giver's own"


def test_a_folder_without_the_file_leaves_the_publisher(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    told: list[str] = []
    install(manifest, tmp_path / "models", told.append, None, source=tmp_path)
    assert site.asked == 1
    assert "No such file" in told[1]


def test_without_an_address_the_message_says_how_to_give_a_folder(manifest: ModelManifest, tmp_path: Path) -> None:
    nowhere = replace(manifest, address=None, origin="somebody's own work")
    with pytest.raises(ModelError) as caught:
        fetched(nowhere, tmp_path)
    assert "It is somebody's own work." in str(caught.value)
    assert "patrol model get tiny --from FOLDER" in str(caught.value)
    assert "with a network" not in str(caught.value)


def test_what_can_be_read_as_it_is_needs_no_export(manifest: ModelManifest, tmp_path: Path) -> None:
    made: list[Path] = []
    as_it_is = replace(manifest, file="tiny.onnx")
    install(as_it_is, tmp_path, lambda line: None, lambda of, weights, graph: made.append(graph))
    assert made == []


def test_a_file_put_there_by_hand_needs_no_network(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "tiny.pt").write_bytes(CONTENT)
    fetched(manifest, tmp_path)
    assert site.asked == 0


def test_takes_the_wheel_where_the_publisher_does_not_answer(
    with_wheel: ModelManifest, site: Site, tmp_path: Path
) -> None:
    site.status = 404
    told: list[str] = []
    assert fetched(with_wheel, tmp_path / "models", told).weights.read_bytes() == CONTENT
    assert "HTTP 404" in told[1]
    assert "tinywheel==1.0" in told[2]
    assert left_in(tmp_path / "models" / "tiny") == {".lock", "tiny.pt"}


def test_takes_the_wheel_where_nothing_listens(with_wheel: ModelManifest, tmp_path: Path) -> None:
    nobody = replace(with_wheel, address="http://127.0.0.1:9/tiny.pt")
    assert fetched(nobody, tmp_path / "models").weights.read_bytes() == CONTENT


def test_a_wrong_file_of_the_right_length_is_never_put_in_place(
    with_wheel: ModelManifest, site: Site, tmp_path: Path
) -> None:
    site.body = bytes(len(CONTENT))
    told: list[str] = []
    assert fetched(with_wheel, tmp_path / "models", told).weights.read_bytes() == CONTENT
    assert "wrong hash" in told[1]


def test_a_source_cannot_fill_the_disk(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    site.body = CONTENT * 2
    with pytest.raises(ModelError, match="more than the expected 204,800 bytes came"):
        fetched(manifest, tmp_path)
    assert left_in(tmp_path / "tiny") == {".lock"}


def test_a_file_cut_short_is_refused(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    site.body = CONTENT[:-1]
    with pytest.raises(ModelError, match="expected 204,800 bytes, got 204,799"):
        fetched(manifest, tmp_path)


def test_a_wheel_that_does_not_hold_the_file_is_told(with_wheel: ModelManifest, site: Site, tmp_path: Path) -> None:
    site.status = 500
    wrong = replace(with_wheel, wheel=WheelMember("tinywheel==1.0", "tinywheel/other.pt"))
    with pytest.raises(ModelError, match=r"tinywheel-1\.0-py3-none-any\.whl does not hold tinywheel/other\.pt"):
        fetched(wrong, tmp_path / "models")


def test_without_any_source_the_message_says_what_to_do(
    with_wheel: ModelManifest, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.status = 503
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        fetched(with_wheel, tmp_path / "models")
    message = str(caught.value)
    for part in ("HTTP 503", "No matching distribution", "204,800 bytes", with_wheel.sha256, "patrol model get tiny"):
        assert part in message
    assert str(tmp_path / "models" / "tiny") in message


def test_a_wrong_file_on_disk_is_told_and_left_alone(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    weights = tmp_path / "tiny" / "tiny.pt"
    weights.parent.mkdir()
    weights.write_bytes(b"my own work")
    with pytest.raises(
        ModelError, match=r"(?s)is not tiny: expected SHA-256 .*Delete the file and run: patrol model get"
    ):
        fetched(manifest, tmp_path)
    assert weights.read_bytes() == b"my own work"
    assert site.asked == 0


# Two starts at once


def test_two_starts_at_once_fetch_once(manifest: ModelManifest, site: Site, tmp_path: Path) -> None:
    site.delay.clear()
    with ThreadPoolExecutor(2) as pool:
        starts = [pool.submit(fetched, manifest, tmp_path) for _ in range(2)]
        while site.asked == 0:
            time.sleep(0.01)
        time.sleep(0.2)  # long enough for the other to ask too, were it not held back
        site.delay.set()
        models = [start.result(20) for start in starts]
    assert models[0] == models[1]
    assert site.asked == 1


def test_a_start_that_hangs_does_not_hang_the_next(
    manifest: ModelManifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_store, "LOCK_TIMEOUT_S", 0.3)
    with model_store.writing_to(tmp_path / "tiny"), pytest.raises(ModelError, match="another start has held"):
        fetched(manifest, tmp_path)


def test_a_killed_start_leaves_no_lock(manifest: ModelManifest, tmp_path: Path) -> None:
    held = (
        "import sys, pathlib, os; from patrol.adapters.model_store import writing_to\n"
        "with writing_to(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", held, str(tmp_path / "tiny")], check=False, timeout=30)
    assert (tmp_path / "tiny" / ".lock").exists()
    assert fetched(manifest, tmp_path).weights.is_file()


def test_a_folder_that_cannot_be_written_names_the_setting(manifest: ModelManifest, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"cannot write to .*set PATROL_MODELS"):
        fetched(manifest, tmp_path / "file")


# Exports


def test_exports_once(manifest: ModelManifest, tmp_path: Path) -> None:
    made: list[Path] = []

    def export(of: ModelManifest, weights: Path, graph: Path) -> None:
        made.append(graph)
        write_graph(of, weights, graph)

    first = install(manifest, tmp_path, lambda line: None, export)
    second = install(manifest, tmp_path, lambda line: None, export)
    assert first.openvino_f32 == second.openvino_f32 == tmp_path / "tiny" / EXPORT_FOLDER / "model.xml"
    assert first.openvino_f32.read_bytes().startswith(b"graph of")
    assert len(made) == 1
    assert left_in(tmp_path / "tiny") == {".lock", "tiny.pt", EXPORT_FOLDER}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"source_sha256": "0" * 64}, True),
        ({"openvino": "1999.1.0"}, True),
        ({"openvino": None}, True),
        ({"sha256": None}, True),  # as the records were before they held hashes
        ({"note": "a newer minor version reads it"}, False),
    ],
)
def test_exports_again_when_the_weights_or_openvino_changed(
    manifest: ModelManifest, tmp_path: Path, change: dict[str, str | None], again: bool
) -> None:
    install(manifest, tmp_path, lambda line: None, write_graph)
    record = tmp_path / "tiny" / EXPORT_FOLDER / RECORD_FILE
    record.write_text(json.dumps(json.loads(record.read_text()) | change))
    told: list[str] = []
    install(manifest, tmp_path, told.append, write_graph)
    assert bool(told) is again


@pytest.mark.parametrize("part", ["model.xml", "model.bin"])
def test_exports_again_when_the_graph_is_not_what_was_written(
    manifest: ModelManifest, tmp_path: Path, part: str
) -> None:
    install(manifest, tmp_path, lambda line: None, write_graph)
    graph = tmp_path / "tiny" / EXPORT_FOLDER / part
    graph.write_bytes(graph.read_bytes() + b"x")
    told: list[str] = []
    install(manifest, tmp_path, told.append, write_graph)
    assert "does not fit or was changed; it is made again" in "".join(told)
    assert not graph.read_bytes().endswith(b"x")


@pytest.mark.parametrize("spoil", ["{", "[]", "12"])
def test_an_unreadable_record_means_no_export(manifest: ModelManifest, tmp_path: Path, spoil: str) -> None:
    install(manifest, tmp_path, lambda line: None, write_graph)
    (tmp_path / "tiny" / EXPORT_FOLDER / RECORD_FILE).write_text(spoil)
    assert model_status(manifest, tmp_path).exports == ()


def test_a_failed_export_leaves_the_old_one_and_no_litter(manifest: ModelManifest, tmp_path: Path) -> None:
    install(manifest, tmp_path, lambda line: None, write_graph)
    folder = tmp_path / "tiny" / EXPORT_FOLDER

    def break_off() -> None:
        with replacing_export(folder, manifest) as graph:
            graph.write_text("half")
            raise ModelError("no memory")

    with pytest.raises(ModelError, match="no memory"):
        break_off()
    assert (folder / "model.xml").read_bytes().startswith(b"graph of")
    assert left_in(tmp_path / "tiny") == {".lock", "tiny.pt", EXPORT_FOLDER}


def test_the_record_of_a_quantised_graph_keeps_its_facts(manifest: ModelManifest, tmp_path: Path) -> None:
    weights = fetched(manifest, tmp_path).weights
    with replacing_export(tmp_path / "tiny" / INT8_FOLDER, manifest, pictures=41) as graph:
        write_graph(manifest, weights, graph)
    record = json.loads((tmp_path / "tiny" / INT8_FOLDER / RECORD_FILE).read_text())
    assert record["pictures"] == 41
    assert model_status(manifest, tmp_path).exports == (Precision.INT8,)


def test_a_quantised_graph_of_other_weights_is_not_used(manifest: ModelManifest, tmp_path: Path) -> None:
    weights = fetched(manifest, tmp_path).weights
    with replacing_export(tmp_path / "tiny" / INT8_FOLDER, replace(manifest, sha256="0" * 64)) as graph:
        write_graph(manifest, weights, graph)
    told: list[str] = []
    assert fetched(manifest, tmp_path, told).openvino_int8 is None
    assert told == ["the int8 graph of tiny does not fit or was changed; make it again or delete it"]


# What is there


def test_status_is_told_as_it_is(manifest: ModelManifest, tmp_path: Path) -> None:
    assert model_status(manifest, tmp_path).state is ModelState.NOT_INSTALLED
    install(manifest, tmp_path, lambda line: None, write_graph)
    status = model_status(manifest, tmp_path)
    assert (status.state, status.exports) == (ModelState.INSTALLED, (Precision.F32,))
    (tmp_path / "tiny" / "tiny.pt").write_bytes(b"other")
    status = model_status(manifest, tmp_path)
    assert (status.state, status.exports) == (ModelState.WRONG_HASH, ())


def test_a_missing_model_is_a_message_not_a_gap(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"yolov8n is not installed in .*patrol model get yolov8n"):
        installed_model("yolov8n", tmp_path)


def test_a_model_with_a_wrong_hash_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "yolov8n").mkdir()
    (tmp_path / "yolov8n" / "yolov8n.pt").write_bytes(b"a pickle that runs something")
    with pytest.raises(ModelError, match="is not yolov8n: expected SHA-256"):
        installed_model("yolov8n", tmp_path)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model 'yolo99'; there are: mcnn-a, mcnn-b, yolov8n"):
        ensure_model("yolo99", tmp_path)


def test_every_manifest_that_comes_with_patrol_is_whole() -> None:
    known = known_models()
    assert "yolov8n" in known
    for name, manifest in known.items():
        assert name == manifest.name
        assert manifest.address is None or manifest.address.startswith("https://")
        assert manifest.address or manifest.wheel or manifest.origin, "whoever wants it must learn where it is from"
        assert len(bytes.fromhex(manifest.sha256)) == 32
        assert all(side % 32 == 0 for side in manifest.input_size)
        assert len(set(manifest.classes)) == len(manifest.classes)
        assert bool(manifest.classes) is (manifest.task == "detect")
        assert manifest.licence


def test_the_default_model_sees_people_first() -> None:
    manifest = manifest_of("yolov8n")
    assert manifest.classes[0] == "person"
    assert len(manifest.classes) == 80
    assert manifest.bytes == 6_549_796


def test_where_models_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PATROL_MODELS", raising=False)
    assert models_directory() == Path("models")
    monkeypatch.setenv("PATROL_MODELS", "/srv/models")
    assert models_directory() == Path("/srv/models")
    assert models_directory(tmp_path) == tmp_path


# The real thing


@pytest.mark.weights
def test_exports_the_real_weights_in_silence_and_in_another_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    models = tmp_path / "models"
    (models / "yolov8n").mkdir(parents=True)
    shutil.copy(real_model().weights, models / "yolov8n" / "yolov8n.pt")
    code = (
        "import sys; from pathlib import Path; from patrol.adapters.model_store import ensure_model\n"
        "print(ensure_model('yolov8n', Path(sys.argv[1])).openvino_f32)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(models)],
        env=os.environ | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(models / "yolov8n" / EXPORT_FOLDER / "model.xml")
    assert left_in(models / "yolov8n" / EXPORT_FOLDER) == {"model.xml", "model.bin", RECORD_FILE}
    assert left_in(home) == set(), "something was written into the home directory"


def test_weights_that_are_none_fail_the_export_with_a_reason(manifest: ModelManifest, tmp_path: Path) -> None:
    weights = tmp_path / "tiny.pt"
    weights.write_bytes(b"not a network")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ModelError, match=r"the export of tiny failed: .+"):
        export_graph(manifest, weights, out / "model.xml")
