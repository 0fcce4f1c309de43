// What lies under the map's marks: streets and buildings from GeoJSON, tiles where there are some, the heat of incidents; and
// the view that the marks follow. OpenLayers draws on plain canvases, so that it shows on a machine without WebGL, too.

import { effect } from "@preact/signals";
import OpenLayersMap from "ol/Map";
import View from "ol/View";
import type MapBrowserEvent from "ol/MapBrowserEvent";
import GeoJSON from "ol/format/GeoJSON";
import DragPan from "ol/interaction/DragPan";
import KeyboardPan from "ol/interaction/KeyboardPan";
import KeyboardZoom from "ol/interaction/KeyboardZoom";
import MouseWheelZoom from "ol/interaction/MouseWheelZoom";
import PinchZoom from "ol/interaction/PinchZoom";
import type BaseLayer from "ol/layer/Base";
import TileLayer from "ol/layer/Tile";
import VectorLayer from "ol/layer/Vector";
import VectorImageLayer from "ol/layer/VectorImage";
import { getCenter } from "ol/extent";
import { fromLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import XYZ from "ol/source/XYZ";
import type Style from "ol/style/Style";
import { type BaseFeature, nameStyle, type Painted, painted, shapeStyle } from "./base_style";
import { toGcj02 } from "./gcj02";
import { HeatLayer } from "./heat_layer";
import type { Box, Point } from "./labels";
import { ActionFailed, get } from "./sending";
import { theme } from "./theme";
import type { CoordinateSystem, HeatCell, MapShown, Place } from "./api";

const NEAREST_M_PER_PX = 0.08;
const FARTHEST_M_PER_PX = 60;
const TILES_URL = "/api/v1/map/tiles/{z}/{x}/{y}";
const CALM_MS = 250; // of a zoom by wheel or key
const NAMED_WITHIN_PX = 4;
// Half a line, and letters, of a name on the ground.
const [LINE_PX, WIDE_PX, NARROW_PX] = [9, 11, 6];
// Who asks for less motion gets none.
const isStill = matchMedia("(prefers-reduced-motion: reduce)");

// `draw(moved)`: called when the view has changed; `moved`: for as long as it is only moved, by so many pixels since it was
// drawn last, everything can be moved along as it is.
interface Watching {
  draw: (moved: Point | null) => void;
  touched: () => void;
}

export class Ground {
  readonly node: HTMLElement;
  readonly #map: OpenLayersMap;
  readonly #view: View;
  readonly #heat: HeatLayer;
  readonly #names: VectorLayer;
  readonly #base: VectorImageLayer;
  readonly #source = new VectorSource<BaseFeature>();
  #palette: Painted;
  #tiles: BaseLayer | null = null;
  #datum: CoordinateSystem = "wgs84";
  #scale = 1; // of a metre at the station on the map's own plane
  #drawn: { x: number; y: number; resolution: number } | null = null;
  #attribution = "";
  #taken: Box[] = [];
  isThere = false; // whether there is anything to be seen under the marks

  constructor(node: HTMLElement, marks: SVGSVGElement, watching: Watching) {
    this.node = node;
    this.#palette = painted(node);
    this.#base = new VectorImageLayer({ source: this.#source, imageRatio: 1.6, style: (feature, resolution) => shapeStyle(feature as BaseFeature, resolution / this.#scale, this.#palette) });
    this.#names = new VectorLayer({ source: this.#source, declutter: true, style: (feature, resolution) => this.#nameOf(feature as BaseFeature, resolution) });
    this.#heat = new HeatLayer(() => this.#scale);
    this.#view = new View({ center: [0, 0], resolution: 1, enableRotation: false, constrainResolution: false });
    this.#map = new OpenLayersMap({
      target: node,
      controls: [], // the room's own buttons stand elsewhere; the library's write markup, which the page's policy refuses
      interactions: interactions(watching.touched),
      layers: [this.#base, this.#heat.layer, this.#names],
      view: this.#view,
    });
    this.#map.getViewport()?.append(marks);
    this.#map.on("postrender", () => watching.draw(this.#movedBy()));
    this.#map.on("moveend", () => watching.draw(null));
    effect(() => this.#paint(theme()));
  }

  // What lies under the marks here, as the server tells it. False where it is away: the marks alone say what matters.
  async load(): Promise<boolean> {
    try {
      const shown = await get("/api/v1/map");
      this.#datum = shown.datum;
      this.#drawn = null;
      await this.#layTiles(shown);
      const isWhole = !shown.base || (await this.#layBase());
      this.isThere = shown.base || this.#tiles !== null;
      return isWhole;
    } catch (error) {
      // The network, or a file that is not what it should be.
      if (!(error instanceof ActionFailed || error instanceof TypeError)) console.warn(error);
      return false;
    }
  }

  get attribution(): string {
    return this.#attribution;
  }

  // Where a place lies on the map's plane. Tiles of GCJ-02 cannot be moved, so everything else is.
  project({ latitude, longitude }: Place): [number, number] {
    const [north, east] = this.#datum === "gcj02" ? toGcj02(latitude, longitude) : [latitude, longitude];
    return fromLonLat([east, north]) as [number, number];
  }

  // How much longer a metre is on the map's plane than on the ground; called when the station is known.
  measureAt({ latitude }: Place): void {
    this.#scale = 1 / Math.cos((latitude * Math.PI) / 180);
    this.#view.setProperties({ minResolution: NEAREST_M_PER_PX * this.#scale, maxResolution: FARTHEST_M_PER_PX * this.#scale });
  }

  get metresPerPx(): number {
    return this.#resolution / this.#scale;
  }

  get #resolution(): number {
    return this.#view.getResolution() ?? 1;
  }

  // In pixels from the map's corner, as the view is now.
  pixels(place: Place): Point {
    return this.#pixelsOf(this.project(place));
  }

  #pixelsOf([x, y]: [number, number]): Point {
    const [centreX = 0, centreY = 0] = this.#view.getCenter() ?? [];
    return {
      x: this.node.clientWidth / 2 + (x - centreX) / this.#resolution,
      y: this.node.clientHeight / 2 - (y - centreY) / this.#resolution,
    };
  }

  // `covered`: so many pixels of the top are under something; the place comes into the middle of the rest.
  look(place: Place, metresPerPx: number, covered: number): void {
    this.#view.cancelAnimations();
    const resolution = within(metresPerPx, NEAREST_M_PER_PX, FARTHEST_M_PER_PX) * this.#scale;
    const [x, y] = this.project(place);
    this.#view.setCenter([x, y + (covered / 2) * resolution]);
    this.#view.setResolution(resolution);
  }

  zoomBy(factor: number): void {
    this.#view.cancelAnimations();
    this.#view.setResolution(within(this.metresPerPx / factor, NEAREST_M_PER_PX, FARTHEST_M_PER_PX) * this.#scale);
  }

  resize(): void {
    this.#map.updateSize();
  }

  // What is drawn is drawn for this view from now on.
  wasDrawn(): void {
    const [x = 0, y = 0] = this.#view.getCenter() ?? [];
    this.#drawn = { x, y, resolution: this.#resolution };
  }

  showHeat(cells: HeatCell[]): void {
    this.#heat.show(cells.map((cell) => ({ at: this.project(cell.place), incidents: cell.incidents })));
  }

  // What of the base map lies there and has a name.
  named(at: Point): BaseFeature | null {
    const found = this.#map.getFeaturesAtPixel([at.x, at.y], { hitTolerance: NAMED_WITHIN_PX, layerFilter: (layer) => layer === this.#names });
    return (found.find((one) => typeof one.get("name") === "string") as BaseFeature | undefined) ?? null;
  }

  // Names are in the language of the page.
  speak(): void {
    this.#names.changed();
  }

  // Where names of the marks stand, and what lies over the map: no name of the ground is written there.
  keepClear(boxes: Box[]): void {
    const same = JSON.stringify(boxes) === JSON.stringify(this.#taken);
    this.#taken = boxes;
    if (!same) this.#names.changed();
  }

  #nameOf(feature: BaseFeature, resolution: number): Style[] {
    const styles = nameStyle(feature, resolution / this.#scale, this.#palette);
    const text = styles[0]?.getText()?.getText();
    const extent = feature.getGeometry()?.getExtent();
    if (typeof text !== "string" || extent === undefined || styles[0]?.getText()?.getPlacement() === "line") return styles;
    const [x, y] = getCenter(extent) as [number, number];
    const at = this.#pixelsOf([x, y]);
    const half = (text.length * (text > "\u2e80" ? WIDE_PX : NARROW_PX)) / 2;
    const isTaken = this.#taken.some((box) => box.left < at.x + half && at.x - half < box.right && box.top < at.y + LINE_PX && at.y - LINE_PX < box.bottom);
    return isTaken ? [] : styles;
  }

  #movedBy(): Point | null {
    const drawn = this.#drawn;
    if (drawn === null || Math.abs(drawn.resolution - this.#resolution) > 1e-9) return null;
    const [x = 0, y = 0] = this.#view.getCenter() ?? [];
    return { x: (drawn.x - x) / this.#resolution, y: (y - drawn.y) / this.#resolution };
  }

  #paint(_theme: string): void {
    this.#palette = painted(this.node);
    this.#heat.paint(this.node);
    for (const layer of [this.#base, this.#names]) layer.changed();
    this.#tiles?.changed();
  }

  // False where the server did not give it.
  async #layBase(): Promise<boolean> {
    const answer = await fetch("/api/v1/map/base");
    if (!answer.ok) return false;
    const features = new GeoJSON().readFeatures(await answer.json()) as BaseFeature[];
    for (const feature of features) feature.getGeometry()?.applyTransform((flat, into, stride = 2) => this.#move(flat, into ?? flat, stride));
    this.#source.clear(true);
    this.#source.addFeatures(features);
    return true;
  }

  #move(flat: number[], into: number[], stride: number): number[] {
    for (let at = 0; at < flat.length; at += stride) {
      const [x, y] = this.project({ longitude: flat[at] ?? 0, latitude: flat[at + 1] ?? 0 });
      into[at] = x;
      into[at + 1] = y;
    }
    return into;
  }

  async #layTiles({ tiles, pmtiles }: MapShown): Promise<void> {
    if (this.#tiles !== null) this.#map.removeLayer(this.#tiles);
    this.#tiles = null;
    this.#attribution = tiles?.attribution ?? pmtiles?.attribution ?? "";
    if (tiles) this.#tiles = new TileLayer({ className: "ol-layer tiles", source: new XYZ({ url: TILES_URL, maxZoom: tiles.max_zoom }) });
    else if (pmtiles) {
      const { pmtilesLayer } = await import("./pmtiles_layer");
      this.#tiles = await pmtilesLayer((feature, resolution) => [
        ...shapeStyle(feature, resolution / this.#scale, this.#palette),
        ...nameStyle(feature, resolution / this.#scale, this.#palette),
      ]);
    }
    if (this.#tiles !== null) this.#map.getLayers().insertAt(0, this.#tiles);
  }
}

// One finger scrolls the page that the map is a part of; two move the map, or zoom it.
function interactions(touched: () => void) {
  const noticed = (event: MapBrowserEvent): boolean => {
    touched();
    return !(event.originalEvent instanceof KeyboardEvent && (event.originalEvent.ctrlKey || event.originalEvent.metaKey || event.originalEvent.altKey));
  };
  const duration = isStill.matches ? 0 : CALM_MS;
  const drag: DragPan = new DragPan({
    condition: (event) => {
      const isMouse = event.originalEvent instanceof PointerEvent && event.originalEvent.pointerType !== "touch" && event.originalEvent.button === 0;
      return (isMouse || drag.getPointerCount() === 2) && noticed(event);
    },
  });
  return [
    drag,
    new PinchZoom({ duration }),
    new MouseWheelZoom({ duration, condition: noticed }),
    new KeyboardPan({ duration: isStill.matches ? 0 : 100, condition: noticed }),
    new KeyboardZoom({ duration, condition: noticed }),
  ];
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

