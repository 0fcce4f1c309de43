// The box of banners. A line belongs to what it is about: no button becomes another one's under a pointer, and neither the
// lines nor what stands below the box move under a hand. What comes is read aloud once, without the clock that ticks in it.
// What comes after the first lines is folded to one line each: together they would bury what stands below them.

import { byId, el, mark, part, rebuild, setAttribute, setText } from "./dom";
import { openLetters } from "./letters";
import { type View, watchViews } from "./views";
import { aimedSince, isTouched } from "./touching";
import { language, t, word } from "./words";
import type { Level } from "./api";

const NEW_MS = 10_000;
const MEANT_AFTER_MS = 1000; // whoever presses so long after the lines have moved has seen it
const FORGOTTEN_AFTER_MS = 60_000; // what was away for less is no news
const SAID_MS = 5000;
const WHOLE = 2; // so many lines at the top are never folded
const LEVELS: Level[] = ["red", "yellow", "blue", "green"];
const BELOW = ["feed", "incident", "wall", "cameras", "place"];

// `key`: the same as long as it is about the same thing. `title`: what is wrong, and `todo`: what to do; no seconds tick in
// them, they do in `text`. `letters`: its button shows the dead letters; `shows`: an incident's id, which its button shows.
// `link`: nothing is known of now, so that it comes before all others, which are older than it.
export interface Banner {
  key: string;
  level: Level;
  title: string;
  text?: string;
  todo?: string;
  urgent?: boolean;
  link?: boolean;
  letters?: boolean;
  shows?: string;
}

export type Show = (id: string) => void;

interface Line {
  readonly node: HTMLElement;
  readonly button: HTMLElement; // which folds it, and opens it
  readonly since: number;
  readonly isNews: boolean; // it came while the page was open
  movedAt: number;
  hasMore: boolean; // than its title
  isOpened: boolean; // by somebody, for good
}

const box = byId("banners");
const announcer = byId("banner-announcer");
const lines = new Map<string, Line>();
let isFilled = false;
const told = new Map<string, { level: Level; at: number }>(); // by key: when it was there last
let saidAt = -Infinity;
let saidIn = language();
let isMisaimed = false;
let height = 0;
let settledIn: View | null = null;
let inFlow = 0; // as high as it is to what stands below it

// `onShow(id)`: an incident is to be shown.
export function fillBannerBox(banners: Banner[], onShow: Show): void {
  const now = performance.now();
  const isStale = banners.some(({ link }) => link);
  for (const banner of banners) showLine(banner, onShow, now);
  for (const { node } of lines.values()) showAge(node, isStale);
  arrange(banners.map(({ key }) => key), now);
  isFilled = true;
  setAttribute(box, "data-new", [...lines.values()].some(({ since }) => now - since < NEW_MS));
  announce(banners, now);
  settle();
}

function showLine(banner: Banner, onShow: Show, now: number): void {
  const { key, level, urgent, link, title, text = "", todo = "", letters, shows } = banner;
  const line = lines.get(key) ?? newLine(now);
  lines.set(key, line);
  line.hasMore = text !== "" || todo !== "";
  const [sign, words, buttons] = [part(line.node, 0), part(line.node, 1), part(line.node, 2)];
  setAttribute(line.node, "data-level", level);
  setAttribute(line.node, "data-urgent", urgent === true);
  setAttribute(line.node, "data-link", link === true);
  setAttribute(line.node, "role", urgent ? "alert" : null);
  setAttribute(line.node, "data-over", false);
  line.node.style.minHeight = "";
  rebuild(sign, [level, language()], () => [mark(level, word("level", level))]);
  rebuild(words, [title, text, todo], () => [el("strong", {}, title, " "), text, el("span", { class: "todo" }, ` ${todo}`)]);
  rebuild(buttons, [letters, shows, language()], () => [letters ? lettersButton() : shows ? showButton(shows, onShow) : null]);
  setAttribute(line.button, "aria-label", t("banner_whole", { title }));
}

// What it asked for cannot be done while the server is away. The button keeps its place and the focus.
function showAge(node: HTMLElement, isStale: boolean): void {
  const isOld = isStale && node.dataset.link === undefined;
  setAttribute(node, "data-old", isOld);
  for (const button of node.querySelectorAll("button[data-needs]")) {
    setAttribute(button, "aria-disabled", isOld ? "true" : null);
    setAttribute(button, "title", isOld ? t("banner_old") : null);
  }
}

function newLine(now: number): Line {
  const button = el("button", { type: "button", class: "quiet fold" }, "▾");
  const words = el("span", { class: "banner-words" });
  const node = el("p", { class: "banner" }, el("span", { class: "sign" }), words, el("span", { class: "sign" }));
  const line = { node, button, since: now, isNews: isFilled, movedAt: now, hasMore: false, isOpened: false };
  button.addEventListener("click", () => {
    line.isOpened = !line.isOpened;
    fold(line, true);
  });
  return line;
}

function showButton(id: string, onShow: Show): HTMLElement {
  const button = el("button", { type: "button", "data-needs": "act" }, t("room_asked_show"));
  button.addEventListener("click", () => unlessOld(button, () => onShow(id)));
  return button;
}

