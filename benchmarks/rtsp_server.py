#!/usr/bin/python3
"""Hundreds of cameras that run all the time, on GStreamer's RTSP server: a process of its own.

It needs GStreamer's RTSP server with its Python bindings, which come from Debian and not from a wheel
(``gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good``), so it is run by
Debian's own interpreter:

    /usr/bin/python3 rtsp_server.py --port 0 mounts.json

``mounts.json`` maps mount points to what they play; only ``clip`` is required::

    {"/core-001": {"clip": "one.clip", "first": 0, "count": 10, "offset_s": 0.7, "join": "key-frame",
                   "stop_after_s": null, "corrupt": false,
                   "other": {"clip": "two.clip", "first": 0, "count": 3}}}

``clip``: a file written by packs.py, relative to ``mounts.json``; of its groups of pictures (GOPs) ``count`` from
``first`` on are played in an endless loop, whose position follows the wall clock, ``offset_s`` shifted: whoever joins
sees where the scene is now. ``join`` says how a session begins. ``key-frame``: with the key frame of the GOP that is
on, as a camera does that sends one to a joining client. ``mid-gop``: with whatever picture is on, so that the client
waits for the next key frame. ``stop_after_s``: the stream ends that long after its first picture. ``corrupt``: one byte
in a hundred is wrong. ``other``: what the scene shows in the times that ``--schedule`` gives, {"/core-001": [[from,
until], ...]} in seconds since the epoch, read again on SIGUSR2; it changes where a GOP begins.

Prints ``READY <port>`` once it serves. With ``--password-file`` holding ``user:password`` every mount asks for basic
authentication. On SIGUSR1 it prints one line of JSON with what was counted since the start, and its processor time.

Nothing is transcoded or parsed when a client comes: frames lie in memory as GStreamer's buffers, and a session takes
references to a few of them at a time.
"""

from __future__ import annotations

import argparse
import bisect
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import gi
import packs

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer  # noqa: E402

ROLE = "viewer"
MAX_SESSIONS = 16_384
BACKLOG = 1024
CLIENT_THREADS = 4  # a DESCRIBE holds its thread until the first picture is ready
AT_FIRST, AT_ONCE = 2, 6  # frames handed over at a time; most clients leave after the first
FORGET_SESSIONS_EVERY_S = 2
CAPS = {"h264": "video/x-h264,stream-format=avc", "h265": "video/x-h265,stream-format=hvc1"}
PAYLOADERS = {"h264": "rtph264pay", "h265": "rtph265pay"}


class Film:
    """GOPs of equal length, in memory, as buffers that sessions share."""

    def __init__(self, pack: packs.Pack, first: int, count: int | None) -> None:
        gops = pack.gops[first : None if count is None else first + count]
        self.codec = pack.codec
        self.fps = pack.fps
        self.gop_frames = len(gops[0])
        self.gops = [[Gst.Buffer.new_wrapped(frame) for frame in gop] for gop in gops if len(gop) == self.gop_frames]
        self.caps = Gst.Caps.from_string(
            f"{CAPS[pack.codec]},alignment=au,width={pack.width},height={pack.height},framerate={pack.fps}/1,"
            f"codec_data=(buffer){pack.codec_data.hex()}"
        )

    @property
    def gop_s(self) -> float:
        """Seconds from one key frame to the next."""
        return self.gop_frames / self.fps

    def moment(self, scene_s: float) -> packs.Moment:
        """Where it is at a time of its camera's clock."""
        return packs.moment_of(scene_s, len(self.gops), self.gop_frames, self.fps)


