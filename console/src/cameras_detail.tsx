// One camera: what it shows, how it is and what to do about it, its day, its visits, what failed, how often its rules were right.

import { createRef } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { batch, signal } from "@preact/signals";
import { language, pick, t, word } from "./words";
import { age, boundText, serverNow, timeOfDay, timeOfMinute } from "./times";
import { boundOf, room, seen } from "./room";
import { ActionFailed, getOf, picture } from "./sending";
import { failureText } from "./stream";
import { openLive } from "./live";
import { Mark } from "./mark";
import { showPrecisionOf } from "./precision";
import { skipOf } from "./skips";
import { addressOf } from "./views";
import { zonesAt } from "./zones_place";
import { DayChart } from "./cameras_chart";
import { type Finding, findingsOf } from "./cameras_health";
import { outagesOf } from "./cameras_history";
import type { CameraDetail, CameraOnMap, CameraShown, ErrorShown, Level, TroubleShown, VisitShown } from "./api";

const DETAIL_EVERY_MS = 60_000;
const VISITS_EVERY_MS = 4000;
const AGAIN_MS = 10_000; // after it could not be had
const SETTLED_MS = 350; // who goes through the list by keys looks at the last one
const VISITS_SHOWN = 8;
const MOST_VISITS = "100";
const ERRORS_SHOWN = 6;
const LEVELS: Record<Finding["tone"], Level | null> = { red: "red", yellow: "yellow", green: "green", plain: null };

interface Still {
  state: "coming" | "there" | "none";
  takenAt: number; // by the server's clock, milliseconds
  why: string;
}

const detail = signal<CameraDetail | null>(null);
const visits = signal<VisitShown[] | null>(null);
const lastErrors = signal<ErrorShown[]>([]);
const isSilent = signal(false);
const failure = signal("");
const still = signal<Still>({ state: "coming", takenAt: 0, why: "" });
const showsAllVisits = signal(false);
const canvas = createRef<HTMLCanvasElement>();
let onIncident: (id: string) => void = () => undefined;
let looked: string | null = null;
let settling: ReturnType<typeof setTimeout> | undefined;
let detailDueAt = Infinity;
let visitsDueAt = Infinity;

// `open`: shows an incident.
export function tellOfIncidents(open: (id: string) => void): void {
  onIncident = open;
}

// From now on this one, or none, is looked at.
export function lookAtCamera(id: string | null): void {
  if (id === looked) return;
  looked = id;
  clearTimeout(settling);
  detailDueAt = visitsDueAt = Infinity;
  batch(() => {
    detail.value = visits.value = null;
    lastErrors.value = [];
    isSilent.value = showsAllVisits.value = false;
    failure.value = "";
    still.value = { state: "coming", takenAt: 0, why: "" };
  });
  if (id !== null) settling = setTimeout(begin, SETTLED_MS);
}

function begin(): void {
  detailDueAt = visitsDueAt = 0;
  tickDetail();
  void takeStill();
}

// Called once a second.
export function tickDetail(): void {
  if (looked === null || document.visibilityState !== "visible") return;
  const now = performance.now();
  if (now >= detailDueAt) void fetchDetail(looked);
  if (now >= visitsDueAt) void fetchVisits(looked);
}

async function fetchDetail(camera_id: string): Promise<void> {
  detailDueAt = Infinity;
  try {
    const found = await getOf("/api/v1/cameras/{camera_id}", { camera_id });
    if (looked !== camera_id) return;
    detail.value = found;
    failure.value = "";
    detailDueAt = performance.now() + DETAIL_EVERY_MS;
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    if (looked !== camera_id) return;
    failure.value = t("cam_failed", { why: failureText(error, "error_no_camera") });
    detailDueAt = performance.now() + AGAIN_MS;
  }
}

async function fetchVisits(camera_id: string): Promise<void> {
  visitsDueAt = Infinity;
  try {
    const { items, errors } = await getOf("/api/v1/cameras/{camera_id}/visits", { camera_id }, { limit: MOST_VISITS });
    if (looked !== camera_id) return;
    visits.value = items;
    lastErrors.value = errors;
    isSilent.value = false;
    visitsDueAt = performance.now() + VISITS_EVERY_MS;
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    if (looked !== camera_id) return;
    isSilent.value = true; // what was told before stays, and its times say how old it is
    visitsDueAt = performance.now() + AGAIN_MS;
  }
}

