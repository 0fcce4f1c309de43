// The guide's drawings: what each part looks like at work, in the page's own marks and colours.

import { markPath } from "./dom";
import type { Level } from "./api";
import type { JSX } from "preact";

export type StepName = "feed" | "countdown" | "tour" | "map" | "wall" | "keys";

const DRAWN: Record<StepName, () => JSX.Element> = { feed: Feed, countdown: Countdown, tour: Tour, map: MapDrawing, wall: Wall, keys: Keys };

export function GuidePicture({ step }: { step: StepName }) {
  const Drawn = DRAWN[step];
  return (
    <svg class="guide-picture" viewBox="0 0 300 110" aria-hidden="true">
      <Drawn />
    </svg>
  );
}

const CARDS: [level: Level, wide: number][] = [["red", 96], ["yellow", 74], ["blue", 84]];

function Feed() {
  return (
    <>
      {CARDS.map(([level, wide], row) => (
        <g key={level} data-level={level} transform={`translate(40 ${6 + row * 34})`}>
          <rect class="plate" width="220" height="28" rx="6" />
          <path class="level" d={markPath(level)} transform="translate(9 6)" />
          <rect class="words" x="36" y="8" width={wide} height="5" rx="2.5" />
          <rect class="words faint" x="36" y="17" width={wide * 0.7} height="4" rx="2" />
          <circle class="track" cx="200" cy="14" r="9" />
          <path class="level arc" d={arc(200, 14, 9, [0.3, 0.6, 0.85][row] ?? 1)} />
        </g>
      ))}
    </>
  );
}

const RINGS: [tone: string, share: number, words: string][] = [["green", 0.8, "0:48"], ["yellow", 0.4, "0:24"], ["red", 0.12, "0:07"]];

function Countdown() {
  return (
    <>
      {RINGS.map(([tone, share, words], place) => (
        <g key={tone} data-level={tone} transform={`translate(${58 + place * 92} 55)`}>
          <circle class="track wide" r="34" />
          <path class="level arc wide" d={arc(0, 0, 34, share)} />
          <text y="6">{words}</text>
        </g>
      ))}
    </>
  );
}

function Tour() {
  return (
    <>
      {[0.6, 0.85, 1.12].map((share, row) => (
        <g key={share} data-level={share > 1 ? "red" : "green"} transform={`translate(50 ${22 + row * 32})`}>
          <rect class="plate" width="200" height="10" rx="5" />
          <rect class="fill" width={share * 150} height="10" rx="5" />
          <path class="tick" d="M150-5V15" />
        </g>
      ))}
    </>
  );
}

const WEDGES: [x: number, y: number, turn: number, tone: Level][] = [[70, 70, 20, "green"], [120, 30, 130, "green"], [205, 34, 200, "yellow"], [246, 78, 290, "green"]];

function MapDrawing() {
  return (
    <>
      <circle class="ring" cx="150" cy="55" r="26" />
      <circle class="ring" cx="150" cy="55" r="50" />
      {WEDGES.map(([x, y, turn, tone]) => (
        <path key={x} class="fill" data-level={tone} d="M0 0-9-22A24 24 0 0 1 9-22Z" transform={`translate(${x} ${y}) rotate(${turn})`} />
      ))}
      <path class="order" d="M92 92 150 55" />
      <circle class="unit" cx="90" cy="93" r="7" />
      <path class="level" data-level="red" d={markPath("red")} transform="translate(142 46)" />
    </>
  );
}

function Wall() {
  return (
    <>
      {[0, 1, 2, 3, 4, 5].map((place) => (
        <g key={place} transform={`translate(${50 + (place % 3) * 68} ${8 + Math.floor(place / 3) * 50})`}>
          <rect class={place === 1 ? "plate lit" : "plate"} width="62" height="44" rx="4" />
          <rect class="words faint" x="5" y="35" width="26" height="4" rx="2" />
          {place === 1 && <rect class="found" x="20" y="8" width="11" height="22" />}
          {place === 4 && <path class="play" d="M25 10 41 19 25 28Z" />}
        </g>
      ))}
    </>
  );
}

function Keys() {
  return (
    <>
      {["J", "K", "C", "L", "W", "?"].map((key, place) => (
        <g key={key} transform={`translate(${40 + (place % 3) * 50} ${8 + Math.floor(place / 3) * 50})`}>
          <rect class="plate" width="42" height="42" rx="7" />
          <text x="21" y="27">{key}</text>
        </g>
      ))}
      <g transform="translate(212 27) scale(3.4)">
        <path class="sound" d="M1.5 5.6h2.7L8 2.2v11.6L4.2 10.4H1.5Z" />
        <path class="waves" d="M10 5.2a4 4 0 0 1 0 5.6M12 3a7 7 0 0 1 0 10" />
      </g>
    </>
  );
}

// From twelve o'clock, clockwise; `share`: 0 to 1.
function arc(x: number, y: number, r: number, share: number): string {
  const angle = 2 * Math.PI * Math.min(0.9999, share);
  const [toX, toY] = [x + r * Math.sin(angle), y - r * Math.cos(angle)];
  return `M${x} ${y - r}A${r} ${r} 0 ${share > 0.5 ? 1 : 0} 1 ${toX.toFixed(2)} ${toY.toFixed(2)}`;
}