class Camera:
    """What one mount point shows: a film, and at times another one."""

    def __init__(self, film: Film, other: Film | None, options: dict[str, Any]) -> None:
        self.film = film
        self._other = other
        self._other_times: list[tuple[float, float]] = []
        self._offset_s = float(options.get("offset_s", 0.0))
        self.joins_at_key_frame = options.get("join", "key-frame") == "key-frame"
        self.stop_after_s: float | None = options.get("stop_after_s")

    def schedule(self, times: list[tuple[float, float]]) -> None:
        """When it shows the other film."""
        self._other_times = sorted((begin, end) for begin, end in times)

    def scene_s(self, now: float) -> float:
        """The camera's own clock."""
        return now + self._offset_s

    def film_at(self, scene_s: float) -> Film:
        """The film that is on in the GOP that begins at ``scene_s``."""
        at = scene_s - self._offset_s + 1e-3  # a GOP that begins at the very time belongs to what begins then
        index = bisect.bisect_right(self._other_times, (at, float("inf"))) - 1
        on = index >= 0 and at < self._other_times[index][1]
        return self._other if on and self._other is not None else self.film


class Session:
    """Feeds one client's appsrc, some frames at a time.

    It follows the camera's clock frame by frame. One that joins at a key frame gets that of the GOP that is on and what
    follows it, as if the camera had made one for it; with the next GOP it is where everybody is.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._sent = 0
        self._scene_frame = 0  # of the camera's clock, counted in frames
        self._late_by = 0  # frames, in the first GOP only
        self._gop: list[Gst.Buffer] = []

    def feed(self, source: GstApp.AppSrc, _length: int) -> None:
        """Hand over the next frames; called by GStreamer when it has run out of them."""
        if not self._gop:
            self._begin()
        for _ in range(AT_FIRST if self._sent == 0 else AT_ONCE):
            if self._is_over():
                source.end_of_stream()
                return
            source.push_buffer(self._next())

    def _begin(self) -> None:
        film = self._camera.film
        self._scene_frame = int(self._camera.scene_s(time.time()) * film.fps)
        self._late_by = self._scene_frame % film.gop_frames if self._camera.joins_at_key_frame else 0
        self._gop = self._gop_on()

    def _is_over(self) -> bool:
        stop_after_s = self._camera.stop_after_s
        return stop_after_s is not None and self._sent >= stop_after_s * self._camera.film.fps

    def _next(self) -> Gst.Buffer:
        film = self._camera.film
        in_gop = self._scene_frame % film.gop_frames
        if in_gop == 0:
            self._gop, self._late_by = self._gop_on(), 0
        shared = self._gop[in_gop - self._late_by]
        frame = shared.copy_region(Gst.BufferCopyFlags.MEMORY, 0, shared.get_size())  # shares the bytes
        frame.pts = frame.dts = self._sent * Gst.SECOND // film.fps
        frame.duration = Gst.SECOND // film.fps
        if in_gop - self._late_by:
            frame.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._sent += 1
        self._scene_frame += 1
        return frame

    def _gop_on(self) -> list[Gst.Buffer]:
        own = self._camera.film
        gop_begins_s = (self._scene_frame - self._scene_frame % own.gop_frames) / own.fps
        film = self._camera.film_at(gop_begins_s)
        return film.gops[film.moment(gop_begins_s + 0.5 / film.fps).gop]


class Mount(GstRtspServer.RTSPMediaFactory):
    """One mount point; every client has a session, and a pipeline, of its own."""

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self._camera = camera
        self.set_shared(False)
        self.set_protocols(GstRtsp.RTSPLowerTrans.TCP)
        film = camera.film
        self.set_launch(
            "( appsrc name=frames format=time max-bytes=0 "
            f"! {PAYLOADERS[film.codec]} name=pay0 pt=96 config-interval=-1 )"
        )

    def do_configure(self, media: GstRtspServer.RTSPMedia) -> None:
        """Connect the session's feed."""
        source = media.get_element().get_by_name("frames")
        source.set_caps(self._camera.film.caps)
        source.connect("need-data", Session(self._camera).feed)


