"""The faults come in an order that the seed decides; and the proxy does what it says."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, cast

import pytest

from faults.dying import DIES_WITHIN_S, STEPS_OF
from faults.injecting import all_faults, only, script
from faults.proxy import Link, Proxy
from faults.world import PATROLS
from patrol.pipeline.steps import Step


def names(seed: int, count: int) -> list[str]:
    return [fault.name for fault in islice(script(all_faults(), random.Random(seed)), count)]


def test_a_seed_gives_the_same_faults_again_and_each_comes_before_any_comes_twice() -> None:
    every = sorted(fault.name for fault in all_faults())
    count = len(every)
    assert names(7, 3 * count) == names(7, 3 * count)
    assert names(7, count) != names(8, count)
    assert sorted(names(7, count)) == sorted(names(8, 2 * count)[count:]) == every


def test_without_a_clock_to_move_only_those_faults_are_left_out() -> None:
    left = {fault.name for fault in all_faults()} - {fault.name for fault in all_faults(with_clock=False)}
    assert left == {"wall clock an hour ahead", "wall clock an hour behind"}


def test_some_faults_can_be_asked_for_by_a_part_of_their_names() -> None:
    chosen = {fault.name for fault in only(all_faults(), ("clock", "link cut"))}
    assert chosen == {
        "wall clock an hour ahead",
        "wall clock an hour behind",
        "link cut",
        "queue failed over, replica's link cut",
    }
    assert only(all_faults(), ()) != []


def test_a_process_is_killed_at_every_named_step() -> None:
    assert {step for steps in STEPS_OF.values() for step in steps} == set(Step)
    assert {name for name, steps in STEPS_OF.items() if Step.STORE_HELD in steps} == set(PATROLS)


class Room:
    """A world of which only what it is asked for is there: what the console answers, and whether a process has died."""

    def __init__(self, findings: Sequence[str] = (), *, dies: bool = True) -> None:
        self.findings, self.dies = findings, dies
        self.counted: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.altered: list[tuple[str, str | None]] = []

    def ask_console(self, path: str) -> str:
        return json.dumps({"room": {"watch": {"findings": [{"kind": kind} for kind in self.findings]}}})

    def let_pass(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        return until()

    def alter(self, name: str, how: str | None) -> None:
        self.altered.append((name, how))

    def die_at(self, name: str, step: str, time_passed: int) -> None:
        assert time_passed > 0

    def is_to_die(self, name: str) -> bool:
        return not self.dies


def done(name: str, room: Any) -> Room:
    (fault,) = only(all_faults(), (name,))
    fault.begin(room, random.Random(1))
    fault.end(room)
    return cast(Room, room)


def test_an_escalator_that_stands_still_must_be_found_by_the_auditor() -> None:
    found = done("escalator stands still", Room(["unpublished", "not_escalated"]))
    assert (found.wrong, sum(found.counted.values())) == ([], 1)
    assert found.altered == [("dispatch", "unfollowed"), ("dispatch", None)]
    missed = done("escalator stands still", Room(["unpublished", "not_followed_up"]))
    assert (len(missed.wrong), sum(missed.counted.values()), missed.altered[-1]) == (1, 0, ("dispatch", None))


def test_a_process_that_does_not_come_to_its_step_is_told() -> None:
    assert done("dispatch-escalated", Room()).wrong == []
    assert done("dispatch-escalated", Room(dies=False)).wrong == [
        f"dispatch did not come to dispatch-escalated within {DIES_WITHIN_S:g} s"
    ]


@pytest.fixture
def echoing() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                echo(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def echo(connection: socket.socket) -> None:
    with connection, suppress(ConnectionError):
        while data := connection.recv(100):
            connection.sendall(data)


def test_a_link_is_open_slow_cut_and_deaf_and_reset(echoing: int) -> None:
    proxy = Proxy(echoing)
    try:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client:
            assert said(client, b"a") == b"a"
            proxy.link = Link.SLOW
            began = time.monotonic()
            assert said(client, b"b") == b"b"
            assert time.monotonic() - began > 0.3
            proxy.link = Link.CUT
            assert said(client, b"c", within_s=0.3) is None
            proxy.link = Link.OPEN
            assert client.recv(100) == b"c"
            proxy.link = Link.DEAF
            assert said(client, b"d", within_s=0.3) is None
            proxy.link = Link.OPEN
            assert said(client, b"e") == b"e"
            proxy.reset()
            assert is_closed(client)
    finally:
        proxy.close()


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(100) == b""
    except ConnectionError:
        return True


def said(client: socket.socket, what: bytes, within_s: float = 5.0) -> bytes | None:
    client.settimeout(within_s)
    client.sendall(what)
    try:
        return client.recv(100)
    except TimeoutError:
        return None
