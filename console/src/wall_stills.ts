// The stills of the tour wall: a stream that is open only while the wall is in front, and what this page has in sight.

import { post } from "./sending";
import { askWhoIsHere } from "./signed";
import type { StillShown, WallHello } from "./api";

const REOPEN_MS = 3000;
const LOOK_MS = 150; // a hand that scrolls is heard once
const LOOK_AGAIN_MS = 2000;

// `onLook`: told of what the server sends from now on, just before it hears of it.
export interface StillEvents {
  onStill: (still: StillShown) => void;
  onLook: (ids: string[]) => void;
}

export class WallStills {
  #source: EventSource | null = null;
  #viewerId: string | null = null;
  #inSight: string[] = [];
  #looking: number | null = null;
  #telling = false;
  #reopening: number | null = null;
  readonly #events: StillEvents;

  constructor(events: StillEvents) {
    this.#events = events;
  }

  // Whether stills may come at present.
  get connected(): boolean {
    return this.#viewerId !== null;
  }

  open(): void {
    this.#reopening = null;
    if (this.#source !== null) return;
    const source = new EventSource("/api/v1/wall/events");
    source.addEventListener("hello", (event) => {
      this.#viewerId = (JSON.parse(event.data as string) as WallHello).viewer_id;
      this.#lookSoon(0);
    });
    source.addEventListener("still", (event) => this.#events.onStill(JSON.parse(event.data as string) as StillShown));
    source.addEventListener("signed_out", () => location.replace("/sign-in"));
    source.addEventListener("error", () => {
      this.#viewerId = null; // a new stream is another viewer
      if (source.readyState !== EventSource.CLOSED) return;
      this.close();
      void askWhoIsHere();
      this.#reopening = setTimeout(() => this.open(), REOPEN_MS * (0.5 + Math.random()));
    });
    this.#source = source;
  }

  close(): void {
    this.#source?.close();
    this.#source = this.#viewerId = null;
    for (const timer of [this.#looking, this.#reopening]) if (timer !== null) clearTimeout(timer);
    this.#looking = this.#reopening = null;
  }

  look(ids: string[]): void {
    this.#inSight = ids;
    this.#lookSoon(LOOK_MS);
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
    this.#events.onLook(this.#inSight);
    try {
      await post("/api/v1/wall/{viewer_id}/cameras", { viewer_id }, { cameras: this.#inSight });
    } catch {
      if (this.#looking === null && this.#viewerId === viewer_id) this.#lookSoon(LOOK_AGAIN_MS);
    } finally {
      this.#telling = false;
    }
  }
}
