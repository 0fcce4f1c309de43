"""What people do over the console's HTTP, as their pages do it."""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping

WITHIN_S = 5.0


def act(address: str, path: str, what: Mapping[str, str], operator: str) -> int | None:
    """Ask the console at ``address`` for something. Returns its HTTP status; None where it did not answer."""
    headers = {"Content-Type": "application/json", "X-Patrol-Operator": operator, "Origin": address}
    request = urllib.request.Request(f"{address}{path}", json.dumps(what).encode(), headers, method="POST")
    with contextlib.suppress(OSError, http.client.HTTPException):
        try:
            with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code
    return None
