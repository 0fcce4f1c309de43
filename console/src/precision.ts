// How often each rule was right on each camera, by people's feedback, and what might make it better. For people to read
// and to decide: nothing here changes a rule.

import { byId, type Child, el, part, rebuild, setAttribute, setText, svg } from "./dom";
import { language, pick, t } from "./words";
import { room } from "./room";
import { failureText, fetchPrecision } from "./stream";
import type { Incident, PrecisionShown, Proposal, RuleShown } from "./api";

const EVERY_MS = 5 * 60 * 1000; // it moves with each closed incident, and by little
const ROWS_SHOWN = 100;
const FEWEST = 5; // of fewer nothing is concluded
const DAY_MS = 86_400_000;
const COLUMNS = ["precision_where", "precision_share", "precision_counts"] as const;

const dialog = byId("precision", HTMLDialogElement);
const button = byId("precision-open");

let report: PrecisionShown | null = null;
let failed: string | null = null;

export function watchPrecision(): void {
  void look();
  setInterval(() => void look(), EVERY_MS);
}

export async function openPrecision(): Promise<void> {
  if (dialog.open) return;
  dialog.showModal();
  showPrecision();
  await look();
}

async function look(): Promise<void> {
  try {
    report = await fetchPrecision();
    failed = null;
  } catch (error) {
    failed = failureText(error);
  }
  showPrecision();
}

// The button always, the panel while it is open.
export function showPrecision(): void {
  const n = report?.proposals.length ?? 0;
  setText(part(button, 0), t("precision_open"));
  setText(part(button, 1), n > 0 ? String(n) : "");
  setAttribute(button, "aria-label", n > 0 ? t("precision_open_some", { n }) : t("precision"));
  setAttribute(button, "title", n > 0 ? t("precision_open_some", { n }) : t("precision"));
  setAttribute(button, "data-proposals", n > 0);
  if (!dialog.open) return;
  setText(byId("precision-message"), failed === null ? "" : t("failed", { why: failed }));
  setText(byId("precision-means"), t("precision_means", { days: report === null ? 90 : daysOf(report) }));
  rebuild(byId("precision-list"), [report, room.layout.cameras.length, language()], () => (report === null ? [] : content(report)));
}

function daysOf(report: PrecisionShown): number {
  return Math.round((Date.parse(report.at) - Date.parse(report.since)) / DAY_MS);
}

function content({ rules, proposals }: PrecisionShown): Child[] {
  if (rules.length === 0) {
    return [el("div", { class: "teach" }, el("h3", {}, t("precision_none")), el("p", {}, t("precision_none_means")))];
  }
  const proposed = proposals.length === 0 ? [] : [
    el("h3", {}, t("precision_proposed", { n: proposals.length })),
    el("ol", { class: "proposals" }, ...proposals.map(proposalItem)),
  ];
  const rows = rules.slice(0, ROWS_SHOWN).map(ruleRow);
  const head = el("tr", {}, ...COLUMNS.map((key) => el("th", { scope: "col" }, t(key))));
  const more = rules.length - rows.length;
  return [
    ...proposed,
    el("h3", {}, t("precision_all")),
    el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)),
    more > 0 ? el("p", { class: "others" }, t("precision_more", { n: more })) : null,
  ];
}

function ruleRow(rule: RuleShown): HTMLElement {
  return el("tr", { "data-tone": toneOf(rule) },
    el("th", { scope: "row" }, cameraOf(rule.camera_id), el("small", {}, `${rule.camera_id} · ${nameOf(rule)}`)),
    el("td", {}, intervalBar(rule)),
    el("td", {}, el("b", {}, percent(rule.share)), el("small", {}, t("precision_of", { right: rule.right, n: rule.right + rule.wrong }))));
}

function cameraOf(id: string): string {
  const known = room.cameras.get(id)?.camera;
  return known ? pick(known.name, known.name_en) : id;
}

function nameOf(rule: RuleShown): string {
  return pick(rule.name, rule.name_en) ?? t("precision_rule_gone", { rule: rule.rule_id });
}

function percent(share: number | null): string {
  return share === null ? "—" : `${Math.round(100 * share)}%`;
}

