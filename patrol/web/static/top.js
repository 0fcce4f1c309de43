// The top bar: the loop, the rings' promises, health; and the banners under it.

import { el, mark, rebuild, setAttribute, setText } from "./dom.js";
import { pick, t, word } from "./words.js";
import { age, minutes, serverNow, timeOfDay } from "./times.js";
import { targetText } from "./countdown.js";
import { coverRow, showCover } from "./cover.js";
import { asksTheRoom, escalationOf, whyEscalated } from "./escalation.js";
import { openLetters } from "./letters.js";
import { endBanners } from "./signed.js";
import { boundOf, camerasOf, isMaintenance, isOpen, notReal, room, seen, titleOf, toneOfShare, wordsOf } from "./room.js";

const [SOME_FAIL, MANY_FAIL] = [0.05, 0.5]; // of all cameras

const byId = (id) => document.getElementById(id);

export function showTop() {
  const { state } = room;
  setText(byId("station"), pick(state.station, state.station_en));
  byId("simulated").hidden = !state.simulated;
  showLoop(state.stages);
  showRings(state.tour);
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
    showRing(rings.children[place], ring, status, tour?.stretch ?? 1);
  });
}

function ringCell() {
  const bar = el("div", { class: "bar", role: "meter", "aria-valuemin": 0 }, el("i"), el("u"));
  return el("li", {}, el("span"), el("b"), bar, el("small"), coverRow());
}

// What most cameras of a ring are to be seen within at this hour.
function boundOfRing(ring, status) {
  return status?.bound_in_force_s ?? ring.revisit_bound_s;
}

function showRing(cell, ring, status, stretch) {
  const [label, value, bar, bound, cover] = cell.children;
  showCover(cover, ring);
  const bound_s = boundOfRing(ring, status);
  setText(label, word("ring", ring.name));
  // Red is past the promised one.
  setText(bound, stretch > 1 ? `${bound_s}→${(bound_s * stretch).toFixed(1)} s` : `≤${bound_s} s`);
  setAttribute(cell, "data-stretched", stretch > 1);
  setText(value, status ? status.blind_age_max_s.toFixed(1) : "—");
  if (!status) {
    setAttribute(cell, "data-tone", "none");
    setAttribute(cell, "title", t("not_toured"));
    bar.firstElementChild.style.width = "0";
    return;
  }
  const share = status.blind_age_max_s / bound_s;
  setAttribute(cell, "data-tone", status.past_bound > 0 ? "red" : RING_TONES[toneOfShare(share)]);
  bar.firstElementChild.style.width = `${Math.min(1, share * BOUND_AT) * 100}%`;
  setAttribute(bar, "aria-valuemax", bound_s);
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
    bound: boundOfRing(ring, status),
    failing: status.failing,
    past: status.past_bound,
    target: targetText(ring.response_target_s),
  });
}

// `isStale`: nothing is known of now.
export function showHealth(state, isStale) {
  const facts = isStale ? unknownHealth() : healthFacts(state);
  rebuild(byId("health"), facts, () => facts.map(healthCell));
}

function unknownHealth() {
  const detail = t("as_of", { time: timeOfDay(room.at) });
  return ["queue_unknown", "cameras_unknown"].map((key) => ({ tone: "yellow", title: t(key), detail }));
}

function healthFacts({ queue, tour, watch }) {
  const isDegraded = queue.degraded !== null || watch.stalled_since !== null;
  const cameras = room.layout.cameras.length;
  const failing = tour ? Object.keys(tour.failing).length : 0;
  return [
    {
      tone: isDegraded ? "yellow" : "green",
      title: t(isDegraded ? "queue_degraded" : "queue_fine"),
      detail: queue.dead_letters > 0 ? t("dead_letters", { n: queue.dead_letters }) : waitingText(queue),
    },
    {
      tone: tour === null ? "yellow" : camerasTone(failing / cameras),
      title: tour ? t("online", { n: cameras - failing }) : t("not_toured"),
      detail: t(failing > 0 ? "failing_some" : "online_of", { n: failing > 0 ? failing : cameras, all: cameras }),
    },
  ];
}

// In a large station one or another always fails; it has its banner.
function camerasTone(share) {
  if (share >= MANY_FAIL) return "red";
  return share >= SOME_FAIL ? "yellow" : "green";
}

function waitingText(queue) {
  return queue.waiting > 0 ? t("queue_waiting", { n: queue.waiting, age: age(queue.oldest_s) }) : t("queue_clear");
}

function healthCell(fact) {
  return el("li", { "data-tone": fact.tone }, el("span", {}, fact.title), el("small", {}, fact.detail));
}

