// Whom one may send: whom the newest choice weighed, each with what it does now; behind them all others. Folded where
// somebody was sent already.

import { el, order, setText } from "./dom";
import { OtherUnits } from "./other_units";
import { type Choice, type MakeSendButton, rowOf } from "./sendable";
import { timeOfDay } from "./times";
import { isTouched } from "./touching";
import { UnitRow } from "./unit_row";
import { t } from "./words";
import type { Incident, Order } from "./api";

export class Candidates {
  readonly #title = el("summary", {}, el("span", { "data-t": "candidates" }), el("kbd", {}, "U"));
  readonly #body = el("tbody");
  readonly #asOf = el("small", { class: "as-of" });
  readonly #list = el("div", {}, this.#asOf, el("table", {}, this.#body));
  readonly #others: OtherUnits;
  readonly node: HTMLDetailsElement;
  readonly #sendButton: MakeSendButton;
  #rows = new Map<string, UnitRow>();
  #incidentId: string | null = null;
  #choice: Order | null = null;

  constructor(sendButton: MakeSendButton) {
    this.#sendButton = sendButton;
    this.#others = new OtherUnits(sendButton);
    this.node = el("details", { class: "candidates", hidden: true }, this.#title, this.#list, this.#others.node);
  }

  fold(isFolded: boolean): void {
    this.node.open = !isFolded;
  }

  // For the keyboard: at the first unit that can be sent, where one can.
  goTo(): void {
    this.node.open = true;
    const first = [...this.node.querySelectorAll("button")].find((button) => button.checkVisibility());
    (first ?? this.#title).focus({ preventScroll: true });
    this.#title.scrollIntoView({ block: "start" });
  }

  update(incident: Incident, orders: Order[]): void {
    if (this.#incidentId !== incident.id) {
      this.#incidentId = incident.id;
      this.#choice = null;
      this.#rows.clear();
    }
    this.#choice = this.#choiceOf(orders);
    const weighed = this.#choice === null ? [] : weighedBy(this.#choice);
    const known = this.#rows;
    this.#rows = new Map(weighed.map(({ unit_id: id }) => [id, known.get(id) ?? new UnitRow(incident.id, id, this.#sendButton)]));
    for (const candidate of weighed) {
      const row = rowOf(incident, orders, candidate);
      this.#rows.get(candidate.unit_id)?.update(row, row.eta);
    }
    order(this.#body, [...this.#rows.values()].map(({ node }) => node));
    const asOf = this.#choice === null ? "" : t("candidates_as_of", { time: timeOfDay(Date.parse(this.#choice.sent_at)) });
    setText(this.#asOf, asOf);
    this.#list.hidden = weighed.length === 0;
    const reasons = new Map(this.#choice?.candidates.map((one) => [one.unit_id, one.left_out]));
    this.#others.update(incident, orders, reasons, new Set(this.#rows.keys()));
    this.node.hidden = weighed.length === 0 && this.#others.node.hidden;
  }

  // The newest one; while somebody is at the list, the one that is shown: no other unit's button comes under the pointer.
  #choiceOf(orders: Order[]): Order | null {
    const shown = orders.find(({ id }) => id === this.#choice?.id);
    if (shown !== undefined && isTouched(this.#list)) return shown;
    return orders.reduce<Order | null>((last, one) => (last && last.sent_at >= one.sent_at ? last : one), null);
  }
}

// Units of other rings are many and no choice by the rules: they stand among all others.
function weighedBy(order: Order): Choice[] {
  return order.candidates.filter((one) => one.unit_id === order.unit_id || one.left_out !== "other_ring");
}
