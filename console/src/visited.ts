// The strip of cameras just visited: where one sees the tour move. Pinned cameras keep their places at its head.

import { byId, el, part, setAttribute, setText } from "./dom";
import { pick, t, word } from "./words";
import { age } from "./times";
import { type KnownCamera, peopleText, room, seen, stateNow } from "./room";
import { keepOperator, operatorName } from "./operator";
import { pinnedCameras, SmallPinButton } from "./pins";
import { failureText } from "./stream";
import type { TourState } from "./api";

const TILES = 8;
const TOUCH_MS = 4000; // a finger counts as touching for that long
const MESSAGE_MS = 8000;
const RESERVED = 1 / 6; // see admission: what is above 5/6 of the capacity is not sure to be kept

interface Tile {
  node: HTMLElement;
  button: SmallPinButton;
  id: string | null;
}

const strip = byId("tiles");
const pace = byId("pace");
const capacity = byId("capacity");
const asking = byId("ask-operator");
const field = byId("visited-operator", HTMLInputElement);
const message = byId("visited-message");
const tiles: Tile[] = [];

let hovering = false;
let touchedAt = -Infinity;
let waiting: SmallPinButton | null = null; // the button that was pressed by nobody
let saidAt = -Infinity;

export function showVisited(): void {
  const { tour } = stateNow();
  const shown = (isTouched() ? tiles.map((tile) => tile.id ?? "") : wanted(tour)).flatMap((id) => room.cameras.get(id) ?? []);
  while (tiles.length < shown.length) tiles.push(makeTile());
  while (tiles.length > shown.length) tiles.pop()?.node.remove();
  tiles.forEach((tile, place) => showTile(tile, shown[place] as KnownCamera, place));
  setText(pace, tour ? paceText(tour) : t("visited_none"));
  showCapacity(tour);
}

export function tickVisited(): void {
  for (const tile of tiles) {
    if (tile.id === null) continue;
    showAge(tile);
    tile.button.show(tile.id);
  }
  if (performance.now() - saidAt > MESSAGE_MS) say("");
}

function wanted(tour: TourState | null): string[] {
  const pinned = pinnedCameras();
  const recent = (tour?.recent ?? []).filter((id) => room.cameras.has(id) && !pinned.includes(id));
  return [...pinned, ...recent].slice(0, Math.min(TILES, columns()));
}

// Only what can be seen may be reached by the Tab key.
function columns(): number {
  return getComputedStyle(strip).gridTemplateColumns.split(" ").length;
}

// Nothing moves away under a pointer, a finger or the keyboard.
function isTouched(): boolean {
  const focused = document.activeElement;
  const reached = focused !== null && strip.contains(focused) && focused.matches(":focus-visible");
  const known = tiles.length > 0 && tiles.every((tile) => tile.id !== null && room.cameras.has(tile.id));
  return known && (hovering || reached || waiting !== null || performance.now() - touchedAt < TOUCH_MS);
}

function makeTile(): Tile {
  const button: SmallPinButton = new SmallPinButton({ operator: () => operatorOrAsk(button), onFailure: sayFailure });
  const node = el("li", {}, el("b"), el("small"), button.node, el("span"), el("small", { class: "where" }));
  strip.append(node);
  return { node, button, id: null };
}

function showTile(tile: Tile, { camera, index }: KnownCamera, place: number): void {
  const isNew = tile.id !== camera.id;
  tile.id = camera.id;
  const { node } = tile;
  const { people } = seen(index);
  const name = pick(camera.name, camera.name_en);
  setText(part(node, 0), people === null ? "—" : String(people));
  setText(part(node, 1), people === null ? "" : t(people === 1 ? "person" : "people"));
  setText(part(node, 3), name);
  setAttribute(node, "title", `${name} · ${word("ring", camera.ring)} · ${peopleText(people)}`);
  setAttribute(node, "data-people", people !== null && people > 0);
  showAge(tile);
  tile.button.show(camera.id);
  setAttribute(node, "data-pinned", tile.button.node.getAttribute("aria-pressed") === "true");
  if (isNew && place === 0 && !matchMedia("(prefers-reduced-motion: reduce)").matches) node.animate([{ opacity: 0.6 }, { opacity: 1 }], { duration: 400 });
}

function showAge({ node, id }: Tile): void {
  const index = id === null ? undefined : room.cameras.get(id)?.index;
  if (index === undefined) return;
  const { age: blind } = seen(index);
  setText(part(node, 4), `${id} · ${blind === null ? "—" : age(blind)}`);
}

function paceText(tour: TourState): string {
  return t("pace", {
    visits: tour.visits_per_s.toFixed(1),
    captured: tour.frames_captured.toLocaleString("en"),
    processed: tour.frames_processed.toLocaleString("en"),
    dropped: tour.frames_dropped.toLocaleString("en"),
  });
}

function showCapacity(tour: TourState | null): void {
  const [can, needed] = [tour?.capacity_per_s ?? 0, tour?.needed_per_s ?? null];
  const isBehind = tour !== null && tour.stretch > 1;
  // Stretched, and quick enough for all that: then neither figure says why.
  const saysNothing = isBehind && needed !== null && tour.visits_per_s >= needed;
  capacity.hidden = can === 0 || needed === null || saysNothing || !asking.hidden; // the question needs the place
  if (needed === null || capacity.hidden) return;
  setAttribute(capacity, "title", t("capacity_means"));
  if (isBehind) return showFallingBehind(tour.visits_per_s, needed);
  const scarce = needed > can * (1 - RESERVED);
  setAttribute(capacity, "data-tone", scarce ? "amber" : "plain");
  setText(capacity, t(scarce ? "capacity_scarce" : "capacity", { can: can.toFixed(0), needed: needed.toFixed(0) }));
}

// What was measured while there was less to do is no answer to why the bounds are stretched.
function showFallingBehind(made: number, needed: number): void {
  setAttribute(capacity, "data-tone", "amber");
  setText(capacity, t("capacity_short", { made: made.toFixed(0), needed: needed.toFixed(0) }));
}

function operatorOrAsk(button: SmallPinButton): string {
  const name = operatorName();
  if (name) return name;
  waiting = button;
  asking.hidden = false;
  capacity.hidden = true;
  say("");
  field.focus();
  return "";
}

function stopAsking(): SmallPinButton | null {
  const pressed = waiting;
  waiting = null;
  asking.hidden = true;
  return pressed;
}

function say(text: string): void {
  setText(message, text);
  if (text) saidAt = performance.now();
}

function sayFailure(error: unknown): void {
  say(t("failed", { why: failureText(error, "error_no_camera") }));
}

keepOperator(field);
asking.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!operatorName()) {
    field.focus();
    return;
  }
  const pressed = stopAsking();
  pressed?.node.focus();
  void pressed?.press();
});
asking.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopAsking()?.node.focus();
});
strip.addEventListener("pointerenter", (event) => (hovering = event.pointerType === "mouse"));
strip.addEventListener("pointerleave", () => (hovering = false));
for (const kind of ["touchstart", "touchmove"]) {
  strip.addEventListener(kind, () => (touchedAt = performance.now()), { passive: true });
}
