// Pins: cameras that operators hold in focus for a while, and the button that begins and ends it.

import { el, setAttribute, setText } from "./dom.js";
import { pick, t } from "./words.js";
import { minutes, serverNow } from "./times.js";
import { room, seen } from "./room.js";
import { pinCamera } from "./stream.js";

const SECONDS = 60;
const EVERY_S = 1;
const TOLD_AFTER_MS = 3500; // by then the tour has heard of a wish, and said so; until then the wish is what is shown

const asked = new Map(); // camera id -> { at, until, by }, by the server's clock

// { left, by } with the seconds that are left, or null. `by`: who pinned it.
export function pinOf(cameraId) {
  const now = serverNow();
  const pin = newestWord(cameraId);
  return pin && pin.until > now ? { left: (pin.until - now) / 1000, by: pin.by } : null;
}

function newestWord(cameraId) {
  const own = asked.get(cameraId);
  const tour = room.state?.tour;
  if (!tour) return null; // nobody holds anything
  // A tour of an older version does not say what is pinned.
  if (tour.pinned === null || (own && Date.parse(tour.at) < own.at + TOLD_AFTER_MS)) return own;
  const told = tour.pinned.find((pin) => pin.id === cameraId);
  return told && { until: Date.parse(told.until), by: told.operator };
}

// The ids of all that are pinned, in the layout's order.
export function pinnedCameras() {
  const ids = new Set([...asked.keys(), ...(room.state?.tour?.pinned ?? []).map((pin) => pin.id)]);
  const known = [...ids].filter((id) => room.cameras.has(id) && pinOf(id) !== null);
  return known.sort((one, other) => room.cameras.get(one).index - room.cameras.get(other).index);
}

async function toggle(cameraId, operator) {
  const seconds = pinOf(cameraId) === null ? SECONDS : 0;
  await pinCamera(cameraId, { seconds, every_s: EVERY_S }, operator);
  const now = serverNow();
  for (const [id, { at, until }] of asked) if (Math.max(until, at + TOLD_AFTER_MS) < now) asked.delete(id);
  asked.set(cameraId, { at: now, until: now + seconds * 1000, by: operator });
}

// A pin is a wish for spare capacity: there is none while the tour is stretched, and for a camera that does not answer.
function isWaiting(cameraId) {
  return room.state.tour.stretch > 1.0 || seen(room.cameras.get(cameraId).index).failing !== null;
}

// `operator()`: who presses, or "" after having asked for it. `onFailure(error)`: told when it did not work.
export class PinButton {
  #sending = false;

  constructor({ key = null, operator, onFailure }) {
    this.operator = operator;
    this.onFailure = onFailure;
    this.cameraId = null;
    this.text = el("span");
    this.node = el("button", { type: "button", class: "pin", "data-needs": "look", "aria-pressed": "false" }, this.text);
    if (key !== null) this.node.append(el("kbd", {}, key));
    this.node.addEventListener("click", () => this.press());
  }

  show(cameraId) {
    this.cameraId = cameraId;
    const pin = cameraId === null ? null : pinOf(cameraId);
    const waiting = pin !== null && isWaiting(cameraId);
    setAttribute(this.node, "aria-pressed", String(pin !== null));
    setAttribute(this.node, "data-waiting", waiting);
    setAttribute(this.node, "aria-disabled", room.state?.tour ? null : "true");
    setText(this.text, pin === null ? t("pin") : this.words(minutes(Math.ceil(pin.left)), waiting));
    setAttribute(this.node, "title", this.#title(pin, waiting));
  }

  words(left, waiting) {
    return t(waiting ? "pin_waits" : "pinned", { left });
  }

  #title(pin, waiting) {
    if (!room.state?.tour) return t("pin_no_tour");
    if (pin === null) return t("pin_means", { seconds: SECONDS });
    return t(waiting ? "pin_waits_means" : "pinned_means", { who: pin.by });
  }

  async press() {
    const { cameraId } = this;
    if (this.#sending || cameraId === null || !room.state?.tour) return;
    const operator = this.operator(cameraId);
    if (!operator) return;
    this.#sending = true;
    setAttribute(this.node, "aria-busy", "true");
    try {
      await toggle(cameraId, operator);
    } catch (error) {
      this.onFailure(error);
    } finally {
      this.#sending = false;
      setAttribute(this.node, "aria-busy", null);
      this.show(this.cameraId);
    }
  }
}

// On a tile there is room for the seconds only.
export class SmallPinButton extends PinButton {
  words(left) {
    return left;
  }

  show(cameraId) {
    super.show(cameraId);
    const { camera } = room.cameras.get(cameraId);
    const name = t("pin_camera", { camera: pick(camera.name, camera.name_en) });
    setAttribute(this.node, "aria-label", pinOf(cameraId) === null ? name : `${name} ${this.text.textContent}`);
  }
}
