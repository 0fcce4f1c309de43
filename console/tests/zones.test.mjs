// Drawing in a picture: corners, what makes a shape unusable, taking back, and metres on the ground.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module: geometry } = await runnerImport("/src/zone_geometry.ts", { configFile: false });
const { module: scenes } = await runnerImport("/src/zone_scene.ts", { configFile: false });
const { area, groundGrid, headOf, inPicture, inserted, metresBetween, moved, nearestEdge, onGround, polygonFlaw, lineFlaw, removed, shifted, inverse } = geometry;

const SQUARE = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]];
const near = (one, other, by = 1e-6) => assert.ok(Math.abs(one - other) <= by, `${one} is not ${other}`);

test("corners are moved, inserted and removed, and stay in the picture", () => {
  assert.deepEqual(moved(SQUARE, 0, [-0.5, 0.123456])[0], [0, 0.1235]);
  assert.deepEqual(inserted(SQUARE, 1, [0.5, 0.1]).length, 5);
  assert.deepEqual(inserted(SQUARE, 1, [0.5, 0.1])[1], [0.5, 0.1]);
  assert.deepEqual(removed(SQUARE, 3), SQUARE.slice(0, 3));
  assert.equal(SQUARE.length, 4);
});

test("a shape that is shifted keeps its form at the picture's edge", () => {
  assert.deepEqual(shifted(SQUARE, 0.9, 0), [[0.4, 0.2], [1, 0.2], [1, 0.8], [0.4, 0.8]]);
});

test("what makes a polygon unusable is told", () => {
  assert.equal(polygonFlaw(SQUARE), null);
  assert.equal(polygonFlaw(SQUARE.slice(0, 2)), "few");
  assert.equal(polygonFlaw([[0, 0], [1.2, 0], [1, 1]]), "outside");
  assert.equal(polygonFlaw([[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.8]]), "crossing");
  assert.equal(polygonFlaw([[0.2, 0.2], [0.8, 0.2], [0.5, 0.2]]), "crossing"); // back on itself
  assert.equal(polygonFlaw([[0.2, 0.2], [0.20001, 0.2], [0.2, 0.20001]]), "flat");
  assert.equal(polygonFlaw([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.5, 0.2], [0.2, 0.8]]), "crossing"); // touches itself
  assert.equal(lineFlaw([[0.1, 0.1], [0.9, 0.1]]), null);
  assert.equal(lineFlaw([[0.1, 0.1], [0.105, 0.1]]), "flat");
});

test("a new corner comes in on the nearest edge", () => {
  assert.deepEqual(nearestEdge(SQUARE, [0.5, 0.25], 16 / 9).place, 1);
  const { place, point } = nearestEdge(SQUARE, [0.1, 0.5], 16 / 9);
  assert.equal(place, 4);
  assert.deepEqual(point, [0.2, 0.5]);
});

// A level camera with a focal length of 1.2 heights of a 16:9 picture, 6 m up, looking down by 25 degrees.
const ASPECT = 16 / 9;
const FOCAL = 1.2;
const [COS, SIN] = [Math.cos(25 * Math.PI / 180), Math.sin(25 * Math.PI / 180)];
function seenAt([east, north, up]) {
  const down = 6 - up;
  const depth = down * SIN + north * COS;
  return [FOCAL * east / depth / ASPECT + 0.5, FOCAL * (down * COS - north * SIN) / depth + 0.5];
}
// From metres to the picture, as columns of the same camera; its inverse is what the server gives.
const toPicture = [
  FOCAL / ASPECT, 0.5 * COS, 0.5 * 6 * SIN,
  0, -FOCAL * SIN + 0.5 * COS, FOCAL * 6 * COS + 0.5 * 6 * SIN,
  0, COS, 6 * SIN,
];
const H = inverse(toPicture);