// `link`: { lost, trouble }; `onShow(id)`: an incident is to be shown.
export function showBanners(link, onShow) {
  const banners = bannersOf(link);
  setAttribute(document.body, "data-stale", link.lost || link.trouble !== null);
  const box = byId("banners");
  while (box.children.length > banners.length) box.lastElementChild.remove();
  while (box.children.length < banners.length) box.append(el("p", { class: "banner" }));
  // Each by itself: a button must not be made anew under the pointer because another banner counts seconds.
  banners.forEach((banner, place) => {
    setAttribute(box.children[place], "data-level", banner.level);
    setAttribute(box.children[place], "data-urgent", banner.urgent === true);
    setAttribute(box.children[place], "role", banner.urgent ? "alert" : null);
    rebuild(box.children[place], banner, () => bannerParts(banner, onShow));
  });
}

function bannerParts({ level, title, text, letters, shows }, onShow) {
  const words = el("span", {}, title ? el("strong", {}, title, " ") : null, text);
  const button = letters ? lettersButton() : shows ? showButton(shows, onShow) : null;
  return [mark(level, word("level", level)), words, ...(button ? [button] : [])];
}

function showButton(id, onShow) {
  const button = el("button", { type: "button", "data-needs": "act" }, t("room_asked_show"));
  button.addEventListener("click", () => onShow(id));
  return button;
}

function lettersButton() {
  const button = el("button", { type: "button", class: "quiet", "data-needs": "see_letters" }, t("letters_show"));
  button.addEventListener("click", openLetters);
  return button;
}

const MANY_CAMERAS = 20;

// The largest of the open ones, in its own words.
function worstMaintenance(state) {
  const open = state.incidents.filter((incident) => isOpen(incident) && isMaintenance(incident));
  const worst = open.reduce((most, one) => (most && camerasOf(most).all >= camerasOf(one).all ? most : one), null);
  return worst === null ? "" : wordsOf(worst);
}

function silentTour(state) {
  const last = state.tour_reported_at === null ? null : Date.parse(state.tour_reported_at);
  const since = last === null ? "" : t("no_tour_since", { time: timeOfDay(last), age: minutes((serverNow() - last) / 1000) });
  return { level: "red", title: t("no_tour"), text: since + t(state.queue.degraded === null ? "no_tour_do" : "no_tour_queue") };
}

function stretchedTour(tour) {
  if (tour.stretch <= 1) return null;
  const bounds = room.layout.rings.map((ring) => {
    const bound = boundOfRing(ring, tour.rings.find((one) => one.name === ring.name));
    return t("stretched_ring", { ring: word("ring", ring.name), now: (bound * tour.stretch).toFixed(1), bound });
  });
  const about = { factor: tour.stretch.toFixed(2) };
  return { level: "yellow", title: t("stretched", about), text: t("stretched_text", { bounds: bounds.join(t("comma")) }) };
}

// Cameras past their bound, and those that fail: how many in each ring, and the one that has waited longest for its kind.
function unseenCameras(tour) {
  const byRing = (count) =>
    tour.rings.filter((ring) => count(ring) > 0).map((ring) => `${word("ring", ring.name)} ${count(ring)}`).join(t("comma"));
  const sum = (count) => tour.rings.reduce((all, ring) => all + count(ring), 0);
  const [isPast, isFailing] = [(ring) => ring.past_bound, (ring) => ring.failing];
  const [past, failing] = [sum(isPast), sum(isFailing)];
  if (past + failing === 0) return null;
  const parts = [];
  if (past > 0) parts.push(t("past_bound", { n: past, rings: byRing(isPast) }));
  if (failing > 0) parts.push(t("failing_now", { n: failing, rings: byRing(isFailing) }));
  const core = tour.rings.some((ring) => ring.name === "core" && ring.past_bound > 0);
  const level = core ? "red" : past > 0 ? "yellow" : "blue";
  return { level, title: parts.shift(), text: parts.join("") + worstUnseen(tour) };
}

function worstUnseen(tour) {
  const worst = room.layout.cameras.reduce((most, camera, index) => {
    const share = shareOfBound(tour, camera, index);
    return share > (most?.share ?? 0) ? { camera, index, share } : most;
  }, null);
  if (worst === null) return "";
  const { camera, index } = worst;
  const { age: blind, failing } = seen(index);
  return t("worst_unseen", {
    camera: `${pick(camera.name, camera.name_en)} ${camera.id}`,
    age: blind === null ? t("seen_never") : t("unseen_for", { age: age(blind) }),
    bound: boundOf(camera),
    why: failing === null ? "" : t("because", { why: word("failing", failing) }),
  });
}

// How much of its bound a camera has been unseen for. One never seen counts once a visit has failed.
function shareOfBound(tour, camera, index) {
  const blind = tour.blind_ages_s[index] ?? null;
  if (blind === null) return tour.failing[camera.id] ? Infinity : 0;
  const share = blind / (boundOf(camera) * tour.stretch);
  return share > 1 || tour.failing[camera.id] ? share : 0;
}

