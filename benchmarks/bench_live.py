"""``make bench-live``: how far behind a live view is, and how many of them there can be.

A camera of GStreamer's RTSP server, which is not ours, shows pictures that say their own number; it shows them by the
wall clock, so that each has a time at which it was due. Chromium looks at it by the product's own live views and reads
the number out of every picture that it shows, as it shows it. All is on one machine and goes by one clock.

*Glass to glass* is from when a picture was due to when it was shown; a session of this server may lag by up to one
picture (83 ms), and that counts. *The floor* is what our RTSP reader alone needs of it: from due to its last byte.
Then more and more views of the same camera are opened: how many pictures a second each shows, what was dropped, and
what each costs the service.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.clips import FPS, GOP_FRAMES, HEIGHT, WIDTH, encoded
from benchmarks.figures import Relation, Report, Spread, Table, Target
from benchmarks.live_service import CAMERA_ID, STRIPES, numbered
from benchmarks.packs import write_pack
from benchmarks.serving import Spot, missing_parts, rtsp_server

CHROMIUM = "/usr/bin/chromium"
FILM_GOPS = 20  # 40 s: a picture is never taken for one of the round before
SECONDS = 20.0
VIEWS = (1, 2, 4, 8, 16)
SETTLES_S = 5.0  # the first group of pictures of a session is not in step with the clock
LIMIT_S = 1.0
WHOLE_RATE = 0.95

# Opens ``count`` views; the first notes [number, when it was shown] of every picture.
OPEN = """async ({ camera, count, stripes }) => {
  window.shown = window.shown ?? [];
  window.views = window.views ?? [];
  while (window.views.length < count) {
    const peer = new RTCPeerConnection({ iceServers: [] });
    const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
    receiver.jitterBufferTarget = 0;
    const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
    video.srcObject = new MediaStream([receiver.track]);
    document.body.append(video);
    const began = performance.now();
    await peer.setLocalDescription();
    const answer = await fetch(`/api/v1/cameras/${camera}/live`, {
      method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ offer: peer.localDescription.sdp }),
    });
    const opened = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(opened));
    await peer.setRemoteDescription({ type: "answer", sdp: opened.answer });
    const view = { peer, video, id: opened.viewer_id, first_ms: null };
    const isNoting = window.views.length === 0;
    const on = Object.assign(document.createElement("canvas"), { width: 8 * stripes, height: 1 })
      .getContext("2d", { willReadFrequently: true });
    const note = () => {
      view.first_ms ??= performance.now() - began;
      if (!isNoting) return;
      const at = Date.now() / 1000;
      on.drawImage(video, 0, 0, 8 * stripes, 1);
      const row = on.getImageData(0, 0, 8 * stripes, 1).data;
      let number = 0;
      for (let bit = 0; bit < stripes; bit++) if (row[4 * (8 * bit + 4)] > 120) number |= 1 << bit;
      window.shown.push([number, at]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
    window.views.push(view);
  }
}"""
SHOWN = "() => window.shown.splice(0)"
DECODED = """async () => Promise.all(window.views.map(async ({ peer, id, first_ms }) => {
  const reports = [...(await peer.getStats()).values()];
  const { framesDecoded = 0, framesDropped = 0 } = reports.find((one) => one.type === "inbound-rtp") ?? {};
  const status = await (await fetch(`/api/v1/live/${id}`)).json();
  return { decoded: framesDecoded, dropped: framesDropped, dropped_here: status.dropped, first_ms };
}))"""


class Service:
    """The process that is measured."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self.address = address

    def noted(self) -> tuple[list[tuple[int, float]], float]:
        """Which pictures came when since the last call, and its processor time, seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        return [(number, at) for number, at in said["came"]], said["processor_s"]


@contextmanager
def service(address: str) -> Iterator[Service]:
    """Live views of the camera at this address."""
    command = [sys.executable, "-m", "benchmarks.live_service", address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Service(process, process.stdout.readline().strip())
        finally:
            process.terminate()


def behind(came: Sequence[tuple[int, float]], since: float) -> list[float]:
    """How long after it was due each picture came, from a time on; seconds."""
    film_s = FILM_GOPS * GOP_FRAMES / FPS
    return [(at - number / FPS) % film_s for number, at in came if at >= since]


@dataclass(frozen=True, slots=True)
class Step:
    """So many views at once. ``per_s``: pictures a second that the slowest shows; ``dropped``: of all, anywhere."""

    views: int
    per_s: float
    dropped: int
    cores: float


def stepped(page: Page, running: Service, views: int, seconds: float) -> Step:
    """What becomes of so many views in so many seconds."""
    page.evaluate(OPEN, {"camera": CAMERA_ID, "count": views, "stripes": STRIPES})
    page.wait_for_timeout(3000)
    before, (_, used_s), began = page.evaluate(DECODED), running.noted(), time.monotonic()
    page.wait_for_timeout(round(seconds * 1000))
    after, (_, used_after_s), took_s = page.evaluate(DECODED), running.noted(), time.monotonic() - began
    pairs = list(zip(before, after, strict=True))
    return Step(
        views,
        min(now["decoded"] - then["decoded"] for then, now in pairs) / took_s,
        sum(now[key] - then[key] for then, now in pairs for key in ("dropped", "dropped_here")),
        (used_after_s - used_s) / took_s,
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """``shown``, ``came``: how long after they were due pictures were shown, and were with our reader; seconds.

    ``first_s``: from the wish to the first picture, of the first view, and of one that joins.
    """

    shown: Sequence[float]
    came: Sequence[float]
    first_s: tuple[float, float]
    steps: Sequence[Step]


def measured(folder: Path, seconds: float, step_s: float) -> Measured:
    """One camera, one service, one browser."""
    film = [numbered(number, WIDTH, HEIGHT) for number in range(FILM_GOPS * GOP_FRAMES)]
    write_pack(encoded(film), folder / "film.clip")
    camera = Spot("film", "core", 0)
    with ExitStack() as stack:
        server = stack.enter_context(rtsp_server({"/film": {"clip": "film.clip"}}, folder))
        running = stack.enter_context(service(server.address(camera)))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(running.address)
        page.evaluate(OPEN, {"camera": CAMERA_ID, "count": 1, "stripes": STRIPES})
        page.wait_for_timeout(round(SETTLES_S * 1000))
        since = time.time()
        page.wait_for_timeout(round(seconds * 1000))
        shown, (came, _) = page.evaluate(SHOWN), running.noted()
        steps = [stepped(page, running, views, step_s) for views in VIEWS]
        firsts = [view["first_ms"] / 1000 for view in page.evaluate(DECODED)[:2]]
        browser.close()
    return Measured(behind(shown, since), behind(came, since), (firsts[0], firsts[1]), steps)


def report(found: Measured) -> Report:
    """What was found, in words."""
    shown, came = Spread.of(found.shown), Spread.of(found.came)
    whole = [step.views for step in found.steps if step.per_s >= WHOLE_RATE * FPS and step.dropped == 0]
    figures: dict[str, Any] = {
        "glass_to_glass_s": asdict(shown),
        "reader_alone_s": asdict(came),
        "ratio_p50": shown.p50 / came.p50,
        "first_picture_s": {"first_view": found.first_s[0], "joining": found.first_s[1]},
        "steps": [asdict(step) for step in found.steps],
        "views_without_loss": max(whole, default=0),
    }
    rows = [(name, each.count, each.p50, each.p99, each.max) for name, each in (("shown", shown), ("reader", came))]
    tables = (
        Table("behind the camera, seconds", ("", "pictures", "p50", "p99", "max"), rows),
        Table(
            "views of one camera at once",
            ("views", "pictures/s of the slowest", "dropped", "cores of the service"),
            [(step.views, step.per_s, step.dropped, step.cores) for step in found.steps],
        ),
    )
    summary = (
        f"glass to glass p50 {shown.p50 * 1000:.0f}, p99 {shown.p99 * 1000:.0f} ms ({figures['ratio_p50']:.1f} x the"
        f" reader alone); first picture {found.first_s[0]:.2f} s, joining {found.first_s[1]:.2f} s;"
        f" {figures['views_without_loss']} views without loss"
    )
    targets = (
        Target("glass to glass, p99, s", shown.p99, LIMIT_S),
        Target("views without loss", float(figures["views_without_loss"]), 8.0, Relation.AT_LEAST),
    )
    return Report("live", figures, tables, targets, summary)


def main() -> int:
    """Measure, tell, and say by the exit code whether all targets are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--step-seconds", type=float, default=8.0)
    options = parser.parse_args()
    missing = missing_parts() or (None if Path(CHROMIUM).exists() else f"no Chromium at {CHROMIUM}")
    if missing is not None:
        print(f"bench-live cannot run here: {missing}", file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="live-") as folder:
        return report(measured(Path(folder), options.seconds, options.step_seconds)).tell()


if __name__ == "__main__":
    sys.exit(main())
