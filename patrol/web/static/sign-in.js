// The page before the room: who, and the password.

import { setText } from "./dom.js";
import { chooseLanguage, language, t, translate } from "./words.js";
import { failureText, signIn } from "./stream.js";
import { whoIsHere } from "./signed.js";

const byId = (id) => document.getElementById(id);
const [form, name, password, message] = ["sign-in", "name", "password", "message"].map(byId);
let trouble = null;

function say() {
  translate(document);
  document.title = t("sign_in_title");
  const seconds = trouble?.answer?.retry_after_s ?? 0;
  setText(message, trouble === null ? "" : [failureText(trouble), seconds ? t("sign_in_wait", { n: seconds }) : ""].join(""));
}

function enter() {
  location.replace("/");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
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

say();
name.focus();
// Also whoever comes by a link of another site, with whose first request no cookie is sent.
whoIsHere().then((me) => me !== null && enter(), (error) => {
  trouble = error;
  say();
});
