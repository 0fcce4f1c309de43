// The cameras' page: which are listed in which order, a day as a picture, and what is said of a camera.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const load = async (name) => (await runnerImport(`/src/${name}.ts`, { configFile: false })).module;
const { inSight, listed, scrollTo, USUAL_CHOICE } = await load("cameras_choice");
const { dayOf, heightOf, HIGH, outagesOf, pictureOf, toneOfSpan, WIDE } = await load("cameras_history");
const { findingsOf } = await load("cameras_health");

const camera = (id, ring = "core", more = {}) => ({
  id, ring, name: `点位${id}`, name_en: `Camera ${id}`, site: "会堂", site_en: "Hall", group: "", ...more,
});
const known = (more = {}) => ({ tone: "ok", now: 0.5, worst: 0.9, troubled: false, skipped: false, calibrated: true, ...more });
const ids = (cameras, choice, of) => listed(cameras, { ...USUAL_CHOICE, ...choice }, (index) => of[index]).map(({ id }) => id);

const THREE = [camera("C-2"), camera("C-1", "far", { site: "北口", site_en: "North gate" }), camera("C-3", "far", { group: "g" })];
const OF_THREE = [known({ worst: 1.2 }), known({ worst: 7, now: 0.1, tone: "late" }), known({ worst: null, now: 0.9, calibrated: false })];

test("cameras are listed by the worst of the day, by now, or by id; who is unknown comes last", () => {
  assert.deepEqual(ids(THREE, {}, OF_THREE), ["C-1", "C-2", "C-3"]);
  assert.deepEqual(ids(THREE, { order: "now" }, OF_THREE), ["C-3", "C-2", "C-1"]);
  assert.deepEqual(ids(THREE, { order: "name" }, OF_THREE), ["C-1", "C-2", "C-3"]);
  const failing = [known(), known(), known({ tone: "failing", now: null })];
  assert.deepEqual(ids(THREE, { order: "now" }, failing), ["C-3", "C-2", "C-1"]);
});

test("filters go together, and words are looked for in all that a camera is called", () => {
  assert.deepEqual(ids(THREE, { ring: "far" }, OF_THREE), ["C-1", "C-3"]);
  assert.deepEqual(ids(THREE, { site: "北口" }, OF_THREE), ["C-1"]);
  assert.deepEqual(ids(THREE, { group: "g" }, OF_THREE), ["C-3"]);
  assert.deepEqual(ids(THREE, { text: " north  c-1 " }, OF_THREE), ["C-1"]);
  assert.deepEqual(ids(THREE, { standing: "late" }, OF_THREE), ["C-1"]);
  assert.deepEqual(ids(THREE, { standing: "uncalibrated", ring: "far" }, OF_THREE), ["C-3"]);
  const bad = [known({ skipped: true }), known({ troubled: true }), known()];
  assert.deepEqual(ids(THREE, { standing: "bad" }, bad), ["C-2", "C-1"]);
  assert.deepEqual(ids(THREE, { standing: "skipped" }, bad), ["C-2"]);
});

test("of a thousand rows only those in sight are drawn, and a chosen one comes into sight", () => {
  assert.deepEqual(inSight(0, 500, 50, 1000, 2), { from: 0, to: 12 });
  assert.deepEqual(inSight(25_000, 500, 50, 1000, 2), { from: 498, to: 512 });
  assert.deepEqual(inSight(49_500, 500, 50, 1000, 2), { from: 988, to: 1000 });
  assert.deepEqual(inSight(90_000, 500, 50, 3, 2), { from: 3, to: 3 });
  assert.equal(scrollTo(3, 0, 500, 50), null);
  assert.equal(scrollTo(3, 400, 500, 50), 150);
  assert.equal(scrollTo(30, 400, 500, 50), 1050);
});

const NOON = Date.parse("2026-01-01T12:00:00Z");
const SPAN_S = 600;
const span = (place, age, more = {}) => ({
  began_at: new Date(NOON + place * SPAN_S * 1000).toISOString(), blind_age_s: age, bound_s: 5, stretch: 1, visits: 100, failures: [], ...more,
});
const failed = (place, ...failures) => span(place, 9, { failures: failures.map(([failure, count]) => ({ failure, count })) });

test("a span is in time, excused by a stretch, or late", () => {
  assert.deepEqual([span(0, 5), span(0, 6, { stretch: 1.2 }), span(0, 6.1, { stretch: 1.2 })].map(toneOfSpan), ["ok", "stretched", "late"]);
});

test("the bound is in the middle, and the worst reaches the top", () => {
  assert.equal(heightOf(0.5, 8), HIGH / 4);
  assert.equal(heightOf(1, 8), HIGH / 2);
  assert.equal(heightOf(8, 8), HIGH);
  const drawn = pictureOf([span(0, 2.5), span(1, 40), span(2, 4)], SPAN_S, NOON, NOON + 3 * SPAN_S * 1000);
  assert.deepEqual(drawn.bars.map(({ tone, height }) => [tone, Math.round(height)]), [["ok", HIGH / 4], ["late", HIGH], ["ok", Math.round(0.4 * HIGH)]]);
  assert.equal(drawn.worst.blind_age_s, 40);
  assert.ok(drawn.bars.every(({ x, width }) => x >= 0 && x + width <= WIDE + 0.001));
  assert.deepEqual(drawn.unwatched, []);
});

