// The line below the feed: how many more there are than the page is told of.

import { el, setText } from "./dom";
import { stateNow } from "./room";
import { t } from "./words";

export class NotShownLine {
  readonly node = el("p", { class: "means not-shown", hidden: true });

  // `shown`: how many incidents of this filter the page is told of.
  update(filter: string, shown: number): void {
    const n = notShown(filter, shown);
    this.node.hidden = n === 0;
    if (n > 0) setText(this.node, t("not_shown", { n }));
  }
}

// How many more there are; of those that nobody has confirmed that is not known.
export function notShown(filter: string, shown: number): number {
  const { maintenance, open_not_shown } = stateNow();
  if (filter === "open") return open_not_shown;
  return filter === "maintenance" ? Math.max(0, maintenance.incidents - shown) : 0;
}
