// Whom one may send: whom the newest choice weighed, each with what it does now; behind them all others. Folded where
// somebody was sent already.

import { el, mark, rebuild } from "./dom";
import { language } from "./words";
import { unitName } from "./room";
import { OtherUnits } from "./other_units";
import { type Choice, type MakeSendButton, type Row, rowOf } from "./sendable";
import type { Incident, Order } from "./api";

export class Candidates {
  readonly #title = el("summary", {}, el("span", { "data-t": "candidates" }), el("kbd", {}, "U"));
  readonly #list = el("div");
  readonly #others: OtherUnits;
  readonly node: HTMLDetailsElement;
  readonly #sendButton: MakeSendButton;

  constructor(sendButton: MakeSendButton) {
    this.#sendButton = sendButton;
    this.#others = new OtherUnits(sendButton);
    this.node = el("details", { class: "candidates", hidden: true }, this.#title, this.#list, this.#others.node);
  }

  fold(isFolded: boolean): void {
    this.node.open = !isFolded;
  }

  // For the keyboard: the first unit is one Tab away.
  goTo(): void {
    this.node.open = true;
    this.#title.focus({ preventScroll: true });
    this.#title.scrollIntoView({ block: "start" });
  }

  update(incident: Incident, orders: Order[]): void {
    const newest = orders.reduce<Order | null>((last, order) => (last && last.sent_at >= order.sent_at ? last : order), null);
    const rows = newest === null ? [] : weighedBy(newest).map((candidate) => rowOf(incident, orders, candidate));
    rebuild(this.#list, [incident.id, rows, language()], () =>
      rows.length === 0 ? [] : [el("table", {}, el("tbody", {}, ...rows.map((row) => this.#row(incident.id, row))))]);
    const reasons = new Map(newest?.candidates.map((one) => [one.unit_id, one.left_out]));
    this.#others.update(incident, orders, reasons, new Set(rows.map((row) => row.unitId)));
    this.node.hidden = rows.length === 0 && this.#others.node.hidden;
  }

  #row(incidentId: string, { unitId, eta, note, isLeftOut, isChosen, now, canGo, why, takes }: Row): HTMLElement {
    const warning = takes === "" ? null : el("small", { class: "takes" }, mark("yellow", ""), takes);
    const send = canGo ? this.#sendButton(incidentId, unitId, takes) : el("small", {}, why);
    return el("tr", { "data-chosen": isChosen, "data-left-out": isLeftOut },
      el("th", { scope: "row" }, unitName(unitId), el("small", { class: "now" }, now)),
      el("td", {}, eta), el("td", {}, note, warning), el("td", {}, send));
  }
}

// Units of other rings are many and no choice by the rules: they stand among all others.
function weighedBy(order: Order): Choice[] {
  return order.candidates.filter((one) => one.unit_id === order.unit_id || one.left_out !== "other_ring");
}
