// What is known of the room: the layout, fetched once, and the newest state; and words made from both.

import { pick, t, word } from "./words";
import { minutes, serverNow } from "./times";
import { type Tone, toneOf } from "./bounds";
import type {
  CameraOnMap, Incident, Order, OrderState, RingOnMap, RoomState, StateMessage, Trouble, TroubledCamera, UnitHome, UnitOnMap, VersionedLayout,
} from "./api";

export { type Tone, toneOfShare } from "./bounds";

export interface KnownCamera {
  camera: CameraOnMap;
  index: number;
}

// `version`: null until it came.
interface Furniture {
  version: string | null;
  cameras: CameraOnMap[];
  rings: RingOnMap[];
  units: UnitHome[];
}

// One incident with all that belongs to it. `at`: when it was so, milliseconds.
export interface Kept {
  incident: Incident;
  orders: Order[];
  gone: Record<string, string>;
  at: number;
}

const NOTHING: Furniture = { version: null, cameras: [], rings: [], units: [] };

export const room = {
  layout: NOTHING,
  cameras: new Map<string, KnownCamera>(), // by id
  state: null as RoomState | null,
  incidents: new Map<string, Incident>(), // of the state, by id
  past: new Map<string, Incident>(), // closed before those, as far as somebody asked for them; see past.ts
  pastOrders: {} as Record<string, Order[]>,
  pastGone: {} as Record<string, string>,
  kept: null as Kept | null, // the selected incident, as it was told of last
  at: null as number | null,
};

// The state, where it is known that there is one: parts that show it are called only then.
export function stateNow(): RoomState {
  if (room.state === null) throw new Error("nothing is known of the room yet");
  return room.state;
}

export function takeLayout(layout: VersionedLayout): void {
  room.layout = layout;
  room.cameras = new Map(layout.cameras.map((camera, index) => [camera.id, { camera, index }]));
}

export function takeState(message: StateMessage): void {
  room.state = message.room;
  room.incidents = new Map(message.room.incidents.map((incident) => [incident.id, incident]));
  for (const id of room.past.keys()) {
    const now = room.incidents.get(id);
    if (now !== undefined) room.past.set(id, now); // it was opened again, or somebody wrote a note
  }
  room.at = Date.parse(message.at);
}

// When the room was as it is shown: what others have done since is not undone unseen.
export function seenAt(): string | null {
  return room.at === null ? null : new Date(room.at).toISOString();
}

export function incidentById(id: string | null): Incident | null {
  return id === null ? null : (room.incidents.get(id) ?? room.past.get(id) ?? keptOf(id)?.incident ?? null);
}

function keptOf(id: string): Kept | null {
  return room.kept?.incident.id === id ? room.kept : null;
}

// Whether the server still tells of it: of hundreds only the most urgent, and of those that are over only the latest.
export function isTold(id: string): boolean {
  return room.incidents.has(id) || room.past.has(id);
}

// When an incident that is not told of any more was as it is shown; null where what is shown is how it is.
export function lastToldAt(id: string): number | null {
  const kept = isTold(id) ? null : keptOf(id);
  return kept !== null && isOpen(kept.incident) ? kept.at : null;
}

// "Drill", or "Simulated" among real ones, before what would alarm people; else nothing.
export function notReal(incident: Incident): string {
  if (incident.drill) return t("drill");
  return incident.simulated && !stateNow().simulated ? t("simulated") : "";
}

export function isOpen(incident: Incident): boolean {
  return incident.state !== "closed";
}

// Technicians are told; no unit is sent and no clock runs.
export function isMaintenance(incident: Incident): boolean {
  return incident.kind === "camera_health";
}

// How many security incidents are open, those among them that the page is not told of, too.
export function openCount(): number {
  const { incidents, open_not_shown } = stateNow();
  return incidents.filter((one) => isOpen(one) && !isMaintenance(one)).length + open_not_shown;
}

// How many cameras saw an incident, as far as the page is told.
export function camerasThatSaw(incident: Incident): number {
  return new Set(incident.witnesses.map((witness) => witness.camera_id)).size || 1;
}

// How many cameras a maintenance incident has, and how many of them are back.
export function camerasOf(incident: Incident): { all: number; returned: number } {
  const { troubled, returned } = stateNow().camera_counts[incident.id] ?? { troubled: 1, returned: 0 };
  return { all: troubled + returned, returned };
}

// Whether a camera of an open incident shows a view that is not known to be its own: a person can accept it.
export function showsStrangeView(camera: TroubledCamera): boolean {
  if (camera.returned_at !== null) return false;
  // What was wrong first is what is told; what the tour says of it now may be this.
  return ["wrong_picture", "moved"].includes(camera.trouble) || stateNow().tour?.failing[camera.id] === "wrong_picture";
}

// Why a picture or a clip is not there any more; null while it is.
export function whyGone(evidenceId: string | null): string | null {
  if (evidenceId === null) return null;
  return room.state?.gone[evidenceId] ?? room.pastGone[evidenceId] ?? room.kept?.gone[evidenceId] ?? null;
}

export function unitName(id: string): string {
  const unit = room.state?.units.find((one) => one.id === id) ?? room.layout.units.find((one) => one.id === id);
  return unit ? pick(unit.name, unit.name_en) : id;
}

