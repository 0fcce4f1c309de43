"""``patrol accounts``: made at the terminal, with a password that nobody else sees."""

from __future__ import annotations

import getpass
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from patrol.cli import make_cli

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


def run(folder: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(make_cli(), ["accounts", *arguments, "--var", str(folder)], input=typed)


def add(folder: Path, name: str, role: str = "operator") -> Result:
    return run(folder, "add", name, "--role", role, typed=f"{PASSWORD}\n")


def test_an_account_is_made_changed_disabled_and_listed(tmp_path: Path) -> None:
    assert add(tmp_path, "李明", "administrator").output == "李明: administrator\n"
    assert add(tmp_path, "wang").exit_code == 0
    assert run(tmp_path, "role", "WANG", "--role", "dispatcher").exit_code == 0
    assert run(tmp_path, "passwd", "wang", typed="another horse battery staple\n").exit_code == 0
    assert run(tmp_path, "disable", "wang").exit_code == 0
    listed = run(tmp_path, "list").output.splitlines()
    assert [line.split()[:2] for line in listed] == [["wang", "dispatcher"], ["李明", "administrator"]]
    assert listed[0].endswith("disabled")
    assert run(tmp_path, "enable", "wang").exit_code == 0
    assert "disabled" not in run(tmp_path, "list").output


def test_whoever_does_it_is_on_record_and_no_password_is(tmp_path: Path) -> None:
    add(tmp_path, "li")
    run(tmp_path, "role", "li", "--role", "supervisor")
    with closing(sqlite3.connect(tmp_path / "patrol.db")) as database:
        deeds = database.execute("SELECT who, action, subject, detail FROM deeds ORDER BY number").fetchall()
        (kept,) = database.execute("SELECT password FROM accounts").fetchone()
    assert [deed[1:] for deed in deeds] == [
        ("add_account", "li", "operator"), ("change_role", "li", "operator -> supervisor"),
    ]  # fmt: skip
    assert all(deed[0].endswith(" (terminal)") for deed in deeds)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_new_database_is_its_users_alone_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "patrol.db"
    add(tmp_path, "li")
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    add(tmp_path, "wang")
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_user_without_a_name_is_on_record_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nameless)
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    assert add(tmp_path, "li").exit_code == 0
    with closing(sqlite3.connect(tmp_path / "patrol.db")) as database:
        assert database.execute("SELECT who FROM deeds").fetchall() == [("uid 4711 (terminal)",)]


def test_a_password_comes_from_a_file_too_and_never_from_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\r\nnot this line\n", "utf-8")
    assert run(tmp_path, "add", "li", "--role", "viewer", "--password-file", str(file)).exit_code == 0
    assert run(tmp_path, "add", "wang", "--role", "viewer", "--password-file", "-", typed=PASSWORD).exit_code == 0
    assert run(tmp_path, "add", "zhao", "--role", "viewer", "--password", PASSWORD).exit_code == 2
    nothing = run(tmp_path, "add", "zhao", "--role", "viewer", "--password-file", str(tmp_path / "none"))
    assert (nothing.exit_code, "cannot be read" in nothing.output) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "typed", "says"),
    [
        (["add", "li", "--role", "viewer"], "short\n", "expected 15 to 256 characters, got 5"),
        (["add", "li", "--role", "viewer"], "", "expected 15 to 256 characters, got 0"),
        (["add", "li li", "--role", "viewer"], f"{PASSWORD}\n", "name: expected"),
        (["add", "Wang", "--role", "viewer"], f"{PASSWORD}\n", "there is an account of that name"),
        (["passwd", "li"], f"{PASSWORD}\n", "there is no account of that name"),
        (["disable", "li"], None, "there is no account of that name"),
        (["token", "li", "--for", "read"], None, "there is no account of that name"),
        (["revoke", "12"], None, "expected the id of one token"),
    ],
)
def test_what_cannot_be_is_told_in_a_line_without_the_password(
    tmp_path: Path, arguments: list[str], typed: str | None, says: str
) -> None:
    add(tmp_path, "wang")
    told = run(tmp_path, *arguments, typed=typed)
    assert told.exit_code == 1
    assert says in told.output
    assert PASSWORD not in told.output
    assert "Traceback" not in told.output


def test_nothing_but_the_first_account_makes_a_database(tmp_path: Path) -> None:
    told = run(tmp_path, "list")
    assert (told.exit_code, "there is no database" in told.output) == (1, True)
    assert not list(tmp_path.iterdir())


def test_a_token_is_shown_once_listed_by_its_id_and_revoked(tmp_path: Path) -> None:
    add(tmp_path, "gateway")
    token = run(tmp_path, "token", "gateway", "--for", "positions", "--for", "read", "--label", "gps").output.strip()
    assert token.startswith("patrol_")
    listed = run(tmp_path, "tokens").output
    assert "positions,read" in listed
    assert token not in listed
    assert token.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert run(tmp_path, "revoke", listed.split()[0]).output == "revoked: gateway gps\n"
    assert run(tmp_path, "tokens").output == ""
