// The selected incident: its picture, its clock, its timeline, why this unit, and what an operator can do.

import { el, mark, rebuild, setAttribute, setText } from "./dom.js";
import { language, pick, t, word } from "./words.js";
import { minutes, serverNow, signed, timeOfDay } from "./times.js";
import { Countdown, stampOf } from "./countdown.js";
import {
  cameraName, camerasOf, camerasThatSaw, incidentById, isMaintenance, isOpen, ordersOf, room, showsStrangeView, titleOf,
  unitLine, unitName, whyGone, wordsOf,
} from "./room.js";
import { Candidates } from "./candidates.js";
import { Clip } from "./clip.js";
import { EscalationBox } from "./escalation.js";
import { pictureOf } from "./feed.js";
import { keepOperator, operatorName } from "./operator.js";
import { dispositionText, earlierLives, FalseReason, LEVELS, ReasonForm, secondPerson } from "./judging.js";
import { MergeForm, mergeable, OriginalChoice } from "./merging.js";
import { PinButton } from "./pins.js";
import { PrecisionLine } from "./precision.js";
import { StageBar } from "./stages.js";
import { acceptView, act, failureText } from "./stream.js";
import { Witnesses } from "./witnesses.js";

const CLOCKS = Array.from({ length: 13 }, (_, number) => `t${number}`);
const UNIT_CLOCKS = ["t6", "t7", "t8", "t9"];
const DISPOSITIONS = ["handled", "false_alarm", "unfounded", "duplicate", "referred", "drill"];

export class IncidentPanel {
  #id = null;
  #closing = false;
  #merging = false;
  #sending = false;
  #saidOf = null; // the incident's state when the message was said

