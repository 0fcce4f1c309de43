// Skips: cameras that an operator has the tour leave out for a while.

import { serverNow } from "./times";
import { room } from "./room";
import { post } from "./sending";

const TOLD_AFTER_MS = 3500; // by then the tour has heard of a wish, and said so; until then the wish is what is shown

// `until`: by the server's clock, milliseconds.
export interface Skip {
  until: number;
  by: string;
  reason: string;
}

const asked = new Map<string, Skip & { at: number }>(); // by camera

// Null while the camera is visited as ever.
export function skipOf(cameraId: string): Skip | null {
  const skip = newestWord(cameraId);
  return skip !== null && skip.until > serverNow() ? skip : null;
}

function newestWord(cameraId: string): Skip | null {
  const own = asked.get(cameraId) ?? null;
  const tour = room.state?.tour;
  if (!tour) return null;
  if (own && Date.parse(tour.at) < own.at + TOLD_AFTER_MS) return own;
  const told = tour.skipped?.find((skip) => skip.id === cameraId);
  return told ? { until: Date.parse(told.until), by: told.operator, reason: told.reason } : null;
}

// 0 seconds: no longer. Raises ActionFailed.
export async function skipCamera(camera_id: string, seconds: number, reason: string, operator: string): Promise<void> {
  await post("/api/v1/cameras/{camera_id}/skip", { camera_id }, { seconds, reason }, operator);
  const now = serverNow();
  asked.set(camera_id, { at: now, until: now + seconds * 1000, by: operator, reason });
}

// Somebody wants to see it after all.
export function forgetSkip(cameraId: string): void {
  const now = serverNow();
  if (skipOf(cameraId) !== null) asked.set(cameraId, { at: now, until: now, by: "", reason: "" });
}
