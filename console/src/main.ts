// The page: takes what the server sends, keeps the selection, and lets every part show it.

import { effect } from "@preact/signals";
import { byId, setText } from "./dom";
import { chooseLanguage, language, t, translate } from "./words";
import { heardServerTime, serverNow } from "./times";
import { isOpen, isTold, incidentById, notReal, openCount, ordersOf, room, stateNow, takeLayout, takeState } from "./room";
import { Feed } from "./feed";
import { IncidentPanel } from "./incident";
import { RoomMap } from "./map";
import { findIncident } from "./past";
import { ActionFailed } from "./sending";
import { act, fetchLayout, Stream } from "./stream";
import { asksTheRoom } from "./escalation";
import { placeGuide, tickGuide } from "./guide";
import { isStillWriting } from "./hands";
import { keysInShort, openHelp, placeHelp } from "./help";
import { openLive, placeLive } from "./live";
import { showMoveUp } from "./cover";
import { openPrecision, showPrecision, watchPrecision } from "./precision";
import "./explain";
import "./password";
import { lookAt } from "./looking";
import { seat } from "./seat";
import { openSettings, placeSettings, showSettings, showSoundButton } from "./settings";
import { askWhoIsHere, may, showWhoIsHere } from "./signed";
import { soundRoom, toggleMute } from "./sounding";
import { changeTheme, showThemeButton } from "./theme";
import { isPressing } from "./touching";
import { showBanners, showClock, showHealth, showTop } from "./top";
import { goTo, keepPart, partOfView, view, watchViews } from "./views";
import { showVisited, tickVisited } from "./visited";
import { cameraKey, followCameras, placeCameras, showCameras, speakCameras, tickCameras } from "./cameras";
import { follow, placeWall, showWall, speakWall, tickWall, wallKey } from "./wall";
import { placeZones } from "./zone_editor";
import type { Permission, StateMessage } from "./api";

const TICK_MS = 250;
const RETRY_MS = 2000;
const MAX_REMEMBERED = 2000; // more than are open at once
const SETTLED_MS = 150; // who goes through the feed by keys stops at the last one
const SEEK_AGAIN_MS = 5_000;

let selected: string | null = null;
let isOwnChoice = false; // somebody has chosen it, or begun to do something about it; else the page did
let isBegun = false;
let sought: string | null = null; // the incident that was asked for as it is not told of
let settling: ReturnType<typeof setTimeout> | undefined;
let trouble: string | null = null;
let layoutVersion: string | null = null;
let fetchingLayout = false;
let isHeldBack = false; // what the server told is not drawn yet

const panel = new IncidentPanel(byId("incident"), choose);
const map = new RoomMap(byId("map"), choose, openLive);
const feed = new Feed({ onSelect: choose, onOpen: openIncident, onShown: tellDisplayed });

function choose(id: string | null): void {
  isOwnChoice = true;
  show(id);
  clearTimeout(settling);
  settling = setTimeout(keepAddress, SETTLED_MS);
}

function show(id: string | null): void {
  selected = id;
  keep();
  const isKnown = incidentById(id) !== null;
  feed.select(id);
  panel.select(id, !isKnown);
  map.select(id);
  lookAt(isKnown ? id : null);
  if (room.state !== null && id !== null && !isKnown) void seek(id);
}

// From here on it is not left by itself.
function take(): void {
  if (selected === null || isOwnChoice) return;
  isOwnChoice = true;
  keepAddress();
}

function keepAddress(): void {
  if (view() === "room" && isOwnChoice) keepPart(selected ?? "");
}

// The address leads to an incident; where it names none, it is made to name the one that is shown.
function followAddress(): void {
  if (view() !== "room" || !isBegun) return;
  const asked = partOfView();
  if (asked === "") keepAddress();
  else if (asked !== selected) choose(asked);
}

function keep(): void {
  const incident = incidentById(selected);
  if (incident === null || !isTold(incident.id) || room.at === null) return;
  room.kept = { incident, orders: ordersOf(incident.id), gone: stateNow().gone, at: room.at };
}

// What the state does not tell of is over, or among the least urgent of very many.
async function seek(id: string): Promise<void> {
  if (sought === id) return;
  sought = id;
  setTimeout(() => {
    if (sought === id) sought = null;
  }, SEEK_AGAIN_MS);
  try {
    const wasKnown = incidentById(id) !== null;
    const found = await findIncident(id);
    if (selected !== id || isTold(id)) return;
    if (found !== null) room.kept = found;
    if (wasKnown) panel.update();
    else panel.select(id);
    lookAt(incidentById(id) === null ? null : id);
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error; // it is asked for again
  }
}

