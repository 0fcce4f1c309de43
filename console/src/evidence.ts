// The pictures that go with alerts.

import { el, mark } from "./dom";
import { whyGone } from "./room";
import type { Level } from "./api";

export function pictureOf(evidenceId: string): string {
  return `/evidence/${encodeURIComponent(evidenceId)}.jpg`;
}

// Small, and the level's mark in its place where there is none.
export function thumbnail({ evidence_id, level }: { evidence_id: string | null; level: Level }): Element {
  if (evidence_id === null || whyGone(evidence_id) !== null) return mark(level, "");
  const image = el("img", { src: pictureOf(evidence_id), alt: "", decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(mark(level, "")), { once: true });
  return image;
}
