// What plays, played through: each step is a moment with the calls of that moment; what was heard is written down.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module } = await runnerImport("/src/sounds.ts", { configFile: false });
const { heed, isMuted, NOTHING_HEARD, USUAL } = module;

const call = (key, sound, more = {}) => ({
  key, sound, isAnswered: false, displayedAt: null, isExercise: false, isFolded: false, ...more,
});

// `moments`: [second, calls]; between two the room is looked at each quarter of a second, as the page does.
function heard(moments, until, { settings = {}, canPlay = () => true } = {}) {
  const told = [];
  let memory = NOTHING_HEARD;
  let calls = [];
  for (let at = 0; at <= until * 1000; at += 250) {
    calls = moments.findLast(([second]) => second * 1000 <= at)?.[1] ?? calls;
    const heeded = heed(memory, calls, { ...USUAL, ...settings }, canPlay(at), at);
    memory = heeded.memory;
    if (heeded.play) told.push(`${at / 1000} ${heeded.play.isExercise ? "exercise " : ""}${heeded.play.sound}`);
  }
  return told;
}

test("what stands there when the page opens is silent, and what comes after is heard once", () => {
  const old = [call("a", "red"), call("b", "yellow"), call("r", "room")];
  assert.deepEqual(heard([[0, old], [2, [...old, call("c", "yellow")]]], 60), ["2 yellow"]);
  assert.deepEqual(heard([[0, []], [2, [call("c", "blue")]]], 60), ["2 blue"]);
});

test("red repeats until somebody answers it", () => {
  const red = call("a", "red");
  assert.deepEqual(heard([[0, []], [1, [red]], [30, [{ ...red, isAnswered: true }]]], 120), ["1 red", "13 red", "25 red"]);
});

test("red repeats for a minute more once it was displayed, and for three at most", () => {
  const red = call("a", "red");
  const seen = heard([[0, []], [1, [red]], [2, [{ ...red, displayedAt: 2000 }]]], 300);
  assert.deepEqual(seen, ["1 red", "13 red", "25 red", "37 red", "49 red", "61 red"]);
  assert.equal(heard([[0, []], [1, [red]]], 600).at(-1), "181 red");
});

test("of several at once the most urgent is heard, and of a storm one in six seconds", () => {
  const came = [];
  const moments = [[0, []]];
  for (let n = 0; n < 40; n += 1) {
    came.push(call(`b${n}`, n % 2 ? "blue" : "yellow"));
    moments.push([1 + n / 2, [...came]]);
  }
  assert.deepEqual(heard(moments, 60), ["1 yellow", "7 yellow", "13 yellow", "19 yellow", "25 yellow"]);
  const both = [call("y", "yellow"), call("r", "red"), call("room", "room")];
  assert.equal(heard([[0, []], [1, both]], 5)[0], "1 room");
});

test("what comes while another sounds waits, and is not lost", () => {
  const blue = call("a", "blue");
  assert.deepEqual(heard([[0, []], [1, [blue]], [2, [blue, call("b", "yellow")]]], 60), ["1 blue", "7 yellow"]);
});

test("what gets more urgent is heard anew, what gets less urgent is silent from then on", () => {
  const moments = [[0, [call("a", "blue")]], [5, [call("a", "red")]], [10, [call("a", "yellow")]], [20, [call("a", "red")]]];
  assert.deepEqual(heard(moments, 100), ["5 red"]);
});

test("a lost connection is heard each minute until it is back, and anew when it is lost again", () => {
  const lost = [call("lost", "lost")];
  assert.deepEqual(heard([[0, []], [3, lost], [70, []], [80, lost]], 90), ["3 lost", "63 lost", "80 lost"]);
  assert.equal(heard([[0, []], [3, lost]], 3600).length, 11);
});

test("the whole room is called each 20 s until somebody has taken it on", () => {
  const [asked, red] = [call("a room", "room"), call("a", "red", { isAnswered: true })];
  assert.deepEqual(heard([[0, [red]], [1, [red, asked]], [50, [red]]], 90), ["1 room", "21 room", "41 room"]);
});

