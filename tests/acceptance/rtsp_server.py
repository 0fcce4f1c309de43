#!/usr/bin/python3
"""An RTSP server with many cameras for the tests: clips played in an endless loop, at their own pace.

It needs GStreamer's RTSP server with its Python bindings, which come from Debian and not from a wheel
(``gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good
gstreamer1.0-plugins-bad``), so it is run by Debian's own interpreter, as a process of its own:

    /usr/bin/python3 rtsp_server.py --port 8554 mounts.json

``mounts.json`` maps mount points to what they play::

    {"/cam1": {"file": "square.mp4", "codec": "h264", "loop": true, "stop_after_s": null, "shared": false}}

``file``: an MP4, or a raw elementary stream (``.h264``, ``.h265``), relative to ``mounts.json``.
``codec``: ``h264`` (default) or ``h265``. ``loop``: start again at the end (default), or end the stream there.
``stop_after_s``: end the stream that long after a client began to play, whatever is left of the clip.
``shared``: all clients of the mount see one running stream, as with a real camera, and join it where it is;
otherwise (default) each client starts at the clip's first key frame.

Prints ``READY <port>`` once it serves (``--port 0`` picks a free one). With ``--password-file`` holding
``user:password`` every mount asks for basic authentication. On SIGUSR1 it prints one line of JSON:
``{"connected": N, "closed": N, "played": N, "torn_down": N}``, counted since the start.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

ROLE = "viewer"
PAYLOADERS = {"h264": "rtph264pay", "h265": "rtph265pay"}
MAX_SESSIONS = 4096


def elementary_stream(clip: Path, codec: str, folder: Path) -> Path:
    """The clip as a raw byte stream: the only shape that can be read round and round without a gap."""
    if clip.suffix.lower() not in (".mp4", ".mov", ".mkv"):
        return clip
    raw = folder / f"{len(list(folder.iterdir()))}-{clip.stem}.{codec}"
    demuxer = "matroskademux" if clip.suffix.lower() == ".mkv" else "qtdemux"
    pipeline = Gst.parse_launch(
        f"filesrc name=source ! {demuxer} ! {codec}parse config-interval=-1 "
        f"! video/x-{codec},stream-format=byte-stream,alignment=au ! filesink name=sink"
    )
    pipeline.get_by_name("source").set_property("location", str(clip))
    pipeline.get_by_name("sink").set_property("location", str(raw))
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message is None or message.type == Gst.MessageType.ERROR:
        reason = message.parse_error()[0].message if message is not None else "no end within a minute"
        sys.exit(f"{clip}: cannot be read: {reason}")
    return raw


class Clip(GstRtspServer.RTSPMediaFactory):
    """One mount point."""

    def __init__(self, raw: Path, codec: str, loop: bool, stop_after_s: float | None, shared: bool) -> None:
        super().__init__()
        self._stop_after_s = stop_after_s
        self.set_shared(shared)
        # Without a number in its name multifilesrc reads the same file for ever, whatever its ``loop`` says.
        source = "multifilesrc loop=true" if loop else "filesrc"
        self.set_launch(
            f'( {source} location="{raw}" ! {codec}parse name=parser config-interval=-1 '
            f"! identity sync=true ! {PAYLOADERS[codec]} name=pay0 pt=96 config-interval=-1 )"
        )

    def do_configure(self, media: GstRtspServer.RTSPMedia) -> None:
        """Mend the time stamps of every stream that is about to be served, and see to its end."""
        GstRtspServer.RTSPMediaFactory.do_configure(self, media)
        parser = media.get_element().get_by_name("parser")
        parser.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self._on_buffer, [None])

    def _on_buffer(self, pad: Gst.Pad, info: Gst.PadProbeInfo, first_at: list[float | None]) -> Gst.PadProbeReturn:
        # The source stamps a whole file as one buffer, so the parser knows only decoding times; without
        # presentation times the payloader would send the same time for ever.
        picture = info.get_buffer()
        picture.pts = picture.dts
        if first_at[0] is None:
            first_at[0] = time.monotonic()
        if self._stop_after_s is None or time.monotonic() - first_at[0] < self._stop_after_s:
            return Gst.PadProbeReturn.OK
        pad.push_event(Gst.Event.new_eos())
        return Gst.PadProbeReturn.REMOVE


class Counts:
    """How many clients came and went."""

    def __init__(self) -> None:
        self.counts = {"connected": 0, "closed": 0, "played": 0, "torn_down": 0}

    def watch(self, _server: GstRtspServer.RTSPServer, client: GstRtspServer.RTSPClient) -> None:
        """Follow one client from its connection to its end."""
        self.counts["connected"] += 1
        client.connect("closed", lambda *_: self._count("closed"))
        client.connect("play-request", lambda *_: self._count("played"))
        client.connect("teardown-request", lambda *_: self._count("torn_down"))

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def tell(self) -> bool:
        """Print what was counted; called by the main loop, again and again."""
        print(json.dumps(self.counts), flush=True)
        return True


def factories(mounts_file: Path, folder: Path) -> dict[str, Clip]:
    """The mount points of ``mounts_file``; a clip used by many mounts is unpacked once."""
    raw_of: dict[tuple[Path, str], Path] = {}
    result = {}
    for mount, what in json.loads(mounts_file.read_text()).items():
        codec = what.get("codec", "h264")
        clip = (mounts_file.parent / what["file"]).resolve()
        if (clip, codec) not in raw_of:
            raw_of[clip, codec] = elementary_stream(clip, codec, folder)
        result[mount] = Clip(
            raw_of[clip, codec], codec, what.get("loop", True), what.get("stop_after_s"), what.get("shared", False)
        )
    return result


def demand_password(server: GstRtspServer.RTSPServer, clips: dict[str, Clip], user: str, password: str) -> None:
    """Let nobody in without ``user`` and ``password``."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", ROLE)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    for clip in clips.values():
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role(ROLE, "media.factory.access", True)
        permissions.add_permission_for_role(ROLE, "media.factory.construct", True)
        clip.set_permissions(permissions)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    arguments = argparse.ArgumentParser(description="An RTSP server with many looping cameras.")
    arguments.add_argument("mounts", type=Path)
    arguments.add_argument("--port", type=int, default=8554)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--password-file", type=Path)
    options = arguments.parse_args()
    Gst.init(None)
    with tempfile.TemporaryDirectory(prefix="rtsp-server-") as folder:
        server = GstRtspServer.RTSPServer()
        server.set_address(options.host)
        server.set_service(str(options.port))
        server.set_backlog(1024)
        server.get_session_pool().set_max_sessions(MAX_SESSIONS)
        clips = factories(options.mounts, Path(folder))
        if options.password_file:
            user, _, password = options.password_file.read_text().strip().partition(":")
            demand_password(server, clips, user, password)
        for mount, clip in clips.items():
            server.get_mount_points().add_factory(mount, clip)
        counts = Counts()
        server.connect("client-connected", counts.watch)
        loop = GLib.MainLoop()
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, signal.SIGUSR1, counts.tell)
        for stop in (signal.SIGTERM, signal.SIGINT):
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, stop, loop.quit)
        if server.attach(None) == 0:
            sys.exit(f"cannot listen on port {options.port}")
        print(f"READY {server.get_bound_port()}", flush=True)
        loop.run()


if __name__ == "__main__":
    main()
