// The live sheet: one camera as it is now, over whatever else is on the page. Closing it gives the camera back.

import { signal } from "@preact/signals";
import { createRef, render } from "preact";
import { lookUp, pick, t, word } from "./words";
import { age, serverNow } from "./times";
import { peopleText, room, seen } from "./room";
import { addressOf } from "./views";
import { type Overlay, overlayOf, strengthOf } from "./overlay";
import { wallStills } from "./wall_stills";
import { type Reason, Watch, type Watched } from "./watching";
import { zonesAddress } from "./zone_editor";
import { ActionFailed, getOf } from "./sending";
import type { DrawnMask, LiveZone, StillBox, StillShown } from "./api";

const KEPT = "patrol.live";
const TICK_MS = 500;

const sheet = createRef<HTMLDialogElement>();
const video = createRef<HTMLVideoElement>();
const canvas = createRef<HTMLCanvasElement>();
const cameraId = signal<string | null>(null);
const watched = signal<Watched>({ kind: "connecting" });
const zones = signal<LiveZone[]>([]);
const masks = signal<DrawnMask[]>([]);
const found = signal<StillShown | null>(null); // what the tour found there last
const overlay = signal<Overlay>(overlayOf(localStorage.getItem(KEPT)));
const beat = signal(0); // counts up as what was found grows old
const size = signal({ width: 16, height: 9 });
let watch: Watch | null = null;
let ticking: number | undefined;

// Of the camera at hand, whatever else the page shows of the tour.
const looker = {
  onStill: (still: StillShown) => {
    if (still.camera_id === cameraId.value) found.value = still;
  },
  onLook: () => undefined,
};

export function placeLive(node: Element): void {
  render(<LiveSheet />, node);
  addEventListener("pagehide", () => watch?.stop());
}

// A camera's live view. Nothing where nobody knows the camera.
export function openLive(id: string | null): void {
  if (id === null || !room.cameras.has(id) || sheet.current === null) return;
  if (!sheet.current.open) sheet.current.showModal();
  begin(id);
}

function begin(id: string): void {
  watch?.stop();
  watch = null;
  cameraId.value = id;
  zones.value = [];
  masks.value = [];
  found.value = null;
  lookForFound();
  void fetchDrawn(id);
  if (video.current === null || canvas.current === null) return;
  watch = new Watch(id, {
    video: video.current,
    canvas: canvas.current,
    onChange: (now) => {
      watched.value = now;
      measure();
    },
    onZones: (all) => (zones.value = all),
  });
}

// What is drawn in its picture, also where only stills can be had. Which zones hold a live view says itself.
async function fetchDrawn(camera_id: string): Promise<void> {
  try {
    const { scene } = (await getOf("/api/v1/cameras/{camera_id}/scene", { camera_id })).written;
    if (cameraId.value !== camera_id) return;
    masks.value = scene.masks;
    if (zones.value.length > 0) return;
    zones.value = scene.zones.map(({ name, name_en, polygon, line }) => ({ name, name_en, outline: polygon ?? line ?? [] }));
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error; // where the file is not at hand, nothing is known of it
  }
}

function end(): void {
  watch?.stop();
  watch = null;
  cameraId.value = null;
  lookForFound();
}

// Stills come only for somebody who wants to see what is in them.
function lookForFound(): void {
  clearInterval(ticking);
  const id = cameraId.value;
  wallStills.look(looker, id === null ? [] : [id]);
  if (id === null || !overlay.value.found) return wallStills.close(looker);
  wallStills.open(looker);
  ticking = setInterval(() => (beat.value += 1), TICK_MS);
}

function choose(change: Partial<Overlay>): void {
  overlay.value = { ...overlay.value, ...change };
  localStorage.setItem(KEPT, JSON.stringify(overlay.value));
  if ("found" in change) lookForFound();
}

function press(event: KeyboardEvent): void {
  const isElsewhere = event.target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey;
  if (isElsewhere || !["z", "d"].includes(event.key)) return;
  event.preventDefault();
  choose(event.key === "z" ? { zones: !overlay.value.zones } : { found: !overlay.value.found });
}

// The shape of what is shown, once there is a picture of it.
function measure(): void {
  const [moving, still] = [video.current, canvas.current];
  const isStill = watched.value.kind === "stills";
  if (watched.value.kind === "stills" && watched.value.age_s === null) return;
  const width = isStill ? still?.width : moving?.videoWidth;
  const height = isStill ? still?.height : moving?.videoHeight;
  if (width && height && (width !== size.value.width || height !== size.value.height)) size.value = { width, height };
}

