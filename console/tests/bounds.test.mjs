// How a tile stands: by what the tour told, and by a picture that came since.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module } = await runnerImport("/src/bounds.ts", { configFile: false });
const { toneOf, toneOfStill } = module;

const BOUND = 15;
const told = (age, failing = null) => ({ age, failing, tone: toneOf(age, BOUND, failing) });

test("an age is judged against its bound, and what fails within it is told apart", () => {
  assert.equal(toneOf(14, BOUND, null), "ok");
  assert.equal(toneOf(14.9, BOUND, null), "soon");
  assert.equal(toneOf(15.1, BOUND, null), "late");
  assert.equal(toneOf(14, BOUND, "timed_out"), "failing");
  assert.equal(toneOf(15.1, BOUND, "timed_out"), "late");
  assert.equal(toneOf(null, BOUND, null), "never");
});

test("a picture that is newer than what was told of it is judged by its own age", () => {
  assert.equal(toneOfStill(told(15.2), 0.4, BOUND), "ok");
  assert.equal(toneOfStill(told(15.2), 14.8, BOUND), "soon");
  assert.equal(toneOfStill(told(null), 0.4, BOUND), "ok");
});

test("an older picture, or none, changes nothing", () => {
  assert.equal(toneOfStill(told(3), 40, BOUND), "ok");
  assert.equal(toneOfStill(told(15.2), null, BOUND), "late");
  assert.equal(toneOfStill(told(16), 15.5, BOUND), "late");
});

test("what fails goes on failing, however new its picture is", () => {
  assert.equal(toneOfStill(told(15.2, "timed_out"), 0.4, BOUND), "late");
  assert.equal(toneOfStill(told(4, "timed_out"), 0.4, BOUND), "failing");
});

test("a picture never makes worse what was told: both ages grow while the connection is away", () => {
  assert.equal(toneOfStill({ age: 60, failing: null, tone: "ok" }, 50, BOUND), "ok");
});
