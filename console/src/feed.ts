// The feed: cards that never jump. While somebody touches it, new ones wait behind a pill and the order stays.

import { byId, el, mark, order, part, rebuild, setAttribute, setText } from "./dom";
import { language, type PlainKey, t, word } from "./words";
import { minutes, serverNow } from "./times";
import { ageOf, Countdown, reading, stampOf } from "./countdown";
import { DigestLine } from "./digest";
import { EscalationLine, escalationOf } from "./escalation";
import { thumbnail } from "./evidence";
import { lookersInShort } from "./looking";
import { OlderButton } from "./older";
import { fetchOlder, hasOlder, pastIncidents } from "./past";
import { whyNoUnits } from "./nobody";
import { isTouched } from "./touching";
import {
  cameraName, camerasThatSaw, heldFor, incidentById, isMaintenance, isOpen, notReal, openCount, ordersOf, room, stateNow, titleOf, unitLine, unitName,
  whyGone, wordsOf,
} from "./room";
import type { Incident, Level, Order } from "./api";

const STEP_MS = 4000; // whoever goes through it by keys is at it for so long
const READ_MS = 60_000; // a list that was scrolled is read for so long after it was last used
const isForUnits = (incident: Incident) => isOpen(incident) && !isMaintenance(incident);
type Filter = "open" | "unconfirmed" | "maintenance" | "closed";
const FILTERS: Record<Filter, (incident: Incident) => boolean> = {
  open: isForUnits,
  unconfirmed: (incident) => isForUnits(incident) && !incident.clocks.t5,
  maintenance: (incident) => isOpen(incident) && isMaintenance(incident),
  closed: (incident) => !isOpen(incident),
};
const URGENCY: Level[] = ["red", "yellow", "blue", "green"];
const isMoreUrgent = (level: Level, than: Level) => URGENCY.indexOf(level) < URGENCY.indexOf(than);

