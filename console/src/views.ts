// Which view is in front, and what of it: the address says it, so that it can be kept and gone back to.

import { byId, setAttribute } from "./dom";

export const VIEWS = ["room", "wall", "cameras"] as const;
export type View = (typeof VIEWS)[number];

export function view(): View {
  const [name] = location.hash.slice(1).split("/");
  return VIEWS.find((one) => one === name) ?? "room";
}

// What of the view is looked at, as a camera's id; empty for nothing.
export function partOfView(): string {
  return decodeURIComponent(location.hash.slice(1).split("/")[1] ?? "");
}

export function goTo(chosen: View, part = ""): void {
  const hash = addressOf(chosen, part);
  if (view() !== chosen || partOfView() !== part) location.hash = hash;
}

export function addressOf(chosen: View, part = ""): string {
  return part ? `#${chosen}/${encodeURIComponent(part)}` : `#${chosen}`;
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
