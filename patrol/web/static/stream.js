// The way to the server: the live stream with its reconnections, and an operator's actions.

const QUIET_MS = 7000; // the server speaks at least every 5 s
const DEAD_MS = 15000; // by then a silent connection is dead, whatever the browser thinks
const UNOPENED_MS = 2500;
const REOPEN_MS = 3000;

export class Stream {
  #source = null;
  #heard = null;
  #opening = performance.now();
  #reopening = null;

  constructor(onState, onTrouble) {
    this.onState = onState;
    this.onTrouble = onTrouble;
    this.#open();
    setInterval(() => this.#watch(), 1000);
  }

  // Whether what is shown can no longer be taken for now.
  get lost() {
    const silent = performance.now() - (this.#heard ?? this.#opening);
    const open = this.#source !== null && this.#source.readyState === EventSource.OPEN;
    return silent > (open ? QUIET_MS : UNOPENED_MS);
  }

  #open() {
    this.#reopening = null;
    const source = new EventSource("/events");
    source.addEventListener("state", (event) => this.#take(event, this.onState));
    source.addEventListener("trouble", (event) => this.#take(event, this.onTrouble));
    // The browser reconnects by itself after a broken connection, but gives up after an answer such as 503.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) this.#reopen();
    });
    this.#source = source;
  }

  #take(event, handle) {
    this.#heard = performance.now();
    handle(JSON.parse(event.data));
  }

  #reopen() {
    if (this.#reopening !== null) return;
    this.#source?.close();
    // Spread, so that all seats do not come back in the same moment.
    this.#reopening = setTimeout(() => this.#open(), REOPEN_MS * (0.5 + Math.random()));
  }

  #watch() {
    const since = this.#heard ?? this.#opening;
    if (performance.now() - since < DEAD_MS || this.#reopening !== null) return;
    this.#heard = null;
    this.#opening = performance.now() - UNOPENED_MS;
    this.#reopen();
  }
}

export class ActionFailed extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// Raises ActionFailed with the server's own code, or "network".
export async function act(incidentId, action, body, operator) {
  const headers = { "Content-Type": "application/json" };
  // A header takes no Chinese as it is.
  if (operator) headers["X-Patrol-Operator"] = encodeURIComponent(operator);
  const address = `/api/incidents/${encodeURIComponent(incidentId)}/${action}`;
  let response;
  try {
    const request = { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(10000) };
    response = await fetch(address, request);
  } catch {
    throw new ActionFailed("network", "");
  }
  if (response.ok) return;
  const answer = await response.json().catch(() => ({}));
  throw new ActionFailed(answer.error?.code ?? "error", answer.error?.message ?? String(response.status));
}
