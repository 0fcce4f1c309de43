// Who saw the selected incident: each camera's share with its picture, why it belongs here, and how it is split off.

import { el, mark, rebuild } from "./dom.js";
import { pick, t, word } from "./words.js";
import { timeOfDay } from "./times.js";
import { isOpen, whyGone } from "./room.js";
import { pictureOf } from "./feed.js";

export class Witnesses {
  #shown = null; // the witness whose picture is large

  constructor({ onSplit, onShow }) {
    this.node = el("div", { class: "witnesses" });
    this.onSplit = onSplit;
    this.onShow = onShow;
  }

  // The evidence id of the picture to be shown large.
  evidenceOf(incident) {
    const shown = incident.witnesses.find((witness) => keyOf(witness) === this.#shown);
    return (shown ?? incident).evidence_id;
  }

  forget() {
    this.#shown = null;
  }

  update(incident, spoken) {
    const { witnesses } = incident;
    const pictures = witnesses.map((witness) => whyGone(witness.evidence_id));
    const about = [incident.id, witnesses, pictures, isOpen(incident), this.#shown, spoken];
    rebuild(this.node, about, () => (witnesses.length === 0 ? [] : [
      el("h3", {}, t("witnesses", { n: witnesses.length })),
      el("ul", {}, ...witnesses.map((witness, place) => this.#item(incident, witness, place))),
    ]));
  }

  #item(incident, witness, place) {
    const camera = pick(witness.camera_name, witness.camera_name_en);
    const shown = keyOf(witness) === this.#shown || (this.#shown === null && place === 0);
    const look = el("button", { type: "button", class: "look", "aria-pressed": String(shown), "aria-label": t("witness_look", { camera }) }, thumbnail(witness));
    look.addEventListener("click", () => {
      this.#shown = keyOf(witness);
      this.onShow();
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

  #splitButton(witness, camera) {
    const label = t("split_of", { camera });
    const button = el("button", { type: "button", class: "split", "data-needs": "act", title: t("split_means"), "aria-label": label }, t("split"));
    button.addEventListener("click", () => this.onSplit(witness, camera, button));
    return button;
  }
}

function keyOf(witness) {
  return witness.alert_ids[0];
}

function thumbnail(witness) {
  if (witness.evidence_id === null || whyGone(witness.evidence_id) !== null) return mark(witness.level, "");
  const image = el("img", { src: pictureOf(witness), alt: "", decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(mark(witness.level, "")), { once: true });
  return image;
}
