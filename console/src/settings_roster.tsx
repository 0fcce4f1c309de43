// A unit's shift and crew are changed: the form, what is wrong with it as it is typed, and whether dispatch holds it.

import { batch, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { operatorName, typeOperator } from "./operator";
import { ActionFailed, getOf, put } from "./sending";
import { endOf, daysOf, flawOf, inField, isCrew, MOST_CREW, MOST_WINDOWS, type Stretch, stretchesOf, WEEK } from "./shift_windows";
import { signedInName } from "./signed";
import { failureText } from "./stream";
import { lookUp, t, word } from "./words";
import type { ProblemAt, UnitRosterShown, UnitShown, Weekday, WrittenWindow } from "./api";

const PATH = "/api/v1/units/{unit_id}/roster";
const ASKED_EVERY_MS = 1000;
const NEW_WINDOW: WrittenWindow = { begins: "08:00", ends: "20:00", days: [], dates: [] };

type Row = WrittenWindow & { key: number; isWithoutDays: boolean };
type Draft = { unit: string; version: string; crew: string; windows: Row[] };

// What of a draft would be written: two that are alike here differ in nothing.
function written({ crew, windows }: Draft): string {
  return JSON.stringify([crew, windows.map(({ begins, ends, days, dates, isWithoutDays }) => [begins, inField(ends), days, dates, isWithoutDays])]);
}

const draft = signal<Draft | null>(null);
const saved = signal<{ unit: string; shown: UnitRosterShown } | null>(null);
const refusal = signal<{ text: string; errors: readonly ProblemAt[]; isOvertaken: boolean } | null>(null);
const isSaving = signal(false);
let asBefore = ""; // the draft as it was loaded, as it would be written
let asking: ReturnType<typeof setTimeout> | undefined;
let keys = 0;

export function isEdited(unit: string): boolean {
  return draft.value?.unit === unit;
}

// Whether something differs from what was loaded.
export function isChanged(unit: string): boolean {
  const now = draft.value;
  return now !== null && now.unit === unit && now.version !== "" && written(now) !== asBefore;
}

// What the bar shows while somebody types something else; null where nobody does.
export function typedStretches(unit: string, day: string): Stretch[] | null {
  const now = draft.value;
  return now !== null && isChanged(unit) ? stretchesOf(now.windows.filter(({ isWithoutDays }) => !isWithoutDays), day) : null;
}

export function forgetRoster(): void {
  clearTimeout(asking);
  batch(() => {
    draft.value = saved.value = refusal.value = null;
  });
}

export async function editRoster(unit: string): Promise<void> {
  forgetRoster();
  draft.value = { unit, version: "", crew: "", windows: [] };
  try {
    const { written: now } = await getOf(PATH, { unit_id: unit });
    const windows = now.roster.shift.map((window) => ({ ...window, begins: inField(window.begins), key: (keys += 1), isWithoutDays: false }));
    if (!isEdited(unit)) return;
    const loaded = { unit, version: now.version, crew: String(now.roster.crew), windows };
    asBefore = written(loaded);
    draft.value = loaded;
  } catch (error) {
    if (isEdited(unit)) refuse(error);
  }
}

function refuse(error: unknown): void {
  if (!(error instanceof ActionFailed)) throw error;
  const isOvertaken = error.code === "roster_changed";
  const text = isOvertaken && error.by !== null ? t("roster_changed_by", { who: error.by }) : failureText(error, "error_not_to_be_sent_no_such_unit");
  refusal.value = { text, errors: error.errors, isOvertaken };
}

// What was said of what is typed no longer holds; that somebody else was quicker does.
function typeOn(): void {
  if (refusal.value?.isOvertaken === false) refusal.value = null;
}

export function RosterForm({ unit, onSaved }: { unit: UnitShown; onSaved: () => void }) {
  const now = draft.value;
  if (now?.unit !== unit.id) return null;
  if (now.version === "") return <p class="change-unit" role="alert">{refusal.value?.text ?? t("settings_loading")}</p>;
  const send = (event: Event) => {
    event.preventDefault();
    const who = new FormData(event.currentTarget as HTMLFormElement).get("who")?.toString().trim() ?? "";
    if (who) typeOperator(who);
    void save(now, onSaved);
  };
  const isFlawed = !isCrew(now.crew) || now.windows.some((window) => flawOf(window, window.isWithoutDays) !== null);
  return (
    <form class="change-unit roster-form" onSubmit={send}>
      <CrewField now={now} />
      <fieldset>
        <legend>{t("roster_windows")}</legend>
        {now.windows.length === 0 && <p class="means">{t("roster_always")}</p>}
        {now.windows.map((window, place) => <WindowFields key={window.key} now={now} window={window} place={place} />)}
        <button type="button" class="quiet" disabled={now.windows.length >= MOST_WINDOWS} onClick={() => {
          draft.value = { ...now, windows: [...now.windows, { ...NEW_WINDOW, key: (keys += 1), isWithoutDays: false }] };
        }}>{t("roster_add")}</button>
      </fieldset>
      {!signedInName() && (
        <label><span>{t("operator")}</span><input name="who" type="text" maxLength={64} autocomplete="name" placeholder={t("operator_hint")} defaultValue={operatorName()} required /></label>
      )}
      <p class="means">{t("roster_means")}</p>
      <p class="flaw" role="alert">{refusal.value?.text ?? ""}</p>
      <p class="acts">
        <button type="submit" class="main" disabled={isFlawed || isSaving.value || refusal.value?.isOvertaken === true}>{t(isSaving.value ? "zones_saving" : "roster_save")}</button>
        {refusal.value?.isOvertaken === true && <button type="button" onClick={() => void editRoster(unit.id)}>{t("zones_load_theirs")}</button>}
        <button type="button" class="quiet" onClick={forgetRoster}>{t("roster_cancel")}</button>
      </p>
    </form>
  );
}

function CrewField({ now }: { now: Draft }) {
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const flaw = isCrew(now.crew) ? toldOf("crew") : t("roster_flaw_crew", { most: MOST_CREW });
  return (
    <div class="crew-field">
      <label>
        <span>{t("roster_crew")}</span>
        <input ref={first} type="number" min="1" max={MOST_CREW} step="1" required value={now.crew} aria-invalid={flaw !== ""} aria-describedby="crew-flaw"
          onInput={(event) => {
            typeOn();
            draft.value = { ...now, crew: event.currentTarget.value };
          }} />
      </label>
      <small class="flaw" id="crew-flaw" role="status">{flaw}</small>
    </div>
  );
}

function WindowFields({ now, window, place }: { now: Draft; window: Row; place: number }) {
  const change = (changes: Partial<Row>) => {
    typeOn();
    draft.value = { ...now, windows: now.windows.map((one) => (one.key === window.key ? { ...one, ...changes } : one)) };
  };
  const kind = flawOf(window, window.isWithoutDays);
  const flaw = kind === null ? toldOf(`shift[${place}]`) : t(`roster_flaw_${kind}`);
  const n = place + 1;
  const endsNextDay = kind === null && window.ends !== "24:00" && window.ends < window.begins;
  return (
    <div class="window" role="group" aria-label={t("roster_window", { n })}>
      <input type="time" required value={window.begins} aria-label={t("roster_begins", { n })} aria-invalid={flaw !== ""} aria-describedby={`window-flaw-${window.key}`}
        onInput={(event) => change({ begins: event.currentTarget.value })} />
      <span aria-hidden="true">–</span>
      <input type="time" required value={inField(window.ends)} aria-label={t("roster_ends", { n })} aria-invalid={flaw !== ""} aria-describedby={`window-flaw-${window.key}`}
        onInput={(event) => change({ ends: endOf(event.currentTarget.value) })} />
      <span class="next-day">{endsNextDay ? t("roster_next_day") : ""}</span>
      <button type="button" class="quiet" aria-label={t("roster_remove_spoken", { n })} onClick={() => {
        typeOn();
        draft.value = { ...now, windows: now.windows.filter(({ key }) => key !== window.key) };
      }}>{t("roster_remove")}</button>
      {window.dates.length > 0 ? <small class="days">{window.dates.join(t("list_comma"))}</small> : <Days window={window} onChange={change} />}
      <small class="flaw" id={`window-flaw-${window.key}`} role="status">{flaw}</small>
    </div>
  );
}

function Days({ window, onChange }: { window: Row; onChange: (changes: Partial<Row>) => void }) {
  const chosen = window.isWithoutDays ? [] : daysOf(window);
  const turn = (day: Weekday, isOn: boolean) => {
    const days = WEEK.filter((one) => (one === day ? isOn : chosen.includes(one)));
    onChange({ days: days.length === WEEK.length ? [] : days, isWithoutDays: days.length === 0 });
  };
  return (
    <div class="days">
      {WEEK.map((day) => (
        <label key={day}><input type="checkbox" checked={chosen.includes(day)} onChange={(event) => turn(day, event.currentTarget.checked)} /><span>{word("weekday", day)}</span></label>
      ))}
    </div>
  );
}

function toldOf(path: string): string {
  return (refusal.value?.errors ?? []).filter((each) => each.path.startsWith(path)).map(({ detail }) => detail).join(" ");
}

async function save(now: Draft, onSaved: () => void): Promise<void> {
  if (!operatorName()) return void (refusal.value = { text: t("operator_missing"), errors: [], isOvertaken: false });
  isSaving.value = true;
  refusal.value = null;
  try {
    const shift = now.windows.map(({ begins, ends, days, dates }) => ({ begins, ends, days, dates }));
    const shown = await put(PATH, { unit_id: now.unit }, { version: now.version, crew: Number(now.crew), shift }, operatorName());
    batch(() => {
      draft.value = null;
      saved.value = { unit: now.unit, shown };
    });
    onSaved();
    follow();
  } catch (error) {
    refuse(error);
  } finally {
    isSaving.value = false;
  }
}

// Until dispatch has taken it up, or nobody looks any more.
function follow(): void {
  clearTimeout(asking);
  if (saved.value === null || saved.value.shown.state === "applied") return;
  asking = setTimeout(() => void askAgain(), ASKED_EVERY_MS);
}

async function askAgain(): Promise<void> {
  const now = saved.value;
  if (now === null || document.querySelector("#settings[open]") === null) return;
  try {
    const shown = await getOf(PATH, { unit_id: now.unit });
    if (saved.value?.unit === now.unit) saved.value = { unit: now.unit, shown };
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error; // it is asked again
  }
  follow();
}

export function RosterSaid({ unit }: { unit: UnitShown }) {
  const now = saved.value;
  if (now?.unit !== unit.id) return null;
  const { state, problem } = now.shown;
  const text = lookUp(`roster_state_${state}`) ?? "";
  return <p class="roster-said" role="status" data-state={state}>{state === "refused" && problem !== null ? `${text} ${problem}` : text}</p>;
}
