// A level's shape, for components; its word stands beside it.

import { markPath } from "./dom";
import type { Level } from "./api";

export function Mark({ level }: { level: Level }) {
  return <svg class="mark" viewBox="0 0 16 16" data-level={level} aria-hidden="true"><path d={markPath(level)} /></svg>;
}
