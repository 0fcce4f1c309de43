// The top bar: the loop, the rings' promises, health; and the banners under it.

import { byId, el, part, rebuild, setAttribute, setText } from "./dom";
import { language, pick, type PlainKey, sentence, t, word } from "./words";
import { type Banner, fillBannerBox, type Show } from "./banner_box";
import { age, minutes, serverNow, timeOfDay } from "./times";
import { targetText } from "./countdown";
import { coverRow, showCover } from "./cover";
import { asksTheRoom, escalationOf, whyEscalated } from "./escalation";
import { whyNoUnits } from "./nobody";
import { endBanners } from "./signed";
import {
  boundOf, camerasOf, isMaintenance, isOpen, notReal, room, seen, stateNow, titleOf, type Tone, toneOfShare, wordsOf,
} from "./room";
import type {
  CameraOnMap, Incident, Level, QueueStatus, RingOnMap, RingStatus, RoomState, StageStatus, StorageStatus, TourState, Trouble, WatchStatus,
} from "./api";

const [SOME_FAIL, MANY_FAIL] = [0.05, 0.5]; // of all cameras

export function showTop(): void {
  const state = stateNow();
  setText(byId("station"), pick(state.station, state.station_en));
  byId("simulated").hidden = !state.simulated;
  showLoop(state.stages);
  showRings(state.tour);
}

export function showClock(): void {
  setText(byId("clock"), timeOfDay(serverNow()));
}

function showLoop(stages: StageStatus[]): void {
  const busy = stages.filter((stage) => stage.count > 0);
  const slowest = busy.reduce<StageStatus | null>((worst, stage) => (worst && worst.oldest_s >= stage.oldest_s ? worst : stage), null);
  const loop = byId("loop");
  if (loop.children.length !== stages.length) loop.replaceChildren(...stages.map(stageCell));
  stages.forEach((stage, place) => {
    const cell = part(loop, place);
    const [label, count, oldest] = [part(cell, 0), part(cell, 1), part(cell, 2)];
    const isSlowest = stage === slowest;
    setText(label, word("stage", stage.stage));
    setText(count, String(stage.count));
    setText(oldest, stage.count > 0 ? minutes(stage.oldest_s) : "");
    setAttribute(cell, "data-slowest", isSlowest);
    setAttribute(cell, "data-busy", stage.count > 0);
    const facts = [t(`stage_${stage.stage}_means`)];
    if (stage.count > 0) facts.push(t("oldest", { age: minutes(stage.oldest_s) }));
    if (isSlowest) facts.push(t("slowest"));
    setAttribute(cell, "title", facts.join(" · "));
  });
}

function stageCell(): HTMLElement {
  return el("li", {}, el("span"), el("b"), el("small"));
}

const RING_TONES: Partial<Record<Tone, string>> = { ok: "green", soon: "amber", late: "red" };
const BOUND_AT = 0.75; // the bar reaches past its bound, so that a broken promise shows as one

function showRings(tour: TourState | null): void {
  const rings = byId("rings");
  const shown = room.layout.rings;
  if (rings.children.length !== shown.length) rings.replaceChildren(...shown.map(ringCell));
  shown.forEach((ring, place) => {
    const status = tour?.rings.find((one) => one.name === ring.name);
    showRing(part(rings, place), ring, status, tour !== null && isStretchedBy(tour) ? tour.stretch : 1);
  });
}

function ringCell(): HTMLElement {
  const bar = el("div", { class: "bar", role: "meter", "aria-valuemin": 0 }, el("i"), el("u"));
  return el("li", {}, el("span"), el("b"), bar, el("small"), coverRow());
}

// What most cameras of a ring are to be seen within at this hour.
function boundOfRing(ring: RingOnMap, status: RingStatus | undefined): number {
  return status?.bound_in_force_s ?? ring.revisit_bound_s;
}

