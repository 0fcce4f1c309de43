// Times: the server's clock, learnt from its messages, and how seconds are written.

const HEARD = 10;
const offsets: number[] = [];

// The message that travelled quickest shows the largest offset, and is the closest to the truth.
export function heardServerTime(at: number): void {
  offsets.push(at - Date.now());
  if (offsets.length > HEARD) offsets.shift();
}

// Milliseconds since 1970, as `Date.now()`.
export function serverNow(): number {
  return Date.now() + (offsets.length > 0 ? Math.max(...offsets) : 0);
}

const two = (number: number) => String(number).padStart(2, "0");

export function timeOfDay(at: number): string {
  const time = new Date(at);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

// 31 -> "0:31", 3723 -> "1:02:03"
export function minutes(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

// Ages: one decimal while it matters.
export function age(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, seconds).toFixed(1)} s`;
  return minutes(seconds);
}

// Bounds: "5 s", "7.5 s", "2:30".
export function boundText(seconds: number): string {
  return seconds < 60 ? `${Number(seconds.toFixed(1))}\u00a0s` : minutes(seconds);
}

export function signed(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 0.05) return "0.0 s";
  const text = size < 60 ? `${size.toFixed(1)} s` : minutes(size);
  return `${seconds < 0 ? "−" : "+"}${text}`;
}

// "04:30"; of another day than `now` with its date: "11-29 04:30".
export function timeOfMinute(at: number, now: number): string {
  const time = new Date(at);
  return dateUnlessOf(now, time) + `${two(time.getHours())}:${two(time.getMinutes())}`;
}

// The same, to the second.
export function timeOfAnyDay(at: number, now: number): string {
  return dateUnlessOf(now, new Date(at)) + timeOfDay(at);
}

function dateUnlessOf(now: number, time: Date): string {
  return time.toDateString() === new Date(now).toDateString() ? "" : `${two(time.getMonth() + 1)}-${two(time.getDate())} `;
}
