// Who is signed in here, and what they may. In a room without accounts nobody is, and everything may be done.

import { byId, el, rebuild, setAttribute } from "./dom";
import { t, word } from "./words";
import { serverNow, timeOfDay } from "./times";
import { ActionFailed, get, post } from "./sending";
import type { Me, Permission } from "./api";
import type { Banner } from "./banner_box";

const SOON_MS = 15 * 60 * 1000;

let me: Me | null = null; // once the server has said so

// Null where nobody is signed in; raises ActionFailed for everything else.
export async function whoIsHere(): Promise<Me | null> {
  try {
    return await get("/api/v1/me");
  } catch (error) {
    if (error instanceof ActionFailed && error.code === "not_signed_in") return null;
    throw error;
  }
}

export function signedInName(): string {
  return me?.name ?? "";
}

// Whether the server has said who sits here, also where that is nobody by name.
export function isKnown(): boolean {
  return me !== null;
}

export function may(permission: Permission): boolean {
  return me === null || me.may.includes(permission);
}

export function showWhoIsHere(): void {
  const [who, out, open] = [byId("me"), byId("sign-out"), byId("open-room")];
  const isSignedIn = signedInName() !== "";
  who.hidden = out.hidden = !isSignedIn;
  open.hidden = me === null || isSignedIn;
  if (me !== null && isSignedIn) showMe(who, me.name, word("role", me.role));
  setAttribute(document.body, "data-signed-in", isSignedIn);
  setAttribute(document.body, "data-may", me === null ? null : me.may.join(" "));
}

// Where there is little room the role is not shown, and a long name is cut: the tooltip has both.
function showMe(button: HTMLElement, name: string, role: string): void {
  rebuild(button, [name, role], () => [name, el("small", {}, ` · ${role}`)]);
  setAttribute(button, "title", `${name} · ${role} — ${t("password_change")}`);
}

// Called when the room opens, and whenever the server has refused something: nobody there, to the door.
export async function askWhoIsHere(): Promise<void> {
  try {
    me = await whoIsHere();
    if (me === null) location.replace(`/sign-in${location.hash}`);
    else showWhoIsHere();
  } catch (error) {
    // The banner says that the server is away.
    if (!(error instanceof ActionFailed)) throw error;
  }
}

export function endBanners(): Banner[] {
  if (!me?.ends_at) return [];
  const ends = Date.parse(me.ends_at);
  if (ends - serverNow() > SOON_MS) return [];
  return [{ key: "sign_in_ends", level: "yellow", title: t("sign_in_ends", { time: timeOfDay(ends) }), text: t("sign_in_ends_do") }];
}

document.getElementById("sign-out")?.addEventListener("click", async () => {
  try {
    await post("/api/v1/sign-out", {}, {});
  } finally {
    location.replace("/sign-in");
  }
});