function showRing(cell: HTMLElement, ring: RingOnMap, status: RingStatus | undefined, stretch: number): void {
  const [label, value, bar, bound, cover] = [part(cell, 0), part(cell, 1), part(cell, 2), part(cell, 3), part(cell, 4)];
  showCover(cover, ring);
  const bound_s = boundOfRing(ring, status);
  setText(label, word("ring", ring.name));
  // Red is past the promised one.
  const stretched = (bound_s * stretch).toFixed(1);
  const isAnother = stretch > 1;
  setText(bound, isAnother ? `${bound_s}→${stretched} s` : `≤${bound_s} s`);
  setAttribute(cell, "data-stretched", isAnother);
  setText(value, status ? status.blind_age_max_s.toFixed(1) : "—");
  if (!status) {
    setAttribute(cell, "data-tone", "none");
    setAttribute(cell, "title", t("not_toured"));
    part(bar, 0).style.width = "0";
    return;
  }
  const share = status.blind_age_max_s / bound_s;
  setAttribute(cell, "data-tone", status.past_bound > 0 ? "red" : RING_TONES[toneOfShare(share)]);
  part(bar, 0).style.width = `${Math.min(1, share * BOUND_AT) * 100}%`;
  setAttribute(bar, "aria-valuemax", bound_s);
  setAttribute(bar, "aria-valuenow", status.blind_age_max_s.toFixed(1));
  setAttribute(bar, "aria-label", ringTitle(ring, status));
  setAttribute(cell, "title", ringTitle(ring, status));
}

