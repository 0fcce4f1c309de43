// The selected incident: its picture, its clock, its timeline, why this unit, and what an operator can do.

import { type Child, el, mark, rebuild, setAttribute, setText } from "./dom";
import { type Key, language, pick, type PlainKey, sentence, t, word } from "./words";
import { serverNow, signed, timeOfDay } from "./times";
import { Countdown, stampOf } from "./countdown";
import {
  cameraName, camerasOf, camerasThatSaw, incidentById, isMaintenance, isOpen, isUnderWay, lastToldAt, ordersOf, room, seenAt, showsStrangeView, stateNow, titleOf,
  unitLine, unitName, whyGone, wordsOf,
} from "./room";
import { whatComesNext } from "./nobody";
import { Candidates } from "./candidates";
import { Clip } from "./clip";
import { EscalationBox, escalationOf } from "./escalation";
import { pictureOf } from "./evidence";
import { fillIn, keepDraft, takeDraft } from "./drafts";
import { Elsewhere } from "./elsewhere";
import { fieldWentAway } from "./hands";
import { keepInPlace } from "./in_place";
import { LookersLine } from "./looking";
import { NotesList } from "./notes";
import { overtaken, type Standing, standingOf } from "./overtaken";
import { keepOperator, operatorName } from "./operator";
import { dispositionText, earlierLives, FalseReason, LEVELS, ReasonForm, type Said, secondPerson } from "./judging";
import { MergeForm, mergeable, OriginalChoice } from "./merging";
import { openLive } from "./live";
import { PinButton } from "./pins";
import { PrecisionLine } from "./precision";
import { RecordPart } from "./record";
import { isNotOver, wantsUnits } from "./sendable";
import { StageBar } from "./stages";
import { acceptView, act, type Action, type ActionAnswer, type ActionBody, failureText, takeBack } from "./stream";
import { addressOf } from "./views";
import { Witnesses } from "./witnesses";
import type { ClockName, ClosingRequest, Disposition, Incident, IncidentState, Order, TroubledCamera, Witness } from "./api";

const CLOCKS: ClockName[] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9", "t10", "t11", "t12"];
const UNIT_CLOCKS: ClockName[] = ["t6", "t7", "t8", "t9"];
const AT_IT_MS = 4000; // the state that an action leads to is there by then
const DISPOSITIONS: Disposition[] = ["handled", "false_alarm", "unfounded", "duplicate", "referred", "drill"];

export class IncidentPanel {
  readonly #node: HTMLElement;
  readonly #onLed: (id: string) => void;
  readonly #nothing = el("div", { class: "teach" }, el("h3", { "data-t": "nothing_title" }), el("p", { "data-t": "nothing_text" }));
  readonly #untold = el("p", { class: "untold", role: "status", hidden: true });
  readonly #title = el("h2");
  readonly #about = el("p", { class: "about" });
  readonly #lookers = new LookersLine();
  readonly #notes = new NotesList();
  readonly #picture = el("figure");
  readonly #clip = new Clip();
  readonly #precision = new PrecisionLine();
  readonly #countdown = new Countdown("large");
  readonly #unitName = el("b");
  readonly #unitDoing = el("span");
  readonly #unit = el("p", { class: "unit-now" }, this.#unitName, this.#unitDoing);
  readonly #escalation = new EscalationBox(() => void this.acknowledge());
  readonly #stages = new StageBar();
  readonly #why = el("div", { class: "why" });
  readonly #candidates = new Candidates((...of) => this.#orderButton(...of));
  readonly #cameras = el("div", { class: "cameras" });
  readonly #witnesses = new Witnesses({ onSplit: (...of) => void this.#split(...of), onShow: () => this.update() });
  readonly #timeline = el("div", { class: "timeline" });
  readonly #record = new RecordPart();
  readonly #body: HTMLElement;

