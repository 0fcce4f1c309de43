// The record of an incident (经过): what became of each order, and what people did, line by line. It is asked for when
// somebody unfolds it, and again when the incident has changed meanwhile.

import { type Child, el, rebuild, setAttribute, setText } from "./dom";
import { dispositionText } from "./judging";
import { ordersOf, unitName } from "./room";
import { ActionFailed } from "./sending";
import { failureText, fetchRecord } from "./stream";
import { serverNow, timeOfAnyDay } from "./times";
import { language, pick, t, word } from "./words";
import type { Happening, Incident, IncidentRecord, RecordEntry } from "./api";

const SETTLES_MS = 500; // several changes of a moment are asked for at once

type HappenedKey = Happening | "ordered_by" | "recalled_by" | "on_scene_seen" | "level_said";

// Of an incident as it was: `version` is another one whenever something of it may have happened.
interface Standing {
  id: string;
  version: string;
}

export class RecordPart {
  readonly #content = el("div");
  readonly #summary = el("summary", { "data-t": "record" });
  readonly node = el("details", { class: "record" }, this.#summary, this.#content);
  #incident: Incident | null = null;
  #asked: Standing | null = null; // what was asked for last
  #known: { id: string; answer: number; record: IncidentRecord } | null = null;
  #failed: { id: string; answer: number; error: ActionFailed } | null = null;
  #answers = 0;
  #isAsking = false;
  #waits = false;

  constructor() {
    this.node.addEventListener("toggle", () => this.#look());
  }

  update(incident: Incident): void {
    this.#incident = incident;
    this.#look();
  }

  // One request at a time, and none while it is folded.
  #look(): void {
    const now = this.#standing();
    if (now === null) return;
    this.#draw(now.id);
    if (this.#isAsking || this.#waits || (this.#asked?.id === now.id && this.#asked.version === now.version)) return;
    this.#waits = true;
    setTimeout(() => void this.#ask(), this.#asked?.id === now.id ? SETTLES_MS : 0);
  }

  // Null: nobody looks.
  #standing(): Standing | null {
    const incident = this.#incident;
    return this.node.open && incident !== null ? { id: incident.id, version: versionOf(incident) } : null;
  }

  async #ask(): Promise<void> {
    this.#waits = false;
    const now = this.#standing();
    if (now === null) return;
    this.#asked = now;
    this.#isAsking = true;
    try {
      const record = await fetchRecord(now.id);
      if (!this.#isKnown(now.id, record)) this.#known = { id: now.id, answer: ++this.#answers, record };
      this.#failed = null;
    } catch (error) {
      if (!(error instanceof ActionFailed)) throw error;
      this.#failed = { id: now.id, answer: ++this.#answers, error };
    } finally {
      this.#isAsking = false;
    }
    this.#look();
  }

  // What says the same is not written anew: somebody may be selecting text in it.
  #isKnown(id: string, record: IncidentRecord): boolean {
    return this.#known?.id === id && JSON.stringify(this.#known.record) === JSON.stringify(record);
  }

  #again(): void {
    this.#asked = null;
    this.#look();
  }

  #draw(id: string): void {
    const known = this.#known?.id === id ? this.#known : null;
    const failed = this.#failed?.id === id ? this.#failed : null;
    const hadFocus = this.#content.contains(document.activeElement);
    setAttribute(this.#content, "aria-busy", known === null && failed === null ? "true" : null);
    rebuild(this.#content, [id, known?.answer, failed?.answer, language()], () => [
      known === null && failed === null ? el("p", { class: "means" }, t("record_loading")) : null,
      failed === null ? null : this.#teach(failed.error),
      ...(known === null ? [] : linesOf(known.record, id)),
    ]);
    if (hadFocus && !this.#content.contains(document.activeElement)) (this.#content.querySelector("button") ?? this.#summary).focus();
  }

  // What is known stays below it.
  #teach(error: ActionFailed): HTMLElement {
    const again = el("button", { type: "button", class: "quiet" }, t("record_again"));
    again.addEventListener("click", () => {
      setText(again, t("record_loading"));
      this.#again();
    });
    return el("div", { class: "record-failed", role: "status" }, el("p", {}, t("record_failed", { why: failureText(error) })), again);
  }
}

// All that the room tells of it, but for the units that were weighed: they are many, and change with an order alone.
function versionOf(incident: Incident): string {
  return JSON.stringify([incident, ordersOf(incident.id).map((order) => ({ ...order, candidates: [] }))]);
}

function linesOf({ entries, cut }: IncidentRecord, id: string): Child[] {
  if (entries.length === 0) {
    return [el("div", { class: "teach" }, el("h3", {}, t("record_empty")), el("p", {}, t("record_empty_means")))];
  }
  let before = serverNow();
  const lines = entries.map((entry) => {
    const at = Date.parse(entry.at);
    const time = timeOfAnyDay(at, before);
    before = at;
    return el("li", { "data-what": entry.what }, el("time", { datetime: entry.at }, time), el("div", {}, ...wordsOf(entry, id)));
  });
  return [cut ? el("p", { class: "means" }, t("record_cut", { n: entries.length })) : null, el("ol", {}, ...lines)];
}

// `shown`: the incident that is looked at; what is of another one, which became part of it, says so.
function wordsOf(entry: RecordEntry, shown: string): Child[] {
  const isOfAnother = entry.incident_id !== shown && entry.what !== "merged" && entry.what !== "split";
  const said = entry.what === "declined" ? word("declined", entry.text) : entry.text; // a terminal's own word
  const why = [pick(entry.why_zh, entry.why_en), said].filter(Boolean).join(" · ");
  return [
    el("p", {}, sentence(entry), isOfAnother ? el("small", { class: "of" }, t("record_of", { id: entry.incident_id })) : null),
    why ? el("small", {}, why) : null,
  ];
}

function sentence(entry: RecordEntry): string {
  return t(`happened_${keyOf(entry)}`, {
    who: entry.who ? word("source", entry.who) : "—",
    unit: entry.unit_id === null ? "—" : unitName(entry.unit_id),
    id: entry.incident_id,
    other: entry.other_id,
    before: word("level", entry.level_before),
    level: word("level", entry.level),
    step: word("step", entry.step),
    outcome: dispositionText({ disposition: entry.disposition, reason_code: entry.reason_code, duplicate_of: entry.other_id }),
  });
}

// Some read otherwise by who did it, or by who says so.
function keyOf({ what, who, by_position: isSeen, level_before: before }: RecordEntry): HappenedKey {
  if (what === "ordered" && who !== null) return "ordered_by";
  if (what === "recalled" && who !== null) return "recalled_by";
  if (what === "on_scene" && isSeen) return "on_scene_seen";
  return what === "level_changed" && before === null ? "level_said" : what;
}
