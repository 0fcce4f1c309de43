// The button below a list that grows: what is older than all that is shown. Where that fails it says so, and stays.

import { el, setText } from "./dom";
import { failureText } from "./stream";
import { t } from "./words";

export class OlderButton {
  readonly node = el("button", { type: "button", class: "quiet older", hidden: true, "data-t": "older" });

  constructor(onPress: () => Promise<void>) {
    this.node.addEventListener("click", async () => {
      this.node.disabled = true; // of two presses, one page
      try {
        await onPress();
        setText(this.node, t("older"));
      } catch (error) {
        setText(this.node, t("failed", { why: failureText(error) }));
      } finally {
        this.node.disabled = false;
      }
    });
  }
}
