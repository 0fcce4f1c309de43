"""The checks. Each says what is expected, and if that does not come, what came instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from redis.exceptions import ResponseError

from patrol.client.received import read_data
from patrol.conformance.bench import DEAD_SEAT, TAKEN_BY, Bench, Put
from patrol.domain.errors import MessageError
from patrol.domain.message_data import ReceiptData
from patrol.domain.messages import SOURCE, Envelope, read_receipt

CLOCK_OFF_BY = timedelta(minutes=5)
HOLD_S = 1.5
STARTS_WITHIN_S = 20.0
POISON = (b"not json", b"", b"\xff\xfe", b"[1, 2]", b'{"specversion": "1.0"}')


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One check's end. ``reason``: what came instead, or why it was left out."""

    name: str
    expected: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """``run`` returns what came instead, or None. ``needs_start``: the bench must be able to start the console."""

    name: str
    expected: str
    run: Callable[[Bench], Awaitable[str | None]]
    needs_start: bool = False


async def run_checks(bench: Bench, only: Collection[str] = ()) -> AsyncIterator[Result]:
    """One after the other, in the order in which they are worth reading."""
    for check in CHECKS:
        if only and check.name not in only:
            continue
        if check.needs_start and bench.console is None:
            yield Result(
                check.name, check.expected, Verdict.SKIPPED, "only with --start: it must be killed and restarted"
            )
            continue
        if check.name != "group_at_zero" and bench.console is not None:
            await _up(bench)
        try:
            instead = await check.run(bench)
        except ResponseError as error:
            instead = f"the queue says: {error}"
        verdict = Verdict.PASSED if instead is None else Verdict.FAILED
        yield Result(check.name, check.expected, verdict, instead or "")


async def _up(bench: Bench) -> None:
    """It is up, and has its groups."""
    assert bench.console is not None
    if not bench.console.is_up:
        await bench.console.start()

    await bench.wait(lambda: bench.has_group(bench.streams[0]), STARTS_WITHIN_S)


async def _group_at_zero(bench: Bench) -> str | None:
    before = [await bench.put(stream) for stream in bench.streams]
    if bench.console is not None:
        await bench.console.start()
    missing = list(before)

    async def none_left() -> bool:
        # Of a group made at $ Redis says, too, that it was given them: only receipts tell.
        missing[:] = [put for put in missing if not (await bench.is_done(put) and await _has_receipt(bench, put))]
        return not missing

    if await bench.wait(none_left, STARTS_WITHIN_S if bench.console else None):
        return None
    without = [put.stream for put in missing if not await bench.has_group(put.stream)]
    if without:
        return f"no group {bench.group!r} on {', '.join(without)}"
    return f"{len(missing)} of {len(before)} messages from before it came were not taken: is its group made at $?"


async def _every_stream(bench: Bench) -> str | None:
    missing = await bench.all_done([await bench.put(stream) for stream in bench.streams])
    names = ", ".join(put.stream for put in missing)
    return f"not acknowledged within {bench.within_s:g} s on {names}" if missing else None


async def _receipts(bench: Bench) -> str | None:
    put = await bench.put()
    numbers: dict[str, int] = {}
    if not await bench.wait(lambda: _has_receipt(bench, put)):
        return f"no receipt for {put.subject_id} within {bench.within_s:g} s"
    await bench.wait(lambda: bench.is_done(put))
    for envelope in await bench.receipts(put.subject_id):
        if isinstance(envelope, str):
            return envelope
        if wrong := _wrong_with(envelope, put, bench.group, numbers):
            return f"receipt {envelope.id}: {wrong}"
    return None


