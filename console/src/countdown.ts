// The countdown: what the ring shows at a given moment, and the ring that shows it.

import { el, setAttribute, setText, svg } from "./dom";
import { t } from "./words";
import { minutes } from "./times";
import { isMaintenance } from "./room";
import type { ClockName, Incident } from "./api";

const AMBER_FROM = 0.5;
const RED_FROM = 0.8;

// When a step of the loop was taken, milliseconds since 1970.
export function stampOf(incident: Incident, name: ClockName): number | null {
  const stamp = incident.clocks[name];
  return stamp ? Date.parse(stamp.at) : null;
}

// `left`: 0 to 1; `since`: the seconds from its beginning (t0) to the arrival, the end, or now.
export interface Reading {
  mode: "none" | "running" | "over" | "arrived" | "ended";
  tone: "plain" | "green" | "amber" | "red";
  left: number;
  text: string;
  since: number;
}

// Whether somebody has been there in an earlier life of it.
export function wasReachedBefore(incident: Incident): boolean {
  return incident.history.some((life) => life.clocks.t9 || life.clocks.t10);
}

// How long ago it began, seconds.
export function ageOf(incident: Incident, now: number): number {
  return Math.max(0, (now - beganAt(incident, stampOf(incident, "t3") ?? now)) / 1000);
}

function beganAt(incident: Incident, otherwise: number): number {
  return stampOf(incident, "t0") ?? stampOf(incident, "t1") ?? otherwise;
}

// Pure: an incident and a moment in. The response target runs from t3 until somebody has been there; what was opened
// again after that is awaited anew from then on.
export function reading(incident: Incident, now: number): Reading {
  const reopened = wasReachedBefore(incident) && incident.reopened_at ? Date.parse(incident.reopened_at) : null;
  const accepted = reopened ?? stampOf(incident, "t3") ?? now;
  const began = beganAt(incident, accepted);
  const arrived = stampOf(incident, "t9");
  const ended = stampOf(incident, "t12");
  const until = arrived ?? ended ?? now;
  const since = Math.max(0, (until - began) / 1000);
  const target = incident.target_s;
  if (target === null || isMaintenance(incident)) return { mode: "none", tone: "plain", left: 0, text: "", since };
  const elapsed = Math.max(0, (until - accepted) / 1000);
  const share = elapsed / target;
  const left = Math.max(0, 1 - share);
  const late = share > 1;
  if (arrived !== null) {
    // A miss by less than a second must not read like the target itself.
    const text = minutes(late ? Math.max(elapsed, target + 1) : elapsed);
    return { mode: "arrived", tone: late ? "red" : "green", left: 1, text, since };
  }
  if (ended !== null) return { mode: "ended", tone: "plain", left, text: minutes(elapsed), since };
  if (late) return { mode: "over", tone: "red", left: 0, text: `+${minutes(elapsed - target)}`, since };
  const tone = share >= RED_FROM ? "red" : share >= AMBER_FROM ? "amber" : "green";
  return { mode: "running", tone, left, text: minutes(Math.ceil(target - elapsed)), since };
}

export function targetText(seconds: number): string {
  return seconds % 60 === 0 ? t("minutes", { n: seconds / 60 }) : minutes(seconds);
}

const RADIUS = 21;
const AROUND = 2 * Math.PI * RADIUS;

export class Countdown {
  readonly node: HTMLElement;
  readonly #arc = svg("circle", { class: "arc", cx: 25, cy: 25, r: RADIUS, "stroke-dasharray": AROUND });
  readonly #text = el("b");
  readonly #result = el("small");
  readonly #since = el("b", { class: "since" });
  readonly #sinceLabel = el("small");
  readonly #dial = el("div", { class: "dial", role: "timer", "aria-live": "off" });

  constructor(size: "small" | "large" = "small") {
    const circles = [
      svg("circle", { class: "disc", cx: 25, cy: 25, r: RADIUS + 2.5 }),
      svg("circle", { class: "track", cx: 25, cy: 25, r: RADIUS }),
      this.#arc,
    ];
    this.#dial.append(svg("svg", { viewBox: "0 0 50 50", "aria-hidden": "true" }, ...circles), this.#text);
    this.node = el("div", { class: "countdown", "data-size": size },
      el("div", { class: "target-clock" }, this.#dial, this.#result),
      el("div", { class: "since-clock" }, this.#since, this.#sinceLabel));
  }

  show(incident: Incident, now: number): void {
    const shown = reading(incident, now);
    const result = resultText(shown, incident);
    setAttribute(this.node, "data-mode", shown.mode);
    setAttribute(this.node, "data-tone", shown.tone);
    setAttribute(this.#arc, "stroke-dashoffset", (AROUND * (1 - shown.left)).toFixed(1));
    setText(this.#text, shown.mode === "none" ? "—" : shown.text);
    setText(this.#result, result);
    setText(this.#since, minutes(shown.since));
    setText(this.#sinceLabel, t(shown.mode === "arrived" ? "began_to_arrival" : "since_began"));
    setAttribute(this.#dial, "aria-label", `${t("countdown")}: ${shown.text} ${result}`);
    setAttribute(this.node, "title", shown.mode === "none" ? t("no_clock_means") : t("clock_means"));
  }
}

function resultText(shown: Reading, incident: Incident): string {
  if (shown.mode === "none" || incident.target_s === null) return t("maintenance");
  const target = targetText(incident.target_s);
  if (shown.mode === "arrived") return t(shown.tone === "red" ? "target_missed" : "target_met", { target });
  if (shown.mode === "over") return t("over_target", { target });
  if (shown.mode === "ended") return t("ended_unattended");
  return t("of_target", { target });
}
