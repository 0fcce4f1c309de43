"""Beyond this machine nobody gets in without an account, and Patrol does not start as if they did."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from patrol.adapters.argon2_passwords import Argon2Passwords
from patrol.adapters.sql_accounts import SqlAccounts
from patrol.app import Options, Parts, Role, assembled, run_parts
from patrol.config import WebSettings
from patrol.domain.accounts import AccountRole, TokenUse
from patrol.domain.errors import InputError, PatrolError
from patrol.pipeline.enrolling import Enrolling
from tests.service import configuration

PASSWORD = "correct horse battery staple"


def console(folder: Path, host: str = "127.0.0.1", *, role: Role = Role.CONSOLE) -> Options:
    return Options(
        var=folder,
        roles=frozenset({role}),
        redis_url="redis://127.0.0.1:1/0",
        database_url=f"sqlite:///{folder}/x.db",
        host=host,
        port=0,
    )


def enrolling(parts: Parts) -> Enrolling:
    return Enrolling(SqlAccounts(parts.store), Argon2Passwords(quick=True), parts.clock, "tests (terminal)")


async def run_until_asked(
    options: Options, web: WebSettings, ask: Callable[[str], object] | None, *, account: bool
) -> list[str]:
    """Start, ask, stop; the addresses it was up at."""
    settings, up, is_up, stopping = replace(configuration(), web=web), [], asyncio.Event(), asyncio.Event()
    async with assembled(settings, options) as parts:
        if account:
            await enrolling(parts).add("li", AccountRole.ADMINISTRATOR, PASSWORD)

        def ready(address: str) -> None:
            up.append(address)
            is_up.set()
            if ask is None:
                stopping.set()

        async def asking(_drained: asyncio.Event) -> None:
            await is_up.wait()
            if ask is not None:
                await asyncio.to_thread(ask, up[0])
                stopping.set()

        await run_parts(parts, settings, options, stopping, ready, [asking])
    return up


@pytest.mark.parametrize(
    ("host", "hosts"),
    [("0.0.0.0", ()), ("", ()), ("::", ()), ("127.0.0.1", ("room.example",)), ("localhost", ("a.b",))],
)
def test_beyond_loopback_the_console_does_not_start_without_an_account(
    tmp_path: Path, host: str, hosts: tuple[str, ...]
) -> None:
    options, web = console(tmp_path, host), WebSettings(hosts=hosts)
    with pytest.raises(InputError, match="patrol accounts add NAME --role administrator"):
        asyncio.run(run_until_asked(options, web, None, account=False))


@pytest.mark.parametrize(("host", "account"), [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False)])
def test_with_one_or_on_loopback_it_starts(tmp_path: Path, host: str, account: bool) -> None:
    assert asyncio.run(run_until_asked(console(tmp_path, host), WebSettings(), None, account=account))


def test_the_metrics_of_every_role_need_a_token_once_there_are_accounts(tmp_path: Path) -> None:
    async def run() -> list[int]:
        options = console(tmp_path, role=Role.DISPATCH)
        answers: list[int] = []
        async with assembled(configuration(), options) as parts:
            there = enrolling(parts)
            await there.add("prometheus", AccountRole.VIEWER, PASSWORD)
            token = await there.add_token("prometheus", {TokenUse.METRICS}, "")

        def ask(address: str) -> None:
            for headers in ({}, {"Authorization": f"Bearer {token}"}):
                answers.append(httpx.get(f"{address}metrics", headers=headers).status_code)
            answers.append(httpx.get(f"{address}healthz").status_code)

        await run_until_asked(options, WebSettings(), ask, account=False)
        return answers

    assert asyncio.run(run()) == [401, 200, 200]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_it_speaks_https_itself_where_it_is_given_a_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    wanted = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", "req", "-x509", *wanted, *names], check=True, capture_output=True)
    answers: list[httpx.Response] = []

    def ask(address: str) -> None:
        said = {"name": "li", "password": PASSWORD}
        with httpx.Client(base_url=address, verify=ssl.create_default_context(cafile=certificate)) as client:
            origin = {"Origin": address.rstrip("/")}
            answers.append(client.post("/api/v1/sign-in", json=said, headers=origin))
            answers.append(client.get("/api/v1/me"))

    web = WebSettings(certificate=certificate, key=key)
    (address,) = asyncio.run(run_until_asked(console(tmp_path), web, ask, account=True))
    assert address.startswith("https://127.0.0.1:")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["set-cookie"].startswith("__Host-patrol=")


def test_a_certificate_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("no certificate at all")
    web = WebSettings(certificate=tmp_path / "chain.pem", key=tmp_path / "none.pem")
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run_until_asked(console(tmp_path), web, None, account=False))
    told = caught.value.exceptions[0]
    assert isinstance(told, PatrolError)
    assert "expected a certificate and its key" in str(told)
