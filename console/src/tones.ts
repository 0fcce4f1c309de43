// The sounds themselves: short figures, made here, so that there is no file to fetch and none to forget.

import type { Sound } from "./sounds";

// `hz`: its pitches, one after the other; `each`, `apart`: seconds; `loud`: beside the others, 0 to 1.
interface Figure {
  wave: OscillatorType;
  hz: number[];
  each: number;
  apart: number;
  loud: number;
}

// Rising is to act, falling is to know; the more notes, the more urgent. Told apart without the colours, too.
const FIGURES: Record<Sound, Figure> = {
  red: { wave: "triangle", hz: [659, 659, 988], each: 0.2, apart: 0.03, loud: 0.85 },
  yellow: { wave: "triangle", hz: [523, 659], each: 0.22, apart: 0.04, loud: 0.6 },
  blue: { wave: "sine", hz: [523], each: 0.4, apart: 0, loud: 0.5 },
  green: { wave: "sine", hz: [392], each: 0.4, apart: 0, loud: 0.3 },
  room: { wave: "triangle", hz: [988, 740, 988, 740, 988], each: 0.26, apart: 0.02, loud: 1 },
  lost: { wave: "sine", hz: [494, 392, 294], each: 0.34, apart: 0.02, loud: 0.8 },
};

// Before the figure of what is no real alarm.
const TICKS: Figure = { wave: "square", hz: [1319, 1319], each: 0.035, apart: 0.09, loud: 0.25 };
const RISE_S = 0.012; // without it each note would begin with a click
const QUIETEST = 0.0001;

export class Speaker {
  readonly #onChange: () => void;
  #context: AudioContext | null = null;

  // `onChange()`: whether it can be heard is another thing now.
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    // A browser lets no page be heard before somebody has touched it; a context that is made earlier is one complaint more.
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => this.#wake(), { capture: true });
  }

  get isHeard(): boolean {
    return this.#context?.state === "running";
  }

  // `volume`: 0 to 1. Nothing while it cannot be heard.
  play(sound: Sound, volume: number, isExercise = false): void {
    if (this.#context === null || !this.isHeard) return;
    const begins = this.#context.currentTime + 0.02;
    const after = isExercise ? this.#schedule(this.#context, TICKS, volume, begins) + 0.12 : begins;
    this.#schedule(this.#context, FIGURES[sound], volume, after);
  }

  #wake(): void {
    if (this.#context === null) {
      this.#context = new AudioContext();
      this.#context.addEventListener("statechange", this.#onChange);
    }
    if (!this.isHeard) this.#context.resume().catch(() => {}); // it stays silent, and the page says so
  }

  // Returns when it is over.
  #schedule(context: AudioContext, { wave, hz, each, apart, loud }: Figure, volume: number, begins: number): number {
    const peak = Math.max(QUIETEST, loud * volume ** 2 * 0.5); // what is heard as half as loud is a quarter
    hz.forEach((pitch, place) => {
      const at = begins + place * (each + apart);
      const note = new OscillatorNode(context, { type: wave, frequency: pitch });
      const gain = new GainNode(context, { gain: QUIETEST });
      gain.gain.setValueAtTime(QUIETEST, at);
      gain.gain.exponentialRampToValueAtTime(peak, at + RISE_S);
      gain.gain.exponentialRampToValueAtTime(QUIETEST, at + each);
      note.connect(gain).connect(context.destination);
      note.start(at);
      note.stop(at + each);
    });
    return begins + hz.length * (each + apart);
  }
}