  readonly #outcome = el("p", { class: "outcome", hidden: true });
  readonly #second = el("div", { class: "second", role: "status", hidden: true });
  readonly #operator = el("input", { id: "operator", type: "text", maxlength: 64, autocomplete: "name", "data-t-hint": "operator_hint" });
  readonly #message = el("p", { class: "message", role: "alert" });
  readonly #elsewhere = new Elsewhere((id) => this.#onLed(id));
  readonly #confirmWords = el("span");
  readonly #confirmButton = el("button", { type: "button", class: "main confirm" }, this.#confirmWords, el("kbd", {}, "C"));
  readonly #unitsWords = el("span");
  readonly #unitsButton = el("button", { type: "button", class: "send-units", "data-needs": "dispatch" }, this.#unitsWords, el("kbd", {}, "U"));
  readonly #closeWords = el("span", { "data-t": "close" });
  readonly #closeButton = el("button", { type: "button", class: "close-open", "aria-expanded": "false" }, this.#closeWords, el("kbd", {}, "X"));
  readonly #mergeWords = el("span", { "data-t": "merge" });
  readonly #mergeButton = el("button", { type: "button", class: "merge", "aria-expanded": "false" }, this.#mergeWords, el("kbd", {}, "G"));
  readonly #noteButton = el("button", { type: "button", class: "note" }, el("span", { "data-t": "note" }), el("kbd", {}, "N"));
  readonly #sendButton = el("button", { type: "submit", form: "closing", class: "main", hidden: true, "data-t": "close_send" });
  readonly #pinButton = new PinButton({
    key: "P",
    operator: () => this.#operatorOrAsk(),
    onFailure: (error, camera) => this.#say(`${nameOf(camera)} · ${t("failed", { why: failureText(error, "error_no_camera") })}`, "red"),
  });
  readonly #liveButton = el("button", { type: "button", class: "live-open", "data-t-title": "live_means" }, el("span", { "data-t": "live_open" }), el("kbd", {}, "L"));
  readonly #cameraLink = el("a", { class: "to-camera", "data-t": "cam_details" });
  readonly #reason = el("textarea", { id: "reason", rows: 2, maxlength: 500, "data-t-hint": "reason_hint" });
  readonly #dispositions = DISPOSITIONS.map((value) => el("input", { type: "radio", name: "disposition", value }));
  readonly #falseReason = new FalseReason();
  readonly #original = new OriginalChoice();
  readonly #form = this.#makeForm();
  readonly #mergeForm = new MergeForm((other) => void this.#merge(other));
  readonly #levelForm: ReasonForm;
  readonly #reopenForm: ReasonForm;
  readonly #noteForm: ReasonForm;
  readonly #actions: HTMLElement;

  #id: string | null = null;
  #closing = false;
  #merging = false;
  #isSought = false; // whether it is not known yet if there is such an incident
  #visit = 0; // counts up when the forms are left: an answer that comes later was to what stood there before
  readonly #sending = new Set<string>(); // the incidents with which something is under way to the server
  readonly #confirming = new Set<string>(); // shown as confirmed from the press on, until the server has said so, or no
  #stood: { id: string; standing: Standing } | null = null; // how it stood when it was shown last
  #actedAt = -Infinity;
  #overtakenBy: string | null = null; // what to tell about somebody who was quicker
  #saidOf: IncidentState | null = null; // the incident's state when the message was said

  // `onLed(id)`: an action led to another incident, which is to be shown.
  constructor(node: HTMLElement, onLed: (id: string) => void) {
    this.#node = node;
    this.#onLed = onLed;
    const onCancel = () => this.#leave();
    const levels = LEVELS.map((level): [string, Key] => [level, `level_${level}`]);
    this.#levelForm = new ReasonForm({ name: "level", choices: levels, onSend: (said) => void this.#changeLevel(said), onCancel });
    this.#reopenForm = new ReasonForm({ name: "reopen", onSend: (said) => void this.#reopen(said), onCancel });
    this.#noteForm = new ReasonForm({ name: "note", label: "note_text", onSend: (said) => void this.#writeDown(said), onCancel });
    this.#actions = this.#makeActions();
    this.#actions.addEventListener("input", () => this.#onInput());
    const clocks = el("div", { class: "clocks" }, this.#countdown.node, this.#unit);
    const told = [this.#stages.node, this.#why, this.#notes.node, this.#cameras, this.#timeline, this.#record.node, this.#candidates.node];
    const looks = el("p", { class: "looks" }, this.#liveButton, this.#cameraLink);
    const parts = [this.#picture, looks, this.#clip.node, this.#precision.node, this.#witnesses.node, ...told];
    const head = el("header", {}, this.#untold, this.#title, this.#about, this.#lookers.node);
    const scrolls = { class: "scroll", tabindex: 0, role: "group", "data-t-label": "incident" }; // also by the keyboard
    this.#body = el("div", scrolls, head, clocks, this.#escalation.node, ...parts);
    this.#body.hidden = this.#actions.hidden = true; // until it is known what to show
    node.append(this.#nothing, this.#body, this.#actions);
  }

  // `isSought`: whether the server is being asked if there is such an incident.
  select(id: string | null, isSought = false): void {
    const isOther = id !== this.#id;
    this.#isSought = isSought;
    if (isOther) {
      this.#keepDraft();
      this.#leave();
      this.#witnesses.forget();
      this.#say("", "plain");
      this.#overtakenBy = null;
      this.#actedAt = -Infinity;
      this.#elsewhere.moveTo(id);
    }
    this.#id = id;
    if (room.state) {
      if (isOther && id !== null) this.#candidates.fold(ordersOf(id).length > 0);
      this.update();
      if (isOther) this.#bringDraft();
    }
    this.#body.scrollTop = 0;
  }

  update(): void {
    const [field, written] = [this.#fieldInUse(), this.#unsent()];
    keepInPlace(this.#body, () => this.#show());
    if (field === null || field.checkVisibility()) return;
    // Somebody else has ended what it was about. Whoever writes does not notice at once.
    this.#body.focus({ preventScroll: true });
    if (this.#isSending) return;
    fieldWentAway();
    const isTold = written === "" || (this.#message.textContent ?? "").includes(written);
    if (!isTold) this.#say(t("overtaken_text", { text: written }), "amber");
  }

  #keepDraft(): void {
    const [form, words] = [this.#openForm, this.#unsent()];
    if (this.#id !== null && form !== null && words !== "" && !this.#isSending) keepDraft(this.#id, form, words);
  }

  // The focus stays where it is: the keys go on being commands.
  #bringDraft(): void {
    const incident = incidentById(this.#id);
    const draft = incident && takeDraft(incident.id);
    if (!draft) return;
    const focused = document.activeElement;
    this.#openFormOf(draft.form, incident);
    if (this.#openForm === null) this.#say(t("overtaken_text", { text: draft.words }), "amber");
    else fillIn(this.#openForm, draft);
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }

  // Where the incident still has it.
  #openFormOf(name: string, incident: Incident): void {
    const form = this.#judging.find(({ node }) => node.id === name);
    if (form === undefined) this.#openClosing(isOpen(incident));
    else if (form === this.#noteForm || (form === this.#reopenForm) !== isOpen(incident)) this.#openJudging(form);
  }

  get #openForm(): HTMLFormElement | null {
    if (this.#closing) return this.#form;
    return this.#judging.find((one) => one.isOpen)?.node ?? null;
  }

  // The field of this panel in which somebody is.
  #fieldInUse(): HTMLElement | null {
    const field = document.activeElement;
    const isField = field instanceof HTMLElement && field.matches("input, textarea, select");
    return isField && this.#node.contains(field) && field.checkVisibility() ? field : null;
  }

  // What was written into the forms that are open.
  #unsent(): string {
    const open = [...(this.#closing ? [this.#reason] : []), ...this.#judging.filter((one) => one.isOpen).map((one) => one.reason)];
    return open.map((field) => field.value.trim()).filter(Boolean).join(" · ");
  }

  get #isSending(): boolean {
    return this.#id !== null && this.#sending.has(this.#id);
  }

  #show(): void {
    const incident = incidentById(this.#id);
    this.#nothing.hidden = incident !== null;
    if (incident === null) this.#showNothing();
    this.#body.hidden = incident === null;
    this.#actions.hidden = incident === null;
    if (incident === null) return;
    const spoken = language();
    setAttribute(this.#node, "data-level", incident.level);
    rebuild(this.#title, [incident.level, titleOf(incident), spoken], () => [
      mark(incident.level, word("level", incident.level)),
      el("span", {}, titleOf(incident)),
    ]);
    setText(this.#about, aboutText(incident));
    const toldAt = lastToldAt(incident.id);
    this.#untold.hidden = toldAt === null;
    setText(this.#untold, toldAt === null ? "" : t("not_told", { time: timeOfDay(toldAt) }));
    this.#lookers.update(incident.id);
    if (this.#saidOf !== incident.state && !this.#isSending) this.#say("", "plain"); // it was about what is over
    this.#sayWhoWasQuicker(incident);
    this.#escalation.update(incident, this.#isSending);
    this.#picture.hidden = isMaintenance(incident) && incident.evidence_id === null;
    this.#showCameras(incident);
    this.#witnesses.update(incident, spoken);
    const evidence = this.#witnesses.evidenceOf(incident);
    rebuild(this.#picture, [incident.id, evidence, whyGone(evidence), spoken], () => [picture(incident, evidence)]);
    this.#clip.update(incident, serverNow());
    this.#precision.update(incident);
    this.#stages.update(incident, spoken);
    this.#showReasons(incident);
    this.#notes.update(incident, spoken);
    const pressed = pressedOf(incident);
    rebuild(this.#timeline, [incident.id, incident.clocks, pressed, spoken], () => timeline(incident, pressed));
    this.#record.update(incident);
    this.#showActions(incident);
    this.#tick(incident, lastToldAt(incident.id) ?? serverNow()); // no clock stands there that was another incident's
  }

  #showNothing(): void {
    const id = this.#id;
    rebuild(this.#nothing, [id, this.#isSought, language()], () => {
      const [title, text]: [string, PlainKey] = id === null ? [t("nothing_title"), "nothing_text"]
        : this.#isSought ? [t("sought_title", { id }), "sought_text"] : [t("unknown_title", { id }), "unknown_text"];
      return [el("h3", {}, title), el("p", {}, t(text))];
    });
  }

  tick(time: number): void {
    const incident = incidentById(this.#id);
    if (incident === null) return;
    keepInPlace(this.#body, () => this.#tick(incident, lastToldAt(incident.id) ?? time)); // no clock runs on that nobody tells of
  }

  #tick(incident: Incident, now: number): void {
    this.#countdown.show(incident, now);
    this.#clip.tick(now);
    this.#stages.tick(incident, now);
    const line = unitLine(incident, now);
    setAttribute(this.#unit, "data-tone", line.tone);
    setText(this.#unitName, line.unit);
    setText(this.#unitDoing, line.text);
    this.#pinButton.show(this.camera());
  }

  // The camera whose picture is shown; null where none stands for all that are in trouble.
  camera(): string | null {
    const incident = incidentById(this.#id);
    return incident !== null && hasOneCamera(incident) ? this.#witnesses.cameraOf(incident) : null;
  }

  pin(): void {
    if (!this.#pinButton.node.hidden && incidentById(this.#id) !== null) void this.#pinButton.press();
  }

  async confirm(): Promise<void> {
    const incident = incidentById(this.#id);
    if (incident === null || !this.#canConfirm(incident)) return;
    const operator = this.#operatorOrAsk();
    if (!operator) return;
    this.#confirming.add(incident.id);
    const asked = act(incident.id, "confirm", {}, operator);
    asked.catch(() => this.#confirming.delete(incident.id));
    await this.#sent(incident.id, asked, word("done", "confirm"));
  }

  // Opens the form for a note, also of what is closed.
  note(): void {
    if (incidentById(this.#id) !== null && this.#mayLeaveFor(this.#noteForm)) this.#openJudging(this.#noteForm);
  }

  changeLevel(): void {
    if (this.#isOpen && this.#mayLeaveFor(this.#levelForm)) this.#openJudging(this.#levelForm);
  }

  close(): void {
    if (!this.#isOpen || this.#closeButton.disabled || (!this.#closing && this.#unsent() !== "")) return;
    if (this.#merging) this.#openMerging(false);
    this.#openClosing(true);
  }

  merge(): void {
    if (this.#closing || this.#isSending || !this.#canMerge() || this.#unsent() !== "") return;
    this.#openMerging(true);
  }

  #canMerge(): boolean {
    const incident = room.state === null ? null : incidentById(this.#id);
    return incident !== null && mergeable(incident).length > 0;
  }

  units(): void {
    if (incidentById(this.#id) !== null && !this.#candidates.node.hidden) this.#candidates.goTo();
  }

  // Whether it asks that somebody takes on what is late.
  get asks(): boolean {
    const incident = incidentById(this.#id);
    const escalation = incident && escalationOf(incident);
    return escalation !== null && escalation.acknowledged_at === null && !this.#isSending;
  }

  get #isOpen(): boolean {
    const incident = incidentById(this.#id);
    return incident !== null && isOpen(incident);
  }

  // A key opens no form in whose stead another one would be gone with what was written.
  #mayLeaveFor(form: ReasonForm): boolean {
    return form.isOpen || this.#unsent() === "";
  }

  async #writeDown({ reason: text }: Said): Promise<void> {
    if (!text) return this.#ask("note_missing", this.#noteForm.reason);
    if ((await this.#sendHere("note", { text }, text)) !== null) this.#openJudging(null);
  }

  // Whoever is about to do something is told that somebody else has just done it, and what of his would be lost.
  #sayWhoWasQuicker(incident: Incident): void {
    const before = this.#stood?.id === incident.id ? this.#stood.standing : null;
    this.#stood = { id: incident.id, standing: standingOf(incident) };
    const found = before && overtaken(before, this.#stood.standing, operatorName());
    if (!found || !this.#isAtIt()) return;
    const { what, who } = found;
    const about = { who: word("source", who), level: word("level", incident.level), outcome: dispositionText(incident) };
    const written = what === "closed" ? this.#reason.value.trim() || this.#levelForm.reason.value.trim() : "";
    const said = [t(`overtaken_${what}`, about), written && t("overtaken_text", { text: written })].filter(Boolean).join(" ");
    this.#overtakenBy = said;
    if (!this.#isSending) this.#say(said, "amber");
  }

  #isAtIt(): boolean {
    const isWriting = this.#closing || this.#merging || this.#levelForm.isOpen;
    return isWriting || this.#isSending || performance.now() - this.#actedAt < AT_IT_MS;
  }

  async acknowledge(): Promise<void> {
    await this.#sendHere("acknowledge", {});
  }

  // What was said was about what stood there before; and another name may be the second person's.
  #onInput(): void {
    if (!this.#isSending) this.#say("", "plain");
    const incident = incidentById(this.#id);
    if (incident !== null) this.#showSecond(incident);
  }

  // The focus goes back to the incident at once: browsers leave it in a field that is hidden until they draw next, and the
  // next key would be taken for writing.
  escape(): void {
    const isWriting = this.#actions.contains(document.activeElement);
    this.#leave();
    if (isWriting) this.#body.focus({ preventScroll: true });
  }

  #leave(): void {
    this.#visit += 1;
    this.#openClosing(false);
    this.#openMerging(false);
    this.#openJudging(null);
  }

  async #merge(other: string): Promise<void> {
    const answer = await this.#sendHere("merge", { with: other });
    if (answer === null) return;
    this.#openMerging(false);
    if (answer.incident_id !== this.#id) this.#onLed(answer.incident_id);
    this.#say(t("merge_done", { id: answer.incident_id }), "green");
  }

  async #split(witness: Witness, camera: string, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    const answer = await this.#sendHere("split", { alert_id: witness.alert_ids[0] ?? "" });
    button.disabled = false;
    if (answer !== null) this.#say(t("split_done", { camera, id: answer.incident_id }), "green");
  }

  #showReasons(incident: Incident): void {
    const orders = ordersOf(incident.id);
    const judged = [incident.level, incident.level_why_en, incident.level_by, incident.history.length, isOpen(incident)];
    const about = [incident.id, ...judged, orders.map((order) => order.id), language()];
    const doing = orders.map((order) => order.state);
    const withdraw = (order: Order) => this.#takeBackButton(order);
    const level = () => (isOpen(incident) ? this.#levelButton() : null);
    rebuild(this.#why, [about, doing, whatComesNext()], () => [...reasons(incident, orders, withdraw), level()]);
    this.#candidates.update(incident, orders);
  }

  // A dispatcher's own choice: it wins over the one that was made. `takes`: from what it takes the unit away, or "".
  #orderButton(incidentId: string, unitId: string, takes: string): HTMLButtonElement {
    const send = (operator: string) => act(incidentId, "orders", { unit_id: unitId, seen_at: seenAt() }, operator);
    return this.#quietButton("send_unit", { incidentId, unitId }, send, takes);
  }

  #takeBackButton(order: Order): Child {
    if (!isUnderWay(order)) return null;
    const of = { incidentId: order.incident_id, unitId: order.unit_id };
    return this.#quietButton("take_back", of, (operator) => takeBack(order.incident_id, order.id, operator));
  }

  // `warning`: what it does besides, said with it.
  #quietButton(
    key: "send_unit" | "take_back", { incidentId, unitId }: { incidentId: string; unitId: string },
    action: (operator: string) => Promise<unknown>, warning = "",
  ): HTMLButtonElement {
    const spoken = [t(`${key}_spoken`, { unit: unitName(unitId) }), warning].filter(Boolean).join(" · ");
    const says = { "aria-label": spoken, title: spoken };
    const button = el("button", { type: "button", class: "quiet", "data-needs": "dispatch", ...says }, t(key));
    button.addEventListener("click", async () => {
      const operator = this.#operatorOrAsk();
      if (!operator) return;
      button.disabled = true;
      await this.#sent(incidentId, action(operator), word("done", key));
      button.disabled = false;
    });
    return button;
  }

  #showCameras(incident: Incident): void {
    const shown = isOpen(incident) ? (incident.maintenance?.cameras ?? []) : [];
    const strange = new Set(shown.filter(showsStrangeView).map((camera) => camera.id));
    const about = [incident.id, incident.maintenance, [...strange], language()];
    const accepting = (camera: TroubledCamera) => (strange.has(camera.id) ? this.#acceptButton(camera.id) : null);
    rebuild(this.#cameras, about, () => cameraTable(incident, accepting));
  }

  #acceptButton(cameraId: string): HTMLButtonElement {
    const says = { title: t("accept_view_means"), "aria-label": t("accept_view_of", { camera: nameOf(cameraId) }) };
    const button = el("button", { type: "button", class: "accept", "data-needs": "look", ...says }, t("accept_view"));
    button.addEventListener("click", () => void this.#acceptView(cameraId, button));
    return button;
  }

  async #acceptView(cameraId: string, button: HTMLButtonElement): Promise<void> {
    if (!stateNow().tour) return this.#say(t("accept_view_no_tour"), "amber");
    const [operator, id] = [this.#operatorOrAsk(), this.#id];
    if (!operator || id === null) return;
    button.disabled = true;
    this.#say(t("sending"), "plain");
    try {
      await acceptView(cameraId, operator);
      this.#tell(id, t("view_accepted", { camera: nameOf(cameraId) }), "green");
    } catch (error) {
      this.#tell(id, t("failed", { why: failureText(error, "error_no_camera") }), "red");
    } finally {
      button.disabled = false;
    }
  }

  #canConfirm(incident: Incident): boolean {
    return isOpen(incident) && !incident.clocks.t5 && !this.#isSending && !this.#confirming.has(incident.id);
  }

  #showActions(incident: Incident): void {
    const open = isOpen(incident);
    if (incident.clocks.t5) this.#confirming.delete(incident.id);
    const confirmation = incident.clocks.t5 ?? this.#confirming.has(incident.id);
    setAttribute(this.#actions, "data-open", open);
    this.#confirmButton.disabled = !this.#canConfirm(incident);
    const [ask, done] = isMaintenance(incident) ? [t("take_on"), t("taken_on")] : [t("confirm"), t("confirmed")];
    setText(this.#confirmWords, confirmation ? done : ask);
    setAttribute(this.#confirmButton, "data-done", Boolean(confirmation));
    this.#showMost(incident);
    this.#showPin(incident);
    this.#closeButton.disabled = !open || this.#isSending;
    this.#sendButton.disabled = !open || this.#isSending;
    const others = this.#canMerge();
    this.#mergeButton.hidden = this.#closing || !others;
    this.#mergeButton.disabled = this.#isSending;
    this.#mergeForm.update(incident, language());
    if (!open) this.#openClosing(false);
    if (!open || !others) this.#openMerging(false);
    if (open ? this.#reopenForm.isOpen : this.#levelForm.isOpen) this.#openJudging(null);
    for (const form of this.#judging) form.send.disabled = this.#isSending;
    this.#showSecond(incident);
    const result = open ? null : closingText(incident);
    const goesOn = incidentById(incident.merged_into ?? incident.duplicate_of)?.id ?? null;
    const mayReopen = !open && !isMaintenance(incident) && incident.merged_into === null;
    rebuild(this.#outcome, [result, goesOn, mayReopen, language()], () => [
      result ?? "",
      el("span", { class: "leads" }, goesOn === null ? null : this.#leadButton(goesOn), mayReopen ? this.#reopenButton() : null, this.#noteLead()),
    ]);
    this.#outcome.hidden = result === null;
  }

  // What is most likely done next is big, and what has been done is not: it stands in the row like the others.
  #showMost(incident: Incident): void {
    const isWriting = this.#closing || this.#merging;
    this.#noteButton.hidden = isWriting;
    this.#unitsButton.hidden = isWriting || this.#candidates.node.hidden || !wantsUnits(incident);
    setText(this.#unitsWords, t(isUnitOut(incident) ? "units_more" : "units_send"));
    const most = likeliest(incident, !incident.clocks.t5);
    const buttons = { confirm: this.#confirmButton, units: this.#unitsButton, close: this.#closeButton };
    for (const [name, button] of Object.entries(buttons)) button.classList.toggle("main", name === most);
  }

  #levelButton(): HTMLButtonElement {
    const button = el("button", { type: "button", class: "level-change", "data-needs": "act" }, t("level_change"), el("kbd", {}, "E"));
    button.addEventListener("click", () => this.#openJudging(this.#levelForm));
    return button;
  }

  async #changeLevel({ choice, reason }: Said): Promise<void> {
    const level = LEVELS.find((one) => one === choice);
    if (level === undefined) return this.#ask("level_missing", this.#levelForm.choices[0]);
    if (!reason) return this.#ask("reason_missing", this.#levelForm.reason);
    if ((await this.#sendHere("level", { level, reason, seen_at: seenAt() }, reason)) !== null) this.#openJudging(null);
  }

  async #reopen({ reason }: Said): Promise<void> {
    if (!reason) return this.#ask("reason_missing", this.#reopenForm.reason);
    if ((await this.#sendHere("reopen", { reason }, reason)) !== null) this.#openJudging(null);
  }

  async #agree({ disposition, reason, reason_code, duplicate_of }: ClosingRequest): Promise<void> {
    const code = reason_code === "other" ? null : reason_code;
    await this.#sendHere("close", { disposition, reason, reason_code: code, duplicate_of });
  }

  async #withdraw(): Promise<void> {
    await this.#sendHere("withdraw-closing", {});
  }

  #showSecond(incident: Incident): void {
    const waits = isOpen(incident) && incident.closing ? incident.closing : null;
    this.#second.hidden = waits === null;
    rebuild(this.#second, [incident.id, waits, operatorName(), this.#isSending, language()], () =>
      waits === null ? [] : secondPerson(waits, operatorName(), {
        onAgree: () => void this.#agree(waits),
        onWithdraw: () => void this.#withdraw(),
      }));
  }

  #reopenButton(): HTMLButtonElement {
    const button = el("button", { type: "button", class: "lead" }, t("reopen"));
    button.addEventListener("click", () => this.#openJudging(this.#reopenForm));
    return button;
  }

  #noteLead(): HTMLButtonElement {
    const button = el("button", { type: "button", class: "lead" }, t("note"));
    button.addEventListener("click", () => this.note());
    return button;
  }

  get #judging(): ReasonForm[] {
    return [this.#levelForm, this.#reopenForm, this.#noteForm];
  }

  // One of these forms, or none.
  #openJudging(form: ReasonForm | null): void {
    if (form !== null) {
      this.#openClosing(false);
      this.#openMerging(false);
      this.#sayNothing();
    }
    for (const one of this.#judging) one.open(one === form);
    setAttribute(this.#actions, "data-asking", this.#reopenForm.isOpen || this.#noteForm.isOpen);
  }

  #leadButton(id: string): HTMLButtonElement {
    const button = el("button", { type: "button", class: "lead" }, t("merged_show", { id }));
    button.addEventListener("click", () => this.#onLed(id));
    return button;
  }

  #showPin(incident: Incident | null): void {
    const one = incident !== null && hasOneCamera(incident);
    this.#liveButton.hidden = this.#cameraLink.hidden = !one;
    setAttribute(this.#cameraLink, "href", one ? addressOf("cameras", this.camera() ?? "") : null);
    this.#pinButton.node.hidden = !one || this.#closing || this.#merging;
    this.#pinButton.show(this.camera());
  }

  #makeActions(): HTMLElement {
    keepOperator(this.#operator);
    this.#liveButton.addEventListener("click", () => openLive(this.camera()));
    this.#confirmButton.addEventListener("click", () => void this.confirm());
    this.#closeButton.addEventListener("click", () => this.#openClosing(!this.#closing));
    this.#mergeButton.addEventListener("click", () => this.#openMerging(!this.#merging));
    this.#noteButton.addEventListener("click", () => this.note());
    this.#unitsButton.addEventListener("click", () => this.units());
    const who = el("label", { class: "who" }, el("span", { "data-t": "operator" }), this.#operator);
    const sending = [this.#confirmButton, this.#sendButton, this.#mergeForm.send];
    const row = el("div", { class: "row" }, ...sending, this.#unitsButton, this.#pinButton.node, this.#noteButton, this.#mergeButton, this.#closeButton);
    const forms = [...this.#judging.map((form) => form.node), this.#form, this.#mergeForm.node];
    return el("div", { class: "actions" }, this.#outcome, this.#second, who, ...forms, this.#message, this.#elsewhere.node, row);
  }

  #makeForm(): HTMLFormElement {
    const choices = this.#dispositions.map((input) => el("label", {}, input, el("span", { "data-t": `disposition_${input.value}` })));
    const form = el("form", { id: "closing", hidden: true },
      el("fieldset", {}, el("legend", { "data-t": "disposition" }), ...choices),
      this.#falseReason.node,
      this.#original.node,
      el("label", { class: "reason" }, el("span", { "data-t": "reason" }), this.#reason));
    const show = (disposition: Disposition | null) => {
      this.#falseReason.show(disposition === "false_alarm");
      this.#original.show(disposition === "duplicate", incidentById(this.#id));
    };
    form.addEventListener("change", () => show(this.#disposition()));
    form.addEventListener("reset", () => show(null));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#close();
    });
    return form;
  }

  #disposition(): Disposition | null {
    return DISPOSITIONS[this.#dispositions.findIndex((one) => one.checked)] ?? null;
  }

  async #close(): Promise<void> {
    const disposition = this.#disposition();
    const reason = this.#reason.value.trim();
    if (disposition === null) return this.#ask("disposition_missing", this.#dispositions[0]);
    const code = this.#falseReason.chosen;
    const original = this.#original.choice.value || null;
    if (disposition === "duplicate" && original === null) return this.#ask("original_missing", this.#original.choice);
    if (!reason && code === null && original === null) return this.#ask("reason_missing", this.#reason);
    const said = { disposition, reason, reason_code: code, duplicate_of: original };
    const answer = await this.#sendHere("close", said, reason);
    if (answer === null) return;
    this.#openClosing(false);
    if (!answer.closed) this.#say(t("closing_asked"), "amber");
  }

  #operatorOrAsk(): string {
    const operator = operatorName();
    if (!operator) this.#ask("operator_missing", this.#operator);
    return operator;
  }

  #ask(key: PlainKey, field: HTMLElement | undefined): void {
    this.#say(t(key), "amber");
    field?.focus();
  }

  // A form has been opened: what was said was about something else.
  #sayNothing(): void {
    if (!this.#isSending) this.#say("", "plain");
  }

  #say(text: string, tone: string): void {
    this.#saidOf = incidentById(this.#id)?.state ?? null;
    setAttribute(this.#message, "data-tone", tone);
    setText(this.#message, text);
  }

  // Null where it was not done; why not is said then. `written`: what would be lost with it.
  async #sendHere<A extends Action>(action: A, body: ActionBody<A>, written = ""): Promise<ActionAnswer<A> | null> {
    const operator = this.#operatorOrAsk();
    return operator && this.#id !== null ? this.#sent(this.#id, act(this.#id, action, body, operator), word("done", action), written) : null;
  }

  // Null also where the incident's forms were left meanwhile: the answer is not to what stands there now.
  // `done`: what is said once it is.
  async #sent<Answer>(id: string, asked: Promise<Answer>, done: string, written = ""): Promise<Answer | null> {
    const visit = this.#visit;
    const focused = this.#node.contains(document.activeElement) ? document.activeElement : null;
    this.#sending.add(id);
    this.#actedAt = performance.now();
    this.#overtakenBy = null;
    this.#say(t("sending"), "plain");
    this.update();
    try {
      const answer = await asked;
      this.#tell(id, done, "green");
      return visit === this.#visit ? answer : null;
    } catch (error) {
      const isLeft = visit !== this.#visit && written !== "";
      this.#tell(id, [t("failed", { why: failureText(error) }), isLeft && t("overtaken_text", { text: written })].filter(Boolean).join(" "), "red");
      return null;
    } finally {
      this.#sending.delete(id);
      this.update();
      setTimeout(() => this.#bringFocusBack(focused)); // once whoever has asked has closed its form
    }
  }

  // A button that is disabled while something is sent, or gone after it, leaves the focus nowhere: no key led on from there.
  #bringFocusBack(before: Element | null): void {
    const now = document.activeElement;
    if (before === null || (now !== null && now !== document.body && isReachable(now))) return;
    const back = before instanceof HTMLElement && isReachable(before) ? before : this.#body;
    back.focus({ preventScroll: true });
  }

  // What became of something that was asked of an incident, wherever one is by now.
  #tell(id: string, text: string, tone: "green" | "red"): void {
    if (id !== this.#id) this.#elsewhere.say(id, text, tone);
    else if (this.#overtakenBy !== null) this.#say(this.#overtakenBy, "amber");
    else this.#say(text, tone);
  }

  #openMerging(open: boolean): void {
    if (open) {
      this.#openJudging(null);
      this.#sayNothing();
    }
    this.#merging = open;
    this.#mergeForm.open(open);
    this.#confirmButton.hidden = open || this.#closing;
    this.#closeButton.hidden = open;
    setAttribute(this.#mergeButton, "aria-expanded", String(open));
    rename(this.#mergeWords, open ? "close_cancel" : "merge");
    if (room.state === null) return;
    const incident = incidentById(this.#id);
    this.#showPin(incident);
    if (incident !== null) this.#showMost(incident);
    if (!open || incident === null) return;
    this.#mergeForm.update(incident, language());
    this.#mergeForm.choice.focus();
  }

  #openClosing(open: boolean): void {
    if (open) {
      this.#openJudging(null);
      this.#sayNothing();
    }
    this.#closing = open;
    this.#form.hidden = !open;
    this.#sendButton.hidden = !open;
    this.#confirmButton.hidden = open || this.#merging;
    this.#mergeButton.hidden = open || !this.#canMerge();
    const incident = incidentById(this.#id);
    this.#showPin(incident);
    if (incident !== null) this.#showMost(incident);
    setAttribute(this.#closeButton, "aria-expanded", String(open));
    rename(this.#closeWords, open ? "close_cancel" : "close");
    if (open) {
      this.#dispositions[0]?.focus();
      return;
    }
    this.#form.reset();
  }
}

// Somebody was sent, and is on it.
function isUnitOut(incident: Incident): boolean {
  return ordersOf(incident.id).some(isNotOver);
}

// What somebody at this incident does next, as far as can be known; null where it is with the crew.
function likeliest(incident: Incident, asksToConfirm: boolean): "confirm" | "units" | "close" | null {
  if (!isOpen(incident)) return null;
  if (incident.state === "handled" || isMaintenance(incident) && incident.clocks.t5) return "close";
  if (asksToConfirm) return "confirm";
  return !isUnitOut(incident) || incident.crews_missing > 0 ? "units" : null;
}

function isReachable(element: Element): boolean {
  return element.checkVisibility() && !element.matches(":disabled");
}

// Words of a button that says another thing from now on. Its key does the first thing only.
function rename(words: HTMLElement, key: PlainKey): void {
  setAttribute(words, "data-t", key);
  setText(words, t(key));
  const hint = words.nextElementSibling;
  if (hint instanceof HTMLElement) hint.hidden = key === "close_cancel";
}

function aboutText(incident: Incident): string {
  const alerts = incident.alert_ids.length;
  const accepted = stampOf(incident, "t3");
  const what = alerts > 1 ? t("merged", { n: alerts }) : t("single");
  return [
    incident.id,
    word("ring", incident.ring),
    incident.camera_id,
    isMaintenance(incident) ? t("cameras_count", { n: camerasOf(incident).all }) : what,
    ...(camerasThatSaw(incident) > 1 ? [t("cameras_count", { n: camerasThatSaw(incident) })] : []),
    ...(incident.split_from ? [t("split_from", { who: incident.split_by ?? "—", id: incident.split_from })] : []),
    ...(accepted === null ? [] : [t("accepted_at", { time: timeOfDay(accepted) })]),
    ...(incident.drill ? [t("drill")] : incident.simulated ? [t("simulated")] : []),
  ].join(" · ");
}

// Where many cameras are in trouble, none of them stands for all.
function hasOneCamera(incident: Incident): boolean {
  return !isMaintenance(incident) || camerasOf(incident).all === 1;
}

function picture(incident: Incident, evidence: string | null): HTMLElement {
  if (evidence === null) return el("p", { class: "no-picture" }, t("picture_none"));
  const gone = whyGone(evidence);
  if (gone !== null) return el("p", { class: "no-picture" }, t("picture_gone", { why: word("gone", gone) }));
  const witness = incident.witnesses.find((one) => one.evidence_id === evidence);
  const camera = witness ? pick(witness.camera_name, witness.camera_name_en) : cameraName(incident);
  const image = el("img", { src: pictureOf(evidence), alt: t("picture_alt", { camera }) });
  const lost = () => image.replaceWith(el("p", { class: "no-picture" }, t("picture_lost")));
  image.addEventListener("error", lost, { once: true });
  return image;
}

function reasons(incident: Incident, orders: Order[], withdraw: (order: Order) => Child): HTMLElement[] {
  const level = t("why_level", { level: word("level", incident.level) });
  const seenWords = t("why_level_text", {
    ring: word("ring", incident.ring),
    kind: word("kind", incident.kind),
    words: sentence(wordsOf(incident)),
  });
  const because = pick(incident.level_why_zh, incident.level_why_en);
  const why = because ? t("why_level_because", { why: because, words: sentence(wordsOf(incident)) }) : seenWords;
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
    paragraphs.push(el("p", {}, t(whatComesNext())));
  }
  return paragraphs;
}

function nameOf(cameraId: string): string {
  const known = room.cameras.get(cameraId)?.camera;
  return known ? pick(known.name, known.name_en) : cameraId;
}

// `accepting(camera)`: the button with which its view is accepted, or null.
function cameraTable(incident: Incident, accepting: (camera: TroubledCamera) => Child): Child[] {
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
    others > 0 ? el("p", { class: "others" }, t("cameras_others", { n: others })) : null];
}

// When a crew pressed "on scene" that its position puts on scene at another time (t9); else null.
function pressedOf(incident: Incident): number | null {
  const pressed = ordersOf(incident.id).flatMap((order) => (order.arrived_at !== null && order.pressed_at) || []);
  const times = pressed.map((at) => Date.parse(at));
  return times.length > 0 ? Math.min(...times) : null;
}

function timeline(incident: Incident, pressed: number | null): HTMLElement[] {
  const accepted = stampOf(incident, "t3");
  const rows = CLOCKS.flatMap((name) => {
    const [stamp, at] = [incident.clocks[name], stampOf(incident, name)];
    if (stamp === undefined || at === null) return [];
    const delta = name === "t3" ? "0" : accepted === null ? "—" : signed((at - accepted) / 1000);
    return el("tr", {}, el("th", { scope: "row" }, el("i", {}, name), t(`clock_${name}`)), el("td", {}, timeOfDay(at)),
      el("td", {}, delta), el("td", { class: "from" }, sourceText(stamp.source), name === "t9" ? buttonNote(pressed) : null));
  });
  const next = isOpen(incident) ? nextClock(incident) : null;
  if (next) {
    rows.push(el("tr", { class: "next" }, el("th", { scope: "row" }, el("i", {}, next), t(`clock_${next}`)),
      el("td", { colspan: 3 }, t("next_step"))));
  }
  const head = el("tr", {}, el("th", { scope: "col" }, t("timeline")), el("th", { scope: "col" }, t("time")), el("th", { scope: "col" }, t("relative")),
    el("th", { scope: "col" }, t("source")));
  return [el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))];
}

// Who says so: a part of Patrol, a seat, a unit, or an operator's name as it is.
function sourceText(source: string): string {
  const [, unit, how] = source.match(/^unit ([^\s,]+)(, by its position|, on arrival of its receipt.*)?$/) ?? [];
  const [isSeat, seat] = source.match(/^(?:seat-(\w{1,4})\w*|simulated-seat)$/) ?? [];
  if (isSeat) return t("source_seat", { seat: seat ?? t("simulated") });
  if (!unit) return word("source", source);
  if (how === undefined) return unitName(unit);
  return t(how.endsWith("position") ? "source_by_position" : "source_by_receipt", { unit: unitName(unit) });
}

function buttonNote(pressed: number | null): Child {
  if (pressed === null) return null;
  return el("small", { class: "pressed", title: t("by_button_means") }, t("by_button", { time: timeOfDay(pressed) }));
}

// The first step not taken after the last one that was.
function nextClock(incident: Incident): ClockName | null {
  const last = CLOCKS.findLastIndex((name) => incident.clocks[name]);
  const ahead = CLOCKS.slice(last + 1).filter((name) => !isMaintenance(incident) || !UNIT_CLOCKS.includes(name));
  return ahead.find((name) => name !== "t5") ?? null;
}

function closingText(incident: Incident): string {
  const end = stampOf(incident, "t12");
  const by = t("closed_by", { who: word("source", incident.closed_by ?? "—"), time: end === null ? "—" : timeOfDay(end) });
  const first = incident.closing ? t("closing_first", { who: incident.closing.operator }) : "";
  return [dispositionText(incident), by, first, incident.reason].filter(Boolean).join(" ·\u00a0"); // no line ends with the dot
}
