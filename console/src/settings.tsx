// The settings: what this browser keeps for whoever sits here (which sounds it makes, how loud, whether it is dark), and by
// what the station is run, to be read: its units and its rules. And the button for the sounds.

import { signal } from "@preact/signals";
import { createRef, render } from "preact";
import { el, rebuild, setAttribute, svg } from "./dom";
import { isHeard, mute, mutedFor, MUTES_MIN, settings, setSound, tryOut } from "./sounding";
import { LEVELS } from "./judging";
import { Mark } from "./mark";
import { fetchRules, RulesPart } from "./settings_rules";
import { fetchRoster, tickRoster, UnitsPart } from "./settings_units";
import { isMuted, type Sound } from "./sounds";
import { chooseTheme, theme, type Theme } from "./theme";
import { serverNow, timeOfDay } from "./times";
import { type PlainKey, t } from "./words";
import type { Level } from "./api";

const TO_TRY: Sound[] = ["room", "red", "yellow", "blue", "green", "lost"];
const THEMES: Theme[] = ["dark", "light"];
const SPEAKER = "M1.5 5.6h2.7L8 2.2v11.6L4.2 10.4H1.5Z";
const WAVES = "M10 5.2a4 4 0 0 1 0 5.6M12 3a7 7 0 0 1 0 10";
const CROSS = "M10.4 6l4 4M14.4 6l-4 4";

const TABS = ["own", "units", "rules"] as const;
type Tab = (typeof TABS)[number];

const sheet = createRef<HTMLDialogElement>();
const tab = signal<Tab>("own");

export function placeSettings(node: Element): void {
  render(<SettingsSheet />, node);
}

export function openSettings(): void {
  if (sheet.current?.open !== false) return;
  turnTo(tab.value);
  sheet.current.showModal();
}

// Called whenever the room has changed.
export function showSettings(): void {
  if (sheet.current?.open === true && tab.value === "units") tickRoster();
}

function turnTo(chosen: Tab): void {
  tab.value = chosen;
  if (chosen === "units") void fetchRoster();
  if (chosen === "rules") void fetchRules();
}

// Called some times a second: a mute counts down. Where the room cannot be heard, it says so.
export function showSoundButton(button: HTMLElement): void {
  const muted = mutedFor(serverNow());
  const { isOn } = settings.value;
  const told = !isOn ? t("sound_off") : !isHeard.value ? t("sound_locked") : muted === null ? "" : t("sound_muted", { left: muted });
  setAttribute(button, "data-state", !isOn ? "off" : !isHeard.value ? "locked" : muted === null ? "heard" : "muted");
  setAttribute(button, "aria-label", [t("settings"), told].filter(Boolean).join(" · "));
  setAttribute(button, "title", isOn && !isHeard.value ? t("sound_locked_means") : t("settings"));
  rebuild(button, [told], () => [
    svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: SPEAKER }), svg("path", { class: "waves", d: told === "" ? WAVES : CROSS })),
    told === "" ? null : el("span", {}, told),
  ]);
}

function SettingsSheet() {
  return (
    <dialog ref={sheet} id="settings" aria-labelledby="settings-title" data-tab={tab.value}>
      <div class="panel-head">
        <h2 id="settings-title">{t("settings_title")}</h2>
        <Tabs />
        <button type="button" class="quiet" onClick={() => sheet.current?.close()}>{t("letters_close")}</button>
      </div>
      <div role="tabpanel" id="settings-panel" aria-labelledby={`tab-${tab.value}`}>
        {tab.value === "own" && <OwnPart />}
        {tab.value === "units" && <UnitsPart />}
        {tab.value === "rules" && <RulesPart />}
      </div>
    </dialog>
  );
}

function Tabs() {
  const turnBy = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const to = TABS[(TABS.indexOf(tab.value) + by + TABS.length) % TABS.length] ?? "own";
    turnTo(to);
    document.getElementById(`tab-${to}`)?.focus();
  };
  return (
    <div role="tablist" aria-label={t("settings_title")} class="tabs" onKeyDown={turnBy}>
      {TABS.map((one) => (
        <button key={one} type="button" role="tab" id={`tab-${one}`} aria-selected={one === tab.value} aria-controls="settings-panel"
          tabIndex={one === tab.value ? 0 : -1} onClick={() => turnTo(one)}>{t(`settings_${one}`)}</button>
      ))}
    </div>
  );
}

function OwnPart() {
  return (
    <>
      <SoundPart />
      <MutePart />
      <fieldset>
        <legend>{t("theme")}</legend>
        {THEMES.map((one) => (
          <label key={one}>
            <input type="radio" name="theme" checked={theme() === one} onChange={() => chooseTheme(one)} />
            <span>{t(`theme_${one}`)}</span>
          </label>
        ))}
      </fieldset>
    </>
  );
}

function SoundPart() {
  const { isOn, volume, isGreenHeard, areExercisesHeard } = settings.value;
  return (
    <section aria-labelledby="sound-title">
      <h3 id="sound-title">{t("sound")}</h3>
      <Choice says="sound_on" isOn={isOn} onChange={(chosen) => setSound({ isOn: chosen })} />
      <label class="volume">
        <span>{t("sound_volume")}</span>
        <input type="range" min="10" max="100" step="10" value={volume * 100}
          onInput={(event) => setSound({ volume: Number(event.currentTarget.value) / 100 })} onChange={() => tryOut("blue")} />
        <output>{Math.round(volume * 100)}%</output>
      </label>
      <ul class="tries">
        {TO_TRY.map((sound) => <SoundRow key={sound} sound={sound} />)}
      </ul>
      <Choice says="sound_green" isOn={isGreenHeard} onChange={(chosen) => setSound({ isGreenHeard: chosen })} />
      <Choice says="sound_exercises" isOn={areExercisesHeard} onChange={(chosen) => setSound({ areExercisesHeard: chosen })} />
      <p class="means">{t("sound_means")}</p>
    </section>
  );
}

function SoundRow({ sound }: { sound: Sound }) {
  const what = t(`sound_when_${sound}`);
  return (
    <li>
      {isLevel(sound) ? <Mark level={sound} /> : <span class="mark" />}
      <span>{what}</span>
      <button type="button" class="quiet" aria-label={t("sound_try_spoken", { what })} onClick={() => tryOut(sound)}>▶ {t("sound_try")}</button>
    </li>
  );
}

function isLevel(sound: Sound): sound is Level {
  return LEVELS.some((level) => level === sound);
}

function MutePart() {
  const { mutedUntil } = settings.value;
  const isSilent = mutedUntil !== null && isMuted(settings.value, serverNow());
  return (
    <section aria-labelledby="mute-title">
      <h3 id="mute-title">{t("mute")}</h3>
      <p class="mutes">
        {MUTES_MIN.map((n) => <button key={n} type="button" onClick={() => mute(n)}>{t("mute_for", { n })}</button>)}
        {isSilent && <button type="button" onClick={() => setSound({ mutedUntil: null })}>{t("mute_end")}</button>}
      </p>
      <p class="means" role="status">{isSilent ? t("mute_until", { time: timeOfDay(mutedUntil) }) : ""}</p>
    </section>
  );
}

function Choice({ says, isOn, onChange }: { says: PlainKey; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label class="choice">
      <input type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{t(says)}</span>
    </label>
  );
}
