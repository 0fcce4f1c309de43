// Who sits here: whoever is signed in; else typed once, kept by the browser, the same wherever it can be typed.

import { signedInName } from "./signed";

const KEPT = "patrol.operator";
const fields: HTMLInputElement[] = [];

function typedName(): string {
  return (localStorage.getItem(KEPT) ?? "").trim();
}

export function operatorName(): string {
  return signedInName() || typedName();
}

export function typeOperator(name: string): void {
  if (signedInName()) return;
  localStorage.setItem(KEPT, name);
  for (const field of fields) field.value = name;
}

export function keepOperator(field: HTMLInputElement): void {
  field.value = typedName();
  fields.push(field);
  field.addEventListener("input", () => {
    localStorage.setItem(KEPT, field.value.trim());
    for (const other of fields) if (other !== field) other.value = field.value;
  });
}
