// The help sheet: what an operator does, what the marks mean, and every key that does something for who sits here. It also
// shows how new parts of the page are made: a component that speaks through the catalogue, which redraws it when the
// language changes.

import { signal } from "@preact/signals";
import { createRef, render } from "preact";
import { openGuide } from "./guide";
import { LEVELS } from "./judging";
import { Mark } from "./mark";
import { may } from "./signed";
import { type PlainKey, t, word } from "./words";
import type { Permission } from "./api";

// `needs`: what a role has to be allowed; others are not told of the key.
const KEYS: [key: string, does: PlainKey, needs?: Permission][] = [
  ["J", "key_next"],
  ["K", "key_previous"],
  ["Enter", "key_open"],
  ["C", "key_confirm", "act"],
  ["X", "key_close", "act"],
  ["E", "key_level", "act"],
  ["U", "key_units", "dispatch"],
  ["G", "key_merge", "act"],
  ["A", "key_acknowledge", "act"],
  ["L", "key_live"],
  ["Z D", "key_live_drawn"],
  ["N", "key_note", "act"],
  ["P", "key_pin", "look"],
  ["R", "key_rules"],
  ["M", "key_mute"],
  ["T", "key_theme"],
  ["S", "key_settings"],
  ["W", "key_wall"],
  ["1 2 3 4", "key_filters"],
  ["H", "key_heat"],
  ["F", "key_list"],
  ["← → ↑ ↓", "key_tiles"],
  ["P H S A D", "key_tile_acts", "look"],
  ["V", "key_cameras"],
  ["/", "key_search"],
  ["Esc", "key_escape"],
  ["?", "help"],
];

// What is left of a key for who may not do all of it.
const ALL_THE_SAME: Partial<Record<PlainKey, [key: string, does: PlainKey]>> = {
  key_units: ["U", "key_units_look"],
  key_tile_acts: ["A D", "key_tile_acts_look"],
};

function keysOfRole(): [key: string, does: PlainKey][] {
  return KEYS.flatMap(([key, does, needs]) => {
    if (needs === undefined || may(needs)) return [[key, does]];
    const left = ALL_THE_SAME[does];
    return left === undefined ? [] : [left];
  });
}

// The most used, in one line under the feed.
export function keysInShort(): string {
  return t(may("act") ? "keys" : "keys_look");
}

const sheet = createRef<HTMLDialogElement>();
const opened = signal(0); // how often: drawn anew each time, as the server says only after a while who sits here

export function placeHelp(node: Element): void {
  render(<HelpSheet />, node);
}

export function openHelp(): void {
  opened.value += 1;
  if (sheet.current?.open === false) sheet.current.showModal();
}

function guideInstead(): void {
  sheet.current?.close();
  openGuide();
}

function HelpSheet() {
  return (
    <dialog ref={sheet} id="help" data-opened={opened.value} aria-labelledby="help-title">
      <div class="panel-head">
        <h2 id="help-title">{t("help")}</h2>
        <button type="button" class="quiet" onClick={() => sheet.current?.close()}>{t("letters_close")}</button>
      </div>
      <p>{t(may("act") ? "empty_steps" : "help_look_only")}</p>
      <p><button type="button" id="guide-again" onClick={guideInstead}>{t("guide_again")}</button></p>
      <ul class="levels">
        {LEVELS.map((level) => <li key={level}><Mark level={level} /> {word("level", level)}</li>)}
      </ul>
      <dl>
        {keysOfRole().map(([key, does]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{t(does)}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
