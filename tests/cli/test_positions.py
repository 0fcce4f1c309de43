"""``patrol positions replay``, on a real Valkey."""

from __future__ import annotations

import json
from pathlib import Path

from redis import Redis
from typer.testing import CliRunner

from patrol.cli import make_cli
from patrol.domain.messages import POSITION_STREAM

CSV = "unit_id,seconds,latitude,longitude\nU-1,0,35.49,112.85\nU-2,0.05,35.5,112.86\nU-1,0.1,35.491,112.85\n"


def test_a_files_positions_come_on_the_stream(valkey: Redis, url: str, tmp_path: Path) -> None:
    file = tmp_path / "walk.csv"
    file.write_text(CSV, "utf-8")
    done = CliRunner().invoke(make_cli(), ["positions", "replay", str(file), "--redis", url, "--speed", "10"])
    assert (done.exit_code, done.output) == (0, "3 positions of 2 units sent\n")
    told = [json.loads(fields["ce"]) for _, fields in valkey.xrange(POSITION_STREAM)]
    assert [(one["subject"], one["data"]["place"]["latitude"]) for one in told] == [
        ("unit/U-1", 35.49), ("unit/U-2", 35.5), ("unit/U-1", 35.491),
    ]  # fmt: skip


def test_a_file_that_is_wrong_sends_nothing_and_says_where(valkey: Redis, url: str, tmp_path: Path) -> None:
    file = tmp_path / "walk.csv"
    file.write_text(CSV + "U-1,x,35.49,112.85\n", "utf-8")
    done = CliRunner().invoke(make_cli(), ["positions", "replay", str(file), "--redis", url])
    assert done.exit_code == 1
    assert "walk.csv, line 5" in done.output
    assert valkey.exists(POSITION_STREAM) == 0
