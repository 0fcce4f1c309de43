"""Who may what, and which names and passwords are taken."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain import feedback
from patrol.domain.accounts import (
    LEAST_ROLE,
    LONGEST_PASSWORD,
    PERMISSION_FOR_USE,
    RESERVED_NAMES,
    SHORTEST_PASSWORD,
    AccountRole,
    Permission,
    TokenUse,
    account_key,
    checked_name,
    checked_password,
    permissions_of,
)
from patrol.domain.errors import InputError
from patrol.pipeline import mustering

GOOD = "correct horse battery staple"


def test_the_tables_name_every_permission_and_every_use() -> None:
    assert set(Permission) - set(LEAST_ROLE) == {Permission.REPORT_POSITIONS}, "for machines alone"
    assert set(PERMISSION_FOR_USE.values()) >= set(Permission) - set(LEAST_ROLE)
    assert set(PERMISSION_FOR_USE) == set(TokenUse)


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (AccountRole.VIEWER, {Permission.SEE}, set(Permission) - {Permission.SEE}),
        (AccountRole.OPERATOR, {Permission.ACT, Permission.LOOK}, {Permission.DISPATCH, Permission.REPLAY}),
        (AccountRole.DISPATCHER, {Permission.ACT, Permission.DISPATCH}, {Permission.REPLAY, Permission.SEE_DEEDS}),
        (AccountRole.SUPERVISOR, {Permission.REPLAY, Permission.SEE_DEEDS}, {Permission.READ_METRICS}),
        (AccountRole.ADMINISTRATOR, set(LEAST_ROLE), {Permission.REPORT_POSITIONS}),
    ],
)
def test_what_a_role_may(role: AccountRole, may: set[Permission], may_not: set[Permission]) -> None:
    assert may <= permissions_of(role)
    assert not may_not & permissions_of(role)


def test_each_role_may_more_than_the_one_before() -> None:
    roles = list(AccountRole)
    for less, more in pairwise(roles):
        assert permissions_of(less) < permissions_of(more)
        assert more.includes(less)
        assert not less.includes(more)


def test_no_token_does_what_people_answer_for() -> None:
    assert not set(PERMISSION_FOR_USE.values()) & {Permission.ACT, Permission.DISPATCH, Permission.SEE_DEEDS}


@pytest.mark.parametrize("name", ["li", "李明", "014233", "Li.Ming", "a_b-c", "买买提·艾力"])
def test_names_that_are_taken(name: str) -> None:
    assert checked_name(f" {name} ") == name


@pytest.mark.parametrize(
    "name", ["", "x", "x" * 33, "li ming", "-li", "l\ni", "li/x", "<b>li", "li\u202e", "rule", "Patrol"]
)
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(InputError, match="name:"):
        checked_name(name)


def test_no_account_is_called_as_patrol_calls_itself() -> None:
    assert {feedback.RULE, mustering.PATROL} == RESERVED_NAMES


def test_spellings_of_one_name_are_one_account() -> None:
    assert account_key("Li ") == account_key("ＬＩ") == account_key("li")


@pytest.mark.parametrize(
    "password", [GOOD, "四个互不相干的词语才好记又难猜哦呀", "x9!kQ2#vB7$mR4pz", "a b c d e f g h 1 2"]
)
def test_good_passwords(password: str) -> None:
    assert checked_password(password, "li") == password


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Xk9!pQ2#vB7$mR", "expected 15 to 256"),
        ("a b" * 86, "expected 15 to 256"),
        ("aaaaaaaaaaaaaaaaaaaa", "too easy"),
        ("abababababababababab", "too easy"),
        ("wang12wang12wang12wa", "again and again"),
        ("abcdefghijklmnopqrst", "neighbours"),
        ("123456789012345678901", "again and again"),
        ("1234567890-qwertyuiop", "neighbours"),
        ("qwertyuiopasdfghjkl", "neighbours"),
        ("poiuytrewq and more", "neighbours"),
        ("correct horse correct horse", "again and again"),
        ("liming-liming-liming", "the account's name"),
        ("patrol-password-123", "what everybody tries"),
        ("Password12345678", "neighbours"),
        ("巡密码警察Police-Patrol", "what everybody tries"),
        ("correct horse\x00 battery", "control"),
    ],
)
def test_passwords_that_are_not_good_enough(password: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as refused:
        checked_password(password, "liming")
    assert password not in str(refused.value)


def test_two_ways_to_write_a_letter_are_one_password() -> None:
    assert checked_password("cafe\u0301 " + GOOD, "li") == checked_password("caf\u00e9 " + GOOD, "li")


@given(st.text(max_size=300))
def test_whatever_is_typed_is_taken_or_refused_without_being_repeated(password: str) -> None:
    try:
        taken = checked_password(password, "li")
    except InputError as refused:
        assert len(password) < SHORTEST_PASSWORD or password not in str(refused)  # noqa: PT017  (or it is taken)
    else:
        assert SHORTEST_PASSWORD <= len(taken) <= LONGEST_PASSWORD
        assert checked_password(taken, "li") == taken
