// How long a camera has been unseen, judged against its bound.

export type Tone = "ok" | "soon" | "late" | "failing" | "blinded" | "never";

const SOON = 0.97; // a camera is visited just before its bound, so close to it is where it should be
const WORSE: Tone[] = ["ok", "soon", "late"];

export function toneOfShare(share: number): Tone {
  if (share > 1) return "late";
  return share > SOON ? "soon" : "ok";
}

// `age`: seconds, null where nobody knows; `blinded`: why its pictures show nothing, however often they come.
export function toneOf(age: number | null, bound: number, failing: string | null, blinded: string | null = null): Tone {
  if (age !== null && age > bound) return "late";
  if (failing !== null) return "failing";
  if (blinded !== null) return "blinded";
  return age === null ? "never" : toneOfShare(age / bound);
}

// The tone of a picture that came by its own way, and so may be newer than what the tour has told: a red frame around an
// age within the bound would contradict itself. What fails, or is blind, is so until the tour says that it is not. Never
// worse than what was told: while the connection is away both ages grow, and neither is measured.
export function toneOfStill(told: { age: number | null; tone: Tone; failing: string | null; blinded: string | null }, stillAge: number | null, bound: number): Tone {
  if (stillAge === null || told.failing !== null || told.blinded !== null || (told.age !== null && stillAge >= told.age)) return told.tone;
  const own = toneOfShare(stillAge / bound);
  return told.tone === "never" || WORSE.indexOf(own) < WORSE.indexOf(told.tone) ? own : told.tone;
}

// How an age that is shown beside its bound stands to it: within it; past it, though within what holds while all bounds are
// stretched; past that, too; or grown past it while nothing was heard, so that nobody knows.
export type Standing = "within" | "stretched" | "late" | "unheard";

export interface Beside {
  age: number | null;
  standing: Standing;
}

const HEARD_WITHIN = 3; // seconds, which is more than from one message to the next

// `measured`: as the tour told it last; `grown`: the same, and what has passed since. Between two messages an age grows up
// to its bound: past that is what was measured, as the camera may have been seen again meanwhile.
export function besideBound(measured: number | null, grown: number | null, bound: number, stretch: number): Beside {
  if (measured === null || grown === null) return { age: null, standing: "within" };
  if (measured > bound) return { age: grown, standing: measured > bound * stretch ? "late" : "stretched" };
  if (grown <= bound) return { age: grown, standing: "within" };
  return grown - measured > HEARD_WITHIN ? { age: grown, standing: "unheard" } : { age: bound, standing: "within" };
}
