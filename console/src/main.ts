// The page: takes what the server sends, keeps the selection, and lets every part show it.

import { effect } from "@preact/signals";
import { byId, setText } from "./dom";
import { chooseLanguage, language, t, translate } from "./words";
import { heardServerTime, serverNow } from "./times";
import { isOpen, incidentById, notReal, openCount, room, stateNow, takeLayout, takeState } from "./room";
import { Feed } from "./feed";
import { IncidentPanel } from "./incident";
import { RoomMap } from "./map";
import { ActionFailed } from "./sending";
import { act, fetchLayout, Stream } from "./stream";
import { asksTheRoom } from "./escalation";
import { placeGuide, tickGuide } from "./guide";
import { openHelp, placeHelp } from "./help";
import { openLive, placeLive } from "./live";
import { showMoveUp } from "./cover";
import { openPrecision, showPrecision, watchPrecision } from "./precision";
import "./password";
import { lookAt } from "./looking";
import { seat } from "./seat";
import { openSettings, placeSettings, showSettings, showSoundButton } from "./settings";
import { askWhoIsHere, may, showWhoIsHere } from "./signed";
import { soundRoom, toggleMute } from "./sounding";
import { changeTheme, showThemeButton } from "./theme";
import { showBanners, showClock, showHealth, showTop } from "./top";
import { goTo, view, watchViews } from "./views";
import { showVisited, tickVisited } from "./visited";
import { cameraKey, followCameras, placeCameras, showCameras, speakCameras, tickCameras } from "./cameras";
import { follow, placeWall, showWall, speakWall, tickWall, wallKey } from "./wall";
import { placeZones } from "./zone_editor";
import type { StateMessage } from "./api";

const TICK_MS = 250;
const RETRY_MS = 2000;
const MAX_REMEMBERED = 2000; // more than are open at once

let selected: string | null = null;
let trouble: string | null = null;
let layoutVersion: string | null = null;
let fetchingLayout = false;

const panel = new IncidentPanel(byId("incident"), choose);
const map = new RoomMap(byId("map"), choose, openLive);
const feed = new Feed({ onSelect: choose, onOpen: openIncident, onShown: tellDisplayed });

function choose(id: string | null): void {
  selected = id;
  feed.select(id);
  panel.select(id);
  map.select(id);
  lookAt(id);
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
  document.body.dataset.ready = "true";
  showTop();
  showMoveUp();
  feed.update();
  map.update();
  showVisited();
  showWall();
  showCameras();
  showSettings();
  if (incidentById(selected) === null) choose(feed.order[0] ?? null);
  else panel.update();
  tick();
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
  setText(byId("keys-text"), t("keys"));
  showWhoIsHere();
  showPrecision();
  if (layoutVersion === null) return;
  map.furnish();
  speakWall();
  speakCameras();
  if (room.state) showAll();
}

byId("language").addEventListener("click", () => {
  chooseLanguage(language() === "en" ? "zh" : "en");
  speak();
});

// Those of all views.
const KEYS: Record<string, () => void> = {
  w: () => goTo(view() === "wall" ? "room" : "wall"),
  v: () => goTo(view() === "cameras" ? "room" : "cameras"),
  r: () => void openPrecision(),
  m: toggleMute,
  t: changeTheme,
  "?": openHelp,
};

// On the wall S skips a camera.
const ROOM_KEYS: Record<string, () => void> = {
  j: () => feed.step(1),
  ArrowDown: () => feed.step(1),
  k: () => feed.step(-1),
  ArrowUp: () => feed.step(-1),
  Enter: () => openIncident(true),
  c: () => {
    if (may("act")) void panel.confirm();
  },
  n: () => {
    if (may("act")) panel.note();
  },
  l: () => openLive(panel.camera() ?? stateNow().tour?.recent[0] ?? room.layout.cameras[0]?.id ?? null),
  p: () => {
    if (may("look")) panel.pin();
  },
  s: openSettings,
  h: () => map.toggleHeat(),
  f: () => map.list(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") panel.escape();
  if (event.defaultPrevented) return; // the map was moved by its own keys
  const on = event.target instanceof Element ? event.target : null;
  const writing = on?.closest("input, textarea, select, video");
  // Of a button only what presses it; the keys go on after it was clicked.
  const pressing = ["Enter", " "].includes(event.key) && on?.closest("button, a, summary");
  if (writing || pressing || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey || room.state === null) return;
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
watchViews(() => {
  follow();
  followCameras();
});
placeLive(byId("live-place"));
placeZones(byId("zones-place"));
byId("help-open").addEventListener("click", openHelp);
speak();
void askWhoIsHere();
watchPrecision();
void furnish(); // at once, and not only when the first state has come
const stream = new Stream(takeMessage, (message) => (trouble = message.message));
setInterval(tick, TICK_MS);
