// What is drawn in one picture while somebody draws in it: every change makes another scene, and can be taken back. Pure,
// and without imports at run time but geometry.

import { type Flaw, lineFlaw, type Point, polygonFlaw } from "./zone_geometry";

export interface Zone {
  id: string;
  name: string;
  name_en: string;
  rules: string[];
  polygon: Point[] | null;
  line: [Point, Point] | null;
  direction_deg: number | null;
}

export interface Mask {
  name: string;
  name_en: string;
  polygon: Point[];
}

export interface GroundPoint {
  at: Point;
  metres: Point;
}

export interface Scene {
  zones: Zone[];
  masks: Mask[];
  ground: { points: GroundPoint[]; error: number } | null;
}

export interface RuleAsks {
  id: string;
  needs_line: boolean;
  needs_direction: boolean;
}

export type Picked = { kind: "zone" | "mask"; place: number } | { kind: "ground" };
export type Flawed = Flaw | "no_name" | "no_rules" | "needs_line" | "needs_polygon" | "needs_direction" | "four_points" | "no_plane";

const MOST_BACK = 100;

export interface History {
  past: Scene[];
  now: Scene;
  future: Scene[];
}

export function begun(scene: Scene): History {
  return { past: [], now: scene, future: [] };
}

// `joins`: a step of the same drag, which is taken back with the first.
export function changed(history: History, scene: Scene, joins = false): History {
  if (same(history.now, scene)) return history;
  const past = joins ? history.past : [...history.past, history.now].slice(-MOST_BACK);
  return { past, now: scene, future: [] };
}

export function undone({ past, now, future }: History): History {
  const before = past.at(-1);
  return before === undefined ? { past, now, future } : { past: past.slice(0, -1), now: before, future: [now, ...future] };
}

export function redone({ past, now, future }: History): History {
  const [next, ...rest] = future;
  return next === undefined ? { past, now, future } : { past: [...past, now], now: next, future: rest };
}

export function same(one: Scene, other: Scene): boolean {
  return JSON.stringify(said(one)) === JSON.stringify(said(other));
}

// What a scene says, in one order of its parts.
function said({ zones, masks, ground }: Scene): unknown {
  return [
    zones.map((zone) => [zone.id, zone.name, zone.name_en, zone.rules, zone.polygon, zone.line, zone.direction_deg]),
    masks.map((mask) => [mask.name, mask.name_en, mask.polygon]),
    ground === null ? null : [ground.points.map(({ at, metres }) => [at, metres]), ground.error],
  ];
}

export function freeId(zones: readonly Zone[]): string {
  const taken = new Set(zones.map(({ id }) => id));
  let number = zones.length + 1;
  while (taken.has(`zone-${number}`)) number += 1;
  return `zone-${number}`;
}

export function pointsOf(scene: Scene, picked: Picked): Point[] {
  if (picked.kind === "ground") return scene.ground?.points.map(({ at }) => at) ?? [];
  if (picked.kind === "mask") return scene.masks[picked.place]?.polygon ?? [];
  const zone = scene.zones[picked.place];
  return zone?.polygon ?? zone?.line ?? [];
}

export function withPoints(scene: Scene, picked: Picked, points: Point[]): Scene {
  if (picked.kind === "ground") {
    if (scene.ground === null) return scene;
    const moved = scene.ground.points.map((point, index) => ({ ...point, at: points[index] ?? point.at }));
    return { ...scene, ground: { ...scene.ground, points: moved } };
  }
  if (picked.kind === "mask") return withMask(scene, picked.place, { polygon: points });
  const [from, to] = points;
  const isLine = scene.zones[picked.place]?.line !== null && from !== undefined && to !== undefined;
  return withZone(scene, picked.place, isLine ? { line: [from, to] } : { polygon: points });
}

export function withZone(scene: Scene, place: number, change: Partial<Zone>): Scene {
  return { ...scene, zones: scene.zones.map((zone, index) => (index === place ? { ...zone, ...change } : zone)) };
}

export function withMask(scene: Scene, place: number, change: Partial<Mask>): Scene {
  return { ...scene, masks: scene.masks.map((mask, index) => (index === place ? { ...mask, ...change } : mask)) };
}

export function without(scene: Scene, picked: Picked): Scene {
  if (picked.kind === "ground") return { ...scene, ground: null };
  const others = <Thing>(things: Thing[]) => things.filter((_, index) => index !== picked.place);
  return picked.kind === "zone" ? { ...scene, zones: others(scene.zones) } : { ...scene, masks: others(scene.masks) };
}

// How few corners a shape may have: of those no more can be taken away.
export function fewestOf(scene: Scene, picked: Picked): number {
  if (picked.kind === "ground") return Infinity;
  return picked.kind === "zone" && scene.zones[picked.place]?.line ? 2 : 3;
}

// What is wrong, by where: as in `zones[1]`. The server has the last word.
export function flaws(scene: Scene, rules: readonly RuleAsks[]): { path: string; flaw: Flawed }[] {
  const found: { path: string; flaw: Flawed }[] = [];
  const tell = (path: string, flaw: Flawed | null) => {
    if (flaw !== null) found.push({ path, flaw });
  };
  scene.zones.forEach((zone, place) => {
    const path = `zones[${place}]`;
    const asks = rules.filter(({ id }) => zone.rules.includes(id));
    tell(path, zone.polygon ? polygonFlaw(zone.polygon) : zone.line ? lineFlaw(zone.line) : "few");
    tell(path, zone.name.trim() === "" ? "no_name" : null);
    tell(path, zone.rules.length === 0 ? "no_rules" : null);
    tell(path, zone.line === null && asks.some((rule) => rule.needs_line) ? "needs_line" : null);
    tell(path, zone.line !== null && asks.some((rule) => !rule.needs_line) ? "needs_polygon" : null);
    tell(path, zone.direction_deg === null && asks.some((rule) => rule.needs_direction) ? "needs_direction" : null);
  });
  scene.masks.forEach((mask, place) => tell(`masks[${place}]`, polygonFlaw(mask.polygon)));
  if (scene.ground !== null && scene.ground.points.length < 4) tell("ground", "four_points");
  return found;
}

// Where in a scene something is told of: `zones[1].polygon` is the second zone.
export function pickedBy(path: string): Picked | null {
  if (path.startsWith("ground")) return { kind: "ground" };
  const found = /^(zones|masks)\[(\d+)\]/.exec(path);
  return found === null ? null : { kind: found[1] === "zones" ? "zone" : "mask", place: Number(found[2]) };
}