test("green is heard by who wants it, drills and simulated ones too, and those are marked", () => {
  const moments = [[0, []], [1, [call("g", "green")]], [20, [call("d", "yellow", { isExercise: true })]]];
  assert.deepEqual(heard(moments, 60), []);
  const settings = { isGreenHeard: true, areExercisesHeard: true };
  assert.deepEqual(heard(moments, 60, { settings }), ["1 green", "20 exercise yellow"]);
});

test("a flood's folded incidents are silent, also once they are unfolded", () => {
  const folded = call("f", "yellow", { isFolded: true });
  assert.deepEqual(heard([[0, []], [1, [folded]], [20, [{ ...folded, isFolded: false }]]], 60), []);
});

test("what is cut from the list and comes back is no news", () => {
  const one = call("a", "yellow");
  assert.deepEqual(heard([[0, []], [1, [one]], [10, []], [20, [one]]], 60), ["1 yellow"]);
});

test("muted, nothing is heard, and nothing is made up for; red that nobody has answered goes on", () => {
  const settings = { mutedUntil: 60_000 };
  const [yellow, red] = [call("y", "yellow"), call("r", "red")];
  assert.deepEqual(heard([[0, []], [1, [yellow]]], 120, { settings }), []);
  assert.deepEqual(heard([[0, []], [1, [yellow, red]]], 70, { settings }), ["61 red"]);
  assert.deepEqual(heard([[0, []], [1, [red]]], 120, { settings: { isOn: false } }), []);
  assert.ok(isMuted({ ...USUAL, mutedUntil: 10 }, 9) && !isMuted({ ...USUAL, mutedUntil: 10 }, 10));
});

test("before the browser lets it be heard it is as if muted: no burst at the first click", () => {
  const came = [call("y", "yellow"), call("b", "blue")];
  assert.deepEqual(heard([[0, []], [1, came]], 60, { canPlay: (at) => at >= 30_000 }), []);
});

test("what it remembers is bounded", () => {
  const many = Array.from({ length: 5000 }, (_, n) => call(`n${n}`, "blue"));
  const { memory } = heed(NOTHING_HEARD, many, USUAL, true, 0);
  assert.equal(memory.heard.size, 5000); // all that are there, or they would be news
  assert.equal(heed(memory, [], USUAL, true, 0).memory.heard.size, 2000);
});

test("a red one that came and went silent within a mute is heard once when the mute ends, unless somebody has answered it", () => {
  const settings = { mutedUntil: 300_000 };
  const red = call("r", "red");
  const shown = { ...red, displayedAt: 3000 };
  assert.deepEqual(heard([[0, []], [1, [red]], [3, [shown]]], 900, { settings }), ["301 red"]);
  assert.deepEqual(heard([[0, []], [1, [red, call("y", "yellow")]]], 900, { settings }), ["301 red"]);
  assert.deepEqual(heard([[0, []], [1, [red]], [250, [{ ...red, isAnswered: true }]]], 900, { settings }), []);
  assert.deepEqual(heard([[0, []], [1, [call("a room", "room")]]], 900, { settings: { mutedUntil: 400_000 } }), ["401 room"]);
});

test("what was heard before the mute, or stood there when the page opened, is not heard again when it ends", () => {
  const red = call("r", "red");
  let memory = NOTHING_HEARD;
  const told = [];
  for (let at = 0; at <= 900_000; at += 250) {
    const mutedUntil = at >= 20_000 && at < 600_000 ? 600_000 : null;
    const calls = at < 1000 ? [call("old", "red")] : [call("old", "red"), red];
    const heeded = heed(memory, calls, { ...USUAL, mutedUntil }, true, at);
    memory = heeded.memory;
    if (heeded.play) told.push(at / 1000);
  }
  assert.deepEqual(told, [1, 13]);
});
