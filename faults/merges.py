"""What was merged, held against the store. Knows nothing of Patrol's code."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path


def wrong_merges(database: Path) -> list[str]:
    """Incidents that were merged into none, or round in a circle; and alerts that stayed with one that was merged."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        bodies = {row[0]: json.loads(row[1]) for row in connection.execute("SELECT id, body FROM incidents")}
        alerts = connection.execute("SELECT id, incident_id FROM alerts").fetchall()
    connection.close()
    into = {incident: body["merged_into"] for incident, body in bodies.items() if body.get("merged_into")}
    wrong = [
        f"{alert} stayed with {incident}, merged into {into[incident]}"
        for alert, incident in alerts
        if incident in into
    ]
    for incident, state in ((incident, bodies[incident].get("state")) for incident in into):
        if state != "closed":
            wrong.append(f"{incident}: merged, and {state}")
        path = [incident]
        while path[-1] in into and len(path) <= len(into):
            path.append(into[path[-1]])
        if path[-1] not in bodies or path[-1] in into:
            wrong.append(f"{incident}: merged into {path[1]}, which leads nowhere")
    return wrong
