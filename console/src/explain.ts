// Every figure explains itself, also where nothing hovers: pressed, it shows its explanation beside it. A sheet has all of
// them, for who has no pointer: one stop of the Tab key, and not a dozen.

import { byId, el, part, setText } from "./dom";
import { t, word } from "./words";
import { room } from "./room";

const FIGURES = "#top [title], #capacity, #move-up, #incident .countdown, #incident .stages li";
const APART_PX = 6;
const EDGE_PX = 8;

const shown = byId("explained");
const sheet = byId("figures", HTMLDialogElement);
let about: Element | null = null;

function figureAt(target: EventTarget | null): HTMLElement | null {
  const figure = target instanceof Element && !target.closest("button, a, summary") ? target.closest(FIGURES) : null;
  return figure instanceof HTMLElement && figure.title !== "" ? figure : null;
}

function explain(figure: HTMLElement | null): void {
  about = figure;
  setText(shown, figure?.title ?? "");
  if (figure === null) return;
  const [at, own] = [figure.getBoundingClientRect(), shown.getBoundingClientRect()];
  const left = Math.max(EDGE_PX, Math.min(at.left, innerWidth - own.width - EDGE_PX));
  const below = at.bottom + APART_PX;
  const top = below + own.height <= innerHeight - EDGE_PX ? below : Math.max(EDGE_PX, at.top - APART_PX - own.height);
  shown.style.left = `${left}px`;
  shown.style.top = `${top}px`;
}

function hide(): void {
  if (about !== null) explain(null);
}

addEventListener("click", ({ target }) => {
  if (target instanceof Node && shown.contains(target)) return; // its words may be copied
  const figure = figureAt(target);
  explain(figure === about ? null : figure);
}, true);
addEventListener("keydown", (event) => {
  if (about === null || event.key !== "Escape") return;
  event.stopPropagation();
  hide();
}, true);
addEventListener("scroll", hide, { capture: true, passive: true });
addEventListener("resize", hide);

function listed(label: string, means: string): HTMLElement {
  return el("div", {}, el("dt", {}, label), el("dd", {}, means));
}

function ofTheBar(figure: HTMLElement): HTMLElement {
  return listed(part(figure, 0).textContent ?? "", figure.title);
}

byId("figures-open").addEventListener("click", () => {
  const rings = [...byId("rings").children].flatMap((ring, place) => {
    const cover = ring.querySelector<HTMLElement>(".cover:not([hidden])");
    const name = word("ring", room.layout.rings[place]?.name ?? null);
    return [ofTheBar(ring as HTMLElement), cover === null ? null : listed(`${name} · ${t("cover")}`, cover.title)];
  });
  byId("figures-list").replaceChildren(
    ...[...byId("loop").children].map((stage) => ofTheBar(stage as HTMLElement)),
    ...rings.filter((one) => one !== null),
    listed(t("countdown"), t("clock_means")),
    listed(t("maintenance"), t("no_clock_means")),
    listed(t("figures_capacity"), t("capacity_means")),
    listed(t("move_up"), t("move_up_means")),
  );
  sheet.showModal();
});
byId("figures-close").addEventListener("click", () => sheet.close());
