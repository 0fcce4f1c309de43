// The page before the room: who, and the password.

import { effect } from "@preact/signals";
import { byId, setText } from "./dom";
import { chooseLanguage, language, t, translate } from "./words";
import { ActionFailed } from "./sending";
import { failureText, signIn } from "./stream";
import { whoIsHere } from "./signed";
import { changeTheme, showThemeButton } from "./theme";

const form = byId("sign-in", HTMLFormElement);
const name = byId("name", HTMLInputElement);
const password = byId("password", HTMLInputElement);
const button = byId("sign-in-send", HTMLButtonElement);
const message = byId("message");
let trouble: unknown = null;

function say(): void {
  translate(document);
  document.title = t("sign_in_title");
  const seconds = trouble instanceof ActionFailed ? trouble.retryAfter_s : 0;
  const wait = seconds > 0 ? t("sign_in_wait", { n: seconds }) : "";
  setText(message, trouble === null ? "" : failureText(trouble) + wait);
}

function enter(): void {
  location.replace(`/${location.hash}`); // to what a colleague's link leads to
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  trouble = null;
  say();
  try {
    await signIn(name.value.trim(), password.value);
    enter();
  } catch (error) {
    trouble = error;
    password.value = "";
    password.focus();
    say();
  } finally {
    button.disabled = false;
  }
});

byId("language").addEventListener("click", () => {
  chooseLanguage(language() === "en" ? "zh" : "en");
  say();
});
byId("theme").addEventListener("click", changeTheme);
effect(() => showThemeButton(byId("theme")));

say();
name.focus();
// Also whoever comes by a link of another site, with whose first request no cookie is sent.
whoIsHere().then((me) => me !== null && enter(), (error: unknown) => {
  trouble = error;
  say();
});
