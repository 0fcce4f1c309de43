// The loop's five stages of an incident, and how long it has been in each of them since it was opened, or opened again.

import { el, rebuild, setText } from "./dom";
import { t, word } from "./words";
import { minutes } from "./times";
import { stateNow } from "./room";
import type { Incident, LoopStage, StageTimes } from "./api";

const STAGES: LoopStage[] = ["collect", "route", "order", "follow_up", "feed_back"];

export class StageBar {
  readonly node = el("ol", { class: "stages" });
  readonly #times = STAGES.map((name) => ({ name, node: el("small") }));

  update(incident: Incident, spoken: string): void {
    const stage = stateNow().incident_stages[incident.id];
    rebuild(this.node, [incident.id, stage, spoken], () => {
      const at = stage === undefined ? -1 : STAGES.indexOf(stage);
      return this.#times.map(({ name, node }, place) => {
        const progress = at < 0 || place < at ? "done" : place === at ? "now" : "ahead";
        const current = progress === "now" ? "step" : null;
        const about = { "data-progress": progress, "aria-current": current, title: t(`stage_${name}_means`) };
        return el("li", about, word("stage", name), node);
      });
    });
  }

  tick(incident: Incident, now: number): void {
    for (const { name, node } of this.#times) {
      const spent = secondsIn(incident.stages, name, now);
      setText(node, spent === null ? "" : minutes(spent));
    }
  }
}

// Null where it was never in that stage, or nobody knows.
function secondsIn({ now: stage, since, before_s: before }: StageTimes, name: LoopStage, now: number): number | null {
  const earlier = before[name] ?? null;
  if (stage !== name || since === null) return earlier;
  return (earlier ?? 0) + Math.max(0, now - Date.parse(since)) / 1000;
}
