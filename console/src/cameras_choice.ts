// Which cameras are listed, and in which order: decided from the layout, what is known of each, and the operator's choice.

import type { CameraOnMap, RingName } from "./api";
import type { Tone } from "./room";

export const ORDERS = ["worst", "now", "name"] as const;
export const STANDINGS = ["all", "bad", "late", "failing", "troubled", "skipped", "uncalibrated"] as const;
export type Order = (typeof ORDERS)[number];
export type StandingFilter = (typeof STANDINGS)[number];

// `ring`, `site`, `group`: empty for all.
export interface CamerasChoice {
  order: Order;
  standing: StandingFilter;
  ring: RingName | "";
  site: string;
  group: string;
  text: string;
}

// What is known of a camera, as far as the list asks. `now`, `worst`: shares of its bound; null where nobody knows.
export interface KnownOfCamera {
  tone: Tone;
  now: number | null;
  worst: number | null;
  troubled: boolean;
  skipped: boolean;
  calibrated: boolean | null;
}

export const USUAL_CHOICE: CamerasChoice = { order: "worst", standing: "all", ring: "", site: "", group: "", text: "" };

const KEPT = "patrol.cameras";

export function keptChoice(): CamerasChoice {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<CamerasChoice>;
    return { ...USUAL_CHOICE, order: ORDERS.find((one) => one === kept.order) ?? USUAL_CHOICE.order };
  } catch {
    return USUAL_CHOICE;
  }
}

// What is filtered for is of the moment.
export function keepChoice({ order }: CamerasChoice): void {
  localStorage.setItem(KEPT, JSON.stringify({ order }));
}

export function isListed(camera: CameraOnMap, choice: CamerasChoice, known: KnownOfCamera): boolean {
  if (choice.ring !== "" && camera.ring !== choice.ring) return false;
  if (choice.site !== "" && camera.site !== choice.site) return false;
  if (choice.group !== "" && camera.group !== choice.group) return false;
  return says(camera, choice.text) && stands(choice.standing, known);
}

function says(camera: CameraOnMap, text: string): boolean {
  const words = text.trim().toLowerCase().split(/\s+/);
  const all = [camera.id, camera.name, camera.name_en, camera.site, camera.site_en, camera.group].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

function stands(filter: StandingFilter, { tone, troubled, skipped, calibrated }: KnownOfCamera): boolean {
  if (filter === "all") return true;
  if (filter === "bad") return tone === "late" || tone === "failing" || tone === "blinded" || troubled || skipped;
  if (filter === "troubled") return troubled;
  if (filter === "skipped") return skipped;
  if (filter === "uncalibrated") return calibrated === false;
  return tone === filter;
}

// Those that are listed, the first one first. Of equals the layout's order holds, so nothing moves for nothing.
export function listed(cameras: CameraOnMap[], choice: CamerasChoice, known: (index: number) => KnownOfCamera): CameraOnMap[] {
  const all = cameras.map((camera, index) => ({ camera, known: known(index) }));
  const found = all.filter((one) => isListed(one.camera, choice, one.known));
  if (choice.order === "name") found.sort((one, other) => (one.camera.id < other.camera.id ? -1 : 1));
  else {
    const share = choice.order === "worst" ? "worst" : "now";
    // Of whom nothing is known comes last, but who fails now is not unknown.
    const weight = (one: KnownOfCamera) => one[share] ?? (one.tone === "failing" || one.tone === "never" ? Number.MAX_VALUE : -1);
    found.sort((one, other) => weight(other.known) - weight(one.known));
  }
  return found.map(({ camera }) => camera);
}

export function sitesOf(cameras: CameraOnMap[]): CameraOnMap[] {
  return [...new Map(cameras.map((camera) => [camera.site, camera])).values()].sort((one, other) => one.site.localeCompare(other.site, "zh"));
}

export function groupsOf(cameras: CameraOnMap[]): string[] {
  return [...new Set(cameras.map(({ group }) => group))].filter((group) => group !== "").sort();
}

// What of a long list of rows, all as high, is drawn: those in sight, and some beyond on both sides.
export function inSight(top: number, height: number, rowHeight: number, count: number, beyond = 8): { from: number; to: number } {
  const from = Math.max(0, Math.min(Math.floor(top / rowHeight) - beyond, count));
  return { from, to: Math.min(count, Math.ceil((top + height) / rowHeight) + beyond) };
}

// How far the list has to be scrolled so that a row is in sight; null where it is.
export function scrollTo(row: number, top: number, height: number, rowHeight: number): number | null {
  if (row * rowHeight < top) return row * rowHeight;
  return (row + 1) * rowHeight > top + height ? (row + 1) * rowHeight - height : null;
}
