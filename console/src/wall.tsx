// The tour wall: what the tour sees now. Above the tiles what hangs on it; on the tile at hand what can be done with it.

import { createRef, render } from "preact";
import { batch, computed, signal } from "@preact/signals";
import { markPath } from "./dom";
import { language, type PlainKey, t, word } from "./words";
import { isMaintenance, isOpen, openCount, room, seen } from "./room";
import { may } from "./signed";
import { operatorName, typeOperator } from "./operator";
import { pinOf, togglePin } from "./pins";
import { skipCamera, skipOf } from "./skips";
import { ActionFailed } from "./sending";
import { failureText } from "./stream";
import { goTo, view } from "./views";
import { FILTERS, groupsOf, GROUPINGS, isOnWall, keepChoice, keptChoice, type Standing, type WallChoice } from "./wall_choice";
import { WallGrid } from "./wall_grid";
import { askToSkip, SkipDialog } from "./wall_skip";
import { wallStills } from "./wall_stills";
import type { Tile } from "./wall_tile";
import type { CameraOnMap, Level, RingName, StillShown } from "./api";

const SAID_MS = 6000;
const RINGS: RingName[] = ["core", "periphery", "far"];

const choice = signal<WallChoice>(keptChoice());
const hanging = signal<string[]>([]); // ids, in their order
const wanted = signal<string[]>([]); // what would hang by now: cameras come and go, tiles only by hand
const active = signal<Tile | null>(null);
const beat = signal(0); // counts up whenever what is shown of the room may have changed
const said = signal("");
const asking = signal<((name: string) => void) | null>(null);
const connected = signal(false);
const opened = signal<{ n: number; level: Level } | null>(null);
const isChanged = computed(() => hanging.value.join() !== wanted.value.join());

const box = createRef<HTMLDivElement>();
const search = createRef<HTMLInputElement>();
let grid: WallGrid | null = null;
let furnished: string | null = null; // the layout's version that hangs
let saidAt = 0;
const looker = { onStill: (still: StillShown) => void grid?.take(still), onLook: (ids: string[]) => void grid?.keep(ids) };

export function placeWall(node: Element): void {
  render(<Wall />, node);
  if (box.current === null) return;
  grid = new WallGrid(box.current, { onSight: (ids) => wallStills.look(looker, ids), onActive: (tile) => (active.value = tile) });
  document.addEventListener("visibilitychange", follow);
}

// Pictures come only while somebody can see them.
export function follow(): void {
  if (view() === "wall" && document.visibilityState === "visible") {
    wallStills.open(looker);
    showWall();
  } else {
    wallStills.close(looker);
    grid?.keep([]);
  }
}

// The room has changed, or its words have.
export function showWall(): void {
  if (view() !== "wall" || room.state === null || room.layout.version === null) return;
  if (furnished !== room.layout.version) {
    furnished = room.layout.version;
    grid?.furnish();
    hang();
  }
  wanted.value = chosen().map(({ id }) => id);
  const incidents = room.state.incidents.filter((one) => isOpen(one) && !isMaintenance(one));
  opened.value = incidents[0] ? { n: openCount(), level: incidents[0].level } : null;
}

// Called some times a second.
export function tickWall(): void {
  if (view() !== "wall" || furnished === null) return;
  connected.value = wallStills.connected;
  if (said.value && performance.now() - saidAt > SAID_MS) said.value = "";
  grid?.tickSome();
  beat.value += 1;
}

function showDone(): void {
  grid?.tick();
  tickWall();
}

export function speakWall(): void {
  grid?.speak();
  grid?.tick();
  if (furnished !== null) hang();
}

// Whether the key was the wall's.
export function wallKey(event: KeyboardEvent): boolean {
  if (grid?.step(event.key)) return true;
  if (event.key === "/") {
    search.current?.focus();
    return true;
  }
  const deed = DEEDS.find(({ key }) => key.toLowerCase() === event.key);
  if (deed === undefined || active.value === null) return false;
  deed.press(active.value);
  return true;
}

function chosen(): CameraOnMap[] {
  return room.layout.cameras.filter((camera, index) => isOnWall(camera, choice.value, standingOf(camera, index)));
}

function standingOf(camera: CameraOnMap, index: number): Standing {
  const { tone, people } = seen(index);
  return { tone, people, held: pinOf(camera.id) !== null, skipped: skipOf(camera.id) !== null };
}

function hang(): void {
  const cameras = chosen();
  const groups = groupsOf(cameras, choice.value.grouping);
  batch(() => {
    hanging.value = wanted.value = cameras.map(({ id }) => id);
  });
  grid?.arrange(groups, choice.value.grouping);
}

