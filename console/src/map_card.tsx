// The card beside the map: what was clicked, or chosen from the list of all there is, which the keyboard reaches as well. From a
// ring one goes on to its places, and from a place to its cameras.

import { signal } from "@preact/signals";
import { createRef, render } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Mark } from "./mark";
import { pick, t, word } from "./words";
import { age, serverNow, timeOfDay } from "./times";
import type { WarmPlace } from "./heat";
import { metresBetween } from "./merging";
import { targetText } from "./countdown";
import { operatorName } from "./operator";
import { PinButton } from "./pins";
import { boundOf, incidentById, isMaintenance, isOpen, type KnownCamera, orderOfUnit, ordersOf, orderText, peopleText, room, seen, stateNow, titleOf, unitName } from "./room";
import { may } from "./signed";
import { failureText } from "./stream";
import { addressOf } from "./views";
import { wedgePath } from "./wedges";
import type { Place, RingName } from "./api";

export type Subject =
  | { kind: "area" }
  | { kind: "ring"; id: string }
  | { kind: "site"; id: string }
  | { kind: "place"; id: string; cameras: string[] }
  | ({ kind: "heat"; id: string } & WarmPlace)
  | { kind: "camera"; id: string }
  | { kind: "unit"; id: string };

interface Doing {
  onIncident: (id: string) => void;
  onLive: (id: string) => void;
  onFind: (place: Place) => void;
}

const MOST_LISTED = 60;
const NEAR_M = 50;
const card = createRef<HTMLElement>();
const trail = signal<Subject[]>([]); // the last one is shown
const beat = signal(0);
let cameFrom: Element | null = null;

export function placeCard(node: Element, doing: Doing): void {
  render(<Card {...doing} />, node);
}

export function openCard(subject: Subject): void {
  if (trail.value.length === 0) cameFrom = document.activeElement;
  trail.value = [subject];
}

export function closeCard(): void {
  if (trail.value.length === 0) return;
  trail.value = [];
  if (cameFrom instanceof HTMLElement && cameFrom.isConnected) cameFrom.focus({ preventScroll: true });
  cameFrom = null;
}

// What it shows has changed.
export function showCard(): void {
  if (trail.value.length > 0) beat.value += 1;
}

function goOn(subject: Subject): void {
  trail.value = [...trail.value, subject];
}

function goBack(): void {
  trail.value = trail.value.slice(0, -1);
}

function Card(doing: Doing) {
  void beat.value;
  const subject = trail.value.at(-1);
  const key = subject === undefined ? "" : JSON.stringify([trail.value.length, subject]);
  useLayoutEffect(() => card.current?.focus({ preventScroll: true }), [key]);
  if (subject === undefined) return null;
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    closeCard();
  };
  return (
    <section ref={card} class="map-card" tabIndex={-1} aria-label={t("map_card")} data-kind={subject.kind} onKeyDown={keys}>
      <div class="map-card-head">
        {trail.value.length > 1 && <button type="button" class="quiet" aria-label={t("map_back")} title={t("map_back")} onClick={goBack}>←</button>}
        <h3>{titleOfSubject(subject)}</h3>
        <button type="button" class="quiet" aria-label={t("letters_close")} title={t("letters_close")} onClick={closeCard}>×</button>
      </div>
      <Content subject={subject} {...doing} />
    </section>
  );
}

function titleOfSubject(subject: Subject): string {
  if (subject.kind === "area") return t("map_list");
  if (subject.kind === "ring") return word("ring", subject.id as RingName);
  if (subject.kind === "site") return siteName(subject.id);
  if (subject.kind === "place" || subject.kind === "heat") return subject.id;
  if (subject.kind === "unit") return unitName(subject.id);
  const known = room.cameras.get(subject.id);
  return known ? pick(known.camera.name, known.camera.name_en) : subject.id;
}

function Content({ subject, ...doing }: { subject: Subject } & Doing) {
  if (subject.kind === "area") return <Area {...doing} />;
  if (subject.kind === "heat") return <Warm {...subject} {...doing} />;
  if (subject.kind === "ring") return <Ring name={subject.id as RingName} />;
  if (subject.kind === "camera") return <Camera id={subject.id} {...doing} />;
  if (subject.kind === "unit") return <Unit id={subject.id} {...doing} />;
  const cameras = subject.kind === "site" ? known((camera) => camera.camera.site === subject.id) : subject.cameras.flatMap((id) => room.cameras.get(id) ?? []);
  return (
    <>
      <p class="means">{cameras.length === 0 ? t("map_no_cameras") : t("map_cameras", { n: cameras.length })}</p>
      <Cameras all={cameras} />
    </>
  );
}

