// Who was quicker: how an incident stood when an operator looked last, and how it stands now.

import assert from "node:assert/strict";
import test from "node:test";
import { runnerImport } from "vite";

const { module } = await runnerImport("/src/overtaken.ts", { configFile: false });
const { overtaken, standingOf } = module;

const OPEN = { isClosed: false, closedBy: null, closingAskedBy: null, level: "red", levelBy: null, confirmedBy: null };
const told = (change, me = "li") => overtaken(OPEN, { ...OPEN, ...change }, me);

test("somebody else's deed is told with who did it, one's own is not", () => {
  assert.deepEqual(told({ confirmedBy: "wang" }), { what: "confirmed", who: "wang" });
  assert.deepEqual(told({ level: "blue", levelBy: "wang" }), { what: "level", who: "wang" });
  assert.deepEqual(told({ closingAskedBy: "wang" }), { what: "closing", who: "wang" });
  assert.deepEqual(told({ isClosed: true, closedBy: "wang" }), { what: "closed", who: "wang" });
  assert.equal(told({ confirmedBy: "li" }), null);
  assert.equal(told({}), null);
});

test("a level that no person has changed is nobody's", () => {
  assert.equal(told({ level: "yellow" }), null);
});

test("of several the gravest is told, and what had been so before is not", () => {
  assert.equal(told({ isClosed: true, closedBy: "wang", confirmedBy: "zhao" }).what, "closed");
  const confirmed = { ...OPEN, confirmedBy: "wang" };
  assert.equal(overtaken(confirmed, confirmed, "li"), null);
});

test("an incident's standing is read off what the server tells", () => {
  const incident = {
    state: "closed", closed_by: "wang", closing: { operator: "zhao" }, level: "red", level_by: null, clocks: { t5: { source: "li" } },
  };
  const stands = { isClosed: true, closedBy: "wang", closingAskedBy: "zhao", level: "red", levelBy: null, confirmedBy: "li" };
  assert.deepEqual(standingOf(incident), stands);
  assert.equal(standingOf({ ...incident, clocks: {}, closing: null }).confirmedBy, null);
});
