// The strip of cameras just visited, with what was seen there: where one sees the tour move. Pinned cameras keep their places
// at its head. A picture stays for some seconds, and no two change at once: what flickers is looked at by nobody.

import { byId, el, setAttribute, setText } from "./dom";
import { pick, t, word } from "./words";
import { serverNow } from "./times";
import { openLive } from "./live";
import { boundOf, peopleText, room, seen, stateNow } from "./room";
import { keepOperator, operatorName } from "./operator";
import { pinnedCameras, SmallPinButton } from "./pins";
import { failureText } from "./stream";
import { Tile } from "./wall_tile";
import { wallStills } from "./wall_stills";
import type { StillShown, TourState } from "./api";

const MOST_PLACES = 8;
const TOUCH_MS = 4000; // a finger counts as touching for that long
const MESSAGE_MS = 8000;
const RESERVED = 1 / 6; // see admission: what is above 5/6 of the capacity is not sure to be kept
const HOLD_MS = 6000;
const APART_MS = 1500;
const COMES_MS = 2000; // after a visit
const FRESH_S = 3; // older pictures are not hung as those of who was just visited
const POOL = 12; // cameras whose next picture is wished for besides: of one that was just visited there is none yet
const POOL_MS = 15000;

interface Place {
  id: string;
  node: HTMLElement;
  tile: Tile;
  button: SmallPinButton;
  since: number;
}

const strip = byId("tiles");
const pace = byId("pace");
const capacity = byId("capacity");
const asking = byId("ask-operator");
const field = byId("visited-operator", HTMLInputElement);
const message = byId("visited-message");
const places = new Map<string, Place>(); // by id
const came = new Map<string, StillShown>(); // the newest picture of each camera that is wished for, by id
const looker = { onStill: takeStill, onLook: forgetOthers };

let order: string[] = []; // ids, as they hang
let furnished: string | null = null; // the layout's version that hangs
let changedAt = -Infinity;
let pool: string[] = [];
let pooledAt = -Infinity;
let wished = "";
let isWishing = false;
let isInSight = false;
let hovering = false;
let touchedAt = -Infinity;
let waiting: SmallPinButton | null = null; // the button that was pressed by nobody
let saidAt = -Infinity;

export function showVisited(): void {
  const { tour } = stateNow();
  if (furnished !== room.layout.version) {
    furnished = room.layout.version;
    hang([]);
  }
  hang(isTouched() ? order : wanted(tour));
  wish(tour);
  setText(pace, tour ? paceText(tour) : t("visited_none"));
  showCapacity(tour);
}

export function tickVisited(): void {
  for (const { id, tile, button } of places.values()) {
    tile.tick();
    button.show(id);
  }
  if (performance.now() - saidAt > MESSAGE_MS) say("");
}

// Those that hang stay, but for the one that has hung longest, once its time is over.
function wanted(tour: TourState | null): string[] {
  const now = performance.now();
  const most = Math.min(MOST_PLACES, columns());
  const pinned = pinnedCameras().filter((id) => room.cameras.has(id)).slice(0, most);
  if (tour === null) return pinned;
  const staying = order.filter((id) => !pinned.includes(id)).slice(0, most - pinned.length);
  const hanging = [...pinned, ...staying];
  const [next] = pictured(hanging);
  const [longest] = [...staying].sort((one, other) => hungMs(other, now) - hungMs(one, now));
  if (hanging.length < most || longest === undefined || hungMs(longest, now) < HOLD_MS || now - changedAt < APART_MS) {
    return [...hanging, ...pictured(hanging), ...visited(tour, hanging)].slice(0, most);
  }
  // No picture makes place for none before its own could have come.
  const comes = hungMs(longest, now) > 1000 * boundNow(longest, tour) + COMES_MS ? visited(tour, hanging)[0] : undefined;
  const newcomer = next ?? comes;
  return newcomer === undefined ? hanging : [...pinned, newcomer, ...staying.filter((id) => id !== longest)];
}

function hungMs(id: string, now: number): number {
  return now - (places.get(id)?.since ?? now);
}

function boundNow(id: string, tour: TourState): number {
  const known = room.cameras.get(id);
  return known === undefined ? 0 : boundOf(known.camera) * (tour.stretch || 1);
}

