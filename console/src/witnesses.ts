// Who saw the selected incident: each camera's share with its picture, why it belongs here, and how it is split off.

import { el, mark, rebuild } from "./dom";
import { pick, t, word } from "./words";
import { timeOfDay } from "./times";
import { isOpen, whyGone } from "./room";
import { thumbnail } from "./evidence";
import type { Incident, Witness } from "./api";

export interface WitnessActions {
  onSplit: (witness: Witness, camera: string, button: HTMLButtonElement) => void;
  onShow: () => void;
}

export class Witnesses {
  readonly node = el("div", { class: "witnesses" });
  readonly #does: WitnessActions;
  #shown: string | null = null; // the witness whose picture is large

  constructor(does: WitnessActions) {
    this.#does = does;
  }

  // The evidence id of the picture to be shown large.
  evidenceOf(incident: Incident): string | null {
    const shown = incident.witnesses.find((witness) => keyOf(witness) === this.#shown);
    return (shown ?? incident).evidence_id;
  }

  // Whose picture is shown.
  cameraOf(incident: Incident): string {
    return (incident.witnesses.find((witness) => keyOf(witness) === this.#shown) ?? incident).camera_id;
  }

  forget(): void {
    this.#shown = null;
  }

  update(incident: Incident, spoken: string): void {
    const { witnesses } = incident;
    const pictures = witnesses.map((witness) => whyGone(witness.evidence_id));
    const about = [incident.id, witnesses, pictures, isOpen(incident), this.#shown, spoken];
    rebuild(this.node, about, () => (witnesses.length === 0 ? [] : [
      el("h3", {}, t("witnesses", { n: witnesses.length })),
      el("ul", {}, ...witnesses.map((witness, place) => this.#item(incident, witness, place))),
    ]));
  }

  #item(incident: Incident, witness: Witness, place: number): HTMLElement {
    const camera = pick(witness.camera_name, witness.camera_name_en);
    const shown = keyOf(witness) === this.#shown || (this.#shown === null && place === 0);
    const look = el("button", { type: "button", class: "look", "aria-pressed": String(shown), "aria-label": t("witness_look", { camera }) }, thumbnail(witness));
    look.addEventListener("click", () => {
      this.#shown = keyOf(witness);
      this.#does.onShow();
    });
    const facts = [
      witness.camera_id,
      timeOfDay(Date.parse(witness.began_at)),
      ...(witness.alert_ids.length > 1 ? [t("merged", { n: witness.alert_ids.length })] : []),
    ];
    const text = el("div", {},
      el("b", {}, mark(witness.level, word("level", witness.level)), ` ${word("kind", witness.kind)} · ${camera}`),
      el("small", {}, facts.join(" · ")),
      el("small", {}, pick(witness.words_zh, witness.words_en)),
      place === 0 ? null : el("small", { class: "because" }, pick(witness.why_zh, witness.why_en)));
    return el("li", {}, look, text, place > 0 && isOpen(incident) ? this.#splitButton(witness, camera) : null);
  }

  #splitButton(witness: Witness, camera: string): HTMLButtonElement {
    const label = t("split_of", { camera });
    const says = { title: t("split_means"), "aria-label": label };
    const button = el("button", { type: "button", class: "split", "data-needs": "act", ...says }, t("split"));
    button.addEventListener("click", () => this.#does.onSplit(witness, camera, button));
    return button;
  }
}

function keyOf(witness: Witness): string {
  return witness.alert_ids[0] ?? "";
}