function known(is: (camera: KnownCamera) => boolean): KnownCamera[] {
  return [...room.cameras.values()].filter(is);
}

function siteName(site: string): string {
  const english = room.layout.cameras.find((camera) => camera.site === site)?.site_en ?? "";
  return pick(site, english || site);
}

function Area({ onIncident }: Doing) {
  const { incidents, units } = stateNow();
  const open = incidents.filter(isOpen);
  return (
    <>
      <h4>{t("map_rings")}</h4>
      <ul>
        {room.layout.rings.map((ring) => (
          <li key={ring.name}><button type="button" onClick={() => goOn({ kind: "ring", id: ring.name })}>
            <span>{word("ring", ring.name)}</span><small>{t("map_cameras", { n: known(({ camera }) => camera.ring === ring.name).length })}</small>
          </button></li>
        ))}
      </ul>
      <h4>{t("map_incidents")}</h4>
      {open.length === 0 && <p class="means">{t("map_no_incidents")}</p>}
      <ul>
        {open.slice(0, MOST_LISTED).map((one) => (
          <li key={one.id}><button type="button" onClick={() => onIncident(one.id)}><Mark level={one.level} /><span>{titleOf(one)}</span></button></li>
        ))}
      </ul>
      <h4>{t("units")}</h4>
      <ul>
        {units.map((one) => (
          <li key={one.id}><button type="button" onClick={() => goOn({ kind: "unit", id: one.id })}>
            <span>{pick(one.name, one.name_en)}</span><small>{word("unit", one.state)}</small>
          </button></li>
        ))}
      </ul>
    </>
  );
}

function Ring({ name }: { name: RingName }) {
  const cameras = known(({ camera }) => camera.ring === name);
  const ring = room.layout.rings.find((one) => one.name === name);
  const sites = [...new Set(cameras.map(({ camera }) => camera.site))];
  const late = cameras.filter(({ index }) => seen(index).tone === "late").length;
  const units = stateNow().incidents.filter((one) => isOpen(one) && one.ring === name).length;
  return (
    <>
      <dl>
        {ring && <Fact name={t("map_bound")}>{age(ring.revisit_bound_s)}</Fact>}
        {ring && <Fact name={t("map_target")}>{targetText(ring.response_target_s)}</Fact>}
        <Fact name={t("map_late")}>{`${late} / ${cameras.length}`}</Fact>
        <Fact name={t("map_incidents")}>{String(units)}</Fact>
      </dl>
      <h4>{t("map_sites")}</h4>
      <ul>
        {sites.map((site) => (
          <li key={site}><button type="button" onClick={() => goOn({ kind: "site", id: site })}>
            <span>{siteName(site)}</span><small>{t("map_cameras", { n: cameras.filter(({ camera }) => camera.site === site).length })}</small>
          </button></li>
        ))}
      </ul>
    </>
  );
}

// How many began there, as the server counted them, and what the room still knows of near it.
function Warm({ place, incidents, span, onIncident }: WarmPlace & Doing) {
  const here = [...room.incidents.values()].filter((one) => !isMaintenance(one) && metresBetween(one.place, place) <= NEAR_M);
  return (
    <>
      <p class="means">{t("heat_here", { n: incidents, span: t(span) })}</p>
      {here.length > 0 && <h4>{t("map_incidents_near")}</h4>}
      <ul>
        {here.slice(0, MOST_LISTED).map((one) => (
          <li key={one.id}><button type="button" onClick={() => onIncident(one.id)}><Mark level={one.level} /><span>{titleOf(one)}</span></button></li>
        ))}
      </ul>
    </>
  );
}

