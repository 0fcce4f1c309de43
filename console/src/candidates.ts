// Whom one may send: the newest choice's candidates, each with what it does now; folded where somebody was sent already.

import { el, mark, rebuild } from "./dom";
import { language, t, word } from "./words";
import { minutes } from "./times";
import { incidentById, isMaintenance, isOpen, stateNow, unitName } from "./room";
import type { Candidate, Incident, Order, UnitOnMap } from "./api";

// All that its row says. `now`: what it does at present; `why`: why it cannot be sent, in words; `takes`: as below.
interface Row {
  unitId: string;
  eta: string;
  note: string;
  isChosen: boolean;
  isLeftOut: boolean;
  now: string;
  canGo: boolean;
  why: string;
  takes: string;
}

type Choice = Pick<Candidate, "unit_id" | "eta_s" | "left_out">;

// Sends a unit; `takes`: from what that takes it away, in words, or "".
export type MakeSendButton = (incidentId: string, unitId: string, takes: string) => HTMLButtonElement;

export class Candidates {
  readonly #list = el("div");
  readonly node = el("details", { class: "candidates", hidden: true }, el("summary", { "data-t": "candidates" }), this.#list);
  readonly #sendButton: MakeSendButton;

  constructor(sendButton: MakeSendButton) {
    this.#sendButton = sendButton;
  }

  fold(isFolded: boolean): void {
    this.node.open = !isFolded;
  }

  update(incident: Incident, orders: Order[]): void {
    const newest = orders.reduce<Order | null>((last, order) => (last && last.sent_at >= order.sent_at ? last : order), null);
    const choice = newest === null ? unitsOf(incident) : candidatesOf(newest);
    const rows = choice.map((candidate) => rowOf(incident, orders, candidate));
    const others = newest === null ? 0 : newest.candidates.length - rows.length;
    this.node.hidden = rows.length === 0;
    rebuild(this.#list, [incident.id, rows, others, language()], () => [
      el("table", {}, el("tbody", {}, ...rows.map((row) => this.#row(incident.id, row)))),
      others > 0 ? el("p", { class: "others" }, t("candidates_other_ring", { n: others })) : null,
    ]);
  }

  #row(incidentId: string, { unitId, eta, note, isLeftOut, isChosen, now, canGo, why, takes }: Row): HTMLElement {
    const warning = takes === "" ? null : el("small", { class: "takes" }, mark("yellow", ""), takes);
    const send = canGo ? this.#sendButton(incidentId, unitId, takes) : el("small", {}, why);
    return el("tr", { "data-chosen": isChosen, "data-left-out": isLeftOut },
      el("th", { scope: "row" }, unitName(unitId), el("small", { class: "now" }, now)),
      el("td", {}, eta), el("td", {}, note, warning), el("td", {}, send));
  }
}

// Units of other rings are many and never a choice: one line says how many.
function candidatesOf(order: Order): Choice[] {
  return order.candidates.filter((one) => one.unit_id === order.unit_id || one.left_out !== "other_ring");
}

// Where nobody was sent, anybody of the same sort can be.
function unitsOf(incident: Incident): Choice[] {
  if (!wantsUnits(incident)) return [];
  const units = stateNow().units.filter((unit) => unit.simulated === incident.simulated);
  return units.map((unit) => ({ unit_id: unit.id, eta_s: null, left_out: null }));
}

function rowOf(incident: Incident, orders: Order[], { unit_id: unitId, eta_s: eta, left_out: leftOut }: Choice): Row {
  const unit = stateNow().units.find((one) => one.id === unitId);
  const isChosen = orders.some((order) => order.unit_id === unitId);
  const busyWith = unit?.incident_id && unit.incident_id !== incident.id ? briefly(unit.incident_id) : "";
  const state = unit === undefined ? "" : word("unit", unit.state);
  const isWanted = wantsUnits(incident);
  const why = whyNot(incident, unit, isChosen);
  const canGo = isWanted && why === null;
  return {
    unitId,
    eta: eta === null ? "" : t("candidate_eta", { time: minutes(eta) }),
    note: isChosen ? t("candidate_chosen") : leftOut === null ? "" : leftOutText(leftOut),
    isChosen,
    isLeftOut: leftOut !== null || (unit !== undefined && unit.state !== "available" && !isChosen),
    now: busyWith === "" ? state : t("unit_busy_with", { state, incident: busyWith }),
    canGo,
    why: why === null || !isWanted || isChosen ? "" : word("error_not_to_be_sent", why),
    takes: canGo && busyWith !== "" ? t("send_takes", { incident: busyWith }) : "",
  };
}

function wantsUnits(incident: Incident): boolean {
  return isOpen(incident) && !isMaintenance(incident) && incident.state !== "handled";
}

// What the server would say.
function whyNot(incident: Incident, unit: UnitOnMap | undefined, isThere: boolean): string | null {
  if (unit === undefined) return "no_such_unit";
  if (unit.simulated !== incident.simulated) return "not_alike";
  if (unit.state === "out_of_service") return "out_of_service";
  if (isThere) return "there_already";
  return unit.state === "on_scene" ? "on_scene" : null;
}

// "Red C-007"
function briefly(incidentId: string): string {
  const incident = incidentById(incidentId);
  return incident === null ? incidentId : `${word("level", incident.level)} ${incident.camera_id}`;
}

// Some reasons name what they are about: serves_I-1, lacks_armed, crew_of_1, lost_734.
function leftOutText(reason: string): string {
  const [, of, what = ""] = reason.match(/^(serves|lacks|crew_of|lost)_(.*)$/) ?? [];
  if (of === "serves") return t("left_serves", { what: briefly(what) });
  return of === "lacks" || of === "crew_of" || of === "lost" ? t(`left_${of}`, { what }) : word("left", reason);
}
