// Dark, as a night room is, or light: one click or one key away, and kept by the browser.

import { signal } from "@preact/signals";
import { rebuild, setAttribute, svg } from "./dom";
import { language, t } from "./words";

export type Theme = "dark" | "light";

const KEPT = "patrol.theme"; // before-paint.js reads it first
const SHAPES: Record<Theme, string> = {
  dark: "M13.4 9.9A5.9 5.9 0 0 1 6.1 2.6 5.9 5.9 0 1 0 13.4 9.9Z",
  light: "M8 4.6a3.4 3.4 0 1 1 0 6.8a3.4 3.4 0 1 1 0-6.8ZM7.3.6h1.4v2.3H7.3ZM7.3 13.1h1.4v2.3H7.3ZM.6 7.3h2.3v1.4H.6ZM13.1 7.3h2.3v1.4h-2.3ZM2.3 3.3l1-1 1.6 1.6-1 1ZM11.1 12.1l1-1 1.6 1.6-1 1ZM2.3 12.7l1.6-1.6 1 1-1.6 1.6ZM11.1 3.9l1.6-1.6 1 1-1.6 1.6Z",
};

const current = signal<Theme>(document.documentElement.dataset.theme === "light" ? "light" : "dark");

export function theme(): Theme {
  return current.value;
}

export function chooseTheme(chosen: Theme): void {
  current.value = chosen;
  document.documentElement.dataset.theme = chosen;
  localStorage.setItem(KEPT, chosen);
}

export function changeTheme(): void {
  chooseTheme(theme() === "dark" ? "light" : "dark");
}

// The button shows what it leads to.
export function showThemeButton(button: HTMLElement): void {
  const next = theme() === "dark" ? "light" : "dark";
  const spoken = t(`theme_to_${next}`);
  setAttribute(button, "aria-label", spoken);
  setAttribute(button, "title", spoken);
  rebuild(button, [next, language()], () => [svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: SHAPES[next] }))]);
}
