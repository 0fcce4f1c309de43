"""The checker of the fault drill finds merges that went wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from faults.merges import wrong_merges
from tests.faults.test_checking import database as database


def merged(database: Path, **into: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for incident, other in into.items():
            body = json.dumps({"state": "closed", "merged_into": other})
            connection.execute("UPDATE incidents SET body = ? WHERE id = ?", (body, incident.replace("_", "-")))


def test_a_merge_that_lost_its_way_or_left_its_alerts_behind_is_found(database: Path) -> None:
    assert wrong_merges(database) == []
    merged(database, I_2="I-1")
    (left,) = wrong_merges(database)
    assert left == "A-00000002 stayed with I-2, merged into I-1"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alerts SET incident_id = 'I-1'")
    assert wrong_merges(database) == []
    merged(database, I_2="I-77")
    assert wrong_merges(database) == ["I-2: merged into I-77, which leads nowhere"]
    merged(database, I_2="I-1", I_1="I-2")
    assert len([wrong for wrong in wrong_merges(database) if "nowhere" in wrong]) == 2
    with closing(sqlite3.connect(database)) as connection, connection:
        body = json.dumps({"state": "new", "merged_into": "I-1"})
        connection.execute("UPDATE incidents SET body = ? WHERE id = 'I-2'", (body,))
    assert "I-2: merged, and new" in wrong_merges(database)
