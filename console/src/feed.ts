// The feed: cards that never jump. While somebody touches it, new ones wait behind a pill and the order stays.

import { byId, el, mark, part, rebuild, setAttribute, setText } from "./dom";
import { language, t, word } from "./words";
import { serverNow } from "./times";
import { Countdown } from "./countdown";
import { DigestLine } from "./digest";
import { EscalationLine } from "./escalation";
import { thumbnail } from "./evidence";
import { lookersInShort } from "./looking";
import { NotShownLine, notShown } from "./not_shown";
import { OlderButton } from "./older";
import { fetchOlder, hasOlder, pastIncidents } from "./past";
import {
  cameraName, camerasThatSaw, incidentById, isMaintenance, isOpen, notReal, room, stateNow, titleOf, unitLine, whyGone, wordsOf,
} from "./room";
import type { Incident, Level } from "./api";

const TOUCH_MS = 4000; // a finger or a key counts as touching for that long
const isForUnits = (incident: Incident) => isOpen(incident) && !isMaintenance(incident);
type Filter = "open" | "unconfirmed" | "maintenance" | "closed";
const FILTERS: Record<Filter, (incident: Incident) => boolean> = {
  open: isForUnits,
  unconfirmed: (incident) => isForUnits(incident) && !incident.clocks.t5,
  maintenance: (incident) => isOpen(incident) && isMaintenance(incident),
  closed: (incident) => !isOpen(incident),
};
const URGENCY: Level[] = ["red", "yellow", "blue", "green"];

// `onOpen(withFocus)`: the selected one is to be looked at; `onShown(id)`: its card was in sight.
export interface FeedActions {
  onSelect: (id: string) => void;
  onOpen: (withFocus: boolean) => void;
  onShown: (id: string) => void;
}

export class Feed {
  readonly #does: FeedActions;
  readonly #section = byId("feed");
  readonly #list = byId("cards");
  readonly #pill = byId("news");
  readonly #empty = byId("feed-empty");
  readonly #announcer = byId("announcer");
  readonly #filters = new Map<Filter, HTMLButtonElement>();
  readonly #digest: DigestLine;
  readonly #visible: IntersectionObserver;
  readonly #near: IntersectionObserver;
  readonly #cards = new Map<string, Card>();
  readonly #older = new OlderButton(() => this.#fetchOlder());
  readonly #notShown = new NotShownLine();
  #order: string[] = []; // the ids shown, top to bottom
  #filter: Filter = "open";
  #hovering = false;
  #touchedAt = -Infinity;
  #announced: Set<string> | null = null; // ids already read aloud; null until the first state
  #selected: string | null = null;

