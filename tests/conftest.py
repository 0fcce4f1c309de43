"""What holds for all tests, and a real Valkey for those that ask for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from redis import Redis

from tests.examples import QUICK, register_profiles

register_profiles()
settings.load_profile(QUICK)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all; its address."""
    from patrol.adapters.valkey_embedded import embedded_valkey

    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
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
