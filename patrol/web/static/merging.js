// Two incidents that are one thing: the form in which an operator says so.

import { el, rebuild } from "./dom.js";
import { t, word } from "./words.js";
import { isMaintenance, isOpen, ordersOf, room, titleOf } from "./room.js";

const EARTH_M = 6371008.8;
const SHOWN = 30;

export class MergeForm {
  constructor(onMerge) {
    this.choice = el("select", { id: "merge-with", name: "with" });
    // Stands in the row of actions, outside of the form.
    this.send = el("button", { type: "submit", form: "merging", class: "main", hidden: true, "data-t": "merge_send" });
    this.node = el("form", { id: "merging", hidden: true },
      el("label", { class: "reason" }, el("span", { "data-t": "merge_with" }), this.choice),
      el("p", { class: "means", "data-t": "merge_means" }));
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.choice.value) onMerge(this.choice.value);
    });
  }

  open(isOpen) {
    this.node.hidden = !isOpen;
    this.send.hidden = !isOpen;
  }

  update(incident, spoken) {
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
  constructor() {
    this.choice = el("select", { id: "duplicate-of" });
    this.node = el("label", { class: "reason", hidden: true }, el("span", { "data-t": "duplicate_of" }), this.choice);
  }

  show(isShown, incident) {
    if (isShown && this.node.hidden) this.#offer(incident);
    this.node.hidden = !isShown;
    if (!isShown) this.choice.value = "";
  }

  #offer(incident) {
    const others = nearest(incident, (one) => isMaintenance(one) === isMaintenance(incident));
    const options = others.map(({ one, metres }) => option(one, metres, isOpen(one) ? null : t("clock_t12")));
    this.choice.replaceChildren(el("option", { value: "" }, t("duplicate_of_choose")), ...options);
  }
}

function option(one, metres, more = null, disabled = false) {
  const words = [word("level", one.level), titleOf(one), t("metres_away", { n: metres }), one.id, more];
  return el("option", { value: one.id, disabled }, words.filter(Boolean).join(" · "));
}

// Which incidents may become one with this, the nearest first; `whyNot`: why one cannot at present, or null.
export function mergeable(incident) {
  if (!isOpen(incident) || isMaintenance(incident) || incident.state === "handled") return [];
  return nearest(incident, (one) => isOpen(one) && !isMaintenance(one) && one.state !== "handled")
    .map((other) => ({ ...other, whyNot: isOut(other.one) && isOut(incident) ? "both_out" : null }));
}

function nearest(incident, isMeant) {
  return room.state.incidents
    .filter((one) => one.id !== incident.id && isMeant(one) && one.simulated === incident.simulated && one.drill === incident.drill)
    .map((one) => ({ one, metres: Math.round(metresBetween(one.place, incident.place)) }))
    .sort((a, b) => a.metres - b.metres)
    .slice(0, SHOWN);
}

function isOut(incident) {
  return ordersOf(incident.id).some((order) => ["en_route", "on_scene"].includes(order.state));
}

function metresBetween(one, other) {
  const radians = Math.PI / 180;
  const north = (one.latitude - other.latitude) * radians;
  const east = (one.longitude - other.longitude) * radians * Math.cos(one.latitude * radians);
  return EARTH_M * Math.hypot(north, east);
}
