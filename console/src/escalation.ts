// What is late for too long: how far up it was told and why, and the button with which somebody takes it on.

import { type Child, el, mark, rebuild, setAttribute } from "./dom";
import { language, pick, sentence, t, word } from "./words";
import { timeOfDay } from "./times";
import { isOpen } from "./room";
import type { Escalation, Incident } from "./api";

// The last step that was taken for an open incident; none of an earlier life of it.
export function escalationOf(incident: Incident): Escalation | null {
  const { escalation } = incident;
  return isOpen(incident) && escalation && escalation.life === incident.life ? escalation : null;
}

// Whether everybody is to look, and nobody has taken it on yet.
export function asksTheRoom(incident: Incident): boolean {
  const escalation = escalationOf(incident);
  return escalation !== null && escalation.step === "room" && escalation.acknowledged_at === null;
}

export function whyEscalated(escalation: Escalation): string {
  return pick(escalation.why_zh, escalation.why_en);
}

// One line on a card: the step and why, quieter once somebody has taken it on.
export class EscalationLine {
  readonly node = el("p", { class: "escalated", hidden: true });

  update(incident: Incident): void {
    const escalation = escalationOf(incident);
    this.node.hidden = escalation === null;
    if (escalation === null) return;
    setAttribute(this.node, "data-step", escalation.step);
    setAttribute(this.node, "data-taken", escalation.acknowledged_at !== null);
    rebuild(this.node, [escalation, language()], () => [
      el("b", {}, word("step", escalation.step)),
      el("span", {}, escalation.acknowledged_at === null ? whyEscalated(escalation) : takenOn(escalation)),
    ]);
  }
}

// The same beside the incident, with since when, and the button.
export class EscalationBox {
  readonly node = el("div", { class: "escalation", role: "group", "data-t-label": "escalation", hidden: true });
  readonly #onAcknowledge: () => void;
  #button: HTMLButtonElement | null = null;

  // `onAcknowledge()`: an operator takes it on.
  constructor(onAcknowledge: () => void) {
    this.#onAcknowledge = onAcknowledge;
  }

  update(incident: Incident, busy: boolean): void {
    const escalation = escalationOf(incident);
    const awaitsSecond = isOpen(incident) && incident.closing !== null;
    const reminded = awaitsSecond || (isOpen(incident) && incident.state === "handled") ? incident.reminders : 0;
    this.node.hidden = escalation === null && reminded === 0;
    if (this.node.hidden) return;
    setAttribute(this.node, "data-step", escalation?.step ?? "none");
    setAttribute(this.node, "data-taken", (escalation?.acknowledged_at ?? null) !== null);
    rebuild(this.node, [incident.id, escalation, reminded, awaitsSecond, language()], () => this.#content(escalation, reminded, awaitsSecond));
    if (this.#button) this.#button.disabled = busy;
  }

  #content(escalation: Escalation | null, reminded: number, awaitsSecond: boolean): Child[] {
    this.#button = null;
    const reminder = reminded > 0 ? el("p", {}, t(awaitsSecond ? "reminded_second" : "reminded", { n: reminded })) : null;
    if (escalation === null) return [reminder];
    const level = escalation.step === "next_unit" ? "yellow" : "red";
    const told = el("p", {}, mark(level, ""), el("b", {}, word("escalated", escalation.step)),
      el("small", {}, t("escalated_at", { time: timeOfDay(Date.parse(escalation.at)) })));
    const why = el("p", {}, sentence(whyEscalated(escalation)));
    return [told, why, reminder, this.#answer(escalation)];
  }

  #answer(escalation: Escalation): HTMLElement {
    if (escalation.acknowledged_at !== null) return el("p", { class: "taken" }, takenOn(escalation));
    const button = el("button", { type: "button", class: "acknowledge", "data-needs": "act", title: t("acknowledge_means") }, t("acknowledge"), el("kbd", {}, "A"));
    button.addEventListener("click", () => this.#onAcknowledge());
    this.#button = button;
    return button;
  }
}

function takenOn(escalation: Escalation): string {
  const at = escalation.acknowledged_at;
  return t("acknowledged", { who: escalation.acknowledged_by, time: at === null ? "—" : timeOfDay(Date.parse(at)) });
}
