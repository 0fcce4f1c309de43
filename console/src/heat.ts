// The heat of incidents (热力): its switch, what is looked back on, and what the colours mean. It tells where incidents began, not
// how grave they are; drills and false alarms are left out, and so is maintenance.

import { el, setAttribute, setText, svg } from "./dom";
import { FULL_FROM } from "./heat_layer";
import type { Point } from "./labels";
import { ActionFailed, get } from "./sending";
import { type PlainKey, t, word } from "./words";
import type { Heat as HeatTold, HeatCell, Level, Place } from "./api";

const AGAIN_MS = 30_000;
const COUNTED = 12; // so many of the fullest places say their number: colour alone tells nobody how many
const SPANS: [hours: number, key: PlainKey][] = [[8, "heat_shift"], [24, "heat_day"], [168, "heat_week"]];
const LEAST: (Level | "")[] = ["", "yellow", "red"];

export interface WarmPlace {
  place: Place;
  incidents: number;
  span: PlainKey;
}

export class Heat {
  readonly node = el("section", { class: "heat", hidden: true });
  readonly button = el("button", { type: "button", class: "quiet", "aria-pressed": "false" });
  readonly #span = el("select");
  readonly #least = el("select");
  readonly #spanLabel = el("label", {}, el("span"), this.#span);
  readonly #leastLabel = el("label", {}, el("span"), this.#least);
  readonly #scale = el("p", { class: "heat-scale" }, el("span"), el("i"), el("span"));
  readonly #text = el("p", { role: "status" });
  readonly #layer: SVGGElement;
  readonly #show: (cells: HeatCell[]) => void;
  #told: HeatTold | null = null;
  #counts: { place: Place; label: SVGTextElement }[] = [];
  #asked = 0;
  #pixels: ((place: Place) => Point) | null = null;

  constructor(layer: SVGGElement, show: (cells: HeatCell[]) => void) {
    this.#layer = layer;
    this.#show = show;
    this.node.append(this.#spanLabel, this.#leastLabel, this.#scale, this.#text);
    this.button.addEventListener("click", () => this.toggle());
    for (const choice of [this.#span, this.#least]) choice.addEventListener("change", () => void this.#ask());
    setInterval(() => void this.#ask(), AGAIN_MS);
  }

  get #isOn(): boolean {
    return !this.node.hidden;
  }

  toggle(): void {
    this.node.hidden = this.#isOn;
    setAttribute(this.button, "aria-pressed", String(this.#isOn));
    if (!this.#isOn) this.#told = null;
    this.draw();
    void this.#ask();
  }

  speak(): void {
    setText(this.button, t("heat"));
    setAttribute(this.button, "title", t("heat_title"));
    setAttribute(this.node, "aria-label", t("heat"));
    setText(this.#spanLabel.firstElementChild as Element, t("heat_span"));
    setText(this.#leastLabel.firstElementChild as Element, t("heat_least"));
    fill(this.#span, SPANS.map(([hours, key]) => [String(hours), t(key)]));
    fill(this.#least, LEAST.map((level) => [level, level === "" ? t("heat_all") : level === "red" ? word("level", level) : t("heat_from", { level: word("level", level) })]));
    this.#say();
  }

  async #ask(): Promise<void> {
    if (!this.#isOn || document.visibilityState === "hidden") return;
    const asked = ++this.#asked;
    try {
      const told = await get("/api/v1/heat", { hours: this.#span.value || "8", ...(this.#least.value && { least: this.#least.value }) });
      if (asked !== this.#asked || !this.#isOn) return; // somebody chose otherwise meanwhile
      this.#told = told;
      this.draw();
    } catch (error) {
      if (!(error instanceof ActionFailed)) throw error;
      setText(this.#text, t("heat_failed"));
    }
  }

  // Anew, also where the ground was moved under it.
  draw(): void {
    const cells = this.#told?.cells ?? [];
    this.#show(cells);
    this.#counts = cells.filter((cell) => cell.incidents > 1).slice(0, COUNTED).map(({ place, incidents }) => {
      return { place, label: svg("text", {}, String(incidents)) };
    });
    this.#layer.replaceChildren(...this.#counts.map(({ label }) => label));
    if (this.#pixels !== null) this.place(this.#pixels);
    this.#say();
  }

  // `pixels`: where a place is on the map now.
  place(pixels: (place: Place) => Point): void {
    this.#pixels = pixels;
    for (const { place, label } of this.#counts) {
      const { x, y } = pixels(place);
      setAttribute(label, "x", x.toFixed(1));
      setAttribute(label, "y", (y + 4).toFixed(1));
    }
  }

  // The warm place that is nearest, if one is so near: how many began there, in how many hours.
  near(spot: Point, reach: number): WarmPlace | null {
    let best: { cell: HeatCell; away: number } | null = null;
    for (const cell of this.#told?.cells ?? []) {
      const at = this.#pixels?.(cell.place);
      const away = at === undefined ? Infinity : Math.hypot(at.x - spot.x, at.y - spot.y);
      if (away <= reach && away < (best?.away ?? Infinity)) best = { cell, away };
    }
    if (best === null) return null;
    return { place: best.cell.place, incidents: best.cell.incidents, span: SPANS.find(([hours]) => String(hours) === this.#span.value)?.[1] ?? "heat_shift" };
  }

  #say(): void {
    const told = this.#told;
    const most = Math.max(0, ...(told?.cells ?? []).map((cell) => cell.incidents));
    setText(this.#scale.firstElementChild as Element, "1");
    setText(this.#scale.lastElementChild as Element, String(Math.max(FULL_FROM, most)));
    this.#scale.hidden = most === 0;
    setText(this.#text, told === null ? "" : told.incidents === 0 ? t("heat_none") : t("heat_means", { n: told.incidents, most }));
  }
}

function fill(select: HTMLSelectElement, options: [value: string, text: string][]): void {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  select.value = options.some(([value]) => value === chosen) ? chosen : (options[0]?.[0] ?? "");
}
