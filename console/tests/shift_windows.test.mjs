// A shift's windows while they are typed: over midnight, on some days, and what makes one unusable.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module: windows } = await runnerImport("/src/shift_windows.ts", { configFile: false });
const { endOf, flawOf, inField, isCrew, stretchesOf } = windows;

const MONDAY = "2026-11-30";
const of = (begins, ends, more = {}) => ({ begins, ends, days: [], dates: [], ...more });
const pairs = (stretches) => stretches.map(({ begins_h, ends_h }) => [begins_h, ends_h]);

test("who has no window is always on duty", () => {
  assert.deepEqual(pairs(stretchesOf([], MONDAY)), [[0, 24]]);
});

test("a window over midnight is of two days", () => {
  assert.deepEqual(pairs(stretchesOf([of("20:00", "08:00")], MONDAY)), [[0, 8], [20, 24]]);
  assert.deepEqual(pairs(stretchesOf([of("20:00", "08:00", { days: ["mon"] })], MONDAY)), [[20, 24]]);
  assert.deepEqual(pairs(stretchesOf([of("20:00", "08:00", { days: ["sun"] })], MONDAY)), [[0, 8]]);
  assert.deepEqual(pairs(stretchesOf([of("16:30", "24:00")], MONDAY)), [[16.5, 24]]);
  assert.deepEqual(pairs(stretchesOf([of("00:00", "24:00")], MONDAY)), [[0, 24]]);
});

test("certain days count instead of weekdays", () => {
  assert.deepEqual(pairs(stretchesOf([of("08:00", "12:00", { dates: [MONDAY] })], MONDAY)), [[8, 12]]);
  assert.deepEqual(pairs(stretchesOf([of("08:00", "12:00", { dates: [MONDAY] })], "2026-12-07")), []);
});

test("windows that touch or overlap are one stretch, and those half typed are none", () => {
  assert.deepEqual(pairs(stretchesOf([of("12:00", "20:00"), of("08:00", "12:00"), of("", "23:00")], MONDAY)), [[8, 20]]);
});

test("what makes a window or a crew unusable is told", () => {
  assert.equal(flawOf(of("08:00", "")), "no_time");
  assert.equal(flawOf(of("08:00", "08:00")), "no_length");
  assert.equal(flawOf(of("08:00", "20:00"), true), "no_days");
  assert.equal(flawOf(of("20:00", "08:00")), null);
  assert.deepEqual(["", "0", "2.5", "101", "3"].map(isCrew), [false, false, false, false, true]);
});

test("a field for times has no 24:00", () => {
  assert.equal(inField("24:00"), "00:00");
  assert.equal(endOf("00:00"), "24:00");
  assert.equal(endOf("08:00"), "08:00");
});
