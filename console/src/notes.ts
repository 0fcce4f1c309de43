// What people wrote down about an incident, the newest last.

import { el, rebuild } from "./dom";
import { timeOfDay } from "./times";
import { t } from "./words";
import type { Incident } from "./api";

export class NotesList {
  readonly node = el("div", { class: "notes", hidden: true });

  update({ id, notes }: Incident, spoken: string): void {
    this.node.hidden = notes.length === 0;
    rebuild(this.node, [id, notes, spoken], () => [
      el("h3", {}, t("notes")),
      el("ul", {}, ...notes.map(({ at, operator, text }) =>
        el("li", {}, el("p", {}, text), el("small", {}, `${operator} · ${timeOfDay(Date.parse(at))}`)))),
    ]);
  }
}
