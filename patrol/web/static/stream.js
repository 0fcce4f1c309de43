// The way to the server: the live stream with its reconnections, and an operator's actions.

import { t } from "./words.js";
import { ActionFailed, post } from "./sending.js";
import { askWhoIsHere } from "./signed.js";

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
      if (source.readyState !== EventSource.CLOSED) return;
      askWhoIsHere(); // perhaps nobody is signed in any more
      this.#reopen();
    });
    source.addEventListener("signed_out", () => location.replace("/sign-in"));
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

// All raise ActionFailed with the server's own code, or "network"; they return what the server answered.
export function act(incidentId, action, body, operator) {
  return post(`/api/incidents/${encodeURIComponent(incidentId)}/${action}`, body, operator);
}

export function pinCamera(cameraId, body, operator) {
  return post(`/api/cameras/${encodeURIComponent(cameraId)}/pin`, body, operator);
}

// The strange view that a camera shows is its own.
export function acceptView(cameraId, operator) {
  return post(`/api/cameras/${encodeURIComponent(cameraId)}/accept-view`, {}, operator);
}

// Raises ActionFailed; its `answer.retry_after_s` says when trying again may be of use.
export function signIn(name, password) {
  return post("/api/v1/sign-in", { name, password });
}

// Messages that could not be handled, newest first.
export function deadLetters() {
  return get("/api/dead-letters");
}

// How often the rules were right, the worst first, and what is proposed.
export function fetchPrecision() {
  return get("/api/v1/precision");
}

async function get(address) {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(10000) });
    if (response.ok) return await response.json();
    const answer = await response.json().catch(() => ({}));
    throw new ActionFailed(answer.error?.code ?? "error", answer.error?.message ?? String(response.status));
  } catch (error) {
    throw error instanceof ActionFailed ? error : new ActionFailed("network", "");
  }
}

export function replayLetter(letterId, operator) {
  return post(`/api/dead-letters/${encodeURIComponent(letterId)}/replay`, {}, operator);
}

// An action's failure in words; `missing`: the words for what is not there.
export function failureText(error, missing = "error_not_found") {
  if (error.code === undefined) throw error;
  if (error.code === "network") return t("failed_network");
  if (error.code === "not_found") return t(missing);
  const known = t(`error_${error.code}`);
  return known === `error_${error.code}` ? error.message : known;
}
