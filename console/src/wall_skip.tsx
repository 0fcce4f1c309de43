// Before a camera is skipped: for how long, and why. Its bound is broken knowingly, so a person says so by name.

import { createRef } from "preact";
import { signal } from "@preact/signals";
import { t } from "./words";
import { ActionFailed } from "./sending";
import { signedInName } from "./signed";
import { operatorName, typeOperator } from "./operator";
import { skipCamera } from "./skips";
import { failureText } from "./stream";
import type { Tile } from "./wall_tile";

const MINUTES = [2, 5, 15];

const dialog = createRef<HTMLDialogElement>();
const reason = createRef<HTMLInputElement>();
const who = createRef<HTMLInputElement>();
const asked = signal<Tile | null>(null);
const minutes = signal(5);
const failure = signal("");

export function askToSkip(tile: Tile): void {
  asked.value = tile;
  failure.value = "";
  if (reason.current) reason.current.value = "";
  if (who.current) who.current.value = operatorName();
  dialog.current?.showModal();
  reason.current?.focus();
}

async function send(event: Event): Promise<void> {
  event.preventDefault();
  const tile = asked.value;
  if (tile === null) return;
  const [why, name] = [reason.current?.value.trim() ?? "", signedInName() || (who.current?.value.trim() ?? "")];
  if (!name) return missing(who.current, t("operator_missing"));
  if (!why) return missing(reason.current, t("skip_reason_missing"));
  typeOperator(name);
  try {
    await skipCamera(tile.camera.id, minutes.value * 60, why, name);
    dialog.current?.close();
  } catch (error) {
    if (!(error instanceof ActionFailed)) throw error;
    failure.value = t("failed", { why: failureText(error, "error_no_camera") });
  }
}

function missing(field: HTMLInputElement | null, words: string): void {
  failure.value = words;
  field?.focus();
}

export function SkipDialog() {
  const name = asked.value?.name ?? "";
  return (
    <dialog ref={dialog} id="skip" aria-labelledby="skip-title" onClose={() => asked.value?.node.focus({ preventScroll: true })}>
      <form onSubmit={(event) => void send(event)} noValidate>
        <h2 id="skip-title">{t("skip_title", { camera: name })}</h2>
        <p class="means">{t("skip_means")}</p>
        <fieldset>
          <legend>{t("skip_for")}</legend>
          {MINUTES.map((n) => (
            <label key={n}>
              <input type="radio" name="skip-minutes" value={n} checked={minutes.value === n} onChange={() => (minutes.value = n)} />
              <span>{t("skip_minutes", { n })}</span>
            </label>
          ))}
        </fieldset>
        <label class="reason"><span>{t("reason")}</span><input ref={reason} type="text" maxLength={200} placeholder={t("skip_hint")} /></label>
        {signedInName() ? null : (
          <label class="reason"><span>{t("operator")}</span><input ref={who} type="text" maxLength={64} autocomplete="name" placeholder={t("operator_hint")} /></label>
        )}
        <p class="skip-said" role="alert">{failure.value}</p>
        <div class="row">
          <button type="submit" class="main">{t("skip_send")}</button>
          <button type="button" onClick={() => dialog.current?.close()}>{t("close_cancel")}</button>
        </div>
      </form>
    </dialog>
  );
}
