// The strip of cameras just visited: where one sees the tour move. Pinned cameras keep their places at its head.

import { el, setAttribute, setText } from "./dom.js";
import { pick, t, word } from "./words.js";
import { age } from "./times.js";
import { peopleText, room, seen } from "./room.js";
import { keepOperator, operatorName } from "./operator.js";
import { pinnedCameras, SmallPinButton } from "./pins.js";
import { failureText } from "./stream.js";

const TILES = 8;
const TOUCH_MS = 4000; // a finger counts as touching for that long
const MESSAGE_MS = 8000;
const RESERVED = 1 / 6; // see admission: what is above 5/6 of the capacity is not sure to be kept

const strip = document.getElementById("tiles");
const pace = document.getElementById("pace");
const capacity = document.getElementById("capacity");
const asking = document.getElementById("ask-operator");
const field = asking.querySelector("input");
const message = document.getElementById("visited-message");
const tiles = []; // { node, button, id }

let hovering = false;
let touchedAt = -Infinity;
let waiting = null; // the button that was pressed by nobody
let saidAt = -Infinity;

export function showVisited() {
  const { tour } = room.state;
  const shown = isTouched() ? tiles.map((tile) => tile.id) : wanted(tour);
  while (tiles.length < shown.length) tiles.push(makeTile());
  while (tiles.length > shown.length) tiles.pop().node.remove();
  shown.forEach((id, place) => showTile(tiles[place], room.cameras.get(id), place));
  setText(pace, tour ? paceText(tour) : t("not_toured"));
  showCapacity(tour);
}

export function tickVisited() {
  for (const tile of tiles) {
    showAge(tile);
    tile.button.show(tile.id);
  }
  if (performance.now() - saidAt > MESSAGE_MS) say("");
}

function wanted(tour) {
  const pinned = pinnedCameras();
  const recent = (tour?.recent ?? []).filter((id) => room.cameras.has(id) && !pinned.includes(id));
  return [...pinned, ...recent].slice(0, Math.min(TILES, columns()));
}

// Only what can be seen may be reached by the Tab key.
function columns() {
  return getComputedStyle(strip).gridTemplateColumns.split(" ").length;
}

// Nothing moves away under a pointer, a finger or the keyboard.
function isTouched() {
  const reached = strip.contains(document.activeElement) && document.activeElement.matches(":focus-visible");
  const known = tiles.length > 0 && tiles.every((tile) => room.cameras.has(tile.id));
  return known && (hovering || reached || waiting !== null || performance.now() - touchedAt < TOUCH_MS);
}

function makeTile() {
  const button = new SmallPinButton({ operator: () => operatorOrAsk(button), onFailure: sayFailure });
  const node = el("li", {}, el("b"), el("small"), button.node, el("span"), el("small", { class: "where" }));
  strip.append(node);
  return { node, button, id: null };
}

function showTile(tile, { camera, index }, place) {
  const isNew = tile.id !== camera.id;
  tile.id = camera.id;
  const { node } = tile;
  const { people } = seen(index);
  const name = pick(camera.name, camera.name_en);
  setText(node.children[0], people === null ? "—" : String(people));
  setText(node.children[1], people === null ? "" : t(people === 1 ? "person" : "people"));
  setText(node.children[3], name);
  setAttribute(node, "title", `${name} · ${word("ring", camera.ring)} · ${peopleText(people)}`);
  setAttribute(node, "data-people", people !== null && people > 0);
  showAge(tile);
  tile.button.show(camera.id);
  setAttribute(node, "data-pinned", tile.button.node.getAttribute("aria-pressed") === "true");
  if (isNew && place === 0) node.animate([{ opacity: 0.6 }, { opacity: 1 }], { duration: 400 });
}

function showAge({ node, id }) {
  const { age: blind } = seen(room.cameras.get(id).index);
  setText(node.children[4], `${id} · ${blind === null ? "—" : age(blind)}`);
}

function paceText(tour) {
  return t("pace", {
    visits: tour.visits_per_s.toFixed(1),
    captured: tour.frames_captured.toLocaleString("en"),
    processed: tour.frames_processed.toLocaleString("en"),
    dropped: tour.frames_dropped.toLocaleString("en"),
  });
}

function showCapacity(tour) {
  const { capacity_per_s: can, needed_per_s: needed } = tour ?? {};
  const isBehind = tour !== null && tour.stretch > 1;
  // Stretched, and quick enough for all that: then neither figure says why.
  const saysNothing = isBehind && tour.visits_per_s >= needed;
  capacity.hidden = !can || needed === null || saysNothing || !asking.hidden; // the question needs the place
  if (capacity.hidden) return;
  setAttribute(capacity, "title", t("capacity_means"));
  if (isBehind) return showFallingBehind(tour);
  const scarce = needed > can * (1 - RESERVED);
  setAttribute(capacity, "data-tone", scarce ? "amber" : "plain");
  setText(capacity, t(scarce ? "capacity_scarce" : "capacity", { can: can.toFixed(0), needed: needed.toFixed(0) }));
}

// What was measured while there was less to do is no answer to why the bounds are stretched.
function showFallingBehind({ visits_per_s: made, needed_per_s: needed }) {
  setAttribute(capacity, "data-tone", "amber");
  setText(capacity, t("capacity_short", { made: made.toFixed(0), needed: needed.toFixed(0) }));
}

function operatorOrAsk(button) {
  const name = operatorName();
  if (name) return name;
  waiting = button;
  asking.hidden = false;
  capacity.hidden = true;
  say("");
  field.focus();
  return "";
}

function stopAsking() {
  const pressed = waiting;
  waiting = null;
  asking.hidden = true;
  return pressed;
}

function say(text) {
  setText(message, text);
  if (text) saidAt = performance.now();
}

function sayFailure(error) {
  say(t("failed", { why: failureText(error, "error_no_camera") }));
}

keepOperator(field);
asking.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!operatorName()) return field.focus();
  const pressed = stopAsking();
  pressed.node.focus();
  pressed.press();
});
asking.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopAsking()?.node.focus();
});
strip.addEventListener("pointerenter", (event) => (hovering = event.pointerType === "mouse"));
strip.addEventListener("pointerleave", () => (hovering = false));
for (const kind of ["touchstart", "touchmove"]) {
  strip.addEventListener(kind, () => (touchedAt = performance.now()), { passive: true });
}