function choose(change: Partial<WallChoice>): void {
  choice.value = { ...choice.value, ...change };
  keepChoice(choice.value);
  hang();
  if (!("size" in change || "boxes" in change || "own" in change)) box.current?.scrollTo(0, 0);
}

interface Deed {
  key: string;
  name: PlainKey;
  means: PlainKey;
  needsLook: boolean;
  pressed: (tile: Tile) => boolean;
  press: (tile: Tile) => void;
}

const DEEDS: Deed[] = [
  {
    key: "P", name: "pin", means: "wall_pin_means", needsLook: true,
    pressed: ({ camera }) => pinOf(camera.id)?.hold === false,
    press: ({ camera }) => byName((operator) => togglePin(camera.id, operator)),
  },
  {
    key: "H", name: "hold", means: "hold_means", needsLook: true,
    pressed: ({ camera }) => pinOf(camera.id)?.hold === true,
    press: ({ camera }) => byName((operator) => togglePin(camera.id, operator, true)),
  },
  {
    key: "S", name: "skip", means: "wall_skip_means", needsLook: true,
    pressed: ({ camera }) => skipOf(camera.id) !== null,
    press: (tile) => (skipOf(tile.camera.id) === null ? openSkip(tile) : byName((operator) => skipCamera(tile.camera.id, 0, "", operator))),
  },
  {
    key: "A", name: "own", means: "own_means", needsLook: false,
    pressed: ({ camera }) => choice.value.own.includes(camera.id),
    press: ({ camera }) => toggleOwn(camera.id),
  },
  {
    key: "D", name: "cam_short", means: "cam_details", needsLook: false,
    pressed: () => false,
    press: ({ camera }) => goTo("cameras", camera.id),
  },
];

function openSkip(tile: Tile): void {
  if (may("look") && room.state?.tour) askToSkip(tile);
}

function toggleOwn(id: string): void {
  const own = choice.value.own.includes(id) ? choice.value.own.filter((one) => one !== id) : [...choice.value.own, id];
  choice.value = { ...choice.value, own };
  keepChoice(choice.value);
  wanted.value = chosen().map((camera) => camera.id);
}

// Done by whoever sits here; who has not said so yet is asked once.
function byName(deed: (operator: string) => Promise<void>): void {
  if (!may("look") || !room.state?.tour) return;
  const doIt = (name: string) => {
    deed(name).then(showDone, (error: unknown) => {
      if (!(error instanceof ActionFailed)) throw error;
      say(t("failed", { why: failureText(error, "error_no_camera") }));
    });
  };
  if (operatorName()) doIt(operatorName());
  else asking.value = doIt;
}

function say(text: string): void {
  said.value = text;
  saidAt = performance.now();
}

function Wall() {
  const { size, boxes } = choice.value;
  return (
    <>
      <Bar />
      <div ref={box} id="wall-tiles" data-size={size} data-boxes={boxes} />
      <Acts />
      <Empty />
      <SkipDialog />
    </>
  );
}

function Bar() {
  return (
    <header class="wall-bar">
      <div class="wall-head">
        <h2 id="wall-title">{t("wall")}</h2>
        <p class="wall-facts">
          {t("wall_cameras", { n: hanging.value.length })}
          {connected.value ? null : <b data-tone="yellow"> · {t("wall_lost")}</b>}
        </p>
        {isChanged.value ? <button type="button" id="wall-changed" onClick={hang}>{t("wall_changed")}</button> : null}
        <p id="wall-said" role="alert">{said.value}</p>
        <Who />
        <ToRoom />
      </div>
      <div class="wall-more">
        <div class="wall-choice">
          <Segments label={t("wall_group")} names={GROUPINGS} chosen={choice.value.grouping} words={(one) => t(`wall_by_${one}`)} onChoose={(grouping) => choose({ grouping })} />
          <Segments label={t("filters_label")} names={FILTERS} chosen={choice.value.filter} words={filterWords} onChoose={(filter) => choose({ filter })} />
          <Rings />
        </div>
        <div class="wall-tools">
          <label class="wall-search">
            <span class="unseen">{t("wall_search")}</span>
            <input ref={search} type="search" maxLength={64} placeholder={t("wall_search")} value={choice.value.text} onInput={(event) => choose({ text: event.currentTarget.value })} onKeyDown={leaveBy} />
          </label>
          <label class="wall-size">
            <span>{t("wall_size")}</span>
            <input type="range" min="1" max="3" step="1" value={choice.value.size} aria-valuetext={t(`wall_size_${choice.value.size}`)} onInput={(event) => choose({ size: Number(event.currentTarget.value) as WallChoice["size"] })} />
          </label>
          <button type="button" class="quiet" aria-pressed={choice.value.boxes} onClick={() => choose({ boxes: !choice.value.boxes })}>{t("wall_boxes")}</button>
        </div>
      </div>
    </header>
  );
}

