// The cameras: all of them in a list, those that want mending on top; beside it one of them with its day and its visits.

import { createRef, render } from "preact";
import { batch, computed, signal } from "@preact/signals";
import { type PlainKey, pick, t, word } from "./words";
import { boundOf, openCount, room, seen } from "./room";
import { ActionFailed, getOf } from "./sending";
import { failureText } from "./stream";
import { openLive } from "./live";
import { CameraDetailPane, lookAtCamera, tellOfIncidents, tickDetail } from "./cameras_detail";
import { CamerasList, LIST_ID, showRow } from "./cameras_list";
import { type CamerasChoice, groupsOf, keepChoice, keptChoice, type KnownOfCamera, listed, ORDERS, sitesOf, STANDINGS, USUAL_CHOICE } from "./cameras_choice";
import { skipOf } from "./skips";
import { addressOf, goTo, partOfView, view } from "./views";
import type { CameraShown, RingName } from "./api";

const AT_ONCE = "500";
const EVERY_MS = 30_000;
const BEAT_MS = 1000;
const RINGS: RingName[] = ["core", "periphery", "far"];

const choice = signal<CamerasChoice>(keptChoice());
const shown = signal<string[]>([]); // ids, in their order
const wanted = signal<string[]>([]); // in which order they would stand by now: nothing moves but by hand
const known = signal(new Map<string, CameraShown>());
const failure = signal("");
const chosen = signal("");
const beat = signal(0);
const isChanged = computed(() => choice.value.order !== "now" && shown.value.join() !== wanted.value.join());
const search = createRef<HTMLInputElement>();
let furnished: string | null = null; // the layout's version that is listed
let fetchedAt = -Infinity;
let beatAt = -Infinity;
let isFetching = false;

// `onIncident`: told of one that is to be shown.
export function placeCameras(node: Element, onIncident: (id: string) => void): void {
  tellOfIncidents(onIncident);
  render(<Cameras />, node);
}

// Another view came to the front, or another camera of this one.
export function followCameras(): void {
  if (view() !== "cameras") {
    lookAtCamera(null);
    return;
  }
  chosen.value = partOfView();
  lookAtCamera(chosen.value || null);
  showCameras();
  if (chosen.value) showRow(shown.value.indexOf(chosen.value));
}

// The room has changed, or its words have.
export function showCameras(): void {
  if (view() !== "cameras" || room.state === null || room.layout.version === null) return;
  if (furnished !== room.layout.version) {
    furnished = room.layout.version;
    arrange();
    showChosen();
  }
  tickCameras();
}

export function tickCameras(): void {
  if (view() !== "cameras" || furnished === null) return;
  const now = performance.now();
  if (now - beatAt < BEAT_MS) return;
  beatAt = now;
  if (now - fetchedAt > EVERY_MS && document.visibilityState === "visible") void fetchAll();
  beat.value += 1;
  tickDetail();
}

export function speakCameras(): void {
  if (furnished !== null) beat.value += 1;
}

// Whether the key was this view's.
export function cameraKey({ key }: KeyboardEvent): boolean {
  const steps: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  const step = steps[key];
  if (step !== undefined) stepBy(step);
  else if (key === "/") search.current?.focus();
  else if (key === "l" && chosen.value) openLive(chosen.value);
  else if (key === "Enter" && chosen.value) document.getElementById("camera")?.focus();
  else if (key === "Escape") document.getElementById(LIST_ID)?.focus();
  else return false;
  return true;
}

function stepBy(step: number): void {
  const { value: ids } = shown;
  if (ids.length === 0) return;
  const from = ids.indexOf(chosen.value);
  const to = Math.max(0, Math.min(ids.length - 1, from === -1 ? 0 : from + step));
  choose(ids[to] ?? "");
  document.getElementById(LIST_ID)?.focus({ preventScroll: true });
}

// By keys one goes through many: the address keeps the last, and each is no step back.
function choose(id: string): void {
  history.replaceState(null, "", addressOf("cameras", id));
  followCameras();
}

async function fetchAll(): Promise<void> {
  if (isFetching) return;
  isFetching = true;
  fetchedAt = performance.now();
  try {
    const found = new Map<string, CameraShown>();
    let cursor: string | null = null;
    do {
      const page: { items: CameraShown[]; next: string | null } = await getOf("/api/v1/cameras", {}, cursor === null ? { limit: AT_ONCE } : { limit: AT_ONCE, cursor });
      for (const one of page.items) found.set(one.id, one);
      cursor = page.next;
    } while (cursor !== null);
    const isFirst = known.value.size === 0;
    batch(() => {
      known.value = found;
      failure.value = "";
    });
    if (isFirst) {
      arrange();
      showChosen();
    } else wanted.value = inOrder();
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    failure.value = t("cam_failed", { why: failureText(error) });
  } finally {
    isFetching = false;
  }
}

function knownOf(index: number): KnownOfCamera {
  const camera = room.layout.cameras[index];
  const { tone, age, blinded } = seen(index);
  if (camera === undefined) return { tone, now: null, worst: null, troubled: false, skipped: false, calibrated: null };
  const one = known.value.get(camera.id);
  return {
    tone,
    now: age === null ? null : age / boundOf(camera),
    worst: one?.worst ? one.worst.blind_age_s / one.worst.bound_s : null,
    troubled: (one?.troubles.length ?? 0) > 0 || blinded !== null,
    skipped: skipOf(camera.id) !== null,
    calibrated: one?.calibrated ?? null,
  };
}

