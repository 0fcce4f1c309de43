// Incidents that are over for longer than the room's state tells of: fetched when somebody asks for what is older.

import { ActionFailed, getOf } from "./sending";
import { serverNow } from "./times";
import { type Kept, room } from "./room";
import { closedIncidents } from "./stream";
import type { Incident } from "./api";

const MOST = 500; // who goes farther back wants a search, not a list

let next: string | null = null;
let isWhole = false; // there is nothing older

// Of those that the state does not tell of, in its order: the one closed last first.
export function pastIncidents(): Incident[] {
  return [...room.past.values()].filter((incident) => !room.incidents.has(incident.id));
}

export function hasOlder(): boolean {
  return !isWhole && room.past.size < MOST;
}

// Until something comes that is not shown yet: the first page is mostly what the state tells. Raises ActionFailed.
export async function fetchOlder(): Promise<void> {
  const before = pastIncidents().length;
  do {
    const page = await closedIncidents(next);
    for (const incident of page.items) room.past.set(incident.id, incident);
    room.pastOrders = { ...room.pastOrders, ...page.orders };
    room.pastGone = { ...room.pastGone, ...page.gone };
    next = page.next;
    isWhole = next === null;
  } while (hasOlder() && pastIncidents().length === before);
}

// One incident that the state does not tell of; null where there is none. Raises ActionFailed.
export async function findIncident(id: string): Promise<Kept | null> {
  try {
    return { ...(await getOf("/api/v1/incidents/{incident_id}", { incident_id: id })), at: serverNow() };
  } catch (error) {
    if (error instanceof ActionFailed && error.code === "not_found") return null;
    throw error;
  }
}
