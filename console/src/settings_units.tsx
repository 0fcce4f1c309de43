// Units and shifts: who there is, who is on duty now and until when; and, for whoever dispatches, what a unit does from now on.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { operatorName, typeOperator } from "./operator";
import { room } from "./room";
import { get, post } from "./sending";
import { DayBar } from "./settings_day_bar";
import { editRoster, forgetRoster, isChanged, isEdited, RosterForm, RosterSaid, typedStretches } from "./settings_roster";
import { may, signedInName } from "./signed";
import { failureText } from "./stream";
import { lookUp, pick, t, word } from "./words";
import type { RosterShown, UnitShown, UnitState } from "./api";

const SET_BY_HAND: UnitState[] = ["available", "out_of_service", "off_duty"];
const OFF: UnitState[] = ["off_duty", "out_of_service"];

const roster = signal<RosterShown | null>(null);
const failed = signal<string | null>(null);
const changing = signal<string | null>(null); // the id of the unit that is asked about
const said = signal("");
const beat = signal(0); // counts up as the room's state comes

export async function fetchRoster(): Promise<void> {
  changing.value = null;
  said.value = "";
  forgetRoster();
  await readRoster();
}

async function readRoster(): Promise<void> {
  try {
    roster.value = await get("/api/v1/units");
    failed.value = null;
  } catch (error) {
    failed.value = failureText(error);
  }
}

// The room's state is another by now.
export function tickRoster(): void {
  beat.value += 1;
}

function stateOf(id: string): UnitState | null {
  return room.state?.units.find((unit) => unit.id === id)?.state ?? null;
}

export function UnitsPart() {
  void beat.value;
  const now = roster.value;
  if (failed.value !== null) return <p class="means" role="alert">{t("failed", { why: failed.value })}</p>;
  if (now === null) return <p class="means">{t("settings_loading")}</p>;
  if (now.units.length === 0) return <div class="teach"><h3>{t("units_none")}</h3><p>{t("units_none_means")}</p></div>;
  const onDuty = now.units.filter(({ id }) => !OFF.includes(stateOf(id) ?? "off_duty"));
  const next = now.units.flatMap(({ changes_at }) => (changes_at === null ? [] : [Date.parse(changes_at)]));
  return (
    <>
      <p class="roster-facts">
        {t("units_on_duty", { n: onDuty.length, all: now.units.length, people: onDuty.reduce((all, { crew }) => all + crew, 0) })}
        {next.length > 0 && ` · ${t("units_next_change", { time: hourAndMinute(Math.min(...next)) })}`}
      </p>
      <p class="message" role="alert">{said.value}</p>
      <ul class="roster">
        {now.units.map((unit) => <UnitRow key={unit.id} unit={unit} day={now.day} hour={now.hour} />)}
      </ul>
      <p class="means">{t("units_in_file")}</p>
    </>
  );
}

function UnitRow({ unit, day, hour }: { unit: UnitShown; day: string; hour: number }) {
  void beat.value;
  const state = stateOf(unit.id);
  const name = pick(unit.name, unit.name_en);
  return (
    <li data-unit={unit.id} data-state={state ?? "unknown"}>
      <div class="crew">
        <b>{name}</b>
        <small>{factsOf(unit)}</small>
      </div>
      <div class="shift">
        <DayBar today={typedStretches(unit.id, day) ?? unit.today} hour={hour}
          says={isChanged(unit.id) ? t("roster_bar_typed") : t("shift_bar", { shift: pick(unit.shift_zh, unit.shift_en) || t("shift_always") })} />
        <small>{isChanged(unit.id) ? t("roster_bar_typed") : shiftText(unit)}</small>
      </div>
      <div class="does">
        <span class="state">{state === null ? t("unit_unknown") : word("unit", state)}</span>
        {may("dispatch") && (
          <button type="button" class="quiet" aria-expanded={changing.value === unit.id} aria-label={t("unit_change_spoken", { unit: name })}
            onClick={() => turnTo(unit.id, "state")}>{t("unit_change")}</button>
        )}
        {may("configure") && (
          <button type="button" class="quiet" aria-expanded={isEdited(unit.id)} aria-label={t("roster_edit_spoken", { unit: name })}
            onClick={() => turnTo(unit.id, "roster")}>{t("roster_edit")}</button>
        )}
      </div>
      {changing.value === unit.id && <ChangeForm unit={unit} state={state} />}
      <RosterForm unit={unit} onSaved={() => void readRoster()} />
      <RosterSaid unit={unit} />
    </li>
  );
}

