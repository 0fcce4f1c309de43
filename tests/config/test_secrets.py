"""Credentials: taken from the environment, percent-encoded, told when missing, never shown."""

from __future__ import annotations

import traceback
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol.config import addresses, load
from patrol.domain.camera import StreamAddress
from patrol.domain.errors import ConfigError
from tests.config.files import CREDENTIALS, changed, loaded, problems_of, sound, written_to

CANARY = "canary-3f9a"


def test_a_password_is_percent_encoded_where_it_stands(tmp_path: Path) -> None:
    environ = {"CAMERA_USER": "ad:min", "CAMERA_PASSWORD": "p@ss/w?rd#1 é"}
    address = loaded(tmp_path, sound(), environ).cameras[0].stream.reveal()

    assert address == "rtsp://ad%3Amin:p%40ss%2Fw%3Frd%231%20%C3%A9@10.1.1.1:554/live"


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_any_user_and_password_come_out_as_they_went_in(user: str, password: str) -> None:
    if any(0xD800 <= ord(character) <= 0xDFFF for character in user + password):
        return  # no such text in an environment
    full = addresses.expanded("rtsp://${U}:${P}@10.0.0.1:554/live?x=1", {"U": user, "P": password})
    parts = urlsplit(full)

    assert addresses.address_problem(full) is None
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert (parts.hostname, parts.port, parts.path) == ("10.0.0.1", 554, "/live")
    assert StreamAddress(full).host == "10.0.0.1:554"


def test_a_variable_can_be_the_whole_address_the_host_or_in_the_query() -> None:
    environ = {"WHOLE": "rtsp://u:p@h/1", "HOST": "10.0.0.9", "KEY": "a&b", "CLIPS": "/clips"}

    assert addresses.expanded("${WHOLE}", environ) == "rtsp://u:p@h/1"
    assert addresses.expanded("http://${HOST}:80/snap?key=${KEY}", environ) == "http://10.0.0.9:80/snap?key=a%26b"
    assert addresses.expanded("file://${CLIPS}/a.mp4", environ) == "file:///clips/a.mp4"


def test_a_missing_variable_is_one_problem_with_the_cameras_that_need_it(tmp_path: Path) -> None:
    data = sound()
    for number in range(3, 10):
        camera = data["sites"][0]["cameras"][0]
        data["sites"][0]["cameras"].append(camera | {"id": f"C-{number}", "host": f"10.1.1.{number}"})
    with pytest.raises(ConfigError) as caught:
        load(written_to(tmp_path, data), {"CAMERA_USER": "patrol", "CAMERA_PASSWORD": ""})

    (problem,) = caught.value.problems
    assert problem.path == "templates.square.stream"
    assert "the environment variable CAMERA_PASSWORD, which is not set" in problem.message
    assert "C-1, C-2 and 7 more cannot be opened" in problem.message


def test_every_missing_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written_to(tmp_path, sound()), {})

    assert ["CAMERA_USER" in str(p) or "CAMERA_PASSWORD" in str(p) for p in caught.value.problems] == [True, True]


def test_without_variables_a_file_can_be_checked_and_never_opened_by_mistake(tmp_path: Path) -> None:
    configuration = load(written_to(tmp_path, sound()), {}, variables_required=False)

    assert [warning.path for warning in configuration.warnings] == ["templates.square.stream"] * 2
    assert configuration.cameras[0].stream.reveal() == "rtsp://${CAMERA_USER}:${CAMERA_PASSWORD}@10.1.1.1:554/live"


def test_a_variable_that_no_camera_needs_is_not_asked_for(tmp_path: Path) -> None:
    data = changed("templates", "spare", to={"stream": "rtsp://${NOBODY}@h/1"})

    assert loaded(tmp_path, data).warnings == ()