async function takeStill(): Promise<void> {
  const camera_id = looked;
  if (camera_id === null) return;
  still.value = { ...still.value, state: still.value.takenAt ? "there" : "coming" };
  try {
    const { blob, age_s } = await picture("/api/v1/cameras/{camera_id}/still", { camera_id });
    const image = await createImageBitmap(blob);
    if (looked === camera_id && canvas.current !== null) {
      [canvas.current.width, canvas.current.height] = [image.width, image.height];
      canvas.current.getContext("2d", { alpha: false })?.drawImage(image, 0, 0);
      still.value = { state: "there", takenAt: serverNow() - age_s * 1000, why: "" };
    }
    image.close();
  } catch (error) {
    if (looked !== camera_id) return;
    const why = error instanceof ActionFailed && error.failure !== null ? word("failing", error.failure) : "";
    still.value = { state: "none", takenAt: 0, why };
  }
}

interface PaneProps {
  id: string;
  known: CameraShown | null;
  beat: number; // another one means that ages have grown
}

export function CameraDetailPane({ id, known, beat }: PaneProps) {
  const found = room.cameras.get(id);
  if (found === undefined) return <div id="camera" class="cam-none"><div class="teach"><h3>{t("cam_none_title")}</h3><p>{t("cam_none_text")}</p></div></div>;
  const { camera, index } = found;
  const name = pick(camera.name, camera.name_en);
  return (
    <article id="camera" tabIndex={-1} aria-labelledby="camera-name" data-id={id}>
      <a class="cam-back" href={addressOf("cameras")}>‹ {t("cam_back")}</a>
      <header>
        <h2 id="camera-name">{name}</h2>
        <p class="about">{[camera.id, word("ring", camera.ring), pick(camera.site, camera.site_en), camera.group].filter(Boolean).join(" · ")}</p>
      </header>
      <div class="cam-now">
        <StillPicture camera={camera} name={name} beat={beat} />
        <div>
          <Health camera={camera} index={index} known={known} beat={beat} />
          <Facts camera={camera} known={known} beat={beat} />
        </div>
      </div>
      <p class="cam-failure" role="alert">{failure.value}</p>
      {detail.value === null ? null : (
        <>
          <section aria-labelledby="cam-history"><h3 id="cam-history">{t("cam_history")}</h3><DayChart detail={detail.value} /></section>
          <Errors detail={detail.value} />
        </>
      )}
      <Visits />
      {detail.value === null ? null : <Troubles troubles={detail.value.troubles} />}
      <section aria-labelledby="cam-precision"><h3 id="cam-precision">{t("cam_precision")}</h3><PrecisionPart id={id} /></section>
    </article>
  );
}

// A component that is given the same again, and has heard of no signal, is left as it is: hence the beat.
interface PartProps {
  camera: CameraOnMap;
  known: CameraShown | null;
  beat: number;
}

function StillPicture({ camera, name }: { camera: CameraOnMap; name: string; beat: number }) {
  const { state, takenAt, why } = still.value;
  const zones = zonesAt.value;
  return (
    <div class="cam-still">
      <div class="cam-screen" data-state={state}>
        <canvas ref={canvas} role="img" aria-label={t("cam_still_of", { camera: name })} hidden={state !== "there"} />
        {state !== "there" && <p>{state === "coming" ? t("cam_still_comes") : why ? t("cam_still_none_why", { why }) : t("cam_still_none")}</p>}
        {state === "there" && <small>{t("cam_still_age", { age: age((serverNow() - takenAt) / 1000) })}</small>}
      </div>
      <div class="cam-deeds">
        <button type="button" class="main" onClick={() => openLive(camera.id)}>{t("live_open")}<kbd>L</kbd></button>
        <button type="button" onClick={() => void takeStill()}>{t("cam_still_new")}</button>
        {zones !== null && <a class="cam-zones" href={zones(camera.id)} title={t("cam_zones_means")}>{t("cam_zones")}</a>}
      </div>
    </div>
  );
}

