// The feed: cards that never jump. While somebody touches it, new ones wait behind a pill and the order stays.

import { el, mark, rebuild, setAttribute, setText } from "./dom.js";
import { language, t, word } from "./words.js";
import { serverNow } from "./times.js";
import { Countdown } from "./countdown.js";
import { DigestLine } from "./digest.js";
import { EscalationLine } from "./escalation.js";
import { cameraName, camerasThatSaw, isMaintenance, isOpen, notReal, room, titleOf, unitLine, whyGone, wordsOf } from "./room.js";

const TOUCH_MS = 4000; // a finger or a key counts as touching for that long
const isForUnits = (incident) => isOpen(incident) && !isMaintenance(incident);
const FILTERS = {
  open: isForUnits,
  unconfirmed: (incident) => isForUnits(incident) && !incident.clocks.t5,
  maintenance: (incident) => isOpen(incident) && isMaintenance(incident),
  closed: (incident) => !isOpen(incident),
};
const URGENCY = ["red", "yellow", "blue", "green"];

export class Feed {
  #cards = new Map();
  #order = []; // the ids shown, top to bottom
  #filter = "open";
  #hovering = false;
  #touchedAt = -Infinity;
  #announced = null; // ids already read aloud; null until the first state
  #selected = null;

  constructor({ onSelect, onOpen, onShown }) {
    this.onSelect = onSelect;
    this.onOpen = onOpen;
    this.list = document.getElementById("cards");
    this.pill = document.getElementById("news");
    this.empty = document.getElementById("feed-empty");
    this.filters = document.getElementById("filters");
    this.announcer = document.getElementById("announcer");
    this.digest = new DigestLine(() => {
      this.#order = this.#order.filter((id) => !this.digest.folds(id)); // asked to go, unlike what stands there
      this.#arrange();
      this.update();
    });
    this.#watchVisibility(onShown);
    this.section = document.getElementById("feed");
    this.#watchTouch(this.section);
    this.pill.addEventListener("click", () => this.#takeNews());
    for (const name of Object.keys(FILTERS)) this.filters.append(this.#filterButton(name));
  }

  get order() {
    return this.#order;
  }

  // Everything new from the server: cards change in place, and move only when nobody touches.
  update() {
    this.#announce();
    this.digest.update(language());
    this.#showFilters();
    if (!this.#touched()) this.#arrange();
    this.#showNews();
    for (const id of this.#order) this.#cards.get(id).update();
    this.#showEmpty();
  }

  tick(now) {
    for (const id of this.#order) this.#cards.get(id).tick(now);
    if (!this.#touched() && this.#waiting().length > 0) this.update();
  }

  select(id) {
    this.#selected = id;
    for (const [cardId, card] of this.#cards) card.select(cardId === id);
    // One stop for the Tab key: the selected card, or the first.
    const stop = this.#order.includes(id) ? id : this.#order[0];
    for (const [cardId, card] of this.#cards) card.node.tabIndex = cardId === stop ? 0 : -1;
  }

  // Moves the selection by one card, for the keyboard.
  step(by) {
    if (this.#order.length === 0) return;
    this.#touchedAt = performance.now();
    const at = this.#order.indexOf(this.#selected);
    const next = at < 0 ? 0 : Math.min(this.#order.length - 1, Math.max(0, at + by));
    this.onSelect(this.#order[next]);
    const { node } = this.#cards.get(this.#order[next]);
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
  }

  #wanted() {
    // What stands there already does not jump into the digest under somebody's eyes.
    const shown = (id) => !this.digest.folds(id) || this.#order.includes(id) || id === this.#selected;
    return room.state.incidents.filter(FILTERS[this.#filter]).map((incident) => incident.id).filter(shown);
  }

  #waiting() {
    return this.#wanted().filter((id) => !this.#order.includes(id));
  }

  #touched() {
    if (this.#order.length === 0) return false;
    // On a phone the whole page scrolls: a card put in above would push away what is being read.
    const scrolled = this.list.scrollTop > 8 || this.section.getBoundingClientRect().top < -8;
    return this.#hovering || scrolled || performance.now() - this.#touchedAt < TOUCH_MS;
  }

  #arrange() {
    const wanted = this.#wanted();
    for (const id of wanted) if (!this.#cards.has(id)) this.#cards.set(id, this.#makeCard(id));
    for (const id of [...this.#cards.keys()].filter((id) => !wanted.includes(id))) {
      this.visible.unobserve(this.#cards.get(id).node);
      this.#cards.get(id).node.remove();
      this.#cards.delete(id);
    }
    if (wanted.join() !== this.#order.join()) {
      const focused = document.activeElement;
      this.#order = wanted;
      wanted.forEach((id, place) => {
        const { node } = this.#cards.get(id);
        if (this.list.children[place] !== node) this.list.insertBefore(node, this.list.children[place] ?? null);
      });
      if (focused !== document.activeElement && this.list.contains(focused)) focused.focus({ preventScroll: true });
    }
    this.select(this.#selected);
  }

  #takeNews() {
    this.list.scrollTop = 0;
    this.#arrange();
    this.update();
    this.list.firstElementChild?.scrollIntoView({ block: "nearest" });
  }

  #showNews() {
    const waiting = this.#waiting().map((id) => room.state.incidents.find((incident) => incident.id === id));
    this.pill.hidden = waiting.length === 0;
    if (waiting.length === 0) return;
    const level = URGENCY.find((one) => waiting.some((incident) => incident.level === one)) ?? "blue";
    const text = t(waiting.length === 1 ? "news_one" : "news_many", { n: waiting.length });
    setAttribute(this.pill, "data-level", level);
    rebuild(this.pill, [level, text], () => [mark(level, word("level", level)), el("span", {}, `↑ ${text}`)]);
  }

  #announce() {
    const open = room.state.incidents.filter(isOpen);
    const isNew = (incident) => !this.#announced.has(incident.id) && !this.digest.folds(incident.id);
    const fresh = this.#announced === null ? [] : open.filter(isNew);
    this.#announced = new Set(room.state.incidents.map((incident) => incident.id));
    if (fresh.length === 0) return;
    const told = fresh.slice(0, 3).map((incident) => {
      const what = t("announce", { level: word("level", incident.level), kind: word("kind", incident.kind), camera: cameraName(incident) });
      return [notReal(incident), what].filter(Boolean).join(" · ");
    });
    setText(this.announcer, told.join("; "));
  }

  #filterButton(name) {
    const button = el("button", { type: "button", "data-filter": name }, el("span"), el("b"));
    button.addEventListener("click", () => {
      this.#filter = name;
      this.list.scrollTop = 0;
      this.#arrange();
      this.update();
    });
    return button;
  }

  #showFilters() {
    for (const button of this.filters.children) {
      const { filter } = button.dataset;
      setText(button.children[0], t(`filter_${filter}`));
      const shown = room.state.incidents.filter(FILTERS[filter]).length;
      // Not all of a flood of maintenance comes to the page; how many there are does.
      const count = filter === "maintenance" ? Math.max(shown, room.state.maintenance.incidents) : shown;
      setText(button.children[1], String(count));
      button.hidden = filter === "maintenance" && count === 0 && filter !== this.#filter;
      setAttribute(button, "aria-pressed", String(filter === this.#filter));
    }
  }

  #showEmpty() {
    const nothing = this.#order.length === 0 && this.digest.node.hidden;
    this.empty.hidden = !nothing;
    this.list.hidden = nothing;
    if (!nothing) return;
    const cameras = room.layout.cameras.length;
    const lines =
      this.#filter === "open"
        ? [t("empty_title"), t("empty_text", { cameras }), t("empty_steps")]
        : [t(`empty_${this.#filter}`)];
    if (this.#filter === "open" && room.state.units.length === 0) lines.push(t("no_units"));
    rebuild(this.empty, lines, () => lines.map((line, place) => el(place === 0 ? "h3" : "p", {}, line)));
  }

  #makeCard(id) {
    const card = new Card(id);
    card.node.addEventListener("click", () => {
      this.onSelect(id);
      this.onOpen(false);
    });
    this.visible.observe(card.node);
    return card;
  }

  #watchVisibility(onShown) {
    const seen = (entries) => {
      if (document.visibilityState !== "visible") return;
      for (const entry of entries) if (entry.isIntersecting) onShown(entry.target.dataset.id);
    };
    this.visible = new IntersectionObserver(seen, { threshold: 0.6 });
    // A card that came while the tab was hidden counts from the moment the tab is looked at.
    document.addEventListener("visibilitychange", () => {
      for (const { node } of this.#cards.values()) {
        this.visible.unobserve(node);
        this.visible.observe(node);
      }
    });
  }

  #watchTouch(section) {
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

class Card {
  constructor(id) {
    this.id = id;
    this.mark = el("span", { class: "level" });
    this.badge = el("span", { class: "badge", hidden: true });
    this.kind = el("strong");
    this.camera = el("span", { class: "camera" });
    this.facts = el("p", { class: "facts" });
    this.words = el("p", { class: "words" });
    this.escalation = new EscalationLine();
    this.chip = el("p", { class: "chip" }, el("b"), el("span"));
    this.picture = el("div", { class: "thumb" });
    this.countdown = new Countdown();
    const title = el("h3", {}, this.mark, this.kind, this.badge, this.camera);
    const text = el("div", { class: "text" }, title, this.facts, this.words, this.escalation.node);
    const node = el("li", { class: "card", role: "option", tabindex: -1, "data-id": id, "aria-selected": "false" });
    node.append(this.picture, text, this.countdown.node, this.chip);
    this.node = node;
  }

  update() {
    const incident = room.state.incidents.find((one) => one.id === this.id);
    if (!incident) return;
    this.incident = incident;
    setAttribute(this.node, "data-level", incident.level);
    setAttribute(this.node, "data-state", incident.state);
    const level = word("level", incident.level);
    rebuild(this.mark, [incident.level, level], () => [mark(incident.level, level)]);
    setAttribute(this.node, "data-class", isMaintenance(incident) ? "maintenance" : "security");
    this.badge.hidden = !isMaintenance(incident);
    setText(this.badge, t("maintenance"));
    setText(this.kind, word("kind", incident.kind));
    setText(this.camera, cameraName(incident));
    setText(this.facts, factsOf(incident));
    setText(this.words, wordsOf(incident));
    this.escalation.update(incident);
    setAttribute(this.node, "aria-label", `${level} ${titleOf(incident)}`);
    rebuild(this.picture, [incident.evidence_id, whyGone(incident.evidence_id)], () => [thumbnail(incident)]);
    setAttribute(this.picture, "data-clip", incident.clip_id !== null && whyGone(incident.clip_id) === null);
    this.tick(serverNow());
  }

  tick(now) {
    if (!this.incident) return;
    this.countdown.show(this.incident, now);
    const line = unitLine(this.incident, now);
    setAttribute(this.chip, "data-tone", line.tone);
    setText(this.chip.children[0], line.unit);
    setText(this.chip.children[1], line.text);
  }

  select(selected) {
    setAttribute(this.node, "aria-selected", String(selected));
  }
}

function factsOf(incident) {
  const facts = [];
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

function thumbnail(incident) {
  if (incident.evidence_id === null || whyGone(incident.evidence_id) !== null) return mark(incident.level, "");
  const image = el("img", { src: pictureOf(incident), alt: "", decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(mark(incident.level, "")), { once: true });
  return image;
}

export function pictureOf(incident) {
  return `/evidence/${encodeURIComponent(incident.evidence_id)}.jpg`;
}