// What is not before anybody's eyes yet. `isRisen`: it stands lower than its level says.
interface News {
  incident: Incident;
  isRisen: boolean;
}

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
  readonly #more = el("p", { class: "means feed-more", hidden: true });
  readonly #announcer = byId("announcer");
  readonly #filters = new Map<Filter, HTMLButtonElement>();
  readonly #digest: DigestLine;
  readonly #visible: IntersectionObserver;
  readonly #near: IntersectionObserver;
  readonly #cards = new Map<string, Card>();
  readonly #older = new OlderButton(() => this.#fetchOlder());
  #order: string[] = []; // the ids shown, top to bottom
  #filter: Filter = "open";
  #placed = new Map<string, Level>(); // what each was when it was given its place
  #unseen = new Map<string, boolean>(); // came in above what is being read; true: risen
  #steppedAt = -Infinity;
  #usedAt = -Infinity;
  #announced: Map<string, Level> | null = null; // already read aloud; null until the first state
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
    this.#section.addEventListener("pointerleave", () => {
      if (room.state) this.update();
    });
    this.#pill.addEventListener("click", () => this.#takeNews());
    for (const name of Object.keys(FILTERS) as Filter[]) this.#filters.set(name, this.#filterButton(name));
    this.#list.after(this.#more, this.#older.node);
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
    if (!this.#touched()) this.#arrangeInPlace();
    this.#showNews();
    for (const id of this.#order) this.#cards.get(id)?.update();
    this.#showEmpty();
  }

  tick(now: number): void {
    for (const id of this.#order) {
      const card = this.#cards.get(id);
      if (card?.isNear) card.tick(now); // clocks that nobody sees stand still
    }
    if (!this.#touched() && this.#waiting().length + this.#risen().length > 0) this.update();
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
    this.#steppedAt = performance.now();
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

  // Those that have become more urgent than the place says where they stand.
  #risen(): string[] {
    const places = new Map(this.#wanted().map((id, place) => [id, place]));
    let lowest = -1;
    return this.#order.filter((id) => {
      const [now, then, place] = [incidentById(id)?.level, this.#placed.get(id), places.get(id)];
      if (place === undefined) return false;
      const isAbove = place < lowest; // of one that it stands below
      lowest = Math.max(lowest, place);
      return isAbove && now !== undefined && then !== undefined && isMoreUrgent(now, then);
    });
  }

  #touched(): boolean {
    if (this.#order.length === 0) return false;
    const isRead = this.#scroller() !== null && performance.now() - this.#usedAt < READ_MS;
    return isTouched(this.#section) || isRead || performance.now() - this.#steppedAt < STEP_MS;
  }

  // What has been scrolled away from the top, so that a card put in above would push what is being read; null: nothing. On a
  // phone it is the whole page.
  #scroller(): Element | null {
    const isPage = this.#section.getBoundingClientRect().top < -8;
    if (isTouched(isPage ? document.documentElement : this.#section)) this.#usedAt = performance.now();
    if (isPage) return document.documentElement;
    return this.#list.scrollTop > 8 ? this.#list : null;
  }

  // By itself: what is being read stays where it is, and what comes in above it is told of by the pill.
  #arrangeInPlace(): void {
    const scroller = this.#scroller();
    const news = scroller === null ? [] : this.#news();
    const moving = new Set(news.map(({ incident }) => incident.id));
    const top = scroller === this.#list ? this.#list.getBoundingClientRect().top : 0;
    const read = news.length === 0 ? undefined : this.#order.map((id) => this.#cards.get(id)).find((card) =>
      card !== undefined && !moving.has(card.id) && card.node.getBoundingClientRect().bottom > top);
    const before = read?.node.getBoundingClientRect().top ?? 0;
    this.#arrange();
    if (scroller === null || read === undefined || !read.node.isConnected) return;
    scroller.scrollBy(0, read.node.getBoundingClientRect().top - before);
    const above = this.#order.slice(0, this.#order.indexOf(read.id));
    for (const { incident, isRisen } of news) if (above.includes(incident.id)) this.#unseen.set(incident.id, isRisen);
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
    this.#placed = new Map(known().map(({ id, level }) => [id, level]));
    if (wanted.join() !== this.#order.join()) {
      this.#order = wanted;
      order(this.#list, cards.map(({ node }) => node));
    }
    this.select(this.#selected);
  }

  #takeNews(): void {
    this.#list.scrollTop = 0;
    this.#unseen.clear();
    this.#arrange();
    this.update();
    this.#list.firstElementChild?.scrollIntoView({ block: "nearest" });
  }

  #news(): News[] {
    const there = new Set(this.#order);
    for (const id of this.#unseen.keys()) if (!there.has(id)) this.#unseen.delete(id);
    const risen = new Map([...this.#waiting().map((id): [string, boolean] => [id, false]), ...this.#risen().map((id): [string, boolean] => [id, true]),
      ...this.#unseen]);
    return known().filter(({ id }) => risen.has(id)).map((incident) => ({ incident, isRisen: risen.get(incident.id) ?? false }));
  }

  #showNews(): void {
    const news = this.#news();
    this.#pill.hidden = news.length === 0;
    if (news.length === 0) return;
    const level = URGENCY.find((one) => news.some(({ incident }) => incident.level === one)) ?? "blue";
    const text = newsText(news);
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
    this.#announced = new Map(incidents.map(({ id, level }) => [id, level]));
    if (announced === null) return;
    const told = incidents.filter((one) => isOpen(one) && !this.#digest.folds(one.id)).flatMap((incident) => {
      const before = announced.get(incident.id);
      if (before !== undefined && !isMoreUrgent(incident.level, before)) return [];
      const about = { level: word("level", incident.level), kind: word("kind", incident.kind), camera: cameraName(incident) };
      const what = t(before === undefined ? "announce" : "announce_risen", about);
      return [[notReal(incident), what].filter(Boolean).join(" · ")];
    });
    if (told.length > 0) setText(this.#announcer, told.slice(0, 3).join("; "));
  }

  #filterButton(name: Filter): HTMLButtonElement {
    const button = el("button", { type: "button", "data-filter": name }, el("span"), el("b"));
    button.addEventListener("click", () => {
      this.#filter = name;
      this.#list.scrollTop = 0;
      this.#unseen.clear();
      this.#arrange();
      this.update();
    });
    return button;
  }

  #showFilters(): void {
    for (const [filter, button] of this.#filters) {
      setText(part(button, 0), t(`filter_${filter}`));
      const count = countOf(filter);
      const isAtLeast = filter === "unconfirmed" && stateNow().open_not_shown > 0;
      setText(part(button, 1), isAtLeast ? `${count}+` : String(count));
      button.hidden = filter === "maintenance" && count === 0 && filter !== this.#filter;
      setAttribute(button, "aria-pressed", String(filter === this.#filter));
    }
  }

  #showEmpty(): void {
    const nothing = this.#order.length === 0 && this.#digest.node.hidden;
    this.#empty.hidden = !nothing;
    this.#older.node.hidden = this.#filter !== "closed" || !hasOlder();
    this.#list.hidden = nothing;
    const untold = countOf(this.#filter) - known().filter(FILTERS[this.#filter]).length;
    this.#more.hidden = nothing || untold <= 0;
    setText(this.#more, t("feed_more", { n: untold }));
    if (!nothing) return;
    const lines = this.#emptyLines();
    rebuild(this.#empty, lines, () => lines.map((line, place) => el(place === 0 ? "h3" : "p", {}, line)));
  }

  #emptyLines(): string[] {
    const others = stateNow().open_not_shown;
    if (this.#filter === "unconfirmed" && others > 0) return [t("empty_unconfirmed"), t("feed_more", { n: others })];
    if (this.#filter !== "open") return [t(`empty_${this.#filter}`)];
    const nobody = whyNoUnits(stateNow());
    const lines = [t("empty_title"), t("empty_text", { cameras: room.layout.cameras.length }), t("empty_steps")];
    return nobody === null ? lines : [...lines, `${t(nobody)} ${t(`${nobody}_do`)}`];
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
        const { id = "" } = (target as HTMLElement).dataset;
        if (!isIntersecting) continue;
        this.#does.onShown(id);
        if (this.#unseen.delete(id)) this.#showNews();
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
}

// What the state tells of, and what was over before that.
function known(): Incident[] {
  return [...stateNow().incidents, ...pastIncidents()];
}

// How many there are, also where the state does not tell of all of them.
function countOf(filter: Filter): number {
  if (filter === "open") return openCount();
  const shown = known().filter(FILTERS[filter]).length;
  return filter === "maintenance" ? Math.max(shown, stateNow().maintenance.incidents) : shown;
}

function newsText(news: News[]): string {
  const fresh = news.filter(({ isRisen }) => !isRisen).length;
  const parts = fresh === 0 ? [] : [t(fresh === 1 ? "news_one" : "news_many", { n: fresh })];
  for (const level of URGENCY) {
    const n = news.filter(({ incident, isRisen }) => isRisen && incident.level === level).length;
    if (n > 0) parts.push(t("news_risen", { n, level: word("level", level) }));
  }
  return parts.join(" · ");
}

class Card {
  readonly node: HTMLElement;
  readonly id: string;
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
    this.id = id;
    const title = el("h3", {}, this.#mark, this.#kind, this.#badge, this.#camera);
    const text = el("div", { class: "text" }, title, this.#facts);
    const more = el("div", { class: "more" }, this.#words, this.#escalation.node);
    const attributes = { class: "card", role: "option", tabindex: -1, "data-id": id, "aria-selected": "false" };
    this.node = el("li", attributes, this.#picture, text, this.#countdown.node, more, this.#chip);
  }

  update(): void {
    const incident = incidentById(this.id);
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
    setText(this.#words, wordsOf(incident));
    this.#escalation.update(incident);
    rebuild(this.#picture, [incident.evidence_id, whyGone(incident.evidence_id)], () => [thumbnail(incident)]);
    setAttribute(this.#picture, "data-clip", incident.clip_id !== null && whyGone(incident.clip_id) === null);
    this.tick(serverNow());
  }

  tick(now: number): void {
    if (this.#incident === null) return;
    this.#countdown.show(this.#incident, now);
    setText(this.#facts, factsOf(this.#incident, now));
    setAttribute(this.node, "aria-label", spokenOf(this.#incident, now));
    const line = unitLine(this.#incident, now);
    setAttribute(this.#chip, "data-tone", line.tone);
    setText(this.#unit, line.unit);
    setText(this.#doing, line.text);
  }

  select(selected: boolean): void {
    setAttribute(this.node, "aria-selected", String(selected));
  }
}

function factsOf(incident: Incident, now: number): string {
  const facts: string[] = [word("ring", incident.ring), incident.camera_id]; // first: what comes last may be cut off
  // Beside it stands how long it took until somebody was there, and that stands still; it goes on all the same.
  if (isOpen(incident) && stampOf(incident, "t9") !== null) facts.push(t("began_ago", { age: minutes(ageOf(incident, now)) }));
  if (isOpen(incident) && incident.closing) facts.push(t("closing_waits"));
  if (incident.life > 1) facts.push(t("reopened"));
  if (notReal(incident)) facts.push(notReal(incident));
  if (incident.maintenance) facts.push(word("cause", incident.maintenance.cause));
  if (incident.alert_ids.length > 1) facts.push(t("merged", { n: incident.alert_ids.length }));
  const cameras = camerasThatSaw(incident);
  if (cameras > 1) facts.push(t("cameras_count", { n: cameras }));
  const lookers = lookersInShort(incident.id);
  if (lookers !== "") facts.splice(2, 0, lookers);
  return facts.map((fact) => fact.replaceAll(" ", "\u00a0")).join(" · "); // lines break between them
}

// A card read aloud: what is on it, without the figures that tick.
function spokenOf(incident: Incident, now: number): string {
  const escalation = escalationOf(incident);
  return [
    word("level", incident.level),
    notReal(incident),
    titleOf(incident),
    incident.life > 1 ? t("reopened") : "",
    word("ring", incident.ring),
    escalation === null ? "" : word("step", escalation.step),
    spokenUnit(incident, now),
    spokenTarget(incident, now),
  ].filter(Boolean).join(t("comma"));
}

const TICKING: Partial<Record<Order["state"], PlainKey>> = {
  sent: "spoken_sent", doubted: "spoken_doubted", accepted: "spoken_accepted", en_route: "spoken_en_route",
};

function spokenUnit(incident: Incident, now: number): string {
  const [order, ...more] = ordersOf(incident.id);
  if (heldFor(incident, now) !== null) return t("spoken_held");
  const line = unitLine(incident, now);
  if (line.unit === "" || order === undefined) return line.text;
  const ticking = TICKING[order.state];
  const doing = ticking === undefined ? word("order", order.state) : t(ticking);
  const others = more.length > 0 ? t("and_more_units", { n: more.length }) : "";
  return [unitName(order.unit_id), doing, others].filter(Boolean).join(" ");
}

function spokenTarget(incident: Incident, now: number): string {
  const { mode, tone } = reading(incident, now);
  if (mode === "none") return "";
  if (mode === "ended") return t("ended_unattended");
  if (mode === "arrived") return t(tone === "red" ? "spoken_missed" : "spoken_met");
  return t(mode === "over" ? "spoken_over" : "spoken_running");
}
