// Watching one camera: live while that goes, else by stills, with the reason; and tried again where that may help.

import { getOf, picture, post, remove, ActionFailed } from "./sending";
import type { LiveWay, LiveZone } from "./api";

const FIRST_PICTURE_MS = 10_000;
const LOOK_EVERY_MS = 1000;
const STANDS_MS = 5000; // without a new picture a live view is none
const STILL_EVERY_MS = 2000;
const AGAIN_MS = 15_000;
const IN_VAIN = new Set(["error_live_no_stream", "error_live_browser", "error_live_reordered", "live_end_reordered"]);

// `why`: the key of the words that say it; `failure`: what the camera failed by.
export type Reason = { why: string; failure: string | null };
export type Watched =
  | { kind: "connecting" }
  | { kind: "live"; delay_ms: number | null; way: LiveWay }
  | { kind: "stills"; reason: Reason; age_s: number | null };

export interface Shown {
  video: HTMLVideoElement;
  canvas: HTMLCanvasElement;
  onChange: (watched: Watched) => void;
  onZones: (zones: LiveZone[]) => void;
}

export class Watch {
  readonly #cameraId: string;
  readonly #shown: Shown;
  #peer: RTCPeerConnection | null = null;
  #viewerId: string | null = null;
  #way: LiveWay = "passed";
  #timer: number | undefined;
  #isOver = false;
  #decoded = 0;
  #movedAt = 0;
  #buffered = { delay_s: 0, pictures: 0 };

  constructor(cameraId: string, shown: Shown) {
    this.#cameraId = cameraId;
    this.#shown = shown;
    void this.#begin();
  }

  // For good: the camera's session is given back by the server when nobody looks any more.
  stop(): void {
    this.#isOver = true;
    this.#drop();
  }

  async again(): Promise<void> {
    if (this.#isOver) return;
    this.#drop();
    await this.#begin();
  }

  async #begin(): Promise<void> {
    this.#shown.onChange({ kind: "connecting" });
    const peer = (this.#peer = new RTCPeerConnection({ iceServers: [] }));
    try {
      await this.#connect(peer);
    } catch (error) {
      if (this.#peer === peer) this.#fallBack(reasonOf(error));
    }
  }

  async #connect(peer: RTCPeerConnection): Promise<void> {
    const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
    // As soon as they come: there is no sound to wait for.
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    this.#shown.video.srcObject = new MediaStream([receiver.track]);
    await peer.setLocalDescription();
    const offer = peer.localDescription?.sdp ?? "";
    const opened = await post("/api/v1/cameras/{camera_id}/live", { camera_id: this.#cameraId }, { offer });
    if (this.#peer !== peer) return remove("/api/v1/live/{viewer_id}", { viewer_id: opened.viewer_id });
    this.#viewerId = opened.viewer_id;
    this.#way = opened.way;
    this.#shown.onZones(opened.zones);
    await peer.setRemoteDescription({ type: "answer", sdp: opened.answer });
    this.#decoded = 0;
    this.#movedAt = performance.now() + FIRST_PICTURE_MS - STANDS_MS;
    this.#timer = setInterval(() => void this.#look(peer), LOOK_EVERY_MS);
    this.#shown.video.requestVideoFrameCallback?.(() => void this.#look(peer));
  }

  async #look(peer: RTCPeerConnection): Promise<void> {
    const stats = await peer.getStats();
    if (this.#peer !== peer) return;
    let [delay_s, isMoving] = [0, false];
    for (const report of stats.values() as Iterable<Report>) {
      if (report.type === "inbound-rtp") {
        isMoving = (report.framesDecoded ?? 0) > this.#decoded;
        this.#decoded = report.framesDecoded ?? 0;
        delay_s += this.#bufferedFor(report);
      }
      if (report.type === "candidate-pair" && report.nominated) delay_s += (report.currentRoundTripTime ?? 0) / 2;
    }
    const now = performance.now();
    if (isMoving) this.#movedAt = now;
    const isGone = ["failed", "closed"].includes(peer.connectionState);
    if (isGone || now - this.#movedAt > STANDS_MS) return this.#fallBack(await this.#whyOver());
    if (this.#decoded > 0) this.#shown.onChange({ kind: "live", delay_ms: Math.round(delay_s * 1000), way: this.#way });
  }

  // How long the newest pictures waited in the browser, seconds.
  #bufferedFor({ jitterBufferDelay = 0, jitterBufferEmittedCount = 0 }: Report): number {
    const { delay_s, pictures } = this.#buffered;
    this.#buffered = { delay_s: jitterBufferDelay, pictures: jitterBufferEmittedCount };
    return jitterBufferEmittedCount > pictures ? (jitterBufferDelay - delay_s) / (jitterBufferEmittedCount - pictures) : 0;
  }

  async #whyOver(): Promise<Reason> {
    const viewer_id = this.#viewerId;
    if (viewer_id !== null) {
      try {
        const { end } = await getOf("/api/v1/live/{viewer_id}", { viewer_id });
        if (end !== null) return { why: `live_end_${end}`, failure: null };
      } catch (error) {
        return reasonOf(error);
      }
    }
    return { why: "live_no_pictures", failure: null };
  }

  #fallBack(reason: Reason): void {
    if (this.#isOver) return;
    this.#drop();
    this.#shown.onChange({ kind: "stills", reason, age_s: null });
    const again = IN_VAIN.has(reason.why) ? Infinity : performance.now() + AGAIN_MS;
    const showStill = async () => {
      const timer = this.#timer;
      if (performance.now() > again) return void this.again();
      const age_s = await this.#drawStill();
      if (this.#isOver || timer !== this.#timer) return;
      this.#shown.onChange({ kind: "stills", reason, age_s });
      this.#timer = setTimeout(() => void showStill(), STILL_EVERY_MS);
    };
    void showStill();
  }

  // Its age in seconds; null where there is none.
  async #drawStill(): Promise<number | null> {
    try {
      const { blob, age_s } = await picture("/api/v1/cameras/{camera_id}/still", { camera_id: this.#cameraId });
      const image = await createImageBitmap(blob);
      const { canvas } = this.#shown;
      [canvas.width, canvas.height] = [image.width, image.height];
      canvas.getContext("2d")?.drawImage(image, 0, 0);
      image.close();
      return age_s;
    } catch {
      return null; // the reason that is shown says more
    }
  }

  #drop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#shown.video.srcObject = null;
    this.#peer?.close();
    this.#peer = null;
    if (this.#viewerId !== null) remove("/api/v1/live/{viewer_id}", { viewer_id: this.#viewerId });
    this.#viewerId = null;
  }
}

interface Report {
  type: string;
  framesDecoded?: number;
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
  nominated?: boolean;
  currentRoundTripTime?: number;
}

function reasonOf(error: unknown): Reason {
  if (error instanceof ActionFailed) return { why: `error_${error.code}`, failure: error.failure };
  return { why: "error_live_browser", failure: null }; // what WebRTC itself refuses
}