function Health({ camera, index, known }: PartProps & { index: number }) {
  const tour = room.state?.tour ?? null;
  const found = findingsOf({
    seen: seen(index), measured: tour?.blind_ages_s[index] ?? null, toured: tour !== null, bound: boundOf(camera), stretch: tour?.stretch ?? 1, skip: skipOf(camera.id),
    troubles: known?.troubles ?? [], now: serverNow(),
  });
  return (
    <section aria-labelledby="cam-health" class="cam-health">
      <h3 id="cam-health">{t("cam_health")}</h3>
      <ul>
        {found.map((finding, place) => (
          <li key={place} data-tone={finding.tone}>
            <FindingMark finding={finding} />
            <p><b>{saidOf(finding, camera, index)}</b> <span>{word("advice", finding.advice)}</span> {finding.trouble !== null && <IncidentLink id={finding.trouble.incident_id} />}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function FindingMark({ finding }: { finding: Finding }) {
  const level = LEVELS[finding.tone];
  return level === null ? <i class="mark" /> : <Mark level={level} />;
}

function saidOf({ kind, trouble, since }: Finding, camera: CameraOnMap, index: number): string {
  const { age: blind, failing, blinded } = seen(index);
  const bound = boundText(boundOf(camera));
  if (kind === "trouble" && trouble !== null) {
    const said = t("cam_says_trouble", { trouble: word("trouble", trouble.trouble), since: timeOfMinute(since ?? 0, serverNow()) });
    return trouble.unsteady ? `${said} ${t("cam_says_unsteady")}` : said;
  }
  if (kind === "skipped") {
    const skip = skipOf(camera.id);
    return t("cam_says_skipped", { who: skip?.by ?? "", time: timeOfDay(skip?.until ?? 0), reason: skip?.reason ?? "" });
  }
  if (kind === "blinded") return t("cam_says_blinded", { trouble: word("trouble", blinded) });
  if (kind === "late" && failing !== null) return t("cam_says_late_why", { age: age(blind ?? 0), bound, why: word("failing", failing) });
  if (kind === "late") return t("cam_says_late", { age: age(blind ?? 0), bound });
  if (kind === "failing") return t("cam_says_failing", { why: word("failing", failing) });
  if (kind === "stretched") return saidOfStretched(camera, index, bound);
  if (kind === "fine") return t("cam_says_fine", { bound });
  return t(kind === "never" ? "cam_says_never" : "cam_says_unknown");
}

// All bounds are stretched; and where this camera is past what was promised of it, that, too.
function saidOfStretched(camera: CameraOnMap, index: number, bound: string): string {
  const { age: blind, tone } = seen(index);
  const stretch = room.state?.tour?.stretch ?? 1;
  const said = t("cam_says_stretched", { factor: stretch.toFixed(2) });
  if (tone !== "late") return said;
  return t("cam_says_past", { age: age(blind ?? 0), bound, now: boundText(boundOf(camera) * stretch), said });
}

// Where the room still shows it; of what is long over only its id is told.
function IncidentLink({ id }: { id: string }) {
  if (!room.incidents.has(id)) return <small>{id}</small>;
  return <button type="button" class="quiet" onClick={() => onIncident(id)}>{t("cam_to_incident", { id })}</button>;
}

function Facts({ camera, known }: PartProps) {
  const facts = [
    t("cam_bound", { bound: boundText(boundOf(camera)) }),
    t("cam_heading", { heading: Math.round(camera.heading_deg), angle: Math.round(camera.view_deg) }),
  ];
  if (known !== null) {
    facts.push(word("source_kind", known.source), word("strategy", known.strategy));
    facts.push(known.zones === 0 ? t("cam_no_zones") : t("cam_facts_zones", { n: known.zones }));
    if (known.masks > 0) facts.push(t("cam_facts_masks", { n: known.masks }));
    facts.push(t(known.calibrated ? "cam_calibrated" : "cam_not_calibrated"));
  }
  return <ul class="cam-facts">{facts.map((fact) => <li key={fact}>{fact}</li>)}</ul>;
}

function Errors({ detail: { spans, span_s } }: { detail: CameraDetail }) {
  const now = serverNow();
  const found = outagesOf(spans, span_s, now).slice(0, ERRORS_SHOWN);
  return (
    <section aria-labelledby="cam-errors">
      <h3 id="cam-errors">{t("cam_errors")}</h3>
      {found.length === 0 ? <p class="means">{t("cam_errors_none")}</p> : (
        <ul class="cam-lines">
          {found.map(({ failure: kind, from, until, count, isRunning }) => (
            <li key={`${kind}${from}`} data-tone={isRunning ? "red" : "plain"}>
              <b>{word("failing", kind)}</b>
              <span>{isRunning ? t("cam_error_running", { from: timeOfMinute(from, now) }) : t("cam_error_over", { from: timeOfMinute(from, now), until: timeOfMinute(until, now) })}</span>
              <small>{t("cam_error_count", { n: count })}</small>
            </li>
          ))}
        </ul>
      )}
      <LastErrors />
    </section>
  );
}

// What the camera's side said the last times, without anything of its address.
function LastErrors() {
  const now = serverNow();
  if (lastErrors.value.length === 0) return null;
  return (
    <>
      <h4 id="cam-last-errors">{t("cam_last_errors")}</h4>
      <p class="means">{t("cam_last_errors_means")}</p>
      <ul class="cam-lines cam-last-errors" aria-labelledby="cam-last-errors">
        {lastErrors.value.map(({ at, since, failure: kind, detail: said, count }) => (
          <li key={since + kind} data-tone="plain">
            <time>{timeOfMinute(Date.parse(at), now)}</time>
            <b>{word("failing", kind)}</b>
            <span>{said === "" ? t("cam_error_unsaid") : <code>{said}</code>}</span>
            {count > 1 && <small>{t("cam_error_alike", { n: count, from: timeOfMinute(Date.parse(since), now) })}</small>}
          </li>
        ))}
      </ul>
    </>
  );
}

function Visits() {
  const all = visits.value;
  const shown = showsAllVisits.value ? all : (all?.slice(0, VISITS_SHOWN) ?? null);
  return (
    <section aria-labelledby="cam-visits">
      <h3 id="cam-visits">{t("cam_visits")}</h3>
      {isSilent.value && <p class="means" role="status">{t("cam_visits_silent")}</p>}
      {shown !== null && shown.length === 0 && <p class="means">{t("cam_visits_none")}</p>}
      {shown !== null && shown.length > 0 && (
        <ul class="cam-lines cam-visits">{shown.map((visit) => <VisitLine key={visit.number} visit={visit} />)}</ul>
      )}
      {all !== null && shown !== null && all.length > shown.length && (
        <button type="button" class="quiet" onClick={() => (showsAllVisits.value = true)}>{t("cam_visits_more", { n: all.length })}</button>
      )}
    </section>
  );
}

function VisitLine({ visit: { at, turn, how, seconds, end, failure: kind, people } }: { visit: VisitShown }) {
  const became = kind !== null ? word("failing", kind) : end === "seen" && people !== null ? t("people_count", { n: people }) : word("visit_end", end);
  return (
    <li data-tone={end === "failed" ? "red" : end === "dropped" ? "yellow" : "plain"}>
      <time>{timeOfDay(Date.parse(at))}</time>
      <b>{became}</b>
      <span>{word("turn", turn)} · {word("how", how)}</span>
      <small>{t("cam_visit_took", { seconds: seconds.toFixed(2) })}</small>
    </li>
  );
}

function Troubles({ troubles }: { troubles: TroubleShown[] }) {
  const now = serverNow();
  return (
    <section aria-labelledby="cam-troubles">
      <h3 id="cam-troubles">{t("cam_troubles")}</h3>
      {troubles.length === 0 ? <p class="means">{t("cam_troubles_none")}</p> : (
        <ul class="cam-lines">
          {troubles.map(({ incident_id, trouble, since, returned_at }) => (
            <li key={incident_id + trouble} data-tone={returned_at === null ? "yellow" : "plain"}>
              <b>{word("trouble", trouble)}</b>
              <span>{returned_at === null ? t("cam_trouble_lasts", { from: timeOfMinute(Date.parse(since), now) }) : t("cam_trouble_over", { from: timeOfMinute(Date.parse(since), now), until: timeOfMinute(Date.parse(returned_at), now) })}</span>
              <IncidentLink id={incident_id} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function PrecisionPart({ id }: { id: string }) {
  const node = useRef<HTMLDivElement>(null);
  void language();
  useLayoutEffect(() => {
    if (node.current !== null) showPrecisionOf(node.current, id);
  });
  return <div ref={node} />;
}