test("where nobody watched nothing is drawn, and that is said", () => {
  const { bars, unwatched } = pictureOf([span(3, 4)], SPAN_S, NOON, NOON + 6 * SPAN_S * 1000);
  assert.equal(bars.length, 1);
  assert.deepEqual(unwatched, [{ x: 0, width: WIDE / 2 }, { x: (WIDE * 4) / 6, width: (WIDE * 2) / 6 }]);
  const empty = pictureOf([], SPAN_S, NOON, NOON + 6 * SPAN_S * 1000);
  assert.deepEqual([empty.bars, empty.worst, empty.unwatched], [[], null, [{ x: 0, width: WIDE }]]);
});

test("a span that began before the picture, or has not ended with it, stays inside", () => {
  const { bars } = pictureOf([span(-1, 4), span(1, 4)], SPAN_S, NOON - 300_000, NOON + 601_000);
  assert.equal(bars[0].x, 0);
  assert.ok(bars[1].x + bars[1].width <= WIDE + 0.001);
});

test("a day adds up", () => {
  const day = dayOf([span(0, 4), failed(1, ["busy", 2]), span(2, 6, { stretch: 2 }), failed(3, ["busy", 1], ["broken", 4])]);
  assert.deepEqual(day, { watched: 4, late: 2, stretched: 1, visits: 400, failures: 7 });
});

test("what fails in spans that follow each other is one outage, and the newest comes first", () => {
  const spans = [failed(0, ["busy", 2]), failed(1, ["busy", 3], ["broken", 1]), span(2, 4), failed(3, ["busy", 7])];
  const told = outagesOf(spans, SPAN_S, NOON + 3.5 * SPAN_S * 1000).map((one) => [one.failure, one.count, (one.from - NOON) / 1000, (one.until - NOON) / 1000, one.isRunning]);
  assert.deepEqual(told, [["busy", 7, 1800, 2400, true], ["broken", 1, 600, 1200, false], ["busy", 5, 0, 1200, false]]);
});

const standing = ({ seen = { age: 2 }, ...more } = {}) => ({
  seen: { tone: "ok", people: 0, failing: null, blinded: null, ...seen }, measured: seen.age, toured: true, bound: 5, stretch: 1, skip: null,
  troubles: [], now: NOON, ...more,
});
const said = (more) => findingsOf(standing(more)).map(({ kind, tone, advice }) => [kind, tone, advice]);
const trouble = (kind, more = {}) => ({ incident_id: "I-1", trouble: kind, detail: "", since: "2026-01-01T11:00:00Z", returned_at: null, unsteady: false, ...more });

test("what is wrong with a camera is said with what to do, and nothing where nothing is", () => {
  assert.deepEqual(said({}), [["fine", "green", "fine"]]);
  assert.deepEqual(said({ seen: { age: 6, failing: null } }), [["late", "red", "late"]]);
  assert.deepEqual(said({ seen: { age: 6, failing: "busy" } }), [["late", "red", "busy"]]);
  assert.deepEqual(said({ seen: { age: 3, failing: "busy" } }), [["failing", "yellow", "busy"]]);
  assert.deepEqual(said({ seen: { age: null, failing: null } }), [["never", "plain", "never"]]);
  assert.deepEqual(said({ toured: false, seen: { age: null, failing: null } }), [["unknown", "plain", "unknown"]]);
});

test("a camera that is blind is so also where no technician was told, or somebody has closed that", () => {
  const seen = { age: 2, blinded: "covered" };
  assert.deepEqual(said({ seen }), [["blinded", "red", "covered"]]);
  assert.deepEqual(said({ seen, troubles: [trouble("covered", { returned_at: "2026-01-01T11:30:00Z" })] }), [["blinded", "red", "covered"]]);
  assert.deepEqual(said({ seen, troubles: [trouble("covered")] }), [["trouble", "red", "covered"]]);
});

test("nobody is late by an age that grew while the connection was away", () => {
  assert.deepEqual(said({ seen: { age: 60, failing: null }, measured: 4 }), [["fine", "green", "fine"]]);
});

test("a stretch excuses, a skip explains, and what technicians know comes first and ends", () => {
  assert.deepEqual(said({ seen: { age: 6, failing: null }, stretch: 1.4 }), [["stretched", "yellow", "stretched"]]);
  assert.deepEqual(said({ seen: { age: 99, failing: null }, skip: { id: "C-1" } }), [["skipped", "yellow", "skipped"]]);
  assert.deepEqual(said({ troubles: [trouble("frozen"), trouble("black", { returned_at: "2026-01-01T11:30:00Z" })] }), [["trouble", "yellow", "frozen"]]);
  assert.deepEqual(said({ troubles: [trouble("unseen")], seen: { age: 60, failing: "timed_out" } }), [["trouble", "red", "unseen"], ["late", "red", "timed_out"]]);
  const [late] = findingsOf(standing({ seen: { age: 60, failing: null } }));
  assert.equal(late.since, NOON - 60_000);
});
