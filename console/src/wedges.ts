// A camera's mark: a wedge that opens to where it looks. How long it was not seen is told by colour and by shape, as bands before
// it: one near its bound, two past it; one that is blind is crossed out. No imports at run time.

import type { Tone } from "./room";

const REACH = 10;
const PULLED_BACK = 4; // so that it sits on its place
const BANDS: Partial<Record<Tone, number>> = { soon: 1, late: 2 };
const BAND = 1.7;
const GAP = 1.6;
const CROSSED_OUT = "M-6.5 -7.5L6.5 3.5";

const drawn = new Map<string, string>(); // hundreds of cameras have a few shapes

// It looks up; `viewDeg`: its angle of view.
export function wedgePath(viewDeg: number, tone: Tone): string {
  const key = `${viewDeg} ${tone}`;
  const known = drawn.get(key) ?? drawnAnew(viewDeg, tone);
  drawn.set(key, known);
  return known;
}

function drawnAnew(viewDeg: number, tone: Tone): string {
  const half = (Math.min(110, Math.max(36, viewDeg)) / 2) * (Math.PI / 180);
  const at = (radius: number, side: 1 | -1) => `${(side * Math.sin(half) * radius).toFixed(2)} ${(PULLED_BACK - Math.cos(half) * radius).toFixed(2)}`;
  const wedge = `M0 ${PULLED_BACK}L${at(REACH, 1)}A${REACH} ${REACH} 0 0 0 ${at(REACH, -1)}Z`;
  const bands = Array.from({ length: BANDS[tone] ?? 0 }, (_, band) => {
    const inner = REACH + GAP + band * (BAND + GAP);
    const outer = inner + BAND;
    return `M${at(inner, 1)}A${inner} ${inner} 0 0 0 ${at(inner, -1)}L${at(outer, -1)}A${outer} ${outer} 0 0 1 ${at(outer, 1)}Z`;
  });
  return wedge + bands.join("") + (tone === "blinded" ? CROSSED_OUT : "");
}
