// How long a camera has been unseen, judged against its bound.

export type Tone = "ok" | "soon" | "late" | "failing" | "never";

const SOON = 0.97; // a camera is visited just before its bound, so close to it is where it should be
const WORSE: Tone[] = ["ok", "soon", "late"];

export function toneOfShare(share: number): Tone {
  if (share > 1) return "late";
  return share > SOON ? "soon" : "ok";
}

// `age`: seconds, null where nobody knows.
export function toneOf(age: number | null, bound: number, failing: string | null): Tone {
  if (age !== null && age > bound) return "late";
  if (failing !== null) return "failing";
  return age === null ? "never" : toneOfShare(age / bound);
}

// The tone of a picture that came by its own way, and so may be newer than what the tour has told: a red frame around an
// age within the bound would contradict itself. What fails goes on failing until the tour says that it does not. Never
// worse than what was told: while the connection is away both ages grow, and neither is measured.
export function toneOfStill(told: { age: number | null; tone: Tone; failing: string | null }, stillAge: number | null, bound: number): Tone {
  if (stillAge === null || told.failing !== null || (told.age !== null && stillAge >= told.age)) return told.tone;
  const own = toneOfShare(stillAge / bound);
  return told.tone === "never" || WORSE.indexOf(own) < WORSE.indexOf(told.tone) ? own : told.tone;
}
