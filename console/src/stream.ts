// The way to the server: the live stream with its reconnections, and an operator's actions.

import { lookUp, type PlainKey, t, word } from "./words";
import { ActionFailed, type BodyOf, get, getOf, getPage, type IdsOf, post, type PostAnswer, type PostPath } from "./sending";
import { askWhoIsHere } from "./signed";
import type { ChangeMessage, FeedTrouble, IncidentRecord, LettersPage, IncidentsPage, PinBody, PrecisionShown, RoomState, StateMessage, VersionedLayout } from "./api";

const QUIET_MS = 7000; // the server speaks at least every 5 s
const DEAD_MS = 15000; // by then a silent connection is dead, whatever the browser thinks
const UNOPENED_MS = 2500;
const REOPEN_MS = 3000;

export class Stream {
  #source: EventSource | null = null;
  #room: RoomState | null = null;
  #newest = ""; // the id of the newest message of it
  #heard: number | null = null;
  #opening = performance.now();
  #reopening: number | null = null;
  readonly #onState: (message: StateMessage) => void;
  readonly #onTrouble: (message: FeedTrouble) => void;

  constructor(onState: (message: StateMessage) => void, onTrouble: (message: FeedTrouble) => void) {
    this.#onState = onState;
    this.#onTrouble = onTrouble;
    this.#open();
    setInterval(() => this.#watch(), 1000);
  }

  // Whether what is shown can no longer be taken for now.
  get lost(): boolean {
    const silent = performance.now() - (this.#heard ?? this.#opening);
    const open = this.#source !== null && this.#source.readyState === EventSource.OPEN;
    return silent > (open ? QUIET_MS : UNOPENED_MS);
  }

  #open(): void {
    this.#reopening = null;
    // The browser says by itself which message was the newest when it connects again; a new source has to be told.
    const source = new EventSource(this.#newest ? `/api/v1/events?after=${this.#newest}` : "/api/v1/events");
    source.addEventListener("state", (event) => this.#take(event, (message: StateMessage) => this.#show(event, message.at, message.room)));
    source.addEventListener("change", (event) => this.#take(event, (message: ChangeMessage) => {
      if (this.#room !== null) this.#show(event, message.at, changed(this.#room, message));
    }));
    source.addEventListener("trouble", (event) => this.#take(event, this.#onTrouble));
    // The browser reconnects by itself after a broken connection, but gives up after an answer such as 503.
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      void askWhoIsHere(); // perhaps nobody is signed in any more
      this.#reopen();
    });
    source.addEventListener("signed_out", () => location.replace("/sign-in"));
    this.#source = source;
  }

  #show(event: MessageEvent<string>, at: string, now: RoomState): void {
    this.#room = now;
    this.#newest = event.lastEventId;
    this.#onState({ at, room: now });
  }

  #take<Message>(event: MessageEvent<string>, handle: (message: Message) => void): void {
    this.#heard = performance.now();
    handle(JSON.parse(event.data) as Message);
  }

  #reopen(): void {
    if (this.#reopening !== null) return;
    this.#source?.close();
    // Spread, so that all seats do not come back in the same moment.
    this.#reopening = setTimeout(() => this.#open(), REOPEN_MS * (0.5 + Math.random()));
  }

  #watch(): void {
    const since = this.#heard ?? this.#opening;
    if (performance.now() - since < DEAD_MS || this.#reopening !== null) return;
    this.#heard = null;
    this.#opening = performance.now() - UNOPENED_MS;
    this.#reopen();
  }
}

// What stays is the very same object: of hundreds of incidents one is otherwise.
function changed(before: RoomState, { room, incident_ids, incidents, orders }: ChangeMessage): RoomState {
  const now = { ...before, ...(room as Partial<RoomState>) };
  if (incident_ids === null && incidents.length === 0 && Object.keys(orders).length === 0) return now;
  const known = new Map([...before.incidents, ...incidents].map((incident) => [incident.id, incident]));
  const ids = incident_ids ?? before.incidents.map((incident) => incident.id);
  const ordered = ids.map((id) => [id, orders[id] ?? before.orders[id] ?? []] as const);
  return { ...now, incidents: ids.flatMap((id) => known.get(id) ?? []), orders: Object.fromEntries(ordered.filter(([, all]) => all.length > 0)) };
}

type Incidents = "/api/v1/incidents/{incident_id}/";
// What an operator can do with an incident: the last part of the address.
export type Action = PostPath extends infer P ? (P extends `${Incidents}${infer Name}` ? (Name extends `${string}/${string}` ? never : Name) : never) : never;
export type ActionBody<A extends Action> = BodyOf<`${Incidents}${A}`>;
export type ActionAnswer<A extends Action> = PostAnswer<`${Incidents}${A}`>;

// All raise ActionFailed with the server's own code, or "network"; they return what the server answered.
export function act<A extends Action>(incident_id: string, action: A, body: ActionBody<A>, operator?: string): Promise<ActionAnswer<A>> {
  const path: `${Incidents}${A}` = `/api/v1/incidents/{incident_id}/${action}`;
  return post(path, { incident_id } as unknown as IdsOf<`${Incidents}${A}`>, body, operator);
}

export function takeBack(incident_id: string, order_id: string, operator: string): Promise<unknown> {
  return post("/api/v1/incidents/{incident_id}/orders/{order_id}/take-back", { incident_id, order_id }, {}, operator);
}

export function pinCamera(camera_id: string, body: PinBody, operator: string): Promise<unknown> {
  return post("/api/v1/cameras/{camera_id}/pin", { camera_id }, body, operator);
}

// The strange view that a camera shows is its own.
export function acceptView(camera_id: string, operator: string): Promise<unknown> {
  return post("/api/v1/cameras/{camera_id}/accept-view", { camera_id }, {}, operator);
}

// Raises ActionFailed; its `retryAfter_s` says when trying again may be of use.
export function signIn(name: string, password: string): Promise<unknown> {
  return post("/api/v1/sign-in", {}, { name, password });
}

export function fetchLayout(): Promise<VersionedLayout> {
  return get("/api/v1/layout");
}

// Messages that could not be handled, newest first.
export function deadLetters(next: string | null): Promise<LettersPage> {
  return getPage("/api/v1/dead-letters", next);
}

// Incidents that are over, the one closed last first.
export function closedIncidents(next: string | null): Promise<IncidentsPage> {
  return getPage("/api/v1/incidents/closed", next);
}

// What happened with an incident, the oldest first.
export function fetchRecord(incident_id: string): Promise<IncidentRecord> {
  return getOf("/api/v1/incidents/{incident_id}/history", { incident_id });
}

// How often the rules were right, the worst first, and what is proposed.
export function fetchPrecision(): Promise<PrecisionShown> {
  return get("/api/v1/precision");
}

export function replayLetter(letter_id: string, operator: string): Promise<unknown> {
  return post("/api/v1/dead-letters/{letter_id}/replay", { letter_id }, {}, operator);
}

// An action's failure in words; `missing`: the words for what is not there. Anything else is a mistake of ours.
export function failureText(error: unknown, missing: PlainKey = "error_not_found"): string {
  if (!(error instanceof ActionFailed)) throw error;
  if (error.code === "network") return t("failed_network");
  const why = error.code === "not_found" ? t(missing) : (lookUp(`error_${error.code}`) ?? error.message);
  return error.by === null ? why : t("failed_by", { why, who: word("source", error.by) });
}
