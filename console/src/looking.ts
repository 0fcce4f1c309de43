// Who else looks at an incident: this page tells what it shows, and shows what the others tell.

import { el, rebuild, svg } from "./dom";
import { operatorName } from "./operator";
import { room } from "./room";
import { seat } from "./seat";
import { ActionFailed, post } from "./sending";
import { language, t } from "./words";
import type { Looker } from "./api";

const AGAIN_MS = 15_000; // the server forgets a seat that is silent for 40 s
const SETTLED_MS = 400; // who goes through the feed by keys looks at the last one
const AWAY_MS = 300_000; // nobody has touched this page for so long: nobody looks
const NAMED = 3;
const EYE = "M8 3.2C4.4 3.2 1.7 6.2.8 8c.9 1.8 3.6 4.8 7.2 4.8s6.3-3 7.2-4.8C14.3 6.2 11.6 3.2 8 3.2Zm0 2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6Z";

let selected: string | null = null;
let told: string | null = null;
let touchedAt = -Infinity; // a screen on the wall looks at nothing
let settling: ReturnType<typeof setTimeout> | undefined;

export function lookAt(id: string | null): void {
  if (id === selected) return;
  selected = id;
  soon();
}

function touched(): void {
  const wasAway = performance.now() - touchedAt > AWAY_MS;
  touchedAt = performance.now();
  if (wasAway) soon();
}

function soon(): void {
  clearTimeout(settling);
  settling = setTimeout(() => void tell(), SETTLED_MS);
}

async function tell(): Promise<void> {
  const isHere = document.visibilityState === "visible" && performance.now() - touchedAt < AWAY_MS;
  const id = isHere ? selected : null;
  if (id === null && told === null) return;
  told = id;
  try {
    await post("/api/v1/looking", {}, { seat: seat(), incident_id: id }, operatorName());
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error; // it is said again
  }
}

for (const touch of ["pointermove", "pointerdown", "keydown"]) addEventListener(touch, touched, { passive: true });
// Whoever leaves may be gone before anything settles.
document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? soon() : void tell()));
setInterval(() => void tell(), AGAIN_MS);

// The names of the others who look at it, each once; a seat's where nobody has said a name.
function othersAt(id: string): string[] {
  const lookers = room.state?.looking[id] ?? [];
  const me = operatorName();
  const others = lookers.filter((one) => one.seat !== seat() && (one.who === "" || one.who !== me));
  return [...new Set(others.map(nameOf))];
}

function nameOf({ seat: name, who }: Looker): string {
  return who || t("source_seat", { seat: name.replace(/^seat-/, "").slice(0, 4) });
}

function named(others: string[]): string {
  const who = others.slice(0, NAMED).join(t("list_comma"));
  return others.length > NAMED ? t("lookers_more", { who, n: others.length }) : who;
}

// For a card, where there is little room; empty while nobody looks.
export function lookersInShort(id: string): string {
  const others = othersAt(id);
  if (others.length > 1) return t("lookers_count", { n: others.length });
  return others.length === 1 ? t("lookers", { who: others[0] }) : "";
}

// Who they are, beside an eye; hidden while nobody is.
export class LookersLine {
  readonly node = el("p", { class: "lookers", hidden: true });

  update(id: string): void {
    const others = othersAt(id);
    this.node.hidden = others.length === 0;
    rebuild(this.node, [others, language()], () => [
      svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: EYE })),
      el("span", {}, t("lookers", { who: named(others) })),
    ]);
  }
}