// On a narrow screen the incident stands below the feed.
function openIncident(withFocus: boolean): void {
  goTo("room");
  const node = byId("incident");
  if (matchMedia("(max-width: 900px)").matches) node.scrollIntoView({ block: "start" });
  if (withFocus) node.focus({ preventScroll: true });
}

function acknowledge(id: string): void {
  choose(id);
  openIncident(true);
  void panel.acknowledge();
}

const told = new Set<string>(JSON.parse(sessionStorage.getItem("patrol.displayed") ?? "[]") as string[]); // the oldest first

async function tellDisplayed(id: string): Promise<void> {
  const incident = incidentById(id);
  if (incident === null || !isOpen(incident) || told.has(id) || !may("act")) return;
  remember(id);
  try {
    await act(id, "displayed", { seat: seat() });
    sessionStorage.setItem("patrol.displayed", JSON.stringify([...told]));
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    if (["network", "store_away", "too_slow"].includes(error.code)) setTimeout(() => tellAgain(id), RETRY_MS);
  }
}

// A page stays open for months.
function remember(id: string): void {
  told.add(id);
  const [oldest] = told;
  if (told.size > MAX_REMEMBERED && oldest !== undefined) told.delete(oldest);
}

function tellAgain(id: string): void {
  told.delete(id);
  void tellDisplayed(id);
}

async function furnish(): Promise<void> {
  if (fetchingLayout) return;
  fetchingLayout = true;
  try {
    const layout = await fetchLayout();
    takeLayout(layout);
    layoutVersion = layout.version;
    map.furnish();
    if (room.state) showAll();
  } catch (error) {
    // The next state asks again; the banner already says that the server is away.
    if (!(error instanceof ActionFailed)) throw error;
  } finally {
    fetchingLayout = false;
  }
}

function takeMessage(message: StateMessage): void {
  trouble = null;
  heardServerTime(Date.parse(message.at));
  takeState(message);
  if (message.room.layout !== layoutVersion) void furnish();
  else showAll();
}

function showAll(): void {
  if (layoutVersion === null) return;
  isHeldBack = isPressing();
  if (isHeldBack) return;
  document.body.dataset.ready = "true";
  showTop();
  showMoveUp();
  feed.update();
  map.update();
  showVisited();
  showWall();
  showCameras();
  showSettings();
  showSelected();
  tick();
}

// What nobody has chosen may give way to what matters more; what somebody has stays, also when it is not told of any more.
function showSelected(): void {
  if (!isBegun) {
    isBegun = true;
    followAddress();
  }
  const isHere = selected !== null && isTold(selected);
  if (!isHere && !isOwnChoice) return show(feed.order[0] ?? null);
  if (isHere && sought === selected) sought = null;
  keep();
  panel.update();
  if (isHere) lookAt(selected);
  else if (selected !== null && incidentById(selected)?.state !== "closed") void seek(selected);
}

function titleText(): string {
  if (isStale()) return t("page_title_lost");
  const { incidents } = stateNow();
  const asked = incidents.filter(asksTheRoom);
  const [first] = asked;
  if (first === undefined) return t("page_title", { n: openCount() });
  const mark = asked.every(notReal) ? notReal(first) : "";
  return [mark, t("page_title_asked", { n: asked.length })].filter(Boolean).join(" · ");
}

// Whether what is shown can no longer be taken for now.
function isStale(): boolean {
  return stream.lost || trouble !== null;
}

function tick(): void {
  if (isPressing()) return;
  if (isHeldBack) return showAll();
  showSoundButton(byId("sound"));
  tickGuide();
  // Until the layout is there the room is not shown, nor judged; that nothing comes is said all the same.
  if (room.state !== null && layoutVersion === null && !isStale()) return;
  showBanners({ lost: stream.lost, trouble }, acknowledge);
  if (room.state === null || layoutVersion === null) return;
  soundRoom(isStale());
  showHealth(room.state, isStale());
  document.title = titleText();
  const now = serverNow();
  showClock();
  feed.tick(now);
  panel.tick(now);
  map.tick(now);
  tickVisited();
  tickWall();
  tickCameras();
}

function speak(): void {
  translate(document);
  showKeys();
  showWhoIsHere();
  showPrecision();
  if (layoutVersion === null) return;
  map.furnish();
  speakWall();
  speakCameras();
  if (room.state) showAll();
}

