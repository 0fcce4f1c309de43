// Where the guide's card stands beside the part it is about.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module } = await runnerImport("/src/guide_place.ts", { configFile: false });
const { cardPlace, spotOf } = module;

const DESK = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const CARD = { width: 340, height: 380 };
const rect = (x, y, width, height) => ({ x, y, width, height });

function overlap(at, spot) {
  return at.x < spot.x + spot.width && spot.x < at.x + CARD.width && at.y < spot.y + spot.height && spot.y < at.y + CARD.height;
}

test("the card stands beside its part, on the screen, and not upon it, wherever the part is", () => {
  const parts = [rect(80, 90, 400, 780), rect(500, 90, 420, 600), rect(930, 90, 500, 780), rect(700, 10, 260, 60), rect(10, 300, 60, 50), rect(1300, 12, 40, 28)];
  for (const part of parts) {
    const spot = spotOf(part, DESK);
    const at = cardPlace(spot, CARD, DESK);
    assert.ok(!overlap(at, spot), JSON.stringify({ part, at }));
    assert.ok(at.x >= 10 && at.y >= 10 && at.x + CARD.width <= 1430 && at.y + CARD.height <= 890, JSON.stringify(at));
  }
});

test("where there is no room beside it, or nothing to point at, the card stands at the foot of the screen", () => {
  const filled = spotOf(rect(0, 0, 390, 2000), PHONE);
  assert.deepEqual(cardPlace(filled, CARD, PHONE), { x: 25, y: 454 });
  assert.deepEqual(cardPlace(null, CARD, PHONE), { x: 25, y: 454 });
});

test("of a part that is longer than the screen only what is seen is marked, and of one out of sight nothing", () => {
  assert.deepEqual(spotOf(rect(0, -50, 390, 2000), PHONE), rect(2, 2, 386, 840));
  assert.equal(spotOf(rect(0, 900, 390, 300), PHONE), null);
});
