// Where somebody has just put a pointer, a finger or a key: what stands there must not move. By what they did themselves: what
// has moved under a pointer by itself is not where it was put.

const MOUSE_MS = 10_000; // a mouse that lies still for longer is parked
const FINGER_MS = 4_000; // the same of a finger, a wheel and a key
const REACHING_MS = 350; // a finger is on its way for so long, and sees nothing more
const PRESS_MS = 1000; // whoever holds for longer drags, or selects
const CLICK_AFTER_MS = 100; // a finger's click comes so long after it was lifted, at the latest

interface Touch {
  at: number;
  path: EventTarget[];
}

const NOWHERE: Touch = { at: -Infinity, path: [] };
let mouse = NOWHERE;
let other = NOWHERE;
let mouseMovedAt = -Infinity;
let mousePlace = "";
let pressedUntil = -Infinity;

export function isTouched(node: Element): boolean {
  const now = performance.now();
  return (now - mouse.at < MOUSE_MS && mouse.path.includes(node)) || (now - other.at < FINGER_MS && other.path.includes(node));
}

// Whether somebody presses just now: what it began on must be what it ends on, else there is no click.
export function isPressing(): boolean {
  return performance.now() < pressedUntil;
}

// Where somebody is, the innermost first; empty where nobody is anywhere.
export function touchPath(): Element[] {
  const now = performance.now();
  const last = mouse.at > other.at ? mouse : other;
  const isParked = now - last.at > (last === mouse ? MOUSE_MS : FINGER_MS);
  return isParked ? [] : last.path.filter((node) => node instanceof Element);
}

// Since when whoever presses now has known where to press.
export function aimedSince({ pointerType }: PointerEvent): number {
  return pointerType === "mouse" ? mouseMovedAt : performance.now() - REACHING_MS;
}

const touch = (event: Event): Touch => ({ at: performance.now(), path: event.composedPath() });

addEventListener("pointermove", (event) => {
  const place = `${event.clientX} ${event.clientY}`;
  if (event.pointerType !== "mouse" || place === mousePlace) return; // the page has moved, and not the mouse
  mousePlace = place;
  mouse = touch(event);
  mouseMovedAt = mouse.at;
}, { capture: true, passive: true });
document.documentElement.addEventListener("pointerleave", () => (mouse = NOWHERE));
addEventListener("pointerdown", (event) => {
  if (event.pointerType === "mouse") mouse = touch(event);
  else other = touch(event);
  pressedUntil = performance.now() + PRESS_MS;
}, { capture: true, passive: true });
for (const kind of ["touchmove", "wheel", "keydown"]) {
  addEventListener(kind, (event) => (other = touch(event)), { capture: true, passive: true });
}

addEventListener("pointerup", () => (pressedUntil = Math.min(pressedUntil, performance.now() + CLICK_AFTER_MS)), { capture: true, passive: true });
// Of the keys the space bar presses, and clicks when it is let go.
addEventListener("keydown", ({ key, repeat }) => {
  if (key === " " && !repeat) pressedUntil = performance.now() + PRESS_MS;
}, { capture: true, passive: true });
for (const kind of ["click", "pointercancel", "keyup"]) {
  addEventListener(kind, () => (pressedUntil = -Infinity), { capture: true, passive: true });
}
