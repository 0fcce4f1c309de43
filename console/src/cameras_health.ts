// How a camera stands, as sentences: what is so, since when, and what to do about it. Decided here, spoken elsewhere.

import type { Trouble, TroubleShown } from "./api";
import type { Seen } from "./room";
import type { Skip } from "./skips";

export type FindingKind = "unknown" | "skipped" | "trouble" | "blinded" | "late" | "failing" | "never" | "stretched" | "fine";

// `advice`: whose words say what to do, of the set `advice`; `since`: milliseconds since 1970, null where nobody knows.
export interface Finding {
  kind: FindingKind;
  tone: "red" | "yellow" | "green" | "plain";
  since: number | null;
  advice: string;
  trouble: TroubleShown | null;
}

// `measured`: the blind age as the tour told it last; one that grew while the connection was away makes nobody late.
export interface Standing {
  seen: Seen;
  measured: number | null;
  toured: boolean;
  bound: number;
  stretch: number;
  skip: Skip | null;
  troubles: TroubleShown[];
  now: number;
}

const RED: Trouble[] = ["unseen", "no_signal", "wrong_picture", "black", "covered"];

// The gravest first.
export function findingsOf({ seen, measured, toured, bound, stretch, skip, troubles, now }: Standing): Finding[] {
  const found: Finding[] = [];
  const add = (kind: FindingKind, tone: Finding["tone"], advice: string, since: number | null = null, trouble: TroubleShown | null = null) =>
    found.push({ kind, tone, since, advice, trouble });
  const lasting = troubles.filter(({ returned_at }) => returned_at === null);
  if (!toured) add("unknown", "plain", "unknown");
  else if (skip !== null) add("skipped", "yellow", "skipped");
  for (const trouble of lasting) add("trouble", RED.includes(trouble.trouble) ? "red" : "yellow", trouble.trouble, Date.parse(trouble.since), trouble);
  // Nobody was told of it, or somebody closed that: it is blind all the same.
  if (seen.blinded !== null && !lasting.some(({ trouble }) => trouble === seen.blinded)) add("blinded", "red", seen.blinded);
  if (toured && skip === null) addTour(seen, measured !== null && measured > bound * stretch, now, add);
  if (toured && stretch > 1) add("stretched", "yellow", "stretched");
  if (found.length === 0) add("fine", "green", "fine");
  return found;
}

type Add = (kind: FindingKind, tone: Finding["tone"], advice: string, since?: number | null) => void;

function addTour({ age, failing }: Seen, isLate: boolean, now: number, add: Add): void {
  if (age !== null && isLate) add("late", "red", failing ?? "late", now - age * 1000);
  else if (failing !== null) add("failing", "yellow", failing);
  else if (age === null) add("never", "plain", "never");
}
