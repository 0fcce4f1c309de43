// The tiles of the tour wall. All are in the document, to be searched and read aloud; only what is in sight is drawn and kept
// up to date.

import { el, setAttribute } from "./dom";
import { pick, t, word } from "./words";
import { room } from "./room";
import { Tile } from "./wall_tile";
import type { Grouping, WallGroup } from "./wall_choice";
import type { StillShown } from "./api";

const TURNS = 4; // a second, as often as the page's clocks go on
const MOST_IN_SIGHT = 128; // as the server takes

// `onSight`: which cameras' stills are wanted now; `onActive`: the tile that was chosen.
export interface GridEvents {
  onSight: (ids: string[]) => void;
  onActive: (tile: Tile | null) => void;
}

export class WallGrid {
  readonly #box: HTMLElement;
  readonly #events: GridEvents;
  readonly #tiles = new Map<string, Tile>();
  readonly #inSight = new Set<Tile>();
  #turn = 0;
  #kept = new Set<Tile>(); // those that the server sends pictures of
  readonly #observer: IntersectionObserver;
  #shown: Tile[] = [];
  #active: Tile | null = null;

  constructor(box: HTMLElement, events: GridEvents) {
    this.#box = box;
    this.#events = events;
    // With half a screen more on both sides: what is scrolled to has its picture already.
    this.#observer = new IntersectionObserver((entries) => this.#see(entries), { root: box, rootMargin: "50% 0px" });
    box.addEventListener("focusin", (event) => this.#activate(this.#tileAt(event.target)));
  }

  get active(): Tile | null {
    return this.#active;
  }

  furnish(): void {
    this.#observer.disconnect();
    this.keep([]);
    this.#inSight.clear();
    this.#tiles.clear();
    this.#activate(null);
    room.layout.cameras.forEach((camera, index) => this.#tiles.set(camera.id, new Tile(camera, index)));
    for (const { node } of this.#tiles.values()) this.#observer.observe(node);
  }

  arrange(groups: WallGroup[], grouping: Grouping): void {
    const focused = this.#tileAt(document.activeElement);
    this.#box.replaceChildren(...groups.map((group, place) => this.#section(group, place, grouping)));
    this.#shown = groups.flatMap(({ cameras }) => cameras.flatMap(({ id }) => this.#tiles.get(id) ?? []));
    const first = focused !== null && this.#shown.includes(focused) ? focused : (this.#shown[0] ?? null);
    for (const tile of this.#shown) tile.node.tabIndex = tile === first ? 0 : -1;
    if (focused !== null && first === focused) focused.node.focus({ preventScroll: true });
    if (this.#active !== null && !this.#shown.includes(this.#active)) this.#activate(null);
  }

  speak(): void {
    for (const tile of this.#tiles.values()) tile.speak();
  }

  take(still: StillShown): void {
    const tile = this.#tiles.get(still.camera_id);
    if (tile !== undefined && this.#kept.has(tile)) void tile.show(still);
  }

  tick(): void {
    for (const tile of this.#inSight) tile.tick();
  }

  // A share of those in sight, so that all come once in so many calls: ages that change all at once paint it all anew.
  tickSome(): void {
    this.#turn = (this.#turn + 1) % TURNS;
    let place = 0;
    for (const tile of this.#inSight) if (place++ % TURNS === this.#turn) tile.tick();
  }

  // The server was told that these are in sight. Only then the others lose their pictures: of one that is back in sight
  // before it hears of that, it sends none anew.
  keep(ids: string[]): void {
    const kept = new Set(ids.flatMap((id) => this.#tiles.get(id) ?? []));
    for (const tile of this.#kept) if (!kept.has(tile)) tile.leave();
    this.#kept = kept;
  }

  // By arrow keys: `by` tiles on, or to the one above or below.
  step(key: string): boolean {
    const from = this.#active ?? this.#shown[0];
    if (from === undefined) return false;
    const place = this.#shown.indexOf(from);
    const steps: Record<string, () => number> = {
      ArrowRight: () => place + 1,
      ArrowLeft: () => place - 1,
      ArrowDown: () => this.#nearestRow(place, 1),
      ArrowUp: () => this.#nearestRow(place, -1),
      Home: () => 0,
      End: () => this.#shown.length - 1,
    };
    const step = steps[key];
    if (step === undefined) return false;
    const to = this.#active === null ? from : this.#shown[Math.max(0, Math.min(this.#shown.length - 1, step()))];
    if (to !== undefined) this.#focus(to);
    return true;
  }

  #focus(tile: Tile): void {
    for (const other of this.#shown) other.node.tabIndex = other === tile ? 0 : -1;
    tile.node.focus({ preventScroll: true });
    tile.node.scrollIntoView({ block: "nearest" });
  }

  // In the next row that way, the tile that stands nearest below or above.
  #nearestRow(place: number, way: 1 | -1): number {
    const from = this.#shown[place]?.node.getBoundingClientRect();
    if (from === undefined) return place;
    let best = place;
    let row: number | null = null;
    for (let next = place + way; next >= 0 && next < this.#shown.length; next += way) {
      const there = (this.#shown[next] as Tile).node.getBoundingClientRect();
      if (Math.abs(there.top - from.top) < 2) continue;
      row ??= there.top;
      if (Math.abs(there.top - row) > 2) break;
      const bestLeft = (this.#shown[best] as Tile).node.getBoundingClientRect().left;
      if (best === place || Math.abs(there.left - from.left) < Math.abs(bestLeft - from.left)) best = next;
    }
    return best;
  }

  #section({ key, cameras }: WallGroup, place: number, grouping: Grouping): HTMLElement {
    const tiles = cameras.flatMap(({ id }) => this.#tiles.get(id)?.node ?? []);
    const all = el("div", { class: "tiles" }, ...tiles);
    if (grouping === "none") return el("section", {}, all);
    const title = el("h3", { id: `wall-group-${place}` }, titleOf(key, cameras[0]?.site_en ?? "", grouping));
    const head = el("header", {}, title, el("small", {}, t("wall_cameras", { n: cameras.length })));
    return el("section", { "aria-labelledby": title.id }, head, all);
  }

  #see(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const tile = this.#tileAt(target);
      if (tile === null) continue;
      if (isIntersecting) {
        this.#inSight.add(tile);
        tile.tick();
      } else this.#inSight.delete(tile);
    }
    this.#events.onSight(this.#wanted());
  }

  // All that is in sight; where that is more than the server takes, those nearest the middle.
  #wanted(): string[] {
    const tiles = [...this.#inSight];
    if (tiles.length > MOST_IN_SIGHT) {
      const middle = this.#box.getBoundingClientRect().top + this.#box.clientHeight / 2;
      const far = new Map(tiles.map((tile) => [tile, Math.abs(tile.node.getBoundingClientRect().top - middle)]));
      tiles.sort((one, other) => (far.get(one) ?? 0) - (far.get(other) ?? 0));
    }
    return tiles.slice(0, MOST_IN_SIGHT).map(({ camera }) => camera.id);
  }

  // Chosen by a click or the keyboard: what is pressed is never done to a tile that a hand only brushed.
  #activate(tile: Tile | null): void {
    if (tile === this.#active) return;
    if (this.#active !== null) setAttribute(this.#active.node, "data-active", null);
    this.#active = tile;
    if (tile !== null) setAttribute(tile.node, "data-active", true);
    this.#events.onActive(tile);
  }

  #tileAt(target: EventTarget | null): Tile | null {
    const node = target instanceof Element ? target.closest<HTMLElement>(".tile") : null;
    return this.#tiles.get(node?.dataset.id ?? "") ?? null;
  }
}

function titleOf(key: string, siteEnglish: string, grouping: Grouping): string {
  if (grouping === "ring") return word("ring", key);
  if (grouping === "site") return pick(key, siteEnglish);
  return key || t("wall_no_group");
}
