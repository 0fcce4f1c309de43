// What is drawn over a live picture: fresh detections in full, old ones fainter, what is long over not at all.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module } = await runnerImport("/src/overlay.ts", { configFile: false });
const { overlayOf, strengthOf } = module;

test("detections fade as they grow old, and are not drawn when nobody can stand there any more", () => {
  assert.equal(strengthOf(0), 1);
  assert.equal(strengthOf(3), 1);
  const [at5, at10] = [strengthOf(5), strengthOf(10)];
  assert.ok(1 > at5 && at5 > at10 && at10 > 0.25, `${at5} ${at10}`);
  assert.equal(strengthOf(15), 0.25);
  assert.equal(strengthOf(60), 0.25);
  assert.equal(strengthOf(60.1), 0);
});

test("both are shown until somebody does not want them, and what is kept wrongly does no harm", () => {
  assert.deepEqual(overlayOf(null), { zones: true, found: true });
  assert.deepEqual(overlayOf('{"zones": false}'), { zones: false, found: true });
  assert.deepEqual(overlayOf("[not json"), { zones: true, found: true });
  assert.deepEqual(overlayOf("null"), { zones: true, found: true });
});
