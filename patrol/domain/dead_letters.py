"""Dead letters: messages that a group could not handle. Kept, shown, and put back or dropped by people."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from patrol.domain.errors import MessageError
from patrol.domain.messages import ALERT_STREAMS, INCIDENT_STREAM, ORDER_STREAMS, RECEIPT_STREAM

REPLAYABLE = frozenset({*ALERT_STREAMS, *ORDER_STREAMS, INCIDENT_STREAM, RECEIPT_STREAM})
"""Where a dead letter may go back to: nobody who writes one can have us write anywhere else."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. ``id``: its entry. ``body`` as it came, which may be anything. ``at``: None if it does not say.

    ``replays``: how often this very message was put back before; ``replayed_by``: who did so last.
    """

    id: str
    body: bytes
    stream: str
    group: str
    attempts: int
    reason: str
    at: datetime | None
    replays: int = 0
    replayed_by: str | None = None

    @property
    def type(self) -> str | None:
        """The message's type, if it says one."""
        return _text(self._content().get("type"))

    @property
    def message_id(self) -> str | None:
        """The message's id, if it says one."""
        return _text(self._content().get("id"))

    @property
    def incident_id(self) -> str | None:
        """The incident it is about, if it says one."""
        head, _, tail = (_text(self._content().get("subject")) or "").partition("/")
        return tail or None if head == "incident" else None

    @property
    def key(self) -> str:
        """What tells that it is the same message when it comes back: its idempotency key, or what it is made of."""
        source = _text(self._content().get("source"))
        if source and self.message_id:
            return f"{source}#{self.message_id}"
        return f"sha256:{hashlib.sha256(self.body).hexdigest()[:32]}"

    def check_replayable(self, prefix: str = "") -> None:
        """Raises MessageError if it does not say where it came from, or that is no stream of messages."""
        if not self.stream.startswith(prefix) or self.stream.removeprefix(prefix) not in REPLAYABLE:
            raise MessageError(f"stream: {self.stream!r} is none that a message can be put back on")

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


def printable(text: str) -> str:
    """A line that is one: what others wrote may hold anything, also what a terminal obeys."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