// Whose picture has just come, the newest first.
function pictured(hanging: string[]): string[] {
  const fresh = [...came.values()].filter(({ at, camera_id }) => serverNow() - Date.parse(at) < 1000 * FRESH_S && !hanging.includes(camera_id));
  return fresh.sort((one, other) => Date.parse(other.at) - Date.parse(one.at)).map(({ camera_id }) => camera_id);
}

// Who was just visited, and has no picture here yet: first who is visited again soonest.
function visited(tour: TourState, hanging: string[]): string[] {
  const others = tour.recent.filter((id) => room.cameras.has(id) && !hanging.includes(id) && !came.has(id));
  return others.sort((one, other) => boundNow(one, tour) - boundNow(other, tour));
}

// Only what can be seen may be reached by the Tab key.
function columns(): number {
  return getComputedStyle(strip).gridTemplateColumns.split(" ").length;
}

// Nothing moves away under a pointer, a finger or the keyboard.
function isTouched(): boolean {
  const focused = document.activeElement;
  const reached = focused !== null && strip.contains(focused) && focused.matches(":focus-visible");
  return order.length > 0 && (hovering || reached || waiting !== null || performance.now() - touchedAt < TOUCH_MS);
}

function hang(ids: string[]): void {
  for (const [id, { node }] of places) {
    if (ids.includes(id)) continue;
    node.remove();
    places.delete(id);
  }
  ids.forEach((id, at) => {
    const place = places.get(id) ?? makePlace(id);
    if (place === null) return;
    if (strip.children[at] !== place.node) strip.insertBefore(place.node, strip.children[at] ?? null);
    showPlace(place);
  });
  order = ids.filter((id) => places.has(id));
}

function makePlace(id: string): Place | null {
  const known = room.cameras.get(id);
  if (known === undefined) return null;
  const tile = new Tile(known.camera, known.index);
  const button: SmallPinButton = new SmallPinButton({ operator: () => operatorOrAsk(button), onFailure: sayFailure });
  tile.node.addEventListener("click", () => openLive(id));
  const place = { id, tile, button, node: el("li", {}, tile.node, button.node), since: performance.now() };
  places.set(id, place);
  changedAt = place.since;
  const still = came.get(id);
  if (still !== undefined) void tile.show(still);
  return place;
}

function showPlace({ id, node, tile, button }: Place): void {
  const known = room.cameras.get(id);
  if (known === undefined) return;
  const { people } = seen(known.index);
  tile.speak();
  tile.tick();
  button.show(id);
  const { camera } = known;
  setAttribute(node, "title", `${pick(camera.name, camera.name_en)} · ${word("ring", camera.ring)} · ${peopleText(people)}`);
  setAttribute(node, "data-pinned", button.node.getAttribute("aria-pressed") === "true");
}

// Pictures come only while somebody can see them.
function wish(tour: TourState | null): void {
  if (!isInSight || document.visibilityState !== "visible") {
    isWishing = false;
    return wallStills.close(looker);
  }
  const now = performance.now();
  if (now - pooledAt > POOL_MS) {
    pooledAt = now;
    pool = (tour?.recent ?? []).filter((id) => room.cameras.has(id) && !places.has(id)).slice(0, POOL);
  }
  const ids = [...new Set([...order, ...pool])];
  if (ids.length === 0) return;
  if (wished !== ids.join()) wallStills.look(looker, ids);
  wished = ids.join();
  if (!isWishing) wallStills.open(looker);
  isWishing = true;
}

function takeStill(still: StillShown): void {
  came.set(still.camera_id, still);
  void places.get(still.camera_id)?.tile.show(still);
}

function forgetOthers(ids: string[]): void {
  for (const id of came.keys()) if (!ids.includes(id)) came.delete(id);
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
new IntersectionObserver((entries) => {
  isInSight = entries.at(-1)?.isIntersecting === true;
  if (room.state) wish(stateNow().tour);
}).observe(strip);
document.addEventListener("visibilitychange", () => {
  if (room.state) wish(stateNow().tour);
});
for (const kind of ["touchstart", "touchmove"]) {
  strip.addEventListener(kind, () => (touchedAt = performance.now()), { passive: true });
}
