"""How long sign-ins last, and how long guessing takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.accounts import Account, AccountRole, ApiToken, Permission, TokenUse
from patrol.domain.signing_in import (
    ANYBODY,
    FORGOTTEN_AFTER,
    LASTS,
    PATIENCE,
    UNSEEN_FOR,
    VIEWER_LASTS,
    Attempt,
    Bucket,
    Failures,
    begun,
    browser_key,
    buckets_of,
    fingerprint_of,
    machine,
    person,
    wait_s,
)

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
LI = Account("li", AccountRole.OPERATOR, "hash", NOW)


def test_a_sign_in_lasts_a_shift_however_often_somebody_is_seen() -> None:
    sign_in = begun("secret", LI, NOW)
    assert sign_in.id == fingerprint_of("secret")
    almost = NOW + LASTS - timedelta(seconds=1)
    assert not replace(sign_in, seen_at=almost).is_over(almost)
    assert replace(sign_in, seen_at=NOW + LASTS).is_over(NOW + LASTS)


def test_the_screen_on_the_wall_stays_signed_in_for_a_month() -> None:
    assert begun("secret", replace(LI, role=AccountRole.VIEWER), NOW).ends_at == NOW + VIEWER_LASTS


def test_a_sign_in_that_nobody_uses_is_over() -> None:
    sign_in = begun("secret", LI, NOW)
    assert person(LI, sign_in, NOW + UNSEEN_FOR - timedelta(seconds=1)) is not None
    assert person(LI, sign_in, NOW + UNSEEN_FOR) is None


def test_a_disabled_account_is_nobody() -> None:
    gone = replace(LI, is_disabled=True)
    assert person(gone, begun("secret", LI, NOW), NOW) is None
    assert machine(gone, ApiToken("id", "li", "", frozenset({TokenUse.READ}), NOW)) is None


def test_a_machine_may_what_its_token_is_for_and_no_more_than_that() -> None:
    token = ApiToken("id", "li", "gps", frozenset({TokenUse.POSITIONS}), NOW)
    visitor = machine(replace(LI, role=AccountRole.ADMINISTRATOR), token)
    assert visitor is not None
    assert visitor.permissions == {Permission.REPORT_POSITIONS}


def test_in_an_open_room_anybody_may_all_and_has_no_name() -> None:
    assert ANYBODY.permissions == set(Permission)
    assert ANYBODY.name == ""


@pytest.mark.parametrize("bucket", Bucket)
def test_the_first_ones_are_free_and_then_each_waits_twice_as_long(bucket: Bucket) -> None:
    patience = PATIENCE[bucket]
    assert wait_s(bucket, Failures(patience.free, NOW), NOW) == 0.0
    assert wait_s(bucket, Failures(patience.free + 1, NOW), NOW) == patience.first_s
    assert wait_s(bucket, Failures(patience.free + 2, NOW), NOW) == 2 * patience.first_s
    assert wait_s(bucket, Failures(10_000, NOW), NOW) == patience.longest_s


@given(st.sampled_from(Bucket), st.integers(1, 10**6), st.floats(-1e6, 1e6))
def test_a_wait_is_never_longer_than_the_longest_and_runs_out(bucket: Bucket, count: int, elapsed_s: float) -> None:
    now = NOW + timedelta(seconds=elapsed_s)
    waits_s = wait_s(bucket, Failures(count, NOW), now)
    assert 0.0 <= waits_s <= PATIENCE[bucket].longest_s
    assert wait_s(bucket, Failures(count, NOW), max(now, NOW) + timedelta(seconds=waits_s)) <= 1e-6


def test_in_a_day_nobody_guesses_more_than_a_hundred_or_so_at_one_account_from_one_place() -> None:
    failures, now, tries = Failures(0, NOW), NOW, 0
    while now - NOW < timedelta(days=1):
        failures, tries = failures.and_one_more(now), tries + 1
        now += timedelta(seconds=max(0.1, wait_s(Bucket.PAIR, failures, now)))
    assert tries < 120


def test_those_of_yesterday_are_forgotten() -> None:
    assert Failures(40, NOW).and_one_more(NOW + FORGOTTEN_AFTER).count == 1
    assert Failures(40, NOW).and_one_more(NOW + timedelta(hours=1)).count == 41


def test_what_is_kept_of_a_try_says_nothing_of_what_was_typed() -> None:
    buckets = buckets_of("My Secret Password", "10.0.0.9")
    keys = [*buckets.values(), browser_key("My Secret Password", "kept-by-it")]
    assert set(buckets) == set(Bucket) - {Bucket.BROWSER}
    assert not any(said in key.lower() for key in keys for said in ("secret", "10.0.0.9", "kept"))
    assert buckets == buckets_of(" my secret password", "10.0.0.9")


def test_where_somebody_was_signed_in_before_no_stranger_makes_anybody_wait() -> None:
    stranger = Attempt("li", "10.0.0.9", "browser")
    known = Attempt("Li ", "10.0.0.9", "browser", is_known=True)
    assert stranger.buckets == buckets_of("li", "10.0.0.9")
    assert set(known.buckets) == {Bucket.BROWSER}
    assert not set(known.buckets.values()) & set(stranger.buckets.values())
    assert known.line != stranger.line
    others = [Attempt("wang", "10.0.0.9", "browser", is_known=True), Attempt("li", "", "another", is_known=True)]
    assert not [other for other in others if other.buckets == known.buckets or other.line == known.line]
    assert "browser" not in repr(known)


def test_one_behind_a_proxy_of_this_machine_shuts_out_no_other() -> None:
    assert set(buckets_of("li", "127.0.0.1")) == {Bucket.PAIR, Bucket.ACCOUNT}
    assert Bucket.ADDRESS not in buckets_of("li", "::1")