function filterWords(filter: (typeof FILTERS)[number]): string {
  return filter === "own" ? `${t("wall_filter_own")} ${choice.value.own.length}` : t(`wall_filter_${filter}`);
}

// Back from the search to the tiles.
function leaveBy(event: KeyboardEvent): void {
  if (event.key !== "Escape" && event.key !== "Enter") return;
  event.stopPropagation();
  (event.currentTarget as HTMLElement).blur();
  grid?.step("Home");
}

interface SegmentsProps<Name extends string> {
  label: string;
  names: readonly Name[];
  chosen: Name;
  words: (name: Name) => string;
  onChoose: (name: Name) => void;
}

function Segments<Name extends string>({ label, names, chosen: now, words, onChoose }: SegmentsProps<Name>) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {names.map((name) => (
        <button type="button" key={name} data-name={name} aria-pressed={name === now} onClick={() => onChoose(name)}>{words(name)}</button>
      ))}
    </div>
  );
}

function Rings() {
  const { rings } = choice.value;
  const toggle = (ring: RingName) => choose({ rings: rings.includes(ring) ? rings.filter((one) => one !== ring) : [...rings, ring] });
  return (
    <div class="segments" role="group" aria-label={t("wall_rings")}>
      {RINGS.map((ring) => (
        <button type="button" key={ring} data-name={ring} aria-pressed={rings.includes(ring)} onClick={() => toggle(ring)}>{word("ring", ring)}</button>
      ))}
    </div>
  );
}

// Where the feed has no room beside the wall, what is open is told here, and leads there.
function ToRoom() {
  const now = opened.value;
  return (
    <a class="to-room" href="#room">
      {now === null ? null : <svg class="mark" viewBox="0 0 16 16" data-level={now.level} role="img" aria-label={word("level", now.level)}><path d={markPath(now.level)} /></svg>}
      {t("wall_open", { n: now?.n ?? 0 })}
    </a>
  );
}

function Who() {
  const deed = asking.value;
  if (deed === null) return null;
  const done = (event: Event) => {
    event.preventDefault();
    const name = new FormData(event.currentTarget as HTMLFormElement).get("who")?.toString().trim() ?? "";
    if (!name) return;
    typeOperator(name);
    asking.value = null;
    deed(name);
    active.value?.node.focus({ preventScroll: true });
  };
  return (
    <form class="wall-who" onSubmit={done} onKeyDown={(event) => event.key === "Escape" && (asking.value = null)}>
      <label><span>{t("operator")}</span><input name="who" type="text" maxLength={64} autocomplete="name" placeholder={t("operator_hint")} ref={(field) => field?.focus()} /></label>
      <button type="submit">{t("wall_who_send")}</button>
    </form>
  );
}

// What can be done with the tile at hand; one for all tiles, in the bar at the foot of the wall.
function Acts() {
  const tile = active.value;
  void beat.value; // a pin runs out by itself
  void language();
  return (
    <footer id="wall-acts" aria-label={t("wall_acts")} role="group" data-empty={tile === null}>
      <p>{tile === null ? t("wall_acts_none") : <><b>{tile.name}</b> <small>{tile.camera.id} · {word("ring", tile.camera.ring)}</small></>}</p>
      {DEEDS.filter(({ needsLook }) => !needsLook || may("look")).map((deed) => (
        <button type="button" key={deed.key} data-deed={deed.name} title={t(deed.means)} disabled={tile === null || (deed.needsLook && !room.state?.tour)}
          aria-pressed={tile !== null && deed.pressed(tile)} onClick={() => tile !== null && deed.press(tile)}>
          {t(deed.name)}<kbd>{deed.key}</kbd>
        </button>
      ))}
    </footer>
  );
}

function Empty() {
  if (hanging.value.length > 0 || furnished === null) return null;
  const { filter, text } = choice.value;
  const why = text.trim() ? t("wall_empty_text") : t(`wall_empty_${filter}`);
  return (
    <div class="teach" id="wall-empty">
      <h3>{t("wall_empty")}</h3>
      <p>{why}</p>
      <button type="button" onClick={() => choose({ filter: "all", text: "", rings: [] })}>{t("wall_show_all")}</button>
    </div>
  );
}
