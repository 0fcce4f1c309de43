"""The room's people: what operators do over the console's HTTP, at random.

python -m faults.operators FOLDER
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faults.acting import WITHIN_S, act
from faults.chances import (
    ACKNOWLEDGED_SHARE,
    LEFT,
    LEFT_FOR_S,
    LEVEL_SHARE,
    MERGED_SHARE,
    OVERRIDDEN_SHARE,
    REOPENED_SHARE,
    luck,
)
from faults.figures import ESCALATION, STOP

LOOK_S = 1.0
FIRST, SECOND = "drill", "second-drill"  # operators
LEVELS = tuple(ESCALATION)


class Operators:
    """Two people at one page each. They close what is handled; and do, now and then, all else that people may do."""

    def __init__(self, folder: Path, address: str) -> None:
        self._stop, self._address = folder / STOP, address
        self._chance = random.Random(1)
        self._handled_since: dict[str, float] = {}

    def run(self) -> None:
        """Look and act, without end; what fails comes again."""
        while True:
            time.sleep(LOOK_S)
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                with urllib.request.urlopen(f"{self._address}/api/v1/state", timeout=WITHIN_S) as answer:
                    room = json.load(answer)["room"]
                self._close(room["incidents"])
                if not self._stop.exists():  # then all is to end
                    self._meddle(room)

    def _close(self, incidents: Sequence[dict[str, Any]]) -> None:
        handled = [incident for incident in incidents if incident["state"] == "handled"]
        since = {one["id"]: self._handled_since.get(one["id"], time.monotonic()) for one in handled}
        self._handled_since = since
        for incident in handled:
            if luck(incident["id"]) < LEFT and time.monotonic() - since[incident["id"]] < LEFT_FOR_S:
                continue
            # Red ones take two people.
            who = SECOND if incident.get("closing") else FIRST
            self._act(incident, "close", {"disposition": "drill", "reason": "演练 drill"}, who)

    def _meddle(self, room: dict[str, Any]) -> None:
        incidents, chance = room["incidents"], self._chance
        waiting = [one for one in incidents if one["state"] in ("new", "ordered", "accepted")]
        if len(waiting) > 1 and self._happens(MERGED_SHARE):
            one, other = chance.sample(waiting, 2)
            self._act(one, "merge", {"with": other["id"]})
        several = [one for one in waiting if len(one["witnesses"]) > 1]
        if several and self._happens(MERGED_SHARE):
            one = chance.choice(several)
            self._act(one, "split", {"alert_id": chance.choice(one["witnesses"][1:])["alert_ids"][0]})
        if waiting and self._happens(LEVEL_SHARE):
            self._act(chance.choice(waiting), "level", {"level": chance.choice(LEVELS), "reason": "演练 drill"})
        if waiting and self._happens(OVERRIDDEN_SHARE):
            self._act(chance.choice(waiting), "orders", {"unit_id": chance.choice(room["units"])["id"]})
        orders = [order for of_one in room["orders"].values() for order in of_one]
        sent = [one for one in orders if one["state"] in ("sent", "accepted")]
        if sent and self._happens(OVERRIDDEN_SHARE):
            order = chance.choice(sent)
            self._act({"id": order["incident_id"]}, f"orders/{order['id']}/take-back", {})
        late = [one for one in incidents if one["escalation"] and one["state"] != "closed"]
        told = [one for one in late if not one["escalation"]["acknowledged_at"]]
        if told and self._happens(ACKNOWLEDGED_SHARE):
            self._act(chance.choice(told), "acknowledge", {})
        closed = [one for one in incidents if one["state"] == "closed" and not one["merged_into"] and one["life"] < 3]
        if closed and self._happens(REOPENED_SHARE):
            self._act(chance.choice(closed), "reopen", {"reason": "演练 drill"})

    def _happens(self, share: float) -> bool:
        return self._chance.random() < share

    def _act(self, incident: dict[str, Any], action: str, what: dict[str, str], operator: str = FIRST) -> None:
        act(self._address, f"/api/v1/incidents/{incident['id']}/{action}", what, operator)


if __name__ == "__main__":
    Operators(Path(sys.argv[1]), os.environ["PATROL_CONSOLE"]).run()