def _wrong_with(envelope: Envelope, put: Put, group: str, numbers: dict[str, int]) -> str | None:
    try:
        data = read_data(envelope)
        if not isinstance(data, ReceiptData):
            return f"type: expected a receipt, got {envelope.type}"
        receipt = read_receipt(envelope)
    except MessageError as error:
        return str(error)
    if receipt.subject_id != put.subject_id:
        return f"data.subject_id: expected {put.subject_id}, got {receipt.subject_id}"
    if str(envelope.incident_id) != put.subject_id.replace(put.subject_id[0], "I", 1):
        return f"subject: expected the message's own, got {envelope.subject!r}"
    if receipt.consumer != group:
        return f"data.consumer: expected the group's name {group!r}, got {receipt.consumer!r}"
    if envelope.source == SOURCE:
        return f"source: {SOURCE!r} is Patrol's own; expected one of yours, such as '/{group}'"
    if abs(receipt.at - datetime.now(UTC)) > CLOCK_OFF_BY:
        return f"data.at: expected about now, got {receipt.at.isoformat()}"
    if receipt.sequence <= numbers.get(receipt.subject_id, 0):
        return f"data.sequence: expected more than the last one's, got {receipt.sequence}"
    numbers[receipt.subject_id] = receipt.sequence
    return None


async def _has_receipt(bench: Bench, put: Put) -> bool:
    return bool(await bench.receipts(put.subject_id))


async def _acknowledges_last(bench: Bench) -> str | None:
    async with bench.receipts_refused():
        put = await bench.put()
        if not await bench.wait(lambda: bench.was_delivered(put)):
            return f"not taken within {bench.within_s:g} s"
        if await bench.wait(lambda: bench.is_done(put), HOLD_S):
            return "acknowledged while its receipt could not be stored: a crash there loses it"
    if bench.console is not None:
        await bench.console.start()  # one that ended over it may come back
    if await bench.all_done([put], bench.within_s + bench.lease_s):
        return "not acknowledged after receipts could be stored again"
    return None if await _has_receipt(bench, put) else "acknowledged, and its receipt never came"


async def _duplicate(bench: Bench) -> str | None:
    put = await bench.put()
    if await bench.all_done([put]):
        return f"not acknowledged within {bench.within_s:g} s"
    again = await bench.put_body(put.stream, put.body, put.subject_id)
    if await bench.all_done([again]):
        return "the second time it was not acknowledged"
    await bench.wait(lambda: _never(), HOLD_S / 2)
    kinds: dict[str, set[str]] = {}
    for envelope in await bench.receipts(put.subject_id):
        if isinstance(envelope, Envelope):
            kinds.setdefault(str(envelope.data.get("kind")), set()).add(envelope.id)
    twice = [kind for kind, ids in kinds.items() if len(ids) > 1 and kind in TAKEN_BY[bench.task]]
    return f"acted on twice: two different receipts {', '.join(twice)} for one source + id" if twice else None


async def _never() -> bool:
    return False


