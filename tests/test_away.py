"""Database away, disk full, and kill -9 in the middle of it: processes of their own on a disk that is really full."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from patrol.adapters.disk_spool import decoded
from tests.adapters.small_disk import fill, small_disk
from tests.test_app import Process, processes, query

WITHIN_S = 60.0


def until(holds: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert process.popen.poll() is None, process.said()
        assert time.monotonic() < deadline, process.said()
        time.sleep(0.05)


def kill(process: Process) -> None:
    process.popen.kill()
    process.popen.wait()


def kept(folder: Path) -> dict[str, str]:
    """The alerts that lie in the spool, and when each was detected."""
    found: dict[str, str] = {}
    for path in sorted((folder / "spool").glob("*.alert")):
        with contextlib.suppress(FileNotFoundError):  # it has just been accepted
            record = decoded(path.read_bytes())[0]
            found[record.alert_id] = record.detected_at.isoformat()
    return found


def accepted(folder: Path) -> dict[str, str]:
    """The alerts in the store, and when each was detected; in the order of acceptance."""
    statement = "select id, json_extract(body, '$.detected_at') from alerts order by accepted_at"
    try:
        rows = query(folder / "patrol.db", statement)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return {}  # the process is only just making them
    return {str(alert_id): str(at).replace("Z", "+00:00") for alert_id, at in rows}


def pictures(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "evidence").rglob("*.jpg")}


def wanted_pictures(folder: Path) -> set[str]:
    rows = query(folder / "patrol.db", "select json_extract(body, '$.evidence_id') from alerts")
    return {str(row[0]) for row in rows}


def says_that_alerts_are_kept(line: bytes, since: datetime) -> bool:
    """Whether this line of the feed says that there are alerts now that the store has not taken since then."""
    said, _, data = line.partition(b": ")
    if said != b"data":
        return False
    message = json.loads(data)
    changed = message.get("room", {})  # all of it, or only what is another than before
    waiting = changed["storage"]["kept"]["waiting"] if "storage" in changed else 0
    return datetime.fromisoformat(message["at"]) > since and waiting > 0


def start_alerting(start: Callable[..., Process], folder: Path, log: Path, events: int, *more: str) -> Process:
    process = start(["-m", "tests.alerting_process", str(folder), str(events), *more], log)
    process.wait_for("up", 60)
    return process


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process holds the database, as a backup that hangs does."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("begin exclusive")
        yield
        connection.execute("rollback")


@pytest.mark.long
def test_killed_while_the_database_is_locked_it_accepts_every_alert_when_it_is_back(tmp_path: Path) -> None:
    """kill -9 twice, while alerts are kept and while they are put to the store; each exactly once, as it happened."""
    folder = tmp_path / "var"
    folder.mkdir()
    with processes() as start:
        process = start_alerting(start, folder, tmp_path / "log-1", 3)
        until(lambda: len(accepted(folder)) == 3, process)
        with locked(folder / "patrol.db"):
            kill(process)
            # Started anew while it is locked: that is no reason to see nothing.
            process = start_alerting(start, folder, tmp_path / "log-2", 30)
            process.wait_for("all submitted", 60)
            until(lambda: len(kept(folder)) > 20, process)
            kill(process)
            waiting = kept(folder)
            assert "started without the database; alerts are kept on the local disk" in process.said()
        process = start_alerting(start, folder, tmp_path / "log-3", 0)
        until(lambda: len(kept(folder)) < len(waiting) - 5, process)
        kill(process)
        process = start_alerting(start, folder, tmp_path / "log-4", 0)
        until(lambda: not kept(folder), process)
        stored = accepted(folder)
        assert waiting.items() <= stored.items()
        # In their order, and the later ones behind those that waited.
        assert [alert_id for alert_id in stored if alert_id in waiting] == list(waiting)
        assert wanted_pictures(folder) <= pictures(folder)


@pytest.mark.long
def test_on_a_full_disk_alerts_are_kept_in_the_reserve_over_a_kill_and_nothing_accepted_is_hurt(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 12) as folder, processes() as start:
        process = start_alerting(start, folder, tmp_path / "log-1", 5)
        until(lambda: len(accepted(folder)) == 5, process)
        before = accepted(folder)
        kill(process)
        process = start_alerting(start, folder, tmp_path / "log-2", 12)
        filler = fill(folder)
        process.wait_for("all submitted", 60)
        until(lambda: len(kept(folder)) + len(accepted(folder)) >= 17, process)
        # By the picture's file or by the database, whichever came first.
        assert any(reason in process.said() for reason in ("No space left on device", "disk is full"))
        kill(process)
        waiting = kept(folder)
        assert waiting
        filler.unlink()
        process = start_alerting(start, folder, tmp_path / "log-3", 0)
        until(lambda: not kept(folder), process)
        stored = accepted(folder)
        assert before.items() <= stored.items()
        assert waiting.items() <= stored.items()
        assert len(stored) == 17
        assert wanted_pictures(folder) <= pictures(folder)
        with closing(sqlite3.connect(folder / "patrol.db")) as connection:
            assert connection.execute("pragma integrity_check").fetchone() == ("ok",)


def test_where_not_even_the_reserve_is_left_alerts_wait_loudly_and_go_on_by_themselves(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 6) as folder, processes() as start:
        process = start_alerting(start, folder, tmp_path / "log", 20, "200")
        filler = fill(folder)
        process.wait_for("is refused and waits: ", 60)
        process.wait_for("all submitted", 60)
        waiting = kept(folder)
        assert len(waiting) + len(accepted(folder)) < 20
        filler.unlink()
        until(lambda: len(accepted(folder)) == 20, process)
        assert waiting.items() <= accepted(folder).items()
        assert wanted_pictures(folder) <= pictures(folder)


@pytest.mark.long
def test_a_whole_patrol_without_its_database_says_so_within_five_seconds_and_keeps_what_it_sees(tmp_path: Path) -> None:
    var = tmp_path / "var"
    with processes() as start:
        process = start(["-m", "tests.service", str(var)], tmp_path / "log-1")
        process.wait_for("up http", 60)
        (address,) = re.findall(r"up (http\S+)", process.said())
        with urllib.request.urlopen(f"{address}api/v1/events", timeout=WITHIN_S) as events, locked(var / "patrol.db"):
            locked_at, began = datetime.now(UTC), time.monotonic()
            while not says_that_alerts_are_kept(events.readline(), locked_at):
                pass
            told_after_s = time.monotonic() - began
            kill(process)
            waiting = kept(var)
        assert waiting
        assert told_after_s < 5.0
        process = start(["-m", "tests.service", str(var)], tmp_path / "log-2")
        until(lambda: not kept(var) and waiting.keys() <= accepted(var).keys(), process)
        assert waiting.items() <= accepted(var).items()
        assert wanted_pictures(var) <= pictures(var)
