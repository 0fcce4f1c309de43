// What the room lets be heard: its calls, the settings that this browser keeps, and the speaker.

import { effect, signal } from "@preact/signals";
import { asksTheRoom, escalationOf } from "./escalation";
import { isMaintenance, isOpen, room } from "./room";
import { type Call, heed, isMuted, type Memory, NOTHING_HEARD, type Sound, type SoundSettings, USUAL } from "./sounds";
import { minutes, serverNow } from "./times";
import { Speaker } from "./tones";
import { stampOf } from "./countdown";
import type { Incident } from "./api";

const KEPT = "patrol.sound";
const MINUTE_MS = 60_000;
export const MUTES_MIN = [5, 15, 30] as const;

export const settings = signal(kept());
export const isHeard = signal(false);
const speaker = new Speaker(() => (isHeard.value = speaker.isHeard));
let memory: Memory = NOTHING_HEARD;

export function setSound(change: Partial<SoundSettings>): void {
  settings.value = { ...settings.value, ...change };
}

// It comes back by itself: nobody finds in the morning that the night was silent.
export function mute(forMinutes: (typeof MUTES_MIN)[number]): void {
  setSound({ mutedUntil: serverNow() + forMinutes * MINUTE_MS });
}

export function toggleMute(): void {
  if (isMuted(settings.value, serverNow())) setSound({ mutedUntil: null });
  else mute(MUTES_MIN[0]);
}

export function tryOut(sound: Sound, isExercise = false): void {
  speaker.play(sound, settings.value.volume, isExercise);
}

// How long it is muted still, as "4:32"; null while it is not.
export function mutedFor(now: number): string | null {
  const { mutedUntil } = settings.value;
  return mutedUntil !== null && isMuted(settings.value, now) ? minutes(Math.ceil((mutedUntil - now) / 1000)) : null;
}

// Called some times a second. `isLost`: what is shown can no longer be taken for now.
export function soundRoom(isLost: boolean): void {
  if (room.state === null) return;
  const now = serverNow();
  if (settings.value.mutedUntil !== null && !isMuted(settings.value, now)) setSound({ mutedUntil: null });
  const heeded = heed(memory, callsOf(room.state.incidents, isLost), settings.value, speaker.isHeard, now);
  memory = heeded.memory;
  if (heeded.play !== null) speaker.play(heeded.play.sound, settings.value.volume, heeded.play.isExercise);
}

function callsOf(incidents: Incident[], isLost: boolean): Call[] {
  const calls = incidents.filter((one) => isOpen(one) && !isMaintenance(one)).flatMap(callsOfOne);
  const always = { isAnswered: false, displayedAt: null, isExercise: false, isFolded: false };
  return isLost ? [...calls, { key: "lost", sound: "lost", ...always }] : calls;
}

function callsOfOne(incident: Incident): Call[] {
  const taken = escalationOf(incident)?.acknowledged_at ?? null;
  const call: Call = {
    key: `${incident.id} ${incident.life}`,
    sound: incident.level,
    isAnswered: taken !== null || ["t5", "t7", "t9", "t10"].some((clock) => clock in incident.clocks),
    displayedAt: stampOf(incident, "t4"),
    isExercise: incident.simulated || incident.drill,
    isFolded: room.state?.digest?.folded.includes(incident.id) ?? false,
  };
  if (!asksTheRoom(incident)) return [call];
  return [call, { ...call, key: `${call.key} room`, sound: "room", isAnswered: false, isFolded: false }];
}

function kept(): SoundSettings {
  const told: Partial<Record<keyof SoundSettings, unknown>> = parsed(localStorage.getItem(KEPT));
  const yes = (name: "isOn" | "isGreenHeard" | "areExercisesHeard") => (typeof told[name] === "boolean" ? told[name] : USUAL[name]);
  const { volume, mutedUntil } = told;
  const longest = Date.now() + Math.max(...MUTES_MIN) * MINUTE_MS; // whatever the clock was when it was said
  return {
    isOn: yes("isOn"),
    isGreenHeard: yes("isGreenHeard"),
    areExercisesHeard: yes("areExercisesHeard"),
    volume: typeof volume === "number" ? Math.min(1, Math.max(0.1, volume)) : USUAL.volume,
    mutedUntil: typeof mutedUntil === "number" ? Math.min(mutedUntil, longest) : null,
  };
}

// Whatever somebody, or an older version, has left there.
function parsed(text: string | null): object {
  try {
    const found: unknown = JSON.parse(text ?? "{}");
    return typeof found === "object" && found !== null ? found : {};
  } catch {
    return {};
  }
}

effect(() => localStorage.setItem(KEPT, JSON.stringify(settings.value)));
// What is said in another tab of this browser counts here, too.
addEventListener("storage", ({ key }) => {
  if (key === KEPT) settings.value = kept();
});
