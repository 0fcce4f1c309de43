// Names on the map: none stands on another one, on the map's buttons and legend, or outside the map, and on marks only those
// of units that have something to do, on as few as can be; they come first. Where there is no room a unit says its name under
// the pointer.

import { setAttribute } from "./dom";

export interface Point {
  x: number;
  y: number;
}

export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

// Where a name stands beside its mark, in pixels.
interface Beside extends Point {
  anchor: "start" | "middle" | "end";
}

// A unit's name on the map. `matters`: the unit has something to do.
export interface UnitLabel {
  label: SVGTextElement;
  at: Point;
  matters: boolean;
}

interface Taken {
  marks: Box[];
  names: Box[];
}

const PLACES: Beside[] = [
  { x: 0, y: 23, anchor: "middle" },
  { x: 0, y: -14, anchor: "middle" },
  { x: 14, y: 4, anchor: "start" },
  { x: -14, y: 4, anchor: "end" },
  { x: 11, y: 17, anchor: "start" },
  { x: 11, y: -8, anchor: "start" },
  { x: -11, y: 17, anchor: "end" },
  { x: -11, y: -8, anchor: "end" },
];
const FARTHER: Beside[] = [{ x: 0, y: 37, anchor: "middle" }, { x: 0, y: -28, anchor: "middle" }]; // for who has something to do
const MARK_PX = 10;
// Of 11.5 px letters: a Chinese one, another one, and a line.
const WIDE_PX = 11.5;
const NARROW_PX = 6.4;
const LINE_PX = 15;

// A name in the middle of one of some places: of the first that is free.
export interface FixedName {
  label: SVGTextElement;
  places: Point[];
}

// `map`: all of it; `taken`: what stands on it already, which grows by each name that is placed.
export function placeFixedNames(names: FixedName[], taken: Box[], map: Box): void {
  for (const { label, places } of names) {
    const boxes = places.map((at) => ({ at, box: boxOf(label, at, { x: 0, y: 0, anchor: "middle" }) }));
    const free = boxes.find(({ box }) => isInside(box, map) && !taken.some((other) => overlap(box, other)));
    setAttribute(label, "visibility", free === undefined ? "hidden" : null);
    if (free === undefined) continue;
    taken.push(free.box);
    setAttribute(label, "x", free.at.x.toFixed(1));
    setAttribute(label, "y", free.at.y.toFixed(1));
  }
}

// `marks`: the places of other marks; `names`: where no name can stand; `map`: all of it, pixels.
export function placeLabels(units: UnitLabel[], marks: Point[], names: Box[], map: Box): void {
  const taken: Taken = { marks: [...units.map(({ at }) => at), ...marks].map(aroundMark), names: [...names] };
  const first = (one: UnitLabel) => (one.matters ? 0 : 1);
  for (const unit of [...units].sort((one, other) => first(one) - first(other))) placeLabel(unit, taken, map);
}

// A name stays where it stood while it can: what does not move need not be read again.
function placeLabel({ label, at, matters }: UnitLabel, taken: Taken, map: Box): void {
  const stood = Number(label.dataset.place ?? 0);
  const places = (matters ? [...PLACES, ...FARTHER] : PLACES).map((beside, place) => ({ place, beside, box: boxOf(label, at, beside) }));
  const tried = [...places.filter(({ place }) => place === stood), ...places];
  const readable = tried.filter(({ box }) => isInside(box, map) && countOn(taken.names, box) === 0);
  const chosen = least(readable, ({ box }) => countOn(taken.marks, box), matters ? Infinity : 0);
  setAttribute(label, "visibility", chosen === undefined ? "hidden" : null);
  if (chosen === undefined) return;
  taken.names.push(chosen.box);
  const { x, y, anchor } = chosen.beside;
  label.dataset.place = String(chosen.place);
  for (const [name, value] of Object.entries({ x, y, "text-anchor": anchor })) setAttribute(label, name, value);
}

function boxOf(label: Element, at: Point, { x, y, anchor }: Beside): Box {
  const letters = [...(label.textContent ?? "")];
  const size = letters.reduce((sum, letter) => sum + (letter > "\u2e80" ? WIDE_PX : NARROW_PX), 4);
  const left = at.x + x - { start: 0, middle: size / 2, end: size }[anchor];
  return { left, right: left + size, top: at.y + y - LINE_PX + 4, bottom: at.y + y + 4 };
}

// The first of those with the least, if that is not above `most`.
function least<One>(ones: One[], of: (one: One) => number, most: number): One | undefined {
  const counted = ones.map((one) => ({ one, count: of(one) }));
  const lowest = Math.min(...counted.map(({ count }) => count));
  return lowest > most ? undefined : counted.find(({ count }) => count === lowest)?.one;
}

function countOn(boxes: Box[], box: Box): number {
  return boxes.filter((other) => overlap(box, other)).length;
}

function aroundMark({ x, y }: Point): Box {
  return { left: x - MARK_PX, right: x + MARK_PX, top: y - MARK_PX, bottom: y + MARK_PX };
}

function isInside(box: Box, map: Box): boolean {
  return box.left >= map.left && box.right <= map.right && box.top >= map.top && box.bottom <= map.bottom;
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}