function lettersButton(): HTMLElement {
  const button = el("button", { type: "button", class: "quiet", "data-needs": "see_letters" }, t("letters_show"));
  button.addEventListener("click", () => unlessOld(button, () => void openLetters()));
  return button;
}

function unlessOld(button: HTMLElement, action: () => void): void {
  if (button.ariaDisabled !== "true") action();
}

// In their order; while somebody is at them, what stands there stays, and what is new comes below.
function arrange(keys: string[], now: number): void {
  const isHeld = isTouched(box);
  for (const [key, { node }] of lines) {
    if (keys.includes(key)) continue;
    if (isHeld && hasButtonBelow(node)) end(node);
    else drop(key, node);
  }
  const wanted = keys.flatMap((key) => lines.get(key)?.node ?? []);
  if (isHeld) box.append(...wanted.filter((node) => node.parentElement !== box));
  else sort(wanted);
  if (!isHeld) foldLines(now);
}

// What is new stands whole for a moment, and whoever has the focus on a line keeps it as it is.
function foldLines(now: number): void {
  for (const line of lines.values()) {
    const place = [...box.children].indexOf(line.node);
    const isNew = line.isNews && now - line.since < NEW_MS;
    if (!line.node.contains(document.activeElement)) fold(line, place >= WHOLE && !isNew);
  }
}

function fold(line: Line, isFoldable: boolean): void {
  const { node, button, isOpened } = line;
  const [words, isFolded] = [part(node, 1), isFoldable && !isOpened];
  const wasFolded = node.dataset.folded !== undefined;
  setAttribute(node, "data-folded", isFolded);
  if (!isFoldable || !(isOpened || line.hasMore || words.scrollWidth > words.clientWidth)) button.remove();
  else if (button.parentElement === null) node.append(button);
  setAttribute(button, "aria-expanded", String(isOpened));
  if (isFolded === wasFolded) return;
  for (const other of lines.values()) if (isAfter(other.node, node)) other.movedAt = performance.now();
}

function isAfter(node: Node, other: Node): boolean {
  return (other.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
}

function hasButtonBelow(node: Element): boolean {
  const next = node.nextElementSibling;
  return next !== null && (next.querySelector("button") !== null || hasButtonBelow(next));
}

// It holds its place, and asks for nothing any more.
function end(node: HTMLElement): void {
  if (node.dataset.over !== undefined) return;
  node.style.minHeight = `${node.getBoundingClientRect().height}px`;
  setAttribute(node, "data-over", true);
  setAttribute(node, "data-urgent", false);
  setAttribute(node, "role", null);
}

function drop(key: string, node: HTMLElement): void {
  if (node.nextElementSibling !== null) allMoved();
  node.remove();
  lines.delete(key);
}

function sort(wanted: HTMLElement[]): void {
  const focused = document.activeElement;
  wanted.forEach((node, place) => {
    const stands = box.children[place] ?? null;
    if (stands === node) return;
    if (stands !== null) allMoved();
    box.insertBefore(node, stands);
  });
  if (focused !== document.activeElement && focused instanceof HTMLElement && box.contains(focused)) focused.focus({ preventScroll: true });
}

function allMoved(): void {
  for (const line of lines.values()) line.movedAt = performance.now();
}

function announce(banners: Banner[], now: number): void {
  const news = banners.filter(({ key, level, urgent }) => {
    const before = told.get(key);
    const isKnown = before !== undefined && now - before.at < FORGOTTEN_AFTER_MS && LEVELS.indexOf(level) >= LEVELS.indexOf(before.level);
    return !isKnown && !urgent; // what is urgent is read aloud by its role
  });
  for (const { key, level } of banners) told.set(key, { level, at: now });
  if (news.length > 0) {
    setText(announcer, news.map(({ level, title, todo }) => [word("level", level), title, todo].filter(Boolean).join(" ")).join(" "));
    saidAt = now;
    saidIn = language();
  } else if (now - saidAt > SAID_MS || saidIn !== language()) {
    setText(announcer, ""); // the same words again would be no change, and not be read
    for (const [key, { at }] of told) if (now - at > FORGOTTEN_AFTER_MS) told.delete(key);
  }
}

// Where the box pushes what stands below it, it does so once nobody is there; until then it lies over it, or leaves a gap.
function settle(): void {
  if (!BELOW.some((id) => isTouched(byId(id)))) inFlow = height;
  const missing = inFlow - height;
  box.style.marginBottom = Math.abs(missing) < 0.5 ? "" : `${missing}px`;
}

new ResizeObserver(measure).observe(box);

function measure(): void {
  height = box.getBoundingClientRect().height;
  settle();
}

// In another view nothing has stood anywhere yet, and the box may be narrower, and higher.
watchViews((view) => {
  if (view === settledIn) return;
  settledIn = view;
  height = inFlow = box.getBoundingClientRect().height;
  settle();
});

// A press that was aimed at what stood there before.
box.addEventListener("pointerdown", (event) => {
  const movedAt = [...lines.values()].find(({ node }) => event.target instanceof Node && node.contains(event.target))?.movedAt ?? -Infinity;
  isMisaimed = aimedSince(event) < movedAt && performance.now() - movedAt < MEANT_AFTER_MS;
}, true);
box.addEventListener("click", (event) => {
  if (event.detail > 0 && isMisaimed) event.stopPropagation();
  isMisaimed = false;
}, true);