function inOrder(): string[] {
  return listed(room.layout.cameras, choice.value, knownOf).map(({ id }) => id);
}

function arrange(): void {
  const ids = inOrder();
  batch(() => {
    shown.value = wanted.value = ids;
  });
}

// Once the list is as long as it is going to be.
function showChosen(): void {
  requestAnimationFrame(() => showRow(shown.value.indexOf(chosen.value)));
}

function pickOut(change: Partial<CamerasChoice>): void {
  choice.value = { ...choice.value, ...change };
  keepChoice(choice.value);
  arrange();
  showRow(0);
}

function Cameras() {
  return (
    <>
      <Bar />
      <div class="cam-columns" data-chosen={chosen.value !== ""}>
        <div class="cam-side">
          <CamerasList ids={shown.value} known={known.value} chosen={chosen.value} beat={beat.value} onChoose={(id) => goTo("cameras", id)} />
          <Empty />
        </div>
        <CameraDetailPane id={chosen.value} known={known.value.get(chosen.value) ?? null} beat={beat.value} />
      </div>
    </>
  );
}

function Bar() {
  const { order, standing, ring, site, group, text } = choice.value;
  const { cameras } = room.layout;
  const groups = groupsOf(cameras);
  return (
    <header class="wall-bar cam-bar">
      <div class="wall-head">
        <h2 id="cameras-title">{t("view_cameras")}</h2>
        <p class="cam-count">{t("cam_count", { n: shown.value.length, all: cameras.length })}</p>
        {isChanged.value ? <button type="button" id="cam-changed" onClick={arrange}>{t("cam_changed")}</button> : null}
        <p class="cam-failure" role="alert">{failure.value}</p>
        <ToRoom />
      </div>
      <div class="cam-choice">
        <label class="cam-search">
          <span class="unseen">{t("cam_search")}</span>
          <input ref={search} type="search" maxLength={64} placeholder={t("cam_search")} value={text} onInput={(event) => pickOut({ text: event.currentTarget.value })} onKeyDown={leaveBy} />
        </label>
        <div class="segments" role="group" aria-label={t("cam_order")}>
          {ORDERS.map((one) => (
            <button type="button" key={one} data-name={one} aria-pressed={one === order} onClick={() => pickOut({ order: one })}>{t(`cam_order_${one}`)}</button>
          ))}
        </div>
        <Choice label={t("cam_standing")} chosen={standing} all={STANDINGS.map((one) => [one, t(`cam_standing_${one}`)])} onChoose={(one) => pickOut({ standing: one })} />
        <Choice label={t("cam_ring")} chosen={ring} all={[["", t("cam_ring_all")], ...RINGS.map((one): [RingName, string] => [one, word("ring", one)])]} onChoose={(one) => pickOut({ ring: one })} />
        <Choice label={t("cam_site")} chosen={site} all={[["", t("cam_site_all")], ...sitesOf(cameras).map((one): [string, string] => [one.site, pick(one.site, one.site_en)])]} onChoose={(one) => pickOut({ site: one })} />
        {groups.length > 0 && <Choice label={t("cam_group")} chosen={group} all={[["", t("cam_group_all")], ...groups.map((one): [string, string] => [one, one])]} onChoose={(one) => pickOut({ group: one })} />}
      </div>
    </header>
  );
}

interface ChoiceProps<Name extends string> {
  label: string;
  chosen: Name;
  all: [Name, string][];
  onChoose: (name: Name) => void;
}

function Choice<Name extends string>({ label, chosen: now, all, onChoose }: ChoiceProps<Name>) {
  return (
    <label class="cam-select">
      <span class="unseen">{label}</span>
      <select value={now} data-on={now !== "" && now !== "all"} onChange={(event) => onChoose(event.currentTarget.value as Name)}>
        {all.map(([name, text]) => <option key={name} value={name} selected={name === now}>{text}</option>)}
      </select>
    </label>
  );
}

// Back from the search to the list.
function leaveBy(event: KeyboardEvent): void {
  if (event.key !== "Escape" && event.key !== "Enter") return;
  event.stopPropagation();
  document.getElementById(LIST_ID)?.focus();
}

// Where the feed has no room beside this, what is open is told here, and leads there.
function ToRoom() {
  void beat.value;
  const open = room.state === null ? 0 : openCount();
  return <a class="cam-room" href="#room">{t("wall_open", { n: open })}</a>;
}

function Empty() {
  if (shown.value.length > 0 || furnished === null) return null;
  const says: PlainKey = room.layout.cameras.length === 0 ? "cam_empty_all" : "cam_empty_text";
  return (
    <div class="teach" id="cam-empty">
      <h3>{t("cam_empty")}</h3>
      <p>{t(says)}</p>
      {says === "cam_empty_text" && <button type="button" onClick={() => pickOut({ ...USUAL_CHOICE, order: choice.value.order })}>{t("wall_show_all")}</button>}
    </div>
  );
}
