// How often each rule was right on each camera, by people's feedback, and what might make it better. For people to read
// and to decide: nothing here changes a rule.

import { el, rebuild, setAttribute, setText, svg } from "./dom.js";
import { language, pick, t } from "./words.js";
import { room } from "./room.js";
import { failureText, fetchPrecision } from "./stream.js";

const EVERY_MS = 5 * 60 * 1000; // it moves with each closed incident, and by little
const ROWS_SHOWN = 100;
const FEWEST = 5; // of fewer nothing is concluded
const DAY_MS = 86_400_000;

const byId = (id) => document.getElementById(id);
const dialog = byId("precision");
const button = byId("precision-open");

let report = null;
let failed = null;

export function watchPrecision() {
  look();
  setInterval(look, EVERY_MS);
}

export async function openPrecision() {
  if (dialog.open) return;
  dialog.showModal();
  showPrecision();
  await look();
}

async function look() {
  try {
    report = await fetchPrecision();
    failed = null;
  } catch (error) {
    failed = failureText(error);
  }
  showPrecision();
}

// The button always, the panel while it is open.
export function showPrecision() {
  const n = report?.proposals.length ?? 0;
  setText(button.children[0], t("precision_open"));
  setText(button.children[1], n > 0 ? String(n) : "");
  setAttribute(button, "aria-label", n > 0 ? t("precision_open_some", { n }) : t("precision"));
  setAttribute(button, "title", n > 0 ? t("precision_open_some", { n }) : t("precision"));
  setAttribute(button, "data-proposals", n > 0);
  if (!dialog.open) return;
  setText(byId("precision-message"), failed === null ? "" : t("failed", { why: failed }));
  setText(byId("precision-means"), t("precision_means", { days: report === null ? 90 : days() }));
  rebuild(byId("precision-list"), [report, room.layout.cameras.length, language()], () => (report === null ? [] : content()));
}

function days() {
  return Math.round((Date.parse(report.at) - Date.parse(report.since)) / DAY_MS);
}

function content() {
  const { rules, proposals } = report;
  if (rules.length === 0) {
    return [el("div", { class: "teach" }, el("h3", {}, t("precision_none")), el("p", {}, t("precision_none_means")))];
  }
  const proposed = proposals.length === 0 ? [] : [
    el("h3", {}, t("precision_proposed", { n: proposals.length })),
    el("ol", { class: "proposals" }, ...proposals.map(proposalItem)),
  ];
  const rows = rules.slice(0, ROWS_SHOWN).map(ruleRow);
  const head = el("tr", {}, ...["precision_where", "precision_share", "precision_counts"].map((key) => el("th", { scope: "col" }, t(key))));
  const more = rules.length - rows.length;
  return [
    ...proposed,
    el("h3", {}, t("precision_all")),
    el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)),
    more > 0 ? el("p", { class: "others" }, t("precision_more", { n: more })) : null,
  ];
}

function ruleRow(rule) {
  return el("tr", { "data-tone": toneOf(rule) },
    el("th", { scope: "row" }, cameraOf(rule.camera_id), el("small", {}, `${rule.camera_id} · ${nameOf(rule)}`)),
    el("td", {}, intervalBar(rule)),
    el("td", {}, el("b", {}, percent(rule.share)), el("small", {}, t("precision_of", { right: rule.right, n: rule.right + rule.wrong }))));
}

function cameraOf(id) {
  const known = room.cameras.get(id)?.camera;
  return known ? pick(known.name, known.name_en) : id;
}

function nameOf(rule) {
  return pick(rule.name, rule.name_en) ?? t("precision_rule_gone", { rule: rule.rule_id });
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

function isProposedFor(rule) {
  return report.proposals.some((one) => one.camera_id === rule.camera_id && one.rule_id === rule.rule_id);
}

function toneOf(rule) {
  if (isProposedFor(rule)) return "red";
  if (rule.right + rule.wrong < FEWEST) return "plain";
  return rule.share < 0.5 ? "yellow" : "green";
}

// From never right on the left to always right: the dot is the share, the bar where it lies at 95%, the tick a half.
function intervalBar(rule) {
  const [low, high] = [100 * rule.low, 100 * rule.high];
  const label = t("precision_bar", { share: percent(rule.share), low: percent(rule.low), high: percent(rule.high) });
  return svg("svg", { class: "interval", viewBox: "-4 0 108 14", role: "img", "aria-label": label, "data-tone": toneOf(rule) },
    svg("title", {}, label),
    svg("path", { class: "track", d: "M0 7H100M50 3V11" }),
    svg("rect", { x: low.toFixed(1), y: 4.5, width: Math.max(1, high - low).toFixed(1), height: 5, rx: 2.5 }),
    svg("circle", { cx: (100 * rule.share).toFixed(1), cy: 7, r: 3.6 }));
}

function proposalItem(proposal) {
  const { written } = proposal;
  const change = el("p", { class: "change" }, el("code", {}, `${proposal.parameter}: ${proposal.now}`), " → ",
    el("code", {}, `${proposal.parameter}: ${proposal.proposed}`));
  return el("li", { "data-camera": proposal.camera_id, "data-rule": proposal.rule_id },
    el("p", {}, el("b", {}, cameraOf(proposal.camera_id)), " ", pick(proposal.words_zh, proposal.words_en)),
    change,
    written === null ? null : el("details", {}, el("summary", {}, t("precision_how")),
      yamlBox(t("precision_rule_yaml"), written.rule),
      yamlBox(t("precision_zones_yaml", { camera: proposal.camera_id }), written.zones),
      el("p", { class: "means" }, t("precision_then"))));
}

function yamlBox(label, text) {
  const code = el("pre", { tabindex: 0, "aria-label": label }, text);
  const copy = el("button", { type: "button", class: "quiet", "aria-label": t("copy_spoken", { what: label }) }, t("copy"));
  copy.addEventListener("click", async () => {
    setText(copy, (await copied(code)) ? t("copied") : t("copy_by_hand"));
  });
  return el("figure", { class: "yaml" }, el("figcaption", {}, label, copy), code);
}

// The clipboard is there on secure pages only; elsewhere the text is selected, and copied the old way.
async function copied(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    return document.execCommand("copy");
  }
}

// Beside an incident's evidence: how often its rule was right on its camera. Hidden where nobody has said yet.
export class PrecisionLine {
  constructor() {
    this.node = el("button", { type: "button", class: "quiet precision-line", hidden: true });
    this.node.addEventListener("click", openPrecision);
  }

  update(incident) {
    const rule = ruleOf(incident);
    this.node.hidden = rule === null;
    if (rule === null) return;
    const about = { rule: pick(rule.name, rule.name_en) ?? rule.rule_id, right: rule.right, n: rule.right + rule.wrong, days: days() };
    rebuild(this.node, [rule, isProposedFor(rule), about, language()], () => [
      el("span", {}, t("precision_line", { ...about, share: percent(rule.share) })),
      intervalBar(rule),
    ]);
  }
}

// An incident's fingerprint says which rule told of it first: camera/kind/rule/zone.
function ruleOf(incident) {
  const [camera, , ruleId] = incident.fingerprint.split("/");
  return report?.rules.find((rule) => rule.camera_id === camera && rule.rule_id === ruleId) ?? null;
}

button.addEventListener("click", openPrecision);
byId("precision-close").addEventListener("click", () => dialog.close());