// One form at a time; the same button once more closes it.
function turnTo(unit: string, form: "state" | "roster"): void {
  const [wasChanged, wasEdited] = [changing.value === unit, isEdited(unit)];
  changing.value = form === "state" && !wasChanged ? unit : null;
  if (form === "roster" && !wasEdited) void editRoster(unit);
  else forgetRoster();
}

function factsOf(unit: UnitShown): string {
  const can = unit.capabilities.map((one) => lookUp(`capability_${one}`) ?? one);
  return [
    unit.id,
    word("unit_kind", unit.kind),
    t("people_count", { n: unit.crew }),
    unit.rings.map((ring) => word("ring", ring)).join(t("list_comma")),
    t("unit_travels", { mode: word("mode", unit.mode), speed: unit.speed_m_s, seconds: unit.mobilise_s }),
    ...can,
    ...(unit.simulated ? [t("simulated")] : []),
  ].join(" · ");
}

function shiftText(unit: UnitShown): string {
  const shift = pick(unit.shift_zh, unit.shift_en);
  if (!shift) return t("shift_always");
  if (unit.changes_at === null) return shift;
  const time = hourAndMinute(Date.parse(unit.changes_at));
  return `${shift} · ${t(unit.is_on_shift ? "shift_ends" : "shift_begins", { time })}`;
}

// As the station's clocks show it, wherever the screen stands.
function hourAndMinute(at: number): string {
  const now = roster.value;
  const hours = now === null ? 0 : now.hour + (at - Date.parse(now.at)) / 3_600_000;
  const ofDay = Math.round(hours * 60) % (24 * 60);
  return `${String(Math.floor(ofDay / 60)).padStart(2, "0")}:${String(ofDay % 60).padStart(2, "0")}`;
}

function ChangeForm({ unit, state }: { unit: UnitShown; state: UnitState | null }) {
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const send = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const typed = (name: string) => form.get(name)?.toString().trim() ?? "";
    void change(unit, typed("state") as UnitState, typed("reason"), typed("who"));
  };
  return (
    <form class="change-unit" onSubmit={send}>
      <fieldset>
        <legend>{t("unit_from_now")}</legend>
        {SET_BY_HAND.filter((one) => one !== state).map((one, place) => (
          <label key={one}>
            <input type="radio" name="state" value={one} defaultChecked={place === 0} ref={place === 0 ? first : undefined} />
            <span>{word("unit", one)}</span>
          </label>
        ))}
      </fieldset>
      <label><span>{t("reason")}</span><input name="reason" type="text" maxLength={500} placeholder={t("unit_reason_hint")} required /></label>
      {!signedInName() && (
        <label><span>{t("operator")}</span><input name="who" type="text" maxLength={64} autocomplete="name" placeholder={t("operator_hint")} defaultValue={operatorName()} required /></label>
      )}
      <p class="means">{t("unit_change_means")}</p>
      <button type="submit" class="main">{t("unit_change_send")}</button>
    </form>
  );
}

async function change(unit: UnitShown, state: UnitState, reason: string, who: string): Promise<void> {
  if (!reason) return void (said.value = t("reason_missing"));
  if (who) typeOperator(who);
  if (!operatorName()) return void (said.value = t("operator_missing"));
  try {
    const done = await post("/api/v1/units/{unit_id}/state", { unit_id: unit.id }, { state, reason }, operatorName());
    said.value = t("unit_changed", { unit: pick(unit.name, unit.name_en), state: word("unit", done.state) });
    changing.value = null;
  } catch (error) {
    said.value = t("failed", { why: failureText(error, "error_not_to_be_sent_no_such_unit") });
  }
}
