// The clip that goes with an alert. It comes some seconds after the picture; until then its place says so.

import { el, setAttribute, setText } from "./dom";
import { t, word } from "./words";
import { cameraName, isMaintenance, whyGone } from "./room";
import { stampOf } from "./countdown";
import type { Incident } from "./api";

const COMES_AFTER_MS = 6000; // it goes on for 3 s after the alert, waits for the last frames, and has to be made
const TRIES = 3;
const AGAIN_MS = 3000;

const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class Clip {
  readonly #words = el("p", { class: "clip-words" });
  readonly node = el("div", { class: "clip" }, this.#words);
  #video: HTMLVideoElement | null = null;
  #of: string | null = null; // the incident's id and the clip's
  #tries = 0;
  #nextTryAt = 0;
  #incident: Incident | null = null;

  update(incident: Incident, now: number): void {
    const of = `${incident.id} ${incident.clip_id}`;
    if (of !== this.#of) {
      this.#of = of;
      this.#tries = 0;
      this.#nextTryAt = (stampOf(incident, "t3") ?? now) + COMES_AFTER_MS;
      this.#remove();
    }
    this.#incident = incident;
    this.node.hidden = isMaintenance(incident);
    this.tick(now);
  }

  tick(now: number): void {
    const incident = this.#incident;
    if (incident === null || this.node.hidden) return;
    if (this.#video !== null) {
      setAttribute(this.#video, "aria-label", t("clip_label", { camera: cameraName(incident) }));
      this.#say(t("clip_plays"), "playing");
    } else if (incident.clip_id === null) {
      this.#say(t("clip_none"), "none");
    } else if (whyGone(incident.clip_id) !== null) {
      this.#say(t("clip_gone", { why: word("gone", whyGone(incident.clip_id)) }), "gone");
    } else if (this.#tries >= TRIES) {
      this.#say(t("clip_lost"), "lost");
    } else {
      this.#say(t("clip_coming"), "coming");
      if (now >= this.#nextTryAt) this.#try(incident.clip_id, now);
    }
  }

  #try(clipId: string, now: number): void {
    this.#tries += 1;
    this.#nextTryAt = now + AGAIN_MS;
    const of = this.#of;
    const video = el("video", { controls: true, muted: true, playsinline: true, preload: "auto", src: `/evidence/${encodeURIComponent(clipId)}.webm` });
    video.muted = true;
    // Who has asked for less motion starts it; for others it plays once.
    video.autoplay = !isStill();
    video.addEventListener("error", () => {
      if (this.#of === of) this.#remove();
    }, { once: true });
    this.#video = video;
    this.node.prepend(video);
    this.tick(now);
  }

  #remove(): void {
    this.#video?.remove();
    this.#video = null;
  }

  #say(text: string, state: string): void {
    setAttribute(this.node, "data-state", state);
    setText(this.#words, text);
  }
}
