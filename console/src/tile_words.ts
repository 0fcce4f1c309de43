// What the layers of vector tiles are called, by OpenMapTiles and by Protomaps, in the words of our own base map.

import type { FeatureLike } from "ol/Feature";
import type { BaseKind, Size } from "./base_style";

const KINDS: Record<string, BaseKind> = {
  transportation: "roads",
  roads: "roads",
  building: "buildings",
  buildings: "buildings",
  water: "water",
  waterway: "water",
  landcover: "green",
  landuse: "green",
  park: "green",
  natural: "green",
  place: "places",
  places: "places",
  boundary: "boundary",
  boundaries: "boundary",
};
const GREEN = new Set(["grass", "wood", "park", "forest", "garden", "meadow", "scrub", "nature_reserve", "cemetery", "pitch", "golf_course"]);
const MAIN = new Set(["motorway", "trunk", "primary", "secondary", "highway", "major_road"]);
const LANES = new Set(["service", "path", "track", "pedestrian", "footway", "other"]);

export interface Told {
  layer: string;
  class: string;
  name: string;
  name_en: string;
}

// What of it the base map draws; null: nothing.
export function kindOfTile({ layer, class: sort }: Pick<Told, "layer" | "class">): BaseKind | null {
  const kind = KINDS[layer] ?? null;
  return kind === "green" && !GREEN.has(sort) ? null : kind;
}

export function sizeOfTile({ layer, class: sort }: Pick<Told, "layer" | "class">): Size {
  if (KINDS[layer] === "places") return ["city", "town", "suburb", "locality"].includes(sort) ? "main" : "street";
  return MAIN.has(sort) ? "main" : LANES.has(sort) ? "lane" : "street";
}

// A tile's feature, read as one of the base map.
export function asBase(feature: FeatureLike): FeatureLike {
  const text = (...keys: string[]) => keys.map((key) => feature.get(key) as unknown).find((one) => typeof one === "string" && one !== "") as string | undefined;
  const told = { layer: text("layer") ?? "", class: text("class", "kind") ?? "" };
  const values: Record<string, unknown> = {
    kind: kindOfTile(told),
    size: sizeOfTile(told),
    name: text("name:zh", "name:zh-Hans", "name"),
    name_en: text("name:en", "name_en"),
  };
  return new Proxy(feature, {
    get: (of, key) => {
      if (key === "get") return (name: string) => values[name];
      const value: unknown = Reflect.get(of, key);
      return typeof value === "function" ? (value as (...all: unknown[]) => unknown).bind(of) : value;
    },
  });
}
