// What somebody is at stays where it is while something above it comes or goes: what holds it is scrolled along. Once nobody
// is there, what was in sight at its top before comes back.

import { alike } from "./dom";
import { touchPath } from "./touching";

const scrolledTo = new Map<Element, number>(); // where its top was in sight before

// Makes a change of what stands in `within`.
export function keepInPlace(within: Element, change: () => void): void {
  const touched = touchPath().filter((node) => node !== within && within.contains(node));
  const before = touched.map((node) => node.getBoundingClientRect().top);
  change();
  if (touched.length === 0) return giveBack(within);
  for (const [place, node] of touched.entries()) {
    const now = within.contains(node) ? node : alike(within, node);
    if (now === null || !now.checkVisibility()) continue;
    return scrollAlong(within, now.getBoundingClientRect().top - (before[place] ?? 0));
  }
}

function scrollAlong(within: Element, by: number): void {
  if (Math.abs(by) < 0.5) return;
  const isPage = getComputedStyle(within).overflowY !== "auto"; // on a narrow screen
  const scroller = isPage ? document.documentElement : within;
  const wasAtTop = !isPage && (scroller.scrollTop === 0 || scrolledTo.get(within) === scroller.scrollTop);
  scroller.scrollBy(0, by);
  if (wasAtTop) scrolledTo.set(within, scroller.scrollTop);
}

function giveBack(within: Element): void {
  if (scrolledTo.get(within) === within.scrollTop) within.scrollTop = 0;
  scrolledTo.delete(within);
}
