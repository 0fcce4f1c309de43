// The loop's five stages of an incident, and how long it has been in each of them since it was opened, or opened again.

import { el, rebuild, setText } from "./dom.js";
import { t, word } from "./words.js";
import { minutes } from "./times.js";
import { room } from "./room.js";

const STAGES = ["collect", "route", "order", "follow_up", "feed_back"];

export class StageBar {
  constructor() {
    this.node = el("ol", { class: "stages" });
    this.times = STAGES.map(() => el("small"));
  }

  update(incident, spoken) {
    const stage = room.state.incident_stages[incident.id];
    rebuild(this.node, [incident.id, stage, spoken], () => {
      const at = STAGES.indexOf(stage);
      return STAGES.map((name, place) => {
        const progress = at < 0 || place < at ? "done" : place === at ? "now" : "ahead";
        const current = progress === "now" ? "step" : null;
        const about = { "data-progress": progress, "aria-current": current, title: t(`stage_${name}_means`) };
        return el("li", about, word("stage", name), this.times[place]);
      });
    });
  }

  tick(incident, now) {
    STAGES.forEach((name, place) => {
      const spent = secondsIn(incident.stages, name, now);
      setText(this.times[place], spent === null ? "" : minutes(spent));
    });
  }
}

// Null where it was never in that stage, or nobody knows.
function secondsIn({ now: stage, since, before_s: before }, name, now) {
  const earlier = before[name] ?? null;
  return stage === name ? (earlier ?? 0) + Math.max(0, now - Date.parse(since)) / 1000 : earlier;
}
