// The digest: incidents that came in a flood, counted in one line instead of a card each, until somebody asks for them.

import { byId, el, mark, rebuild, setAttribute } from "./dom";
import { t, word } from "./words";
import { timeOfDay } from "./times";
import { stateNow } from "./room";
import type { Digest } from "./api";

export class DigestLine {
  readonly node = byId("digest");
  readonly #onChange: () => void;
  #open = false;
  #folded: ReadonlySet<string> = new Set();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  // Whether an incident is in the digest, and not to be shown by itself.
  folds(id: string): boolean {
    return !this.#open && this.#folded.has(id);
  }

  update(spoken: string): void {
    const { digest } = stateNow();
    this.#folded = new Set(digest?.folded);
    this.node.hidden = digest === null;
    if (digest === null) {
      this.#open = false;
      return;
    }
    setAttribute(this.node, "data-level", digest.lines[0]?.level);
    rebuild(this.node, [digest, this.#open, spoken], () => this.#content(digest));
  }

  #content(digest: Digest): Node[] {
    const button = el("button", { type: "button", "aria-expanded": String(this.#open), "aria-controls": "cards" },
      t(this.#open ? "digest_hide" : "digest_show"));
    button.addEventListener("click", () => {
      this.#open = !this.#open;
      this.#onChange();
    });
    const lines = digest.lines.map((line) =>
      el("li", {}, mark(line.level, word("level", line.level)),
        ` ${word("ring", line.ring)} · ${word("kind", line.kind)} ${line.incidents}`));
    const told = digest.folded.length;
    return [
      el("p", {}, el("b", {}, t("digest", { n: digest.incidents })),
        t("digest_since", { time: timeOfDay(Date.parse(digest.since)), alerts: digest.alerts }), button),
      el("ul", {}, ...lines, digest.others > 0 ? el("li", {}, t("digest_others", { n: digest.others })) : null),
      this.#open && told < digest.incidents ? el("p", { class: "means" }, t("digest_more", { n: digest.incidents - told })) : null,
    ].filter((node) => node !== null);
  }
}
