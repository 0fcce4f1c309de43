// The top bar: the loop, the rings' promises, health; and the banners under it.

import { el, mark, rebuild, setAttribute, setText } from "./dom.js";
import { pick, t, word } from "./words.js";
import { age, minutes, serverNow, timeOfDay } from "./times.js";
import { targetText } from "./countdown.js";
import { room, toneOfShare } from "./room.js";

const byId = (id) => document.getElementById(id);

export function showTop() {
  const { state } = room;
  setText(byId("station"), pick(state.station, state.station_en));
  byId("simulated").hidden = !state.simulated;
  showLoop(state.stages);
  showRings(state.tour);
  showHealth(state);
}

export function showClock() {
  setText(byId("clock"), timeOfDay(serverNow()));
}

function showLoop(stages) {
  const busy = stages.filter((stage) => stage.count > 0);
  const slowest = busy.reduce((worst, stage) => (worst && worst.oldest_s >= stage.oldest_s ? worst : stage), null);
  const loop = byId("loop");
  if (loop.children.length !== stages.length) loop.replaceChildren(...stages.map(stageCell));
  stages.forEach((stage, place) => {
    const [label, count, oldest] = loop.children[place].children;
    const isSlowest = stage === slowest;
    setText(label, word("stage", stage.stage));
    setText(count, String(stage.count));
    setText(oldest, stage.count > 0 ? minutes(stage.oldest_s) : "");
    setAttribute(loop.children[place], "data-slowest", isSlowest);
    setAttribute(loop.children[place], "data-busy", stage.count > 0);
    const facts = [t(`stage_${stage.stage}_means`)];
    if (stage.count > 0) facts.push(t("oldest", { age: minutes(stage.oldest_s) }));
    if (isSlowest) facts.push(t("slowest"));
    const title = facts.join(" · ");
    setAttribute(loop.children[place], "title", title);
  });
}

function stageCell() {
  return el("li", {}, el("span"), el("b"), el("small"));
}

const RING_TONES = { ok: "green", soon: "amber", late: "red" };
const BOUND_AT = 0.75; // the bar reaches past its bound, so that a broken promise shows as one

function showRings(tour) {
  const rings = byId("rings");
  const shown = room.layout.rings;
  if (rings.children.length !== shown.length) rings.replaceChildren(...shown.map(ringCell));
  shown.forEach((ring, place) => {
    const status = tour?.rings.find((one) => one.name === ring.name);
    showRing(rings.children[place], ring, status);
  });
}

function ringCell() {
  const bar = el("div", { class: "bar", role: "meter", "aria-valuemin": 0 }, el("i"), el("u"));
  return el("li", {}, el("span"), el("b"), bar, el("small"));
}

function showRing(cell, ring, status) {
  const [label, value, bar, bound] = cell.children;
  setText(label, word("ring", ring.name));
  setText(bound, `≤${ring.revisit_bound_s} s`);
  setText(value, status ? status.blind_age_max_s.toFixed(1) : "—");
  if (!status) {
    setAttribute(cell, "data-tone", "none");
    setAttribute(cell, "title", t("not_toured"));
    bar.firstElementChild.style.width = "0";
    return;
  }
  const share = status.blind_age_max_s / ring.revisit_bound_s;
  setAttribute(cell, "data-tone", RING_TONES[toneOfShare(share)]);
  bar.firstElementChild.style.width = `${Math.min(1, share * BOUND_AT) * 100}%`;
  setAttribute(bar, "aria-valuemax", ring.revisit_bound_s);
  setAttribute(bar, "aria-valuenow", status.blind_age_max_s.toFixed(1));
  setAttribute(bar, "aria-label", ringTitle(ring, status));
  setAttribute(cell, "title", ringTitle(ring, status));
}

function ringTitle(ring, status) {
  return t("ring_title", {
    ring: word("ring", ring.name),
    cameras: status.cameras,
    max: status.blind_age_max_s.toFixed(1),
    p99: status.blind_age_p99_s.toFixed(1),
    bound: ring.revisit_bound_s,
    failing: status.failing,
    target: targetText(ring.response_target_s),
  });
}

function showHealth(state) {
  const { queue, tour } = state;
  const cameras = room.layout.cameras.length;
  const failing = tour ? Object.keys(tour.failing).length : 0;
  const facts = [
    {
      tone: queue.degraded !== null ? "yellow" : "green",
      title: t(queue.degraded !== null ? "queue_degraded" : "queue_fine"),
      detail: queue.dead_letters > 0 ? t("dead_letters", { n: queue.dead_letters }) : waitingText(queue),
    },
    {
      tone: tour === null ? "yellow" : "green",
      title: tour ? t("online", { n: cameras - failing }) : t("not_toured"),
      detail: t(failing > 0 ? "failing_some" : "online_of", { n: failing > 0 ? failing : cameras, all: cameras }),
    },
  ];
  rebuild(byId("health"), facts, () => facts.map(healthCell));
}

function waitingText(queue) {
  return queue.waiting > 0 ? t("queue_waiting", { n: queue.waiting, age: age(queue.oldest_s) }) : t("queue_clear");
}

function healthCell(fact) {
  return el("li", { "data-tone": fact.tone }, el("span", {}, fact.title), el("small", {}, fact.detail));
}

// `link`: { lost, trouble }
export function showBanners(link) {
  const banners = bannersOf(link);
  setAttribute(document.body, "data-stale", link.lost || link.trouble !== null);
  rebuild(byId("banners"), banners, () =>
    banners.map(({ level, text }) =>
      el("p", { class: "banner", "data-level": level }, mark(level, word("level", level)), el("span", {}, text)),
    ),
  );
}

function bannersOf(link) {
  const { state } = room;
  const shown = room.at === null ? {} : { time: timeOfDay(room.at), age: minutes((serverNow() - room.at) / 1000) };
  const banners = [];
  if (link.lost) banners.push({ level: "red", text: t(state ? "lost" : "lost_first", shown) });
  else if (link.trouble !== null) banners.push({ level: "red", text: t("trouble", { ...shown, why: link.trouble }) });
  if (state === null) return banners;
  if (state.tour === null) banners.push({ level: "yellow", text: t("no_tour") });
  else if (state.tour.stretch > 1.0) {
    banners.push({ level: "yellow", text: t("stretched", { factor: state.tour.stretch.toFixed(2) }) });
  }
  const { queue } = state;
  if (queue.degraded !== null) {
    const about = { why: queue.degraded, n: queue.waiting, age: age(queue.oldest_s) };
    banners.push({ level: "yellow", text: t("degraded", about) });
  }
  if (queue.dead_letters > 0) banners.push({ level: "blue", text: t("dead", { n: queue.dead_letters }) });
  return banners;
}