  // `onLed(id)`: an action led to another incident, which is to be shown.
  constructor(node, onLed) {
    this.node = node;
    this.onLed = onLed;
    this.nothing = el("div", { class: "teach" }, el("h3", { "data-t": "nothing_title" }), el("p", { "data-t": "nothing_text" }));
    this.title = el("h2");
    this.about = el("p", { class: "about" });
    this.picture = el("figure");
    this.clip = new Clip();
    this.precision = new PrecisionLine();
    this.countdown = new Countdown("large");
    this.unit = el("p", { class: "unit-now" }, el("b"), el("span"));
    this.escalation = new EscalationBox(() => this.acknowledge());
    this.stages = new StageBar();
    this.why = el("div", { class: "why" });
    this.candidates = new Candidates((unitId, takes) => this.#quietButton("send_unit", unitId, () => ["orders", { unit_id: unitId }], takes));
    this.cameras = el("div", { class: "cameras" });
    this.witnesses = new Witnesses({ onSplit: (...of) => this.#split(...of), onShow: () => this.update() });
    this.timeline = el("div", { class: "timeline" });
    this.actions = this.#makeActions();
    this.actions.addEventListener("input", () => this.#onInput());
    const clocks = el("div", { class: "clocks" }, this.countdown.node, this.unit);
    const told = [this.stages.node, this.why, this.cameras, this.timeline, this.candidates.node];
    const parts = [this.picture, this.clip.node, this.precision.node, this.witnesses.node, clocks, ...told];
    const head = el("header", {}, this.title, this.about);
    this.body = el("div", { class: "scroll" }, head, this.escalation.node, ...parts);
    this.body.hidden = this.actions.hidden = true; // until it is known what to show
    node.append(this.nothing, this.body, this.actions);
  }

  select(id) {
    const isOther = id !== this.#id;
    if (isOther) {
      this.#openClosing(false);
      this.#openMerging(false);
      this.#openJudging(null);
      this.witnesses.forget();
      this.#say("", "plain");
    }
    this.#id = id;
    if (room.state) {
      if (isOther) this.candidates.fold(ordersOf(id).length > 0);
      this.update();
    }
    this.body.scrollTop = 0;
  }

  update() {
    const incident = incidentById(this.#id);
    this.nothing.hidden = incident !== null;
    this.body.hidden = incident === null;
    this.actions.hidden = incident === null;
    if (incident === null) return;
    const spoken = language();
    setAttribute(this.node, "data-level", incident.level);
    rebuild(this.title, [incident.level, titleOf(incident), spoken], () => [
      mark(incident.level, word("level", incident.level)),
      el("span", {}, titleOf(incident)),
    ]);
    setText(this.about, aboutText(incident));
    if (this.#saidOf !== incident.state && !this.#sending) this.#say("", "plain"); // it was about what is over
    this.escalation.update(incident, this.#sending);
    this.picture.hidden = isMaintenance(incident) && incident.evidence_id === null;
    this.#showCameras(incident);
    this.witnesses.update(incident, spoken);
    const evidence = this.witnesses.evidenceOf(incident);
    rebuild(this.picture, [incident.id, evidence, whyGone(evidence), spoken], () => [picture(incident, evidence)]);
    this.clip.update(incident, serverNow());
    this.precision.update(incident);
    this.stages.update(incident, spoken);
    this.#showReasons(incident);
    const pressed = pressedOf(incident);
    rebuild(this.timeline, [incident.id, incident.clocks, pressed, spoken], () => timeline(incident, pressed));
    this.#showActions(incident);
  }

  tick(now) {
    const incident = incidentById(this.#id);
    if (incident === null) return;
    this.countdown.show(incident, now);
    this.clip.tick(now);
    this.stages.tick(incident, now);
    const line = unitLine(incident, now);
    setAttribute(this.unit, "data-tone", line.tone);
    setText(this.unit.children[0], line.unit);
    setText(this.unit.children[1], line.text);
    this.pinButton.show(incident.camera_id);
  }

  pin() {
    if (!this.pinButton.node.hidden && incidentById(this.#id) !== null) this.pinButton.press();
  }

  async confirm() {
    const incident = incidentById(this.#id);
    if (incident === null || !this.#canConfirm(incident)) return;
    const operator = this.#operatorOrAsk();
    if (operator) await this.#send(incident.id, "confirm", {}, operator);
  }

  async acknowledge() {
    const operator = this.#operatorOrAsk();
    if (operator) await this.#send(this.#id, "acknowledge", {}, operator);
  }

  // What was said was about what stood there before; and another name may be the second person's.
  #onInput() {
    if (!this.#sending) this.#say("", "plain");
    const incident = incidentById(this.#id);
    if (incident !== null) this.#showSecond(incident);
  }

  escape() {
    this.#openClosing(false);
    this.#openMerging(false);
    this.#openJudging(null);
  }

  async #merge(other) {
    const operator = this.#operatorOrAsk();
    const answer = operator && (await this.#send(this.#id, "merge", { with: other }, operator));
    if (!answer) return;
    this.#openMerging(false);
    if (answer.incident_id !== this.#id) this.onLed(answer.incident_id);
    this.#say(t("merge_done", { id: answer.incident_id }), "green");
  }

  async #split(witness, camera, button) {
    const operator = this.#operatorOrAsk();
    if (!operator) return;
    button.disabled = true;
    const answer = await this.#send(this.#id, "split", { alert_id: witness.alert_ids[0] }, operator);
    button.disabled = false;
    if (answer) this.#say(t("split_done", { camera, id: answer.incident_id }), "green");
  }

  #showReasons(incident) {
    const orders = ordersOf(incident.id);
    const judged = [incident.level, incident.level_why_en, incident.level_by, incident.history.length, isOpen(incident)];
    const about = [incident.id, ...judged, orders.map((order) => order.id), language()];
    const doing = orders.map((order) => order.state);
    const withdraw = (order) => this.#takeBackButton(order);
    const level = () => (isOpen(incident) ? this.#levelButton() : null);
    rebuild(this.why, [about, doing], () => [...reasons(incident, orders, withdraw), level()]);
    this.candidates.update(incident, orders);
  }

  #takeBackButton(order) {
    if (!["sent", "doubted", "accepted", "en_route"].includes(order.state)) return "";
    return this.#quietButton("take_back", order.unit_id, () => [`orders/${order.id}/take-back`, {}]);
  }

  // `warning`: what it does besides, said with it.
  #quietButton(key, unitId, action, warning = "") {
    const spoken = [t(`${key}_spoken`, { unit: unitName(unitId) }), warning].filter(Boolean).join(" · ");
    const says = { "aria-label": spoken, title: spoken };
    const button = el("button", { type: "button", class: "quiet", "data-needs": "dispatch", ...says }, t(key));
    button.addEventListener("click", async () => {
      const operator = this.#operatorOrAsk();
      if (!operator) return;
      button.disabled = true;
      await this.#send(this.#id, ...action(), operator);
      button.disabled = false;
    });
    return button;
  }

  #showCameras(incident) {
    const shown = isOpen(incident) ? (incident.maintenance?.cameras ?? []) : [];
    const strange = new Set(shown.filter(showsStrangeView).map((camera) => camera.id));
    const about = [incident.id, incident.maintenance, [...strange], language()];
    const accepting = (camera) => (strange.has(camera.id) ? this.#acceptButton(camera.id) : null);
    rebuild(this.cameras, about, () => cameraTable(incident, accepting));
  }

  #acceptButton(cameraId) {
    const label = t("accept_view_of", { camera: nameOf(cameraId) });
    const button = el("button", { type: "button", class: "accept", "data-needs": "look", title: t("accept_view_means"), "aria-label": label }, t("accept_view"));
    button.addEventListener("click", () => this.#acceptView(cameraId, button));
    return button;
  }

  async #acceptView(cameraId, button) {
    if (!room.state.tour) return this.#say(t("accept_view_no_tour"), "amber");
    const operator = this.#operatorOrAsk();
    if (!operator) return;
    button.disabled = true;
    this.#say(t("sending"), "plain");
    try {
      await acceptView(cameraId, operator);
      this.#say(t("view_accepted", { camera: nameOf(cameraId) }), "green");
    } catch (error) {
      this.#say(t("failed", { why: failureText(error, "error_no_camera") }), "red");
    } finally {
      button.disabled = false;
    }
  }

  #canConfirm(incident) {
    return isOpen(incident) && !incident.clocks.t5 && !this.#sending;
  }

  #showActions(incident) {
    const open = isOpen(incident);
    const confirmation = incident.clocks.t5;
    setAttribute(this.actions, "data-open", open);
    this.confirmButton.disabled = !this.#canConfirm(incident);
    const [ask, done] = isMaintenance(incident) ? [t("take_on"), t("taken_on")] : [t("confirm"), t("confirmed")];
    setText(this.confirmButton.firstElementChild, confirmation ? done : ask);
    setAttribute(this.confirmButton, "data-done", Boolean(confirmation));
    this.#showPin(incident);
    this.closeButton.disabled = !open || this.#sending;
    this.sendButton.disabled = !open || this.#sending;
    const others = mergeable(incident).length > 0;
    this.mergeButton.hidden = this.#closing || !others;
    this.mergeButton.disabled = this.#sending;
    this.mergeForm.update(incident, language());
    if (!open) this.#openClosing(false);
    if (!open || !others) this.#openMerging(false);
    if (open ? this.reopenForm.isOpen : this.levelForm.isOpen) this.#openJudging(null);
    for (const form of [this.levelForm, this.reopenForm]) form.send.disabled = this.#sending;
    this.#showSecond(incident);
    const result = open ? null : closingText(incident);
    const goesOn = incidentById(incident.merged_into ?? incident.duplicate_of)?.id ?? null;
    const mayReopen = !open && !isMaintenance(incident) && incident.merged_into === null;
    rebuild(this.outcome, [result, goesOn, mayReopen, language()], () => [
      result ?? "", goesOn === null ? null : this.#leadButton(goesOn), mayReopen ? this.#reopenButton() : null,
    ]);
    this.outcome.hidden = result === null;
  }

  #levelButton() {
    const button = el("button", { type: "button", class: "level-change", "data-needs": "act" }, t("level_change"));
    button.addEventListener("click", () => this.#openJudging(this.levelForm));
    return button;
  }

  async #changeLevel({ choice, reason }) {
    if (choice === null) return this.#ask("level_missing", this.levelForm.choices[0]);
    if (!reason) return this.#ask("reason_missing", this.levelForm.reason);
    const operator = this.#operatorOrAsk();
    if (operator && (await this.#send(this.#id, "level", { level: choice.value, reason }, operator))) this.#openJudging(null);
  }

  async #reopen({ reason }) {
    if (!reason) return this.#ask("reason_missing", this.reopenForm.reason);
    const operator = this.#operatorOrAsk();
    if (operator && (await this.#send(this.#id, "reopen", { reason }, operator))) this.#openJudging(null);
  }

  async #agree(closing) {
    const operator = this.#operatorOrAsk();
    const { disposition, reason } = closing;
    const code = closing.reason_code && closing.reason_code !== "other" ? { reason_code: closing.reason_code } : {};
    const original = closing.duplicate_of ? { duplicate_of: closing.duplicate_of } : {};
    if (operator) await this.#send(this.#id, "close", { disposition, reason, ...code, ...original }, operator);
  }

  async #withdraw() {
    const operator = this.#operatorOrAsk();
    if (operator) await this.#send(this.#id, "withdraw-closing", {}, operator);
  }

  #showSecond(incident) {
    const waits = isOpen(incident) && incident.closing ? incident.closing : null;
    this.second.hidden = waits === null;
    const act = { onAgree: () => this.#agree(waits), onWithdraw: () => this.#withdraw() };
    rebuild(this.second, [incident.id, waits, operatorName(), this.#sending, language()], () =>
      waits === null ? [] : secondPerson(incident, operatorName(), act));
  }

  #reopenButton() {
    const button = el("button", { type: "button", class: "lead" }, t("reopen"));
    button.addEventListener("click", () => this.#openJudging(this.reopenForm));
    return button;
  }

  // One of the two forms, or none.
  #openJudging(form) {
    if (form !== null) {
      this.#openClosing(false);
      this.#openMerging(false);
    }
    for (const one of [this.levelForm, this.reopenForm]) one.open(one === form);
    setAttribute(this.actions, "data-asking", this.reopenForm.isOpen);
  }

  #leadButton(id) {
    const button = el("button", { type: "button", class: "lead" }, t("merged_show", { id }));
    button.addEventListener("click", () => this.onLed(id));
    return button;
  }

  #showPin(incident) {
    // Where many cameras are in trouble, none of them stands for all.
    const one = incident !== null && (!isMaintenance(incident) || camerasOf(incident).all === 1);
    this.pinButton.node.hidden = !one || this.#closing || this.#merging;
    this.pinButton.show(one ? incident.camera_id : null);
  }

  #makeActions() {
    this.operator = el("input", {
      id: "operator",
      type: "text",
      maxlength: 64,
      autocomplete: "name",
      "data-t-hint": "operator_hint",
    });
    keepOperator(this.operator);
    this.confirmButton = el("button", { type: "button", class: "main" }, el("span"), el("kbd", {}, "C"));
    this.confirmButton.addEventListener("click", () => this.confirm());
    const failed = (error) => this.#say(t("failed", { why: failureText(error, "error_no_camera") }), "red");
    this.pinButton = new PinButton({ key: "P", operator: () => this.#operatorOrAsk(), onFailure: failed });
    this.closeButton = el("button", { type: "button", "aria-expanded": "false", "data-t": "close" });
    this.closeButton.addEventListener("click", () => this.#openClosing(!this.#closing));
    this.mergeButton = el("button", { type: "button", class: "merge", "aria-expanded": "false", "data-t": "merge" });
    this.mergeButton.addEventListener("click", () => this.#openMerging(!this.#merging));
    this.mergeForm = new MergeForm((other) => this.#merge(other));
    this.message = el("p", { class: "message", role: "alert" });
    this.outcome = el("p", { class: "outcome", hidden: true });
    this.form = this.#makeForm();
    const onCancel = () => this.#openJudging(null);
    const levels = LEVELS.map((level) => [level, `level_${level}`]);
    this.levelForm = new ReasonForm({ name: "level", choices: levels, onSend: (said) => this.#changeLevel(said), onCancel });
    this.reopenForm = new ReasonForm({ name: "reopen", onSend: (said) => this.#reopen(said), onCancel });
    this.second = el("div", { class: "second", role: "status", hidden: true });
    const who = el("label", { class: "who" }, el("span", { "data-t": "operator" }), this.operator);
    const sending = [this.confirmButton, this.sendButton, this.mergeForm.send];
    const row = el("div", { class: "row" }, ...sending, this.pinButton.node, this.mergeButton, this.closeButton);
    const forms = [this.levelForm.node, this.reopenForm.node, this.form, this.mergeForm.node];
    return el("div", { class: "actions" }, this.outcome, this.second, who, ...forms, this.message, row);
  }

  #makeForm() {
    const choices = DISPOSITIONS.map((name) =>
      el("label", {}, el("input", { type: "radio", name: "disposition", value: name }), el("span", { "data-t": `disposition_${name}` })),
    );
    this.reason = el("textarea", { id: "reason", rows: 2, maxlength: 500, "data-t-hint": "reason_hint" });
    this.sendButton = el("button", { type: "submit", form: "closing", class: "main", hidden: true, "data-t": "close_send" });
    const form = el("form", { id: "closing", hidden: true });
    this.falseReason = new FalseReason();
    this.original = new OriginalChoice();
    const show = (disposition) => {
      this.falseReason.show(disposition === "false_alarm");
      this.original.show(disposition === "duplicate", incidentById(this.#id));
    };
    form.addEventListener("change", () => show(form.elements.disposition.value));
    form.addEventListener("reset", () => show(null));
    form.append(
      el("fieldset", {}, el("legend", { "data-t": "disposition" }), ...choices),
      this.falseReason.node,
      this.original.node,
      el("label", { class: "reason" }, el("span", { "data-t": "reason" }), this.reason),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#close();
    });
    return form;
  }

  async #close() {
    const disposition = this.form.elements.disposition.value;
    const reason = this.reason.value.trim();
    if (!disposition) return this.#ask("disposition_missing", this.form.elements.disposition[0]);
    const code = this.falseReason.choice.value;
    const original = this.original.choice.value;
    if (disposition === "duplicate" && !original) return this.#ask("original_missing", this.original.choice);
    if (!reason && !code && !original) return this.#ask("reason_missing", this.reason);
    const operator = this.#operatorOrAsk();
    const said = { disposition, reason, ...(code && { reason_code: code }), ...(original && { duplicate_of: original }) };
    const answer = operator && (await this.#send(this.#id, "close", said, operator));
    if (!answer) return;
    this.#openClosing(false);
    if (answer.closed === false) this.#say(t("closing_asked"), "amber");
  }

  #operatorOrAsk() {
    const operator = operatorName();
    if (!operator) this.#ask("operator_missing", this.operator);
    return operator;
  }

  #ask(key, field) {
    this.#say(t(key), "amber");
    field.focus();
  }

  #say(text, tone) {
    this.#saidOf = incidentById(this.#id)?.state ?? null;
    setAttribute(this.message, "data-tone", tone);
    setText(this.message, text);
  }

  async #send(id, action, body, operator) {
    this.#sending = true;
    this.#say(t("sending"), "plain");
    this.update();
    try {
      const answer = await act(id, action, body, operator);
      this.#say(t("sent"), "green");
      return answer;
    } catch (error) {
      this.#say(t("failed", { why: failureText(error) }), "red");
      return null;
    } finally {
      this.#sending = false;
      this.update();
    }
  }

  #openMerging(open) {
    if (open) this.#openJudging(null);
    this.#merging = open;
    this.mergeForm.open(open);
    this.confirmButton.hidden = open || this.#closing;
    this.closeButton.hidden = open;
    setAttribute(this.mergeButton, "aria-expanded", String(open));
    setAttribute(this.mergeButton, "data-t", open ? "close_cancel" : "merge");
    setText(this.mergeButton, t(open ? "close_cancel" : "merge"));
    if (room.state === null) return;
    const incident = incidentById(this.#id);
    this.#showPin(incident);
    if (!open || incident === null) return;
    this.mergeForm.update(incident, language());
    this.mergeForm.choice.focus();
  }

  #openClosing(open) {
    if (open) this.#openJudging(null);
    this.#closing = open;
    this.form.hidden = !open;
    this.sendButton.hidden = !open;
    this.confirmButton.hidden = open || this.#merging;
    this.mergeButton.hidden = open || this.mergeButton.hidden;
    this.#showPin(incidentById(this.#id));
    setAttribute(this.closeButton, "aria-expanded", String(open));
    setAttribute(this.closeButton, "data-t", open ? "close_cancel" : "close");
    setText(this.closeButton, t(open ? "close_cancel" : "close"));
    if (open) {
      this.form.elements.disposition[0].focus();
      return;
    }
    this.form.reset();
  }
}

function aboutText(incident) {
  const alerts = incident.alert_ids.length;
  const what = alerts > 1 ? t("merged", { n: alerts }) : t("single");
  return [
    incident.id,
    word("ring", incident.ring),
    incident.camera_id,
    isMaintenance(incident) ? t("cameras_count", { n: camerasOf(incident).all }) : what,
    ...(camerasThatSaw(incident) > 1 ? [t("cameras_count", { n: camerasThatSaw(incident) })] : []),
    ...(incident.split_from ? [t("split_from", { who: incident.split_by ?? "—", id: incident.split_from })] : []),
    t("accepted_at", { time: timeOfDay(stampOf(incident, "t3")) }),
    ...(incident.drill ? [t("drill")] : incident.simulated ? [t("simulated")] : []),
  ].join(" · ");
}

function picture(incident, evidence) {
  if (evidence === null) return el("p", { class: "no-picture" }, t("picture_none"));
  const gone = whyGone(evidence);
  if (gone !== null) return el("p", { class: "no-picture" }, t("picture_gone", { why: word("gone", gone) }));
  const witness = incident.witnesses.find((one) => one.evidence_id === evidence);
  const camera = witness ? pick(witness.camera_name, witness.camera_name_en) : cameraName(incident);
  const image = el("img", { src: pictureOf({ evidence_id: evidence }), alt: t("picture_alt", { camera }) });
  const lost = () => image.replaceWith(el("p", { class: "no-picture" }, t("picture_lost")));
  image.addEventListener("error", lost, { once: true });
  return image;
}

function reasons(incident, orders, withdraw) {
  const level = t("why_level", { level: word("level", incident.level) });
  const seenWords = t("why_level_text", {
    ring: word("ring", incident.ring),
    kind: word("kind", incident.kind),
    words: wordsOf(incident),
  });
  const because = pick(incident.level_why_zh, incident.level_why_en);
  const why = because ? t("why_level_because", { why: because, words: wordsOf(incident) }) : seenWords;
  const paragraphs = [el("p", {}, el("b", {}, level), why), ...earlierLives(incident)];
  const short = incident.shortfall;
  if (short) paragraphs.push(el("p", { class: "warning shortfall" }, mark("red", ""), pick(short.zh, short.en)));
  for (const order of orders) {
    const chosen = pick(order.why_zh, order.why_en);
    paragraphs.push(el("p", {}, el("b", {}, t("why_unit", { unit: unitName(order.unit_id) })), chosen, " ", withdraw(order)));
  }
  if (orders.length > 0) return paragraphs;
  if (isMaintenance(incident)) {
    paragraphs.push(el("p", {}, t("no_clock_means")));
  } else if (isOpen(incident) && !short) {
    paragraphs.push(el("p", {}, t("why_unit_none")));
  }
  return paragraphs;
}

function nameOf(cameraId) {
  const known = room.cameras.get(cameraId)?.camera;
  return known ? pick(known.name, known.name_en) : cameraId;
}

// `accepting(camera)`: the button with which its view is accepted, or null.
function cameraTable(incident, accepting) {
  const { maintenance } = incident;
  if (!maintenance || maintenance.cameras.length === 0) return [];
  const rows = maintenance.cameras.map((camera) => {
    const why = camera.detail ? `${word("trouble", camera.trouble)} · ${word("failing", camera.detail)}` : word("trouble", camera.trouble);
    const back = camera.returned_at === null ? t("camera_since", { time: timeOfDay(Date.parse(camera.since)) })
      : t("camera_back", { time: timeOfDay(Date.parse(camera.returned_at)) });
    return el("tr", { "data-left-out": camera.returned_at !== null },
      el("th", { scope: "row" }, nameOf(camera.id), " ", el("small", {}, camera.id)),
      el("td", {}, why, " ", accepting(camera)), el("td", {}, camera.unsteady ? t("camera_unsteady") : back));
  });
  const others = camerasOf(incident).all - maintenance.cameras.length;
  return [el("h3", {}, t("cameras")), el("table", {}, el("tbody", {}, ...rows)),
    others > 0 ? el("p", { class: "others" }, t("cameras_others", { n: others })) : ""];
}

// When a crew pressed "on scene" that its position puts on scene at another time (t9); else null.
function pressedOf(incident) {
  const times = ordersOf(incident.id).filter((order) => order.arrived_at && order.pressed_at).map((order) => Date.parse(order.pressed_at));
  return times.length > 0 ? Math.min(...times) : null;
}

function timeline(incident, pressed) {
  const accepted = stampOf(incident, "t3");
  const stamped = CLOCKS.filter((name) => incident.clocks[name]);
  const rows = stamped.map((name) => {
    const at = stampOf(incident, name);
    const delta = name === "t3" ? "0" : signed((at - accepted) / 1000);
    return el("tr", {}, el("th", { scope: "row" }, el("i", {}, name), t(`clock_${name}`)), el("td", {}, timeOfDay(at)),
      el("td", {}, delta), el("td", { class: "from" }, sourceText(incident.clocks[name].source), name === "t9" ? buttonNote(pressed) : null));
  });
  const next = isOpen(incident) ? nextClock(incident) : null;
  if (next) {
    rows.push(el("tr", { class: "next" }, el("th", { scope: "row" }, el("i", {}, next), t(`clock_${next}`)),
      el("td", { colspan: 3 }, t("next_step"))));
  }
  const head = el("tr", {}, el("th", { scope: "col" }, t("timeline")), el("th"), el("th", { scope: "col" }, t("relative")),
    el("th", { scope: "col" }, t("source")));
  return [el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))];
}

// Who says so: a part of Patrol, a seat, a unit, or an operator's name as it is.
function sourceText(source) {
  const [, unit, how] = source.match(/^unit ([^\s,]+)(, by its position|, on arrival of its receipt.*)?$/) ?? [];
  const [isSeat, seat] = source.match(/^(?:seat-(\w{1,4})\w*|simulated-seat)$/) ?? [];
  if (isSeat) return t("source_seat", { seat: seat ?? t("simulated") });
  if (!unit) return word("source", source);
  if (how === undefined) return unitName(unit);
  return t(how.endsWith("position") ? "source_by_position" : "source_by_receipt", { unit: unitName(unit) });
}

function buttonNote(pressed) {
  if (pressed === null) return null;
  return el("small", { class: "pressed", title: t("by_button_means") }, t("by_button", { time: timeOfDay(pressed) }));
}

// The first step not taken after the last one that was.
function nextClock(incident) {
  const last = CLOCKS.findLastIndex((name) => incident.clocks[name]);
  const ahead = CLOCKS.slice(last + 1).filter((name) => !isMaintenance(incident) || !UNIT_CLOCKS.includes(name));
  return ahead.find((name) => name !== "t5") ?? null;
}

function closingText(incident) {
  const end = stampOf(incident, "t12");
  const by = t("closed_by", { who: word("source", incident.closed_by ?? "—"), time: end === null ? "—" : timeOfDay(end) });
  const first = incident.closing ? t("closing_first", { who: incident.closing.operator }) : "";
  return [dispositionText(incident), by, first, incident.reason].filter(Boolean).join(" · ");
}
