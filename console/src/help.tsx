// The help sheet: what an operator does, what the marks mean, and every key. It also shows how new parts of the page are
// made: a component that speaks through the catalogue, which redraws it when the language changes.

import { createRef, render } from "preact";
import { openGuide } from "./guide";
import { LEVELS } from "./judging";
import { Mark } from "./mark";
import { type PlainKey, t, word } from "./words";

const KEYS: [key: string, does: PlainKey][] = [
  ["J", "key_next"],
  ["K", "key_previous"],
  ["Enter", "key_open"],
  ["C", "key_confirm"],
  ["X", "key_close"],
  ["E", "key_level"],
  ["U", "key_units"],
  ["G", "key_merge"],
  ["A", "key_acknowledge"],
  ["L", "key_live"],
  ["Z D", "key_live_drawn"],
  ["N", "key_note"],
  ["P", "key_pin"],
  ["R", "key_rules"],
  ["M", "key_mute"],
  ["T", "key_theme"],
  ["S", "key_settings"],
  ["W", "key_wall"],
  ["1 2 3 4", "key_filters"],
  ["H", "key_heat"],
  ["F", "key_list"],
  ["← → ↑ ↓", "key_tiles"],
  ["P H S A D", "key_tile_acts"],
  ["V", "key_cameras"],
  ["/", "key_search"],
  ["Esc", "key_escape"],
  ["?", "help"],
];

const sheet = createRef<HTMLDialogElement>();

export function placeHelp(node: Element): void {
  render(<HelpSheet />, node);
}

export function openHelp(): void {
  if (sheet.current?.open === false) sheet.current.showModal();
}

function guideInstead(): void {
  sheet.current?.close();
  openGuide();
}

function HelpSheet() {
  return (
    <dialog ref={sheet} id="help" aria-labelledby="help-title">
      <div class="panel-head">
        <h2 id="help-title">{t("help")}</h2>
        <button type="button" class="quiet" onClick={() => sheet.current?.close()}>{t("letters_close")}</button>
      </div>
      <p>{t("empty_steps")}</p>
      <p><button type="button" id="guide-again" onClick={guideInstead}>{t("guide_again")}</button></p>
      <ul class="levels">
        {LEVELS.map((level) => <li key={level}><Mark level={level} /> {word("level", level)}</li>)}
      </ul>
      <dl>
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{t(does)}</dd>
          </div>
        ))}
      </dl>
    </dialog>
  );
}
