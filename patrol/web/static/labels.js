// Names on the map: none stands on another one, or outside the map, and on a mark only those of units that have something
// to do, which come first. Where there is no room a unit says its name under the pointer.

import { setAttribute } from "./dom.js";

const PLACES = [
  { x: 0, y: 23, anchor: "middle" },
  { x: 0, y: -14, anchor: "middle" },
  { x: 14, y: 4, anchor: "start" },
  { x: -14, y: 4, anchor: "end" },
  { x: 11, y: 17, anchor: "start" },
  { x: 11, y: -8, anchor: "start" },
  { x: -11, y: 17, anchor: "end" },
  { x: -11, y: -8, anchor: "end" },
];
const FARTHER = [{ x: 0, y: 37, anchor: "middle" }, { x: 0, y: -28, anchor: "middle" }]; // for who has something to do
const MARK_PX = 10;
const [WIDE_PX, NARROW_PX, LINE_PX] = [11.5, 6.4, 15]; // of 11.5 px letters: a Chinese one, another one, and a line

// `units`: [{ label, at, matters }]; `marks`: the places of other marks; `names`: text nodes that stay where they are.
export function placeLabels(units, marks, names, width) {
  const taken = {
    marks: [...units.map(({ at }) => at), ...marks].map(aroundMark),
    names: names.map((node) => boxOf(node, { x: Number(node.getAttribute("x")), y: Number(node.getAttribute("y")) }, { x: 0, y: 0, anchor: "middle" })),
  };
  const first = (one) => (one.matters ? 0 : 1);
  for (const unit of [...units].sort((one, other) => first(one) - first(other))) placeLabel(unit, taken, width);
}

// A name stays where it stood while it can: what does not move need not be read again.
function placeLabel({ label, at, matters }, taken, width) {
  const stood = Number(label.dataset.place ?? 0);
  const places = matters ? [...PLACES, ...FARTHER] : PLACES;
  const tried = [stood, ...places.keys()].filter((place) => place in places).map((place) => ({ place, box: boxOf(label, at, places[place]) }));
  const isInside = ({ box }) => box.left >= 0 && box.right <= width;
  const standsOn = (boxes, { box }) => boxes.some((other) => overlap(box, other));
  const readable = tried.filter((one) => isInside(one) && !standsOn(taken.names, one));
  const chosen = readable.find((one) => !standsOn(taken.marks, one)) ?? (matters ? readable[0] : undefined);
  setAttribute(label, "visibility", chosen === undefined ? "hidden" : null);
  if (chosen === undefined) return;
  taken.names.push(chosen.box);
  const { x, y, anchor } = places[chosen.place];
  label.dataset.place = chosen.place;
  for (const [name, value] of Object.entries({ x, y, "text-anchor": anchor })) setAttribute(label, name, value);
}

function boxOf(label, at, { x, y, anchor }) {
  const letters = [...label.textContent];
  const size = letters.reduce((sum, letter) => sum + (letter > "\u2e80" ? WIDE_PX : NARROW_PX), 4);
  const left = at.x + x - { start: 0, middle: size / 2, end: size }[anchor];
  return { left, right: left + size, top: at.y + y - LINE_PX + 4, bottom: at.y + y + 4 };
}

function aroundMark({ x, y }) {
  return { left: x - MARK_PX, right: x + MARK_PX, top: y - MARK_PX, bottom: y + MARK_PX };
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
