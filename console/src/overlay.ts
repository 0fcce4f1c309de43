// What lies over a live picture: which of it the operator wants, kept by the browser, and how strongly what the tour found
// some seconds ago may still be drawn upon what is now.

export interface Overlay {
  zones: boolean;
  found: boolean;
}

const FRESH_S = 3;
const FAINT_S = 15;
const LONGEST_S = 60; // who stood there has gone: boxes would only point at nobody
const FAINTEST = 0.25;

export const USUAL_OVERLAY: Overlay = { zones: true, found: true };

// Of an age in seconds: 1 as found just now, 0 not to be drawn any more.
export function strengthOf(age_s: number): number {
  if (age_s <= FRESH_S) return 1;
  if (age_s > LONGEST_S) return 0;
  return Math.max(FAINTEST, 1 - ((1 - FAINTEST) * (age_s - FRESH_S)) / (FAINT_S - FRESH_S));
}

// What an older page kept, or somebody else's hand, is taken as far as it makes sense.
export function overlayOf(kept: string | null): Overlay {
  try {
    const { zones, found } = JSON.parse(kept ?? "{}") as Partial<Overlay>;
    return { zones: zones !== false, found: found !== false };
  } catch {
    return USUAL_OVERLAY;
  }
}
