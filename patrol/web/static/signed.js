// Who is signed in here, and what they may. In a room without accounts nobody is, and everything may be done.

import { setAttribute, setText } from "./dom.js";
import { t, word } from "./words.js";
import { serverNow, timeOfDay } from "./times.js";
import { ActionFailed, post } from "./sending.js";

const SOON_MS = 15 * 60 * 1000;

let me = null; // { name, role, may, ends_at }, once the server has said so

// Null where nobody is signed in; raises ActionFailed for everything else.
export async function whoIsHere() {
  let response;
  try {
    response = await fetch("/api/v1/me", { signal: AbortSignal.timeout(10000) });
  } catch {
    throw new ActionFailed("network", "");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) return null;
  if (!response.ok) throw new ActionFailed(answer.error?.code ?? "error", answer.error?.message ?? String(response.status));
  return answer;
}

export function signedInName() {
  return me?.name ?? "";
}

export function may(permission) {
  return me === null || me.may.includes(permission);
}

export function showWhoIsHere() {
  const [who, out, open] = ["me", "sign-out", "open-room"].map((id) => document.getElementById(id));
  const isSignedIn = signedInName() !== "";
  who.hidden = out.hidden = !isSignedIn;
  open.hidden = me === null || isSignedIn;
  if (isSignedIn) setText(who, `${me.name} · ${word("role", me.role)}`);
  setAttribute(document.body, "data-signed-in", isSignedIn);
  setAttribute(document.body, "data-may", me === null ? null : me.may.join(" "));
}

// Called when the room opens, and whenever the server has refused something: nobody there, to the door.
export async function askWhoIsHere() {
  try {
    const found = await whoIsHere();
    if (found === null) return location.replace("/sign-in");
    me = found;
    showWhoIsHere();
  } catch {
    // The banner says that the server is away.
  }
}

export function endBanners() {
  if (!me?.ends_at) return [];
  const ends = Date.parse(me.ends_at);
  if (ends - serverNow() > SOON_MS) return [];
  return [{ level: "yellow", title: t("sign_in_ends", { time: timeOfDay(ends) }), text: t("sign_in_ends_do") }];
}

document.getElementById("sign-out")?.addEventListener("click", async () => {
  try {
    await post("/api/v1/sign-out", {});
  } finally {
    location.replace("/sign-in");
  }
});