function showKeys(): void {
  setText(byId("keys-text"), keysInShort());
}

byId("language").addEventListener("click", () => {
  chooseLanguage(language() === "en" ? "zh" : "en");
  speak();
});

// Whoever does something about the incident that is shown has chosen it.
function onIncident(permission: Permission, action: () => void): () => void {
  return () => {
    if (!may(permission)) return;
    take();
    action();
  };
}

// Takes on what the shown incident asks; else shows one that asks the room, which is taken on by the next press.
function acknowledgeOrShow(): void {
  if (panel.asks) {
    take();
    void panel.acknowledge();
    return;
  }
  const asking = stateNow().incidents.find((one) => asksTheRoom(one) && one.id !== selected);
  if (asking !== undefined) choose(asking.id);
}

// Those of all views.
const KEYS: Record<string, () => void> = {
  w: () => goTo(view() === "wall" ? "room" : "wall"),
  v: () => goTo(view() === "cameras" ? "room" : "cameras"),
  r: () => void openPrecision(),
  m: toggleMute,
  t: changeTheme,
  s: () => {
    if (view() !== "wall") openSettings(); // there it skips a camera
  },
  "?": openHelp,
};

const ROOM_KEYS: Record<string, () => void> = {
  j: () => feed.step(1),
  ArrowDown: () => feed.step(1),
  k: () => feed.step(-1),
  ArrowUp: () => feed.step(-1),
  Enter: () => openIncident(true),
  c: onIncident("act", () => void panel.confirm()),
  x: onIncident("act", () => panel.close()),
  n: onIncident("act", () => panel.note()),
  e: onIncident("act", () => panel.changeLevel()),
  g: onIncident("act", () => panel.merge()),
  u: onIncident("see", () => panel.units()),
  a: () => {
    if (may("act")) acknowledgeOrShow();
  },
  l: () => openLive(panel.camera() ?? stateNow().tour?.recent[0] ?? room.layout.cameras[0]?.id ?? null),
  p: onIncident("look", () => panel.pin()),
  1: () => feed.choose(0),
  2: () => feed.choose(1),
  3: () => feed.choose(2),
  4: () => feed.choose(3),
  h: () => map.toggleHeat(),
  f: () => map.list(),
};

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // by whoever writes Chinese, every key of it
  const on = event.target instanceof Element ? event.target : null;
  const writing = on?.closest("input, textarea, select, video");
  const sheet = document.querySelector("dialog[open]");
  // A sheet, and a field elsewhere, have their own way out.
  const isElsewhere = sheet !== null || view() !== "room" || (writing && !on?.closest("#incident"));
  if (event.key === "Escape" && !isElsewhere) panel.escape();
  if (event.defaultPrevented) return; // the map was moved by its own keys
  // Of a button only what presses it; the keys go on after it was clicked.
  const pressing = ["Enter", " "].includes(event.key) && on?.closest("button, a, summary");
  if (writing || sheet || event.ctrlKey || event.metaKey || event.altKey || room.state === null) return;
  if (!["Escape", "Tab", "Shift"].includes(event.key) && isStillWriting()) {
    event.preventDefault();
    return;
  }
  if (pressing) return;
  if ((view() === "wall" && wallKey(event)) || (view() === "cameras" && cameraKey(event))) {
    event.preventDefault();
    return;
  }
  const action = KEYS[event.key] ?? (view() === "room" ? ROOM_KEYS[event.key] : undefined);
  if (action === undefined) return;
  event.preventDefault();
  action();
});

placeHelp(byId("help-place"));
placeGuide(byId("guide-place"), byId("guide-offer-place"));
placeSettings(byId("settings-place"));
byId("sound").addEventListener("click", openSettings);
byId("theme").addEventListener("click", changeTheme);
effect(() => showThemeButton(byId("theme")));
placeWall(byId("wall"));
placeCameras(byId("cameras"), (id) => {
  choose(id);
  openIncident(true);
});
for (const kind of ["pointerdown", "focusin"]) byId("incident").addEventListener(kind, take, { passive: true });
watchViews(() => {
  followAddress();
  follow();
  followCameras();
});
placeLive(byId("live-place"));
placeZones(byId("zones-place"));
byId("help-open").addEventListener("click", openHelp);
speak();
void askWhoIsHere().then(showKeys);
watchPrecision();
void furnish(); // at once, and not only when the first state has come
const stream = new Stream(takeMessage, (message) => (trouble = message.message));
setInterval(tick, TICK_MS);
