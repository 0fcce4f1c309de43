// Incidents that are over for longer than the room's state tells of: fetched when somebody asks for what is older.

import { get } from "./sending";
import { type Kept, room } from "./room";
import { closedIncidents } from "./stream";
import type { Incident, PastPage } from "./api";

const MOST = 500; // who goes farther back wants a search, not a list
const PAGE = "200";

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

// One incident among the latest that are over, `pages` of 200 at most; null where it is not among them. Raises ActionFailed.
export async function findClosed(id: string, pages: number): Promise<Kept | null> {
  let cursor: string | null = null;
  for (let page = 0; page < pages; page += 1) {
    const query: Record<string, string> = cursor === null ? { limit: PAGE } : { limit: PAGE, cursor };
    const found: PastPage = await get("/api/v1/incidents/closed", query);
    const incident = found.items.find((one) => one.id === id);
    if (incident !== undefined) return { incident, orders: found.orders[id] ?? [], gone: found.gone, at: Date.now() };
    cursor = found.next;
    if (cursor === null) return null;
  }
  return null;
}
