"""Traces as W3C Trace Context has them: one an incident, a span a message; what others write is read gently."""

from __future__ import annotations

import re

import pytest

from patrol.domain.tracing import read_traceparent, trace_id, traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_traceparent_is_well_formed_and_read_back() -> None:
    text = traceparent(trace_id("I-1"), "/patrol", "A-1")
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", text)
    assert read_traceparent(text) == trace_id("I-1")


def test_every_process_makes_the_same_one_and_each_incident_another() -> None:
    # Fixed: a process of another version must find the trace again, too.
    assert trace_id("I-1") == "276f83075c3d739385d633b5b12165a8"
    assert len({trace_id(f"I-{number}") for number in range(1000)}) == 1000


def test_a_message_sent_again_is_the_same_span_and_one_of_the_same_id_from_elsewhere_another() -> None:
    trace = trace_id("I-1")
    assert traceparent(trace, "/patrol", "A-1") == traceparent(trace, "/patrol", "A-1")
    others = {
        traceparent(trace, "/patrol", "A-1"),
        traceparent(trace, "/other", "A-1"),
        traceparent(trace, "/patrol", "2"),
    }
    assert len(others) == 3


def test_what_a_later_version_adds_is_left_alone() -> None:
    assert read_traceparent(f"01-{TRACE}-{SPAN}-01-more") == TRACE


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "00-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_what_is_none_is_taken_for_none(text: object) -> None:
    assert read_traceparent(text) is None
