// The page: takes what the server sends, keeps the selection, and lets every part show it.

import { setText } from "./dom.js";
import { chooseLanguage, language, t, translate } from "./words.js";
import { heardServerTime, serverNow } from "./times.js";
import { isMaintenance, isOpen, incidentById, notReal, room, takeLayout, takeState } from "./room.js";
import { Feed } from "./feed.js";
import { IncidentPanel } from "./incident.js";
import { RoomMap } from "./map.js";
import { act, Stream } from "./stream.js";
import { asksTheRoom } from "./escalation.js";
import { showMoveUp } from "./cover.js";
import { openPrecision, showPrecision, watchPrecision } from "./precision.js";
import "./password.js";
import { askWhoIsHere, may, showWhoIsHere } from "./signed.js";
import { showBanners, showClock, showHealth, showTop } from "./top.js";
import { showVisited, tickVisited } from "./visited.js";

const TICK_MS = 250;
const RETRY_MS = 2000;
const MAX_REMEMBERED = 500;

let selected = null;
let trouble = null;
let layoutVersion = null;
let fetchingLayout = false;

const panel = new IncidentPanel(document.getElementById("incident"), (id) => choose(id));
const map = new RoomMap(document.getElementById("map"), choose);
const feed = new Feed({ onSelect: choose, onOpen: openIncident, onShown: tellDisplayed });

function choose(id) {
  selected = id;
  feed.select(id);
  panel.select(id);
  map.select(id);
}

// On a narrow screen the incident stands below the feed.
function openIncident(withFocus) {
  const node = document.getElementById("incident");
  if (matchMedia("(max-width: 900px)").matches) node.scrollIntoView({ block: "start" });
  if (withFocus) node.focus({ preventScroll: true });
}

function acknowledge(id) {
  choose(id);
  openIncident(true);
  panel.acknowledge();
}

// Which seat this is, for the receipts; a name of the tab, not of a person.
function seat() {
  let name = sessionStorage.getItem("patrol.seat");
  if (name === null) {
    const random = crypto.getRandomValues(new Uint8Array(6));
    name = `seat-${[...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    sessionStorage.setItem("patrol.seat", name);
  }
  return name;
}

const told = new Set(JSON.parse(sessionStorage.getItem("patrol.displayed") ?? "[]"));

async function tellDisplayed(id) {
  const incident = incidentById(id);
  if (incident === null || !isOpen(incident) || told.has(id) || !may("act")) return;
  told.add(id);
  try {
    await act(id, "displayed", { seat: seat() });
    sessionStorage.setItem("patrol.displayed", JSON.stringify([...told].slice(-MAX_REMEMBERED)));
  } catch (error) {
    if (["network", "store_away", "too_slow"].includes(error.code)) setTimeout(() => tellAgain(id), RETRY_MS);
  }
}

function tellAgain(id) {
  told.delete(id);
  tellDisplayed(id);
}

async function fetchLayout() {
  if (fetchingLayout) return;
  fetchingLayout = true;
  try {
    const response = await fetch("/api/layout", { signal: AbortSignal.timeout(10000) });
    if (!response.ok) return;
    const layout = await response.json();
    takeLayout(layout);
    layoutVersion = layout.version;
    map.furnish();
    if (room.state) showAll();
  } catch {
    // The next state asks again; the banner already says that the server is away.
  } finally {
    fetchingLayout = false;
  }
}

function takeMessage(message) {
  trouble = null;
  heardServerTime(Date.parse(message.at));
  takeState(message);
  if (message.room.layout !== layoutVersion) fetchLayout();
  else showAll();
}

function showAll() {
  if (layoutVersion === null) return;
  document.body.dataset.ready = "true";
  showTop();
  showMoveUp();
  feed.update();
  map.update();
  showVisited();
  if (incidentById(selected) === null) choose(feed.order[0] ?? null);
  else panel.update();
  tick();
}

function titleText() {
  if (isStale()) return t("page_title_lost");
  const { incidents } = room.state;
  const asked = incidents.filter(asksTheRoom);
  if (asked.length === 0) return t("page_title", { n: incidents.filter((one) => isOpen(one) && !isMaintenance(one)).length });
  const mark = asked.every(notReal) ? notReal(asked[0]) : "";
  return [mark, t("page_title_asked", { n: asked.length })].filter(Boolean).join(" · ");
}

// Whether what is shown can no longer be taken for now.
function isStale() {
  return stream.lost || trouble !== null;
}

function tick() {
  // Until the layout is there the room is not shown, nor judged; that nothing comes is said all the same.
  if (room.state !== null && layoutVersion === null && !isStale()) return;
  showBanners({ lost: stream.lost, trouble }, acknowledge);
  if (room.state === null || layoutVersion === null) return;
  showHealth(room.state, isStale());
  document.title = titleText();
  const now = serverNow();
  showClock();
  feed.tick(now);
  panel.tick(now);
  map.tick(now);
  tickVisited();
}

function speak() {
  translate(document);
  setText(document.getElementById("keys"), t("keys"));
  showWhoIsHere();
  showPrecision();
  if (layoutVersion === null) return;
  map.furnish();
  if (room.state) showAll();
}

document.getElementById("language").addEventListener("click", () => {
  chooseLanguage(language() === "en" ? "zh" : "en");
  speak();
});

const KEYS = {
  j: () => feed.step(1),
  ArrowDown: () => feed.step(1),
  k: () => feed.step(-1),
  ArrowUp: () => feed.step(-1),
  Enter: () => openIncident(true),
  c: () => may("act") && panel.confirm(),
  p: () => may("look") && panel.pin(),
  r: openPrecision,
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") panel.escape();
  const writing = event.target.closest?.("input, textarea, select, video");
  // Of a button only what presses it; the keys go on after it was clicked.
  const pressing = ["Enter", " "].includes(event.key) && event.target.closest?.("button, a, summary");
  if (writing || pressing || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey || room.state === null) return;
  const action = KEYS[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
});

speak();
askWhoIsHere();
watchPrecision();
const stream = new Stream(takeMessage, (message) => (trouble = message.message));
setInterval(tick, TICK_MS);
