// Whoever was writing when the field went away is still writing for a moment: these keys are no commands.

const PAUSE_MS = 1500; // without a key: by then it was seen

let until = -Infinity;

export function fieldWentAway(): void {
  until = performance.now() + PAUSE_MS;
}

// Whether a key that is pressed now is meant for what went away. Each such key puts the end off.
export function isStillWriting(): boolean {
  if (performance.now() > until) return false;
  fieldWentAway();
  return true;
}

addEventListener("pointerdown", () => (until = -Infinity), { capture: true, passive: true });