// What the store did not take waits on the disk of the tour's machine.
function storageBanners({ kept, short }) {
  const gigabytes = (bytes) => (bytes / 1e9).toFixed(1);
  const banners = short.map(({ place, free, size }) => {
    const about = { place: word("place", place), free: gigabytes(free), size: gigabytes(size), percent: Math.floor((100 * free) / size) };
    return { level: free < size / 50 ? "red" : "yellow", title: t("disk_short", about), text: t("disk_short_text", about) };
  });
  if (kept.waiting > 0) {
    const since = Date.parse(kept.since);
    const about = { n: kept.waiting, time: timeOfDay(since), age: minutes((serverNow() - since) / 1000) };
    banners.push({ level: "red", title: t("refused"), text: t("refused_text", about) });
  }
  if (kept.aside > 0) banners.push({ level: "yellow", text: t("set_aside", { n: kept.aside }) });
  return banners;
}

function sinceOf(at) {
  return { time: timeOfDay(Date.parse(at)), age: minutes((serverNow() - Date.parse(at)) / 1000) };
}

const FINDINGS_SHOWN = 5;
// What the banners of the queue say already; while that is degraded, of all that waits for it.
const SAID_OF_DEAD = ["dead_letters"];
const SAID_OF_DEGRADED = ["dead_letters", "unpublished", "outbox_old"];

function auditBanners(watch, queue) {
  if (watch.unaudited_since !== null) {
    return [{ level: "red", title: t("unaudited"), text: t("unaudited_text", sinceOf(watch.unaudited_since)) }];
  }
  const said = queue.degraded === null ? SAID_OF_DEAD : SAID_OF_DEGRADED;
  const findings = watch.findings.filter((finding) => !said.includes(finding.kind));
  const banners = findings.slice(0, FINDINGS_SHOWN).map((finding) => ({
    level: finding.level === "red" ? "red" : "yellow",
    title: word("finding", finding.kind),
    text: `${pick(finding.words_zh, finding.words_en)} ${t("finding_since", sinceOf(finding.since))}`,
  }));
  const more = watch.found - watch.findings.length + findings.length - banners.length;
  if (more > 0 && banners.length > 0) banners.push({ level: "yellow", text: t("findings_more", { n: more }) });
  return banners;
}

const ASKED_SHOWN = 4;

// Everybody is to look, and nobody has taken it on. Counts no seconds: its button stays as it is under the pointer.
function askedOfTheRoom(incidents) {
  const asked = incidents.filter(asksTheRoom);
  const banners = asked.slice(0, ASKED_SHOWN).map((incident) => {
    const escalation = escalationOf(incident);
    const about = { time: timeOfDay(Date.parse(escalation.at)), incident: titleOf(incident), why: whyEscalated(escalation) };
    const title = [notReal(incident), t("room_asked")].filter(Boolean).join(" · ");
    return { level: "red", urgent: true, title, text: t("room_asked_text", about), shows: incident.id };
  });
  const more = asked.length - banners.length;
  if (more > 0) banners.push({ level: "red", urgent: true, text: t("room_asked_more", { n: more }), shows: asked[ASKED_SHOWN].id });
  return banners;
}

function bannersOf(link) {
  const state = room.layout.version === null ? null : room.state;
  const shown = room.at === null ? {} : { time: timeOfDay(room.at), age: minutes((serverNow() - room.at) / 1000) };
  const banners = state === null ? [] : askedOfTheRoom(state.incidents);
  if (link.lost) banners.push({ level: "red", text: t(state ? "lost" : "lost_first", shown) });
  else if (link.trouble !== null) banners.push({ level: "red", text: t("trouble", { ...shown, why: link.trouble }) });
  if (state === null) return banners;
  const { queue, maintenance, tour, watch } = state;
  if (tour === null) banners.push(silentTour(state));
  else banners.push(...[stretchedTour(tour), unseenCameras(tour)].filter(Boolean));
  if (maintenance.cameras >= MANY_CAMERAS) {
    banners.push({ level: "yellow", text: t("cameras_down", { ...maintenance, worst: worstMaintenance(state) }) });
  }
  banners.push(...storageBanners(state.storage));
  if (queue.degraded !== null) {
    const about = { why: queue.degraded, n: queue.waiting, age: age(queue.oldest_s) };
    banners.push({ level: "yellow", text: t("degraded", about) });
  }
  if (watch.stalled_since !== null) {
    banners.push({ level: "red", title: t("stalled"), text: t("stalled_text", sinceOf(watch.stalled_since)) });
  }
  banners.push(...auditBanners(watch, queue));
  if (watch.clock_off_s !== null) {
    const about = { age: minutes(Math.abs(watch.clock_off_s)) };
    banners.push({ level: "yellow", title: t("clock_jumped"), text: t(watch.clock_off_s > 0 ? "clock_ahead" : "clock_behind", about) });
  }
  banners.push(...endBanners());
  if (queue.dead_letters > 0) banners.push({ level: "blue", text: t("dead", { n: queue.dead_letters }), letters: true });
  return banners;
}
