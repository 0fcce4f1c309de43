// The clip that goes with an alert. It comes some seconds after the picture; until then its place says so.

import { el, setAttribute, setText } from "./dom";
import { t, word } from "./words";
import { cameraName, isMaintenance, whyGone } from "./room";
import { stampOf } from "./countdown";

const COMES_AFTER_MS = 6000; // it goes on for 3 s after the alert, waits for the last frames, and has to be made
const TRIES = 3;
const AGAIN_MS = 3000;

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Clip {
  #of = null; // the incident's id and the clip's
  #tries = 0;
  #nextTryAt = 0;
  #incident = null;

  constructor() {
    this.words = el("p", { class: "clip-words" });
    this.node = el("div", { class: "clip" }, this.words);
    this.video = null;
  }

  update(incident, now) {
    const of = `${incident.id} ${incident.clip_id}`;
    if (of !== this.#of) {
      this.#of = of;
      this.#tries = 0;
      this.#nextTryAt = stampOf(incident, "t3") + COMES_AFTER_MS;
      this.#remove();
    }
    this.#incident = incident;
    this.node.hidden = isMaintenance(incident);
    this.tick(now);
  }

  tick(now) {
    const incident = this.#incident;
    if (incident === null || this.node.hidden) return;
    if (this.video !== null) {
      setAttribute(this.video, "aria-label", t("clip_label", { camera: cameraName(incident) }));
      this.#say("clip_plays", "playing");
    } else if (incident.clip_id === null) {
      this.#say("clip_none", "none");
    } else if (whyGone(incident.clip_id) !== null) {
      this.#say("clip_gone", "gone", { why: word("gone", whyGone(incident.clip_id)) });
    } else if (this.#tries >= TRIES) {
      this.#say("clip_lost", "lost");
    } else {
      this.#say("clip_coming", "coming");
      if (now >= this.#nextTryAt) this.#try(incident, now);
    }
  }

  #try(incident, now) {
    this.#tries += 1;
    this.#nextTryAt = now + AGAIN_MS;
    const of = this.#of;
    const video = el("video", { controls: true, muted: true, playsinline: true, preload: "auto", src: clipOf(incident) });
    video.muted = true;
    // Who has asked for less motion starts it; for others it plays once.
    video.autoplay = !isStill();
    video.addEventListener("error", () => this.#of === of && this.#remove(), { once: true });
    this.video = video;
    this.node.prepend(video);
    this.tick(now);
  }

  #remove() {
    this.video?.remove();
    this.video = null;
  }

  #say(key, state, values = {}) {
    setAttribute(this.node, "data-state", state);
    setText(this.words, t(key, values));
  }
}

function clipOf(incident) {
  return `/evidence/${encodeURIComponent(incident.clip_id)}.webm`;
}