ADDRESSES = [
    ("rtsp://{host}/{chanel}", "has a {...} that is not known; expected {host}, {channel} or {id}"),
    ("rtsp://${CAMERA_USER@{host}/", "has a ${ that is not closed"),
    ("rtsp://${CAMERA USER}@{host}/", "has a ${ that is not closed"),
    ("rtsp://{host}/user=${CAMERA_USER}_password=${CAMERA_PASSWORD}", "has a variable in its path"),
    (
        f"ftp://u:{CANARY}@{{host}}/live",
        "begins with one of rtsp://, rtsps://, http://, https://, file:///, synthetic:",
    ),
    (f"u:{CANARY}@{{host}}/live", "got none"),
    (f"rtsp://u:{CANARY}", "has a host or port that cannot be read"),
    (f"rtsp://u:{CANARY}/x@{{host}}:554/live", "has a host or port that cannot be read"),
    (f"rtsp://u:12/{CANARY}@{{host}}:554/live", "has an @ where none can be"),
    (f"rtsp://u:{CANARY}#x@{{host}}/live", "has a host or port that cannot be read"),
    (f"rtsp://u@x:{CANARY}@{{host}}/live", "has an @ where none can be"),
    (f"rtsp://u:{CANARY}@", "has no host"),
    (f"rtsp://u:{CANARY}@{{host}}:99999/live", "has a host or port that cannot be read"),
    (f"rtsp://u:{CANARY}@[::1/live", "has a host or port that cannot be read"),
    (f"rtsp://u:{CANARY}@h\u2100/live", "has a host or port that cannot be read"),
    (f"rtsp://u:{CANARY} @{{host}}/live", "has a space"),
    (f"rtsp://u:{CANARY}\t@{{host}}/live", "has a control character"),
    ("file://clips/a.mp4", "expected file:///path"),
    ("file:///", "expected file:///path"),
    ("file:///clips/a.mp4?offset=nan", "expected seconds, as in ?offset=12.5 (camera C-1)"),
    ("file:///clips/a.mp4?offset=inf", "has an offset that is no number"),
    (f"file:///clips/a.mp4?offset={CANARY}", "has an offset that is no number"),
]


@pytest.mark.parametrize(("address", "expected"), ADDRESSES, ids=[address for address, _ in ADDRESSES])
def test_a_wrong_address_is_told_once_and_never_shown(tmp_path: Path, address: str, expected: str) -> None:
    problems = problems_of(tmp_path, changed("templates", "square", "stream", to=address))

    assert list(problems) == ["templates.square.stream"]
    message = problems["templates.square.stream"].message
    assert expected in message
    assert CANARY not in message


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://10.0.0.1/live",
        "RTSPS://u:p@camera-7.example:322/a/b?c=d@e",
        "http://[2001:db8::1]:8080/snap.jpg",
        "https://h/x",
        "file:///clips/front gate.mp4?offset=12.5",
        "synthetic:seed",
    ],
)
def test_supported_addresses_are_accepted(tmp_path: Path, address: str) -> None:
    assert loaded(tmp_path, changed("cameras", 0, "stream", to=address)).cameras[2].stream.reveal() == address


def test_placeholders_are_filled_from_the_camera(tmp_path: Path) -> None:
    data = changed("templates", "square", "stream", to="rtsp://{host}/{id}/c{channel}")
    for channel, camera in enumerate(data["sites"][0]["cameras"]):
        camera["channel"] = channel
    cameras = loaded(tmp_path, data).cameras

    assert [c.stream.reveal() for c in cameras[:2]] == ["rtsp://10.1.1.1/C-1/c0", "rtsp://10.1.1.2/C-2/c1"]


@pytest.mark.parametrize(
    "place",
    [
        ("station", "at"),
        ("rings", "core", "revisit_bound_s"),
        ("rules", "crowd", "kind"),
        ("sites", 0, "use"),
        ("sites", 0, "cameras", 0, "host"),
        ("sites", 0, "cameras", 0, "id"),
        ("units", 0, "rings"),
        ("detector", ),
        ("web", ),
    ],
    ids=str,
)  # fmt: skip
def test_an_address_in_the_wrong_place_is_not_shown(tmp_path: Path, place: tuple[str | int, ...]) -> None:
    problems = problems_of(tmp_path, changed(*place, to=f"rtsp://u:{CANARY}@10.0.0.1/live"))

    assert CANARY not in "\n".join(str(problem) for problem in problems.values())


def test_an_address_as_a_key_is_not_shown(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, changed("sites", 0, "cameras", 0, f"rtsp://u:{CANARY}@10.0.0.1/live", to=1))

    assert list(problems) == ["sites[0].cameras[0].(an address)"]
    assert CANARY not in "".join(map(str, problems.values()))


def test_no_password_in_the_whole_traceback_of_a_refused_file(tmp_path: Path) -> None:
    data = changed("sites", 0, "cameras", 0, "stream", to=["rtsp://u:" + CANARY])
    data["cameras"][0]["stream"] = f"rtsp://u:{CANARY}@h:x/"
    try:
        load(written_to(tmp_path, data), CREDENTIALS)
    except ConfigError as error:
        told = "".join(traceback.format_exception(error))
    assert "2 problems" in told
    assert CANARY not in told


def test_no_password_in_a_configuration_that_is_printed(tmp_path: Path) -> None:
    configuration = loaded(tmp_path, sound())

    assert CANARY in configuration.cameras[0].stream.reveal(), "else this test tests nothing"
    assert CANARY not in repr(configuration)
