"""The composition root: the only package that knows both pipeline and adapters."""

from patrol.app.assembling import Parts, assembled
from patrol.app.looking import detector_options, frame_sources, open_closer_looks, picture_box, usual_detector
from patrol.app.options import ALL_ROLES, Options, Role
from patrol.app.running import FINISH_DETECTING_S, QueueCheck, StoreCheck, run_parts

__all__ = [
    "ALL_ROLES",
    "FINISH_DETECTING_S",
    "Options",
    "Parts",
    "QueueCheck",
    "Role",
    "StoreCheck",
    "assembled",
    "detector_options",
    "frame_sources",
    "open_closer_looks",
    "picture_box",
    "run_parts",
    "usual_detector",
]
