"""The stage of the acceptance run: real clips on a real RTSP server that is not ours, and a configuration for it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2

from tests.acceptance.bad_servers import black_hole, refusing
from tests.acceptance.clips import pictures_of, write_clip

DEBIAN_PYTHON = "/usr/bin/python3"
FPS = 10
BOX = (768, 432)  # what a camera's sub-stream would be; larger pictures are scaled into it

GROUND = [[0.0, 0.2], [1.0, 0.2], [1.0, 1.0], [0.0, 1.0]]
# Where the people of one-by-one-person-detection.mp4 stand: its right half, at the bottom.
ENTERED = [[0.38, 0.75], [1.0, 0.75], [1.0, 1.0], [0.38, 1.0]]
# Nobody in it ever sets foot into the left quarter.
NEVER_ENTERED = [[0.0, 0.2], [0.2, 0.2], [0.2, 1.0], [0.0, 1.0]]
# When somebody stands in ENTERED, in seconds of that clip; read off its frames, two a second.
SOMEBODY_IN_S = ((6.5, 19.5), (23.0, 44.5), (51.0, 69.5), (75.5, 86.5), (92.5, 119.5), (124.0, 135.5))


@dataclass(frozen=True, slots=True)
class Scene:
    """One camera of the run. ``expects``: the kind of event its pictures hold, None for none."""

    camera_id: str
    clip: str
    zone: list[list[float]]
    rule: str
    expects: str | None
    ring: str = "core"
    codec: str = "h264"
    stop_after_s: float | None = None


SCENES = (
    Scene("mot-1", "mot", GROUND, "crowd", "crowd"),
    Scene("mot-2", "mot", GROUND, "crowd", "crowd", ring="periphery"),
    Scene("mot-h265", "mot", GROUND, "crowd", "crowd", codec="h265"),
    Scene("group-5", "group-5", GROUND, "crowd", "crowd"),
    Scene("group-7", "group-7", GROUND, "crowd", "crowd", ring="far"),
    Scene("group-1", "group-1", GROUND, "crowd", "crowd", ring="periphery"),
    Scene("entered", "one-by-one", ENTERED, "intrusion", "intrusion"),
    Scene("never-entered-1", "one-by-one", NEVER_ENTERED, "intrusion", None),
    Scene("never-entered-2", "one-by-one", NEVER_ENTERED, "intrusion", None, ring="far"),
    Scene("one-is-no-crowd", "one-by-one", GROUND, "crowd", None, ring="periphery"),
    Scene("still-1", "still-12", GROUND, "intrusion", None),
    Scene("still-2", "still-15", GROUND, "intrusion", None, ring="periphery"),
    Scene("still-3", "still-19", GROUND, "crowd", None),
    Scene("still-4", "still-12", GROUND, "crowd", None, ring="far"),
    Scene("still-h265", "still-15", GROUND, "crowd", None, codec="h265"),
    Scene("stops", "still-19", GROUND, "crowd", None, ring="periphery", stop_after_s=0.4),
)
DEAD, BLACK_HOLE = "dead", "black-hole"


def make_clips(shared: Path, folder: Path) -> None:
    """Encode the recorded material once, as raw streams with a key frame a second."""
    stills = {f"still-{n}": shared / f"fire/stills/nofire_0{n}.jpg" for n in (12, 15, 19)}
    groups = {f"group-{n}": shared / f"crowd_small/train_{n}.jpg" for n in (1, 5, 7)}
    for name, picture in {**stills, **groups}.items():
        _encode(folder, name, [_fitted(cv2.imread(str(picture)))] * (2 * FPS))
    frames = [_fitted(cv2.imread(str(shared / f"mot17-02/{n:06d}.jpg"))) for n in range(1, 5)]
    _encode(folder, "mot", [frame for frame in frames for _ in range(FPS)])
    _encode(folder, "one-by-one", pictures_of(shared / "people/one-by-one-person-detection.mp4"), h265=False)


def _encode(folder: Path, name: str, pictures: Any, *, h265: bool = True) -> None:
    pictures = list(pictures) if h265 else pictures
    write_clip(folder / f"{name}.h264", pictures, "h264", FPS, key_frame_every_s=1.0)
    if h265 and any(scene.clip == name and scene.codec == "h265" for scene in SCENES):
        write_clip(folder / f"{name}.h265", pictures, "h265", FPS, key_frame_every_s=1.0)


def _fitted(picture: Any) -> Any:
    height, width = picture.shape[:2]
    scale = min(BOX[0] / width, BOX[1] / height, 1.0)
    return cv2.resize(picture, (int(width * scale) // 16 * 16, int(height * scale) // 2 * 2))


@contextlib.contextmanager
def rtsp_server(folder: Path) -> Iterator[int]:
    """GStreamer's RTSP server, a process of Debian's own Python, with a mount per scene; yields its port.

    Mounts are shared: whoever joins sees the clip where it is, as with a real camera.
    """
    mounts = {
        f"/{scene.camera_id}": {
            "file": f"{scene.clip}.{scene.codec}",
            "codec": scene.codec,
            "stop_after_s": scene.stop_after_s,
            "shared": scene.stop_after_s is None,
        }
        for scene in SCENES
    }
    (folder / "mounts.json").write_text(json.dumps(mounts))
    script = Path(__file__).with_name("rtsp_server.py")
    command = [DEBIAN_PYTHON, str(script), "--port", "0", str(folder / "mounts.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = server.stdout.readline().split()
        assert ready[:1] == ["READY"], f"the RTSP server did not come up: {ready}"
        try:
            yield int(ready[1])
        finally:
            server.terminate()
            server.wait(10)


class Viewer:
    """Watches one mount without a break: a shared clip runs on only while somebody watches.

    ``began_at``: time.time() at the clip's first frame, once ``wait`` returned.
    """

    def __init__(self, address: str, now: Any) -> None:
        self._address = address
        self._now = now
        self._stopping = threading.Event()
        self._began = threading.Event()
        self.began_at = 0.0
        self._thread = threading.Thread(target=self._watch, name="viewer", daemon=True)

    def __enter__(self) -> Viewer:
        self._thread.start()
        assert self._began.wait(20), "the viewer saw no frame"
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10)

    def _watch(self) -> None:
        options = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "0"}
        with av.open(self._address, options=options, timeout=(10, 10)) as container:
            for packet in container.demux(video=0):
                if not self._began.is_set() and packet.size:
                    self.began_at = self._now()
                    self._began.set()
                if self._stopping.is_set():
                    return


@contextlib.contextmanager
def configuration(folder: Path, port: int) -> Iterator[Path]:
    """A configuration file for all scenes, a dead camera and a black-holed one; yields its path."""
    with black_hole() as silent_port:
        addresses = {
            **{scene.camera_id: f"rtsp://127.0.0.1:{port}/{scene.camera_id}" for scene in SCENES},
            DEAD: f"rtsp://127.0.0.1:{refusing()}/dead",
            BLACK_HOLE: f"rtsp://127.0.0.1:{silent_port}/silent",
        }
        rows = [*SCENES, Scene(DEAD, "", GROUND, "crowd", None), Scene(BLACK_HOLE, "", GROUND, "crowd", None)]
        content = {
            "station": {"name": "验收所", "name_en": "Acceptance", "at": [35.4908, 112.8518]},
            "rings": {
                "core": {"revisit_bound_s": 4, "response_target_s": 60, "accept_within_s": 10, "out_to_m": 400},
                "periphery": {"revisit_bound_s": 8, "response_target_s": 180, "accept_within_s": 20, "out_to_m": 500},
                "far": {"revisit_bound_s": 12, "response_target_s": 300, "accept_within_s": 30, "out_to_m": 2500},
            },
            "rules": {
                "crowd": _rule("crowd", at_least=5, for_s=2),
                "intrusion": _rule("intrusion", at_least=1, for_s=1),
            },
            "levels": {
                "by_kind": {"crowd": {"core": "red", "periphery": "yellow", "far": "blue"}},
                "otherwise": "green",
            },
            "tour": {
                "workers": 32,
                "longest_visit_s": 5,
                "backoff_base_s": 1,
                "backoff_cap_s": 8,
                "hosts": {"127.0.0.1": {"sessions": 32}},  # all of them on one machine
            },
            "detector": {"model": "yolov8n", "input_px": [640, 384]},
            "merging": {"enabled": False},  # the cameras stand in one place, and each is to have orders of its own
            "units": [
                {
                    "id": f"U-{n}",
                    "name": f"验收{n}组",
                    "name_en": f"Unit {n}",
                    "kind": "joint_patrol",
                    "rings": ["core", "periphery", "far"],
                    "home": [35.4908, 112.8518 + n / 10000],
                    "speed_m_s": 3,
                    "mobilise_s": 1,
                }
                for n in range(1, 9)
            ],
            "cameras": [_camera(scene, addresses[scene.camera_id]) for scene in rows],
        }
        path = folder / "acceptance.yaml"
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")  # JSON is YAML
        yield path


def _rule(kind: str, at_least: int, for_s: float) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": kind,
        "name_en": kind,
        "at_least": at_least,
        "min_confidence": 0.4,
        "for_s": for_s,
        "clear_after_s": 2,
        "cool_down_s": 1,
    }


def _camera(scene: Scene, address: str) -> dict[str, Any]:
    return {
        "id": scene.camera_id,
        "name": scene.camera_id,
        "name_en": scene.camera_id,
        "ring": scene.ring,
        "at": [35.4908, 112.8518],
        "heading_deg": 0,
        "view_deg": 90,
        "stream": address,
        "shared_view": True,  # several scenes play one clip
        "zones": [{"id": "zone", "name": "区域", "name_en": "zone", "rules": [scene.rule], "polygon": scene.zone}],
    }


def shared_data() -> Path | None:
    """The folder with the recorded clips, or None: PATROL_SHARED_DATA, else ``../shared/data`` beside the checkout."""
    folder = Path(os.environ.get("PATROL_SHARED_DATA", Path(__file__).parents[2] / "../shared/data")).resolve()
    return folder if (folder / "truth.jsonl").is_file() else None
