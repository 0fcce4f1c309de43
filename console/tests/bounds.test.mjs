// How a tile stands: by what the tour told, and by a picture that came since.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module } = await runnerImport("/src/bounds.ts", { configFile: false });
const { besideBound, toneOf, toneOfStill } = module;

const BOUND = 15;
const told = (age, failing = null, blinded = null) => ({ age, failing, blinded, tone: toneOf(age, BOUND, failing, blinded) });

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

test("a camera that is blind is so however lately it was visited, and late or failing comes first", () => {
  assert.equal(toneOf(1, BOUND, null, "covered"), "blinded");
  assert.equal(toneOf(16, BOUND, null, "covered"), "late");
  assert.equal(toneOf(1, BOUND, "timed_out", "covered"), "failing");
  assert.equal(toneOfStill(told(1, null, "covered"), 0.4, BOUND), "blinded");
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

test("no age is shown past its bound without being said to be", () => {
  const beside = (measured, grown, stretch = 1.26) => besideBound(measured, grown, 5, stretch);
  assert.deepEqual(beside(4.2, 4.6), { age: 4.6, standing: "within" });
  assert.deepEqual(beside(5.3, 5.6), { age: 5.6, standing: "stretched" });
  assert.deepEqual(beside(6.4, 6.6), { age: 6.6, standing: "late" });
  assert.deepEqual(beside(5.3, 5.6, 1), { age: 5.6, standing: "late" });
  assert.deepEqual(beside(null, null), { age: null, standing: "within" });
});

test("an age that only grew between two messages stops at the bound; where nothing is heard it is told as reckoned", () => {
  assert.deepEqual(besideBound(4.8, 5.4, 5, 1.26), { age: 5, standing: "within" });
  assert.deepEqual(besideBound(4.8, 40, 5, 1.26), { age: 40, standing: "unheard" });
});
