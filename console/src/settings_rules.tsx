// Rules, to be read: what is watched where, what makes it how urgent, what waits for a person. Made by the server of the values
// by which it decides; a person changes them in the configuration file.

import { signal } from "@preact/signals";
import { Mark } from "./mark";
import { openPrecision, precisionOfRule } from "./precision";
import { room } from "./room";
import { get } from "./sending";
import { failureText } from "./stream";
import { pick, t, word } from "./words";
import type { Level, LevelTold, RingName, Rulebook, RuleTold, WaitingTold, WatchedZone } from "./api";

const RINGS: RingName[] = ["core", "periphery", "far"];
const ZONES_SHOWN = 60;

const rulebook = signal<Rulebook | null>(null);
const failed = signal<string | null>(null);

export async function fetchRules(): Promise<void> {
  try {
    rulebook.value = await get("/api/v1/rules");
    failed.value = null;
  } catch (error) {
    failed.value = failureText(error);
  }
}

export function RulesPart() {
  const book = rulebook.value;
  if (failed.value !== null) return <p class="means" role="alert">{t("failed", { why: failed.value })}</p>;
  if (book === null) return <p class="means">{t("settings_loading")}</p>;
  return (
    <>
      <p class="means">{t("rules_means")}</p>
      {book.rules.length === 0 && <div class="teach"><h3>{t("rules_none")}</h3><p>{t("rules_none_means")}</p></div>}
      <ul class="rules">
        {book.rules.map((rule) => <RuleItem key={rule.id} rule={rule} />)}
      </ul>
      <Levels book={book} />
      <Waitings book={book} />
    </>
  );
}

function Path({ path }: { path: string }) {
  return <code class="path" title={t("rules_path_means")}>{path}</code>;
}

function seconds(n: number): string {
  return t("seconds", { n });
}

function RuleItem({ rule }: { rule: RuleTold }) {
  const words = pick(rule.words_zh, rule.words_en);
  const more = [
    t("rule_clears", { time: seconds(rule.clear_after_s) }),
    t("rule_quiet", { time: seconds(rule.cool_down_s) }),
    t("rule_sure", { percent: Math.round(rule.min_confidence * 100) }),
    pick(rule.hours_zh, rule.hours_en) || t("rule_always"),
  ];
  return (
    <li data-rule={rule.id}>
      <div class="rule-head">
        <b>{pick(rule.name, rule.name_en)}</b>
        <small>{word("kind", rule.kind)}</small>
        <Path path={rule.path} />
      </div>
      <p class="condition">{rule.for_s > 0 ? t("rule_for", { what: words, time: seconds(rule.for_s) }) : t("rule_at_once", { what: words })}</p>
      <p class="means">{more.join(" · ")}</p>
      <Where zones={rule.zones} />
      <Right rule={rule} />
    </li>
  );
}

function Where({ zones }: { zones: WatchedZone[] }) {
  if (zones.length === 0) return <p class="means" data-tone="yellow">{t("rule_nowhere")}</p>;
  const cameras = new Set(zones.map(({ camera_id }) => camera_id));
  const inRing = (ring: RingName) => [...cameras].filter((id) => room.cameras.get(id)?.camera.ring === ring).length;
  const rings = RINGS.filter((ring) => inRing(ring) > 0).map((ring) => `${word("ring", ring)} ${inRing(ring)}`);
  const shown = zones.slice(0, ZONES_SHOWN);
  return (
    <details>
      <summary>{t("rule_where", { n: cameras.size, rings: rings.join(t("list_comma")) })}</summary>
      <ul class="zones">
        {shown.map((zone) => <li key={`${zone.camera_id} ${zone.name}`}>{`${cameraOf(zone.camera_id)} · ${pick(zone.name, zone.name_en)}`}</li>)}
      </ul>
      {zones.length > shown.length && <p class="means">{t("rule_more_zones", { n: zones.length - shown.length })}</p>}
    </details>
  );
}

function cameraOf(id: string): string {
  const known = room.cameras.get(id)?.camera;
  return known ? `${pick(known.name, known.name_en)} ${id}` : id;
}

// What people said of its incidents, and what might make it better; the numbers of each camera are one click away.
function Right({ rule }: { rule: RuleTold }) {
  const { right, n, proposals } = precisionOfRule(rule.id);
  if (n === 0) return <p class="means">{t("rule_unjudged")}</p>;
  return (
    <p class="right">
      <span>{t("rule_right", { percent: Math.round((100 * right) / n), n, right })}</span>
      <button type="button" class="quiet" data-proposals={proposals > 0} onClick={() => void openPrecision()}>
        {proposals > 0 ? t("rule_proposals", { n: proposals }) : t("rule_by_camera")}
      </button>
    </p>
  );
}

function Levels({ book }: { book: Rulebook }) {
  return (
    <section aria-labelledby="levels-title">
      <h3 id="levels-title">{t("levels_title")}</h3>
      <table class="levels-by-kind">
        <thead>
          <tr><th scope="col">{t("levels_kind")}</th>{RINGS.map((ring) => <th key={ring} scope="col">{word("ring", ring)}</th>)}</tr>
        </thead>
        <tbody>
          {book.levels.map((line) => <LevelRow key={line.kind} line={line} />)}
          <tr><th scope="row">{t("levels_otherwise")}</th>{RINGS.map((ring) => <td key={ring}><LevelCell level={book.otherwise} /></td>)}</tr>
        </tbody>
      </table>
      {book.raises.length > 0 && <p class="means">{t("levels_raised")}</p>}
      <ul class="raises">
        {book.raises.map((one) => (
          <li key={one.path}><b>{pick(one.name, one.name_en)}</b> <span>{pick(one.words_zh, one.words_en)}</span> <Path path={one.path} /></li>
        ))}
      </ul>
    </section>
  );
}

function LevelRow({ line }: { line: LevelTold }) {
  return (
    <tr>
      <th scope="row">{word("kind", line.kind)}</th>
      {RINGS.map((ring) => <td key={ring}><LevelCell level={line.by_ring[ring] ?? "green"} /></td>)}
    </tr>
  );
}

function LevelCell({ level }: { level: Level }) {
  return <span class="level-cell"><Mark level={level} /> {word("level", level)}</span>;
}

function Waitings({ book }: { book: Rulebook }) {
  const two = book.second_person.map((level) => word("level", level)).join(t("list_comma"));
  return (
    <section aria-labelledby="waiting-title">
      <h3 id="waiting-title">{t("waiting_title")}</h3>
      <p class="means">{t("waiting_means")}</p>
      <ul class="raises">
        {book.waiting.map((one) => <li key={one.path}><span>{waitingText(one)}</span> <Path path={one.path} /></li>)}
        {book.waiting.length === 0 && <li>{t("waiting_none")}</li>}
        <li><span>{two ? t("two_people", { levels: two }) : t("two_people_never")}</span> <Path path="dispatch.second_person" /></li>
      </ul>
    </section>
  );
}

function waitingText(one: WaitingTold): string {
  const about = { level: word("level", one.level), kind: word("kind", one.kind), time: seconds(one.within_s) };
  return t(one.then === "send" ? "waiting_send" : "waiting_close", about);
}
