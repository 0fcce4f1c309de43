// What operators say of an incident beyond its end: how urgent it is, that it is not over; and the second of two people.

import { type Child, el } from "./dom";
import { type Key, type PlainKey, t, word } from "./words";
import { minutes, timeOfDay } from "./times";
import type { ClosingRequest, Disposition, EarlierLife, FalseAlarmReason, Incident, Level } from "./api";

export const LEVELS: Level[] = ["red", "yellow", "blue", "green"];
export const FALSE_REASONS: FalseAlarmReason[] = ["reflection", "shadow", "poster", "animal", "weather", "works", "ordinary", "picture"];

export interface Said {
  choice: string | null;
  reason: string;
}

// `choices`: the value and the key of its words, each. `label`: of what is to be written.
export interface Asking {
  name: "level" | "reopen" | "note";
  label?: PlainKey;
  choices?: [value: string, key: Key][];
  onSend: (said: Said) => void;
  onCancel: () => void;
}

// A form that asks why, and for one of some choices where there are any.
export class ReasonForm {
  readonly reason: HTMLInputElement;
  readonly send: HTMLButtonElement;
  readonly choices: HTMLInputElement[];
  readonly node: HTMLFormElement;

  constructor({ name, label = "reason", choices = [], onSend, onCancel }: Asking) {
    this.reason = el("input", { type: "text", maxlength: 500, "data-t-hint": `${name}_hint` });
    this.send = el("button", { type: "submit", class: "main", "data-t": `${name}_send` });
    const cancel = el("button", { type: "button", "data-t": "close_cancel" });
    cancel.addEventListener("click", onCancel);
    this.choices = choices.map(([value]) => el("input", { type: "radio", name: `${name}-choice`, value }));
    const labels = choices.map(([, key], place) => el("label", {}, this.choices[place], el("span", { "data-t": key })));
    this.node = el("form", { id: name, hidden: true },
      labels.length > 0 ? el("fieldset", {}, el("legend", { "data-t": `${name}_which` }), ...labels) : null,
      el("label", { class: "reason" }, el("span", { "data-t": label }), this.reason),
      el("p", { class: "means", "data-t": `${name}_means` }),
      el("div", { class: "sends" }, this.send, cancel));
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      onSend({ choice: this.choices.find((one) => one.checked)?.value ?? null, reason: this.reason.value.trim() });
    });
  }

  get isOpen(): boolean {
    return !this.node.hidden;
  }

  open(isOpen: boolean): void {
    if (isOpen === this.isOpen) return;
    this.node.hidden = !isOpen;
    this.node.reset();
    if (isOpen) (this.choices[0] ?? this.reason).focus();
  }
}

// Why a false alarm was one: chosen, or written down.
export class FalseReason {
  readonly #choice: HTMLSelectElement;
  readonly node: HTMLElement;

  constructor() {
    const options = FALSE_REASONS.map((reason) => el("option", { value: reason, "data-t": `false_reason_${reason}` }));
    this.#choice = el("select", { id: "false-reason" }, el("option", { value: "", "data-t": "false_reason_other" }), ...options);
    this.node = el("label", { class: "reason", hidden: true }, el("span", { "data-t": "false_reason" }), this.#choice);
  }

  // What was chosen; null: it is told in words.
  get chosen(): FalseAlarmReason | null {
    return FALSE_REASONS.find((reason) => reason === this.#choice.value) ?? null;
  }

  show(isShown: boolean): void {
    this.node.hidden = !isShown;
    if (!isShown) this.#choice.value = "";
  }
}

// The feedback of the first of two people, and what the second can do. `operator`: who sits here.
export function secondPerson(
  closing: ClosingRequest, operator: string, { onAgree, onWithdraw }: { onAgree: () => void; onWithdraw: () => void },
): Child[] {
  const said = [
    t("closing_asked_by", { who: closing.operator, time: timeOfDay(Date.parse(closing.at)) }),
    `${dispositionText(closing)}${closing.reason ? ` · ${closing.reason}` : ""}`,
  ].join(" ");
  const agree = el("button", { type: "button", class: "main" }, t("closing_agree"));
  agree.disabled = operator !== "" && operator.toLowerCase() === closing.operator.trim().toLowerCase();
  if (agree.disabled) agree.title = t("error_not_as_asked_same_person");
  agree.addEventListener("click", onAgree);
  const withdraw = el("button", { type: "button" }, t("closing_withdraw"));
  withdraw.addEventListener("click", onWithdraw);
  return [el("p", {}, said), el("div", { class: "sends" }, agree, withdraw)];
}

interface Outcome {
  disposition: Disposition | null;
  reason_code: FalseAlarmReason | null;
  duplicate_of: string | null;
}

// "False alarm (reflection)", "Duplicate (I-20260101-120000-7)"
export function dispositionText({ disposition, reason_code: code, duplicate_of: original }: Outcome): string {
  const outcome = word("disposition", disposition);
  if (original) return t("disposition_why", { outcome, why: original });
  return code && code !== "other" ? t("disposition_why", { outcome, why: word("false_reason", code) }) : outcome;
}

// How each earlier life ended, and who opened the incident again, and why; and how soon somebody was there.
export function earlierLives(incident: Incident): HTMLElement[] {
  return incident.history.map((life, place) =>
    el("p", { class: "earlier" }, arrivalIn(life, incident, place), t("reopened_by", {
      who: life.reopened_by,
      time: timeOfDay(Date.parse(life.reopened_at)),
      why: life.reopened_why,
      outcome: dispositionText(life),
      closer: life.closed_by ?? "—",
    })));
}

// After how long the first unit was on scene, in an earlier life; nothing where none was, or nobody knows when it began.
function arrivalIn(life: EarlierLife, incident: Incident, place: number): string {
  const began = life.life === 1 ? incident.clocks.t3?.at : incident.history[place - 1]?.reopened_at;
  const arrived = life.clocks.t9?.at;
  if (!began || !arrived) return "";
  return t("earlier_arrival", { after: minutes((Date.parse(arrived) - Date.parse(began)) / 1000) });
}
