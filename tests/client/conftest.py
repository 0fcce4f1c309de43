"""A real Valkey, empty for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from patrol.adapters.valkey_embedded import embedded_valkey


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_valkey(tmp_path_factory.mktemp("valkey")) as address:
        yield address


@pytest.fixture
def valkey(server: str) -> Iterator[Redis]:
    with Redis.from_url(server, decode_responses=True) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def url(server: str, valkey: Redis) -> str:
    return server
