// How the base map is drawn: calm and faint, as the marks are what matters. Colours are the theme's own (theme.css).

import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import type Feature from "ol/Feature";
import type { FeatureLike } from "ol/Feature";
import { textHeights } from "ol/render/canvas";
import { pick } from "./words";

export type BaseFeature = Feature;
export type BaseKind = "roads" | "buildings" | "water" | "green" | "places" | "boundary";
export type Size = "main" | "street" | "lane";

// The theme's colours, and the page's letters.
export type Painted = Record<"road" | "casing" | "building" | "edge" | "water" | "green" | "name" | "ground", string> & { letters: string };

const WIDE_M: Record<Size, number> = { main: 22, street: 12, lane: 5 };
const LEAST_PX: Record<Size, number> = { main: 1.6, street: 0.7, lane: 0 };
const SEEN_TO_M_PER_PX: Record<Size, number> = { main: Infinity, street: 16, lane: 2.4 };
const BUILDINGS_TO = 4.5; // metres a pixel; farther away they are a haze
const ROAD_NAMES_TO: Record<Size, number> = { main: 7, street: 2.6, lane: 1 };
const PLACE_NAMES_TO: Record<Size, number> = { main: 12, street: 2.2, lane: 0.9 };
const OTHER_NAMES_TO = 5;
// In the order in which they lie on each other.
const ORDER: Record<BaseKind, number> = { green: 0, water: 1, boundary: 2, buildings: 3, roads: 4, places: 7 };
const SMALL_PX = 11;
const LARGE_PX = 13;

export function painted(node: Element): Painted {
  const style = getComputedStyle(node);
  const colour = (name: string) => style.getPropertyValue(`--map-${name}`).trim();
  const letters = style.fontFamily;
  // The library measures a line of letters by writing markup, which the page's policy refuses; so it is told.
  for (const px of [SMALL_PX, LARGE_PX]) textHeights[fontOf(px, letters)] = px * 1.25;
  return {
    road: colour("road"), casing: colour("casing"), building: colour("building"), edge: colour("edge"), water: colour("water"),
    green: colour("green"), name: colour("name"), ground: style.getPropertyValue("--ground").trim(), letters,
  };
}

function fontOf(px: number, letters: string): string {
  return `${px}px ${letters}`;
}

// What a feature is, of our own GeoJSON or of a vector tile.
export function kindOf(feature: FeatureLike): BaseKind | null {
  const kind: unknown = feature.get("kind");
  return typeof kind === "string" && kind in ORDER ? (kind as BaseKind) : null;
}

function sizeOf(feature: FeatureLike): Size {
  const size: unknown = feature.get("size");
  return size === "main" || size === "lane" ? size : "street";
}

// `metres`: of a pixel.
export function shapeStyle(feature: FeatureLike, metres: number, paint: Painted): Style[] {
  const kind = kindOf(feature);
  if (kind === null || kind === "places") return [];
  if (kind === "roads") return roadStyle(sizeOf(feature), metres, paint);
  const zIndex = ORDER[kind];
  if (kind === "boundary") return [new Style({ zIndex, stroke: new Stroke({ color: paint.name, width: 1, lineDash: [6, 5] }) })];
  if (kind === "buildings") {
    if (metres > BUILDINGS_TO) return [];
    const stroke = metres < 2.5 ? new Stroke({ color: paint.edge, width: 0.8 }) : undefined;
    return [new Style({ zIndex, fill: new Fill({ color: paint.building }), ...(stroke && { stroke }) })];
  }
  const colour = kind === "water" ? paint.water : paint.green;
  // A stream may be a line; of an area it is the edge.
  const isLine = (feature.getGeometry()?.getType() ?? "").endsWith("LineString");
  const stroke = new Stroke({ color: colour, width: isLine ? Math.max(1, 8 / metres) : 0.5 });
  return [new Style({ zIndex, fill: new Fill({ color: colour }), stroke })];
}

function roadStyle(size: Size, metres: number, paint: Painted): Style[] {
  if (metres > SEEN_TO_M_PER_PX[size]) return [];
  const width = Math.max(LEAST_PX[size], WIDE_M[size] / metres);
  const zIndex = ORDER.roads + { lane: 0.2, street: 0.4, main: 0.6 }[size];
  const line = (color: string, width: number, zIndex: number) => new Style({ zIndex, stroke: new Stroke({ color, width, lineCap: "round", lineJoin: "round" }) });
  const road = line(paint.road, width, zIndex);
  return width > 3 ? [line(paint.casing, width + 1.6, ORDER.roads), road] : [road];
}

export function nameStyle(feature: FeatureLike, metres: number, paint: Painted): Style[] {
  const [kind, name]: [BaseKind | null, unknown] = [kindOf(feature), feature.get("name")];
  if (kind === null || kind === "boundary" || typeof name !== "string" || name === "") return [];
  const size = sizeOf(feature);
  const to = kind === "roads" ? ROAD_NAMES_TO[size] : kind === "places" ? PLACE_NAMES_TO[size] : OTHER_NAMES_TO;
  if (metres > to) return [];
  const english: unknown = feature.get("name_en");
  const isLarge = kind === "places" && size === "main";
  const text = new Text({
    text: pick(name, typeof english === "string" && english !== "" ? english : name),
    font: fontOf(isLarge ? LARGE_PX : SMALL_PX, paint.letters),
    fill: new Fill({ color: paint.name }),
    stroke: new Stroke({ color: paint.ground, width: 3 }),
    placement: kind === "roads" ? "line" : "point",
    overflow: false,
    ...(kind === "roads" && { repeat: 420, maxAngle: 0.4 }),
    ...(kind === "places" && { padding: [4, 6, 4, 6] }),
  });
  return [new Style({ zIndex: ORDER[kind] + (isLarge ? 2 : 0), text })];
}