function LiveSheet() {
  const known = room.cameras.get(cameraId.value ?? "");
  const name = known ? pick(known.camera.name, known.camera.name_en) : "";
  const isStill = watched.value.kind === "stills";
  const { width, height } = size.value;
  return (
    <dialog ref={sheet} id="live" aria-labelledby="live-title" onClose={end} onKeyDown={press}>
      <div class="panel-head">
        <h2 id="live-title">{t("live_of", { camera: name })}</h2>
        <button type="button" class="quiet" onClick={() => sheet.current?.close()}>{t("letters_close")}</button>
      </div>
      <div class="screen" style={{ "--shape": String(width / height) }}>
        <video ref={video} muted autoplay playsInline hidden={isStill} aria-label={t("live_of", { camera: name })} onResize={measure} />
        <canvas ref={canvas} role="img" hidden={!isStill} aria-label={t("live_still_of", { camera: name })} />
        <Drawn />
      </div>
      <p class="live-state" data-kind={watched.value.kind}><State /></p>
      <div class="live-tools">
        <label>
          {t("live_camera")}
          <select value={cameraId.value ?? ""} onChange={(event) => begin(event.currentTarget.value)}>
            {room.layout.cameras.map((one) => (
              <option key={one.id} value={one.id} selected={one.id === cameraId.value}>{`${one.id} · ${pick(one.name, one.name_en)}`}</option>
            ))}
          </select>
        </label>
        <label class="drawn" hidden={zones.value.length + masks.value.length === 0}>
          <input type="checkbox" checked={overlay.value.zones} onChange={(event) => choose({ zones: event.currentTarget.checked })} />
          <span>{drawnText()}</span>
          <kbd aria-hidden="true">Z</kbd>
        </label>
        <label class="drawn">
          <input type="checkbox" checked={overlay.value.found} onChange={(event) => choose({ found: event.currentTarget.checked })} />
          <span>{t("live_found")}</span>
          <kbd aria-hidden="true">D</kbd>
        </label>
        <button type="button" class="quiet" hidden={!isStill} onClick={() => void watch?.again()}>{t("live_again")}</button>
        {cameraId.value !== null && <a href={zonesAddress(cameraId.value)} title={t("zones_open_means")} onClick={() => sheet.current?.close()}>{t("zones_open")}</a>}
        <a class="to-camera" href={addressOf("cameras", cameraId.value ?? "")} onClick={() => sheet.current?.close()}>{t("cam_details")} ›</a>
        <LastVisit />
      </div>
    </dialog>
  );
}

// What is read aloud changes with what is watched, and not with each second.
function State() {
  const now = watched.value;
  return (
    <>
      <span role="status">
        {now.kind === "connecting" && t("live_connecting")}
        {now.kind === "live" && <b>{t("live_now")}</b>}
        {now.kind === "stills" && reasonText(now.reason)}
      </span>
      {now.kind === "stills" && <span>{` · ${now.age_s === null ? t("live_no_still") : t("live_still", { age: age(now.age_s) })}`}</span>}
      {now.kind === "live" && now.delay_ms !== null && <span title={t("live_delay_means")}>{` · ${t("live_delay", { ms: now.delay_ms })}`}</span>}
      {now.kind === "live" && now.way === "encoded" && <span title={t("live_encoded_means")}>{` · ${t("live_encoded")}`}</span>}
    </>
  );
}

function reasonText({ why, failure }: Reason): string {
  const text = lookUp(why) ?? t("live_no_pictures");
  return failure === null ? text : `${text}：${word("failing", failure)}`;
}

function drawnText(): string {
  const zonesText = t("live_zones", { zones: zones.value.map((zone) => pick(zone.name, zone.name_en)).join(" · ") });
  const masksText = t("live_masks", { n: masks.value.length });
  return [zones.value.length > 0 ? zonesText : "", masks.value.length > 0 ? masksText : ""].filter(Boolean).join(" · ");
}

function cornersOf(outline: number[][], { width, height }: { width: number; height: number }): string {
  return outline.map(([x = 0, y = 0]) => `${x * width},${y * height}`).join(" ");
}

// Fitted as the picture is, whatever shape its place has: a viewBox of its size, kept whole, in the middle.
function Drawn() {
  const { width, height } = size.value;
  return (
    <svg class="outlines" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="xMidYMid meet" aria-hidden="true">
      {overlay.value.zones && masks.value.map(({ polygon }) => (
        <polygon key={JSON.stringify(polygon)} class="mask" points={cornersOf(polygon, size.value)} />
      ))}
      {overlay.value.zones && zones.value.map(({ outline }) => (
        <polygon key={JSON.stringify(outline)} points={cornersOf(outline, size.value)} />
      ))}
      <Boxes />
    </svg>
  );
}

function ageOf(still: StillShown): number {
  return Math.max(0, (serverNow() - Date.parse(still.at)) / 1000);
}

// What the tour found, where it stood then: fainter the older it is.
function Boxes() {
  void beat.value;
  const still = found.value;
  const strength = still === null ? 0 : strengthOf(ageOf(still));
  if (still === null || strength === 0 || !overlay.value.found) return null;
  const { width, height } = size.value;
  const lines = (some: StillBox[]) =>
    some.map(({ x1, y1, x2, y2 }) => `M${x1 * width} ${y1 * height}H${x2 * width}V${y2 * height}H${x1 * width}Z`).join("");
  return (
    <g class="found" opacity={strength.toFixed(2)}>
      <path class="people" d={lines(still.boxes.filter(isPerson))} />
      <path class="things" d={lines(still.boxes.filter((box) => !isPerson(box)))} />
    </g>
  );
}

function isPerson(box: StillBox): boolean {
  return box.label === "person";
}

// What the tour found there when it last looked, and how long ago: the video runs on meanwhile.
function LastVisit() {
  void [watched.value, beat.value];
  const still = found.value;
  if (still !== null && overlay.value.found) {
    const age_s = ageOf(still);
    const about = { age: age(age_s), people: peopleText(still.boxes.filter(isPerson).length) };
    return <p class="last-visit" title={t("live_found_means")}>{t(strengthOf(age_s) > 0 ? "live_found_at" : "live_found_old", about)}</p>;
  }
  const index = room.cameras.get(cameraId.value ?? "")?.index;
  if (index === undefined || room.state === null) return null;
  const { age: blind, people } = seen(index);
  if (blind === null) return null;
  return <p class="last-visit">{t("live_last_visit", { age: age(blind), people: peopleText(people) })}</p>;
}
