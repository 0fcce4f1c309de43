// Two incidents that are one thing: the form in which an operator says so.

import { wasReachedBefore } from "./countdown";
import { el, rebuild } from "./dom";
import { t, word } from "./words";
import { isMaintenance, isOpen, ordersOf, stateNow, titleOf } from "./room";
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
    rebuild(this.choice, [others.map(({ one, metres, whyNot }) => [one.id, one.level, titleOf(one), metres, whyNot]), spoken], () =>
      others.map(({ one, metres, whyNot }) => option(one, metres, whyNot && word("error_not_together", whyNot), whyNot !== null)));
    const possible = others.filter(({ whyNot }) => whyNot === null);
    this.choice.value = (possible.find(({ one }) => one.id === chosen) ?? possible[0])?.one.id ?? "";
    this.send.disabled = possible.length === 0;
  }
}

// Of which incident the one that is being closed is a duplicate.
export class OriginalChoice {
  readonly choice = el("select", { id: "duplicate-of" });
  readonly node = el("label", { class: "reason", hidden: true }, el("span", { "data-t": "duplicate_of" }), this.choice);

  show(isShown: boolean, incident: Incident | null): void {
    if (isShown && this.node.hidden && incident !== null) this.#offer(incident);
    this.node.hidden = !isShown;
    if (!isShown) this.choice.value = "";
  }

  #offer(incident: Incident): void {
    const others = nearest(incident, (one) => isMaintenance(one) === isMaintenance(incident));
    const options = others.map(({ one, metres }) => option(one, metres, isOpen(one) ? null : t("clock_t12")));
    this.choice.replaceChildren(el("option", { value: "" }, t("duplicate_of_choose")), ...options);
  }
}

function option(one: Incident, metres: number, more: string | null, disabled = false): HTMLOptionElement {
  const words = [word("level", one.level), titleOf(one), t("metres_away", { n: metres }), one.id, more];
  return el("option", { value: one.id, disabled }, words.filter(Boolean).join(" · "));
}

interface Near {
  one: Incident;
  metres: number;
}

// Which incidents may become one with this, the nearest first; `whyNot`: why one cannot at present, or null.
export function mergeable(incident: Incident): (Near & { whyNot: string | null })[] {
  if (!isOpen(incident) || isMaintenance(incident) || incident.state === "handled") return [];
  return nearest(incident, (one) => isOpen(one) && !isMaintenance(one) && one.state !== "handled")
    .map((other) => ({ ...other, whyNot: whyApart(incident, other.one) }));
}

function whyApart(incident: Incident, other: Incident): string | null {
  if (wasReachedBefore(incident) || wasReachedBefore(other)) return "reached_before";
  return isOut(other) && isOut(incident) ? "both_out" : null;
}

function nearest(incident: Incident, isMeant: (one: Incident) => boolean): Near[] {
  return stateNow().incidents
    .filter((one) => one.id !== incident.id && isMeant(one) && one.simulated === incident.simulated && one.drill === incident.drill)
    .map((one) => ({ one, metres: Math.round(metresBetween(one.place, incident.place)) }))
    .sort((a, b) => a.metres - b.metres)
    .slice(0, SHOWN);
}

function isOut(incident: Incident): boolean {
  return ordersOf(incident.id).some((order) => ["en_route", "on_scene"].includes(order.state));
}

export function metresBetween(one: Place, other: Place): number {
  const radians = Math.PI / 180;
  const north = (one.latitude - other.latitude) * radians;
  const east = (one.longitude - other.longitude) * radians * Math.cos(one.latitude * radians);
  return EARTH_M * Math.hypot(north, east);
}
