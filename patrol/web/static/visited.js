// The strip of cameras just visited: where one sees the tour move.

import { el, setAttribute, setText } from "./dom.js";
import { pick, t, word } from "./words.js";
import { age } from "./times.js";
import { peopleText, room, seen } from "./room.js";

const TILES = 8;

export function showVisited() {
  const { tour } = room.state;
  const tiles = document.getElementById("tiles");
  const recent = (tour?.recent ?? []).map((id) => room.cameras.get(id)).filter(Boolean).slice(0, TILES);
  while (tiles.children.length < recent.length) tiles.append(makeTile());
  while (tiles.children.length > recent.length) tiles.lastElementChild.remove();
  recent.forEach((entry, place) => showTile(tiles.children[place], entry, place));
  setText(document.getElementById("pace"), tour ? paceText(tour) : t("not_toured"));
}

export function tickVisited() {
  for (const tile of document.getElementById("tiles").children) showAge(tile, Number(tile.dataset.index));
}

function makeTile() {
  return el("li", {}, el("b"), el("small"), el("span"), el("small", { class: "where" }));
}

function showTile(tile, { camera, index }, place) {
  const isNew = tile.dataset.index !== String(index);
  tile.dataset.index = String(index);
  const { people } = seen(index);
  setText(tile.children[0], people === null ? "—" : String(people));
  setText(tile.children[2], pick(camera.name, camera.name_en));
  setText(tile.children[1], people === null ? "" : t("people"));
  setAttribute(tile, "title", `${pick(camera.name, camera.name_en)} · ${word("ring", camera.ring)} · ${peopleText(people)}`);
  setAttribute(tile, "data-people", people !== null && people > 0);
  showAge(tile, index);
  if (isNew && place === 0) tile.animate([{ opacity: 0.6 }, { opacity: 1 }], { duration: 400 });
}

function showAge(tile, index) {
  const { age: blind } = seen(index);
  setText(tile.children[3], `${room.layout.cameras[index].id} · ${blind === null ? "—" : age(blind)}`);
}

function paceText(tour) {
  return t("pace", {
    visits: tour.visits_per_s.toFixed(1),
    captured: tour.frames_captured.toLocaleString("en"),
    processed: tour.frames_processed.toLocaleString("en"),
    dropped: tour.frames_dropped.toLocaleString("en"),
  });
}