function Cameras({ all }: { all: KnownCamera[] }) {
  return (
    <ul>
      {all.slice(0, MOST_LISTED).map(({ camera, index }) => {
        const { age: blind, tone } = seen(index);
        return (
          <li key={camera.id}><button type="button" onClick={() => goOn({ kind: "camera", id: camera.id })}>
            <Wedge tone={tone} /><span>{pick(camera.name, camera.name_en)}</span><small>{blind === null ? t(`seen_${tone}`) : age(blind)}</small>
          </button></li>
        );
      })}
    </ul>
  );
}

function Wedge({ tone }: { tone: ReturnType<typeof seen>["tone"] }) {
  return <svg class="wedge" viewBox="-9 -11 18 18" data-tone={tone} role="img" aria-label={t(`seen_${tone}`)}><path d={wedgePath(70, tone)} /></svg>;
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function Camera({ id, onLive, onFind }: { id: string } & Doing) {
  const found = room.cameras.get(id);
  if (found === undefined) return <p class="means">{t("error_no_camera")}</p>;
  const { camera, index } = found;
  const { age: blind, tone, people, failing, blinded } = seen(index);
  return (
    <>
      <dl>
        <Fact name={t("live_camera")}>{`${camera.id} · ${word("ring", camera.ring)}`}</Fact>
        <Fact name={t("blind_age")}>
          <Wedge tone={tone} /> {blind === null ? t("seen_never") : `${age(blind)} / ${age(boundOf(camera))}`} · {t(`seen_${tone}`)}
        </Fact>
        {failing !== null && <Fact name={t("seen_failing")}>{word("failing", failing)}</Fact>}
        {blinded !== null && <Fact name={t("seen_blinded")}>{word("trouble", blinded)}</Fact>}
        <Fact name={t("map_people")}>{peopleText(people)}</Fact>
        <Fact name={t("map_looks")}>{t("map_view", { heading: Math.round(camera.heading_deg), view: Math.round(camera.view_deg) })}</Fact>
      </dl>
      <div class="map-card-acts">
        <button type="button" class="main" onClick={() => onLive(id)}>{t("live_open")}</button>
        {may("look") && <Pin id={id} />}
        <button type="button" class="quiet" onClick={() => onFind(camera.place)}>{t("map_find")}</button>
        <a href={addressOf("cameras", id)}>{t("map_more")}</a>
      </div>
    </>
  );
}

// The button that the rest of the page uses; what is missing for it is said here.
function Pin({ id }: { id: string }) {
  void beat.value;
  const place = useRef<HTMLSpanElement>(null);
  const button = useRef<PinButton | null>(null);
  const said = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    const say = (text: string) => {
      if (said.current) said.current.textContent = text;
    };
    button.current = new PinButton({
      operator: () => {
        const name = operatorName();
        say(name ? "" : t("operator_missing"));
        return name;
      },
      onFailure: (error) => say(t("failed", { why: failureText(error, "error_no_camera") })),
    });
    place.current?.append(button.current.node);
    button.current.show(id);
    return () => button.current?.node.remove();
  }, [id]);
  button.current?.show(id);
  return <><span ref={place} class="pin-place" /><p ref={said} role="alert" /></>;
}

function Unit({ id, onIncident, onFind }: { id: string } & Doing) {
  const unit = stateNow().units.find((one) => one.id === id);
  if (unit === undefined) return <p class="means">{t("map_unit_gone")}</p>;
  const order = orderOfUnit(unit);
  const incident = incidentById(unit.incident_id);
  return (
    <>
      <dl>
        <Fact name={t("map_state")}>{word("unit", unit.state)}</Fact>
        <Fact name={t("map_kind")}>{word("unit_kind", unit.kind)}</Fact>
        {order && <Fact name={t("map_order")}>{orderText(order, serverNow(), ordersOf(order.incident_id).filter((one) => one !== order))}</Fact>}
        {incident && <Fact name={t("map_sent_to")}>{titleOf(incident)}</Fact>}
        <Fact name={t("map_fix")}>{unit.fix_at === null ? t("map_no_fix") : timeOfDay(Date.parse(unit.fix_at))}</Fact>
        {unit.simulated && <Fact name={t("simulated")}>{t("map_yes")}</Fact>}
      </dl>
      <div class="map-card-acts">
        {incident && <button type="button" class="main" onClick={() => onIncident(incident.id)}>{t("map_incident")}</button>}
        <button type="button" class="quiet" onClick={() => onFind(unit)}>{t("map_find")}</button>
      </div>
    </>
  );
}
