"""``patrol tail``: what goes over the queue, as it goes."""

from __future__ import annotations

import contextlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patrol.cli.failing import errors_told
from patrol.cli.queueing import DEFAULT_VAR, RedisUrl, Var, redis_address, with_redis
from patrol.domain.errors import InputError

if TYPE_CHECKING:
    from patrol.adapters.stream_tail import Seen


class Language(StrEnum):
    """Whose words."""

    ZH = "zh"
    EN = "en"


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("tail")(tail)


def tail(
    streams: Annotated[
        list[str] | None,
        typer.Argument(help="alert, alert:red, order, incident, receipt, dead ...; if none, all but positions"),
    ] = None,
    redis: RedisUrl = None,
    var: Var = DEFAULT_VAR,
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="begin with so many of each stream")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="for programs: an object a line")] = False,
    language: Annotated[Language, typer.Option(help="of the words")] = Language.EN,
    stop_after: Annotated[int | None, typer.Option(min=1, help="end after so many messages; else run on")] = None,
) -> None:
    """Follow the queue's streams. It only reads: no consumer group notices. Ctrl-C ends it."""
    from patrol.adapters.stream_tail import follow

    with errors_told():
        names = streams_named(streams or [])

        async def show(connection: Any) -> None:
            shown = 0
            async for seen in follow(connection, names, last):
                print(as_line_of_json(seen) if as_json else described(seen, language), flush=True)
                shown += 1
                if shown == stop_after:
                    return

        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
            with_redis(redis_address(redis, var), show)


def streams_named(words: list[str]) -> list[str]:
    """The streams that short names mean. Raises InputError that lists them."""
    from patrol.domain.messages import POSITION_STREAM, STREAMS

    if not words:  # of positions there are so many that nothing else would be seen
        return [stream for stream in STREAMS if stream != POSITION_STREAM]
    found = []
    for word in words:
        whole = f"patrol:{word.removeprefix('patrol:')}"
        matching = [stream for stream in STREAMS if stream == whole or stream.startswith(f"{whole}:")]
        if not matching:
            names = ", ".join(stream.removeprefix("patrol:") for stream in STREAMS)
            raise InputError(f"{word}: expected one or more of {names}")
        found += matching
    return list(dict.fromkeys(found))


def as_line_of_json(seen: Seen) -> str:
    """The entry whole: what it carries as JSON, if it is JSON."""
    fields: dict[str, Any] = dict(seen.fields)
    with contextlib.suppress(KeyError, ValueError):
        fields["ce"] = json.loads(fields["ce"])
    return json.dumps({"stream": seen.stream, "entry_id": seen.entry_id, **fields}, ensure_ascii=False)


def described(seen: Seen, language: Language) -> str:
    """One line for people. Anything may lie on a stream: what cannot be read is shown as it is."""
    from patrol.domain.dead_letters import printable

    try:
        content = json.loads(seen.fields["ce"])
        data, at = content["data"], content.get("time", "")
        when = str(at)[11:23]
        subject, what = str(content["subject"]).removeprefix("incident/"), _what(data, language)
    except (KeyError, TypeError, ValueError, AttributeError):
        when, subject, what = "", "", f"cannot be read: {seen.fields.get('ce', '')[:80]!r}"
    if "reason" in seen.fields:  # a dead letter
        what = f"{seen.fields.get('stream', '?')} {seen.fields.get('group', '?')}: {seen.fields['reason']} | {what}"
    return printable(f"{when:12} {seen.stream.removeprefix('patrol:'):15} {subject:32} {what}")


def _what(data: dict[str, Any], language: Language) -> str:
    words = data.get("words")
    said = words.get(language.value) if isinstance(words, dict) else None
    named = ("level", "kind", "camera_id", "unit_id", "state", "seat", "disposition", "reason", "reason_code")
    marks = [mark for mark in ("drill", "simulated", "overdue") if data.get(mark) is True]
    parts = [str(data[name]) for name in named if isinstance(data.get(name), str)]
    return " ".join([*parts, *(f"[{mark}]" for mark in marks), *([said] if isinstance(said, str) else [])])
