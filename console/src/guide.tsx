// The first-run guide: six short steps, each with a drawing, each pointing at the part of the page it is about. It is offered
// in a line under the feed and never opens by itself: nothing stands between somebody who has just sat down and a red alert.

import { effect, signal } from "@preact/signals";
import { createRef, render } from "preact";
import { GuidePicture, type StepName } from "./guide_pictures";
import { cardPlace, spotOf, type Rect } from "./guide_place";
import { isKnown, may, signedInName } from "./signed";
import { goTo } from "./views";
import { t } from "./words";

const KEPT = "patrol.guide";
const MOST_KEPT = 50;
const NARROW = "(max-width: 900px)";

// `at`: the part that a step is about; of several the first that is there.
interface Step {
  name: StepName;
  at: string[];
}

const STEPS: Step[] = [
  { name: "feed", at: ["#feed"] },
  { name: "countdown", at: ["#incident .clocks", "#incident"] },
  { name: "tour", at: ["#rings"] },
  { name: "map", at: ["#map"] },
  { name: "wall", at: ['#views a[href="#wall"]'] },
  { name: "keys", at: ["#sound"] },
];

const sheet = createRef<HTMLDialogElement>();
const card = createRef<HTMLDivElement>();
const spot = createRef<HTMLDivElement>();
const next = createRef<HTMLButtonElement>();
const step = signal(0);
const isOffered = signal(false);

export function placeGuide(node: Element, offer: Element): void {
  render(<Guide />, node);
  render(<Offer />, offer);
  addEventListener("resize", place);
  effect(() => {
    void step.value;
    requestAnimationFrame(() => {
      show();
      place();
    });
  });
}

export function openGuide(): void {
  if (sheet.current === null || sheet.current.open) return;
  goTo("room");
  step.value = 0;
  sheet.current.showModal();
  next.current?.focus();
  requestAnimationFrame(() => {
    show();
    place();
  });
}

// Called some times a second: whether it is to be offered, and where its step is by now.
export function tickGuide(): void {
  isOffered.value = isKnown() && !seenBy().includes(signedInName());
  place();
}

// Who has seen it in this browser; in a room without accounts nobody has a name.
function seenBy(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

function remember(): void {
  const others = seenBy().filter((name) => name !== signedInName());
  localStorage.setItem(KEPT, JSON.stringify([...others, signedInName()].slice(-MOST_KEPT)));
  isOffered.value = false;
}

function target(): Element | null {
  for (const selector of STEPS[step.value]?.at ?? []) {
    const found = document.querySelector(selector);
    if (found !== null && found.getBoundingClientRect().width > 0) return found;
  }
  return null;
}

function isOpen(): boolean {
  return sheet.current?.open === true;
}

// On a phone the page is longer than the screen, elsewhere some of its parts are.
function show(): void {
  if (isOpen()) target()?.scrollIntoView({ block: matchMedia(NARROW).matches ? "start" : "nearest" });
}

function place(): void {
  const [mark, words] = [spot.current, card.current];
  if (!isOpen() || mark === null || words === null) return;
  const screen = { width: innerWidth, height: innerHeight };
  const found = target()?.getBoundingClientRect();
  const around: Rect | null = found === undefined ? null : spotOf(found, screen);
  const at = cardPlace(around, { width: words.offsetWidth, height: words.offsetHeight }, screen);
  Object.assign(words.style, { left: `${at.x}px`, top: `${at.y}px` });
  mark.hidden = around === null;
  if (around === null) return;
  const { x, y, width, height } = around;
  Object.assign(mark.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
}

function go(by: number): void {
  const to = step.value + by;
  if (to >= STEPS.length) return sheet.current?.close();
  step.value = Math.max(0, to);
}

function press(event: KeyboardEvent): void {
  if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
  event.preventDefault();
  if (event.key === "ArrowLeft" || step.value < STEPS.length - 1) go(event.key === "ArrowRight" ? 1 : -1);
}

function Guide() {
  const name = STEPS[step.value]?.name ?? "feed";
  const isLast = step.value === STEPS.length - 1;
  return (
    <dialog ref={sheet} id="guide" aria-labelledby="guide-title" aria-describedby="guide-text" onClose={remember} onKeyDown={press}>
      <div ref={spot} class="spot" />
      <div ref={card} class="guide-card">
        <GuidePicture step={name} />
        <p class="guide-count">{t("guide_count", { n: step.value + 1, all: STEPS.length })}</p>
        <div aria-live="polite">
          <h2 id="guide-title">{t(`guide_${name}`)}</h2>
          <p id="guide-text">{t(name === "keys" && !may("act") ? "guide_keys_text_look" : `guide_${name}_text`)}</p>
        </div>
        <div class="guide-steps">
          <button type="button" class="quiet" onClick={() => sheet.current?.close()}>{t("guide_leave")} <kbd aria-hidden="true">Esc</kbd></button>
          <button type="button" class="quiet" disabled={step.value === 0} onClick={() => go(-1)}>{t("guide_back")}</button>
          <button ref={next} type="button" class="main" onClick={() => go(1)}>{t(isLast ? "guide_done" : "guide_next")}</button>
        </div>
      </div>
    </dialog>
  );
}

function Offer() {
  if (!isOffered.value) return null;
  return (
    <p id="guide-offer">
      <span>{t("guide_offer")}</span>
      <button type="button" onClick={openGuide}>{t("guide_open")}</button>
      <button type="button" class="quiet" onClick={remember}>{t("guide_not")}</button>
    </p>
  );
}
