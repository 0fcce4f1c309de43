"""The report as one page that opens anywhere: no script, nothing loaded, every picture inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from patrol.domain.events import KIND_ZH
from patrol.domain.shares import Range
from patrol.evaluation.counting import Counted, band_name, band_of
from patrol.evaluation.picturing import Shot
from patrol.evaluation.playing import Performance
from patrol.evaluation.results import KindResult, Played, Results
from patrol.evaluation.scoring import Case, Verdict
from patrol.evaluation.targets import Held

MOST_HITS = 8
MOST_COUNTS = 12

_STYLE = """
:root{color-scheme:dark;--ground:#0b1016;--raised:#121a22;--line:#22303b;--text:#dbe4ea;--quiet:#8e9cab;
--accent:#6ee7d8;--good:#7bd88f;--bad:#ff7a70}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);
font:15px/1.55 system-ui,"Noto Sans SC","Noto Sans CJK SC",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:40px 0 10px;border-top:1px solid var(--line);padding-top:24px}
h3{font-size:14px;margin:20px 0 8px;color:var(--quiet);font-weight:600}
p{margin:6px 0;color:var(--quiet)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:7px 12px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--quiet);font-weight:500;font-size:13px}td.n,th.n{text-align:right;white-space:nowrap}
@media(max-width:640px){td.n,th.n{white-space:normal}}
.bar{position:relative;display:inline-block;width:84px;height:8px;background:var(--line);border-radius:4px;vertical-align:middle}
.bar i{position:absolute;top:0;bottom:0;background:#2f6f6a;border-radius:4px}
.bar b{position:absolute;top:-3px;bottom:-3px;width:2px;background:var(--accent)}
.good{color:var(--good)}.bad{color:var(--bad)}
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:14px}
figure{margin:0;background:var(--raised);border:1px solid var(--line);border-radius:8px;overflow:hidden}
figure img{display:block;width:100%;height:auto}
figcaption{padding:8px 10px;font-size:12.5px;color:var(--quiet);overflow-wrap:anywhere}
figcaption strong{color:var(--text);font-weight:500;display:block}
"""


def page(results: Results, held: Sequence[Held], title: str, said: Sequence[str]) -> str:
    """The whole page. ``title``: what was evaluated; ``said``: lines below it, such as the command and the day."""
    body = "\n".join(
        [
            f"<h1>{_both('识别评估', 'Evaluation')} · {escape(title)}</h1>",
            *(f"<p>{escape(line)}</p>" for line in said),
            *_targets(held),
            *_overview(results),
            *(part for result in results.kinds for part in _kind(result)),
            *_people(results),
            *_counts(results),
            *_quiet(results),
        ]
    )
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Patrol · {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _both(chinese: str, english: str) -> str:
    return f'{escape(chinese)} <span lang="en">{escape(english)}</span>'


def _table(heads: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """``heads``: (HTML, whether the column holds numbers). Cells are HTML."""
    top = "".join(f"<th{' class=n' if number else ''}>{head}</th>" for head, number in heads)
    lines = "".join(
        "<tr>" + "".join(f"<td{' class=n' if heads[i][1] else ''}>{cell}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _share(value: float | None, within: Range | None) -> str:
    """A share with its 95% interval as a bar."""
    if value is None:
        return "–"
    low, high = within or (value, value)
    return (
        f'{value:.2f} <span class="bar" title="{low:.2f}–{high:.2f} (95%)">'
        f'<i style="left:{100 * low:.0f}%;right:{100 - 100 * high:.0f}%"></i>'
        f'<b style="left:{min(99.0, 100 * value):.0f}%"></b></span>'
    )


def _targets(held: Sequence[Held]) -> Iterator[str]:
    yield f"<h2>{_both('指标', 'Targets')}</h2>"
    rows = [
        (
            escape(one.what),
            escape(one.value),
            escape(one.target),
            '<span class="good">✓</span>' if one.is_kept else '<span class="bad">✗ 未达到 missed</span>',
        )
        for one in held
    ]
    heads = [
        (_both("项目", "figure"), False),
        (_both("结果", "value"), True),
        (_both("目标", "target"), True),
        ("", False),
    ]
    yield _table(heads, rows)


def _overview(results: Results) -> Iterator[str]:
    yield f"<h2>{_both('各类事件', 'Events')}</h2>"
    heads = [
        (_both("类型", "kind"), False),
        ("n", True),
        (_both("命中", "found"), True),
        (_both("误报", "in vain"), True),
        (_both("漏报", "missed"), True),
        (_both("准确率", "precision"), False),
        (_both("召回率", "recall"), False),
        ("F1", False),
        (_both("延迟", "delay p50 / p90, s"), True),
        (_both("每小时误报", "false alarms an hour"), True),
    ]
    yield _table(heads, [_overview_row(result) for result in results.kinds])
    if results.frame_ms is not None:
        yield f"<p>{_both('每帧处理器毫秒', 'processor-ms a frame')}: {results.frame_ms:.1f}</p>"


def _overview_row(result: KindResult) -> Sequence[str]:
    name = _both(KIND_ZH.get(result.kind, result.kind), result.kind) + (
        " · 合成 composite" if result.is_composite else ""
    )
    found = result.score
    if found is None:
        return (name, "0", f'<span class="bad">{escape("; ".join(result.why_not))}</span>', *[""] * 7)
    tally = found.tally
    return (
        name,
        f"{found.n}",
        f"{tally.tp}",
        f"{tally.fp}",
        f"{tally.fn}",
        _share(tally.precision, found.precision_range),
        _share(tally.recall, found.recall_range),
        _share(tally.f1, found.f1_range),
        f"{_number(found.delay_p50_s, 1)} / {_number(found.delay_p90_s, 1)}",
        _number(found.false_alarms_per_hour, 1),
    )


def _kind(result: KindResult) -> Iterator[str]:
    if result.score is None:
        return
    yield f"<h2>{_both(KIND_ZH.get(result.kind, result.kind), result.kind)}</h2>"
    misses = [figure for one in result.cases for figure in _misses(*one)]
    alarms = [figure for one in result.cases for figure in _alarms(*one)]
    hits = [figure for one in result.cases for figure in _hits(*one)][:MOST_HITS]
    yield from _gallery(_both("漏报", "Missed"), misses)
    yield from _gallery(_both("误报", "Told in vain"), alarms)
    yield from _gallery(_both("命中", "Found"), hits)


def _gallery(heading: str, figures: Sequence[str]) -> Iterator[str]:
    if figures:
        yield f'<h3>{heading} ({len(figures)})</h3><div class="shots">{"".join(figures)}</div>'


def _misses(played: Played, _: Case, verdict: Verdict) -> Iterator[str]:
    performance = _of(played)
    for index in verdict.missed:
        shot = performance.moments[min(index, len(performance.moments) - 1)] if performance.moments else None
        yield _figure(shot, played, "")


def _alarms(played: Played, case: Case, verdict: Verdict) -> Iterator[str]:
    events = [event for event in _of(played).events if event.kind == played.item.kind]
    for index in verdict.stray:
        event = events[index]
        words = f"{event.words_zh} · {event.words_en}"
        yield _figure(event.shot, played, words)


def _hits(played: Played, _: Case, verdict: Verdict) -> Iterator[str]:
    events = [event for event in _of(played).events if event.kind == played.item.kind]
    for _found, index in verdict.found:
        yield _figure(events[index].shot, played, f"{events[index].words_zh} · {events[index].words_en}")


def _of(played: Played) -> Performance:
    assert played.performance is not None
    return played.performance


def _figure(shot: Shot | None, played: Played, words: str) -> str:
    name = played.item.name + (" (reversed)" if played.item.reverse else "")
    picture = _image(shot, f"{words or name}") if shot is not None else ""
    at = f" · {shot.at_s:.1f} s" if shot is not None and shot.at_s else ""
    strong = f"<strong>{escape(words)}</strong>" if words else ""
    return f"<figure>{picture}<figcaption>{strong}{escape(name)}{at}</figcaption></figure>"


def _image(shot: Shot, alternative: str) -> str:
    data = base64.b64encode(shot.jpeg).decode("ascii")
    return (
        f'<img src="data:image/jpeg;base64,{data}" width="{shot.width}" height="{shot.height}"'
        f' alt="{escape(alternative, quote=True)}">'
    )


def _people(results: Results) -> Iterator[str]:
    if not results.people:
        return
    yield f"<h2>{_both('人员检测', 'People')}</h2>"
    heads = [
        (_both("画面", "pictures"), False),
        (_both("方式", "pass"), False),
        (_both("输入", "input"), True),
        ("AP50", True),
        (_both("毫秒/帧", "processor-ms a frame"), True),
        (_both("框", "boxes"), True),
    ]
    rows = [
        (
            escape(one.item.name),
            escape(one.pass_name),
            f"{one.size[0]}x{one.size[1]}",
            f"{one.ap50:.3f}",
            f"{one.ms:.1f}",
            f"{one.boxes}",
        )
        for one in results.people
    ]
    yield _table(heads, rows)


def _counts(results: Results) -> Iterator[str]:
    if not results.counts:
        return
    yield f"<h2>{_both('人数', 'Counts')}</h2>"
    heads = [
        (_both("画面", "pictures"), False),
        ("n", True),
        (_both("平均误差", "mean error"), True),
        (_both("相对误差", "relative error"), False),
        (_both("档次正确", "band right"), True),
        (_both("档次相邻", "or next to it"), True),
    ]
    names = (
        ("全部", "all", results.count),
        ("60 人以下", "below 60", results.few),
        ("60 人及以上", "60 and more", results.many),
    )
    rows = [
        (
            _both(chinese, english),
            f"{found.n}",
            _number(found.mae, 1),
            _share(found.relative_error, found.relative_error_range) if found.n else "–",
            _number(found.band_right),
            _number(found.band_near),
        )
        for chinese, english, found in names
    ]
    yield _table(heads, rows)
    worst = sorted(results.counts, key=lambda each: -_off(each[1]))[:MOST_COUNTS]
    yield from _gallery(_both("误差最大", "Furthest off"), [_counted_figure(*one) for one in worst])


def _off(counted: Counted) -> float:
    return abs(counted.told - counted.true) / max(1, counted.true)


def _counted_figure(played: Played, counted: Counted) -> str:
    performance = _of(played)
    shots = [event.shot for event in performance.events if event.shot is not None] or list(performance.moments)
    words = f"实有 {counted.true} 人，报 {counted.told} 人（{band_name(band_of(counted.true))} 档）"
    return _figure(shots[0] if shots else None, played, words)


def _quiet(results: Results) -> Iterator[str]:
    quiet = results.quiet
    if not quiet.played:
        return
    yield f"<h2>{_both('应无告警的素材', 'Where nothing is right to be told')}</h2>"
    bound = quiet.bound_per_hour
    proves = f", so below {bound:.1f} an hour at 95% (3/T)" if bound is not None else ""
    yield f"<p>{quiet.minutes:.1f} min: {quiet.false_alerts} false alerts{escape(proves)}</p>"
    figures = [
        _figure(event.shot, played, f"{event.words_zh} · {event.words_en}")
        for played in quiet.played
        for event in _of(played).events
    ]
    yield from _gallery(_both("误报", "Told in vain"), figures)
