// What became of an action on an incident that one has left before the answer came: said with its name, and the way back.

import { el, rebuild, setAttribute } from "./dom";
import { t, word } from "./words";
import { incidentById, titleOf } from "./room";

export class Elsewhere {
  readonly node = el("p", { class: "elsewhere", role: "alert" });
  readonly #onBack: (id: string) => void;
  #id: string | null = null;
  #tone = "plain";

  constructor(onBack: (id: string) => void) {
    this.#onBack = onBack;
  }

  say(id: string, text: string, tone: "green" | "red"): void {
    this.#id = id;
    this.#tone = tone;
    setAttribute(this.node, "data-tone", tone);
    const incident = incidentById(id);
    const which = [incident && word("level", incident.level), incident && titleOf(incident), id].filter(Boolean).join(" · ");
    rebuild(this.node, [id, text], () => [t("said_of", { which, text }), " ", this.#back(id)]);
  }

  // Another incident is chosen. What has failed stays until somebody has been back.
  moveTo(id: string | null): void {
    if (this.#id !== id && this.#tone === "red") return;
    this.#id = null;
    rebuild(this.node, null, () => []);
  }

  #back(id: string): HTMLButtonElement {
    const button = el("button", { type: "button", class: "lead" }, t("merged_show", { id }));
    button.addEventListener("click", () => this.#onBack(id));
    return button;
  }
}
