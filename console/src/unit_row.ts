// A unit's row in a list of those that may be sent. Each cell is written anew only when it says something else: what is
// under the pointer stays.

import { el, mark, rebuild, setAttribute } from "./dom";
import { language } from "./words";
import { unitName } from "./room";
import type { MakeSendButton, Row } from "./sendable";

export class UnitRow {
  readonly #name = el("th", { scope: "row" });
  readonly #away = el("td");
  readonly #note = el("td");
  readonly #send = el("td");
  readonly node = el("tr", {}, this.#name, this.#away, this.#note, this.#send);
  readonly #incidentId: string;
  readonly #unitId: string;
  readonly #sendButton: MakeSendButton;

  constructor(incidentId: string, unitId: string, sendButton: MakeSendButton) {
    this.#incidentId = incidentId;
    this.#unitId = unitId;
    this.#sendButton = sendButton;
    setAttribute(this.node, "data-unit", unitId);
  }

  // `away`: how far off it is, in words; `old`: since when nobody knows better, in words, or "".
  update({ isChosen, isLeftOut, now, note, takes, canGo, why }: Row, away: string, old = ""): void {
    setAttribute(this.node, "data-chosen", isChosen);
    setAttribute(this.node, "data-left-out", isLeftOut);
    rebuild(this.#name, [unitName(this.#unitId), now], () => [unitName(this.#unitId), el("small", { class: "now" }, now)]);
    rebuild(this.#away, [away, old], () => [away, old && el("small", { class: "now" }, old)]);
    rebuild(this.#note, [note, takes], () => [note, takes && el("small", { class: "takes" }, mark("yellow", ""), takes)]);
    rebuild(this.#send, [canGo, takes, why, language()], () => [
      canGo ? this.#sendButton(this.#incidentId, this.#unitId, takes) : el("small", {}, why),
    ]);
  }
}
