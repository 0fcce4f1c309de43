"""The composition root: the only package that knows both pipeline and adapters.

``touring`` and ``looking`` are imported by whoever needs them: what they bring takes seconds to import.
"""

from patrol.app.assembling import Parts, assembled
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
    "run_parts",
]
