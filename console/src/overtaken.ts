// Two operators at once: one wins, and the other is told who it was. Pure: how an incident stood, how it stands, and who sits here.

import type { Incident, Level } from "./api";

export interface Standing {
  isClosed: boolean;
  closedBy: string | null;
  closingAskedBy: string | null;
  level: Level;
  levelBy: string | null;
  confirmedBy: string | null;
}

export interface Overtaken {
  what: "closed" | "closing" | "level" | "confirmed";
  who: string;
}

export function standingOf(incident: Incident): Standing {
  return {
    isClosed: incident.state === "closed",
    closedBy: incident.closed_by,
    closingAskedBy: incident.closing?.operator ?? null,
    level: incident.level,
    levelBy: incident.level_by,
    confirmedBy: incident.clocks.t5?.source ?? null,
  };
}

// What somebody else has done since; null: nothing, or it was `me`. The gravest counts.
export function overtaken(before: Standing, now: Standing, me: string): Overtaken | null {
  const done: [isNew: boolean, what: Overtaken["what"], who: string | null][] = [
    [now.isClosed && !before.isClosed, "closed", now.closedBy],
    [now.closingAskedBy !== null && now.closingAskedBy !== before.closingAskedBy, "closing", now.closingAskedBy],
    [now.level !== before.level, "level", now.levelBy],
    [now.confirmedBy !== null && before.confirmedBy === null, "confirmed", now.confirmedBy],
  ];
  for (const [isNew, what, who] of done) {
    if (isNew && who !== null && who !== me) return { what, who };
  }
  return null;
}
