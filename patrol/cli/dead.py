"""``patrol dead``: what could not be handled; put back, or dropped."""

from __future__ import annotations

import getpass
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import errors_told
from patrol.cli.queueing import DEFAULT_VAR, RedisUrl, Var, redis_address, with_redis
from patrol.domain.errors import InputError, MessageError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from patrol.adapters.dead_letters import RedisDeadLetters
    from patrol.domain.dead_letters import DeadLetter

Ids = Annotated[list[str] | None, typer.Argument(help="as `patrol dead list` shows them", metavar="ID...")]
Everything = Annotated[bool, typer.Option("--all", help="all there are")]
AT_MOST = 10_000


def register(app: typer.Typer) -> None:
    """Add the commands to the main app."""
    commands = typer.Typer(no_args_is_help=True, help="Look at dead letters, put them back, drop them.")
    commands.command("list")(list_letters)
    commands.command("replay")(replay)
    commands.command("drop")(drop)
    app.add_typer(commands, name="dead")


def list_letters(
    redis: RedisUrl = None,
    var: Var = DEFAULT_VAR,
    limit: Annotated[int, typer.Option(min=1, help="at most so many, the newest first")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: an object a line, with the message")] = False,
) -> None:
    """Every dead letter: what it is, who could not handle it, and why."""
    with errors_told():
        letters = _latest(redis_address(redis, var), limit)
    for letter in letters:
        print(json.dumps(_as_json(letter), ensure_ascii=False) if as_json else _line(letter))
    if not letters and not as_json:
        print("no dead letters")


def replay(
    ids: Ids = None,
    everything: Everything = False,
    redis: RedisUrl = None,
    var: Var = DEFAULT_VAR,
    operator: Annotated[str | None, typer.Option(help="who puts it back; shown with it", show_default="you")] = None,
) -> None:
    """Put messages back on their streams, under the same id. What fails again comes back as a new dead letter."""
    by = operator or getpass.getuser()

    async def put_back(letters: RedisDeadLetters, letter_id: str) -> str:
        return f"back on {(await letters.replay(letter_id, by)).stream}"

    with errors_told():
        address = redis_address(redis, var)
        all_went = _each(address, _chosen(address, ids, everything), put_back)
    raise typer.Exit(0 if all_went else 1)


def drop(
    ids: Ids = None,
    everything: Everything = False,
    redis: RedisUrl = None,
    var: Var = DEFAULT_VAR,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Forget dead letters for good. Nobody can handle them afterwards."""

    async def forget(letters: RedisDeadLetters, letter_id: str) -> str:
        await letters.drop(letter_id)
        return "dropped"

    with errors_told():
        address = redis_address(redis, var)
        chosen = _chosen(address, ids, everything)
        if chosen and not yes:
            typer.confirm(f"Drop {len(chosen)} for good?", abort=True)
        all_went = _each(address, chosen, forget)
    raise typer.Exit(0 if all_went else 1)


def _each(address: str, ids: list[str], work: Callable[[RedisDeadLetters, str], Awaitable[str]]) -> bool:
    """Do it with each, and say how it went. Returns whether it went well with all."""
    from patrol.adapters.dead_letters import RedisDeadLetters

    async def do_all(connection: Redis) -> bool:
        letters, all_went = RedisDeadLetters(connection), True
        for letter_id in ids:
            try:
                print(f"{letter_id}: {await work(letters, letter_id)}")
            except KeyError:
                all_went = False
                typer.echo(f"{letter_id}: there is none of that id", err=True)
            except MessageError as error:
                all_went = False
                typer.echo(f"{letter_id}: stays where it is: {error}", err=True)
        return all_went

    return with_redis(address, do_all)


def _latest(address: str, limit: int) -> list[DeadLetter]:
    from patrol.adapters.dead_letters import RedisDeadLetters

    return list(with_redis(address, lambda redis: RedisDeadLetters(redis).latest(limit)))


def _chosen(address: str, ids: list[str] | None, everything: bool) -> list[str]:
    if bool(ids) == everything:
        raise InputError("say which ones, or --all")
    return list(ids) if ids else [letter.id for letter in reversed(_latest(address, AT_MOST))]


def _line(letter: DeadLetter) -> str:
    from patrol.domain.dead_letters import printable

    at = f"{letter.at:%Y-%m-%d %H:%M:%S}" if letter.at else "?"
    again = f" (put back {letter.replays} times, last by {letter.replayed_by})" if letter.replays else ""
    what = letter.message_id or f"{len(letter.body)} bytes"
    return printable(f"{letter.id:20} {at:19} {letter.stream} {letter.group}: {what}: {letter.reason}{again}")


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "stream": letter.stream,
        "group": letter.group,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "at": letter.at.isoformat() if letter.at else None,
        "replays": letter.replays,
        "replayed_by": letter.replayed_by,
        "ce": letter.body.decode(errors="replace"),
    }
