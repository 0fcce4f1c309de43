// The tour's stills, with what was found in them: one stream for all of the page that shows some, open only while something
// does, and what this page has in sight. A browser has few connections to one server: two parts never open two streams.

import { post } from "./sending";
import { askWhoIsHere } from "./signed";
import type { StillShown, WallHello } from "./api";

const REOPEN_MS = 3000;
const LOOK_MS = 150; // a hand that scrolls is heard once
const LOOK_AGAIN_MS = 2000;
const MOST_IN_SIGHT = 128; // as the server takes

// A part of the page that shows stills. `onLook`: told of what the server sends it from now on, just before it hears of it.
export interface StillLooker {
  onStill: (still: StillShown) => void;
  onLook: (ids: string[]) => void;
}

// `wanted`: ids, also while it is closed: who comes back to a page sees what was in sight.
interface Sight {
  isOpen: boolean;
  wanted: string[];
  sent: Set<string>;
}

class WallStills {
  #source: EventSource | null = null;
  #viewerId: string | null = null;
  #looking: number | null = null;
  #telling = false;
  #reopening: number | null = null;
  readonly #sights = new Map<StillLooker, Sight>();
  readonly #newest = new Map<string, StillShown>(); // of what is in sight, by id

  // Whether stills may come at present.
  get connected(): boolean {
    return this.#viewerId !== null;
  }

  open(looker: StillLooker): void {
    this.#sightOf(looker).isOpen = true;
    this.#connect();
    this.#lookSoon(LOOK_MS);
  }

  close(looker: StillLooker): void {
    const sight = this.#sightOf(looker);
    if (!sight.isOpen) return;
    sight.isOpen = false;
    sight.sent = new Set();
    if (this.#opened().length > 0) return this.#lookSoon(LOOK_MS);
    this.#disconnect();
    this.#newest.clear();
  }

  look(looker: StillLooker, ids: string[]): void {
    this.#sightOf(looker).wanted = ids;
    this.#lookSoon(LOOK_MS);
  }

  #sightOf(looker: StillLooker): Sight {
    const known = this.#sights.get(looker);
    if (known !== undefined) return known;
    const sight = { isOpen: false, wanted: [], sent: new Set<string>() };
    this.#sights.set(looker, sight);
    return sight;
  }

  #opened(): [StillLooker, Sight][] {
    return [...this.#sights].filter(([, { isOpen }]) => isOpen);
  }

  #connect(): void {
    this.#reopening = null;
    if (this.#source !== null) return;
    const source = new EventSource("/api/v1/wall/events");
    source.addEventListener("hello", (event) => {
      this.#viewerId = (JSON.parse(event.data as string) as WallHello).viewer_id;
      this.#lookSoon(0);
    });
    source.addEventListener("still", (event) => this.#take(JSON.parse(event.data as string) as StillShown));
    source.addEventListener("signed_out", () => location.replace("/sign-in"));
    source.addEventListener("error", () => {
      this.#viewerId = null; // a new stream is another viewer
      if (source.readyState !== EventSource.CLOSED) return;
      this.#disconnect();
      void askWhoIsHere();
      this.#reopening = setTimeout(() => this.#connect(), REOPEN_MS * (0.5 + Math.random()));
    });
    this.#source = source;
  }

  #disconnect(): void {
    this.#source?.close();
    this.#source = this.#viewerId = null;
    for (const timer of [this.#looking, this.#reopening]) if (timer !== null) clearTimeout(timer);
    this.#looking = this.#reopening = null;
  }

  #take(still: StillShown): void {
    this.#newest.set(still.camera_id, still);
    for (const [looker, { sent }] of this.#sights) if (sent.has(still.camera_id)) looker.onStill(still);
  }

  #lookSoon(ms: number): void {
    if (this.#looking !== null) clearTimeout(this.#looking);
    this.#looking = setTimeout(() => void this.#tell(), ms);
  }

  // One at a time: two on their way might arrive in the other order.
  async #tell(): Promise<void> {
    this.#looking = null;
    const viewer_id = this.#viewerId;
    if (viewer_id === null) return; // the next hello tells it
    if (this.#telling) return this.#lookSoon(LOOK_MS);
    this.#telling = true;
    const cameras = this.#inSight();
    this.#say(new Set(cameras));
    try {
      await post("/api/v1/wall/{viewer_id}/cameras", { viewer_id }, { cameras });
    } catch {
      if (this.#looking === null && this.#viewerId === viewer_id) this.#lookSoon(LOOK_AGAIN_MS);
    } finally {
      this.#telling = false;
    }
  }

  // Who wants few first: one camera beside a wall is not the one that is left out.
  #inSight(): string[] {
    const all = this.#opened().map(([, { wanted }]) => wanted).sort((one, other) => one.length - other.length);
    return [...new Set(all.flat())].slice(0, MOST_IN_SIGHT);
  }

  // What another looker had in sight already the server does not send again.
  #say(cameras: Set<string>): void {
    for (const id of this.#newest.keys()) if (!cameras.has(id)) this.#newest.delete(id);
    for (const [looker, sight] of this.#opened()) {
      const before = sight.sent;
      sight.sent = new Set(sight.wanted.filter((id) => cameras.has(id)));
      looker.onLook([...sight.sent]);
      for (const id of sight.sent) {
        const newest = before.has(id) ? undefined : this.#newest.get(id);
        if (newest !== undefined) looker.onStill(newest);
      }
    }
  }
}

export const wallStills = new WallStills();