function ringTitle(ring: RingOnMap, status: RingStatus): string {
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

interface Fact {
  tone: string;
  title: string;
  detail: string;
}

// `isStale`: nothing is known of now.
export function showHealth(state: RoomState, isStale: boolean): void {
  const facts = isStale ? unknownHealth() : healthFacts(state);
  rebuild(byId("health"), facts, () => facts.map(healthCell));
}

function unknownHealth(): Fact[] {
  const detail = room.at === null ? "" : t("as_of", { time: timeOfDay(room.at) });
  return [t("queue_unknown"), t("cameras_unknown")].map((title) => ({ tone: "yellow", title, detail }));
}

function healthFacts({ queue, tour, watch }: RoomState): Fact[] {
  const isDegraded = queue.degraded !== null || watch.stalled_since !== null;
  const cameras = room.layout.cameras.length;
  const failing = tour ? Object.keys(tour.failing).length : 0;
  const blinded = tour ? blindedOf(tour).length : 0;
  return [
    {
      tone: isDegraded ? "yellow" : "green",
      title: t(isDegraded ? "queue_degraded" : "queue_fine"),
      detail: queue.dead_letters > 0 ? t("dead_letters", { n: queue.dead_letters }) : waitingText(queue),
    },
    {
      tone: tour === null ? "yellow" : camerasTone((failing + blinded) / cameras),
      title: tour ? t("online", { n: cameras - failing - blinded }) : t("not_toured"),
      detail: camerasText(cameras, failing, blinded),
    },
  ];
}

function camerasText(all: number, failing: number, blinded: number): string {
  const rest = failing > 0 ? t("failing_some", { n: failing, all }) : t("online_of", { n: all });
  return blinded > 0 ? `${t("blinded_some", { n: blinded })} · ${rest}` : rest;
}

// In a large station one or another always fails; it has its banner.
function camerasTone(share: number): Level {
  if (share >= MANY_FAIL) return "red";
  return share >= SOME_FAIL ? "yellow" : "green";
}

function waitingText(queue: QueueStatus): string {
  return queue.waiting > 0 ? t("queue_waiting", { n: queue.waiting, age: age(queue.oldest_s) }) : t("queue_clear");
}

function healthCell(fact: Fact): HTMLElement {
  return el("li", { "data-tone": fact.tone }, el("span", {}, fact.title), el("small", {}, fact.detail));
}

// `lost`: nothing is heard of the server; `trouble`: what it says of itself.
export interface Link {
  lost: boolean;
  trouble: string | null;
}

// `onShow(id)`: an incident is to be shown.
export function showBanners(link: Link, onShow: Show): void {
  setAttribute(document.body, "data-stale", link.lost || link.trouble !== null);
  fillBannerBox(bannersOf(link), onShow);
}

const MANY_CAMERAS = 20;

// The largest of the open ones, in its own words.
function worstMaintenance(state: RoomState): string {
  const open = state.incidents.filter((incident) => isOpen(incident) && isMaintenance(incident));
  const worst = open.reduce<Incident | null>((most, one) => (most && camerasOf(most).all >= camerasOf(one).all ? most : one), null);
  return worst === null ? "" : sentence(wordsOf(worst));
}

function silentTour(state: RoomState): Banner {
  const last = state.tour_reported_at === null ? null : Date.parse(state.tour_reported_at);
  const since = last === null ? "" : t("no_tour_since", { time: timeOfDay(last), age: minutes((serverNow() - last) / 1000) });
  const todo = t(state.queue.degraded === null ? "no_tour_do" : "no_tour_queue");
  return { key: "no_tour", level: "red", title: t("no_tour"), text: since, todo };
}

const LINGER_MS = 10_000;
const FLICKER_MS = 3_000;
const [STRETCHED_FROM, STRETCHED_UNTIL] = [1.05, 1.02];
const lingering = new Map<string, { banner: Banner; at: number }>();

// What comes and goes by the second stays for a moment after it is over, and says so: it does not flicker. Once it has
// been over for longer it looks like what it is: `over` says what was, and nothing asks for anything any more.
function calm(key: string, banner: Banner | null, over: PlainKey): Banner | null {
  const now = performance.now();
  if (banner !== null) lingering.set(key, { banner, at: now });
  const last = lingering.get(key);
  if (banner !== null || last === undefined || now - last.at > LINGER_MS) return banner;
  if (now - last.at > FLICKER_MS) return { key: last.banner.key, level: "blue", title: t(over) };
  return { ...last.banner, title: t("banner_over", { title: last.banner.title }) };
}

let isStretched = false;

// By a few per cent the tour is stretched now and then, and nobody can do anything about that.
function isStretchedBy({ stretch }: TourState): boolean {
  isStretched = stretch >= (isStretched ? STRETCHED_UNTIL : STRETCHED_FROM);
  return isStretched;
}

function stretchedTour(tour: TourState): Banner | null {
  if (!isStretchedBy(tour)) return null;
  const bounds = room.layout.rings.map((ring) => {
    const bound = boundOfRing(ring, tour.rings.find((one) => one.name === ring.name));
    return t("stretched_ring", { ring: word("ring", ring.name), now: (bound * tour.stretch).toFixed(1), bound });
  });
  const about = { factor: tour.stretch.toFixed(2) };
  const text = t("stretched_text", { bounds: bounds.join(t("comma")) });
  return { key: "stretched", level: "yellow", title: t("stretched", about), text, todo: t("stretched_do") };
}

let coreWasPastAt = -Infinity;

// Cameras past their bound, and those that fail: how many in each ring, and the one that has waited longest for its kind.
function unseenCameras(tour: TourState): Banner | null {
  type Count = (ring: RingStatus) => number;
  const byRing = (count: Count) =>
    tour.rings.filter((ring) => count(ring) > 0).map((ring) => `${word("ring", ring.name)} ${count(ring)}`).join(t("comma"));
  const sum = (count: Count) => tour.rings.reduce((all, ring) => all + count(ring), 0);
  const isPast: Count = (ring) => ring.past_bound;
  const isFailing: Count = (ring) => ring.failing;
  const [past, failing] = [sum(isPast), sum(isFailing)];
  const about = { key: "unseen", todo: t("unseen_do") };
  const fails = failing > 0 ? t("failing_now", { n: failing, rings: byRing(isFailing) }) : "";
  const failingOnly: Banner | null = failing > 0 ? { ...about, level: "blue", title: fails, text: worstUnseen(tour) } : null;
  if (past === 0) {
    const over = calm(`past ${language()}`, null, "past_over");
    return over === null || (over.level === "blue" && failingOnly !== null) ? failingOnly : over;
  }
  if (tour.rings.some((ring) => ring.name === "core" && ring.past_bound > 0)) coreWasPastAt = performance.now();
  const level = performance.now() - coreWasPastAt < LINGER_MS ? "red" : "yellow";
  const title = t("past_bound", { n: past, rings: byRing(isPast) });
  return calm(`past ${language()}`, { ...about, level, title, text: fails + worstUnseen(tour) }, "past_over");
}

function worstUnseen(tour: TourState): string {
  const worst = room.layout.cameras.reduce<{ camera: CameraOnMap; index: number; share: number } | null>((most, camera, index) => {
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
function shareOfBound(tour: TourState, camera: CameraOnMap, index: number): number {
  const blind = tour.blind_ages_s[index] ?? null;
  if (blind === null) return tour.failing[camera.id] ? Infinity : 0;
  const share = blind / (boundOf(camera) * tour.stretch);
  return share > 1 || tour.failing[camera.id] ? share : 0;
}

interface Blinded {
  camera: CameraOnMap;
  trouble: Trouble;
}

// Those of which pictures come that show nothing; what fails, or is late for that, is told as such.
function blindedOf(tour: TourState): Blinded[] {
  return room.layout.cameras.flatMap((camera) => {
    const trouble = tour.blinded[camera.id];
    return trouble === undefined || tour.failing[camera.id] !== undefined ? [] : [{ camera, trouble }];
  });
}

const BLINDED_SHOWN = 3;

// They are visited in time, so that no age grows: only this says that nothing can be seen there.
function blindCameras(tour: TourState): Banner | null {
  const blinded = blindedOf(tour);
  if (blinded.length === 0) return calm(`blinded ${language()}`, null, "blinded_over");
  const rings = room.layout.rings
    .map(({ name }) => ({ name, n: blinded.filter(({ camera }) => camera.ring === name).length }))
    .filter(({ n }) => n > 0);
  const named = blinded.slice(0, BLINDED_SHOWN).map(({ camera, trouble }) =>
    t("blinded_one", { camera: `${pick(camera.name, camera.name_en)} ${camera.id}`, why: word("trouble", trouble) }));
  const more = blinded.length - named.length;
  const level = rings.some(({ name }) => name === "core") ? "red" : "yellow";
  const title = t("blinded", { n: blinded.length, rings: rings.map(({ name, n }) => `${word("ring", name)} ${n}`).join(t("comma")) });
  const text = t("blinded_text", { cameras: named.join(t("semicolon")) + (more > 0 ? t("skipped_more", { n: more }) : "") });
  return calm(`blinded ${language()}`, { key: "blinded", level, title, text, todo: t("unseen_do") }, "blinded_over");
}

const SKIPPED_SHOWN = 3;

// Bounds that are broken knowingly: by whom, why, and until when.
function skippedCameras(tour: TourState): Banner[] {
  const skipped = (tour.skipped ?? []).flatMap((skip) => {
    const known = room.cameras.get(skip.id);
    return known ? [{ ...skip, camera: known.camera }] : [];
  });
  if (skipped.length === 0) return [];
  const named = skipped.slice(0, SKIPPED_SHOWN).map(({ camera, operator, until, reason }) =>
    t("skipped_one", { camera: pick(camera.name, camera.name_en), who: operator, why: reason, time: timeOfDay(Date.parse(until)) }));
  const more = skipped.length - named.length;
  const text = named.join(t("semicolon")) + (more > 0 ? t("skipped_more", { n: more }) : "");
  const isCore = skipped.some(({ camera }) => camera.ring === "core");
  return [{ key: "skipped", level: isCore ? "yellow" : "blue", title: t("skipped_some", { n: skipped.length }), text }];
}

// What the store did not take waits on the disk of the tour's machine.
function storageBanners({ kept, short }: StorageStatus): Banner[] {
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  const banners = short.map(({ place, free, size }): Banner => {
    const about = { place: word("place", place), free: gigabytes(free), size: gigabytes(size), percent: Math.floor((100 * free) / size) };
    const level = free < size / 50 ? "red" : "yellow";
    return { key: `disk ${place}`, level, title: t("disk_short", about), text: t("disk_short_text", about), todo: t("disk_short_do") };
  });
  if (kept.waiting > 0 && kept.since !== null) {
    const about = { n: kept.waiting, ...sinceOf(kept.since) };
    banners.push({ key: "refused", level: "red", title: t("refused"), text: t("refused_text", about), todo: t("refused_do") });
  }
  if (kept.aside > 0) banners.push({ key: "set_aside", level: "yellow", title: t("set_aside", { n: kept.aside }), todo: t("set_aside_do") });
  return banners;
}

function sinceOf(at: string): { time: string; age: string } {
  return { time: timeOfDay(Date.parse(at)), age: minutes((serverNow() - Date.parse(at)) / 1000) };
}

const FINDINGS_SHOWN = 5;
// What the banners of the queue say already; while that is degraded, of all that waits for it.
const SAID_OF_DEAD: string[] = ["dead_letters"];
const SAID_OF_DEGRADED: string[] = ["dead_letters", "unpublished", "outbox_old"];

function auditBanners(watch: WatchStatus, queue: QueueStatus): Banner[] {
  if (watch.unaudited_since !== null) {
    const text = t("unaudited_text", sinceOf(watch.unaudited_since));
    return [{ key: "unaudited", level: "red", title: t("unaudited"), text, todo: t("unaudited_do") }];
  }
  const said = queue.degraded === null ? SAID_OF_DEAD : SAID_OF_DEGRADED;
  const findings = watch.findings.filter((finding) => !said.includes(finding.kind));
  const banners = findings.slice(0, FINDINGS_SHOWN).map((finding): Banner => ({
    key: `finding ${finding.kind} ${finding.subject}`,
    level: finding.level === "red" ? "red" : "yellow",
    title: word("finding", finding.kind),
    text: sentence(`${pick(finding.words_zh, finding.words_en)} ${t("finding_since", sinceOf(finding.since))}`),
  }));
  const more = watch.found - watch.findings.length + findings.length - banners.length;
  if (more > 0 && banners.length > 0) banners.push({ key: "findings", level: "yellow", title: t("findings_more", { n: more }) });
  return banners;
}

const ASKED_SHOWN = 4;

// Everybody is to look, and nobody has taken it on. Counts no seconds: its button stays as it is under the pointer.
function askedOfTheRoom(incidents: Incident[]): Banner[] {
  const asked = incidents.filter(asksTheRoom);
  const banners = asked.slice(0, ASKED_SHOWN).flatMap((incident): Banner[] => {
    const escalation = escalationOf(incident);
    if (escalation === null) return [];
    const about = { time: timeOfDay(Date.parse(escalation.at)), incident: titleOf(incident), why: sentence(whyEscalated(escalation)) };
    const title = [notReal(incident), t("room_asked")].filter(Boolean).join(" · ");
    return [{ key: `room ${incident.id}`, level: "red", urgent: true, title, text: t("room_asked_text", about), shows: incident.id }];
  });
  const more = asked.length - banners.length;
  if (more > 0) {
    const next = asked[ASKED_SHOWN]?.id; // the button leads to it, and to no other one while somebody aims
    banners.push({ key: `more ${next}`, level: "red", urgent: true, title: t("room_asked_more", { n: more }), shows: next });
  }
  return banners;
}

// Nothing is heard of the server, or it says that it knows nothing of now.
function linkBanners({ lost, trouble }: Link, wasShown: boolean): Banner[] {
  const shown = room.at === null ? { time: "", age: "" } : { time: timeOfDay(room.at), age: minutes((serverNow() - room.at) / 1000) };
  const about = { level: "red", link: true } as const;
  if (lost && !wasShown) return [{ ...about, key: "lost", title: t("lost_first") }];
  if (lost) return [{ ...about, key: "lost", title: t("lost"), text: t("shown_as_of", shown), todo: t("lost_do") }];
  if (trouble === null) return [];
  const text = [t("trouble_text"), wasShown ? t("shown_as_of", shown) : ""].filter(Boolean).join(" ");
  return [{ ...about, key: "trouble", title: t("trouble", { why: trouble }), text, todo: t("trouble_do") }];
}

// What keeps units from being sent, or from hearing of it.
function sendingBanners(state: RoomState): Banner[] {
  const { queue, watch } = state;
  const nobody = whyNoUnits(state);
  const banners: Banner[] = nobody === null ? [] : [{ key: nobody, level: "yellow", title: t(nobody), todo: t(`${nobody}_do`) }];
  if (queue.degraded !== null) {
    const text = t("degraded_text", { why: queue.degraded, n: queue.waiting, age: age(queue.oldest_s) });
    banners.push({ key: "degraded", level: "yellow", title: t("degraded"), text, todo: t("degraded_do") });
  }
  if (watch.stalled_since !== null) {
    const text = t("stalled_text", sinceOf(watch.stalled_since));
    banners.push({ key: "stalled", level: "red", title: t("stalled"), text, todo: t("stalled_do") });
  }
  return banners;
}

function bannersOf(link: Link): Banner[] {
  const state = room.layout.version === null ? null : room.state;
  const banners = linkBanners(link, state !== null); // first: nothing below it is as of now
  if (state === null) return banners;
  banners.push(...askedOfTheRoom(state.incidents));
  const { queue, maintenance, tour, watch } = state;
  if (tour === null) banners.push(silentTour(state));
  const unseen = tour === null ? [] : [calm(`stretched ${language()}`, stretchedTour(tour), "stretched_over"), unseenCameras(tour), blindCameras(tour)];
  banners.push(...unseen.filter((banner) => banner !== null), ...(tour === null ? [] : skippedCameras(tour)));
  if (maintenance.cameras >= MANY_CAMERAS) {
    const title = t("cameras_down", { ...maintenance });
    banners.push({ key: "cameras_down", level: "yellow", title, text: worstMaintenance(state), todo: t("cameras_down_do") });
  }
  banners.push(...storageBanners(state.storage), ...sendingBanners(state));
  banners.push(...auditBanners(watch, queue));
  if (watch.clock_off_s !== null) {
    const about = { age: minutes(Math.abs(watch.clock_off_s)) };
    const text = t(watch.clock_off_s > 0 ? "clock_ahead" : "clock_behind", about);
    banners.push({ key: "clock", level: "yellow", title: t("clock_jumped"), text, todo: t("clock_do") });
  }
  banners.push(...endBanners());
  if (queue.dead_letters > 0) banners.push({ key: "dead", level: "blue", title: t("dead", { n: queue.dead_letters }), letters: true });
  return banners;
}
