"""Both languages say everything: no key, and no member of a closed set, without its words."""

from __future__ import annotations

import re
from enum import StrEnum

import pytest

from patrol.domain.accounts import AccountRole
from patrol.domain.auditing import FindingKind
from patrol.domain.camera import RingName, Strategy
from patrol.domain.camera_history import How, VisitEnd
from patrol.domain.camera_overview import CameraHealth, SourceKind
from patrol.domain.drawing import DrawingWarning, SceneState
from patrol.domain.errors import Apart, CaptureFailure, LiveRefusal, Objection, Refusal, Unsendable
from patrol.domain.events import Kind, Level
from patrol.domain.incident_record import Happening
from patrol.domain.incidents import Cause, ClockName, Disposition, EscalationStep, FalseAlarmReason, LoopStage
from patrol.domain.live import LiveEnd
from patrol.domain.orders import OrderState
from patrol.domain.retention import Gone
from patrol.domain.storage import DiskPlace
from patrol.domain.troubles import WORDS, Trouble
from patrol.domain.units import UnitKind, UnitState
from patrol.domain.visits import Turn

from .page_files import CONSOLE, SOURCES

CLOSED_SETS: dict[str, list[StrEnum]] = {
    "kind": list(Kind),
    "level": list(Level),
    "ring": list(RingName),
    "stage": list(LoopStage),
    "clock": list(ClockName),
    "disposition": list(Disposition),
    "order": list(OrderState),
    "unit": list(UnitState),
    "unit_kind": list(UnitKind),
    "failing": list(CaptureFailure),
    "trouble": list(Trouble),
    "advice": [*CaptureFailure, *Trouble],
    "health": list(CameraHealth),
    "how": list(How),
    "turn": list(Turn),
    "visit_end": list(VisitEnd),
    "source_kind": list(SourceKind),
    "strategy": list(Strategy),
    "cause": list(Cause),
    "gone": list(Gone),
    "place": list(DiskPlace),
    "finding": list(FindingKind),
    "step": list(EscalationStep),
    "escalated": list(EscalationStep),
    "error_not_together": list(Apart),
    "error_not_to_be_sent": list(Unsendable),
    "error_not_as_asked": list(Objection),
    "false_reason": list(FalseAlarmReason),
    "happened": list(Happening),
    "role": list(AccountRole),
    "error_live": list(LiveRefusal),
    "live_end": list(LiveEnd),
    "zones_state": list(SceneState),
    "zones_warning": [each for each in DrawingWarning if each is not DrawingWarning.OTHER],
    "error_sign_in": list(Refusal),
    "left_unit": [state for state in UnitState if state is not UnitState.AVAILABLE],
}


def dictionary(name: str) -> dict[str, str]:
    source = (SOURCES / "words.ts").read_text(encoding="utf-8")
    body = re.search(rf"^const {name}\b[^=]*= {{\n(.*?)\n}}", source, re.DOTALL | re.MULTILINE)
    assert body is not None
    return dict(re.findall(r'^  (\w+): "(.*)",$', body[1], re.MULTILINE))


def keys_in_use() -> set[str]:
    files = [*CONSOLE.glob("*.html"), *SOURCES.rglob("*.[jt]s"), *SOURCES.rglob("*.tsx")]
    sources = [file.read_text(encoding="utf-8") for file in files]
    used: set[str] = set()
    for source in sources:
        used.update(re.findall(r'\bt\("(\w+)"', source))
        used.update(re.findall(r'data-t(?:-\w+)?"?[=:]\s*"(\w+)"', source))
    return used


def test_both_languages_hold_the_same_keys() -> None:
    zh, en = dictionary("zh"), dictionary("en")
    assert len(zh) > 150
    assert set(zh) == set(en)


def test_both_languages_fill_in_the_same_values() -> None:
    zh, en = dictionary("zh"), dictionary("en")
    differing = {key for key in zh if set(re.findall(r"{\w+}", zh[key])) != set(re.findall(r"{\w+}", en[key]))}
    assert differing == set()


def test_every_key_that_the_page_uses_has_words() -> None:
    used = keys_in_use()
    assert {"feed", "simulated", "countdown"} <= used
    assert used - set(dictionary("zh")) == set()


@pytest.mark.parametrize("name", CLOSED_SETS)
def test_every_member_of_a_closed_set_has_words(name: str) -> None:
    words = dictionary("zh")
    assert [member for member in CLOSED_SETS[name] if f"{name}_{member.value}" not in words] == []


def test_troubles_are_called_the_same_on_the_page_and_in_messages() -> None:
    zh, en = dictionary("zh"), dictionary("en")
    assert {trouble: (zh[f"trouble_{trouble}"], en[f"trouble_{trouble}"]) for trouble in Trouble} == WORDS
