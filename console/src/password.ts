// One's own password: the dialog behind one's name.

import { byId, setAttribute, setText } from "./dom";
import { t } from "./words";
import { post } from "./sending";
import { failureText } from "./stream";

const dialog = byId("password", HTMLDialogElement);
const form = byId("password-form", HTMLFormElement);
const message = byId("password-message");
const old = byId("password-old", HTMLInputElement);
const fresh = byId("password-new", HTMLInputElement);
const again = byId("password-again", HTMLInputElement);

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
    await post("/api/v1/password", {}, { old: old.value, new: fresh.value });
    form.reset();
    say(t("password_changed"), "green");
  } catch (error) {
    say(t("failed", { why: failureText(error) }), "red");
  }
});

function say(text: string, tone = "plain"): void {
  setAttribute(message, "data-tone", tone);
  setText(message, text);
}
