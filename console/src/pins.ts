// Pins: cameras that operators hold in focus for a while, and the button that begins and ends it.

import { el, setAttribute, setText } from "./dom";
import { pick, t } from "./words";
import { minutes, serverNow } from "./times";
import { room, seen } from "./room";
import { forgetSkip } from "./skips";
import { pinCamera } from "./stream";

const SECONDS = 60;
const HOLD_SECONDS = 600; // until it is let go, and no longer than this
const EVERY_S = 1;
const TOLD_AFTER_MS = 3500; // by then the tour has heard of a wish, and said so; until then the wish is what is shown

// By the server's clock, milliseconds. `by`: who pinned it.
interface Pin {
  until: number;
  by: string;
  hold: boolean;
}

const asked = new Map<string, Pin & { at: number }>(); // by camera

// `left`: seconds; null while nobody pins it.
export function pinOf(cameraId: string): { left: number; by: string; hold: boolean } | null {
  const now = serverNow();
  const pin = newestWord(cameraId);
  return pin && pin.until > now ? { left: (pin.until - now) / 1000, by: pin.by, hold: pin.hold } : null;
}

function newestWord(cameraId: string): Pin | null {
  const own = asked.get(cameraId) ?? null;
  const tour = room.state?.tour;
  if (!tour) return null; // nobody holds anything
  // A tour of an older version does not say what is pinned.
  if (tour.pinned === null || (own && Date.parse(tour.at) < own.at + TOLD_AFTER_MS)) return own;
  const told = tour.pinned.find((pin) => pin.id === cameraId);
  return told ? { until: Date.parse(told.until), by: told.operator, hold: told.is_hold } : null;
}

// The ids of all that are pinned, in the layout's order.
export function pinnedCameras(): string[] {
  const ids = new Set([...asked.keys(), ...(room.state?.tour?.pinned ?? []).map((pin) => pin.id)]);
  const known = [...ids].flatMap((id) => room.cameras.get(id) ?? []).filter(({ camera }) => pinOf(camera.id) !== null);
  return known.sort((one, other) => one.index - other.index).map(({ camera }) => camera.id);
}

// Pins the camera, or lets it go; a hold makes more of a pin. Raises ActionFailed.
export async function togglePin(cameraId: string, operator: string, hold = false): Promise<void> {
  const pin = pinOf(cameraId);
  const seconds = pin !== null && pin.hold >= hold ? 0 : hold ? HOLD_SECONDS : SECONDS;
  await pinCamera(cameraId, { seconds, every_s: EVERY_S }, operator);
  if (seconds > 0) forgetSkip(cameraId);
  const now = serverNow();
  for (const [id, { at, until }] of asked) if (Math.max(until, at + TOLD_AFTER_MS) < now) asked.delete(id);
  asked.set(cameraId, { at: now, until: now + seconds * 1000, by: operator, hold });
}

// A pin is a wish for spare capacity: there is none while the tour is stretched, and for a camera that does not answer.
function isWaiting(cameraId: string): boolean {
  const index = room.cameras.get(cameraId)?.index;
  return (room.state?.tour?.stretch ?? 1) > 1 || (index !== undefined && seen(index).failing !== null);
}

function nameOf(cameraId: string): string {
  const camera = room.cameras.get(cameraId)?.camera;
  return camera ? pick(camera.name, camera.name_en) : cameraId;
}

// `operator()`: who presses, or "" after having asked for it. `onFailure(error, cameraId)`: told when it did not work.
export interface Pinning {
  key?: string;
  operator: () => string;
  onFailure: (error: unknown, cameraId: string) => void;
}

// Its name says which camera, which need not be the one that somebody thinks of.
export class PinButton {
  readonly node: HTMLButtonElement;
  readonly #text = el("span");
  readonly #operator: () => string;
  readonly #onFailure: Pinning["onFailure"];
  #cameraId: string | null = null;
  #sending = false;

  constructor({ key, operator, onFailure }: Pinning) {
    this.#operator = operator;
    this.#onFailure = onFailure;
    this.node = el("button", { type: "button", class: "pin", "data-needs": "look", "aria-pressed": "false" }, this.#text);
    if (key !== undefined) this.node.append(el("kbd", {}, key));
    this.node.addEventListener("click", () => this.press());
  }

  show(cameraId: string | null): void {
    this.#cameraId = cameraId;
    const pin = cameraId === null ? null : pinOf(cameraId);
    const waiting = pin !== null && cameraId !== null && isWaiting(cameraId);
    setAttribute(this.node, "aria-pressed", String(pin !== null));
    setAttribute(this.node, "data-waiting", waiting);
    setAttribute(this.node, "aria-disabled", room.state?.tour ? null : "true");
    setText(this.#text, pin === null ? t("pin") : this.words(minutes(Math.ceil(pin.left)), waiting));
    const name = cameraId === null ? "" : nameOf(cameraId);
    setAttribute(this.node, "title", [name, this.#title(pin, waiting)].filter(Boolean).join(" · "));
    const says = [t("pin_camera", { camera: name }), pin && this.#text.textContent].filter(Boolean).join(" ");
    setAttribute(this.node, "aria-label", cameraId === null ? null : says);
  }

  protected words(left: string, waiting: boolean): string {
    return t(waiting ? "pin_waits" : "pinned", { left });
  }

  #title(pin: { by: string } | null, waiting: boolean): string {
    if (!room.state?.tour) return t("pin_no_tour");
    if (pin === null) return t("pin_means", { seconds: SECONDS });
    return waiting ? t("pin_waits_means", { who: pin.by }) : t("pinned_means", { who: pin.by });
  }

  async press(): Promise<void> {
    const cameraId = this.#cameraId;
    if (this.#sending || cameraId === null || !room.state?.tour) return;
    const operator = this.#operator();
    if (!operator) return;
    this.#sending = true;
    setAttribute(this.node, "aria-busy", "true");
    try {
      await togglePin(cameraId, operator);
    } catch (error) {
      this.#onFailure(error, cameraId);
    } finally {
      this.#sending = false;
      setAttribute(this.node, "aria-busy", null);
      this.show(this.#cameraId);
    }
  }
}

// On a tile there is room for the seconds only.
export class SmallPinButton extends PinButton {
  protected override words(left: string): string {
    return left;
  }
}
