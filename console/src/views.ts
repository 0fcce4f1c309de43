// Which view is in front, the room or the tour wall: the address says it, so that it can be kept and gone back to.

import { byId, setAttribute } from "./dom";

export type View = "room" | "wall";

export function view(): View {
  return location.hash === "#wall" ? "wall" : "room";
}

export function goTo(chosen: View): void {
  if (view() !== chosen) location.hash = `#${chosen}`;
}

// `onChange`: called once at the start, and whenever another view comes to the front.
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
