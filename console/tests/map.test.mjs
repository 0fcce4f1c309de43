// The map's own decisions: where a Chinese map shows a place, which mark a click means, what a wedge looks like, and what the
// layers of other people's tiles are.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const load = async (file) => (await runnerImport(`/src/${file}.ts`, { configFile: false })).module;
const { toGcj02 } = await load("gcj02");
const { awayFrom, nearest } = await load("marks");
const { wedgePath } = await load("wedges");
const { kindOfTile, sizeOfTile, asBase } = await load("tile_words");

// The reference points of github.com/googollee/eviltransform, WGS-84 and GCJ-02, which tests/domain/test_coordinates.py has, too.
const PAIRS = [
  [[31.1774276, 121.5272106], [31.17530398364597, 121.531541859215]],
  [[22.543847, 113.912316], [22.540796131694766, 113.9171764808363]],
  [[39.911954, 116.377817], [39.91334545536069, 116.38404722455657]],
];

test("a place is where Chinese maps show it", () => {
  for (const [wgs84, gcj02] of PAIRS) {
    toGcj02(...wgs84).forEach((degrees, at) => assert.ok(Math.abs(degrees - gcj02[at]) < 5e-6, `${degrees} is not ${gcj02[at]}`));
  }
});

test("outside of China it stays where it is", () => {
  assert.deepEqual(toGcj02(48.8584, 2.2945), [48.8584, 2.2945]);
});

const mark = (kind, id, x, y) => ({ kind, id, at: { x, y } });

test("the nearest mark is meant, and none that is out of reach", () => {
  const cameras = [mark("camera", "a", 0, 0), mark("camera", "b", 10, 0)];
  assert.equal(nearest({ x: 6, y: 0 }, cameras, 7).id, "b");
  assert.equal(nearest({ x: 40, y: 0 }, cameras, 22), null);
  assert.equal(nearest({ x: 28, y: 0 }, cameras, 22).id, "b");
});

test("of marks that lie on each other the more important one is meant, in whatever order they come", () => {
  const crowd = [mark("camera", "c", 0, 0), mark("unit", "u", 4, 0), mark("incident", "i", 3, 3)];
  assert.equal(nearest({ x: 1, y: 0 }, crowd, 7).id, "i");
  assert.equal(nearest({ x: 1, y: 0 }, [...crowd].reverse(), 7).id, "i");
});

test("a camera beside an incident can still be hit by a finger", () => {
  const both = [mark("incident", "i", 0, 0), mark("camera", "c", 30, 0)];
  assert.equal(nearest({ x: 27, y: 0 }, both, 22).id, "c");
  assert.equal(nearest({ x: 8, y: 0 }, both, 22).id, "i");
});

test("how long a camera was not seen is told by shape, too", () => {
  const bands = (tone) => wedgePath(90, tone).split("M").length - 2;
  assert.deepEqual(["ok", "soon", "late", "failing", "never"].map(bands), [0, 1, 2, 0, 0]);
  assert.notEqual(wedgePath(40, "ok"), wedgePath(90, "ok"));
});

test("layers of OpenMapTiles and of Protomaps are drawn alike", () => {
  const told = (layer, sort) => ({ layer, class: sort });
  assert.equal(kindOfTile(told("transportation", "primary")), "roads");
  assert.equal(kindOfTile(told("roads", "major_road")), "roads");
  assert.equal(kindOfTile(told("landuse", "park")), "green");
  assert.equal(kindOfTile(told("landuse", "industrial")), null);
  assert.equal(kindOfTile(told("transit", "bus")), null);
  assert.deepEqual(["primary", "minor", "service"].map((sort) => sizeOfTile(told("transportation", sort))), ["main", "street", "lane"]);
});

test("a tile's feature speaks as one of our own", () => {
  const values = { layer: "transportation", class: "primary", name: "Main", "name:zh": "主路", "name:en": "Main Road" };
  const feature = asBase({ get: (key) => values[key], getType: () => "LineString" });
  assert.deepEqual(["kind", "size", "name", "name_en"].map((key) => feature.get(key)), ["roads", "main", "主路", "Main Road"]);
  assert.equal(feature.getType(), "LineString");
});

test("how far a spot is from a way is measured to the way, and past its ends to them", () => {
  const [from, to] = [{ x: 10, y: 10 }, { x: 110, y: 10 }];
  assert.equal(awayFrom({ x: 60, y: 14 }, from, to), 4);
  assert.equal(awayFrom({ x: 7, y: 14 }, from, to), 5);
  assert.equal(awayFrom({ x: 113, y: 6 }, from, to), 5);
  assert.equal(awayFrom({ x: 13, y: 14 }, from, from), 5);
});
