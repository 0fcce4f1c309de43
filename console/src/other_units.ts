// All units that the last choice did not weigh, each with what it does and how far off it is: whoever may dispatch may
// send any of them. Their order stays while somebody looks: only opening the list and searching sort it anew.

import { el, order, setText } from "./dom";
import { t } from "./words";
import { serverNow, timeOfDay } from "./times";
import { stateNow } from "./room";
import { metresBetween } from "./merging";
import { type MakeSendButton, rowOf, wantsUnits } from "./sendable";
import { UnitRow } from "./unit_row";
import type { Incident, Order, UnitOnMap } from "./api";

const FEW = 6; // so many are found without a search
const STALE_MS = 120_000; // by then a unit may be far from where it was

export class OtherUnits {
  readonly #title = el("summary");
  readonly #search = el("input", { type: "text", maxlength: 64, autocomplete: "off", "data-t-label": "units_search", "data-t-hint": "units_search" });
  readonly #body = el("tbody");
  readonly #none = el("p", { class: "others", hidden: true, "data-t": "units_none_found" });
  readonly node = el("details", { class: "other-units", hidden: true }, this.#title, this.#search, el("table", {}, this.#body), this.#none);
  readonly #sendButton: MakeSendButton;
  readonly #rows = new Map<string, UnitRow>();
  #of: { incident: Incident; orders: Order[]; weighed: ReadonlyMap<string, string | null> } | null = null;
  #order: string[] = [];

  constructor(sendButton: MakeSendButton) {
    this.#sendButton = sendButton;
    const again = () => {
      this.#order = [];
      this.#show();
    };
    this.node.addEventListener("toggle", again);
    this.#search.addEventListener("input", again);
    this.#search.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation(); // it ends the search, and no form
      this.#search.value = "";
      again();
      this.#title.focus();
    });
  }

  // `weighed`: why a unit was left out of the last choice, by its id; `shown`: those that stand in that choice's own list.
  update(incident: Incident, orders: Order[], weighed: ReadonlyMap<string, string | null>, shown: ReadonlySet<string>): void {
    const isOther = this.#of?.incident.id !== incident.id;
    if (isOther) {
      this.#search.value = "";
      this.#order = [];
      this.#rows.clear();
      this.node.open = shown.size === 0;
    }
    this.#of = { incident, orders, weighed };
    const units = wantsUnits(incident) ? this.#units(shown) : [];
    this.node.hidden = units.length === 0;
    setText(this.#title, t(shown.size === 0 ? "units_all" : "units_other", { n: units.length }));
    this.#search.hidden = units.length <= FEW;
    for (const id of this.#rows.keys()) if (!units.some((unit) => unit.id === id)) this.#rows.delete(id);
    for (const unit of units) if (!this.#rows.has(unit.id)) this.#rows.set(unit.id, new UnitRow(incident.id, unit.id, this.#sendButton));
    this.#show();
  }

  // Real and simulated share nobody.
  #units(shown: ReadonlySet<string>): UnitOnMap[] {
    return stateNow().units.filter((unit) => unit.simulated === this.#of?.incident.simulated && !shown.has(unit.id));
  }

  #show(): void {
    if (this.#of === null || !this.node.open || this.node.hidden) return;
    const { incident, orders, weighed } = this.#of;
    const found = stateNow().units.filter((unit) => this.#rows.has(unit.id) && this.#isFound(unit)).map((unit) => {
      const row = rowOf(incident, orders, { unit_id: unit.id, eta_s: null, left_out: weighed.get(unit.id) ?? null });
      return { unit, row, metres: metresBetween(unit, incident.place) };
    });
    const known = new Set(this.#order);
    const added = found.filter(({ unit }) => !known.has(unit.id))
      .sort((a, b) => Number(b.row.canGo) - Number(a.row.canGo) || a.metres - b.metres).map(({ unit }) => unit.id);
    const there = new Map(found.map((one) => [one.unit.id, one]));
    this.#order = [...this.#order, ...added].filter((id) => there.has(id));
    for (const id of this.#order) {
      const one = there.get(id);
      if (one !== undefined) this.#rows.get(id)?.update(one.row, awayText(one.metres), oldText(one.unit));
    }
    order(this.#body, this.#order.flatMap((id) => this.#rows.get(id)?.node ?? []));
    this.#none.hidden = this.#order.length > 0;
  }

  #isFound(unit: UnitOnMap): boolean {
    const sought = this.#search.value.trim().toLowerCase();
    return sought === "" || [unit.id, unit.name, unit.name_en].some((text) => text.toLowerCase().includes(sought));
  }
}

// The straight line: nobody has asked for the way.
function awayText(metres: number): string {
  return metres < 1000 ? t("unit_away_m", { n: Math.round(metres / 10) * 10 }) : t("unit_away_km", { n: (metres / 1000).toFixed(1) });
}

// A unit that has told its position, and does so no more; one that never does stands where it is posted.
function oldText({ fix_at: fixAt }: UnitOnMap): string {
  const at = fixAt === null ? null : Date.parse(fixAt);
  return at === null || serverNow() - at < STALE_MS ? "" : t("unit_fix_old", { time: timeOfDay(at) });
}
