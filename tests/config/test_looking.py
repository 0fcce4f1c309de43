"""How cameras are looked at: strategies, still pictures, masks, and what hosts bear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patrol.domain.camera import Strategy
from tests.config.files import CREDENTIALS, GROUND, changed, loaded, problems_of, sound

CANARY = CREDENTIALS["CAMERA_PASSWORD"]
WINDOWS = [[0.6, 0.0], [1.0, 0.0], [1.0, 0.2], [0.6, 0.2]]
STILL = "http://${CAMERA_USER}:${CAMERA_PASSWORD}@{host}/still/{id}.jpg"


def with_template(**keys: Any) -> dict[str, Any]:
    """The sound file with these keys in the template that all its cameras use."""
    data = sound()
    data["templates"]["square"] |= keys
    return data


def with_camera(**keys: Any) -> dict[str, Any]:
    """The sound file with these keys in its first camera."""
    data = sound()
    data["sites"][0]["cameras"][0] |= keys
    return data


def test_what_says_nothing_is_looked_at_as_measures_best(tmp_path: Path) -> None:
    camera = loaded(tmp_path, sound()).cameras[0]

    assert (camera.strategy, camera.snapshot, camera.masks) == (Strategy.AUTO, None, ())


def test_a_template_lends_strategy_still_pictures_and_masks(tmp_path: Path) -> None:
    data = with_template(strategy="snapshot", snapshot=STILL, masks=[{"polygon": WINDOWS}])
    data["cameras"][0]["host"] = "10.1.2.1"
    east, west, _ = loaded(tmp_path, data).cameras

    assert east.strategy is west.strategy is Strategy.SNAPSHOT
    assert east.masks == west.masks == (tuple((x, y) for x, y in WINDOWS),)
    assert [c.snapshot.reveal() for c in (east, west) if c.snapshot is not None] == [
        f"http://patrol:{CANARY}@10.1.1.1/still/C-1.jpg",
        f"http://patrol:{CANARY}@10.1.1.2/still/C-2.jpg",
    ]


def test_a_camera_s_own_words_come_first_also_that_it_has_no_mask(tmp_path: Path) -> None:
    data = with_template(strategy="cold", masks=[{"polygon": WINDOWS}])
    data["sites"][0]["cameras"][0] |= {"strategy": "warm", "masks": []}
    east, west, _ = loaded(tmp_path, data).cameras

    assert (east.strategy, east.masks) == (Strategy.WARM, ())
    assert (west.strategy, len(west.masks)) == (Strategy.COLD, 1)


def test_whether_a_view_is_shared_is_a_template_s_to_lend_and_a_camera_s_to_say(tmp_path: Path) -> None:
    assert not any(camera.shared_view for camera in loaded(tmp_path, sound()).cameras)
    data = with_template(shared_view=True)
    data["sites"][0]["cameras"][0]["shared_view"] = False
    assert [camera.shared_view for camera in loaded(tmp_path, data).cameras[:2]] == [False, True]


def test_the_credentials_of_still_pictures_are_never_shown(tmp_path: Path) -> None:
    data = with_camera(snapshot=STILL)
    configuration = loaded(tmp_path, data)

    assert configuration.cameras[0].snapshot is not None
    assert CANARY in configuration.cameras[0].snapshot.reveal(), "else this test tests nothing"
    assert CANARY not in repr(configuration)


def test_an_http_stream_is_an_address_of_still_pictures_itself(tmp_path: Path) -> None:
    assert loaded(tmp_path, changed("cameras", 0, "strategy", to="snapshot")).cameras[2].strategy is Strategy.SNAPSHOT


def test_a_variable_only_still_pictures_need_is_asked_for(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, with_camera(snapshot="http://{host}/s.jpg?key=${STILL_KEY}"))

    assert "needs the environment variable STILL_KEY" in problems["sites[0].cameras[0].snapshot"].message


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (with_camera(shared_view="yes"), "sites[0].cameras[0].shared_view", "true or false"),
    (with_template(strategy="hot"), "templates.square.strategy", "one of 'auto', 'cold', 'warm' or 'snapshot'"),
    (
        with_template(strategy="snapshot"),
        "templates.square.strategy",
        "is snapshot, but C-1, C-2 have no http or https address; expected snapshot, or stream",
    ),
    (
        with_camera(strategy="snapshot"),
        "sites[0].cameras[0].strategy",
        "is snapshot, but C-1 have no http or https address",
    ),
    (
        changed("cameras", 0, "strategy", to="warm"),
        "cameras[0].strategy",
        "is warm, but P-1 have an http or https stream",
    ),
    (
        with_camera(snapshot=f"rtsp://u:{CANARY}@10.0.0.1/"),
        "sites[0].cameras[0].snapshot",
        "expected an address that begins with http:// or https://",
    ),
    (with_camera(snapshot=f"ftp://u:{CANARY}@h/"), "sites[0].cameras[0].snapshot", "begins with one of rtsp://"),
    (with_camera(snapshot=f"http://u:{CANARY}@h:x/"), "sites[0].cameras[0].snapshot", "has a host or port"),
    (with_camera(snapshot=[f"http://u:{CANARY}@h/"]), "sites[0].cameras[0].snapshot", "expected text, got a value"),
    (with_camera(snapshot="http://{host}/{channel}.jpg"), "sites[0].cameras[0]", "has no channel"),
    (with_camera(masks=[{"polygon": [[0, 0], [1, 1]]}]), "sites[0].cameras[0].masks[0].polygon", "at least 3"),
    (
        with_camera(masks=[{"polygon": [[0, 0], [1, 1], [1, 0], [0, 1]]}]),
        "sites[0].cameras[0].masks[0].polygon",
        "edges that do not cross",
    ),
    (
        with_camera(masks=[{"polygon": [[0, 0], [2, 0], [1, 1]]}]),
        "sites[0].cameras[0].masks[0].polygon",
        "every x and y between 0 and 1",
    ),
    (with_camera(masks=[{"name": "窗户"}]), "sites[0].cameras[0].masks[0].polygon", "is missing; expected [[x, y]"),
    (with_camera(masks=[WINDOWS]), "sites[0].cameras[0].masks[0]", "expected keys with values, got a list of 4"),
    (sound() | {"tour": {"hosts": {"10.1.1.1": {"sessions": 0}}}}, "tour.hosts.10.1.1.1.sessions", "1 or more, got 0"),
    (sound() | {"tour": {"hosts": {"10.1.1.1:554": {"sessions": 2}}}}, "tour.hosts.10.1.1.1:554", "a host name or"),
    (sound() | {"tour": {"sessions_per_host": 1.5}}, "tour.sessions_per_host", "expected a whole number, got 1.5"),
    (sound() | {"tour": {"retries_per_s": 0}}, "tour.retries_per_s", "expected more than 0, got 0"),
    (sound() | {"web": {"hosts": ["http://room.example"]}}, "web.hosts[0]", "expected a host name or IPv4 address"),
    (sound() | {"web": {"key": "key.pem"}}, "web", "has one of certificate and key; expected both or none"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "path", "expected"), WRONG, ids=[f"{p}: {e}"[:70] for _, p, e in WRONG])
def test_what_is_wrong_is_told_once_with_its_place_and_without_secrets(
    tmp_path: Path, data: dict[str, Any], path: str, expected: str
) -> None:
    problems = problems_of(tmp_path, data)

    assert list(problems) == [path]
    assert expected in problems[path].message
    assert CANARY not in problems[path].message


def test_more_warm_cameras_than_streams_may_be_kept_open(tmp_path: Path) -> None:
    data = with_template(strategy="warm") | {"tour": {"warm_sessions": 2}}
    data["cameras"][0]["stream"] = "rtsp://10.1.2.1/live"
    problem = problems_of(tmp_path, data)["tour.warm_sessions"]

    assert problem.message.startswith("3 cameras are to be kept open (strategy warm); expected 3 or more")
    assert problem.message.endswith("got 2")


def test_more_warm_cameras_than_their_recorder_bears(tmp_path: Path) -> None:
    data = with_template(strategy="warm", stream="rtsp://10.9.9.9/{id}")
    data["cameras"][0]["stream"] = "rtsp://10.1.2.1/live"
    data["tour"] = {"hosts": {"10.9.9.9": {"sessions": 1}}}
    problem = problems_of(tmp_path, data)["templates.square.strategy"]

    assert problem.message == (
        "C-1, C-2 are to be kept open (strategy warm) on 10.9.9.9, which bears 1 sessions; "
        "expected 2 or more under tour.hosts, or fewer such cameras"
    )


def recorder_with(warm: int, cold: int, sessions: int, **cold_keys: Any) -> dict[str, Any]:
    """The sound file with one recorder, on which so many cameras are to be kept open beside the others."""
    data = with_template(stream="rtsp://10.9.9.9/{id}") | {"tour": {"sessions_per_host": sessions}}
    first = data["sites"][0]["cameras"][0]
    kept = [first | {"id": f"W-{n}", "strategy": "warm"} for n in range(warm)]
    data["sites"][0]["cameras"] = kept + [first | {"id": f"C-{n}", **cold_keys} for n in range(cold)]
    data["cameras"][0]["stream"] = "rtsp://10.1.2.1/live"
    return data


def test_warm_cameras_that_leave_their_neighbours_no_session(tmp_path: Path) -> None:
    problem = problems_of(tmp_path, recorder_with(4, 2, 4))["sites[0].cameras[3].strategy"]

    assert problem.message == (
        "W-0, W-1 and 2 more are to be kept open (strategy warm) on 10.9.9.9, which bears 4 sessions, "
        "and C-0, C-1 need one, too; expected 5 or more under tour.hosts, or fewer such cameras"
    )


@pytest.mark.parametrize(
    "data",
    [
        recorder_with(4, 2, 5),
        recorder_with(4, 0, 4),
        recorder_with(4, 2, 4, strategy="snapshot", snapshot="http://10.9.9.8/{id}.jpg"),
    ],
    ids=["one session left", "nobody else there", "the others on another host"],
)
def test_warm_cameras_that_leave_their_neighbours_a_session(tmp_path: Path, data: dict[str, Any]) -> None:
    assert loaded(tmp_path, data).cameras


def test_a_mask_that_hides_a_whole_zone_is_worth_a_warning(tmp_path: Path) -> None:
    halves = [
        {"polygon": [[0.0, 0.2], [0.5, 0.2], [0.5, 1.0], [0.0, 1.0]]},
        {"polygon": [[0.5, 0.2], [1.0, 0.2], [1.0, 1.0], [0.5, 1.0]]},
    ]
    (warning,) = loaded(tmp_path, with_camera(masks=halves)).warnings

    assert warning.path == "sites[0].cameras[0].masks"
    assert "cover the whole zone 'ground' of C-1: it never raises an alert" in warning.message


def test_a_mask_beside_or_in_a_zone_is_not(tmp_path: Path) -> None:
    inside = [[0.1, 0.4], [0.9, 0.4], [0.9, 0.9], [0.1, 0.9]]

    assert loaded(tmp_path, with_camera(masks=[{"polygon": WINDOWS}, {"polygon": inside}])).warnings == ()
    assert loaded(tmp_path, with_camera(masks=[{"polygon": GROUND}])).warnings != ()


def test_two_cameras_with_the_same_still_picture(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, with_template(snapshot="http://10.1.1.9/still.jpg")).warnings

    assert "C-1, C-2, P-1 have the same address" in warning.message or "C-1, C-2 and 1 more" in warning.message


def test_hosts_that_bear_more_are_known_by_name(tmp_path: Path) -> None:
    data = sound() | {"tour": {"sessions_per_host": 2, "hosts": {"10.1.1.1": {"sessions": 8}}}}
    configuration = loaded(tmp_path, data)

    assert configuration.sessions_of_host == {"10.1.1.1": 8}
    assert configuration.tour.sessions_per_host == 2


def test_a_host_that_no_camera_is_on_is_worth_a_warning(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, sound() | {"tour": {"hosts": {"10.1.1.11": {"sessions": 8}}}}).warnings

    assert warning.path == "tour.hosts.10.1.1.11"
    assert warning.message == "no camera is on this host; did you mean `10.1.1.1`?"


def test_hosts_that_come_from_the_environment_are_not_guessed_at(tmp_path: Path) -> None:
    data = changed("cameras", 0, "stream", to="rtsp://${RECORDER}/live") | {"tour": {"hosts": {"rec": {"sessions": 8}}}}

    assert loaded(tmp_path, data, CREDENTIALS | {"RECORDER": "rec"}).warnings == ()


def test_names_under_which_the_console_may_be_opened(tmp_path: Path) -> None:
    assert loaded(tmp_path, sound()).web.hosts == ()
    assert loaded(tmp_path, sound() | {"web": {"hosts": ["Room.example"]}}).web.hosts == ("room.example",)
