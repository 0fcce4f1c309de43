// One camera on the tour wall: its last still with what was found in it, how old it is, and how the camera stands.

import { el, mark, rebuild, setAttribute, setText, svg } from "./dom";
import { pick, t, word } from "./words";
import { age, minutes, serverNow } from "./times";
import { type Tone, toneOfStill } from "./bounds";
import { boundOf, peopleText, room, seen, type Seen, whyUnseen } from "./room";
import { pinOf } from "./pins";
import { skipOf } from "./skips";
import type { CameraOnMap, Level, StillBox, StillShown } from "./api";

const LIT_MS = 600; // and until its clocks go on
const OVERTAKEN_S = 2; // the camera was seen so much later than its picture was taken: the picture is an old one
const MARKS: Partial<Record<Tone, Level>> = { soon: "yellow", late: "red", failing: "red", blinded: "red" };

export class Tile {
  readonly node: HTMLElement;
  readonly camera: CameraOnMap;
  readonly #index: number;
  readonly #view = el("div", { class: "view" });
  readonly #waiting = el("p", { class: "waiting" });
  readonly #count = el("span", { class: "count" });
  readonly #state = el("span", { class: "state" });
  readonly #name = el("b");
  readonly #mark = el("span", { class: "level" });
  readonly #age = el("span", { class: "age" });
  #still: StillShown | null = null;
  #litAt = -Infinity;

  constructor(camera: CameraOnMap, index: number) {
    this.camera = camera;
    this.#index = index;
    this.#view.append(this.#waiting, this.#count, this.#state);
    const when = el("span", { class: "when" }, this.#mark, this.#age);
    const caption = el("div", { class: "caption" }, el("small", {}, camera.id), this.#name, when);
    this.node = el("div", { class: "tile", role: "group", tabindex: -1, "data-id": camera.id }, this.#view, caption);
    this.speak();
  }

  get name(): string {
    return pick(this.camera.name, this.camera.name_en);
  }

  speak(): void {
    setText(this.#name, this.name);
    setAttribute(this.#name, "title", this.name);
    this.#label(this.#people());
  }

  // A picture and its boxes appear together, or not at all where a newer one came meanwhile, or the tile went out of sight.
  async show(still: StillShown): Promise<void> {
    const isNew = this.#still !== null && this.#still.at !== still.at;
    this.#still = still;
    const picture = await pictureOf(still);
    if (this.#still !== still) return;
    this.#view.replaceChildren(picture, boxesOf(still), this.#waiting, this.#count, this.#state);
    if (isNew) this.#light();
    this.tick();
  }

  // Out of sight: its picture is not worth its memory.
  leave(): void {
    if (this.#still === null) return;
    this.#still = null;
    this.#view.replaceChildren(this.#waiting, this.#count, this.#state);
  }

  tick(): void {
    const told = seen(this.#index);
    const own = this.#still === null ? null : Math.max(0, (serverNow() - Date.parse(this.#still.at)) / 1000);
    const standing = { ...told, tone: toneOfStill(told, own, boundOf(this.camera)) };
    const people = this.#people();
    setAttribute(this.node, "data-tone", standing.tone);
    setAttribute(this.node, "data-lit", performance.now() - this.#litAt < LIT_MS);
    this.#count.hidden = people === null || this.#still === null; // without a picture nobody sees of when it is
    setText(this.#count, people === null ? "" : peopleText(people));
    setAttribute(this.#count, "data-people", (people ?? 0) > 0);
    this.#label(people);
    this.#showAge(standing, own);
    this.#showState();
  }

  #label(people: number | null): void {
    setAttribute(this.node, "aria-label", `${this.name} ${this.camera.id}, ${word("ring", this.camera.ring)}, ${peopleText(people)}`);
  }

  // Those in the picture that is shown; before there is one, what the tour found last.
  #people(): number | null {
    return this.#still !== null ? this.#still.boxes.filter(isPerson).length : seen(this.#index).people;
  }

  // `own`: how old the picture is, seconds; null where there is none.
  #showAge(stands: Seen, own: number | null): void {
    const { age: blind, tone, failing } = stands;
    const level = MARKS[tone];
    const words = whyUnseen(stands) ?? t(tone === "late" ? "wall_late" : "wall_soon");
    rebuild(this.#mark, [level, words], () => (level === undefined ? [] : [mark(level, words)]));
    const shown = own ?? blind;
    setText(this.#age, shown === null ? "—" : age(shown));
    setAttribute(this.#view, "data-old", own !== null && blind !== null && own > blind + OVERTAKEN_S);
    this.#waiting.hidden = this.#still !== null;
    if (this.#still === null) setText(this.#waiting, this.#whyNone(blind, failing));
  }

  // What a tile without a picture waits for.
  #whyNone(blind: number | null, failing: string | null): string {
    if (!room.state?.tour) return t("not_toured");
    if (skipOf(this.camera.id) !== null) return t("wall_skipped");
    if (failing !== null) return word("failing", failing);
    const left = boundOf(this.camera) * (room.state.tour.stretch || 1) - (blind ?? 0);
    return blind === null || left < 1 ? t("wall_waits") : t("wall_waits_for", { time: `${Math.ceil(left)} s` });
  }

  #showState(): void {
    const [skip, pin] = [skipOf(this.camera.id), pinOf(this.camera.id)];
    const left = (until: number) => minutes(Math.ceil((until - serverNow()) / 1000));
    const text = skip ? t("skipped_left", { left: left(skip.until) })
      : pin ? t(pin.hold ? "held_left" : "pinned", { left: minutes(Math.ceil(pin.left)) }) : "";
    setText(this.#state, text);
    this.#state.hidden = text === "";
    setAttribute(this.node, "data-state", skip ? "skipped" : pin ? (pin.hold ? "held" : "pinned") : null);
    const [by, reason] = [skip?.by ?? pin?.by ?? "", skip?.reason ?? ""];
    setAttribute(this.#state, "title", [by, reason].filter(Boolean).join(": ") || null);
  }

  // The one being visited lights for a moment.
  #light(): void {
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.#litAt = performance.now();
  }
}

function isPerson(box: StillBox): boolean {
  return box.label === "person";
}

// An image, and no canvas: a browser without a graphics card puts every canvas in sight together anew in each frame, and a
// hundred of them took it from 60 frames a second to 20. It comes decoded, so that nothing flashes.
async function pictureOf(still: StillShown): Promise<HTMLImageElement> {
  const picture = el("img", { alt: "", width: still.width, height: still.height });
  picture.src = URL.createObjectURL(new Blob([bytesOf(still.jpeg)], { type: "image/jpeg" }));
  try {
    await picture.decode();
  } finally {
    URL.revokeObjectURL(picture.src);
  }
  return picture;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) bytes[place] = text.charCodeAt(place);
  return bytes;
}

// Two paths, however many boxes there are; cut as the canvas is.
function boxesOf({ boxes, width, height }: StillShown): SVGSVGElement {
  const lines = (some: StillBox[]) =>
    some.map(({ x1, y1, x2, y2 }) => `M${x1 * width} ${y1 * height}H${x2 * width}V${y2 * height}H${x1 * width}Z`).join("");
  const paths = [svg("path", { class: "people", d: lines(boxes.filter(isPerson)) }), svg("path", { class: "things", d: lines(boxes.filter((box) => !isPerson(box))) })];
  return svg("svg", { class: "boxes", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" }, ...paths);
}
