// Whom one may send to an incident, as the server would say: what a unit does now, and why it cannot be sent.

import { t, word } from "./words";
import { minutes } from "./times";
import { incidentById, isMaintenance, isOpen, stateNow } from "./room";
import type { Candidate, Incident, Order, UnitOnMap } from "./api";

// All that a unit's row says. `now`: what it does at present; `why`: why it cannot be sent, in words; `takes`: from what
// sending takes it away, in words, or "".
export interface Row {
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

export type Choice = Pick<Candidate, "unit_id" | "eta_s" | "left_out">;

// Sends a unit; `takes`: as above.
export type MakeSendButton = (incidentId: string, unitId: string, takes: string) => HTMLButtonElement;

export function wantsUnits(incident: Incident): boolean {
  return isOpen(incident) && !isMaintenance(incident) && incident.state !== "handled";
}

// `orders`: those of the incident that are shown.
export function rowOf(incident: Incident, orders: Order[], { unit_id: unitId, eta_s: eta, left_out: leftOut }: Choice): Row {
  const unit = stateNow().units.find((one) => one.id === unitId);
  const order = orders.find((one) => one.unit_id === unitId) ?? null;
  const isChosen = order !== null && !isGivenUp(order);
  const busyWith = unit?.incident_id && unit.incident_id !== incident.id ? briefly(unit.incident_id) : "";
  const state = unit === undefined ? "" : word("unit", unit.state);
  const isWanted = wantsUnits(incident);
  const why = whyNot(incident, unit, order);
  const canGo = isWanted && why === null;
  return {
    unitId,
    eta: eta === null || isThere(order) ? "" : t("candidate_eta", { time: minutes(eta) }),
    note: order !== null ? (isChosen ? t("candidate_chosen") : word("order", order.state)) : leftOut === null ? "" : leftOutText(leftOut),
    isChosen,
    isLeftOut: leftOut !== null || (unit !== undefined && unit.state !== "available" && !isChosen),
    now: busyWith === "" ? state : t("unit_busy_with", { state, incident: busyWith }),
    canGo,
    why: why === null || !isWanted || isChosen ? "" : word("error_not_to_be_sent", why),
    takes: canGo && busyWith !== "" ? t("send_takes", { incident: busyWith }) : "",
  };
}

// Whose order came to nothing may be sent again.
function isGivenUp(order: Order): boolean {
  return ["rejected", "expired", "recalled"].includes(order.state);
}

export function isNotOver(order: Order): boolean {
  return order.state !== "done" && !isGivenUp(order);
}

// Who has arrived is awaited no more.
function isThere(order: Order | null): boolean {
  return order !== null && (order.state === "on_scene" || order.state === "done");
}

// What the server would say.
function whyNot(incident: Incident, unit: UnitOnMap | undefined, order: Order | null): string | null {
  if (unit === undefined) return "no_such_unit";
  if (unit.simulated !== incident.simulated) return "not_alike";
  if (unit.state === "out_of_service") return "out_of_service";
  if (order !== null && isNotOver(order)) return "there_already";
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
