// Two incidents that are one thing: the form in which an operator says so.

import { el, rebuild } from "./dom";
import { t, word } from "./words";
import { isMaintenance, isOpen, stateNow, titleOf } from "./room";
import type { Incident, Place } from "./api";

const EARTH_M = 6371008.8;
const SHOWN = 30;

export class MergeForm {
  readonly choice = el("select", { id: "merge-with", name: "with" });
  // Stands in the row of actions, outside of the form.
  readonly send = el("button", { type: "submit", form: "merging", class: "main", hidden: true, "data-t": "merge_send" });
  readonly node: HTMLFormElement;

  // `onMerge(id)`: the other incident.
  constructor(onMerge: (id: string) => void) {
    this.node = el("form", { id: "merging", hidden: true },
      el("label", { class: "reason" }, el("span", { "data-t": "merge_with" }), this.choice),
      el("p", { class: "means", "data-t": "merge_means" }));
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.choice.value) onMerge(this.choice.value);
    });
  }

  open(isOpen: boolean): void {
    this.node.hidden = !isOpen;
    this.send.hidden = !isOpen;
  }

  update(incident: Incident, spoken: string): void {
    if (this.node.hidden) return;
    const chosen = this.choice.value;
    const others = mergeable(incident);
    rebuild(this.choice, [others.map(({ one, metres }) => [one.id, one.level, titleOf(one), metres]), spoken], () =>
      others.map(({ one, metres }) =>
        el("option", { value: one.id }, `${word("level", one.level)} · ${titleOf(one)} · ${t("metres_away", { n: metres })}`)),
    );
    if (others.some(({ one }) => one.id === chosen)) this.choice.value = chosen;
    this.send.disabled = others.length === 0;
  }
}

// Which incidents may become one with this, the nearest first.
export function mergeable(incident: Incident): { one: Incident; metres: number }[] {
  if (!isOpen(incident) || isMaintenance(incident) || incident.state === "handled") return [];
  return stateNow().incidents
    .filter((one) => one.id !== incident.id && isOpen(one) && !isMaintenance(one) && one.state !== "handled"
      && one.simulated === incident.simulated && one.drill === incident.drill)
    .map((one) => ({ one, metres: Math.round(metresBetween(one.place, incident.place)) }))
    .sort((a, b) => a.metres - b.metres)
    .slice(0, SHOWN);
}

function metresBetween(one: Place, other: Place): number {
  const radians = Math.PI / 180;
  const north = (one.latitude - other.latitude) * radians;
  const east = (one.longitude - other.longitude) * radians * Math.cos(one.latitude * radians);
  return EARTH_M * Math.hypot(north, east);
}
