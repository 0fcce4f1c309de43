"""Small drawings for the report, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

LINE, MUTED, ACCENT = "#27313b", "#8e9cab", "#6ee7d8"
_SIDE, _MARGIN = 220, 26
_MOST_TENFOLD = 4  # counts up to 10,000


def curve(points: Sequence[Mapping[str, Any]]) -> str:
    """Recall over the share of items told in vain, as more certainty is asked for; nothing without negatives."""
    known = [(p["false"], p["recall"]) for p in points if p["false"] is not None and p["recall"] is not None]
    if len(known) < 2:
        return ""
    way = " ".join(f"{_x(false):.1f},{_y(recall):.1f}" for false, recall in known)
    dots = "".join(f'<circle cx="{_x(f):.1f}" cy="{_y(r):.1f}" r="1.6" fill="{ACCENT}"/>' for f, r in known)
    last = f'<circle cx="{_x(known[-1][0]):.1f}" cy="{_y(known[-1][1]):.1f}" r="4" fill="{ACCENT}"/>'
    chance = f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="{LINE}" stroke-dasharray="3 4"/>'
    line = f'<polyline points="{way}" fill="none" stroke="{ACCENT}" stroke-width="1.5"/>'
    words = _words(_SIDE / 2, _SIDE - 6, "误报比例 told in vain", "middle") + _words(
        _MARGIN, 14, "召回率 recall", "start"
    )
    return _svg(_SIDE, _SIDE, _frame() + chance + line + dots + last + words, 'style="width:220px;max-width:100%"')


def counts(pairs: Sequence[tuple[int, int]]) -> str:
    """Told over true, each on a scale of tens; on the dashed line both are the same."""
    same = f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="{MUTED}" stroke-dasharray="3 4"/>'
    dots = "".join(
        f'<circle cx="{_x(_tenfold(true)):.1f}" cy="{_y(_tenfold(told)):.1f}" r="3" fill="{ACCENT}" opacity=".75"/>'
        for true, told in pairs
    )
    ticks = "".join(
        _words(_x(power / _MOST_TENFOLD), _SIDE - 12, f"{10**power:,}", "middle") for power in range(_MOST_TENFOLD + 1)
    )
    words = _words(_MARGIN, 14, "报出人数 told · 真实人数 true →", "start")
    return _svg(_SIDE, _SIDE, _frame() + same + dots + ticks + words, 'style="width:320px;max-width:100%"')


def _tenfold(count: int) -> float:
    """0..1; nobody lies where one is."""
    return min(1.0, math.log10(max(1, count)) / _MOST_TENFOLD)


def _x(share: float) -> float:
    return _MARGIN + share * (_SIDE - 2 * _MARGIN)


def _y(share: float) -> float:
    return _SIDE - _MARGIN - share * (_SIDE - 2 * _MARGIN)


def _frame() -> str:
    side = _SIDE - 2 * _MARGIN
    return f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{side}" height="{side}" fill="none" stroke="{LINE}"/>'


def _words(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" fill="{MUTED}" text-anchor="{anchor}">{text}</text>'


def _svg(width: int, height: int, body: str, look: str) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img" {look}>{body}</svg>'
