"""``patrol tail`` and ``patrol dead``, on a real Valkey."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from patrol.adapters.valkey_embedded import embedded_valkey, running_address
from patrol.cli import make_cli
from patrol.contract.samples import samples
from patrol.domain.messages import DEAD_STREAM

ALERT = samples()["alert"]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)


def patrol(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(make_cli(), list(arguments), input=typed)


def bury(valkey: Redis, reason: str = "no such incident", **changes: str) -> str:
    fields = {"ce": ALERT.body, "stream": ALERT.stream, "group": "dispatch", "attempts": "5", "reason": reason}
    return str(valkey.xadd(DEAD_STREAM, {**fields, "at": "2026-05-01T02:30:04.231+00:00", **changes}))


class TestTail:
    def test_shows_every_message_in_a_line_and_disturbs_no_group(self, valkey: Redis) -> None:
        valkey.xgroup_create(ALERT.stream, "desk", id="0", mkstream=True)
        for message in samples().values():
            valkey.xadd(message.stream, {"ce": message.body})
        result = patrol("tail", "--last", "9", "--stop-after", "6")
        assert result.exit_code == 0, result.output
        lines = result.output.splitlines()
        assert len(lines) == 6
        assert lines[0].split()[:3] == ["02:30:04.231", "alert:red", "I-20260501-023004-91b7f2c40e6d"]
        assert lines[0].endswith("red crowd C-005 7 in north half of the square (threshold 5), for 4 s")
        assert "accepted" not in lines[0]
        assert valkey.xinfo_groups(ALERT.stream)[0]["entries-read"] in (None, 0)

    def test_takes_the_streams_asked_for_and_the_other_language(self, valkey: Redis) -> None:
        for message in samples().values():
            valkey.xadd(message.stream, {"ce": message.body})
        result = patrol("tail", "order", "alert:red", "--last", "1", "--stop-after", "2", "--language", "zh")
        assert ["alert:red" in result.output, "order:core" in result.output] == [True, True]
        assert "广场北半内 7 人" in result.output

    def test_as_json_holds_the_whole_message(self, valkey: Redis) -> None:
        valkey.xadd(ALERT.stream, {"ce": ALERT.body})
        result = patrol("tail", "alert", "--last", "1", "--stop-after", "1", "--json")
        shown = json.loads(result.output)
        assert (shown["stream"], shown["ce"]) == (ALERT.stream, json.loads(ALERT.body))

    def test_shows_what_cannot_be_read_and_never_lets_it_drive_the_terminal(self, valkey: Redis) -> None:
        valkey.xadd(ALERT.stream, {"ce": "\x1b[2J not json\nsecond line"})
        valkey.xadd(ALERT.stream, {"ce": json.dumps({"data": 7, "subject": "incident/\x1b[31mI-1"})})
        bury(valkey, "\x1b]0;title\x07")
        result = patrol("tail", "--last", "9", "--stop-after", "3")
        assert len(result.output.splitlines()) == 3
        assert "\x1b" not in result.output
        assert "cannot be read" in result.output

    def test_an_unknown_stream_is_said_with_those_there_are(self) -> None:
        result = patrol("tail", "weather")
        assert result.exit_code == 1
        assert "weather: expected one or more of alert:red" in result.output


class TestDead:
    def test_list_shows_each_with_its_reason(self, valkey: Redis) -> None:
        assert patrol("dead", "list").output == "no dead letters\n"
        letter_id = bury(valkey)
        bury(valkey, ce="poison\x1b", reason="expected JSON")
        newest, oldest = patrol("dead", "list").output.splitlines()
        assert oldest.startswith(letter_id)
        assert oldest.endswith("patrol:alert:red dispatch: A-20260501-023004-5e1c0d9a7b34: no such incident")
        assert newest.endswith("7 bytes: expected JSON")
        shown = json.loads(patrol("dead", "list", "--json", "--limit", "1").output)
        assert (shown["reason"], shown["ce"], shown["replays"]) == ("expected JSON", "poison\x1b", 0)

    def test_replay_puts_back_and_says_so_and_who_did_it_is_kept(self, valkey: Redis) -> None:
        result = patrol("dead", "replay", letter_id := bury(valkey), "--operator", "li")
        assert (result.exit_code, result.output) == (0, f"{letter_id}: back on {ALERT.stream}\n")
        assert [fields["ce"] for _, fields in valkey.xrange(ALERT.stream)] == [ALERT.body]
        bury(valkey)
        assert "put back 1 times, last by li" in patrol("dead", "list").output

    def test_replay_of_all_takes_what_can_go_and_says_what_cannot(self, valkey: Redis) -> None:
        bury(valkey)
        stays = bury(valkey, stream="somewhere")
        result = patrol("dead", "replay", "--all")
        assert result.exit_code == 1
        assert f"{stays}: stays where it is: stream: 'somewhere'" in result.output
        assert (valkey.xlen(ALERT.stream), valkey.xlen(DEAD_STREAM)) == (1, 1)

    def test_drop_asks_first(self, valkey: Redis) -> None:
        letter_id = bury(valkey)
        refused = patrol("dead", "drop", letter_id, typed="n\n")
        assert (refused.exit_code, valkey.xlen(DEAD_STREAM)) == (1, 1)
        assert "Drop 1 for good?" in refused.output
        assert patrol("dead", "drop", letter_id, typed="y\n").exit_code == 0
        assert valkey.xlen(DEAD_STREAM) == 0
        bury(valkey)
        assert patrol("dead", "drop", "--all", "--yes").exit_code == 0
        assert valkey.xlen(DEAD_STREAM) == 0

    def test_one_that_is_not_there_and_none_at_all_are_said(self) -> None:
        gone = patrol("dead", "drop", "1-1", "--yes")
        assert (gone.exit_code, gone.output) == (1, "1-1: there is none of that id\n")
        neither = patrol("dead", "replay")
        assert (neither.exit_code, neither.output) == (1, "patrol: say which ones, or --all\n")


class TestWhichQueue:
    def test_the_embedded_one_of_a_patrol_that_runs_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REDIS_URL")
        nowhere = patrol("dead", "list", "--var", str(tmp_path))
        assert nowhere.exit_code == 1
        assert "no queue: set REDIS_URL or say --redis" in nowhere.output
        with embedded_valkey(tmp_path / "demo" / "valkey") as address:
            assert running_address(tmp_path / "demo" / "valkey") == address
            assert patrol("dead", "list", "--var", str(tmp_path)).output == "no dead letters\n"
        assert running_address(tmp_path / "demo" / "valkey") is None

    def test_one_that_is_away_is_told_in_a_line(self) -> None:
        result = patrol("dead", "list", "--redis", "redis://:secret@127.0.0.1:9/0")
        assert (result.exit_code, result.output) == (1, "patrol: redis: ConnectionError\n")
