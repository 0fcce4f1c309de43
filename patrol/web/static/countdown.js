// The countdown: what the ring shows at a given moment, and the ring that shows it.

import { el, setAttribute, setText, svg } from "./dom.js";
import { t } from "./words.js";
import { minutes } from "./times.js";
import { isMaintenance } from "./room.js";

const AMBER_FROM = 0.5;
const RED_FROM = 0.8;

export function stampOf(incident, name) {
  const stamp = incident.clocks[name];
  return stamp ? Date.parse(stamp.at) : null;
}

// Pure: an incident and a moment in; out comes `mode` (none, running, over, arrived, ended), `tone`, `left` (0..1),
// `text`, and `since`: the seconds from its beginning (t0) to the arrival, the end, or now. The response target runs
// from t3 until somebody has been there; what was opened again after that is awaited anew from then on.
export function reading(incident, now) {
  const wasReached = incident.history.some((life) => life.clocks.t9 || life.clocks.t10);
  const accepted = (wasReached ? Date.parse(incident.reopened_at) : null) ?? stampOf(incident, "t3") ?? now;
  const began = stampOf(incident, "t0") ?? stampOf(incident, "t1") ?? accepted;
  const arrived = stampOf(incident, "t9");
  const ended = stampOf(incident, "t12");
  const until = arrived ?? ended ?? now;
  const since = Math.max(0, (until - began) / 1000);
  if (isMaintenance(incident)) return { mode: "none", tone: "plain", left: 0, text: "", since };
  const elapsed = Math.max(0, (until - accepted) / 1000);
  const share = elapsed / incident.target_s;
  const left = Math.max(0, 1 - share);
  const late = share > 1;
  if (arrived !== null) {
    // A miss by less than a second must not read like the target itself.
    const text = minutes(late ? Math.max(elapsed, incident.target_s + 1) : elapsed);
    return { mode: "arrived", tone: late ? "red" : "green", left: 1, text, since };
  }
  if (ended !== null) return { mode: "ended", tone: "plain", left, text: minutes(elapsed), since };
  if (late) return { mode: "over", tone: "red", left: 0, text: `+${minutes(elapsed - incident.target_s)}`, since };
  const tone = share >= RED_FROM ? "red" : share >= AMBER_FROM ? "amber" : "green";
  return { mode: "running", tone, left, text: minutes(Math.ceil(incident.target_s - elapsed)), since };
}

export function targetText(seconds) {
  return seconds % 60 === 0 ? t("minutes", { n: seconds / 60 }) : minutes(seconds);
}

const RADIUS = 21;
const AROUND = 2 * Math.PI * RADIUS;

export class Countdown {
  constructor(size = "small") {
    this.arc = svg("circle", { class: "arc", cx: 25, cy: 25, r: RADIUS, "stroke-dasharray": AROUND });
    const circles = [
      svg("circle", { class: "disc", cx: 25, cy: 25, r: RADIUS + 2.5 }),
      svg("circle", { class: "track", cx: 25, cy: 25, r: RADIUS }),
      this.arc,
    ];
    this.text = el("b");
    this.result = el("small");
    this.since = el("b", { class: "since" });
    this.sinceLabel = el("small");
    this.dial = el("div", { class: "dial", role: "timer", "aria-live": "off" });
    this.dial.append(svg("svg", { viewBox: "0 0 50 50", "aria-hidden": "true" }, ...circles), this.text);
    this.node = el("div", { class: "countdown", "data-size": size });
    this.node.append(
      el("div", { class: "target-clock" }, this.dial, this.result),
      el("div", { class: "since-clock" }, this.since, this.sinceLabel),
    );
  }

  show(incident, now) {
    const shown = reading(incident, now);
    setAttribute(this.node, "data-mode", shown.mode);
    setAttribute(this.node, "data-tone", shown.tone);
    setAttribute(this.arc, "stroke-dashoffset", (AROUND * (1 - shown.left)).toFixed(1));
    setText(this.text, shown.mode === "none" ? "—" : shown.text);
    setText(this.result, this.#result(shown, incident));
    setText(this.since, minutes(shown.since));
    setText(this.sinceLabel, t(shown.mode === "arrived" ? "began_to_arrival" : "since_began"));
    setAttribute(this.dial, "aria-label", this.#spoken(shown, incident));
    setAttribute(this.node, "title", shown.mode === "none" ? t("no_clock_means") : t("clock_means"));
  }

  #result(shown, incident) {
    if (shown.mode === "none") return t("maintenance");
    const target = targetText(incident.target_s);
    if (shown.mode === "arrived") return t(shown.tone === "red" ? "target_missed" : "target_met", { target });
    if (shown.mode === "over") return t("over_target", { target });
    if (shown.mode === "ended") return t("ended_unattended");
    return t("of_target", { target });
  }

  #spoken(shown, incident) {
    return `${t("countdown")}: ${shown.text} ${this.#result(shown, incident)}`;
  }
}