  constructor(does: FeedActions) {
    this.#does = does;
    this.#digest = new DigestLine(() => {
      this.#order = this.#order.filter((id) => !this.#digest.folds(id)); // asked to go, unlike what stands there
      this.#arrange();
      this.update();
    });
    this.#visible = this.#watchVisibility();
    this.#near = this.#watchNearness();
    this.#watchTouch();
    this.#pill.addEventListener("click", () => this.#takeNews());
    for (const name of Object.keys(FILTERS) as Filter[]) this.#filters.set(name, this.#filterButton(name));
    this.#list.after(this.#notShown.node, this.#older.node);
    byId("filters").append(...this.#filters.values());
  }

  get order(): string[] {
    return this.#order;
  }

  // Everything new from the server: cards change in place, and move only when nobody touches.
  update(): void {
    this.#digest.update(language());
    this.#announce();
    this.#showFilters();
    if (!this.#touched()) this.#arrange();
    this.#showNews();
    for (const id of this.#order) this.#cards.get(id)?.update();
    this.#showEmpty();
  }

  tick(now: number): void {
    for (const id of this.#order) {
      const card = this.#cards.get(id);
      if (card?.isNear) card.tick(now); // clocks that nobody sees stand still
    }
    if (!this.#touched() && this.#waiting().length > 0) this.update();
  }

  select(id: string | null): void {
    this.#selected = id;
    for (const [cardId, card] of this.#cards) card.select(cardId === id);
    // One stop for the Tab key: the selected card, or the first.
    const stop = id !== null && this.#order.includes(id) ? id : this.#order[0];
    for (const [cardId, card] of this.#cards) setAttribute(card.node, "tabindex", cardId === stop ? 0 : -1);
  }

  // One of the filters by its place, for the keyboard.
  choose(place: number): void {
    [...this.#filters.values()][place]?.click();
  }

  // Moves the selection by one card, for the keyboard.
  step(by: number): void {
    this.#touchedAt = performance.now();
    const at = this.#selected === null ? -1 : this.#order.indexOf(this.#selected);
    const next = this.#order[at < 0 ? 0 : Math.min(this.#order.length - 1, Math.max(0, at + by))];
    const node = next === undefined ? undefined : this.#cards.get(next)?.node;
    if (next === undefined || node === undefined) return;
    this.#does.onSelect(next);
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }

  #wanted(): string[] {
    // What stands there already does not jump into the digest under somebody's eyes.
    const there = new Set(this.#order);
    const shown = (id: string) => !this.#digest.folds(id) || there.has(id) || id === this.#selected;
    return known().filter(FILTERS[this.#filter]).map((incident) => incident.id).filter(shown);
  }

  #waiting(): string[] {
    const there = new Set(this.#order);
    return this.#wanted().filter((id) => !there.has(id));
  }

  #touched(): boolean {
    if (this.#order.length === 0) return false;
    // On a phone the whole page scrolls: a card put in above would push away what is being read.
    const scrolled = this.#list.scrollTop > 8 || this.#section.getBoundingClientRect().top < -8;
    return this.#hovering || scrolled || performance.now() - this.#touchedAt < TOUCH_MS;
  }

  #arrange(): void {
    const wanted = this.#wanted();
    const staying = new Set(wanted);
    for (const [id, card] of this.#cards) {
      if (staying.has(id)) continue;
      this.#visible.unobserve(card.node);
      this.#near.unobserve(card.node);
      card.node.remove();
      this.#cards.delete(id);
    }
    const cards = wanted.map((id) => this.#cardOf(id));
    if (wanted.join() !== this.#order.join()) {
      const focused = document.activeElement;
      this.#order = wanted;
      cards.forEach(({ node }, place) => {
        if (this.#list.children[place] !== node) this.#list.insertBefore(node, this.#list.children[place] ?? null);
      });
      const isLost = focused !== document.activeElement && this.#list.contains(focused);
      if (isLost && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    }
    this.select(this.#selected);
  }

  #takeNews(): void {
    this.#list.scrollTop = 0;
    this.#arrange();
    this.update();
    this.#list.firstElementChild?.scrollIntoView({ block: "nearest" });
  }

  #showNews(): void {
    const ids = new Set(this.#waiting());
    const waiting = known().filter((incident) => ids.has(incident.id));
    this.#pill.hidden = waiting.length === 0;
    if (waiting.length === 0) return;
    const level = URGENCY.find((one) => waiting.some((incident) => incident.level === one)) ?? "blue";
    const text = t(waiting.length === 1 ? "news_one" : "news_many", { n: waiting.length });
    setAttribute(this.#pill, "data-level", level);
    rebuild(this.#pill, [level, text], () => [mark(level, word("level", level)), el("span", {}, `↑ ${text}`)]);
  }

  async #fetchOlder(): Promise<void> {
    await fetchOlder();
    this.#arrange(); // asked to come, whatever is touched
    this.update();
  }

  #announce(): void {
    const { incidents } = stateNow();
    const announced = this.#announced;
    const isNew = (incident: Incident) => isOpen(incident) && !announced?.has(incident.id) && !this.#digest.folds(incident.id);
    const fresh = announced === null ? [] : incidents.filter(isNew);
    this.#announced = new Set(incidents.map((incident) => incident.id));
    if (fresh.length === 0) return;
    const told = fresh.slice(0, 3).map((incident) => {
      const what = t("announce", { level: word("level", incident.level), kind: word("kind", incident.kind), camera: cameraName(incident) });
      return [notReal(incident), what].filter(Boolean).join(" · ");
    });
    setText(this.#announcer, told.join("; "));
  }

  #filterButton(name: Filter): HTMLButtonElement {
    const button = el("button", { type: "button", "data-filter": name }, el("span"), el("b"));
    button.addEventListener("click", () => {
      this.#filter = name;
      this.#list.scrollTop = 0;
      this.#arrange();
      this.update();
    });
    return button;
  }

  #showFilters(): void {
    const incidents = known();
    for (const [filter, button] of this.#filters) {
      setText(part(button, 0), t(`filter_${filter}`));
      const shown = incidents.filter(FILTERS[filter]).length;
      const count = shown + notShown(filter, shown); // not all of a flood comes to the page; how many there are does
      const isAtLeast = filter === "unconfirmed" && stateNow().open_not_shown > 0;
      setText(part(button, 1), isAtLeast ? `${count}+` : String(count));
      if (filter === this.#filter) this.#notShown.update(filter, shown);
      button.hidden = filter === "maintenance" && count === 0 && filter !== this.#filter;
      setAttribute(button, "aria-pressed", String(filter === this.#filter));
    }
  }

  #showEmpty(): void {
    const nothing = this.#order.length === 0 && this.#digest.node.hidden;
    this.#empty.hidden = !nothing;
    this.#older.node.hidden = nothing || this.#filter !== "closed" || !hasOlder();
    this.#list.hidden = nothing;
    if (!nothing) return;
    const cameras = room.layout.cameras.length;
    const lines =
      this.#filter === "open"
        ? [t("empty_title"), t("empty_text", { cameras }), t("empty_steps")]
        : [t(`empty_${this.#filter}`)];
    if (this.#filter === "open" && stateNow().units.length === 0) lines.push(t("no_units"));
    rebuild(this.#empty, lines, () => lines.map((line, place) => el(place === 0 ? "h3" : "p", {}, line)));
  }

  #cardOf(id: string): Card {
    const known = this.#cards.get(id);
    if (known !== undefined) return known;
    const card = new Card(id);
    card.node.addEventListener("click", () => {
      this.#does.onSelect(id);
      this.#does.onOpen(false);
    });
    this.#visible.observe(card.node);
    this.#near.observe(card.node);
    this.#cards.set(id, card);
    return card;
  }

  #watchVisibility(): IntersectionObserver {
    const visible = new IntersectionObserver((entries) => {
      if (document.visibilityState !== "visible") return;
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) this.#does.onShown((target as HTMLElement).dataset.id ?? "");
      }
    }, { threshold: 0.6 });
    // A card that came while the tab was hidden counts from the moment the tab is looked at.
    document.addEventListener("visibilitychange", () => {
      for (const { node } of this.#cards.values()) {
        visible.unobserve(node);
        visible.observe(node);
      }
    });
    return visible;
  }

  // In sight, or about to be.
  #watchNearness(): IntersectionObserver {
    return new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        const card = this.#cards.get((target as HTMLElement).dataset.id ?? "");
        if (card === undefined) continue;
        card.isNear = isIntersecting;
        if (isIntersecting) card.tick(serverNow());
      }
    }, { rootMargin: "50% 0px" });
  }

  #watchTouch(): void {
    const section = this.#section;
    section.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") this.#hovering = true;
    });
    section.addEventListener("pointerleave", () => {
      this.#hovering = false;
      if (room.state) this.update();
    });
    for (const kind of ["touchstart", "touchmove"]) {
      section.addEventListener(kind, () => (this.#touchedAt = performance.now()), { passive: true });
    }
  }
}

// What the state tells of, and what was over before that.
function known(): Incident[] {
  return [...stateNow().incidents, ...pastIncidents()];
}

class Card {
  readonly node: HTMLElement;
  readonly #id: string;
  readonly #mark = el("span", { class: "level" });
  readonly #badge = el("span", { class: "badge", hidden: true });
  readonly #kind = el("strong");
  readonly #camera = el("span", { class: "camera" });
  readonly #facts = el("p", { class: "facts" });
  readonly #words = el("p", { class: "words" });
  readonly #escalation = new EscalationLine();
  readonly #unit = el("b");
  readonly #doing = el("span");
  readonly #chip = el("p", { class: "chip" }, this.#unit, this.#doing);
  readonly #picture = el("div", { class: "thumb" });
  readonly #countdown = new Countdown();
  #incident: Incident | null = null;
  isNear = true; // until it is known

  constructor(id: string) {
    this.#id = id;
    const title = el("h3", {}, this.#mark, this.#kind, this.#badge, this.#camera);
    const text = el("div", { class: "text" }, title, this.#facts);
    const more = el("div", { class: "more" }, this.#words, this.#escalation.node);
    const attributes = { class: "card", role: "option", tabindex: -1, "data-id": id, "aria-selected": "false" };
    this.node = el("li", attributes, this.#picture, text, this.#countdown.node, more, this.#chip);
  }

  update(): void {
    const incident = incidentById(this.#id);
    if (incident === null) return;
    this.#incident = incident;
    setAttribute(this.node, "data-level", incident.level);
    setAttribute(this.node, "data-state", incident.state);
    const level = word("level", incident.level);
    rebuild(this.#mark, [incident.level, level], () => [mark(incident.level, level)]);
    setAttribute(this.node, "data-class", isMaintenance(incident) ? "maintenance" : "security");
    this.#badge.hidden = !isMaintenance(incident);
    setText(this.#badge, t("maintenance"));
    setText(this.#kind, word("kind", incident.kind));
    setText(this.#camera, cameraName(incident));
    setText(this.#facts, factsOf(incident));
    setText(this.#words, wordsOf(incident));
    this.#escalation.update(incident);
    setAttribute(this.node, "aria-label", `${level} ${titleOf(incident)}`);
    rebuild(this.#picture, [incident.evidence_id, whyGone(incident.evidence_id)], () => [thumbnail(incident)]);
    setAttribute(this.#picture, "data-clip", incident.clip_id !== null && whyGone(incident.clip_id) === null);
    this.tick(serverNow());
  }

  tick(now: number): void {
    if (this.#incident === null) return;
    this.#countdown.show(this.#incident, now);
    const line = unitLine(this.#incident, now);
    setAttribute(this.#chip, "data-tone", line.tone);
    setText(this.#unit, line.unit);
    setText(this.#doing, line.text);
  }

  select(selected: boolean): void {
    setAttribute(this.node, "aria-selected", String(selected));
  }
}

function factsOf(incident: Incident): string {
  const lookers = lookersInShort(incident.id);
  const facts: string[] = lookers === "" ? [] : [lookers];
  if (isOpen(incident) && incident.closing) facts.push(t("closing_waits"));
  if (incident.life > 1) facts.push(t("reopened"));
  if (notReal(incident)) facts.push(notReal(incident));
  facts.push(word("ring", incident.ring), incident.camera_id);
  if (incident.maintenance) facts.push(word("cause", incident.maintenance.cause));
  if (incident.alert_ids.length > 1) facts.push(t("merged", { n: incident.alert_ids.length }));
  const cameras = camerasThatSaw(incident);
  if (cameras > 1) facts.push(t("cameras_count", { n: cameras }));
  return facts.join(" · ");
}
