// One's own password: the dialog behind one's name.

import { setAttribute, setText } from "./dom.js";
import { t } from "./words.js";
import { ActionFailed, post } from "./sending.js";
import { failureText } from "./stream.js";

const byId = (id) => document.getElementById(id);
const [dialog, form, message] = ["password", "password-form", "password-message"].map(byId);
const [old, fresh, again] = ["password-old", "password-new", "password-again"].map(byId);

byId("me").addEventListener("click", () => {
  form.reset();
  say("");
  dialog.showModal();
});
byId("password-close").addEventListener("click", () => dialog.close());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (fresh.value !== again.value) return say(t("password_differs"), "red");
  say(t("sending"), "plain");
  try {
    await post("/api/v1/password", { old: old.value, new: fresh.value });
    form.reset();
    say(t("password_changed"), "green");
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    say(t("failed", { why: failureText(error) }), "red");
  }
});

function say(text, tone = "plain") {
  setAttribute(message, "data-tone", tone);
  setText(message, text);
}
