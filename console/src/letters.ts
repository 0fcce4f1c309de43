// Dead letters: messages that could not be handled, why, and the button that puts one back.

import { byId, el, setAttribute, setText } from "./dom";
import { t } from "./words";
import { timeOfDay } from "./times";
import { OlderButton } from "./older";
import { keepOperator, operatorName } from "./operator";
import { deadLetters, failureText, replayLetter } from "./stream";
import type { LetterShown } from "./api";

const dialog = byId("letters", HTMLDialogElement);
const operatorField = byId("letters-operator", HTMLInputElement);

const list = byId("letters-list");
const older = new OlderButton(() => look(next));
let next: string | null = null; // the cursor of what is older than all that is shown
list.after(older.node);

keepOperator(operatorField);
byId("letters-close").addEventListener("click", () => dialog.close());

export async function openLetters(): Promise<void> {
  say("");
  list.replaceChildren();
  older.node.hidden = true;
  if (!dialog.open) dialog.showModal();
  await look();
}

// From the newest on, or what is older than all that is shown.
async function look(after: string | null = null): Promise<void> {
  try {
    const page = await deadLetters(after);
    const items = page.items.map(item);
    if (after === null) list.replaceChildren(...items);
    else list.append(...items);
    next = page.next;
    older.node.hidden = next === null;
    if (list.childElementCount === 0) say(t("letters_none"), "green");
  } catch (error) {
    say(t("failed", { why: failureText(error) }), "red");
  }
}

function item(letter: LetterShown): HTMLElement {
  const button = el("button", { type: "button", "data-needs": "replay" }, t("letters_replay"));
  button.addEventListener("click", () => putBack(letter, button));
  const facts = [
    letter.at === null ? null : timeOfDay(Date.parse(letter.at)),
    letter.stream || t("letters_nowhere"),
    t("letters_group", { group: letter.group || "?", n: letter.attempts }),
    letter.incident_id,
  ];
  return el("li", { "data-id": letter.id },
    el("div", {},
      el("b", {}, letter.reason || t("letters_no_reason")),
      el("small", {}, letter.message_id === null ? t("letters_unreadable") : `${letter.type} · ${letter.message_id}`),
      el("small", {}, facts.filter((fact) => fact !== null).join(" · ")),
      letter.replays > 0 ? el("small", { class: "again" }, t("letters_again", { n: letter.replays, who: letter.replayed_by })) : null,
    ),
    button,
  );
}

async function putBack(letter: LetterShown, button: HTMLButtonElement): Promise<void> {
  const operator = operatorName();
  if (!operator) {
    say(t("letters_who"), "yellow");
    operatorField.focus();
    return;
  }
  setAttribute(button, "disabled", true);
  try {
    await replayLetter(letter.id, operator);
    say(t("letters_replayed", { stream: letter.stream }), "green");
    await look();
  } catch (error) {
    say(t("failed", { why: failureText(error, "letters_gone") }), "red");
    setAttribute(button, "disabled", null);
  }
}

function say(text: string, tone: string | null = null): void {
  setText(byId("letters-message"), text);
  setAttribute(byId("letters-message"), "data-tone", tone);
}