test("points on the ground are where the camera sees them, and above the horizon there are none", () => {
  const [x, y] = seenAt([3, 14, 0]);
  const [east, north] = onGround(H, [x, y]);
  near(east, 3);
  near(north, 14);
  const back = inPicture(H, [3, 14]);
  near(back[0], x);
  near(back[1], y);
  assert.equal(onGround(H, [0.5, 0.0 - 0.2]), null);
  near(metresBetween(H, seenAt([0, 10, 0]), seenAt([3, 14, 0])), 5);
  assert.equal(metresBetween(H, [0.5, -0.2], [0.5, 0.9]), null);
});

test("the grid is in the picture, its lines a whole number of metres apart", () => {
  const at = [[-3, 9, 0], [3, 9, 0], [3, 15, 0], [-3, 15, 0]].map(seenAt);
  const { lines, step_m } = groundGrid(H, at);
  assert.equal(step_m, 1);
  assert.ok(lines.length > 10);
  for (const point of lines.flat()) {
    const [east, north] = onGround(H, point);
    near(Math.min(Math.abs(east - Math.round(east)), Math.abs(north - Math.round(north))), 0, 1e-6);
  }
});

test("somebody who stands there is as tall in the picture as the camera would show them", () => {
  for (const place of [[0, 8], [3, 14], [-4, 11]]) {
    const head = headOf(H, seenAt([...place, 0]), 1.7, ASPECT, 73);
    const expected = seenAt([...place, 1.7]);
    near(head[0], expected[0], 0.002);
    near(head[1], expected[1], 0.002);
  }
});

test("also where the points were picked the other way round", () => {
  const mirrored = H.map((value, index) => (index < 3 ? -value : value));
  const expected = seenAt([3, 14, 1.7]);
  const head = headOf(mirrored, seenAt([3, 14, 0]), 1.7, ASPECT, 73);
  near(head[0], expected[0], 0.002);
  near(head[1], expected[1], 0.002);
});

const ZONE = { id: "zone-1", name: "门", name_en: "", rules: ["crowd"], polygon: SQUARE, line: null, direction_deg: null };
const SCENE = { zones: [ZONE], masks: [], ground: null };
const RULES = [
  { id: "crowd", needs_line: false, needs_direction: false },
  { id: "border", needs_line: true, needs_direction: false },
  { id: "wrong", needs_line: false, needs_direction: true },
];

test("every change can be taken back and made again; a drag is one", () => {
  const { begun, changed, undone, redone, withZone } = scenes;
  const named = (name) => withZone(SCENE, 0, { name });
  let history = changed(begun(SCENE), named("a"));
  history = changed(changed(history, named("b")), named("c"), true);
  assert.equal(undone(history).now.zones[0].name, "a");
  assert.equal(undone(undone(history)).now, SCENE);
  assert.equal(undone(undone(undone(history))).now, SCENE);
  assert.equal(redone(undone(history)).now.zones[0].name, "c");
  assert.equal(changed(undone(history), named("d")).future.length, 0);
  assert.equal(changed(history, named("c")), history);
});

test("what is still missing is told with its place", () => {
  const told = (change) => scenes.flaws(scenes.withZone(SCENE, 0, change), RULES).map(({ flaw }) => flaw);
  assert.deepEqual(told({}), []);
  assert.deepEqual(told({ name: " ", rules: [] }), ["no_name", "no_rules"]);
  assert.deepEqual(told({ rules: ["border"] }), ["needs_line"]);
  assert.deepEqual(told({ polygon: null, line: [[0.1, 0.1], [0.9, 0.9]] }), ["needs_polygon"]);
  assert.deepEqual(told({ rules: ["wrong"] }), ["needs_direction"]);
  assert.deepEqual(scenes.pickedBy("zones[1].polygon"), { kind: "zone", place: 1 });
  assert.deepEqual(scenes.pickedBy("masks[0]"), { kind: "mask", place: 0 });
  assert.deepEqual(scenes.pickedBy("ground.points"), { kind: "ground" });
  assert.equal(scenes.pickedBy("rules.crowd"), null);
});

test("a new zone takes an id that is free", () => {
  assert.equal(scenes.freeId([]), "zone-1");
  assert.equal(scenes.freeId([{ ...ZONE, id: "zone-2" }]), "zone-3");
  assert.ok(area(SQUARE) > 0);
});