class Counts:
    """How many clients came and went."""

    def __init__(self, pool: GstRtspServer.RTSPSessionPool) -> None:
        self._pool = pool
        self.counts = {"connected": 0, "closed": 0, "described": 0, "played": 0, "torn_down": 0, "refused": 0}

    def watch(self, _server: GstRtspServer.RTSPServer, client: GstRtspServer.RTSPClient) -> None:
        """Follow one client from its connection to its end."""
        self.counts["connected"] += 1
        client.connect("closed", lambda *_: self._count("closed"))
        client.connect("describe-request", lambda *_: self._count("described"))
        client.connect("play-request", lambda *_: self._count("played"))
        client.connect("teardown-request", lambda *_: self._count("torn_down"))

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def tell(self) -> bool:
        """Print what was counted; called by the main loop, again and again."""
        spent = os.times()
        here = {
            "sessions": self._pool.get_n_sessions(),
            "processor_s": round(spent.user + spent.system, 2),
        }
        print(json.dumps(self.counts | here), flush=True)
        return True


class Cameras:
    """All cameras of a mounts file; a clip used by many is read once."""

    def __init__(self, mounts_file: Path) -> None:
        self._folder = mounts_file.parent
        self._films: dict[tuple[Any, ...], Film] = {}
        self.by_mount = {mount: self._camera(what) for mount, what in json.loads(mounts_file.read_text()).items()}

    def _camera(self, what: dict[str, Any]) -> Camera:
        other = what.get("other")
        return Camera(self._film(what), self._film(other) if other else None, what)

    def _film(self, what: dict[str, Any]) -> Film:
        key = (what["clip"], what.get("first", 0), what.get("count"), what.get("corrupt", False))
        if key not in self._films:
            pack = packs.read_pack(self._folder / what["clip"])
            pack = packs.corrupted(pack, seed=0) if what.get("corrupt") else pack
            self._films[key] = Film(pack, what.get("first", 0), what.get("count"))
        return self._films[key]

    def read_schedule(self, file: Path) -> bool:
        """Take the times of the other films; called by the main loop, again and again."""
        for mount, times in json.loads(file.read_text()).items():
            self.by_mount[mount].schedule(times)
        return True


def demand_password(server: GstRtspServer.RTSPServer, mounts: list[Mount], user: str, password: str) -> None:
    """Let nobody in without ``user`` and ``password``."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    for mount in mounts:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role(ROLE, "media.factory.access", True)
        permissions.add_permission_for_role(ROLE, "media.factory.construct", True)
        mount.set_permissions(permissions)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    arguments = argparse.ArgumentParser(description="An RTSP server with hundreds of cameras that run all the time.")
    arguments.add_argument("mounts", type=Path)
    arguments.add_argument("--port", type=int, default=8554)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--schedule", type=Path)
    arguments.add_argument("--password-file", type=Path)
    options = arguments.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.host)
    server.set_service(str(options.port))
    server.set_backlog(BACKLOG)
    server.get_thread_pool().set_max_threads(CLIENT_THREADS)
    pool = server.get_session_pool()
    pool.set_max_sessions(MAX_SESSIONS)
    cameras = Cameras(options.mounts)
    mounts = {name: Mount(camera) for name, camera in cameras.by_mount.items()}
    if options.password_file:
        user, _, password = options.password_file.read_text().strip().partition(":")
        demand_password(server, list(mounts.values()), user, password)
    for name, mount in mounts.items():
        server.get_mount_points().add_factory(name, mount)
    counts = Counts(pool)
    server.connect("client-connected", counts.watch)
    loop = GLib.MainLoop()
    GLib.timeout_add_seconds(FORGET_SESSIONS_EVERY_S, lambda: pool.cleanup() >= 0)
    GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGUSR1, counts.tell)
    if options.schedule:
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGUSR2, cameras.read_schedule, options.schedule)
    for stop in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, stop, loop.quit)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen on port {options.port}")
    print(f"READY {server.get_bound_port()}", flush=True)
    loop.run()


if __name__ == "__main__":
    main()
