// The live sheet: one camera as it is now, over whatever else is on the page. Closing it gives the camera back.

import { signal } from "@preact/signals";
import { createRef, render } from "preact";
import { lookUp, pick, t, word } from "./words";
import { age } from "./times";
import { peopleText, room, seen } from "./room";
import { addressOf } from "./views";
import { type Reason, Watch, type Watched } from "./watching";
import type { LiveZone } from "./api";

const sheet = createRef<HTMLDialogElement>();
const video = createRef<HTMLVideoElement>();
const canvas = createRef<HTMLCanvasElement>();
const cameraId = signal<string | null>(null);
const watched = signal<Watched>({ kind: "connecting" });
const zones = signal<LiveZone[]>([]);
const showsZones = signal(true);
const size = signal({ width: 16, height: 9 });
let watch: Watch | null = null;

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

function end(): void {
  watch?.stop();
  watch = null;
  cameraId.value = null;
}

// The outlines lie over the picture itself, so its place has its shape.
function measure(): void {
  const [moving, still] = [video.current, canvas.current];
  const width = watched.value.kind === "stills" ? still?.width : moving?.videoWidth;
  const height = watched.value.kind === "stills" ? still?.height : moving?.videoHeight;
  if (width && height && (width !== size.value.width || height !== size.value.height)) size.value = { width, height };
}

function LiveSheet() {
  const known = room.cameras.get(cameraId.value ?? "");
  const name = known ? pick(known.camera.name, known.camera.name_en) : "";
  const isStill = watched.value.kind === "stills";
  const { width, height } = size.value;
  return (
    <dialog ref={sheet} id="live" aria-labelledby="live-title" onClose={end}>
      <div class="panel-head">
        <h2 id="live-title">{t("live_of", { camera: name })}</h2>
        <button type="button" class="quiet" onClick={() => sheet.current?.close()}>{t("letters_close")}</button>
      </div>
      <div class="screen" style={{ aspectRatio: `${width} / ${height}` }}>
        <video ref={video} muted autoplay playsInline hidden={isStill} aria-label={t("live_of", { camera: name })} onResize={measure} />
        <canvas ref={canvas} role="img" hidden={!isStill} aria-label={t("live_still_of", { camera: name })} />
        {showsZones.value && <Outlines />}
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
        <label hidden={zones.value.length === 0}>
          <input type="checkbox" checked={showsZones.value} onChange={(event) => (showsZones.value = event.currentTarget.checked)} />
          {t("live_zones", { zones: zones.value.map((zone) => pick(zone.name, zone.name_en)).join(" · ") })}
        </label>
        <button type="button" class="quiet" hidden={!isStill} onClick={() => void watch?.again()}>{t("live_again")}</button>
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

function Outlines() {
  return (
    <svg class="outlines" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
      {zones.value.map(({ outline }) => <polygon key={JSON.stringify(outline)} points={outline.map(([x, y]) => `${x},${y}`).join(" ")} />)}
    </svg>
  );
}

// What the tour found there when it last looked. Its age goes on with what is watched, once a second.
function LastVisit() {
  void watched.value;
  const index = room.cameras.get(cameraId.value ?? "")?.index;
  if (index === undefined || room.state === null) return null;
  const { age: blind, people } = seen(index);
  if (blind === null) return null;
  return <p class="last-visit">{t("live_last_visit", { age: age(blind), people: peopleText(people) })}</p>;
}
