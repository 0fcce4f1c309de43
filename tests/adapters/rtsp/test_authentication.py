"""Basic and digest authentication, against the examples of the RFCs."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.adapters.rtsp.authentication import (
    LONGEST_HEADER,
    Authentication,
    Challenge,
    Credentials,
    best_of,
    digest,
)

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_7616_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC_7616_CLIENT_NONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def response_in(header: str) -> str:
    found = re.search(r'response="(\w+)"', header)
    assert found
    return found[1]


def test_the_example_of_rfc_2617() -> None:
    challenge = best_of(
        [
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        ]
    )
    assert challenge is not None
    credentials = Credentials("Mufasa", "Circle Of Life")
    header = digest(challenge, credentials, "GET", "/dir/index.html", "00000001", "0a4f113b")
    assert response_in(header) == "6629fae49393a05397450978507c4ef1"
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in header
    assert "qop=auth, nc=00000001" in header
    assert "algorithm" not in header


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    challenge = best_of(
        [f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{RFC_7616_NONCE}"']
    )
    assert challenge is not None
    header = digest(challenge, MUFASA, "GET", "/dir/index.html", "00000001", RFC_7616_CLIENT_NONCE)
    assert response_in(header) == expected
    assert f"algorithm={algorithm}" in header


def test_without_protection_it_is_the_digest_of_older_cameras() -> None:
    challenge = Challenge("md5", {"realm": "IP Camera", "nonce": "abc"})
    header = digest(challenge, Credentials("admin", "12345"), "DESCRIBE", "rtsp://h/1", "00000001", "ignored")
    assert "cnonce" not in header
    # md5(md5("admin:IP Camera:12345"):abc:md5("DESCRIBE:rtsp://h/1")), by md5sum
    assert response_in(header) == "5f21480c173da70310b8e372fb6776c7"


def test_the_strongest_answerable_challenge_is_taken_also_out_of_one_header() -> None:
    weak, strong = 'Digest realm="r", nonce="1"', 'Digest realm="r", nonce="2", algorithm=SHA-256'
    basic, unknown = 'Basic realm="r, with a comma"', 'Digest realm="r", nonce="3", algorithm=SHA-512-256'
    for offered in ([weak, strong, basic, unknown], [f"{basic}, {unknown}, {strong}, {weak}"], [strong]):
        found = best_of(offered)
        assert found is not None
        assert found.parameters["nonce"] == "2"
    assert best_of([basic, unknown]) == Challenge("", {"realm": "r, with a comma"})
    assert best_of([unknown]) is best_of(["Negotiate"]) is best_of([]) is None
    assert best_of(['Digest realm="r", nonce="1", qop="auth-int"']) is None


def test_no_password_before_the_camera_asks_and_one_try_only() -> None:
    authentication = Authentication(MUFASA)
    assert authentication.header("DESCRIBE", "rtsp://h/") is None
    assert authentication.challenged(['Basic realm="r"'])
    assert authentication.header("DESCRIBE", "rtsp://h/") == "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"
    assert not authentication.challenged(['Basic realm="r"'])


def test_a_nonce_that_grew_old_is_replaced_and_requests_are_counted() -> None:
    authentication = Authentication(MUFASA, new_nonce=lambda: "mine")
    assert authentication.challenged(['Digest realm="r", nonce="1", qop=auth'])
    assert ["nc=00000001" in str(authentication.header("SETUP", "u")) for _ in range(2)] == [True, False]
    assert "nc=00000003" in str(authentication.header("PLAY", "u"))
    assert authentication.challenged(['Digest realm="r", nonce="2", qop=auth, stale=TRUE'])
    assert 'nonce="2"' in str(authentication.header("PLAY", "u"))
    assert not authentication.challenged(['Digest realm="r", nonce="3", qop=auth'])


def test_without_credentials_nothing_is_answered() -> None:
    authentication = Authentication(None)
    assert not authentication.challenged(['Basic realm="r"'])
    assert authentication.header("DESCRIBE", "rtsp://h/") is None


def test_a_session_hash_holds_both_nonces() -> None:
    plain = Challenge("md5", {"realm": "r", "nonce": "n", "qop": "auth"})
    session = Challenge("md5", {"realm": "r", "nonce": "n", "qop": "auth", "algorithm": "MD5-sess"})
    headers = [digest(challenge, MUFASA, "PLAY", "u", "00000001", "c") for challenge in (plain, session)]
    assert response_in(headers[0]) != response_in(headers[1])
    assert "algorithm=MD5-sess" in headers[1]


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        # By md5sum and sha256sum: H(H(H("Mufasa:r:Circle of Life"):n:mine):n:0000000X:mine:auth:H("PLAY:u"))
        ("MD5-sess", ["121c0b0ad09a963e319414caf009baec", "76b34e96a38248dc33e8fc8614269be8"]),
        (
            "SHA-256-sess",
            [
                "3f8eb2620e6af771eb91fc6347bc74d7d3406b52f2df3b81ecefb89e11afbede",
                "ecc3dc17fb65f934a8e7dbb772899ff32b19c973d36df701d0e1c6036a4a158a",
            ],
        ),
    ],
)
def test_one_client_nonce_for_each_challenge_as_a_server_may_hash_the_first_once(
    algorithm: str, expected: list[str]
) -> None:
    nonces = iter(["mine", "another", "a third"])
    authentication = Authentication(MUFASA, new_nonce=lambda: next(nonces))
    assert authentication.challenged([f'Digest realm="r", nonce="n", qop=auth, algorithm={algorithm}'])
    headers = [str(authentication.header("PLAY", "u")) for _ in range(2)]
    assert [response_in(header) for header in headers] == expected
    assert authentication.challenged([f'Digest realm="r", nonce="m", qop=auth, stale=true, algorithm={algorithm}'])
    assert 'cnonce="another"' in str(authentication.header("PLAY", "u"))


@pytest.mark.parametrize(
    "asked",
    [
        "Digest",
        "Digest realm",
        'Digest realm="r"',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", qop="auth-int"',
        '"',
        "=,=",
        'Digest realm="r", nonce="n", x="' + "x" * LONGEST_HEADER + '"',
    ],
)
def test_what_cannot_be_answered_is_no_challenge(asked: str) -> None:
    assert not Authentication(MUFASA).challenged([asked])


def test_words_without_a_value_and_quotes_that_nobody_closes_are_passed_over() -> None:
    found = best_of(['Digest realm=IP Camera, nonce="a=b==", junk=, opaque=c=, domain="/'])
    assert found is not None
    assert (found.parameters["realm"], found.parameters["nonce"], found.parameters["opaque"]) == ("IP", "a=b==", "c=")
    found = best_of(['Basic realm="a, Digest nonce=1", charset="UTF-8"'])
    assert found == Challenge("", {"realm": "a, Digest nonce=1", "charset": "UTF-8"})


@given(st.lists(st.text(st.sampled_from('aDigest basic=,\\" \n-'), max_size=60)))
def test_no_header_breaks_anything(headers: list[str]) -> None:
    Authentication(MUFASA).challenged(headers)


@pytest.mark.parametrize("unit", ["a", "a ", "a=", "a,", " ", '"', '="', 'a="\\"', "="])
def test_no_header_takes_long_to_read(unit: str) -> None:
    header = "Digest " + unit * (16_000 // len(unit))
    began = time.thread_time()
    for longest in (16_000, LONGEST_HEADER):
        best_of([header[:longest]] * 8)
    assert time.thread_time() - began < 0.2, "the event loop does nothing else meanwhile"


def test_quotes_in_a_name_or_realm_do_not_break_out() -> None:
    challenge = best_of([r'Digest realm="a \"quoted\" realm", nonce="n"'])
    assert challenge is not None
    assert challenge.parameters["realm"] == 'a "quoted" realm'
    header = digest(challenge, Credentials('ad"min', "p"), "PLAY", "u", "00000001", "c")
    assert r'username="ad\"min"' in header
    assert r'realm="a \"quoted\" realm"' in header


def test_credentials_do_not_show_themselves() -> None:
    assert "Circle" not in repr(MUFASA)
    assert "Mufasa" not in repr(MUFASA)