async def _unknown_fields(bench: Bench) -> str | None:
    put = await bench.put(
        data={"words": {"zh": "一", "en": "one", "fr": "un"}, "heard_of_next_year": {"a": [1, None]}, "kind": "flood"},
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    if await bench.all_done([put]):
        return f"not acknowledged within {bench.within_s:g} s"
    if letter := await bench.letter(put):
        return f"a dead letter: {letter.get('reason', b'').decode(errors='replace')}"
    return None if await _has_receipt(bench, put) else "acknowledged without a receipt"


async def _unknown_major(bench: Bench) -> str | None:
    sample = "alert" if bench.task == "console" else "order"
    put = await bench.put(type=f"cn.patrol.{sample}.v2", data={"shape": "of next year"})

    async def is_buried() -> bool:
        return await bench.letter(put) is not None

    if not await bench.wait(is_buried):
        what = "acknowledged and dropped" if await bench.is_done(put) else "neither handled nor buried"
        return f"{what}: no dead letter within {bench.within_s:g} s"
    letter = await bench.letter(put) or {}
    if letter.get("ce") != put.body:
        return "the dead letter's ce is not the message unchanged"
    if letter.get("group") != bench.group.encode() or not letter.get("reason"):
        return "the dead letter does not say its group, or no reason"
    return None if await bench.wait(lambda: bench.is_done(put)) else "buried, and not acknowledged"


async def _poison_passes(bench: Bench) -> str | None:
    for poison in POISON:
        await bench.put_body(bench.streams[0], poison)
    await bench.put_body(bench.streams[0], b"hello", name="stranger")
    good = await bench.put()
    missing = await bench.all_done([good])
    return f"the message behind was not acknowledged within {bench.within_s:g} s" if missing else None


async def _poison_is_kept(bench: Bench) -> str | None:
    puts = [await bench.put_body(bench.streams[0], poison) for poison in POISON]
    left = list(puts)

    async def none_left() -> bool:
        left[:] = [put for put in left if await bench.letter(put) is None or not await bench.is_done(put)]
        return not left

    if await bench.wait(none_left):
        return None
    dropped = [put for put in left if await bench.is_done(put)]
    what = "acknowledged and dropped" if dropped else "neither buried nor acknowledged"
    return f"{len(left)} of {len(puts)} {what}: {', '.join(repr(put.body[:30]) for put in left)}"


async def _restart(bench: Bench) -> str | None:
    assert bench.console is not None
    async with bench.receipts_refused():  # so that it holds the message, whatever it does
        put = await bench.put()
        if not await bench.wait(lambda: bench.is_pending(put)):
            return "it did not hold the message when it was killed"
        before = await bench.seats(put.stream)
        await bench.console.kill()
    await bench.console.start()
    if await bench.all_done([put], STARTS_WITHIN_S):
        return f"not acknowledged within {STARTS_WITHIN_S:g} s after the restart: pending entries are not read again"
    if not await _has_receipt(bench, put):
        return "acknowledged without a receipt"
    if new := await bench.seats(put.stream) - before - {DEAD_SEAT}:
        return f"it came back under another name ({', '.join(sorted(new))}), and would not find what it had in hand"
    return None


async def _dead_seat(bench: Bench) -> str | None:
    put = await bench.put_in_dead_hands()
    missing = await bench.all_done([put], bench.lease_s + bench.within_s)
    try:
        if missing:
            return f"what another seat left an hour ago was not taken over within {bench.lease_s:g} s"
        return None if await _has_receipt(bench, put) else "acknowledged without a receipt"
    finally:
        if not missing:
            await bench.redis.xgroup_delconsumer(put.stream, bench.group, DEAD_SEAT)


async def _group_again(bench: Bench) -> str | None:
    stream = bench.streams[-1]
    await bench.redis.xgroup_destroy(stream, bench.group)
    put = await bench.put(stream)
    if await bench.wait(lambda: _has_receipt(bench, put), bench.within_s + STARTS_WITHIN_S / 2):
        return None
    return "after its group was gone (NOGROUP: Redis was emptied), it was not made again"


CHECKS: tuple[Check, ...] = (
    Check("group_at_zero", "its group is made at 0: what was published before it came is taken, too", _group_at_zero),
    Check("every_stream", "a message on every stream is acknowledged in time", _every_stream),
    Check("receipts", "a receipt comes for it, and is as the schema says", _receipts),
    Check(
        "acknowledges_last", "while receipts are refused nothing is acknowledged; then both happen", _acknowledges_last
    ),
    Check("duplicate", "the same source + id again has no second effect", _duplicate),
    Check("unknown_fields", "unknown fields, and values of open sets, are taken like any other", _unknown_fields),
    Check(
        "unknown_major", "an unknown major version becomes a dead letter, unchanged and with a reason", _unknown_major
    ),
    Check("poison_passes", "what cannot be read holds nobody up", _poison_passes),
    Check("poison_is_kept", "what cannot be read becomes a dead letter, and is acknowledged", _poison_is_kept),
    Check(
        "restart", "killed and started again, under the same name, it goes on with what it had in hand", _restart, True
    ),
    Check("dead_seat", "what a dead seat left is taken over", _dead_seat),
    Check("group_again", "after Redis was emptied its group is made again", _group_again),
)
