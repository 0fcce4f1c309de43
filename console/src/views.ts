// Which view is in front, and what of it: the address says it, so that it can be kept and gone back to.

import { byId, setAttribute } from "./dom";

export const VIEWS = ["room", "wall", "cameras"] as const;
export type View = (typeof VIEWS)[number];

let front: View = "room";
let part = "";

// What lies over the page, and has an address of its own, leaves the view as it was.
function read(): void {
  const [name = "", rest = ""] = location.hash.slice(1).split("/");
  const found = name === "" ? "room" : VIEWS.find((one) => one === name);
  if (found === undefined) return;
  front = found;
  part = decoded(rest);
}

// A part of the address in words; empty where somebody has mangled it.
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function view(): View {
  read();
  return front;
}

// What of the view is looked at: in the room an incident's id, at the cameras a camera's; empty for nothing.
export function partOfView(): string {
  read();
  return part;
}

// `of`: null for whatever is looked at there, where it is in front already.
export function goTo(chosen: View, of: string | null = null): void {
  if (view() === chosen && (of === null || part === of)) return;
  location.hash = addressOf(chosen, of ?? "");
}

// Has the address say what of the view in front is looked at, which is no step to go back; not while something that has
// an address of its own lies over it.
export function keepPart(of: string): void {
  const [name = "", rest] = location.hash.slice(1).split("/");
  const isOver = name !== "" && name !== view() && rest !== undefined; // "#feed" is a place on the page
  if (isOver || (name === front && part === of)) return;
  part = of;
  history.replaceState(null, "", addressOf(front, of));
}

export function addressOf(chosen: View, of = ""): string {
  return of ? `#${chosen}/${encodeURIComponent(of)}` : `#${chosen}`;
}

// `onChange`: called once at the start, and whenever another view, or another part of it, comes to the front.
export function watchViews(onChange: (view: View) => void): void {
  const show = () => {
    document.body.dataset.view = view();
    for (const link of byId("views").querySelectorAll("a")) {
      setAttribute(link, "aria-current", link.hash === `#${view()}` ? "page" : null);
    }
    onChange(view());
  };
  addEventListener("hashchange", show);
  show();
}
