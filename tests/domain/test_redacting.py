"""Nothing of an address gets through what is told of a failure, wherever in the words it stands."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.domain.camera import Camera, StreamAddress
from patrol.domain.redacting import LONGEST, redacted
from tests.builders import camera

SAID = (
    "RTSP 401",
    "no picture within 1.5 s",
    "Invalid data found when processing input",
    "a fault in its source (ValueError)",
    "its certificate is not trusted, or no TLS",
    "the stream ended after 0 packets",
    "ECONNRESET",
    "a JPEG of 40000000 pixels",
)
PLAIN = camera(
    "C-1", stream=StreamAddress("rtsp://admin:S3cret-Pa55@10.20.30.40:554/Streaming/101?channel=1&subtype=0")
)

words = st.text(st.characters(min_codepoint=33, max_codepoint=0x4FF), min_size=1, max_size=12)
names = st.from_regex(re.compile(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,4})?", re.ASCII), fullmatch=True)
before, after = st.text(max_size=40), st.text(max_size=200)


@pytest.mark.parametrize("said", SAID)
def test_what_sources_say_of_themselves_is_told_as_it_is(said: str) -> None:
    assert redacted(said, PLAIN) == said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("it redirects to https://10.1.2.3/live?token=abc now", "it redirects to … now"),
        ("connect to 192.168.7.9:8554 failed", "connect to … failed"),
        ("connect to [fe80::1:2]:554 failed", "connect to … failed"),
        ("asked root:hunter2@nvr for it", "asked … for it"),
        ("GET /live?user=a&pwd=b: HTTP 404", "GET … HTTP 404"),
        ("two\nlines\tof \x1b[31mit", "two lines of [31mit"),
    ],
)
def test_what_looks_like_an_address_is_left_out_whosever_it_is(said: str, told: str) -> None:
    assert redacted(said, PLAIN) == told


def test_words_that_hold_a_part_of_the_cameras_own_address_are_not_told_at_all() -> None:
    for part in ("S3cret-Pa55", "s3CRET-pa55", "admin", "10.20.30.40", "channel=1&subtype=0"):
        assert part.lower() not in redacted(f"the camera said {part}", PLAIN).lower()
    still = replace(PLAIN, snapshot=StreamAddress("http://still:An0ther@nvr-7/pic"))
    assert redacted("An0ther is wrong", PLAIN) != ""
    assert redacted("An0ther is wrong", still) == ""
    assert redacted("nvr-7 is away", still) == ""


@given(user=words, password=words, host=names, value=words, start=before, end=after, data=st.data())
def test_no_secret_of_an_address_gets_through(
    user: str, password: str, host: str, value: str, start: str, end: str, data: st.DataObject
) -> None:
    held = quote(value, safe="")
    query = f"token={held}"
    address = f"rtsp://{quote(user, safe='')}:{quote(password, safe='')}@{host}:554/live?{query}"
    one: Camera = camera("C-1", stream=StreamAddress(address))
    secrets = [user, password, quote(password, safe=""), host, query, unquote(query), address]
    told = redacted(start + data.draw(st.sampled_from(secrets)) + end, one)
    assert len(told) <= LONGEST
    assert "\n" not in told
    for secret in (user, password, quote(password, safe=""), host, query, address):
        assert secret.casefold() not in told.casefold()
    if len(value) >= 4:
        assert value.casefold() not in told.casefold()