function isProposedFor(rule: RuleShown): boolean {
  return report !== null && report.proposals.some((one) => one.camera_id === rule.camera_id && one.rule_id === rule.rule_id);
}

function toneOf(rule: RuleShown): string {
  if (isProposedFor(rule)) return "red";
  if (rule.right + rule.wrong < FEWEST) return "plain";
  return (rule.share ?? 0) < 0.5 ? "yellow" : "green";
}

// From never right on the left to always right: the dot is the share, the bar where it lies at 95%, the tick a half.
function intervalBar(rule: RuleShown): SVGSVGElement {
  const [low, high] = [100 * (rule.low ?? 0), 100 * (rule.high ?? 1)];
  const label = t("precision_bar", { share: percent(rule.share), low: percent(rule.low), high: percent(rule.high) });
  return svg("svg", { class: "interval", viewBox: "-4 0 108 14", role: "img", "aria-label": label, "data-tone": toneOf(rule) },
    svg("title", {}, label),
    svg("path", { class: "track", d: "M0 7H100M50 3V11" }),
    svg("rect", { x: low.toFixed(1), y: 4.5, width: Math.max(1, high - low).toFixed(1), height: 5, rx: 2.5 }),
    svg("circle", { cx: (100 * (rule.share ?? 0)).toFixed(1), cy: 7, r: 3.6 }));
}

function proposalItem(proposal: Proposal): HTMLElement {
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

function yamlBox(label: string, text: string): HTMLElement {
  const code = el("pre", { tabindex: 0, "aria-label": label }, text);
  const copy = el("button", { type: "button", class: "quiet", "aria-label": t("copy_spoken", { what: label }) }, t("copy"));
  copy.addEventListener("click", async () => {
    setText(copy, (await copied(code)) ? t("copied") : t("copy_by_hand"));
  });
  return el("figure", { class: "yaml" }, el("figcaption", {}, label, copy), code);
}

// The clipboard is there on secure pages only; elsewhere the text is selected, and copied the old way.
async function copied(node: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(node.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(node);
    return document.execCommand("copy");
  }
}

// One camera's part, into a node of its page.
export function showPrecisionOf(node: HTMLElement, cameraId: string): void {
  const rules = report?.rules.filter((rule) => rule.camera_id === cameraId) ?? null;
  rebuild(node, [cameraId, rules, rules?.map(isProposedFor), language()], () => {
    if (rules === null) return [];
    if (rules.length === 0) return [el("p", { class: "means" }, t("cam_no_precision"))];
    return [el("ul", { class: "cam-rules" }, ...rules.map((rule) =>
      el("li", { "data-tone": toneOf(rule) }, el("span", {}, nameOf(rule)), intervalBar(rule),
        el("b", {}, percent(rule.share)), el("small", {}, t("precision_of", { right: rule.right, n: rule.right + rule.wrong })))))];
  });
}

// Beside an incident's evidence: how often its rule was right on its camera. Hidden where nobody has said yet.
export class PrecisionLine {
  readonly node = el("button", { type: "button", class: "quiet precision-line", hidden: true });

  constructor() {
    this.node.addEventListener("click", openPrecision);
  }

  update(incident: Incident): void {
    const rule = ruleOf(incident);
    this.node.hidden = rule === null;
    if (rule === null || report === null) return;
    const about = { rule: pick(rule.name, rule.name_en) ?? rule.rule_id, right: rule.right, n: rule.right + rule.wrong, days: daysOf(report) };
    rebuild(this.node, [rule, isProposedFor(rule), about, language()], () => [
      el("span", {}, t("precision_line", { ...about, share: percent(rule.share) })),
      intervalBar(rule),
    ]);
  }
}

// An incident's fingerprint says which rule told of it first: camera/kind/rule/zone.
function ruleOf(incident: Incident): RuleShown | null {
  const [camera, , ruleId] = incident.fingerprint.split("/");
  return report?.rules.find((rule) => rule.camera_id === camera && rule.rule_id === ruleId) ?? null;
}

button.addEventListener("click", openPrecision);
byId("precision-close").addEventListener("click", () => dialog.close());
