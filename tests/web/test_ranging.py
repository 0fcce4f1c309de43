"""A part of a file, as RFC 9110 has it: what cannot be read asks for all, what lies behind the end is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.web.ranging import NoSuchPart, part_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-", range(100)),
        ("bytes=10-19", range(10, 20)),
        ("bytes=10-1000", range(10, 100)),
        ("bytes=-5", range(95, 100)),
        ("bytes=-1000", range(100)),
        ("bytes=99-99", range(99, 100)),
        ("bytes=-", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-5", None),
        ("bytes=a-b", None),
    ],
)
def test_what_is_asked_for(header: str | None, part: range | None) -> None:
    assert part_of(header, 100) == part


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=1000-2000", "bytes=-0"])
def test_a_part_that_is_not_there_is_refused(header: str) -> None:
    with pytest.raises(NoSuchPart):
        part_of(header, 100)


@given(st.from_regex(r"bytes=[0-9]{0,4}-[0-9]{0,4}", fullmatch=True), st.integers(0, 200))
def test_no_header_leads_out_of_the_file(header: str, length: int) -> None:
    try:
        part = part_of(header, length)
    except NoSuchPart:
        return
    assert part is None or (0 <= part.start < part.stop <= length)
