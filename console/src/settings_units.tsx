// Units and shifts: who there is, who is on duty now and until when; and, for whoever dispatches, what a unit does from now on.

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { operatorName, typeOperator } from "./operator";
import { room } from "./room";
import { get, post } from "./sending";
import { may, signedInName } from "./signed";
import { failureText } from "./stream";
import { lookUp, pick, t, word } from "./words";
import type { RosterShown, UnitShown, UnitState } from "./api";

const SET_BY_HAND: UnitState[] = ["available", "out_of_service", "off_duty"];
const OFF: UnitState[] = ["off_duty", "out_of_service"];
const HOURS = [0, 6, 12, 18, 24];

const roster = signal<RosterShown | null>(null);
const failed = signal<string | null>(null);
const changing = signal<string | null>(null); // the id of the unit that is asked about
const said = signal("");
const beat = signal(0); // counts up as the room's state comes

export async function fetchRoster(): Promise<void> {
  changing.value = null;
  said.value = "";
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
        {now.units.map((unit) => <UnitRow key={unit.id} unit={unit} hour={now.hour} />)}
      </ul>
      <p class="means">{t("units_in_file")}</p>
    </>
  );
}

function UnitRow({ unit, hour }: { unit: UnitShown; hour: number }) {
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
        <DayBar unit={unit} hour={hour} />
        <small>{shiftText(unit)}</small>
      </div>
      <div class="does">
        <span class="state">{state === null ? t("unit_unknown") : word("unit", state)}</span>
        {may("dispatch") && (
          <button type="button" class="quiet" aria-expanded={changing.value === unit.id} aria-label={t("unit_change_spoken", { unit: name })}
            onClick={() => (changing.value = changing.value === unit.id ? null : unit.id)}>{t("unit_change")}</button>
        )}
      </div>
      {changing.value === unit.id && <ChangeForm unit={unit} state={state} />}
    </li>
  );
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

// The station's day from midnight to midnight: when the unit is on duty, and where now is.
function DayBar({ unit, hour }: { unit: UnitShown; hour: number }) {
  return (
    <svg class="day" viewBox="0 0 240 22" role="img" aria-label={t("shift_bar", { shift: pick(unit.shift_zh, unit.shift_en) || t("shift_always") })}>
      <rect class="track" width="240" height="10" rx="3" />
      {unit.today.map(({ begins_h, ends_h }) => (
        <rect key={begins_h} class="on" x={begins_h * 10} width={(ends_h - begins_h) * 10} height="10" rx="3" />
      ))}
      {HOURS.map((one) => <text key={one} x={one * 10} y="20" text-anchor={one === 0 ? "start" : one === 24 ? "end" : "middle"}>{one}</text>)}
      <path class="now" d={`M${(hour * 10).toFixed(1)} -1V12`} />
    </svg>
  );
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
