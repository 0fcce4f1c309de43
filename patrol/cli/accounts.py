"""``patrol accounts``: who may sign in, as what, and which machines have a token."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from patrol.cli.failing import errors_told
from patrol.cli.queueing import DEFAULT_VAR
from patrol.domain.accounts import LONGEST_PASSWORD, AccountRole, TokenUse
from patrol.domain.errors import InputError

if TYPE_CHECKING:
    from patrol.pipeline.enrolling import Enrolling

_Result = TypeVar("_Result")

Var = Annotated[Path, typer.Option("--var", help="folder of the database, unless DATABASE_URL says where it is")]
Name = Annotated[str, typer.Argument(help="the account's name: the operator id in all records", metavar="NAME")]
OfRole = Annotated[AccountRole, typer.Option("--role", help="what it may do; each may what those before it may")]
PasswordFile = Annotated[
    Path | None,
    typer.Option(help="its first line is the password; - is stdin. Else it is asked for", metavar="FILE"),
]
ID_SHOWN = 12


def register(app: typer.Typer) -> None:
    """Add the commands to the main app."""
    commands = typer.Typer(
        no_args_is_help=True, help="Who may sign in to the console, and which machines have a token."
    )
    commands.command("add")(add)
    commands.command("list")(list_accounts)
    commands.command("passwd")(passwd)
    commands.command("role")(change_role)
    commands.command("disable")(disable)
    commands.command("enable")(enable)
    commands.command("token")(token)
    commands.command("tokens")(tokens)
    commands.command("revoke")(revoke)
    app.add_typer(commands, name="accounts")


def add(name: Name, role: OfRole, password_file: PasswordFile = None, var: Var = DEFAULT_VAR) -> None:
    """Make an account. From the first one on, nobody gets to the console without signing in."""
    with errors_told():
        password = _password(password_file)
        made = _enrolling(var, lambda enrolling: enrolling.add(name, role, password), begins=True)
    print(f"{made.name}: {made.role.value}")


def list_accounts(var: Var = DEFAULT_VAR) -> None:
    """Every account with its role."""
    with errors_told():
        for account in _enrolling(var, lambda enrolling: enrolling.everybody()):
            disabled = "  disabled" if account.is_disabled else ""
            print(f"{account.name:24} {account.role.value:14} since {account.made_at:%Y-%m-%d}{disabled}")


def passwd(name: Name, password_file: PasswordFile = None, var: Var = DEFAULT_VAR) -> None:
    """Another password. Whoever is signed in by the old one is signed out."""
    with errors_told():
        _enrolling(var, lambda enrolling: enrolling.known(name))  # before anybody types
        password = _password(password_file)
        _enrolling(var, lambda enrolling: enrolling.set_password(name, password))


def change_role(name: Name, role: OfRole, var: Var = DEFAULT_VAR) -> None:
    """Another role. Whoever is signed in signs in anew."""
    with errors_told():
        _enrolling(var, lambda enrolling: enrolling.set_role(name, role))


def disable(name: Name, var: Var = DEFAULT_VAR) -> None:
    """Nobody gets in by it, nor by its tokens, any more. Accounts are not deleted: their names are in the records."""
    with errors_told():
        _enrolling(var, lambda enrolling: enrolling.disable(name, is_disabled=True))


def enable(name: Name, var: Var = DEFAULT_VAR) -> None:
    """It is as it was before it was disabled."""
    with errors_told():
        _enrolling(var, lambda enrolling: enrolling.disable(name, is_disabled=False))


def token(
    name: Name,
    uses: Annotated[list[TokenUse], typer.Option("--for", help="what it may be used for; more than one is fine")],
    label: Annotated[str, typer.Option(help="which machine has it")] = "",
    var: Var = DEFAULT_VAR,
) -> None:
    """A token for a machine, printed this once: `Authorization: Bearer TOKEN`."""
    with errors_told():
        print(_enrolling(var, lambda enrolling: enrolling.add_token(name, uses, label)))


def tokens(var: Var = DEFAULT_VAR) -> None:
    """Every token: the beginning of its id, whose it is and what for; not the token itself, which nobody has."""
    with errors_told():
        for each in _enrolling(var, lambda enrolling: enrolling.tokens()):
            uses = ",".join(sorted(each.uses))
            print(f"{each.id[:ID_SHOWN]}  {each.account:24} {uses:24} since {each.made_at:%Y-%m-%d}  {each.label}")


def revoke(
    token_id: Annotated[str, typer.Argument(help="the beginning of its id, as the list shows it", metavar="ID")],
    var: Var = DEFAULT_VAR,
) -> None:
    """A token is worth nothing from now on."""
    with errors_told():
        revoked = _enrolling(var, lambda enrolling: enrolling.revoke_token(token_id))
    print(f"revoked: {revoked.account} {revoked.label}")


def _password(file: Path | None) -> str:
    """Asked for, twice, where there is somebody to ask; never an argument, which everybody on the machine can read."""
    if file is None and sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt="Once more")
        return password
    try:
        if file is None or str(file) == "-":
            line = sys.stdin.readline(8 * LONGEST_PASSWORD)
        else:
            with file.open(encoding="utf-8") as opened:
                line = opened.readline(8 * LONGEST_PASSWORD)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file or 'stdin'}: the password cannot be read: {type(error).__name__}") from None
    return line.rstrip("\r\n")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container a number is enough
        return f"uid {os.getuid()}"


def _enrolling(var: Path, work: Callable[[Enrolling], Awaitable[_Result]], *, begins: bool = False) -> _Result:
    """``begins``: where there is no database yet, make one."""
    from patrol.adapters.argon2_passwords import Argon2Passwords
    from patrol.adapters.clock import SystemClock
    from patrol.adapters.sql import SqlStore
    from patrol.adapters.sql_accounts import SqlAccounts
    from patrol.pipeline.enrolling import Enrolling

    file = var / "patrol.db"
    address = os.environ.get("DATABASE_URL")
    if not address:
        if not begins and not file.exists():
            raise InputError(f"{file}: there is no database; say where it is with --var or DATABASE_URL")
        var.mkdir(parents=True, exist_ok=True)
        address = f"sqlite:///{file}"

    async def run() -> _Result:
        clock = SystemClock()
        store = SqlStore(address, (), clock)
        try:
            await store.open()
            who = f"{_user()} (terminal)"
            return await work(Enrolling(SqlAccounts(store), Argon2Passwords(), clock, who))
        finally:
            await store.aclose()

    return asyncio.run(run())