export function cameraName(incident: Incident): string {
  const { maintenance } = incident;
  if (!maintenance || maintenance.cause === "camera") return pick(incident.camera_name, incident.camera_name_en);
  const where = maintenance.cause === "site" ? siteName(maintenance.where) : maintenance.where || word("cause", maintenance.cause);
  return t("cameras_at", { where, n: camerasOf(incident).all });
}

function siteName(site: string): string {
  const camera = room.layout.cameras.find((one) => one.site === site);
  return pick(site, camera?.site_en ?? "");
}

export function wordsOf(incident: Incident): string {
  return pick(incident.words_zh, incident.words_en);
}

export function titleOf(incident: Incident): string {
  return `${word("kind", incident.kind)} · ${cameraName(incident)}`;
}

// The bound of a camera at this hour.
export function boundOf(camera: CameraOnMap): number {
  return room.state?.tour?.bounds_s[camera.id] ?? camera.revisit_bound_s;
}

// `age`: how long a camera is unseen, seconds; null where nobody knows.
export interface Seen {
  age: number | null;
  tone: Tone;
  people: number | null;
  failing: string | null;
  blinded: Trouble | null;
}

// How a camera stands now: its blind age grows between two messages too.
export function seen(index: number): Seen {
  const tour = room.state?.tour;
  const camera = room.layout.cameras[index];
  if (!tour || !camera) return { age: null, tone: "never", people: null, failing: null, blinded: null };
  const age = tour.blind_ages_s[index] ?? null;
  const now = age === null ? null : age + Math.max(0, (serverNow() - Date.parse(tour.at)) / 1000);
  const failing = tour.failing[camera.id] ?? null;
  const blinded = tour.blinded[camera.id] ?? null;
  // Judged by the age the server measured, not by one that grew while the connection was away.
  return { age: now, tone: toneOf(age, boundOf(camera), failing, blinded), people: tour.people[index] ?? null, failing, blinded };
}

// Why nothing is seen there, in a word; null where it is.
export function whyUnseen({ failing, blinded }: Seen): string | null {
  if (failing !== null) return word("failing", failing);
  return blinded === null ? null : word("trouble", blinded);
}

export function peopleText(people: number | null): string {
  return people === null ? t("people_unknown") : t("people_count", { n: people });
}

// The orders of an incident: the farthest crew's first.
export function ordersOf(incidentId: string): Order[] {
  return stateNow().orders[incidentId] ?? room.pastOrders[incidentId] ?? keptOf(incidentId)?.orders ?? [];
}

// Whether its unit is still to come.
export function isUnderWay(order: Order): boolean {
  return ["sent", "doubted", "accepted", "en_route"].includes(order.state);
}

// What a unit on the map is ordered to do, or null.
export function orderOfUnit(unit: UnitOnMap): Order | null {
  return unit.incident_id ? (ordersOf(unit.incident_id).find((order) => order.unit_id === unit.id) ?? null) : null;
}

export interface UnitLine {
  tone: "done" | "plain" | "none" | OrderState;
  unit: string;
  text: string;
}

// Where the unit of an incident is, in a few words.
export function unitLine(incident: Incident, now: number): UnitLine {
  const [order, ...more] = ordersOf(incident.id);
  if (!isOpen(incident)) {
    return { tone: "done", unit: "", text: t("closed_as", { disposition: word("disposition", incident.disposition) }) };
  }
  if (isMaintenance(incident)) return { tone: "plain", unit: "", text: maintenanceText(incident) };
  if (incident.state === "handled") return { tone: "done", unit: "", text: t(incident.closing ? "closing_waits" : "feedback_waits") };
  const held = heldFor(incident, now);
  if (held !== null) return { tone: "none", unit: "", text: t("held", { time: minutes(Math.ceil(held)) }) };
  if (!order) return { tone: "none", unit: "", text: t("order_none") };
  const others = more.length > 0 ? ` ${t("and_more_units", { n: more.length })}` : "";
  return { tone: order.state, unit: unitName(order.unit_id), text: orderText(order, now, more) + others };
}

// For how many seconds more it waits for a person to confirm it, before a unit may be sent; null: it does not.
export function heldFor(incident: Incident, now: number): number | null {
  if (!incident.held_until || incident.state !== "new" || incident.clocks.t5) return null;
  const left = (Date.parse(incident.held_until) - now) / 1000;
  return left > 0 ? left : null;
}

function maintenanceText(incident: Incident): string {
  const { all, returned } = camerasOf(incident);
  const told = t(incident.clocks.t5 ? "taken_on" : "technicians_told");
  return returned > 0 ? `${told} · ${t("cameras_back", { n: returned, all })}` : told;
}

// `more`: the incident's other orders.
export function orderText(order: Order, now: number, more: Order[]): string {
  const elapsed = (now - Date.parse(order.sent_at)) / 1000;
  const left = order.eta_s - elapsed;
  if (order.state === "sent") return t("order_sent", { time: minutes(elapsed) });
  if (order.state === "doubted") {
    const isReplaced = more.some((one) => one.state !== "doubted" && one.sent_at > order.sent_at);
    return t(isReplaced ? "order_doubted_sent" : "order_doubted", { time: minutes(elapsed) });
  }
  if (order.state === "accepted") return t("order_accepted", { time: minutes(left) });
  if (order.state === "en_route" && left < 0) return t("order_late", { time: minutes(-left) });
  if (order.state === "en_route") return t("order_en_route", { time: minutes(left) });
  return word("order", order.state);
}
