// Which sound a room makes, and when. Pure: what called before, what calls now, the settings and a moment in.

// The most urgent first: of several that are due at once, that one is heard.
export const SOUNDS = ["lost", "room", "red", "yellow", "blue", "green"] as const;
export type Sound = (typeof SOUNDS)[number];

const GAP_MS = 6_000; // at most one sound in so long, however many call
const KNOWN_MOST = 2_000;

interface Repeat {
  every: number;
  during: number; // from the first time on
}

// Everything else is heard once. Milliseconds.
const REPEATS: Partial<Record<Sound, Repeat>> = {
  red: { every: 12_000, during: 180_000 },
  room: { every: 20_000, during: 300_000 },
  lost: { every: 60_000, during: 600_000 },
};
const ON_AFTER_DISPLAY_MS = 60_000; // somebody had it before his eyes, and may yet have missed it

// Something that may be heard. `key`: the same as long as it is the same thing. `isAnswered`: somebody does something
// about it. `displayedAt`: when it was first before somebody's eyes. `isExercise`: a drill, or simulated. `isFolded`: one
// of a flood that the feed does not show one by one.
export interface Call {
  key: string;
  sound: Sound;
  isAnswered: boolean;
  displayedAt: number | null;
  isExercise: boolean;
  isFolded: boolean;
}

export interface SoundSettings {
  isOn: boolean;
  volume: number; // 0 to 1
  isGreenHeard: boolean;
  areExercisesHeard: boolean;
  mutedUntil: number | null; // milliseconds since 1970
}

export const USUAL: SoundSettings = { isOn: true, volume: 0.6, isGreenHeard: false, areExercisesHeard: false, mutedUntil: null };

export function isMuted(settings: SoundSettings, now: number): boolean {
  return settings.mutedUntil !== null && now < settings.mutedUntil;
}

// `next`: when it is to be heard next, null: not again. `isMissed`: nobody could hear it yet, who wanted to.
interface Heard {
  sound: Sound;
  since: number;
  next: number | null;
  isMissed: boolean;
}

export interface Memory {
  readonly heard: ReadonlyMap<string, Heard> | null; // null before the first state: what stands there is not new
  readonly lastAt: number;
}

export const NOTHING_HEARD: Memory = { heard: null, lastAt: -Infinity };

export interface Heeded {
  memory: Memory;
  play: { sound: Sound; isExercise: boolean } | null;
}

// `canPlay`: whether the browser lets this page be heard. What calls while it does not, or while the sound is muted or off,
// is not made up for; what repeats goes on to until it was heard.
export function heed(memory: Memory, calls: Call[], settings: SoundSettings, canPlay: boolean, now: number): Heeded {
  const heard = new Map(remembered(memory.heard, calls));
  for (const call of calls) heard.set(call.key, followed(memory.heard, call, now));
  const due = calls.filter((call) => isDue(heard.get(call.key), now));
  const audible = due.filter((call) => isAudible(call, settings));
  const isSilent = !settings.isOn || !canPlay || isMuted(settings, now);
  if (!isSilent && audible.length > 0 && now - memory.lastAt < GAP_MS) {
    return { memory: { heard, lastAt: memory.lastAt }, play: null }; // they are due until then
  }
  const first = SOUNDS.flatMap((sound) => audible.find((call) => call.sound === sound) ?? [])[0];
  for (const call of due) heard.set(call.key, again(heard.get(call.key), now, isSilent && audible.includes(call)));
  const play = isSilent || first === undefined ? null : { sound: first.sound, isExercise: first.isExercise };
  return { memory: { heard, lastAt: play === null ? memory.lastAt : now }, play };
}

// What calls no more, as far as it may come back and is no news then: a list that was cut short, an incident that was closed
// by mistake. That the room is asked, or nothing comes, is news each time.
function remembered(known: Memory["heard"], calls: Call[]): [string, Heard][] {
  const present = new Set(calls.map((call) => call.key));
  const gone = [...(known ?? [])].filter(([key, { sound }]) => !present.has(key) && sound !== "room" && sound !== "lost");
  return gone.slice(-KNOWN_MOST).map(([key, heard]) => [key, { ...heard, next: null }]);
}

function followed(known: Memory["heard"], call: Call, now: number): Heard {
  const before = known?.get(call.key);
  if (known === null) return { sound: call.sound, since: now, next: null, isMissed: false };
  const isNew = before === undefined || isMoreUrgent(call.sound, before.sound);
  if (call.isAnswered) return { sound: call.sound, since: before?.since ?? now, next: null, isMissed: false };
  if (isNew) return { sound: call.sound, since: now, next: now, isMissed: true };
  const isLower = isMoreUrgent(before.sound, call.sound); // it keeps what it was: raised again, it is no news
  return isLower || isOver(before, call, now) ? { ...before, next: null } : before;
}

function isMoreUrgent(sound: Sound, than: Sound): boolean {
  return SOUNDS.indexOf(sound) < SOUNDS.indexOf(than);
}

// Of what repeats: whether it has done so for long enough.
function isOver({ sound, since, next, isMissed }: Heard, call: Call, now: number): boolean {
  const repeat = REPEATS[sound];
  if (repeat === undefined || next === since || isMissed) return false; // it is still to be heard for the first time
  const wasSeen = sound === "red" && call.displayedAt !== null && now - call.displayedAt > ON_AFTER_DISPLAY_MS;
  return wasSeen || now - since > repeat.during;
}

function isDue(heard: Heard | undefined, now: number): boolean {
  return heard !== undefined && heard.next !== null && heard.next <= now;
}

function isAudible(call: Call, settings: SoundSettings): boolean {
  if (call.isFolded || (call.isExercise && !settings.areExercisesHeard)) return false;
  return call.sound !== "green" || settings.isGreenHeard;
}

function again(heard: Heard | undefined, now: number, isMissed: boolean): Heard {
  if (heard === undefined) throw new TypeError("what is due was heard of");
  const repeat = REPEATS[heard.sound];
  return { ...heard, next: repeat === undefined ? null : now + repeat.every, isMissed: heard.isMissed && isMissed };
}
