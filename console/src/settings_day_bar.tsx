// The station's day from midnight to midnight: when somebody is on duty, and where now is.

import type { Stretch } from "./shift_windows";

const HOURS = [0, 6, 12, 18, 24];

export function DayBar({ today, hour, says }: { today: Stretch[]; hour: number; says: string }) {
  return (
    <svg class="day" viewBox="0 0 240 22" role="img" aria-label={says}>
      <rect class="track" width="240" height="10" rx="3" />
      {today.map(({ begins_h, ends_h }) => (
        <rect key={begins_h} class="on" x={begins_h * 10} width={(ends_h - begins_h) * 10} height="10" rx="3" />
      ))}
      {HOURS.map((one) => <text key={one} x={one * 10} y="20" text-anchor={one === 0 ? "start" : one === 24 ? "end" : "middle"}>{one}</text>)}
      <path class="now" d={`M${(hour * 10).toFixed(1)} -1V12`} />
    </svg>
  );
}
