"""The embedded Valkey: a real server that keeps what it took, and never shares its folder with another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from redis.exceptions import RedisError

from patrol.adapters import valkey_embedded
from patrol.adapters.valkey_embedded import embedded_valkey, end_left_over
from patrol.domain.errors import QueueError
from tests.stopwatch import Stopwatch
from tests.waiting import wait_for


def pid_in(folder: Path) -> int:
    return int((folder / "valkey.pid").read_text())


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@contextmanager
def other_patrol(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that keeps its queue in the folder, and the queue's address; killed at the end at the latest."""
    code = (
        "import sys, time; from pathlib import Path; from patrol.adapters.valkey_embedded import embedded_valkey\n"
        "with embedded_valkey(Path(sys.argv[1])) as address: print(address, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True) as patrol:
        assert patrol.stdout is not None
        try:
            yield patrol, patrol.stdout.readline().strip()
        finally:
            patrol.kill()


def answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def test_what_it_acknowledged_is_there_after_it_was_killed(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as address, Redis.from_url(address) as redis:
        for number in range(50):
            redis.xadd("patrol:alert:red", {"ce": str(number)})
        os.kill(pid_in(tmp_path), signal.SIGKILL)
    with embedded_valkey(tmp_path) as address, Redis.from_url(address) as redis:
        assert [fields[b"ce"] for _, fields in redis.xrange("patrol:alert:red")] == [b"%d" % n for n in range(50)]


def test_it_syncs_every_write_listens_on_loopback_only_and_is_gone_afterwards(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as address, Redis.from_url(address) as redis:
        assert urlsplit(address).hostname == "127.0.0.1"
        found = redis.config_get("appendonly", "appendfsync", "bind", "maxmemory-policy")
        assert found == {
            "appendonly": "yes",
            "appendfsync": "always",
            "bind": "127.0.0.1",
            "maxmemory-policy": "noeviction",
        }
        pid = pid_in(tmp_path)
    assert not is_alive(pid)
    assert not (tmp_path / "valkey.pid").exists()


def test_a_server_left_behind_by_a_killed_patrol_is_ended_before_a_new_one_starts(tmp_path: Path) -> None:
    with other_patrol(tmp_path) as (patrol, address):
        left_over = pid_in(tmp_path)
        with Redis.from_url(address) as redis:
            redis.set("kept", "yes")
        patrol.kill()
    assert is_alive(left_over)
    with embedded_valkey(tmp_path) as again, Redis.from_url(again) as redis:
        assert not is_alive(left_over)
        assert redis.get("kept") == b"yes"


def test_a_stranger_with_a_number_used_again_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as stranger:
        try:
            (tmp_path / "valkey.pid").write_text(str(stranger.pid))
            with embedded_valkey(tmp_path):
                assert stranger.poll() is None
        finally:
            stranger.kill()


def test_another_stations_server_is_left_alone_also_where_it_has_the_number_of_ours(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path / "theirs") as address, Redis.from_url(address) as theirs:
        ours = tmp_path / "ours"
        ours.mkdir()
        (ours / "valkey.pid").write_text(str(pid_in(tmp_path / "theirs")))
        with embedded_valkey(ours):
            assert theirs.ping()


@pytest.mark.parametrize("left", ["", "not a number", "999999999"])
def test_an_unreadable_note_of_the_last_server_is_no_hindrance(tmp_path: Path, left: str) -> None:
    (tmp_path / "valkey.pid").write_text(left)
    with embedded_valkey(tmp_path) as address, Redis.from_url(address) as redis:
        assert redis.ping()


def test_a_folder_that_cannot_be_had_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueError, match=r"embedded valkey in .*file/valkey: Not a directory"):  # noqa: SIM117
        with embedded_valkey(tmp_path / "file" / "valkey"):
            pass


def test_a_server_that_cannot_read_its_own_data_is_told_soon_and_says_where_to_look(tmp_path: Path) -> None:
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("this is no manifest\n")
    began = time.monotonic()
    with pytest.raises(QueueError, match=r"did not come up; see .*valkey\.log"):  # noqa: SIM117
        with embedded_valkey(tmp_path):
            pass
    assert time.monotonic() - began < 10
    assert "manifest" in (tmp_path / "valkey.log").read_text()


def test_what_was_left_behind_can_be_ended_before_its_folder_is_emptied(tmp_path: Path) -> None:
    with other_patrol(tmp_path) as (patrol, _):
        pid = pid_in(tmp_path)
        patrol.kill()
    assert is_alive(pid)
    end_left_over(tmp_path)
    assert not is_alive(pid)
    end_left_over(tmp_path / "nothing here")


def test_a_living_patrols_server_is_left_alone_and_a_second_patrol_is_refused(tmp_path: Path) -> None:
    with other_patrol(tmp_path) as (patrol, address), Redis.from_url(address) as redis:
        pid = pid_in(tmp_path)
        with pytest.raises(QueueError, match="another Patrol is using "), embedded_valkey(tmp_path):
            pass
        with pytest.raises(QueueError, match="another Patrol is using "):
            end_left_over(tmp_path)
        assert redis.ping()
        assert pid_in(tmp_path) == pid
        patrol.kill()
    with embedded_valkey(tmp_path) as again, Redis.from_url(again) as redis:  # the kernel gave the lock back
        assert redis.ping()


def test_a_server_that_dies_comes_back_at_its_address_with_its_data_and_is_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "patrol")
    monkeypatch.setattr(valkey_embedded, "STEADY_S", 1.5)  # longer than the second death below takes
    with embedded_valkey(tmp_path) as address, Redis.from_url(address, retry=None) as redis:
        redis.set("kept", "yes")
        for _ in range(2):
            dead = pid_in(tmp_path)
            os.kill(dead, signal.SIGKILL)
            wait_for(lambda: answers(redis))
            assert redis.get("kept") == b"yes"
        wait_for(lambda: len(caplog.records) > 1)
        last = pid_in(tmp_path)
    assert not is_alive(last)
    assert not (tmp_path / "valkey.pid").exists()
    assert [record.message.split(";")[0] for record in caplog.records] == [
        "embedded valkey ended (-9)",
        "embedded valkey is up again, starts: 2",
    ]


def test_the_end_does_not_wait_for_a_server_that_dies_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Stopwatch()
    with embedded_valkey(tmp_path):
        (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("this is no manifest\n")
        os.kill(pid_in(tmp_path), signal.SIGKILL)
        time.sleep(2.0)
        starts = (tmp_path / "valkey.log").read_text().count("FATAL")
        watch.start()
    assert watch.took_s < 1.0
    watch.stop()
    assert 1 <= starts <= 6, "tries are spread out"
    assert len(caplog.records) == 1
