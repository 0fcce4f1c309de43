// The heat of incidents: a soft glow where they were, brighter where there were more. Drawn on a plain canvas; the library's own
// needs WebGL, and a worker that the page's policy refuses.

import ImageLayer from "ol/layer/Image";
import ImageCanvas from "ol/source/ImageCanvas";
import type { Extent } from "ol/extent";

export interface HeatPoint {
  at: [number, number];
  incidents: number;
}

const REACH_M = 90; // of one glow
const LEAST_PX = 16;
const MOST_PX = 70;
const STRONGEST = 0.62;
export const FULL_FROM = 3; // so many in one place at least are a full red
const STEPS = 256;

// How far one glow reaches, pixels of the page.
export function glowPx(metresPerPx: number): number {
  return Math.min(MOST_PX, Math.max(LEAST_PX, REACH_M / metresPerPx));
}

export class HeatLayer {
  readonly layer: ImageLayer<ImageCanvas>;
  readonly #source: ImageCanvas;
  #points: HeatPoint[] = [];
  #colours: Uint8ClampedArray = new Uint8ClampedArray(STEPS * 4);

  // `scale()`: how much longer a metre is on the map's plane than on the ground.
  constructor(scale: () => number) {
    this.#source = new ImageCanvas({
      ratio: 1.3,
      canvasFunction: (extent, resolution, pixelRatio, size) => this.#drawn(extent, resolution, pixelRatio, [size[0] ?? 1, size[1] ?? 1], scale()),
    });
    this.layer = new ImageLayer({ source: this.#source, visible: false });
  }

  show(points: HeatPoint[]): void {
    this.#points = points;
    this.layer.setVisible(points.length > 0);
    this.#source.changed();
  }

  // From nothing over the theme's yellow to its red.
  paint(node: Element): void {
    const style = getComputedStyle(node);
    const [colours] = canvasOf(STEPS, 1);
    const ramp = colours.createLinearGradient(0, 0, STEPS, 0);
    for (const [at, name] of [[0, "--yellow"], [0.45, "--yellow"], [1, "--red"]] as const) ramp.addColorStop(at, style.getPropertyValue(name).trim());
    colours.fillStyle = ramp;
    colours.fillRect(0, 0, STEPS, 1);
    this.#colours = colours.getImageData(0, 0, STEPS, 1).data;
    this.#source.changed();
  }

  #drawn([west = 0, , , north = 0]: Extent, resolution: number, pixelRatio: number, [width, height]: [number, number], scale: number): HTMLCanvasElement {
    const [glow, canvas] = canvasOf(width, height);
    const px = resolution / pixelRatio;
    const radius = glowPx(resolution / scale) * pixelRatio;
    const most = Math.max(FULL_FROM, ...this.#points.map((point) => point.incidents));
    for (const { at, incidents } of this.#points) {
      const [x, y] = [(at[0] - west) / px, (north - at[1]) / px];
      if (x < -radius || y < -radius || x > width + radius || y > height + radius) continue;
      const spot = glow.createRadialGradient(x, y, 0, x, y, radius);
      const share = 0.3 + 0.7 * (incidents / most);
      spot.addColorStop(0, `rgb(0 0 0 / ${share})`);
      spot.addColorStop(0.5, `rgb(0 0 0 / ${share * 0.42})`);
      spot.addColorStop(1, "rgb(0 0 0 / 0)");
      glow.fillStyle = spot;
      glow.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    }
    this.#colour(glow, width, height);
    return canvas;
  }

  // How much there is becomes which colour, and how much of it.
  #colour(glow: CanvasRenderingContext2D, width: number, height: number): void {
    const picture = glow.getImageData(0, 0, width, height);
    const { data } = picture;
    for (let at = 0; at < data.length; at += 4) {
      const much = data[at + 3] ?? 0;
      if (much === 0) continue;
      data.set(this.#colours.subarray(much * 4, much * 4 + 3), at);
      data[at + 3] = much * STRONGEST;
    }
    glow.putImageData(picture, 0, 0);
  }
}

function canvasOf(width: number, height: number): [CanvasRenderingContext2D, HTMLCanvasElement] {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  const on = canvas.getContext("2d", { willReadFrequently: true });
  if (on === null) throw new Error("this browser has no canvas");
  return [on, canvas];
}
