// Cover (覆盖): how much of each ring a free crew reaches in time; and the one proposal whom to move (补位).

import { byId, el, part, rebuild, setAttribute, setText } from "./dom";
import { pick, t, word } from "./words";
import { minutes } from "./times";
import { targetText } from "./countdown";
import { room } from "./room";
import type { MoveUp, RingOnMap } from "./api";

// Below nine in ten people look for a move-up, below half they call for units.
const LOW = 0.9;
const BARE = 0.5;

export function coverRow(): HTMLElement {
  const bar = el("div", { class: "bar", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 }, el("i"));
  return el("div", { class: "cover" }, el("span"), bar, el("b"));
}

export function showCover(row: HTMLElement, ring: RingOnMap): void {
  const share = room.state?.cover?.shares[ring.name];
  row.hidden = share === undefined;
  if (share === undefined) return;
  const [label, bar, value] = [part(row, 0), part(row, 1), part(row, 2)];
  const percent = Math.floor(share * 100 + 1e-6); // never 100 while somebody is not reached
  const means = share >= LOW ? "ok" : share >= BARE ? "low" : "bare";
  const cameras = room.layout.cameras.filter((camera) => camera.ring === ring.name).length;
  const title = t("cover_title", {
    ring: word("ring", ring.name),
    percent,
    cameras,
    target: targetText(ring.response_target_s),
    means: t(`cover_${means}`),
  });
  setText(label, t("cover"));
  setText(value, `${percent}%`);
  setAttribute(row, "data-tone", { ok: "plain", low: "yellow", bare: "red" }[means]);
  setAttribute(row, "title", title);
  setAttribute(bar, "aria-label", title);
  setAttribute(bar, "aria-valuenow", percent);
  part(bar, 0).style.width = `${percent}%`;
}

// What is proposed now, or null.
export function moveUp(): MoveUp | null {
  return room.state?.cover?.move_up ?? null;
}

export function showMoveUp(): void {
  const line = byId("move-up");
  const proposal = moveUp();
  line.hidden = proposal === null;
  if (proposal === null) return;
  const words = pick(proposal.words_zh, proposal.words_en);
  const eta = t("move_up_eta", { time: minutes(proposal.eta_s) });
  rebuild(line, [words, eta], () => [el("b", {}, t("move_up")), ` ${words} `, el("small", {}, eta)]);
}

// The line stands under the banners, which lie over the map; and what opens on the map stands under both.
for (const name of ["banners", "move-up"]) {
  const over = byId(name);
  new ResizeObserver(() => {
    document.body.style.setProperty(`--${name}`, `${over.getBoundingClientRect().height}px`);
  }).observe(over);
}
