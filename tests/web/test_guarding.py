"""Which names are ours."""

from __future__ import annotations

import pytest

from patrol.web.guarding import is_own_host


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8476", "[::1]:8476", "10.1.2.3", "localhost:8476", "patrol", "station.example:80"]
)
def test_ours(host: str) -> None:
    assert is_own_host(host, {"station.example"})


@pytest.mark.parametrize(
    "host",
    ["", ":80", "rebound.example", "127.0.0.1.rebound.example", "station.example.org", "[::1", "a@rebound.example"],
)
def test_not_ours(host: str) -> None:
    assert not is_own_host(host, {"station.example"})
