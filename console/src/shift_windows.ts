// The windows of a shift while somebody types them: what makes one unusable, and which hours of a day they cover.

import type { Weekday, WrittenWindow } from "./api";

export const WEEK: Weekday[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
export const MOST_WINDOWS = 16;
export const MOST_CREW = 100;

export type WindowFlaw = "no_time" | "no_length" | "no_days";
export type Stretch = { begins_h: number; ends_h: number };

const MIDNIGHT = "24:00";

// What a browser's field for times can hold: it knows no 24:00.
export const inField = (time: string): string => (time === MIDNIGHT ? "00:00" : time);
export const endOf = (typed: string): string => (typed === "00:00" ? MIDNIGHT : typed);

// With the days that hold where none are named, for whoever takes some of them away.
export function daysOf(window: WrittenWindow): Weekday[] {
  return window.days.length === 0 ? WEEK : window.days;
}

export function flawOf(window: WrittenWindow, isWithoutDays = false): WindowFlaw | null {
  if (!/^\d\d:\d\d$/.test(window.begins) || !/^\d\d:\d\d$/.test(window.ends)) return "no_time";
  if (window.begins === window.ends) return "no_length";
  return isWithoutDays ? "no_days" : null;
}

export function isCrew(typed: string): boolean {
  return /^\d{1,3}$/.test(typed.trim()) && Number(typed) >= 1 && Number(typed) <= MOST_CREW;
}

// When somebody with these windows is on duty on a day (as in 2026-11-30), in hours from its midnight; without any, always.
export function stretchesOf(windows: WrittenWindow[], day: string): Stretch[] {
  if (windows.length === 0) return [{ begins_h: 0, ends_h: 24 }];
  const before = shifted(day, -1);
  const found: Stretch[] = [];
  for (const window of windows.filter((each) => flawOf(each) === null)) {
    const [begins_h, ends_h] = [hours(window.begins), hours(window.ends)];
    if (begins_h < ends_h) {
      if (isOn(window, day)) found.push({ begins_h, ends_h });
      continue;
    }
    if (isOn(window, day)) found.push({ begins_h, ends_h: 24 });
    if (isOn(window, before) && ends_h > 0) found.push({ begins_h: 0, ends_h });
  }
  return joined(found);
}

function joined(found: Stretch[]): Stretch[] {
  const all: Stretch[] = [];
  for (const one of found.toSorted((a, b) => a.begins_h - b.begins_h)) {
    const last = all.at(-1);
    if (last !== undefined && one.begins_h <= last.ends_h) last.ends_h = Math.max(last.ends_h, one.ends_h);
    else all.push({ ...one });
  }
  return all;
}

function isOn(window: WrittenWindow, day: string): boolean {
  if (window.dates.length > 0) return window.dates.includes(day);
  const weekday = WEEK[(new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7];
  return weekday !== undefined && daysOf(window).includes(weekday);
}

function shifted(day: string, by: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + by * 86_400_000).toISOString().slice(0, 10);
}

function hours(time: string): number {
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  return (hour % 24) + minute / 60;
}
