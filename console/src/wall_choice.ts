// What hangs on the wall, and in which order: decided from the layout and the operator's choice, which the browser keeps.

import type { CameraOnMap, RingName } from "./api";
import type { Tone } from "./room";

export const GROUPINGS = ["ring", "site", "group", "none"] as const;
export const FILTERS = ["all", "own", "people", "trouble", "held"] as const;
export const SIZES = [1, 2, 3] as const;
export type Grouping = (typeof GROUPINGS)[number];
export type WallFilter = (typeof FILTERS)[number];
export type Size = (typeof SIZES)[number];

// `rings`: those that are shown, all where none is named; `own`: ids of the operator's own selection.
export interface WallChoice {
  grouping: Grouping;
  filter: WallFilter;
  rings: RingName[];
  text: string;
  size: Size;
  boxes: boolean;
  own: string[];
}

// How a camera stands, as far as filters ask.
export interface Standing {
  tone: Tone;
  people: number | null;
  held: boolean;
  skipped: boolean;
}

export interface WallGroup {
  key: string;
  cameras: CameraOnMap[];
}

const KEPT = "patrol.wall";
const USUAL: WallChoice = { grouping: "ring", filter: "all", rings: [], text: "", size: 2, boxes: true, own: [] };

// What an older page kept, or somebody else's hand, is taken as far as it makes sense.
export function keptChoice(): WallChoice {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<WallChoice>;
    return {
      ...USUAL,
      grouping: GROUPINGS.find((one) => one === kept.grouping) ?? USUAL.grouping,
      filter: FILTERS.find((one) => one === kept.filter) ?? USUAL.filter,
      size: SIZES.find((one) => one === kept.size) ?? USUAL.size,
      boxes: kept.boxes !== false,
      own: Array.isArray(kept.own) ? kept.own.filter((id) => typeof id === "string") : [],
    };
  } catch {
    return USUAL;
  }
}

// What is searched for is of the moment; all else is found again next time.
export function keepChoice({ grouping, filter, size, boxes, own }: WallChoice): void {
  localStorage.setItem(KEPT, JSON.stringify({ grouping, filter, size, boxes, own }));
}

export function isOnWall(camera: CameraOnMap, choice: WallChoice, standing: Standing): boolean {
  if (choice.rings.length > 0 && !choice.rings.includes(camera.ring)) return false;
  return matches(camera, choice.text) && passes(camera, choice, standing);
}

function passes(camera: CameraOnMap, { filter, own }: WallChoice, { tone, people, held, skipped }: Standing): boolean {
  if (filter === "own") return own.includes(camera.id);
  if (filter === "people") return (people ?? 0) > 0;
  if (filter === "trouble") return tone === "late" || tone === "failing" || tone === "blinded" || skipped;
  return filter !== "held" || held;
}

function matches(camera: CameraOnMap, text: string): boolean {
  const words = text.trim().toLowerCase().split(/\s+/);
  const all = [camera.id, camera.name, camera.name_en, camera.site, camera.site_en, camera.group].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

// Groups in the order in which the layout names them, each with its cameras in the layout's order: nothing moves by itself.
export function groupsOf(cameras: CameraOnMap[], grouping: Grouping): WallGroup[] {
  const groups = new Map<string, CameraOnMap[]>();
  for (const camera of cameras) {
    const key = grouping === "none" ? "" : camera[grouping];
    groups.set(key, [...(groups.get(key) ?? []), camera]);
  }
  const found = [...groups].map(([key, members]) => ({ key, cameras: members }));
  // Who belongs to no group comes last.
  return [...found.filter(({ key }) => key !== ""), ...found.filter(({ key }) => key === "")];
}
