// A camera's day as a picture: how long it was unseen in every ten minutes, against its bound; and what failed when.

import type { CaptureFailure, SpanShown } from "./api";

// The bound stands in the middle, whatever it is: below it in proportion, above it by the logarithm up to the worst.
export const WIDE = 720;
export const HIGH = 132;
const LEAST_TOP = 2; // of the bound, that the picture reaches to
const THINNEST = 1.6;
const HOUR_MS = 3_600_000;
const HOURS_APART = 4;

export type SpanTone = "ok" | "stretched" | "late";

export interface Bar {
  span: SpanShown;
  tone: SpanTone;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Picture {
  bars: Bar[];
  unwatched: { x: number; width: number }[]; // stretches of time of which there is nothing
  hours: { x: number; at: number }[];
  boundY: number;
  worst: SpanShown | null; // relative to its bound
}

export function shareOf(span: SpanShown): number {
  return span.blind_age_s / span.bound_s;
}

// As it was promised then; as it was promised while all bounds were stretched; or later than that.
export function toneOfSpan(span: SpanShown): SpanTone {
  const share = shareOf(span);
  if (share <= 1) return "ok";
  return share <= span.stretch ? "stretched" : "late";
}

export function worstOf(spans: SpanShown[]): SpanShown | null {
  return spans.reduce<SpanShown | null>((worst, span) => (worst === null || shareOf(span) > shareOf(worst) ? span : worst), null);
}

// `since`, `until`: milliseconds since 1970, as Date.now(); `span_s`: how long a span is.
export function pictureOf(spans: SpanShown[], span_s: number, since: number, until: number): Picture {
  const worst = worstOf(spans);
  const top = Math.max(LEAST_TOP, worst === null ? 0 : shareOf(worst));
  const x = (at: number) => (WIDE * (at - since)) / (until - since);
  const bars = spans.map((span) => {
    const begins = Date.parse(span.began_at);
    const [left, right] = [Math.max(0, x(begins)), Math.min(WIDE, x(begins + span_s * 1000))];
    const height = Math.max(THINNEST, heightOf(shareOf(span), top));
    const width = Math.max(THINNEST, right - left - 0.6);
    return { span, tone: toneOfSpan(span), x: Math.min(left, WIDE - width), y: HIGH - height, width, height };
  });
  return { bars, unwatched: gaps(spans, span_s, since, until, x), hours: hoursOf(since, until, x), boundY: HIGH / 2, worst };
}

export function heightOf(share: number, top: number): number {
  if (share <= 1) return (HIGH / 2) * Math.max(0, share);
  return (HIGH / 2) * (1 + Math.min(1, Math.log(share) / Math.log(top)));
}

function gaps(spans: SpanShown[], span_s: number, since: number, until: number, x: (at: number) => number): { x: number; width: number }[] {
  const found: { x: number; width: number }[] = [];
  let known = since;
  for (const begins of [...spans.map((span) => Date.parse(span.began_at)), until]) {
    if (begins - known > span_s * 1000) found.push({ x: x(known), width: x(begins) - x(known) });
    known = Math.max(known, begins + span_s * 1000);
  }
  return found;
}

// Whole hours of the place where it is looked at.
function hoursOf(since: number, until: number, x: (at: number) => number): { x: number; at: number }[] {
  const first = new Date(since);
  first.setMinutes(0, 0, 0);
  const found: { x: number; at: number }[] = [];
  for (let at = first.getTime() + HOUR_MS; at < until; at += HOUR_MS) {
    if (new Date(at).getHours() % HOURS_APART === 0) found.push({ x: x(at), at });
  }
  return found;
}

export interface DayInWords {
  watched: number; // spans
  late: number;
  stretched: number;
  visits: number;
  failures: number;
}

export function dayOf(spans: SpanShown[]): DayInWords {
  const count = (tone: SpanTone) => spans.filter((span) => toneOfSpan(span) === tone).length;
  return {
    watched: spans.length,
    late: count("late"),
    stretched: count("stretched"),
    visits: spans.reduce((sum, { visits }) => sum + visits, 0),
    failures: spans.reduce((sum, span) => sum + failuresOf(span), 0),
  };
}

export function failuresOf({ failures }: SpanShown): number {
  return failures.reduce((sum, { count }) => sum + count, 0);
}

// One kind of failure, from the first of successive spans in which there was any to the end of the last.
export interface Outage {
  failure: CaptureFailure;
  from: number;
  until: number;
  count: number;
  isRunning: boolean; // it reaches into the span that runs
}

// The newest first.
export function outagesOf(spans: SpanShown[], span_s: number, now: number): Outage[] {
  const found: Outage[] = [];
  const open = new Map<CaptureFailure, Outage>();
  for (const span of spans) {
    const from = Date.parse(span.began_at);
    const until = from + span_s * 1000;
    for (const { failure, count } of span.failures) {
      const before = open.get(failure);
      if (before !== undefined && before.until === from) {
        before.until = until;
        before.count += count;
      } else {
        const outage = { failure, from, until, count, isRunning: false };
        found.push(outage);
        open.set(failure, outage);
      }
    }
  }
  for (const outage of found) outage.isRunning = outage.until > now;
  return found.sort((one, other) => other.until - one.until || other.from - one.from);
}
