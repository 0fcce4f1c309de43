// Which mark is meant by a click: the nearest, and of those that are about as near the one that matters most. No imports at run time.

import type { Point } from "./labels";

export type MarkKind = "incident" | "unit" | "camera";

export interface Mark {
  kind: MarkKind;
  id: string;
  at: Point;
}

// A mark's own half size: whoever hits it means it.
const SIZE_PX: Record<MarkKind, number> = { incident: 12, unit: 10, camera: 7 };
const RANK: Record<MarkKind, number> = { incident: 0, unit: 1, camera: 2 };
const AS_NEAR_PX = 4;

// `reach`: how far beside a mark one may click, pixels. Null where there is none.
export function nearest(spot: Point, marks: Mark[], reach: number): Mark | null {
  let best: { mark: Mark; away: number } | null = null;
  for (const mark of marks) {
    const away = Math.hypot(mark.at.x - spot.x, mark.at.y - spot.y);
    if (away > Math.max(reach, SIZE_PX[mark.kind])) continue;
    if (best === null || isMeant(mark, away, best)) best = { mark, away };
  }
  return best?.mark ?? null;
}

// How far a spot is from the line between two others, pixels.
export function awayFrom(spot: Point, from: Point, to: Point): number {
  const [along, across] = [to.x - from.x, to.y - from.y];
  const length = along ** 2 + across ** 2;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((spot.x - from.x) * along + (spot.y - from.y) * across) / length));
  return Math.hypot(spot.x - from.x - share * along, spot.y - from.y - share * across);
}

function isMeant(mark: Mark, away: number, best: { mark: Mark; away: number }): boolean {
  if (mark.kind === best.mark.kind) return away < best.away;
  // Within the more important mark itself, that one; else whichever is clearly nearer.
  const [rank, other] = [RANK[mark.kind], RANK[best.mark.kind]];
  if (rank < other) return away <= Math.max(SIZE_PX[mark.kind], best.away + AS_NEAR_PX);
  return best.away > Math.max(SIZE_PX[best.mark.kind], away + AS_NEAR_PX);
}
