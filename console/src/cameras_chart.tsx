// A camera's day to look at: bars up to the line that is the bound, and over it what was too long. For whom does not see it
// a sentence, and the same as a table.

import { signal } from "@preact/signals";
import { t } from "./words";
import { age, boundText, serverNow, timeOfMinute } from "./times";
import { type Bar, dayOf, failuresOf, HIGH, pictureOf, WIDE } from "./cameras_history";
import type { CameraDetail, SpanShown } from "./api";

const AXIS = 18; // below the bars, for hours
const HEAD = 14; // above them, for the worst
const HOUR_MS = 3_600_000;
const TONES = ["ok", "stretched", "late", "unwatched"] as const;

const isTableOpen = signal(false);

export function DayChart({ detail }: { detail: CameraDetail }) {
  const { spans, span_s, since, at } = detail;
  const [begins, ends] = [Date.parse(since), Math.max(Date.parse(at), serverNow())];
  const picture = pictureOf(spans, span_s, begins, ends);
  const day = dayOf(spans);
  if (spans.length === 0) return <p class="means">{t("cam_history_empty")}</p>;
  const { worst } = picture;
  const summary = worst === null ? t("cam_picture_empty") : t("cam_picture", {
    hours: Math.round((ends - begins) / HOUR_MS), worst: age(worst.blind_age_s), bound: boundText(worst.bound_s),
    time: timeOfMinute(Date.parse(worst.began_at), ends), late: day.late, stretched: day.stretched, n: day.watched,
  });
  return (
    <figure class="cam-day">
      <svg viewBox={`0 ${-HEAD} ${WIDE} ${HIGH + HEAD + AXIS}`} role="img" aria-label={summary} preserveAspectRatio="none">
        <defs>
          <pattern id="cam-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V6" class="hatch" /></pattern>
        </defs>
        {picture.unwatched.map(({ x, width }) => <rect key={x} class="unwatched" x={x} y={0} width={width} height={HIGH} fill="url(#cam-hatch)" />)}
        {picture.hours.map(({ x, at: hour }) => <path key={hour} class="hour" d={`M${x.toFixed(1)} 0V${HIGH + 4}`} />)}
        {picture.bars.map((bar) => <SpanBar key={bar.span.began_at} bar={bar} now={ends} />)}
        <path class="bound" d={`M0 ${picture.boundY}H${WIDE}`} />
        <path class="ground" d={`M0 ${HIGH}H${WIDE}`} />
      </svg>
      <div class="cam-axis" aria-hidden="true">
        {picture.hours.filter(({ x }) => x > 16 && x < WIDE - 16).map(({ x, at: hour }) => <span key={hour} style={{ left: `${(100 * x) / WIDE}%` }}>{timeOfMinute(hour, hour)}</span>)}
      </div>
      <span class="cam-bound" aria-hidden="true">{t("cam_axis_bound")}</span>
      {worst !== null && day.late + day.stretched > 0 && <span class="cam-top" aria-hidden="true" style={{ left: `${placeOf(worst, picture.bars)}%` }}>{t("cam_axis_worst", { age: age(worst.blind_age_s) })}</span>}
      <figcaption>
        <span>{t("cam_day", { ...day, n: day.watched })}</span>
        <ul class="cam-legend" aria-hidden="true">
          {TONES.filter((tone) => isDrawn(tone, picture.bars, picture.unwatched.length)).map((tone) => <li key={tone} data-tone={tone}>{t(`cam_legend_${tone}`)}</li>)}
        </ul>
      </figcaption>
      <details open={isTableOpen.value} onToggle={(event) => (isTableOpen.value = event.currentTarget.open)}>
        <summary>{t("cam_table")}</summary>
        {isTableOpen.value && <DayTable spans={spans} now={ends} />}
      </details>
    </figure>
  );
}

// In percent from the left, and never so near an edge that the words would not fit.
function placeOf(worst: SpanShown, bars: Bar[]): number {
  const bar = bars.find(({ span }) => span === worst);
  return Math.max(8, Math.min(92, (100 * ((bar?.x ?? 0) + (bar?.width ?? 0) / 2)) / WIDE));
}

function isDrawn(tone: (typeof TONES)[number], bars: Bar[], unwatched: number): boolean {
  return tone === "unwatched" ? unwatched > 0 : bars.some((bar) => bar.tone === tone);
}

function SpanBar({ bar: { span, tone, x, y, width, height }, now }: { bar: Bar; now: number }) {
  const failures = failuresOf(span);
  return (
    <g class="span" data-tone={tone}>
      <title>{t("cam_bar", { time: timeOfMinute(Date.parse(span.began_at), now), age: age(span.blind_age_s), bound: boundText(span.bound_s), visits: span.visits, failures })}</title>
      <rect class="hit" x={x} y={0} width={width} height={HIGH} />
      <rect x={x.toFixed(1)} y={y.toFixed(1)} width={width.toFixed(1)} height={height.toFixed(1)} />
      {failures > 0 && <path class="failed" d={`M${x.toFixed(1)} ${HIGH + 3}h${Math.max(2, width).toFixed(1)}v3h-${Math.max(2, width).toFixed(1)}z`} />}
    </g>
  );
}

// The newest first.
function DayTable({ spans, now }: { spans: SpanShown[]; now: number }) {
  return (
    <div class="cam-table" tabIndex={0} role="group" aria-label={t("cam_history")}>
      <table>
        <thead>
          <tr>{(["time", "age", "bound", "visits", "failures"] as const).map((key) => <th key={key} scope="col">{t(`cam_table_${key}`)}</th>)}</tr>
        </thead>
        <tbody>
          {[...spans].reverse().map((span) => (
            <tr key={span.began_at}>
              <th scope="row">{timeOfMinute(Date.parse(span.began_at), now)}</th>
              <td>{age(span.blind_age_s)}</td>
              <td>{boundText(span.bound_s)}{span.stretch > 1 ? ` × ${span.stretch.toFixed(2)}` : ""}</td>
              <td>{span.visits}</td>
              <td>{failuresOf(span) || ""}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
