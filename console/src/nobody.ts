// Whether there is anybody to send, and whether they hear of it: the page must not promise more than that.

import { stateNow } from "./room";
import type { RoomState } from "./api";
import type { PlainKey } from "./words";

const AWAY = ["off_duty", "out_of_service"];

// Why there is nobody to send; null where there is somebody, free or not.
export function whyNoUnits({ units }: RoomState): "no_units" | "no_units_on_duty" | null {
  if (units.length === 0) return "no_units";
  return units.every((unit) => AWAY.includes(unit.state)) ? "no_units_on_duty" : null;
}

// What comes of it that an incident has no unit yet.
export function whatComesNext(): PlainKey {
  const state = stateNow();
  const { queue, watch } = state;
  const nobody = whyNoUnits(state);
  if (nobody !== null) return nobody;
  if (watch.stalled_since !== null) return "why_unit_none_stalled";
  return queue.degraded === null ? "why_unit_none" : "why_unit_none_unheard";
}
